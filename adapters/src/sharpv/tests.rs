//! What the adapter makes of whole messages.

mod faults;
mod mapping;
mod properties;

use serde_json::{Value, json};
use turnpike_schemas::read::Observation;

use super::ENTRY;
use crate::adapter::{Adapter, Message, Page};

const JSON: &str = include_str!("fixtures/read.json");
const XML: &str = include_str!("fixtures/read.xml");
const UNKNOWN: &str = include_str!("fixtures/unknown.json");

fn zoned() -> Value {
    json!({ "time_zone": "America/New_York" })
}

fn adapter(settings: &Value) -> Box<dyn Adapter> {
    (ENTRY.build)(settings).unwrap()
}

fn page_of(settings: &Value, body: impl Into<Vec<u8>>) -> Page {
    let message = Message::json(body.into());
    adapter(settings).decode(&message).unwrap().page
}

/// The only read of a message.
fn read_of(settings: &Value, body: &str) -> Observation {
    let mut page = page_of(settings, body);
    assert_eq!(
        page.reads.len(),
        1,
        "{:?} {:?}",
        page.rejected,
        page.skipped
    );
    assert!(page.rejected.is_empty() && page.skipped.is_empty());
    page.reads.remove(0)
}

fn read(body: &str) -> Observation {
    read_of(&zoned(), body)
}

/// The JSON fixture with the member at each pointer replaced.
fn with(changes: &[(&str, Value)]) -> String {
    let mut message: Value = serde_json::from_str(JSON).unwrap();
    for (pointer, value) in changes {
        *message.pointer_mut(pointer).unwrap() = value.clone();
    }
    message.to_string()
}

/// The JSON fixture with one analytic replaced, found by its key.
fn with_analytic(key: &str, value: &Value, score: &Value) -> String {
    let mut message: Value = serde_json::from_str(JSON).unwrap();
    for analytic in message["PlateAnalytics"].as_array_mut().unwrap() {
        if analytic["Key"] == key {
            analytic["Value"] = value.clone();
            analytic["Score"] = score.clone();
        }
    }
    message.to_string()
}
