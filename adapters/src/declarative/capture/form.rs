//! A form as browsers post it: one record.

use std::borrow::Cow;

use super::{Broken, Captured, Found, Layout, MAX_TEXT, Scalar, Sink};

/// A posted form.
pub(super) fn message(layout: &Layout, body: &[u8], sink: Sink<'_>) -> Result<(), Broken> {
    let text = std::str::from_utf8(body).map_err(|_| Broken::rule("not a form"))?;
    let mut captured = Captured::new(layout.slots);
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        if let Some(slot) = layout.record.child(&name).and_then(|node| node.slot) {
            let value = if value.len() <= MAX_TEXT {
                Scalar::Text(Cow::Owned(value.into_owned()))
            } else {
                Scalar::Compound
            };
            captured.put(slot, value);
        }
    }
    sink(Found::Record(&captured)).map_err(Broken::Error)
}
