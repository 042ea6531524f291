//! Counting fields while a payload is walked through.

use std::collections::{BTreeMap, BTreeSet};

use super::{FieldShape, FieldType, ShapeError};

/// Most different fields of one payload.
const MOST_FIELDS: usize = 4_000;

/// Longest path.
const LONGEST: usize = 1_000;

/// What was met so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    fields: BTreeMap<String, Count>,
    /// Objects met, by path.
    objects: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Count {
    types: BTreeSet<FieldType>,
    /// Objects that hold it.
    held: u64,
}

impl Tally {
    /// Meets a value of a type.
    pub(super) fn meet(&mut self, path: &str, kind: Option<FieldType>) -> Result<(), ShapeError> {
        if !self.fields.contains_key(path) {
            if self.fields.len() >= MOST_FIELDS || path.len() > LONGEST {
                return Err(ShapeError::TooWide);
            }
            self.fields.insert(path.to_owned(), Count::default());
        }
        if let Some(count) = self.fields.get_mut(path) {
            count.types.extend(kind);
        }
        Ok(())
    }

    /// Meets an object that holds these fields, each of which was or will be met on its own.
    pub(super) fn object<'a>(
        &mut self,
        path: &str,
        held: impl IntoIterator<Item = &'a String>,
    ) -> Result<(), ShapeError> {
        self.meet(path, Some(FieldType::Object))?;
        *self.objects.entry(path.to_owned()).or_default() += 1;
        for field in held {
            self.meet(field, None)?;
            if let Some(count) = self.fields.get_mut(field) {
                count.held += 1;
            }
        }
        Ok(())
    }

    pub(super) fn into_fields(self) -> BTreeMap<String, FieldShape> {
        let Self { fields, objects } = self;
        let always = |path: &str, count: &Count| {
            let holder = super::holder(path).filter(|_| !path.ends_with("[]"));
            let holders = holder.and_then(|holder| objects.get(holder));
            holders.is_some_and(|holders| *holders == count.held)
        };
        let shape = |(path, count): (String, Count)| {
            let always = always(&path, &count);
            let types = count.types;
            (path, FieldShape { types, always })
        };
        fields.into_iter().map(shape).collect()
    }
}

/// The path of a field of this name inside `path`.
pub(super) fn inside(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}/{name}")
    }
}

/// A name as it is kept: one that may be a value is covered.
///
/// A plate, a number or a time used as a key is one. Names of fields are short, begin with a letter, and hold few
/// digits, which never stand among capitals alone.
pub(super) fn name(key: &str) -> &str {
    let plain = key.strip_prefix(['@', '$']).unwrap_or(key);
    let begins = plain.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | ' ' | '#');
    let digits = plain.chars().filter(char::is_ascii_digit).count();
    let worded = plain.contains(|c: char| c.is_ascii_lowercase() || c == '_');
    let named = begins
        && plain.len() <= 64
        && plain.chars().all(allowed)
        && digits <= 3
        && (digits == 0 || worded);
    if named { key } else { "*" }
}
