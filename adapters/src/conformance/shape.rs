//! The form of payloads: which fields there are, of which types, and which are always there. Never a value.
//!
//! A path is the names of fields with `/` between, `[]` after a list: `data[]/plate`, `Passage/@id`. What stands in the
//! place of a name but may be a value, such as a plate used as a key, is kept as `*`. Absent, `null` and empty are the
//! same: a vendor says nothing either way.

mod json;
mod tally;
mod text;
mod xml;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::tally::Tally;
use super::Payload;
use crate::adapter::Rejection;

/// The form of one payload or of many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Version of this form of writing shapes down.
    version: u32,
    /// The formats met.
    formats: BTreeSet<Format>,
    /// Every field by its path; the payload itself is the empty path.
    fields: BTreeMap<String, FieldShape>,
}

/// A way to write a payload down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Json,
    Xml,
    Csv,
    /// Something else, of which only that can be told.
    Opaque,
}

/// What is known of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldShape {
    /// Its types; none if it was always empty.
    types: BTreeSet<FieldType>,
    /// Whether it is in everything that could hold it.
    always: bool,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FieldType {
    /// Holds fields.
    Object,
    /// Holds values of any number.
    List,
    Boolean,
    Number,
    Text,
}

/// A difference between a recorded shape and another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drift {
    /// A field nobody has seen.
    New(String),
    /// A field that was in every payload is not in this one.
    Missing(String),
    /// A field of another type: the path, the types recorded, the types now.
    Retyped(String, String, String),
}

/// Why no shape can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// It begins like JSON or XML and is neither.
    #[error("the payload cannot be read as what it begins as")]
    Broken,
    /// There are more fields than any format has.
    #[error("the payload has too many different fields to be of one form")]
    TooWide,
}

/// The version of [`Shape`] as written.
const VERSION: u32 = 1;

/// Parts of a multipart message, or files of an archive, that are looked at.
const MOST_PARTS: usize = 32;

impl Default for Shape {
    fn default() -> Self {
        Self {
            version: VERSION,
            formats: BTreeSet::new(),
            fields: BTreeMap::new(),
        }
    }
}

impl Shape {
    /// The shape of one payload.
    ///
    /// # Errors
    /// [`ShapeError`].
    pub fn of(payload: &Payload) -> Result<Self, ShapeError> {
        let mut shape = Self::default();
        for part in text::parts(payload) {
            shape.merge(&one(&part, payload)?);
        }
        Ok(shape)
    }

    /// Adds what another shape knows.
    pub fn merge(&mut self, other: &Self) {
        let both: BTreeSet<String> = self
            .fields
            .keys()
            .chain(other.fields.keys())
            .cloned()
            .collect();
        let mut merged = BTreeMap::new();
        for path in both {
            let (mine, theirs) = (self.fields.get(&path), other.fields.get(&path));
            let field = match (mine, theirs) {
                (Some(mine), Some(theirs)) => FieldShape {
                    types: mine.types.union(&theirs.types).copied().collect(),
                    always: mine.always && theirs.always,
                },
                (Some(one), None) => one.unless_held_by(other, &path),
                (None, Some(one)) => one.unless_held_by(self, &path),
                (None, None) => continue,
            };
            merged.insert(path, field);
        }
        self.fields = merged;
        self.formats.extend(&other.formats);
    }

    /// The same with every name that is one of `words` covered.
    #[must_use]
    pub fn covering(&self, words: &[String]) -> Self {
        let mut covered = Self {
            formats: self.formats.clone(),
            ..Self::default()
        };
        for (path, field) in &self.fields {
            let names = path.split('/').map(|name| cover(name, words));
            let path = names.collect::<Vec<_>>().join("/");
            let known = covered.fields.entry(path).or_insert_with(|| field.clone());
            known.types.extend(&field.types);
        }
        covered
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Every field with its types and whether it is always there, for people.
    pub fn fields(&self) -> impl Iterator<Item = (&str, String, bool)> {
        let shown =
            |(path, field): (&String, &FieldShape)| !path.is_empty() || !field.types.is_empty();
        let fields = self.fields.iter().filter(move |field| shown(*field));
        fields.map(|(path, field)| (path.as_str(), words(&field.types), field.always))
    }

    /// Whether it is written in a form this program reads.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.version == VERSION
    }

    /// What is different in `today`, seen from here.
    #[must_use]
    pub fn drift(&self, today: &Self) -> Vec<Drift> {
        let mut drift: BTreeSet<Drift> = today
            .formats
            .difference(&self.formats)
            .map(|format| Drift::New(format!("({})", format.as_str())))
            .collect();
        for (path, now) in &today.fields {
            if !now.types.is_empty() && !self.is_inside_new(path) {
                drift.extend(self.compared(path, now));
            }
        }
        for (path, recorded) in &self.fields {
            if recorded.always && today.lacks(path) {
                drift.insert(Drift::Missing(path.clone()));
            }
        }
        drift.into_iter().collect()
    }

    fn compared(&self, path: &str, now: &FieldShape) -> Option<Drift> {
        let known = self
            .fields
            .get(path)
            .filter(|known| !known.types.is_empty());
        let Some(known) = known else {
            return Some(Drift::New(path.to_owned()));
        };
        // Where everything is text, a number is a text of digits.
        let lexical = !self.formats.contains(&Format::Json);
        let covered = |kind: FieldType| {
            let digits = lexical && kind == FieldType::Number;
            known.types.contains(&kind) || (digits && known.types.contains(&FieldType::Text))
        };
        let now = now.types.iter().copied();
        let other: BTreeSet<FieldType> = now.filter(|kind| !covered(*kind)).collect();
        let retyped = || Drift::Retyped(path.to_owned(), words(&known.types), words(&other));
        (!other.is_empty()).then(retyped)
    }

    /// Whether what would hold `path` is itself not known, so that naming it says it all.
    fn is_inside_new(&self, path: &str) -> bool {
        let Some(holder) = holder(path) else {
            return false;
        };
        self.fields
            .get(holder)
            .is_none_or(|known| known.types.is_empty())
    }

    /// Whether something here could hold `path` and does not.
    fn lacks(&self, path: &str) -> bool {
        let holds = holder(path).is_some_and(|holder| self.has_object(holder));
        holds && self.fields.get(path).is_none_or(|field| !field.always)
    }

    fn has_object(&self, path: &str) -> bool {
        let field = self.fields.get(path);
        field.is_some_and(|field| field.types.contains(&FieldType::Object))
    }
}

impl FieldShape {
    /// The same, no longer always there if `other` could hold `path` and does not.
    fn unless_held_by(&self, other: &Shape, path: &str) -> Self {
        let held = holder(path).is_some_and(|holder| other.has_object(holder));
        Self {
            types: self.types.clone(),
            always: self.always && !held,
        }
    }
}

impl Drift {
    /// The drift as field and rule, for the quarantine and for the vendor.
    #[must_use]
    pub fn rejection(&self) -> Rejection {
        let (path, rule) = match self {
            Self::New(path) => (path, "not in the recorded shape".to_owned()),
            Self::Missing(path) => (
                path,
                "missing, but always there in the recorded shape".to_owned(),
            ),
            Self::Retyped(path, was, now) => {
                (path, format!("{now}, but {was} in the recorded shape"))
            }
        };
        let field = if path.is_empty() { "(message)" } else { path };
        Rejection::new(None, field, rule)
    }

    /// The word for what happened.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::New(_) => "new",
            Self::Missing(_) => "missing",
            Self::Retyped(..) => "retyped",
        }
    }
}

impl Format {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Csv => "csv",
            Self::Opaque => "no known format",
        }
    }
}

impl FieldType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::List => "list",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Text => "text",
        }
    }
}

fn words(types: &BTreeSet<FieldType>) -> String {
    let words: Vec<&str> = types.iter().map(|kind| kind.as_str()).collect();
    if words.is_empty() {
        "empty".to_owned()
    } else {
        words.join(" or ")
    }
}

/// What holds the field of a path; nothing holds the payload itself.
fn holder(path: &str) -> Option<&str> {
    if let Some(list) = path.strip_suffix("[]") {
        return Some(list);
    }
    match path.rsplit_once('/') {
        Some((holder, _)) => Some(holder),
        None => (!path.is_empty()).then_some(""),
    }
}

fn cover(name: &str, words: &[String]) -> String {
    let plain = name.trim_end_matches("[]").trim_start_matches('@');
    let held = words.iter().any(|word| word.eq_ignore_ascii_case(plain));
    if held {
        name.replacen(plain, "*", 1)
    } else {
        name.to_owned()
    }
}

fn one(bytes: &[u8], payload: &Payload) -> Result<Shape, ShapeError> {
    let mut tally = Tally::default();
    let text = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(bytes)
        .trim_ascii_start();
    let format = match text.first() {
        Some(b'{' | b'[') => {
            json::tell(text, &mut tally)?;
            Format::Json
        }
        Some(b'<') => {
            xml::tell(text, &mut tally)?;
            Format::Xml
        }
        Some(_) if text::is_csv(payload) => {
            text::tell(text, &mut tally)?;
            Format::Csv
        }
        _ => Format::Opaque,
    };
    Ok(Shape {
        version: VERSION,
        formats: BTreeSet::from([format]),
        fields: tally.into_fields(),
    })
}

#[cfg(test)]
mod tests;
