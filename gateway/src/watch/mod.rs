//! What owners of alert lists were told of, on disk: hits, the reads that make them up, and what went out.
//!
//! One SQLite file that one process has open. Every operation is one transaction and may be done again: the same again changes
//! nothing and sends nothing. Events have names that follow from what they tell of, so whoever receives one twice knows.
//!
//! Out of scope: whether a read matches ([`turnpike_schemas::hit::memory`]), who may see or review a hit, and the ledger, which
//! the caller writes first.

mod apply;
mod book;
mod change;
mod escalate;
mod hub;
mod lists;
mod looked;
mod outbox;
mod parts;
mod purge;
mod review;
mod row;
mod schema;
mod shown;
#[cfg(test)]
mod tests;

pub use book::Book;
pub use change::{Change, Opening, Told};
pub use escalate::{Second, Unseen};
pub use hub::Hub;
pub use lists::{Filter, Precision};
pub use purge::{OUTBOX_KEPT, Purged};
pub use review::Reviewed;
pub use row::{Event, EventKind, HitRow};

use crate::sqlite::{ErrorKind, SqliteError};

/// Why the book did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// Another process has it open.
    #[error("the book of hits is in use by another process; stop the gateway first")]
    InUse,
    /// It was written by a later version.
    #[error("the book of hits has version {0}, which this turnpike does not know")]
    Version(i64),
    /// No such hit.
    #[error("there is no such hit")]
    Missing,
    /// Somebody has looked at the hit before.
    #[error("the hit was reviewed already")]
    AlreadyReviewed,
    /// `unconfirmed` is what a hit is before a person looks.
    #[error("`unconfirmed` is not what a review finds")]
    NoFinding,
    /// What is stored, or was to be, does not mean anything.
    #[error("the book of hits holds what cannot be read: {0}")]
    Unreadable(&'static str),
    /// The file.
    #[error("the book of hits cannot be used: {0}")]
    File(#[from] std::io::Error),
    /// The database.
    #[error("the book of hits failed: {0}")]
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for WatchError {
    fn from(error: rusqlite::Error) -> Self {
        match ErrorKind::of(&error) {
            ErrorKind::InUse => Self::InUse,
            ErrorKind::NoRow => Self::Missing,
            ErrorKind::Constraint | ErrorKind::Other => Self::Database(error),
        }
    }
}

impl SqliteError for WatchError {
    fn later(version: i64) -> Self {
        Self::Version(version)
    }

    fn cut_short() -> Self {
        Self::Unreadable("the work was cut short")
    }
}
