//! The small words entries are made of.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{EntryError, SealedValue};
use crate::hex::hex;

/// Longest list of names an entry spells out; longer ones keep count and digest.
const MAX_NAMES: usize = 64;

/// What [`Personal::expose`] gives for a value whose key is not here.
pub const SEALED: &str = "sealed";

/// A text about a person or a vehicle, in the clear or as it stands in the ledger: sealed under a key.
/// `Debug` shows only its length; [`Personal::expose`] and [`Personal::text`] are the ways out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Personal(Form);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Clear(String),
    Sealed(SealedValue),
}

/// 128 random bits as 32 lower-case hex digits. Not shown by `Debug`: it is what keeps the hash of an entry from being guessed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Nonce(String);

/// A SHA-256 as 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest(String);

/// A list of names that always fits an entry: spelled out when short, count and digest when long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// How many names there are.
    pub count: u64,
    /// The names, when there are few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// SHA-256 over the names, each followed by a line feed, when there are many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
}

impl Personal {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Form::Clear(text.into()))
    }

    /// The text itself; [`SEALED`] where only its sealed form is known. [`Personal::text`] tells the two apart.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text().unwrap_or(SEALED)
    }

    /// The text, unless only its sealed form is known.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.0 {
            Form::Clear(text) => Some(text),
            Form::Sealed(_) => None,
        }
    }

    /// The sealed form, unless the text is known.
    #[must_use]
    pub fn sealed(&self) -> Option<&SealedValue> {
        match &self.0 {
            Form::Clear(_) => None,
            Form::Sealed(sealed) => Some(sealed),
        }
    }
}

impl From<SealedValue> for Personal {
    fn from(sealed: SealedValue) -> Self {
        Self(Form::Sealed(sealed))
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Clear(text) => write!(f, "Personal({} bytes)", text.len()),
            Form::Sealed(sealed) => write!(f, "Personal({sealed:?})"),
        }
    }
}

impl Nonce {
    /// The nonce made of these random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(hex(&bytes))
    }

    /// The hex digits.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce")
    }
}

impl TryFrom<String> for Nonce {
    type Error = EntryError;

    fn try_from(text: String) -> Result<Self, EntryError> {
        if is_hex(&text, 32) {
            Ok(Self(text))
        } else {
            Err(EntryError::Malformed)
        }
    }
}

impl Digest {
    /// The SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex(&Sha256::digest(bytes)))
    }

    /// The hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Digest {
    type Error = EntryError;

    fn try_from(text: String) -> Result<Self, EntryError> {
        if is_hex(&text, 64) {
            Ok(Self(text))
        } else {
            Err(EntryError::Malformed)
        }
    }
}

impl Names {
    /// Spells out up to 64 names and digests longer lists, in the given order.
    #[must_use]
    pub fn of(names: Vec<String>) -> Self {
        let count = names.len() as u64;
        if names.len() <= MAX_NAMES {
            return Self {
                count,
                names: Some(names),
                sha256: None,
            };
        }
        let lines: String = names
            .iter()
            .flat_map(|name| [name.as_str(), "\n"])
            .collect();
        Self {
            count,
            names: None,
            sha256: Some(Digest::of(lines.as_bytes())),
        }
    }

    /// Whether either the names or their digest stand behind the count.
    pub(super) fn is_consistent(&self) -> bool {
        match (&self.names, &self.sha256) {
            (Some(names), None) => names.len() as u64 == self.count,
            (None, Some(_)) => true,
            _ => false,
        }
    }
}

pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
