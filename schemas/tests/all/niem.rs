//! Messages in NIEM elements, validated against their schema by `xmllint` (Debian: `libxml2-utils`). Where it is missing these tests
//! fail.

use std::{collections::BTreeMap, fs, process::Command};

use jiff::Timestamp;
use proptest::prelude::*;
use turnpike_schemas::{
    api::{Answer, Completeness, LedgerPosition, SourceOutcome, SourceReport},
    plate::{Jurisdiction, Plate},
    query::TimeWindow,
    read::{
        Attribute, Candidate, Confidence, Family, ImageKind, ImageRef, Observation, PlateRead,
        Provenance, ReadKind, SourceId, ZoneProvenance,
    },
    standard::niem,
};
use uuid::Uuid;

use crate::committed::{assert_committed, path};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn sure(value: f64) -> Option<Confidence> {
    Confidence::new(value).ok()
}

/// A read that says everything a read can say.
fn full() -> Observation {
    let text = |value: &str| Some(value.to_owned());
    let described = |value: &str| {
        Some(Attribute {
            value: value.to_owned(),
            confidence: sure(0.5),
        })
    };
    let plate = Plate::parse("tpk-0421").unwrap();
    let zone = ZoneProvenance::InValue;
    let at = at("2026-03-04T07:15:30.412Z");
    let mut read = Observation::new("brk1-000042".to_owned(), plate, at, zone);
    read.revision = 7;
    read.kind = ReadKind::Session;
    read.captured_offset_s = Some(-18_000);
    read.plate.jurisdiction = Jurisdiction::parse("US-OH").ok();
    read.plate.jurisdiction_confidence = sure(0.000_000_1);
    read.plate.confidence = sure(0.94);
    read.plate.candidates = vec![Candidate {
        plate: Plate::parse("TPK0427").unwrap(),
        confidence: sure(0.4),
    }];
    assert!(read.place.set_position(41.5, -0.000_000_4));
    read.place.site = text("Brook St & <Mill> Rd");
    read.place.camera = text("cam \"1\"");
    read.place.lane = text("3");
    read.place.bearing_deg = Some(90.25);
    read.vehicle.make = described("Tatra");
    read.vehicle.model = described("603");
    read.vehicle.colour = described("black");
    read.vehicle.class = described("2");
    read.images = vec![ImageRef {
        kind: ImageKind::Scene,
        reference: "/v1/reads/0f0e0d0c0b0a09080706050403020100/images/0".to_owned(),
        expires_at: None,
    }];
    read.extra = BTreeMap::from([("opaque".to_owned(), "NOT-WRITTEN".to_owned())]);
    read.quality = vec!["offset_disagrees".to_owned()];
    read
}

fn answer(reads: Vec<Observation>) -> Answer {
    let source = SourceId::parse("brookdale-police").unwrap();
    let provenance = Provenance {
        adapter: "rekor".to_owned(),
        adapter_version: "1".to_owned(),
        agreement: Some("brookdale@3".to_owned()),
        payload_sha256: "0".repeat(64),
    };
    let report = |source: &SourceId, outcome| SourceReport {
        source: source.clone(),
        family: Family::Police,
        agreement: None,
        outcome,
        took_ms: 41,
        obligations: vec![],
        may_hold_back: false,
    };
    let sources = vec![
        report(
            &source,
            SourceOutcome::Answered {
                reads: u32::try_from(reads.len()).unwrap(),
                truncated: false,
                rejected: 0,
                searched: None,
            },
        ),
        report(
            &SourceId::parse("harbor-parking").unwrap(),
            SourceOutcome::TimedOut,
        ),
    ];
    let sealed = reads.into_iter().map(|read| {
        PlateRead::seal(
            read,
            source.clone(),
            at("2026-03-04T07:15:31Z"),
            provenance.clone(),
        )
    });
    let (from, to) = (at("2026-03-01T00:00:00Z"), at("2026-03-08T00:00:00Z"));
    Answer {
        query: Uuid::nil(),
        completeness: Completeness::of(&sources),
        window: TimeWindow::new(from, to).unwrap(),
        reads: sealed.collect(),
        sources,
        ledger: LedgerPosition {
            intent: 1812,
            outcome: 1815,
        },
        justify_until: None,
    }
}

/// What `xmllint` says of `message`.
fn validate(message: &[u8]) -> Result<(), String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), message).unwrap();
    let checked = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema"])
        .arg(path("niem/turnpike-plate-reads.xsd"))
        .arg(file.path())
        .output()
        .expect("xmllint is needed: install libxml2-utils");
    if checked.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&checked.stderr).into_owned())
    }
}

#[test]
fn a_message_is_what_was_reviewed_and_validates() {
    let message = niem::message(&answer(vec![full()])).unwrap();
    validate(&message).unwrap();
    let message = String::from_utf8(message).unwrap();
    assert_committed("tests/all/niem-message.xml", &message);
    assert!(!message.contains("NOT-WRITTEN") && !message.contains("offset_disagrees"));
}

#[test]
fn what_was_not_released_is_not_in_the_message() {
    let plate = Plate::parse("TPK0421").unwrap();
    let at = at("2026-03-04T07:15:30Z");
    let bare = Observation::new("7".to_owned(), plate, at, ZoneProvenance::Format);
    let message = niem::message(&answer(vec![bare])).unwrap();
    validate(&message).unwrap();
    let message = String::from_utf8(message).unwrap();
    for absent in [
        "nc:Image",
        "Location2D",
        "Jurisdiction",
        "IssuerStateCode",
        "ConfidenceValue",
        "RawText",
        "Candidate",
        "SiteText",
        "CameraText",
        "LaneText",
        "Bearing",
        "Vehicle",
        "Offset",
    ] {
        assert!(!message.contains(absent), "{absent}");
    }
}

#[test]
fn the_states_are_those_of_the_schema() {
    let schema = fs::read_to_string(path("niem/6.0/codes/usps.xsd")).unwrap();
    let (_, states) = schema
        .split_once("<xs:simpleType name=\"USStateCodeSimpleType\">")
        .unwrap();
    let (states, _) = states.split_once("</xs:simpleType>").unwrap();
    let states: Vec<_> = states
        .split("<xs:enumeration value=\"")
        .skip(1)
        .map(|state| state.split('"').next().unwrap())
        .collect();
    assert_eq!(states, niem::STATES);
}

#[test]
fn a_message_that_is_not_valid_is_found_out() {
    let message = niem::message(&answer(vec![full()])).unwrap();
    let message = String::from_utf8(message).unwrap();
    for (good, bad) in [
        (
            "<tp:CompletenessCode>partial",
            "<tp:CompletenessCode>mostly",
        ),
        ("IssuerStateCode>OH", "IssuerStateCode>OX"),
        ("DateTime>2026-03-04T07:15:30.412Z", "DateTime>4 March"),
        ("LatitudeDegreeValue>41.5", "LatitudeDegreeValue>91.5"),
        ("tp:LaneText", "tp:Driver"),
    ] {
        assert!(message.contains(good), "{good}");
        let message = message.replace(good, bad);
        assert!(validate(message.as_bytes()).is_err(), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_a_source_sends_the_message_validates(
        texts in proptest::collection::vec(any::<String>(), 6),
        lat in -90.0..=90.0_f64, lon in -180.0..=180.0_f64,
        confidence in 0.0..=1.0_f64,
        seconds in -60_000_000_000_i64..200_000_000_000,
        issuer in prop::sample::select(vec!["US-OH", "US-AA", "US-ZZ", "CA-ON", "MX", "GB-ENG"]),
    ) {
        let mut read = full();
        read.record.clone_from(&texts[0]);
        read.place.site = Some(texts[1].clone());
        read.place.camera = Some(texts[2].clone());
        read.place.lane = Some(texts[3].clone());
        read.vehicle.make = Some(Attribute { value: texts[4].clone(), confidence: None });
        if let Ok(plate) = Plate::parse(&texts[5]) {
            read.plate.plate = plate;
        }
        read.place.set_position(lat, lon);
        read.plate.confidence = sure(confidence);
        read.plate.jurisdiction = Jurisdiction::parse(issuer).ok();
        read.captured_at = Timestamp::from_second(seconds).unwrap();
        let message = niem::message(&answer(vec![read])).unwrap();
        prop_assert_eq!(validate(&message), Ok(()));
    }
}
