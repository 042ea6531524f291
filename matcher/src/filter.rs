//! A bit or three for every entry, looked at without any lock: most reads are of nobody's plate and end here.
//!
//! Bits are set before the entry they are of is in its table, so what is not marked is not there. Bits of entries that left
//! stay until their part is refreshed from its table; until then they cost a look that finds nothing.

use std::sync::atomic::{AtomicU64, Ordering};

/// Words of one slot of the routes.
pub(crate) const WORDS: usize = 1 << 6;

/// All slots, one after the other.
#[derive(Debug)]
pub(crate) struct Filter(Box<[AtomicU64]>);

impl Filter {
    pub(crate) fn new(slots: usize) -> Self {
        Self((0..slots * WORDS).map(|_| AtomicU64::new(0)).collect())
    }

    #[inline]
    pub(crate) fn may_hold(&self, slot: usize, hash: u64) -> bool {
        let bits = bits(hash);
        let word = self.0.get(slot * WORDS + word(hash));
        word.is_some_and(|word| word.load(Ordering::Acquire) & bits == bits)
    }

    pub(crate) fn mark(&self, slot: usize, hash: u64) {
        if let Some(word) = self.0.get(slot * WORDS + word(hash)) {
            word.fetch_or(bits(hash), Ordering::Release);
        }
    }

    /// Leaves the bits of these hashes in a slot and no others. Nobody may mark in it meanwhile; whoever looks sees the bits of
    /// an entry that stays throughout.
    pub(crate) fn refresh(&self, slot: usize, hashes: impl Iterator<Item = u64>) {
        let mut fresh = [0; WORDS];
        for hash in hashes {
            if let Some(word) = fresh.get_mut(word(hash)) {
                *word |= bits(hash);
            }
        }
        let words = self.0.iter().skip(slot * WORDS).take(WORDS);
        for (word, fresh) in words.zip(fresh) {
            word.store(fresh, Ordering::Release);
        }
    }
}

#[inline]
fn word(hash: u64) -> usize {
    usize::try_from((hash >> 8) & (WORDS as u64 - 1)).unwrap_or(0)
}

#[inline]
fn bits(hash: u64) -> u64 {
    let bit = |from: u32| 1_u64 << ((hash >> from) & 63);
    bit(14) | bit(20) | bit(26)
}
