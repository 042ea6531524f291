//! XML of any size: bytes in, valid UTF-8 out, as a window that slides over the file.
//!
//! The window is refilled while there is more left in it than the largest piece of markup or text may take, so a piece is
//! never cut, and a piece that does not end inside the window is refused for its size.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Largest tag, text or comment, in bytes.
pub(crate) const MAX_PIECE: usize = 64 << 10;

/// The window slides when less than this is left in it: room for one piece, twice.
pub(crate) const RESERVE: usize = 2 * MAX_PIECE;

const WINDOW: usize = 4 * MAX_PIECE;
const CHUNK: usize = 64 << 10;

/// The rule a larger file breaks.
const TOO_LARGE: &str = "larger than allowed";

/// How far into a file its declaration is looked for.
const DECLARATION: usize = 1 << 10;

/// A byte stream as UTF-8. What is not text in the file's encoding becomes U+FFFD, which no field allows, so it costs one record.
pub(crate) struct Input<'a> {
    source: &'a mut dyn Read,
    left: u64,
    raw: Box<[u8]>,
    raw_range: (usize, usize),
    raw_ended: bool,
    decoder: Decoder,
    window: String,
    ended: bool,
}

impl<'a> Input<'a> {
    /// Reads the first window and decides the encoding.
    ///
    /// # Errors
    /// The rule that the encoding or the size breaks.
    pub(crate) fn open(source: &'a mut dyn Read, max_bytes: u64) -> Result<Self, &'static str> {
        let mut input = Self {
            source,
            left: max_bytes,
            raw: vec![0; CHUNK].into_boxed_slice(),
            raw_range: (0, 0),
            raw_ended: false,
            decoder: UTF_8.new_decoder_without_bom_handling(),
            window: String::with_capacity(WINDOW),
            ended: false,
        };
        input.read()?;
        let (encoding, mark) = detect(input.raw.get(..input.raw_range.1).unwrap_or_default())?;
        input.raw_range.0 = mark;
        input.decoder = encoding.new_decoder_without_bom_handling();
        input.decode()?;
        Ok(input)
    }

    /// What is in the window.
    pub(crate) fn window(&self) -> &str {
        &self.window
    }

    /// Whether the window reaches to the end of the file.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Moves the window on by `used` bytes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn slide(&mut self, used: usize) -> Result<(), &'static str> {
        if self.window.get(..used).is_some() {
            self.window.drain(..used);
        }
        self.decode()
    }

    /// Fills the window.
    fn decode(&mut self) -> Result<(), &'static str> {
        while !self.ended {
            if self.raw_range.0 == self.raw_range.1 && !self.raw_ended {
                self.read()?;
            }
            let raw = self
                .raw
                .get(self.raw_range.0..self.raw_range.1)
                .unwrap_or_default();
            let (result, read, _) =
                self.decoder
                    .decode_to_string(raw, &mut self.window, self.raw_ended);
            self.raw_range.0 += read;
            if result == CoderResult::OutputFull {
                break;
            }
            self.ended = self.raw_ended;
        }
        Ok(())
    }

    /// Fills the whole buffer, so that nothing depends on how the source cuts its bytes.
    fn read(&mut self) -> Result<(), &'static str> {
        let mut filled = 0;
        while !self.raw_ended {
            let rest = self.raw.get_mut(filled..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            match self.source.read(rest) {
                Ok(0) => self.raw_ended = true,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err("not readable to its end"),
            }
        }
        self.raw_range = (0, filled);
        self.left = self.left.checked_sub(filled as u64).ok_or(TOO_LARGE)?;
        Ok(())
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

    fn text(mut bytes: &[u8]) -> Result<String, &'static str> {
        let mut input = Input::open(&mut bytes, 1 << 20)?;
        let mut text = String::new();
        loop {
            text.push_str(input.window());
            if input.ended() {
                return Ok(text);
            }
            let used = input.window().len();
            input.slide(used)?;
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
        assert!(text(latin).unwrap().ends_with("<a>é</a>"));
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
    fn bytes_that_are_not_text_become_a_character_that_no_field_allows() {
        assert_eq!(text(b"AB\xFFC\xE2\x82").unwrap(), "AB\u{fffd}C\u{fffd}");
    }

    #[test]
    fn more_bytes_than_allowed_end_the_stream() {
        assert_eq!(Input::open(&mut &[b'x'; 11][..], 10).err(), Some(TOO_LARGE));
        assert!(Input::open(&mut &[b'x'; 10][..], 10).is_ok());
    }

    #[test]
    fn the_window_slides_over_all_of_a_file() {
        let long: String = (0..200_000).map(|n| format!("{n}é")).collect();
        let mut source = long.as_bytes();
        let mut input = Input::open(&mut source, u64::MAX).unwrap();
        let mut seen = String::new();
        while !input.ended() {
            let window = input.window();
            assert!(window.len() > RESERVE && window.len() <= WINDOW);
            let used = window.char_indices().nth(RESERVE / 2).unwrap().0;
            seen.push_str(window.get(..used).unwrap());
            input.slide(used).unwrap();
        }
        seen.push_str(input.window());
        assert!(seen == long);
    }
}
