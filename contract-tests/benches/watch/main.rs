//! From a pushed read to the owner of an alert list, and how much can be taken in meanwhile.
//!
//! `turnpike serve` as a process, the program as it is shipped, with its stores on the disk of `TMPDIR`; 3,000 people with a list
//! of 2,500 plates each, 7.5 million entries, half of the lists open to look-alikes; 1,000 of them follow their hits, each over a
//! connection of their own; and one source that pushes JSON. Whoever pushes, whoever listens and the gateway share the processors.
//!
//! ```text
//! cargo bench -p turnpike-contract-tests --bench watch                   # 700 reads a second, one a message, for two minutes
//! cargo bench -p turnpike-contract-tests --bench watch -- --intake 600   # as many as it takes, 100 a message, for ten minutes
//! ... -- --lists 300 --seconds 30                                        # fewer lists, shorter
//! ... -- --intake 60 --callers 32                                        # pushed over more connections, 8 unless set
//! ```
//!
//! The first compares the time from the acknowledgement of a read to its event on the connection with one durable commit, an
//! `fdatasync` of a line appended to a plain file on the same disk, made all along during the same run. The targets are 2 times
//! at the median and 4 times at the 99th percentile; 20,000 durable reads a second, and a memory that does not grow.

mod fill;
mod installation;
mod listen;
#[path = "../fanout/process.rs"]
#[expect(dead_code, reason = "the other bench has more parts")]
mod process;
mod push;

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use turnpike_contract_tests::world::link_command;

use self::{
    listen::Heard,
    process::Part,
    push::{Pusher, Wanted},
};

/// People with a list each.
const LISTS: usize = 3_000;
/// Of them, people who listen.
const LISTENERS: usize = 1_000;
/// Reads a second, and for how long.
const RATE: usize = 700;
const SPAN: Duration = Duration::from_secs(120);
/// One read in so many is of a wanted plate.
const WANTED_IN: usize = 50;
/// The same while as much as possible is taken in.
const WANTED_IN_BULK: usize = 1_000;
const BATCH: usize = 100;
const CALLERS: usize = 8;
/// How long the last event may take.
const LAST: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // Under `cargo test` there is nothing to measure.
    if !words.contains(&"--bench") {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let ended = runtime.and_then(|runtime| runtime.block_on(measure(&words)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "{error}"));
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// The number after `name`.
fn option(words: &[&str], name: &str) -> Option<usize> {
    let mut after = words.iter().skip_while(|word| **word != name).skip(1);
    after.next().and_then(|value| value.parse().ok())
}

/// Everything that runs.
struct Bench {
    gateway: Part,
    pusher: Arc<Pusher>,
    heard: Arc<Heard>,
    folder: tempfile::TempDir,
}

async fn measure(words: &[&str]) -> io::Result<()> {
    let lists = option(words, "--lists").unwrap_or(LISTS);
    let bench = Bench::start(lists).await?;
    match option(words, "--intake") {
        Some(seconds) => {
            let callers = option(words, "--callers").unwrap_or(CALLERS);
            let span = Duration::from_secs(seconds as u64);
            bench.intake(span, callers).await
        }
        None => {
            let seconds = option(words, "--seconds");
            let span = seconds.map_or(SPAN, |seconds| Duration::from_secs(seconds as u64));
            bench.told(span).await
        }
    }
}

impl Bench {
    async fn start(lists: usize) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("watch-").tempdir()?;
        installation::write(folder.path(), lists)?;
        let started = Instant::now();
        let entries = fill::fill(&folder.path().join("data"), lists).await?;
        say(&format!(
            "{entries} entries in {lists} lists, written in {:.0} s",
            started.elapsed().as_secs_f64()
        ))?;
        let config = folder.path().join("turnpike.toml").display().to_string();
        let turnpike = link_command(
            Path::new(env!("CARGO_BIN_EXE_turnpike-demo")),
            folder.path(),
        )?;
        let started = Instant::now();
        let log = folder.path().join("gateway.log");
        let gateway = Part::start_of(&turnpike, &["serve", "--config", &config], &log).await?;
        say(&format!(
            "started in {:.1} s, {:.0} MiB",
            started.elapsed().as_secs_f64(),
            gateway.memory("VmRSS:")?
        ))?;
        let heard = Arc::new(Heard::default());
        let listeners = LISTENERS.min(lists);
        for number in 0..listeners {
            listen::listen(gateway.address(), number, Arc::clone(&heard)).await?;
        }
        say(&format!("{listeners} people follow their hits"))?;
        let pusher = Pusher::new(gateway.address(), Wanted::of(listeners));
        Ok(Self {
            gateway,
            pusher: Arc::new(pusher),
            heard,
            folder,
        })
    }

    /// How long it takes until somebody is told.
    async fn told(&self, span: Duration) -> io::Result<()> {
        let stop = Instant::now() + span;
        let path = self.folder.path().join("data").join("reference");
        let commits = tokio::task::spawn_blocking(move || commits(path, stop));
        let cpu = self.gateway.cpu()?;
        let pushed = push::steadily(&self.pusher, RATE, WANTED_IN, stop).await?;
        let cpu = self.gateway.cpu()? - cpu;
        let commits = commits.await.map_err(io::Error::other)??;
        let acknowledged = self.pusher.acknowledged();
        self.heard.wait_for(acknowledged.len(), LAST).await?;
        let mut times = self.heard.after(&acknowledged);
        times.sort_unstable();
        say(&format!(
            "{} reads acknowledged at {:.0}/s; {} of wanted plates, and as many events; gateway {:.0} % of one processor",
            pushed.reads,
            pushed.rate(),
            times.len(),
            100.0 * cpu.as_secs_f64() / span.as_secs_f64(),
        ))?;
        let mut pushes = pushed.times;
        pushes.sort_unstable();
        say(&row("push until acknowledged", &pushes))?;
        say(&row("one durable commit", &commits))?;
        say(&row("acknowledged until the event arrived", &times))?;
        let ratio = |percent| {
            percentile(&times, percent).as_secs_f64() / percentile(&commits, percent).as_secs_f64()
        };
        say(&format!(
            "{:.2} times a commit at the median (target 2), {:.2} times at the 99th percentile (target 4)",
            ratio(50),
            ratio(99)
        ))
    }

    /// How much is taken in.
    async fn intake(&self, span: Duration, callers: usize) -> io::Result<()> {
        let stop = Instant::now() + span;
        let started = Instant::now();
        let mut pushing = tokio::task::JoinSet::new();
        for _ in 0..callers {
            let pusher = Arc::clone(&self.pusher);
            pushing.spawn(push::at_once(pusher, BATCH, WANTED_IN_BULK, stop));
        }
        let mut every = tokio::time::interval(Duration::from_secs(10));
        every.tick().await;
        let (mut before, mut slowest, mut memory) = (0, f64::MAX, Vec::new());
        while Instant::now() + Duration::from_secs(9) < stop {
            every.tick().await;
            let now = self.pusher.taken_in();
            let rate = (now - before) as f64 / 10.0;
            slowest = rate.min(slowest);
            memory.push(self.gateway.memory("VmRSS:")?);
            say(&format!(
                "{:>4} s {rate:>8.0} reads/s {:>7.1} MiB, {} of {} wanted told",
                started.elapsed().as_secs(),
                memory.last().copied().unwrap_or_default(),
                self.heard.count(),
                self.pusher.acknowledged().len(),
            ))?;
            before = now;
        }
        while let Some(done) = pushing.join_next().await {
            done.map_err(io::Error::other)??;
        }
        let elapsed = started.elapsed();
        let wanted = self.pusher.acknowledged().len();
        let ended = Instant::now();
        self.heard.wait_for(wanted, LAST).await?;
        let half = memory.split_at(memory.len() / 2).1;
        say(&format!(
            "{:.0} reads/s over {:.0} s, {slowest:.0} in the slowest ten seconds (target 20,000); all {wanted} wanted told {:.1} s after the last push",
            self.pusher.taken_in() as f64 / elapsed.as_secs_f64(),
            elapsed.as_secs_f64(),
            ended.elapsed().as_secs_f64(),
        ))?;
        say(&format!(
            "memory: {:.1} MiB at the middle, {:.1} at the end, {:.1} at most",
            half.first().copied().unwrap_or_default(),
            half.last().copied().unwrap_or_default(),
            self.gateway.memory("VmHWM:")?,
        ))
    }
}

/// Appends a line and waits until it is on the disk, twenty times a second.
fn commits(path: PathBuf, stop: Instant) -> io::Result<Vec<Duration>> {
    let mut file = std::fs::File::create(path)?;
    let line = [b'x'; 512];
    let mut times = Vec::new();
    let mut next = Instant::now();
    while next < stop {
        let begun = Instant::now();
        file.write_all(&line)?;
        file.sync_data()?;
        times.push(begun.elapsed());
        next = (next + Duration::from_millis(50)).max(Instant::now());
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    times.sort_unstable();
    Ok(times)
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

fn row(what: &str, sorted: &[Duration]) -> String {
    let ms = |percent| percentile(sorted, percent).as_secs_f64() * 1_000.0;
    format!(
        "{what:<37} p50 {:>7.2} ms  p99 {:>7.2} ms  longest {:>7.2} ms",
        ms(50),
        ms(99),
        ms(100)
    )
}
