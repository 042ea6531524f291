//! From an entity to an observation: every interpretation is here.

use std::borrow::Cow;

use jiff::{
    Timestamp,
    fmt::temporal::{Pieces, PiecesOffset},
};
use serde_json::value::RawValue;
use turnpike_schemas::{
    plate::{Jurisdiction, Plate, PlateError},
    read::{Attribute as Property, Confidence, Observation, ZoneProvenance},
};

use super::{
    attribute::{Attribute, Text},
    wire::{self, Entity, TYPE, reject, text, value},
};
use crate::adapter::{Item, Rejection};

/// Longest identity, bytes.
const MAX_ID_BYTES: usize = 256;
/// Most characters of a name that is passed on.
const MAX_NAME_CHARS: usize = 128;

/// What entity number `record` becomes. `visual` takes what a person read as well.
pub(super) fn item(raw: &RawValue, record: u64, visual: bool) -> Item {
    let read = wire::entity(raw, record)
        .map_err(Item::Rejected)
        .and_then(|entity| {
            is_plate_read(&entity, record, visual)?;
            observation(&entity, record)
        });
    read.map_or_else(|item| item, |read| Item::Read(Box::new(read)))
}

/// Whether the entity tells of a licence plate that was read in a way that is taken.
///
/// ANPR reads nothing but plates, so there the kind of credential may be left out; else it must be said.
fn is_plate_read(entity: &Entity<'_>, record: u64, visual: bool) -> Result<(), Item> {
    match entity.kind.as_ref().map(|kind| &*kind.0) {
        Some(TYPE) => {}
        Some(_) => {
            return Err(Item::Rejected(reject(
                record,
                "type",
                "not APDSObservation",
            )));
        }
        None => return Err(Item::Rejected(reject(record, "type", "missing"))),
    }
    if is_gone(entity) && value(&entity.observed_credential_id).is_none() {
        let rule = "missing from a deletion";
        return Err(Item::Rejected(reject(record, "observedCredentialId", rule)));
    }
    let method = text(&entity.observed_method);
    match method {
        None | Some("anpr") => {}
        Some("visual") if visual => {}
        Some(_) => return Err(Item::Skipped("other_method")),
    }
    match text(&entity.observed_credential_type) {
        Some("licensePlate") => Ok(()),
        None if method == Some("anpr") => Ok(()),
        None => Err(Item::Rejected(reject(
            record,
            "observedCredentialType",
            "missing",
        ))),
        Some(_) => Err(Item::Skipped("other_credential")),
    }
}

fn observation(entity: &Entity<'_>, record: u64) -> Result<Observation, Item> {
    let reject = |field: &str, rule: &str| Item::Rejected(reject(record, field, rule));
    let id = identity(entity).map_err(|rule| reject("id", rule))?;
    let plate = value(&entity.observed_credential_id)
        .ok_or_else(|| reject("observedCredentialId", "missing"))?;
    let plate = Plate::parse(&plate.0).map_err(|error| match error {
        PlateError::Empty => Item::Skipped("no_plate"),
        _ => reject("observedCredentialId", "longer than 20 characters"),
    })?;
    let captured = captured(entity, record).map_err(Item::Rejected)?;
    let mut read = Observation::new(id, plate, captured.at, ZoneProvenance::InValue);
    read.captured_offset_s = captured.offset_s;
    (read.revision, read.retracted) = version(entity, record).map_err(Item::Rejected)?;
    describe_plate(entity, &mut read);
    describe_place(entity, &mut read);
    read.vehicle.make = property(&entity.observed_vehicle_make);
    read.vehicle.colour = property(&entity.observed_vehicle_colour);
    read.vehicle.class = property(&entity.observed_vehicle_type);
    describe_rest(entity, &mut read);
    Ok(read)
}

fn identity(entity: &Entity<'_>) -> Result<String, &'static str> {
    let id = entity.id.as_ref().ok_or("missing")?.0.trim();
    if (1..=MAX_ID_BYTES).contains(&id.len()) {
        Ok(id.to_owned())
    } else {
        Err("empty or longer than 256 bytes")
    }
}

/// An instant as written.
struct Written {
    at: Timestamp,
    /// Local time's offset from UTC in seconds, where the text states one.
    offset_s: Option<i32>,
}

/// The moment of the observation, else the start of the stay that was observed.
fn captured(entity: &Entity<'_>, record: u64) -> Result<Written, Rejection> {
    let moment = time(&entity.observation_date_time, "observationDateTime", record)?;
    let start = || {
        time(
            &entity.observation_start_date_time,
            "observationStartDateTime",
            record,
        )
    };
    match moment {
        Some(moment) => Ok(moment),
        None => start()?.ok_or_else(|| reject(record, "observationDateTime", "missing")),
    }
}

fn time(
    attribute: &Option<Attribute<Text<'_>>>,
    field: &str,
    record: u64,
) -> Result<Option<Written>, Rejection> {
    match text(attribute).map(written) {
        None => Ok(None),
        Some(Some(written)) => Ok(Some(written)),
        Some(None) => Err(reject(record, field, "not a time with a zone")),
    }
}

fn written(text: &str) -> Option<Written> {
    // Seconds are part of the format; the parser would take less.
    if !(20..=40).contains(&text.len()) {
        return None;
    }
    let pieces = Pieces::parse(text).ok()?;
    let offset_s = match pieces.offset()? {
        PiecesOffset::Numeric(numeric) if !numeric.offset().is_zero() => {
            Some(numeric.offset().seconds())
        }
        _ => None,
    };
    let at = text.parse().ok()?;
    Some(Written { at, offset_s })
}

/// The order among versions of the entity, and whether this one says that it is gone: when it was modified, in
/// milliseconds, doubled, and one more if it is gone. Without times every version is the first.
fn version(entity: &Entity<'_>, record: u64) -> Result<(u64, bool), Rejection> {
    let modified = time(&entity.date_modified, "dateModified", record)?;
    let deleted = time(&entity.deleted_at, "deletedAt", record)?;
    let gone = is_gone(entity);
    let times = [modified, deleted];
    let latest = times.iter().flatten().map(|written| written.at).max();
    let ms = latest.map_or(0, |at| u64::try_from(at.as_millisecond()).unwrap_or(0));
    Ok((ms << 1 | u64::from(gone), gone))
}

fn is_gone(entity: &Entity<'_>) -> bool {
    text(&entity.deleted_at).is_some() || text(&entity.alteration_type) == Some("entityDelete")
}

fn describe_plate(entity: &Entity<'_>, read: &mut Observation) {
    let sure = value(&entity.observed_credential_confidence).map(|sure| Confidence::new(*sure));
    match sure {
        None => {}
        Some(Ok(sure)) => read.plate.confidence = Some(sure),
        Some(Err(_)) => doubt(read, "confidence_off_scale"),
    }
    let country = text(&entity.observed_credential_country).filter(|code| *code != "XX");
    let Some(country) = country else { return };
    // The sign on a vehicle (`D`, `B`) is another code, so nothing but two letters is taken for a country.
    let known = Jurisdiction::parse(country).ok();
    read.plate.jurisdiction = known.filter(|code| !code.has_subdivision());
    if read.plate.jurisdiction.is_none() {
        doubt(read, "unknown_country");
        keep(read, "plate_country", Some(country));
    }
}

/// The vehicle's position, else the scan car's, which is marked.
fn describe_place(entity: &Entity<'_>, read: &mut Observation) {
    let position = |location: &Option<super::attribute::Location>| location.as_ref()?.0;
    let is_set = |position: &super::attribute::Position| (position.lat, position.lon) != (0.0, 0.0);
    let observed = position(&entity.observed_location).filter(is_set);
    let observer = position(&entity.observer_location).filter(is_set);
    match (observed, observer) {
        (Some(of), _) if read.place.set_position(of.lat, of.lon) => {}
        (observed, Some(of)) if read.place.set_position(of.lat, of.lon) => {
            if observed.is_some() {
                doubt(read, "position_off_scale");
            }
            doubt(read, "position_of_observer");
        }
        (None, None) => {}
        _ => doubt(read, "position_off_scale"),
    }
    let camera = value(&entity.observer_cameras)
        .and_then(|cameras| cameras.0.as_ref()?.0.split(',').next())
        .map(str::trim)
        .filter(|camera| !camera.is_empty());
    read.place.camera = match (text(&entity.observer), camera) {
        (Some(observer), Some(camera)) => Some(short(&format!("{observer}/{camera}"))),
        (observer, camera) => observer.or(camera).map(short),
    };
    match value(&entity.observed_heading).copied() {
        None => {}
        Some(heading) if (0.0..360.0).contains(&heading) => read.place.bearing_deg = Some(heading),
        Some(-1.0) => {}
        Some(_) => doubt(read, "direction_off_scale"),
    }
}

fn describe_rest(entity: &Entity<'_>, read: &mut Observation) {
    keep(read, "scan_car", text(&entity.observer_description));
    keep(
        read,
        "ended_at",
        text(&entity.observation_end_date_time).filter(|end| written(end).is_some()),
    );
    let towards = value(&entity.towards_observer).copied();
    let motion = towards.and_then(|towards| match towards {
        1.0 => Some("towards"),
        0.0 => Some("away"),
        _ => None,
    });
    keep(read, "motion_to_observer", motion);
    let speed = value(&entity.observed_speed).filter(|speed| **speed >= 0.0);
    keep(read, "speed_kmh", speed.map(f64::to_string).as_deref());
    let mut shown: Vec<&str> = Vec::new();
    for one in value(&entity.images)
        .into_iter()
        .flat_map(|images| &images.0)
    {
        let one = one.0.trim();
        if !one.is_empty() && !shown.contains(&one) {
            shown.push(one);
        }
    }
    let shown = (!shown.is_empty()).then(|| shown.join(", "));
    keep(read, "images_show", shown.as_deref());
}

fn property(attribute: &Option<Attribute<Text<'_>>>) -> Option<Property> {
    Some(Property {
        value: short(text(attribute)?),
        confidence: None,
    })
}

fn doubt(read: &mut Observation, word: &str) {
    read.quality.push(word.to_owned());
}

fn keep(read: &mut Observation, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        read.extra.insert(name.to_owned(), short(value));
    }
}

/// A word without control characters, cut to a length that is fit to pass on.
fn short(text: &str) -> String {
    let plain = text.len() <= MAX_NAME_CHARS && !text.contains(char::is_control);
    let text = if plain {
        Cow::Borrowed(text)
    } else {
        let kept = text.chars().filter(|c| !c.is_control());
        Cow::Owned(kept.take(MAX_NAME_CHARS).collect())
    };
    text.into_owned()
}
