//! Records of the invented vendors.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sim::{CANARY, TAG_CANARY};
use crate::town::Passage;

/// One record.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) at: Timestamp,
    pub(super) plate: String,
    /// As JSON; the other formats are written from it.
    pub(super) json: Value,
}

impl Row {
    /// The record of a passage whose plate was read.
    pub(super) fn of(passage: &Passage) -> Option<Self> {
        let plate = passage.text.clone()?;
        let json = json!({
            "sighting_id": format!("S-{}", passage.id),
            "revision": 1,
            "plate": plate,
            "seen_utc": passage.at.to_string(),
            "lat": passage.site.latitude,
            "lon": passage.site.longitude,
            "camera": passage.site.code,
            "score": passage.confidence_percent(),
            "retracted": false,
            "photo": format!("2026/S-{}.jpg", passage.id),
        });
        let row = Self {
            at: passage.at,
            plate,
            json,
        };
        Some(match passage.state {
            Some(state) => row.with("state", json!(state.code())),
            None => row,
        })
    }

    /// The same record with one key another way.
    pub(super) fn with(&self, key: &str, value: Value) -> Self {
        let mut row = self.clone();
        if let Some(fields) = row.json.as_object_mut() {
            fields.insert(key.to_owned(), value);
        }
        row
    }

    /// The same record without one key.
    pub(super) fn without(&self, key: &str) -> Self {
        let mut row = self.clone();
        if let Some(fields) = row.json.as_object_mut() {
            fields.remove(key);
        }
        row
    }

    /// The same record with fields about people.
    pub(super) fn personal(&self) -> Self {
        self.with("owner", json!(CANARY))
            .with("driver_name", json!(CANARY))
            .with("signature", json!(CANARY))
            .with("tag", json!(TAG_CANARY))
            .with("contact", json!(CANARY))
    }

    /// A value as text, as formats without types write it.
    pub(super) fn text(&self, key: &str) -> String {
        match self.json.get(key) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }
}

/// A record that needs care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Odd {
    NoId,
    NoPlate,
    NumericPlate,
    NullPlate,
    NoTime,
    LocalTime,
    NumericTime,
    NegativeRevision,
    ScoreOverHundred,
    NoScore,
    NoState,
    UnknownState,
    Nowhere,
    HalfPosition,
    OtherPlate,
    LongAgo,
}

impl Odd {
    pub(super) const ALL: [Self; 16] = [
        Self::NoId,
        Self::NoPlate,
        Self::NumericPlate,
        Self::NullPlate,
        Self::NoTime,
        Self::LocalTime,
        Self::NumericTime,
        Self::NegativeRevision,
        Self::ScoreOverHundred,
        Self::NoScore,
        Self::NoState,
        Self::UnknownState,
        Self::Nowhere,
        Self::HalfPosition,
        Self::OtherPlate,
        Self::LongAgo,
    ];

    /// The odd record, made from a good one under another identity.
    pub(super) fn of(self, row: &Row) -> Row {
        let row = row.with("sighting_id", json!(format!("odd-{}", self as u8)));
        match self {
            Self::NoId => row.without("sighting_id"),
            Self::NoPlate => row.without("plate"),
            Self::NumericPlate => row.with("plate", json!(421)),
            Self::NullPlate => row.with("plate", Value::Null),
            Self::NoTime => row.without("seen_utc"),
            Self::LocalTime => row.with("seen_utc", json!("2026-03-02T07:15:30")),
            Self::NumericTime => row.with("seen_utc", json!(row.at.as_millisecond())),
            Self::NegativeRevision => row.with("revision", json!(-1)),
            Self::ScoreOverHundred => row.with("score", json!(170)),
            Self::NoScore => row.without("score"),
            Self::NoState => row.without("state"),
            Self::UnknownState => row.with("state", json!("Brookland")),
            Self::Nowhere => row.with("lat", json!(0)).with("lon", json!(0)),
            Self::HalfPosition => row.without("lon"),
            Self::OtherPlate => row.with("plate", json!("TPX9999")),
            Self::LongAgo => row.with("seen_utc", json!("2025-02-01T07:15:30Z")),
        }
    }

    /// What it breaks, where a format tells types and absent fields apart; `None` for one that is read.
    pub(super) fn breaks(self) -> Option<&'static str> {
        match self {
            Self::NoId => Some("sighting_id"),
            Self::NoPlate | Self::NumericPlate => Some("plate"),
            Self::NoTime | Self::LocalTime | Self::NumericTime => Some("seen_utc"),
            Self::NegativeRevision => Some("revision"),
            _ => None,
        }
    }
}
