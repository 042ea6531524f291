//! Owners' systems are told of hits: signed, in order, under one name however often, and never at an address that may not be.

use std::{
    collections::VecDeque,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use aws_lc_rs::hmac;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
    routing::any,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use turnpike_adapters::context::Clock as _;
use turnpike_contract_tests::{
    sim::server::Server,
    world::{Gateway, World, link_command},
};
use turnpike_gateway::{
    app,
    config::Config,
    watch::{Change, Opening, Told},
};
use turnpike_schemas::{
    hit::{HitId, passage::Sighting},
    read::{ReadId, SourceId},
};

use crate::installation::{Embedded, client, configure, entries, eventually};

const OWNER: &str = "ines.moreau";

/// What a receiver does with the next message; it takes every message once there is nothing left.
#[derive(Debug, Clone)]
enum Does {
    Status(u16),
    Redirect(String),
    Hang,
}

/// One message as it arrived.
#[derive(Debug, Clone)]
struct Message {
    id: String,
    signatures: Vec<String>,
    seconds: String,
    content_type: String,
    body: Bytes,
}

#[derive(Debug, Clone, Default)]
struct Desk {
    messages: Arc<Mutex<Vec<Message>>>,
    plan: Arc<Mutex<VecDeque<Does>>>,
}

/// A system that is told. It checks what it is told by the published scheme and by nothing of the gateway's.
struct Receiver {
    server: Server,
    desk: Desk,
}

async fn receive(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let signatures = text("webhook-signature");
    desk.messages.lock().unwrap().push(Message {
        id: text("webhook-id"),
        signatures: signatures.split(' ').map(ToOwned::to_owned).collect(),
        seconds: text("webhook-timestamp"),
        content_type: text("content-type"),
        body,
    });
    let next = desk.plan.lock().unwrap().pop_front();
    match next {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(Does::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Does::Redirect(to)) => {
            (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response()
        }
        Some(Does::Hang) => std::future::pending().await,
    }
}

impl Receiver {
    async fn start() -> Self {
        let desk = Desk::default();
        let router = Router::new()
            .fallback(any(receive))
            .with_state(desk.clone());
        let server = Server::start(router).await.unwrap();
        Self { server, desk }
    }

    fn does(&self, plan: impl IntoIterator<Item = Does>) {
        self.desk.plan.lock().unwrap().extend(plan);
    }

    fn url(&self) -> String {
        format!("{}/hook?a=b", self.server.origin())
    }

    fn all(&self) -> Vec<Message> {
        self.desk.messages.lock().unwrap().clone()
    }

    /// Every message once there are `count`.
    async fn messages(&self, count: usize) -> Vec<Message> {
        eventually("messages", async || {
            let all = self.all();
            (all.len() >= count).then_some(all)
        })
        .await
    }
}

impl Message {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// By hand: base64 of HMAC-SHA-256 over `id.timestamp.body`.
    fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap());
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key.unwrap());
        let mut signed = format!("{}.{}.", self.id, self.seconds).into_bytes();
        signed.extend_from_slice(&self.body);
        let expected = format!("v1,{}", STANDARD.encode(hmac::sign(&key, &signed)));
        self.signatures.contains(&expected)
    }
}

/// A gateway that tells addresses of this machine.
async fn gateway() -> Embedded {
    Embedded::start(development).await
}

fn development(world: &World) {
    configure(
        world,
        "[webhooks]\nallow_private_addresses = true\nallow_http = true",
    );
}

async fn call(gateway: &Embedded, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let request = gateway.request(&client(), method, path);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// A channel, as its path and its secret.
async fn channel(gateway: &Embedded, url: &str) -> (String, String) {
    let body = json!({ "url": url });
    let (status, made) = call(gateway, "POST", "/v1/channels", Some(body)).await;
    assert_eq!(status, 200, "{made}");
    let id = made["channel"]["id"].as_str().unwrap();
    (
        format!("/v1/channels/{id}"),
        made["secret"].as_str().unwrap().to_owned(),
    )
}

async fn deliveries(gateway: &Embedded, path: &str, query: &str) -> Vec<Value> {
    let path = format!("{path}/deliveries{query}");
    let (status, list) = call(gateway, "GET", &path, None).await;
    assert_eq!(status, 200, "{list}");
    list["deliveries"].as_array().unwrap().clone()
}

/// Waits until the latest delivery of a channel has this in its row.
async fn becomes(gateway: &Embedded, path: &str, field: &str, value: &str) -> Value {
    eventually(value, async || {
        let latest = deliveries(gateway, path, "").await.into_iter().next()?;
        (latest[field] == value).then_some(latest)
    })
    .await
}

fn hit(n: u32) -> (HitId, ReadId) {
    let source = SourceId::parse("main-street-cameras").unwrap();
    let read = ReadId::derive(&source, &format!("webhook-{n}"));
    (HitId::derive("7", &read), read)
}

/// Writes hits down and tells of them, as the matching does.
async fn hits(gateway: &Embedded, numbers: impl IntoIterator<Item = u32>) {
    hits_kept(gateway, numbers, SignedDuration::from_hours(24 * 30)).await;
}

async fn hits_kept(
    gateway: &Embedded,
    numbers: impl IntoIterator<Item = u32>,
    kept: SignedDuration,
) {
    let now = gateway.clock.now();
    let opening = |n: u32| {
        let (hit, read) = hit(n);
        Change::Open(Box::new(Opening {
            told: Told::of(&json!({ "notice": "Possible match", "n": n })).unwrap(),
            hit,
            read,
            entry: 7,
            list: "stolen".to_owned(),
            owner: OWNER.to_owned(),
            organisation: "brookdale-pd".to_owned(),
            source: SourceId::parse("main-street-cameras").unwrap(),
            told_at: now,
            keep_until: now + kept,
            seen: Sighting {
                at: now,
                source: SourceId::parse("main-street-cameras").unwrap(),
                camera: None,
                position: None,
            },
            intent: Some(1),
            outcome: Some(2),
        }))
    };
    let app = gateway.running.app();
    let changes = numbers.into_iter().map(opening).collect();
    let events = app.hits().apply(changes).await.unwrap();
    app.hub().publish(&events);
}

#[tokio::test]
async fn a_hit_is_told_in_order_signed_and_under_one_name_however_often_it_is_tried() {
    let (gateway, receiver) = (gateway().await, Receiver::start().await);
    hits(&gateway, [0]).await;
    let (path, secret) = channel(&gateway, &receiver.url()).await;
    receiver.does([Does::Status(500), Does::Redirect(receiver.url())]);
    hits(&gateway, [1, 2, 3]).await;
    becomes_tried(&gateway, &path, 1, "status 500").await;
    gateway.clock.advance(SignedDuration::from_secs(6));
    becomes_tried(&gateway, &path, 2, "redirected with status 307").await;
    assert_eq!(receiver.all().len(), 2, "a redirect is not followed");
    gateway.clock.advance(SignedDuration::from_secs(40));
    let messages = receiver.messages(5).await;
    let names: Vec<&str> = messages.iter().map(|message| &*message.id).collect();
    let [first, second, third] = [1, 2, 3].map(|n| hit(n).0.to_string());
    assert_eq!(names, [&first, &first, &first, &second, &third]);
    for message in &messages {
        assert!(message.is_signed_by(&secret));
        assert_eq!(message.content_type, "application/cloudevents+json");
    }
    assert_eq!(messages[0].body, messages[2].body);
    let event = messages[0].json();
    assert_eq!(event["type"], "org.turnpike.hit.v1");
    assert_eq!(
        (&event["id"], &event["subject"]),
        (&json!(first), &json!(first))
    );
    let data = &event["data"];
    assert_eq!(
        (&data["kind"], &data["state"]),
        (&json!("hit"), &json!("unconfirmed"))
    );
    assert_eq!(data["notice"]["n"], 1);
    let tampered = Message {
        body: Bytes::from_static(b"{}"),
        ..messages[0].clone()
    };
    assert!(!tampered.is_signed_by(&secret));
    becomes(&gateway, &path, "state", "delivered").await;
    gateway.running.stop().await;
}

/// Waits until the first of the deliveries that wait was tried so often, with this answer.
async fn becomes_tried(gateway: &Embedded, path: &str, attempts: u64, answer: &str) {
    eventually(answer, async || {
        let waiting = deliveries(gateway, path, "?state=waiting").await;
        let first = waiting.last()?;
        (first["attempts"] == attempts && first["answer"] == answer).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_is_down_for_a_day_gets_dead_letters_again_when_its_owner_says_so() {
    let (gateway, receiver) = (gateway().await, Receiver::start().await);
    let (path, secret) = channel(&gateway, &receiver.url()).await;
    receiver.does(vec![Does::Status(503); 13]);
    hits_kept(&gateway, [1], SignedDuration::from_hours(1)).await;
    for attempt in 1..=12 {
        becomes_tried(&gateway, &path, attempt, "status 503").await;
        // An attempt counts from its beginning; it is settled once the next one is later than now.
        let wait = eventually("the attempt is settled", async || {
            let waiting = deliveries(&gateway, &path, "?state=waiting").await;
            let next: jiff::Timestamp = waiting[0]["next_at"].as_str()?.parse().ok()?;
            let wait = next.duration_since(gateway.clock.now());
            wait.is_positive().then_some(wait)
        })
        .await;
        gateway.clock.advance(wait);
    }
    let dead = becomes(&gateway, &path, "state", "dead").await;
    assert_eq!(dead["attempts"], 13);
    let (status, replayed) = call(&gateway, "POST", &format!("{path}/replay"), None).await;
    assert_eq!((status, &replayed), (200, &json!({ "replayed": 1 })));
    let messages = receiver.messages(14).await;
    assert!(messages.iter().all(|message| message.id == messages[0].id));
    assert!(messages.iter().all(|message| message.is_signed_by(&secret)));
    assert!(messages[0].json()["data"].get("notice").is_some());
    let late = messages[13].json();
    assert_eq!(
        late["data"].get("notice"),
        None,
        "it may not be shown any more"
    );
    assert_eq!(late["data"]["hit"], messages[0].json()["data"]["hit"]);
    becomes(&gateway, &path, "state", "delivered").await;
    let ledger = entries(&gateway.world);
    let changes = changes(&ledger);
    assert_eq!(changes, ["made", "dead", "replayed"]);
    gateway.running.stop().await;
}

/// What is on record about channels.
fn changes(ledger: &[Value]) -> Vec<&str> {
    let bodies = ledger.iter().map(|entry| &entry["body"]);
    let of_channels = bodies.filter(|body| body["action"] == "channel_change");
    of_channels
        .map(|body| body["facts"]["change"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_nothing_and_what_hangs_is_cut_off() {
    let (gateway, gone) = (gateway().await, Receiver::start().await);
    let (path, _) = channel(&gateway, &gone.url()).await;
    let slow = Receiver::start().await;
    let (slow_path, _) = channel(&gateway, &slow.url()).await;
    gone.does([Does::Status(410)]);
    slow.does([Does::Hang]);
    hits(&gateway, [1]).await;
    becomes(&gateway, &path, "state", "dead").await;
    eventually("disabled", async || {
        let (_, list) = call(&gateway, "GET", "/v1/channels", None).await;
        (list["channels"][0]["disabled_why"] == "gone").then_some(())
    })
    .await;
    hits(&gateway, [2]).await;
    becomes_tried(&gateway, &slow_path, 1, "no complete answer in 15 s").await;
    gateway.clock.advance(SignedDuration::from_secs(6));
    let told = slow.messages(3).await;
    let [first, second] = [1, 2].map(|n| hit(n).0.to_string());
    assert_eq!(
        [&told[0].id, &told[1].id, &told[2].id],
        [&first, &first, &second]
    );
    assert_eq!(gone.all().len(), 1);
    // What came meanwhile is not lost.
    call(&gateway, "POST", &format!("{path}/replay"), None).await;
    let told = gone.messages(3).await;
    assert_eq!(
        [&told[0].id, &told[1].id, &told[2].id],
        [&first, &first, &second]
    );
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_restart_in_the_middle_loses_nothing_and_repeats_nothing_under_another_name() {
    let (mut gateway, receiver) = (gateway().await, Receiver::start().await);
    let (path, secret) = channel(&gateway, &receiver.url()).await;
    receiver.does([Does::Hang]);
    hits(&gateway, 1..=5).await;
    receiver.messages(1).await;
    for round in 1..=5 {
        gateway.running.stop().await;
        receiver.does([Does::Status(204), Does::Hang]);
        let config = Config::load(&gateway.world.config()).unwrap();
        let clock = Arc::clone(&gateway.clock);
        gateway.running = app::start(config, clock).await.unwrap();
        receiver.messages(1 + 2 * round).await;
        // Told while the gateway has it in hand.
        let next = 5 + u32::try_from(round).unwrap();
        hits(&gateway, [next]).await;
    }
    gateway.running.stop().await;
    let config = Config::load(&gateway.world.config()).unwrap();
    let clock = Arc::clone(&gateway.clock);
    gateway.running = app::start(config, clock).await.unwrap();
    becomes(&gateway, &path, "state", "delivered").await;
    let mut names: Vec<String> = receiver.all().into_iter().map(|one| one.id).collect();
    names.dedup();
    let expected: Vec<String> = (1..=10).map(|n| hit(n).0.to_string()).collect();
    assert_eq!(names, expected);
    assert!(receiver.all().iter().all(|one| one.is_signed_by(&secret)));
    gateway.running.stop().await;
}

#[tokio::test]
async fn kill_9_in_the_middle_loses_nothing_and_repeats_nothing_under_another_name() {
    let (gateway, receiver) = (gateway().await, Receiver::start().await);
    let (_, secret) = channel(&gateway, &receiver.url()).await;
    receiver.does([Does::Hang]);
    hits(&gateway, 1..=40).await;
    receiver.messages(1).await;
    let Embedded { world, running, .. } = gateway;
    running.stop().await;
    let program = Path::new(env!("CARGO_BIN_EXE_turnpike-demo"));
    let command = link_command(program, world.folder()).unwrap();
    for round in 0..10 {
        let before = receiver.all().len();
        // An attempt is under way, or its answer has only just been given.
        if round % 2 == 0 {
            receiver.does([Does::Status(204), Does::Status(204), Does::Hang]);
        }
        let started = Gateway::start(&command, &world.config()).await.unwrap();
        receiver.messages(before + 1 + round % 3).await;
        started.kill().await.unwrap();
        receiver.desk.plan.lock().unwrap().clear();
    }
    let last = Gateway::start(&command, &world.config()).await.unwrap();
    let expected: Vec<String> = (1..=40).map(|n| hit(n).0.to_string()).collect();
    let names = eventually("the last of them", async || {
        let all = receiver.all();
        assert!(all.iter().all(|one| one.is_signed_by(&secret)));
        let mut names: Vec<String> = all.into_iter().map(|one| one.id).collect();
        names.dedup();
        (names.last() == expected.last()).then_some(names)
    })
    .await;
    assert_eq!(names, expected);
    last.kill().await.unwrap();
}

#[tokio::test]
async fn a_test_tells_of_nothing_and_two_secrets_sign_for_a_day() {
    let (gateway, receiver) = (gateway().await, Receiver::start().await);
    let (path, old) = channel(&gateway, &receiver.url()).await;
    let (_, rotated) = call(&gateway, "POST", &format!("{path}/rotate"), None).await;
    let new = rotated["secret"].as_str().unwrap();
    let (status, sent) = call(&gateway, "POST", &format!("{path}/test"), None).await;
    assert_eq!((status, &sent["state"]), (200, &json!("waiting")));
    let first = receiver.messages(1).await.remove(0);
    assert!(first.is_signed_by(new) && first.is_signed_by(&old));
    assert_eq!(first.json()["type"], "org.turnpike.test.v1");
    assert_eq!(first.json()["data"], json!({ "kind": "test" }));
    gateway.clock.advance(SignedDuration::from_hours(25));
    call(&gateway, "POST", &format!("{path}/test"), None).await;
    let second = receiver.messages(2).await.remove(1);
    assert!(second.is_signed_by(new) && !second.is_signed_by(&old));
    let (status, _) = call(&gateway, "DELETE", &path, None).await;
    assert_eq!(status, 204);
    let (status, _) = call(&gateway, "GET", &format!("{path}/deliveries"), None).await;
    assert_eq!(status, 404);
    let ledger = entries(&gateway.world);
    assert_eq!(changes(&ledger), ["made", "rotated", "removed"]);
    let log = serde_json::to_string(&ledger).unwrap();
    assert!(!log.contains("whsec_"));
    gateway.running.stop().await;
}

/// Runs Python over a message, as JSON on standard input. Whether it took the message, and what it said.
fn python(program: &[&str], message: &Value) -> (bool, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join("target/verify-python/bin/python");
    assert!(
        python.exists(),
        "standardwebhooks is not installed: `./test.sh` does it"
    );
    let mut command = Command::new(python);
    command.args(program).current_dir(root);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let text = message.to_string();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), said.trim().to_owned())
}

#[tokio::test]
async fn the_reference_library_and_the_lines_of_the_page_take_a_message_and_no_altered_one() {
    let (gateway, receiver) = (gateway().await, Receiver::start().await);
    let (_, secret) = channel(&gateway, &receiver.url()).await;
    hits(&gateway, [1]).await;
    let sent = receiver.messages(1).await.remove(0);
    let message = |body: &str| {
        json!({
            "body": body,
            "headers": {
                "webhook-id": sent.id,
                "webhook-timestamp": sent.seconds,
                "webhook-signature": sent.signatures.join(" "),
            },
        })
    };
    let genuine = message(std::str::from_utf8(&sent.body).unwrap());
    let altered = message("{}");
    let library = ["docs/verify/webhooks/check.py", &*secret];
    let taken = (true, "org.turnpike.hit.v1".to_owned());
    assert_eq!(python(&library, &genuine), taken);
    assert!(!python(&library, &altered).0);

    let page = include_str!("../../../docs/webhooks.md");
    let lines = page.split("```python\n").nth(1).unwrap();
    let lines = lines.split("```").next().unwrap();
    let program = format!(
        "{lines}\nimport json, sys\nm = json.load(sys.stdin)\nprint(verified(sys.argv[1], m['headers'], m['body'].encode()))"
    );
    let page = ["-c", &*program, &*secret];
    assert_eq!(python(&page, &genuine), (true, "True".to_owned()));
    assert_eq!(python(&page, &altered), (true, "False".to_owned()));
    gateway.running.stop().await;
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_when_named_and_when_sent_to() {
    let receiver = Receiver::start().await;
    let gateway = Embedded::start(|_| {}).await;
    let port = receiver.server.address().port();
    for url in [
        receiver.url(),
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        "https://169.254.169.254/latest".to_owned(),
        "https://[::1]/".to_owned(),
        "ftp://hooks.invalid/".to_owned(),
    ] {
        let body = json!({ "url": url });
        let (status, problem) = call(&gateway, "POST", "/v1/channels", Some(body)).await;
        assert_eq!((status, &problem["field"]), (422, &json!("url")), "{url}");
    }
    let running = gateway.running;
    running.stop().await;

    // Made while the operator allowed it, sent to after that: refused at the moment of sending.
    let mut gateway = self::gateway().await;
    let (path, _) = channel(&gateway, &receiver.url()).await;
    let by_name = format!("http://localhost:{port}/");
    let (named, _) = channel(&gateway, &by_name).await;
    gateway.running.stop().await;
    let text = std::fs::read_to_string(gateway.world.config()).unwrap();
    let strict = text.replace("allow_private_addresses = true\nallow_http", "allow_http");
    std::fs::write(gateway.world.config(), strict).unwrap();
    let config = Config::load(&gateway.world.config()).unwrap();
    let clock = Arc::clone(&gateway.clock);
    gateway.running = app::start(config, clock).await.unwrap();
    hits(&gateway, [1]).await;
    for path in [path, named] {
        eventually("refused", async || {
            let waiting = deliveries(&gateway, &path, "?state=waiting").await;
            let answer = waiting.first()?["answer"].as_str()?;
            answer.contains("not public").then_some(())
        })
        .await;
    }
    assert!(receiver.all().is_empty());
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_storm_is_told_together_and_nothing_of_it_is_lost() {
    let (gateway, receiver) = (gateway().await, Receiver::start().await);
    let (path, secret) = channel(&gateway, &receiver.url()).await;
    for batch in 0..10 {
        hits(&gateway, batch * 1_000..batch * 1_000 + 1_000).await;
    }
    receiver.messages(60).await;
    gateway.clock.advance(SignedDuration::from_secs(61));
    let told = eventually("all", async || {
        let told = receiver.all();
        let counted = told.iter().map(|message| {
            let event = message.json();
            assert!(message.is_signed_by(&secret));
            event["data"]["count"].as_u64().unwrap_or(1)
        });
        (counted.sum::<u64>() >= 10_000).then_some(told)
    })
    .await;
    assert!(told.len() < 150, "{}", told.len());
    let digest = told.last().unwrap().json();
    assert_eq!(digest["type"], "org.turnpike.hits.digest.v1");
    assert_eq!(digest.get("subject"), None);
    let (first, last) = (&digest["data"]["first"], &digest["data"]["last"]);
    let span = last["seq"].as_u64().unwrap() - first["seq"].as_u64().unwrap() + 1;
    assert_eq!(Some(span), digest["data"]["count"].as_u64());
    becomes(&gateway, &path, "state", "delivered").await;
    gateway.running.stop().await;
}
