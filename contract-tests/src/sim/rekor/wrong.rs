//! Messages no receiver can use, or that try to hurt it.

use serde_json::{Value, json};

use super::bodies::{Group, with};

/// What is wrong with a group; each message has exactly one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// `best_plate_number` is a number.
    NumericPlate,
    /// `best_plate_number` is null.
    NullPlate,
    /// `best_plate_number` is not there.
    NoPlate,
    /// `best_plate_number` holds what is on no plate.
    BadPlate,
    /// `best_confidence` is 140.
    ConfidenceOver100,
    /// `best_confidence` is a word.
    TextConfidence,
    /// `epoch_start` is not there.
    NoTime,
    /// `epoch_start` is text.
    TextTime,
    /// `epoch_start` is before 1970 by more than a calendar holds.
    ImpossibleTime,
    /// `best_uuid` is not there.
    NoUuid,
    /// `uuids` is a string.
    UuidsNoList,
    /// `agent_uid` is not there.
    NoAgent,
    /// `camera_id` is text.
    TextCamera,
    /// `gps_latitude` is 191.
    ImpossibleGps,
    /// `data_type` is one nobody knows.
    UnknownType,
}

impl Wrong {
    /// Every fault.
    pub const ALL: [Self; 15] = [
        Self::NumericPlate,
        Self::NullPlate,
        Self::NoPlate,
        Self::BadPlate,
        Self::ConfidenceOver100,
        Self::TextConfidence,
        Self::NoTime,
        Self::TextTime,
        Self::ImpossibleTime,
        Self::NoUuid,
        Self::UuidsNoList,
        Self::NoAgent,
        Self::TextCamera,
        Self::ImpossibleGps,
        Self::UnknownType,
    ];

    /// The message of `group` with this fault.
    #[must_use]
    pub fn json(self, group: &Group) -> Value {
        let body = group.json();
        match self {
            Self::NumericPlate => with(body, "best_plate_number", json!(421)),
            Self::NullPlate => with(body, "best_plate_number", Value::Null),
            Self::NoPlate => without(body, "best_plate_number"),
            Self::BadPlate => with(body, "best_plate_number", json!("TPK\u{0}<0421>\u{1f697}")),
            Self::ConfidenceOver100 => with(body, "best_confidence", json!(140.0)),
            Self::TextConfidence => with(body, "best_confidence", json!("high")),
            Self::NoTime => without(body, "epoch_start"),
            Self::TextTime => with(body, "epoch_start", json!("2026-03-04 07:15")),
            Self::ImpossibleTime => with(body, "epoch_start", json!(i64::MIN)),
            Self::NoUuid => without(body, "best_uuid"),
            Self::UuidsNoList => with(body, "uuids", json!("one")),
            Self::NoAgent => without(body, "agent_uid"),
            Self::TextCamera => with(body, "camera_id", json!("two")),
            Self::ImpossibleGps => with(body, "gps_latitude", json!(191.0)),
            Self::UnknownType => with(body, "data_type", json!("alpr_weather")),
        }
    }
}

/// A group whose `vehicle_path` is nested `depth` lists deep. As bytes: no JSON library is asked
/// to build it.
#[must_use]
pub fn deep(group: &Group, depth: usize) -> Vec<u8> {
    let text = with(group.json(), "vehicle_path", json!("PATH")).to_string();
    let nest = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    text.replace("\"PATH\"", &nest).into_bytes()
}

/// A group with an overview image of `bytes` base64 characters.
#[must_use]
pub fn oversized(group: &Group, bytes: usize) -> Value {
    with(group.json(), "overview_jpeg", json!("A".repeat(bytes)))
}

fn without(mut body: Value, key: &str) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.remove(key);
    }
    body
}
