//! Result rows as the vendor writes them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::criteria::Criteria;
use super::switches::OddRow;
use crate::sim::CANARY;
use crate::town::{Passage, Site};

const INSTALLED: &str = "2024-01-01T00:00:00Z";

/// One indexed read.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) plate: String,
    pub(super) plate_confidence: f64,
    pub(super) state: Option<(&'static str, f64)>,
    pub(super) captured_at: Timestamp,
    pub(super) position: (f64, f64),
    pub(super) json: Value,
}

impl Row {
    pub(super) fn of(passage: &Passage) -> Option<Self> {
        let plate = passage.text.clone()?;
        let confidence = passage.confidence();
        let state = passage
            .state
            .map(|state| (state.snake_name(), passage.state_confidence()));
        let mut json = json!({
            "id": uuid_of(passage.id),
            "capturedAt": microseconds(passage.at),
            "device": device(&passage.site),
            "plate": {"plate": plate, "confidence": confidence},
        });
        if let Some((name, confidence)) = state {
            put(
                &mut json,
                "state",
                json!({"state": name, "confidence": confidence}),
            );
        }
        Some(Self {
            plate,
            plate_confidence: confidence,
            state,
            captured_at: passage.at,
            position: (passage.site.latitude, passage.site.longitude),
            json,
        })
    }
}

/// A row that needs care, as an answer to `criteria`.
pub(super) fn odd(odd: OddRow, criteria: &Criteria) -> Value {
    let at = criteria.end - SignedDuration::from_millis(1);
    let mut row = json!({
        "id": uuid_of(0xdd_0000 + (odd as u64)),
        "capturedAt": microseconds(at),
        "device": {
            "id": uuid_of(0xde_0000), "type": "camera", "name": "Brook St EB",
            "location": {"latitude": 41.5, "longitude": -81.25},
            "network": network(), "metadata": {},
            "createdAt": INSTALLED, "modifiedAt": INSTALLED,
        },
        "plate": {"plate": criteria.plate, "confidence": 0.9},
        "state": {"state": criteria.state.as_deref().unwrap_or("ohio"), "confidence": 0.8},
    });
    match odd {
        OddRow::NoId => remove(&mut row, "id"),
        OddRow::NoTime => remove(&mut row, "capturedAt"),
        OddRow::LocalTime => put(&mut row, "capturedAt", json!("2026-03-04T07:15:30")),
        OddRow::NumericTime => put(&mut row, "capturedAt", json!(at.as_millisecond())),
        OddRow::NoDevice => remove(&mut row, "device"),
        OddRow::NoPosition => put_in(&mut row, "device", "location", json!({})),
        OddRow::NoPlate => remove(&mut row, "plate"),
        OddRow::NullPlate => put(&mut row, "plate", Value::Null),
        OddRow::EmptyPlate => put_in(&mut row, "plate", "plate", json!("")),
        OddRow::BadPlate => put_in(&mut row, "plate", "plate", json!("TPK\u{0}<0421>\u{1f697}")),
        OddRow::NumericPlate => put_in(&mut row, "plate", "plate", json!(421)),
        OddRow::NoConfidence => put(&mut row, "plate", json!({"plate": criteria.plate})),
        OddRow::ConfidenceAboveOne => put_in(&mut row, "plate", "confidence", json!(1.7)),
        OddRow::TextConfidence => put_in(&mut row, "plate", "confidence", json!("high")),
        OddRow::NoState => remove(&mut row, "state"),
        OddRow::NullState => put(&mut row, "state", Value::Null),
        OddRow::UnknownState => put_in(&mut row, "state", "state", json!("brookland")),
        OddRow::OtherPlate => put_in(&mut row, "plate", "plate", json!("TPX9999")),
        OddRow::OutsideWindow => {
            let before = criteria.start - SignedDuration::from_hours(24 * 365);
            put(&mut row, "capturedAt", json!(microseconds(before)));
        }
        OddRow::NotAnObject => row = json!("row"),
    }
    row
}

/// Plants the canary in every place a vendor might put a person.
pub(super) fn plant_personal(row: &mut Value) {
    put(row, "owner", json!({"name": CANARY, "address": CANARY}));
    put(row, "driverName", json!(CANARY));
    put(row, "vehicleSignature", json!(CANARY));
    put_in(row, "plate", "registeredOwner", json!(CANARY));
    put_in(row, "device", "metadata", json!({"contact": CANARY}));
}

fn device(site: &Site) -> Value {
    json!({
        "id": uuid_of(0xd0_0000 + u64::from(site.number)),
        "type": "camera",
        "name": site.name,
        "location": {
            "latitude": site.latitude, "longitude": site.longitude,
            "city": "Brookdale", "state": "OH", "country": "US",
        },
        "network": network(),
        "metadata": {},
        "createdAt": INSTALLED,
        "modifiedAt": INSTALLED,
    })
}

fn network() -> Value {
    json!({"id": uuid_of(0xe0_0000), "name": "Brookdale PD"})
}

pub(super) fn uuid_of(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

fn microseconds(at: Timestamp) -> String {
    format!("{at:.6}")
}

fn put(row: &mut Value, key: &str, value: Value) {
    if let Some(fields) = row.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

fn put_in(row: &mut Value, key: &str, inner: &str, value: Value) {
    if let Some(field) = row.get_mut(key) {
        put(field, inner, value);
    }
}

fn remove(row: &mut Value, key: &str) {
    if let Some(fields) = row.as_object_mut() {
        fields.remove(key);
    }
}
