//! What takes weeks: reviews that become overdue, accounts that fall asleep, samples of a period that is over, public reports.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use turnpike_adapters::context::Clock as _;
use turnpike_gateway::tlog::{AwsEd25519, SigningKey};
use turnpike_schemas::{
    review::sample::{Sampler, Witnessed},
    tlog::{KeyKind, Note},
};

use super::{administered, call, offline, text};
use crate::installation::{Embedded, client, entries, eventually, of_kind, question};

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

/// The public answer to a question asked now, in the time of the test.
async fn ask(gateway: &Embedded) -> (u16, Value) {
    let to = gateway.clock.now();
    let mut asked = question(2);
    asked["window"] = json!({ "from": to - days(2), "to": to });
    call(gateway, "investigator", "POST", "/v1/queries", Some(asked)).await
}

#[tokio::test]
async fn a_review_that_is_not_done_becomes_overdue_and_says_so_until_it_is_signed_off() {
    let gateway = Embedded::start(|_| {}).await;
    assert_eq!(ask(&gateway).await.0, 200);
    let began = gateway.clock.now();
    gateway.clock.advance(days(15));
    let (status, list) = call(&gateway, "auditor", "GET", "/v1/reports/reviews", None).await;
    assert_eq!(status, 200);
    assert_eq!(list["overdue"], 1, "{list}");
    let first = &list["weeks"][0];
    assert_eq!(first["standing"], "overdue");
    assert_eq!(first["questions"], 1);
    let metrics = eventually("the gauge", async || {
        let (address, token) = (gateway.running.address, &gateway.world.tokens.investigator);
        let request = client()
            .get(format!("http://{address}/metrics"))
            .bearer_auth(token);
        let metrics = request.send().await.unwrap().text().await.unwrap();
        metrics
            .contains("turnpike_reviews_overdue 1")
            .then_some(metrics)
    });
    assert!(metrics.await.contains("turnpike_review_flags"));
    let app = gateway.running.app();
    app.keep_up().await.unwrap();
    app.keep_up().await.unwrap();
    let ledger = entries(&gateway.world);
    let alarms = administered(&ledger, "alarm");
    let late = alarms
        .iter()
        .filter(|entry| entry["body"]["facts"]["alarm"] == "review_overdue");
    assert_eq!(late.count(), 1, "once");
    let week = first["week"].as_str().unwrap();
    let sign = |week: &str| json!({ "week": week, "note": "Sampled and read." });
    let path = "/v1/reports/reviews";
    let (status, recorded) = call(&gateway, "auditor", "POST", path, Some(sign(week))).await;
    assert_eq!(status, 200, "{recorded}");
    let (_, list) = call(&gateway, "auditor", "GET", path, None).await;
    assert_eq!(list["overdue"], 0);
    assert_eq!(list["weeks"][0]["standing"], "reviewed");
    assert_eq!(list["weeks"][0]["entry"], recorded["entry"]);
    let ledger = entries(&gateway.world);
    let review = administered(&ledger, "review")[0];
    assert_eq!(review["body"]["facts"]["questions"], 1);
    let running = list["weeks"].as_array().unwrap().last().unwrap();
    let running = running["week"].as_str().unwrap();
    let early = call(&gateway, "auditor", "POST", path, Some(sign(running))).await;
    assert_eq!(early.0, 422, "{}", early.1);
    assert!(began < gateway.clock.now());
    gateway.running.stop().await;
}

#[tokio::test]
async fn an_account_that_was_idle_for_too_long_may_not_ask_until_somebody_needs_it() {
    let gateway = Embedded::start(|_| {}).await;
    assert_eq!(ask(&gateway).await.0, 200);
    gateway.clock.advance(days(90));
    assert_eq!(ask(&gateway).await.0, 200, "to the day");
    gateway.clock.advance(days(91));
    let before = of_kind(&entries(&gateway.world), "intent").len();
    let (status, problem) = ask(&gateway).await;
    assert_eq!(status, 403);
    assert_eq!(problem["type"], "/problems/dormant");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("report recertify")
    );
    let ledger = entries(&gateway.world);
    assert_eq!(of_kind(&ledger, "intent").len(), before, "nobody was asked");
    let refused = of_kind(&ledger, "refused");
    assert_eq!(refused.last().unwrap()["body"]["detail"], "dormant");
    let path = "/v1/reports/recertifications";
    let certify = |subject: &str| json!({ "subject": subject, "note": "Back from leave." });
    let own = call(
        &gateway,
        "supervisor",
        "POST",
        path,
        Some(certify("sam.okafor")),
    )
    .await;
    assert_eq!(own.0, 403, "not the own account");
    let other = call(
        &gateway,
        "supervisor",
        "POST",
        path,
        Some(certify("kim.duarte")),
    )
    .await;
    assert_eq!(other.0, 404, "of another organisation");
    let done = call(
        &gateway,
        "supervisor",
        "POST",
        path,
        Some(certify("ines.moreau")),
    )
    .await;
    assert_eq!(done.0, 200, "{}", done.1);
    assert_eq!(ask(&gateway).await.0, 200);
    let never = "/v1/queries";
    let mut asked = question(2);
    let to = gateway.clock.now();
    asked["window"] = json!({ "from": to - days(2), "to": to });
    let (status, problem) = call(&gateway, "supervisor", "POST", never, Some(asked)).await;
    assert_eq!(
        (status, &problem["type"]),
        (403, &json!("/problems/dormant")),
        "it never asked"
    );
    gateway.running.stop().await;
}

/// The newest checkpoint, with the cosignature of a witness made for the test.
fn witnessed(gateway: &Embedded, witness: &SigningKey, at: Timestamp) -> String {
    let published = gateway.running.app().ledger().published().unwrap();
    let mut note = Note::parse(&published.head().note).unwrap();
    let time = u64::try_from(at.as_second()).unwrap();
    note.add(witness.cosign(note.text(), time).unwrap());
    note.to_string()
}

#[tokio::test]
async fn a_sample_is_what_the_witness_makes_of_it_and_anybody_recomputes_it() {
    let gateway = Embedded::start(|_| {}).await;
    let folder = gateway.world.folder().to_owned();
    let from = gateway.clock.now();
    for _ in 0..20 {
        assert_eq!(ask(&gateway).await.0, 200);
        gateway.clock.advance(SignedDuration::from_mins(1));
    }
    let to = gateway.clock.now();
    let key = folder.join("witness.key");
    let witness = SigningKey::create(&key, Some("oversight.example"), KeyKind::Witness).unwrap();
    let size = async || {
        let (_, recorded) = call(
            &gateway,
            "supervisor",
            "POST",
            "/v1/reports/recertifications",
            Some(json!({ "subject": "ines.moreau", "note": "A later entry." })),
        )
        .await;
        let entry = recorded["entry"].as_u64().unwrap();
        let heads = gateway.running.app().ledger().published().unwrap();
        let mut heads = heads.heads();
        heads.wait_for(|head| head.size > entry).await.unwrap();
    };
    let early = witnessed(&gateway, &witness, to);
    gateway.clock.advance(SignedDuration::from_mins(5));
    size().await;
    let checkpoint = witnessed(&gateway, &witness, gateway.clock.now());
    let request = |checkpoint: &str| json!({ "from": from, "to": to, "share": "10%", "checkpoint": checkpoint, "witness": witness.verifier().to_string() });
    let path = "/v1/ledger/questions:sample";
    let (status, problem) = call(&gateway, "auditor", "POST", path, Some(request(&early))).await;
    assert_eq!(status, 422);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("come after the period"),
        "{problem}"
    );
    let head = gateway.running.app().ledger().published().unwrap().head();
    let unsigned = call(&gateway, "auditor", "POST", path, Some(request(&head.note))).await;
    assert_eq!(
        (unsigned.0, &unsigned.1["field"]),
        (422, &json!("checkpoint"))
    );
    let (status, answer) = call(
        &gateway,
        "auditor",
        "POST",
        path,
        Some(request(&checkpoint)),
    )
    .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["sample"]["population"], 20);
    assert_eq!(answer["sample"]["entries"].as_array().unwrap().len(), 2);
    let shown: Vec<&Value> = answer["questions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["question"]["entry"])
        .collect();
    let chosen: Vec<&Value> = answer["sample"]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert_eq!(shown, chosen);
    let opened = Witnessed::open(&checkpoint, witness.verifier(), &AwsEd25519).unwrap();
    let mut sampler = Sampler::new(from, to, opened.checkpoint.size).unwrap();
    for entry in turnpike_gateway::ledger::read(&folder.join("data/ledger")).unwrap() {
        sampler.follow(&entry.unwrap());
    }
    let by_hand = sampler.draw("10%".parse().unwrap(), opened.seed).unwrap();
    assert_eq!(serde_json::to_value(&by_hand).unwrap(), answer["sample"]);
    fs::write(folder.join("checkpoint"), &checkpoint).unwrap();
    fs::write(folder.join("witness.vkey"), witness.verifier().to_string()).unwrap();
    let (from, to) = (from.to_string(), to.to_string());
    let args = [
        "audit", "sample", "--share", "10%", "--from", &from, "--to", &to,
    ];
    let more = [
        "--checkpoint",
        "checkpoint",
        "--witness",
        "witness.vkey",
        "--json",
    ];
    let args = [&args[..], &more, &["--ledger", "data/ledger"]].concat();
    let offline = super::parsed(&offline(&folder, &args).await);
    assert_eq!(offline, answer["sample"]);
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_public_report_waits_is_rounded_and_is_recomputed_from_the_files() {
    let gateway = Embedded::start(|_| {}).await;
    let folder = gateway.world.folder().to_owned();
    for _ in 0..12 {
        assert_eq!(ask(&gateway).await.0, 200);
    }
    let month = gateway.clock.now().strftime("%Y-%m").to_string();
    let path = format!("/v1/reports/transparency?first_month={month}&last_month={month}");
    let (status, problem) = call(&gateway, "operator", "GET", &path, None).await;
    assert_eq!(status, 422);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("30 days after its period")
    );
    gateway.clock.advance(days(62));
    let (status, report) = call(&gateway, "operator", "GET", &path, None).await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(report["questions"], "10", "12, rounded");
    let whole = report.to_string();
    for hidden in ["TPK", "ines.moreau", "BRK-", "brookdale-pd"] {
        assert!(!whole.contains(hidden), "{hidden}");
    }
    fs::write(folder.join("report.json"), &whole).unwrap();
    let verify = ["report", "verify", "report.json", "--ledger", "data/ledger"];
    let verified = offline(&folder, &verify).await;
    assert_eq!(
        verified.status.code(),
        Some(0),
        "{}",
        text(&verified.stderr)
    );
    let mut forged = report.clone();
    forged["questions"] = json!("20");
    let mut elsewhere = report;
    elsewhere["covered"]["root"] = json!("AAAA");
    for (report, says) in [
        (forged, "questions"),
        (elsewhere, "not those of the checkpoint"),
    ] {
        fs::write(folder.join("report.json"), report.to_string()).unwrap();
        let found = offline(&folder, &verify).await;
        assert_eq!(found.status.code(), Some(11));
        assert!(
            text(&found.stderr).contains(says),
            "{}",
            text(&found.stderr)
        );
    }
    gateway.running.stop().await;
}
