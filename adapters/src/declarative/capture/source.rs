//! Files as UTF-8, with a limit on how much is read between two records.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::{Broken, MAX_RECORD_BYTES};
use crate::error::{Error, ErrorKind};

/// What is left of the limit, and the last byte that came.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Rc<Cell<(u64, u8)>>);

/// Reads until the meter says stop.
#[derive(Debug)]
pub(super) struct Metered<R> {
    inner: R,
    meter: Meter,
}

/// Any encoding as UTF-8. Bytes that are none are an error.
pub(super) struct Utf8<R> {
    inner: R,
    decoder: Decoder,
    input: Box<[u8]>,
    begin: usize,
    end: usize,
    ended: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct TooMuch(&'static str);

const TOO_LONG: &str = "a record is longer than 8 MiB";
const NOT_TEXT: &str = "not text of its encoding";

impl Meter {
    pub(super) fn new() -> Self {
        let meter = Self::default();
        meter.record();
        meter
    }

    /// A record is done: the next one may be as long again.
    pub(super) fn record(&self) {
        self.0.set((MAX_RECORD_BYTES, self.0.get().1));
    }

    /// Whether what came so far ends a line.
    pub(super) fn ends_line(&self) -> bool {
        matches!(self.0.get().1, b'\n' | b'\r')
    }
}

impl<R> Metered<R> {
    pub(super) fn new(inner: R, meter: &Meter) -> Self {
        Self {
            inner,
            meter: meter.clone(),
        }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let (left, last) = self.meter.0.get();
        let left = left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, TooMuch(TOO_LONG)))?;
        let last = buffer
            .get(..count)
            .and_then(<[u8]>::last)
            .copied()
            .unwrap_or(last);
        self.meter.0.set((left, last));
        Ok(count)
    }
}

impl<R: Read> Utf8<R> {
    pub(super) fn new(inner: R, encoding: &'static Encoding) -> Self {
        Self {
            inner,
            decoder: encoding.new_decoder_with_bom_removal(),
            input: vec![0; 16 * 1024].into_boxed_slice(),
            begin: 0,
            end: 0,
            ended: false,
        }
    }

    /// The encoding an XML document says it is in: by its first bytes, then by its declaration, else UTF-8.
    ///
    /// # Errors
    /// `InvalidData` for an encoding nobody knows.
    pub(super) fn of_xml(mut inner: R) -> io::Result<Self> {
        let mut input = vec![0; 16 * 1024].into_boxed_slice();
        let mut end = 0;
        while let Some(free) = input.get_mut(end..).filter(|free| !free.is_empty()) {
            match inner.read(free)? {
                0 => break,
                count => end += count,
            }
        }
        let encoding = sniff(input.get(..end).unwrap_or_default()).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                TooMuch("an encoding that is not known"),
            )
        })?;
        Ok(Self {
            inner,
            decoder: encoding.new_decoder_with_bom_removal(),
            input,
            begin: 0,
            end,
            ended: false,
        })
    }
}

fn sniff(bytes: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return Some(encoding);
    }
    if bytes.starts_with(b"<\0?\0") {
        return Some(UTF_16LE);
    }
    if bytes.starts_with(b"\0<\0?") {
        return Some(UTF_16BE);
    }
    let Some(rest) = bytes.strip_prefix(b"<?xml") else {
        return Some(UTF_8);
    };
    let declaration: Vec<u8> = rest
        .iter()
        .copied()
        .take(512)
        .take_while(|byte| *byte != b'>')
        .collect();
    let Ok(declaration) = String::from_utf8(declaration) else {
        return Some(UTF_8);
    };
    let Some((_, value)) = declaration.split_once("encoding") else {
        return Some(UTF_8);
    };
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let label = value.strip_prefix(['"', '\''])?.split(['"', '\'']).next()?;
    // A document whose declaration could be read byte by byte is not in UTF-16, whatever it says.
    Encoding::for_label(label.as_bytes()).map(|encoding| {
        if encoding == UTF_16LE || encoding == UTF_16BE {
            UTF_8
        } else {
            encoding
        }
    })
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.begin == self.end && !self.ended {
                let count = self.inner.read(&mut self.input)?;
                (self.begin, self.end, self.ended) = (0, count, count == 0);
            }
            let input = self.input.get(self.begin..self.end).unwrap_or_default();
            let (result, read, written) = self
                .decoder
                .decode_to_utf8_without_replacement(input, buffer, self.ended);
            self.begin += read;
            if matches!(result, DecoderResult::Malformed(..)) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    TooMuch(NOT_TEXT),
                ));
            }
            if written > 0 {
                return Ok(written);
            }
            if self.ended {
                // The decoder must not be called again once it was told that this is the end.
                self.decoder = UTF_8.new_decoder_without_bom_handling();
                return Ok(0);
            }
        }
    }
}

/// What an error of reading means: a file that is not as it should be, or one that cannot be read.
pub(super) fn failed(error: &io::Error) -> Broken {
    let said = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<TooMuch>());
    match said {
        Some(TooMuch(rule)) => Broken::rule(rule),
        None if error.kind() == io::ErrorKind::InvalidData => Broken::rule(NOT_TEXT),
        None => {
            let message = format!("the file cannot be read: {}", error.kind());
            Broken::Error(Error::new(ErrorKind::Unavailable, "decode_file", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf8(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        Utf8::of_xml(bytes)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn a_document_is_read_in_the_encoding_it_names() {
        let utf16: Vec<u8> = "<?xml?><a>é</a>"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(utf8(&utf16).unwrap(), "<?xml?><a>é</a>");
        for (bytes, want) in [
            (b"<a>\xC3\xA9</a>".as_slice(), Some("<a>\u{e9}</a>")),
            (b"\xEF\xBB\xBF<a/>", Some("<a/>")),
            (
                b"<?xml encoding='ISO-8859-1'?><a>\xE9</a>",
                Some("<?xml encoding='ISO-8859-1'?><a>\u{e9}</a>"),
            ),
            (
                b"<?xml encoding=\"GBK\"?>\xBE\xA9",
                Some("<?xml encoding=\"GBK\"?>\u{4eac}"),
            ),
            (b"<?xml encoding=\"x-unheard-of\"?>", None),
            (b"<a>\xE9</a>", None),
            (b"", Some("")),
        ] {
            assert_eq!(utf8(bytes).ok().as_deref(), want);
        }
    }

    #[test]
    fn a_record_without_end_is_stopped() {
        let meter = Meter::new();
        let mut endless = Metered::new(io::repeat(b'a'), &meter);
        let mut sink = io::sink();
        let error = io::copy(&mut endless, &mut sink).unwrap_err();
        assert!(matches!(failed(&error), Broken::Rule(fault) if fault.rule == TOO_LONG));
    }
}
