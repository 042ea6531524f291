//! `turnpike source check`, of payloads and live.

use std::fs;

use serde_json::{Value, json};
use turnpike_contract_tests::world::CHECKER;

use super::{LIVE, PUSHES, asking, code, ended, fits, path, payloads, text, with_checker};
use crate::installation::{Installation, PLATE, edit, files_under, of_kind, question, read};

/// The last entry about a check.
fn checked(ledger: &[Value]) -> Value {
    let admin = of_kind(ledger, "admin");
    let mut checks = admin
        .into_iter()
        .filter(|entry| entry["body"]["action"] == "source_check");
    checks.next_back().expect("no check is on record").clone()
}

#[tokio::test]
async fn a_live_source_is_checked_under_a_permit_on_record_and_nothing_is_released_or_kept() {
    let installation = Installation::with_history(with_checker).await;
    let before = installation
        .gateway
        .held(installation.token("operator"))
        .await
        .unwrap();
    let files = files_under(&installation.world.folder().join("data/reads")).len();
    let args = [asking(LIVE), vec!["--token-file", "checker"]].concat();
    let shown = ended(&installation.turnpike("integrator", &args).await, 0);
    fits(&shown);
    assert!(!shown.contains(PLATE), "{shown}");
    let ledger = installation.ledger();
    let intent = of_kind(&ledger, "intent").pop().unwrap();
    assert_eq!(intent["body"]["action"], "check");
    assert_eq!(intent["body"]["subject"], "noa.field");
    let outcome = of_kind(&ledger, "outcome").pop().unwrap();
    assert_eq!(outcome["body"]["reads"], 0);
    assert_eq!(outcome["body"]["sources"][0]["outcome"], "answered");
    assert_eq!(outcome["body"]["sources"][0]["count"], 0);
    let check = checked(&ledger);
    assert_eq!(check["body"]["by"], "noa.field");
    let facts = &check["body"]["facts"];
    assert_eq!(
        (&facts["source"], &facts["passed"]),
        (&LIVE.into(), &true.into())
    );
    assert!(facts["reads"].as_u64().unwrap() > 0);
    assert!(!check.to_string().contains(PLATE));
    let after = installation
        .gateway
        .held(installation.token("operator"))
        .await
        .unwrap();
    assert_eq!(before, after);
    assert_eq!(
        files,
        files_under(&installation.world.folder().join("data/reads")).len()
    );
    let json = [args, vec!["--json"]].concat();
    let report = ended(&installation.turnpike("integrator", &json).await, 0);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["way"], "live");
    assert!(!report.to_string().contains(PLATE));
}

#[tokio::test]
async fn an_urgent_check_is_decided_as_if_it_were_not() {
    let installation = Installation::start(|world| {
        let agreement = format!("agreements/{LIVE}.toml");
        edit(
            world,
            &agreement,
            "warrant = \"nobody\"",
            "warrant = \"everybody\"",
        );
        edit(
            world,
            &agreement,
            "urgent = \"like_any\"",
            "urgent = \"accepted\"",
        );
    })
    .await;
    let mut urgent = question(3);
    urgent["urgent"] = true.into();
    let answer = installation.ask(&urgent).await;
    assert!(answer["justify_until"].is_string(), "{answer}");
    let asked = installation.ledger().len();
    let path = format!("/v1/sources/{LIVE}/check");
    let check = installation.request("POST", &path, Some(installation.token(CHECKER)));
    let report = check.json(&urgent).send().await.unwrap();
    assert_eq!(report.status(), 200, "{}", report.text().await.unwrap());
    let report: Value = report.json().await.unwrap();
    assert!(!report.to_string().contains("justify_until"), "{report}");
    let ledger = installation.ledger();
    let of_check = &ledger[asked..];
    let intent = of_kind(of_check, "intent").pop().unwrap();
    assert_eq!(intent["body"]["action"], "check");
    assert_ne!(intent["body"]["grounds"]["urgent"], json!(true), "{intent}");
    let outcome = of_kind(of_check, "outcome").pop().unwrap();
    let row = &outcome["body"]["sources"][0];
    assert_eq!(row["outcome"], "refused", "{row}");
    assert!(row.to_string().contains("warrant_required"), "{row}");
}

#[tokio::test]
async fn what_a_source_sent_is_checked_as_a_question_would_find_it() {
    let installation = Installation::with_history(with_checker).await;
    let args = [asking(PUSHES), vec!["--token-file", "checker"]].concat();
    let shown = ended(&installation.turnpike("integrator", &args).await, 0);
    assert!(
        shown.contains("the source has sent something lately"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_source_of_each_family_passes() {
    let installation = Installation::with_history(|_| {}).await;
    for source in [
        "brookdale-police",
        "state-tolls",
        "main-street-cameras",
        "harbor-parking",
        "patrol-recovery",
    ] {
        let output = installation.turnpike(CHECKER, &asking(source)).await;
        let shown = ended(&output, 0);
        assert!(shown.contains(source), "{shown}");
    }
}

#[tokio::test]
async fn who_may_not_check_or_not_ask_contacts_nobody() {
    let installation = Installation::start(|_| {}).await;
    let asked = || installation.world.police.requests().len();
    let before = asked();
    let output = installation.turnpike("integrator", &asking(LIVE)).await;
    let shown = ended(&output, 10);
    fits(&shown);
    assert!(shown.contains("role_not_allowed"), "{shown}");
    let ledger = installation.ledger();
    let decision = of_kind(&ledger, "decision").pop().unwrap();
    assert_eq!(decision["body"]["verdict"], "refuse");
    let refused = installation.turnpike("investigator", &asking(LIVE)).await;
    assert_eq!(code(&refused), 4);
    let ledger = installation.ledger();
    let refusal = of_kind(&ledger, "refused").pop().unwrap();
    assert_eq!(refusal["body"]["action"], "check");
    assert_eq!(asked(), before);
    let unknown = installation
        .turnpike("integrator", &asking("nowhere"))
        .await;
    assert_eq!(code(&unknown), 4);
    let none = installation
        .turnpike("integrator", &["source", "check", LIVE])
        .await;
    assert_eq!(code(&none), 2);
    let told = text(&none.stderr);
    assert!(
        told.contains("--payloads") && told.contains("--plate"),
        "{told}"
    );
}

#[tokio::test]
async fn payloads_are_checked_without_contact_and_put_on_record_through_the_gateway_or_without_it()
{
    let installation = Installation::start(|world| {
        let elsewhere =
            read(&world.config()).replace("data_dir = \"data\"", "data_dir = \"elsewhere\"");
        fs::write(world.folder().join("elsewhere.toml"), elsewhere).unwrap();
    })
    .await;
    let folder = payloads(&installation.world, "payloads");
    let config = installation.world.config();
    let args = |config| {
        [
            "source",
            "check",
            PUSHES,
            "--payloads",
            path(&folder),
            "--config",
            config,
        ]
    };
    let held = ended(
        &installation
            .turnpike("integrator", &args(path(&config)))
            .await,
        0,
    );
    fits(&held);
    let check = checked(&installation.ledger());
    assert_eq!(check["body"]["by"], "rae.lindqvist");
    assert_eq!(check["body"]["facts"]["way"], "payloads");
    assert_eq!(check["body"]["facts"]["payloads"], 1);
    assert!(!check.to_string().contains(PLATE));
    let refused = installation
        .turnpike("investigator", &args(path(&config)))
        .await;
    assert_eq!(code(&refused), 4, "not on record, so not shown");
    assert_eq!(text(&refused.stdout), "");
    let free = ended(
        &installation
            .turnpike("integrator", &args("elsewhere.toml"))
            .await,
        0,
    );
    assert!(free.contains("on record as entry 0"), "{free}");
    let listed = ["ledger", "list", "--json", "--dir", "elsewhere/ledger"];
    let listed = ended(&installation.turnpike("auditor", &listed).await, 0);
    assert!(
        listed.contains("source_check") && !listed.contains(PLATE),
        "{listed}"
    );
    let verified = ["ledger", "verify", "--config", "elsewhere.toml"];
    ended(&installation.turnpike("auditor", &verified).await, 0);
    let reads = installation
        .gateway
        .held(installation.token("operator"))
        .await
        .unwrap();
    assert_eq!(reads.get(PUSHES), Some(&0));
}

#[tokio::test]
async fn a_bad_payload_fails_the_check_with_field_and_rule_and_what_to_do() {
    let installation = Installation::start(|_| {}).await;
    let folder = payloads(&installation.world, "payloads");
    let mut message: Value = serde_json::from_slice(super::sample()).unwrap();
    message["best_confidence"] = PLATE.into();
    fs::write(folder.join("bad.json"), message.to_string()).unwrap();
    let config = installation.world.config();
    let args = [
        "source",
        "check",
        PUSHES,
        "--payloads",
        path(&folder),
        "--config",
        path(&config),
    ];
    let shown = ended(&installation.turnpike("integrator", &args).await, 10);
    fits(&shown);
    for part in [
        "failed: payloads are understood",
        "bad.json",
        "`best_confidence`",
        "what to do",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    assert!(!shown.contains(PLATE), "{shown}");
    let check = checked(&installation.ledger());
    let failed = &check["body"]["facts"]["checks_failed"];
    assert_eq!(failed, &serde_json::json!(["payloads_are_understood"]));
    let empty = installation.world.folder().join("empty");
    fs::create_dir(&empty).unwrap();
    let args = [
        "source",
        "check",
        PUSHES,
        "--payloads",
        path(&empty),
        "--config",
        path(&config),
    ];
    assert_eq!(code(&installation.turnpike("integrator", &args).await), 2);
}

#[tokio::test]
async fn a_report_of_another_source_or_with_words_of_its_own_is_not_put_on_record() {
    let installation = Installation::start(|_| {}).await;
    let honest = serde_json::json!({
        "source": PUSHES, "adapter": "rekor", "adapter_version": "1", "way": "payloads", "payloads": 1, "reads": 1,
        "rejected": 0, "skipped": 0, "doubts": {}, "recorded": null,
        "results": [{ "check": "decoding_is_pure", "verdict": "passed", "details": [] }],
    });
    let token = installation.token("integrator");
    let route = format!("/v1/sources/{PUSHES}/check/payloads");
    let send = async |report: &Value| {
        let request = installation
            .request("POST", &route, Some(token))
            .json(report);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(send(&honest).await, 200);
    for (pointer, value) in [
        ("/source", serde_json::json!(LIVE)),
        ("/adapter", PLATE.into()),
        ("/adapter_version", PLATE.into()),
        ("/way", "live".into()),
        ("/results/0/check", PLATE.into()),
        ("/results/0/details", serde_json::json!([PLATE])),
        ("/payloads", PLATE.into()),
        ("/doubts", serde_json::json!({ PLATE: 1 })),
    ] {
        let mut report = honest.clone();
        *report.pointer_mut(pointer).unwrap() = value;
        assert_eq!(send(&report).await, 422, "{pointer}");
    }
    let ledger = installation.ledger();
    assert!(!serde_json::to_string(&ledger).unwrap().contains(PLATE));
}
