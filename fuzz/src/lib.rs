//! What several fuzz targets need: the reference agreement, adapters by name, and what holds for every read.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use turnpike_adapters::{
    adapter::{Adapter, Rejection},
    registry,
};
use turnpike_schemas::{
    agreement::{AgreementDocument, Organisation, OrganisationClass, Requester, Role},
    plate::{Jurisdiction, MAX_PLATE_CHARS, Plate},
    read::Observation,
};

/// The adapter called `id`. Panics where the registry has none: a target must not pass because it tested nothing.
pub fn adapter(id: &str, settings: &Value) -> Box<dyn Adapter> {
    let entry = registry::find(id).unwrap_or_else(|| panic!("the registry has no adapter `{id}`"));
    (entry.build)(settings).unwrap_or_else(|error| panic!("settings of `{id}`: {error}"))
}

/// The adapter of a registry line, with the settings of its example.
pub fn example(entry: &registry::Entry) -> Box<dyn Adapter> {
    adapter(entry.id, &settings(entry))
}

/// The settings of a registry line's example.
pub fn settings(entry: &registry::Entry) -> Value {
    let settings: toml::Table = entry.example.parse().expect("an example is TOML");
    serde_json::to_value(settings).expect("TOML is JSON")
}

/// The reference agreement of the decision table.
pub fn reference_document() -> AgreementDocument {
    toml::from_str(include_str!(
        "../../schemas/tests/all/reference-agreement.toml"
    ))
    .expect("the reference agreement parses")
}

/// An instant inside the reference agreement.
pub fn now() -> Timestamp {
    "2026-03-05T12:00:00Z".parse().expect("a time")
}

/// An investigator whom the reference agreement serves.
pub fn requester() -> Requester {
    Requester {
        subject: "j.doe".to_owned(),
        organisation: Organisation {
            id: "brookdale-police".to_owned(),
            class: OrganisationClass::StateLocal,
            jurisdiction: Jurisdiction::parse("US-OH").expect("a code"),
        },
        roles: BTreeSet::from([Role::Investigator]),
        on_behalf_of: None,
        attributes: turnpike_schemas::agreement::Attributes {
            sworn: false,
            training_until: Some("2027-12-31".parse().expect("a day")),
            assurance: turnpike_schemas::agreement::Assurance::Aal2,
        },
    }
}

/// What holds for every read and every rejection of one message, page or file.
pub fn check_page(reads: &[Observation], rejected: &[Rejection]) {
    for read in reads {
        check_read(read);
    }
    for rejection in rejected {
        for read in reads {
            assert!(
                !repeats(rejection, &read.plate.plate),
                "a rejection repeats a plate"
            );
        }
    }
}

/// A read is within its limits and survives its JSON.
pub fn check_read(read: &Observation) {
    let plates = read
        .plate
        .candidates
        .iter()
        .map(|candidate| &candidate.plate);
    for plate in plates.chain([&read.plate.plate]) {
        assert!((1..=MAX_PLATE_CHARS).contains(&plate.chars()));
    }
    let place = &read.place;
    assert_eq!(place.lat.is_some(), place.lon.is_some(), "half a position");
    assert!(place.lat.is_none_or(|lat| (-90.0..=90.0).contains(&lat)));
    assert!(place.lon.is_none_or(|lon| (-180.0..=180.0).contains(&lon)));
    assert_ne!((place.lat, place.lon), (Some(0.0), Some(0.0)));
    let bearings = [place.bearing_deg, place.image_bearing_deg];
    assert!(bearings.into_iter().flatten().all(f64::is_finite));
    let json = serde_json::to_string(read).expect("a read can be written");
    let back: Observation = serde_json::from_str(&json).expect("what was written can be read");
    assert_eq!(back.plate.plate, read.plate.plate);
    assert_eq!(back.captured_at, read.captured_at);
}

/// Whether a rejection repeats a plate. Plates short or plain enough to be part of a field's name do not count.
fn repeats(rejection: &Rejection, plate: &Plate) -> bool {
    let text = plate.expose();
    let telling = text.len() >= 5
        && text.chars().any(|c| c.is_ascii_digit())
        && text.chars().any(|c| c.is_ascii_uppercase());
    telling && (rejection.field.contains(text) || rejection.rule.contains(text))
}
