//! An invented installation for one test: vendors, documents, and a gateway, as a process or inside the test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::process::Command;
use turnpike_adapters::context::{Clock, SystemClock};
use turnpike_contract_tests::world::{ANY_DISK, Gateway, Plan, World, link_command};
use turnpike_gateway::{
    app::{self, Running},
    config::Config,
    ledger,
};

/// The vehicle every family saw.
pub(crate) const PLATE: &str = "TPK0421";

/// Longest wait for something to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A world with a gateway as a process of its own, its log in a file.
pub(crate) struct Installation {
    pub(crate) world: World,
    pub(crate) gateway: Gateway,
    command: PathBuf,
}

/// A world with a gateway inside the test, whose time moves when the test says so.
pub(crate) struct Embedded {
    pub(crate) world: World,
    pub(crate) running: Running,
    pub(crate) clock: Arc<MovedClock>,
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct MovedClock(AtomicI64);

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

impl MovedClock {
    /// At the time of the machine until it is moved.
    pub(crate) fn now_standing() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(now().as_microsecond())))
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        let micros = i64::try_from(by.as_micros()).unwrap();
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Installation {
    /// Vendors that have delivered nothing yet, and a gateway over documents that `change` may edit first.
    pub(crate) async fn start(change: impl FnOnce(&World)) -> Self {
        let world = build(change).await;
        let program = Path::new(env!("CARGO_BIN_EXE_turnpike-demo"));
        let command = link_command(program, world.folder()).unwrap();
        let log = world.folder().join("gateway.log");
        let gateway = Gateway::start_logging(&command, &world.config(), &log).await;
        let gateway = gateway.unwrap_or_else(|error| panic!("{error}: {}", read(&log)));
        world.connect(&gateway);
        Self {
            world,
            gateway,
            command,
        }
    }

    /// A world whose gateway was started otherwise.
    pub(crate) fn over(world: World, gateway: Gateway, command: PathBuf) -> Self {
        Self {
            world,
            gateway,
            command,
        }
    }

    /// The same with the town's history taken in.
    pub(crate) async fn with_history(change: impl FnOnce(&World)) -> Self {
        let mut installation = Self::start(change).await;
        installation.world.deliver_history(now()).unwrap();
        let settled = installation.world.settled(&installation.gateway).await;
        settled.unwrap();
        installation
    }

    /// Token of the user with the role.
    pub(crate) fn token(&self, role: &str) -> &str {
        self.world.tokens.of(role).unwrap()
    }

    /// Asks as the investigator; anything but an answer fails the test.
    pub(crate) async fn ask(&self, question: &Value) -> Value {
        let asked = self.gateway.ask(self.token("investigator"), question).await;
        let (status, answer) = asked.unwrap();
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// One request with any method, path, token and body.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
    ) -> reqwest::RequestBuilder {
        let method = method.parse::<http::Method>().unwrap();
        let address = format!("{}{path}", self.gateway.address());
        let request = self.gateway.client().request(method, address);
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Every entry of the ledger so far, as canonical JSON.
    pub(crate) fn ledger(&self) -> Vec<Value> {
        entries(&self.world)
    }

    /// Everything the gateway logged so far.
    pub(crate) fn log(&self) -> String {
        read(&self.world.folder().join("gateway.log"))
    }

    /// Runs a `turnpike` command as the user of `role`.
    pub(crate) async fn turnpike(&self, role: &str, args: &[&str]) -> Output {
        Command::new(&self.command)
            .args(args)
            .current_dir(self.world.folder())
            .env("TURNPIKE_SERVER", self.gateway.address())
            .env("TURNPIKE_TOKEN", self.token(role))
            .output()
            .await
            .unwrap()
    }

    /// Waits until `of` finds what it looks for in the ledger.
    pub(crate) async fn recorded<T>(&self, what: &str, of: impl Fn(&[Value]) -> Option<T>) -> T {
        eventually(what, async || of(&self.ledger())).await
    }
}

impl Embedded {
    /// A gateway inside the test, at the time of the machine until its clock is moved.
    pub(crate) async fn start(change: impl FnOnce(&World)) -> Self {
        let clock = Arc::new(MovedClock(AtomicI64::new(now().as_microsecond())));
        Self::over(build(change).await, clock).await
    }

    /// The same gateway after a stop and a start.
    pub(crate) async fn restarted(self) -> Self {
        self.running.stop().await;
        Self::over(self.world, self.clock).await
    }

    async fn over(world: World, clock: Arc<MovedClock>) -> Self {
        let any_disk = ANY_DISK.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::load_with(&world.config(), &any_disk.into()).unwrap();
        let running = app::start(config, Arc::<MovedClock>::clone(&clock)).await;
        let running = running.unwrap();
        world.cameras.retarget(&format!(
            "http://{}/v1/sources/main-street-cameras/reads",
            running.address
        ));
        world.cameras.switch(|switches| switches.paused = false);
        Self {
            world,
            running,
            clock,
        }
    }

    /// A request as the investigator.
    pub(crate) fn request(
        &self,
        client: &reqwest::Client,
        method: &str,
        path: &str,
    ) -> reqwest::RequestBuilder {
        let address = format!("http://{}{path}", self.running.address);
        let method = method.parse::<http::Method>().unwrap();
        let token = &self.world.tokens.investigator;
        client.request(method, address).bearer_auth(token)
    }

    /// The time of its clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Asks as the investigator.
    pub(crate) async fn ask(&self, client: &reqwest::Client, question: &Value) -> Value {
        let request = self.request(client, "POST", "/v1/queries").json(question);
        request.send().await.unwrap().json().await.unwrap()
    }
}

pub(crate) async fn build(change: impl FnOnce(&World)) -> World {
    let plan = Plan {
        seed: 421,
        vehicles: 8,
        days: 2,
        until: now(),
        port: 0,
    };
    let world = World::build(plan).await.unwrap();
    change(&world);
    world
}

/// The machine's time: simulated vendors and the gateway's process share it.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// A client without a proxy.
pub(crate) fn client() -> reqwest::Client {
    turnpike_contract_tests::sim::server::client().unwrap()
}

/// Replaces text in a document of the installation; text that is not there fails the test.
pub(crate) fn edit(world: &World, document: &str, from: &str, to: &str) {
    let path = world.folder().join(document);
    let text = read(&path);
    assert!(text.contains(from), "{document} does not hold {from}");
    fs::write(&path, text.replace(from, to)).unwrap();
    if document.starts_with("agreements/") {
        world.sign().unwrap();
    }
}

/// Edits the agreement of a source.
pub(crate) fn agree(world: &World, source: &str, from: &str, to: &str) {
    edit(world, &format!("agreements/{source}.toml"), from, to);
}

/// Adds tables to the configuration.
pub(crate) fn configure(world: &World, tables: &str) {
    let (path, tables) = (world.config(), tables.trim());
    let text = read(&path);
    // A table that is there takes the lines in.
    let there = tables
        .split_once('\n')
        .filter(|(head, lines)| text.contains(&format!("\n{head}\n")) && !lines.contains("\n["));
    let text = match there {
        Some((head, lines)) => {
            text.replacen(&format!("\n{head}\n"), &format!("\n{head}\n{lines}\n"), 1)
        }
        None => format!("{text}\n{tables}\n"),
    };
    fs::write(&path, text).unwrap();
}

/// The question about [`PLATE`] over the last `days`.
pub(crate) fn question(days: i64) -> Value {
    question_about(PLATE, days)
}

/// A question about any plate.
pub(crate) fn question_about(plate: &str, days: i64) -> Value {
    let to = now() + SignedDuration::from_mins(1);
    json!({
        "plate": plate,
        "window": { "from": to - SignedDuration::from_hours(24 * days), "to": to },
        "purpose": "stolen_vehicle",
        "case_reference": "BRK-2026-000042",
        "on_behalf_of": "self",
    })
}

/// `value` with one field changed.
pub(crate) fn with(mut value: Value, field: &str, content: impl Into<Value>) -> Value {
    value[field] = content.into();
    value
}

/// A source's row of an answer.
pub(crate) fn row<'a>(answer: &'a Value, source: &str) -> &'a Value {
    let rows = answer["sources"].as_array().unwrap();
    let row = rows.iter().find(|row| row["source"] == source);
    row.unwrap_or_else(|| panic!("{source} is not in {answer}"))
}

/// The reads one source gave, in the order of the answer.
pub(crate) fn reads_of<'a>(answer: &'a Value, source: &str) -> Vec<&'a Value> {
    let reads = answer["reads"].as_array().unwrap().iter();
    reads.filter(|read| read["source"] == source).collect()
}

/// Every entry of a world's ledger, opened with the keys that are kept beside it.
pub(crate) fn entries(world: &World) -> Vec<Value> {
    let keys = ledger::Keyring::read(&world.folder().join("data/ledger-keys")).unwrap();
    let entries = ledger::read_open(&world.folder().join("data/ledger"), &keys).unwrap();
    let json = |entry: turnpike_schemas::ledger::Entry| {
        serde_json::from_slice(&entry.canonical_bytes().unwrap()).unwrap()
    };
    entries.map(|entry| json(entry.unwrap())).collect()
}

/// Entries of one kind.
pub(crate) fn of_kind<'a>(entries: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let of_kind = entries.iter().filter(|entry| entry["kind"] == kind);
    of_kind.collect()
}

/// Waits for a state, looking often.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let mut beat = tokio::time::interval(Duration::from_millis(20));
    let seen = tokio::time::timeout(PATIENCE, async {
        loop {
            beat.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    });
    seen.await.unwrap_or_else(|_| panic!("never seen: {what}"))
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file under a folder.
pub(crate) fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_under(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}
