//! What agreements do to questions: windows, fields, caps, look-alikes, partial plates, staleness, retention, third parties.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use turnpike_contract_tests::{
    sim::{niop::Txn, rekor::Group},
    world::World,
};
use turnpike_schemas::ledger::{AdminAction, Body};

use super::installation::{
    Embedded, Installation, PLATE, agree, client, edit, eventually, now, question, question_about,
    reads_of, row, with,
};

const TOLLS: &str = "state-tolls";
const CAMERAS: &str = "main-street-cameras";

fn hours_ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

/// Drops toll transactions and waits until they are held.
async fn toll(installation: &Installation, txns: Vec<Txn>) {
    let wanted = txns.len() as u64;
    let hub = &installation.world.tolls;
    hub.drop_file(&hub.stran(now(), txns)).unwrap();
    held(installation, TOLLS, wanted).await;
}

async fn held(installation: &Installation, source: &str, wanted: u64) {
    let token = installation.token("investigator");
    eventually("the reads are held", async || {
        let held = installation.gateway.held(token).await.unwrap();
        (held[source] == wanted).then_some(())
    })
    .await;
}

fn texts(answer: &Value, source: &str) -> Vec<String> {
    let reads = reads_of(answer, source).into_iter();
    let mut texts: Vec<String> = reads
        .map(|read| read["plate"]["text"].as_str().unwrap().to_owned())
        .collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn look_alike_and_partial_plates_and_issuers_are_told_apart() {
    let installation = Installation::start(|_| {}).await;
    let of_michigan = Txn::video(4, hours_ago(4), PLATE).with_plate(|plate| {
        "MI".clone_into(&mut plate.state);
    });
    let of_nobody = Txn::video(5, hours_ago(5), PLATE).with_unknown_country();
    let txns = vec![
        Txn::video(1, hours_ago(1), PLATE),
        Txn::video(2, hours_ago(2), "TPKO421"),
        Txn::video(3, hours_ago(3), "TPK0422"),
        of_michigan,
        of_nobody,
    ];
    toll(&installation, txns).await;
    let exact = installation.ask(&question(3)).await;
    assert_eq!(texts(&exact, TOLLS), [PLATE, PLATE, PLATE]);
    let alike = with(question(3), "match", "look_alike");
    let alike = installation.ask(&alike).await;
    assert_eq!(texts(&alike, TOLLS), [PLATE, PLATE, PLATE, "TPKO421"]);
    assert_eq!(row(&alike, "brookdale-police")["outcome"], "unsupported");
    assert_eq!(row(&alike, "brookdale-police")["capability"], "look_alike");
    let partial = with(question_about("TPK04?2", 3), "match", "partial");
    let partial = installation.ask(&partial).await;
    assert_eq!(texts(&partial, TOLLS), ["TPK0422"]);
    assert_eq!(
        row(&partial, "brookdale-police")["capability"],
        "partial_plates"
    );
    let short = with(question_about("TPK0???", 3), "match", "partial");
    let short = installation.ask(&short).await;
    assert_eq!(row(&short, TOLLS)["rule"], "partial_plate_too_short");
    let wide = with(question_about("TPK04?2", 8), "match", "partial");
    let wide = installation.ask(&wide).await;
    assert_eq!(row(&wide, TOLLS)["rule"], "partial_plate_window_too_long");
    let michigan = with(question(3), "jurisdiction", "US-MI");
    let michigan = installation.ask(&michigan).await;
    let issuers: Vec<&Value> = reads_of(&michigan, TOLLS)
        .into_iter()
        .map(|read| &read["plate"]["jurisdiction"])
        .collect();
    assert_eq!(
        issuers,
        [&json!("US-MI"), &Value::Null],
        "unknown is not different"
    );
}

#[tokio::test]
async fn a_window_is_cut_or_refused_and_lists_and_fields_are_capped() {
    let installation = Installation::start(|world: &World| {
        agree(world, TOLLS, "lookback_days = 90", "lookback_days = 1");
        agree(world, TOLLS, "max_reads = 200", "max_reads = 2");
        agree(world, TOLLS, r#""site", "camera", "lane""#, r#""site""#);
        agree(
            world,
            "brookdale-police",
            "excess = \"cut\"",
            "excess = \"refuse\"",
        );
        agree(world, CAMERAS, r#""position", "#, "");
        agree(world, CAMERAS, r#", "images""#, "");
        agree(world, "harbor-tolls", "toll_enforcement", "stolen_vehicle");
        agree(
            world,
            "harbor-tolls",
            "max_window_days = 31",
            "max_window_days = 2",
        );
        agree(
            world,
            "lakeside-police",
            "lookback_days = 90",
            "lookback_days = 2",
        );
        agree(
            world,
            "lakeside-police",
            "excess = \"cut\"",
            "excess = \"refuse\"",
        );
    })
    .await;
    let early = Txn::video(9, hours_ago(30), PLATE);
    let recent = (1..=3).map(|number| Txn::video(number, hours_ago(number.cast_signed()), PLATE));
    toll(&installation, recent.chain([early]).collect()).await;
    let group = Group::read(2042, hours_ago(2), PLATE);
    installation.world.cameras.send(&group.json());
    held(&installation, CAMERAS, 1).await;

    let asked = question(3);
    let answer = installation.ask(&asked).await;
    assert_eq!(answer["completeness"], "partial");
    let tolls = row(&answer, TOLLS);
    assert_eq!(
        (&tolls["reads"], &tolls["truncated"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(tolls["searched"]["to"], asked["window"]["to"]);
    assert!(instant(&tolls["searched"]["from"]) > hours_ago(25));
    let newest: Vec<Timestamp> = reads_of(&answer, TOLLS)
        .into_iter()
        .map(|read| instant(&read["captured_at"]))
        .collect();
    assert!(
        newest.iter().all(|at| *at > hours_ago(3)),
        "the newest are kept"
    );
    for read in reads_of(&answer, TOLLS) {
        assert!(read["place"]["camera"].is_null() && read["place"]["lane"].is_null());
        assert!(read["place"]["site"].is_string());
    }
    let camera = reads_of(&answer, CAMERAS)[0];
    assert!(camera["place"]["lat"].is_null() && camera["place"]["lon"].is_null());
    assert_eq!(camera["images"], json!([]));
    assert!(row(&answer, CAMERAS).get("searched").is_none());
    let harbor = row(&answer, "harbor-tolls");
    assert_eq!(harbor["outcome"], "stale");
    assert!(instant(&harbor["searched"]["from"]) > hours_ago(49));
    assert_eq!(row(&answer, "brookdale-police")["outcome"], "answered");
    assert_eq!(
        row(&answer, "lakeside-police")["rule"],
        "window_reaches_too_far"
    );

    let month = installation.ask(&question(32)).await;
    assert_eq!(row(&month, "brookdale-police")["rule"], "window_too_long");
    let mut old = question(3);
    old["window"] = json!({ "from": hours_ago(24 * 10), "to": hours_ago(24 * 9) });
    assert_eq!(
        row(&installation.ask(&old).await, TOLLS)["rule"],
        "window_too_old"
    );
    let narrow = with(question(1), "sources", json!([CAMERAS]));
    let narrow = installation.ask(&narrow).await;
    assert_eq!(row(&narrow, CAMERAS)["outcome"], "answered");
    assert_eq!(
        narrow["completeness"], "partial",
        "sources not named are not searched"
    );
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_question_for_another_organisation_needs_both_to_be_allowed() {
    let installation = Installation::start(|world| {
        agree(world, "lakeside-police", "\"both_allowed\"", "\"refuse\"");
    })
    .await;
    let other = with(question(3), "on_behalf_of", "state-tolls");
    let answer = installation.ask(&other).await;
    assert_eq!(row(&answer, TOLLS)["outcome"], "stale");
    assert_eq!(
        row(&answer, "lakeside-police")["rule"],
        "on_behalf_of_not_allowed"
    );
    let contacted = installation.world.police.requests().len();
    let private = with(question(3), "on_behalf_of", "turnpike-ops");
    let answer = installation.ask(&private).await;
    for source in ["brookdale-police", TOLLS, CAMERAS] {
        assert_eq!(
            row(&answer, source)["rule"],
            "on_behalf_of_class_not_allowed"
        );
    }
    assert_eq!(answer["completeness"], "none");
    assert_eq!(installation.world.police.requests().len(), contacted);
    let own = with(question(3), "on_behalf_of", "brookdale-pd");
    let own = installation.ask(&own).await;
    assert_eq!(row(&own, TOLLS)["outcome"], "stale");
    let ledger = installation.ledger();
    let told: Vec<&Value> = super::installation::of_kind(&ledger, "intent")
        .into_iter()
        .map(|entry| &entry["body"]["on_behalf_of"])
        .collect();
    assert_eq!(
        told,
        [&json!("state-tolls"), &json!("turnpike-ops"), &Value::Null]
    );
}

#[tokio::test]
async fn silence_makes_a_source_stale_and_retention_ends_to_the_second() {
    let embedded = Embedded::start(|world| {
        agree(world, CAMERAS, "days = 90", "days = 2");
        let push = "push = {";
        edit(
            world,
            "turnpike.toml",
            push,
            &format!("stale_after_s = 3600\n{push}"),
        );
    })
    .await;
    let client = client();
    let captured = hours_ago(1);
    let captured = captured - SignedDuration::from_nanos(captured.subsec_nanosecond().into());
    let asked = with(question(5), "sources", json!([CAMERAS]));
    let before = embedded.ask(&client, &asked).await;
    let silent = row(&before, CAMERAS);
    assert_eq!(
        (&silent["outcome"], &silent["since"]),
        (&json!("stale"), &Value::Null)
    );
    let group = Group::read(2042, captured, PLATE);
    embedded.world.cameras.send(&group.json());
    assert!(
        embedded
            .world
            .cameras
            .drained(super::installation::PATIENCE)
            .await
    );
    let fresh = embedded.ask(&client, &asked).await;
    assert_eq!(row(&fresh, CAMERAS)["outcome"], "answered");

    embedded.clock.advance(SignedDuration::from_secs(3_601));
    let stale = embedded.ask(&client, &asked).await;
    let report = row(&stale, CAMERAS);
    assert_eq!(
        (&report["outcome"], &report["reads"]),
        (&json!("stale"), &json!(1))
    );
    assert!(instant(&report["since"]) > captured);
    assert_eq!(stale["completeness"], "partial");

    let end = captured + SignedDuration::from_hours(48);
    let left = end.duration_since(turnpike_adapters::context::Clock::now(&*embedded.clock));
    embedded.clock.advance(left - SignedDuration::from_secs(1));
    let last = embedded.ask(&client, &asked).await;
    assert_eq!(reads_of(&last, CAMERAS).len(), 1);
    embedded.clock.advance(SignedDuration::from_secs(2));
    let gone = embedded.ask(&client, &asked).await;
    assert_eq!(gone["reads"], json!([]));
    let app = embedded.running.app();
    let before = app.ledger().stats().entries;
    let swept = app.erase().await.unwrap();
    assert_eq!(
        swept.reads.get(CAMERAS).copied(),
        Some(1),
        "expired reads are gone: {swept:?}"
    );
    let entries = app.ledger().read_from(before).unwrap();
    let erasures: Vec<_> = entries
        .filter_map(|entry| match entry.unwrap().body {
            Body::Admin(admin) if admin.action == AdminAction::Erasure => Some(admin.facts),
            _ => None,
        })
        .collect();
    assert_eq!(
        serde_json::to_value(erasures).unwrap(),
        json!([{ "erased": { CAMERAS: 1 } }]),
        "which is on record by source and count"
    );
    assert_eq!(embedded.ask(&client, &asked).await["reads"], json!([]));
    embedded.running.stop().await;
}
