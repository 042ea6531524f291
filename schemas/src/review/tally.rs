//! Counts of a few keys: most tables of a review hold one key in most places, so the first one costs no allocation.

use super::Key;

/// How often each of a few keys was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    first: Option<(Key, u32)>,
    more: Vec<(Key, u32)>,
}

impl Tally {
    /// Counts one more; true when the key is new.
    pub(super) fn add(&mut self, key: Key) -> bool {
        if let Some((_, count)) = self.iter_mut().find(|(held, _)| *held == key) {
            *count = count.saturating_add(1);
            return false;
        }
        match &mut self.first {
            Some(_) => self.more.push((key, 1)),
            empty => *empty = Some((key, 1)),
        }
        true
    }

    /// Counts one less; a key that is counted no more is gone.
    pub(super) fn remove(&mut self, key: Key) {
        if let Some((_, count)) = self.iter_mut().find(|(held, _)| *held == key) {
            *count = count.saturating_sub(1);
        }
        self.more.retain(|(_, count)| *count > 0);
        if self.first.is_some_and(|(_, count)| count == 0) {
            self.first = self.more.pop();
        }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len()
    }

    /// Whether nothing is counted.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.first.iter().chain(&self.more).map(|(key, _)| *key)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut (Key, u32)> {
        self.first.iter_mut().chain(&mut self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_there_as_long_as_it_is_counted() {
        let mut tally = Tally::default();
        assert!(tally.add(Key(1)) && tally.add(Key(2)) && !tally.add(Key(1)));
        assert_eq!(tally.len(), 2);
        tally.remove(Key(1));
        assert_eq!(tally.len(), 2);
        tally.remove(Key(1));
        assert_eq!(tally.keys().collect::<Vec<_>>(), [Key(2)]);
        tally.remove(Key(3));
        tally.remove(Key(2));
        assert!(tally.is_empty());
    }
}
