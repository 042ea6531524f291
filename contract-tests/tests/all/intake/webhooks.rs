//! Messages that prove themselves: by a signature, by a secret in a header; and the same message sent again.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use turnpike_contract_tests::sim::rekor::Group;
use turnpike_gateway::config::TokenHash;

use super::held;
use crate::installation::{Installation, edit, now, of_kind};

const CAMERAS: &str = "main-street-cameras";
const ROUTE: &str = "/v1/sources/main-street-cameras/reads";
const SECRET: &str = "an invented secret, long enough";

const SIGNED: &str = r#"{ hmac = { header = "webhook-signature", form = "list", prefix = "v1,", encoding = "base64", signed = "{id}.{timestamp}.{body}", id_header = "webhook-id", timestamp_header = "webhook-timestamp", tolerance_s = 60, secret = { file = "secrets/cameras" } } }"#;

/// An installation whose cameras push in another way.
async fn pushing(push: &str) -> Installation {
    let installation = Installation::start(|world| {
        std::fs::write(world.folder().join("secrets/cameras"), SECRET).unwrap();
        let hash = TokenHash::of(&world.tokens.cameras).to_hex();
        let written = format!("{{ token_sha256 = \"{hash}\" }}");
        let wanted = push.replace("TOKEN", &format!("token_sha256 = \"{hash}\""));
        edit(world, "turnpike.toml", &written, &wanted);
    });
    installation.await
}

/// Header and value.
type Headers<'a> = [(&'a str, String)];

async fn send(installation: &Installation, headers: &Headers<'_>, body: &str) -> (u16, Value) {
    let mut request = installation.request("POST", ROUTE, None);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request.header("content-type", "application/json");
    let response = request.body(body.to_owned()).send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

fn signed(id: &str, at: Timestamp, body: &str) -> [(&'static str, String); 3] {
    let at = at.as_second().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", at),
        ("webhook-signature", format!("v1,{}", STANDARD.encode(tag))),
    ]
}

fn read(minutes_ago: i64, plate: &str) -> String {
    let at = now() - SignedDuration::from_mins(minutes_ago);
    Group::read(2042, at, plate).json().to_string()
}

/// Details of the refusals on record.
fn details(installation: &Installation) -> Vec<Value> {
    let ledger = installation.ledger();
    let refused = of_kind(&ledger, "refused").into_iter();
    refused
        .map(|entry| entry["body"]["detail"].clone())
        .collect()
}

#[tokio::test]
async fn a_signed_message_is_taken_in_once_and_a_forged_or_late_one_never() {
    let installation = pushing(SIGNED).await;
    let body = read(5, "TPX0001");
    let first = signed("one", now(), &body);
    let (status, receipt) = send(&installation, &first, &body).await;
    assert_eq!((status, &receipt["stored"]), (200, &json!(1)), "{receipt}");
    let (status, again) = send(&installation, &first, &body).await;
    assert_eq!(
        (status, &again["stored"], &again["duplicates"]),
        (200, &json!(0), &json!(1)),
        "replayed"
    );
    let retried = signed("one", now() + SignedDuration::from_secs(2), &body);
    let (status, again) = send(&installation, &retried, &body).await;
    assert_eq!(
        (status, &again["duplicates"]),
        (200, &json!(1)),
        "sent again by its vendor"
    );
    assert_eq!(held(&installation, CAMERAS).await, 1);
    assert_eq!(details(&installation), Vec::<Value>::new());

    let forged = read(6, "TPX0002");
    let late = now() - SignedDuration::from_secs(120);
    let early = now() + SignedDuration::from_secs(120);
    let mut unsigned = signed("three", now(), &forged);
    unsigned[2].1 = "v1,".to_owned();
    let bearer = [(
        "authorization",
        format!("Bearer {}", installation.world.tokens.cameras),
    )];
    let cases: [(&Headers<'_>, &str); 6] = [
        (&first, "push_signature"),
        (&signed("two", late, &forged), "push_timestamp"),
        (&signed("two", early, &forged), "push_timestamp"),
        (&unsigned, "push_signature"),
        (&bearer, "push_signature"),
        (&[], "push_signature"),
    ];
    for (place, (headers, detail)) in cases.iter().enumerate() {
        let (status, problem) = send(&installation, headers, &forged).await;
        assert_eq!(
            (status, &problem["type"]),
            (401, &json!("/problems/unauthenticated")),
            "{detail}"
        );
        let told = details(&installation);
        assert_eq!((told.len(), &told[place]), (place + 1, &json!(detail)));
    }
    assert_eq!(held(&installation, CAMERAS).await, 1);
    let listed = installation.turnpike("operator", &["sources"]).await;
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains("messages in its name are refused, 6 so far"),
        "{listed}"
    );
    let (status, _) = send(&installation, &signed("four", now(), &forged), &forged).await;
    assert_eq!((status, held(&installation, CAMERAS).await), (200, 2));
    for entry in installation.ledger() {
        assert!(!entry.to_string().contains(SECRET));
    }
    assert!(!installation.log().contains(SECRET));
}

#[tokio::test]
async fn the_same_message_many_times_at_once_is_stored_once() {
    let installation = pushing(SIGNED).await;
    let body = read(5, "TPX0001");
    let headers = signed("one", now(), &body);
    let all = (0..8).map(|_| send(&installation, &headers, &body));
    let all = futures::future::join_all(all).await;
    let stored: u64 = all
        .iter()
        .map(|(_, receipt)| receipt["stored"].as_u64().unwrap_or(0))
        .sum();
    assert_eq!(stored, 1, "{all:?}");
    for (status, answer) in &all {
        let fine = *status == 200 || answer["type"] == "/problems/busy";
        assert!(fine, "{answer}");
    }
    assert_eq!(held(&installation, CAMERAS).await, 1);
}

#[tokio::test]
async fn a_secret_in_a_header_is_a_proof() {
    let push =
        r#"{ secret_header = { name = "X-Webhook-Key", secret = { file = "secrets/cameras" } } }"#;
    let installation = pushing(push).await;
    let body = read(5, "TPX0001");
    let right = [("x-webhook-key", SECRET.to_owned())];
    let (status, receipt) = send(&installation, &right, &body).await;
    assert_eq!((status, &receipt["stored"]), (200, &json!(1)), "{receipt}");
    let (_, again) = send(&installation, &right, &body).await;
    assert_eq!(again["duplicates"], 1, "the store knows it");
    for wrong in ["", "an invented secret", &SECRET.to_uppercase()] {
        let wrong = [("x-webhook-key", wrong.to_owned())];
        assert_eq!(send(&installation, &wrong, &body).await.0, 401);
    }
    assert_eq!(
        details(&installation),
        [json!("push"), json!("push"), json!("push")]
    );
}

#[tokio::test]
async fn a_named_message_is_answered_again_and_a_name_used_twice_loses_nothing() {
    let installation = pushing("{ TOKEN, idempotency_header = \"Idempotency-Key\" }").await;
    let token = format!("Bearer {}", installation.world.tokens.cameras);
    let named = |name: &str| {
        [
            ("authorization", token.clone()),
            ("idempotency-key", name.to_owned()),
        ]
    };
    let (one, two) = (read(5, "TPX0001"), read(6, "TPX0002"));
    for (name, body, stored) in [
        ("a", &one, 1),
        ("a", &one, 0),
        ("a", &two, 1),
        ("b", &one, 0),
    ] {
        let (status, receipt) = send(&installation, &named(name), body).await;
        assert_eq!(
            (status, &receipt["stored"]),
            (200, &json!(stored)),
            "{name}"
        );
    }
    assert_eq!(held(&installation, CAMERAS).await, 2);
}
