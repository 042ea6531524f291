//! The contract kit over every registered adapter: `contract::<adapter>::<check>::<bare|layered>::<healthy|fault>`.
//!
//! Which tests there are follows from the registry, the simulators, the checks and the faults. An adapter without a
//! simulator, and a simulator without an adapter, are tests that fail. A second way to set a vendor up is named
//! `<adapter>-<variant>`.
//!
//! `TURNPIKE_UPDATE=1 cargo test -p turnpike-contract-tests --test contract` runs everything and writes the table of
//! `docs/conformance.md`; without it a test compares the table with what there is to run, all of which must hold.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use turnpike_adapters::registry::{self, ADAPTERS};
use turnpike_contract_tests::kit::{self, Conformance, Runs};
use turnpike_contract_tests::sim::SIMS;

const BEGIN: &str = "<!-- begin of the run -->\n";
const END: &str = "<!-- end of the run -->";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runs = Runs::default();
    let mut trials = Vec::new();
    for entry in ADAPTERS {
        let benches = kit::benches(entry.id);
        trials.push(stated(
            format!("contract::{}::has_a_simulator", entry.id),
            !benches.is_empty(),
            "add a simulator to contract-tests/src/sim and its line to SIMS",
        ));
        trials.extend(kit::trials(entry, benches, &runs));
    }
    let expected = Conformance::of(&kit::planned(ADAPTERS, kit::benches));
    trials.extend(strangers());
    if updating() {
        let conclusion = libtest_mimic::run(&arguments, trials);
        let found = Conformance::of(&runs.finished());
        // A part of the run is no page.
        if found == expected && update(&found).is_err() {
            return ExitCode::FAILURE;
        }
        return conclusion.exit_code();
    }
    trials.push(Trial::test(
        "contract::the_page_of_conformance_is_of_this_kit",
        move || {
            let page = std::fs::read_to_string(page())?;
            let table = kit::table(&expected);
            if page.contains(&format!("{BEGIN}{table}{END}")) {
                return Ok(());
            }
            Err(Failed::from(
                "run TURNPIKE_UPDATE=1 cargo test -p turnpike-contract-tests --test contract",
            ))
        },
    ));
    libtest_mimic::run(&arguments, trials).exit_code()
}

#[expect(
    clippy::disallowed_methods,
    reason = "asks whether to write the page instead of comparing it"
)]
fn updating() -> bool {
    std::env::var("TURNPIKE_UPDATE").is_ok()
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md")
}

fn update(report: &Conformance) -> std::io::Result<()> {
    let text = std::fs::read_to_string(page())?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or_else(|| std::io::Error::other("the page has no place"))?;
    std::fs::write(
        page(),
        format!("{before}{BEGIN}{}{END}{after}", kit::table(report)),
    )
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
