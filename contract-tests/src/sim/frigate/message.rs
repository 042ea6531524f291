//! Messages that should not be.

use serde_json::{Value, json};

use super::Tracked;

/// What is wrong with an `lpr` message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Wrong {
    NumericPlate,
    TwoPlates,
    LongPlate,
    NoId,
    NumericId,
    NoTime,
    TextTime,
    TimeInMilliseconds,
    TextScore,
    ScoreOver1,
    NoType,
    NoCamera,
}

impl Wrong {
    /// Everything that can be wrong.
    pub const ALL: [Self; 12] = [
        Self::NumericPlate,
        Self::TwoPlates,
        Self::LongPlate,
        Self::NoId,
        Self::NumericId,
        Self::NoTime,
        Self::TextTime,
        Self::TimeInMilliseconds,
        Self::TextScore,
        Self::ScoreOver1,
        Self::NoType,
        Self::NoCamera,
    ];

    /// The message with the fault.
    #[must_use]
    pub fn json(self, tracked: &Tracked) -> Value {
        let (key, value) = match self {
            Self::NumericPlate => ("plate", json!(421)),
            Self::TwoPlates => ("plate", json!("TPX9999,TPX9998")),
            Self::LongPlate => ("plate", json!("TPX9999TPX9999TPX9999")),
            Self::NoId => ("id", Value::Null),
            Self::NumericId => ("id", json!(7)),
            Self::NoTime => ("timestamp", Value::Null),
            Self::TextTime => ("timestamp", json!("1772608530.4")),
            Self::TimeInMilliseconds => ("timestamp", json!(1_772_608_530_412_i64)),
            Self::TextScore => ("score", json!("0.9")),
            Self::ScoreOver1 => ("score", json!(95)),
            Self::NoType => ("type", Value::Null),
            Self::NoCamera => ("camera", Value::Null),
        };
        let mut message = tracked.update();
        if let Some(message) = message.as_object_mut() {
            message.insert(key.to_owned(), value);
        }
        message
    }
}

/// A message with a field nested this deep.
#[must_use]
pub fn deep(tracked: &Tracked, depth: usize) -> Vec<u8> {
    let text = tracked.update().to_string();
    let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    text.replacen("{", &format!("{{\"attributes\":{nested},"), 1)
        .into_bytes()
}

/// A message with a field of this many bytes.
#[must_use]
pub fn oversized(tracked: &Tracked, bytes: usize) -> Value {
    let mut message = tracked.update();
    if let Some(message) = message.as_object_mut() {
        message.insert("thumbnail".to_owned(), json!("A".repeat(bytes)));
    }
    message
}
