//! Invented plates and places only.

mod disk;
mod faults;
mod life;
mod repair;
mod sealing;
mod space;
mod tree;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use turnpike_schemas::ledger::{
    Action, Body, Completeness, Decision, Digest, Entry, Intent, InterruptReason, Kind, Names,
    Outcome, Personal, SourceOutcome, Verdict, Window,
};
use uuid::Uuid;

use super::*;

fn now() -> Now {
    Arc::new(|| Timestamp::UNIX_EPOCH)
}

fn open(dir: &Path) -> Opened {
    Ledger::open(
        dir,
        LedgerConfig {
            deadline: Duration::from_secs(20),
            ..LedgerConfig::default()
        },
        now(),
    )
    .unwrap()
}

pub(crate) fn intent() -> Intent {
    Intent {
        action: Action::Query,
        subject: Personal::new("officer-17"),
        organisation: "Brookdale PD".into(),
        organisation_class: "municipal_police".into(),
        jurisdiction: "US-OH".into(),
        on_behalf_of: None,
        purpose: "stolen_vehicle".into(),
        case_reference: Personal::new("BD-2026-0042"),
        plate: Personal::new("TPK0421"),
        plate_jurisdiction: None,
        match_mode: "exact".into(),
        window: Window {
            from: Timestamp::UNIX_EPOCH,
            to: Timestamp::UNIX_EPOCH,
        },
        sources_wanted: Names::of(vec!["brookdale-police".into()]),
        image: None,
        asker: None,
        grounds: None,
    }
}

fn decision(source: &str) -> Decision {
    Decision {
        source: source.into(),
        verdict: Verdict::Permit,
        agreement: Some(format!("{source}@1")),
        agreement_sha256: None,
        policy_sha256: None,
        rules: vec![],
        obligations: vec!["max_reads=100".into()],
        decided_at: None,
        action: None,
    }
}

fn part(source: &str) -> SourceOutcome {
    SourceOutcome {
        source: source.into(),
        outcome: "answered".into(),
        count: 1,
        digest: Some(Digest::of(b"reads")),
        truncated: false,
        took_ms: Some(41),
        detail: None,
    }
}

fn outcome() -> Outcome {
    Outcome {
        completeness: Completeness::Complete,
        reads: 1,
        sources: vec![part("brookdale-police")],
    }
}

fn question(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

async fn begin(ledger: &Ledger) -> Result<Ticket, LedgerError> {
    ledger
        .begin(question(1), intent(), vec![decision("brookdale-police")])
        .await
}

fn entries(dir: &Path) -> Vec<Entry> {
    read(dir).unwrap().collect::<Result<_, _>>().unwrap()
}

fn kinds(entries: &[Entry]) -> Vec<Kind> {
    entries.iter().map(|entry| entry.body.kind()).collect()
}

/// The reasons of all `interrupted` entries, with the intents they close.
fn interruptions(entries: &[Entry]) -> Vec<(u64, InterruptReason)> {
    let reason = |entry: &Entry| match &entry.body {
        Body::Interrupted(interrupted) => Some((entry.intent?, interrupted.reason)),
        _ => None,
    };
    entries.iter().filter_map(reason).collect()
}

/// Lets other tasks run until `holds`.
async fn eventually(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .expect("should hold at last");
}
