//! What the adapter makes of whole messages.

mod events;
mod properties;

use serde_json::{Value, json};
use turnpike_schemas::read::Observation;

use super::ENTRY;
use crate::adapter::{Adapter, Message, Page};

const NEW: &str = include_str!("fixtures/new.json");
const UPDATE: &str = include_str!("fixtures/update.json");
const LOST: &str = include_str!("fixtures/lost.json");
const LOST_UNREAD: &str = include_str!("fixtures/lost_unread.json");
const IMAGE_ARRAY: &str = include_str!("fixtures/image_array.json");
const LOCAL_TIME: &str = include_str!("fixtures/local_time.json");
const OFFSET: &str = include_str!("fixtures/offset.json");
const ACCESS_LIST: &str = include_str!("fixtures/access_list.json");
const MULTIPART: &[u8] = include_bytes!("fixtures/event.multipart");
const MULTIPART_TYPE: &str = "multipart/form-data; boundary=----BrookdaleGate";

const ALL: [&str; 8] = [
    NEW,
    UPDATE,
    LOST,
    LOST_UNREAD,
    IMAGE_ARRAY,
    LOCAL_TIME,
    OFFSET,
    ACCESS_LIST,
];

fn adapter(settings: &Value) -> Box<dyn Adapter> {
    (ENTRY.build)(settings).unwrap()
}

fn decode(settings: &Value, body: &str) -> Page {
    let message = Message::json(body.to_owned());
    adapter(settings).decode(&message).unwrap().page
}

/// `fixture` with the value at each pointer replaced.
fn with(fixture: &str, changes: &[(&str, Value)]) -> String {
    let mut message: Value = serde_json::from_str(fixture).unwrap();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        message.pointer_mut(parent).unwrap()[key] = value.clone();
    }
    message.to_string()
}

/// `fixture` without a top-level key.
fn without(fixture: &str, key: &str) -> String {
    let mut message: Value = serde_json::from_str(fixture).unwrap();
    message.as_object_mut().unwrap().remove(key).unwrap();
    message.to_string()
}

/// The only read of a message.
fn read_of(settings: &Value, body: &str) -> Observation {
    let mut page = decode(settings, body);
    assert!(
        page.rejected.is_empty() && page.skipped.is_empty(),
        "{page:?}"
    );
    assert_eq!(page.reads.len(), 1);
    page.reads.remove(0)
}

fn read(body: &str) -> Observation {
    read_of(&json!({}), body)
}
