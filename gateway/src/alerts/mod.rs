//! Alert lists as they are kept: lists, their entries, who did what to each, and what the matcher looks for.
//!
//! In scope: durable state, and the matcher following it in the same step. **An entry is looked for exactly as long as it is
//! approved, confirmed by its owner in time, and not at its end**; what is removed is erased and leaves who, when and why.
//! Deliberately absent: whether somebody may have a list, which agreements decide; the record in the ledger, which whoever
//! changes a list writes first; hits.

mod book;
mod entries;
mod feed;
pub mod file;
pub mod hotlist;
mod look_backs;
mod row;
mod schema;
#[cfg(test)]
mod tests;
mod turns;

use std::{collections::BTreeSet, fmt};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use turnpike_schemas::{
    agreement::Assurance,
    alert::Entry,
    query::{CaseRef, Offence, OnBehalfOf, Purpose},
};
use uuid::Uuid;

pub use book::Book;
pub(crate) use look_backs::LookBack;
pub(crate) use turns::{Candidate, Candidates, Taken, Turn};

use crate::sqlite::{ErrorKind, SqliteError};

/// Why plates are looked for, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Why.
    pub purpose: Purpose,
    /// What offence it is about, where the purpose is one.
    pub offence: Option<Offence>,
    /// For which file.
    pub case_reference: CaseRef,
    /// For whom.
    pub on_behalf_of: OnBehalfOf,
    /// The law or order it rests on.
    pub legal_basis: String,
    /// How sure the sign-in was by which the list was made. Every change of it takes one as sure, and decisions about its entries
    /// rest on it while nobody is signed in.
    pub assurance: Assurance,
}

/// A list as its owner makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewList {
    /// Who is told, and who may change it.
    pub owner: String,
    /// The owner's organisation.
    pub organisation: String,
    /// What its owner calls it.
    pub name: String,
    /// What it is about.
    pub topic: Option<String>,
    /// Why, and for whom.
    pub terms: Terms,
    /// Whether plates count that cameras confuse with the ones wanted.
    pub look_alike: bool,
    /// Whether no source may ever be told of its plates.
    pub confidential: bool,
    /// Who is told besides its owner.
    pub shared: BTreeSet<String>,
    /// When what it was made from was put together.
    pub as_of: Option<Timestamp>,
}

/// A list as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Its identity.
    pub id: Uuid,
    /// As its owner made it.
    pub list: NewList,
    /// Counts its changes: whoever changes it says which revision was looked at.
    pub revision: u64,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it was closed. Nothing is looked for any more, and its entries are erased.
    pub closed_at: Option<Timestamp>,
}

/// What agreements demand of the entries of a list, at the moment they are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duties {
    /// How often the owner must say that an entry still holds.
    pub confirm_every: SignedDuration,
    /// Whether a second person must agree first.
    pub approval: bool,
}

/// Whether an entry is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is.
    Active,
    /// Not until a second person agrees.
    Waiting,
    /// Not until its owner says that it still holds.
    Unconfirmed,
    /// Its end has come.
    Ended,
    /// It was removed, and is erased.
    Removed,
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its number, which no other entry ever has.
    pub id: u64,
    /// The list.
    pub list: Uuid,
    /// What is looked for; nothing once it is erased.
    pub entry: Option<Entry>,
    /// Whether it is looked for, at the moment it was read.
    pub state: State,
    /// By whom it was added.
    pub added_by: String,
    /// When.
    pub added_at: Timestamp,
    /// Until when its owner must say that it still holds.
    pub confirm_until: Timestamp,
    /// Who agreed, where that is needed.
    pub approved_by: Option<String>,
}

/// What was done to an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// When.
    pub at: Timestamp,
    /// By whom; nobody where its end came.
    pub by: Option<String>,
    /// What.
    pub what: What,
    /// Where that is in the ledger.
    pub recorded: Option<u64>,
}

/// A kind of change to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It was added.
    Added,
    /// A second person agreed.
    Approved,
    /// Its owner said that it still holds.
    Confirmed,
    /// It was given another end.
    Renewed,
    /// It was taken off.
    Removed,
    /// Its end came.
    Ended,
    /// Its list was closed.
    Closed,
}

/// By whom a change is made, when, and where it is in the ledger already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// The person or system.
    pub subject: String,
    /// The instant of the change.
    pub at: Timestamp,
    /// The entry of the ledger that says so.
    pub recorded: u64,
}

/// What an import changes, and the revision it was compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The revision of the list that the file was compared with.
    pub revision: u64,
    /// Names this import: the same one again changes nothing.
    pub key: String,
    /// SHA-256 of what was sent, hexadecimal: another text under the same name is refused.
    pub sha256: String,
    /// Entries to be added.
    pub add: Vec<Entry>,
    /// Numbers of entries to be removed.
    pub remove: Vec<u64>,
    /// Numbers of entries that last longer from now on, with their ends.
    pub renew: Vec<(u64, Timestamp)>,
    /// When what is imported was put together, where it says so: from then on the list is of that age.
    pub as_of: Option<Timestamp>,
    /// What agreements demand of the added ones.
    pub duties: Duties,
}

/// What an import changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// Numbers of the entries that were added, in the order they were given.
    pub added: Vec<u64>,
    /// How many were removed.
    pub removed: u64,
    /// How many last longer since.
    #[serde(default)]
    pub renewed: u64,
    /// The revision of the list since.
    pub revision: u64,
}

/// An entry that a read matches, with what its owner asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The entry's number.
    pub entry: u64,
    /// The entry.
    pub wanted: Entry,
    /// Its list.
    pub list: List,
}

/// Why lists could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// Another process has the file open.
    #[error("the alert lists are in use by another process; stop the gateway first")]
    InUse,
    /// It was written by a later version.
    #[error("the alert lists have version {0}, which this turnpike does not know")]
    Version(i64),
    /// There is no such list or entry.
    #[error("there is no such list or entry")]
    Missing,
    /// The list is closed.
    #[error("the list is closed")]
    Closed,
    /// The list changed since it was looked at.
    #[error("the list has changed since: look at it again")]
    Changed,
    /// An entry of the same plate is there.
    #[error("an entry of this plate and issuer is there already")]
    Exists,
    /// Another text was imported under this name.
    #[error("another file was imported under this key")]
    KeyReused,
    /// Whoever added an entry does not approve it.
    #[error("a second person must agree: not whoever added it")]
    SamePerson,
    /// The entry waits for nobody.
    #[error("the entry waits for no approval")]
    NotWaiting,
    /// No more entries fit.
    #[error("this installation keeps at most {0} entries")]
    Full(u32),
    /// The matcher takes no more.
    #[error("the entry cannot be looked for: {0}")]
    Unwatched(#[from] turnpike_matcher::Refused),
    /// What is stored does not mean anything.
    #[error("the alert lists hold what cannot be read: {0}")]
    Unreadable(&'static str),
    /// The file.
    #[error("the alert lists cannot be used: {0}")]
    File(#[from] std::io::Error),
    /// The database.
    #[error("the alert lists failed: {0}")]
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for AlertError {
    fn from(error: rusqlite::Error) -> Self {
        match ErrorKind::of(&error) {
            ErrorKind::InUse => Self::InUse,
            ErrorKind::Constraint => Self::Exists,
            ErrorKind::NoRow => Self::Missing,
            ErrorKind::Other => Self::Database(error),
        }
    }
}

impl SqliteError for AlertError {
    fn later(version: i64) -> Self {
        Self::Version(version)
    }

    fn cut_short() -> Self {
        Self::Unreadable("the work was cut short")
    }
}

impl List {
    /// Whether somebody is told of its hits, and may see its entries.
    #[must_use]
    pub fn is_open_to(&self, subject: &str) -> bool {
        self.list.owner == subject || self.list.shared.contains(subject)
    }
}

impl What {
    const ALL: [Self; 7] = [
        Self::Added,
        Self::Approved,
        Self::Confirmed,
        Self::Renewed,
        Self::Removed,
        Self::Ended,
        Self::Closed,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Approved => "approved",
            Self::Confirmed => "confirmed",
            Self::Renewed => "renewed",
            Self::Removed => "removed",
            Self::Ended => "ended",
            Self::Closed => "closed",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.as_str() == word)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Waiting => "waiting for approval",
            Self::Unconfirmed => "not confirmed in time",
            Self::Ended => "ended",
            Self::Removed => "removed",
        })
    }
}
