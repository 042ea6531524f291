//! Whose turn it is at one source: pure.
//!
//! **Owners take turns, and the entries of an owner take turns within theirs.** Somebody with one entry waits for as many others as
//! there are owners, however many entries those have.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use crate::alerts::{Candidate, Candidates, Taken, Turn};

/// Shortest time between two turns of one entry at one source.
pub(super) const AT_MOST_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// Entries that may ask one source, and the turns they had.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<u64, Candidate>,
    owners: BTreeMap<String, Owner>,
    taken: Taken,
    change: i64,
}

#[derive(Debug, Default)]
struct Owner {
    entries: BTreeSet<u64>,
    /// The agreement lets the owner ask no more until then.
    paused_until: Option<Timestamp>,
}

/// How fast turns come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Between two turns, whoever has them.
    pub(super) interval: Duration,
    /// Most turns of one owner in an hour, as agreed.
    pub(super) owner_per_hour: u32,
}

impl Queue {
    pub(super) fn new(taken: Taken) -> Self {
        Self {
            taken,
            change: -1,
            ..Self::default()
        }
    }

    /// The change of the lists that it knows of.
    pub(super) fn change(&self) -> i64 {
        self.change
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes over who may ask now; patterns only where the source can be asked about them.
    pub(super) fn follow(&mut self, candidates: Candidates, can_partial: bool) {
        let mut before = std::mem::take(&mut self.owners);
        let entries = candidates.entries.into_iter();
        let entries = entries.filter(|one| can_partial || !one.is_partial);
        self.waiting = entries.map(|one| (one.entry, one)).collect();
        for one in self.waiting.values() {
            let owner = self.owners.entry(one.owner.clone());
            let owner = owner.or_insert_with(|| Owner {
                paused_until: before
                    .remove(&one.owner)
                    .and_then(|owner| owner.paused_until),
                ..Owner::default()
            });
            owner.entries.insert(one.entry);
        }
        let waiting = &self.waiting;
        self.taken
            .entries
            .retain(|entry, _| waiting.contains_key(entry));
        self.change = candidates.change;
    }

    /// The entry whose turn it is now.
    pub(super) fn next(&self, now: Timestamp) -> Option<&Candidate> {
        let mut owners: Vec<_> = self.owners.iter().collect();
        owners.sort_by_key(|(name, _)| self.taken.owners.get(*name));
        let mut turns = owners.into_iter().filter_map(|(_, owner)| {
            if owner.paused_until.is_some_and(|until| now < until) {
                return None;
            }
            let may = owner.entries.iter().filter(|entry| self.may(**entry, now));
            may.min_by_key(|entry| (self.taken_at(**entry), **entry))
        });
        self.waiting.get(turns.next()?)
    }

    fn may(&self, entry: u64, now: Timestamp) -> bool {
        let is_looked_for = self.waiting.get(&entry).is_some_and(|one| now < one.until);
        is_looked_for
            && self
                .not_before(entry)
                .is_none_or(|earliest| earliest <= now)
    }

    fn not_before(&self, entry: u64) -> Option<Timestamp> {
        let turn = self.turn(entry)?;
        let again = turn.taken_at.checked_add(AT_MOST_EVERY);
        Some(turn.not_before.max(again.unwrap_or(Timestamp::MAX)))
    }

    pub(super) fn turn(&self, entry: u64) -> Option<Turn> {
        self.taken.entries.get(&entry).copied()
    }

    fn taken_at(&self, entry: u64) -> Option<Timestamp> {
        self.turn(entry).map(|turn| turn.taken_at)
    }

    /// The entry had its turn.
    pub(super) fn took(&mut self, of: &Candidate, turn: Turn) {
        self.taken.entries.insert(of.entry, turn);
        self.taken.owners.insert(of.owner.clone(), turn.taken_at);
    }

    /// The owner has no turn before `until`.
    pub(super) fn pause(&mut self, owner: &str, until: Timestamp) {
        if let Some(owner) = self.owners.get_mut(owner) {
            owner.paused_until = Some(until);
        }
    }

    /// About when it is the entry's turn, where it may ask.
    pub(super) fn next_at(&self, entry: u64, pace: Pace, now: Timestamp) -> Option<Timestamp> {
        let candidate = self.waiting.get(&entry)?;
        let owner = self.owners.get(&candidate.owner)?;
        let mine = (self.taken_at(entry), entry);
        let others = owner.entries.iter();
        let ahead = others.filter(|other| (self.taken_at(**other), **other) < mine);
        let ahead = u64::try_from(ahead.count()).unwrap_or(u64::MAX);
        let had = |name: &String| (self.taken.owners.get(name).copied(), name.clone());
        let before: u64 = self
            .owners
            .iter()
            .filter(|(name, _)| **name != candidate.owner)
            .map(|(name, other)| {
                let first = u64::from(had(name) < had(&candidate.owner));
                other.len().min(ahead.saturating_add(first))
            })
            .sum();
        let wait = pace.of(ahead.saturating_add(before), ahead);
        let by_order = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        let may = self.not_before(entry).max(owner.paused_until);
        Some(may.map_or(by_order, |may| may.max(by_order)))
    }

    /// About how often each entry of an owner has a turn, once there are `more` of them.
    pub(super) fn every(&self, owner: &str, more: u64, pace: Pace) -> SignedDuration {
        let entries = self.owners.get(owner).map_or(0, Owner::len);
        let entries = entries.saturating_add(more).max(1);
        let others = self.owners.iter().filter(|(name, _)| *name != owner);
        let others: u64 = others.map(|(_, other)| other.len().min(entries)).sum();
        pace.of(others.saturating_add(entries), entries)
            .max(AT_MOST_EVERY)
    }
}

impl Owner {
    fn len(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }
}

impl Pace {
    /// The time of so many turns, so many of which are of one owner.
    fn of(self, turns: u64, of_owner: u64) -> SignedDuration {
        let turns = u32::try_from(turns).unwrap_or(u32::MAX);
        let by_quota = SignedDuration::try_from(self.interval.saturating_mul(turns));
        let seconds = of_owner.saturating_mul(3_600) / u64::from(self.owner_per_hour.max(1));
        let by_agreement = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        by_quota.unwrap_or(SignedDuration::MAX).max(by_agreement)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PACE: Pace = Pace {
        interval: Duration::from_secs(10),
        owner_per_hour: 1_000_000,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn queue(owners: &[(&str, u64)]) -> Queue {
        let mut entry = 0;
        let mut entries = Vec::new();
        for (owner, count) in owners {
            for _ in 0..*count {
                entry += 1;
                entries.push(Candidate {
                    entry,
                    owner: (*owner).to_owned(),
                    added_at: at(0),
                    until: at(1_000_000),
                    is_partial: false,
                });
            }
        }
        let mut queue = Queue::new(Taken::default());
        queue.follow(Candidates { change: 1, entries }, false);
        queue
    }

    fn takes(queue: &mut Queue, now: Timestamp) -> Option<(u64, String)> {
        let of = queue.next(now)?.clone();
        let turn = Turn {
            taken_at: now,
            asked_until: Some(now),
            not_before: now,
        };
        queue.took(&of, turn);
        Some((of.entry, of.owner))
    }

    #[test]
    fn one_entry_waits_for_owners_and_not_for_their_entries() {
        let mut queue = queue(&[("many", 2_500), ("one", 1)]);
        let mut of_one = 0;
        for turn in 0..60 {
            let (_, owner) = takes(&mut queue, at(turn * 31)).unwrap();
            of_one += u32::from(owner == "one");
        }
        assert_eq!(of_one, 30, "every other turn, and one a minute at most");
    }

    #[test]
    fn entries_of_an_owner_take_turns_and_none_asks_twice_a_minute() {
        let mut queue = queue(&[("a", 3)]);
        let turns: Vec<_> = (0..4).map(|turn| takes(&mut queue, at(turn))).collect();
        let entries: Vec<_> = turns
            .iter()
            .map(|turn| turn.as_ref().map(|(entry, _)| *entry))
            .collect();
        assert_eq!(entries, [Some(1), Some(2), Some(3), None]);
        assert_eq!(takes(&mut queue, at(60)).unwrap().0, 1);
    }

    #[test]
    fn an_owner_who_adds_entries_anew_gets_no_turn_sooner() {
        let mut both = queue(&[("a", 1), ("b", 1)]);
        assert_eq!(takes(&mut both, at(0)).unwrap().1, "a");
        let anew = queue(&[("z", 5), ("a", 1), ("b", 1)]).waiting;
        let entries = anew.into_values().filter(|one| one.owner != "z").collect();
        both.follow(Candidates { change: 2, entries }, false);
        assert_eq!(takes(&mut both, at(1)).unwrap().1, "b");
    }

    #[test]
    fn who_is_paused_stands_in_nobody_s_way() {
        let mut queue = queue(&[("a", 2), ("b", 2)]);
        queue.pause("a", at(1_000));
        let owners: Vec<_> = (0..3)
            .map(|turn| takes(&mut queue, at(turn)).map(|(_, owner)| owner))
            .collect();
        assert_eq!(owners, [Some("b".to_owned()), Some("b".to_owned()), None]);
        assert_eq!(queue.next_at(1, PACE, at(3)), Some(at(1_000)));
    }

    #[test]
    fn what_an_agreement_lets_an_owner_ask_slows_that_owner_s_entries() {
        let queue = queue(&[("a", 100)]);
        let pace = Pace {
            owner_per_hour: 10,
            ..PACE
        };
        assert_eq!(queue.every("a", 0, pace), SignedDuration::from_hours(10));
        assert_eq!(queue.every("b", 1, PACE), SignedDuration::from_secs(60));
    }

    proptest! {
        #[test]
        fn the_estimate_is_the_turn(counts in prop::collection::vec(1u64..6, 1..5), asked in 0usize..30) {
            let names = ["a", "b", "c", "d", "e"];
            let owners: Vec<(&str, u64)> = names.into_iter().zip(counts).collect();
            let mut queue = queue(&owners);
            // So far apart that nobody waits for their own minute.
            let step = 1_000;
            let pace = Pace { interval: Duration::from_secs(1_000), ..PACE };
            let mut now = 0;
            for _ in 0..asked {
                takes(&mut queue, at(now));
                now += step;
            }
            let estimates: BTreeMap<u64, Timestamp> = queue.waiting.keys()
                .map(|entry| (*entry, queue.next_at(*entry, pace, at(now)).unwrap())).collect();
            let mut seen = BTreeMap::new();
            for _ in 0..200 {
                let (entry, _) = takes(&mut queue, at(now)).unwrap();
                seen.entry(entry).or_insert(at(now));
                now += step;
            }
            // An owner whose entries have all had a turn goes on taking turns, so others can come later than estimated by those.
            for (entry, estimate) in estimates {
                prop_assert!(seen[&entry] >= estimate);
            }
        }
    }
}
