//! Records that are lines: JSON, or characters at fixed places.

use std::{
    borrow::Cow,
    io::{BufRead, BufReader, Read},
};

use encoding_rs::UTF_8;

use super::{
    Broken, Captured, Found, Layout, Scalar, Sink, json,
    source::{self, Meter, Metered, Utf8},
};
use crate::{adapter::ReadSeek, declarative::path::Path};

/// A file whose lines are JSON objects.
pub(super) fn json(layout: &Layout, file: &mut dyn ReadSeek, sink: Sink<'_>) -> Result<(), Broken> {
    each(layout, file, |line| match std::str::from_utf8(line) {
        Ok(line) => match json::record(layout, line) {
            Ok(captured) => sink(Found::Record(&captured)),
            Err(rule) => sink(Found::Bad(rule)),
        },
        Err(_) => sink(Found::Bad("not UTF-8")),
    })
}

/// A file whose lines have columns at fixed places, counted in characters.
pub(super) fn fixed(
    layout: &Layout,
    file: &mut dyn ReadSeek,
    sink: Sink<'_>,
) -> Result<(), Broken> {
    each(layout, file, |line| {
        let Ok(line) = std::str::from_utf8(line) else {
            return sink(Found::Bad("not UTF-8"));
        };
        let mut captured = Captured::new(layout.slots);
        for (slot, column) in &layout.columns {
            if let Path::Range(start, length) = column
                && let Some(text) = cut(line, *start, *length)
            {
                captured.put(*slot, Scalar::Text(Cow::Borrowed(text)));
            }
        }
        sink(Found::Record(&captured))
    })
}

/// Characters of a line; `None` where the line ends before them.
fn cut(line: &str, start: usize, length: usize) -> Option<&str> {
    if line.is_ascii() {
        let end = line.len().min(start + length);
        return line.get(start..end).filter(|text| !text.is_empty());
    }
    let mut places = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    let begin = places.nth(start)?;
    let end = places.nth(length - 1).unwrap_or(line.len());
    line.get(begin..end).filter(|text| !text.is_empty())
}

/// Calls `take` with every line that holds something.
fn each(
    layout: &Layout,
    file: &mut dyn ReadSeek,
    mut take: impl FnMut(&[u8]) -> Result<(), crate::error::Error>,
) -> Result<(), Broken> {
    let meter = Meter::new();
    let read: Box<dyn Read + '_> = if layout.lines.encoding == UTF_8 {
        Box::new(file)
    } else {
        Box::new(Utf8::new(file, layout.lines.encoding))
    };
    let mut reader = BufReader::with_capacity(64 * 1024, Metered::new(read, &meter));
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        let count = reader
            .read_until(b'\n', &mut line)
            .map_err(|error| source::failed(&error))?;
        if count == 0 {
            break;
        }
        meter.record();
        number += 1;
        let bare = line.strip_suffix(b"\n").unwrap_or(&line);
        let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
        let bare = match bare.strip_prefix(b"\xEF\xBB\xBF") {
            Some(bare) if number == 1 => bare,
            _ => bare,
        };
        if number > layout.lines.skip && !bare.trim_ascii().is_empty() {
            take(bare).map_err(Broken::Error)?;
        }
    }
    if layout.lines.final_newline && number > 0 && !meter.ends_line() {
        return Err(Broken::rule("ends without a line end"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters() {
        assert_eq!(cut("ABCDEF", 1, 3), Some("BCD"));
        assert_eq!(cut("ABCDEF", 4, 9), Some("EF"));
        assert_eq!(cut("ABCDEF", 6, 1), None);
        assert_eq!(cut("ÄÖÜDEF", 1, 3), Some("ÖÜD"));
        assert_eq!(cut("ÄÖÜ", 2, 5), Some("Ü"));
        assert_eq!(cut("ÄÖÜ", 3, 1), None);
    }
}
