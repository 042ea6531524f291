//! Times: the forms vendors write them in, and the zone they are meant in. Nothing is told by magnitude.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering},
};

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use turnpike_schemas::read::ZoneProvenance;

use super::windows;

/// How a time is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TimeFormat {
    /// A number since 1970 in this many parts of a second.
    Epoch {
        /// 1, 1,000 or 1,000,000.
        per_second: i64,
    },
    /// Parts one after the other.
    Parts(Vec<Part>),
}

/// One part of a written time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    Month,
    MonthName,
    Day,
    Hour,
    Hour12,
    HalfDay,
    Minute,
    Second,
    /// Digits of a fraction, 1 to 9, without the point.
    Fraction,
    /// A point or comma with its digits, or nothing.
    MaybeFraction,
    /// `Z`, `+hh:mm`, `+hhmm` or `+hh`.
    Offset,
    /// A letter or sign as it is.
    Literal(u8),
}

/// Which zone a local time is meant in.
#[derive(Debug)]
pub(super) enum Zone {
    /// The value says so itself.
    InValue,
    /// UTC by definition of the format.
    Utc,
    /// This one, by configuration.
    Named(LocalZone),
    /// The one another field names.
    Field {
        /// Where the name is.
        slot: usize,
        /// The name is one of Windows.
        windows: bool,
    },
}

/// A zone, and its offset in the quarter of an hour that was asked for last: records follow each other in time.
#[derive(Debug)]
pub(super) struct LocalZone {
    zone: TimeZone,
    /// The quarter in the upper half, the offset in seconds in the lower; 0 is none.
    last: AtomicU64,
}

/// What is done in the hour that a clock shows twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeated {
    /// The record is rejected.
    Refuse,
    /// The first time.
    Earlier,
    /// The second time.
    Later,
}

impl Repeated {
    /// The words of mapping files and settings.
    pub(super) const WORDS: [(&'static str, Self); 3] = [
        ("refuse", Self::Refuse),
        ("earlier", Self::Earlier),
        ("later", Self::Later),
    ];
}

/// A time as understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant {
    pub(super) at: Timestamp,
    pub(super) offset_s: Option<i32>,
    pub(super) zone: ZoneProvenance,
    /// It was one of two instants, and the configuration chose.
    pub(super) chosen: bool,
}

/// A value to be read as a time.
pub(super) enum Written<'a> {
    Text(Cow<'a, str>),
    Whole(i64),
    Fraction(f64),
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

impl TimeFormat {
    /// Reads `rfc3339`, `iso_local`, `epoch_s`, `epoch_ms`, `epoch_us` or a form such as `%d.%m.%Y %H:%M:%S`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let epoch = |per_second| Ok(Self::Epoch { per_second });
        match text {
            "epoch_s" => epoch(1),
            "epoch_ms" => epoch(1_000),
            "epoch_us" => epoch(1_000_000),
            "rfc3339" => Ok(Self::Parts(iso(true))),
            "iso_local" => Ok(Self::Parts(iso(false))),
            _ => parts(text).map(Self::Parts),
        }
    }

    /// Whether a value names an instant without any help.
    pub(super) fn has_zone(&self) -> bool {
        match self {
            Self::Epoch { .. } => true,
            Self::Parts(parts) => parts.contains(&Part::Offset),
        }
    }

    /// The instant a value names.
    ///
    /// # Errors
    /// The rule it breaks.
    #[inline]
    pub(super) fn read(
        &self,
        written: &Written<'_>,
        zone: &Zone,
        named: Option<&str>,
        repeated: Repeated,
    ) -> Result<Instant, &'static str> {
        match self {
            Self::Epoch { per_second } => {
                let at = epoch(written, *per_second).ok_or("not a time since 1970")?;
                Ok(Instant {
                    at,
                    offset_s: None,
                    zone: ZoneProvenance::Format,
                    chosen: false,
                })
            }
            Self::Parts(parts) => {
                let Written::Text(text) = written else {
                    return Err("wrong type");
                };
                let (civil, offset) =
                    civil(parts, text.as_bytes()).ok_or("not a time of this form")?;
                match offset {
                    Some(offset) => fixed(civil, offset, ZoneProvenance::InValue),
                    None => placed(civil, zone, named, repeated),
                }
            }
        }
    }

    /// An instant as written for a source, UTC. `up` rounds to the next whole unit of the format instead of down.
    pub(super) fn write(&self, at: Timestamp, up: bool) -> String {
        match self {
            Self::Epoch { per_second } => {
                let nanos = at.as_nanosecond();
                let unit = 1_000_000_000 / i128::from(*per_second);
                let rest = nanos.rem_euclid(unit);
                let whole = (nanos - rest) / unit + i128::from(up && rest > 0);
                whole.to_string()
            }
            Self::Parts(parts) if *parts == iso(true) => at.to_string(),
            Self::Parts(parts) => {
                let fine = parts.contains(&Part::Fraction) || parts.contains(&Part::MaybeFraction);
                let rest = at.subsec_nanosecond();
                let at = if up && rest > 0 && !fine {
                    Timestamp::from_second(at.as_second() + 1).unwrap_or(at)
                } else {
                    at
                };
                written(parts, Offset::UTC.to_datetime(at))
            }
        }
    }

    /// Whether what [`TimeFormat::write`] gives is a number.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Epoch { .. })
    }
}

fn iso(offset: bool) -> Vec<Part> {
    let date = [
        Part::Year,
        Part::Literal(b'-'),
        Part::Month,
        Part::Literal(b'-'),
        Part::Day,
    ];
    let time = [
        Part::Literal(b'T'),
        Part::Hour,
        Part::Literal(b':'),
        Part::Minute,
        Part::Literal(b':'),
        Part::Second,
        Part::MaybeFraction,
    ];
    let mut parts: Vec<Part> = date.into_iter().chain(time).collect();
    parts.extend(offset.then_some(Part::Offset));
    parts
}

fn parts(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut letters = text.bytes();
    while let Some(letter) = letters.next() {
        if letter != b'%' {
            if !(b' '..=b'~').contains(&letter) {
                return Err("a form of time holds printable ASCII only".to_owned());
            }
            parts.push(Part::Literal(letter));
            continue;
        }
        parts.push(match letters.next() {
            Some(b'Y') => Part::Year,
            Some(b'm') => Part::Month,
            Some(b'b') => Part::MonthName,
            Some(b'd') => Part::Day,
            Some(b'H') => Part::Hour,
            Some(b'I') => Part::Hour12,
            Some(b'p') => Part::HalfDay,
            Some(b'M') => Part::Minute,
            Some(b'S') => Part::Second,
            Some(b'f') => Part::Fraction,
            Some(b'F') => Part::MaybeFraction,
            Some(b'z') => Part::Offset,
            Some(b'%') => Part::Literal(b'%'),
            _ => return Err(FORMS.to_owned()),
        });
    }
    let has = |part| parts.contains(&part);
    let month = has(Part::Month) || has(Part::MonthName);
    let hour = has(Part::Hour) || (has(Part::Hour12) && has(Part::HalfDay));
    if !(has(Part::Year) && month && has(Part::Day) && hour && has(Part::Minute)) {
        return Err(
            "a form of time needs at least `%Y`, `%m`, `%d`, `%H` and `%M`; named forms are `rfc3339`, `iso_local`, `epoch_s`, `epoch_ms` and `epoch_us`"
                .to_owned(),
        );
    }
    Ok(parts)
}

const FORMS: &str = "unknown part of a time; known are `%Y %m %b %d %H %I %p %M %S %f %F %z %%`";

fn epoch(written: &Written<'_>, per_second: i64) -> Option<Timestamp> {
    let unit_ns = i128::from(1_000_000_000 / per_second);
    let nanos = match written {
        Written::Whole(whole) => i128::from(*whole) * unit_ns,
        Written::Text(text) => match text.parse::<i64>() {
            Ok(whole) => i128::from(whole) * unit_ns,
            Err(_) => part_of(text.parse().ok()?, per_second)?,
        },
        Written::Fraction(part) => part_of(*part, per_second)?,
    };
    (nanos > 0)
        .then(|| Timestamp::from_nanosecond(nanos).ok())
        .flatten()
}

/// A number with a fraction, to the microsecond: more is not in it.
fn part_of(number: f64, per_second: i64) -> Option<i128> {
    #[expect(clippy::cast_precision_loss, reason = "1, a thousand or a million")]
    let micros = (number * (1_000_000.0 / per_second as f64)).round();
    if !(1.0..9e15).contains(&micros) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "in range of 53 bits")]
    Some(i128::from(micros as i64) * 1_000)
}

#[inline]
fn fixed(civil: DateTime, offset: Offset, zone: ZoneProvenance) -> Result<Instant, &'static str> {
    let at = offset
        .to_timestamp(civil)
        .map_err(|_| "not a time of this form")?;
    Ok(Instant {
        at,
        offset_s: (zone != ZoneProvenance::Format).then(|| offset.seconds()),
        zone,
        chosen: false,
    })
}

#[inline]
fn placed(
    civil: DateTime,
    zone: &Zone,
    named: Option<&str>,
    repeated: Repeated,
) -> Result<Instant, &'static str> {
    match zone {
        Zone::InValue => Err("not a time with a zone"),
        Zone::Utc => fixed(civil, Offset::UTC, ZoneProvenance::Format),
        Zone::Named(zone) => match zone.usual(civil) {
            Some(offset) => fixed(civil, offset, ZoneProvenance::Configured),
            None => decided(civil, &zone.zone, ZoneProvenance::Configured, repeated),
        },
        Zone::Field { windows, .. } => {
            let name = named.ok_or("not a time with a zone")?;
            let name = if *windows {
                windows::iana(name).ok_or("a zone that is not known")?
            } else {
                name
            };
            let zone = TimeZone::get(name).map_err(|_| "a zone that is not known")?;
            decided(civil, &zone, ZoneProvenance::InValue, repeated)
        }
    }
}

fn decided(
    civil: DateTime,
    zone: &TimeZone,
    provenance: ZoneProvenance,
    repeated: Repeated,
) -> Result<Instant, &'static str> {
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => fixed(civil, offset, provenance),
        AmbiguousOffset::Gap { .. } => Err("a local time that did not exist"),
        AmbiguousOffset::Fold { before, after } => {
            let offset = match repeated {
                Repeated::Refuse => return Err("a local time that came twice"),
                Repeated::Earlier => before,
                Repeated::Later => after,
            };
            let instant = fixed(civil, offset, provenance)?;
            Ok(Instant {
                chosen: true,
                ..instant
            })
        }
    }
}

impl LocalZone {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            last: AtomicU64::new(0),
        }
    }

    /// The offset of a quarter of an hour in which it does not change; `None` where it is not that simple.
    #[inline]
    fn usual(&self, civil: DateTime) -> Option<Offset> {
        let quarter = quarter(civil)?;
        let last = self.last.load(Ordering::Relaxed);
        if last >> 32 == u64::from(quarter) {
            let offset = u32::try_from(last & u64::from(u32::MAX)).ok()?;
            return Offset::from_seconds(offset.cast_signed()).ok();
        }
        let begin = civil
            .with()
            .minute(civil.minute() / 15 * 15)
            .second(0)
            .subsec_nanosecond(0)
            .build()
            .ok()?;
        let end = begin
            .with()
            .minute(begin.minute() + 14)
            .second(59)
            .build()
            .ok()?;
        let offset = self.simple(begin)?;
        if self.simple(end)? != offset {
            return None;
        }
        let kept = u64::from(quarter) << 32 | u64::from(offset.seconds().cast_unsigned());
        self.last.store(kept, Ordering::Relaxed);
        Some(offset)
    }

    fn simple(&self, civil: DateTime) -> Option<Offset> {
        match self.zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => Some(offset),
            _ => None,
        }
    }
}

/// A number for a quarter of an hour of a clock, never 0.
fn quarter(civil: DateTime) -> Option<u32> {
    let part = |number: i8| u32::try_from(number).ok();
    let year = u32::try_from(civil.year()).ok()?;
    let day = (year * 13 + part(civil.month())?) * 32 + part(civil.day())?;
    Some((day * 24 + part(civil.hour())?) * 4 + part(civil.minute())? / 15)
}

/// What is left of a written time.
struct Left<'t>(&'t [u8]);

impl Left<'_> {
    /// Two digits.
    #[inline]
    fn two(&mut self) -> Option<u32> {
        let [tens, ones, rest @ ..] = self.0 else {
            return None;
        };
        let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
        if tens > 9 || ones > 9 {
            return None;
        }
        self.0 = rest;
        Some(u32::from(tens) * 10 + u32::from(ones))
    }

    /// Four digits.
    #[inline]
    fn four(&mut self) -> Option<u32> {
        Some(self.two()? * 100 + self.two()?)
    }

    /// All digits that follow, 1 to 9 of them, as nanoseconds.
    #[inline]
    fn fraction(&mut self) -> Option<u32> {
        let (mut number, mut unit) = (0, 1_000_000_000);
        while let [first, rest @ ..] = self.0
            && first.is_ascii_digit()
        {
            unit /= 10;
            if unit == 0 {
                return None;
            }
            number += u32::from(first - b'0') * unit;
            self.0 = rest;
        }
        (unit < 1_000_000_000).then_some(number)
    }

    /// A date and a time of day as most vendors write them, with these signs between the numbers, all at once.
    #[inline]
    fn clock(&mut self, between: [u8; 5]) -> Option<[u32; 6]> {
        let (text, rest) = self.0.split_first_chunk::<19>()?;
        let digits = text.map(|byte| byte.wrapping_sub(b'0'));
        let [
            y1,
            y2,
            y3,
            y4,
            _,
            m1,
            m2,
            _,
            d1,
            d2,
            _,
            h1,
            h2,
            _,
            n1,
            n2,
            _,
            s1,
            s2,
        ] = digits;
        let all = [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2];
        let signs = [text[4], text[7], text[10], text[13], text[16]];
        if all.iter().fold(false, |wrong, digit| wrong | (*digit > 9)) || signs != between {
            return None;
        }
        self.0 = rest;
        let two = |tens, ones| u32::from(tens) * 10 + u32::from(ones);
        let year = two(y1, y2) * 100 + two(y3, y4);
        Some([
            year,
            two(m1, m2),
            two(d1, d2),
            two(h1, h2),
            two(n1, n2),
            two(s1, s2),
        ])
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn offset(&mut self) -> Option<Offset> {
        let sign = match self.byte()? {
            b'Z' | b'z' => return Some(Offset::UTC),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.two()?;
        if self.0.first() == Some(&b':') {
            self.byte();
        }
        let minutes = if self.0.is_empty() { 0 } else { self.two()? };
        if hours > 18 || minutes > 59 {
            return None;
        }
        let seconds = i32::try_from((hours * 60 + minutes) * 60).ok()?;
        Offset::from_seconds(sign * seconds).ok()
    }
}

#[inline]
fn civil(parts: &[Part], text: &[u8]) -> Option<(DateTime, Option<Offset>)> {
    let mut left = Left(text);
    let (mut year, mut month, mut day) = (0, 0, 0);
    let (mut hour, mut minute, mut second, mut nanos) = (0, 0, 0, 0);
    let (mut afternoon, mut offset) = (None, None);
    let mut parts = parts;
    if let [
        Part::Year,
        Part::Literal(a),
        Part::Month,
        Part::Literal(b),
        Part::Day,
        Part::Literal(c),
        Part::Hour,
        Part::Literal(d),
        Part::Minute,
        Part::Literal(e),
        Part::Second,
        rest @ ..,
    ] = parts
    {
        [year, month, day, hour, minute, second] = left.clock([*a, *b, *c, *d, *e])?;
        parts = rest;
    }
    for part in parts {
        match part {
            Part::Year => year = left.four()?,
            Part::Month => month = left.two()?,
            Part::MonthName => month = month_named(&mut left)?,
            Part::Day => day = left.two()?,
            Part::Hour => hour = left.two()?,
            Part::Hour12 => {
                hour = left.two().filter(|hour| (1..=12).contains(hour))? % 12;
            }
            Part::HalfDay => {
                let half = left.byte()?.to_ascii_uppercase();
                if !matches!(half, b'A' | b'P') || !left.byte()?.eq_ignore_ascii_case(&b'M') {
                    return None;
                }
                afternoon = Some(half == b'P');
            }
            Part::Minute => minute = left.two()?,
            Part::Second => second = left.two()?,
            Part::Fraction => nanos = left.fraction()?,
            Part::MaybeFraction => {
                if matches!(left.0.first(), Some(b'.' | b',')) {
                    left.byte();
                    nanos = left.fraction()?;
                }
            }
            Part::Offset => offset = Some(left.offset()?),
            Part::Literal(literal) => {
                if left.byte()? != *literal {
                    return None;
                }
            }
        }
    }
    if !left.0.is_empty() {
        return None;
    }
    if afternoon == Some(true) {
        hour += 12;
    }
    let small = |number: u32| i8::try_from(number).ok();
    let civil = DateTime::new(
        i16::try_from(year).ok()?,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        i32::try_from(nanos).ok()?,
    );
    Some((civil.ok()?, offset))
}

fn month_named(left: &mut Left<'_>) -> Option<u32> {
    let (name, rest) = left.0.split_at_checked(3)?;
    let at = MONTHS
        .iter()
        .position(|month| month.as_bytes().eq_ignore_ascii_case(name))?;
    left.0 = rest;
    u32::try_from(at + 1).ok()
}

fn written(parts: &[Part], at: DateTime) -> String {
    use std::fmt::Write as _;

    let mut text = String::with_capacity(32);
    let hour12 = match at.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let month = usize::try_from(at.month() - 1).unwrap_or_default();
    for part in parts {
        // Writing to a string cannot fail.
        let _written = match part {
            Part::Year => write!(text, "{:04}", at.year()),
            Part::Month => write!(text, "{:02}", at.month()),
            Part::MonthName => {
                let name = MONTHS.get(month).copied().unwrap_or_default();
                let mut letters = name.chars();
                let first = letters.next().map(|c| c.to_ascii_uppercase());
                text.extend(first);
                write!(text, "{}", letters.as_str())
            }
            Part::Day => write!(text, "{:02}", at.day()),
            Part::Hour => write!(text, "{:02}", at.hour()),
            Part::Hour12 => write!(text, "{hour12:02}"),
            Part::HalfDay => write!(text, "{}", if at.hour() < 12 { "AM" } else { "PM" }),
            Part::Minute => write!(text, "{:02}", at.minute()),
            Part::Second => write!(text, "{:02}", at.second()),
            Part::Fraction => write!(text, "{:06}", at.subsec_nanosecond() / 1_000),
            Part::MaybeFraction => write!(text, ".{:06}", at.subsec_nanosecond() / 1_000),
            Part::Offset => write!(text, "Z"),
            Part::Literal(letter) => {
                text.push(char::from(*letter));
                Ok(())
            }
        };
    }
    text
}

#[cfg(test)]
mod tests;
