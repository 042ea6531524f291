//! From the camera's words to an observation: every interpretation is here.

use std::borrow::Cow;

use turnpike_schemas::{
    plate::{Jurisdiction, Plate, PlateError},
    read::{Attribute, Confidence, Observation, Place},
};

use super::{
    settings::Settings,
    states,
    time::instant,
    wire::{Record, Text, known, reject},
};
use crate::adapter::{Item, Rejection};

/// Longest identity, bytes.
const MAX_ID_BYTES: usize = 128;
/// Most characters of a name that is passed on.
const MAX_NAME_CHARS: usize = 128;

/// What a record becomes.
pub(super) fn item(record: &Record<'_>, settings: &Settings) -> Item {
    let read = plate(record)
        .and_then(|plate| observation(record, plate, settings).map_err(Item::Rejected));
    read.map_or_else(|item| item, |read| Item::Read(Box::new(read)))
}

fn plate(record: &Record<'_>) -> Result<Plate, Item> {
    let reject = |rule| Item::Rejected(reject("PlateRead", rule));
    let text = record
        .plate_read
        .as_ref()
        .ok_or_else(|| reject("missing"))?;
    Plate::parse(&text.0).map_err(|error| match error {
        PlateError::Empty => Item::Skipped("no_plate"),
        _ => reject("longer than 20 characters"),
    })
}

fn observation(
    record: &Record<'_>,
    plate: Plate,
    settings: &Settings,
) -> Result<Observation, Rejection> {
    let id = identity(record.id.as_ref())?;
    let time = record
        .timestamp
        .as_ref()
        .ok_or_else(|| reject("Timestamp", "missing"))?;
    let time =
        instant(&time.0, settings.zone.as_ref()).map_err(|rule| reject("Timestamp", rule))?;
    let mut read = Observation::new(id, plate, time.at, time.zone);
    read.captured_offset_s = time.offset_s;
    let mut quality = Vec::new();
    read.plate.confidence = confidence(record, &mut quality)?;
    issuer(record, settings, &mut read, &mut quality);
    place(record, settings, &mut read.place, &mut quality);
    read.vehicle.make = attribute(record, "Vehicle Make");
    read.vehicle.class = attribute(record, "Vehicle Type");
    read.quality = quality;
    // Of these the guide gives neither values nor units, so they stay in the camera's words.
    keep(
        &mut read,
        "relative_motion",
        record.value("Relative Motion"),
    );
    keep(&mut read, "speed", record.value("Speed"));
    Ok(read)
}

fn keep(read: &mut Observation, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        read.extra.insert(name.to_owned(), short(value));
    }
}

/// The camera's GUID, written in one way whichever form it came in.
fn identity(id: Option<&Text<'_>>) -> Result<String, Rejection> {
    let id = id.ok_or_else(|| reject("Id", "missing"))?.0.trim();
    let id = id
        .strip_prefix('{')
        .and_then(|id| id.strip_suffix('}'))
        .unwrap_or(id);
    if !(1..=MAX_ID_BYTES).contains(&id.len()) {
        return Err(reject("Id", "empty or longer than 128 bytes"));
    }
    let is_guid = id.len() == 36
        && id
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    Ok(if is_guid {
        id.to_ascii_lowercase()
    } else {
        id.to_owned()
    })
}

/// 0 to 100, as text in `Value`, else in `Score`, where -1.0 is unknown. Off the scale it is left out and noted.
fn confidence(
    record: &Record<'_>,
    quality: &mut Vec<String>,
) -> Result<Option<Confidence>, Rejection> {
    const KEY: &str = "Confidence Score";
    let said = match (record.value(KEY), record.analytic(KEY)) {
        (Some(text), _) => {
            let number = text.parse::<f64>();
            Some(number.map_err(|_| reject("PlateAnalytics/Confidence Score", "not a number"))?)
        }
        (None, analytic) => analytic
            .and_then(|analytic| analytic.score)
            .filter(|score| *score != -1.0),
    };
    let confidence = said.map(Confidence::from_percent).transpose();
    Ok(confidence.unwrap_or_else(|_| {
        quality.push("confidence_off_scale".to_owned());
        None
    }))
}

/// The state that issued the plate, where both its country and its own name are known; else the country alone.
///
/// A default country only says where a state is: without a state it would be a guess.
fn issuer(
    record: &Record<'_>,
    settings: &Settings,
    read: &mut Observation,
    quality: &mut Vec<String>,
) {
    let context = record.value("Context");
    let country = context
        .and_then(|context| Jurisdiction::parse(context).ok())
        .filter(|country| !country.has_subdivision());
    if country.is_none() {
        keep(read, "plate_context", context);
    }
    let state = record.value("State Name");
    let within = country.as_ref().or(settings.default_country.as_ref());
    let named = state
        .zip(within)
        .and_then(|(state, country)| states::jurisdiction(country, state));
    if named.is_none() && state.is_some() {
        quality.push("unknown_state".to_owned());
        keep(read, "plate_state", state);
    }
    read.plate.jurisdiction = named.or(country);
}

/// 0.0 and 0.0 mean that the camera has no GPS.
fn place(record: &Record<'_>, settings: &Settings, place: &mut Place, quality: &mut Vec<String>) {
    let name = known(record.lpr_camera_name.as_ref());
    let configured = name.and_then(|name| settings.camera(name));
    place.site = configured.and_then(|camera| camera.site.clone());
    place.camera = name
        .or(known(record.context_camera_name.as_ref()))
        .map(short);
    place.lane = record.value("Lane").map(short);
    let sent = record.latitude.zip(record.longitude);
    let sent = sent.filter(|position| *position != (0.0, 0.0));
    let table = configured.and_then(|camera| camera.lat.zip(camera.lon));
    match sent {
        Some((lat, lon)) if place.set_position(lat, lon) => return,
        Some(_) => quality.push("position_off_scale".to_owned()),
        None => {}
    }
    if let Some((lat, lon)) = table {
        place.set_position(lat, lon);
    }
}

/// The scores of properties are not on a documented scale and are not used.
fn attribute(record: &Record<'_>, key: &str) -> Option<Attribute> {
    Some(Attribute {
        value: short(record.value(key)?),
        confidence: None,
    })
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
