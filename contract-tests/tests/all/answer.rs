//! One question over every source: what the answer holds, what the ledger holds, who was contacted, what leaks.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use turnpike_contract_tests::{
    sim::{CANARY, TAG_CANARY, niop::Txn, rekor::Group},
    town::Family,
};
use turnpike_schemas::api::Answer;

use super::installation::{
    Installation, PLATE, configure, edit, files_under, now, of_kind, question, question_about,
    reads_of, row, with,
};

const FAMILIES: [(Family, &str); 5] = [
    (Family::Police, "brookdale-police"),
    (Family::Toll, "state-tolls"),
    (Family::Camera, "main-street-cameras"),
    (Family::Parking, "harbor-parking"),
    (Family::Repossession, "patrol-recovery"),
];

#[tokio::test]
async fn every_source_answers_in_one_shape_or_says_why_not() {
    let installation = Installation::with_history(|_| {}).await;
    let asked = question(3);
    let answer = installation.ask(&asked).await;
    let outcomes: Vec<(&str, &str)> = answer["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["source"].as_str().unwrap(),
                row["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            ("brookdale-police", "answered"),
            ("state-tolls", "answered"),
            ("main-street-cameras", "answered"),
            ("harbor-parking", "answered"),
            ("patrol-recovery", "answered"),
            ("harbor-tolls", "refused"),
            ("lakeside-police", "failed"),
        ]
    );
    assert_eq!(row(&answer, "harbor-tolls")["rule"], "purpose_not_allowed");
    assert_eq!(row(&answer, "harbor-tolls")["agreement"], "harbor-tolls@1");
    assert_eq!(row(&answer, "lakeside-police")["error"], "unavailable");
    assert_eq!(answer["completeness"], "partial");
    the_reads_are_those_of_the_oracle(&installation, &asked, &answer);
    the_reads_have_one_shape(&answer);
    the_ledger_holds_the_question(&installation, &answer);
}

fn the_reads_are_those_of_the_oracle(installation: &Installation, asked: &Value, answer: &Value) {
    let at = |end: &str| asked["window"][end].as_str().unwrap().parse().unwrap();
    let expected = installation
        .world
        .town
        .expected(PLATE, at("from"), at("to"));
    for (family, source) in FAMILIES {
        let wanted: Vec<i64> = expected.of(family).iter().map(|p| unit(p.at)).collect();
        let mut found: Vec<i64> = reads_of(answer, source).into_iter().map(captured).collect();
        found.reverse();
        assert!(!wanted.is_empty());
        assert_eq!(found, wanted, "{source}");
        assert_eq!(row(answer, source)["reads"], json!(wanted.len()));
        assert_eq!(row(answer, source)["truncated"], false);
    }
    let times: Vec<i64> = answer["reads"]
        .as_array()
        .unwrap()
        .iter()
        .map(captured)
        .collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older));
}

/// Toll files know whole seconds, so everything is compared in them.
fn unit(at: Timestamp) -> i64 {
    at.as_second()
}

fn captured(read: &Value) -> i64 {
    unit(read["captured_at"].as_str().unwrap().parse().unwrap())
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn the_reads_have_one_shape(answer: &Value) {
    let reads = answer["reads"].as_array().unwrap();
    for read in reads {
        assert_eq!(keys(read), keys(&reads[0]));
        for part in ["plate", "place", "vehicle", "provenance"] {
            assert_eq!(keys(&read[part]), keys(&reads[0][part]), "{part}");
        }
        assert_eq!(read["plate"]["text"], PLATE);
        // The car parks' format knows countries only.
        let issuer = match read["source"].as_str().unwrap() {
            "harbor-parking" => "US",
            _ => "US-OH",
        };
        assert_eq!(read["plate"]["jurisdiction"], issuer);
    }
    let police = reads_of(answer, "brookdale-police")[0];
    assert!(police["plate"]["confidence"].is_f64() && police["place"]["lat"].is_f64());
    assert!(police["vehicle"]["make"].is_null() && police["place"]["lane"].is_null());
    let toll = reads_of(answer, "state-tolls")[0];
    assert!(toll["plate"]["confidence"].is_null() && toll["place"]["lat"].is_null());
    assert!(toll["place"]["lane"].is_string() && toll["images"] == json!([]));
    let camera = reads_of(answer, "main-street-cameras")[0];
    assert!(camera["vehicle"]["make"]["value"].is_string());
    assert!(
        camera["captured_offset_s"].is_null(),
        "no zone was sent: {camera}"
    );
    let id = camera["id"].as_str().unwrap();
    assert_eq!(
        camera["images"][0]["ref"],
        format!("/v1/reads/{id}/images/0")
    );
}

fn the_ledger_holds_the_question(installation: &Installation, answer: &Value) {
    let entries = installation.ledger();
    let place = |name: &str| usize::try_from(answer["ledger"][name].as_u64().unwrap()).unwrap();
    let (intent, outcome) = (place("intent"), place("outcome"));
    assert_eq!(entries[intent]["kind"], "intent");
    assert_eq!(entries[intent]["body"]["subject"], "ines.moreau");
    assert_eq!(entries[intent]["body"]["plate"], PLATE);
    assert_eq!(entries[outcome]["kind"], "outcome");
    let between: Vec<&Value> = entries[intent + 1..outcome]
        .iter()
        .filter(|entry| entry["question"] == answer["query"])
        .collect();
    let decided: Vec<&Value> = between
        .iter()
        .map(|entry| &entry["body"]["source"])
        .collect();
    let rows = answer["sources"].as_array().unwrap();
    let asked: Vec<&Value> = rows.iter().map(|row| &row["source"]).collect();
    assert_eq!(decided, asked);
    assert!(between.iter().all(|entry| entry["kind"] == "decision"));
    the_digests_are_those_of_the_reads(answer, &entries[outcome]["body"]);
}

fn the_digests_are_those_of_the_reads(answer: &Value, outcome: &Value) {
    let typed: Answer = serde_json::from_value(answer.clone()).unwrap();
    for recorded in outcome["sources"].as_array().unwrap() {
        let source = recorded["source"].as_str().unwrap();
        let mut lines = Vec::new();
        let mut count = 0;
        for read in typed.reads.iter().filter(|r| r.source.as_str() == source) {
            serde_json::to_writer(&mut lines, read).unwrap();
            lines.push(b'\n');
            count += 1;
        }
        assert_eq!(recorded["count"], json!(count), "{source}");
        if count > 0 {
            let digest: String = Sha256::digest(&lines)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert!(
                recorded["digest"].as_str().unwrap().ends_with(&digest),
                "{source}: {recorded}"
            );
        }
    }
}

#[tokio::test]
async fn nothing_personal_survives_and_no_plate_is_logged_or_counted() {
    let mut installation = Installation::start(|world| {
        edit(
            world,
            "turnpike.toml",
            "level = \"warn\"",
            "level = \"debug\"",
        );
        world
            .police
            .switch(|switches| switches.personal_keys = true);
    })
    .await;
    let at = now() - SignedDuration::from_hours(1);
    let group = Group::read(2042, at, PLATE);
    let world = &installation.world;
    world.cameras.send(&group.json_with_signature());
    world.cameras.send(&group.json_with_crops());
    world.cameras.send(&group.alert("stolen"));
    let tagged = [1, 2].map(|number| Txn::video(number, at, PLATE).with_tag());
    world
        .tolls
        .drop_file(&world.tolls.stran(at, tagged))
        .unwrap();
    installation.world.deliver_history(now()).unwrap();
    installation
        .world
        .settled(&installation.gateway)
        .await
        .unwrap();
    assert!(
        installation
            .world
            .cameras
            .drained(super::installation::PATIENCE)
            .await
    );
    let answer = installation.ask(&question(3)).await;
    installation
        .gateway
        .ask("nobody's token", &question(3))
        .await
        .unwrap();
    let misplaced = with(question(3), PLATE, true);
    installation
        .gateway
        .ask(installation.token("investigator"), &misplaced)
        .await
        .unwrap();
    let metrics = installation.request("GET", "/metrics", None);
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("turnpike_source_reads_held"));
    let log = installation.log();
    assert!(log.contains("DEBUG") && log.contains("/v1/queries"));
    for told in [&log, &metrics] {
        for secret in [
            PLATE,
            "ines.moreau",
            "BRK-2026-000042",
            installation.token("investigator"),
        ] {
            assert!(!told.contains(secret), "{secret} is told");
        }
    }
    let data = installation.world.folder().join("data");
    let kept: Vec<(String, Vec<u8>)> = files_under(&data)
        .into_iter()
        .map(|path| (path.display().to_string(), std::fs::read(path).unwrap()))
        .collect();
    assert!(kept.len() > 2);
    for canary in [CANARY, TAG_CANARY] {
        assert!(!answer.to_string().contains(canary));
        assert!(!log.contains(canary) && !metrics.contains(canary));
        for (path, bytes) in &kept {
            assert!(!holds(bytes, canary.as_bytes()), "{canary} is in {path}");
        }
    }
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[tokio::test]
async fn a_source_without_a_permit_is_not_contacted_and_a_contacted_one_is_not_told_who_asks() {
    let installation = Installation::start(|_| {}).await;
    let world = &installation.world;
    let tolls = with(question(3), "purpose", "toll_enforcement");
    let answer = installation.ask(&tolls).await;
    for source in [
        "brookdale-police",
        "lakeside-police",
        "state-tolls",
        "main-street-cameras",
        "harbor-parking",
        "patrol-recovery",
    ] {
        assert_eq!(row(&answer, source)["rule"], "purpose_not_allowed");
    }
    assert_eq!(row(&answer, "harbor-tolls")["outcome"], "stale");
    let named = with(question(3), "sources", json!(["state-tolls"]));
    assert_eq!(
        row(&installation.ask(&named).await, "brookdale-police")["outcome"],
        "not_asked"
    );
    let explained = installation.request(
        "POST",
        "/v1/queries:explain",
        Some(installation.token("investigator")),
    );
    let explained = explained.json(&question(3)).send().await.unwrap();
    assert_eq!(explained.status(), 200);
    let explained: Value = explained.json().await.unwrap();
    let would_ask: Vec<bool> = explained["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| source["would_ask"].as_bool().unwrap())
        .collect();
    assert_eq!(would_ask, [true, true, true, true, true, false, true]);
    assert_eq!(
        explained["sources"][5]["decision"]["verdicts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|verdict| verdict["rule"] == "purpose_not_allowed")
            .count(),
        1
    );
    let dry = usize::try_from(explained["ledger"].as_u64().unwrap()).unwrap();
    let entries = installation.ledger();
    assert_eq!(entries[dry]["kind"], "dry_run");
    assert_eq!(entries[dry]["question"], explained["query"]);
    assert_eq!(
        world.police.requests(),
        [],
        "refused, not named, or explained only"
    );
    assert_eq!(world.lakeside_road.connections(), 0);

    installation.ask(&question(3)).await;
    let requests = world.police.requests();
    assert!(!requests.is_empty() && world.lakeside_road.connections() > 0);
    let told = format!("{requests:?} {:?}", world.police.token_requests());
    for who in [
        "ines.moreau",
        "brookdale-pd",
        "investigator",
        installation.token("investigator"),
    ] {
        assert!(!told.contains(who), "{who} was told");
    }
    let lookups = world.police.lookups();
    assert_eq!(lookups.len(), 1);
    assert_eq!(lookups[0].case_number.as_deref(), Some("BRK-2026-000042"));
}

#[tokio::test]
async fn what_the_agreement_does_not_disclose_is_not_told() {
    let installation = Installation::start(|world| {
        super::installation::agree(
            world,
            "brookdale-police",
            r#"["purpose", "case_reference"]"#,
            r#"["purpose"]"#,
        );
        super::installation::agree(
            world,
            "lakeside-police",
            r#"["purpose", "case_reference"]"#,
            "[]",
        );
        configure(
            world,
            "[limits]\nuser_per_minute = 10\norganisation_per_minute = 10",
        );
    })
    .await;
    let answer = installation.ask(&question_about("TPX0001", 3)).await;
    let world = &installation.world;
    assert_eq!(row(&answer, "lakeside-police")["outcome"], "unsupported");
    assert_eq!(row(&answer, "lakeside-police")["capability"], "undisclosed");
    assert_eq!(world.lakeside_road.connections(), 0);
    let token = installation.token("investigator");
    let explain = installation.request("POST", "/v1/queries:explain", Some(token));
    let explain = explain.json(&question_about("TPX0001", 3)).send().await;
    let explained: serde_json::Value = explain.unwrap().json().await.unwrap();
    for (source, asked) in [("brookdale-police", true), ("lakeside-police", false)] {
        let row = row(&explained, source);
        let kept_back = if asked {
            serde_json::Value::Null
        } else {
            "undisclosed".into()
        };
        assert_eq!(
            (&row["would_ask"], &row["unsupported"]),
            (&asked.into(), &kept_back)
        );
    }
    for lookup in world.police.lookups() {
        assert_eq!(lookup.case_number, None);
        assert!(!lookup.reason.contains("BRK"));
    }
    let outcomes = of_kind(&installation.ledger(), "outcome").len();
    assert_eq!(outcomes, 1);
}
