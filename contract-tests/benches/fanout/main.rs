//! What the gateway costs beside the least that could do the same fan-out.
//!
//! Sixteen live sources over HTTP on loopback, in a process of their own; `turnpike serve` as a process, the program as it
//! is shipped, with its ledger on the disk of `TMPDIR`; and, as the reference, a hand-written fan-out (axum, reqwest, typed JSON; no policy, no
//! ledger) as a third process asking the same sources. 64 callers, in rounds that alternate between the two, so that
//! what else runs on the machine disturbs both alike. All of it shares the processors.
//!
//! ```text
//! cargo bench -p turnpike-contract-tests --bench fanout                # throughput, then one slow source
//! cargo bench -p turnpike-contract-tests --bench fanout -- --rows 20   # reads a source answers with, 5 unless set
//! cargo bench -p turnpike-contract-tests --bench fanout -- --memory    # memory of the gateway over 60 s of load
//! ```
//!
//! The target is 0.7 of the reference's questions a second, and 200 MiB of memory.

mod by_hand;
mod installation;
mod load;
mod process;
mod sources;

use std::{
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use jiff::SignedDuration;
use serde_json::Value;
use turnpike_adapters::context::{Clock as _, SystemClock};
use turnpike_contract_tests::world::link_command;

use self::{
    load::{Load, Target},
    process::Part,
    sources::SOURCES,
};

const CALLERS: usize = 64;
const ROUND: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_secs(1);
const TARGET: f64 = 0.7;
/// Callers while one source is slow: few, so that its delay and not the processors sets the time.
const FEW: usize = 4;
const SLOW: Duration = Duration::from_millis(50);
const MOST_MIB: f64 = 200.0;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match words.as_slice() {
        ["sources", rows] => block_on(sources::serve(
            rows.parse().unwrap_or_default(),
            SystemClock.now(),
        )),
        ["by-hand", addresses @ ..] => {
            let addresses = addresses.iter().map(ToString::to_string).collect();
            block_on(by_hand::serve(addresses))
        }
        // Under `cargo test` there is nothing to measure.
        words if !words.contains(&"--bench") => Ok(()),
        words => block_on(measure(words)),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "{error}"));
            ExitCode::FAILURE
        }
    }
}

fn block_on(work: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// The value after `name`, or `default`.
fn option(words: &[&str], name: &str, default: usize) -> usize {
    let mut after = words.iter().skip_while(|word| **word != name).skip(1);
    let value = after.next().and_then(|value| value.parse().ok());
    value.unwrap_or(default)
}

/// Everything that runs, and how to ask it.
struct Bench {
    sources: Part,
    gateway: Part,
    by_hand: Part,
    ask_gateway: Target,
    ask_by_hand: Target,
    /// Holds configuration and ledger until the end.
    _folder: tempfile::TempDir,
}

async fn measure(words: &[&str]) -> io::Result<()> {
    let rows = option(words, "--rows", 5);
    let bench = Bench::start(rows).await?;
    bench.compare_answers(rows).await?;
    if words.contains(&"--memory") {
        return bench.memory().await;
    }
    bench.throughput(option(words, "--rounds", 7)).await?;
    bench.slow_source().await
}

impl Bench {
    async fn start(rows: usize) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("fanout-").tempdir()?;
        let log = |name: &str| folder.path().join(name);
        let sources = Part::start(&["sources", &rows.to_string()], &log("sources.log")).await?;
        installation::write(folder.path(), &sources.addresses)?;
        let config = folder.path().join("turnpike.toml").display().to_string();
        let turnpike = link_command(
            Path::new(env!("CARGO_BIN_EXE_turnpike-demo")),
            folder.path(),
        )?;
        let serve = ["serve", "--config", &config];
        let gateway = Part::start_of(&turnpike, &serve, &log("gateway.log")).await?;
        let mut reference = vec!["by-hand"];
        reference.extend(sources.addresses.iter().map(String::as_str));
        let by_hand = Part::start(&reference, &log("by-hand.log")).await?;
        let now = SystemClock.now();
        let window = [now - SignedDuration::from_hours(24 * 7), now].map(|at| at.to_string());
        let target = |part: &Part, whole| Target {
            address: part.address().to_owned(),
            whole,
            window: window.clone(),
        };
        Ok(Self {
            ask_gateway: target(&gateway, r#""completeness":"complete""#),
            ask_by_hand: target(&by_hand, r#""complete":true"#),
            sources,
            gateway,
            by_hand,
            _folder: folder,
        })
    }

    /// Both must find the same rows, and all of them. This also fetches the sources' tokens before anything is measured.
    async fn compare_answers(&self, rows: usize) -> io::Result<()> {
        for target in [&self.ask_gateway, &self.ask_by_hand] {
            let answer = load::once(target).await?;
            let reads = answer.get("reads").and_then(Value::as_array);
            if reads.map(Vec::len) != Some(rows * SOURCES) {
                return Err(io::Error::other(format!("reads are missing: {answer}")));
            }
            load::run(target, CALLERS, WARM_UP).await?;
        }
        say(&format!(
            "{SOURCES} sources, {rows} reads each, {CALLERS} callers, rounds of {} s",
            ROUND.as_secs()
        ))
    }

    async fn throughput(&self, rounds: usize) -> io::Result<()> {
        let (mut ratios, mut gateway, mut by_hand) = (Vec::new(), Sum::default(), Sum::default());
        for round in 1..=rounds {
            let ours = gateway.round(&self.gateway, &self.ask_gateway).await?;
            let theirs = by_hand.round(&self.by_hand, &self.ask_by_hand).await?;
            let ratio = ours.rate() / theirs.rate();
            ratios.push(ratio);
            say(&format!(
                "round {round}: gateway {:.0}/s, by hand {:.0}/s, ratio {ratio:.2}",
                ours.rate(),
                theirs.rate()
            ))?;
        }
        ratios.sort_by(f64::total_cmp);
        let median = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
        say(&format!(
            "gateway {:.0}/s, by hand {:.0}/s; own processor time a question: gateway {:.2} ms, by hand {:.2} ms",
            gateway.rate(),
            by_hand.rate(),
            gateway.cpu_ms(),
            by_hand.cpu_ms()
        ))?;
        let verdict = if median >= TARGET { "reaches" } else { "below" };
        say(&format!("median ratio: {median:.2} ({verdict} {TARGET})"))
    }

    /// What is added to the time of the slowest source when the processors are not the limit.
    async fn slow_source(&self) -> io::Result<()> {
        self.delay(SLOW).await?;
        let (mut gateway, mut by_hand) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            gateway.extend(load::run(&self.ask_gateway, FEW, ROUND).await?.times);
            by_hand.extend(load::run(&self.ask_by_hand, FEW, ROUND).await?.times);
        }
        self.delay(Duration::ZERO).await?;
        say(&format!(
            "one source of {SOURCES} answers after {} ms, {FEW} callers; added to that:",
            SLOW.as_millis()
        ))?;
        for (name, mut times) in [("gateway", gateway), ("by hand", by_hand)] {
            times.sort_unstable();
            let load = Load {
                elapsed: Duration::ZERO,
                times,
            };
            let added = |percent| {
                let added = load.percentile(percent).saturating_sub(SLOW);
                added.as_secs_f64() * 1e3
            };
            say(&format!(
                "{name}: median {:.1} ms, p99 {:.1} ms ({} answers)",
                added(50),
                added(99),
                load.times.len()
            ))?;
        }
        Ok(())
    }

    async fn memory(&self) -> io::Result<()> {
        let mut now = Vec::new();
        for seconds in [20, 40, 60] {
            let load = load::run(&self.ask_gateway, CALLERS, Duration::from_secs(20)).await?;
            let resident = self.gateway.memory("VmRSS:")?;
            now.push(resident);
            say(&format!(
                "after {seconds} s: {resident:.1} MiB, {:.0} questions/s",
                load.rate()
            ))?;
        }
        let most = self.gateway.memory("VmHWM:")?;
        let verdict = if most < MOST_MIB { "below" } else { "above" };
        let grown = now.last().unwrap_or(&0.0) - now.first().unwrap_or(&0.0);
        say(&format!(
            "at most {most:.1} MiB ({verdict} {MOST_MIB}); {grown:+.1} MiB from 20 s to 60 s"
        ))
    }

    async fn delay(&self, delay: Duration) -> io::Result<()> {
        let url = format!(
            "http://{}/delay/{}",
            self.sources.address(),
            delay.as_millis()
        );
        let client = turnpike_contract_tests::sim::server::client()?;
        let sent = client.post(url).send().await.map_err(io::Error::other)?;
        sent.error_for_status().map(drop).map_err(io::Error::other)
    }
}

/// The rounds of one side, added up.
#[derive(Default)]
struct Sum {
    answers: f64,
    elapsed: Duration,
    cpu: Duration,
}

impl Sum {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    async fn round(&mut self, part: &Part, target: &Target) -> io::Result<Load> {
        let before = part.cpu()?;
        let load = load::run(target, CALLERS, ROUND).await?;
        self.cpu += part.cpu()?.saturating_sub(before);
        self.elapsed += load.elapsed;
        self.answers += load.times.len() as f64;
        Ok(load)
    }

    fn rate(&self) -> f64 {
        self.answers / self.elapsed.as_secs_f64()
    }

    fn cpu_ms(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e3 / self.answers
    }
}
