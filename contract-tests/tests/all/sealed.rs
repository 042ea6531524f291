//! The ledger at rest and in use: nothing personal in the clear, readings on record, ends of answers, the end of retention.

use jiff::SignedDuration;
use serde_json::{Value, json};
use turnpike_contract_tests::sim::rekor::{Group, JPEG};
use turnpike_schemas::{
    ledger::{Entry, canonical_json},
    standard::{cadf, ocsf},
    tlog::{Checkpoint, Frontier, Note, leaf_hash},
};

use super::installation::{
    Embedded, Installation, PATIENCE, PLATE, client, edit, entries, files_under, now, of_kind,
    question, question_about, reads_of, with,
};

/// Never seen by any camera, so that the read store has no reason to hold it.
const ASKED: &str = "TPC4N4RY";

const CASE: &str = "BRK-2026-424242";

const TRAINED: &str = "2097-11-23";

const CAMERAS: &str = "main-street-cameras";

fn text(output: &std::process::Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[tokio::test]
async fn what_was_asked_is_in_no_file_no_log_and_no_metric_in_the_clear() {
    let installation = Installation::start(|world| {
        edit(
            world,
            "turnpike.toml",
            "level = \"warn\"",
            "level = \"debug\"",
        );
        let trained = format!("subject = \"ines.moreau\"\ntraining_until = \"{TRAINED}\"\n");
        edit(
            world,
            "turnpike.toml",
            "subject = \"ines.moreau\"\n",
            &trained,
        );
    })
    .await;
    let asked = with(question_about(ASKED, 3), "case_reference", CASE);
    let investigator = installation.token("investigator");
    installation.ask(&asked).await;
    for (path, role, question) in [
        ("/v1/queries", "supervisor", asked.clone()),
        ("/v1/queries:explain", "investigator", asked.clone()),
        ("/v1/queries", "auditor", asked.clone()),
        (
            "/v1/queries",
            "investigator",
            with(asked.clone(), "on_behalf_of", "nobody-here"),
        ),
        (
            "/v1/queries",
            "investigator",
            with(asked.clone(), "deadline_ms", 1),
        ),
        (
            "/v1/sources/brookdale-police/check",
            "integrator+investigator",
            asked.clone(),
        ),
    ] {
        let request = installation.request("POST", path, Some(installation.token(role)));
        request.json(&question).send().await.unwrap();
    }
    let streamed = installation.request("POST", "/v1/queries", Some(investigator));
    let streamed = streamed
        .header("accept", "application/x-ndjson")
        .json(&asked);
    streamed.send().await.unwrap().text().await.unwrap();
    let list = ["ledger", "list", "--json"];
    let (code, listed, _) = text(&installation.turnpike("auditor", &list).await);
    assert!(
        code == 0 && listed.contains(ASKED) && listed.contains(CASE),
        "the auditor reads it"
    );
    let metrics = installation.request("GET", "/metrics", None);
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    let told = [("log", installation.log()), ("metrics", metrics)];
    let data = installation.world.folder().join("data");
    let kept = files_under(&data).into_iter().map(|path| {
        let bytes = std::fs::read(&path).unwrap();
        (
            path.display().to_string(),
            String::from_utf8_lossy(&bytes).into_owned(),
        )
    });
    let told = told.map(|(name, text)| (name.to_owned(), text));
    let everything: Vec<(String, String)> = kept.chain(told).collect();
    assert!(
        everything
            .iter()
            .any(|(path, text)| path.contains("ledger-0") && text.contains("brookdale-pd"))
    );
    assert!(everything.iter().any(|(path, _)| path.ends_with(".key")));
    for (place, text) in &everything {
        for canary in [
            ASKED,
            CASE,
            TRAINED,
            "ines.moreau",
            "sam.okafor",
            "kim.duarte",
            "noor.haddad",
        ] {
            assert!(!text.contains(canary), "{canary} is in {place}");
        }
    }
    let ledger = installation.ledger();
    let subjects = ledger
        .iter()
        .filter(|entry| entry["body"]["subject"] == "ines.moreau");
    assert!(subjects.count() >= 4, "with the keys it is all there");
    let intent = of_kind(&ledger, "intent")[0];
    let asker = &intent["body"]["asker"];
    assert_eq!(
        (&asker["training_until"], &asker["trained"]),
        (&json!(TRAINED), &json!(true))
    );
}

#[tokio::test]
async fn the_ledger_is_read_by_auditors_only_and_every_reading_is_on_record() {
    let installation = Installation::start(|_| {}).await;
    installation.ask(&question(3)).await;
    for role in [
        "investigator",
        "supervisor",
        "system",
        "integrator",
        "source_owner",
        "operator",
    ] {
        let request =
            installation.request("GET", "/v1/ledger/entries", Some(installation.token(role)));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 403, "{role}");
        let refused = of_kind(&installation.ledger(), "refused")
            .pop()
            .cloned()
            .unwrap();
        assert_eq!(refused["body"]["detail"], "ledger_entries");
    }
    let get = async |query: &str| {
        let path = format!("/v1/ledger/entries?{query}");
        let request = installation.request("GET", &path, Some(installation.token("auditor")));
        request.send().await.unwrap()
    };
    let before = installation.ledger();
    let page: Value = get("start=2&limit=3").await.json().await.unwrap();
    let after = installation.ledger();
    assert_eq!(page["next"], 5);
    let listed = page["entries"].as_array().unwrap();
    let read: Vec<&Value> = listed.iter().map(|listed| &listed["entry"]).collect();
    assert_eq!(read, before[2..5].iter().collect::<Vec<_>>());
    assert!(
        listed
            .iter()
            .all(|listed| listed["leaf_hash"].as_str().unwrap().len() == 44)
    );
    assert_eq!(after.len(), before.len() + 1);
    let recorded = after.last().unwrap();
    assert_eq!(recorded["index"], page["recorded"]);
    assert_eq!(recorded["body"]["action"], "ledger_read");
    assert_eq!(recorded["body"]["by"], "kim.duarte");
    assert_eq!(
        recorded["body"]["facts"],
        json!({ "entries": 3, "from": 2, "role": "auditor" })
    );
    for query in [
        "limit=0",
        "limit=1001",
        "start=1&last=2",
        "start=x",
        "plate=TPK0421",
    ] {
        assert_eq!(get(query).await.status(), 422, "{query}");
    }
    let beyond: Value = get("start=1000000").await.json().await.unwrap();
    assert_eq!(
        (&beyond["entries"], &beyond["next"]),
        (&json!([]), &Value::Null)
    );
}

#[tokio::test]
async fn entries_leave_as_events_of_two_vocabularies_and_come_back_as_they_were() {
    let installation = Installation::start(|_| {}).await;
    installation.ask(&question(3)).await;
    let before = installation.ledger();
    for format in ["ocsf", "cadf"] {
        let args = ["ledger", "events", "--format", format];
        let (code, events, problem) = text(&installation.turnpike("auditor", &args).await);
        assert_eq!(code, 0, "{problem}");
        let events: Vec<Value> = events
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for (event, entry) in events.into_iter().zip(&before) {
            let back = if format == "ocsf" {
                ocsf::entry(event)
            } else {
                cadf::entry(event)
            };
            let entry = Entry::parse(canonical_json(entry).unwrap().as_bytes()).unwrap();
            assert_eq!(back.unwrap(), entry);
        }
    }
    let args = [
        "ledger", "events", "--format", "ocsf", "--from", "1", "--limit", "2",
    ];
    let (_, events, _) = text(&installation.turnpike("auditor", &args).await);
    assert_eq!(events.lines().count(), 2);
    let (code, ..) = text(&installation.turnpike("operator", &args).await);
    assert_eq!(code, 4);
}

/// The deliveries of a question, once there is one.
async fn delivered(installation: &Installation, question: &Value) -> Value {
    let own = |ledger: &[Value]| {
        let mut deliveries = of_kind(ledger, "delivery").into_iter();
        deliveries
            .find(|entry| entry["question"] == *question)
            .cloned()
    };
    installation.recorded("the delivery", own).await
}

#[tokio::test]
async fn the_end_of_every_answer_is_on_record_and_names_its_intent() {
    let installation = Installation::start(|_| {}).await;
    let group = Group::read(2042, now() - SignedDuration::from_hours(1), PLATE);
    installation.world.cameras.send(&group.json());
    assert!(installation.world.cameras.drained(PATIENCE).await);
    let token = installation.token("investigator");
    let request = installation.request("POST", "/v1/queries", Some(token));
    let body = request
        .json(&question(3))
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    let delivery = delivered(&installation, &answer["query"]).await;
    assert_eq!(
        delivery["body"],
        json!({ "bytes": body.len(), "end": "completed" })
    );
    assert_eq!(delivery["intent"], answer["ledger"]["intent"]);

    let streamed = installation.request("POST", "/v1/queries", Some(token));
    let streamed = streamed
        .header("accept", "application/x-ndjson")
        .json(&question(3));
    let lines = streamed.send().await.unwrap().text().await.unwrap();
    let begun: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let delivery = delivered(&installation, &begun["query"]).await;
    assert_eq!(
        delivery["body"],
        json!({ "bytes": lines.len(), "end": "completed" })
    );

    let image = reads_of(&answer, CAMERAS)[0]["images"][0]["ref"]
        .as_str()
        .unwrap();
    let image = installation
        .request("GET", image, Some(token))
        .send()
        .await
        .unwrap();
    assert_eq!(image.bytes().await.unwrap(), JPEG);
    let ledger = installation.ledger();
    let intent = of_kind(&ledger, "intent").pop().unwrap();
    let delivery = delivered(&installation, &intent["question"]).await;
    assert_eq!(
        delivery["body"],
        json!({ "bytes": JPEG.len(), "end": "completed" })
    );

    let slow = |switches: &mut turnpike_contract_tests::sim::flock::Switches| {
        switches.latency = std::time::Duration::from_secs(3);
    };
    installation.world.police.switch(slow);
    let streamed = installation.request("POST", "/v1/queries", Some(token));
    let streamed = streamed
        .header("accept", "application/x-ndjson")
        .json(&question(3));
    let mut response = streamed.send().await.unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    drop(response);
    let line = first.split(|byte| *byte == b'\n').next().unwrap();
    let begun: Value = serde_json::from_slice(line).unwrap();
    let delivery = delivered(&installation, &begun["query"]).await;
    assert_eq!(delivery["body"]["end"], "aborted");
    assert_eq!(delivery["intent"], begun["intent"]);
}

#[tokio::test]
async fn two_people_seal_what_is_past_its_retention_and_the_ledger_verifies_as_before() {
    let embedded = Embedded::start(|_| {}).await;
    let http = client();
    embedded.ask(&http, &question(3)).await;
    let post = async |role: &str, path: &str, body: &Value| {
        let address = format!("http://{}{path}", embedded.running.address);
        let token = embedded.world.tokens.of(role).unwrap();
        let response = http
            .post(address)
            .bearer_auth(token)
            .json(body)
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        (status, response.json::<Value>().await.unwrap())
    };
    embedded.clock.advance(SignedDuration::from_hours(24 * 400));
    let before = now() + SignedDuration::from_hours(24 * 34);
    let asked = json!({ "before": before });
    assert_eq!(
        post("investigator", "/v1/ledger/seals", &asked).await.0,
        403
    );
    let recent = json!({ "before": now() + SignedDuration::from_hours(24 * 399) });
    let (status, refused) = post("auditor", "/v1/ledger/seals", &recent).await;
    assert_eq!((status, &refused["field"]), (422, &json!("before")));
    let (status, own) = post("auditor", "/v1/ledger/seals", &asked).await;
    assert_eq!(status, 200, "{own}");
    let confirm = |proposal: &Value| {
        format!(
            "/v1/ledger/seals/{}/confirm",
            proposal["proposal"].as_str().unwrap()
        )
    };
    assert_eq!(
        post("auditor", &confirm(&own), &json!({})).await.0,
        403,
        "not alone"
    );
    let (status, proposal) = post("operator", "/v1/ledger/seals", &asked).await;
    assert_eq!(status, 200);
    assert_eq!(
        post("operator", &confirm(&proposal), &json!({})).await.0,
        403
    );
    let plates = |entries: &[Value]| -> Vec<Value> {
        of_kind(entries, "intent")
            .iter()
            .map(|entry| entry["body"]["plate"].clone())
            .collect()
    };
    assert_eq!(plates(&entries(&embedded.world)), [PLATE]);
    let ledger = embedded.world.folder().join("data/ledger");
    let segments = || -> Vec<u8> {
        let files = files_under(&ledger)
            .into_iter()
            .filter(|file| file.extension().is_some_and(|kind| kind == "log"));
        files
            .flat_map(|file| std::fs::read(file).unwrap())
            .collect()
    };
    let written = segments();
    let (status, report) = post("auditor", &confirm(&proposal), &json!({})).await;
    assert_eq!(
        (status, &report["keys"]),
        (200, &proposal["keys"]),
        "{report}"
    );
    assert!(
        segments().starts_with(&written),
        "no byte of an entry changes"
    );
    turnpike_gateway::ledger::verify(&ledger).unwrap();
    let after = entries(&embedded.world);
    assert!(
        plates(&after)[0]["sealed"].is_string(),
        "nobody reads it again"
    );
    let gone = report["keys"][0].as_str().unwrap();
    let under = format!("\"key\":\"{gone}\"");
    let under_it = after
        .iter()
        .filter(|entry| entry.to_string().contains(&under));
    assert_eq!(report["entries"], under_it.count(), "{gone}");
    let evidence = after
        .iter()
        .rfind(|entry| entry["body"]["action"] == "seal")
        .unwrap();
    assert_eq!(evidence["index"], report["recorded"]);
    assert_eq!(evidence["body"]["by"], "kim.duarte");
    assert_eq!(evidence["body"]["facts"]["proposed_by"], "lee.nakamura");
    assert_eq!(
        post("auditor", &confirm(&proposal), &json!({})).await.0,
        404
    );
    embedded.running.stop().await;
    let signed = std::fs::read_to_string(ledger.join("tree/checkpoint")).unwrap();
    let signed = Checkpoint::parse(Note::parse(&signed).unwrap().text()).unwrap();
    let mut tree = Frontier::default();
    for entry in turnpike_gateway::ledger::read(&ledger).unwrap() {
        tree.append(leaf_hash(&entry.unwrap().canonical_bytes().unwrap()));
    }
    assert_eq!(
        (signed.size, signed.root),
        (tree.size(), tree.root()),
        "the signed tree is that of the sealed entries"
    );
}

#[tokio::test]
async fn the_command_proposes_and_confirms_and_says_why_not() {
    let installation = Installation::start(|_| {}).await;
    let run = async |role: &str, args: &[&str]| {
        text(
            &installation
                .turnpike(role, &[&["ledger", "seal"], args].concat())
                .await,
        )
    };
    let (code, _, why) = run("operator", &["--before", "2999-01-01"]).await;
    assert!(code == 4 && why.contains("365 days ago"), "{why}");
    let (code, _, why) = run("operator", &["--before", "2020-01-01"]).await;
    assert!(code == 4 && why.contains("nothing to destroy"), "{why}");
    let nobody = "01890000-0000-7000-8000-000000000000";
    let (code, _, why) = run("auditor", &["--confirm", nobody]).await;
    assert!(code == 4 && why.contains("no such proposal"), "{why}");
    assert_eq!(run("auditor", &[]).await.0, 2);
}
