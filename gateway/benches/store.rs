//! The read store on invented reads of random plates, spread evenly over twelve months.
//!
//! Shows: (1) durable deposits of 100 reads, from one and from eight callers at once, against the same bytes appended to a
//! plain file with one `fdatasync` each in the same run; (2) exact look-ups over the whole year.
//!
//! `cargo bench -p turnpike-gateway --bench store -- --reads 10000000 --dir /var/tmp`

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints its result and stops at the first failure"
)]

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use turnpike_adapters::context::Clock;
use turnpike_gateway::store::{Deposit, Store, StoreConfig};
use turnpike_schemas::{
    agreement::{
        Agreement, AgreementDocument, IngestPermit, Organisation, OrganisationClass, Permit,
        Requester, Role,
    },
    plate::{Jurisdiction, Plate},
    query::{AskedPlate, CaseRef, OnBehalfOf, Purpose, Query, TimeWindow},
    read::{Attribute, Confidence, Observation, Provenance, ZoneProvenance},
};

#[derive(Parser)]
struct Options {
    /// Reads of the year that is searched.
    #[arg(long, default_value_t = 1_000_000)]
    reads: u64,
    /// Where the files go; removed at the end.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Deposits of 100 reads per measurement.
    #[arg(long, default_value_t = 1_000)]
    deposits: u64,
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug)]
struct EndOfYear;

impl Clock for EndOfYear {
    fn now(&self) -> Timestamp {
        at("2026-12-31T23:59:59Z")
    }
}

/// Makes reads; the same seed makes the same.
struct Source {
    random: fastrand::Rng,
    made: u64,
}

const PER_DEPOSIT: u64 = 100;
const VEHICLES: u64 = 3_000_000;
const YEAR_S: u64 = 365 * 86_400;

fn main() {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let root = options
        .dir
        .clone()
        .map_or_else(tempfile::tempdir, tempfile::tempdir_in);
    let root = root.unwrap();
    let store = Arc::new(open(&root.path().join("year")));
    fill(&runtime, &store, options.reads);
    look_up(&runtime, &store, options.reads);
    println!(
        "size: {:.2} GB",
        size(&root.path().join("year")) as f64 / 1e9
    );
    durable(
        &runtime,
        &store,
        root.path(),
        options.reads,
        options.deposits,
    );
}

fn open(dir: &Path) -> Store {
    Store::open(dir, StoreConfig::default(), Arc::new(EndOfYear)).unwrap()
}

fn fill(runtime: &tokio::runtime::Runtime, store: &Arc<Store>, reads: u64) {
    let started = Instant::now();
    let permit = Arc::new(ingest_permit());
    let mut source = Source::new(1);
    let bulk = 20_000.min(reads.max(1));
    let mut done = 0;
    let mut before: Option<tokio::task::JoinHandle<turnpike_gateway::store::Ingested>> = None;
    while done < reads {
        let deposit = source.deposit(bulk, done * YEAR_S / reads, YEAR_S * bulk / reads);
        // One is made while the one before is written.
        if let Some(before) = before.take() {
            runtime.block_on(before).unwrap();
        }
        let (permit, store) = (Arc::clone(&permit), Arc::clone(store));
        before = Some(runtime.spawn(async move { store.ingest(&permit, deposit).await.unwrap() }));
        done += bulk;
    }
    if let Some(last) = before {
        runtime.block_on(last).unwrap();
    }
    let took = started.elapsed();
    println!(
        "bulk: {done} reads in {took:.1?} = {:.0} reads/s",
        done as f64 / took.as_secs_f64()
    );
}

fn look_up(runtime: &tokio::runtime::Runtime, store: &Store, reads: u64) {
    let mut random = fastrand::Rng::with_seed(2);
    let mut took = Vec::new();
    let mut found = 0;
    for _ in 0..5_000 {
        let permit = permit(&vehicle(random.u64(..VEHICLES)));
        let started = Instant::now();
        found += runtime.block_on(store.search(&permit)).unwrap().reads.len();
        took.push(started.elapsed());
    }
    let first = took.first().copied().unwrap_or_default();
    took.sort_unstable();
    println!(
        "look-up over {reads} reads in 12 months: p50 {:.2?} p99 {:.2?} max {:.2?} (first {first:.2?}); {:.2} reads per answer",
        quantile(&took, 50),
        quantile(&took, 99),
        quantile(&took, 100),
        found as f64 / 5_000.0,
    );
}

fn durable(
    runtime: &tokio::runtime::Runtime,
    store: &Store,
    root: &Path,
    before: u64,
    deposits: u64,
) {
    let mut source = Source::new(before + 3);
    source.made = before * 2;
    for callers in [1, 8] {
        let year_end = YEAR_S * 11 / 12 + 86_400;
        let batches: Vec<Deposit> = (0..deposits)
            .map(|n| source.deposit(PER_DEPOSIT, year_end + n * 60, 60))
            .collect();
        let file = plain_file(root, &batches);
        let (rate, p50, p99) = push(runtime, store, batches, callers);
        println!(
            "durable deposits of {PER_DEPOSIT}, {callers} callers: {rate:.0}/s = {:.0} reads/s (p50 {p50:.2?} p99 {p99:.2?}); plain file, one caller: {file:.0}/s; ratio {:.2}",
            rate * PER_DEPOSIT as f64,
            rate / file
        );
    }
}

/// Appends each batch as JSON lines with its own `fdatasync`. Returns batches a second.
fn plain_file(root: &Path, batches: &[Deposit]) -> f64 {
    let mut file = File::create(root.join("plain")).unwrap();
    let encoded: Vec<Vec<u8>> = batches
        .iter()
        .map(|batch| {
            let mut bytes = Vec::new();
            for observation in &batch.observations {
                serde_json::to_writer(&mut bytes, observation).unwrap();
                bytes.push(b'\n');
            }
            bytes
        })
        .collect();
    let started = Instant::now();
    for bytes in &encoded {
        file.write_all(bytes).unwrap();
        file.sync_data().unwrap();
    }
    batches.len() as f64 / started.elapsed().as_secs_f64()
}

/// Returns deposits a second, and how long one took.
fn push(
    runtime: &tokio::runtime::Runtime,
    store: &Store,
    batches: Vec<Deposit>,
    callers: usize,
) -> (f64, Duration, Duration) {
    let permit = ingest_permit();
    let total = batches.len();
    let mut shares: Vec<Vec<Deposit>> = (0..callers).map(|_| Vec::new()).collect();
    for (n, batch) in batches.into_iter().enumerate() {
        shares.get_mut(n % callers).unwrap().push(batch);
    }
    let started = Instant::now();
    let pushes = shares.into_iter().map(|share| async {
        let mut took = Vec::new();
        for deposit in share {
            let sent = Instant::now();
            store.ingest(&permit, deposit).await.unwrap();
            took.push(sent.elapsed());
        }
        took
    });
    let mut took = runtime.block_on(futures::future::join_all(pushes)).concat();
    let rate = total as f64 / started.elapsed().as_secs_f64();
    took.sort_unstable();
    (rate, quantile(&took, 50), quantile(&took, 99))
}

impl Source {
    fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            made: 0,
        }
    }

    /// `reads` reads captured within `span_s` seconds from `from_s` seconds into the year.
    fn deposit(&mut self, reads: u64, from_s: u64, span_s: u64) -> Deposit {
        let observations = (0..reads)
            .map(|n| self.observation(from_s + span_s * n / reads))
            .collect();
        Deposit {
            observations,
            provenance: Provenance {
                adapter: "lanes".to_owned(),
                adapter_version: "1".to_owned(),
                agreement: Some("brookdale@1".to_owned()),
                payload_sha256: "0".repeat(64),
            },
            received_at: at("2026-12-31T00:00:00Z"),
        }
    }

    fn observation(&mut self, second: u64) -> Observation {
        self.made += 1;
        let since = SignedDuration::from_millis(i64::try_from(second * 1_000).unwrap());
        let plate = Plate::parse(&vehicle(self.random.u64(..VEHICLES))).unwrap();
        let mut read = Observation::new(
            format!("brk-{:012}", self.made),
            plate,
            at("2026-01-01T00:00:00Z") + since,
            ZoneProvenance::InValue,
        );
        read.plate.jurisdiction = Jurisdiction::parse("US-OH").ok();
        read.plate.confidence = Confidence::new(0.94).ok();
        read.place.set_position(41.5, -81.25);
        read.place.camera = Some("Brook St EB".to_owned());
        read.vehicle.make = Some(Attribute {
            value: "Fjord".to_owned(),
            confidence: None,
        });
        read
    }
}

fn vehicle(n: u64) -> String {
    let letter = |n: u64| char::from(b'A' + u8::try_from(n % 26).unwrap());
    // A multiplier spreads neighbours over the alphabet.
    let n = n * 7_368_787 % 175_760_000;
    let letters: String = [n / 6_760_000, n / 260_000, n / 10_000]
        .map(letter)
        .iter()
        .collect();
    format!("{letters}{:04}", n % 10_000)
}

fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

fn size(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).unwrap();
    files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn agreement() -> Agreement {
    let document = json!({
        "id": "brookdale", "version": 1, "source": "brookdale", "provider": "Brookdale", "legal_basis": "an invented act", "contact": "nobody.example", "signed_by": ["owner.example"],
        "status": "active", "effective_from": "2020-01-01T00:00:00Z", "effective_until": "2100-01-01T00:00:00Z", "review_due": "2100-01-01T00:00:00Z",
        "actions": ["query", "ingest"],
        "who": { "organisation_classes": ["state_local"], "jurisdictions": ["US"], "roles": ["investigator"], "on_behalf_of": "refuse",
            "organisations": ["*"], "requires": { "sworn": false, "training": false, "assurance": "aal1" } },
        "why": { "purposes": ["stolen_vehicle"], "prohibited": [] },
        "case": { "patterns": ["*"], "register": "ignore" },
        "where": { "within": ["*"], "excluded": [], "position_decimals": 6 },
        "how_much": { "user_per_hour": 1000000, "organisation_per_day": 1000000 },
        "conditions": { "declaration": "nobody", "warrant": "nobody", "urgent": "like_any" },
        "duties": { "feed_hours": 24, "delete_after_days": 30, "onward_transfer": [], "confirm_match": true },
        "how_far": { "lookback_days": 400, "supervisor_after_days": 400, "max_window_days": 400, "excess": "cut" },
        "what": { "fields": [], "confidence_floor_percent": 0, "max_reads": 500 }, "retention": { "days": 400 },
    });
    let document: AgreementDocument = serde_json::from_value(document).unwrap();
    document.validate().unwrap()
}

fn ingest_permit() -> IngestPermit {
    agreement().ingest_permit(EndOfYear.now()).unwrap()
}

fn permit(plate: &str) -> Permit {
    let query = Query::new(
        AskedPlate::Exact(Plate::parse(plate).unwrap()),
        TimeWindow::new(at("2026-01-01T00:00:00Z"), EndOfYear.now()).unwrap(),
        Purpose::StolenVehicle,
        CaseRef::parse("BRK-2026-1").unwrap(),
        OnBehalfOf::Own,
    );
    let requester = Requester {
        subject: "kim".to_owned(),
        organisation: Organisation {
            id: "brookdale-pd".to_owned(),
            class: OrganisationClass::StateLocal,
            jurisdiction: Jurisdiction::parse("US-OH").unwrap(),
        },
        roles: [Role::Investigator].into(),
        on_behalf_of: None,
        attributes: turnpike_schemas::agreement::Attributes::default(),
    };
    agreement()
        .permit(&requester, &query.unwrap(), EndOfYear.now())
        .unwrap()
}
