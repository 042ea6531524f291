//! What group commit gives: questions per second (intent and one decision, then outcome; two durable waits) by one and by
//! 64 callers on a real file, beside the bare rate of append and `fdatasync` on the same disk; how long one append waits; what
//! the ledger costs a question over 16 sources. The tree grows and is signed all the while.
//!
//! `cargo bench -p turnpike-gateway --bench ledger`; the directory is made in `TMPDIR`, which should be on the disk meant.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a program for people, which may end when something fails"
)]

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use turnpike_gateway::ledger::{Keyring, Ledger, LedgerConfig, Period, TreeConfig};
use turnpike_schemas::ledger::{
    Action, Body, Completeness, Decision, Digest, Intent, Names, Nonce, Outcome, Personal,
    SourceOutcome, Verdict, Window,
};
use uuid::Uuid;

const RUN: Duration = Duration::from_secs(3);
const CALLERS: u32 = 64;
const TARGET: f64 = 20.0;
const RECORDS: f64 = 5_000.0;
const APPEND: f64 = 6.0;
const SOURCES: usize = 16;
const QUESTION: f64 = 3.0;

/// What was measured with some number of callers.
struct Measured {
    questions: f64,
    records: f64,
    batch: f64,
    /// Of each durable write, sorted.
    appends: Vec<Duration>,
}

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

fn outcome(sources: usize) -> Outcome {
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
        reads: sources as u64,
        sources: vec![source; sources],
    }
}

/// Asks about `sources` sources until `end`; returns how long each durable write took.
async fn ask_until(ledger: Ledger, sources: usize, end: Instant) -> Vec<Duration> {
    let mut waits = Vec::new();
    while Instant::now() < end {
        let question = Uuid::from_u128(waits.len() as u128);
        let started = Instant::now();
        let decisions = vec![decision(); sources];
        let ticket = ledger.begin(question, intent(), decisions).await.unwrap();
        let began = Instant::now();
        ledger.finish(ticket, outcome(sources)).await.unwrap();
        waits.extend([began - started, began.elapsed()]);
    }
    waits
}

fn open(dir: &Path) -> Ledger {
    let now = Arc::new(|| Timestamp::UNIX_EPOCH);
    let config = LedgerConfig {
        deadline: Duration::from_secs(10),
        tree: Some(TreeConfig {
            key_file: dir.with_extension("key"),
            origin: None,
            interval: Duration::from_secs(1),
        }),
        ..LedgerConfig::default()
    };
    Ledger::open(dir, config, now).unwrap().ledger
}

async fn measure(dir: &Path, callers: u32) -> Measured {
    let ledger = open(&dir.join(callers.to_string()));
    let started = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| tokio::spawn(ask_until(ledger.clone(), 1, started + RUN)))
        .collect();
    let mut appends = Vec::new();
    for task in tasks {
        appends.extend(task.await.unwrap());
    }
    let elapsed = started.elapsed().as_secs_f64();
    let stats = ledger.stats();
    ledger.close().await.unwrap();
    appends.sort_unstable();
    Measured {
        questions: appends.len() as f64 / 2.0 / elapsed,
        records: stats.entries as f64 / elapsed,
        batch: stats.entries as f64 / stats.batches as f64,
        appends,
    }
}

/// What the ledger costs one question over 16 sources, sorted.
async fn wide(dir: &Path) -> Vec<Duration> {
    let ledger = open(&dir.join("wide"));
    let waits = ask_until(ledger.clone(), SOURCES, Instant::now() + RUN).await;
    ledger.close().await.unwrap();
    let mut questions: Vec<Duration> = waits
        .chunks_exact(2)
        .map(|pair| pair[0] + pair[1])
        .collect();
    questions.sort_unstable();
    questions
}

/// How long single appends with `fdatasync` take, sorted.
fn bare(dir: &Path) -> Vec<Duration> {
    let mut file = std::fs::File::create(dir.join("bare")).unwrap();
    let (until, mut syncs) = (Instant::now() + RUN, Vec::new());
    while Instant::now() < until {
        let started = Instant::now();
        file.write_all(&[b'x'; 800]).unwrap();
        file.sync_data().unwrap();
        syncs.push(started.elapsed());
    }
    syncs.sort_unstable();
    syncs
}

/// The value `percent` of the sorted ones are below.
fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn verdict(reached: bool, target: f64) -> String {
    format!("({} {target})", if reached { "reaches" } else { "misses" })
}

/// Microseconds an intent takes to be brought into its written form, in the clear and sealed.
fn sealing() -> (f64, f64) {
    const ROUNDS: u32 = 20_000;
    let ring = Keyring::in_memory(Period::Month);
    let key = ring.make(Timestamp::UNIX_EPOCH).unwrap();
    let body = Body::Intent(intent());
    let micros = |one: &dyn Fn(Nonce)| {
        let started = Instant::now();
        for round in 0..ROUNDS {
            one(Nonce::from_bytes(u128::from(round).to_be_bytes()));
        }
        started.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
    };
    let clear = micros(&|nonce| drop(std::hint::black_box(body.seal(nonce).unwrap())));
    let sealed = micros(&|nonce| {
        drop(std::hint::black_box(body.seal_under(nonce, &*key).unwrap()));
    });
    (clear, sealed)
}

fn main() {
    let (clear, sealed) = sealing();
    println!("an intent: {clear:.1} µs in the clear, {sealed:.1} µs sealed");
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .unwrap();
    let bare = bare(dir.path());
    let sync = quantile(&bare, 50);
    let rate = bare.len() as f64 / RUN.as_secs_f64();
    println!(
        "append of 800 bytes + fdatasync: {rate:.0}/s, p50 {sync:.1?}, p99 {:.1?}",
        quantile(&bare, 99)
    );
    let one = runtime.block_on(measure(dir.path(), 1));
    println!("1 caller: {:.0} questions/s", one.questions);
    let many = runtime.block_on(measure(dir.path(), CALLERS));
    let (questions, batch) = (many.questions, many.batch);
    println!("{CALLERS} callers: {questions:.0} questions/s, {batch:.0} entries per sync");
    let ratio = many.questions / one.questions;
    println!("ratio: {ratio:.1} {}", verdict(ratio >= TARGET, TARGET));
    let records = many.records;
    println!(
        "records: {records:.0}/s {}",
        verdict(records >= RECORDS, RECORDS)
    );
    for (callers, measured) in [(1, &one), (CALLERS, &many)] {
        let p99 = quantile(&measured.appends, 99);
        let syncs = p99.as_secs_f64() / sync.as_secs_f64();
        println!(
            "append, {callers} callers: p99 {p99:.1?}, {syncs:.1} single syncs {}",
            verdict(syncs <= APPEND, APPEND)
        );
    }
    let wide = runtime.block_on(wide(dir.path()));
    let p50 = quantile(&wide, 50);
    let syncs = p50.as_secs_f64() / sync.as_secs_f64();
    println!(
        "question over {SOURCES} sources: p50 {p50:.1?}, {syncs:.2} single syncs {}",
        verdict(syncs < QUESTION, QUESTION)
    );
}
