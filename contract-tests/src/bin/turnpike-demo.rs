//! `cargo demo`: a simulated town with its vendors and a gateway over them, in a temporary folder.
//!
//! The same program acts as the `turnpike` command when it is called by that name, so that one build gives both.

use std::{
    ffi::OsString,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::Duration,
};

use clap::Parser;
use jiff::Timestamp;
use tokio::process::Command;
use turnpike_adapters::context::{Clock as _, SystemClock};
use turnpike_contract_tests::world::{Gateway, Plan, ROLES, Watch, World, link_command, of_kind};

/// As in the `turnpike` command, which this program is when it is called by that name.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A simulated town with its vendors and a gateway over them.
#[derive(Debug, Parser)]
#[command(name = "cargo demo")]
struct Demo {
    /// Ask one question over all sources, print the answer, and end
    #[arg(long)]
    once: bool,
    /// With --once: print the answer as JSON
    #[arg(long, requires = "once")]
    json: bool,
    /// Watch for a plate: a list from a file, hits as they happen, a webhook, a correction, a kill in the middle; then end
    #[arg(long, conflicts_with = "once")]
    watch: bool,
    /// Port of the gateway; a free one when left out
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Vehicles of the town
    #[arg(long, default_value_t = 400)]
    vehicles: usize,
}

/// The question the demo asks: the one vehicle every family saw.
const QUESTION: &[&str] = &[
    "--purpose",
    "stolen_vehicle",
    "--case",
    "BRK-2026-000042",
    "--on-behalf-of",
    "self",
    "--last",
    "7d",
];

const PLATE: &str = "TPK0421";

/// What the car parks read of it now and then, and correct.
const MISREAD: &str = "TPK0427";

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let called = args.next().unwrap_or_default();
    if Path::new(&called)
        .file_name()
        .is_some_and(|name| name == "turnpike")
    {
        return turnpike_gateway::cli::main(
            std::iter::once(OsString::from("turnpike")).chain(args),
        );
    }
    let demo = Demo::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(run(demo)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let told = writeln!(io::stderr(), "demo: {error}");
            if told.is_ok() {
                ExitCode::FAILURE
            } else {
                ExitCode::from(2)
            }
        }
    }
}

async fn run(demo: Demo) -> io::Result<()> {
    let say = |text: &str| writeln!(io::stderr(), "{text}");
    let clock = SystemClock;
    say("building a town: vehicles, police, toll roads, cameras, car parks, a recovery company")?;
    // A gateway that is killed and started again is found where it was.
    let port = match (demo.watch, demo.port) {
        (true, 0) => free_port()?,
        (_, port) => port,
    };
    let plan = Plan {
        seed: 421,
        vehicles: demo.vehicles,
        days: 3,
        until: clock.now(),
        port,
    };
    let mut world = World::build(plan).await?;
    world.allow_alerts()?;
    world.allow_local_webhooks()?;
    let command = link_command(&std::env::current_exe()?, world.folder())?;
    let gateway = Gateway::start(&command, &world.config()).await?;
    world.connect(&gateway);
    say("the vendors deliver what they saw in the last three days")?;
    world.deliver_history(clock.now())?;
    world.settled(&gateway).await?;
    if demo.once {
        return once(&world, &gateway, &command, demo.json).await;
    }
    let watched = Watch::begin(&world, &gateway, &command, &[PLATE, MISREAD], clock.now()).await?;
    if demo.watch {
        return watch(&mut world, gateway, &command, watched).await;
    }
    introduce(&world, &gateway, &command)?;
    tokio::select! {
        ended = live(&mut world, &clock) => ended,
        stopped = tokio::signal::ctrl_c() => stopped,
    }
}

/// One question through the command line, as a person would ask it.
async fn once(world: &World, gateway: &Gateway, command: &PathBuf, json: bool) -> io::Result<()> {
    let mut query = Command::new(command);
    query
        .args(["query", PLATE])
        .args(QUESTION)
        .env("TURNPIKE_SERVER", gateway.address())
        .env("TURNPIKE_TOKEN", &world.tokens.investigator);
    if json {
        query.arg("--json");
    }
    let output = query.output().await?;
    io::stdout().write_all(&output.stdout)?;
    io::stderr().write_all(&output.stderr)?;
    if !output.status.success() {
        return Err(io::Error::other("the question was not answered"));
    }
    as_promised(&String::from_utf8_lossy(&output.stdout))
}

/// A source of each family answered, one refused with its rule, one failed with its kind: anything else is not the demo.
fn as_promised(answer: &str) -> io::Result<()> {
    let promised = ["refused", "purpose_not_allowed", "failed", "unavailable"];
    let missing = promised.iter().find(|word| !answer.contains(**word));
    match (answer.matches("answered").count(), missing) {
        (5, None) => Ok(()),
        (answered, _) => Err(io::Error::other(format!(
            "expected 5 sources to answer, 1 to refuse and 1 to fail; {answered} answered"
        ))),
    }
}

fn free_port() -> io::Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    Ok(listener.local_addr()?.port())
}

/// Somebody is told of a wanted plate, told that a read of it was wrong, and told once over a kill of the gateway.
async fn watch(
    world: &mut World,
    gateway: Gateway,
    command: &Path,
    watch: Watch,
) -> io::Result<()> {
    let say = |text: &str| writeln!(io::stderr(), "{text}");
    const HIT: &str = "org.turnpike.hit.v1";
    const AMENDED: &str = "org.turnpike.hit.amended.v1";
    say("a list was made from a file; from here on its hits are followed:\n")?;
    let _following = watch.follow(&gateway, Stdio::inherit())?;
    let now = SystemClock.now();
    if let Some(passage) = world.parked(now) {
        world.deliver_corrected(&passage)?;
    }
    let told = "a read of each plate, and that one was corrected";
    let before = watch
        .told(told, |messages| {
            of_kind(messages, HIT) >= 2 && of_kind(messages, AMENDED) >= 1
        })
        .await?;
    say("the gateway is killed, and started again")?;
    gateway.kill().await?;
    let gateway = Gateway::start(command, &world.config()).await?;
    world.connect(&gateway);
    let wanted = world.town.protagonist();
    let mut seen = before;
    for _ in 0..60 {
        let now = SystemClock.now();
        if let Some(passage) = world.town.next_live_of(&wanted, now) {
            world.deliver(&passage, now)?;
        }
        let more = watch.told("one more", |messages| messages.len() > before);
        if let Ok(Ok(now)) = tokio::time::timeout(Duration::from_secs(2), more).await {
            seen = now;
            break;
        }
    }
    let messages = watch.receiver.messages();
    let proven = messages.iter().filter(|message| message.is_proven).count();
    let repeated = watch
        .receiver
        .by_id()
        .values()
        .filter(|times| **times > 1)
        .count();
    say(&format!(
        "\na webhook got {} messages: {proven} with a good signature, {repeated} again under the name it had before",
        messages.len()
    ))?;
    // One message at a time is under way to a webhook. Where the kill comes between its arrival and the note of it, it is sent
    // again under its name, by which whoever gets it knows it.
    if seen == before || proven != messages.len() || repeated > 1 {
        return Err(io::Error::other("that is not as promised"));
    }
    say("as promised: told once, told what was wrong, nothing lost, and nothing under another name")
}

fn introduce(world: &World, gateway: &Gateway, command: &Path) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "\nturnpike is listening on {}", gateway.address())?;
    writeln!(
        out,
        "Documentation of its API:  {}/docs/\n",
        gateway.address()
    )?;
    writeln!(out, "A token per role (invented people):")?;
    for ((subject, role, _), token) in ROLES.iter().zip(&world.tokens.users) {
        writeln!(out, "  {role:<23} {subject:<14} {token}")?;
    }
    let command = command.display();
    writeln!(out, "\nFour commands to try, in another terminal:\n")?;
    writeln!(out, "  export TURNPIKE_SERVER={}", gateway.address())?;
    writeln!(
        out,
        "  export TURNPIKE_TOKEN={}\n",
        world.tokens.investigator
    )?;
    writeln!(out, "1. Ask every source about one plate, for one case:")?;
    writeln!(
        out,
        "  {command} query {PLATE} \\\n    {}\n",
        QUESTION.join(" ")
    )?;
    writeln!(
        out,
        "2. See who would be asked for another purpose, and who would refuse:"
    )?;
    writeln!(
        out,
        "  {command} explain {PLATE} \\\n    {}\n",
        QUESTION
            .join(" ")
            .replace("stolen_vehicle", "toll_enforcement")
    )?;
    writeln!(out, "3. See what was written down about it:")?;
    writeln!(
        out,
        "  {command} ledger list --last 12 \\\n    --dir {} \\\n    --keys {}\n",
        world.folder().join("data/ledger").display(),
        world.folder().join("data/ledger-keys").display()
    )?;
    writeln!(
        out,
        "4. Follow the hits of an alert list that {PLATE} is on:"
    )?;
    writeln!(out, "  {command} hits follow --since 0\n")?;
    writeln!(
        out,
        "Traffic goes on, one vehicle a second; the car parks correct a read of {PLATE} now and then,\nor withdraw one. Ctrl-C ends the demo and removes its folder.\n"
    )?;
    out.flush()
}

/// One passage a second, delivered the way its vendor does; now and then the vehicle everybody asks about, and in turns a read of
/// it that is corrected and one that is withdrawn.
async fn live(world: &mut World, clock: &SystemClock) -> io::Result<()> {
    let mut beat = tokio::time::interval(Duration::from_secs(1));
    let wanted = world.town.protagonist();
    let mut second: u64 = 0;
    loop {
        beat.tick().await;
        second += 1;
        let now: Timestamp = clock.now();
        let passage = match second % 20 {
            0 => world.town.next_live_of(&wanted, now),
            _ => None,
        };
        if let Some(passage) = passage.or_else(|| world.town.next_live(now)) {
            world.deliver(&passage, now)?;
        }
        if second % 15 == 5 {
            second_thoughts(world, second / 15, now)?;
        }
    }
}

/// The car parks read the vehicle everybody asks about, and think again.
fn second_thoughts(world: &World, turn: u64, now: Timestamp) -> io::Result<()> {
    let Some(passage) = world.parked(now) else {
        return Ok(());
    };
    let told = if turn.is_multiple_of(2) {
        world.deliver_corrected(&passage)?;
        "read as TPK0427 and corrected: one read, revised"
    } else {
        world.deliver_withdrawn(&passage)?;
        "read and withdrawn: it is in no answer any more"
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{now:.0}  harbor-parking  {PLATE} {told}")?;
    out.flush()
}
