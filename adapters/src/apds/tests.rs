//! What the adapter makes of whole payloads.

mod asking;
mod decoding;
mod properties;

use serde_json::{Value, json};
use turnpike_schemas::read::Observation;

use super::{ENTRY, decode_entities};
use crate::adapter::{Adapter, Message, Page};

const EXAMPLE: &str = include_str!("fixtures/example.json");
const NOTIFICATION: &str = include_str!("fixtures/notification.json");
const NORMALIZED: &str = include_str!("fixtures/normalized.json");
const NORMALIZED_V2: &str = include_str!("fixtures/normalized-v2.json");
const DELETED: &str = include_str!("fixtures/deleted.json");
const STAY: &str = include_str!("fixtures/stay.json");

fn adapter(settings: &Value) -> Box<dyn Adapter> {
    (ENTRY.build)(settings).unwrap()
}

fn pushed() -> Box<dyn Adapter> {
    adapter(&json!({ "mode": "notifications" }))
}

fn page_of(body: impl Into<Vec<u8>>) -> Page {
    let body = body.into();
    let page = pushed().decode(&Message::json(body.clone())).unwrap().page;
    let saved = decode_entities(&body).unwrap();
    assert_eq!(page, saved);
    page
}

/// The only read of a payload.
fn read(body: &str) -> Observation {
    let mut page = page_of(body);
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

/// The entity of the first notification with members replaced; `null` removes one.
fn entity(changes: &[(&str, Value)]) -> Value {
    let mut entity: Value = serde_json::from_str::<Value>(NOTIFICATION).unwrap()["data"][0].take();
    for (key, value) in changes {
        let members = entity.as_object_mut().unwrap();
        match value {
            Value::Null => members.remove(*key),
            value => members.insert((*key).to_owned(), value.clone()),
        };
    }
    entity
}

fn with(changes: &[(&str, Value)]) -> String {
    json!({ "type": "Notification", "data": [entity(changes)] }).to_string()
}
