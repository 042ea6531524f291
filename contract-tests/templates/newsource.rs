//! A simulated new source, made from its manual: it has one JSON record for every passage. It shares no type with the
//! adapter.

pub mod api;
pub mod bench;

use serde_json::{Value, json};

use crate::sim::CANARY;
use crate::town::Passage;

/// The record of a passage, as the manual shows it. None where no plate was read.
pub fn message(passage: &Passage) -> Option<Value> {
    let plate = passage.text.as_ref()?;
    Some(json!({
        "kind": "read",
        "id": format!("{}-{:06}", passage.site.code, passage.id),
        "version": 0,
        "plate": plate,
        "state": passage.state.map(|state| state.code()),
        "at": passage.at.to_string(),
        "score": passage.confidence_percent(),
        "site": passage.site.name,
    }))
}

/// The message with another value in one field.
#[must_use]
pub fn with(mut message: Value, field: &str, value: Value) -> Value {
    if let Some(fields) = message.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
    message
}

/// The same passage, corrected.
#[must_use]
pub fn corrected(message: Value, plate: &str) -> Value {
    with(with(message, "plate", plate.into()), "version", 1.into())
}

/// The same with what the vendor knows about people.
#[must_use]
pub fn personal(message: Value) -> Value {
    let message = with(message, "driver", CANARY.into());
    with(message, "account", json!({ "holder": CANARY }))
}

/// A sign of life.
#[must_use]
pub fn heartbeat() -> Value {
    json!({ "kind": "heartbeat", "site": "harbor" })
}
