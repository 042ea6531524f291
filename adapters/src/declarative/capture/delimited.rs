//! Delimited lines. Only the mapped columns of a row are looked at.

use std::{borrow::Cow, io::Read};

use encoding_rs::UTF_8;

use super::{
    Broken, Captured, Found, Layout, Scalar, Sink,
    rows::{MOST_CELLS, Row, Rows},
    source::{self, Meter, Metered, Utf8},
};
use crate::{adapter::ReadSeek, declarative::path::Path};

const COLUMNS: &str = "not as many columns as the header";

/// A file of delimited lines.
///
/// A column that the mapping names and the header does not is a fault of the whole file: something has changed, and reads
/// without it would look complete.
pub(super) fn file(layout: &Layout, file: &mut dyn ReadSeek, sink: Sink<'_>) -> Result<(), Broken> {
    if layout.lines.encoding == UTF_8 {
        return read(layout, file, sink);
    }
    read(layout, Utf8::new(file, layout.lines.encoding), sink)
}

fn read(layout: &Layout, file: impl Read, sink: Sink<'_>) -> Result<(), Broken> {
    let (meter, lines) = (Meter::new(), &layout.lines);
    let mut rows = Rows::new(Metered::new(file, &meter), lines.delimiter, lines.quote);
    let mut left = lines.skip;
    while left > 0 && next(&mut rows)? {
        left -= 1;
    }
    let (columns, mut width) = if lines.header {
        if !next(&mut rows)? {
            return Err(Broken::rule("no header line"));
        }
        narrow(rows.len())?;
        (named(layout, &rows)?, Some(rows.len()))
    } else {
        (numbered(layout), None)
    };
    let columns = by_slot(layout, &columns);
    while next(&mut rows)? {
        meter.record();
        if width.is_none() {
            narrow(rows.len())?;
        }
        if rows.len() != *width.get_or_insert(rows.len()) {
            sink(Found::Bad(COLUMNS)).map_err(Broken::Error)?;
            continue;
        }
        let texts = rows.texts();
        let value = |column: &Option<usize>| match column.map(&texts) {
            None | Some(None) => Scalar::Absent,
            Some(Some(None)) => Scalar::BadText,
            Some(Some(Some(text))) => Scalar::Text(Cow::Borrowed(text)),
        };
        let captured = Captured {
            slots: columns.iter().map(value).collect(),
            candidates: Vec::new(),
        };
        sink(Found::Record(&captured)).map_err(Broken::Error)?;
    }
    if lines.final_newline && !meter.ends_line() {
        return Err(Broken::rule("ends without a line end"));
    }
    Ok(())
}

/// That a file has no more columns than any format has.
fn narrow(columns: usize) -> Result<(), Broken> {
    if columns > MOST_CELLS {
        return Err(Broken::rule("more than 4096 columns"));
    }
    Ok(())
}

fn next<R: Read>(rows: &mut Rows<R>) -> Result<bool, Broken> {
    match rows.next().map_err(|error| source::failed(&error))? {
        Row::There => Ok(true),
        Row::End => Ok(false),
        Row::Open => Err(Broken::rule("a quote that nothing closes")),
    }
}

/// The column of each slot.
fn by_slot(layout: &Layout, columns: &[(usize, usize)]) -> Vec<Option<usize>> {
    let mut by_slot = vec![None; layout.slots];
    for (slot, column) in columns {
        if let Some(place) = by_slot.get_mut(*slot) {
            *place = Some(*column);
        }
    }
    by_slot
}

fn numbered(layout: &Layout) -> Vec<(usize, usize)> {
    let numbers = layout
        .columns
        .iter()
        .filter_map(|(slot, column)| match column {
            Path::Number(number) => Some((*slot, *number)),
            _ => None,
        });
    numbers.collect()
}

/// The number of each mapped column, by the names in the header.
fn named<R: Read>(layout: &Layout, header: &Rows<R>) -> Result<Vec<(usize, usize)>, Broken> {
    let names: Vec<&[u8]> = (0..header.len())
        .filter_map(|at| Some(header.cell(at)?.trim_ascii()))
        .collect();
    let mut columns = numbered(layout);
    for (slot, column) in &layout.columns {
        let Path::Column(name) = column else {
            continue;
        };
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
    Ok(columns)
}
