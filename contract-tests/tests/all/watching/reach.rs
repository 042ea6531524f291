//! How a person is reached: mail over a real server, a browser over a push service, hours of rest, and somebody else in time.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree},
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Salt},
};
use axum::{Router, body::Bytes, extract::State, routing::any};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use turnpike_contract_tests::{
    sim::{
        server::Server,
        servers::mail::{Letter, MailServer, PASSWORD, USER},
    },
    world::World,
};

use super::{Watch, allow_alerts, group};
use crate::installation::{client, configure, eventually};

/// With whom the owner's list is shared.
const COLLEAGUE: &str = "sam.okafor";

fn mail(server: &MailServer) -> impl FnOnce(&World) + use<> {
    let port = server.port();
    move |world| {
        allow_alerts(world);
        let table = format!(
            "[mail]\nserver = \"127.0.0.1:{port}\"\ntls = \"none\"\nfrom = \"turnpike@brookdale.invalid\"\ndomains = [\"brookdale.invalid\"]"
        );
        configure(world, &table);
    }
}

async fn call(watch: &Watch, method: &str, path: &str, body: Value) -> (u16, Value) {
    let token = watch.embedded.world.tokens.investigator.clone();
    call_as(watch, &token, method, path, body).await
}

async fn call_as(
    watch: &Watch,
    token: &str,
    method: &str,
    path: &str,
    body: Value,
) -> (u16, Value) {
    let address = format!("http://{}{path}", watch.embedded.running.address);
    let method = method.parse::<http::Method>().unwrap();
    let mut request = client().request(method, address).bearer_auth(token);
    if !body.is_null() {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// Makes a channel; its path.
async fn channel(watch: &Watch, new: Value) -> String {
    let (status, made) = call(watch, "POST", "/v1/channels", new).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(made.get("secret"), None, "only a webhook has one");
    format!("/v1/channels/{}", made["channel"]["id"].as_str().unwrap())
}

async fn letters(server: &MailServer, count: usize) -> Vec<Letter> {
    eventually("mail", async || {
        let letters = server.letters().unwrap();
        (letters.len() >= count).then_some(letters)
    })
    .await
}

/// The code in a letter: the last word of the command it says to give.
fn code(letter: &Letter) -> String {
    let mut lines = letter.text.lines();
    let line = lines.find(|line| line.contains("turnpike channel confirm"));
    line.unwrap().split(' ').next_back().unwrap().to_owned()
}

/// A channel of mail that is told.
async fn confirmed(watch: &Watch, server: &MailServer) -> String {
    let url = json!({ "url": "mailto:ines.moreau@brookdale.invalid" });
    let path = channel(watch, url).await;
    let code = code(&letters(server, 1).await[0]);
    let confirm = format!("{path}/confirm");
    let (status, channel) = call(watch, "POST", &confirm, json!({ "code": code })).await;
    assert_eq!(
        (status, channel.get("unconfirmed")),
        (200, None),
        "{channel}"
    );
    path
}

/// Waits until the latest delivery of this kind was answered so.
async fn answered(watch: &Watch, path: &str, kind: &str, answer: &str) {
    eventually(answer, async || {
        let (_, list) = call(watch, "GET", &format!("{path}/deliveries"), Value::Null).await;
        let first = &list["deliveries"][0];
        let said = first["answer"].as_str().filter(|_| first["kind"] == kind)?;
        said.starts_with(answer).then_some(())
    })
    .await;
}

#[tokio::test]
async fn mail_tells_that_there_is_something_and_neither_plate_nor_place() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path()).unwrap();
    let mut watch = Watch::start(mail(&server)).await;
    watch.want("TPX0701", None).await;
    let path = channel(
        &watch,
        json!({ "url": "mailto:ines.moreau@brookdale.invalid" }),
    )
    .await;
    let first = letters(&server, 1).await.remove(0);
    assert_eq!(first.header("Subject"), "Confirm this address");
    // Whoever has not shown that the address is theirs is told nothing there.
    watch.push(&group(watch.embedded.now(), "TPX0701")).await;
    watch.told(1).await;
    let confirm = format!("{path}/confirm");
    let (status, wrong) = call(&watch, "POST", &confirm, json!({ "code": "ZZZZZZZZ" })).await;
    assert_eq!((status, &wrong["field"]), (422, &json!("code")), "{wrong}");
    let code = json!({ "code": code(&first).to_lowercase() });
    assert_eq!(call(&watch, "POST", &confirm, code).await.0, 200);
    // Only the right code is on record as one that showed it.
    let ledger = crate::installation::entries(&watch.embedded.world);
    let changes = crate::installation::of_kind(&ledger, "admin").into_iter();
    let shown = changes.filter(|entry| entry["body"]["facts"]["change"] == "confirmed");
    assert_eq!(shown.count(), 1);
    watch.want("TPX0702", None).await;
    // Refused for now, for good, and taken: one mail, under one name.
    server.plan(&["451 later", "550 no"]).unwrap();
    watch.push(&group(watch.embedded.now(), "TPX0702")).await;
    answered(&watch, &path, "hit", "the mail server refused it with 451").await;
    watch.embedded.clock.advance(SignedDuration::from_secs(6));
    answered(&watch, &path, "hit", "the mail server refused it with 550").await;
    watch.embedded.clock.advance(SignedDuration::from_secs(40));
    let letter = letters(&server, 2).await.remove(1);
    let hit = watch.told(2).await.remove(0);
    assert_eq!(letter.to, ["ines.moreau@brookdale.invalid"]);
    assert_eq!(letter.from, "turnpike@brookdale.invalid");
    assert_eq!(letter.header("Subject"), "Possible match");
    assert_eq!(
        letter.header("Message-ID"),
        format!("<{}@brookdale.invalid>", hit.id)
    );
    assert_eq!(letter.header("Auto-Submitted"), "auto-generated");
    let words: Vec<&str> = letter.text.split_whitespace().collect();
    let says = "confirm plate, issuer and vehicle against the image before acting.";
    assert!(words.join(" ").contains(says), "{}", letter.text);
    assert!(
        letter
            .text
            .contains(&format!("turnpike hits show {}", hit.id))
    );
    let written = format!("{:?}{}", letter.headers, letter.text);
    for kept in [
        "TPX0702",
        "Stolen this week",
        "BRK-2026",
        "main-street",
        "camera",
    ] {
        assert!(!written.contains(kept), "{kept}: {written}");
    }
    assert!(
        letter.text.lines().all(|line| line.chars().count() <= 80),
        "{}",
        letter.text
    );
    watch.embedded.running.stop().await;
}

#[tokio::test]
async fn mail_shows_reads_over_tls_where_the_operator_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::strict(folder.path()).unwrap();
    let (port, files) = (server.port(), folder.path().display().to_string());
    let password: PathBuf = folder.path().join("password");
    std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    let settings = move |world: &World| {
        allow_alerts(world);
        let table = format!(
            "[mail]\nserver = \"localhost:{port}\"\nca_file = \"{files}/ca.pem\"\nuser = \"{USER}\"\npassword_file = \"{files}/password\"\n\
             from = \"turnpike@brookdale.invalid\"\ndomains = [\"brookdale.invalid\"]\nshow_reads = true"
        );
        configure(world, &table);
        configure(
            world,
            "[alerts]\nlink = \"https://desk.brookdale.invalid/hits/{hit}\"",
        );
    };
    let mut watch = Watch::start(settings).await;
    watch.want("TPX0711", None).await;
    confirmed(&watch, &server).await;
    watch.push(&group(watch.embedded.now(), "TPX0711")).await;
    let letter = letters(&server, 2).await.remove(1);
    assert!(letter.encrypted && letter.signed_in);
    let hit = watch.told(1).await.remove(0);
    for shown in [
        "TPX0711",
        "Stolen this week",
        "BRK-2026-000042",
        "main-street-cameras",
    ] {
        assert!(letter.text.contains(shown), "{shown}: {}", letter.text);
    }
    let link = format!("https://desk.brookdale.invalid/hits/{}", hit.id);
    assert!(letter.text.contains(&link), "{}", letter.text);
    assert!(!letter.header("Subject").contains("TPX0711"));
    watch.embedded.running.stop().await;
}

#[tokio::test]
async fn a_server_whose_certificate_nobody_vouches_for_is_sent_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::strict(folder.path()).unwrap();
    let port = server.port();
    let settings = move |world: &World| {
        allow_alerts(world);
        let table = format!(
            "[mail]\nserver = \"localhost:{port}\"\nfrom = \"turnpike@brookdale.invalid\"\ndomains = [\"brookdale.invalid\"]"
        );
        configure(world, &table);
    };
    let watch = Watch::start(settings).await;
    let url = json!({ "url": "mailto:ines.moreau@brookdale.invalid" });
    let path = channel(&watch, url).await;
    let untrusted = "the mail server has no certificate that is trusted";
    answered(&watch, &path, "confirm", untrusted).await;
    assert_eq!(server.letters().unwrap(), []);
    watch.embedded.running.stop().await;
}

#[tokio::test]
async fn mail_goes_to_one_plain_address_of_a_known_domain() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path()).unwrap();
    let watch = Watch::start(mail(&server)).await;
    for url in [
        "mailto:ines.moreau@elsewhere.invalid",
        "mailto:ines.moreau@brookdale.invalid.elsewhere.invalid",
        "mailto:a@brookdale.invalid,b@elsewhere.invalid",
        "mailto:a@brookdale.invalid?cc=b@elsewhere.invalid",
        "mailto:a%0d%0aBcc:b@brookdale.invalid",
        "mailto:",
        "mailto:@brookdale.invalid",
    ] {
        let (status, said) = call(&watch, "POST", "/v1/channels", json!({ "url": url })).await;
        assert_eq!(
            (status, &said["field"]),
            (422, &json!("url")),
            "{url}: {said}"
        );
    }
    let (status, said) = call(
        &watch,
        "POST",
        "/v1/channels",
        json!({ "url": "https://push.invalid/", "keys": { "p256dh": "", "auth": "" } }),
    )
    .await;
    assert_eq!(status, 422, "{said}");
    assert!(
        said["detail"]
            .as_str()
            .unwrap()
            .contains("web push is not set up"),
        "{said}"
    );
    assert_eq!(server.letters().unwrap(), []);
    watch.embedded.running.stop().await;
}

#[tokio::test]
async fn a_night_is_quiet_and_its_morning_tells_how_much_there_was() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::start(folder.path()).unwrap();
    let mut watch = Watch::start(mail(&server)).await;
    let path = confirmed(&watch, &server).await;
    let settings = format!("{path}/settings");
    let now = watch.embedded.now();
    let hours = |ahead: i64| {
        let then = now + SignedDuration::from_hours(ahead);
        then.strftime("%H:%M").to_string()
    };
    let quiet = json!({ "quiet": { "from": hours(-1), "to": hours(2), "zone": "UTC" } });
    let (status, set) = call(&watch, "PUT", &settings, quiet.clone()).await;
    assert_eq!((status, &set["settings"]), (200, &quiet));
    for plate in ["TPX0721", "TPX0722"] {
        watch.want(plate, None).await;
        watch.push(&group(watch.embedded.now(), plate)).await;
    }
    watch.told(2).await;
    let waits = eventually("both wait together", async || {
        let (_, list) = call(&watch, "GET", &format!("{path}/deliveries"), Value::Null).await;
        let first = list["deliveries"][0].clone();
        (first["events"] == 2).then_some(first)
    })
    .await;
    assert_eq!(
        (&waits["kind"], &waits["state"]),
        (&json!("digest"), &json!("waiting"))
    );
    assert_eq!(server.letters().unwrap().len(), 1, "only the code");
    watch.embedded.clock.advance(SignedDuration::from_hours(3));
    let letter = letters(&server, 2).await.remove(1);
    assert_eq!(letter.header("Subject"), "2 events on your alert lists");
    let wrong = json!({ "quiet": { "from": "22:00", "to": "06:00", "zone": "Brookdale" } });
    let (status, said) = call(&watch, "PUT", &settings, wrong).await;
    assert_eq!(
        (status, &said["field"]),
        (422, &json!("settings.quiet.zone")),
        "{said}"
    );
    watch.embedded.running.stop().await;
}

/// A push service: takes what it cannot read.
#[derive(Clone, Default)]
struct Service {
    messages: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    is_gone: Arc<Mutex<bool>>,
}

async fn take(State(service): State<Service>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if *service.is_gone.lock().unwrap() {
        return StatusCode::NOT_FOUND;
    }
    service.messages.lock().unwrap().push((headers, body));
    StatusCode::CREATED
}

/// So many bytes out of a key derivation.
struct Bytes16(usize);

impl KeyType for Bytes16 {
    fn len(&self) -> usize {
        self.0
    }
}

fn derived(salt: &[u8], key: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    let extracted = Salt::new(HKDF_SHA256, salt).extract(key);
    let info = [info];
    let expanded = extracted.expand(&info, Bytes16(length)).unwrap();
    expanded.fill(&mut out).unwrap();
    out
}

/// What a browser reads: RFC 8188 and RFC 8291 by hand, with nothing of what encrypts.
fn read(sealed: &[u8], browser: &PrivateKey, auth: &[u8]) -> Value {
    let (salt, rest) = sealed.split_at(16);
    let (key_length, rest) = (usize::from(rest[4]), &rest[5..]);
    let (sender, sealed) = rest.split_at(key_length);
    let public = browser.compute_public_key().unwrap();
    let peer = UnparsedPublicKey::new(&ECDH_P256, sender);
    let shared = agree(browser, peer, Unspecified, |shared| Ok(shared.to_vec())).unwrap();
    let info = [b"WebPush: info\0", public.as_ref(), sender].concat();
    let secret = derived(auth, &shared, &info, 32);
    let key = derived(salt, &secret, b"Content-Encoding: aes128gcm\0", 16);
    let nonce = derived(salt, &secret, b"Content-Encoding: nonce\0", 12);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
    let mut text = sealed.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(&nonce).unwrap();
    let opened = key.open_in_place(nonce, Aad::empty(), &mut text).unwrap();
    let end = opened.iter().rposition(|byte| *byte != 0).unwrap();
    assert_eq!(opened[end], 2, "the last record");
    serde_json::from_slice(&opened[..end]).unwrap()
}

#[tokio::test]
async fn a_browser_is_told_what_nobody_on_the_way_can_read() {
    let service = Service::default();
    let router = Router::new()
        .fallback(any(take))
        .with_state(service.clone());
    let server = Server::start(router).await.unwrap();
    let settings = |world: &World| {
        allow_alerts(world);
        configure(
            world,
            "[web_push]\ncontact = \"mailto:desk@brookdale.invalid\"",
        );
        configure(
            world,
            "[webhooks]\nallow_private_addresses = true\nallow_http = true",
        );
        configure(
            world,
            "[alerts]\nlink = \"https://desk.brookdale.invalid/hits/{hit}\"",
        );
    };
    let mut watch = Watch::start(settings).await;
    let (browser, auth) = (PrivateKey::generate(&ECDH_P256).unwrap(), [5_u8; 16]);
    let keys = json!({
        "p256dh": URL_SAFE_NO_PAD.encode(browser.compute_public_key().unwrap().as_ref()),
        "auth": URL_SAFE_NO_PAD.encode(auth),
    });
    let endpoint = format!("{}/send/abc", server.origin());
    let path = channel(&watch, json!({ "url": endpoint, "keys": keys })).await;
    let (_, before) = call(&watch, "GET", "/v1/push-key", Value::Null).await;
    watch.want("TPX0731", None).await;
    watch.push(&group(watch.embedded.now(), "TPX0731")).await;
    let (headers, body) = eventually("a message", async || {
        service.messages.lock().unwrap().first().cloned()
    })
    .await;
    let hit = watch.told(1).await.remove(0);
    let message = read(&body, &browser, &auth);
    assert_eq!(message["web_push"], 8030);
    let shown = &message["notification"];
    assert_eq!(shown["title"], "Possible match");
    assert_eq!(
        shown["navigate"],
        format!("https://desk.brookdale.invalid/hits/{}", hit.id)
    );
    for kept in ["TPX0731", "Stolen this week", "BRK-2026", "main-street"] {
        assert!(!message.to_string().contains(kept), "{kept}: {message}");
    }
    assert_eq!(headers["content-encoding"], "aes128gcm");
    assert_eq!(
        (&headers["urgency"], &headers["ttl"]),
        (&"high".parse().unwrap(), &"86400".parse().unwrap())
    );
    let sender = headers["authorization"].to_str().unwrap();
    let key = before["key"].as_str().unwrap();
    assert!(
        sender.starts_with("vapid t=") && sender.ends_with(&format!(", k={key}")),
        "{sender}"
    );
    // The same key after a restart: browsers would have to subscribe again.
    watch.embedded = watch.embedded.restarted().await;
    let (_, after) = call(&watch, "GET", "/v1/push-key", Value::Null).await;
    assert_eq!(before, after);
    *service.is_gone.lock().unwrap() = true;
    call(&watch, "POST", &format!("{path}/test"), Value::Null).await;
    eventually("a browser that has gone is told nothing", async || {
        let (_, list) = call(&watch, "GET", "/v1/channels", Value::Null).await;
        (list["channels"][0]["disabled_why"] == "gone").then_some(())
    })
    .await;
    watch.embedded.running.stop().await;
}

fn colleague(watch: &Watch) -> String {
    watch
        .embedded
        .world
        .tokens
        .of("supervisor")
        .unwrap()
        .to_owned()
}

async fn escalate(watch: &Watch, to: &str) -> (u16, Value) {
    let body = json!({ "escalation": { "to": to, "after_s": 900 } });
    call(watch, "PUT", "/v1/escalation", body).await
}

#[tokio::test]
async fn a_second_person_is_told_of_what_the_owner_has_not_seen_and_of_nothing_else() {
    let mut watch = Watch::with(allow_alerts, |list| {
        list.shared.insert(COLLEAGUE.to_owned());
    })
    .await;
    let token = colleague(&watch);
    for nobody in ["ines.moreau", "nobody.known", "ola.brandt"] {
        let (status, said) = escalate(&watch, nobody).await;
        assert_eq!(
            (status, &said["field"]),
            (422, &json!("escalation.to")),
            "{nobody}: {said}"
        );
    }
    assert_eq!(escalate(&watch, COLLEAGUE).await.0, 200);
    let (_, set) = call(&watch, "GET", "/v1/escalation", Value::Null).await;
    assert_eq!(set["escalation"]["to"], COLLEAGUE);
    for plate in ["TPX0741", "TPX0742"] {
        watch.want(plate, None).await;
        watch.push(&group(watch.embedded.now(), plate)).await;
    }
    let hits = watch.told(2).await;
    let (unseen, seen) = (hits[0].id.to_string(), hits[1].id.to_string());
    let (status, shown) = call(&watch, "GET", &format!("/v1/hits/{seen}"), Value::Null).await;
    assert_eq!(status, 200, "{shown}");
    let of_theirs = async |hit: &str| {
        let path = format!("/v1/hits/{hit}");
        call_as(&watch, &token, "GET", &path, Value::Null).await
    };
    assert_eq!(of_theirs(&unseen).await.0, 404, "it is not time");
    watch.embedded.clock.advance(SignedDuration::from_mins(16));
    let theirs = eventually("the second person is told", async || {
        let (status, shown) = of_theirs(&unseen).await;
        (status == 200).then_some(shown)
    })
    .await;
    let notice = &theirs["notice"];
    assert_eq!(notice["wanted"], "TPX0742");
    assert!(
        notice["notice"]
            .as_str()
            .unwrap()
            .starts_with("Possible match: confirm")
    );
    assert_ne!(notice["told_at"], json!(hits[0].told_at.to_string()));
    assert_eq!(of_theirs(&seen).await.0, 404);
    let (_, page) = call_as(&watch, &token, "GET", "/v1/hits", Value::Null).await;
    assert_eq!(page["hits"].as_array().unwrap().len(), 1);
    // It is decided for them, and on record as theirs.
    let recorded = watch.recorded();
    let decisions = recorded.iter().filter(|(kind, _)| kind == "decision");
    assert_eq!(decisions.count(), 3);
    // What they find is what was found, and the owner learns it.
    let review = json!({ "state": "wrong_plate", "image": "differs", "vehicle": "not_looked_at" });
    let path = format!("/v1/hits/{unseen}/review");
    let (status, said) = call_as(&watch, &token, "POST", &path, review).await;
    assert_eq!(status, 200, "{said}");
    let (_, owners) = call(&watch, "GET", &format!("/v1/hits/{unseen}"), Value::Null).await;
    assert_eq!(owners["review"]["by"], COLLEAGUE);
    // Nobody any more.
    let (status, _) = call(&watch, "PUT", "/v1/escalation", json!({})).await;
    assert_eq!(status, 200);
    watch.embedded.running.stop().await;
}

#[tokio::test]
async fn nobody_is_told_in_the_owners_place_of_a_list_that_is_not_shared_with_them() {
    let mut watch = Watch::start(allow_alerts).await;
    let token = colleague(&watch);
    assert_eq!(escalate(&watch, COLLEAGUE).await.0, 200);
    watch.want("TPX0751", None).await;
    watch.push(&group(watch.embedded.now(), "TPX0751")).await;
    let hit = watch.told(1).await.remove(0);
    watch.embedded.clock.advance(SignedDuration::from_mins(16));
    let refused = eventually("the refusal is on record", async || {
        let entries = crate::installation::entries(&watch.embedded.world);
        let refusals = crate::installation::of_kind(&entries, "refused");
        let found = refusals
            .into_iter()
            .find(|entry| entry["body"]["detail"] == "not_shared");
        found.cloned()
    })
    .await;
    assert_eq!(refused["body"]["action"], "alert");
    let path = format!("/v1/hits/{}", hit.id);
    assert_eq!(
        call_as(&watch, &token, "GET", &path, Value::Null).await.0,
        404
    );
    watch.embedded.running.stop().await;
}
