//! Misuse, written out: each script says what is done and at which of its acts which rule must speak.

use super::{Act, DECLARED, ROSTERED, RuleId, SOURCES, work::Dice};
use crate::ledger::Action;

/// One story of misuse.
#[derive(Debug)]
pub(super) struct Script {
    acts: Vec<(u32, Act)>,
}

impl Script {
    /// What is done on this day.
    pub(super) fn day(&self, day: u32) -> impl Iterator<Item = Act> {
        let today = self.acts.iter().filter(move |(when, _)| *when == day);
        today.map(|(_, act)| act.clone())
    }
}

/// Seconds of one hour of the day.
const NOON: u32 = 43_200;

/// Every story. What is drawn in them is drawn from the seed.
pub(super) fn all(seed: u64) -> Vec<Script> {
    let mut dice = Dice::new(seed ^ 0x5eed);
    let mut scripts = vec![published_vague(), published_false_reasons()];
    scripts.extend((0..24).map(|n| repeated(n, &mut dice)));
    scripts.push(patient());
    scripts.extend((0..6).map(|n| crowded(n, &mut dice)));
    scripts.extend((0..4).map(out_of_hours));
    scripts.extend((0..4).map(reused_case));
    scripts.extend((0..4).map(sudden_volume));
    scripts.extend((0..4).map(declared));
    scripts.extend((0..4).map(alert_after_query));
    scripts.extend((0..4).map(unjustified));
    scripts.extend((0..4).map(fishing));
    scripts
}

/// One question as stories begin with; a story changes what it is about.
fn act(subject: &str, plate: &str, case: &str) -> Act {
    Act {
        second: NOON,
        action: Action::Query,
        subject: subject.to_owned(),
        organisation: "org-1".to_owned(),
        plate: plate.to_owned(),
        case: case.to_owned(),
        purpose: "violent_crime",
        urgent: None,
        hits: [true, true, false],
        completes: None,
    }
}

fn completes(act: &mut Act, script: &'static str, rule: RuleId) {
    let about = match rule {
        RuleId::RepeatedPlate | RuleId::DeclaredVehicle | RuleId::AlertAfterQuery => {
            format!("{} {}", act.subject, act.plate)
        }
        RuleId::CrowdedPlate => act.plate.clone(),
        RuleId::ReusedCase => act.case.clone(),
        RuleId::Fishing => format!("{} {}", act.subject, SOURCES[0]),
        RuleId::OutOfHours | RuleId::SuddenVolume | RuleId::UnjustifiedUrgency => {
            act.subject.clone()
        }
    };
    act.completes = Some((script, rule, about));
}

/// The `nth` act from 1 is where the rule must speak.
fn marked(
    mut acts: Vec<(u32, Act)>,
    nth: usize,
    script: &'static str,
    rule: RuleId,
) -> Vec<(u32, Act)> {
    if let Some((_, act)) = acts.get_mut(nth - 1) {
        completes(act, script, rule);
    }
    acts
}

/// Published: 179 searches of two people under the one word "investigation", three or so a day.
fn published_vague() -> Script {
    let plates = [("TPKPUB1", 120_u32), ("TPKPUB2", 59)];
    let acts = plates.into_iter().flat_map(|(plate, times)| {
        let acts = (0..times).map(|n| {
            let mut asked = act("published-1", plate, "INVESTIGATION 1");
            asked.second += n % 2;
            (10 + n / 2, asked)
        });
        marked(acts.collect(), 5, "published_vague", RuleId::RepeatedPlate)
    });
    Script {
        acts: acts.collect(),
    }
}

/// Published: 164 and 64 searches in four months, each under a false reason that sounds like one.
fn published_false_reasons() -> Script {
    let plates = [("TPKPUB3", 164_u32), ("TPKPUB4", 64)];
    let reasons = ["missing_person", "property_crime"];
    let acts = plates.into_iter().flat_map(|(plate, times)| {
        let acts = (0..times).map(|n| {
            let mut asked = act("published-2", plate, &format!("SDG-2026-{:06}", n / 3));
            asked.purpose = if n % 2 == 0 { reasons[0] } else { reasons[1] };
            asked.second += n;
            (n * 120 / times, asked)
        });
        let name = "published_false_reasons";
        marked(acts.collect(), 5, name, RuleId::RepeatedPlate)
    });
    Script {
        acts: acts.collect(),
    }
}

/// Five questions within 29 days, with every reason that gives doubt.
fn repeated(n: u32, dice: &mut Dice) -> Script {
    let (who, plate) = (format!("stalker-{n}"), format!("TPKEX{n}"));
    let begin = 1 + u32::try_from(dice.below(60)).unwrap_or_default();
    let mut days: Vec<u32> = (0..5)
        .map(|_| begin + u32::try_from(dice.below(29)).unwrap_or_default())
        .collect();
    days.sort_unstable();
    let acts = days.into_iter().zip(0_u32..).map(|(day, nth)| {
        let mut asked = act(&who, &plate, "BRK-2026-900001");
        asked.second += nth;
        match n % 4 {
            0 => asked.case = format!("BRK-2026-90000{}", u32::from(nth > 2)),
            1 if nth == 4 => asked.purpose = "missing_person",
            1 => {}
            2 => asked.purpose = "internal_review",
            _ => asked.case = "Suspicious 2".to_owned(),
        }
        (day, asked)
    });
    Script {
        acts: marked(acts.collect(), 5, "repeated", RuleId::RepeatedPlate),
    }
}

/// One false reason that is kept up, under one well-formed case.
fn patient() -> Script {
    let acts = (0..25).map(|n| (20 + n, act("patient", "TPKPATIENT", "BRK-2026-910000")));
    Script {
        acts: marked(acts.collect(), 20, "patient", RuleId::RepeatedPlate),
    }
}

/// Three of one unit look up one plate, each for a reason of his own.
fn crowded(n: u32, dice: &mut Dice) -> Script {
    let plate = format!("TPKCROWD{n}");
    let acts = (0..3_u32).map(|user| {
        let mut asked = act(
            &format!("gossip-{n}-{user}"),
            &plate,
            &format!("BRK-2026-92{n:02}{user:02}"),
        );
        asked.second += user;
        let later = u32::try_from(dice.below(4)).unwrap_or_default();
        (30 + n + 4 * user + later, asked)
    });
    Script {
        acts: marked(acts.collect(), 3, "crowded", RuleId::CrowdedPlate),
    }
}

fn out_of_hours(n: u32) -> Script {
    let mut asked = act(
        &format!("owl-{n}"),
        &format!("TPKNIGHT{n}"),
        "BRK-2026-930000",
    );
    (asked.organisation, asked.second) = (ROSTERED.to_owned(), 9_000 + n);
    Script {
        acts: marked(vec![(40 + n, asked)], 1, "out_of_hours", RuleId::OutOfHours),
    }
}

/// One case that serves for everything.
fn reused_case(n: u32) -> Script {
    let case = format!("BRK-2026-94{n:04}");
    let acts = (0..21_u32).map(|nth| {
        let who = format!("lazy-{n}-{}", nth % 3);
        let mut asked = act(&who, &format!("TPKANY{n}X{nth}"), &case);
        asked.second += nth;
        (50 + nth, asked)
    });
    Script {
        acts: marked(acts.collect(), 21, "reused_case", RuleId::ReusedCase),
    }
}

/// Two a day, and then sixty: the twenty-first is one too many.
fn sudden_volume(n: u32) -> Script {
    let who = format!("surge-{n}");
    let asked = |day: u32, nth: u32| {
        let case = format!("BRK-2026-95{n:02}{day:02}{}", nth / 10);
        let mut asked = act(&who, &format!("TPKVOL{n}X{day}X{nth}"), &case);
        asked.second += nth;
        (60 + n + day, asked)
    };
    let usual = (0..10).flat_map(|day| (0..2).map(move |nth| (day, nth)));
    let acts = usual.chain((0..60).map(|nth| (10, nth)));
    let acts = acts.map(|(day, nth)| asked(day, nth));
    Script {
        acts: marked(acts.collect(), 41, "sudden_volume", RuleId::SuddenVolume),
    }
}

fn declared(n: u32) -> Script {
    let mut asked = act(&format!("curious-{n}"), DECLARED, "BRK-2026-960000");
    asked.second += n;
    Script {
        acts: marked(vec![(70, asked)], 1, "declared", RuleId::DeclaredVehicle),
    }
}

fn alert_after_query(n: u32) -> Script {
    let (who, plate) = (format!("watcher-{n}"), format!("TPKWATCH{n}"));
    let asked = act(&who, &plate, "BRK-2026-970000");
    let mut watch = act(&who, &plate, "BRK-2026-970001");
    (watch.action, watch.second) = (Action::Alert, NOON + 60);
    Script {
        acts: marked(
            vec![(80 + n, asked), (82 + n, watch)],
            2,
            "alert_after_query",
            RuleId::AlertAfterQuery,
        ),
    }
}

fn unjustified(n: u32) -> Script {
    let mut asked = act(
        &format!("hasty-{n}"),
        &format!("TPKHASTE{n}"),
        "BRK-2026-980000",
    );
    asked.urgent = Some(false);
    Script {
        acts: marked(
            vec![(90 + n, asked)],
            1,
            "unjustified",
            RuleId::UnjustifiedUrgency,
        ),
    }
}

/// Plates made up one after another: where others find what they look for, this user finds nothing.
fn fishing(n: u32) -> Script {
    let who = format!("angler-{n}");
    let acts = (0..40_u32).map(|nth| {
        let case = format!("BRK-2026-99{n:02}{:02}", nth / 5);
        let mut asked = act(&who, &format!("TPKFISH{n}X{nth}"), &case);
        asked.second += nth;
        asked.hits = [false, true, false];
        (40 + nth / 3, asked)
    });
    Script {
        acts: marked(acts.collect(), 40, "fishing", RuleId::Fishing),
    }
}
