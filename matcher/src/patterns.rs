//! Patterns, in groups of one length and one set of known positions.

use std::sync::{
    PoisonError, RwLock,
    atomic::{AtomicUsize, Ordering},
};

use hashbrown::HashTable;

use super::{
    How, Look, Match, Matcher,
    key::{MOST, Packed},
};

/// Bits of a group's filter for each pattern there is room for: most probes of a group end at one bit.
const FILTER: usize = 16;

#[derive(Debug, Default)]
struct Group {
    mask: u64,
    slots: HashTable<(u64, u32)>,
    /// A bit for each hash that is there. Bits of patterns that left stay until the group is made anew.
    filter: Vec<u64>,
}

/// Groups by length.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    groups: [RwLock<Vec<Group>>; MOST + 1],
    /// Groups of each length, so that a length without any costs one look.
    counts: [AtomicUsize; MOST + 1],
}

impl Group {
    fn insert(&mut self, of: &Matcher, known: u64, id: u32) {
        let hash = hash(of, self.mask, known);
        let mask = self.mask;
        self.slots.insert_unique(hash, (known, id), |(known, _)| {
            crate::patterns::hash(of, mask, *known)
        });
        let wanted = (self.slots.capacity() * FILTER / 64).next_power_of_two();
        if self.filter.len() < wanted {
            self.refill(of, wanted);
        } else {
            self.set(hash);
        }
    }

    fn refill(&mut self, of: &Matcher, words: usize) {
        self.filter = vec![0; words];
        let hashes: Vec<u64> = self
            .slots
            .iter()
            .map(|(known, _)| hash(of, self.mask, *known))
            .collect();
        hashes.into_iter().for_each(|hash| self.set(hash));
    }

    fn set(&mut self, hash: u64) {
        let (word, bit) = self.place(hash);
        if let Some(word) = self.filter.get_mut(word) {
            *word |= bit;
        }
    }

    #[inline]
    fn place(&self, hash: u64) -> (usize, u64) {
        let bits = usize::try_from(hash >> 20).unwrap_or(0);
        let word = (bits >> 6) & (self.filter.len().wrapping_sub(1));
        (word, 1 << (bits & 63))
    }

    #[inline]
    fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.filter.get(word).is_some_and(|word| word & bit != 0)
    }
}

#[inline]
fn hash(of: &Matcher, mask: u64, known: u64) -> u64 {
    of.hash(known ^ mask.rotate_left(17))
}

impl Patterns {
    pub(crate) fn insert(&self, of: &Matcher, pattern: Packed, id: u32) {
        let Some(groups) = self.groups.get(pattern.length) else {
            return;
        };
        let mut groups = groups.write().unwrap_or_else(PoisonError::into_inner);
        match groups.iter_mut().find(|group| group.mask == pattern.mask) {
            Some(group) => group.insert(of, pattern.known, id),
            None => {
                let mut group = Group {
                    mask: pattern.mask,
                    ..Group::default()
                };
                group.insert(of, pattern.known, id);
                groups.push(group);
            }
        }
        self.count(pattern.length, groups.len());
    }

    pub(crate) fn remove(&self, of: &Matcher, pattern: Packed, id: u32) -> bool {
        let Some(groups) = self.groups.get(pattern.length) else {
            return false;
        };
        let mut groups = groups.write().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = groups.iter().position(|group| group.mask == pattern.mask) else {
            return false;
        };
        let Some(group) = groups.get_mut(at) else {
            return false;
        };
        let hash = hash(of, pattern.mask, pattern.known);
        let found = group
            .slots
            .find_entry(hash, |slot| *slot == (pattern.known, id));
        let removed = found.map(|entry| entry.remove()).is_ok();
        if group.slots.is_empty() {
            groups.swap_remove(at);
        }
        self.count(pattern.length, groups.len());
        removed
    }

    /// Whether there are patterns of this length.
    #[inline]
    pub(crate) fn any(&self, length: usize) -> bool {
        let count = self.counts.get(length);
        count.is_some_and(|count| count.load(Ordering::Acquire) > 0)
    }

    #[inline]
    pub(crate) fn find(&self, look: &Look<'_>, exact: u64, length: usize, found: &mut Vec<Match>) {
        if !self.any(length) {
            return;
        }
        let Some(groups) = self.groups.get(length) else {
            return;
        };
        let groups = groups.read().unwrap_or_else(PoisonError::into_inner);
        for group in groups.iter() {
            let known = exact & group.mask;
            let hash = hash(look.matcher, group.mask, known);
            if !group.may_hold(hash) {
                continue;
            }
            for (_, id) in group
                .slots
                .iter_hash(hash)
                .filter(|(here, _)| *here == known)
            {
                found.extend(look.judge(*id, How::Pattern));
            }
        }
    }

    fn count(&self, length: usize, groups: usize) {
        if let Some(count) = self.counts.get(length) {
            count.store(groups, Ordering::Release);
        }
    }
}
