//! Bringing a ledger back after the process ended, however it ended.

use std::path::Path;

use turnpike_schemas::ledger::InterruptReason;

use super::LedgerError;
use super::error::cannot;
use super::reader::{OpenIntents, Walk};
use super::shared::Owed;
use super::storage::{FileStorage, Held};

/// What was found and repaired when the ledger was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Entries that were there.
    pub entries: u64,
    /// Bytes of an unfinished write that were cut off. They were never acknowledged.
    pub torn_bytes: u64,
    /// Intents without outcome, which now have an `interrupted` entry.
    pub interrupted: Vec<u64>,
}

/// A ledger ready to be continued.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) storage: FileStorage,
    pub(super) segment_length: u64,
    pub(super) owed: Vec<Owed>,
    pub(super) recovery: Recovery,
}

/// Locks, checks and repairs the ledger in `dir`.
pub(super) fn recover(dir: &Path) -> Result<Found, LedgerError> {
    let held = Held::take(dir)?;
    let mut walk = Walk::new(dir)?;
    let mut open = OpenIntents::default();
    while let Some(header) = walk.next_header() {
        open.follow(&header?);
    }
    let owed: Vec<Owed> = open
        .into_inner()
        .into_iter()
        .map(|(intent, question)| Owed {
            intent,
            question,
            reason: InterruptReason::Restart,
        })
        .collect();
    let recovery = Recovery {
        entries: walk.next_index,
        torn_bytes: walk.torn_bytes,
        interrupted: owed.iter().map(|owed| owed.intent).collect(),
    };
    let storage = held
        .into_storage(walk.segment, walk.good_length)
        .map_err(cannot("continue"))?;
    Ok(Found {
        storage,
        segment_length: walk.good_length,
        owed,
        recovery,
    })
}
