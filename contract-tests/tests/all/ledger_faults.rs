//! No record, no answer: what the gateway does over HTTP while its ledger cannot be written.

mod client;
mod clock;
mod disk;
mod mounted;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use turnpike_adapters::context::{Clock as _, SystemClock};
use turnpike_contract_tests::{fault, sim::server, world::World};
use turnpike_gateway::{
    app::{self, Running},
    config::Config,
    ledger::{Ledger, LedgerConfig},
};
use turnpike_schemas::ledger::{Body, Entry, InterruptReason};

use self::{
    client::{
        Client, Form, LEDGER_DEADLINE, PATIENCE, Reply, contacts, eventually, push_a_read, question,
    },
    disk::{Disk, FAULTS, Fault},
};

/// How long a slow source takes for each of its answers.
const SLOW: Duration = Duration::from_millis(150);

const MANY: u32 = 100_000;

/// A gateway in this process, over a ledger on a disk that can fail.
struct Rig {
    world: World,
    disk: Disk,
    client: Client,
    running: Option<Running>,
}

impl Rig {
    async fn start(per_minute: u32) -> Self {
        let world = client::world(per_minute).await;
        world.lakeside_road.set(fault::Fault::Healthy);
        let disk = Disk::default();
        let settings = LedgerConfig {
            deadline: LEDGER_DEADLINE,
            probe_every: Duration::from_millis(10),
            ..LedgerConfig::default()
        };
        let now = Arc::new(|| SystemClock.now());
        let ledger = Ledger::open_with_storage(Box::new(disk.clone()), settings, now).unwrap();
        let config = Config::load(&world.config()).unwrap();
        let running = app::start_with_ledger(config, Arc::new(SystemClock), ledger);
        let running = running.await.unwrap();
        let client = Client {
            http: server::client().unwrap(),
            address: format!("http://{}", running.address),
            token: world.tokens.investigator.clone(),
        };
        push_a_read(&world, &client.address).await;
        Self {
            world,
            disk,
            client,
            running: Some(running),
        }
    }

    async fn ask(&self, form: Form) -> Reply {
        self.client.ask(&question(&self.world), form).await
    }

    async fn explain(&self) -> Reply {
        self.client.explain(&question(&self.world)).await
    }

    /// Where the image of the pushed read is, once an answer has released it.
    async fn image(&self, client: &Client) -> String {
        let answer = client.ask(&question(&self.world), Form::Json).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        let reads = answer["reads"].as_array().unwrap();
        let mut images = reads
            .iter()
            .filter_map(|read| read["images"][0]["ref"].as_str());
        images.next().unwrap().to_owned()
    }

    /// Asks, and lets the fault begin while the lakeside network takes its time.
    async fn fail_between(&self, form: Form, fault: Fault) -> Reply {
        self.world.lakeside_road.set(fault::Fault::Latency(SLOW));
        let before = self.world.lakeside_road.connections();
        let asking = self.ask(form);
        let failing = async {
            assert!(
                self.world
                    .lakeside_road
                    .connected(before + 1, PATIENCE)
                    .await
            );
            self.disk.set(Some(fault));
        };
        tokio::join!(asking, failing).0
    }

    async fn heal(&self) {
        self.disk.set(None);
        eventually("ready again", async || self.client.is_ready().await).await;
        assert_eq!(self.ask(Form::Json).await.status, 200);
    }

    /// Why the question of `intent` got no answer, once the ledger says so.
    async fn interruption(&self, intent: u64, heals: bool) -> InterruptReason {
        if heals {
            self.disk.set(None);
            eventually("the withheld question is closed", async || {
                interruption(&self.disk.entries(), intent).is_some()
            })
            .await;
            return interruption(&self.disk.entries(), intent).unwrap();
        }
        let folder = self.disk.after_a_crash();
        let now = Arc::new(|| SystemClock.now());
        let opened = Ledger::open(folder.path(), LedgerConfig::default(), now).unwrap();
        assert!(opened.recovered.interrupted.contains(&intent));
        let entries = turnpike_gateway::ledger::read(folder.path()).unwrap();
        let entries: Vec<Entry> = entries.collect::<Result<_, _>>().unwrap();
        interruption(&entries, intent).unwrap()
    }

    async fn stop(mut self) {
        self.disk.set(None);
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }
}

fn interruption(entries: &[Entry], intent: u64) -> Option<InterruptReason> {
    entries.iter().find_map(|entry| match &entry.body {
        Body::Interrupted(closed) if entry.intent == Some(intent) => Some(closed.reason),
        _ => None,
    })
}

/// Why a question is closed whose outcome met this fault.
fn expected(fault: Fault, heals: bool) -> InterruptReason {
    match (fault, heals) {
        (Fault::Hang, _) => InterruptReason::LedgerDeadline,
        (_, true) => InterruptReason::LedgerUnavailable,
        (_, false) => InterruptReason::Restart,
    }
}

fn last_intent(entries: &[Entry]) -> u64 {
    let mut intents = entries.iter().rev();
    let intent = intents.find(|entry| matches!(entry.body, Body::Intent(_)));
    intent.unwrap().index
}

/// Sources whose part of the stream of `intent` is durable.
fn parts(entries: &[Entry], intent: u64) -> Vec<String> {
    let own = entries.iter().filter(|entry| entry.intent == Some(intent));
    own.filter_map(|entry| match &entry.body {
        Body::OutcomePart(part) => Some(part.source.clone()),
        _ => None,
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_durable_intent_nothing_is_asked_explained_or_shown_and_no_source_is_contacted() {
    for (fault, heals) in FAULTS {
        let rig = Rig::start(MANY).await;
        let image = rig.image(&rig.client).await;
        let before = contacts(&rig.world);
        rig.disk.set(Some(fault));
        rig.ask(Form::Json).await.must_be_withheld_soon();
        rig.ask(Form::Lines).await.must_be_withheld_soon();
        rig.explain().await.must_be_withheld_soon();
        rig.client.get(&image).await.must_be_withheld_soon();
        assert!(rig.client.becomes_unready().await, "{fault:?}");
        assert_eq!(rig.client.get("/healthz").await.status, 200);
        assert_eq!(contacts(&rig.world), before, "{fault:?}");
        if heals {
            rig.heal().await;
        }
        rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_durable_outcome_no_read_leaves_and_the_question_is_closed_as_interrupted() {
    for (fault, heals) in FAULTS {
        let rig = Rig::start(MANY).await;
        let reply = rig.fail_between(Form::Json, fault).await;
        reply.must_be_withheld();
        assert!(reply.took < 2 * SLOW + LEDGER_DEADLINE + Duration::from_secs(1));
        assert!(rig.client.becomes_unready().await, "{fault:?}");
        let intent = last_intent(&rig.disk.entries());
        let reason = rig.interruption(intent, heals).await;
        assert_eq!(reason, expected(fault, heals), "{fault:?}");
        if heals {
            let supervisor = rig.world.tokens.of("supervisor").unwrap();
            let image = rig.image(&rig.client.with_token(supervisor)).await;
            assert_eq!(
                rig.client.get(&image).await.status,
                404,
                "shown though withheld"
            );
            rig.heal().await;
        }
        rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_outcome_is_not_durable_ends_with_the_problem_and_without_done() {
    for (fault, heals) in FAULTS {
        let rig = Rig::start(MANY).await;
        let left = rig.fail_between(Form::Lines, fault).await.must_break_off();
        let intent = last_intent(&rig.disk.entries());
        let durable = parts(&rig.disk.entries(), intent);
        assert!(
            left.iter().all(|source| durable.contains(source)),
            "{fault:?}"
        );
        assert!(!left.contains(&"lakeside-police".to_owned()), "{fault:?}");
        let reason = rig.interruption(intent, heals).await;
        assert_eq!(reason, expected(fault, heals), "{fault:?}");
        rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_whose_outcome_is_not_durable_does_not_leave() {
    for (fault, heals) in FAULTS {
        let rig = Rig::start(MANY).await;
        let image = rig.image(&rig.client).await;
        rig.world
            .cameras
            .switch_images(|switches| switches.latency = SLOW);
        let failing = async {
            eventually("the image is asked for", async || {
                !rig.world.cameras.image_requests().is_empty()
            })
            .await;
            rig.disk.set(Some(fault));
        };
        let (reply, ()) = tokio::join!(rig.client.get(&image), failing);
        reply.must_be_withheld();
        let intent = last_intent(&rig.disk.entries());
        let reason = rig.interruption(intent, heals).await;
        assert_eq!(reason, expected(fault, heals), "{fault:?}");
        rig.stop().await;
    }
}

/// A refusal that cannot be recorded is told as the ledger's trouble: nobody is let through, and nothing is answered
/// that is not on record.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_stay_refusals_while_they_cannot_be_recorded() {
    for (fault, heals) in FAULTS {
        let rig = Rig::start(2).await;
        let strangers = rig.client.with_token("nobody");
        let auditor = rig
            .client
            .with_token(rig.world.tokens.of("auditor").unwrap());
        let asked = question(&rig.world);
        assert_eq!(rig.ask(Form::Json).await.status, 200);
        assert_eq!(rig.ask(Form::Json).await.status, 200);
        let before = contacts(&rig.world);
        for (client, status) in [(&strangers, 401), (&auditor, 403), (&rig.client, 429)] {
            assert_eq!(client.ask(&asked, Form::Json).await.status, status);
        }
        rig.disk.set(Some(fault));
        for client in [&strangers, &auditor, &rig.client] {
            client.ask(&asked, Form::Json).await.must_be_withheld_soon();
            client
                .ask(&asked, Form::Lines)
                .await
                .must_be_withheld_soon();
            client.explain(&asked).await.must_be_withheld_soon();
        }
        assert_eq!(contacts(&rig.world), before, "{fault:?}");
        if heals {
            rig.disk.set(None);
            eventually("ready again", async || rig.client.is_ready().await).await;
            assert_eq!(strangers.ask(&asked, Form::Json).await.status, 401);
        }
        rig.stop().await;
    }
}

/// The same beyond the number of strangers that get an entry each.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_strangers_is_not_told_anything_that_is_not_on_record() {
    let (fault, _) = FAULTS[0];
    let rig = Rig::start(MANY).await;
    let stranger = rig.client.with_token("nobody");
    let asked = question(&rig.world);
    let crowd = async |status: u16| {
        let all = (0..90).map(|_| stranger.ask(&asked, Form::Json));
        for reply in futures::future::join_all(all).await {
            assert_eq!(reply.status, status, "{reply:?}");
        }
    };
    crowd(401).await;
    rig.disk.set(Some(fault));
    crowd(503).await;
    rig.disk.set(None);
    eventually("ready again", async || rig.client.is_ready().await).await;
    crowd(401).await;
    let refused = rig
        .disk
        .entries()
        .into_iter()
        .filter_map(|entry| match entry.body {
            Body::Refused(refused) => Some(refused),
            _ => None,
        });
    let refused: Vec<_> = refused.collect();
    let single = refused
        .iter()
        .filter(|entry| entry.counts.is_empty())
        .count() as u64;
    let counted: u64 = refused.iter().flat_map(|entry| entry.counts.values()).sum();
    assert_eq!(single + counted, 180);
    assert!(
        counted > 100 && refused.len() < 80,
        "{} entries",
        refused.len()
    );
    rig.stop().await;
}

fn variant(rng: &mut fastrand::Rng, world: &World) -> Value {
    const SOURCES: [&str; 5] = [
        "brookdale-police",
        "state-tolls",
        "main-street-cameras",
        "harbor-tolls",
        "lakeside-police",
    ];
    let mut question = question(world);
    let (plate, mode) = *rng
        .choice(&[
            ("TPK0421", "exact"),
            ("TPK0421", "look_alike"),
            ("TPK04??", "partial"),
            ("-", "exact"),
        ])
        .unwrap();
    (question["plate"], question["match"]) = (json!(plate), json!(mode));
    let purposes = [
        "stolen_vehicle",
        "missing_person",
        "toll_enforcement",
        "no_such_purpose",
    ];
    question["purpose"] = json!(rng.choice(purposes));
    question["on_behalf_of"] = json!(rng.choice(["self", "state-tolls", "turnpike-ops"]));
    question["deadline_ms"] = json!(rng.u32(100..5_000));
    if rng.bool() {
        let count = rng.usize(1..=SOURCES.len());
        question["sources"] = json!(rng.choose_multiple(SOURCES, count));
    }
    if rng.bool() {
        question["jurisdiction"] = json!("US-OH");
    }
    question
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_kinds_of_question_make_no_connection_while_the_ledger_is_down() {
    let rig = Rig::start(MANY).await;
    let mut rng = fastrand::Rng::with_seed(0x0042);
    let tokens = rig.world.tokens.users.clone();
    for (number, (fault, _)) in (0..100).zip(FAULTS.iter().flat_map(|fault| [fault; 13])) {
        rig.disk.set(Some(*fault));
        let question = variant(&mut rng, &rig.world);
        let client = rig.client.with_token(rng.choice(&tokens).unwrap());
        let reply = match number % 4 {
            0 => client.explain(&question).await,
            1 => client.ask(&question, Form::Lines).await,
            _ => client.ask(&question, Form::Json).await,
        };
        reply.must_be_withheld_soon();
    }
    assert_eq!(contacts(&rig.world), [0; 4]);
    rig.stop().await;
}
