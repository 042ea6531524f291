//! Alert lists and hits as their owners use them: through HTTP and the command, from the upload of a file to the review.

use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{CAMERAS, allow_alerts, group};
use crate::installation::{Installation, agree, eventually, now, of_kind};

/// An answer: its status and JSON.
type Reply = (StatusCode, Value);

async fn call(
    installation: &Installation,
    role: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Reply {
    let token = installation.token(role);
    let mut request = installation.request(method, path, Some(token));
    if let Some(body) = body {
        request = request.json(body);
    }
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, response.json().await.unwrap_or(Value::Null))
}

fn list_of(case: &str) -> Value {
    json!({
        "name": "Stolen this week",
        "purpose": "stolen_vehicle",
        "case_reference": case,
        "on_behalf_of": "self",
        "legal_basis": "Vehicle Code 4.2",
    })
}

async fn made(installation: &Installation, list: &Value) -> String {
    let (status, made) = call(
        installation,
        "investigator",
        "POST",
        "/v1/alert-lists",
        Some(list),
    )
    .await;
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

fn entry(plate: &str) -> Value {
    let ends = now() + SignedDuration::from_hours(48);
    json!({ "plate": plate, "reason": "stolen_vehicle", "expires_at": ends.to_string() })
}

async fn add(installation: &Installation, list: &str, query: &str, entries: &[Value]) -> Reply {
    let path = format!("/v1/alert-lists/{list}/entries{query}");
    let body = json!({ "entries": entries });
    call(installation, "investigator", "POST", &path, Some(&body)).await
}

async fn push(installation: &Installation, plate: &str) {
    let path = format!("/v1/sources/{CAMERAS}/reads");
    let token = installation.world.tokens.cameras.clone();
    let request = installation.request("POST", &path, Some(&token));
    let sent = request.json(&group(now(), plate).json()).send().await;
    assert_eq!(sent.unwrap().status(), 200);
}

#[tokio::test]
async fn a_file_is_compared_row_by_row_and_nothing_is_overwritten() {
    let installation = Installation::start(allow_alerts).await;
    let list = made(&installation, &list_of("BRK-2026-000042")).await;
    let ends = (now() + SignedDuration::from_hours(48)).to_string();
    let file = format!(
        "\u{feff}plate;reason;expires_at;driver\nTPX 0201;stolen_vehicle;{ends};x\nTPX0202;stolen_vehicle;{ends};x\n\
         TPX-0202;stolen_vehicle;{ends};x\n=1+1;stolen_vehicle;{ends};x\nT??????;stolen_vehicle;{ends};x\n\
         TPX0203;stolen_vehicle;2020-01-01T00:00:00Z;x\n"
    );
    let path = installation.world.folder().join("wanted.csv");
    std::fs::write(&path, &file).unwrap();
    let path = path.to_str().unwrap();
    let dry = installation
        .turnpike(
            "investigator",
            &["alert-list", "import", &list, path, "--dry-run"],
        )
        .await;
    let shown = String::from_utf8(dry.stdout).unwrap();
    assert_eq!(dry.status.code(), Some(8), "{shown}{:?}", dry.stderr);
    assert!(
        shown.contains("DRY RUN") && shown.contains("2 entries would be added"),
        "{shown}"
    );
    assert!(shown.contains("Columns that were not read: 4."), "{shown}");
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    let (_, there) = call(
        &installation,
        "investigator",
        "GET",
        &format!("/v1/alert-lists/{list}/entries"),
        None,
    )
    .await;
    assert_eq!(there["entries"], json!([]));

    let import = [
        "alert-list",
        "import",
        &list,
        path,
        "--json",
        "--key",
        "monday",
    ];
    let done = installation.turnpike("investigator", &import).await;
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        (&report["added"], &report["dry_run"]),
        (&2.into(), &false.into())
    );
    assert_eq!(
        report["counts"],
        json!({ "added": 2, "repeated": 1, "wrong": 3 })
    );
    let lines: Vec<u64> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [5, 6, 7]);
    let watched = |source: &str| {
        let mut sources = report["sources"].as_array().unwrap().iter();
        sources.find(|one| one["source"] == source).unwrap()["plates"].clone()
    };
    assert_eq!(
        (watched(CAMERAS), watched("state-tolls")),
        (true.into(), false.into())
    );
    // The same again, and one that says otherwise.
    let again = installation.turnpike("investigator", &import).await;
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(
        (&again["added"], &again["revision"]),
        (&2.into(), &report["revision"])
    );
    let mut other = entry("TPX0201");
    other["reason"] = "hit_and_run".into();
    let (status, conflict) = add(&installation, &list, "", &[other]).await;
    assert_eq!(status, 200, "{conflict}");
    assert_eq!(conflict["rows"][0]["result"], "conflicts");
    assert_eq!(conflict["added"], 0);

    let export = ["alert-list", "export", &list];
    let exported = installation.turnpike("investigator", &export).await;
    let exported = String::from_utf8(exported.stdout).unwrap();
    assert!(
        exported.starts_with("plate,jurisdiction,reason,expires_at,note\n"),
        "{exported}"
    );
    assert_eq!(exported.lines().count(), 3);
    let log = installation.ledger();
    let changes = of_kind(&log, "admin");
    let imported = changes
        .iter()
        .find(|entry| entry["body"]["facts"]["change"] == "imported")
        .unwrap();
    let facts = &imported["body"]["facts"];
    assert_eq!(
        (&facts["added"], &facts["plates"]),
        (&2.into(), &json!(["TPX0201", "TPX0202"]))
    );
    assert_eq!(imported["body"]["by"], "ines.moreau");
    let raw = std::fs::read(
        installation
            .world
            .folder()
            .join("data/ledger/00000000000000000000.jsonl"),
    );
    if let Ok(raw) = raw {
        let raw = String::from_utf8_lossy(&raw).into_owned();
        assert!(
            !raw.contains("TPX0201"),
            "a plate stands in the ledger in the clear"
        );
    }
}

#[tokio::test]
async fn nobody_but_its_owner_learns_that_there_is_a_list() {
    let installation = Installation::start(allow_alerts).await;
    let list = made(&installation, &list_of("BRK-2026-000042")).await;
    let path = format!("/v1/alert-lists/{list}");
    for role in ["supervisor", "integrator+investigator"] {
        let (status, problem) = call(&installation, role, "GET", &path, None).await;
        assert_eq!(status, 404, "{role}: {problem}");
    }
    for role in ["auditor", "operator", "source_owner", "integrator"] {
        let (status, _) = call(&installation, role, "GET", &path, None).await;
        assert_eq!(status, 403, "{role}");
        let (status, _) = call(&installation, role, "GET", "/v1/hits", None).await;
        assert_eq!(status, 403, "{role}");
    }
    let log = installation.ledger();
    let refused = of_kind(&log, "refused");
    let alerts = refused
        .iter()
        .filter(|entry| entry["body"]["action"] == "alert");
    assert_eq!(alerts.count(), 10);
}

#[tokio::test]
async fn what_no_agreement_allows_is_refused_with_each_rule() {
    let installation = Installation::start(|_| {}).await;
    let list = made(&installation, &list_of("BRK-2026-000042")).await;
    let (status, refused) = add(&installation, &list, "", &[entry("TPX0211")]).await;
    assert_eq!(status, 403, "{refused}");
    let why = refused["detail"].as_str().unwrap();
    assert!(
        why.contains("`main-street-cameras` refuses by `action_not_allowed`"),
        "{why}"
    );
    let (_, there) = call(
        &installation,
        "investigator",
        "GET",
        "/v1/alert-lists",
        None,
    )
    .await;
    assert_eq!(there["lists"][0]["entries"], json!({}));
}

#[tokio::test]
async fn the_last_place_is_the_last_and_an_entry_ends_no_later_than_agreed() {
    let limited = |world: &turnpike_contract_tests::world::World| {
        allow_alerts(world);
        crate::installation::configure(world, "[alerts]\nentries_per_list = 2");
    };
    let installation = Installation::start(limited).await;
    let list = made(&installation, &list_of("BRK-2026-000042")).await;
    let three = ["TPX0221", "TPX0222", "TPX0223"].map(entry);
    let (status, report) = add(&installation, &list, "", &three).await;
    assert_eq!(status, 200);
    assert_eq!(report["rows"][0], json!({ "line": 3, "result": "full" }));
    let mut long = entry("TPX0221");
    long["expires_at"] = (now() + SignedDuration::from_hours(24 * 31))
        .to_string()
        .into();
    let other = made(&installation, &list_of("BRK-2026-000043")).await;
    let (_, report) = add(&installation, &other, "", &[long]).await;
    assert_eq!(report["rows"][0]["problems"], json!(["too_long"]));
    let path = format!("/v1/alert-lists/{list}/entries");
    let (_, there) = call(&installation, "investigator", "GET", &path, None).await;
    let first = there["entries"][0]["entry"].as_u64().unwrap();
    let renew = |hours: i64| json!({ "expires_at": (now() + SignedDuration::from_hours(hours)).to_string() });
    let path = format!("{path}/{first}/renew");
    let (status, _) = call(
        &installation,
        "investigator",
        "POST",
        &path,
        Some(&renew(24 * 29)),
    )
    .await;
    assert_eq!(status, 200);
    let (status, problem) = call(
        &installation,
        "investigator",
        "POST",
        &path,
        Some(&renew(24 * 31)),
    )
    .await;
    assert_eq!(
        (status, &problem["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &"expires_at".into())
    );
}

#[tokio::test]
async fn where_two_must_agree_nothing_is_looked_for_before_the_second_does() {
    let two = |world: &turnpike_contract_tests::world::World| {
        allow_alerts(world);
        agree(
            world,
            CAMERAS,
            "second_approval = false",
            "second_approval = true",
        );
    };
    let installation = Installation::start(two).await;
    let mut shared = list_of("BRK-2026-000042");
    shared["shared"] = json!(["sam.okafor"]);
    let list = made(&installation, &shared).await;
    let (_, report) = add(&installation, &list, "", &[entry("TPX0231")]).await;
    assert_eq!(report["needs_approval"], true);
    push(&installation, "TPX0231").await;
    let path = format!("/v1/alert-lists/{list}/entries");
    let (_, there) = call(&installation, "supervisor", "GET", &path, None).await;
    assert_eq!(there["entries"][0]["state"], "waiting");
    let path = format!("{path}/{}/approve", there["entries"][0]["entry"]);
    let (status, _) = call(&installation, "investigator", "POST", &path, None).await;
    assert_eq!(status, 403, "whoever added it");
    let (status, approved) = call(&installation, "supervisor", "POST", &path, None).await;
    assert_eq!(
        (status, &approved["state"]),
        (StatusCode::OK, &"active".into())
    );
    let (status, _) = call(
        &installation,
        "supervisor",
        "DELETE",
        &format!("/v1/alert-lists/{list}"),
        None,
    )
    .await;
    assert_eq!(status, 403, "the second person is not the owner");
}

#[tokio::test]
async fn a_hit_is_followed_seen_and_reviewed_once() {
    let installation = Installation::start(allow_alerts).await;
    let list = made(&installation, &list_of("BRK-2026-000042")).await;
    add(
        &installation,
        &list,
        "",
        &[entry("TPX0241"), entry("TPX0242")],
    )
    .await;
    let command = installation.world.folder().join("turnpike");
    let mut following = tokio::process::Command::new(command)
        .args(["hits", "follow", "--since", "0", "--count", "2"])
        .current_dir(installation.world.folder())
        .env("TURNPIKE_SERVER", installation.gateway.address())
        .env("TURNPIKE_TOKEN", installation.token("investigator"))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    push(&installation, "TPX0241").await;
    let mut block = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        assert!(line.chars().count() <= 80, "{line}");
        if line.is_empty() {
            break;
        }
        block.push(line);
    }
    assert_eq!(block[0], "** POSSIBLE MATCH: CONFIRM BEFORE ACTING");
    let block = block.join("\n");
    for says in [
        "TPX0241",
        "CAUTION",
        "case BRK-2026-000042",
        "Stolen this week",
    ] {
        assert!(block.contains(says), "{says} in {block}");
    }
    let (_, page) = call(&installation, "investigator", "GET", "/v1/hits", None).await;
    let hit = page["hits"][0]["hit"].as_str().unwrap().to_owned();
    let path = format!("/v1/hits/{hit}/review");
    let unseen = json!({ "state": "confirmed", "image": "not_looked_at", "vehicle": "matches" });
    let (status, problem) = call(&installation, "investigator", "POST", &path, Some(&unseen)).await;
    assert_eq!(
        (status, &problem["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &"image".into())
    );
    let (status, _) = call(&installation, "supervisor", "POST", &path, Some(&unseen)).await;
    assert_eq!(status, 404, "somebody else's");
    let review = [
        "hits",
        "review",
        &hit,
        "confirmed",
        "--image",
        "matches",
        "--vehicle",
        "matches",
    ];
    let done = installation.turnpike("investigator", &review).await;
    assert_eq!(done.status.code(), Some(0), "{:?}", done.stderr);
    let again = installation.turnpike("investigator", &review).await;
    assert_eq!(again.status.code(), Some(4));
    while lines.next_line().await.unwrap().is_some() {}
    assert!(
        following.wait().await.unwrap().success(),
        "the review was followed too"
    );
    let log = installation.ledger();
    let reviewed = of_kind(&log, "admin");
    let reviewed = reviewed
        .iter()
        .find(|entry| entry["body"]["action"] == "hit_review");
    assert_eq!(reviewed.unwrap()["body"]["facts"]["result"], "confirmed");
    let reads = of_kind(&log, "admin");
    assert!(
        reads
            .iter()
            .any(|entry| entry["body"]["action"] == "hits_read")
    );
}

#[tokio::test]
async fn a_stream_is_taken_up_where_it_ended_and_ends_with_the_gateway() {
    let installation = Installation::start(allow_alerts).await;
    let list = made(&installation, &list_of("BRK-2026-000042")).await;
    let plates: Vec<String> = (0..20).map(|n| format!("TPX03{n:02}")).collect();
    let entries: Vec<Value> = plates.iter().map(|plate| entry(plate)).collect();
    add(&installation, &list, "", &entries).await;
    for plate in &plates {
        push(&installation, plate).await;
    }
    let (mut seen, mut last) = (Vec::new(), "0".to_owned());
    // Each connection takes a few and goes away.
    while seen.len() < plates.len() {
        let token = installation.token("investigator").to_owned();
        let request = installation.request("GET", "/v1/hits/stream", Some(&token));
        let mut stream = request.header("last-event-id", &last).send().await.unwrap();
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        let mut text = String::new();
        while text.matches("data:").count() < 3
            && seen.len() + text.matches("data:").count() < plates.len()
        {
            text.push_str(&String::from_utf8_lossy(
                &stream.chunk().await.unwrap().unwrap(),
            ));
        }
        let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
        for event in whole.split("\n\n").filter(|event| event.contains("data:")) {
            let field = |name: &str| {
                let mut lines = event.lines();
                lines
                    .find_map(|line| line.strip_prefix(name))
                    .unwrap()
                    .trim()
                    .to_owned()
            };
            last = field("id:");
            let data: Value = serde_json::from_str(&field("data:")).unwrap();
            assert_eq!(field("event:"), "hit");
            seen.push(data["notice"]["wanted"].as_str().unwrap().to_owned());
        }
    }
    seen.sort();
    assert_eq!(seen, plates, "each once");
    let token = installation.token("investigator").to_owned();
    let request = installation.request("GET", "/v1/hits/stream", Some(&token));
    let mut stream = request.send().await.unwrap();
    crate::crash::signal(&installation.gateway, "TERM").await;
    let end = tokio::time::timeout(crate::installation::PATIENCE, async {
        while stream.chunk().await.unwrap_or(None).is_some() {}
    });
    end.await.unwrap();
    let gone = eventually("the gateway ends", async || {
        let alive = installation.gateway.get("", "/healthz").await;
        alive.is_err().then_some(())
    });
    gone.await;
}
