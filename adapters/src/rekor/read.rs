//! From the agent's words to an observation: every interpretation is here.

use jiff::Timestamp;
use serde_json::value::RawValue;
use turnpike_schemas::{
    plate::{self, Jurisdiction},
    read::{
        Attribute, Candidate, Confidence, ImageKind, ImageRef, Observation, ObservedPlate, Vehicle,
        ZoneProvenance,
    },
};

use super::{
    faults::{Doubts, object, reject},
    identity::{Passage, revision},
    place::fill_place,
    settings::Settings,
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
pub(super) fn name(text: Option<&Text<'_>>) -> Option<String> {
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
