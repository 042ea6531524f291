//! What leaves under a permit: only reads that answer, only fields that are released.

use std::collections::BTreeSet;

use turnpike_schemas::{
    agreement::{AgreementDocument, Field, ImagePermit, Permit, UpstreamField},
    plate::{Jurisdiction, Plate},
    query::Query,
    read::{
        Attribute, Candidate, Confidence, ImageKind, ImageRef, Observation, PlateRead, Provenance,
        ReadKind, SourceId, ZoneProvenance,
    },
};

use crate::reference;

/// Every part of a read that can be withheld carries one of these, and no two parts the same.
const CANARIES: [(Field, &[&str]); 12] = [
    (Field::PlateRaw, &["tpk 04-21", "tpk-04.2i"]),
    (Field::Jurisdiction, &["US-OH", "0.101"]),
    (Field::Confidence, &["0.102", "0.103"]),
    (Field::Candidates, &["TPK042I"]),
    (Field::Position, &["41.501", "-81.201"]),
    (Field::Site, &["canary-site"]),
    (Field::Camera, &["canary-camera"]),
    (Field::Lane, &["canary-lane"]),
    (Field::Bearing, &["90.501", "12.501"]),
    (
        Field::Vehicle,
        &[
            "canary-make",
            "canary-model",
            "canary-colour",
            "canary-class",
            "0.104",
        ],
    ),
    (Field::Images, &["canary-image", "2026-06-30T23:59:59Z"]),
    (Field::Extra, &["canary-key", "canary-value"]),
];

/// What is different about a read.
type Change = fn(&mut PlateRead);

fn confidence(value: f64) -> Option<Confidence> {
    Some(Confidence::new(value).unwrap())
}

fn attribute(value: &str) -> Option<Attribute> {
    Some(Attribute {
        value: value.to_owned(),
        confidence: confidence(0.104),
    })
}

/// A read in the middle of the reference question's window, with everything a read can hold.
pub(crate) fn read() -> PlateRead {
    let captured_at = reference::now() - jiff::SignedDuration::from_hours(12);
    let plate = Plate::parse("tpk 04-21").unwrap();
    let mut read = Observation::new(
        "r-1".to_owned(),
        plate,
        captured_at,
        ZoneProvenance::InValue,
    );
    read.revision = 7;
    read.aliases = vec!["canary-alias".to_owned()];
    read.quality = vec!["offset_disagrees".to_owned()];
    read.plate.jurisdiction = Some(Jurisdiction::parse("US-OH").unwrap());
    read.plate.jurisdiction_confidence = confidence(0.101);
    read.plate.confidence = confidence(0.102);
    read.plate.candidates = vec![Candidate {
        plate: Plate::parse("tpk-04.2i").unwrap(),
        confidence: confidence(0.103),
    }];
    assert!(read.place.set_position(41.501, -81.201));
    read.place.site = Some("canary-site".to_owned());
    read.place.camera = Some("canary-camera".to_owned());
    read.place.lane = Some("canary-lane".to_owned());
    read.place.bearing_deg = Some(90.501);
    read.place.image_bearing_deg = Some(12.501);
    read.vehicle.make = attribute("canary-make");
    read.vehicle.model = attribute("canary-model");
    read.vehicle.colour = attribute("canary-colour");
    read.vehicle.class = attribute("canary-class");
    read.images = vec![ImageRef {
        kind: ImageKind::Plate,
        reference: "canary-image".to_owned(),
        expires_at: Some("2026-06-30T23:59:59Z".parse().unwrap()),
    }];
    read.extra = [("canary-key".to_owned(), "canary-value".to_owned())].into();
    PlateRead::seal(
        read,
        reference::source(),
        reference::now(),
        Provenance {
            adapter: "flock".to_owned(),
            adapter_version: "1".to_owned(),
            agreement: Some("lakeshore-tolls@3".to_owned()),
            payload_sha256: "00".repeat(32),
        },
    )
}

fn permit(query: &Query, fields: BTreeSet<Field>) -> Permit {
    let released = |document: &mut AgreementDocument| {
        document.what.fields = fields;
        document.what.confidence_floor_percent = 0;
    };
    reference::agreement(released)
        .permit(&reference::requester(), query, reference::now())
        .unwrap()
}

fn image_permit(query: &Query) -> ImagePermit {
    reference::agreement(|_| {})
        .image_permit(&reference::requester(), query, reference::now())
        .unwrap()
}

fn subset(bits: u32) -> BTreeSet<Field> {
    Field::ALL
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| bits & (1 << bit) != 0)
        .map(|(_, field)| field)
        .collect()
}

/// Whether a canary may be seen: what sits inside a hypothesis needs `candidates` as well.
fn visible(canary: &str, field: Field, released: &BTreeSet<Field>) -> bool {
    let inside_candidate = ["tpk-04.2i", "0.103"].contains(&canary);
    released.contains(&field) && (!inside_candidate || released.contains(&Field::Candidates))
}

#[test]
fn every_part_of_a_read_has_its_canary() {
    let named: Vec<Field> = CANARIES.iter().map(|(field, _)| *field).collect();
    assert_eq!(named, Field::ALL);
    let whole = serde_json::to_string(&read()).unwrap();
    for (field, canaries) in CANARIES {
        for canary in canaries {
            assert!(whole.contains(canary), "{field:?}: {canary}");
        }
    }
}

#[test]
fn exactly_the_released_fields_leave_for_every_set_of_fields() {
    let whole = read();
    for bits in 0..1_u32 << Field::ALL.len() {
        let fields = subset(bits);
        let released = permit(&reference::query(), fields.clone())
            .release(whole.clone())
            .unwrap();
        let text = serde_json::to_string(&released).unwrap();
        for (field, canaries) in CANARIES {
            for canary in canaries {
                let expected = visible(canary, field, &fields);
                assert_eq!(text.contains(canary), expected, "{canary} with {fields:?}");
            }
        }
        assert!(!text.contains("canary-alias"));
        always_there(&released);
    }
}

/// Identity, kind, revision, plate text, capture time and provenance.
fn always_there(released: &PlateRead) {
    let whole = read();
    let (left, right) = (&released.observation, &whole.observation);
    assert_eq!((&released.id, &released.source), (&whole.id, &whole.source));
    assert_eq!(released.provenance, whole.provenance);
    assert_eq!(left.plate.plate.expose(), "TPK0421");
    assert_eq!((left.kind, left.revision), (ReadKind::Read, 7));
    assert_eq!(left.captured_at, right.captured_at);
    assert_eq!(left.record, right.record);
}

const DAY_NS: i64 = 24 * 3_600 * 1_000_000_000;

fn at(offset_ns: i64) -> jiff::Timestamp {
    reference::now() + jiff::SignedDuration::from_nanos(offset_ns)
}

fn plate(text: &str) -> Plate {
    Plate::parse(text).unwrap()
}

#[test]
fn a_read_leaves_only_if_it_answers_and_its_image_only_with_it() {
    let query = reference::query().issued_by(Jurisdiction::parse("US-OH").unwrap());
    let cases: [(&str, Change, bool); 13] = [
        ("as it is", |_| {}, true),
        (
            "first instant",
            |read| read.observation.captured_at = at(-DAY_NS),
            true,
        ),
        (
            "before",
            |read| read.observation.captured_at = at(-DAY_NS - 1),
            false,
        ),
        (
            "last instant",
            |read| read.observation.captured_at = at(-1),
            true,
        ),
        ("end", |read| read.observation.captured_at = at(0), false),
        (
            "other plate",
            |read| read.observation.plate.plate = plate("TPK0422"),
            false,
        ),
        (
            "look-alike",
            |read| read.observation.plate.plate = plate("TPKO42I"),
            false,
        ),
        (
            "longer",
            |read| read.observation.plate.plate = plate("TPK04210"),
            false,
        ),
        (
            "other state",
            |read| read.observation.plate.jurisdiction = Jurisdiction::parse("US-GA").ok(),
            false,
        ),
        (
            "country only",
            |read| read.observation.plate.jurisdiction = Jurisdiction::parse("US").ok(),
            true,
        ),
        (
            "no issuer",
            |read| read.observation.plate.jurisdiction = None,
            true,
        ),
        ("withdrawn", |read| read.observation.retracted = true, false),
        (
            "other source",
            |read| read.source = SourceId::parse("other").unwrap(),
            false,
        ),
    ];
    for (name, change, leaves) in cases {
        let mut changed = read();
        change(&mut changed);
        assert_eq!(
            image_permit(&query).covers(&changed),
            leaves,
            "image: {name}"
        );
        let released = permit(&query, Field::ALL.into()).release(changed);
        assert_eq!(released.is_some(), leaves, "{name}");
    }
}

#[test]
fn a_read_in_the_part_that_was_cut_away_does_not_leave() {
    let wide = reference::query_over(reference::window(-60 * 86_400, 0));
    let permit = permit(&wide, Field::ALL.into());
    assert!(permit.is_cut());
    let mut old = read();
    old.observation.captured_at = permit.window().from() - jiff::SignedDuration::from_nanos(1);
    assert!(wide.window().contains(old.observation.captured_at));
    assert!(!image_permit(&wide).covers(&old));
    assert_eq!(permit.release(old), None);
}

#[test]
fn the_source_is_told_only_what_the_agreement_discloses() {
    let permit = permit(&reference::query(), BTreeSet::new());
    assert!(permit.discloses(UpstreamField::Purpose));
    assert!(!permit.discloses(UpstreamField::CaseReference));
    assert_eq!(permit.source(), &reference::source());
    assert_eq!(permit.agreement().as_str(), "lakeshore-tolls@3");
}

/// What the reference agreement releases of a read after `change`.
fn released_of(change: Change, terms: fn(&mut AgreementDocument)) -> Option<PlateRead> {
    let mut changed = read();
    changed.observation.plate.confidence = confidence(0.9);
    change(&mut changed);
    reference::agreement(terms)
        .permit(
            &reference::requester(),
            &reference::query(),
            reference::now(),
        )
        .unwrap()
        .release(changed)
}

#[test]
fn a_read_less_sure_than_the_floor_or_without_a_confidence_does_not_leave() {
    let cases: [(Change, bool); 4] = [
        (
            |read| read.observation.plate.confidence = confidence(0.61),
            true,
        ),
        (
            |read| read.observation.plate.confidence = confidence(0.60),
            true,
        ),
        (
            |read| read.observation.plate.confidence = confidence(0.59),
            false,
        ),
        (|read| read.observation.plate.confidence = None, false),
    ];
    for (change, leaves) in cases {
        assert_eq!(released_of(change, |_| {}).is_some(), leaves);
        let no_floor =
            |document: &mut AgreementDocument| document.what.confidence_floor_percent = 0;
        assert!(released_of(change, no_floor).is_some());
    }
}

#[test]
fn a_read_leaves_by_where_it_was_taken_and_not_where_that_cannot_be_told() {
    let site = |name: Option<&'static str>| name.map(str::to_owned);
    for (name, leaves) in [
        (Some("Brook Street"), true),
        (Some("Clinic-East"), false),
        (Some("clinic-"), false),
        (Some("a clinic-"), true),
        (None, false),
    ] {
        let mut changed = read();
        changed.observation.plate.confidence = confidence(0.9);
        changed.observation.place.site = site(name);
        let permit = reference::agreement(|_| {})
            .permit(
                &reference::requester(),
                &reference::query(),
                reference::now(),
            )
            .unwrap();
        assert_eq!(permit.release(changed).is_some(), leaves, "{name:?}");
        assert!(
            permit
                .obligations()
                .iter()
                .any(turnpike_schemas::agreement::Obligation::withholds_reads)
        );
    }
    let only = |document: &mut AgreementDocument| {
        let pattern = |text: &str| text.to_owned().try_into().unwrap();
        document.places.within = [pattern("camera:canary-*"), pattern("site:bridge")].into();
        document.places.excluded.clear();
    };
    assert!(released_of(|_| {}, only).is_some());
    let elsewhere: Change = |read| read.observation.place.camera = Some("other".to_owned());
    assert!(released_of(elsewhere, only).is_none());
    let unsaid: Change = |read| read.observation.place.camera = None;
    assert!(released_of(unsaid, only).is_none());
}

#[test]
fn positions_are_rounded_and_kinds_of_image_held_back() {
    let at: Change = |read| {
        assert!(read.observation.place.set_position(41.501_49, -81.2505));
        read.observation.images.push(ImageRef {
            kind: ImageKind::Scene,
            reference: "canary-scene".to_owned(),
            expires_at: None,
        });
    };
    for (decimals, lat, lon) in [(0, 42.0, -81.0), (2, 41.5, -81.25), (3, 41.501, -81.251)] {
        let mut changed = read();
        changed.observation.plate.confidence = confidence(0.9);
        at(&mut changed);
        let terms = |document: &mut AgreementDocument| document.places.position_decimals = decimals;
        let released = reference::agreement(terms)
            .permit(
                &reference::requester(),
                &reference::query(),
                reference::now(),
            )
            .unwrap()
            .release(changed)
            .unwrap();
        let place = &released.observation.place;
        assert_eq!((place.lat, place.lon), (Some(lat), Some(lon)), "{decimals}");
        let kinds: Vec<ImageKind> = released
            .observation
            .images
            .iter()
            .map(|it| it.kind)
            .collect();
        assert_eq!(kinds, [ImageKind::Plate]);
    }
    let scene = ImageRef {
        kind: ImageKind::Scene,
        reference: "x".to_owned(),
        expires_at: None,
    };
    let permit = image_permit(&reference::query());
    assert!(!permit.covers_kind(&scene));
    assert!(permit.covers_kind(&read().observation.images[0]));
}

#[test]
fn whoever_is_told_gets_no_more_of_a_read_than_whoever_asks() {
    let whole = read();
    for bits in 0..1_u32 << Field::ALL.len() {
        let fields = subset(bits);
        let agreement = reference::agreement(|document| {
            reference::alerts(document);
            document.what.fields = fields.clone();
            document.what.confidence_floor_percent = 0;
        });
        let (requester, query) = (reference::requester(), reference::query());
        let told = agreement.alert_permit(&requester, &query, reference::now());
        let told = told.unwrap();
        let released = told.release(whole.clone());
        assert!(released.is_some(), "{fields:?}");
        let asked = permit(&query, fields).release(whole.clone());
        assert_eq!(released, asked);
        let mut withdrawn = whole.clone();
        withdrawn.observation.retracted = true;
        assert_eq!(told.release(withdrawn), None);
    }
}
