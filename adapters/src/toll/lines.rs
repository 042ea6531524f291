//! Lines of a file, one in memory at a time, each of bounded length.

use std::io::{BufRead, BufReader, Read, Take};

/// Longest line, in bytes: ten times the longest that any of the formats has.
const LONGEST: u64 = 4 << 10;

/// The rule a longer line breaks.
const TOO_LONG: &str = "a line is longer than allowed";

/// A file as lines. A line ends at LF, CR LF or the end of the file.
pub(crate) struct Lines<'a> {
    source: BufReader<Take<&'a mut dyn Read>>,
    line: Vec<u8>,
}

impl<'a> Lines<'a> {
    /// The lines of at most `max_bytes` of `source`.
    pub(crate) fn new(source: &'a mut dyn Read, max_bytes: u64) -> Self {
        Self {
            source: BufReader::with_capacity(64 << 10, source.take(max_bytes.saturating_add(1))),
            line: Vec::with_capacity(256),
        }
    }

    /// The next line without its end; `None` after the last one.
    ///
    /// # Errors
    /// The rule that the line or the file breaks.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, &'static str> {
        self.line.clear();
        let read = (&mut self.source)
            .take(LONGEST + 2)
            .read_until(b'\n', &mut self.line)
            .map_err(|_| "not readable to its end")?;
        if self.source.get_ref().limit() == 0 {
            return Err(super::TOO_LARGE);
        }
        if read == 0 {
            return Ok(None);
        }
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() as u64 > LONGEST {
            return Err(TOO_LONG);
        }
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mut bytes: &[u8], max_bytes: u64) -> Result<Vec<String>, &'static str> {
        let mut lines = Lines::new(&mut bytes, max_bytes);
        let mut all = Vec::new();
        while let Some(line) = lines.next()? {
            all.push(String::from_utf8(line.to_vec()).unwrap());
        }
        Ok(all)
    }

    #[test]
    fn lines_end_at_either_mark_and_at_the_end_of_the_file() {
        let none: [&str; 0] = [];
        assert_eq!(lines(b"", 10).unwrap(), none);
        assert_eq!(lines(b"a\nb\r\n\nc", 10).unwrap(), ["a", "b", "", "c"]);
        assert_eq!(lines(b"a\n", 10).unwrap(), ["a"]);
        assert_eq!(lines(b"a\rb\n", 10).unwrap(), ["a\rb"]);
    }

    #[test]
    fn a_longer_line_and_a_larger_file_are_refused() {
        let longest = usize::try_from(LONGEST).unwrap();
        let line = [vec![b'x'; longest], b"\r\n".to_vec()].concat();
        assert_eq!(lines(&line, 1 << 20).unwrap().len(), 1);
        assert_eq!(lines(&vec![b'x'; longest + 1], 1 << 20), Err(TOO_LONG));
        assert_eq!(lines(&vec![b'x'; 1 << 19], 1 << 20), Err(TOO_LONG));
        assert_eq!(lines(b"abc\ndef", 7).unwrap().len(), 2);
        assert_eq!(lines(b"abc\ndefg", 7), Err(super::super::TOO_LARGE));
    }
}
