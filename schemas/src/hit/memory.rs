//! Which reads made which hits, and where each entry was seen last: what decides whether somebody is told again.
//!
//! In memory; made anew at a start from what is on disk. Bounded by retention (reads) and by a number for each entry (places).

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use jiff::Timestamp;

use super::{
    HitId,
    passage::{Sighting, Windows},
};
use crate::read::ReadId;

/// Most sightings of one entry that are looked through: a camera that never stops reading a parked vehicle costs no more.
const KEPT: usize = 64;

/// What one read is to one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The hit it belongs to; nothing where an agreement refused.
    pub hit: Option<HitId>,
    /// Whether it matches as it stands.
    pub matches: bool,
}

/// What has to be done about one read and one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Its owner is told, if the agreement allows that now: a passage nobody was told of. A hit of this identity that fell stands
    /// again.
    Open {
        /// The entry.
        entry: u64,
        /// What the hit is called.
        hit: HitId,
    },
    /// One more read of a passage its owner was told of. Nobody is told again.
    Join {
        /// The entry.
        entry: u64,
        /// The hit.
        hit: HitId,
    },
    /// The read was corrected out of the match, or withdrawn.
    Stop {
        /// The entry.
        entry: u64,
        /// The hit that nothing is left of; its owner is told so.
        fell: Option<HitId>,
    },
}

/// The memory.
#[derive(Debug, Default)]
pub struct Memory {
    reads: HashMap<ReadId, BTreeMap<u64, Part>>,
    entries: HashMap<u64, VecDeque<(ReadId, Sighting, HitId)>>,
    /// Matching reads of each hit.
    holding: HashMap<HitId, u32>,
    /// Reads by the time from which nothing of them may be known.
    until: BTreeMap<Timestamp, Vec<ReadId>>,
}

impl Memory {
    /// What has to be done now that the read is what it is: `matching` are the entries it matches, `seen` when and where it was
    /// taken; nothing of either where it is withdrawn. The same read again asks for nothing, so every revision, duplicate and
    /// replica may be asked about, in any number. Whoever does a step says so with [`Memory::join`], [`Memory::deny`] and
    /// [`Memory::stop`], before the next read is asked about.
    #[must_use]
    pub fn settle(
        &self,
        read: &ReadId,
        matching: &BTreeSet<u64>,
        seen: Option<&Sighting>,
        windows: &Windows,
    ) -> Vec<Step> {
        let known = self.reads.get(read);
        let stands = |entry: &u64| {
            let part = known.and_then(|parts| parts.get(entry));
            part.is_some_and(|part| part.matches)
        };
        let new = seen.into_iter().flat_map(|seen| {
            let new = matching.iter().filter(|entry| !stands(entry));
            new.map(move |entry| (*entry, seen))
        });
        let steps = new.map(|(entry, seen)| match self.passage(entry, seen, windows) {
            Some(hit) => Step::Join { entry, hit },
            None => Step::Open {
                entry,
                hit: self.name(entry, read),
            },
        });
        let gone = known.into_iter().flatten();
        let gone = gone
            .filter(|(entry, part)| part.matches && (seen.is_none() || !matching.contains(entry)));
        let stops = gone.map(|(entry, part)| Step::Stop {
            entry: *entry,
            fell: part.hit.clone().filter(|hit| self.holding(hit) <= 1),
        });
        stops.chain(steps).collect()
    }

    /// The hit this read makes of the entry. Where the hit it made before stands by other reads of that passage, and the read was
    /// corrected into another passage, that is another hit.
    fn name(&self, entry: u64, read: &ReadId) -> HitId {
        let mut hit = HitId::derive(&entry.to_string(), read);
        let mut again = 0_u32;
        while self.holding(&hit) > 0 {
            again = again.saturating_add(1);
            hit = HitId::derive(&format!("{entry}/{again}"), read);
        }
        hit
    }

    /// Whether anything was made of the read.
    pub fn knows(&self, read: &ReadId) -> bool {
        self.reads.contains_key(read)
    }

    /// What the read is to each entry it ever matched.
    pub fn parts(&self, read: &ReadId) -> BTreeMap<u64, Part> {
        self.reads.get(read).cloned().unwrap_or_default()
    }

    /// The hit of the entry whose passage a read taken so is part of.
    pub fn passage(&self, entry: u64, seen: &Sighting, windows: &Windows) -> Option<HitId> {
        let before = self.entries.get(&entry)?;
        let joined = before
            .iter()
            .rev()
            .find(|(_, other, _)| other.is_one_passage(seen, windows));
        joined.map(|(_, _, hit)| hit.clone())
    }

    /// How many reads of the hit match.
    pub fn holding(&self, hit: &HitId) -> u32 {
        self.holding.get(hit).copied().unwrap_or(0)
    }

    /// The read matches the entry and belongs to the hit.
    pub fn join(
        &mut self,
        read: &ReadId,
        entry: u64,
        hit: &HitId,
        seen: Sighting,
        until: Timestamp,
    ) {
        self.stop(read, entry);
        let part = Part {
            hit: Some(hit.clone()),
            matches: true,
        };
        self.put(read, entry, part, until);
        *self.holding.entry(hit.clone()).or_insert(0) += 1;
        let places = self.entries.entry(entry).or_default();
        places.push_back((read.clone(), seen, hit.clone()));
        if places.len() > KEPT {
            places.pop_front();
        }
    }

    /// An agreement refused to tell of the read.
    pub fn deny(&mut self, read: &ReadId, entry: u64, until: Timestamp) {
        let part = Part {
            hit: None,
            matches: true,
        };
        self.put(read, entry, part, until);
    }

    /// The read no longer matches the entry.
    pub fn stop(&mut self, read: &ReadId, entry: u64) {
        let part = self
            .reads
            .get_mut(read)
            .and_then(|parts| parts.get_mut(&entry));
        let Some(part) = part.filter(|part| part.matches) else {
            return;
        };
        part.matches = false;
        if let Some(hit) = &part.hit
            && let Some(holding) = self.holding.get_mut(hit)
        {
            *holding = holding.saturating_sub(1);
        }
        if let Some(places) = self.entries.get_mut(&entry) {
            places.retain(|(other, _, _)| other != read);
        }
    }

    /// What a start finds of a read that had stopped matching before.
    pub fn stopped(&mut self, read: &ReadId, entry: u64, hit: Option<HitId>, until: Timestamp) {
        let part = Part {
            hit,
            matches: false,
        };
        self.put(read, entry, part, until);
    }

    /// Forgets what may no longer be known.
    pub fn forget(&mut self, now: Timestamp) {
        let mut kept = self.until.split_off(&now);
        let at_once = kept.remove(&now);
        let over = std::mem::replace(&mut self.until, kept);
        for read in over.into_values().chain(at_once).flatten() {
            let parts = self.reads.remove(&read).unwrap_or_default();
            for (entry, part) in parts {
                self.let_go(&read, entry, &part);
            }
        }
    }

    fn let_go(&mut self, read: &ReadId, entry: u64, part: &Part) {
        if let Some(places) = self.entries.get_mut(&entry) {
            places.retain(|(other, _, _)| other != read);
            if places.is_empty() {
                self.entries.remove(&entry);
            }
        }
        let Some(hit) = part.hit.as_ref().filter(|_| part.matches) else {
            return;
        };
        let left = self.holding(hit).saturating_sub(1);
        if left == 0 {
            self.holding.remove(hit);
        } else {
            self.holding.insert(hit.clone(), left);
        }
    }

    fn put(&mut self, read: &ReadId, entry: u64, part: Part, until: Timestamp) {
        let parts = self.reads.entry(read.clone()).or_insert_with(|| {
            self.until.entry(until).or_default().push(read.clone());
            BTreeMap::new()
        });
        parts.insert(entry, part);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::read::SourceId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_600_000 + second).unwrap()
    }

    fn seen(second: i64) -> Sighting {
        Sighting {
            at: at(second),
            source: SourceId::parse("brookdale").unwrap(),
            camera: Some("north".to_owned()),
            position: None,
        }
    }

    fn read(record: &str) -> ReadId {
        ReadId::derive(&SourceId::parse("brookdale").unwrap(), record)
    }

    #[test]
    fn each_read_of_a_parked_vehicle_carries_the_visit_on() {
        let (mut memory, windows) = (Memory::default(), Windows::default());
        let hit = HitId::derive("e", &read("r-0"));
        assert_eq!(memory.passage(7, &seen(0), &windows), None);
        memory.join(&read("r-0"), 7, &hit, seen(0), at(9_000));
        for n in 1..100 {
            let next = seen(n * 600);
            assert_eq!(memory.passage(7, &next, &windows).as_ref(), Some(&hit));
            memory.join(&read(&format!("r-{n}")), 7, &hit, next, at(90_000));
        }
        assert_eq!(memory.holding(&hit), 100);
        assert_eq!(
            memory.passage(8, &seen(0), &windows),
            None,
            "of another entry"
        );
        assert_eq!(memory.passage(7, &seen(99 * 600 + 601), &windows), None);
    }

    #[test]
    fn a_read_that_no_longer_matches_joins_nothing_and_holds_nothing() {
        let (mut memory, windows) = (Memory::default(), Windows::default());
        let hit = HitId::derive("e", &read("r-0"));
        memory.join(&read("r-0"), 7, &hit, seen(0), at(9_000));
        memory.stop(&read("r-0"), 7);
        memory.stop(&read("r-0"), 7);
        assert_eq!(memory.holding(&hit), 0);
        assert_eq!(memory.passage(7, &seen(1), &windows), None);
        assert!(
            memory.knows(&read("r-0")),
            "and is known to have made a hit"
        );
        memory.join(&read("r-0"), 7, &hit, seen(0), at(9_000));
        assert_eq!(memory.holding(&hit), 1);
    }

    #[test]
    fn what_may_no_longer_be_known_is_forgotten() {
        let mut memory = Memory::default();
        let hit = HitId::derive("e", &read("r-0"));
        memory.join(&read("r-0"), 7, &hit, seen(0), at(10));
        memory.deny(&read("r-1"), 7, at(11));
        memory.forget(at(9));
        assert!(memory.knows(&read("r-0")), "until that moment it may");
        memory.forget(at(10));
        assert!(!memory.knows(&read("r-0")) && memory.knows(&read("r-1")));
        memory.forget(at(11));
        assert!(memory.reads.is_empty() && memory.entries.is_empty());
        assert!(memory.holding.is_empty() && memory.until.is_empty());
    }

    /// Does what is to be done, as the gateway would where every agreement allows it.
    fn follow(memory: &mut Memory, id: &ReadId, state: &State) -> Vec<Step> {
        let (matching, seen) = state;
        let steps = memory.settle(id, matching, seen.as_ref(), &Windows::default());
        for step in &steps {
            match (step, seen) {
                (Step::Open { entry, hit } | Step::Join { entry, hit }, Some(seen)) => {
                    memory.join(id, *entry, hit, seen.clone(), at(1_000_000));
                }
                (Step::Stop { entry, .. }, _) => memory.stop(id, *entry),
                (step, None) => panic!("a withdrawn read asks for {step:?}"),
            }
        }
        steps
    }

    type State = (BTreeSet<u64>, Option<Sighting>);

    #[test]
    fn a_correction_out_of_a_match_is_told_once_and_one_back_into_it_again() {
        let mut memory = Memory::default();
        let (read, hit) = (read("r-1"), HitId::derive("7", &read("r-1")));
        let matches = (BTreeSet::from([7]), Some(seen(0)));
        let other = (BTreeSet::new(), Some(seen(0)));
        let open = Step::Open {
            entry: 7,
            hit: hit.clone(),
        };
        assert_eq!(
            follow(&mut memory, &read, &matches),
            std::slice::from_ref(&open)
        );
        assert_eq!(follow(&mut memory, &read, &matches), []);
        let fell = Step::Stop {
            entry: 7,
            fell: Some(hit),
        };
        assert_eq!(
            follow(&mut memory, &read, &other),
            std::slice::from_ref(&fell)
        );
        assert_eq!(follow(&mut memory, &read, &other), []);
        assert_eq!(follow(&mut memory, &read, &matches), [open]);
        assert_eq!(follow(&mut memory, &read, &(BTreeSet::new(), None)), [fell]);
    }

    #[test]
    fn a_hit_stands_as_long_as_one_read_of_its_passage_does() {
        let mut memory = Memory::default();
        let matches = |second| (BTreeSet::from([7]), Some(seen(second)));
        let (first, second) = (read("r-1"), read("r-2"));
        follow(&mut memory, &first, &matches(0));
        let joined = follow(&mut memory, &second, &matches(20));
        assert!(matches!(&joined[..], [Step::Join { .. }]), "{joined:?}");
        let withdrawn = (BTreeSet::new(), None);
        let step = |fell| vec![Step::Stop { entry: 7, fell }];
        assert_eq!(follow(&mut memory, &first, &withdrawn), step(None));
        let hit = HitId::derive("7", &first);
        assert_eq!(follow(&mut memory, &second, &withdrawn), step(Some(hit)));
    }

    #[test]
    fn a_read_that_may_not_be_told_of_is_not_asked_about_again() {
        let mut memory = Memory::default();
        let (id, matching) = (read("r-1"), BTreeSet::from([7]));
        let settle = |memory: &Memory| {
            memory
                .settle(&id, &matching, Some(&seen(0)), &Windows::default())
                .len()
        };
        assert_eq!(settle(&memory), 1);
        memory.deny(&id, 7, at(10));
        assert_eq!(settle(&memory), 0);
    }

    proptest! {
        #[test]
        fn whatever_comes_in_whatever_order_each_passage_is_told_once(
            events in proptest::collection::vec((0_u8..8, 0_i64..4_000, 0_u8..4, any::<bool>()), 1..80),
        ) {
            let mut memory = Memory::default();
            let mut now: BTreeMap<u8, State> = BTreeMap::new();
            let mut standing: BTreeSet<HitId> = BTreeSet::new();
            for (which, second, entries, there) in events {
                let matching: BTreeSet<u64> = (0..2).filter(|bit| entries & (1 << bit) != 0).collect();
                let state = if there { (matching, Some(seen(second))) } else { (BTreeSet::new(), None) };
                let id = read(&format!("r-{which}"));
                for step in follow(&mut memory, &id, &state) {
                    match step {
                        Step::Open { hit, .. } => prop_assert!(standing.insert(hit), "told twice of what stands"),
                        Step::Join { hit, .. } => prop_assert!(standing.contains(&hit), "joined what does not stand"),
                        Step::Stop { fell: Some(hit), .. } => prop_assert!(standing.remove(&hit), "fell twice"),
                        Step::Stop { fell: None, .. } => {}
                    }
                }
                prop_assert_eq!(follow(&mut memory, &id, &state), [], "the same again");
                now.insert(which, state);
            }
            // What stands is what some read still says, no more and no less.
            for entry in 0..2 {
                let says = now.values().any(|(matching, _)| matching.contains(&entry));
                let holds = (0..8).any(|which| {
                    let parts = memory.parts(&read(&format!("r-{which}")));
                    parts.get(&entry).is_some_and(|part| part.matches)
                });
                prop_assert_eq!(says, holds);
            }
        }
    }
}
