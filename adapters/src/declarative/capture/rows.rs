//! Delimited rows (RFC 4180, and what is found in its place), one at a time.
//!
//! A row without a quote, which is nearly every row, is split where it lies. A row ends with a line feed, whether or not a carriage
//! return comes before it; a quoted cell may hold both. Rows without a character are passed over.

use std::io::{self, BufRead, BufReader, Read};

/// The byte order mark.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Most cells of a row: what is beyond them is not told apart, so that a row of delimiters costs no more than its text.
pub(super) const MOST_CELLS: usize = 4_096;

/// Reads rows.
pub(super) struct Rows<R> {
    reader: BufReader<R>,
    delimiter: u8,
    quote: Option<u8>,
    text: Vec<u8>,
    /// Where each cell begins and ends in `text`.
    cells: Vec<(usize, usize)>,
    begun: bool,
}

/// What a look for a row found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// One.
    There,
    /// The end of the file.
    End,
    /// A quote that nothing closes.
    Open,
}

/// Where a cell with quotes is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Begin,
    Plain,
    Quoted,
    /// Behind a quote inside a quoted cell: it was the last one, or the first of two.
    Behind,
}

impl<R: Read> Rows<R> {
    pub(super) fn new(inner: R, delimiter: u8, quote: Option<u8>) -> Self {
        Self {
            reader: BufReader::with_capacity(64 * 1024, inner),
            delimiter,
            quote,
            text: Vec::with_capacity(1024),
            cells: Vec::with_capacity(64),
            begun: false,
        }
    }

    /// How many cells the row has; one more than [`MOST_CELLS`] is any larger number.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// A cell of the row.
    #[inline]
    pub(super) fn cell(&self, at: usize) -> Option<&[u8]> {
        let (begin, end) = *self.cells.get(at)?;
        self.text.get(begin..end)
    }

    /// The cells of the row by number, as text: looked at as a whole where all of it is text. `None` in one is bytes that are none.
    #[inline]
    pub(super) fn texts<'r>(&'r self) -> impl Fn(usize) -> Option<Option<&'r str>> {
        let whole = std::str::from_utf8(&self.text).ok();
        move |at| {
            let (begin, end) = *self.cells.get(at)?;
            Some(match whole {
                Some(whole) => whole.get(begin..end),
                None => std::str::from_utf8(self.text.get(begin..end)?).ok(),
            })
        }
    }

    /// Goes to the next row.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Row> {
        loop {
            self.text.clear();
            if !read_line(&mut self.reader, &mut self.text)? {
                return Ok(Row::End);
            }
            if !std::mem::replace(&mut self.begun, true) && self.text.starts_with(MARK) {
                self.text.drain(..MARK.len());
            }
            let whole = self.text.len();
            cut_line_end(&mut self.text);
            if self.text.is_empty() {
                continue;
            }
            if self.split() {
                return Ok(Row::There);
            }
            if let Some(quote) = self.quote {
                let ended = whole - self.text.len();
                self.text.extend_from_slice(match ended {
                    0 => b"",
                    1 => b"\n",
                    _ => b"\r\n",
                });
                return self.quoted(quote);
            }
        }
    }

    /// Splits a row without quotes, eight bytes at a time. `false` where there is a quote.
    fn split(&mut self) -> bool {
        self.cells.clear();
        let delimiter = every(self.delimiter);
        if let Some(quote) = self.quote
            && memchr::memchr(quote, &self.text).is_some()
        {
            return false;
        }
        let (words, rest) = self.text.as_chunks::<8>();
        // No row holds the byte that ends one.
        let mut last = [b'\n'; 8];
        for (place, byte) in last.iter_mut().zip(rest) {
            *place = *byte;
        }
        let (mut begin, mut at) = (0, 0);
        for word in words.iter().chain((!rest.is_empty()).then_some(&last)) {
            let word = u64::from_le_bytes(*word);
            let mut found = same(word, delimiter);
            while found != 0 {
                let end = at + found.trailing_zeros() as usize / 8;
                if self.cells.len() > MOST_CELLS {
                    return true;
                }
                self.cells.push((begin, end));
                begin = end + 1;
                found &= found - 1;
            }
            at += 8;
        }
        self.cells.push((begin, self.text.len()));
        true
    }

    /// A row with quotes, which may go on over several lines. Its cells are written anew, without them.
    fn quoted(&mut self, quote: u8) -> io::Result<Row> {
        let mut cells = Vec::with_capacity(self.text.len());
        self.cells.clear();
        let (mut state, mut begin, mut at) = (State::Begin, 0, 0);
        loop {
            let Some(byte) = self.text.get(at).copied() else {
                if state == State::Quoted && read_line(&mut self.reader, &mut self.text)? {
                    continue;
                }
                break;
            };
            at += 1;
            let ends_line = at == self.text.len() && byte == b'\n';
            state = match state {
                State::Quoted if byte == quote => State::Behind,
                State::Quoted => {
                    cells.push(byte);
                    State::Quoted
                }
                State::Behind if byte == quote => {
                    cells.push(quote);
                    State::Quoted
                }
                State::Begin if byte == quote => State::Quoted,
                _ if byte == self.delimiter => {
                    if self.cells.len() < MOST_CELLS {
                        self.cells.push((begin, cells.len()));
                    }
                    begin = cells.len();
                    State::Begin
                }
                _ if ends_line => break,
                _ if byte == b'\r' && self.text.get(at..) == Some(b"\n") => break,
                _ => {
                    cells.push(byte);
                    State::Plain
                }
            };
        }
        self.cells.push((begin, cells.len()));
        self.text = cells;
        Ok(if state == State::Quoted {
            Row::Open
        } else {
            Row::There
        })
    }
}

/// A byte eight times.
const fn every(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The highest bit of every byte that is the same in both.
#[inline]
const fn same(word: u64, other: u64) -> u64 {
    const LOW: u64 = every(0x7f);
    let differs = word ^ other;
    // Without a carry from one byte into the next.
    !(((differs & LOW) + LOW) | differs | LOW)
}

/// Appends a line with its end; `false` at the end of the file.
#[inline]
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let before = line.len();
    loop {
        let (used, ended) = match reader.fill_buf() {
            Ok(here) => match memchr::memchr(b'\n', here) {
                Some(at) => {
                    line.extend_from_slice(here.get(..=at).unwrap_or_default());
                    (at + 1, true)
                }
                None => {
                    line.extend_from_slice(here);
                    (here.len(), here.is_empty())
                }
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        reader.consume(used);
        if ended {
            return Ok(line.len() > before);
        }
    }
}

fn cut_line_end(text: &mut Vec<u8>) {
    if text.last() == Some(&b'\n') {
        text.pop();
        if text.last() == Some(&b'\r') {
            text.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ours(text: &[u8]) -> Option<Vec<Vec<String>>> {
        let mut rows = Rows::new(text, b',', Some(b'"'));
        let mut all = Vec::new();
        loop {
            match rows.next().unwrap() {
                Row::End => return Some(all),
                Row::Open => return None,
                Row::There => {
                    let cell = |at| String::from_utf8_lossy(rows.cell(at).unwrap()).into_owned();
                    all.push((0..rows.len()).map(cell).collect());
                }
            }
        }
    }

    fn theirs(text: &[u8]) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text);
        let rows = reader.byte_records().map(|row| {
            let cell = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
            row.unwrap().iter().map(cell).collect()
        });
        rows.collect()
    }

    #[test]
    fn rows_are_what_the_csv_crate_makes_of_them() {
        for text in [
            "a,b\n1,2\n",
            "a,b\r\n1,2\r\n",
            "\n\na\n\r\n,\n",
            "\"a,b\",\"c\"\"d\",e\n",
            "\"a\nb\",c\r\n\"x\r\ny\"\n",
            "a\"b,c\"\nd\n",
            "\"a\"b,c\n",
            "\"\",\"\"\n\"\"\n",
            "\u{feff}\"a\",b\n",
            "a,b",
            "\"a\"",
            ",",
            "",
        ] {
            assert_eq!(
                ours(text.as_bytes()).unwrap(),
                theirs(text.as_bytes()),
                "{text:?}"
            );
        }
        assert_eq!(ours(b"a,\"b\nc\n"), None, "a quote that nothing closes");
    }

    #[test]
    fn cells_without_end_are_not_held() {
        let delimiters = ",".repeat(100_000);
        for (text, quote) in [
            (format!("{delimiters}\n"), Some(b'"')),
            (format!("\"a\"{delimiters}\n"), Some(b'"')),
            (format!("\"a\"{delimiters}\n"), None),
        ] {
            let mut rows = Rows::new(text.as_bytes(), b',', quote);
            assert_eq!(rows.next().unwrap(), Row::There);
            assert_eq!(rows.len(), MOST_CELLS + 1);
            assert!(rows.cells.capacity() < 3 * MOST_CELLS);
            assert_eq!(rows.next().unwrap(), Row::End);
        }
    }

    proptest! {
        #[test]
        fn any_rows_are_what_the_csv_crate_makes_of_them(
            pieces in proptest::collection::vec(prop::sample::select(vec!["a", "\"", ",", "\n", "\r\n", "\"\"", " ", "\u{e9}"]), 0..40),
        ) {
            let text = pieces.concat();
            if let Some(ours) = ours(text.as_bytes()) {
                prop_assert_eq!(ours, theirs(text.as_bytes()));
            }
        }
    }
}
