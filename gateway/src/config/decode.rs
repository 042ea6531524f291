//! Tables into raw structures, with every unknown key and every value of a wrong type reported, not just the first.

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

/// A key inside the table, and what is wrong with it.
pub(super) type Flaw = (String, String);

/// Decodes one table in which the keys `required` must be present.
///
/// A value of a wrong type is reported and left out, so that the rest is still looked at. There is no result when a
/// required key is missing or of a wrong type.
pub(super) fn decode<T: DeserializeOwned>(
    mut table: toml::Value,
    required: &[&str],
) -> (Option<T>, Vec<Flaw>) {
    let mut flaws: Vec<Flaw> = required
        .iter()
        .filter(|key| table.is_table() && table.get(**key).is_none())
        .map(|key| ((*key).to_owned(), "is required".to_owned()))
        .collect();
    loop {
        let mut unknown = Vec::new();
        let attempt = attempt(table.clone(), &mut unknown);
        let retry = match &attempt {
            Err((path, message)) => {
                let left_out = leave_out(&mut table, path);
                if left_out || flaws.is_empty() {
                    flaws.push((shown(path), message.clone()));
                }
                left_out
            }
            Ok(_) => false,
        };
        if !retry {
            let hint = "unknown key; see docs/configuration.md for those that exist";
            flaws.extend(unknown.into_iter().map(|key| (key, hint.to_owned())));
            return (attempt.ok(), flaws);
        }
    }
}

fn attempt<T: DeserializeOwned>(
    table: toml::Value,
    unknown: &mut Vec<String>,
) -> Result<T, (Path, String)> {
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(table, &mut track);
    let mut found = |path: serde_ignored::Path<'_>| {
        // A `?` stands for the inside of an optional table.
        unknown.push(path.to_string().replace(".?.", "."));
    };
    let result = T::deserialize(serde_ignored::Deserializer::new(tracked, &mut found));
    result.map_err(|error: toml::de::Error| (track.path(), error.message().trim().to_owned()))
}

fn shown(path: &Path) -> String {
    if path.iter().len() == 0 {
        return String::new();
    }
    path.to_string()
}

/// Removes the value at `path`, or the list it is in. False when there is nothing to remove.
fn leave_out(table: &mut toml::Value, path: &Path) -> bool {
    let mut segments: Vec<&Segment> = path.iter().collect();
    // A list goes as a whole: without one of its items it would mean something else.
    while let Some(Segment::Seq { .. }) = segments.last() {
        segments.pop();
    }
    let Some((last, way)) = segments.split_last() else {
        return false;
    };
    let mut value = table;
    for segment in way {
        let inner = match segment {
            Segment::Map { key } => value.get_mut(key.as_str()),
            Segment::Seq { index } => value.get_mut(*index),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        let Some(inner) = inner else { return false };
        value = inner;
    }
    match (last, value) {
        (Segment::Map { key }, toml::Value::Table(table)) => table.remove(key).is_some(),
        _ => false,
    }
}
