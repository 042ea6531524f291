//! Leaf hashes on their way from the writer to the tree.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use turnpike_schemas::tlog::Hash;

/// Leaves that may wait: 32 MiB. Beyond, no entry is taken until the tree has caught up.
const MOST: usize = 1 << 20;

/// Leaves of durable entries that are not in the tree yet.
#[derive(Debug, Default)]
pub(in crate::ledger) struct Pending {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    leaves: Vec<Hash>,
    closed: bool,
}

impl Pending {
    /// Adds the leaves of entries that became durable together.
    pub(in crate::ledger) fn add(&self, leaves: impl Iterator<Item = Hash>) {
        self.lock().leaves.extend(leaves);
        self.changed.notify_all();
    }

    /// Whether the tree is too far behind.
    pub(in crate::ledger) fn is_full(&self) -> bool {
        self.lock().leaves.len() >= MOST
    }

    /// Says that no more will come.
    pub(in crate::ledger) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits for leaves, or for the end.
    pub(super) fn wait(&self) {
        let idle = |state: &mut State| state.leaves.is_empty() && !state.closed;
        drop(
            self.changed
                .wait_while(self.lock(), idle)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Waits for the end, at most `time`; true when it has come.
    pub(super) fn closed_within(&self, time: Duration) -> bool {
        let open = |state: &mut State| !state.closed;
        self.changed
            .wait_timeout_while(self.lock(), time, open)
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .closed
    }

    /// Takes what has come.
    pub(super) fn take(&self) -> Vec<Hash> {
        std::mem::take(&mut self.lock().leaves)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
