//! The file line by line: the header against the name, the records, and the count at the end.

use std::io::Read;

use super::{
    Settings, VERSION,
    ack::Code,
    name::{FileName, Kind},
    record::Records,
    wire::{self, Fault, Line, header},
};
use crate::{
    adapter::{Item, Rejection},
    error::{Error, Result},
    toll::{lines::Lines, time},
};

/// Why reading ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file broke a rule.
    File(Rejection, Code),
    /// The caller did not take an item.
    Sink(Error),
}

/// Where items go.
pub(super) type Sink<'a> = &'a mut dyn FnMut(Item) -> Result<()>;

/// Reads one data file to its end.
///
/// # Errors
/// [`Stop::File`] for the first rule the file as a whole breaks, [`Stop::Sink`] for what `sink` returns.
pub(super) fn read(
    source: &mut dyn Read,
    max_bytes: u64,
    name: &FileName,
    settings: &Settings,
    sink: Sink<'_>,
) -> Result<Code, Stop> {
    let unreadable = |rule: &str| Stop::File(Rejection::new(None, "file", rule), Code::BadFile);
    let mut lines = Lines::new(source, max_bytes);
    let first = lines.next().map_err(unreadable)?.unwrap_or_default();
    let stated = check_header(first, name)
        .map_err(|fault| Stop::File(Rejection::new(None, fault.field, fault.rule), Code::Header))?;
    let mut records = Records::new(settings, name.kind, &name.from, name.submitted_at);
    let (mut count, mut code) = (0, Code::Accepted);
    while let Some(line) = lines.next().map_err(unreadable)? {
        let item = records.read(line).unwrap_or_else(|fault| {
            code = Code::DetailErrors;
            Item::Rejected(Rejection::new(Some(count), fault.field, fault.rule))
        });
        sink(item).map_err(Stop::Sink)?;
        count += 1;
    }
    if count == stated {
        return Ok(code);
    }
    let rejection = Rejection::new(None, header::COUNT.name, "not the number of records");
    Err(Stop::File(rejection, Code::Header))
}

/// How many records the header states, if it is that of a file of this name.
fn check_header(line: &[u8], name: &FileName) -> Result<u64, Fault> {
    // By type before anything else: the header of a list has another length.
    let kind = line.get(..4).and_then(Kind::parse);
    if let Some(refusal) = kind.and_then(Kind::refusal) {
        return Err(header::TYPE.breaks(refusal));
    }
    if kind != Some(name.kind) {
        return Err(header::TYPE.breaks("not the type its name says"));
    }
    let line = Line::parse(line, wire::HEADER, "HEADER")?;
    if line.get(header::VERSION) != VERSION {
        return Err(header::VERSION.breaks("not a known version"));
    }
    let digits = |b: u8| b.is_ascii_digit();
    let from = line.checked(header::FROM, digits)?;
    let to = line.checked(header::TO, digits)?;
    for (field, given, named) in [
        (header::FROM, from, name.from.as_str()),
        (header::TO, to, name.to.as_deref().unwrap_or_default()),
    ] {
        if given != named {
            return Err(field.breaks("not that of the file name"));
        }
    }
    match time::parse_utc(line.get(header::TIME)) {
        None => return Err(header::TIME.breaks("not a time in UTC")),
        Some(at) if at != name.submitted_at => {
            return Err(header::TIME.breaks("not that of the file name"));
        }
        Some(_) => {}
    }
    line.checked(header::NUMBER, digits)?;
    let count = line.checked(header::COUNT, digits)?;
    count
        .parse()
        .map_err(|_| header::COUNT.breaks("not a number"))
}
