//! Entries of the ledger as events of another vocabulary, without loss: what has a place there is moved to it, what has none
//! is carried along, and the way back undoes exactly that.

use serde_json::{Map, Value};

use crate::ledger::{Entry, EntryError, Kind, canonical_json};

/// A field of an entry and its place in an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Move {
    /// Where it stands in the entry.
    pub(super) from: &'static [&'static str],
    /// Where it stands in the event. A value of another JSON type than the event has there, such as a sealed one, is not moved.
    pub(super) to: &'static [&'static str],
    pub(super) is: Is,
}

/// JSON type of a place in an event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Is {
    Text,
    Number,
}

/// The entry as JSON.
pub(super) fn to_value(entry: &Entry) -> Result<Value, EntryError> {
    let bytes = entry.canonical_bytes()?;
    serde_json::from_slice(&bytes).map_err(|_| EntryError::Malformed)
}

/// The entry in this JSON.
pub(super) fn from_value(value: &Value) -> Result<Entry, EntryError> {
    Entry::parse(canonical_json(value)?.as_bytes())
}

/// Moves what has a place from `entry` to `event`.
pub(super) fn take_over<'a>(
    moves: impl Iterator<Item = &'a Move>,
    entry: &mut Value,
    event: &mut Value,
) {
    for Move { from, to, is } in moves {
        let fits = get(entry, from).is_some_and(|value| is.fits(value));
        if let Some(value) = fits.then(|| take(entry, from)).flatten() {
            put(event, to, value);
        }
    }
}

/// Moves it back.
pub(super) fn give_back<'a>(
    moves: impl Iterator<Item = &'a Move>,
    event: &mut Value,
    entry: &mut Value,
) {
    for Move { from, to, .. } in moves {
        if let Some(value) = take(event, to) {
            put(entry, from, value);
        }
    }
}

/// The kind that is written in a text of the event.
pub(super) fn kind(text: Option<&Value>) -> Result<Kind, EntryError> {
    let text = text.cloned().ok_or(EntryError::Malformed)?;
    serde_json::from_value(text).map_err(|_| EntryError::Malformed)
}

impl Is {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
        }
    }
}

/// What stands at a place.
pub(super) fn get<'v>(value: &'v Value, place: &[&str]) -> Option<&'v Value> {
    place.iter().try_fold(value, |value, name| value.get(name))
}

/// A text at a place.
pub(super) fn text<'v>(value: &'v Value, place: &[&str]) -> Option<&'v str> {
    get(value, place).and_then(Value::as_str)
}

/// Puts `new` at a place, making the objects on the way.
pub(super) fn put(value: &mut Value, place: &[&str], new: Value) {
    let Some((name, way)) = place.split_last() else {
        return;
    };
    let mut object = value;
    for step in way {
        object = member(object, step);
    }
    *member(object, name) = new;
}

fn member<'v>(value: &'v mut Value, name: &str) -> &'v mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(members) => members.entry(name).or_insert(Value::Null),
        // INVARIANT: made an object above.
        other => other,
    }
}

fn take(value: &mut Value, place: &[&str]) -> Option<Value> {
    let (name, way) = place.split_last()?;
    let object = way
        .iter()
        .try_fold(value, |value, step| value.get_mut(step))?;
    object.as_object_mut()?.remove(*name)
}

#[cfg(test)]
mod tests;
