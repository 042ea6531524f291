//! The file line by line: the header against the name, the records, and the trailer against both.

use std::io::Read;

use jiff::civil::DateTime;

use super::{
    REVISION, Settings,
    ack::Code,
    name::{FileName, Kind},
    record::Records,
    wire::{Fault, Fields, HEADER, TRAILER, cents, digits, fault},
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

/// What a header says that the rest of the file is held to.
struct Head {
    sequence: String,
    business_day: String,
}

/// What a trailer says.
struct Trailer {
    count: u64,
    cents: u64,
}

/// Reads one data file to its end. `created` takes what the header says about its making.
///
/// # Errors
/// [`Stop::File`] for the first rule the file as a whole breaks, [`Stop::Sink`] for what `sink` returns.
pub(super) fn read(
    source: &mut dyn Read,
    name: &FileName,
    settings: &Settings,
    created: &mut String,
    sink: Sink<'_>,
) -> Result<Code, Stop> {
    let unreadable = |rule: &str| refuse("file", rule, Code::Detail);
    let broken = |code: Code| move |fault: Fault| refuse(fault.field, fault.rule, code);
    let mut lines = Lines::new(source, settings.max_bytes);
    let first = lines.next().map_err(unreadable)?.unwrap_or_default();
    let head = check_header(first, name, created).map_err(broken(Code::Header))?;
    let from = name.from.to_ascii_uppercase();
    let mut records = Records::new(settings, name.kind, &from);
    let (mut count, mut code) = (0, Code::Accepted);
    loop {
        let line = lines.next().map_err(unreadable)?;
        let line = line.ok_or_else(|| refuse("TRAILER", "missing", Code::Detail))?;
        if line.starts_with(b"#") {
            let trailer = check_trailer(line, &head).map_err(broken(Code::Detail))?;
            check_sums(&trailer, count, &records, name.kind).map_err(broken(Code::Detail))?;
            break;
        }
        let item = records.read(line).unwrap_or_else(|fault| {
            code = Code::Detail;
            let field = [fault.prefix, fault.field].concat();
            Item::Rejected(Rejection::new(Some(count), field, fault.rule))
        });
        sink(item).map_err(Stop::Sink)?;
        count += 1;
    }
    match lines.next().map_err(unreadable)? {
        None => Ok(code),
        Some(_) => Err(refuse("TRAILER", "not the last line", Code::Detail)),
    }
}

fn refuse(field: &str, rule: &str, code: Code) -> Stop {
    Stop::File(Rejection::new(None, field, rule), code)
}

/// `#HEADER,<type>,<sequence>,<business day>,<from>,<to>,<created>,<revision>`.
fn check_header(line: &[u8], name: &FileName, created: &mut String) -> Result<Head, Fault> {
    // By type before anything else: nothing more of a list is looked at.
    let word = line.split(|byte| *byte == b',').nth(1);
    let word = word.and_then(|word| str::from_utf8(word).ok());
    let kind = word.and_then(|word| Kind::of_header(word.trim_matches(' ')));
    if let Some(refusal) = kind.and_then(Kind::refusal) {
        return Err(fault("HEADER/TYPE", refusal));
    }
    let fields = Fields::<HEADER>::parse(line, "HEADER")?;
    if fields.get(0) != "#HEADER" {
        return Err(fault("HEADER", "missing"));
    }
    if kind != Some(name.kind) {
        return Err(fault("HEADER/TYPE", "not the type its name says"));
    }
    if !digits(fields.get(2), 6) {
        return Err(fault("HEADER/SEQUENCE #", "not 6 digits"));
    }
    if !is_day(fields.get(3)) {
        return Err(fault("HEADER/BUSINESS DAY", "not a day"));
    }
    for (field, at, named) in [
        ("HEADER/SOURCE", 4, &name.from),
        ("HEADER/DESTINATION", 5, &name.to),
    ] {
        if !fields.get(at).eq_ignore_ascii_case(named) {
            return Err(fault(field, "not that of the file name"));
        }
    }
    let made = fields.get(6);
    if time::parse_local(made).is_none() {
        return Err(fault("HEADER/CREATE DATE", "not a time with an offset"));
    }
    let clock: Option<DateTime> = made.get(..19).and_then(|clock| clock.parse().ok());
    if clock != Some(name.created) {
        return Err(fault("HEADER/CREATE DATE", "not that of the file name"));
    }
    if fields.get(7) != REVISION {
        return Err(fault("HEADER/VERSION", "not a known version"));
    }
    made.clone_into(created);
    Ok(Head {
        sequence: fields.get(2).to_owned(),
        business_day: fields.get(3).to_owned(),
    })
}

/// `#TRAILER,<sequence>,<business day>,<count>,<amount>`.
fn check_trailer(line: &[u8], head: &Head) -> Result<Trailer, Fault> {
    let fields = Fields::<TRAILER>::parse(line, "TRAILER")?;
    if fields.get(0) != "#TRAILER" {
        return Err(fault("TRAILER", "missing"));
    }
    if fields.get(1) != head.sequence {
        return Err(fault("TRAILER/SEQUENCE #", "not that of the header"));
    }
    if fields.get(2) != head.business_day {
        return Err(fault("TRAILER/BUSINESS DAY", "not that of the header"));
    }
    let count = fields.get(3);
    let count = digits(count, 6).then(|| count.parse().ok()).flatten();
    let amount = Some(fields.get(4)).filter(|amount| amount.len() == 10);
    Ok(Trailer {
        count: count.ok_or_else(|| fault("TRAILER/RECORD COUNT", "not 6 digits"))?,
        cents: amount
            .and_then(cents)
            .ok_or_else(|| fault("TRAILER/AMOUNT", "not an amount"))?,
    })
}

/// The count always, the sum where it is known what is summed: a correction has two amounts, and which of them a trailer sums
/// is not known.
fn check_sums(
    trailer: &Trailer,
    count: u64,
    records: &Records<'_>,
    kind: Kind,
) -> Result<(), Fault> {
    if trailer.count != count {
        return Err(fault("TRAILER/RECORD COUNT", "not the number of records"));
    }
    let sum = records.sum().filter(|_| kind == Kind::PayByPlate);
    // One cent of tolerance, as the format has it.
    if sum.is_some_and(|sum| sum.abs_diff(trailer.cents) > 1) {
        return Err(fault("TRAILER/AMOUNT", "not the sum of the records"));
    }
    Ok(())
}

/// `YYYY/MM/DD`.
fn is_day(text: &str) -> bool {
    let mut parts = text.split('/');
    let lengths = [4, 2, 2];
    lengths
        .into_iter()
        .all(|length| parts.next().is_some_and(|part| digits(part, length)))
        && parts.next().is_none()
}
