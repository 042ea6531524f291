//! Lists as files: comma separated, as people keep them in spreadsheets.
//!
//! In scope: the bytes of a file to rows by line, and entries to a file that a spreadsheet opens without running anything. The
//! first line names the columns: `plate`, and as needed `jurisdiction`, `reason`, `expires_at` and `note`, in any order and
//! case. Columns of other names are left unread and told by number, because a name in that place may be somebody's plate.
//! **A file of which a part could have been swallowed is refused as a whole.** Deliberately absent: what the rows mean.

use csv::{Reader, ReaderBuilder, StringRecord, WriterBuilder};
use turnpike_schemas::alert::{Draft, Entry, Row, neutralized};

/// Columns that are read.
const COLUMNS: [&str; 5] = ["plate", "jurisdiction", "reason", "expires_at", "note"];

/// UTF-8 and UTF-16 say so at the beginning.
const UTF8: &[u8] = b"\xEF\xBB\xBF";
const UTF16: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

/// What empty cells, and columns that are not there, stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Reason code.
    pub reason: String,
    /// When entries end, with a zone.
    pub expires_at: String,
}

/// The rows of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// Each by the line on which it begins.
    pub rows: Vec<Row>,
    /// Columns that are not read, from 1.
    pub ignored: Vec<u32>,
}

/// Why a file is no list. Never repeats what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Sixteen bits a character.
    #[error("the file is UTF-16: save it as CSV in UTF-8")]
    Utf16,
    /// Bytes that are no text.
    #[error("the file is not UTF-8: save it as CSV in UTF-8")]
    NotUtf8,
    /// Nothing says where the plates are.
    #[error("the first line names no column `plate`")]
    NoPlate,
    /// Two columns of one name.
    #[error("the first line names the column `{0}` twice")]
    Twice(&'static str),
    /// A quoted cell that goes on to the end of the file.
    #[error("a quote is not closed: everything after it would be one cell")]
    Quote,
    /// More than anybody may import at once.
    #[error("the file has more than {0} rows")]
    TooLong(usize),
}

/// Where the columns stand.
struct Head {
    places: [Option<usize>; COLUMNS.len()],
    ignored: Vec<u32>,
    width: usize,
}

/// The rows of a file, at most so many.
///
/// # Errors
/// [`FileError`].
pub fn rows(file: &[u8], defaults: &Defaults, most: usize) -> Result<Rows, FileError> {
    let file = in_bytes(file)?;
    let text = std::str::from_utf8(file).map_err(|_| FileError::NotUtf8)?;
    // A spreadsheet's own first line, which says what separates the cells.
    let (separator, text, before) = match said(text) {
        Some((separator, rest)) => (separator, rest, 1),
        None => (separator(text), text, 0),
    };
    if text.bytes().filter(|byte| *byte == b'"').count() % 2 != 0 {
        return Err(FileError::Quote);
    }
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    if !next(&mut reader, &mut record)? {
        return Err(FileError::Empty);
    }
    let head = Head::of(&record)?;
    let mut rows = Rows {
        rows: Vec::new(),
        ignored: head.ignored.clone(),
    };
    let mut lines = Lines {
        text,
        passed: 0,
        line: 1 + before,
    };
    while next(&mut reader, &mut record)? {
        if rows.rows.len() == most {
            return Err(FileError::TooLong(most));
        }
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let begins = record.position().map_or(0, csv::Position::byte);
        let line = lines.at(usize::try_from(begins).unwrap_or(usize::MAX));
        let draft = head.draft(&record, defaults);
        rows.rows.push(Row { line, draft });
    }
    Ok(rows)
}

/// A file of eight bits a character, without the mark that says so.
pub(super) fn in_bytes(file: &[u8]) -> Result<&[u8], FileError> {
    if UTF16.iter().any(|mark| file.starts_with(mark)) {
        return Err(FileError::Utf16);
    }
    Ok(file.strip_prefix(UTF8).unwrap_or(file))
}

/// Entries as a file that [`rows`] reads back as the same.
#[must_use]
pub fn written<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    // INVARIANT: writing to memory does not fail, and every record has as many cells.
    let mut complete = writer.write_record(COLUMNS).is_ok();
    for entry in entries {
        let issuer = entry.jurisdiction.as_ref();
        let note = entry.note.as_ref();
        let cells = [
            safe(entry.wanted.expose()),
            issuer.map_or_else(String::new, |issuer| safe(issuer.as_str())),
            entry.reason.as_str().to_owned(),
            entry.expires_at.to_string(),
            note.map_or_else(String::new, |note| safe(note.expose())),
        ];
        complete &= writer.write_record(&cells).is_ok();
    }
    debug_assert!(complete, "writing to memory failed");
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

fn next(reader: &mut Reader<&[u8]>, record: &mut StringRecord) -> Result<bool, FileError> {
    reader.read_record(record).map_err(|_| FileError::NotUtf8)
}

/// Lines as an editor counts them. The decoder counts otherwise after `\r\n` and blank lines.
struct Lines<'a> {
    text: &'a str,
    passed: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line on which a record stands that begins at this byte, or after the line ends that follow it. Asked in order.
    fn at(&mut self, begins: usize) -> u64 {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.passed) {
            if self.passed >= begins && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.passed += 1;
        }
        self.line
    }
}

/// The separator a first line like `sep=;` says, and the rest.
fn said(text: &str) -> Option<(u8, &str)> {
    let (first, rest) = text.split_once('\n')?;
    let separator = first.trim_end_matches('\r').strip_prefix("sep=")?;
    match separator.as_bytes() {
        [separator @ (b';' | b',' | b'\t' | b'|')] => Some((*separator, rest)),
        _ => None,
    }
}

/// What stands most often in the first line, which holds names only.
fn separator(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |separator: &u8| first.bytes().filter(|byte| byte == separator).count();
    // The last of equals wins: a comma where there is none of them.
    let most = [b'|', b'\t', b';', b','].into_iter().max_by_key(count);
    most.unwrap_or(b',')
}

/// Whether a spreadsheet would run the cell, or would have before a quote was put before it.
fn is_formula(cell: &str) -> bool {
    let cell = cell.trim_start_matches('\'');
    neutralized(cell) != cell
}

/// A cell that no spreadsheet runs, and that [`plain`] gives back as it was.
fn safe(cell: &str) -> String {
    if is_formula(cell) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

/// A cell as it was before it was kept from being a formula.
fn plain(cell: &str) -> &str {
    let cell = cell.trim();
    cell.strip_prefix('\'')
        .filter(|rest| is_formula(rest))
        .unwrap_or(cell)
}

impl Head {
    fn of(record: &StringRecord) -> Result<Self, FileError> {
        let mut head = Self {
            places: [None; COLUMNS.len()],
            ignored: Vec::new(),
            width: record.len(),
        };
        for (at, cell) in record.iter().enumerate() {
            let name = cell.trim();
            let column = COLUMNS.iter().zip(head.places.iter_mut());
            let column = column
                .into_iter()
                .find(|(column, _)| column.eq_ignore_ascii_case(name));
            match column {
                Some((column, Some(_))) => return Err(FileError::Twice(column)),
                Some((_, place)) => *place = Some(at),
                None => head.ignored.push(u32::try_from(at + 1).unwrap_or(u32::MAX)),
            }
        }
        match head.places.first() {
            Some(Some(_)) => Ok(head),
            _ => Err(FileError::NoPlate),
        }
    }

    fn draft(&self, record: &StringRecord, defaults: &Defaults) -> Draft {
        let cell = |place: Option<usize>| place.and_then(|at| record.get(at)).map_or("", plain);
        let or = |text: &str, otherwise: &str| {
            let text = if text.is_empty() { otherwise } else { text };
            text.to_owned()
        };
        let [plate, jurisdiction, reason, expires_at, note] = self.places.map(cell);
        Draft {
            plate: plate.to_owned(),
            jurisdiction: jurisdiction.to_owned(),
            reason: or(reason, &defaults.reason),
            expires_at: or(expires_at, &defaults.expires_at),
            note: note.to_owned(),
            broken: record.len() != self.width,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;
    use turnpike_schemas::alert::{Bounds, Wrong};

    use super::*;

    const BOUNDS: Bounds = Bounds {
        longest: SignedDuration::from_hours(24 * 30),
        patterns: true,
        most: 2_500,
    };

    fn now() -> Timestamp {
        "2026-11-26T12:00:00Z".parse().unwrap()
    }

    fn read(file: &[u8]) -> Result<Rows, FileError> {
        rows(file, &Defaults::default(), 100)
    }

    fn plates(file: &str) -> Vec<(u64, String)> {
        let rows = read(file.as_bytes()).unwrap().rows;
        rows.into_iter()
            .map(|row| (row.line, row.draft.plate))
            .collect()
    }

    fn of(lines: &[(u64, &str)]) -> Vec<(u64, String)> {
        let owned = |(line, plate): &(u64, &str)| (*line, (*plate).to_owned());
        lines.iter().map(owned).collect()
    }

    #[test]
    fn a_file_is_read_however_a_spreadsheet_writes_it() {
        let expected = of(&[(2, "TPK0421"), (3, "TPK-0422")]);
        for file in [
            "plate,reason\nTPK0421,stolen_vehicle\nTPK-0422,hit_and_run\n",
            "\u{FEFF}Plate;Reason\r\nTPK0421;stolen_vehicle\r\nTPK-0422;hit_and_run",
            "REASON\tPLATE\nstolen_vehicle\tTPK0421\nhit_and_run\tTPK-0422\n",
            "\"plate\",\"reason\"\n\"TPK0421\",\"stolen_vehicle\"\n\" TPK-0422 \",\"hit_and_run\"\n",
            "plate\nTPK0421\nTPK-0422\n\n",
            "plate|reason\nTPK0421|stolen_vehicle\nTPK-0422|hit_and_run\n , \n"
                .trim_end_matches(" , \n"),
        ] {
            assert_eq!(plates(file), expected, "{file:?}");
        }
        assert_eq!(
            plates("sep=;\nplate;note\nTPK0421;\"a, b\"\n"),
            of(&[(3, "TPK0421")])
        );
        let gap = "plate,note\n\n,\nTPK0421,\"two\nlines\"\nTPK0422,\n";
        assert_eq!(
            plates(gap),
            of(&[(4, "TPK0421"), (6, "TPK0422")]),
            "by the editor's lines"
        );
    }

    #[test]
    fn what_a_file_leaves_out_is_said_once_for_all_rows() {
        let defaults = Defaults {
            reason: "stolen_vehicle".to_owned(),
            expires_at: "2026-12-01T00:00:00Z".to_owned(),
        };
        let file = b"owner,plate,reason\nM. Muster,TPK0421,\nM. Muster,TPK0422,hit_and_run\n";
        let read = rows(file, &defaults, 10).unwrap();
        assert_eq!(read.ignored, [1]);
        let reasons: Vec<&str> = read.rows.iter().map(|row| &*row.draft.reason).collect();
        assert_eq!(reasons, ["stolen_vehicle", "hit_and_run"]);
        let whole = format!("{read:?}");
        assert!(
            !whole.contains("Muster"),
            "nothing of a column that is not read: {whole}"
        );
        assert!(
            read.rows
                .iter()
                .all(|row| row.draft.check(&BOUNDS, now()).is_ok())
        );
    }

    #[test]
    fn a_file_that_could_hide_rows_is_refused_and_a_row_that_could_be_shifted_is_told() {
        assert_eq!(read(b""), Err(FileError::Empty));
        assert_eq!(read(b"\n\n"), Err(FileError::Empty));
        assert_eq!(
            read(b"TPK0421,US-OH\nTPK0422,US-OH\n"),
            Err(FileError::NoPlate)
        );
        assert_eq!(read(b"plate,Plate\nA,B\n"), Err(FileError::Twice("plate")));
        assert_eq!(
            read(b"plate,owner\nTPK0421,\"M\nTPK0422,M\n"),
            Err(FileError::Quote)
        );
        assert_eq!(read(b"plate\nT\xFCPK\n"), Err(FileError::NotUtf8));
        assert_eq!(read(b"\xFF\xFEp\0l\0"), Err(FileError::Utf16));
        let long = "plate\n".to_owned() + &"TPK0421\n".repeat(101);
        assert_eq!(read(long.as_bytes()), Err(FileError::TooLong(100)));
        let shifted = read(b"plate,reason,note\nTPK0421,stolen_vehicle\nTPK0422,a,b,c\n").unwrap();
        for row in shifted.rows {
            assert_eq!(row.draft.check(&BOUNDS, now()), Err(vec![Wrong::Cells]));
        }
        for error in [FileError::NoPlate, FileError::Quote, FileError::NotUtf8] {
            assert!(!error.to_string().contains("TPK"));
        }
    }

    #[test]
    fn a_file_of_a_million_rows_is_read_and_one_more_is_refused() {
        let mut file = "plate;reason;expires_at\n".to_owned();
        for n in 0..1_000_000 {
            file.push_str(&format!("TPK{n:06};stolen_vehicle;2026-12-01T00:00:00Z\n"));
        }
        let read = rows(file.as_bytes(), &Defaults::default(), 1_000_000).unwrap();
        let last = read.rows.last().unwrap();
        assert_eq!((read.rows.len(), last.line), (1_000_000, 1_000_001));
        assert_eq!(last.draft.plate, "TPK999999");
        file.push_str("TPKX;;\n");
        let longer = rows(file.as_bytes(), &Defaults::default(), 1_000_000);
        assert_eq!(longer, Err(FileError::TooLong(1_000_000)));
    }

    fn entry(plate: &str, issuer: &str, note: &str) -> Option<Entry> {
        let draft = Draft {
            plate: plate.to_owned(),
            jurisdiction: issuer.to_owned(),
            reason: "stolen_vehicle".to_owned(),
            expires_at: "2026-12-01T00:00:00.5Z".to_owned(),
            note: note.to_owned(),
            broken: false,
        };
        draft.check(&BOUNDS, now()).ok()
    }

    #[test]
    fn no_cell_of_a_written_file_is_a_formula() {
        let entries = [
            entry("TPK0421", "US-OH", "=1+1").unwrap(),
            entry("TPK0?2?", "", "-2 doors, \"dented\"").unwrap(),
        ];
        let file = written(&entries);
        assert_eq!(
            file,
            "plate,jurisdiction,reason,expires_at,note\n\
             TPK0421,US-OH,stolen_vehicle,2026-12-01T00:00:00.5Z,'=1+1\n\
             TPK0?2?,,stolen_vehicle,2026-12-01T00:00:00.5Z,\"'-2 doors, \"\"dented\"\"\"\n"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_as_the_same(
            list in proptest::collection::vec(("[A-Z]{3}[0-9]{2,4}", "(|US-OH|DE)", "[ -?a-f'\"\t]{0,20}"), 0..20),
        ) {
            let entries: Vec<Entry> = list.iter()
                .filter_map(|(plate, issuer, note)| entry(plate, issuer, note))
                .collect();
            let read = read(written(&entries).as_bytes()).unwrap();
            let again: Vec<_> = read.rows.iter().map(|row| row.draft.check(&BOUNDS, now())).collect();
            let entries: Vec<_> = entries.into_iter().map(Ok).collect();
            prop_assert_eq!(again, entries);
        }

        #[test]
        fn no_bytes_make_it_panic(file in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(read) = read(&file) {
                prop_assert!(read.rows.len() <= 100);
            }
        }
    }
}
