//! Users of one organisation on one plate, and how many groups of them share no case.

use std::collections::HashMap;

use super::{super::Key, Raised};

/// Users and cases of one plate beyond which no more are compared: they were flagged long before.
const MOST: usize = 512;

/// Who asked about one plate, under which case, how often.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    pairs: Vec<(Key, Key, u32)>,
    raised: Raised,
}

impl Crowd {
    /// Counts a question; gives the number of users without a shared case when that is a reason to speak.
    pub(super) fn add(&mut self, user: Key, case: Key, threshold: u32) -> Option<u32> {
        let held = self
            .pairs
            .iter_mut()
            .find(|(whose, what, _)| (*whose, *what) == (user, case));
        if let Some((.., count)) = held {
            *count = count.saturating_add(1);
            return None;
        }
        self.pairs.push((user, case, 1));
        if self.pairs.len() > MOST {
            return None;
        }
        let groups = u32::try_from(self.groups()).unwrap_or(u32::MAX);
        self.raised.by(groups, threshold).then_some(groups)
    }

    /// Forgets a question; true when nobody is left.
    pub(super) fn remove(&mut self, user: Key, case: Key) -> bool {
        for (whose, what, count) in &mut self.pairs {
            if (*whose, *what) == (user, case) {
                *count = count.saturating_sub(1);
            }
        }
        self.pairs.retain(|(.., count)| *count > 0);
        self.pairs.is_empty()
    }

    /// Groups of users who are linked by shared cases.
    fn groups(&self) -> usize {
        let mut users: HashMap<Key, usize> = HashMap::new();
        let mut cases: HashMap<Key, usize> = HashMap::new();
        let mut parents: Vec<usize> = Vec::new();
        for (user, case, _) in &self.pairs {
            let fresh = users.len();
            let user = *users.entry(*user).or_insert_with(|| {
                parents.push(fresh);
                fresh
            });
            let linked = *cases.entry(*case).or_insert(user);
            let (one, other) = (root(&parents, user), root(&parents, linked));
            if let Some(parent) = parents.get_mut(one) {
                *parent = other;
            }
        }
        let roots = parents.iter().enumerate();
        roots.filter(|(at, parent)| at == *parent).count()
    }
}

fn root(parents: &[usize], mut at: usize) -> usize {
    while let Some(parent) = parents.get(at).filter(|parent| **parent != at) {
        at = *parent;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_who_share_a_case_are_one_group() {
        let mut crowd = Crowd::default();
        let asks = [(1, 10), (2, 10), (3, 11), (3, 10), (4, 12)];
        for (user, case) in asks {
            assert_eq!(crowd.add(Key(user), Key(case), 3), None, "{user}");
        }
        assert_eq!(crowd.add(Key(5), Key(13), 3), Some(3));
        assert_eq!(crowd.add(Key(6), Key(14), 3), None, "told at three");
        for (user, case) in asks {
            assert!(!crowd.remove(Key(user), Key(case)));
        }
        assert!(!crowd.remove(Key(5), Key(13)));
        assert!(crowd.remove(Key(6), Key(14)));
    }
}
