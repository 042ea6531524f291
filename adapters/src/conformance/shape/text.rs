//! Tables of text, and payloads in several parts.

use std::{
    borrow::Cow,
    io::{Cursor, Read as _},
};

use zip::ZipArchive;

use super::{
    FieldType, MOST_PARTS, Payload, ShapeError,
    tally::{Tally, inside, name},
};
use crate::conformance::Via;

/// What is unpacked of an archive, all its files together. A file that is cut has no form, and is left out.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Lines of a table that are looked at.
const MOST_LINES: usize = 100_000;

/// The path of a line.
const LINE: &str = "lines[]";

/// The parts of a payload that can be told apart; of one that has none, itself.
pub(super) fn parts(payload: &Payload) -> Vec<Cow<'_, [u8]>> {
    if payload.via == Via::File && payload.bytes.starts_with(b"PK\x03\x04") {
        return archived(&payload.bytes);
    }
    match boundary(payload) {
        Some(boundary) => multipart(&payload.bytes, &boundary),
        None => vec![Cow::Borrowed(&payload.bytes)],
    }
}

fn archived(bytes: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else {
        return vec![Cow::Borrowed(bytes)];
    };
    let (mut files, mut left) = (Vec::new(), MOST_BYTES);
    for index in 0..archive.len().min(MOST_PARTS) {
        let mut unpacked = Vec::new();
        let read = archive.by_index(index).ok().and_then(|file| {
            let mut file = file.take(left + 1);
            file.read_to_end(&mut unpacked).ok()
        });
        let Some(read) = read else {
            continue;
        };
        let Some(rest) = left.checked_sub(read as u64) else {
            break;
        };
        left = rest;
        files.push(Cow::Owned(unpacked));
    }
    files
}

fn boundary(payload: &Payload) -> Option<Vec<u8>> {
    let kind = payload.content_type.as_deref()?;
    let lower = kind.to_ascii_lowercase();
    let at = lower
        .starts_with("multipart/")
        .then(|| lower.find("boundary="))??;
    let value = kind.get(at + "boundary=".len()..)?;
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => value.split(';').next()?.trim(),
    };
    (!value.is_empty()).then(|| format!("--{value}").into_bytes())
}

/// The bodies of the parts that are no pictures.
fn multipart<'a>(bytes: &'a [u8], boundary: &[u8]) -> Vec<Cow<'a, [u8]>> {
    let (mut bodies, mut rest) = (Vec::new(), bytes);
    while let Some(at) = find(rest, boundary) {
        let after = rest.get(at + boundary.len()..).unwrap_or_default();
        let end = find(after, boundary).unwrap_or(after.len());
        let part = after.get(..end).unwrap_or_default();
        let body = find(part, b"\r\n\r\n").map(|at| at + 4);
        let body = body.or_else(|| find(part, b"\n\n").map(|at| at + 2));
        let body = body.and_then(|at| part.get(at..)).unwrap_or_default();
        if matches!(body.trim_ascii_start().first(), Some(b'{' | b'[' | b'<')) {
            bodies.push(Cow::Borrowed(body));
        }
        if bodies.len() >= MOST_PARTS {
            break;
        }
        rest = after;
    }
    bodies
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// Whether a payload is named as a table of text.
pub(super) fn is_csv(payload: &Payload) -> bool {
    let kind = payload.content_type.as_deref().unwrap_or_default();
    let ending = payload.name.rsplit_once('.').map(|(_, ending)| ending);
    kind.starts_with("text/csv") || ending.is_some_and(|ending| ending.eq_ignore_ascii_case("csv"))
}

/// The columns of a table: by name where the first line holds names, else by number.
pub(super) fn tell(bytes: &[u8], tally: &mut Tally) -> Result<(), ShapeError> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    let delimiter = delimiter(first);
    let names: Vec<String> = cells(first, delimiter);
    let headed = names
        .iter()
        .all(|cell| lexical(cell) == Some(FieldType::Text) && name(cell) == cell);
    let column = |number: usize| match names.get(number).filter(|_| headed) {
        Some(column) => inside(LINE, name(column)),
        None => inside(LINE, &format!("column_{}", number + 1)),
    };
    let body = lines.take(MOST_LINES);
    let all: Vec<&str> = if headed {
        body.collect()
    } else {
        std::iter::once(first).chain(body).collect()
    };
    tally.meet("", Some(FieldType::Object))?;
    for line in all {
        let mut held = Vec::new();
        for (number, cell) in cells(line, delimiter).iter().enumerate() {
            let (path, kind) = (column(number), lexical(cell));
            tally.meet(&path, kind)?;
            held.extend(kind.map(|_| path));
        }
        tally.object(LINE, &held)?;
    }
    Ok(())
}

fn delimiter(line: &str) -> char {
    let count = |delimiter: &char| line.matches(*delimiter).count();
    let known = [',', ';', '\t', '|'];
    // The first of those that are met most often.
    let most = known.iter().map(count).max().unwrap_or_default();
    known
        .into_iter()
        .find(|delimiter| count(delimiter) == most)
        .unwrap_or(',')
}

/// The cells of a line; quotes may hold the delimiter and, doubled, a quote.
fn cells(line: &str, delimiter: char) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c == delimiter && !quoted => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    cells.push(cell);
    cells
}

/// The type of a text where everything is text; none if it is empty.
pub(super) fn lexical(text: &str) -> Option<FieldType> {
    let text = text.trim();
    if text.is_empty() {
        None
    } else if matches!(text, "true" | "false") {
        Some(FieldType::Boolean)
    } else if text.parse::<f64>().is_ok_and(f64::is_finite) {
        Some(FieldType::Number)
    } else {
        Some(FieldType::Text)
    }
}
