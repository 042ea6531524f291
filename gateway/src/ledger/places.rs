//! Where in the segments the bundles of 256 entries begin, so that one entry is found without reading all before it.

use std::sync::{Mutex, PoisonError};

/// Entries from one place to the next.
pub(super) const STEP: u64 = 256;

/// Beginning of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) segment: u32,
    pub(super) offset: u64,
}

/// Sixteen bytes for every 256 entries.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Vec<Place>>);

impl Places {
    /// Notes where entry `index` begins; entries come in order and only every 256th is kept.
    pub(super) fn note(&self, index: u64, place: Place) {
        if index.is_multiple_of(STEP) {
            self.lock().push(place);
        }
    }

    /// Where bundle `number` begins.
    pub(super) fn of_bundle(&self, number: u64) -> Option<Place> {
        let number = usize::try_from(number).ok()?;
        self.lock().get(number).copied()
    }

    /// Takes over what was found at the start.
    pub(super) fn adopt(&self, found: Self) {
        *self.lock() = found.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
