//! Which entries one call becomes.

use turnpike_schemas::ledger::{Body, Decision, Outcome};

/// Sources one outcome spells out; further ones get an `outcome_part` of their own, so that no outcome is too large.
const MAX_SOURCES: usize = 64;

pub(super) fn with_decisions(first: Body, decisions: Vec<Decision>) -> Vec<Body> {
    std::iter::once(first)
        .chain(decisions.into_iter().map(Body::Decision))
        .collect()
}

pub(super) fn with_parts(mut outcome: Outcome) -> Vec<Body> {
    let beyond = outcome
        .sources
        .split_off(outcome.sources.len().min(MAX_SOURCES));
    let mut bodies: Vec<Body> = beyond.into_iter().map(Body::OutcomePart).collect();
    bodies.push(Body::Outcome(outcome));
    bodies
}
