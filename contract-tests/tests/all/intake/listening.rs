//! A recorder that publishes to a real broker, and whose API is polled.

use std::{fs, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use turnpike_contract_tests::{
    fault::{Fault, FaultProxy},
    sim::{
        CANARY,
        frigate::{API_LOGIN, FrigateSim, Tracked},
        rekor::JPEG,
        servers::{broker::Broker, publisher::Publisher},
    },
    world::{Gateway, World},
};

use super::quarantined;
use crate::installation::{
    Installation, agree, configure, eventually, files_under, now, of_kind, question_about, read,
    reads_of,
};

const GATE: &str = "north-gate";
const UPDATES: &str = "frigate/tracked_object_update";

/// Tests look often.
pub(super) const NO_LIMITS: &str =
    "[limits]\nuser_per_minute = 100000\norganisation_per_minute = 100000\n";

/// Adds the recorder as a source, with more keys and settings where `more` and `settings` say so.
fn add_source(world: &World, settings: &str, more: &str) {
    add_agreement(world, GATE);
    configure(
        world,
        &format!(
            "[[sources]]\nid = \"{GATE}\"\nadapter = \"frigate\"\nagreement = \"agreements/{GATE}.toml\"\nallow_private_addresses = true\n{more}\n[sources.settings]\n{settings}\n{NO_LIMITS}"
        ),
    );
}

/// An agreement like that of the other cameras.
pub(super) fn add_agreement(world: &World, source: &str) {
    let folder = world.folder().join("agreements");
    let text = read(&folder.join("main-street-cameras.toml"));
    let text = text.replace("main-street-cameras", source);
    fs::write(folder.join(format!("{source}.toml")), text).unwrap();
    world.sign().unwrap();
}

fn minutes_ago(minutes: i64) -> Timestamp {
    // The recorder's times are microseconds.
    let at = now() - SignedDuration::from_mins(minutes);
    Timestamp::from_microsecond(at.as_microsecond()).unwrap()
}

fn tracked(number: u64, plate: &str) -> Tracked {
    Tracked::read(number, "brook_drive", minutes_ago(30), plate)
}

async fn publish(publisher: &mut Publisher, topic: &str, message: &Value) {
    let bytes = message.to_string().into_bytes();
    publisher.publish(topic, &bytes).await.unwrap();
}

async fn found(installation: &Installation, plate: &str) -> Vec<Value> {
    let answer = installation.ask(&question_about(plate, 3)).await;
    reads_of(&answer, GATE).into_iter().cloned().collect()
}

/// Waits until a plate has this many reads, and gives them.
async fn reads(installation: &Installation, plate: &str, count: usize) -> Vec<Value> {
    eventually(plate, async || {
        let found = found(installation, plate).await;
        (found.len() == count).then_some(found)
    })
    .await
}

fn refusals(installation: &Installation, way: &str) -> Vec<String> {
    let ledger = installation.ledger();
    let entries = of_kind(&ledger, "ingest").into_iter();
    let entries =
        entries.filter(|entry| entry["body"]["source"] == GATE && entry["body"]["way"] == way);
    entries
        .filter_map(|entry| Some(entry["body"]["refused"].as_str()?.to_owned()))
        .collect()
}

#[tokio::test]
async fn messages_of_a_broker_are_taken_in_and_corrected() {
    let broker = Broker::start().unwrap();
    let settings = format!("broker = \"{}\"\nmessages = \"both\"", broker.url());
    let installation =
        Installation::start(|world| add_source(world, &settings, "listen = {}")).await;
    // The session must stand before anything is published: what nobody subscribed to is nobody's.
    let mut publisher = Publisher::connect(broker.address(), None).await.unwrap();
    let first = tracked(1, "TPX0001");
    eventually("the first message", async || {
        publish_once(&broker, &first).await;
        let found = found(&installation, "TPX0001").await;
        (found.len() == 1).then_some(())
    })
    .await;

    let corrected = first.reread("TPX0002");
    publish(&mut publisher, UPDATES, &corrected.update()).await;
    let read = reads(&installation, "TPX0002", 1).await.remove(0);
    assert_eq!(read["place"]["camera"], "brook_drive");
    assert!(
        found(&installation, "TPX0001").await.is_empty(),
        "it was corrected"
    );
    publish(&mut publisher, UPDATES, &first.update()).await;
    let end = corrected.ended().change(Some(&corrected), "end");
    publish(&mut publisher, "frigate/events", &end).await;
    publish(&mut publisher, "frigate/available", &Value::from("online")).await;
    publish(
        &mut publisher,
        "frigate/elsewhere",
        &Value::from("nobody asked"),
    )
    .await;
    let wrong = serde_json::json!({ "type": "lpr", "id": "9", "plate": 7 });
    publish(&mut publisher, UPDATES, &wrong).await;
    publisher.publish(UPDATES, b"\xff no JSON").await.unwrap();
    publish(&mut publisher, UPDATES, &tracked(2, "TPX0003").update()).await;
    reads(&installation, "TPX0003", 1).await;
    assert_eq!(
        reads(&installation, "TPX0002", 1).await.len(),
        1,
        "late is no step back"
    );
    let rules = quarantined(&installation, GATE);
    assert_eq!(rules["plate: wrong type"], 1, "{rules:?}");
    assert_eq!(rules["(message): not a JSON object"], 1, "{rules:?}");

    let token = installation.token("operator");
    let (_, sources) = installation
        .gateway
        .get(token, "/v1/sources")
        .await
        .unwrap();
    let gate = sources["sources"].as_array().unwrap().iter();
    let gate = gate
        .clone()
        .find(|source| source["source"] == GATE)
        .unwrap();
    assert_eq!(gate["delivery"], serde_json::json!(["subscribe"]));
    assert_eq!(gate["rejected"], 2);
    for file in files_under(&installation.world.folder().join("data")) {
        let bytes = fs::read(&file).unwrap();
        let mut windows = bytes.windows(CANARY.len());
        assert!(
            !windows.any(|window| window == CANARY.as_bytes()),
            "{}",
            file.display()
        );
    }
}

/// Publishes one reading, from a connection of its own.
async fn publish_once(broker: &Broker, tracked: &Tracked) {
    let publisher = Publisher::connect(broker.address(), None).await;
    publish(&mut publisher.unwrap(), UPDATES, &tracked.update()).await;
}

/// Waits until the gateway has a session with the broker: then nothing published is lost any more.
async fn subscribed(installation: &Installation, broker: &Broker) {
    let probe = tracked(999_999, "TPX9900");
    eventually("a session", async || {
        publish_once(broker, &probe).await;
        (!found(installation, "TPX9900").await.is_empty()).then_some(())
    })
    .await;
}

/// Sends SIGKILL and starts the gateway again over the same folders.
async fn killed(installation: Installation) -> Installation {
    let Installation { world, gateway, .. } = installation;
    gateway.kill().await.unwrap();
    started(world).await
}

async fn started(world: World) -> Installation {
    let command = world.folder().join("turnpike");
    let log = world.folder().join("gateway.log");
    let gateway = Gateway::start_logging(&command, &world.config(), &log).await;
    Installation::over(world, gateway.unwrap(), command)
}

#[tokio::test]
async fn what_was_not_durable_when_the_gateway_was_killed_is_sent_again() {
    const MESSAGES: u64 = 120;
    let broker = Broker::start().unwrap();
    let settings = format!("broker = \"{}\"", broker.url());
    let mut installation =
        Installation::start(|world| add_source(world, &settings, "listen = {}")).await;
    subscribed(&installation, &broker).await;
    let address = broker.address();
    let publishing = tokio::spawn(async move {
        let mut publisher = Publisher::connect(address, None).await.unwrap();
        for number in 1..=MESSAGES {
            let message = tracked(number, &format!("TPX{number:04}"));
            publish(&mut publisher, UPDATES, &message.update()).await;
        }
    });
    for _ in 0..4 {
        // Some messages are on their way whenever this is: that is all that matters.
        let held = installation
            .gateway
            .held(installation.token("investigator"));
        held.await.unwrap();
        installation = killed(installation).await;
    }
    publishing.await.unwrap();
    eventually("every message", async || {
        let held = installation
            .gateway
            .held(installation.token("investigator"))
            .await;
        (held.unwrap()[GATE] == MESSAGES + 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_goes_away_is_found_again_and_has_kept_what_came() {
    let mut broker = Broker::start().unwrap();
    let settings = format!("broker = \"{}\"", broker.url());
    let installation =
        Installation::start(|world| add_source(world, &settings, "listen = {}")).await;
    subscribed(&installation, &broker).await;
    broker.restart().unwrap();
    let mut publisher = Publisher::connect(broker.address(), None).await.unwrap();
    publish(&mut publisher, UPDATES, &tracked(1, "TPX0001").update()).await;
    reads(&installation, "TPX0001", 1).await;
}

#[tokio::test]
async fn messages_wait_at_the_broker_while_the_gateway_is_stopped() {
    let broker = Broker::start().unwrap();
    let settings = format!("broker = \"{}\"", broker.url());
    let installation =
        Installation::start(|world| add_source(world, &settings, "listen = {}")).await;
    subscribed(&installation, &broker).await;
    let Installation {
        world, mut gateway, ..
    } = installation;
    let script = format!("kill -TERM {}", gateway.id().unwrap());
    let told = tokio::process::Command::new("sh")
        .args(["-c", &script])
        .status();
    assert!(told.await.unwrap().success());
    assert!(gateway.ended().await.unwrap().success());
    publish_once(&broker, &tracked(1, "TPX0001")).await;
    let installation = started(world).await;
    reads(&installation, "TPX0001", 1).await;
}

#[tokio::test]
async fn a_broker_that_asks_for_a_password_gets_it_and_a_wrong_one_is_refused() {
    let broker = Broker::guarded(&[("gateway", "right"), ("recorder", "other")]).unwrap();
    let settings = format!("broker = \"{}\"", broker.url());
    let with = |word: &'static str| {
        let settings = settings.clone();
        move |world: &World| {
            let secrets = world.folder().join("secrets");
            fs::write(secrets.join("broker-user"), "gateway").unwrap();
            fs::write(secrets.join("broker-password"), word).unwrap();
            let more = "listen = {}\nsecrets = { username = { file = \"secrets/broker-user\" }, password = { file = \"secrets/broker-password\" } }";
            add_source(world, &settings, more);
        }
    };
    let installation = Installation::start(with("wrong")).await;
    eventually("a refusal", async || {
        let log = installation.log();
        log.contains("Unauthorized").then_some(())
    })
    .await;
    assert!(!installation.log().contains("wrong"));
    drop(installation);
    let installation = Installation::start(with("right")).await;
    let sent = tracked(1, "TPX0001");
    eventually("a message", async || {
        let login = Some(("recorder", "other"));
        let mut publisher = Publisher::connect(broker.address(), login).await.unwrap();
        publish(&mut publisher, UPDATES, &sent.update()).await;
        let found = found(&installation, "TPX0001").await;
        (!found.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_broker_is_spoken_to_over_tls_under_an_authority_that_is_trusted() {
    let broker = Broker::secure().unwrap();
    let settings = format!("broker = \"{}\"", broker.secure_url().unwrap());
    let unknown = Installation::start(|world| add_source(world, &settings, "listen = {}")).await;
    eventually("a refusal", async || {
        let log = unknown.log();
        log.contains("no secure connection to the broker")
            .then_some(())
    })
    .await;
    drop(unknown);
    let trusting = format!(
        "listen = {{ ca = \"{}\" }}",
        broker.authority().unwrap().display()
    );
    let installation = Installation::start(|world| add_source(world, &settings, &trusting)).await;
    subscribed(&installation, &broker).await;
}

#[tokio::test]
async fn what_is_corrected_or_withdrawn_by_hand_is_found_by_polling() {
    let recorder = FrigateSim::start().await.unwrap();
    recorder.switch(|switches| switches.guarded = true);
    let events: Vec<Tracked> = (1..=3)
        .map(|number| tracked(number, &format!("TPX000{number}")).ended())
        .collect();
    for event in &events {
        recorder.keep(event);
    }
    let installation = Installation::start(|world| {
        let secrets = world.folder().join("secrets");
        fs::write(secrets.join("api-user"), API_LOGIN.0).unwrap();
        fs::write(secrets.join("api-password"), API_LOGIN.1).unwrap();
        let settings = format!("api_url = \"{}\"", recorder.api_url());
        let more = "poll = { every_s = 1 }\nsecrets = { api_user = { file = \"secrets/api-user\" }, api_password = { file = \"secrets/api-password\" } }";
        add_source(world, &settings, more);
    })
    .await;
    for number in 1..=3 {
        reads(&installation, &format!("TPX000{number}"), 1).await;
    }
    // An image of it, through the gateway.
    let read = found(&installation, "TPX0003").await.remove(0);
    let path = read["images"][0]["ref"].as_str().unwrap();
    let token = installation.token("investigator");
    let image = installation
        .request("GET", path, Some(token))
        .send()
        .await
        .unwrap();
    assert_eq!(image.status(), 200);
    assert_eq!(image.bytes().await.unwrap(), JPEG);

    recorder.correct(&events[0].id, None);
    reads(&installation, "TPX0001", 0).await;
    recorder.delete(&events[1].id);
    reads(&installation, "TPX0002", 0).await;
    recorder.correct(&events[2].id, Some("TPX0009"));
    reads(&installation, "TPX0009", 1).await;
    assert!(found(&installation, "TPX0003").await.is_empty());
    // A session that is void is replaced.
    recorder.switch(|switches| switches.sessions += 1);
    recorder.keep(&tracked(4, "TPX0004").ended());
    reads(&installation, "TPX0004", 1).await;

    let ledger = installation.ledger();
    let polls = of_kind(&ledger, "ingest").into_iter();
    let polls: Vec<&Value> = polls
        .filter(|entry| entry["body"]["way"] == "poll")
        .collect();
    assert!(polls.len() >= 4, "{polls:?}");
    assert!(polls.iter().all(|entry| entry["body"]["source"] == GATE));

    let installation = killed(installation).await;
    assert!(
        found(&installation, "TPX0001").await.is_empty(),
        "it stays withdrawn"
    );
    let cursor = read_cursor(&installation);
    assert!(
        cursor.contains(&events[2].id) && !cursor.contains("TPX"),
        "{cursor}"
    );
    recorder.delete(&events[2].id);
    reads(&installation, "TPX0009", 0).await;
}

fn read_cursor(installation: &Installation) -> String {
    let folder = installation.world.folder();
    read(&folder.join("data/cursors").join(format!("{GATE}.json")))
}

#[tokio::test]
async fn an_api_that_fails_for_a_while_is_asked_again_and_nothing_is_withdrawn() {
    let recorder = FrigateSim::start().await.unwrap();
    recorder.keep(&tracked(1, "TPX0001").ended());
    let road = FaultProxy::start(recorder.address()).await;
    let road = road.unwrap();
    let settings = format!("api_url = \"{}/api\"", road.origin());
    let installation =
        Installation::start(|world| add_source(world, &settings, "poll = { every_s = 1 }")).await;
    reads(&installation, "TPX0001", 1).await;
    for fault in [Fault::Garbage, Fault::Status(500)] {
        road.set(fault);
        let before = road.connections();
        eventually("a poll that fails", async || {
            (road.connections() > before).then_some(())
        })
        .await;
    }
    assert_eq!(found(&installation, "TPX0001").await.len(), 1);
    road.set(Fault::Healthy);
    recorder.keep(&tracked(2, "TPX0002").ended());
    reads(&installation, "TPX0002", 1).await;
}

#[tokio::test]
async fn without_an_agreement_nobody_is_contacted_and_that_is_on_record_once() {
    let broker = Broker::start().unwrap();
    let recorder = FrigateSim::start().await.unwrap();
    recorder.keep(&tracked(1, "TPX0001").ended());
    let settings = format!(
        "broker = \"{}\"\napi_url = \"{}\"",
        broker.url(),
        recorder.api_url()
    );
    let installation = Installation::start(|world| {
        add_source(world, &settings, "listen = {}\npoll = { every_s = 1 }");
        agree(world, GATE, "\"active\"", "\"suspended\"");
    })
    .await;
    for way in ["subscribe", "poll"] {
        eventually(way, async || {
            (!refusals(&installation, way).is_empty()).then_some(())
        })
        .await;
        assert_eq!(refusals(&installation, way), ["agreement_not_active"]);
    }
    // Longer than two polls would take.
    tokio::time::timeout(Duration::from_millis(2_500), async {
        eventually("a request", async || {
            (!recorder.requests().is_empty()).then_some(())
        })
        .await;
    })
    .await
    .unwrap_err();
    assert_eq!(refusals(&installation, "poll").len(), 1);
}

#[tokio::test]
async fn a_broker_inside_is_not_connected_to_unless_that_is_allowed() {
    let broker = Broker::start().unwrap();
    let port = broker.address().port();
    let installation = Installation::start(|world| {
        let settings = format!("broker = \"mqtt://localhost:{port}\"");
        add_source(world, &settings, "listen = {}");
    })
    .await;
    let agreement = format!("agreement = \"agreements/{GATE}.toml\"\n");
    let allowed = read(&installation.world.config());
    let refused = allowed.replace(
        &format!("{agreement}allow_private_addresses = true\n"),
        &agreement,
    );
    assert_ne!(refused, allowed);
    let folder = installation.world.folder();
    fs::write(folder.join("refused.toml"), refused).unwrap();
    for command in [&["serve"][..], &["config", "check"]] {
        let args = [command, &["--config", "refused.toml"]].concat();
        let output = installation.turnpike("operator", &args).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert!(
            told.contains("allow_private_addresses`: is required"),
            "{told}"
        );
    }
}
