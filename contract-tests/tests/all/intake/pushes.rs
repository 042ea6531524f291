//! The camera engine's messages.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use turnpike_contract_tests::sim::{
    CANARY,
    rekor::{Group, Wrong, deep, heartbeat, oversized, test_message, vehicle_without_plate},
};

use super::{held, quarantined};
use crate::installation::{
    Installation, configure, files_under, now, of_kind, question_about, reads_of,
};

const CAMERAS: &str = "main-street-cameras";
const ROUTE: &str = "/v1/sources/main-street-cameras/reads";

async fn push(installation: &Installation, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let token = installation.world.tokens.cameras.clone();
    let request = installation.request("POST", ROUTE, Some(&token));
    let request = request
        .header("content-type", "application/json")
        .body(body);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or(Value::Null))
}

/// Pushes a message that is taken, and gives `[stored, duplicates, skipped, rejected]`.
async fn receipt(installation: &Installation, message: &Value) -> [u64; 4] {
    let (status, receipt) = push(installation, message.to_string()).await;
    assert_eq!(status, 200, "{receipt}");
    ["stored", "duplicates", "skipped", "rejected"].map(|count| receipt[count].as_u64().unwrap())
}

fn group(minutes_ago: i64, plate: &str) -> Group {
    Group::read(2042, now() - SignedDuration::from_mins(minutes_ago), plate)
}

async fn reads(installation: &Installation, plate: &str) -> Vec<Value> {
    let answer = installation.ask(&question_about(plate, 3)).await;
    reads_of(&answer, CAMERAS).into_iter().cloned().collect()
}

#[tokio::test]
async fn every_kind_of_message_is_taken_for_what_it_is() {
    let installation = Installation::start(|_| {}).await;
    let first = group(50, "TPX0001");
    assert_eq!(receipt(&installation, &first.json()).await, [1, 0, 0, 0]);
    assert_eq!(receipt(&installation, &first.json()).await, [0, 1, 0, 0]);

    let preview = group(40, "TPX0002").preview();
    assert_eq!(receipt(&installation, &preview.json()).await, [1, 0, 0, 0]);
    let last = preview.later("TPX0003", 97.0);
    let last = Group {
        is_preview: false,
        ..last
    };
    assert_eq!(receipt(&installation, &last.json()).await, [1, 0, 0, 0]);
    assert_eq!(
        reads(&installation, "TPX0002").await,
        Vec::<Value>::new(),
        "it was revised"
    );
    assert_eq!(reads(&installation, "TPX0003").await.len(), 1);
    assert_eq!(
        receipt(&installation, &preview.json()).await,
        [0, 1, 0, 0],
        "late is no step back"
    );
    assert_eq!(reads(&installation, "TPX0003").await.len(), 1);

    let alert = group(30, "TPX0004").alert("stolen");
    assert_eq!(receipt(&installation, &alert).await, [1, 0, 0, 0]);
    let untyped = group(20, "TPX0005").json_without_type();
    assert_eq!(receipt(&installation, &untyped).await, [1, 0, 0, 0]);
    let signed = group(10, "TPX0006").json_with_signature();
    assert_eq!(receipt(&installation, &signed).await, [1, 0, 0, 0]);
    for plate in ["TPX0001", "TPX0004", "TPX0005", "TPX0006"] {
        assert_eq!(reads(&installation, plate).await.len(), 1, "{plate}");
    }
    let platless = [
        heartbeat(now()),
        vehicle_without_plate(2042, now()),
        group(5, "").unread().json(),
        group(4, "TPX0007").frame(),
    ];
    for message in platless {
        assert_eq!(receipt(&installation, &message).await, [0, 0, 1, 0]);
    }
    let (status, _) = push(&installation, test_message().to_string()).await;
    assert_eq!(
        status, 200,
        "the vendor's test button is answered as it wants"
    );
    assert_eq!(held(&installation, CAMERAS).await, 5);
    for file in files_under(&installation.world.folder().join("data")) {
        let bytes = std::fs::read(&file).unwrap();
        let kept = bytes
            .windows(CANARY.len())
            .any(|window| window == CANARY.as_bytes());
        assert!(!kept, "{}", file.display());
    }
}

#[tokio::test]
async fn a_message_with_a_fault_is_answered_and_set_aside_by_field_and_rule() {
    let installation =
        Installation::start(|world| configure(world, "[http]\nmax_push_mb = 1")).await;
    let (mut set_aside, mut taken) = (0, 0);
    for (minute, wrong) in (1..).zip(Wrong::ALL) {
        let message = wrong.json(&group(minute, "TPX0009"));
        let [stored, _, skipped, rejected] = receipt(&installation, &message).await;
        assert_eq!(stored + skipped + rejected, 1, "{wrong:?}");
        set_aside += rejected;
        taken += stored;
    }
    assert!(set_aside >= 8, "{set_aside}");
    assert_eq!(held(&installation, CAMERAS).await, taken);
    for body in ["", "{", "[]", "TPX0009", "\u{0}"] {
        let (status, answer) = push(&installation, body).await;
        assert_eq!(
            (status, &answer["rejected"]),
            (200, &json!(1)),
            "the agent would send {body:?} for ever"
        );
        set_aside += 1;
    }
    let (status, answer) = push(&installation, b"\xff\xfe{".to_vec()).await;
    assert_eq!((status, &answer["rejected"]), (200, &json!(1)));
    let nested = deep(&group(30, "TPX0009"), 100_000);
    let (status, _) = push(&installation, nested).await;
    assert_eq!(status, 200);
    let future = Group::read(2042, now() + SignedDuration::from_hours(30), "TPX0009");
    assert_eq!(receipt(&installation, &future.json()).await, [0, 0, 0, 1]);
    let large = oversized(&group(31, "TPX0009"), 2 << 20);
    let (status, answer) = push(&installation, large.to_string()).await;
    assert_eq!(
        (status, &answer["type"]),
        (413, &json!("/problems/too_large"))
    );

    let ledger = installation.ledger();
    let entry = of_kind(&ledger, "ingest").pop().unwrap();
    assert_eq!(entry["body"]["refused"], "too_large");

    let rules = quarantined(&installation, CAMERAS);
    assert!(
        rules.values().sum::<usize>() as u64 >= set_aside,
        "{rules:?}"
    );
    assert!(
        rules.keys().any(|rule| rule.starts_with("captured_at: ")),
        "{rules:?}"
    );
    let sources = installation
        .gateway
        .get(installation.token("operator"), "/v1/sources")
        .await;
    let (_, sources) = sources.unwrap();
    let cameras = &sources["sources"][2];
    assert_eq!(cameras["rejected"], rules.values().sum::<usize>());
    let good = group(60, "TPX0010").json();
    assert_eq!(
        receipt(&installation, &good).await,
        [1, 0, 0, 0],
        "it still takes"
    );
}

#[tokio::test]
async fn only_the_source_itself_may_push_and_only_under_an_agreement() {
    let installation = Installation::start(|world| {
        configure(world, "[limits]\npushes_per_second = 3");
    })
    .await;
    let world = &installation.world;
    let message = group(5, "TPX0001").json().to_string();
    let tokens = [
        None,
        Some("wrong"),
        world.tokens.of("investigator"),
        world.tokens.of("integrator"),
    ];
    for token in tokens {
        let before = of_kind(&installation.ledger(), "refused").len();
        let request = installation
            .request("POST", ROUTE, token)
            .body(message.clone());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(of_kind(&installation.ledger(), "refused").len(), before + 1);
    }
    let elsewhere = "/v1/sources/state-tolls/reads";
    let request = installation.request("POST", elsewhere, Some(&world.tokens.cameras));
    assert_eq!(
        request.body(message.clone()).send().await.unwrap().status(),
        401
    );
    let asked = installation
        .gateway
        .ask(&world.tokens.cameras, &question_about("TPX0001", 3))
        .await;
    assert_eq!(asked.unwrap().0, 401, "a source's token is no user's");
    assert_eq!(held(&installation, CAMERAS).await, 0);
    let basic = installation.request("POST", ROUTE, None);
    let basic = basic
        .basic_auth("agent", Some(&world.tokens.cameras))
        .body(message);
    assert_eq!(basic.send().await.unwrap().status(), 200);
    assert_eq!(held(&installation, CAMERAS).await, 1);

    let burst = (0..12).map(|_| push(&installation, heartbeat(now()).to_string()));
    let burst = futures::future::join_all(burst).await;
    let busy = burst.iter().find(|(status, _)| *status == 503);
    let (_, problem) = busy.expect("more than 3 a second are sent back");
    assert_eq!(problem["type"], "/problems/busy");
    let sent_back = burst.iter().filter(|(status, _)| *status == 503).count() as u64;
    assert_eq!(counted(&installation, "pushes_per_second"), sent_back);
}

/// Messages of the cameras that were sent back for this reason, as recorded.
fn counted(installation: &Installation, limit: &str) -> u64 {
    let ledger = installation.ledger();
    let refused = of_kind(&ledger, "refused").into_iter();
    let of_cameras = refused.filter(|entry| entry["body"]["source"] == CAMERAS);
    let counts = of_cameras.map(|entry| entry["body"]["counts"][limit].as_u64().unwrap_or(0));
    counts.sum()
}

#[tokio::test]
async fn a_message_still_on_its_way_has_its_place_already() {
    let installation = Installation::start(|world| {
        configure(
            world,
            "[limits]\npushes_in_flight = 1\n[http]\nbody_timeout_ms = 60000",
        );
    })
    .await;
    let address = installation.gateway.address().replace("http://", "");
    let body = heartbeat(now()).to_string();
    let head = format!(
        "POST {ROUTE} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        installation.world.tokens.cameras,
        body.len()
    );
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    // The gateway asks for the body once the message has its place.
    let mut asked = [0; 12];
    slow.read_exact(&mut asked).await.unwrap();
    assert_eq!(asked, *b"HTTP/1.1 100");
    let (status, problem) = push(&installation, body.clone()).await;
    assert_eq!((status, &problem["type"]), (503, &json!("/problems/busy")));
    assert_eq!(counted(&installation, "pushes_in_flight"), 1);
    slow.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(push(&installation, body).await.0, 200);
}

#[tokio::test]
async fn an_agreement_that_ended_takes_nothing_in_and_says_so_on_record() {
    let installation = Installation::start(|world| {
        for source in [CAMERAS, "state-tolls"] {
            crate::installation::agree(world, source, "\"active\"", "\"suspended\"");
        }
    })
    .await;
    let (status, problem) = push(&installation, group(5, "TPX0001").json().to_string()).await;
    assert_eq!(
        (status, &problem["type"]),
        (403, &json!("/problems/refused"))
    );
    let ledger = installation.ledger();
    let entry = of_kind(&ledger, "ingest").pop().unwrap();
    assert_eq!(entry["body"]["refused"], "agreement_not_active");
    assert_eq!(held(&installation, CAMERAS).await, 0);
}
