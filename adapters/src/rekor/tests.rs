//! What the adapter makes of whole messages.

mod images;
mod mapping;
mod messages;
mod properties;

use serde_json::{Value, json};
use turnpike_schemas::read::Observation;

use super::ENTRY;
use crate::adapter::{Adapter, Decoded, Message};

const GROUP: &str = include_str!("fixtures/group.json");
const PREVIEW: &str = include_str!("fixtures/preview.json");
const ALERT: &str = include_str!("fixtures/alert.json");
const UNTYPED: &str = include_str!("fixtures/untyped.json");
const OLD_AGENT: &str = include_str!("fixtures/old_agent.json");
const FRAME: &str = include_str!("fixtures/frame.json");
const VEHICLE: &str = include_str!("fixtures/vehicle.json");
const HEARTBEAT: &str = include_str!("fixtures/heartbeat.json");
const TEST: &str = include_str!("fixtures/test.json");

const ALL: [&str; 9] = [
    GROUP, PREVIEW, ALERT, UNTYPED, OLD_AGENT, FRAME, VEHICLE, HEARTBEAT, TEST,
];

const AGENT: &str = "AGENTAGENTAGENTAGENTAGENTAGENTAGENTAGENT";

fn adapter(settings: &Value) -> Box<dyn Adapter> {
    (ENTRY.build)(settings).unwrap()
}

fn decode(settings: &Value, body: &str) -> Decoded {
    adapter(settings)
        .decode(&Message::json(body.to_owned()))
        .unwrap()
}

fn parsed(fixture: &str) -> Value {
    serde_json::from_str(fixture).unwrap()
}

/// `fixture` with the value at each pointer replaced; `null` values are written as such.
fn with(fixture: &str, changes: &[(&str, Value)]) -> String {
    let mut message = parsed(fixture);
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        message.pointer_mut(parent).unwrap()[key] = value.clone();
    }
    message.to_string()
}

/// `fixture` without a top-level key.
fn without(fixture: &str, key: &str) -> String {
    let mut message = parsed(fixture);
    message.as_object_mut().unwrap().remove(key).unwrap();
    message.to_string()
}

/// The only read of a message.
fn read_of(settings: &Value, body: &str) -> Observation {
    let mut page = decode(settings, body).page;
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
    read_of(&json!({}), body)
}
