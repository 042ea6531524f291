//! Ordinary work, drawn from a seed.

use super::{Act, SOURCES};
use crate::ledger::Action;

/// Users of one organisation.
const USERS: u32 = 25;

/// Share of questions to which each source has reads, in thousandths.
const HITS: [u64; SOURCES.len()] = [400, 250, 20];

const PURPOSES: [&str; 5] = [
    "stolen_vehicle",
    "missing_person",
    "violent_crime",
    "property_crime",
    "hit_and_run",
];

/// Numbers from a seed (splitmix64): the same on every machine.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `most`.
    pub(super) fn below(&mut self, most: u64) -> u64 {
        self.next() % most.max(1)
    }

    /// True in so many of a thousand.
    pub(super) fn chance(&mut self, of_thousand: u64) -> bool {
        self.below(1_000) < of_thousand
    }

    pub(super) fn hits(&mut self) -> [bool; SOURCES.len()] {
        HITS.map(|share| self.chance(share))
    }
}

/// Everybody who works.
#[derive(Debug)]
pub(super) struct Work {
    dice: Dice,
    users: Vec<User>,
    /// By organisation: the plate everybody looks for this week, and its case.
    wanted: Vec<(String, String)>,
    cases: u64,
    plates: u64,
    day: u32,
}

#[derive(Debug)]
struct User {
    subject: String,
    organisation: usize,
    usual: u64,
    cases: Vec<OpenCase>,
}

#[derive(Debug, Clone)]
struct OpenCase {
    name: String,
    purpose: &'static str,
    plates: Vec<String>,
    /// Plates after which it is closed.
    closes_at: u64,
}

impl Work {
    pub(super) fn new(seed: u64, organisations: u32) -> Self {
        let mut dice = Dice::new(seed);
        let users = (0..organisations * USERS)
            .map(|n| User {
                subject: format!("officer-{n}"),
                organisation: usize::try_from(n / USERS).unwrap_or_default(),
                usual: 3 + dice.below(8),
                cases: Vec::new(),
            })
            .collect();
        Self {
            dice,
            users,
            wanted: Vec::new(),
            cases: 0,
            plates: 0,
            day: 0,
        }
    }

    /// What is done on the next day.
    pub(super) fn day(&mut self) -> Vec<Act> {
        if self.day.is_multiple_of(7) {
            self.wanted = (0..self.users.len())
                .step_by(USERS as usize)
                .map(|_| (self.plate(), self.case_name()))
                .collect();
        }
        self.day += 1;
        let mut acts = Vec::new();
        for at in 0..self.users.len() {
            // Five days of seven.
            if !self.dice.chance(714) {
                continue;
            }
            let usual = self.users.get(at).map_or(0, |user| user.usual);
            let busy = if self.dice.chance(5) { 3 } else { 1 };
            let questions = busy * (1 + self.dice.below(2 * usual));
            for _ in 0..questions {
                acts.extend(self.act(at));
            }
        }
        acts
    }

    fn act(&mut self, at: usize) -> Option<Act> {
        let organisation = self.users.get(at)?.organisation;
        let (plate, case, purpose) = match self.dice.below(1_000) {
            0..50 => {
                let (plate, case) = self.wanted.get(organisation)?.clone();
                (plate, case, "wanted_person")
            }
            // A plate that many meet: a rented car, a delivery van.
            50..55 => {
                let plate = format!("TPKFLEET{}", self.dice.below(300));
                let case = self.case(at)?;
                (plate, case.name, case.purpose)
            }
            55..300 => {
                let case = self.case(at)?;
                let known = self.dice.below(case.plates.len() as u64);
                let known = usize::try_from(known).ok()?;
                (case.plates.get(known)?.clone(), case.name, case.purpose)
            }
            _ => self.fresh(at)?,
        };
        let user = self.users.get(at)?;
        Some(Act {
            // From 06:00 to 22:00.
            second: u32::try_from(21_600 + self.dice.below(57_600)).ok()?,
            action: Action::Query,
            subject: user.subject.clone(),
            organisation: format!("org-{organisation}"),
            plate,
            case,
            purpose,
            urgent: self.dice.chance(10).then_some(true),
            hits: self.dice.hits(),
            completes: None,
        })
    }

    /// A plate that is new in one of the user's cases, or one that was in another of them.
    fn fresh(&mut self, at: usize) -> Option<(String, String, &'static str)> {
        let turned_up_again = self.dice.chance(5);
        let other = turned_up_again
            .then(|| self.users.get(at)?.cases.first()?.plates.first().cloned())
            .flatten();
        let plate = other.unwrap_or_else(|| self.plate());
        let case = self.case(at)?;
        let user = self.users.get_mut(at)?;
        let held = user.cases.iter_mut().find(|held| held.name == case.name)?;
        held.plates.push(plate.clone());
        user.cases
            .retain(|case| (case.plates.len() as u64) < case.closes_at);
        Some((plate, case.name, case.purpose))
    }

    /// One of the user's cases, with a plate in it; sometimes a new one.
    fn case(&mut self, at: usize) -> Option<OpenCase> {
        let held = self.users.get(at)?.cases.len();
        if held < 2 || (held < 6 && self.dice.chance(100)) {
            let case = OpenCase {
                name: self.case_name(),
                purpose: PURPOSES.get(usize::try_from(self.dice.below(5)).ok()?)?,
                plates: vec![self.plate()],
                closes_at: if self.dice.chance(2) {
                    30
                } else {
                    2 + self.dice.below(10)
                },
            };
            self.users.get_mut(at)?.cases.push(case.clone());
            return Some(case);
        }
        let one = usize::try_from(self.dice.below(held as u64)).ok()?;
        self.users.get(at)?.cases.get(one).cloned()
    }

    /// A few people name their cases badly.
    fn case_name(&mut self) -> String {
        self.cases += 1;
        if self.dice.chance(5) {
            format!("CASE {}", self.cases)
        } else {
            format!("BRK-2026-{:06}", self.cases)
        }
    }

    fn plate(&mut self) -> String {
        self.plates += 1;
        format!("TPK{:06}", self.plates)
    }
}
