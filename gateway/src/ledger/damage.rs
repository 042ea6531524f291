//! Why a ledger on disk is not believed.

use std::io;

use thiserror::Error;

/// A place where the ledger is not what was once written. Names the place, never what is there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("segment `{segment}`, entry {index}: {kind}")]
pub struct Damage {
    /// File name of the segment.
    pub segment: String,
    /// Index of the entry that was expected there.
    pub index: u64,
    /// What is wrong.
    pub kind: DamageKind,
}

/// What is wrong at that place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DamageKind {
    /// The line does not start with a checksum.
    #[error("the line has no checksum")]
    Form,
    /// The line is not the one the checksum was made of.
    #[error("the checksum does not match")]
    Checksum,
    /// The line is longer than any entry.
    #[error("the line is too long")]
    TooLong,
    /// The line is not an entry in canonical form.
    #[error("the line is not an entry")]
    Entry,
    /// Another entry stands here.
    #[error("entry {found} stands here")]
    Order {
        /// Its index.
        found: u64,
    },
    /// The line ends without a line feed although something was written after it.
    #[error("the line does not end")]
    Unterminated,
    /// The segment is not there although a later one is.
    #[error("the segment is missing")]
    MissingSegment,
    /// The segment is empty although a later one is there.
    #[error("the segment is empty")]
    EmptySegment,
    /// The segment cannot be read.
    #[error("the segment cannot be read: {0}")]
    Unreadable(io::ErrorKind),
}
