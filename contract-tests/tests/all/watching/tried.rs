//! What a list would have matched: asked as its owner could ask, told to nobody.

use jiff::SignedDuration;
use serde_json::{Value, json};
use turnpike_contract_tests::world::World;

use super::{CAMERAS, allow_alerts, group};
use crate::installation::{Installation, now, of_kind};

async fn post(installation: &Installation, path: &str, body: &Value) -> Value {
    let token = installation.token("investigator");
    let request = installation.request("POST", path, Some(token)).json(body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.unwrap()
}

async fn push(installation: &Installation, plate: &str, hours_ago: i64) {
    let path = format!("/v1/sources/{CAMERAS}/reads");
    let token = installation.world.tokens.cameras.clone();
    let at = now() - SignedDuration::from_hours(hours_ago);
    let request = installation.request("POST", &path, Some(&token));
    let sent = request.json(&group(at, plate).json()).send().await;
    assert_eq!(sent.unwrap().status(), 200);
}

/// A list with two plates, a pattern and one that has not been agreed to: there is none.
async fn wanted(installation: &Installation) -> String {
    let list = json!({
        "name": "Stolen this week", "purpose": "stolen_vehicle", "case_reference": "BRK-2026-000042",
        "on_behalf_of": "self", "legal_basis": "Vehicle Code 4.2", "look_alike": true,
    });
    let made = post(installation, "/v1/alert-lists", &list).await;
    let list = made["id"].as_str().unwrap().to_owned();
    let ends = (now() + SignedDuration::from_hours(48)).to_string();
    let entry =
        |plate: &str| json!({ "plate": plate, "reason": "stolen_vehicle", "expires_at": ends });
    let entries = json!({ "entries": [entry("TPX0801"), entry("TPX0B02"), entry("TPX?803")] });
    post(
        installation,
        &format!("/v1/alert-lists/{list}/entries"),
        &entries,
    )
    .await;
    list
}

fn alerts(world: &World) {
    allow_alerts(world);
}

#[tokio::test]
async fn a_list_is_tried_out_on_recorded_reads_by_questions_on_record_and_nobody_is_told() {
    let installation = Installation::start(alerts).await;
    for (plate, hours) in [
        ("TPX0801", 30),
        ("TPX0801", 5),
        ("TPX0802", 6),
        ("TPX9803", 7),
        ("TPX0899", 3),
    ] {
        push(&installation, plate, hours).await;
    }
    let list = wanted(&installation).await;
    let simulate = [
        "watch", "simulate", &list, "--last", "24h", "--source", CAMERAS,
    ];
    let done = installation.turnpike("investigator", &simulate).await;
    let shown = String::from_utf8(done.stdout).unwrap();
    assert_eq!(
        done.status.code(),
        Some(0),
        "{shown}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    assert!(
        shown.contains("3 entries asked about: 3 matching reads, 3 hits"),
        "{shown}"
    );
    assert!(shown.contains("nobody was told"), "{shown}");
    let with_json = [&simulate[..], &["--json"]].concat();
    let done = installation.turnpike("investigator", &with_json).await;
    let found: Value = serde_json::from_slice(&done.stdout).unwrap();
    let found: Vec<(&str, &str)> = found["matches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["wanted"].as_str().unwrap(),
                one["matched"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("TPX?803", "pattern"),
            ("TPX0B02", "look_alike"),
            ("TPX0801", "exact")
        ]
    );
    // Nobody was told, and each question is on record with the case of the list.
    let token = installation.token("investigator");
    let hits = installation
        .request("GET", "/v1/hits", Some(token))
        .send()
        .await
        .unwrap();
    let hits: Value = hits.json().await.unwrap();
    assert_eq!(hits["hits"], json!([]));
    let ledger = installation.ledger();
    let intents = of_kind(&ledger, "intent");
    let asked = intents
        .iter()
        .filter(|one| one["body"]["action"] == "query");
    assert_eq!(asked.count(), 6);
    assert!(intents.iter().all(|one| one["body"]["action"] != "alert"));
}

#[tokio::test]
async fn what_an_agreement_refuses_is_not_tried_out_either() {
    let installation = Installation::start(alerts).await;
    let list = wanted(&installation).await;
    let simulate = ["watch", "simulate", &list, "--last", "24h"];
    let done = installation.turnpike("investigator", &simulate).await;
    let shown = String::from_utf8(done.stdout).unwrap();
    assert!(
        shown.contains("main-street-cameras: searched, but old 3"),
        "{shown}"
    );
    assert!(!shown.contains("brookdale-police"), "{shown}");
    // Its agreement knows tolls only.
    assert!(shown.contains("harbor-tolls: REFUSED 3"), "{shown}");
    assert!(shown.contains("Not everything was searched"), "{shown}");
    let elsewhere = [
        "watch",
        "simulate",
        &list,
        "--last",
        "24h",
        "--source",
        "brookdale-police",
    ];
    let done = installation.turnpike("investigator", &elsewhere).await;
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(
        said.contains("no reads of `brookdale-police` are kept here"),
        "{said}"
    );
    let theirs = installation.turnpike("system", &simulate).await;
    assert_ne!(theirs.status.code(), Some(0));
    assert_eq!(theirs.stdout, b"");
}
