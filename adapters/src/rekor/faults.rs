//! What is wrong with a message: a record that is lost, or a value that is left out.

use serde::Deserialize;
use serde_json::value::RawValue;
use turnpike_schemas::read::Confidence;

pub(super) use crate::json::WRONG_TYPE;
use crate::{
    adapter::{Item, Rejection},
    json,
};

/// Fixed words for what was left out of a good record, each once.
#[derive(Default)]
pub(super) struct Doubts(Vec<&'static str>);

impl Doubts {
    pub(super) fn note(&mut self, word: &'static str) {
        if !self.0.contains(&word) {
            self.0.push(word);
        }
    }

    /// A value on the vendor's scale. Off the scale it is left out and noted: a read is not lost for it.
    pub(super) fn percent(&mut self, value: Option<f64>) -> Option<Confidence> {
        let confidence = Confidence::from_percent(value?);
        if confidence.is_err() {
            self.note("confidence_off_scale");
        }
        confidence.ok()
    }

    pub(super) fn into_words(self) -> Vec<String> {
        self.0.into_iter().map(str::to_owned).collect()
    }
}

/// Parses an object that stands inside a message under `parent`.
///
/// # Errors
/// The rejection that names the field.
pub(super) fn object<'a, T: Deserialize<'a>>(
    raw: &'a RawValue,
    record: u64,
    parent: &str,
) -> Result<T, Item> {
    // A list would be taken for the fields in their order.
    if !raw.get().starts_with('{') {
        return Err(reject(record, parent, WRONG_TYPE));
    }
    serde_json::from_str(raw.get()).map_err(|_| misfit::<T>(raw.get().as_bytes(), record, parent))
}

/// Names the field of `text` that is not what `T` wants, by parsing it again.
pub(super) fn misfit<'de, T: Deserialize<'de>>(text: &'de [u8], record: u64, parent: &str) -> Item {
    let (field, rule) = json::misfit::<T>(text);
    let parts = [parent, field.as_str()];
    let field: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    reject(record, &field.join("."), rule)
}

/// The rejection of record number `record`.
pub(super) fn reject(record: u64, field: &str, rule: &str) -> Item {
    Item::Rejected(Rejection::new(Some(record), field, rule))
}
