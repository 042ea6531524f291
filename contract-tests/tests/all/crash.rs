//! `kill -9` of the gateway at any moment loses no acknowledged read and leaves no unrecorded answer.
//!
//! The same data folder goes through all the kills, so whatever one crash leaves behind, the next one meets.

mod audit;
mod load;

use std::{io, path::PathBuf, process::Stdio, time::Duration};

use tokio::process::Command;
use turnpike_adapters::context::{Clock as _, SystemClock};
use turnpike_contract_tests::{
    fault::Fault,
    world::{Gateway, Plan, World, link_command},
};

use self::{
    audit::Audit,
    load::{Answers, Deliveries, deliver, questions},
};

const KILLS: u64 = 50;

/// Every random moment comes from this.
const SEED: u64 = 0x7075_7265_6c79;

/// Start-up of the gateway in a debug build on a busy machine: kills before it listens are spread over this.
const START_UP_MS: u64 = 300;

/// Longest time a killed gateway has worked.
const WORK_MS: u64 = 500;

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a slow source takes for each of its two answers.
const SLOW: Duration = Duration::from_millis(300);

/// A question under way.
type Slow = tokio::task::JoinHandle<reqwest::Result<String>>;

/// Says which kill failed.
struct Failing {
    kill: u64,
    moment: Moment,
}

/// When the gateway is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// This long after the process began.
    StartUp(Duration),
    /// This long after it listens, while it takes reads in and answers.
    Work(Duration),
    /// After this much work, this long after it was told to stop.
    Shutdown(Duration, Duration),
}

impl Moment {
    fn draw(rng: &mut fastrand::Rng) -> Self {
        let mut ms = |most| Duration::from_micros(rng.u64(0..most * 1_000));
        let (work, rest) = (ms(WORK_MS), ms(40));
        let early = ms(START_UP_MS);
        match rng.u8(0..10) {
            0..2 => Self::StartUp(early),
            2..8 => Self::Work(work),
            _ => Self::Shutdown(work, rest),
        }
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "seed {SEED:#x} failed after kill {}: {:?}",
                self.kill, self.moment
            );
        }
    }
}

/// A world whose command is linked, with no limit on how much may be asked.
async fn world() -> (World, PathBuf) {
    let plan = Plan {
        seed: 9,
        vehicles: 2,
        days: 1,
        until: SystemClock.now(),
        port: 0,
    };
    let world = World::build(plan).await.unwrap();
    let mut config = std::fs::read_to_string(world.config()).unwrap();
    config.push_str("\n[limits]\nuser_per_minute = 100000\norganisation_per_minute = 100000\n");
    std::fs::write(world.config(), config).unwrap();
    let program = env!("CARGO_BIN_EXE_turnpike-demo");
    let command = link_command(program.as_ref(), world.folder()).unwrap();
    (world, command)
}

pub(crate) async fn signal(gateway: &Gateway, name: &str) {
    let id = gateway.id().unwrap().to_string();
    let script = format!("kill -{name} {id}");
    let sent = Command::new("sh").args(["-c", &script]).status().await;
    assert!(sent.unwrap().success());
}

/// Starts the gateway and kills it before anybody knows whether it listens.
async fn kill_at_start(world: &World, command: &PathBuf, after: Duration) -> io::Result<()> {
    let mut child = Command::new(command)
        .arg("serve")
        .arg("--config")
        .arg(world.config())
        .stdout(Stdio::null())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    tokio::time::sleep(after).await;
    child.kill().await
}

/// Lets the gateway work under load and kills it. Returns every answer that arrived.
async fn kill_at_work(
    world: &World,
    gateway: Gateway,
    deliveries: &mut Deliveries,
    moment: Moment,
) -> Answers {
    world.connect(&gateway);
    let asking = questions(&gateway, &world.tokens.investigator, deliveries);
    let (work, shutdown) = match moment {
        Moment::StartUp(_) => (Duration::ZERO, None),
        Moment::Work(work) => (work, None),
        Moment::Shutdown(work, rest) => (work, Some(rest)),
    };
    // A kill at a random moment is a matter of time, not of a state that could be waited for.
    let end = tokio::time::Instant::now() + work;
    deliver(world, deliveries, end).await;
    if let Some(rest) = shutdown {
        signal(&gateway, "TERM").await;
        tokio::time::sleep(rest).await;
    }
    gateway.kill().await.unwrap();
    world.cameras.switch(|switches| switches.paused = true);
    asking.collect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_at_any_moment_lose_no_acknowledged_read_and_leave_no_unrecorded_answer() {
    let (world, command) = world().await;
    world
        .police
        .switch(|switches| switches.latency = Duration::from_millis(5));
    world
        .lakeside_road
        .set(Fault::Latency(Duration::from_millis(15)));
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut deliveries = Deliveries::new(world.town.end());
    let mut audit = Audit::new(world.folder().join("data/ledger"));
    let mut gateway = Gateway::start(&command, &world.config()).await.unwrap();
    for kill in 1..=KILLS {
        let moment = Moment::draw(&mut rng);
        let _failing = Failing { kill, moment };
        let answers = kill_at_work(&world, gateway, &mut deliveries, moment).await;
        if let Moment::StartUp(after) = moment {
            kill_at_start(&world, &command, after).await.unwrap();
        }
        gateway = Gateway::start(&command, &world.config()).await.unwrap();
        audit.after_restart(&answers);
        deliveries.acknowledged(&world);
        audit
            .acknowledged_reads_are_found(&world, &gateway, &deliveries.latest())
            .await;
    }
    world.connect(&gateway);
    deliveries.settle(&world, PATIENCE).await;
    audit
        .acknowledged_reads_are_found(&world, &gateway, &deliveries.all())
        .await;
    audit
        .nothing_is_held_twice(&world, &gateway, &deliveries)
        .await;
    audit.covers_every_moment();
    let verified = Command::new(&command)
        .args(["ledger", "verify", "--config"])
        .arg(world.config())
        .output();
    assert!(verified.await.unwrap().status.success());
}

/// A question that takes the lakeside network so long that what happens meanwhile is certain to happen meanwhile.
async fn ask_slowly(world: &World, gateway: &Gateway, accept: &'static str) -> Slow {
    world.lakeside_road.set(Fault::Latency(SLOW));
    let before = world.lakeside_road.connections();
    let request = gateway
        .client()
        .post(format!("{}/v1/queries", gateway.address()))
        .bearer_auth(&world.tokens.investigator)
        .header("accept", accept)
        .json(&load::question("TPK0421", world.town.end()));
    let answer = tokio::spawn(async move { request.send().await?.text().await });
    assert!(world.lakeside_road.connected(before + 1, PATIENCE).await);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_the_gateway_finishes_what_is_under_way_records_the_end_and_exits_with_0() {
    let (world, command) = world().await;
    let mut gateway = Gateway::start(&command, &world.config()).await.unwrap();
    let json = ask_slowly(&world, &gateway, "application/json").await;
    let lines = ask_slowly(&world, &gateway, "application/x-ndjson").await;
    signal(&gateway, "TERM").await;
    let answers = Answers {
        json: vec![json.await.unwrap().unwrap()],
        streams: vec![
            lines
                .await
                .unwrap()
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect(),
        ],
    };
    let ended = tokio::time::timeout(PATIENCE, gateway.ended()).await;
    assert_eq!(ended.unwrap().unwrap().code(), Some(0));
    assert!(gateway.get("", "/healthz").await.is_err());
    Audit::new(world.folder().join("data/ledger")).after_stop(&answers);
}
