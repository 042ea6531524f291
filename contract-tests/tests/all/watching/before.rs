//! What was read before somebody was wanted: looked at when the owner of the list asks for it, and told as late.

use jiff::SignedDuration;
use serde_json::{Value, json};
use turnpike_contract_tests::world::World;
use turnpike_schemas::hit::Doubt;

use super::{CAMERAS, Watch, allow_alerts, group, notice};
use crate::installation::{Installation, agree, client, entries, eventually, now, of_kind};

async fn look_back(watch: &Watch, hours: u32) -> (u16, Value) {
    let path = format!("/v1/alert-lists/{}/look-back", watch.list);
    let request = watch.embedded.request(&client(), "POST", &path);
    let sent = request
        .json(&json!({ "hours": hours }))
        .send()
        .await
        .unwrap();
    (sent.status().as_u16(), sent.json().await.unwrap())
}

/// Everything that was to be looked at was.
async fn looked(watch: &Watch, outcomes: usize) {
    eventually("it was looked back", async || {
        let recorded = watch.recorded();
        let done = recorded
            .iter()
            .filter(|(kind, body)| kind == "outcome" && body["sources"][0]["source"] == CAMERAS);
        (done.count() >= outcomes).then_some(())
    })
    .await;
}

async fn seen_before(watch: &Watch, plate: &str, hours_ago: i64) {
    let at = watch.embedded.now() - SignedDuration::from_hours(hours_ago);
    watch.push(&group(at, plate)).await;
}

/// What was pushed before has been looked at and concerned nobody: reads are matched in the order in which they arrive.
async fn arrived(watch: &mut Watch, plate: &str) {
    watch.want(plate, None).await;
    watch.push(&group(watch.embedded.now(), plate)).await;
    let told = watch.told(1).await;
    assert_eq!((told.len(), &*notice(&told[0]).wanted), (1, plate));
}

#[tokio::test]
async fn what_was_read_before_is_told_once_and_as_late_when_the_owner_asks_for_it() {
    let mut watch = Watch::start(allow_alerts).await;
    seen_before(&watch, "TPX0901", 5).await;
    seen_before(&watch, "TPX0901", 30).await;
    arrived(&mut watch, "TPX0902").await;
    let entry = watch.want("TPX0901", None).await;
    let (status, said) = look_back(&watch, 24).await;
    assert_eq!((status, &said["entries"]), (200, &json!(2)), "{said}");
    let hits = watch.told(2).await;
    let told = notice(&hits[0]);
    assert_eq!((told.entry, &*told.wanted), (entry, "TPX0901"));
    let doubts: Vec<Doubt> = told.cautions.iter().map(|one| one.doubt).collect();
    assert!(
        told.told_at
            .duration_since(told.read.observation.captured_at)
            .as_hours()
            >= 5
    );
    assert!(
        doubts.iter().all(|doubt| *doubt != Doubt::LookAlike),
        "{doubts:?}"
    );
    // Again as far back is nothing new; further back finds the other passage, and tells of none twice.
    look_back(&watch, 24).await;
    watch.embedded = watch.embedded.restarted().await;
    let (_, said) = look_back(&watch, 48).await;
    assert_eq!(said["entries"], 2, "{said}");
    let hits = watch.told(3).await;
    assert_eq!(notice(&hits[0]).wanted, "TPX0901");
    watch.push(&group(watch.embedded.now(), "TPX0902")).await;
    assert_eq!(watch.hits().await.len(), 3);
    // Each question is on record, before and after, with what was decided about asking and about telling.
    let recorded = watch.recorded();
    let of_the_cameras = |body: &Value| {
        let at = |name: &str| -> jiff::Timestamp {
            body["window"][name].as_str().unwrap().parse().unwrap()
        };
        let hours = at("to").duration_since(at("from")).as_hours();
        (body["sources_wanted"]["names"][0] == CAMERAS && body["plate"] == "TPX0901")
            .then_some(hours)
    };
    let asked = recorded.iter().filter(|(kind, _)| kind == "intent");
    let mut asked: Vec<i64> = asked.filter_map(|(_, body)| of_the_cameras(body)).collect();
    asked.sort_unstable();
    // Two tellings, each of a moment, and two questions: as far back again was not asked.
    assert_eq!(asked, [0, 0, 24, 48]);
    let (status, said) = look_back(&watch, 169).await;
    assert_eq!((status, &said["field"]), (422, &json!("hours")), "{said}");
}

#[tokio::test]
async fn a_confidential_list_looks_back_at_reads_that_are_kept_here() {
    let mut watch = Watch::with(allow_alerts, |list| list.confidential = true).await;
    seen_before(&watch, "TPX0911", 3).await;
    arrived(&mut watch, "TPX0912").await;
    watch.want("TPX0911", None).await;
    let (_, said) = look_back(&watch, 24).await;
    let sources = said["sources"].as_array().unwrap();
    let live = sources
        .iter()
        .find(|one| one["source"] == "brookdale-police")
        .unwrap();
    assert!(
        live["why_not"].as_str().unwrap().contains("confidential"),
        "{live}"
    );
    let told = watch.told(2).await;
    assert_eq!(notice(&told[0]).wanted, "TPX0911");
    assert_eq!(watch.embedded.world.police.lookups().len(), 0);
}

#[tokio::test]
async fn what_an_agreement_allows_no_alerts_of_is_not_told_and_the_refusal_is_on_record() {
    // As it is, the agreement of the cameras allows no alerts.
    let mut watch = Watch::start(|_: &World| {}).await;
    seen_before(&watch, "TPX0921", 3).await;
    watch.want("TPX0921", None).await;
    assert_eq!(look_back(&watch, 24).await.0, 200);
    looked(&watch, 1).await;
    assert_eq!(watch.hits().await, []);
    let ledger = entries(&watch.embedded.world);
    let outcomes = of_kind(&ledger, "outcome");
    let refused = outcomes.iter().any(|entry| {
        let source = &entry["body"]["sources"][0];
        source["source"] == CAMERAS && source["outcome"] == "refused"
    });
    assert!(refused);
    // Nothing was searched, so asking again is not told that everything was.
    eventually("it may be asked again", async || {
        (look_back(&watch, 23).await.1["entries"] == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_command_says_where_it_looks_and_an_import_looks_back_for_what_it_adds() {
    let installation = Installation::start(allow_alerts).await;
    let token = installation.world.tokens.cameras.clone();
    let at = now() - SignedDuration::from_hours(6);
    let path = format!("/v1/sources/{CAMERAS}/reads");
    let request = installation.request("POST", &path, Some(&token));
    let sent = request.json(&group(at, "TPX0931").json()).send().await;
    assert_eq!(sent.unwrap().status(), 200);
    let make = [
        "alert-list",
        "make",
        "Stolen",
        "--purpose",
        "stolen_vehicle",
        "--case",
        "BRK-2026-000042",
    ];
    let make = [&make[..], &["--legal-basis", "Vehicle Code 4.2", "--json"]].concat();
    let made = installation.turnpike("investigator", &make).await;
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let list = made["id"].as_str().unwrap();
    let ends = (now() + SignedDuration::from_hours(48)).to_string();
    let file = installation.world.folder().join("wanted.csv");
    std::fs::write(
        &file,
        format!("plate,reason,expires_at\nTPX0931,stolen_vehicle,{ends}\n"),
    )
    .unwrap();
    let import = [
        "alert-list",
        "import",
        list,
        file.to_str().unwrap(),
        "--look-back",
        "24h",
    ];
    let done = installation.turnpike("investigator", &import).await;
    let shown = String::from_utf8(done.stdout).unwrap();
    assert_eq!(
        done.status.code(),
        Some(0),
        "{shown}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(shown.contains("1 entry looked for since"), "{shown}");
    assert!(
        shown.contains("main-street-cameras: now, among the reads kept here"),
        "{shown}"
    );
    assert!(
        shown.lines().all(|line| line.chars().count() <= 100),
        "{shown}"
    );
    let hit = eventually("the owner is told", async || {
        let token = installation.token("investigator");
        let sent = installation
            .request("GET", "/v1/hits", Some(token))
            .send()
            .await
            .unwrap();
        let page: Value = sent.json().await.unwrap();
        page["hits"].get(0).cloned()
    })
    .await;
    assert_eq!(hit["notice"]["wanted"], "TPX0931");
    assert!(
        hit["notice"]["late_by_s"].as_u64().unwrap() > 5 * 3_600,
        "{hit}"
    );
    let again = ["alert-list", "look-back", list, "--last", "24h"];
    let done = installation.turnpike("investigator", &again).await;
    let shown = String::from_utf8(done.stdout).unwrap();
    assert!(shown.contains("looked for since"), "{shown}");
}

#[tokio::test]
async fn an_owner_who_may_ask_no_more_for_now_goes_on_later_and_fills_no_ledger_meanwhile() {
    let mut watch = Watch::start(|world: &World| {
        allow_alerts(world);
        agree(
            world,
            CAMERAS,
            "user_per_hour = 1000000",
            "user_per_hour = 2",
        );
    })
    .await;
    for plate in ["TPX0941", "TPX0942", "TPX0943"] {
        seen_before(&watch, plate, 3).await;
    }
    arrived(&mut watch, "TPX0944").await;
    for plate in ["TPX0941", "TPX0942", "TPX0943"] {
        watch.want(plate, None).await;
    }
    assert_eq!(look_back(&watch, 24).await.0, 200);
    // The entry of the hit that is told already and one more.
    watch.told(2).await;
    let limited = |watch: &Watch| {
        let recorded = watch.recorded();
        let is_limited = |body: &Value| {
            let source = &body["sources"][0];
            source["source"] == CAMERAS && source["outcome"] == "rate_limited"
        };
        let found = recorded
            .iter()
            .filter(|(kind, body)| kind == "outcome" && is_limited(body));
        found.count()
    };
    eventually("the third has to wait", async || {
        (limited(&watch) == 1).then_some(())
    })
    .await;
    // Asked for again, which wakes whatever looks: nothing is tried before its time.
    look_back(&watch, 24).await;
    look_back(&watch, 24).await;
    assert_eq!(watch.hits().await.len(), 2);
    watch.embedded.clock.advance(SignedDuration::from_mins(61));
    look_back(&watch, 24).await;
    watch.told(4).await;
    assert_eq!(limited(&watch), 1);
}
