//! The contract kit: what every adapter must do, whatever its vendor speaks.
//!
//! A [`Check`] takes a [`Bench`], which holds one adapter, bare or with its layers, and the simulated vendor it
//! speaks to. Checks know no vendor. Where an adapter lacks what a check is about, the check asserts the
//! opposite: the operation is refused as unsupported and nothing is sent.
//!
//! A crate of another repository proves its adapter with [`main`]; `docs/contract-kit.md` shows the six lines.
//!
//! Adding an adapter to the kit is one simulator and its line in [`crate::sim::SIMS`].

mod ask;
mod bench;
mod bench_entry;
mod checks;
mod delivery;
mod faults;
mod harness;
mod recorder;
mod report;
mod simulator;

use futures::future::BoxFuture;

pub use self::{
    ask::{Ask, REQUESTER},
    bench::{Bench, Dress, Fetched, Operation},
    bench_entry::{BenchEntry, Starting, benches},
    checks::CHECKS,
    delivery::{Answer, Delivered, Gives, History, Sample, Versions, Via},
    faults::{FAULTS, NamedFault, is_survived},
    harness::{Run, Runs, main, main_of, planned, trials},
    report::{Conformance, Count, Line, table},
    simulator::{Asked, Behaviour, SimHandle},
};

/// What a check found: nothing to say, or what was wanted and what came.
pub type Outcome = Result<(), String>;

/// One thing every adapter must do. The name is a sentence.
#[derive(Clone, Copy)]
pub struct Check {
    /// The sentence, with `_` for blanks.
    pub name: &'static str,
    /// What it is about, in a word.
    pub group: &'static str,
    /// Where it is run.
    pub scope: Scope,
    /// Runs it.
    pub run: for<'a> fn(&'a Bench) -> BoxFuture<'a, Outcome>,
}

/// Where a check is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On the bare adapter and on the full stack.
    Both,
    /// On both, and under every fault as well: the road to the source cannot matter to it.
    EveryRoad,
    /// On the full stack: it is about the layers.
    Layers,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// `Ok` if `holds`, else what `otherwise` says.
pub(crate) fn require(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Any failure of the bench itself, as a sentence.
pub(crate) fn say(error: impl std::fmt::Display) -> String {
    error.to_string()
}
