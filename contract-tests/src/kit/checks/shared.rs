//! Checks that need no vendor: those of `turnpike source check`, run on what the simulated vendor sends.
//!
//! They are written once, in `turnpike_adapters::conformance`; here they get more payloads, bad ones among them.

use turnpike_adapters::conformance::{CHECKS, Outcome as Found, Payload, Subject};

use crate::kit::{Bench, Gives, Outcome, Sample};
use crate::sim::{CANARY, TAG_CANARY};
use crate::town::PROTAGONIST_PLATE;

/// A check about every payload.
pub(super) async fn every(bench: &Bench, name: &str) -> Outcome {
    run(bench, name, |_| true).await
}

/// A check about payloads that are understood.
pub(super) async fn understood(bench: &Bench, name: &str) -> Outcome {
    let reads = |sample: &Sample| matches!(sample.gives, Gives::Reads(_) | Gives::OneBad(..));
    run(bench, name, reads).await
}

/// A check that every adapter must have something for.
pub(super) async fn always(bench: &Bench, name: &str) -> Outcome {
    match found(bench, name, |_| true).await? {
        Found::NotApplicable(why) => Err(why),
        found => told(found),
    }
}

async fn run(bench: &Bench, name: &str, which: fn(&Sample) -> bool) -> Outcome {
    told(found(bench, name, which).await?)
}

fn told(found: Found) -> Outcome {
    match found {
        Found::Passed | Found::NotApplicable(_) => Ok(()),
        Found::Failed(problems) => Err(problems.join("\n")),
    }
}

async fn found(bench: &Bench, name: &str, which: fn(&Sample) -> bool) -> Result<Found, String> {
    let check = CHECKS.iter().find(|check| check.name == name);
    let check = check.ok_or_else(|| format!("there is no check `{name}`"))?;
    let samples = bench.sim.samples().await?.iter();
    let payloads: Vec<Payload> = samples
        .filter(|sample| which(sample))
        .map(Sample::payload)
        .collect();
    let settings = bench.sim.settings();
    let secrets = bench.sim.secrets().iter().map(|(_, secret)| *secret);
    let plates = [PROTAGONIST_PLATE, "TPX9999", "0421", CANARY, TAG_CANARY];
    let subject = Subject {
        entry: bench.entry,
        settings: &settings,
        adapter: &*bench.adapter,
        payloads: &payloads,
        now: bench.now(),
        forbidden: plates
            .into_iter()
            .chain(secrets)
            .map(str::to_owned)
            .collect(),
    };
    Ok((check.run)(&subject))
}
