//! The kit as a test harness: `contract::<adapter>::<check>::<bare|layered>::<healthy|fault>`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};
use turnpike_adapters::registry::Entry;

use super::{
    Bench, BenchEntry, CHECKS, Check, Conformance, Dress, FAULTS, NamedFault, Outcome, Scope,
    is_survived,
};

/// The check that is run under every fault.
const SURVIVED: &str = "a_fault_ends_in_time_says_what_it_is_and_passes";

/// One run of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Adapter, and variant where it has several.
    pub adapter: String,
    /// The check.
    pub check: &'static str,
    /// What the check is about.
    pub group: &'static str,
    /// What the adapter wears.
    pub dress: Dress,
    /// The state of the road: `healthy` or a fault.
    pub road: &'static str,
    /// What did not hold.
    pub failure: Option<String>,
}

/// Where finished runs are kept.
#[derive(Debug, Clone, Default)]
pub struct Runs(Arc<Mutex<Vec<Run>>>);

impl Runs {
    /// Those finished so far.
    #[must_use]
    pub fn finished(&self) -> Vec<Run> {
        self.lock().clone()
    }

    fn keep(&self, run: Run) {
        self.lock().push(run);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs every check on an adapter, bare and with its layers, healthy and under every fault: the `main` of a test binary
/// without a harness. Takes the arguments of any test binary, and `--report FILE`: the conformance report, as JSON if
/// the name ends in `.json`, else as text.
#[must_use]
pub fn main(entry: &'static Entry, benches: &'static [BenchEntry]) -> ExitCode {
    main_of(&[(entry, benches)])
}

/// The same for several adapters, or for one in several forms.
#[must_use]
pub fn main_of(adapters: &[(&'static Entry, &'static [BenchEntry])]) -> ExitCode {
    let (arguments, report) = arguments(std::env::args().collect());
    let runs = Runs::default();
    let of = |&(entry, benches): &(_, _)| trials(entry, benches, &runs);
    let conclusion = libtest_mimic::run(&arguments, adapters.iter().flat_map(of).collect());
    let Some(file) = report else {
        return conclusion.exit_code();
    };
    match write(&file, &Conformance::of(&runs.finished())) {
        Ok(()) => conclusion.exit_code(),
        Err(_) => ExitCode::FAILURE,
    }
}

/// The arguments of the harness, and where the report goes.
fn arguments(mut all: Vec<String>) -> (Arguments, Option<PathBuf>) {
    let place = all.iter().position(|argument| argument == "--report");
    let file = place.map(|place| {
        let named = all.drain(place..(place + 2).min(all.len())).nth(1);
        PathBuf::from(named.unwrap_or_else(|| "conformance.txt".to_owned()))
    });
    (Arguments::from_iter(all), file)
}

fn write(file: &Path, report: &Conformance) -> std::io::Result<()> {
    let is_json = file.extension().is_some_and(|ending| ending == "json");
    let text = if is_json {
        serde_json::to_string_pretty(report)?
    } else {
        report.to_string()
    };
    std::fs::write(file, text)
}

/// Every run of an adapter, each as a test. What it finds is kept in `runs` as well.
#[must_use]
pub fn trials(entry: &'static Entry, benches: &'static [BenchEntry], runs: &Runs) -> Vec<Trial> {
    let of = |bench| {
        planned_of(entry, bench)
            .into_iter()
            .map(move |plan| (bench, plan))
    };
    let trial = |(bench, plan): (_, Plan)| plan.trial(entry, bench, runs);
    benches.iter().flat_map(of).map(trial).collect()
}

/// Every run there is to do, as if it held.
#[must_use]
pub fn planned(entries: &'static [Entry], benches: fn(&str) -> &'static [BenchEntry]) -> Vec<Run> {
    let of = |entry: &'static Entry| {
        let plans = benches(entry.id)
            .iter()
            .flat_map(|bench| planned_of(entry, bench));
        plans.map(|plan| plan.run)
    };
    entries.iter().flat_map(of).collect()
}

/// One run that is to be done.
struct Plan {
    run: Run,
    /// None is the check of a fault itself.
    check: Option<&'static Check>,
    fault: Option<&'static NamedFault>,
}

fn planned_of(entry: &Entry, bench: &BenchEntry) -> Vec<Plan> {
    let mut plans = Vec::new();
    // The road can do nothing to an adapter that uses none; what can go wrong with its payloads are checks.
    let roads = if bench.contacted { FAULTS } else { &[] };
    for dress in [Dress::Bare, Dress::Layered] {
        let mut plan = |check: Option<&'static Check>, fault: Option<&'static NamedFault>| {
            plans.push(Plan {
                run: run(entry, bench, dress, check, fault),
                check,
                fault,
            });
        };
        for check in CHECKS.iter().filter(|check| applies(check, dress)) {
            plan(Some(check), None);
            let everywhere = check.scope == Scope::EveryRoad;
            let faults = roads.iter().filter(|_| everywhere);
            faults.for_each(|fault| plan(Some(check), Some(fault)));
        }
        roads.iter().for_each(|fault| plan(None, Some(fault)));
    }
    plans
}

fn run(
    entry: &Entry,
    bench: &BenchEntry,
    dress: Dress,
    check: Option<&'static Check>,
    fault: Option<&'static NamedFault>,
) -> Run {
    let variant = match bench.variant {
        "" => String::new(),
        variant => format!("-{variant}"),
    };
    Run {
        adapter: format!("{}{variant}", entry.id),
        check: check.map_or(SURVIVED, |check| check.name),
        group: check.map_or("faults", |check| check.group),
        dress,
        road: fault.map_or("healthy", |fault| fault.name),
        failure: None,
    }
}

impl Plan {
    fn trial(self, entry: &'static Entry, bench: &'static BenchEntry, runs: &Runs) -> Trial {
        let Self { run, check, fault } = self;
        let dress = run.dress;
        trial(run, runs, async move {
            let bench = Bench::start(entry, bench, dress).await?;
            match (check, fault) {
                (Some(check), fault) => {
                    if let (Some(fault), Some(road)) = (fault, bench.sim.road()) {
                        road.set(fault.fault);
                    }
                    (check.run)(&bench).await
                }
                (None, Some(fault)) => is_survived(&bench, fault).await,
                (None, None) => Ok(()),
            }
        })
    }
}

impl Run {
    /// Its name as a test.
    #[must_use]
    pub fn name(&self) -> String {
        let dress = match self.dress {
            Dress::Bare => "bare",
            Dress::Layered => "layered",
        };
        format!(
            "contract::{}::{}::{dress}::{}",
            self.adapter, self.check, self.road
        )
    }
}

fn applies(check: &Check, dress: Dress) -> bool {
    check.scope != Scope::Layers || dress == Dress::Layered
}

/// A test on a runtime of its own, so that everything it started ends with it.
fn trial(mut run: Run, runs: &Runs, test: impl Future<Output = Outcome> + Send + 'static) -> Trial {
    let runs = runs.clone();
    Trial::test(run.name(), move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let found =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(test)));
        run.failure = found.unwrap_or_else(|_| Err("a panic".to_owned())).err();
        let failed = run.failure.clone();
        runs.keep(run);
        failed.map_or(Ok(()), |what| Err(Failed::from(what)))
    })
}
