//! A question is for a case: words in use here, the form of a reference, the organisation's register, notes, urgency.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, extract::State, routing::post};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};
use turnpike_contract_tests::{sim::server::Server, world::World};

use super::installation::{
    Embedded, Installation, client, configure, edit, entries, eventually, of_kind, question, with,
};

const BROOKDALE: &str = "id = \"brookdale-pd\"\nclass = \"state_local\"\n";

/// An invented case register: knows open and closed cases, remembers what it was asked, can fail and hang.
#[derive(Debug, Default)]
struct Register {
    asked: Mutex<Vec<Value>>,
    status: AtomicU16,
}

impl Register {
    async fn serve(self: &Arc<Self>) -> Server {
        let router = Router::new().route("/cases", post(look_up));
        Server::start(router.with_state(Arc::clone(self)))
            .await
            .unwrap()
    }

    fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
}

async fn look_up(
    State(register): State<Arc<Register>>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    register.asked.lock().unwrap().push(body.clone());
    match register.status.load(Ordering::SeqCst) {
        0 => {}
        1 => std::future::pending().await,
        status => return Err(StatusCode::from_u16(status).unwrap()),
    }
    let status = match body["case_reference"].as_str().unwrap() {
        "BRK-2026-000042" => "open",
        "BRK-2026-000099" => "closed",
        _ => "unknown",
    };
    Ok(Json(json!({ "status": status })))
}

fn registered(world: &World, server: &Server) {
    let register = format!(
        "{BROOKDALE}case_register = {{ url = \"{}/cases\", timeout_ms = 300, allow_private_addresses = true }}\n",
        server.origin()
    );
    edit(world, "turnpike.toml", BROOKDALE, &register);
}

async fn refused(installation: &Installation, question: &Value, field: &str) {
    let request = installation.request(
        "POST",
        "/v1/queries",
        Some(installation.token("investigator")),
    );
    let before = of_kind(&installation.ledger(), "refused").len();
    let response = request.json(question).send().await.unwrap();
    assert_eq!(response.status(), 422, "{field}");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["field"], field, "{problem}");
    assert_eq!(of_kind(&installation.ledger(), "refused").len(), before + 1);
}

fn grounds(entries: &[Value]) -> Value {
    of_kind(entries, "intent").last().unwrap()["body"]["grounds"].clone()
}

#[tokio::test]
async fn a_criminal_purpose_says_which_offence_and_words_not_in_use_are_refused() {
    let installation = Installation::start(|world| {
        configure(
            world,
            "[vocabulary]\npurposes = [\"stolen_vehicle\", \"violent_crime\", \"missing_person\"]\n\
             offences = [\"robbery\", \"assault\", \"motor_vehicle_theft\"]",
        );
        edit(
            world,
            "turnpike.toml",
            BROOKDALE,
            &format!("{BROOKDALE}case_pattern = 'BRK-\\d{{4}}-\\d{{6}}'\n"),
        );
    })
    .await;
    let violent = with(question(3), "purpose", "violent_crime");
    refused(&installation, &violent, "offence").await;
    refused(
        &installation,
        &with(violent.clone(), "offence", "loitering"),
        "offence",
    )
    .await;
    refused(
        &installation,
        &with(violent.clone(), "offence", "arson"),
        "offence",
    )
    .await;
    refused(
        &installation,
        &with(question(3), "offence", "robbery"),
        "offence",
    )
    .await;
    let missing = with(question(3), "purpose", "missing_person");
    refused(
        &installation,
        &with(missing, "offence", "robbery"),
        "offence",
    )
    .await;
    refused(
        &installation,
        &with(question(3), "purpose", "hit_and_run"),
        "purpose",
    )
    .await;
    refused(
        &installation,
        &with(question(3), "case_reference", "BRK-2026-42"),
        "case_reference",
    )
    .await;
    refused(
        &installation,
        &with(question(3), "case_reference", "XBRK-2026-000042"),
        "case_reference",
    )
    .await;
    installation.ask(&with(violent, "offence", "robbery")).await;
    assert_eq!(grounds(&installation.ledger())["offence"], "robbery");
    installation.ask(&question(3)).await;
    let of_theft = grounds(&installation.ledger());
    assert_eq!(of_theft["offence"], "motor_vehicle_theft");
    assert_eq!(of_theft["case_standing"], "not_checked");
    assert_eq!(of_theft["urgent"], false);
}

#[tokio::test]
async fn the_case_register_learns_the_reference_only_and_its_word_is_on_record() {
    let register = Arc::new(Register::default());
    let server = register.serve().await;
    let installation = Installation::start(|world| registered(world, &server)).await;
    for (case, standing) in [
        ("BRK-2026-000042", "confirmed"),
        ("BRK-2026-000099", "unknown"),
        ("BRK-2026-000001", "unknown"),
    ] {
        installation
            .ask(&with(question(3), "case_reference", case))
            .await;
        assert_eq!(
            grounds(&installation.ledger())["case_standing"],
            standing,
            "{case}"
        );
        assert_eq!(
            register.asked().pop().unwrap(),
            json!({ "case_reference": case })
        );
    }
    for status in [500, 403, 302, 1] {
        register.status.store(status, Ordering::SeqCst);
        installation.ask(&question(3)).await;
        let standing = grounds(&installation.ledger())["case_standing"].clone();
        assert_eq!(standing, "unavailable", "{status}");
    }
    register.status.store(404, Ordering::SeqCst);
    installation.ask(&question(3)).await;
    assert_eq!(grounds(&installation.ledger())["case_standing"], "unknown");
    drop(server);
    installation.ask(&question(3)).await;
    assert_eq!(
        grounds(&installation.ledger())["case_standing"],
        "unavailable"
    );
    assert!(!installation.log().contains("BRK-2026-000042"));
}

#[tokio::test]
async fn a_note_is_beside_the_ledger_and_read_on_record_by_an_auditor() {
    const TEXT: &str = "second look after the first found nothing";
    let installation = Installation::start(|_| {}).await;
    for personal in [
        "call 555 0100 199",
        "seen by Jordan Miller",
        "followed TPK0421",
    ] {
        refused(&installation, &with(question(3), "note", personal), "note").await;
    }
    let answer = installation.ask(&with(question(3), "note", TEXT)).await;
    let ledger = installation.ledger();
    let digest = grounds(&ledger)["note_sha256"].clone();
    assert!(!serde_json::to_string(&ledger).unwrap().contains(TEXT));
    let path = format!("/v1/queries/{}/note", answer["query"].as_str().unwrap());
    for (role, status) in [("investigator", 403), ("operator", 403), ("auditor", 200)] {
        let (found, note) = installation
            .gateway
            .get(installation.token(role), &path)
            .await
            .unwrap();
        assert_eq!(found, status, "{role}: {note}");
        if status == 200 {
            assert_eq!(
                (&note["text"], &note["note_sha256"]),
                (&json!(TEXT), &digest)
            );
        }
    }
    let ledger = installation.ledger();
    let last = ledger.last().unwrap();
    assert_eq!(last["body"]["action"], "ledger_read");
    assert_eq!(last["body"]["facts"]["note_of"], answer["query"]);
    let nothing = format!("/v1/queries/{}/note", uuid::Uuid::now_v7());
    let (status, _) = installation
        .gateway
        .get(installation.token("auditor"), &nothing)
        .await
        .unwrap();
    assert_eq!(status, 404);
}

#[tokio::test]
async fn urgency_is_owed_for_and_an_overdue_justification_stops_the_next_one() {
    let installation =
        Embedded::start(|world| configure(world, "[store]\nsweep_every_s = 1")).await;
    let client = client();
    let urgent = with(question(3), "urgent", true);
    let answer = installation.ask(&client, &urgent).await;
    let query = answer["query"].as_str().unwrap().to_owned();
    assert!(answer["justify_until"].is_string(), "{answer}");
    let entry = of_kind(&entries(&installation.world), "intent")
        .last()
        .unwrap()["body"]
        .clone();
    assert_eq!(entry["grounds"]["urgent"], true);
    let plain = installation.ask(&client, &question(3)).await;
    assert!(plain.get("justify_until").is_none());

    installation.clock.advance(SignedDuration::from_hours(24));
    let blocked = installation
        .request(&client, "POST", "/v1/queries")
        .json(&urgent);
    let blocked = blocked.send().await.unwrap();
    assert_eq!(blocked.status(), 403);
    let problem: Value = blocked.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/justification_overdue");
    assert!(problem["detail"].as_str().unwrap().contains(&query));
    let alarm = eventually("an alarm", async || {
        let entries = entries(&installation.world);
        let alarms = entries
            .iter()
            .filter(|entry| entry["body"]["facts"]["alarm"] == "justification_overdue");
        alarms.cloned().next_back()
    })
    .await;
    assert_eq!(alarm["body"]["facts"]["question"], query);
    // Questions that are not urgent go on.
    assert!(installation.ask(&client, &question(3)).await["query"].is_string());

    let path = format!("/v1/queries/{query}/justification");
    let given = json!({ "reason": "pursuit", "note": "lost sight at the bridge" });
    let justify = |body: Value| {
        let request = installation.request(&client, "POST", &path);
        async move { request.json(&body).send().await.unwrap() }
    };
    assert_eq!(justify(json!({ "reason": "because" })).await.status(), 422);
    let justified: Value = justify(given).await.json().await.unwrap();
    assert_eq!(justified["state"], "justified_late", "{justified}");
    let again: Value = justify(json!({ "reason": "danger_to_life" }))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(again, justified, "the first justification stands");
    let entries = entries(&installation.world);
    let entry = &entries[usize::try_from(justified["justification"].as_u64().unwrap()).unwrap()];
    assert_eq!(entry["body"]["action"], "justification");
    assert_eq!(entry["body"]["facts"]["late"], true);
    assert!(entry["body"]["facts"]["note_sha256"].is_string());
    assert_eq!(
        installation
            .request(&client, "POST", "/v1/queries")
            .json(&urgent)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(
        entries
            .iter()
            .filter(|entry| entry["body"]["facts"]["alarm"] == "justification_overdue")
            .count(),
        1
    );
    installation.running.stop().await;
}

#[tokio::test]
async fn who_asked_and_supervisors_justify_nobody_else_does() {
    let installation = Installation::start(|_| {}).await;
    let ask = [
        "query",
        super::installation::PLATE,
        "--purpose",
        "stolen_vehicle",
        "--case",
        "BRK-2026-000042",
        "--on-behalf-of",
        "self",
        "--last",
        "3d",
        "--urgent",
    ];
    let asked = installation.turnpike("investigator", &ask).await;
    let shown = String::from_utf8(asked.stdout).unwrap();
    let query = shown
        .lines()
        .last()
        .unwrap()
        .trim_start_matches("Question ")
        .trim_end_matches('.')
        .to_owned();
    assert!(
        shown.contains(&format!("turnpike justify {query} --reason REASON")),
        "{shown}"
    );
    for (role, code) in [
        ("auditor", 4),
        ("operator", 4),
        ("supervisor", 0),
        ("investigator", 0),
    ] {
        let justify = ["justify", query.as_str(), "--reason", "danger_to_life"];
        let output = installation.turnpike(role, &justify).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{role}: {said}");
    }
    let list = installation.turnpike("investigator", &["urgent"]).await;
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(
        list.contains("danger to life") && list.contains("0 overdue, 0 due, 1 in all"),
        "{list}"
    );
    assert!(
        list.lines().all(|line| line.chars().count() <= 80),
        "{list}"
    );
    let others = installation.turnpike("operator", &["urgent"]).await;
    assert!(
        String::from_utf8(others.stdout)
            .unwrap()
            .contains("nothing is owed")
    );
    tokio::time::timeout(Duration::from_secs(20), async {
        installation.gateway.kill().await
    })
    .await
    .unwrap()
    .unwrap();
}
