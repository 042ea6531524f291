//! Lists of wanted plates that authorities hand out, by a layout that is configured: lines of fixed width, or separated cells.
//!
//! Layouts differ from state to state and none is officially published, so where a field stands is configuration. What is
//! always so: records about persons are dropped and counted, whatever else they hold; descriptions are never read; a plate is
//! never rewritten. The FBI's extract writes the letter O as the digit 0 throughout, which is undone for states by a table
//! ([`restored_state`]); whether O and 0 are one in a plate is the list's choice to compare look-alikes.

use std::{collections::BTreeMap, ops::Range};

use csv::{ByteRecord, ReaderBuilder};
use jiff::{SignedDuration, Timestamp};
use turnpike_schemas::alert::{Draft, Row};

use super::file::FileError;

/// Where a field stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The cell, from 0; a line of fixed width is one cell.
    pub cell: usize,
    /// Characters of the cell from 0, end excluded.
    pub chars: Range<usize>,
}

/// Where fields stand in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// What separates the cells of a line; nothing where lines are of fixed width.
    pub separator: Option<u8>,
    /// Lines at the beginning that are no records.
    pub skip: usize,
    /// The plate.
    pub plate: Place,
    /// The state that issued it.
    pub state: Option<Place>,
    /// The code that says what kind of record it is.
    pub kind: Place,
    /// The reason of each kind that is taken. Every other kind is dropped: what is not known to be about a vehicle is taken to be
    /// about a person.
    pub reasons: BTreeMap<String, String>,
    /// Lines that begin like this are no records (a trailer).
    pub ends_with: Option<String>,
    /// For how long a list counts after it was put together.
    pub lasts: SignedDuration,
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// Records about vehicles and plates, by line.
    pub rows: Vec<Row>,
    /// Records that were dropped, because they are about persons, of no known kind, or about a vehicle without a plate.
    pub dropped: u64,
}

impl Place {
    /// Characters of a line of fixed width.
    #[must_use]
    pub fn of_line(chars: Range<usize>) -> Self {
        Self { cell: 0, chars }
    }

    /// A whole cell, by its number from 0.
    #[must_use]
    pub fn of_cell(cell: usize) -> Self {
        let chars = 0..usize::MAX;
        Self { cell, chars }
    }

    /// Whether the record goes on as far as this.
    fn is_there(&self, cells: &ByteRecord) -> bool {
        let cell = cells.get(self.cell);
        cell.is_some_and(|cell| self.chars.start == 0 || cell.len() > self.chars.start)
    }

    /// What stands there, without blanks around it. Short lines are read as if they went on with blanks. Bytes beyond ASCII are
    /// one character each, whatever they were, so that later places stay where they are.
    fn cut(&self, cells: &ByteRecord) -> String {
        let cell = cells.get(self.cell).unwrap_or_default();
        let end = self.chars.end.min(cell.len());
        let cut = cell.get(self.chars.start..end).unwrap_or_default();
        let text: String = cut.iter().copied().map(char::from).collect();
        text.trim().to_owned()
    }
}

impl Layout {
    /// The extract of the FBI's files as importers read it: one letter for the kind, plate and state at fixed places. Kinds that
    /// are about vehicles and plates are taken; those about persons are not. A list counts for a day.
    #[must_use]
    pub fn ncic() -> Self {
        let reasons = [
            ("F", "felony_vehicle"),
            ("P", "stolen_plate"),
            ("R", "stolen_vehicle"),
            ("V", "stolen_vehicle"),
        ];
        let text = |(kind, reason): (&str, &str)| (kind.to_owned(), reason.to_owned());
        Self {
            separator: None,
            skip: 1,
            plate: Place::of_line(27..37),
            state: Some(Place::of_line(37..39)),
            kind: Place::of_line(0..1),
            reasons: reasons.into_iter().map(text).collect(),
            ends_with: None,
            lasts: SignedDuration::from_hours(24),
        }
    }

    /// The records of a file that was put together at `as_of`. Empty lines are none.
    ///
    /// # Errors
    /// [`FileError`]: a file of which a part could have been swallowed is refused as a whole.
    pub fn records(
        &self,
        file: &[u8],
        as_of: Timestamp,
        most: usize,
    ) -> Result<Records, FileError> {
        let file = super::file::in_bytes(file)?;
        if file.iter().all(u8::is_ascii_whitespace) {
            return Err(FileError::Empty);
        }
        let expires_at = as_of.checked_add(self.lasts).unwrap_or(Timestamp::MAX);
        let mut records = Records::default();
        let lines = file.split(|byte| *byte == b'\n');
        for (line, text) in (1..).zip(lines).skip(self.skip) {
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let is_end = |end: &String| text.starts_with(end.as_bytes());
            if text.trim_ascii().is_empty() || self.ends_with.as_ref().is_some_and(is_end) {
                continue;
            }
            let cells = self.cells(text)?;
            let Some(reason) = self.reasons.get(&self.kind.cut(&cells)) else {
                records.dropped += 1;
                continue;
            };
            let plate = self.plate.cut(&cells);
            // Vehicles are wanted by other numbers as well. A record that ends before its plate is told to be wrong.
            if plate.is_empty() && self.plate.is_there(&cells) {
                records.dropped += 1;
                continue;
            }
            if records.rows.len() == most {
                return Err(FileError::TooLong(most));
            }
            let state = self.state.as_ref().map(|state| state.cut(&cells));
            let draft = Draft {
                plate,
                jurisdiction: state.map_or_else(String::new, |code| jurisdiction(&code)),
                reason: reason.clone(),
                expires_at: expires_at.to_string(),
                ..Draft::default()
            };
            records.rows.push(Row { line, draft });
        }
        Ok(records)
    }

    /// The cells of one line.
    fn cells(&self, line: &[u8]) -> Result<ByteRecord, FileError> {
        let Some(separator) = self.separator else {
            return Ok(ByteRecord::from(vec![line]));
        };
        // A record is a line: a quoted line end would swallow records.
        if line.iter().filter(|byte| **byte == b'"').count() % 2 != 0 {
            return Err(FileError::Quote);
        }
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .from_reader(line);
        let mut cells = ByteRecord::new();
        match reader.read_byte_record(&mut cells) {
            Ok(_) => Ok(cells),
            Err(_) => Err(FileError::NotUtf8),
        }
    }
}

/// A code of the list as a jurisdiction; empty where the list gives none, and as it is where it is no state, so that the row is
/// told to be wrong.
fn jurisdiction(code: &str) -> String {
    if code.is_empty() {
        return String::new();
    }
    restored_state(code).map_or_else(|| code.to_owned(), |state| format!("US-{state}"))
}

/// The state whose code this is once letters O that were written as 0 are letters again.
#[must_use]
pub fn restored_state(code: &str) -> Option<&'static str> {
    let same = |state: &&&str| state.replace('O', "0") == code.replace('O', "0");
    STATES.iter().find(same).copied()
}

/// Codes of the states and the district.
const STATES: [&str; 51] = [
    "AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "DC", "FL", "GA", "HI", "ID", "IL", "IN", "IA",
    "KS", "KY", "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH", "NJ", "NM",
    "NY", "NC", "ND", "OH", "OK", "OR", "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VT", "VA", "WA",
    "WV", "WI", "WY",
];

#[cfg(test)]
mod tests {
    use turnpike_schemas::alert::{Bounds, MAX_ENTRIES};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn as_of() -> Timestamp {
        at("2026-03-04T06:00:00Z")
    }

    fn read(layout: &Layout, file: &str) -> Records {
        layout.records(file.as_bytes(), as_of(), 1_000).unwrap()
    }

    const FILE: &str = "HEADER 20260304\r\n\
        V000000042ZZTURN00120260301TPK0421   0H2026PC2019F0RDF0C4DGRY    \r\n\
        W000000043ZZTURN00120260301TPK0422   0H2026PC2019F0RDF0C4DGRY    INVENTED NAME\r\n\
        N000000044ZZTURN00120260301TPK0423   0H\r\n\
        P000000045ZZTURN00120260301TPK0424\r\n\
        \r\n\
        R000000046ZZTURN00120260301TPK0425   ZZ\r\n";

    #[test]
    fn vehicles_are_taken_and_persons_are_not() {
        let records = read(&Layout::ncic(), FILE);
        let read: Vec<(u64, &str, &str, &str)> = records
            .rows
            .iter()
            .map(|Row { line, draft }| (*line, &*draft.plate, &*draft.jurisdiction, &*draft.reason))
            .collect();
        assert_eq!(
            read,
            [
                (2, "TPK0421", "US-OH", "stolen_vehicle"),
                (5, "TPK0424", "", "stolen_plate"),
                (7, "TPK0425", "ZZ", "stolen_vehicle"),
            ]
        );
        assert_eq!(
            records.dropped, 2,
            "a wanted person, and one for their status"
        );
        assert!(!format!("{records:?}").contains("INVENTED"));
    }

    #[test]
    fn the_age_of_the_list_is_that_of_its_entries() {
        let records = read(&Layout::ncic(), FILE);
        let bounds = Bounds {
            longest: SignedDuration::from_hours(48),
            patterns: false,
            most: MAX_ENTRIES,
        };
        let first = &records.rows[0].draft;
        let fresh = first.check(&bounds, at("2026-03-04T12:00:00Z")).unwrap();
        assert_eq!(fresh.expires_at, at("2026-03-05T06:00:00Z"));
        assert!(
            first.check(&bounds, at("2026-03-05T06:00:00Z")).is_err(),
            "a day later it is too old"
        );
    }

    #[test]
    fn an_o_that_was_written_as_a_zero_is_a_letter_again_in_states_only() {
        for (written, state) in [
            ("0H", "OH"),
            ("M0", "MO"),
            ("C0", "CO"),
            ("0K", "OK"),
            ("TX", "TX"),
        ] {
            assert_eq!(restored_state(written), Some(state));
        }
        assert_eq!(restored_state("ZZ"), None);
        let with_zero = FILE.replace("TPK0421", "TPKO421");
        let records = read(&Layout::ncic(), &with_zero);
        assert_eq!(
            records.rows[0].draft.plate, "TPKO421",
            "a plate is left as it is"
        );
    }

    #[test]
    fn other_layouts_are_other_places() {
        let layout = Layout {
            separator: None,
            skip: 1,
            plate: Place::of_line(0..8),
            state: Some(Place::of_line(8..10)),
            kind: Place::of_line(10..12),
            reasons: [("SV".to_owned(), "stolen_vehicle".to_owned())].into(),
            ends_with: Some("TOTAL".to_owned()),
            lasts: SignedDuration::from_hours(24),
        };
        let file = "DATE03/04/2026 06:00\nTPK0421 CASV\nTPK0422 CAMP\nTOTAL RECORD 2\n";
        let records = read(&layout, file);
        assert_eq!((records.rows.len(), records.dropped), (1, 1));
        assert_eq!(records.rows[0].draft.jurisdiction, "US-CA");
    }
    #[test]
    fn cells_are_read_by_number_and_the_kind_may_be_a_letter_of_one() {
        let layout = Layout {
            separator: Some(b','),
            skip: 0,
            plate: Place::of_cell(3),
            state: Some(Place::of_cell(4)),
            kind: Place {
                cell: 0,
                chars: 1..2,
            },
            ..Layout::ncic()
        };
        let file = "XV42,ZZTURN001,20260301,TPK0421,TX,\"A, B\"\nXW43,ZZTURN001,20260301,TPK0422,TX,SOMEBODY\n";
        let records = read(&layout, file);
        assert_eq!((records.rows.len(), records.dropped), (1, 1));
        let draft = &records.rows[0].draft;
        assert_eq!((&*draft.plate, &*draft.jurisdiction), ("TPK0421", "US-TX"));
        let torn = b"XV42,ZZTURN001,20260301,TPK0421,TX,\"A\n";
        let read = layout.records(torn, as_of(), 1_000);
        assert_eq!(read, Err(FileError::Quote));
    }

    #[test]
    fn a_vehicle_without_a_plate_is_dropped_and_a_torn_record_is_wrong() {
        let none = format!("V000000042ZZTURN00120260301{:<10}0H2026\n", "");
        let file = format!("HEADER\n{none}V000000043ZZTURN001");
        let records = read(&Layout::ncic(), &file);
        assert_eq!((records.rows.len(), records.dropped), (1, 1));
        assert_eq!(
            (records.rows[0].line, &*records.rows[0].draft.plate),
            (3, "")
        );
    }

    #[test]
    fn what_could_hide_records_is_refused_and_odd_bytes_move_nothing() {
        let layout = Layout::ncic();
        let refused = |file: &[u8], most| layout.records(file, as_of(), most);
        assert_eq!(refused(b"\r\n", 9), Err(FileError::Empty));
        assert_eq!(refused(b"\xFF\xFEV\0", 9), Err(FileError::Utf16));
        assert_eq!(refused(FILE.as_bytes(), 2), Err(FileError::TooLong(2)));
        let odd = b"HEADER\nV000000042ZZT\xD6RN00120260301TPK0421   0H\n";
        let read = layout.records(odd, as_of(), 9).unwrap();
        assert_eq!(read.rows[0].draft.plate, "TPK0421");
    }
}
