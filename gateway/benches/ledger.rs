//! What group commit gives: questions per second (intent and one decision, then outcome; two durable waits) by one and by
//! 64 callers on a real file, beside the bare rate of append and `fdatasync` on the same disk.
//!
//! `cargo bench -p turnpike-gateway --bench ledger`; the directory is made in `TMPDIR`, which should be on the disk meant.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, which may end when something fails"
)]

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use turnpike_gateway::ledger::{Ledger, LedgerConfig};
use turnpike_schemas::ledger::{
    Action, Completeness, Decision, Digest, Intent, Names, Outcome, Personal, SourceOutcome,
    Verdict, Window,
};
use uuid::Uuid;

const RUN: Duration = Duration::from_secs(3);
const CALLERS: u32 = 64;
const TARGET: f64 = 20.0;

fn intent() -> Intent {
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

fn decision() -> Decision {
    Decision {
        source: "brookdale-police".into(),
        verdict: Verdict::Permit,
        agreement: Some("brookdale-police@1".into()),
        agreement_sha256: None,
        policy_sha256: None,
        rules: vec![],
        obligations: vec![],
        decided_at: None,
    }
}

fn outcome() -> Outcome {
    let source = SourceOutcome {
        source: "brookdale-police".into(),
        outcome: "answered".into(),
        count: 1,
        digest: Some(Digest::of(b"reads")),
        truncated: false,
        took_ms: Some(41),
        detail: None,
    };
    Outcome {
        completeness: Completeness::Complete,
        reads: 1,
        sources: vec![source],
    }
}

async fn ask_until(ledger: Ledger, end: Instant) -> u64 {
    let mut asked = 0;
    while Instant::now() < end {
        let ticket = ledger
            .begin(
                Uuid::from_u128(u128::from(asked)),
                intent(),
                vec![decision()],
            )
            .await
            .unwrap();
        ledger.finish(ticket, outcome()).await.unwrap();
        asked += 1;
    }
    asked
}

/// Questions per second of `callers`, and entries per batch.
async fn rate(dir: &Path, callers: u32) -> (f64, f64) {
    let now = Arc::new(|| Timestamp::UNIX_EPOCH);
    let config = LedgerConfig {
        deadline: Duration::from_secs(10),
        ..LedgerConfig::default()
    };
    let ledger = Ledger::open(&dir.join(callers.to_string()), config, now)
        .unwrap()
        .ledger;
    let started = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| tokio::spawn(ask_until(ledger.clone(), started + RUN)))
        .collect();
    let mut asked = 0;
    for task in tasks {
        asked += task.await.unwrap();
    }
    let elapsed = started.elapsed().as_secs_f64();
    let stats = ledger.stats();
    ledger.close().await.unwrap();
    (
        asked as f64 / elapsed,
        stats.entries as f64 / stats.batches as f64,
    )
}

fn bare(dir: &Path) -> f64 {
    let mut file = std::fs::File::create(dir.join("bare")).unwrap();
    let (started, mut syncs) = (Instant::now(), 0_u32);
    while started.elapsed() < RUN {
        file.write_all(&[b'x'; 800]).unwrap();
        file.sync_data().unwrap();
        syncs += 1;
    }
    f64::from(syncs) / started.elapsed().as_secs_f64()
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .unwrap();
    println!("append of 800 bytes + fdatasync: {:.0}/s", bare(dir.path()));
    let (one, _) = runtime.block_on(async {
        tokio::spawn({
            let dir = dir.path().to_owned();
            async move { rate(&dir, 1).await }
        })
        .await
        .unwrap()
    });
    println!("1 caller: {one:.0} questions/s");
    let (many, batch) = runtime.block_on(rate(dir.path(), CALLERS));
    println!("{CALLERS} callers: {many:.0} questions/s, {batch:.0} entries per sync");
    let ratio = many / one;
    println!(
        "ratio: {ratio:.1} ({} {TARGET})",
        if ratio >= TARGET { "reaches" } else { "below" }
    );
}
