//! From the agent's words to an observation: every interpretation is here.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use turnpike_schemas::{
    plate::{self, Jurisdiction},
    read::{
        Attribute, Candidate, Confidence, ImageKind, ImageRef, Observation, ObservedPlate, Place,
        Vehicle, ZoneProvenance,
    },
};

use super::{
    identity::{Passage, revision},
    settings::{Camera, Settings},
    wire::{self, First, Named, Text, Wire},
};
use crate::adapter::{Item, Page, Rejection};

/// Most alternative texts of one plate.
const MAX_ALTERNATIVES: usize = 10;
/// Most characters of a name that is passed on.
const MAX_NAME_CHARS: usize = 128;

/// How final a version of a passage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// One frame.
    Frame,
    /// A group while the vehicle is still in sight.
    Preview,
    /// A group.
    Final,
}

/// The read of a group, or of the group an alert wraps.
pub(super) fn group(group: &Wire<'_>, alert: Option<&Wire<'_>>, settings: &Settings) -> Item {
    group_read(group, alert, settings).unwrap_or_else(|item| item)
}

/// The reads of a frame, one item for each of its plates.
pub(super) fn frame(frame: &Wire<'_>, settings: &Settings, page: &mut Page) {
    let Some(results) = &frame.results else {
        page.push(reject(0, "results", "missing"));
        return;
    };
    if results.as_slice().is_empty() {
        page.push(Item::Skipped("no_plate"));
    }
    for (index, plate) in (0..).zip(results.as_slice()) {
        page.push(frame_read(frame, plate, index, settings).unwrap_or_else(|item| item));
    }
    if results.dropped() > 0 {
        page.push(Item::Rejected(Rejection::new(
            None,
            "results",
            "longer than 256 plates",
        )));
    }
}

fn group_read(
    group: &Wire<'_>,
    alert: Option<&Wire<'_>>,
    settings: &Settings,
) -> Result<Item, Item> {
    let mut doubts = Doubts::default();
    let plate = parse_plate(group.best_plate_number.as_ref(), "best_plate_number", 0)?;
    let passage = Passage::of_group(group).ok_or_else(|| reject(0, "best_uuid", ID_RULE))?;
    let captured_at = parse_time(group.epoch_start, "epoch_start", 0)?;
    let rank = match group.is_preview {
        Some(true) => Rank::Preview,
        _ => Rank::Final,
    };
    let images = passage.image_reference().map(image).into_iter().collect();
    let (record, aliases) = passage.into_names();
    let mut read = Observation::new(record, plate, captured_at, ZoneProvenance::Format);
    read.aliases = aliases;
    read.revision = revision(rank, group, alert.is_some());
    read.images = images;
    fill_plate(
        &mut read.plate,
        &Hypotheses::of_group(group),
        settings,
        &mut doubts,
    );
    fill_place(&mut read, group, alert, settings, &mut doubts);
    read.vehicle = group
        .vehicle
        .as_ref()
        .map_or_else(Vehicle::default, |vehicle| vehicle_of(vehicle, &mut doubts));
    if group.is_parked == Some(true) {
        read.extra.insert("is_parked".to_owned(), "true".to_owned());
    }
    if let Some(list) = alert.and_then(|alert| name(alert.alert_list.as_ref())) {
        read.extra.insert("alert_list".to_owned(), list);
    }
    if rank == Rank::Preview {
        doubts.note("preview");
    }
    read.quality = doubts.into_words();
    Ok(Item::Read(Box::new(read)))
}

fn frame_read(
    frame: &Wire<'_>,
    plate: &RawValue,
    index: u64,
    settings: &Settings,
) -> Result<Item, Item> {
    let mut doubts = Doubts::default();
    let plate: &wire::Plate<'_> = &object(plate, index, "results")?;
    let text = parse_plate(plate.plate.as_ref(), "results.plate", index)?;
    let passage =
        Passage::of_frame(frame, plate, index).ok_or_else(|| reject(index, "uuid", ID_RULE))?;
    let captured_at = parse_time(frame.epoch_time, "epoch_time", index)?;
    let images = passage.image_reference().map(image).into_iter().collect();
    let (record, aliases) = passage.into_names();
    let mut read = Observation::new(record, text, captured_at, ZoneProvenance::Format);
    read.aliases = aliases;
    read.revision = revision(Rank::Frame, frame, false);
    read.images = images;
    fill_plate(
        &mut read.plate,
        &Hypotheses::of_frame(plate),
        settings,
        &mut doubts,
    );
    fill_place(&mut read, frame, None, settings, &mut doubts);
    read.quality = doubts.into_words();
    Ok(Item::Read(Box::new(read)))
}

const ID_RULE: &str = "missing, empty or longer than 128 bytes";

/// Fixed words for what was left out of a good record, each once.
#[derive(Default)]
struct Doubts(Vec<&'static str>);

impl Doubts {
    fn note(&mut self, word: &'static str) {
        if !self.0.contains(&word) {
            self.0.push(word);
        }
    }

    /// A value on the vendor's scale. Off the scale it is left out and noted: a read is not lost for it.
    fn percent(&mut self, value: Option<f64>) -> Option<Confidence> {
        let confidence = Confidence::from_percent(value?);
        if confidence.is_err() {
            self.note("confidence_off_scale");
        }
        confidence.ok()
    }

    fn into_words(self) -> Vec<String> {
        self.0.into_iter().map(str::to_owned).collect()
    }
}

/// What the engine says about the text, in the words of a group or of a frame.
struct Hypotheses<'w> {
    confidence: Option<f64>,
    region: Option<&'w str>,
    region_confidence: Option<f64>,
    candidates: &'w [wire::Candidate<'w>],
}

impl<'w> Hypotheses<'w> {
    fn of_group(group: &'w Wire<'_>) -> Self {
        Self {
            confidence: group.best_confidence,
            region: group.best_region.as_ref().map(Text::as_str),
            region_confidence: group.best_region_confidence,
            candidates: group
                .candidates
                .as_ref()
                .map_or(&[], |list| list.as_slice()),
        }
    }

    fn of_frame(plate: &'w wire::Plate<'_>) -> Self {
        Self {
            confidence: plate.confidence,
            region: plate.region.as_ref().map(Text::as_str),
            region_confidence: plate.region_confidence,
            candidates: plate
                .candidates
                .as_ref()
                .map_or(&[], |list| list.as_slice()),
        }
    }
}

fn fill_plate(
    plate: &mut ObservedPlate,
    said: &Hypotheses<'_>,
    settings: &Settings,
    doubts: &mut Doubts,
) {
    // 0 is the engine's mark for "not known".
    plate.confidence = doubts.percent(said.confidence.filter(|value| *value != 0.0));
    let sure = doubts.percent(said.region_confidence);
    let least = settings.region_min_confidence / 100.0;
    if sure.map_or(0.0, Confidence::get) >= least {
        let country = settings.default_country.as_ref();
        plate.jurisdiction = said.region.and_then(|region| jurisdiction(region, country));
        plate.jurisdiction_confidence = sure.filter(|_| plate.jurisdiction.is_some());
    }
    plate
        .candidates
        .reserve(said.candidates.len().min(MAX_ALTERNATIVES));
    for candidate in said.candidates {
        if plate.candidates.len() == MAX_ALTERNATIVES {
            break;
        }
        let parsed = candidate
            .plate
            .as_ref()
            .map(|text| plate::Plate::parse(text.as_str()));
        let Some(Ok(text)) = parsed else { continue };
        let known = text == plate.plate || plate.candidates.iter().any(|known| known.plate == text);
        if !known {
            let confidence = doubts.percent(candidate.confidence);
            plate.candidates.push(Candidate {
                plate: text,
                confidence,
            });
        }
    }
}

/// `us-mo` is a country and its part; `mo` is a part of the configured country and else unknown, because it could
/// as well be a country.
fn jurisdiction(region: &str, default_country: Option<&Jurisdiction>) -> Option<Jurisdiction> {
    if region.contains('-') {
        return Jurisdiction::parse(region).ok();
    }
    let country = default_country?.as_str();
    if region.trim().eq_ignore_ascii_case(country) {
        return default_country.cloned();
    }
    Jurisdiction::parse(&format!("{country}-{}", region.trim())).ok()
}

fn fill_place(
    read: &mut Observation,
    message: &Wire<'_>,
    alert: Option<&Wire<'_>>,
    settings: &Settings,
    doubts: &mut Doubts,
) {
    let key = camera_key(message);
    let configured = key.as_deref().and_then(|key| settings.camera(key));
    let place = &mut read.place;
    set_position(place, message, configured, doubts);
    place.site = configured
        .and_then(|camera| camera.site.clone())
        .or_else(|| name(alert?.site_name.as_ref()));
    place.camera = camera_label(message)
        .or_else(|| camera_label(alert?))
        .or_else(|| name(alert?.camera_name.as_ref()));
    if place.camera.is_none() {
        place.camera = key;
    } else if let Some(key) = key {
        read.extra.insert("camera_id".to_owned(), key);
    }
    set_direction(place, message.travel_direction, configured, doubts);
}

fn camera_label(message: &Wire<'_>) -> Option<String> {
    name(message.web_server_config.as_ref()?.camera_label.as_ref())
}

fn camera_key(message: &Wire<'_>) -> Option<String> {
    let number = message.camera_id?;
    Some(match name(message.agent_uid.as_ref()) {
        Some(agent) => format!("{agent}/{number}"),
        None => number.to_string(),
    })
}

/// The operator's position of the camera comes first: an agent has one `gps_*` for all its cameras.
fn set_position(
    place: &mut Place,
    message: &Wire<'_>,
    configured: Option<&Camera>,
    doubts: &mut Doubts,
) {
    if let Some((lat, lon)) = configured.and_then(|camera| camera.lat.zip(camera.lon)) {
        place.set_position(lat, lon);
        return;
    }
    let is_set = |value: &f64| *value != 0.0 && *value != -1.0;
    let sent = message
        .gps_latitude
        .filter(is_set)
        .zip(message.gps_longitude.filter(is_set));
    if let Some((lat, lon)) = sent
        && !place.set_position(lat, lon)
    {
        doubts.note("position_off_scale");
    }
}

fn set_direction(
    place: &mut Place,
    travel_direction: Option<f64>,
    configured: Option<&Camera>,
    doubts: &mut Doubts,
) {
    let Some(direction) = travel_direction else {
        return;
    };
    if !(0.0..=360.0).contains(&direction) {
        doubts.note("direction_off_scale");
        return;
    }
    place.image_bearing_deg = Some(direction);
    place.bearing_deg = configured
        .and_then(|camera| camera.image_to_compass_deg)
        .map(|turn| (direction + turn).rem_euclid(360.0));
}

fn vehicle_of(vehicle: &wire::Vehicle<'_>, doubts: &mut Doubts) -> Vehicle {
    let make = attribute(vehicle.make.as_ref(), doubts);
    let mut model = attribute(vehicle.make_model.as_ref(), doubts);
    if let (Some(make), Some(model)) = (&make, &mut model)
        && let Some(rest) = model
            .value
            .strip_prefix(&make.value)
            .and_then(|rest| rest.strip_prefix('_'))
    {
        model.value = rest.to_owned();
    }
    Vehicle {
        make,
        model: model.filter(|model| !model.value.is_empty()),
        colour: attribute(vehicle.color.as_ref(), doubts),
        class: attribute(vehicle.body_type.as_ref(), doubts),
    }
}

fn attribute(list: Option<&First<Named<'_>>>, doubts: &mut Doubts) -> Option<Attribute> {
    let named = list?.0.as_ref()?;
    Some(Attribute {
        value: name(named.name.as_ref())?,
        confidence: doubts.percent(named.confidence),
    })
}

fn image(reference: String) -> ImageRef {
    ImageRef {
        kind: ImageKind::Scene,
        reference,
        expires_at: None,
    }
}

/// A name without surrounding blanks and control characters; empty is absent, longer than the limit is cut.
fn name(text: Option<&Text<'_>>) -> Option<String> {
    let text = text?.as_str().trim();
    let clean = text.len() <= MAX_NAME_CHARS
        && !text.bytes().any(|b| b.is_ascii_control() || !b.is_ascii());
    let name = if clean {
        text.to_owned()
    } else {
        text.chars()
            .filter(|c| !c.is_control())
            .take(MAX_NAME_CHARS)
            .collect()
    };
    (!name.is_empty()).then_some(name)
}

fn parse_plate(text: Option<&Text<'_>>, field: &str, record: u64) -> Result<plate::Plate, Item> {
    let text = text.ok_or_else(|| reject(record, field, "missing"))?;
    plate::Plate::parse(text.as_str()).map_err(|error| match error {
        plate::PlateError::Empty => Item::Skipped("no_plate"),
        _ => reject(record, field, "longer than 20 characters"),
    })
}

fn parse_time(ms: Option<i64>, field: &str, record: u64) -> Result<Timestamp, Item> {
    let ms = ms.ok_or_else(|| reject(record, field, "missing"))?;
    Some(ms)
        .filter(|ms| *ms > 0)
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .ok_or_else(|| reject(record, field, "not a time in milliseconds since 1970"))
}

/// Parses an object that stands inside a message under `parent`.
///
/// # Errors
/// The rejection that names the field.
pub(super) fn object<'a, T: Deserialize<'a>>(
    raw: &'a RawValue,
    record: u64,
    parent: &str,
) -> Result<T, Item> {
    // A list would be taken for the fields in their order.
    if !raw.get().starts_with('{') {
        return Err(reject(record, parent, WRONG_TYPE));
    }
    serde_json::from_str(raw.get()).map_err(|_| misfit::<T>(raw.get().as_bytes(), record, parent))
}

/// Names the field of `json` that is not what `T` wants, by parsing it again.
pub(super) fn misfit<'de, T: Deserialize<'de>>(json: &'de [u8], record: u64, parent: &str) -> Item {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut deserializer) else {
        return reject(record, parent, WRONG_TYPE);
    };
    let path = error.path().to_string();
    let twice = duplicate(error.inner());
    let parts = [
        parent,
        path.trim_start_matches('.'),
        twice.as_deref().unwrap_or(""),
    ];
    let field: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let rule = twice.as_ref().map_or(WRONG_TYPE, |_| "given twice");
    reject(record, &field.join("."), rule)
}

/// The rule for a value of another type than the format's.
pub(super) const WRONG_TYPE: &str = "wrong type";

/// The key that was given twice, if that is what is wrong. The library's other words are not looked at: they quote
/// values, and these only a key of [`Wire`].
fn duplicate(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let (key, _) = text.strip_prefix("duplicate field `")?.split_once('`')?;
    Some(key.to_owned())
}

/// The rejection of record number `record`.
pub(super) fn reject(record: u64, field: &str, rule: &str) -> Item {
    Item::Rejected(Rejection::new(Some(record), field, rule))
}
