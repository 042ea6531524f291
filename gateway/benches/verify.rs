//! A ledger of many entries, written by the ledger itself, exported, and checked from outside: how long writing, starting,
//! exporting, the Go verifier and our own take.
//!
//! `cargo bench -p turnpike-gateway --bench verify -- 10000000`; without a number, 100,000 entries. Needs Go and about 1.2 kB an entry
//! in `TMPDIR`; everything is deleted at the end.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, which may end when something fails"
)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use turnpike_gateway::ledger::{Ledger, LedgerConfig, TreeConfig, verify_each};
use turnpike_gateway::tlog::{AwsEd25519, Expected, Export, Folder, SigningKey, check_folder};
use turnpike_schemas::ledger::{Digest, Entry, Ingest, IngestWay};
use turnpike_schemas::tlog::{KeyKind, SignedCheckpoint};

const CALLERS: usize = 512;

fn entry(number: u64) -> Ingest {
    Ingest {
        source: "brookdale-police".into(),
        way: IngestWay::Push,
        accepted: number,
        duplicates: 3,
        rejected: 0,
        rejected_by: Default::default(),
        payload_sha256: Some(Digest::of(&number.to_be_bytes())),
        refused: None,
    }
}

fn open(dir: &Path) -> Ledger {
    let config = LedgerConfig {
        deadline: Duration::from_secs(60),
        max_batch: 1_024,
        tree: Some(TreeConfig {
            key_file: dir.join("ledger.key"),
            origin: Some("bench.example/ledger".into()),
            interval: Duration::from_secs(1),
        }),
        ..LedgerConfig::default()
    };
    let now = Arc::new(|| Timestamp::UNIX_EPOCH);
    Ledger::open(&dir.join("ledger"), config, now)
        .unwrap()
        .ledger
}

async fn write(dir: &Path, entries: u64) {
    let ledger = open(dir);
    let tasks: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let caller = caller as u64;
            let ledger = ledger.clone();
            tokio::spawn(async move {
                for number in (caller..entries).step_by(CALLERS) {
                    ledger.ingest(entry(number)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    ledger.close().await.unwrap();
}

fn export(dir: &Path, signed: &SignedCheckpoint) {
    let folder = Folder::new(dir.join("export"));
    let mut copy = Export::new(&folder);
    verify_each::<turnpike_gateway::ledger::LedgerError>(&dir.join("ledger"), |_, entry| {
        copy.add(entry).unwrap();
        Ok(())
    })
    .unwrap();
    copy.finish(signed).unwrap();
}

fn go(dir: &Path) {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/verify/go");
    let program = dir.join("verify");
    let settings = [
        ("GOPROXY", "off"),
        ("GOFLAGS", "-mod=mod"),
        ("GO111MODULE", "on"),
    ];
    let mut build = Command::new("go");
    build
        .args(["build", "-o"])
        .arg(&program)
        .current_dir(sources)
        .envs(settings);
    assert!(build.status().unwrap().success());
    let mut run = Command::new(program);
    run.arg("-vkey")
        .arg(dir.join("ledger/tree/vkey"))
        .arg(dir.join("export"));
    timed("the Go verifier", || {
        assert!(run.status().unwrap().success())
    });
}

/// Runs `work` and returns how long it took.
fn timed(what: &str, work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    let took = started.elapsed();
    println!("{what}: {:.1} s", took.as_secs_f64());
    took
}

fn main() {
    let number = std::env::args().filter_map(|word| word.parse().ok()).next();
    let entries: u64 = number.unwrap_or(100_000);
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .unwrap();
    let per_second = |took: Duration| entries as f64 / took.as_secs_f64();
    let took = timed("writing", || runtime.block_on(write(dir, entries)));
    println!("{entries} entries, {:.0}/s", per_second(took));
    let took = timed("starting", || drop(open(dir)));
    println!(
        "{:.0} entries/s compared with what was signed",
        per_second(took)
    );
    let signer = SigningKey::load(&dir.join("ledger.key"), KeyKind::Log).unwrap();
    let note = std::fs::read_to_string(dir.join("ledger/tree/checkpoint")).unwrap();
    let signed = SignedCheckpoint::open(&note, signer.verifier(), &AwsEd25519).unwrap();
    assert_eq!(signed.size(), entries);
    timed("exporting", || export(dir, &signed));
    let started = Instant::now();
    go(dir);
    println!(
        "{:.0} entries/s, building included",
        per_second(started.elapsed())
    );
    let (folder, expected) = (Folder::new(dir.join("export")), Expected::default());
    let is_entry =
        |index: u64, bytes: &[u8]| Entry::parse(bytes).is_ok_and(|entry| entry.index == index);
    let took = timed("`turnpike ledger verify`", || {
        check_folder(
            &folder,
            signer.verifier(),
            &expected,
            &is_entry,
            &mut |_| (),
        )
        .unwrap();
    });
    println!("{:.0} entries/s, each parsed", per_second(took));
}
