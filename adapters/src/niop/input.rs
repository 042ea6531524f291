//! Bytes in, valid UTF-8 out: encodings, and the two limits that hold before a parser sees anything.
//!
//! The parser gathers one piece of markup or text before it hands it over, so the size of a piece is limited here.

use std::io::{self, BufRead, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Largest tag, text or comment, in bytes.
pub(super) const MAX_PIECE: usize = 64 << 10;

const CHUNK: usize = 64 << 10;

/// How far into a file its declaration is looked for.
const DECLARATION: usize = 1 << 10;

/// A byte stream as UTF-8. What is not text in the file's encoding becomes U+FFFD, which no field allows, so it costs one record.
pub(super) struct Input<'a> {
    source: &'a mut dyn Read,
    raw: Box<[u8]>,
    raw_range: (usize, usize),
    raw_ended: bool,
    left: u64,
    decoder: Decoder,
    finished: bool,
    text: Box<[u8]>,
    text_range: (usize, usize),
    piece: usize,
    fault: Option<&'static str>,
}

impl<'a> Input<'a> {
    /// Reads the first bytes and decides the encoding.
    ///
    /// # Errors
    /// The rule that the encoding breaks.
    pub(super) fn open(source: &'a mut dyn Read, max_bytes: u64) -> Result<Self, &'static str> {
        let mut input = Self {
            source,
            raw: vec![0; CHUNK].into_boxed_slice(),
            raw_range: (0, 0),
            raw_ended: false,
            left: max_bytes,
            decoder: UTF_8.new_decoder_without_bom_handling(),
            finished: false,
            // Any two bytes can become three.
            text: vec![0; CHUNK * 3 / 2 + 16].into_boxed_slice(),
            text_range: (0, 0),
            piece: 0,
            fault: None,
        };
        if input.fill_raw().is_ok() {
            let head = input.raw.get(..input.raw_range.1).unwrap_or_default();
            let (encoding, mark) = detect(head)?;
            input.raw_range.0 = mark;
            input.decoder = encoding.new_decoder_without_bom_handling();
        }
        Ok(input)
    }

    /// A new piece of markup or text begins.
    pub(super) fn begin_piece(&mut self) {
        self.piece = 0;
    }

    /// Whether the piece since [`Self::begin_piece`] is larger than allowed.
    pub(super) fn piece_is_too_large(&self) -> bool {
        self.piece > MAX_PIECE
    }

    /// The limit that ended the stream, if one did.
    pub(super) fn fault(&self) -> Option<&'static str> {
        self.fault
    }

    fn stop<T>(&mut self, fault: &'static str) -> io::Result<T> {
        self.fault = Some(fault);
        Err(io::Error::other(fault))
    }

    /// Fills the whole buffer, so that what is seen does not depend on how the source cuts its bytes.
    fn fill_raw(&mut self) -> io::Result<()> {
        let mut filled = 0;
        while let Some(rest) = self
            .raw
            .get_mut(filled..)
            .filter(|rest: &&mut [u8]| !rest.is_empty())
        {
            match self.source.read(rest) {
                Ok(0) => {
                    self.raw_ended = true;
                    break;
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fault.get_or_insert("not readable to its end");
                    return Err(error);
                }
            }
        }
        self.raw_range = (0, filled);
        match self.left.checked_sub(filled as u64) {
            Some(left) => self.left = left,
            None => return self.stop(super::TOO_LARGE),
        }
        Ok(())
    }

    #[cold]
    fn refill(&mut self) -> io::Result<()> {
        if let Some(fault) = self.fault {
            return self.stop(fault);
        }
        while !self.finished {
            if self.raw_range.0 == self.raw_range.1 && !self.raw_ended {
                self.fill_raw()?;
            }
            let raw = self
                .raw
                .get(self.raw_range.0..self.raw_range.1)
                .unwrap_or_default();
            let (result, read, written, _) =
                self.decoder
                    .decode_to_utf8(raw, &mut self.text, self.raw_ended);
            self.raw_range.0 += read;
            self.finished = self.raw_ended && result == CoderResult::InputEmpty;
            self.text_range = (0, written);
            if written > 0 {
                break;
            }
        }
        Ok(())
    }
}

impl BufRead for Input<'_> {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece > MAX_PIECE {
            return self.stop(super::PIECE_TOO_LARGE);
        }
        if self.text_range.0 == self.text_range.1 {
            self.refill()?;
        }
        Ok(self
            .text
            .get(self.text_range.0..self.text_range.1)
            .unwrap_or_default())
    }

    #[inline]
    fn consume(&mut self, amount: usize) {
        self.text_range.0 = (self.text_range.0 + amount).min(self.text_range.1);
        self.piece += amount;
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

/// The encoding of a file that begins with `head`, and the length of its byte order mark.
fn detect(head: &[u8]) -> Result<(&'static Encoding, usize), &'static str> {
    match head {
        [0xEF, 0xBB, 0xBF, ..] => return Ok((UTF_8, 3)),
        [0xFF, 0xFE, ..] => return Ok((UTF_16LE, 2)),
        [0xFE, 0xFF, ..] => return Ok((UTF_16BE, 2)),
        [0, b'<', ..] | [b'<', 0, ..] => return Err("UTF-16 without a byte order mark"),
        _ => {}
    }
    declared(head)
        .map_or(Some(UTF_8), known)
        .map(|encoding| (encoding, 0))
        .ok_or("unknown encoding")
}

fn known(label: &[u8]) -> Option<&'static Encoding> {
    [
        ("utf-8", UTF_8),
        ("us-ascii", UTF_8),
        ("iso-8859-1", WINDOWS_1252),
        ("windows-1252", WINDOWS_1252),
    ]
    .into_iter()
    .find(|(name, _)| label.eq_ignore_ascii_case(name.as_bytes()))
    .map(|(_, encoding)| encoding)
}

/// The value of `encoding` in the XML declaration.
fn declared(head: &[u8]) -> Option<&[u8]> {
    let declaration = head
        .get(..DECLARATION.min(head.len()))?
        .strip_prefix(b"<?xml")?;
    let end = find(declaration, b"?>")?;
    let declaration = declaration.get(..end)?;
    let value = declaration.get(find(declaration, b"encoding")? + b"encoding".len()..)?;
    let value = value.trim_ascii_start().strip_prefix(b"=")?;
    let (quote, value) = value.trim_ascii_start().split_first()?;
    value.split(|byte| byte == quote).next()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Result<String, &'static str> {
        let mut source = bytes;
        let mut text = String::new();
        let mut input = Input::open(&mut source, 1 << 20)?;
        loop {
            input.begin_piece();
            let mut part = [0; 7];
            match input.read(&mut part) {
                Ok(0) => return Ok(text),
                Ok(read) => text.push_str(&String::from_utf8_lossy(&part[..read])),
                Err(_) => return Err(input.fault().unwrap()),
            }
        }
    }

    #[test]
    fn declared_and_marked_encodings_are_read() {
        let utf16 = |big: bool| {
            "\u{feff}<?xml version='1.0' encoding='UTF-16'?><a>1</a>"
                .encode_utf16()
                .flat_map(|unit| {
                    if big {
                        unit.to_be_bytes()
                    } else {
                        unit.to_le_bytes()
                    }
                })
                .collect::<Vec<u8>>()
        };
        for bytes in [utf16(true), utf16(false), b"\xEF\xBB\xBF<a>1</a>".to_vec()] {
            assert!(text(&bytes).unwrap().ends_with("<a>1</a>"));
        }
        let latin = b"<?xml version=\"1.0\" encoding = \"iso-8859-1\" ?><a>\xE9</a>";
        assert!(declared(latin).is_some());
        let mut source = &latin[..];
        let mut decoded = String::new();
        Input::open(&mut source, 1 << 20)
            .unwrap()
            .read_to_string(&mut decoded)
            .unwrap();
        assert!(decoded.ends_with("<a>é</a>"));
    }

    #[test]
    fn an_unknown_encoding_is_refused() {
        for head in [
            &b"<?xml version='1.0' encoding='EBCDIC-US'?><a/>"[..],
            b"<?xml version='1.0' encoding='UTF-16'?><a/>",
            b"<?xml version='1.0' encoding=''?><a/>",
            b"<\0a\0",
            b"\0<\0a",
        ] {
            assert!(text(head).is_err());
        }
    }

    #[test]
    fn bytes_that_are_not_text_become_one_character_that_no_field_allows() {
        assert_eq!(text(b"AB\xFF").unwrap().trim_end_matches('\u{fffd}'), "AB");
    }

    #[test]
    fn more_bytes_than_allowed_end_the_stream() {
        let mut source = &[b'x'; 11][..];
        let mut input = Input::open(&mut source, 10).unwrap();
        assert!(input.fill_buf().is_err());
        assert_eq!(input.fault(), Some(super::super::TOO_LARGE));
    }

    #[test]
    fn a_piece_that_is_too_large_ends_the_stream() {
        let long = vec![b'x'; MAX_PIECE + 2];
        let mut source = &long[..];
        let mut input = Input::open(&mut source, 1 << 20).unwrap();
        input.begin_piece();
        let read = io::copy(&mut input, &mut io::sink());
        assert!(read.is_err());
        assert_eq!(input.fault(), Some(super::super::PIECE_TOO_LARGE));
    }
}
