//! How the ledger fails.

use std::io;

use thiserror::Error;
use turnpike_schemas::ledger::EntryError;

use super::{Damage, KeyError, TreeError};

/// Why the ledger did not do what was asked. In every case nothing may be released.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The entry was not known to be durable in time. It may or may not be on disk; if it is, it will be closed.
    #[error("the ledger did not answer in time")]
    Deadline,
    /// The ledger cannot take entries now.
    #[error("the ledger cannot be written: {0}")]
    Unavailable(Unavailable),
    /// The entry itself is at fault; nothing was written.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Another process holds this ledger.
    #[error("the ledger is held by another process")]
    Locked,
    /// The ledger on disk is not what was written.
    #[error("the ledger is damaged: {0}")]
    Damaged(#[from] Damage),
    /// The ledger on disk is not what was signed, or cannot be signed.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The ledger could not be opened.
    #[error("cannot {operation} the ledger")]
    Open {
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A key that seals personal fields cannot be made, read or destroyed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The random source of the system failed.
    #[error("no random numbers for the ledger")]
    Random,
}

/// Why the ledger cannot take entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// Disk, quota or permitted length of a file is used up. Heals when there is room again.
    #[error("no space left")]
    NoSpace,
    /// The file system is read-only.
    #[error("read-only")]
    ReadOnly,
    /// The disk failed.
    #[error("disk error")]
    Io,
    /// The disk does not answer. Heals when it does.
    #[error("the disk does not answer")]
    Hung,
    /// An earlier failure; the file is not trusted until reopened.
    #[error("failed earlier")]
    Poisoned,
    /// Too many calls wait already.
    #[error("too many calls wait")]
    Full,
    /// Tiles and checkpoints cannot be written. Heals when they can.
    #[error("no checkpoint can be signed")]
    Unsigned,
    /// The witnesses have not vouched lately enough. Heals when they do.
    #[error("not enough witnesses vouch for it")]
    Unwitnessed,
    /// What is left of the disk is kept for what is under way. Heals when there is room again.
    #[error("the disk is almost full")]
    Reserved,
    /// The ledger was closed.
    #[error("closed")]
    Closed,
}

impl Unavailable {
    pub(super) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::NoSpace,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly,
            _ => Self::Io,
        }
    }
}

pub(super) fn cannot(operation: &'static str) -> impl FnOnce(io::Error) -> LedgerError {
    move |source| LedgerError::Open { operation, source }
}
