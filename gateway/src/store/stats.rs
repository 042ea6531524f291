//! What the store knows about each source without counting rows.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use jiff::Timestamp;

use super::{codec, shelf::Shelf};

/// What is held of one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Reads that a search can find: current, not withdrawn, not yet swept away.
    pub held: u64,
    /// When the source last sent something that was new. Absent when nothing of it is held any more.
    pub last_received_at: Option<Timestamp>,
}

/// Counters of every source, published by the writer after each commit.
#[derive(Debug, Default)]
pub(super) struct Stats(RwLock<BTreeMap<String, SourceStats>>);

impl Stats {
    pub(super) fn publish(&self, shelf: &Shelf) {
        let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for (name, source) in shelf.months.values().flat_map(|month| &month.sources) {
            let (held, last) = sums.entry(name).or_insert((0, i64::MIN));
            *held += source.held;
            *last = source.last_received_at.max(*last);
        }
        let stats = sums.into_iter().map(|(name, (held, last))| {
            let stats = SourceStats {
                held: u64::try_from(held).unwrap_or_default(),
                last_received_at: (last != i64::MIN)
                    .then(|| codec::received(last).ok())
                    .flatten(),
            };
            (name.to_owned(), stats)
        });
        let stats = stats.collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = stats;
    }

    pub(super) fn of(&self, source: &str) -> SourceStats {
        let stats = self.0.read().unwrap_or_else(PoisonError::into_inner);
        stats.get(source).copied().unwrap_or_default()
    }
}
