//! Tests of the whole adapter. Converters, paths and times are tested where they are.

mod asking;
mod decoding;
mod guide;
mod loading;
mod presets;
mod properties;

use serde_json::{Value, json};

use super::*;

/// A source with this mapping.
fn source(text: &str, more: Value) -> Result<Box<dyn Adapter>> {
    let mut settings = json!({ "mapping": { "file": "vendor.toml", "text": text } });
    if let (Some(settings), Some(more)) = (settings.as_object_mut(), more.as_object()) {
        settings.extend(more.clone());
    }
    build(&settings)
}

/// What a file becomes: its items, and the rule it breaks as a whole.
fn dropped(adapter: &dyn Adapter, name: &str, bytes: &[u8]) -> (Page, Option<Rejection>) {
    let mut page = Page::default();
    let verdict = adapter
        .decode_file(name, &mut std::io::Cursor::new(bytes), &mut |item| {
            page.push(item);
            Ok(())
        })
        .unwrap();
    match verdict.disposition {
        Disposition::Accepted => (page, None),
        Disposition::Rejected(rejection) => (page, Some(rejection)),
    }
}

/// A webhook mapping of one JSON object with these fields besides the three that must be.
fn webhook(fields: &str) -> String {
    format!(
        "mapping = 1\nfamily = \"camera\"\nformat = \"json\"\n[webhook]\n[fields]\nrecord = \"/id\"\nplate.text = \"/plate\"\ncaptured_at = {{ at = \"/at\", time = \"rfc3339\" }}\n{fields}\n"
    )
}

fn decoded(adapter: &dyn Adapter, body: impl Into<bytes::Bytes>) -> Page {
    adapter.decode(&Message::json(body)).unwrap().page
}
