//! Entries that ask a source which can only be asked: in turn, out of a reserve, and never for a list that is confidential.

use std::{collections::BTreeSet, time::Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use turnpike_contract_tests::{
    town::{Family, Passage},
    world::World,
};
use turnpike_gateway::{
    alerts::{By, List, NewList},
    watch::{Filter, HitRow},
};
use uuid::Uuid;

use super::{OWNER, entry, import, new_list, notice};
use crate::installation::{
    Embedded, agree, client, edit, entries, eventually, of_kind, question_about, row,
};

const POLICE: &str = "brookdale-police";

/// A minute, and with it the next turn of every entry.
const TURN: SignedDuration = SignedDuration::from_secs(61);

const QUOTA: &str = "quota = { requests = 100, per_s = 1, concurrency = 16 }";

/// A reserve of a fifth, and an agreement by which entries may ask.
fn ask_in_turn(world: &World, requests: u32) {
    let quota = format!(
        "quota = {{ requests = {requests}, per_s = 1, concurrency = 16, alert_reserve_percent = 20 }}"
    );
    edit(world, "turnpike.toml", QUOTA, &quota);
    agree(world, POLICE, "\"query\"]", "\"query\", \"alert\"]");
    let terms = "[alerts]\nmax_days = 30\nconfirm_days = 7\nsecond_approval = false\n\n[retention]\ndays = 30\n\n[why]\n";
    agree(world, POLICE, "[why]\n", terms);
}

async fn made(embedded: &Embedded, change: impl FnOnce(&mut NewList)) -> List {
    let mut new = new_list();
    change(&mut new);
    let lists = embedded.running.app().alerts();
    lists
        .make(Uuid::now_v7(), new, embedded.now())
        .await
        .unwrap()
}

async fn want(embedded: &Embedded, list: &List, plates: &[String]) -> Vec<u64> {
    let now = embedded.now();
    let wanted = plates.iter().map(|plate| entry(plate, None, now));
    let import = import(list.revision, wanted.collect());
    let by = By {
        subject: list.list.owner.clone(),
        at: now,
        recorded: 0,
    };
    let lists = embedded.running.app().alerts();
    lists.import(list.id, import, by).await.unwrap().added
}

fn plates<const N: usize>(plates: [&str; N]) -> Vec<String> {
    plates.map(ToOwned::to_owned).to_vec()
}

/// How often the police were asked about a plate.
fn asked(embedded: &Embedded, plate: &str) -> usize {
    let lookups = embedded.world.police.lookups();
    lookups
        .iter()
        .filter(|lookup| lookup.plate == plate)
        .count()
}

async fn asked_times(embedded: &Embedded, plate: &str, times: usize) {
    eventually("the entry has its turn", async || {
        (asked(embedded, plate) >= times).then_some(())
    })
    .await;
}

/// The police read a plate.
fn seen(embedded: &Embedded, plate: &str, id: u64) {
    let like = embedded.world.town.passages(Family::Police).next().unwrap();
    let passage = Passage {
        id,
        at: embedded.now() - SignedDuration::from_secs(1),
        text: Some(plate.to_owned()),
        confidence_permille: 970,
        state: None,
        ..like.clone()
    };
    embedded.world.police.add_passages([&passage]);
}

async fn hits(embedded: &Embedded) -> Vec<HitRow> {
    let hits = embedded.running.app().hits();
    hits.list(OWNER, Filter::default()).await.unwrap()
}

/// Intents of one action that name a plate.
fn intents(embedded: &Embedded, action: &str, plate: &str) -> Vec<Value> {
    let entries = entries(&embedded.world);
    let intents = of_kind(&entries, "intent").into_iter();
    let of = |body: &&Value| body["action"] == action && body["plate"] == plate;
    intents
        .map(|entry| &entry["body"])
        .filter(of)
        .cloned()
        .collect()
}

#[tokio::test]
async fn a_wanted_plate_is_told_in_its_turn_once_also_over_a_restart() {
    let embedded = Embedded::start(|world| ask_in_turn(world, 100)).await;
    let list = made(&embedded, |_| {}).await;
    want(&embedded, &list, &plates(["TPX0301"])).await;
    asked_times(&embedded, "TPX0301", 1).await;
    assert_eq!(hits(&embedded).await, []);
    seen(&embedded, "TPX0301", 9_001);
    embedded.clock.advance(TURN);
    let told = eventually("the owner is told", async || {
        hits(&embedded).await.into_iter().next()
    })
    .await;
    let told_of = notice(&told);
    assert_eq!(told_of.read.source.as_str(), POLICE);
    assert_eq!((&*told_of.wanted, told_of.list), ("TPX0301", list.id));

    let embedded = embedded.restarted().await;
    let before = asked(&embedded, "TPX0301");
    for turn in 1..=2 {
        embedded.clock.advance(TURN);
        asked_times(&embedded, "TPX0301", before + turn).await;
    }
    assert_eq!(hits(&embedded).await.len(), 1, "asked again, told once");
    // Another passage is another hit: what came of the answers before is settled.
    embedded.clock.advance(SignedDuration::from_hours(3));
    seen(&embedded, "TPX0301", 9_002);
    embedded.clock.advance(TURN);
    eventually("the owner is told of the other passage", async || {
        (hits(&embedded).await.len() == 2).then_some(())
    })
    .await;
    assert_eq!(
        intents(&embedded, "query", "TPX0301"),
        Vec::<Value>::new(),
        "nobody counts it as asked by a person"
    );
    let recorded = entries(&embedded.world);
    let both = of_kind(&recorded, "decision");
    let both = both.iter().any(|one| one["body"]["action"] == "query");
    assert!(both, "the agreement must let its owner ask, too");
}

#[tokio::test]
async fn people_are_not_slowed_and_the_source_is_never_sent_more_than_its_quota() {
    let embedded = Embedded::start(|world| ask_in_turn(world, 20)).await;
    let begun = Instant::now();
    let list = made(&embedded, |_| {}).await;
    let many: Vec<String> = (0..40).map(|n| format!("TPY{n:04}")).collect();
    want(&embedded, &list, &many).await;
    asked_times(&embedded, "TPY0000", 1).await;
    let client = client();
    for _ in 0..4 {
        let answer = embedded.ask(&client, &question_about("TPX0311", 1)).await;
        let police = row(&answer, POLICE);
        assert_eq!(police["outcome"], "empty", "{police}");
    }
    eventually("entries go on having their turns", async || {
        let lookups = embedded.world.police.lookups();
        let of_lists = lookups.iter().filter(|one| one.plate.starts_with("TPY"));
        (of_lists.count() >= 8).then_some(())
    })
    .await;
    let sent = embedded.world.police.requests().len();
    let spans = usize::try_from(begun.elapsed().as_secs()).unwrap() + 2;
    assert!(sent <= 20 * spans, "{sent} requests in {spans} s");
}

#[tokio::test]
async fn a_confidential_list_is_never_sent_and_says_why() {
    let embedded = Embedded::start(|world| ask_in_turn(world, 100)).await;
    let secret = made(&embedded, |new| new.confidential = true).await;
    want(&embedded, &secret, &plates(["TPX0321"])).await;
    let open = made(&embedded, |_| {}).await;
    want(&embedded, &open, &plates(["TPX0322"])).await;
    for times in 1..=3 {
        asked_times(&embedded, "TPX0322", times).await;
        embedded.clock.advance(TURN);
    }
    let requests = embedded.world.police.requests();
    let sent = format!("{requests:?}");
    assert!(sent.contains("TPX0322") && !sent.contains("TPX0321"));
    assert_eq!(intents(&embedded, "alert", "TPX0321"), Vec::<Value>::new());

    let ends = embedded.now() + SignedDuration::from_hours(24);
    let more = json!({ "entries": [{ "plate": "TPX0323", "reason": "stolen_vehicle", "expires_at": ends.to_string() }] });
    let client = client();
    let mut said = Vec::new();
    for list in [&secret, &open] {
        let path = format!("/v1/alert-lists/{}/entries?dry_run=true", list.id);
        let request = embedded.request(&client, "POST", &path).json(&more);
        let report: Value = request.send().await.unwrap().json().await.unwrap();
        let sources = report["sources"]
            .as_array()
            .unwrap_or_else(|| panic!("{report}"));
        let police = sources.iter().find(|one| one["source"] == POLICE);
        said.push(police.unwrap().clone());
    }
    let why = said[0]["not_asked"].as_str().unwrap();
    assert!(why.contains("confidential"), "{why}");
    assert_eq!(said[1]["not_asked"], Value::Null);
    assert_eq!(said[1]["asked_every_s"], 60);
    let path = format!("/v1/alert-lists/{}/entries", open.id);
    let shown = embedded
        .request(&client, "GET", &path)
        .send()
        .await
        .unwrap();
    let shown: Value = shown.json().await.unwrap();
    let turn = &shown["entries"][0]["turns"][0];
    assert_eq!(turn["source"], POLICE, "{shown}");
    let next: Timestamp = turn["next_at"].as_str().unwrap().parse().unwrap();
    assert!(next <= embedded.now() + TURN, "{turn}");
}

#[tokio::test]
async fn an_owner_with_one_entry_does_not_wait_for_the_many_of_another() {
    let embedded = Embedded::start(|world| ask_in_turn(world, 20)).await;
    let many: Vec<String> = (0..60).map(|n| format!("TPY{n:04}")).collect();
    let list = made(&embedded, |_| {}).await;
    want(&embedded, &list, &many).await;
    asked_times(&embedded, "TPY0001", 1).await;
    let other = made(&embedded, |new| "sam.okafor".clone_into(&mut new.owner)).await;
    let before = embedded.world.police.lookups().len();
    want(&embedded, &other, &plates(["TPX0331"])).await;
    asked_times(&embedded, "TPX0331", 1).await;
    let lookups = embedded.world.police.lookups();
    let at = lookups.iter().position(|one| one.plate == "TPX0331");
    assert!(at.unwrap() <= before + 5, "{at:?} after {before}");
    let others: BTreeSet<&str> = lookups.iter().map(|one| &*one.plate).collect();
    assert!(others.len() < 60, "and they had not all been asked");
}

#[tokio::test]
async fn what_an_agreement_no_longer_allows_is_no_longer_asked() {
    let ends = crate::installation::now() + SignedDuration::from_hours(2);
    let ends = format!("effective_until = \"{ends}\"");
    let embedded = Embedded::start(|world| {
        ask_in_turn(world, 100);
        let never = "effective_until = \"2100-01-01T00:00:00Z\"";
        agree(world, POLICE, never, &ends);
    })
    .await;
    let list = made(&embedded, |_| {}).await;
    want(&embedded, &list, &plates(["TPX0341"])).await;
    asked_times(&embedded, "TPX0341", 1).await;
    embedded.clock.advance(SignedDuration::from_hours(3));
    let refused = || {
        let entries = entries(&embedded.world);
        let decisions = of_kind(&entries, "decision").into_iter();
        decisions
            .filter(|one| one["body"]["verdict"] == "refuse")
            .count()
    };
    eventually("the refusal is recorded", async || {
        (refused() == 2).then_some(())
    })
    .await;
    let (before, requests) = (
        asked(&embedded, "TPX0341"),
        embedded.world.police.requests(),
    );
    embedded.clock.advance(SignedDuration::from_mins(61));
    eventually("it is decided again an hour later", async || {
        (refused() == 4).then_some(())
    })
    .await;
    assert_eq!(asked(&embedded, "TPX0341"), before);
    assert_eq!(embedded.world.police.requests(), requests);
}

#[tokio::test]
async fn looking_back_asks_a_source_once_as_far_back_as_said_and_never_for_a_confidential_list() {
    let embedded = Embedded::start(|world| ask_in_turn(world, 100)).await;
    let like = embedded.world.town.passages(Family::Police).next().unwrap();
    let long_ago = |plate: &str, id: u64| Passage {
        id,
        at: embedded.now() - SignedDuration::from_hours(5),
        text: Some(plate.to_owned()),
        confidence_permille: 970,
        state: None,
        ..like.clone()
    };
    let passages = [long_ago("TPX0341", 9_101), long_ago("TPX0342", 9_102)];
    embedded.world.police.add_passages(&passages);
    let open = made(&embedded, |_| {}).await;
    let secret = made(&embedded, |new| new.confidential = true).await;
    want(&embedded, &open, &plates(["TPX0341"])).await;
    want(&embedded, &secret, &plates(["TPX0342"])).await;
    asked_times(&embedded, "TPX0341", 1).await;
    assert_eq!(hits(&embedded).await, []);
    let mut police = Vec::new();
    for list in [&open, &secret] {
        let path = format!("/v1/alert-lists/{}/look-back", list.id);
        let request = embedded.request(&client(), "POST", &path);
        let sent = request.json(&json!({ "hours": 24 })).send().await.unwrap();
        let looked: Value = sent.json().await.unwrap();
        let at = looked["sources"]
            .as_array()
            .unwrap_or_else(|| panic!("{looked}"));
        let at = at.iter().find(|one| one["source"] == POLICE).unwrap();
        police.push(at["why_not"].clone());
    }
    assert_eq!(police[0], Value::Null);
    assert!(police[1].as_str().unwrap().contains("confidential"));
    embedded.clock.advance(TURN);
    let told = eventually("the owner is told", async || {
        hits(&embedded).await.into_iter().next()
    })
    .await;
    let told = notice(&told);
    assert_eq!(told.wanted, "TPX0341");
    assert!(
        told.late_by_s.is_some_and(|late| late > 4 * 3_600),
        "{:?}",
        told.late_by_s
    );
    // Once: the turns after it reach back no further than any other.
    assert_eq!(far(&embedded, "TPX0341"), 1);
    let before = asked(&embedded, "TPX0341");
    embedded.clock.advance(TURN);
    asked_times(&embedded, "TPX0341", before + 1).await;
    assert_eq!(far(&embedded, "TPX0341"), 1);
    assert_eq!(asked(&embedded, "TPX0342"), 0);
    assert_eq!(hits(&embedded).await.len(), 1);
}

/// How often an entry asked the police about a day.
fn far(embedded: &Embedded, plate: &str) -> usize {
    let asks = intents(embedded, "alert", plate);
    let is_far = |one: &&Value| {
        let at =
            |name: &str| -> Timestamp { one["window"][name].as_str().unwrap().parse().unwrap() };
        let hours = at("to").duration_since(at("from")).as_hours();
        one["sources_wanted"]["names"][0] == POLICE && hours >= 23
    };
    asks.iter().filter(is_far).count()
}
