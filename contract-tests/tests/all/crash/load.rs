//! What goes on while the gateway is killed: pushes, files, questions.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};
use turnpike_contract_tests::{
    sim::{niop::Txn, rekor::Group},
    world::{Gateway, World},
};

/// Reads of one plate; fewer than an agreement lets out at once.
const READS_PER_PLATE: u64 = 100;

/// Messages the camera engine has under way at most.
const PENDING: usize = 6;

/// Records of one file.
const FILE_RECORDS: u64 = 5;

/// Pause between two looks at the load.
const BEAT: Duration = Duration::from_millis(5);

/// Beats between two files.
const FILE_EVERY: u64 = 12;

/// Instants at which a plate was read, by source and plate.
pub(super) type Reads = BTreeMap<(&'static str, String), BTreeSet<Timestamp>>;

/// What was handed over, and what of it was acknowledged.
pub(super) struct Deliveries {
    base: Timestamp,
    pushes: BTreeMap<u64, (String, Timestamp)>,
    files: BTreeMap<String, Vec<(String, Timestamp)>>,
    acknowledged: Reads,
    latest: Reads,
    answers_seen: usize,
    txns: u64,
}

/// What arrived completely.
#[derive(Default)]
pub(super) struct Answers {
    /// Whole JSON answers.
    pub(super) json: Vec<String>,
    /// Whole lines of streams, also of streams that broke off.
    pub(super) streams: Vec<Vec<String>>,
}

/// Clients that ask until nobody answers any more.
pub(super) struct Asking(JoinSet<Answers>);

impl Deliveries {
    pub(super) fn new(base: Timestamp) -> Self {
        Self {
            base: Timestamp::from_second(base.as_second()).unwrap(),
            pushes: BTreeMap::new(),
            files: BTreeMap::new(),
            acknowledged: Reads::new(),
            latest: Reads::new(),
            answers_seen: 0,
            txns: 0,
        }
    }

    fn push(&mut self, world: &World) {
        let number = self.pushes.len() as u64;
        let at = self.base - SignedDuration::from_millis(i64::try_from(number).unwrap() + 1);
        let plate = format!("CAM{:04}", number / READS_PER_PLATE);
        let message = world.cameras.send(&Group::read(2_042, at, &plate).json());
        self.pushes.insert(message, (plate, at));
    }

    fn drop_file(&mut self, world: &World) {
        let number = self.files.len();
        let submitted = self.base - SignedDuration::from_secs(i64::try_from(number).unwrap() + 1);
        let first = self.txns;
        self.txns += FILE_RECORDS;
        let reads: Vec<_> = (first..self.txns).map(|txn| self.txn(txn)).collect();
        let txns = (first..).zip(&reads);
        let txns = txns.map(|(txn, (plate, at))| Txn::video(txn + 1, *at, plate));
        let file = world.tolls.stran(submitted, txns);
        self.files.insert(file.stem(), reads);
        world.tolls.drop_file(&file).unwrap();
    }

    fn txn(&self, number: u64) -> (String, Timestamp) {
        let seconds = i64::try_from(number).unwrap();
        let at = self.base - SignedDuration::from_hours(24) - SignedDuration::from_secs(seconds);
        (format!("TOL{:04}", number / READS_PER_PLATE), at)
    }

    /// Takes note of what the vendors have been told so far.
    pub(super) fn acknowledged(&mut self, world: &World) {
        let mut latest = Reads::new();
        let mut note = |source, (plate, at): &(String, Timestamp)| {
            let reads: &mut BTreeSet<_> = latest.entry((source, plate.clone())).or_default();
            reads.insert(*at);
        };
        let answers = world.cameras.answers();
        for answer in answers.get(self.answers_seen..).unwrap_or_default() {
            if answer
                .status
                .is_some_and(|status| (200..300).contains(&status))
            {
                note("main-street-cameras", &self.pushes[&answer.message]);
            }
        }
        self.answers_seen = answers.len();
        for ack in world.tolls.acks().unwrap() {
            assert_eq!((ack.code.as_str(), &ack.problems[..]), ("00", &[][..]));
            if let Some(reads) = self.files.get(&ack.original) {
                reads.iter().for_each(|read| note("state-tolls", read));
            }
        }
        latest.retain(|key, reads| self.acknowledged.get(key) != Some(reads));
        for (key, reads) in &latest {
            let known = self.acknowledged.entry(key.clone()).or_default();
            known.extend(reads);
        }
        self.latest = latest;
    }

    /// What was acknowledged since the last look.
    pub(super) fn latest(&self) -> Reads {
        self.latest.clone()
    }

    /// Everything that was acknowledged.
    pub(super) fn all(&self) -> Reads {
        self.acknowledged.clone()
    }

    /// Waits until everything handed over is acknowledged.
    pub(super) async fn settle(&mut self, world: &World, limit: Duration) {
        assert!(world.cameras.drained(limit).await);
        let end = Instant::now() + limit;
        while world.tolls.acks().unwrap().len() < self.files.len() {
            assert!(Instant::now() < end, "a file was never acknowledged");
            tokio::time::sleep(BEAT).await;
        }
        self.acknowledged(world);
    }

    /// Reads handed over, by source.
    pub(super) fn handed_over(&self) -> [(&'static str, u64); 2] {
        [
            ("main-street-cameras", self.pushes.len() as u64),
            ("state-tolls", self.txns),
        ]
    }

    fn newest_plates(&self) -> [String; 3] {
        let camera = self.pushes.len() as u64 / READS_PER_PLATE;
        let toll = self.txns / READS_PER_PLATE;
        [
            "TPK0421".to_owned(),
            format!("CAM{camera:04}"),
            format!("TOL{toll:04}"),
        ]
    }
}

/// Hands over reads until `end`.
pub(super) async fn deliver(world: &World, deliveries: &mut Deliveries, end: Instant) {
    let mut beat = 0_u64;
    while Instant::now() < end {
        while world.cameras.pending() < PENDING {
            deliveries.push(world);
        }
        if beat.is_multiple_of(FILE_EVERY) {
            deliveries.drop_file(world);
        }
        beat += 1;
        tokio::time::sleep_until(end.min(Instant::now() + BEAT)).await;
    }
}

/// The question every client asks.
pub(super) fn question(plate: &str, base: Timestamp) -> Value {
    json!({
        "plate": plate,
        "window": {
            "from": (base - SignedDuration::from_hours(7 * 24)).to_string(),
            "to": base.to_string(),
        },
        "purpose": "stolen_vehicle",
        "case_reference": "BRK-2026-000042",
        "on_behalf_of": "self",
    })
}

/// Sets two clients asking in JSON and two in lines.
pub(super) fn questions(gateway: &Gateway, token: &str, deliveries: &Deliveries) -> Asking {
    let mut clients = JoinSet::new();
    let bodies: Vec<Value> = deliveries
        .newest_plates()
        .iter()
        .map(|plate| question(plate, deliveries.base))
        .collect();
    for accept in [JSON, NDJSON, JSON, NDJSON] {
        let client = Client {
            request: gateway
                .client()
                .post(format!("{}/v1/queries", gateway.address()))
                .bearer_auth(token)
                .header("accept", accept),
            bodies: bodies.clone(),
        };
        clients.spawn(client.ask_until_nobody_answers(accept == NDJSON));
    }
    Asking(clients)
}

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

struct Client {
    request: reqwest::RequestBuilder,
    bodies: Vec<Value>,
}

impl Client {
    async fn ask_until_nobody_answers(self, streamed: bool) -> Answers {
        let mut answers = Answers::default();
        for body in self.bodies.iter().cycle() {
            let request = self.request.try_clone().unwrap().json(body);
            let Ok(response) = request.send().await else {
                break;
            };
            assert_eq!(response.status().as_u16(), 200);
            if streamed {
                answers.streams.push(lines(response).await);
                continue;
            }
            match response.text().await {
                Ok(whole) => answers.json.push(whole),
                Err(_) => break,
            }
        }
        answers
    }
}

/// The lines that arrived whole.
async fn lines(mut response: reqwest::Response) -> Vec<String> {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
    }
    let text = String::from_utf8(bytes).unwrap();
    let whole = text
        .rfind('\n')
        .and_then(|end| text.get(..end))
        .unwrap_or_default();
    whole.lines().map(ToOwned::to_owned).collect()
}

impl Asking {
    /// Waits for the clients to give up.
    pub(super) async fn collect(self) -> Answers {
        let mut all = Answers::default();
        for one in self.0.join_all().await {
            all.json.extend(one.json);
            all.streams.extend(one.streams);
        }
        all
    }
}
