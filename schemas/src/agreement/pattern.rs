//! Patterns an agreement is written with: forms of case references, and places.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{query::CaseRef, read::Place};

/// Longest pattern, in characters.
const MAX_CHARS: usize = 64;

/// A form of case references: `#` stands for a digit, `@` for a letter, `*` for any run of characters; every other
/// character for itself, in upper or lower case. At most two `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, min_length = 1, max_length = 64, example = "BRK-####-######")]
pub struct CasePattern(String);

/// Some of a source's places: `site:NAME` or `camera:NAME`, where a `*` at the end stands for any rest; or `*`, every place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(
    value_type = String,
    max_length = 64,
    pattern = "^(\\*|(site|camera):[^*]+\\*?)$",
    example = "site:clinic-*"
)]
pub struct PlacePattern(String);

/// Why a text is not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Not a form of case references.
    #[error(
        "a case pattern is 1 to 64 letters, digits, ` ./_-`, `#` (a digit), `@` (a letter) and at most two `*` (anything)"
    )]
    Case,
    /// Not a place.
    #[error(
        "a place is `*`, `site:NAME` or `camera:NAME`, at most 64 characters, with `*` only at the end"
    )]
    Place,
}

/// Whether a read was taken at one of several places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    Yes,
    No,
    /// The read does not say what would be needed to know.
    Unknown,
}

impl CasePattern {
    /// Whether the reference has this form.
    #[must_use]
    pub fn matches(&self, case: &CaseRef) -> bool {
        has_form(self.0.as_bytes(), case.as_str().as_bytes())
    }

    /// The pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Bounded, because a pattern holds at most two `*`.
fn has_form(pattern: &[u8], text: &[u8]) -> bool {
    let Some((form, pattern)) = pattern.split_first() else {
        return text.is_empty();
    };
    if *form == b'*' {
        return (0..=text.len()).any(|skipped| {
            text.get(skipped..)
                .is_some_and(|rest| has_form(pattern, rest))
        });
    }
    let Some((byte, text)) = text.split_first() else {
        return false;
    };
    let fits = match form {
        b'#' => byte.is_ascii_digit(),
        b'@' => byte.is_ascii_alphabetic(),
        _ => byte.eq_ignore_ascii_case(form),
    };
    fits && has_form(pattern, text)
}

impl PlacePattern {
    /// The pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn holds(&self, place: &Place) -> Inside {
        let Some((kind, name)) = self.0.split_once(':') else {
            return Inside::Yes;
        };
        let told = if kind == "site" {
            &place.site
        } else {
            &place.camera
        };
        match (told, name.strip_suffix('*')) {
            (None, _) => Inside::Unknown,
            (Some(told), None) if same(told, name) => Inside::Yes,
            (Some(told), Some(start))
                if told.get(..start.len()).is_some_and(|t| same(t, start)) =>
            {
                Inside::Yes
            }
            _ => Inside::No,
        }
    }
}

/// Whether a read was taken at one of `patterns`.
pub(super) fn inside<'a>(
    patterns: impl IntoIterator<Item = &'a PlacePattern>,
    place: &Place,
) -> Inside {
    let mut found = Inside::No;
    for pattern in patterns {
        match pattern.holds(place) {
            Inside::Yes => return Inside::Yes,
            Inside::Unknown => found = Inside::Unknown,
            Inside::No => {}
        }
    }
    found
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

impl TryFrom<String> for CasePattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b" ./_-#@*".contains(&byte);
        let stars = text.bytes().filter(|byte| *byte == b'*').count();
        let fits = (1..=MAX_CHARS).contains(&text.len()) && text.bytes().all(known) && stars <= 2;
        if fits {
            Ok(Self(text))
        } else {
            Err(PatternError::Case)
        }
    }
}

impl From<CasePattern> for String {
    fn from(pattern: CasePattern) -> Self {
        pattern.0
    }
}

impl TryFrom<String> for PlacePattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        let short = text.chars().nth(MAX_CHARS).is_none();
        let fits = text == "*"
            || text.split_once(':').is_some_and(|(kind, name)| {
                let name = name.strip_suffix('*').unwrap_or(name);
                ["site", "camera"].contains(&kind) && !name.is_empty() && !name.contains('*')
            });
        if short && fits {
            Ok(Self(text))
        } else {
            Err(PatternError::Place)
        }
    }
}

impl From<PlacePattern> for String {
    fn from(pattern: PlacePattern) -> Self {
        pattern.0
    }
}
