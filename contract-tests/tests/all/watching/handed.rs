//! Lists that authorities hand out: files of fixed width and of cells, every day again.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{CAMERAS, allow_alerts};
use crate::installation::{Installation, agree, configure, now};

const CELLS: &str = r#"
[[hotlists]]
name = "brookdale"
separator = ";"
plate = 2
state = 3
kind = { cell = 1, chars = [1, 2] }
reasons = { V = "stolen_vehicle" }
ends_with = "TOTAL"
lasts_h = 48
"#;

fn world(world: &turnpike_contract_tests::world::World) {
    allow_alerts(world);
    configure(world, CELLS);
}

/// A line of the extract.
fn line(kind: char, plate: &str, rest: &str) -> String {
    format!("{kind}000000042ZZTURN00120260301{plate:<10}{rest}\r\n")
}

async fn post(installation: &Installation, path: &str, kind: &str, file: &str) -> (u16, Value) {
    let token = installation.token("investigator");
    let request = installation.request("POST", path, Some(token));
    let request = request.header("content-type", kind).body(file.to_owned());
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn get(installation: &Installation, path: &str) -> Value {
    let token = installation.token("investigator");
    let request = installation.request("GET", path, Some(token));
    request.send().await.unwrap().json().await.unwrap()
}

async fn list(installation: &Installation) -> String {
    let list = json!({
        "name": "State list", "purpose": "stolen_vehicle", "case_reference": "BRK-2026-000042",
        "on_behalf_of": "self", "legal_basis": "Vehicle Code 4.2", "shared": ["sam.okafor"],
    });
    let (status, made) = post(
        installation,
        "/v1/alert-lists",
        "application/json",
        &list.to_string(),
    )
    .await;
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_list_of_an_authority_is_taken_every_day_again_and_people_are_dropped() {
    let installation = Installation::start(world).await;
    let list = list(&installation).await;
    let vehicle = line('V', "TPX0301", "0H2026PC2019F0RDF0C4DGRY    ");
    let person = line('W', "TPX0302", "0H2026PC2019F0RDF0C4DGRY    INVENTED NAME");
    let plate = line('P', "TPX0303", "TX2026PC");
    let path = installation.world.folder().join("extract.txt");
    std::fs::write(&path, format!("HEADER\r\n{vehicle}{person}{plate}")).unwrap();
    let path = path.to_str().unwrap().to_owned();
    let import = async |hours_ago: i64, mode: &str| {
        let as_of = (now() - SignedDuration::from_hours(hours_ago)).to_string();
        let import = ["alert-list", "import", &list, &path, "--layout", "ncic"];
        let import = [&import[..], &["--as-of", &as_of, "--mode", mode]].concat();
        let done = installation.turnpike("investigator", &import).await;
        let shown = String::from_utf8(done.stdout).unwrap();
        assert!(
            shown.lines().all(|line| line.chars().count() <= 80),
            "{shown}"
        );
        assert!(
            !shown.contains("INVENTED") && !shown.contains("TPX0302"),
            "{shown}"
        );
        (done.status.code(), shown)
    };
    let (code, shown) = import(20, "complete").await;
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("2 entries added, 0 removed."), "{shown}");
    assert!(
        shown.contains("Not read: 1 record about persons, without a plate, or of no known kind.")
    );
    let entries = format!("/v1/alert-lists/{list}/entries");
    let there = get(&installation, &entries).await;
    let of = |there: &Value, field: &str| -> Vec<String> {
        let entries = there["entries"].as_array().unwrap();
        let field = |entry: &Value| entry[field].as_str().unwrap().to_owned();
        entries.iter().map(field).collect()
    };
    assert_eq!(of(&there, "plate"), ["TPX0301", "TPX0303"]);
    assert_eq!(of(&there, "jurisdiction"), ["US-OH", "US-TX"]);
    let ends = of(&there, "expires_at");

    // The next day one record is gone, and what stays lasts longer instead of conflicting.
    std::fs::write(&path, format!("HEADER\r\n{vehicle}{person}")).unwrap();
    let (code, shown) = import(1, "complete").await;
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("0 entries added, 1 removed, 1 given a later end."));
    let there = get(&installation, &entries).await;
    assert_eq!(of(&there, "plate"), ["TPX0301"]);
    assert!(of(&there, "expires_at")[0] > ends[0]);
    let history = there["entries"][0]["entry"].as_u64().unwrap();
    let history = get(&installation, &format!("{entries}/{history}/history")).await;
    let done = history["history"].as_array().unwrap();
    let done: Vec<&str> = done
        .iter()
        .map(|done| done["what"].as_str().unwrap())
        .collect();
    assert_eq!(done, ["added", "renewed"]);
    let age = async || {
        let kept = get(&installation, &format!("/v1/alert-lists/{list}")).await;
        let kept = kept["as_of"].as_str().unwrap();
        now().duration_since(kept.parse().unwrap()).as_hours()
    };
    assert_eq!(
        age().await,
        1,
        "a file that is the whole list says how old it is"
    );

    // A list that is too old adds nothing.
    std::fs::write(&path, format!("HEADER\r\n{plate}")).unwrap();
    let (code, shown) = import(30, "incremental").await;
    assert_eq!(code, Some(8), "{shown}");
    assert!(shown.contains("0 entries added"), "{shown}");
    assert_eq!(age().await, 1, "nothing of it was taken");

    // What stays is no younger for what comes to it, and as old as the oldest that does.
    for (hours, plate, expected) in [(0, "TPX0304", 1), (5, "TPX0305", 5)] {
        std::fs::write(&path, format!("HEADER\r\n{}", line('V', plate, "0H"))).unwrap();
        let (code, shown) = import(hours, "incremental").await;
        assert_eq!(code, Some(0), "{shown}");
        assert_eq!(age().await, expected);
    }
}

#[tokio::test]
async fn where_cells_stand_is_configuration_and_what_is_unclear_is_refused() {
    let installation = Installation::start(world).await;
    let entries = format!("/v1/alert-lists/{}/entries", list(&installation).await);
    let as_of = now().to_string();
    let file = "XV;TPX0311;!!;Blue\nXV;TPX0312;0H;Red\nXW;TPX0313;0H;SOMEBODY\nTOTAL;3;;\n";
    let path = format!("{entries}?layout=brookdale&as_of={as_of}");
    let (status, report) = post(&installation, &path, "text/plain", file).await;
    assert_eq!((status, &report["added"]), (200, &json!(1)), "{report}");
    assert_eq!(report["dropped"], 1);
    assert_eq!(report["rows"][0]["result"], "wrong", "no state: {report}");
    let later = (now() + SignedDuration::from_hours(1)).to_string();
    for (query, kind, status, field) in [
        (
            format!("?layout=nowhere&as_of={as_of}"),
            "text/plain",
            422,
            json!("layout"),
        ),
        (
            "?layout=brookdale".to_owned(),
            "text/plain",
            422,
            json!("as_of"),
        ),
        (
            format!("?layout=brookdale&as_of={later}"),
            "text/plain",
            422,
            json!("as_of"),
        ),
        (
            format!("?layout=brookdale&as_of={as_of}"),
            "text/csv",
            415,
            json!(null),
        ),
        (String::new(), "text/plain", 422, json!("layout")),
    ] {
        let path = format!("{entries}{query}");
        let (got, problem) = post(&installation, &path, kind, file).await;
        assert_eq!(
            (got, &problem["field"]),
            (status, &field),
            "{query}: {problem}"
        );
        assert!(!problem.to_string().contains("TPX"), "{problem}");
    }
}

#[tokio::test]
async fn what_lasts_longer_takes_the_second_person_again() {
    let two = |world: &turnpike_contract_tests::world::World| {
        allow_alerts(world);
        let (one, two) = ("second_approval = false", "second_approval = true");
        agree(world, CAMERAS, one, two);
    };
    let installation = Installation::start(two).await;
    let entries = format!("/v1/alert-lists/{}/entries", list(&installation).await);
    let ends = |hours: i64| (now() + SignedDuration::from_hours(hours)).to_string();
    let entry = json!({ "plate": "TPX0321", "reason": "stolen_vehicle", "expires_at": ends(24) });
    let body = json!({ "entries": [entry] }).to_string();
    let (status, _) = post(&installation, &entries, "application/json", &body).await;
    assert_eq!(status, 200);
    let there = get(&installation, &entries).await;
    let entry = format!("{entries}/{}", there["entries"][0]["entry"]);
    let approve = async || {
        let token = installation.token("supervisor");
        let request = installation.request("POST", &format!("{entry}/approve"), Some(token));
        let response = request.send().await.unwrap();
        response.json::<Value>().await.unwrap()
    };
    let renew = async |hours: i64| {
        let body = json!({ "expires_at": ends(hours) }).to_string();
        let path = format!("{entry}/renew");
        post(&installation, &path, "application/json", &body).await
    };
    assert_eq!(approve().await["state"], "active");
    let (_, sooner) = renew(12).await;
    assert_eq!(
        sooner["state"], "active",
        "an earlier end takes nobody else"
    );
    let (_, later) = renew(48).await;
    assert_eq!(later["state"], "waiting");
    assert_eq!(approve().await["state"], "active");
}

#[tokio::test]
async fn a_list_is_shared_with_others_later_and_with_nobody_who_may_not() {
    let installation = Installation::start(allow_alerts).await;
    let list = list(&installation).await;
    let sees = async || {
        let token = installation.token("supervisor");
        let path = format!("/v1/alert-lists/{list}");
        let request = installation.request("GET", &path, Some(token));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(sees().await, 200, "as it was made");
    let share = async |with: &[&str]| {
        let with = with.iter().flat_map(|one| ["--with", one]);
        let words = ["alert-list", "share", &list];
        let words: Vec<&str> = words.into_iter().chain(with).collect();
        installation.turnpike("investigator", &words).await
    };
    let done = share(&[]).await;
    assert_eq!(done.stdout, b"shared with nobody; on record\n");
    assert_eq!(sees().await, 404);
    let none = share(&["nobody.known"]).await;
    assert!(!none.status.success() && none.stdout.is_empty());
    assert_eq!(sees().await, 404);
    let done = share(&["sam.okafor"]).await;
    assert_eq!(done.stdout, b"shared with sam.okafor; on record\n");
    assert_eq!(sees().await, 200);
    let path = format!("/v1/alert-lists/{list}/share");
    let token = installation.token("supervisor");
    let request = installation.request("POST", &path, Some(token));
    let request = request.json(&json!({ "shared": [] }));
    assert_eq!(request.send().await.unwrap().status(), 403, "not the owner");
}
