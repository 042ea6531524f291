//! Messages no receiver can use.

use serde_json::{Value, json};

use super::{Frame, Layout};

/// What is wrong with a message; each has exactly one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The text of the plate is a number.
    NumericPlate,
    /// There is no key `plate`.
    NoPlate,
    /// The text is longer than any plate.
    LongPlate,
    /// The score is text.
    TextScore,
    /// The score is 91.
    PercentScore,
    /// No `timestamp`, and no `timestamp_local`.
    NoTime,
    /// `timestamp` without a zone.
    LocalTime,
    /// `timestamp` is a number.
    EpochTime,
    /// `direction` is a number as text.
    TextDirection,
    /// `direction` is 721.
    LargeDirection,
    /// `results` is an object.
    ResultsNoList,
    /// No `hook`.
    NoHook,
    /// No `data`.
    NoData,
    /// Neither camera nor file name.
    NoIdentity,
}

impl Wrong {
    /// Every fault.
    pub const ALL: [Self; 14] = [
        Self::NumericPlate,
        Self::NoPlate,
        Self::LongPlate,
        Self::TextScore,
        Self::PercentScore,
        Self::NoTime,
        Self::LocalTime,
        Self::EpochTime,
        Self::TextDirection,
        Self::LargeDirection,
        Self::ResultsNoList,
        Self::NoHook,
        Self::NoData,
        Self::NoIdentity,
    ];

    /// The message of `frame` with this fault.
    #[must_use]
    pub fn json(self, frame: &Frame) -> Value {
        let mut json = frame.json();
        let (text, score) = match frame.layout {
            Layout::Flat => ("/plate", "/score"),
            Layout::Nested => ("/plate/props/plate/0/value", "/plate/props/plate/0/score"),
        };
        let (text, score) = (
            format!("/data/results/0{text}"),
            format!("/data/results/0{score}"),
        );
        match self {
            Self::NumericPlate => put(&mut json, &text, json!(421)),
            Self::NoPlate => cut(&mut json, "/data/results/0", "plate"),
            Self::LongPlate => put(&mut json, &text, json!("a".repeat(80))),
            Self::TextScore => put(&mut json, &score, json!("high")),
            Self::PercentScore => put(&mut json, &score, json!(91)),
            Self::NoTime => {
                cut(&mut json, "/data", "timestamp");
                cut(&mut json, "/data", "timestamp_local");
            }
            Self::LocalTime => put(
                &mut json,
                "/data/timestamp",
                json!("2026-03-04T07:15:30.412000"),
            ),
            Self::EpochTime => put(&mut json, "/data/timestamp", json!(1_772_608_530)),
            Self::TextDirection => put(&mut json, "/data/results/0/direction", json!("210")),
            Self::LargeDirection => put(&mut json, "/data/results/0/direction", json!(721)),
            Self::ResultsNoList => put(&mut json, "/data/results", json!({})),
            Self::NoHook => cut(&mut json, "", "hook"),
            Self::NoData => cut(&mut json, "", "data"),
            Self::NoIdentity => {
                for (parent, key) in [
                    ("/hook", "id"),
                    ("/hook", "filename"),
                    ("/data", "camera_id"),
                    ("/data", "filename"),
                ] {
                    cut(&mut json, parent, key);
                }
            }
        }
        json
    }
}

fn put(json: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = json.pointer_mut(pointer) {
        *place = value;
    }
}

fn cut(json: &mut Value, parent: &str, key: &str) {
    if let Some(fields) = json.pointer_mut(parent).and_then(Value::as_object_mut) {
        fields.remove(key);
    }
}
