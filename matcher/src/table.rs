//! Exact and look-alike entries: many small tables, so that changing one keeps nobody waiting for long, and a filter before
//! them, so that most reads touch none.

use std::sync::{PoisonError, RwLock};

use hashbrown::HashTable;

use super::{How, Look, Match, Matcher, filter::Filter};

/// Slots of the routes: which part an entry is in.
const SLOTS: usize = 1 << 15;

/// Parts take 8 to 15 slots each. A table has room for 2, 4, 8 and so on, and is half empty after it grew; parts of different
/// size grow at different times, so that together they are as full at any time.
const LEAST: usize = 8;
const MOST: usize = 15;

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

    fn hash(self, of: &Matcher) -> u64 {
        of.hash(of.alphabet.fold(self.exact()))
    }
}

/// One part.
#[derive(Debug, Default)]
struct Part {
    slots: HashTable<Slot>,
    /// Entries that left since the filter was refreshed.
    gone: usize,
}

/// The parts.
#[derive(Debug)]
pub(crate) struct Table {
    /// The part of each slot.
    routes: Box<[u16]>,
    /// First slot of each part, and the end of the last.
    firsts: Vec<usize>,
    parts: Box<[RwLock<Part>]>,
    filter: Filter,
}

impl Table {
    pub(crate) fn new() -> Self {
        let (mut routes, mut firsts) = (Vec::with_capacity(SLOTS), vec![0]);
        for (part, size) in (0..).zip((LEAST..=MOST).cycle()) {
            let size = size.min(SLOTS - routes.len());
            routes.extend(std::iter::repeat_n(part, size));
            firsts.push(routes.len());
            if routes.len() == SLOTS {
                break;
            }
        }
        let parts = firsts.iter().skip(1).map(|_| RwLock::default());
        Self {
            parts: parts.collect(),
            routes: routes.into(),
            firsts,
            filter: Filter::new(SLOTS),
        }
    }

    pub(crate) fn insert(&self, of: &Matcher, exact: u64, id: u32) {
        let new = Slot::new(exact, id);
        let hash = new.hash(of);
        let slot = route(hash);
        if let Some(part) = self.part(slot) {
            let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
            // INVARIANT: marked before it is there, and under the lock, so that no refresh takes the mark away.
            self.filter.mark(slot, hash);
            part.slots.insert_unique(hash, new, |slot| slot.hash(of));
        }
    }

    pub(crate) fn remove(&self, of: &Matcher, exact: u64, id: u32) -> bool {
        let hash = Slot::new(exact, id).hash(of);
        let slot = route(hash);
        let Some(part) = self.part(slot) else {
            return false;
        };
        let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
        let found = part
            .slots
            .find_entry(hash, |slot| slot.id == id && slot.exact() == exact);
        let removed = found.map(|entry| entry.remove()).is_ok();
        if removed {
            part.gone += 1;
            if part.gone > 64 + part.slots.len() / 2 {
                self.refresh(of, slot, &mut part);
            }
        }
        removed
    }

    /// Takes the bits of what left out of the filter, and gives room back when most of it is free.
    fn refresh(&self, of: &Matcher, slot: usize, part: &mut Part) {
        part.gone = 0;
        let number = self.routes.get(slot).copied().map_or(0, usize::from);
        let bound = |at: usize| self.firsts.get(at).copied().unwrap_or(0);
        for slot in bound(number)..bound(number + 1) {
            let hashes = part.slots.iter().map(|slot| slot.hash(of));
            let here = hashes.filter(|hash| route(*hash) == slot);
            self.filter.refresh(slot, here);
        }
        let (length, capacity) = (part.slots.len(), part.slots.capacity());
        if capacity > 64 && length < capacity / 4 {
            part.slots.shrink_to(length * 2, |slot| slot.hash(of));
        }
    }

    /// Whether there may be an entry of this hash.
    #[inline]
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        self.filter.may_hold(route(hash), hash)
    }

    #[inline(never)]
    pub(crate) fn find(
        &self,
        look: &Look<'_>,
        hash: u64,
        (exact, folded): (u64, u64),
        found: &mut Vec<Match>,
    ) {
        let slot = route(hash);
        let Some(part) = self.part(slot) else {
            return;
        };
        let part = part.read().unwrap_or_else(PoisonError::into_inner);
        for slot in part.slots.iter_hash(hash) {
            let here = slot.exact();
            let how = if here == exact {
                How::Exact
            } else if look.matcher.alphabet.fold(here) == folded {
                How::LookAlike
            } else {
                continue;
            };
            found.extend(look.judge(slot.id, how));
        }
    }

    fn part(&self, slot: usize) -> Option<&RwLock<Part>> {
        self.parts.get(usize::from(*self.routes.get(slot)?))
    }
}

/// A table uses the lowest bits of a hash and the highest seven; the filter those from the ninth on.
#[inline]
fn route(hash: u64) -> usize {
    usize::try_from((hash >> 40) & (SLOTS as u64 - 1)).unwrap_or(0)
}
