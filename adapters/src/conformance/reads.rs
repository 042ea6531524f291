//! What every read must be, and that nothing in it is guessed.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use turnpike_schemas::read::Observation;

use super::{Outcome, Subject};

/// One read, and where it comes from.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The payload.
    pub what: String,
    /// The read.
    pub read: Observation,
}

/// Before this nobody read plates for turnpike: a time in seconds taken for milliseconds ends up in January 1970.
const EARLIEST_S: i64 = 631_152_000;

/// A capture further in the future than any clock is wrong by.
const SKEW: SignedDuration = SignedDuration::from_hours(24);

/// Problems spelled out; more are alike.
const SPELLED_OUT: usize = 5;

/// Every read of the payloads.
pub(super) fn seen(subject: &Subject<'_>) -> Vec<Seen> {
    let mut seen = Vec::new();
    for payload in subject.payloads {
        let Ok(delivered) = payload.decode(subject.decoder()) else {
            continue;
        };
        let reads = delivered.page.reads.into_iter().enumerate();
        seen.extend(reads.map(|(number, read)| Seen {
            what: format!("{}, read {number}", payload.what),
            read,
        }));
    }
    seen
}

fn each(seen: &[Seen], mut wrong: impl FnMut(&Observation) -> Option<&'static str>) -> Outcome {
    if seen.is_empty() {
        return Outcome::NotApplicable("there is no read".to_owned());
    }
    let problems = seen.iter().filter_map(|one| {
        let what = wrong(&one.read)?;
        Some(format!("{}: {what}", one.what))
    });
    Outcome::of(problems.take(SPELLED_OUT).collect())
}

pub(super) fn every_read_has_identity_plate_and_instant(subject: &Subject<'_>) -> Outcome {
    identity(&seen(subject), subject.now)
}

pub(super) fn every_instant_has_a_known_zone(subject: &Subject<'_>) -> Outcome {
    zone(&seen(subject))
}

pub(super) fn confidences_are_on_the_scale(subject: &Subject<'_>) -> Outcome {
    scale(&seen(subject))
}

pub(super) fn no_read_is_at_nowhere(subject: &Subject<'_>) -> Outcome {
    position(&seen(subject))
}

pub(super) fn the_text_as_sent_is_kept(subject: &Subject<'_>) -> Outcome {
    raw(&seen(subject))
}

pub(super) fn reads_survive_being_written_and_read_again(subject: &Subject<'_>) -> Outcome {
    written(&seen(subject))
}

pub(super) fn identity(seen: &[Seen], now: Timestamp) -> Outcome {
    let earliest = Timestamp::from_second(EARLIEST_S).unwrap_or(Timestamp::MIN);
    let latest = now.checked_add(SKEW).unwrap_or(Timestamp::MAX);
    each(seen, |read| {
        let text = read.plate.plate.expose();
        if read.record.is_empty() {
            Some("the record has no identity")
        } else if read.record.len() > 256 {
            Some("the identity of the record is longer than 256 bytes")
        } else if text.is_empty() || !text.chars().all(char::is_alphanumeric) {
            Some("the plate is not normalized")
        } else if read.captured_at < earliest {
            Some("the time is before 1990: is its unit right?")
        } else if read.captured_at > latest {
            Some("the time is in the future: are its unit and zone right?")
        } else {
            None
        }
    })
}

pub(super) fn zone(seen: &[Seen]) -> Outcome {
    const DAY_S: i32 = 24 * 60 * 60;
    each(seen, |read| {
        let offset = read.captured_offset_s.unwrap_or(0);
        (!(-DAY_S..=DAY_S).contains(&offset)).then_some("the offset is more than a day")
    })
}

pub(super) fn scale(seen: &[Seen]) -> Outcome {
    each(seen, |read| {
        let on_scale = serde_json::to_value(read).is_ok_and(|json| on_scale(&json));
        (!on_scale).then_some("a confidence is not from 0 to 1")
    })
}

/// Whether everything called a confidence, however deep, is null or from 0 to 1.
fn on_scale(json: &Value) -> bool {
    match json {
        Value::Object(fields) => fields.iter().all(|(key, value)| {
            let confidence = key.ends_with("confidence");
            let in_range = value
                .as_f64()
                .is_some_and(|value| (0.0..=1.0).contains(&value));
            on_scale(value) && (!confidence || value.is_null() || in_range)
        }),
        Value::Array(list) => list.iter().all(on_scale),
        _ => true,
    }
}

pub(super) fn position(seen: &[Seen]) -> Outcome {
    each(seen, |read| match (read.place.lat, read.place.lon) {
        (None, None) => None,
        (Some(lat), Some(lon)) if lat == 0.0 && lon == 0.0 => Some("the position is 0,0"),
        (Some(lat), Some(lon)) => {
            let on_earth = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
            (!on_earth).then_some("the position is not on earth")
        }
        _ => Some("half a position"),
    })
}

pub(super) fn raw(seen: &[Seen]) -> Outcome {
    each(seen, |read| {
        let blank = read.plate.plate.expose_raw().trim().is_empty();
        blank.then_some("the plate as sent is blank")
    })
}

pub(super) fn written(seen: &[Seen]) -> Outcome {
    each(seen, |read| {
        let json = serde_json::to_string(read).unwrap_or_default();
        let back = serde_json::from_str::<Observation>(&json);
        let same = back.is_ok_and(|back| back == *read);
        (!same).then_some("it is another read after being written and read")
    })
}
