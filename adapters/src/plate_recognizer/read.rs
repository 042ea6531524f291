//! From the engine's words to observations: every interpretation is here.

use jiff::{Timestamp, tz::Offset};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use turnpike_schemas::{
    plate::{Jurisdiction, Plate, PlateError},
    read::{Attribute, Candidate, Confidence, Observation, ObservedPlate, ZoneProvenance},
};

use super::{
    faults::{Doubts, WRONG_TYPE, object, reject},
    settings::Settings,
    wire::{self, Data, Hook, MakeModel, Text},
};
use crate::adapter::{Item, Page};

/// Most alternative texts of one plate.
const MAX_ALTERNATIVES: usize = 10;
/// Longest camera id and picture name, in bytes.
const MAX_NAME: usize = 256;
/// Most characters of a description that is passed on.
const MAX_WORD_CHARS: usize = 64;

/// Faster than any vehicle in any unit.
const MAX_SPEED: f64 = 1e6;

/// What all vehicles of one frame share.
struct Frame<'w> {
    camera: Option<&'w str>,
    file: Option<&'w str>,
    at: Timestamp,
    offset_s: Option<i32>,
    /// Whether the local time is another instant than the time.
    disagrees: bool,
}

/// The reads of a frame, one item for each of its vehicles, numbered from `first`.
pub(super) fn frame(
    hook: &Hook<'_>,
    data: &Data<'_>,
    first: u64,
    settings: &Settings,
    page: &mut Page,
) {
    let Some(results) = &data.results else {
        return page.push(reject(first, "data.results", "missing"));
    };
    if results.kept.is_empty() {
        return page.push(Item::Skipped("no_vehicle"));
    }
    let frame = Frame::of(hook, data);
    for (index, vehicle) in (first..).zip(&results.kept) {
        let item = vehicle_read(&frame, vehicle, index, settings);
        page.push(item.unwrap_or_else(|item| item));
    }
    if results.longer {
        let after = first + results.kept.len() as u64;
        page.push(reject(after, "data.results", "longer than 256 vehicles"));
    }
}

fn vehicle_read(
    frame: &Result<Frame<'_>, Fault>,
    vehicle: &RawValue,
    record: u64,
    settings: &Settings,
) -> Result<Item, Item> {
    let vehicle: wire::Vehicle<'_> = object(vehicle, record, RESULTS)?;
    let layout = Layout::of(&vehicle, record)?;
    let Some(said) = said(&vehicle, &layout) else {
        return Ok(Item::Skipped("no_plate"));
    };
    let Some(plate) = parse_plate(said.text, record)? else {
        return Ok(Item::Skipped("no_plate"));
    };
    let broken = |(field, rule): Fault| reject(record, field, rule);
    let frame = frame.as_ref().map_err(|fault| broken(*fault))?;
    let identity = frame.record(&plate).map_err(broken)?;
    let mut doubts = Doubts::default();
    let mut read = Observation::new(identity, plate, frame.at, ZoneProvenance::InValue);
    read.captured_offset_s = frame.offset_s;
    if frame.disagrees {
        doubts.note("local_time_disagrees");
    }
    fill_plate(&mut read.plate, &said, settings, &mut doubts);
    fill_place(&mut read, frame, &vehicle, settings, &mut doubts);
    fill_vehicle(&mut read, &vehicle, &mut doubts);
    match vehicle.speed {
        Some(speed) if speed.abs() < MAX_SPEED => {
            read.extra.insert("speed".to_owned(), speed.to_string());
        }
        Some(_) => doubts.note("speed_off_scale"),
        None => {}
    }
    read.quality = doubts.into_words();
    Ok(Item::Read(Box::new(read)))
}

const RESULTS: &str = "data.results";
const PLATE: &str = "data.results.plate";

/// What a vehicle's plate is said to be, in either layout.
struct Said<'w> {
    text: &'w str,
    score: Option<f64>,
    region: Option<&'w str>,
    region_score: Option<f64>,
    /// Readings, best first.
    readings: Vec<(&'w str, Option<f64>)>,
}

/// A vehicle's plate in its layout.
enum Layout<'a> {
    None,
    Flat(Text<'a>),
    Nested(wire::Plate<'a>),
}

impl<'a> Layout<'a> {
    fn of(vehicle: &wire::Vehicle<'a>, record: u64) -> Result<Self, Item> {
        let plate = vehicle
            .plate
            .ok_or_else(|| reject(record, PLATE, "missing"))?;
        match plate.get().as_bytes().first() {
            Some(b'n') => Ok(Self::None),
            Some(b'{') => object(plate, record, PLATE).map(Self::Nested),
            _ => serde_json::from_str(plate.get())
                .map(Self::Flat)
                .map_err(|_| reject(record, PLATE, WRONG_TYPE)),
        }
    }
}

/// `None` for a vehicle without a plate.
fn said<'w>(vehicle: &'w wire::Vehicle<'_>, layout: &'w Layout<'_>) -> Option<Said<'w>> {
    let text = match layout {
        Layout::None => return None,
        Layout::Nested(plate) => return said_nested(plate.props.as_ref()?),
        Layout::Flat(text) => text.as_str(),
    };
    let candidates = vehicle.candidates.iter().flat_map(|list| &list.kept);
    let readings = candidates.filter_map(|one| Some((one.plate.as_ref()?.as_str(), one.score)));
    let region = vehicle.region.as_ref();
    Some(Said {
        text,
        score: vehicle.score,
        region: region.and_then(|region| region.code.as_ref().map(Text::as_str)),
        region_score: region.and_then(|region| region.score),
        readings: readings.collect(),
    })
}

fn said_nested<'w>(props: &'w wire::PlateProps<'_>) -> Option<Said<'w>> {
    let readings = props.plate.iter().flat_map(|list| &list.kept);
    let readings = readings.filter_map(|one| Some((one.value.as_ref()?.as_str(), one.score)));
    let readings: Vec<_> = readings.collect();
    let (text, score) = *readings.first()?;
    let region = props.region.as_ref().and_then(|list| list.0.as_ref());
    Some(Said {
        text,
        score,
        region: region.and_then(|region| region.value.as_ref().map(Text::as_str)),
        region_score: region.and_then(|region| region.score),
        readings,
    })
}

fn parse_plate(text: &str, record: u64) -> Result<Option<Plate>, Item> {
    if is_unknown(text) {
        return Ok(None);
    }
    match Plate::parse(text) {
        Ok(plate) => Ok(Some(plate)),
        Err(PlateError::TooLong) => Err(reject(record, PLATE, "longer than 20 characters")),
        Err(_) => Ok(None),
    }
}

/// A field and the rule it breaks.
type Fault = (&'static str, &'static str);

impl<'w> Frame<'w> {
    fn of(hook: &'w Hook<'_>, data: &'w Data<'_>) -> Result<Self, Fault> {
        let camera = text(data.camera_id.as_ref()).or_else(|| text(hook.id.as_ref()));
        let file = text(data.filename.as_ref()).or_else(|| text(hook.filename.as_ref()));
        for (value, field) in [(camera, "data.camera_id"), (file, "data.filename")] {
            if value.is_some_and(|value| value.len() > MAX_NAME) {
                return Err((field, "longer than 256 bytes"));
            }
        }
        let local = match text(data.timestamp_local.as_ref()) {
            Some(text) => Some(parse_time(text, "data.timestamp_local")?),
            None => None,
        };
        let utc = match text(data.timestamp.as_ref()) {
            Some(text) => Some(parse_time(text, "data.timestamp")?),
            None => None,
        };
        let (at, _) = utc.or(local).ok_or(("data.timestamp", "missing"))?;
        let same = local.filter(|(local, _)| *local == at);
        Ok(Self {
            camera,
            file,
            at,
            offset_s: same.map(|(_, offset)| offset.seconds()),
            disagrees: local.is_some() && same.is_none(),
        })
    }

    /// The format gives no identity: a digest of what tells passages apart, the same when sent again.
    fn record(&self, plate: &Plate) -> Result<String, Fault> {
        if self.camera.is_none() && self.file.is_none() {
            return Err(("data.camera_id", "missing, and there is no filename"));
        }
        let at = self.at.as_nanosecond().to_string();
        let mut digest = Sha256::new();
        for part in [self.camera, self.file, Some(plate.expose()), Some(&at)] {
            digest.update(part.unwrap_or_default().as_bytes());
            digest.update([0]);
        }
        let digest: [u8; 32] = digest.finalize().into();
        let digest = digest.first_chunk().copied().unwrap_or_default();
        Ok(format!("sha256-{:032x}", u128::from_be_bytes(digest)))
    }
}

/// A time with `Z` or an offset, after `T` or a blank.
fn parse_time(text: &str, field: &'static str) -> Result<(Timestamp, Offset), Fault> {
    let parse = || -> Option<(Timestamp, Offset)> {
        let shape = text.len() >= 20
            && text.len() <= 40
            && matches!(text.as_bytes().get(10), Some(b'T' | b' '))
            && !text.contains('[');
        let pieces = jiff::fmt::temporal::Pieces::parse(text)
            .ok()
            .filter(|_| shape)?;
        let offset = pieces.to_numeric_offset()?;
        let civil = pieces.date().to_datetime(pieces.time()?);
        Some((offset.to_timestamp(civil).ok()?, offset))
    };
    parse().ok_or((field, "not a time with a zone"))
}

fn fill_plate(
    plate: &mut ObservedPlate,
    said: &Said<'_>,
    settings: &Settings,
    doubts: &mut Doubts,
) {
    plate.confidence = doubts.score(said.score);
    let sure = doubts.score(said.region_score);
    if sure.map_or(0.0, Confidence::get) >= settings.region_min_score {
        plate.jurisdiction = said.region.and_then(|code| Jurisdiction::parse(code).ok());
        plate.jurisdiction_confidence = sure.filter(|_| plate.jurisdiction.is_some());
    }
    for (text, score) in &said.readings {
        if plate.candidates.len() == MAX_ALTERNATIVES {
            break;
        }
        let Ok(reading) = Plate::parse(text) else {
            continue;
        };
        let known = plate.candidates.iter().any(|other| other.plate == reading);
        if reading != plate.plate && !known {
            plate.candidates.push(Candidate {
                plate: reading,
                confidence: doubts.score(*score),
            });
        }
    }
}

fn fill_place(
    read: &mut Observation,
    frame: &Frame<'_>,
    vehicle: &wire::Vehicle<'_>,
    settings: &Settings,
    doubts: &mut Doubts,
) {
    let camera = frame.camera.and_then(|id| settings.camera(id));
    let place = &mut read.place;
    place.camera = frame.camera.map(str::to_owned);
    place.site = camera.and_then(|camera| camera.site.clone());
    if let Some((lat, lon)) = camera.and_then(|camera| camera.lat.zip(camera.lon)) {
        place.set_position(lat, lon);
    }
    let Some(direction) = vehicle.direction.as_ref().and_then(|degrees| degrees.0) else {
        return;
    };
    if !(0.0..=360.0).contains(&direction) {
        doubts.note("direction_off_scale");
        return;
    }
    place.image_bearing_deg = Some(direction);
    place.bearing_deg = camera
        .and_then(|camera| camera.image_to_compass_deg)
        .map(|turn| (direction + turn).rem_euclid(360.0));
}

fn fill_vehicle(read: &mut Observation, vehicle: &wire::Vehicle<'_>, doubts: &mut Doubts) {
    let mut said = |value: Option<&Text<'_>>, score| attribute(value, score, doubts);
    let body = vehicle.vehicle.as_ref();
    read.vehicle.class = body.and_then(|body| said(body.kind.as_ref(), body.score));
    let props = body.and_then(|body| body.props.as_ref());
    let nested = props.and_then(|props| props.color.as_ref()?.0.as_ref());
    let flat = vehicle.color.as_ref().and_then(|list| list.0.as_ref());
    read.vehicle.colour = nested
        .and_then(|guess| said(guess.value.as_ref(), guess.score))
        .or_else(|| flat.and_then(|guess| said(guess.color.as_ref(), guess.score)));
    let nested = props.and_then(|props| props.make_model.as_ref()?.0.as_ref());
    let flat = vehicle.model_make.as_ref().and_then(|list| list.0.as_ref());
    let guess: Option<&MakeModel<'_>> = nested.or(flat);
    read.vehicle.make = guess.and_then(|guess| said(guess.make.as_ref(), guess.score));
    read.vehicle.model = guess.and_then(|guess| said(guess.model.as_ref(), guess.score));
}

fn attribute(
    value: Option<&Text<'_>>,
    score: Option<f64>,
    doubts: &mut Doubts,
) -> Option<Attribute> {
    let value = text(value)?;
    let fits = value.chars().count() <= MAX_WORD_CHARS && !value.chars().any(char::is_control);
    (fits && !is_unknown(value)).then(|| Attribute {
        value: value.to_owned(),
        confidence: doubts.score(score),
    })
}

fn text<'t>(text: Option<&'t Text<'_>>) -> Option<&'t str> {
    let text = text?.as_str().trim();
    (!text.is_empty()).then_some(text)
}

fn is_unknown(text: &str) -> bool {
    text.is_empty() || text == "-" || text.eq_ignore_ascii_case("unknown")
}
