//! The contract kit as a test harness: `contract::<adapter>::<check>::<bare|layered>::<healthy|fault>`.
//!
//! Which tests there are follows from the registry, the simulators, the checks and the faults. An adapter without a
//! bench, and a simulator without an adapter, are tests that fail.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use turnpike_adapters::registry::{self, ADAPTERS, Entry};
use turnpike_contract_tests::kit::{
    self, BENCHES, Bench, BenchEntry, CHECKS, Check, Dress, FAULTS, NamedFault, Outcome, Scope,
};
use turnpike_contract_tests::sim::SIMS;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    libtest_mimic::run(&arguments, trials()).exit_code()
}

fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for entry in ADAPTERS {
        let bench = kit::find(entry.id);
        trials.push(stated(
            format!("contract::{}::has_a_bench", entry.id),
            bench.is_some(),
            "add a file to contract-tests/src/kit/benches and a line to BENCHES",
        ));
        trials.extend(bench.into_iter().flat_map(|bench| contract(entry, bench)));
    }
    trials.extend(strangers());
    trials
}

/// Simulators and benches of nobody.
fn strangers() -> impl Iterator<Item = Trial> {
    let sims = SIMS.iter().map(|sim| sim.adapter);
    let benches = BENCHES.iter().map(|bench| bench.adapter);
    let named = sims
        .map(|id| (id, "simulator"))
        .chain(benches.map(|id| (id, "bench")));
    named.map(|(id, what)| {
        stated(
            format!("contract::{id}::{what}_has_an_adapter"),
            registry::find(id).is_some(),
            "no adapter of this name is registered",
        )
    })
}

fn stated(name: String, holds: bool, otherwise: &'static str) -> Trial {
    Trial::test(name, move || {
        if holds {
            Ok(())
        } else {
            Err(Failed::from(otherwise))
        }
    })
}

fn contract(entry: &'static Entry, bench: &'static BenchEntry) -> Vec<Trial> {
    let mut trials = Vec::new();
    let roads = if contacts_anybody(entry) { FAULTS } else { &[] };
    for dress in [Dress::Bare, Dress::Layered] {
        for check in CHECKS.iter().filter(|check| applies(check, dress)) {
            trials.push(healthy(entry, bench, dress, check));
            let everywhere = check.scope == Scope::EveryRoad;
            let faults = roads.iter().filter(|_| everywhere);
            trials.extend(faults.map(|fault| under(entry, bench, dress, check, fault)));
        }
        let survived = roads
            .iter()
            .map(|fault| survived(entry, bench, dress, fault));
        trials.extend(survived);
    }
    trials
}

/// The road can do nothing to an adapter that uses none; what can go wrong with its payloads are checks.
fn contacts_anybody(entry: &Entry) -> bool {
    let declared = entry.capabilities;
    declared.search || declared.poll || declared.images
}

fn applies(check: &Check, dress: Dress) -> bool {
    check.scope != Scope::Layers || dress == Dress::Layered
}

fn healthy(
    entry: &'static Entry,
    bench: &'static BenchEntry,
    dress: Dress,
    check: &'static Check,
) -> Trial {
    Trial::test(name(entry, check.name, dress, "healthy"), move || {
        run(async move { (check.run)(&Bench::start(entry, bench, dress).await?).await })
    })
}

fn under(
    entry: &'static Entry,
    bench: &'static BenchEntry,
    dress: Dress,
    check: &'static Check,
    fault: &'static NamedFault,
) -> Trial {
    Trial::test(name(entry, check.name, dress, fault.name), move || {
        run(async move {
            let bench = Bench::start(entry, bench, dress).await?;
            if let Some(road) = bench.sim.road() {
                road.set(fault.fault);
            }
            (check.run)(&bench).await
        })
    })
}

fn survived(
    entry: &'static Entry,
    bench: &'static BenchEntry,
    dress: Dress,
    fault: &'static NamedFault,
) -> Trial {
    let check = "a_fault_ends_in_time_says_what_it_is_and_passes";
    Trial::test(name(entry, check, dress, fault.name), move || {
        run(async move {
            let bench = Bench::start(entry, bench, dress).await?;
            kit::is_survived(&bench, fault).await
        })
    })
}

fn name(entry: &Entry, check: &str, dress: Dress, road: &str) -> String {
    let dress = match dress {
        Dress::Bare => "bare",
        Dress::Layered => "layered",
    };
    format!("contract::{}::{check}::{dress}::{road}", entry.id)
}

/// Runs one test on a runtime of its own, so that everything it started ends with it.
fn run(test: impl Future<Output = Outcome>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(test).map_err(Failed::from)
}
