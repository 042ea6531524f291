//! From one user to every source and plate on a ledger of a million entries, by the code behind `turnpike audit trail`; the
//! whole of what `turnpike audit flags` needs beside it.
//!
//! `cargo bench -p turnpike-gateway --bench review`; the ledger is written to `TMPDIR` first: the labelled log of the tests.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, which may end when something fails"
)]

use std::io::{BufWriter, Write as _};
use std::sync::Arc;
use std::time::Instant;

use turnpike_gateway::config::Config;
use turnpike_gateway::ledger::{Keyring, Period};
use turnpike_gateway::review::{Desk, Following, Secrecy, Setting};
use turnpike_schemas::review::misuse::labelled::{Log, Plan};

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger");
    std::fs::create_dir(&ledger).unwrap();
    let file = std::fs::File::create(ledger.join("ledger-00000000.log")).unwrap();
    let mut file = BufWriter::new(file);
    let plan = Plan {
        organisations: 13,
        ..Plan::default()
    };
    for entry in Log::new(plan) {
        let bytes = entry.canonical_bytes().unwrap();
        write!(file, "{:08x} ", crc32fast::hash(&bytes)).unwrap();
        file.write_all(&bytes).unwrap();
        file.write_all(b"\n").unwrap();
    }
    file.flush().unwrap();
    let config = folder.path().join("turnpike.toml");
    std::fs::write(&config, "").unwrap();
    let review = Config::load_with(&config, &[].into()).unwrap().review;
    let now = plan.start + jiff::SignedDuration::from_hours(24 * 126);
    let keys = Arc::new(Keyring::in_memory(Period::default()));
    let desk = Desk::new(Setting {
        ledger: Some(ledger),
        keys: Arc::clone(&keys),
        review,
        accounts: Vec::new(),
        governed: Vec::new(),
        secrecy: Secrecy::open(folder.path()).unwrap(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let started = Instant::now();
    let following = Following::of("officer-7", &keys);
    let picked = desk.pick(following, Following::wants, Following::follow);
    let (following, entries) = runtime.block_on(picked).unwrap();
    let trail = following.finish(entries);
    println!(
        "{entries} entries: {} questions, {} sources and {} plates of one user in {:?}",
        trail.questions,
        trail.sources.len(),
        trail.plates.len(),
        started.elapsed()
    );
    let started = Instant::now();
    let flags = desk.look(now, |counted| counted.flags.len());
    let flags = runtime.block_on(flags).unwrap();
    println!(
        "{flags} flags, reviews and use of everything in {:?}",
        started.elapsed()
    );
}
