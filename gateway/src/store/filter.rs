//! Which ids a month may hold, in memory, so that a new read need not be looked for in every month on disk.
//!
//! A Bloom filter that grows by parts. It may say "maybe" for an id that is absent, never "no" for one that is
//! present. Deleted rows stay in it until the file goes.

use super::codec::Key;

const BITS_PER_ENTRY: u64 = 10;
const PROBES: usize = 5;
const FIRST_PART: u64 = 1 << 16;

/// The ids of one month.
#[derive(Debug, Default)]
pub(super) struct Filter {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    bits: Vec<u64>,
    entries: u64,
}

impl Filter {
    /// A filter from what [`Filter::parts`] gave. `None` for a part that is no such thing.
    pub(super) fn from_parts(parts: impl Iterator<Item = (i64, Vec<u8>)>) -> Option<Self> {
        let parts = parts
            .map(|(entries, bytes)| Part::from_bytes(entries, &bytes))
            .collect::<Option<_>>()?;
        Some(Self { parts })
    }

    /// Entries and bits of every part, in order.
    pub(super) fn parts(&self) -> impl Iterator<Item = (i64, Vec<u8>)> + '_ {
        self.parts.iter().map(|part| {
            let bytes = part.bits.iter().flat_map(|word| word.to_le_bytes());
            (part.entries.cast_signed(), bytes.collect())
        })
    }

    pub(super) fn insert(&mut self, key: Key) {
        if self.contains(key) {
            return;
        }
        let room = self.parts.last().is_some_and(|part| !part.is_full());
        if !room {
            let entries = self.parts.last().map_or(FIRST_PART, |last| last.room() * 2);
            self.parts.push(Part::for_entries(entries));
        }
        if let Some(part) = self.parts.last_mut() {
            part.insert(key);
        }
    }

    /// Whether the month may hold `key`.
    pub(super) fn contains(&self, key: Key) -> bool {
        self.parts.iter().any(|part| part.contains(key))
    }
}

impl Part {
    fn for_entries(entries: u64) -> Self {
        let words = usize::try_from(entries * BITS_PER_ENTRY / 64).unwrap_or(1);
        Self {
            bits: vec![0; words.max(1)],
            entries: 0,
        }
    }

    fn from_bytes(entries: i64, bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let bits: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        (rest.is_empty() && !bits.is_empty()).then_some(Self {
            bits,
            entries: u64::try_from(entries).ok()?,
        })
    }

    fn size(&self) -> u64 {
        self.bits.len() as u64 * 64
    }

    fn room(&self) -> u64 {
        self.size() / BITS_PER_ENTRY
    }

    fn is_full(&self) -> bool {
        self.entries >= self.room()
    }

    fn insert(&mut self, key: Key) {
        for (word, mask) in self.places(key) {
            if let Some(word) = self.bits.get_mut(word) {
                *word |= mask;
            }
        }
        self.entries += 1;
    }

    fn contains(&self, key: Key) -> bool {
        self.places(key)
            .into_iter()
            .all(|(word, mask)| self.bits.get(word).is_some_and(|bits| bits & mask != 0))
    }

    /// Ids are halves of a SHA-256, so they serve as their own two hashes.
    fn places(&self, key: Key) -> [(usize, u64); PROBES] {
        let (start, step) = (key.hi.cast_unsigned(), key.lo.cast_unsigned() | 1);
        let size = self.size();
        std::array::from_fn(|probe| {
            let bit = start.wrapping_add(step.wrapping_mul(probe as u64)) % size;
            (
                usize::try_from(bit / 64).unwrap_or_default(),
                1 << (bit % 64),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> Key {
        let mut random = fastrand::Rng::with_seed(n);
        Key {
            hi: random.i64(..),
            lo: random.i64(..),
        }
    }

    #[test]
    fn what_was_put_in_is_always_found_and_little_else() {
        let mut filter = Filter::default();
        (0..200_000).for_each(|n| filter.insert(key(n)));
        assert!((0..200_000).all(|n| filter.contains(key(n))));
        let wrong = (200_000..300_000)
            .filter(|n| filter.contains(key(*n)))
            .count();
        assert!(wrong < 4_000, "{wrong} of 100000");
    }

    #[test]
    fn a_saved_filter_says_the_same() {
        let mut filter = Filter::default();
        (0..100_000).for_each(|n| filter.insert(key(n)));
        let saved: Vec<_> = filter.parts().collect();
        let loaded = Filter::from_parts(saved.into_iter()).unwrap();
        assert!((0..200_000).all(|n| loaded.contains(key(n)) == filter.contains(key(n))));
        assert!(Filter::from_parts([(1, vec![0; 7])].into_iter()).is_none());
    }
}
