//! Exact and look-alike entries: many small tables, so that changing one keeps nobody waiting for long.

use std::sync::{PoisonError, RwLock};

use hashbrown::HashTable;

use super::{How, Look, Match, Matcher};

/// Parts of the table. Growing one of them is the longest anybody waits.
pub const SHARDS: usize = 1 << 12;

/// The exact key in two halves, and the entry: 12 bytes, and one more of the table.
#[derive(Debug, Clone, Copy)]
struct Slot {
    high: u32,
    low: u32,
    id: u32,
}

impl Slot {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of 64 bits")]
    fn new(exact: u64, id: u32) -> Self {
        Self {
            high: (exact >> 32) as u32,
            low: exact as u32,
            id,
        }
    }

    fn exact(self) -> u64 {
        (u64::from(self.high) << 32) | u64::from(self.low)
    }
}

/// The parts.
#[derive(Debug)]
pub(crate) struct Table(Box<[RwLock<HashTable<Slot>>]>);

impl Table {
    pub(crate) fn new() -> Self {
        Self((0..SHARDS).map(|_| RwLock::default()).collect())
    }

    pub(crate) fn insert(&self, of: &Matcher, exact: u64, id: u32) {
        let hash = of.hash(of.alphabet.fold(exact));
        if let Some(shard) = self.shard(hash) {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            let rehash = |slot: &Slot| of.hash(of.alphabet.fold(slot.exact()));
            shard.insert_unique(hash, Slot::new(exact, id), rehash);
        }
    }

    pub(crate) fn remove(&self, of: &Matcher, exact: u64, id: u32) -> bool {
        let hash = of.hash(of.alphabet.fold(exact));
        let Some(shard) = self.shard(hash) else {
            return false;
        };
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let found = shard.find_entry(hash, |slot| slot.id == id && slot.exact() == exact);
        let removed = found.map(|entry| entry.remove()).is_ok();
        let rehash = |slot: &Slot| of.hash(of.alphabet.fold(slot.exact()));
        // Room of entries that left is given back, when it is most of it.
        if removed && shard.capacity() > 64 && shard.len() < shard.capacity() / 8 {
            let twice = shard.len() * 2;
            shard.shrink_to(twice, rehash);
        }
        removed
    }

    #[inline]
    pub(crate) fn find(&self, look: &Look<'_>, exact: u64, folded: u64, found: &mut Vec<Match>) {
        let (matcher, hash) = (look.matcher, look.matcher.hash(folded));
        let Some(shard) = self.shard(hash) else {
            return;
        };
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        for slot in shard.iter_hash(hash) {
            let here = slot.exact();
            let how = if here == exact {
                How::Exact
            } else if matcher.alphabet.fold(here) == folded {
                How::LookAlike
            } else {
                continue;
            };
            found.extend(look.judge(slot.id, how));
        }
    }

    #[inline]
    fn shard(&self, hash: u64) -> Option<&RwLock<HashTable<Slot>>> {
        // The table itself uses the lowest bits and the highest seven.
        let at = (hash >> 40) & (SHARDS as u64 - 1);
        self.0.get(usize::try_from(at).ok()?)
    }
}
