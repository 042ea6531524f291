//! What the adapter makes of whole messages.

mod mapping;
mod messages;
mod properties;

use serde_json::{Value, json};
use turnpike_schemas::read::Observation;

use super::ENTRY;
use crate::adapter::{Adapter, Message, Page};

const ALERT: &str = include_str!("fixtures/alert.xml");
const RELAYED: &str = include_str!("fixtures/relayed.xml");
const UNREAD: &str = include_str!("fixtures/unread.xml");
const HEARTBEAT: &str = include_str!("fixtures/heartbeat.xml");
const OLD_GBK: &[u8] = include_bytes!("fixtures/old_gbk.xml");
const FORM: &[u8] = include_bytes!("fixtures/form.bin");
const FORM_CUT: &[u8] = include_bytes!("fixtures/form_cut.bin");

const XML: &str = "application/xml; charset=\"UTF-8\"";
const FORM_TYPE: &str = "multipart/form-data; boundary=frontier";

fn adapter(settings: &Value) -> Box<dyn Adapter> {
    let mut all = json!({ "zone_policy": "trust_offset" });
    let table = settings.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(table);
    (ENTRY.build)(&all).unwrap()
}

fn page_of(settings: &Value, content_type: &str, body: &[u8]) -> Page {
    let message = Message::of(content_type, body.to_vec());
    let decoded = adapter(settings).decode(&message).unwrap();
    // Whatever it was, the camera is not to send it again.
    assert_eq!(decoded.reply.map(|reply| reply.status), Some(200));
    decoded.page
}

fn page(content_type: &str, body: &[u8]) -> Page {
    page_of(&json!({}), content_type, body)
}

/// The only read of a message.
fn only(mut page: Page) -> Observation {
    assert_eq!(page.reads.len(), 1, "{page:?}");
    assert!(page.rejected.is_empty() && page.skipped.is_empty());
    page.reads.remove(0)
}

fn read_of(settings: &Value, xml: &str) -> Observation {
    only(page_of(settings, XML, xml.as_bytes()))
}

fn read(xml: &str) -> Observation {
    read_of(&json!({}), xml)
}

/// The fixture with the text of an element replaced.
fn with(element: &str, text: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let (before, rest) = ALERT.split_once(&open).unwrap();
    let (_, after) = rest.split_once(&close).unwrap();
    format!("{before}{open}{text}{close}{after}")
}

/// The fixture without an element.
fn without(element: &str) -> String {
    let (before, rest) = ALERT.split_once(&format!("<{element}>")).unwrap();
    let (_, after) = rest.split_once(&format!("</{element}>")).unwrap();
    format!("{before}{after}")
}
