//! Webhooks no receiver can use.

use serde_json::{Value, json};

use super::{Detection, put};

/// What is wrong with a webhook; each has exactly one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// `webhook_type` is null.
    NoType,
    /// `data` is null.
    NoData,
    /// `data` is a list.
    DataList,
    /// `license_plate_number` is null.
    NoPlate,
    /// `license_plate_number` is a number.
    NumericPlate,
    /// `camera_id` is null.
    NoCamera,
    /// `created` is text.
    TextTime,
    /// `created` is in milliseconds.
    MillisecondsAsSeconds,
    /// `detected` is in seconds.
    SecondsAsMilliseconds,
    /// `confidence` is a word.
    TextConfidence,
    /// `confidence` is of a hundred.
    Percent,
    /// `license_plate_state` has no country.
    BareState,
}

impl Wrong {
    /// Every fault.
    pub const ALL: [Self; 12] = [
        Self::NoType,
        Self::NoData,
        Self::DataList,
        Self::NoPlate,
        Self::NumericPlate,
        Self::NoCamera,
        Self::TextTime,
        Self::MillisecondsAsSeconds,
        Self::SecondsAsMilliseconds,
        Self::TextConfidence,
        Self::Percent,
        Self::BareState,
    ];

    /// The webhook of `detection` with this fault.
    #[must_use]
    pub fn json(self, detection: &Detection) -> Value {
        let mut json = detection.json();
        let seconds = detection.at_ms.div_euclid(1_000);
        let (key, value) = match self {
            Self::NoType => return with(json, "webhook_type", Value::Null),
            Self::NoData => return with(json, "data", Value::Null),
            Self::DataList => return with(json, "data", json!([detection.camera, seconds])),
            Self::NoPlate => ("license_plate_number", Value::Null),
            Self::NumericPlate => ("license_plate_number", json!(421)),
            Self::NoCamera => ("camera_id", Value::Null),
            Self::TextTime => ("created", json!(seconds.to_string())),
            Self::MillisecondsAsSeconds => ("created", json!(detection.at_ms)),
            Self::SecondsAsMilliseconds => ("detected", json!(seconds)),
            Self::TextConfidence => ("confidence", json!("high")),
            Self::Percent => ("confidence", json!(93.0)),
            Self::BareState => ("license_plate_state", json!("oh")),
        };
        if let Some(data) = json.get_mut("data") {
            put(data, key, value);
        }
        json
    }
}

fn with(mut body: Value, key: &str, value: Value) -> Value {
    put(&mut body, key, value);
    body
}
