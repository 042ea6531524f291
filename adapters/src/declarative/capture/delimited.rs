//! Delimited lines. Only the mapped columns of a row are looked at.

use std::{borrow::Cow, io::Read};

use csv::ByteRecord;
use encoding_rs::UTF_8;

use super::{
    Broken, Captured, Found, Layout, Scalar, Sink,
    source::{self, Meter, Metered, Utf8},
};
use crate::{adapter::ReadSeek, declarative::path::Path};

const COLUMNS: &str = "not as many columns as the header";

/// A file of delimited lines.
///
/// A column that the mapping names and the header does not is a fault of the whole file: something has changed, and reads
/// without it would look complete.
pub(super) fn file(layout: &Layout, file: &mut dyn ReadSeek, sink: Sink<'_>) -> Result<(), Broken> {
    let meter = Meter::new();
    let read: Box<dyn Read + '_> = if layout.lines.encoding == UTF_8 {
        Box::new(file)
    } else {
        Box::new(Utf8::new(file, layout.lines.encoding))
    };
    let lines = &layout.lines;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(lines.delimiter)
        .quoting(lines.quote.is_some())
        .quote(lines.quote.unwrap_or(b'"'))
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(64 * 1024)
        .from_reader(Metered::new(read, &meter));
    let mut row = ByteRecord::new();
    let mut left = lines.skip;
    while left > 0 && next(&mut reader, &mut row)? {
        left -= 1;
    }
    let mut columns = Vec::new();
    let mut width = None;
    if lines.header {
        if !next(&mut reader, &mut row)? {
            return Err(Broken::rule("no header line"));
        }
        columns = named(layout, &row)?;
        width = Some(row.len());
    } else {
        for (slot, column) in &layout.columns {
            if let Path::Number(number) = column {
                columns.push((*slot, *number));
            }
        }
    }
    while next(&mut reader, &mut row)? {
        meter.record();
        let width = *width.get_or_insert(row.len());
        if row.len() != width {
            sink(Found::Bad(COLUMNS)).map_err(Broken::Error)?;
            continue;
        }
        let mut captured = Captured::new(layout.slots);
        for (slot, column) in &columns {
            let Some(cell) = row.get(*column) else {
                continue;
            };
            let value = std::str::from_utf8(cell)
                .map_or(Scalar::BadText, |text| Scalar::Text(Cow::Borrowed(text)));
            captured.put(*slot, value);
        }
        sink(Found::Record(&captured)).map_err(Broken::Error)?;
    }
    if lines.final_newline && !meter.ends_line() {
        return Err(Broken::rule("ends without a line end"));
    }
    Ok(())
}

fn next<R: Read>(reader: &mut csv::Reader<R>, row: &mut ByteRecord) -> Result<bool, Broken> {
    reader
        .read_byte_record(row)
        .map_err(|error| match error.kind() {
            csv::ErrorKind::Io(error) => source::failed(error),
            _ => Broken::rule("not delimited lines"),
        })
}

/// The number of each mapped column, by the names in the header.
fn named(layout: &Layout, header: &ByteRecord) -> Result<Vec<(usize, usize)>, Broken> {
    let names: Vec<&[u8]> = header
        .iter()
        .enumerate()
        .map(|(at, name)| match name.strip_prefix(b"\xEF\xBB\xBF") {
            Some(name) if at == 0 => name.trim_ascii(),
            _ => name.trim_ascii(),
        })
        .collect();
    let mut columns = Vec::new();
    for (slot, column) in &layout.columns {
        match column {
            Path::Column(name) => {
                let mut found = (0..)
                    .zip(&names)
                    .filter(|(_, known)| **known == name.as_bytes())
                    .map(|(at, _)| at);
                match (found.next(), found.next()) {
                    (Some(at), None) => columns.push((*slot, at)),
                    (Some(_), Some(_)) => {
                        return Err(Broken::of(name.clone(), "a column that is there twice"));
                    }
                    (None, _) => return Err(Broken::of(name.clone(), "no such column")),
                }
            }
            Path::Number(number) => columns.push((*slot, *number)),
            _ => {}
        }
    }
    Ok(columns)
}
