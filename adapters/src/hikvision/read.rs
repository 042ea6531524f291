//! From the camera's words to an observation: every interpretation is here.

use sha2::{Digest, Sha256};
use turnpike_schemas::{
    plate::{Plate, PlateError},
    read::{Attribute, Candidate, Confidence, Observation, Place},
};

use super::{
    settings::{Camera, Settings},
    time::{Instant, Sent},
    wire::{Alert, Fault, Field},
};
use crate::adapter::{Item, Rejection};

/// Most characters of a name that is passed on.
const MAX_NAME_CHARS: usize = 128;
/// Longest event id, in bytes.
const MAX_ID: usize = 128;
/// Longest opaque value that is passed on, in bytes.
const MAX_WORD: usize = 128;
/// Longest part of a camera's identity, in bytes.
const MAX_PART: usize = 48;

const NOT_TEXT: &str = "not text in its encoding";

/// Chinese firmware writes the plate's colour before its text.
const COLOUR_MARKS: [(char, &str); 5] = [
    ('蓝', "blue"),
    ('黄', "yellow"),
    ('白', "white"),
    ('黑', "black"),
    ('绿', "green"),
];

/// What one document becomes, as record number `record` of its message.
pub(super) fn item(text: &str, record: u64, settings: &Settings) -> Item {
    let rejected = |(field, rule): Fault| Item::Rejected(Rejection::new(Some(record), field, rule));
    match Alert::parse(text) {
        Err(rule) => rejected(("(document)", rule)),
        Ok(alert) => understood(&alert, settings).unwrap_or_else(rejected),
    }
}

fn understood(alert: &Alert<'_>, settings: &Settings) -> Result<Item, Fault> {
    let kind = alert
        .get(Field::EventType)
        .ok_or(missing(Field::EventType))?;
    let inactive = alert.get(Field::EventState) == Some("inactive");
    if !kind.eq_ignore_ascii_case("ANPR") {
        let heartbeat = inactive && kind.eq_ignore_ascii_case("videoloss");
        return Ok(Item::Skipped(if heartbeat {
            "heartbeat"
        } else {
            "other_event"
        }));
    }
    if !alert.has_anpr {
        return if inactive {
            Ok(Item::Skipped("end_of_event"))
        } else {
            Err(("ANPR", "missing"))
        };
    }
    alert.fault().map_or(Ok(()), Err)?;
    let Some(plate) = plate(alert)? else {
        return Ok(Item::Skipped("no_plate"));
    };
    read(alert, plate, settings).map(|read| Item::Read(Box::new(read)))
}

fn read(alert: &Alert<'_>, plate: Plate, settings: &Settings) -> Result<Observation, Fault> {
    let mut doubts = Vec::new();
    let key = camera_key(alert)?;
    let camera = key.as_deref().and_then(|key| settings.camera(key));
    let instant = instant(alert, settings, camera)?;
    if instant.disagrees {
        doubts.push("offset_disagrees");
    }
    let record = record(alert, key.as_deref(), &plate)?;
    let mut read = Observation::new(record, plate, instant.at, instant.zone);
    read.captured_offset_s = instant.offset_s;
    fill_plate(&mut read, alert, settings, &mut doubts)?;
    fill_place(&mut read, alert, settings, key, &mut doubts)?;
    fill_vehicle(&mut read, alert)?;
    if alert.get(Field::Resent) == Some("true") {
        doubts.push("resent");
    }
    read.quality = doubts.into_iter().map(str::to_owned).collect();
    Ok(read)
}

/// The plate; `None` where the camera saw a vehicle and read nothing.
fn plate(alert: &Alert<'_>) -> Result<Option<Plate>, Fault> {
    let sent = alert.sent(Field::LicensePlate);
    let text = sound(
        Field::LicensePlate,
        sent.ok_or(missing(Field::LicensePlate))?,
    )?;
    if is_unknown(text) {
        return Ok(None);
    }
    match Plate::parse(without_colour(text, alert)) {
        Ok(plate) => Ok(Some(plate)),
        Err(PlateError::TooLong) => Err((Field::LicensePlate.path(), "longer than 20 characters")),
        Err(_) => Ok(None),
    }
}

/// The text without the colour before it, if the colour is the plate's.
fn without_colour<'t>(text: &'t str, alert: &Alert<'_>) -> &'t str {
    let colour = alert.get(Field::PlateColour).unwrap_or_default();
    let mark = COLOUR_MARKS.iter().find(|(_, name)| *name == colour);
    mark.and_then(|(mark, _)| text.strip_prefix(*mark))
        .unwrap_or(text)
}

fn instant(
    alert: &Alert<'_>,
    settings: &Settings,
    camera: Option<&Camera>,
) -> Result<Instant, Fault> {
    let field = Field::DateTime.path();
    let text = alert.get(Field::DateTime).ok_or((field, "missing"))?;
    let sent = Sent::parse(text).ok_or((field, "not a time such as 2026-03-04T08:15:30+01:00"))?;
    sent.with_picture(alert.get(Field::AbsTime))
        .instant(settings.clock(camera))
        .map_err(|rule| (field, rule))
}

/// `mac/channel`, lower case: the address of the device changes, this does not.
fn camera_key(alert: &Alert<'_>) -> Result<Option<String>, Fault> {
    let Some(mac) = bounded(alert, Field::MacAddress)? else {
        return Ok(None);
    };
    let mac = mac.to_ascii_lowercase();
    Ok(Some(match bounded(alert, Field::ChannelId)? {
        Some(channel) => format!("{mac}/{channel}"),
        None => mac,
    }))
}

/// The event's id under its camera, because ids of some firmware only count up. Without an id, a digest of what
/// tells passages apart: the same when sent again.
fn record(alert: &Alert<'_>, key: Option<&str>, plate: &Plate) -> Result<String, Fault> {
    if let Some(id) = alert.get(Field::Uuid) {
        let id = sound(Field::Uuid, id)?;
        if id.len() > MAX_ID {
            return Err((Field::Uuid.path(), "longer than 128 bytes"));
        }
        return Ok(key.map_or_else(|| id.to_owned(), |key| format!("{key}/{id}")));
    }
    let key = key.ok_or((Field::MacAddress.path(), "missing, and there is no UUID"))?;
    let at = alert.get(Field::DateTime).unwrap_or_default();
    let mut digest = Sha256::new();
    for part in [key, at, plate.expose()] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    let digest: [u8; 32] = digest.finalize().into();
    let digest = digest.first_chunk().copied().unwrap_or_default();
    Ok(format!("{key}/sha256-{:032x}", u128::from_be_bytes(digest)))
}

fn fill_plate(
    read: &mut Observation,
    alert: &Alert<'_>,
    settings: &Settings,
    doubts: &mut Vec<&'static str>,
) -> Result<(), Fault> {
    if let Some(percent) = number(alert, Field::Confidence)? {
        read.plate.confidence = Confidence::from_percent(percent).ok();
        if read.plate.confidence.is_none() {
            doubts.push("confidence_off_scale");
        }
    }
    let original = alert.get(Field::OriginalPlate);
    let original =
        original.filter(|text| !is_unknown(text) && sound(Field::OriginalPlate, text).is_ok());
    let original = original.and_then(|text| Plate::parse(without_colour(text, alert)).ok());
    if let Some(plate) = original.filter(|plate| *plate != read.plate.plate) {
        let confidence = None;
        read.plate.candidates.push(Candidate { plate, confidence });
    }
    let country = alert.get(Field::Country);
    read.plate.jurisdiction = country.and_then(|code| settings.country(code)).cloned();
    for (field, name) in [
        (Field::Country, "country"),
        (Field::CountryAbbreviation, "country_abbreviation"),
        (Field::PlateType, "plate_type"),
        (Field::PlateColour, "plate_colour"),
        (Field::CharConfidence, "plate_char_confidence"),
    ] {
        keep(read, alert, field, name)?;
    }
    Ok(())
}

fn fill_place(
    read: &mut Observation,
    alert: &Alert<'_>,
    settings: &Settings,
    key: Option<String>,
    doubts: &mut Vec<&'static str>,
) -> Result<(), Fault> {
    let camera = key.as_deref().and_then(|key| settings.camera(key));
    let place = &mut read.place;
    place.site = camera.and_then(|camera| camera.site.clone());
    place.lane = whole_number(alert, Field::Line)?.map(str::to_owned);
    set_position(place, alert, settings, camera, doubts)?;
    let direction = alert.get(Field::Direction);
    let turn = match direction {
        Some("forward") => Some(0.0),
        Some("reverse") => Some(180.0),
        _ => None,
    };
    let forward = camera.and_then(|camera| camera.forward_deg);
    place.bearing_deg = forward.zip(turn).map(|(deg, turn)| (deg + turn) % 360.0);
    place.camera = name(alert.get(Field::ChannelName));
    if place.camera.is_none() {
        place.camera = key;
    } else if let Some(key) = key {
        read.extra.insert("camera_id".to_owned(), key);
    }
    keep(read, alert, Field::Direction, "direction")
}

/// The operator's position of the camera, else its own if that is believed.
fn set_position(
    place: &mut Place,
    alert: &Alert<'_>,
    settings: &Settings,
    camera: Option<&Camera>,
    doubts: &mut Vec<&'static str>,
) -> Result<(), Fault> {
    if let Some((lat, lon)) = camera.and_then(|camera| camera.position) {
        place.set_position(lat, lon);
        return Ok(());
    }
    if !settings.trust_device_position {
        return Ok(());
    }
    use Field as F;
    let lat = [F::LatitudeDegree, F::LatitudeMinute, F::LatitudeSecond];
    let lon = [F::LongitudeDegree, F::LongitudeMinute, F::LongitudeSecond];
    let lat = degrees(alert, lat, F::LatitudeType, ["N", "S"])?;
    let lon = degrees(alert, lon, F::LongitudeType, ["E", "W"])?;
    // 0,0 is what a camera without a position sends.
    if let Some((lat, lon)) = lat.zip(lon)
        && (lat, lon) != (0.0, 0.0)
        && !place.set_position(lat, lon)
    {
        doubts.push("position_off_scale");
    }
    Ok(())
}

/// Degrees with their sign; `None` where a part is missing or the side is not one of two.
fn degrees(
    alert: &Alert<'_>,
    [degree, minute, second]: [Field; 3],
    side: Field,
    [positive, negative]: [&str; 2],
) -> Result<Option<f64>, Fault> {
    let sign = match alert.get(side) {
        Some(side) if side == positive => 1.0,
        Some(side) if side == negative => -1.0,
        Some(_) => return Err((side.path(), "unknown")),
        None => return Ok(None),
    };
    let whole = number(alert, degree)?.zip(number(alert, minute)?);
    let Some((whole, minutes)) = whole else {
        return Ok(None);
    };
    let seconds = number(alert, second)?.unwrap_or(0.0);
    for (value, field) in [(minutes, minute), (seconds, second)] {
        if !(0.0..60.0).contains(&value) {
            return Err((field.path(), "not 0 to 60"));
        }
    }
    Ok(Some(sign * (whole + minutes / 60.0 + seconds / 3600.0)))
}

fn fill_vehicle(read: &mut Observation, alert: &Alert<'_>) -> Result<(), Fault> {
    let said = |field| -> Result<Option<Attribute>, Fault> {
        let word = word(alert, field)?;
        Ok(word.map(|value| Attribute {
            value: value.to_owned(),
            confidence: None,
        }))
    };
    read.vehicle.class = said(Field::VehicleType)?;
    read.vehicle.colour = said(Field::Colour)?;
    // Make and model are numbers of a table that the vendor does not publish; 0 is none.
    for (field, name) in [
        (Field::Logo, "vehicle_logo"),
        (Field::SubLogo, "vehicle_sub_logo"),
        (Field::Model, "vehicle_model"),
    ] {
        if alert.get(field) != Some("0") {
            keep(read, alert, field, name)?;
        }
    }
    keep(read, alert, Field::Speed, "speed")
}

/// Passes on a value that has no field of its own.
fn keep(read: &mut Observation, alert: &Alert<'_>, field: Field, name: &str) -> Result<(), Fault> {
    if let Some(word) = word(alert, field)? {
        read.extra.insert(name.to_owned(), word.to_owned());
    }
    Ok(())
}

/// A word of the vendor's that says something. One that is not text is left out.
fn word<'a>(alert: &'a Alert<'_>, field: Field) -> Result<Option<&'a str>, Fault> {
    let Some(text) = alert.get(field) else {
        return Ok(None);
    };
    if text.len() > MAX_WORD {
        return Err((field.path(), "longer than 128 bytes"));
    }
    let none = is_unknown(text) || (field == Field::CountryAbbreviation && text == "NON");
    let plain = sound(field, text).is_ok() && !text.chars().any(char::is_control);
    Ok((!none && plain).then_some(text))
}

fn number(alert: &Alert<'_>, field: Field) -> Result<Option<f64>, Fault> {
    let number = alert.get(field).map(|text| text.parse::<f64>());
    number
        .transpose()
        .map_err(|_| (field.path(), "not a number"))
}

fn whole_number<'a>(alert: &'a Alert<'_>, field: Field) -> Result<Option<&'a str>, Fault> {
    let text = alert.get(field);
    let digits = |text: &str| text.len() < 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    match text {
        Some(text) if !digits(text) => Err((field.path(), "not a whole number")),
        text => Ok(text),
    }
}

/// A part of an identity.
fn bounded<'a>(alert: &'a Alert<'_>, field: Field) -> Result<Option<&'a str>, Fault> {
    match alert.get(field) {
        Some(text) if text.len() > MAX_PART => Err((field.path(), "longer than 48 bytes")),
        Some(text) => sound(field, text).map(Some),
        None => Ok(None),
    }
}

fn sound(field: Field, text: &str) -> Result<&str, Fault> {
    if text.contains(char::REPLACEMENT_CHARACTER) {
        Err((field.path(), NOT_TEXT))
    } else {
        Ok(text)
    }
}

/// A name for people. One that is not text is left out.
fn name(text: Option<&str>) -> Option<String> {
    let text = text?;
    let fits = text.chars().count() <= MAX_NAME_CHARS;
    let plain = !text.contains(char::REPLACEMENT_CHARACTER) && !text.chars().any(char::is_control);
    (fits && plain).then(|| text.to_owned())
}

fn is_unknown(text: &str) -> bool {
    text.is_empty() || text.eq_ignore_ascii_case("unknown")
}

fn missing(field: Field) -> Fault {
    (field.path(), "missing")
}
