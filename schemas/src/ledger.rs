//! What one line of the ledger says and how it is written down.
//!
//! In scope: the kinds of entries, their required fields, their one canonical form. Deliberately absent: files, clocks,
//! randomness and trees. An entry is at most [`MAX_ENTRY_BYTES`] long, so that its length fits the 16-bit prefix of a
//! published log leaf; longer lists are given as count and digest ([`Names`]).
//!
//! Personal fields stand in the ledger as [`SealedValue`]s, each under the key of a calendar period. Hashes are over that
//! form, so that destroying a key makes the fields unreadable and changes nothing else. Older entries hold them in the clear.
//!
//! | kind | written | required besides the header |
//! |---|---|---|
//! | `intent` | before any source is contacted | who, on whose behalf, purpose, case reference, plate, match, window, sources |
//! | `decision` | once per source, before contact | source, verdict; `intent` in the header |
//! | `outcome_part` | before the rows of one source of a stream leave | source, outcome, count, digest when answered |
//! | `outcome` | before the first row of an answer leaves | completeness, reads, one line per source not yet in a part |
//! | `refused` | when a question, a call or a message is refused before anything else | reason; everything else as far as it was known; counts where it stands for many |
//! | `interrupted` | when an intent will never get an outcome, or its answer was withheld | reason |
//! | `dry_run` | for an explanation; decisions follow | as `intent` |
//! | `ingest` | per file, push, poll or message that was listened for | source, way, counts |
//! | `admin` | start, stop, sign-in, change of accounts, keys or agreements, read of the ledger, alarm, review and the like | action |
//! | `delivery` | when the answer was handed over, or its connection ended before | end, bytes |

mod body;
mod canonical;
mod owner;
mod sealed;
mod text;

use std::io::Write as _;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use uuid::Uuid;

pub use body::{
    Action, Admin, AdminAction, Asker, Body, Completeness, Decision, Delivery, DeliveryEnd,
    Grounds, Ingest, IngestWay, Intent, InterruptReason, Interrupted, Kind, Outcome, Refused,
    RefusedReason, SourceOutcome, Verdict, Window,
};
pub use canonical::canonical_json;
pub use owner::{Asked, OwnerError, OwnerHead, OwnerLeaf, Pseudonyms, Touching};
pub use sealed::{KeyId, Opens, PUBLIC_FACTS, Place, SealedValue, Seals};
pub use text::{Digest, Names, Nonce, Personal, SEALED};

/// Longest canonical entry, in bytes.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// Longest canonical body, in bytes: what [`MAX_ENTRY_BYTES`] leaves beside the largest possible header.
pub const MAX_BODY_BYTES: usize = MAX_ENTRY_BYTES - 512;

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Place in the ledger; consecutive from 0.
    pub index: u64,
    /// When the entry was written, by the clock of the gateway. The order of entries is `index`, never `at`.
    pub at: Timestamp,
    /// 128 random bits, so that the hash of an entry tells nothing about the plate in it.
    pub nonce: Nonce,
    /// The question this entry belongs to.
    pub question: Option<Uuid>,
    /// Index of the intent, dry run or refusal this entry belongs to.
    pub intent: Option<u64>,
    /// What happened.
    pub body: Body,
}

/// The part of an entry that is needed to follow its life without reading what it says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Header {
    /// Place in the ledger.
    pub index: u64,
    /// Kind of the entry.
    pub kind: Kind,
    /// The question this entry belongs to.
    pub question: Option<Uuid>,
    /// Index of the intent, dry run or refusal this entry belongs to.
    pub intent: Option<u64>,
}

/// What the ledger adds to a sealed body when it writes it.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// Place in the ledger.
    pub index: u64,
    /// When the entry is written.
    pub at: Timestamp,
    /// The question this entry belongs to.
    pub question: Option<Uuid>,
    /// Index of the intent, dry run or refusal this entry belongs to.
    pub intent: Option<u64>,
}

/// A body that was checked and brought into canonical form, together with its nonce: it can be written without failing.
#[derive(Debug, Clone)]
pub struct Sealed {
    kind: Kind,
    nonce: Nonce,
    json: Personal,
}

/// Why something is not an entry. Never shows what was in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EntryError {
    /// A required field is absent or empty.
    #[error("`{field}` is missing in an entry of kind `{kind}`")]
    Missing {
        /// Kind of the entry.
        kind: &'static str,
        /// Name of the field.
        field: &'static str,
    },
    /// Two fields contradict each other.
    #[error("`{field}` does not fit in an entry of kind `{kind}`")]
    Contradiction {
        /// Kind of the entry.
        kind: &'static str,
        /// Name of the field.
        field: &'static str,
    },
    /// A number that is not an integer of 64 bits; it has no single canonical form.
    #[error("a ledger entry may not contain a floating-point number")]
    Float,
    /// The canonical form is too long; long lists are given as count and digest.
    #[error("the entry is too large: {bytes} bytes")]
    TooLarge {
        /// Length of the canonical form.
        bytes: usize,
    },
    /// Not JSON of the expected shape.
    #[error("not a ledger entry")]
    Malformed,
    /// A personal field could not be sealed, so the entry may not be written.
    #[error("a personal field could not be sealed")]
    Unsealed,
    /// An entry, but not in the one form in which entries are written.
    #[error("not in canonical form")]
    NotCanonical,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    at: Timestamp,
    body: Value,
    index: u64,
    intent: Option<u64>,
    kind: Kind,
    nonce: Nonce,
    question: Option<Uuid>,
}

impl Entry {
    /// The one form in which this entry is written, hashed and published.
    ///
    /// # Errors
    /// The body is incomplete, contains a float or is too large.
    pub fn canonical_bytes(&self) -> Result<Vec<u8>, EntryError> {
        self.check_header()?;
        let mut bytes = Vec::new();
        let stamp = Stamp {
            index: self.index,
            at: self.at,
            question: self.question,
            intent: self.intent,
        };
        self.body
            .seal(self.nonce.clone())?
            .write(&stamp, &mut bytes);
        Ok(bytes)
    }

    /// Reads an entry back from its canonical form.
    ///
    /// # Errors
    /// `bytes` is not an entry, is incomplete, or is written in any other form.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        let raw: RawEntry = serde_json::from_slice(bytes).map_err(|_| EntryError::Malformed)?;
        let body = Body::from_parts(raw.kind, raw.body)?;
        let entry = Self {
            index: raw.index,
            at: raw.at,
            nonce: raw.nonce,
            question: raw.question,
            intent: raw.intent,
            body,
        };
        if entry.canonical_bytes()? == bytes {
            Ok(entry)
        } else {
            Err(EntryError::NotCanonical)
        }
    }

    /// The header of this entry.
    #[must_use]
    pub fn header(&self) -> Header {
        Header {
            index: self.index,
            kind: self.body.kind(),
            question: self.question,
            intent: self.intent,
        }
    }

    fn check_header(&self) -> Result<(), EntryError> {
        let kind = self.body.kind();
        let must_ask = matches!(kind, Kind::Intent | Kind::DryRun);
        if must_ask && self.question.is_none() {
            return Err(EntryError::Missing {
                kind: kind.as_str(),
                field: "question",
            });
        }
        match (kind.follows(), self.intent) {
            (true, None) => Err(EntryError::Missing {
                kind: kind.as_str(),
                field: "intent",
            }),
            (true, Some(intent)) if intent < self.index => Ok(()),
            (false, None) => Ok(()),
            _ => Err(EntryError::Contradiction {
                kind: kind.as_str(),
                field: "intent",
            }),
        }
    }
}

impl Header {
    /// Reads only the header of a written entry.
    ///
    /// # Errors
    /// [`EntryError::Malformed`] when `bytes` is not a JSON object with these fields.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        serde_json::from_slice(bytes).map_err(|_| EntryError::Malformed)
    }
}

impl Body {
    /// Checks this body and brings it into canonical form. `nonce` must be fresh and random.
    ///
    /// # Errors
    /// A required field is empty, a float is present, or the form is longer than [`MAX_BODY_BYTES`].
    pub fn seal(&self, nonce: Nonce) -> Result<Sealed, EntryError> {
        self.check()?;
        let json = canonical_json(&self.to_value()?)?;
        if json.len() > MAX_BODY_BYTES {
            return Err(EntryError::TooLarge { bytes: json.len() });
        }
        Ok(Sealed {
            kind: self.kind(),
            nonce,
            json: Personal::new(json),
        })
    }
}

impl Sealed {
    /// Kind of the entry this will become.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Appends the canonical form of the entry to `out`.
    pub fn write(&self, stamp: &Stamp, out: &mut Vec<u8>) {
        let Stamp {
            index,
            at,
            question,
            intent,
        } = stamp;
        let (kind, nonce, body) = (self.kind.as_str(), self.nonce.expose(), self.json.expose());
        let mut put = |text: std::fmt::Arguments<'_>| {
            // INVARIANT: writing to a vector cannot fail.
            out.write_fmt(text).unwrap_or_default();
        };
        put(format_args!(
            r#"{{"at":"{at}","body":{body},"index":{index},"intent":"#
        ));
        match intent {
            Some(intent) => put(format_args!("{intent}")),
            None => put(format_args!("null")),
        }
        put(format_args!(
            r#","kind":"{kind}","nonce":"{nonce}","question":"#
        ));
        match question {
            Some(question) => put(format_args!(r#""{question}"}}"#)),
            None => put(format_args!("null}}")),
        }
    }
}

#[cfg(test)]
mod tests;
