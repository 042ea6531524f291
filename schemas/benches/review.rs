//! The misuse rules over a million generated entries: how long, and how much is held.
//!
//! `cargo bench -p turnpike-schemas --bench review`. The log is the labelled one of the tests, with more people and days.
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::time::Instant;

use turnpike_schemas::review::misuse::{
    Misuse, Thresholds,
    labelled::{Log, Plan, measure, watching},
};

/// Entries at least.
const ENTRIES: usize = 1_000_000;

fn main() {
    let plan = Plan {
        organisations: 13,
        days: 125,
        ..Plan::default()
    };
    let entries: Vec<_> = Log::new(plan).collect();
    assert!(entries.len() >= ENTRIES, "{} entries", entries.len());
    let started = Instant::now();
    let mut misuse = Misuse::new(watching(Thresholds::default()));
    let mut flags = Vec::new();
    for entry in &entries {
        misuse.follow(entry, &mut flags);
    }
    let took = started.elapsed();
    let count = entries.len();
    println!("{count} entries in {took:?}, {} flags", flags.len());
    drop(entries);
    let measured = measure(plan, Thresholds::default());
    let (mut found, mut labels, mut false_flags) = (0, 0, 0);
    for score in measured.rules.values() {
        found += score.found;
        labels += score.labels;
        false_flags += score.false_flags;
    }
    println!(
        "{} questions; {} rows and counts held at most; {found} of {labels} found at their entry; {false_flags} false flags",
        measured.questions, measured.held
    );
}
