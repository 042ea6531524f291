//! The broker's query language, as far as anybody here speaks it: `;` is and, `|` is or, parentheses group.
//!
//! Texts are in quotation marks, several of them behind one `==` separated by commas; times are bare.

use jiff::Timestamp;
use serde_json::Value;

/// A condition on an entity in key-values.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Query {
    All(Vec<Query>),
    Any(Vec<Query>),
    Is {
        attribute: String,
        texts: Vec<String>,
    },
    NotBefore {
        attribute: String,
        at: Timestamp,
    },
    Before {
        attribute: String,
        at: Timestamp,
    },
}

impl Query {
    /// Reads a query; `None` for what is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts = split(text, ';')?;
        if parts.len() > 1 {
            let parts = parts.into_iter().map(Self::parse);
            return parts.collect::<Option<_>>().map(Self::All);
        }
        let parts = split(text, '|')?;
        if parts.len() > 1 {
            let parts = parts.into_iter().map(Self::parse);
            return parts.collect::<Option<_>>().map(Self::Any);
        }
        match text.strip_prefix('(') {
            Some(inner) => Self::parse(inner.strip_suffix(')')?),
            None => Self::term(text),
        }
    }

    fn term(text: &str) -> Option<Self> {
        if let Some((attribute, texts)) = text.split_once("==") {
            let unquoted = |text: &str| Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned());
            return Some(Self::Is {
                attribute: attribute.to_owned(),
                texts: texts.split(',').map(unquoted).collect::<Option<_>>()?,
            });
        }
        if let Some((attribute, at)) = text.split_once(">=") {
            return Some(Self::NotBefore {
                attribute: attribute.to_owned(),
                at: at.parse().ok()?,
            });
        }
        let (attribute, at) = text.split_once('<')?;
        Some(Self::Before {
            attribute: attribute.to_owned(),
            at: at.parse().ok()?,
        })
    }

    /// Whether an entity in key-values fulfils it.
    pub(super) fn holds(&self, entity: &Value) -> bool {
        let text = |attribute: &str| entity.get(attribute).and_then(Value::as_str);
        let time = |attribute: &str| text(attribute)?.parse::<Timestamp>().ok();
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(entity)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(entity)),
            Self::Is { attribute, texts } => {
                text(attribute).is_some_and(|value| texts.iter().any(|text| text == value))
            }
            Self::NotBefore { attribute, at } => time(attribute).is_some_and(|time| time >= *at),
            Self::Before { attribute, at } => time(attribute).is_some_and(|time| time < *at),
        }
    }

    /// The plate, the start and the end it asks for, by the first condition of each kind.
    pub(super) fn asked(&self) -> (Option<String>, Option<Timestamp>, Option<Timestamp>) {
        match self {
            Self::Is { texts, .. } => (texts.first().cloned(), None, None),
            Self::NotBefore { at, .. } => (None, Some(*at), None),
            Self::Before { at, .. } => (None, None, Some(*at)),
            Self::All(parts) | Self::Any(parts) => {
                let asked = parts.iter().map(Self::asked);
                asked.fold((None, None, None), |so_far, part| {
                    (
                        so_far.0.or(part.0),
                        so_far.1.or(part.1),
                        so_far.2.or(part.2),
                    )
                })
            }
        }
    }
}

/// The parts of a text between separators that stand outside parentheses and quotation marks.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut depth, mut quoted, mut start) = (0_usize, false, 0);
    let mut parts = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.checked_sub(1)?,
            c if c == separator && depth == 0 && !quoted => {
                parts.push(text.get(start..at)?);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (depth == 0 && !quoted).then_some(parts)
}
