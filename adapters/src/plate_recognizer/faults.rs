//! What is wrong with a message: a record that is lost, or a value that is left out.

use serde::Deserialize;
use serde_json::value::RawValue;
use turnpike_schemas::read::Confidence;

use crate::adapter::{Item, Rejection};

/// The rule for a value of another type than the format's.
pub(super) const WRONG_TYPE: &str = "wrong type";

/// Fixed words for what was left out of a good record, each once.
#[derive(Default)]
pub(super) struct Doubts(Vec<&'static str>);

impl Doubts {
    pub(super) fn note(&mut self, word: &'static str) {
        if !self.0.contains(&word) {
            self.0.push(word);
        }
    }

    /// A score from 0 to 1. Off the scale it is left out and noted: a read is not lost for it.
    pub(super) fn score(&mut self, value: Option<f64>) -> Option<Confidence> {
        let confidence = Confidence::new(value?);
        if confidence.is_err() {
            self.note("confidence_off_scale");
        }
        confidence.ok()
    }

    pub(super) fn into_words(self) -> Vec<String> {
        self.0.into_iter().map(str::to_owned).collect()
    }
}

/// Parses an object that stands at `path` in a message.
///
/// # Errors
/// The rejection that names the field.
pub(super) fn object<'a, T: Deserialize<'a>>(
    json: &'a RawValue,
    record: u64,
    path: &str,
) -> Result<T, Item> {
    // A list would be taken for the fields in their order.
    if !json.get().starts_with('{') {
        return Err(reject(record, path, WRONG_TYPE));
    }
    serde_json::from_str(json.get()).map_err(|_| misfit::<T>(json.get().as_bytes(), record, path))
}

/// Names the field of `json` that is not what `T` wants, by parsing it again.
pub(super) fn misfit<'de, T: Deserialize<'de>>(json: &'de [u8], record: u64, parent: &str) -> Item {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut deserializer) else {
        return reject(record, parent, WRONG_TYPE);
    };
    let path = error.path().to_string();
    let twice = duplicate(error.inner());
    let parts = [
        parent,
        path.trim_start_matches('.'),
        twice.as_deref().unwrap_or(""),
    ];
    let field: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let rule = twice.as_ref().map_or(WRONG_TYPE, |_| "given twice");
    reject(record, &field.join("."), rule)
}

/// The key that was given twice, if that is what is wrong. The library's other words are not looked at: they quote
/// values, and these only a key of the wire structs.
fn duplicate(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let (key, _) = text.strip_prefix("duplicate field `")?.split_once('`')?;
    Some(key.to_owned())
}

/// The rejection of record number `record`.
pub(super) fn reject(record: u64, field: &str, rule: &str) -> Item {
    Item::Rejected(Rejection::new(Some(record), field, rule))
}
