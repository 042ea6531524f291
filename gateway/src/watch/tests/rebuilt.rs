//! A memory made anew from the file is the one that was lost.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use turnpike_schemas::hit::{
    memory::{Memory, Step},
    passage::Windows,
};

use super::*;

type State = (BTreeSet<u64>, Option<Sighting>);

const READS: u32 = 8;

/// A gateway that settles reads, with the book beside its memory.
struct Gateway {
    shelf: Shelf,
    memory: Memory,
    now: i64,
}

impl Gateway {
    fn keep_until(which: u32) -> Timestamp {
        at(40 + 30 * i64::from(which))
    }

    fn change(&self, which: u32, state: &State, step: Step) -> Change {
        let seen = || state.1.clone().unwrap();
        let keep_until = Self::keep_until(which);
        match step {
            // Every third read may not be told of where it matches the second entry.
            Step::Open { entry: 1, .. } if which.is_multiple_of(3) => Change::Deny {
                entry: 1,
                read: read(which),
                keep_until,
            },
            Step::Open { entry, hit } => Change::Open(Box::new(Opening {
                hit,
                entry,
                seen: seen(),
                told_at: at(self.now),
                keep_until,
                ..opening(which, "kim")
            })),
            Step::Join { entry, hit } => Change::Join {
                hit,
                entry,
                read: read(which),
                seen: seen(),
                keep_until,
            },
            Step::Stop { entry, fell } => Change::Stop {
                entry,
                read: read(which),
                fell: fell.map(|hit| (hit, Standing::Corrected)),
                at: at(self.now),
            },
        }
    }

    fn remember(&mut self, change: &Change) {
        let memory = &mut self.memory;
        match change.clone() {
            Change::Open(o) => memory.join(&o.read, o.entry, &o.hit, o.seen, o.keep_until),
            Change::Join {
                hit,
                entry,
                read,
                seen,
                keep_until,
            } => memory.join(&read, entry, &hit, seen, keep_until),
            Change::Deny {
                entry,
                read,
                keep_until,
            } => memory.deny(&read, entry, keep_until),
            Change::Stop { entry, read, .. } => memory.stop(&read, entry),
        }
    }

    async fn settle(&mut self, which: u32, state: &State) {
        let windows = Windows::default();
        let steps = self
            .memory
            .settle(&read(which), &state.0, state.1.as_ref(), &windows);
        let changes = steps.into_iter();
        let changes: Vec<Change> = changes
            .map(|step| self.change(which, state, step))
            .collect();
        self.shelf.book().apply(changes.clone()).await.unwrap();
        assert_eq!(self.shelf.book().apply(changes.clone()).await.unwrap(), []);
        for change in &changes {
            self.remember(change);
        }
    }

    async fn forget(&mut self) {
        self.memory.forget(at(self.now));
        self.shelf.book().purge(at(self.now)).await.unwrap();
    }

    async fn rebuilt(&mut self) -> Memory {
        self.shelf.reopen();
        self.shelf.book().memory(at(self.now)).await.unwrap()
    }
}

async fn check(events: Vec<(u32, i64, u8, bool, u8)>) {
    let (shelf, memory) = (Shelf::new(), Memory::default());
    let mut gateway = Gateway {
        shelf,
        memory,
        now: 0,
    };
    let mut last: BTreeMap<u32, State> = BTreeMap::new();
    for (which, second, entries, there, then) in events {
        let matching = (0..2).filter(|bit| entries & (1 << bit) != 0).collect();
        let state = if there {
            (matching, Some(seen(second)))
        } else {
            (BTreeSet::new(), None)
        };
        gateway.now += i64::from(then);
        gateway.settle(which, &state).await;
        last.insert(which, state);
        match then {
            0 => gateway.memory = gateway.rebuilt().await,
            1..4 => gateway.forget().await,
            _ => {}
        }
    }
    gateway.forget().await;
    let rebuilt = gateway.rebuilt().await;
    let windows = Windows::default();
    for which in 0..READS {
        let id = read(which);
        assert_eq!(rebuilt.parts(&id), gateway.memory.parts(&id));
        assert_eq!(rebuilt.knows(&id), gateway.memory.knows(&id));
        let (matching, seen) = last.remove(&which).unwrap_or_default();
        if rebuilt.knows(&id) {
            assert_eq!(rebuilt.settle(&id, &matching, seen.as_ref(), &windows), []);
        }
    }
    for (entry, second) in (0..2).flat_map(|entry| (0..40).map(move |n| (entry, n * 100))) {
        assert_eq!(
            rebuilt.passage(entry, &seen(second), &windows),
            gateway.memory.passage(entry, &seen(second), &windows)
        );
    }
    let all = Filter {
        limit: 1000,
        ..Filter::default()
    };
    for row in gateway.shelf.book().list("kim", all).await.unwrap() {
        let holding = rebuilt.holding(&row.id);
        assert_eq!(holding, gateway.memory.holding(&row.id));
        assert!(holding == 0 || row.standing == Standing::Stands);
    }
}

#[tokio::test]
async fn a_read_that_matches_again_is_the_latest_and_is_forgotten_when_it_was_to_be() {
    let mut shelf = Shelf::new();
    let place = |n: u32, second: i64, until: i64| {
        let mut opening = opening(n, "kim");
        (opening.seen, opening.keep_until) = (seen(second), at(until));
        Change::Open(Box::new(opening))
    };
    let between = |memory: &Memory| memory.passage(7, &seen(325), &Windows::default());
    let first = vec![place(1, 0, 2_000), place(2, 650, 9_000)];
    shelf.book().apply(first).await.unwrap();
    let memory = shelf.book().memory(at(0)).await.unwrap();
    assert_eq!(between(&memory), Some(hit(2)));

    let away = vec![stop(1, Some((1, Standing::Corrected)))];
    shelf.book().apply(away).await.unwrap();
    let back = vec![place(1, 0, 9_000)];
    shelf.book().apply(back).await.unwrap();
    shelf.reopen();
    let memory = shelf.book().memory(at(1_999)).await.unwrap();
    assert_eq!(between(&memory), Some(hit(1)));
    let memory = shelf.book().memory(at(2_000)).await.unwrap();
    assert_eq!(between(&memory), Some(hit(2)));
    assert_eq!(shelf.book().purge(at(2_000)).await.unwrap().parts, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_memory_made_anew_asks_for_nothing_that_was_done(
        events in proptest::collection::vec((0..READS, 0_i64..4_000, 0_u8..4, any::<bool>(), 0_u8..12), 1..50),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(events));
    }
}
