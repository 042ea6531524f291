//! The contract kit as a test harness: `contract::<adapter>::<check>::<bare|layered>::<healthy|fault>`.
//!
//! Which tests there are follows from the registry, the simulators, the checks and the faults. An adapter without a
//! simulator, and a simulator without an adapter, are tests that fail. A second way to set a vendor up is named
//! `<adapter>-<variant>`.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use turnpike_adapters::registry::{self, ADAPTERS, Entry};
use turnpike_contract_tests::kit::{
    self, Bench, BenchEntry, CHECKS, Check, Dress, FAULTS, NamedFault, Outcome, Scope,
};
use turnpike_contract_tests::sim::SIMS;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    libtest_mimic::run(&arguments, trials()).exit_code()
}

fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for entry in ADAPTERS {
        let benches = kit::benches(entry.id);
        trials.push(stated(
            format!("contract::{}::has_a_simulator", entry.id),
            !benches.is_empty(),
            "add a simulator to contract-tests/src/sim and its line to SIMS",
        ));
        trials.extend(benches.iter().flat_map(|bench| contract(entry, bench)));
    }
    trials.extend(strangers());
    trials
}

/// Simulators of nobody.
fn strangers() -> impl Iterator<Item = Trial> {
    SIMS.iter().map(|sim| {
        stated(
            format!("contract::{}::simulator_has_an_adapter", sim.adapter),
            registry::find(sim.adapter).is_some(),
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
    // The road can do nothing to an adapter that uses none; what can go wrong with its payloads are checks.
    let roads = if bench.contacted { FAULTS } else { &[] };
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

fn applies(check: &Check, dress: Dress) -> bool {
    check.scope != Scope::Layers || dress == Dress::Layered
}

fn healthy(
    entry: &'static Entry,
    bench: &'static BenchEntry,
    dress: Dress,
    check: &'static Check,
) -> Trial {
    Trial::test(
        name(entry, bench, check.name, dress, "healthy"),
        move || run(async move { (check.run)(&Bench::start(entry, bench, dress).await?).await }),
    )
}

fn under(
    entry: &'static Entry,
    bench: &'static BenchEntry,
    dress: Dress,
    check: &'static Check,
    fault: &'static NamedFault,
) -> Trial {
    Trial::test(
        name(entry, bench, check.name, dress, fault.name),
        move || {
            run(async move {
                let bench = Bench::start(entry, bench, dress).await?;
                if let Some(road) = bench.sim.road() {
                    road.set(fault.fault);
                }
                (check.run)(&bench).await
            })
        },
    )
}

fn survived(
    entry: &'static Entry,
    bench: &'static BenchEntry,
    dress: Dress,
    fault: &'static NamedFault,
) -> Trial {
    let check = "a_fault_ends_in_time_says_what_it_is_and_passes";
    Trial::test(name(entry, bench, check, dress, fault.name), move || {
        run(async move {
            let bench = Bench::start(entry, bench, dress).await?;
            kit::is_survived(&bench, fault).await
        })
    })
}

fn name(entry: &Entry, bench: &BenchEntry, check: &str, dress: Dress, road: &str) -> String {
    let dress = match dress {
        Dress::Bare => "bare",
        Dress::Layered => "layered",
    };
    let variant = match bench.variant {
        "" => String::new(),
        variant => format!("-{variant}"),
    };
    format!("contract::{}{variant}::{check}::{dress}::{road}", entry.id)
}

/// Runs one test on a runtime of its own, so that everything it started ends with it.
fn run(test: impl Future<Output = Outcome>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(test).map_err(Failed::from)
}
