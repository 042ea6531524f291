//! From a detection to an observation: every interpretation is here.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use turnpike_schemas::{
    plate::{Jurisdiction, Plate, PlateError},
    read::{Confidence, Observation, ZoneProvenance},
};

use super::{reject, settings::Settings, wire::Detection};
use crate::{adapter::Item, json::Text};

/// Most bytes of a camera's id; the vendor's are UUIDs.
const MAX_ID: usize = 128;

/// Most bytes of a region that is kept though it is not understood.
const MAX_REGION: usize = 16;

/// `created` and `detected` are said to be about two seconds apart. What is further apart than this, in seconds, is doubted.
const MOST_APART_S: u64 = 60;

/// The read of a detection.
///
/// # Errors
/// The item for a detection without a read.
pub(super) fn item(detection: &Detection<'_>, settings: &Settings) -> Result<Item, Item> {
    let text = detection.license_plate_number.as_ref();
    let plate = plate(text.ok_or_else(|| reject(PLATE, "missing"))?)?;
    let camera = camera(detection)?;
    let times = Times::of(detection)?;
    let record = record(camera, times.identity, &plate);
    let mut read = Observation::new(record, plate, times.captured, ZoneProvenance::Format);
    if times.disagree {
        read.quality.push("times_disagree".to_owned());
    }
    if let Some(confidence) = detection.confidence {
        read.plate.confidence = Confidence::new(confidence).ok();
        if read.plate.confidence.is_none() {
            read.quality.push("confidence_off_scale".to_owned());
        }
    }
    fill_issuer(&mut read, detection);
    read.place.camera = Some(camera.to_owned());
    if let Some(configured) = settings.camera(camera) {
        configured.describe(&mut read.place);
    }
    Ok(Item::Read(Box::new(read)))
}

const PLATE: &str = "data.license_plate_number";

fn plate(text: &Text<'_>) -> Result<Plate, Item> {
    Plate::parse(text.as_str()).map_err(|error| match error {
        PlateError::Empty => Item::Skipped("no_plate"),
        _ => reject(PLATE, "longer than 20 characters"),
    })
}

fn camera<'d>(detection: &'d Detection<'_>) -> Result<&'d str, Item> {
    let field = "data.camera_id";
    let id = detection.camera_id.as_ref().and_then(Text::filled);
    let id = id.ok_or_else(|| reject(field, "missing"))?;
    if id.len() <= MAX_ID {
        Ok(id)
    } else {
        Err(reject(field, "longer than 128 bytes"))
    }
}

/// The two times of a detection.
struct Times {
    /// `detected`, else `created`.
    captured: Timestamp,
    /// `created`, else `detected`, with its unit: what the identity is made of.
    identity: (i64, &'static str),
    /// The two are further apart than the vendor says.
    disagree: bool,
}

impl Times {
    fn of(detection: &Detection<'_>) -> Result<Self, Item> {
        let created = checked(
            detection.created,
            Timestamp::from_second,
            ("data.created", "not a time in seconds since 1970"),
        )?;
        let detected = checked(
            detection.detected,
            Timestamp::from_millisecond,
            ("data.detected", "not a time in milliseconds since 1970"),
        )?;
        let captured = detected.or(created);
        let captured = captured.ok_or_else(|| reject("data.created", "missing"))?;
        let apart = created.zip(detected).map_or(0, |(created, detected)| {
            detected.as_second().abs_diff(created.as_second())
        });
        let identity = created.map_or((captured.as_millisecond(), "ms"), |created| {
            (created.as_second(), "s")
        });
        Ok(Self {
            captured,
            identity,
            disagree: apart > MOST_APART_S,
        })
    }
}

/// A time in the field's own unit.
fn checked(
    value: Option<i64>,
    unit: fn(i64) -> Result<Timestamp, jiff::Error>,
    (field, rule): (&str, &str),
) -> Result<Option<Timestamp>, Item> {
    let Some(value) = value else { return Ok(None) };
    let at = Some(value)
        .filter(|value| *value > 0)
        .and_then(|value| unit(value).ok());
    at.map(Some).ok_or_else(|| reject(field, rule))
}

/// The identity of a detection, from what it says. `webhook_id` is not used: whether it names the delivery or the subscription
/// is not documented, and in the second case all reads would be one.
fn record(camera: &str, (time, unit): (i64, &str), plate: &Plate) -> String {
    let mut hash = Sha256::new();
    for part in [camera, unit, &time.to_string(), plate.expose()] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let half = digest.first_chunk().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(half))
}

/// A region is a country and a part of it. A word without a country could mean either, so it is none.
fn fill_issuer(read: &mut Observation, detection: &Detection<'_>) {
    let region = detection.license_plate_state.as_ref();
    let Some(region) = region.and_then(Text::filled) else {
        return;
    };
    if region.contains('-') {
        read.plate.jurisdiction = Jurisdiction::parse(region).ok();
    }
    if read.plate.jurisdiction.is_none() {
        read.quality.push("unknown_region".to_owned());
        if region.len() <= MAX_REGION {
            let region = region.to_owned();
            read.extra.insert("license_plate_state".to_owned(), region);
        }
    }
}
