//! The three ways in which an event gives its time, surest first.

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{Offset, TimeZone},
};
use turnpike_schemas::read::ZoneProvenance;

use super::wire::Event;
use crate::json::Text;

/// When an event was, and how that is known.
#[derive(Debug, PartialEq)]
pub(super) struct Captured {
    pub(super) at: Timestamp,
    pub(super) zone: ZoneProvenance,
    /// Offset of local time, seconds, where the event gives one for this instant.
    pub(super) offset_s: Option<i32>,
    /// The local time of the event is another instant.
    pub(super) disagrees: bool,
}

/// Field and rule.
type Broken = (&'static str, &'static str);

const NOT_LOCAL: Broken = ("datetime", "not a time `YYYYMMDD HHMMSSFFF`");

/// The time of an event: `capture_timestamp`, else `capture_ts`, else `datetime`. A field that is there and wrong is a fault:
/// the next one might be another time.
pub(super) fn captured(event: &Event<'_>, zone: Option<&TimeZone>) -> Result<Captured, Broken> {
    let local = event.datetime.as_ref().and_then(Text::filled);
    let Some(at) = absolute(event)? else {
        return local_alone(local.ok_or(("capture_timestamp", "missing"))?, zone);
    };
    let with_offset = local.and_then(local_time).and_then(|(civil, offset)| {
        let offset = offset?;
        Some((offset.to_timestamp(civil).ok()?, offset.seconds()))
    });
    let agreed = with_offset.filter(|(local, _)| local.as_millisecond() == at.as_millisecond());
    Ok(Captured {
        at,
        zone: ZoneProvenance::Format,
        offset_s: agreed.map(|(_, offset_s)| offset_s),
        disagrees: with_offset.is_some() && agreed.is_none(),
    })
}

fn absolute(event: &Event<'_>) -> Result<Option<Timestamp>, Broken> {
    if let Some(ms) = &event.capture_timestamp {
        let at = positive(ms.as_str()).and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let rule = "not a time in milliseconds since 1970";
        return at.map(Some).ok_or(("capture_timestamp", rule));
    }
    let Some(ns) = &event.capture_ts else {
        return Ok(None);
    };
    let at = positive(ns.as_str()).and_then(|ns| Timestamp::from_nanosecond(ns.into()).ok());
    at.map(Some)
        .ok_or(("capture_ts", "not a time in nanoseconds since 1970"))
}

fn positive(text: &str) -> Option<i64> {
    text.parse().ok().filter(|value| *value > 0)
}

fn local_alone(text: &str, zone: Option<&TimeZone>) -> Result<Captured, Broken> {
    let (civil, offset) = local_time(text).ok_or(NOT_LOCAL)?;
    let (at, provenance, offset) = if let Some(offset) = offset {
        let at = offset.to_timestamp(civil).map_err(|_| NOT_LOCAL)?;
        (at, ZoneProvenance::InValue, offset)
    } else {
        let zone = zone.ok_or(("datetime", "not a time with a zone"))?;
        let at = zone
            .to_ambiguous_timestamp(civil)
            .unambiguous()
            .map_err(|_| ("datetime", "in an hour that was repeated or left out"))?;
        (at, ZoneProvenance::Configured, zone.to_offset(at))
    };
    Ok(Captured {
        at,
        zone: provenance,
        offset_s: Some(offset.seconds()),
        disagrees: false,
    })
}

/// `YYYYMMDD HHMMSSFFF`, and `+HHMM` or `-HHMM` where it follows, with or without a blank between.
fn local_time(text: &str) -> Option<(DateTime, Option<Offset>)> {
    let (local, offset) = text.split_at_checked(18)?;
    let (date, time) = local.split_once(' ')?;
    let [year, month, day] = digits(date, [4, 2, 2])?;
    let [hour, minute, second, ms] = digits(time, [2, 2, 2, 3])?;
    let small = |value: i16| i8::try_from(value).ok();
    let civil = DateTime::new(
        year,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        i32::from(ms) * 1_000_000,
    );
    let offset = match offset.trim_start() {
        "" => None,
        offset => Some(parse_offset(offset)?),
    };
    Some((civil.ok()?, offset))
}

fn parse_offset(text: &str) -> Option<Offset> {
    let (sign, rest) = text.split_at_checked(1)?;
    let [hours, minutes] = digits(rest, [2, 2])?;
    let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
    let seconds = match sign {
        "+" => seconds,
        "-" => -seconds,
        _ => return None,
    };
    (hours <= 18 && minutes < 60).then_some(())?;
    Offset::from_seconds(seconds).ok()
}

/// Numbers of fixed widths, and nothing after them.
fn digits<const N: usize>(text: &str, widths: [usize; N]) -> Option<[i16; N]> {
    let mut numbers = [0; N];
    let mut rest = text;
    for (number, width) in numbers.iter_mut().zip(widths) {
        let (digits, after) = rest.split_at_checked(width)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
        *number = digits.parse().ok()?;
        rest = after;
    }
    rest.is_empty().then_some(numbers)
}
