//! What Frigate's messages and events mean.

use jiff::Timestamp;
use turnpike_schemas::{
    plate::{Plate, PlateError},
    read::{
        Attribute, Confidence, ImageKind, ImageRef, Observation, ObservedPlate, ZoneProvenance,
    },
};

use super::{
    settings::Settings,
    wire::{Change, Event, EventData, Scored, Text, Tracked, Update},
};
use crate::adapter::{Item, Rejection};

/// Longest name of a camera or zone, in characters.
const MAX_NAME_CHARS: usize = 128;

/// Labels that say what kind of vehicle it is. Others (`person`, `license_plate`) are of something else.
const NO_VEHICLE: [&str; 3] = ["license_plate", "person", "face"];

/// Where a version of a record comes from. A later one of these replaces every version of an earlier one.
#[derive(Clone, Copy)]
enum Rank {
    /// The state of the tracked object.
    State = 0,
    /// A reading, with its own time.
    Reading = 1,
    /// What Frigate keeps, corrected by hand perhaps.
    Kept = 2,
}

/// Why a record is no read.
enum Not {
    /// A fault, by field and rule.
    Bad(&'static str, &'static str),
    /// No fault, by reason.
    Skipped(&'static str),
}

type Outcome<T> = Result<T, Not>;

/// A reading of a plate.
pub(super) fn update(wire: &Update<'_>, settings: &Settings) -> Item {
    let read = || {
        match wire.kind.as_ref().map(Text::as_str) {
            Some("lpr") => {}
            Some(_) => return Err(Not::Skipped("other_update")),
            None => return Err(Not::Bad("type", "missing")),
        }
        let plate = plate(wire.plate.as_ref().map(Text::as_str), "plate")?;
        let record = record(wire.id.as_ref())?;
        let at = time(wire.timestamp, "timestamp")?;
        let mut read = Observation::new(record, plate, at, ZoneProvenance::InValue);
        read.revision = revision(Rank::Reading, at);
        confidence(&mut read, wire.score);
        place(&mut read, wire.camera.as_ref(), settings);
        image(&mut read, None, settings);
        Ok(read)
    };
    item(read(), 0, "")
}

/// A change of a tracked object: a read where its plate has changed, and when it ends.
pub(super) fn change(wire: &Change<'_>, settings: &Settings) -> Item {
    let read = || {
        let after = wire.after.as_ref().ok_or(Not::Bad("after", "missing"))?;
        let text = |tracked: &Tracked<'_>| {
            let plate = tracked.recognized_license_plate.as_ref();
            plate.map(|plate| plate.text().to_owned())
        };
        let ends = match wire.kind.as_ref().map(Text::as_str) {
            Some("end") => true,
            Some("new" | "update") => false,
            Some(_) => return Err(Not::Bad("type", "unknown")),
            None => return Err(Not::Bad("type", "missing")),
        };
        if after.false_positive == Some(true) {
            return Err(Not::Skipped("false_positive"));
        }
        let plate = scored(
            after.recognized_license_plate.as_ref(),
            "after.recognized_license_plate",
        )?;
        if !ends && wire.before.as_ref().and_then(text) == text(after) {
            return Err(Not::Skipped("unchanged"));
        }
        let record = record(after.id.as_ref())?;
        let at = time(after.start_time, "after.start_time")?;
        let seen = time(after.frame_time, "after.frame_time")?;
        let mut read = Observation::new(record, plate, at, ZoneProvenance::InValue);
        read.revision = revision(Rank::State, seen);
        read.quality.push(EVENT_START.to_owned());
        let pair = after.recognized_license_plate.as_ref();
        let score = after.recognized_license_plate_score;
        confidence(&mut read, score.or_else(|| pair.and_then(Scored::score)));
        place(&mut read, after.camera.as_ref(), settings);
        zones(&mut read, after.current_zones.as_deref());
        let angle = after
            .velocity_angle
            .filter(|deg| (0.0..=360.0).contains(deg));
        read.place.image_bearing_deg = angle;
        class(&mut read, after.label.as_ref());
        let speed = after.average_estimated_speed.filter(|speed| *speed > 0.0);
        if let Some(speed) = speed {
            let key = "average_estimated_speed".to_owned();
            read.extra.insert(key, speed.to_string());
        }
        image(&mut read, after.has_snapshot, settings);
        Ok(read)
    };
    item(read(), 0, "")
}

/// What an event says about its plate.
pub(super) enum Said {
    /// It has one, or ought to have.
    Item(Item),
    /// It has none.
    NoPlate(String),
    /// It is still going on.
    UnderWay,
}

/// An event as Frigate keeps it.
pub(super) fn event(wire: &Event<'_>, number: u64, settings: &Settings) -> Said {
    if wire.end_time.is_none() && wire.start_time.is_some() {
        return Said::UnderWay;
    }
    let none = EventData::default();
    let data = wire.data.as_ref().unwrap_or(&none);
    let found = scored(
        data.recognized_license_plate.as_ref(),
        "data.recognized_license_plate",
    );
    let is_false = wire.false_positive == Some(true);
    if let (Ok(record), true) = (
        record(wire.id.as_ref()),
        is_false || matches!(found, Err(Not::Skipped(_))),
    ) {
        return Said::NoPlate(record);
    }
    let read = || {
        let (plate, record) = (found?, record(wire.id.as_ref())?);
        let at = time(wire.start_time, "start_time")?;
        let ended = time(wire.end_time, "end_time")?;
        let mut read = Observation::new(record, plate, at, ZoneProvenance::InValue);
        read.revision = revision(Rank::Kept, ended);
        read.quality.push(EVENT_START.to_owned());
        let pair = data.recognized_license_plate.as_ref();
        let score = data.recognized_license_plate_score;
        confidence(&mut read, score.or_else(|| pair.and_then(Scored::score)));
        place(&mut read, wire.camera.as_ref(), settings);
        zones(&mut read, wire.zones.as_deref());
        class(&mut read, wire.label.as_ref());
        image(&mut read, wire.has_snapshot, settings);
        Ok(read)
    };
    Said::Item(item(read(), number, ""))
}

/// The only time a tracked object has is when it was first seen, which is before its plate was read.
const EVENT_START: &str = "captured_at_event_start";

fn item(read: Outcome<Observation>, number: u64, field: &str) -> Item {
    match read {
        Ok(read) => Item::Read(Box::new(read)),
        Err(Not::Skipped(reason)) => Item::Skipped(reason),
        Err(Not::Bad(name, rule)) => {
            Item::Rejected(Rejection::new(Some(number), format!("{field}{name}"), rule))
        }
    }
}

fn scored(plate_of: Option<&Scored<'_>>, field: &'static str) -> Outcome<Plate> {
    plate(plate_of.map(Scored::text), field)
}

fn plate(text: Option<&str>, field: &'static str) -> Outcome<Plate> {
    let text = text.unwrap_or_default();
    // Kept by some versions where two were read; which of them it was is not said.
    if text.contains(',') {
        return Err(Not::Bad(field, "more than one plate"));
    }
    Plate::parse(text).map_err(|error| match error {
        PlateError::Empty => Not::Skipped("no_plate"),
        _ => Not::Bad(field, "longer than 20 characters"),
    })
}

fn record(id: Option<&Text<'_>>) -> Outcome<String> {
    let id = id.map(Text::as_str).filter(|id| !id.trim().is_empty());
    let id = id.ok_or(Not::Bad("id", "missing"))?;
    if id.len() > 128 || id.chars().any(char::is_control) {
        return Err(Not::Bad("id", "not an id"));
    }
    Ok(id.to_owned())
}

/// Seconds since 1970. Microseconds are as many as Frigate means.
fn time(seconds: Option<f64>, field: &'static str) -> Outcome<Timestamp> {
    let seconds = seconds.ok_or(Not::Bad(field, "missing"))?;
    let micros = (seconds * 1e6).round();
    // Beyond this no integer is exact any more, and no year has four digits.
    let whole = (1.0..9e15)
        .contains(&micros)
        .then(|| format!("{micros:.0}"));
    let time = whole.and_then(|text| Timestamp::from_microsecond(text.parse().ok()?).ok());
    let year_9999 = |time: &Timestamp| time.as_second() < 253_402_300_800;
    time.filter(year_9999)
        .ok_or(Not::Bad(field, "not a time in seconds since 1970"))
}

/// Milliseconds of `at`, below 2^42, under the rank of its origin: always below 2^44.
fn revision(rank: Rank, at: Timestamp) -> u64 {
    let ms = u64::try_from(at.as_millisecond()).unwrap_or(0);
    ((rank as u64) << 42) | ms.min((1 << 42) - 1)
}

fn confidence(read: &mut Observation, score: Option<f64>) {
    let confidence = score.map(Confidence::new);
    let plate: &mut ObservedPlate = &mut read.plate;
    match confidence {
        Some(Ok(confidence)) => plate.confidence = Some(confidence),
        Some(Err(_)) => read.quality.push("confidence_off_scale".to_owned()),
        None => {}
    }
}

fn place(read: &mut Observation, camera: Option<&Text<'_>>, settings: &Settings) {
    let Some(text) = camera.map(Text::as_str) else {
        return;
    };
    if let Some(known) = settings.camera(text) {
        read.place.site.clone_from(&known.site);
        if let (Some(lat), Some(lon)) = (known.lat, known.lon) {
            // Checked with the settings.
            read.place.set_position(lat, lon);
        }
    }
    read.place.camera = name(text);
}

/// One zone is a lane; several do not say which.
fn zones(read: &mut Observation, zones: Option<&[Text<'_>]>) {
    let named = zones.unwrap_or_default().iter();
    let named: Vec<String> = named
        .filter_map(|zone| name(zone.as_str()))
        .take(16)
        .collect();
    match named.as_slice() {
        [] => {}
        [one] => read.place.lane = Some(one.clone()),
        several => {
            read.extra.insert("zones".to_owned(), several.join(","));
        }
    }
}

fn class(read: &mut Observation, label: Option<&Text<'_>>) {
    let label = label
        .map(Text::as_str)
        .filter(|label| !NO_VEHICLE.contains(label));
    read.vehicle.class = label.and_then(name).map(|value| Attribute {
        value,
        confidence: None,
    });
}

/// Referred to wherever the API is configured and Frigate does not say that there is none.
fn image(read: &mut Observation, has_snapshot: Option<bool>, settings: &Settings) {
    let has = has_snapshot != Some(false) && settings.api_url.is_some();
    if has && is_path_safe(&read.record) {
        read.images.push(ImageRef {
            kind: ImageKind::Scene,
            reference: format!("events/{}", read.record),
            expires_at: None,
        });
    }
}

/// Whether an id can stand in a path: `<epoch>-<random>`.
pub(super) fn is_path_safe(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    id.len() <= 64
        && id.bytes().all(plain)
        && id.starts_with(|first: char| first.is_ascii_digit())
        && id.contains('-')
}

fn name(text: &str) -> Option<String> {
    let clean = text.trim().chars().filter(|c| !c.is_control());
    let name: String = clean.take(MAX_NAME_CHARS).collect();
    (!name.is_empty()).then_some(name)
}
