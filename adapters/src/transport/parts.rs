//! A multipart body taken apart while it arrives: `multipart/x-mixed-replace`, `multipart/mixed`, and their kin.
//!
//! A part with a length is given out as soon as it is whole, one without when the next delimiter is seen. Nothing is held
//! but the part that is arriving. Whole bodies in memory are not this module's business.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::error::{Error, ErrorKind, Result};

/// Longest header block of a part, and longest text before the first delimiter.
const MAX_HEAD: usize = 64 * 1024;

const OPERATION: &str = "stream";

/// One part of a stream.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// Content type, where the part has one.
    pub content_type: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// Takes the bytes of a stream and gives out its parts.
#[derive(Debug)]
pub struct Splitter {
    /// `--` and the boundary.
    delimiter: Vec<u8>,
    max_part: usize,
    buffer: BytesMut,
    /// Bytes of the buffer that hold no start of a delimiter.
    searched: usize,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Before the first delimiter: anything may stand here.
    Preamble,
    /// Behind a part with a length: only line ends may stand before the delimiter.
    Between,
    /// Behind a delimiter.
    AfterDelimiter,
    Headers,
    Body {
        content_type: Option<String>,
        length: Option<usize>,
    },
    Over,
}

impl Splitter {
    /// A splitter for a body of this content type, whose parts are at most `max_part` bytes.
    ///
    /// # Errors
    /// `Malformed` when the type is not multipart or names no boundary.
    pub fn new(content_type: &str, max_part: usize) -> Result<Self> {
        let boundary = boundary_of(content_type)
            .ok_or_else(|| malformed("the answer is not multipart, or names no boundary"))?;
        // Devices declare `--edge` and delimit with `--edge`, or declare `edge`: dashes in front are counted by nobody. One of
        // dashes alone would be found at every dash of a long row of them.
        let name = boundary.trim_start_matches('-');
        if name.is_empty() {
            return Err(malformed("the boundary is dashes alone"));
        }
        Ok(Self {
            delimiter: format!("--{name}").into_bytes(),
            max_part,
            buffer: BytesMut::new(),
            searched: 0,
            state: State::Preamble,
        })
    }

    /// Takes bytes as they arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.state != State::Over {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Whether the last delimiter has been seen.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// The next part that is whole; `None` until more bytes arrive.
    ///
    /// # Errors
    /// `Malformed` when a part or its head is too large, or its length does not fit. The stream is of no more use then.
    pub fn next_part(&mut self) -> Result<Option<Part>> {
        loop {
            let went_on = match self.state.clone() {
                State::Preamble => self.preamble()?,
                State::Between => self.between()?,
                State::AfterDelimiter => self.after_delimiter()?,
                State::Headers => self.headers()?,
                State::Body {
                    content_type,
                    length,
                } => {
                    let Some(body) = self.body(length)? else {
                        return Ok(None);
                    };
                    return Ok(Some(Part { content_type, body }));
                }
                State::Over => false,
            };
            if !went_on {
                return Ok(None);
            }
        }
    }

    fn preamble(&mut self) -> Result<bool> {
        match self.find_delimiter() {
            Some((_, end)) => {
                self.buffer.advance(end);
                self.enter(State::AfterDelimiter);
                Ok(true)
            }
            None if self.buffer.len() > MAX_HEAD => {
                Err(malformed("no delimiter in the first part of the answer"))
            }
            None => Ok(false),
        }
    }

    fn between(&mut self) -> Result<bool> {
        let ends = self.buffer.iter().take_while(|byte| is_line_end(**byte));
        let ends = ends.count();
        if ends > 8 {
            return Err(misfit());
        }
        let rest = self.buffer.get(ends..).unwrap_or_default();
        let dashes = rest.iter().take_while(|byte| **byte == b'-').count();
        let start = ends + dashes.saturating_sub(2);
        let here = self.buffer.get(start..).unwrap_or_default();
        if here.starts_with(&self.delimiter) && dashes >= 2 {
            self.buffer.advance(start + self.delimiter.len());
            self.enter(State::AfterDelimiter);
            return Ok(true);
        }
        let may_become = rest.is_empty() || (dashes < 2 && dashes == rest.len());
        let begins = dashes >= 2 && self.delimiter.starts_with(here);
        if may_become || begins {
            return Ok(false);
        }
        Err(misfit())
    }

    fn after_delimiter(&mut self) -> Result<bool> {
        if self.buffer.starts_with(b"--") {
            self.enter(State::Over);
            self.buffer.clear();
            return Ok(false);
        }
        let end = self.buffer.iter().position(|byte| *byte == b'\n');
        match end {
            Some(end) => {
                self.buffer.advance(end + 1);
                self.enter(State::Headers);
                Ok(true)
            }
            None if self.buffer.len() > MAX_HEAD => Err(malformed("a delimiter has no end")),
            None => Ok(false),
        }
    }

    fn headers(&mut self) -> Result<bool> {
        let Some(end) = end_of_headers(&self.buffer) else {
            if self.buffer.len() > MAX_HEAD {
                return Err(malformed("the head of a part is too large"));
            }
            return Ok(false);
        };
        let head = self.buffer.split_to(end);
        let head = String::from_utf8_lossy(&head);
        let (mut content_type, mut length) = (None, None);
        for line in head.lines() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let (name, value) = (name.trim(), value.trim());
            if name.eq_ignore_ascii_case("content-type") && !value.is_empty() {
                content_type = Some(value.to_owned());
            }
            if name.eq_ignore_ascii_case("content-length") {
                let bytes = value.parse::<usize>();
                length = Some(bytes.map_err(|_| malformed("the length of a part is no number"))?);
            }
        }
        if length.is_some_and(|length| length > self.max_part) {
            return Err(self.too_large());
        }
        self.enter(State::Body {
            content_type,
            length,
        });
        Ok(true)
    }

    fn body(&mut self, length: Option<usize>) -> Result<Option<Bytes>> {
        if let Some(length) = length {
            if self.buffer.len() < length {
                return Ok(None);
            }
            let body = self.buffer.split_to(length).freeze();
            self.enter(State::Between);
            return Ok(Some(body));
        }
        let Some((start, end)) = self.find_delimiter() else {
            if self.buffer.len() > self.max_part + self.delimiter.len() {
                return Err(self.too_large());
            }
            return Ok(None);
        };
        let mut body = self.buffer.split_to(start);
        self.buffer.advance(end - start);
        // The line end in front of a delimiter belongs to the delimiter.
        for line_end in [b'\n', b'\r'] {
            if body.last() == Some(&line_end) {
                body.truncate(body.len() - 1);
            }
        }
        if body.len() > self.max_part {
            return Err(self.too_large());
        }
        self.enter(State::AfterDelimiter);
        Ok(Some(body.freeze()))
    }

    /// Start and end of the first delimiter that stands at the beginning of a line.
    fn find_delimiter(&mut self) -> Option<(usize, usize)> {
        let width = self.delimiter.len();
        let mut from = self.searched;
        loop {
            let rest = self.buffer.get(from..)?;
            let found = rest
                .windows(width)
                .position(|window| window == self.delimiter);
            let Some(found) = found else {
                // A delimiter may have begun; the dashes in front of one are looked at again.
                self.searched = self.buffer.len().saturating_sub(width).max(self.searched);
                return None;
            };
            let at = from + found;
            let before = self.buffer.get(..at)?;
            let dashes = before
                .iter()
                .rev()
                .take_while(|byte| **byte == b'-')
                .count();
            let start = at - dashes;
            let starts_line = start == 0 || self.buffer.get(start - 1) == Some(&b'\n');
            if starts_line {
                return Some((start, at + width));
            }
            from = at + 1;
        }
    }

    fn enter(&mut self, state: State) {
        self.searched = 0;
        self.state = state;
    }

    fn too_large(&self) -> Error {
        malformed(format!("a part is larger than {} bytes", self.max_part))
    }
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Part({} bytes)", self.body.len())
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Where the body begins: behind the first empty line.
fn end_of_headers(buffer: &[u8]) -> Option<usize> {
    let mut line = 0;
    for (at, byte) in buffer.iter().enumerate() {
        if *byte == b'\n' {
            let text = buffer.get(line..at)?;
            if text.iter().all(|byte| *byte == b'\r') {
                return Some(at + 1);
            }
            line = at + 1;
        }
    }
    None
}

fn boundary_of(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    let is_multipart = kind.trim().to_ascii_lowercase().starts_with("multipart/");
    let mut parameters = parameters.split(';').filter_map(|one| one.split_once('='));
    let named = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"));
    let boundary = named.map(|(_, value)| value.trim().trim_matches('"').to_owned());
    boundary.filter(|text| is_multipart && !text.is_empty() && text.len() <= 200)
}

fn misfit() -> Error {
    malformed("the length of a part does not fit")
}

fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, OPERATION, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "multipart/x-mixed-replace; boundary=edge";

    fn split(content_type: &str, bytes: &[u8], step: usize) -> Result<(Vec<Part>, bool)> {
        let mut splitter = Splitter::new(content_type, 1_000)?;
        let mut parts = Vec::new();
        for chunk in bytes.chunks(step.max(1)) {
            splitter.feed(chunk);
            while let Some(part) = splitter.next_part()? {
                parts.push(part);
            }
        }
        Ok((parts, splitter.is_over()))
    }

    fn part(content_type: Option<&str>, body: &[u8]) -> Part {
        Part {
            content_type: content_type.map(ToOwned::to_owned),
            body: Bytes::copy_from_slice(body),
        }
    }

    #[test]
    fn parts_come_out_however_the_bytes_are_cut() {
        let stream = b"ignored\r\n--edge\r\nContent-Type: application/xml\r\nContent-Length: 4\r\n\r\n<a/>\r\n--edge\r\ncontent-type: image/jpeg\r\n\r\n\xff\r\n--edg\r\n--edge\n\nplain\n--edge--\r\nrest";
        let expected = [
            part(Some("application/xml"), b"<a/>"),
            part(Some("image/jpeg"), b"\xff\r\n--edg"),
            part(None, b"plain"),
        ];
        for step in 1..stream.len() {
            let (parts, over) = split(TYPE, stream, step).unwrap();
            assert_eq!((parts.as_slice(), over), (&expected[..], true), "{step}");
        }
    }

    #[test]
    fn a_part_with_a_length_is_not_kept_waiting_for_the_next() {
        let stream = b"--edge\r\nContent-Length: 2\r\n\r\nok";
        let (parts, over) = split(TYPE, stream, 7).unwrap();
        assert_eq!((parts, over), (vec![part(None, b"ok")], false));
    }

    #[test]
    fn dashes_in_the_declared_boundary_do_not_matter() {
        for (declared, sent) in [
            ("edge", "--edge"),
            ("--edge", "--edge"),
            ("--edge", "----edge"),
            ("\"edge\"", "--edge"),
        ] {
            let stream =
                format!("{sent}\r\n\r\none\r\n{sent}\r\nContent-Length: 3\r\n\r\ntwo\r\n{sent}--");
            let kind = format!("Multipart/Mixed; charset=x; Boundary={declared}");
            let (parts, over) = split(&kind, stream.as_bytes(), 3).unwrap();
            assert_eq!(
                parts,
                [part(None, b"one"), part(None, b"two")],
                "{declared}"
            );
            assert!(over);
        }
    }

    #[test]
    fn what_is_no_stream_of_parts_is_refused() {
        for kind in [
            "text/html",
            "multipart/mixed",
            "multipart/mixed; boundary=",
            "multipart/mixed; boundary=----",
            "",
        ] {
            let error = Splitter::new(kind, 10).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed, "{kind}");
        }
        let long = vec![b'x'; 2 * MAX_HEAD];
        let large = [b"--edge\r\n\r\n".as_slice(), &long].concat();
        let streams: [&[u8]; 5] = [
            &long,
            &large,
            b"--edge\r\nContent-Length: 5000\r\n\r\n",
            b"--edge\r\nContent-Length: many\r\n\r\n",
            b"--edge\r\nContent-Length: 2\r\n\r\nlonger than two",
        ];
        for stream in streams {
            let error = split(TYPE, stream, 512).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), step in 1_usize..50) {
            drop(split(TYPE, &bytes, step));
            let framed = [b"--edge\r\n".as_slice(), &bytes, b"\r\n--edge--"].concat();
            drop(split(TYPE, &framed, step));
        }

        #[test]
        fn what_is_framed_comes_out(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..5),
            step in 1_usize..50,
        ) {
            let mut stream = Vec::new();
            for body in &bodies {
                stream.extend_from_slice(format!("--edge\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
                stream.extend_from_slice(body);
                stream.extend_from_slice(b"\r\n");
            }
            stream.extend_from_slice(b"--edge--");
            let (parts, over) = split(TYPE, &stream, step).unwrap();
            let got: Vec<_> = parts.iter().map(|part| part.body.to_vec()).collect();
            prop_assert_eq!(got, bodies);
            prop_assert!(over);
        }
    }
}
