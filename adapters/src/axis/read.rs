//! From an event to an observation: every interpretation is here.

use turnpike_schemas::{
    plate::{Plate, PlateError},
    read::{Observation, Place},
};

use super::{
    countries,
    identity::{Names, State, is_serial, revision},
    reject,
    settings::Settings,
    time::captured,
    wire::{Event, Geotag},
};
use crate::{
    adapter::Item,
    json::{Number, Object, Text},
};

/// The position of a camera nobody has told its own.
const FACTORY: (f64, f64) = (50.418_114, 30.476_213);

/// Most characters of a name that is kept.
const MAX_NAME_CHARS: usize = 128;

/// The read of an event, or why there is none.
pub(super) fn item(event: &Event<'_>, settings: &Settings) -> Item {
    read(event, settings).unwrap_or_else(|item| item)
}

fn read(event: &Event<'_>, settings: &Settings) -> Result<Item, Item> {
    let plate = plate(event)?;
    let state = event.car_state.as_ref().and_then(Text::filled);
    let state = state.ok_or_else(|| reject("carState", "missing"))?;
    let state = State::parse(state).ok_or_else(|| reject("carState", "unknown"))?;
    let serial = serial(event)?;
    let car = car(event)?;
    let captured = captured(event, settings.time_zone.as_ref())
        .map_err(|(field, rule)| reject(field, rule))?;
    let names = Names::of(serial, car, captured.at, settings.passage_span);
    let mut read = Observation::new(names.record, plate, captured.at, captured.zone);
    read.aliases = names.aliases;
    read.revision = revision(state, captured.at);
    read.captured_offset_s = captured.offset_s;
    if captured.disagrees {
        read.quality.push("offset_disagrees".to_owned());
    }
    fill_plate(&mut read, event, settings)?;
    fill_place(&mut read, event, settings, serial);
    fill_direction(&mut read, event);
    Ok(Item::Read(Box::new(read)))
}

/// An event without a plate is of a vehicle whose plate was not read. It takes nothing back.
fn plate(event: &Event<'_>) -> Result<Plate, Item> {
    let filled =
        |text: &Option<Text<'_>>| text.as_ref().is_some_and(|text| text.filled().is_some());
    let (field, text) = if filled(&event.plate_utf8) || event.plate_ascii.is_none() {
        ("plateUTF8", &event.plate_utf8)
    } else {
        ("plateASCII", &event.plate_ascii)
    };
    let text = text.as_ref().ok_or_else(|| reject(field, "missing"))?;
    Plate::parse(text.as_str()).map_err(|error| match error {
        PlateError::Empty => Item::Skipped("no_plate"),
        _ => reject(field, "longer than 20 characters"),
    })
}

fn serial<'e>(event: &'e Event<'_>) -> Result<&'e str, Item> {
    let field = "camera_info.SerialNumber";
    let info = event.camera_info.as_ref();
    let serial = info.and_then(|Object(info)| info.serial_number.as_ref()?.filled());
    let serial = serial.ok_or_else(|| reject(field, "missing"))?;
    if is_serial(serial) {
        Ok(serial)
    } else {
        Err(reject(field, "not 1 to 64 plain characters"))
    }
}

fn car(event: &Event<'_>) -> Result<u64, Item> {
    let car = event
        .car_id
        .as_ref()
        .ok_or_else(|| reject("carID", "missing"))?;
    car.as_str()
        .parse()
        .map_err(|_| reject("carID", "not a whole number"))
}

fn fill_plate(read: &mut Observation, event: &Event<'_>, settings: &Settings) -> Result<(), Item> {
    if let Some(text) = &event.plate_confidence {
        let confidence = settings.confidence.read(text.as_str());
        let rule = settings.confidence.rule();
        read.plate.confidence = Some(confidence.ok_or_else(|| reject("plateConfidence", rule))?);
    }
    if let Some(country) = event.plate_country.as_ref().and_then(Text::filled) {
        read.plate.jurisdiction = countries::jurisdiction(country);
        if read.plate.jurisdiction.is_none() {
            read.quality.push("unknown_country".to_owned());
        }
    }
    Ok(())
}

/// The operator's position of the camera comes first: who configures the camera may have copied another's.
fn fill_place(read: &mut Observation, event: &Event<'_>, settings: &Settings, serial: &str) {
    let sent = event
        .geotag
        .as_ref()
        .and_then(|Object(geotag)| position(geotag));
    if let Some((lat, lon)) = sent
        && !read.place.set_position(lat, lon)
    {
        read.quality.push("position_implausible".to_owned());
    }
    let place: &mut Place = &mut read.place;
    place.camera = Some(serial.to_owned());
    place.lane = event.roi_id.as_ref().and_then(|zone| name(zone.as_str()));
    if let Some(camera) = settings.camera(serial) {
        camera.describe(place);
    }
    let sensor = event.sensor_provider_id.as_ref();
    if let Some(sensor) = sensor.and_then(|sensor| name(sensor.as_str())) {
        read.extra.insert("sensor".to_owned(), sensor);
    }
}

/// The position sent, unless it is the factory's. A position that is no two numbers is none.
fn position(geotag: &Geotag<'_>) -> Option<(f64, f64)> {
    let degrees = |number: &Option<Number<'_>>| number.as_ref()?.as_str().parse::<f64>().ok();
    let position = degrees(&geotag.lat).zip(degrees(&geotag.lon))?;
    let is_factory = (position.0 - FACTORY.0).abs() < 1e-6 && (position.1 - FACTORY.1).abs() < 1e-6;
    (!is_factory && position != (0.0, 0.0)).then_some(position)
}

/// In and out are relative to the lane as configured, so neither is a compass direction.
fn fill_direction(read: &mut Observation, event: &Event<'_>) {
    match event.car_move_direction.as_ref().and_then(Text::filled) {
        Some(word @ ("in" | "out")) => {
            read.extra.insert("direction".to_owned(), word.to_owned());
        }
        None | Some("unk") => {}
        Some(_) => read.quality.push("unknown_direction".to_owned()),
    }
}

/// A name without surrounding blanks and control characters; empty is absent, longer than the limit is cut.
fn name(text: &str) -> Option<String> {
    let name: String = text
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME_CHARS)
        .collect();
    (!name.is_empty()).then_some(name)
}
