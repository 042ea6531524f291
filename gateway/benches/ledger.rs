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

use std::fs::File;
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

const ROUND: Duration = Duration::from_millis(500);
const ROUNDS: u32 = 8;
const CALLERS: u32 = 64;
const TARGET: f64 = 20.0;
const RECORDS: f64 = 5_000.0;
const APPEND: f64 = 6.0;
const SOURCES: usize = 16;
const QUESTION: f64 = 3.0;

/// What one way of using the disk gave over all rounds.
#[derive(Default)]
struct Tally {
    /// Of each durable write.
    waits: Vec<Duration>,
    busy: Duration,
    entries: u64,
    batches: u64,
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
        action: None,
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

/// One round of `callers` who ask about `sources` sources.
async fn round(ledger: &Ledger, callers: u32, sources: usize, tally: &mut Tally) {
    let (before, started) = (ledger.stats(), Instant::now());
    let tasks: Vec<_> = (0..callers)
        .map(|_| tokio::spawn(ask_until(ledger.clone(), sources, started + ROUND)))
        .collect();
    for task in tasks {
        tally.waits.extend(task.await.unwrap());
    }
    let after = ledger.stats();
    tally.busy += started.elapsed();
    tally.entries += after.entries - before.entries;
    tally.batches += after.batches - before.batches;
}

/// Waits for the last checkpoint, so that the next round has the disk for itself.
fn settled(ledger: &Ledger) {
    let published = ledger.published().unwrap();
    while published.head().size < ledger.stats().entries {
        std::thread::yield_now();
    }
}

/// One round of single appends with `fdatasync`.
fn bare(file: &mut File, tally: &mut Tally) {
    let round = Instant::now();
    while round.elapsed() < ROUND {
        let started = Instant::now();
        file.write_all(&[b'x'; 800]).unwrap();
        file.sync_data().unwrap();
        tally.waits.push(started.elapsed());
    }
    tally.busy += round.elapsed();
}

impl Tally {
    fn per_second(&self, count: usize) -> f64 {
        count as f64 / self.busy.as_secs_f64()
    }

    /// The wait that `percent` of all are below.
    fn quantile(&self, percent: usize) -> Duration {
        quantile(self.waits.clone(), percent)
    }
}

fn quantile(mut waits: Vec<Duration>, percent: usize) -> Duration {
    waits.sort_unstable();
    waits[(waits.len() * percent / 100).min(waits.len() - 1)]
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
    let mut file = File::create(dir.path().join("bare")).unwrap();
    let ledgers = ["one", "many", "wide"].map(|name| open(&dir.path().join(name)));
    let mut single = Tally::default();
    let mut tallies: [Tally; 3] = Default::default();
    let ways = [(1, 1), (CALLERS, 1), (1, SOURCES)];
    // By turns, because a shared disk is slow for seconds at a time.
    for _ in 0..ROUNDS {
        for ((ledger, tally), (callers, sources)) in ledgers.iter().zip(&mut tallies).zip(ways) {
            bare(&mut file, &mut single);
            runtime.block_on(round(ledger, callers, sources, tally));
            settled(ledger);
        }
    }
    for ledger in &ledgers {
        runtime.block_on(ledger.close()).unwrap();
    }
    report(&single, &tallies);
}

fn report(single: &Tally, [one, many, wide]: &[Tally; 3]) {
    let (p50, p99) = (single.quantile(50), single.quantile(99));
    let rate = single.per_second(single.waits.len());
    println!("append of 800 bytes + fdatasync: {rate:.0}/s, p50 {p50:.1?}, p99 {p99:.1?}");
    let asked = |tally: &Tally| tally.per_second(tally.waits.len() / 2);
    println!("1 caller: {:.0} questions/s", asked(one));
    let batch = many.entries as f64 / many.batches as f64;
    println!(
        "{CALLERS} callers: {:.0} questions/s, {batch:.0} entries per sync",
        asked(many)
    );
    let ratio = asked(many) / asked(one);
    println!("ratio: {ratio:.1} {}", verdict(ratio >= TARGET, TARGET));
    let records = many.entries as f64 / many.busy.as_secs_f64();
    println!(
        "records: {records:.0}/s {}",
        verdict(records >= RECORDS, RECORDS)
    );
    for (callers, tally) in [(1, one), (CALLERS, many)] {
        let append = tally.quantile(99);
        let syncs = append.as_secs_f64() / p99.as_secs_f64();
        let verdict = verdict(syncs <= APPEND, APPEND);
        println!(
            "append, {callers} callers: p99 {append:.1?}, {syncs:.1} single syncs at their p99 {verdict}"
        );
    }
    let questions = wide.waits.chunks_exact(2).map(|pair| pair[0] + pair[1]);
    let question = quantile(questions.collect(), 50);
    let syncs = question.as_secs_f64() / p50.as_secs_f64();
    let verdict = verdict(syncs < QUESTION, QUESTION);
    println!(
        "question over {SOURCES} sources: p50 {question:.1?}, {syncs:.2} single syncs at their p50 {verdict}"
    );
}
