//! What the adapter makes of whole messages.

mod mapping;
mod messages;
mod properties;

use serde_json::{Value, json};
use turnpike_schemas::read::Observation;

use super::ENTRY;
use crate::adapter::{Adapter, Message, Page};

const NESTED: &str = include_str!("fixtures/nested.json");
const FLAT: &str = include_str!("fixtures/flat.json");
const SEVERAL: &str = include_str!("fixtures/several.json");
const HEARTBEAT: &str = include_str!("fixtures/heartbeat.json");
const FORM: &[u8] = include_bytes!("fixtures/form.bin");

const ALL: [&str; 4] = [NESTED, FLAT, SEVERAL, HEARTBEAT];
const BOTH: [&str; 2] = [NESTED, FLAT];

const JSON: &str = "application/json";
const FORM_TYPE: &str = "multipart/form-data; boundary=frontier";

fn adapter(settings: &Value) -> Box<dyn Adapter> {
    (ENTRY.build)(settings).unwrap()
}

fn page_of(settings: &Value, content_type: &str, body: &[u8]) -> Page {
    let message = Message::of(content_type, body.to_vec());
    let decoded = adapter(settings).decode(&message).unwrap();
    assert_eq!(decoded.reply, None);
    decoded.page
}

fn page(body: &str) -> Page {
    page_of(&json!({}), JSON, body.as_bytes())
}

/// The only read of a message.
fn only(mut page: Page) -> Observation {
    assert_eq!(page.reads.len(), 1, "{page:?}");
    assert!(page.rejected.is_empty() && page.skipped.is_empty());
    page.reads.remove(0)
}

fn read(body: &str) -> Observation {
    only(page(body))
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

/// `fixture` without the key at a pointer.
fn without(fixture: &str, pointer: &str) -> String {
    let mut message = parsed(fixture);
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let object = message.pointer_mut(parent).unwrap();
    object.as_object_mut().unwrap().remove(key).unwrap();
    message.to_string()
}
