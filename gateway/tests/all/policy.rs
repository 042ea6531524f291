//! The two engines against each other: over the domain of the decision table of `schemas`, and over agreements and
//! questions drawn at random. The whole domain has more than 10^15 cases; what is looked at is said at each test.

#[expect(dead_code, reason = "of `schemas`, which uses all of it")]
#[path = "../../../schemas/tests/all/decision_table/domain.rs"]
mod domain;
mod drawn;
#[path = "../../../schemas/tests/all/decision_table/facets.rs"]
mod facets;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use turnpike_gateway::policy::{Policy, PolicySource};
use turnpike_schemas::agreement::{Action, Engine, Rule, Verdict};

use self::domain::{Case, DIMS, Dim, World, point, size};

/// In effect, query, stolen vehicle, investigator, state or local, US-OH, for itself, exact, last day, cut, and nothing
/// demanded that is not there.
fn permitted() -> Case {
    let mut case = [0; DIMS];
    case[Dim::Time as usize] = 2;
    case
}

/// Everything of the domain, known to both engines.
struct Engines<'a> {
    world: World,
    policy: &'a Policy,
    learned: RefCell<HashSet<String>>,
}

/// What both said of one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Permit,
    Refuse(Rule),
}

impl<'a> Engines<'a> {
    fn new(policy: &'a Policy) -> Self {
        Self {
            world: World::new(),
            policy,
            learned: RefCell::default(),
        }
    }

    /// `None` where there is no such question.
    fn agree(&self, case: &Case) -> Option<Answer> {
        let decided = self
            .world
            .with(case, |agreement, action, requester, query, now| {
                if self
                    .learned
                    .borrow_mut()
                    .insert(agreement.sha256().to_owned())
                {
                    self.policy.learn(agreement).unwrap();
                }
                let asking = self.policy.asking(requester);
                match domain::asked_of(action) {
                    Action::Query => {
                        let decided = self.policy.decide(agreement, &asking, query, now);
                        (decided.record, decided.alarm)
                    }
                    Action::Image => {
                        let decided = self.policy.decide_image(agreement, &asking, query, now);
                        (decided.record, decided.alarm)
                    }
                    Action::Alert | Action::Ingest => {
                        let decided = self.policy.decide_alert(agreement, &asking, query, now);
                        (decided.record, decided.alarm)
                    }
                }
            });
        let (record, alarm) = decided?;
        assert_eq!(alarm, None, "{case:?}: {:?}", record.verdicts);
        let [native, cedar] = record.verdicts.as_slice() else {
            panic!("{case:?}: {:?}", record.verdicts)
        };
        assert_eq!(cedar.engine, Engine::Cedar);
        assert_eq!(native.permit, cedar.permit, "{case:?}");
        Some(answer(native))
    }
}

/// Looks at `count` cases, on every core, and says what came of them.
fn all(count: usize, case: impl Fn(usize) -> Case + Sync) -> Seen {
    let policy = Policy::new(&PolicySource::default()).unwrap();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let engines = Engines::new(&policy);
        let mut seen = Seen::default();
        loop {
            let number = next.fetch_add(1, Relaxed);
            if number >= count {
                return seen;
            }
            seen.count(engines.agree(&case(number)));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let seen = workers.into_iter().map(|worker| worker.join().unwrap());
        seen.reduce(Seen::with).unwrap()
    })
}

/// Every combination of these, the rest as in a question that is permitted.
fn together<const N: usize>(dims: [Dim; N]) -> Seen {
    let sizes = dims.map(size);
    all(sizes.iter().product(), |number| {
        let mut case = permitted();
        for (dim, value) in dims.into_iter().zip(point(sizes, number)) {
            case[dim as usize] = value;
        }
        case
    })
}

fn answer(native: &Verdict) -> Answer {
    native.rule.map_or(Answer::Permit, Answer::Refuse)
}

#[derive(Default)]
struct Seen(BTreeMap<Option<Answer>, usize>);

impl Seen {
    fn count(&mut self, answer: Option<Answer>) {
        *self.0.entry(answer).or_default() += 1;
    }

    fn with(mut self, other: Self) -> Self {
        for (answer, count) in other.0 {
            *self.0.entry(answer).or_default() += count;
        }
        self
    }

    fn rules(&self) -> BTreeSet<Rule> {
        let refused = |answer: &Option<Answer>| match answer {
            Some(Answer::Refuse(rule)) => Some(*rule),
            _ => None,
        };
        self.0.keys().filter_map(refused).collect()
    }

    fn questions(&self) -> usize {
        self.0
            .iter()
            .filter(|(answer, _)| answer.is_some())
            .map(|(_, count)| count)
            .sum()
    }
}

/// Every value of every pair of things a decision depends on, the rest as in a question that is permitted.
#[test]
fn the_engines_agree_on_every_pair_of_values() {
    let mut cases = Vec::new();
    for (place, first) in Dim::ALL.into_iter().enumerate() {
        for second in Dim::ALL.into_iter().skip(place + 1) {
            let sizes = [size(first), size(second)];
            for number in 0..sizes.iter().product() {
                let mut case = permitted();
                let [one, other] = point(sizes, number);
                (case[first as usize], case[second as usize]) = (one, other);
                cases.push(case);
            }
        }
    }
    let seen = all(cases.len(), |number| cases[number]);
    assert!(seen.0.contains_key(&Some(Answer::Permit)));
    let missing: Vec<Rule> = Rule::ALL
        .into_iter()
        .filter(|rule| !seen.rules().contains(rule))
        .collect();
    assert_eq!(missing, [], "every rule refuses somewhere");
}

#[test]
fn the_engines_agree_on_every_plate_and_window_at_every_time() {
    let seen = together([Dim::Time, Dim::Action, Dim::Plate, Dim::Window, Dim::Excess]);
    assert!(seen.questions() > 5_000, "{}", seen.questions());
}

#[test]
fn the_engines_agree_on_how_far_back_whoever_asks() {
    together([
        Dim::Window,
        Dim::Excess,
        Dim::Tier,
        Dim::Roles,
        Dim::Warrant,
    ]);
    together([Dim::Window, Dim::Excess, Dim::Purpose, Dim::Tier]);
}

#[test]
fn the_engines_agree_on_every_person_and_organisation() {
    together([Dim::Roles, Dim::Class, Dim::Area, Dim::Behalf, Dim::Listing]);
}

#[test]
fn the_engines_agree_on_what_must_be_on_file() {
    together([Dim::Class, Dim::Area, Dim::Behalf, Dim::Declaration]);
    together([Dim::Area, Dim::Behalf, Dim::Warrant]);
}

/// Cases spread over the whole domain: a prime that divides no size visits the values of every dimension in every order.
#[test]
fn the_engines_agree_on_cases_spread_over_the_whole_domain() {
    const CASES: u128 = 8_000;
    let sizes = Dim::ALL.map(|dim| size(dim) as u128);
    let whole: u128 = sizes.iter().product();
    // The next number without a factor of any size.
    let alone = |step: &u128| {
        [2, 3, 5, 7, 11, 13, 17, 19, 23]
            .iter()
            .all(|prime| !step.is_multiple_of(*prime))
    };
    let step = (whole / CASES..).find(alone).unwrap();
    let seen = all(usize::try_from(whole / step).unwrap(), |number| {
        let mut number = number as u128 * step;
        let mut case = [0; DIMS];
        for (value, size) in case.iter_mut().zip(sizes).rev() {
            *value = usize::try_from(number % size).unwrap();
            number /= size;
        }
        case
    });
    assert!(seen.questions() > 4_000, "{}", seen.questions());
}

#[test]
fn the_engines_agree_on_taking_in() {
    let policy = Policy::new(&PolicySource::default()).unwrap();
    let sizes = [domain::STATUSES.len(), domain::TIMES.len(), 2];
    for number in 0..sizes.iter().product() {
        let [status, time, listed] = point(sizes, number);
        let (agreement, now) = domain::ingest(status, time, listed == 0);
        policy.learn(&agreement).unwrap();
        let decided = policy.decide_ingest(&agreement, now);
        assert_eq!(decided.alarm, None, "{:?}", decided.record);
        assert_eq!(
            decided.decision.is_ok(),
            agreement.ingest_permit(now).is_ok()
        );
    }
}
