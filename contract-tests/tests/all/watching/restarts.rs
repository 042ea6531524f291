//! `kill -9` of the gateway at any moment: no acknowledged read of a wanted plate goes untold, and none is told of twice.
//!
//! The same data folder goes through all the kills, so whatever one crash leaves behind, the next one meets.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use turnpike_contract_tests::{
    sim::rekor::Group,
    world::{Gateway, World, link_command},
};
use turnpike_gateway::{
    alerts,
    ledger::{Keyring, read_open},
    watch::{self, EventKind},
};
use turnpike_matcher::Matcher;
use turnpike_schemas::{
    api::hits::HitNotice,
    ledger::{Action, Body},
};
use uuid::Uuid;

use super::{CAMERAS, OWNER, allow_alerts, by, entry, new_list};
use crate::{
    crash::signal,
    installation::{build, eventually, now},
};

const KILLS: u32 = 50;

/// Every random moment comes from this.
const SEED: u64 = 0x7761_7463_6865;

/// Longest time a killed gateway has worked.
const WORK_MS: u64 = 250;

/// Plates that are wanted.
const WANTED: [&str; 4] = ["TPX0101", "TPX0102", "TPX0103", "TPX0104"];

/// Reads, each of a passage of its own, and which of them the gateway acknowledged.
struct Load {
    base: Timestamp,
    sent: u32,
    /// By camera: the plate.
    acknowledged: BTreeMap<u32, &'static str>,
    /// Without an answer: the vendor sends it again.
    unsure: Option<u32>,
}

impl Load {
    fn read(&self, number: u32) -> (Group, &'static str) {
        let wanted = usize::try_from(number).unwrap() % (2 * WANTED.len());
        let plate = WANTED.get(wanted).copied().unwrap_or("TPX0999");
        // Two hours apart: no two of them are one passage.
        let at = self.base - SignedDuration::from_mins(i64::from(number));
        (Group::read(number, at, plate), plate)
    }

    /// Pushes until the gateway is gone.
    async fn push(&mut self, gateway: &Gateway, token: &str) {
        loop {
            let number = self.unsure.unwrap_or(self.sent);
            self.sent = self.sent.max(number + 1);
            self.unsure = Some(number);
            let (group, plate) = self.read(number);
            let address = format!("{}/v1/sources/{CAMERAS}/reads", gateway.address());
            let request = gateway.client().post(address).json(&group.json());
            let Ok(answer) = request.bearer_auth(token).send().await else {
                return;
            };
            assert_eq!(answer.status(), 200);
            self.acknowledged.insert(number, plate);
            self.unsure = None;
        }
    }
}

fn alerts_of(world: &World) -> alerts::Book {
    let path = world.folder().join("data/alerts.sqlite");
    alerts::Book::open(&path, Arc::new(Matcher::new()), 1_000, now()).unwrap()
}

async fn want(world: &World) {
    std::fs::create_dir_all(world.folder().join("data")).unwrap();
    let lists = alerts_of(world);
    let list = lists.make(Uuid::now_v7(), new_list(), now()).await.unwrap();
    let add = WANTED.map(|plate| entry(plate, None, now())).to_vec();
    let import = super::import(list.revision, add);
    lists.import(list.id, import, by(now())).await.unwrap();
}

async fn start(world: &World, command: &Path) -> Gateway {
    Gateway::start(command, &world.config()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_at_any_moment_leave_every_acknowledged_wanted_read_told_once() {
    let world = build(allow_alerts).await;
    let command: PathBuf = {
        let program = Path::new(env!("CARGO_BIN_EXE_turnpike-demo"));
        link_command(program, world.folder()).unwrap()
    };
    // Once without a list, so that it is known how far the store was looked at.
    let gateway = start(&world, &command).await;
    gateway.kill().await.unwrap();
    want(&world).await;
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut load = Load {
        base: now() - SignedDuration::from_hours(1),
        sent: 0,
        acknowledged: BTreeMap::new(),
        unsure: None,
    };
    for kill in 0..KILLS {
        let gateway = start(&world, &command).await;
        let token = world.tokens.cameras.clone();
        // A kill at a random moment is a matter of time, not of a state that could be waited for.
        let work = Duration::from_micros(rng.u64(0..WORK_MS * 1_000));
        let worked = tokio::time::timeout(work, load.push(&gateway, &token)).await;
        assert!(worked.is_err(), "kill {kill}: the gateway ended by itself");
        gateway.kill().await.unwrap();
    }
    // Told to stop, it deals with what arrived first.
    let mut gateway = start(&world, &command).await;
    told(&world, &mut gateway, &load).await;
}

/// Stops the gateway once it has told of everything, and compares.
async fn told(world: &World, gateway: &mut Gateway, load: &Load) {
    let expected: BTreeMap<u32, &str> = load
        .acknowledged
        .iter()
        .filter(|(_, plate)| WANTED.contains(plate))
        .map(|(number, plate)| (*number, *plate))
        .collect();
    assert!(expected.len() > 50, "{} reads", load.acknowledged.len());
    eventually("everything that arrived is looked at", async || {
        (behind(gateway).await == Some(0)).then_some(())
    })
    .await;
    signal(gateway, "TERM").await;
    assert_eq!(gateway.ended().await.unwrap().code(), Some(0));
    let hits = watch::Book::open(&world.folder().join("data/hits.sqlite")).unwrap();
    let events = hits.after(0, OWNER, 100_000).await.unwrap();
    assert!(events.iter().all(|event| event.kind == EventKind::Hit));
    let mut told = BTreeMap::new();
    for event in &events {
        let body = event.body.as_ref().unwrap().expose();
        let notice: HitNotice = serde_json::from_slice(body).unwrap();
        let camera = notice.read.observation.place.camera.clone().unwrap();
        let number: u32 = camera.rsplit('/').next().unwrap().parse().unwrap();
        let again = told.insert(number, notice.wanted.clone());
        assert_eq!(again, None, "read {number} is told of twice");
    }
    for (number, plate) in &expected {
        assert_eq!(
            told.get(number).map(String::as_str),
            Some(*plate),
            "{number}"
        );
    }
    // One more at most than were acknowledged at each kill: stored, and its answer lost.
    assert!(told.len() <= expected.len() + 50);
    on_record(world, &hits).await;
}

/// Rows that wait to be looked at; nothing before the gateway looked.
async fn behind(gateway: &Gateway) -> Option<u64> {
    let address = format!("{}/metrics", gateway.address());
    let metrics = gateway.client().get(address).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("turnpike_matching_behind "));
    line.map(|rows| rows.parse().unwrap())
}

/// Every hit stands where the ledger says that it was told.
async fn on_record(world: &World, hits: &watch::Book) {
    let keys = Keyring::read(&world.folder().join("data/ledger-keys")).unwrap();
    let entries = read_open(&world.folder().join("data/ledger"), &keys).unwrap();
    let intents: BTreeSet<u64> = entries
        .map(Result::unwrap)
        .filter(
            |entry| matches!(&entry.body, Body::Intent(intent) if intent.action == Action::Alert),
        )
        .map(|entry| entry.index)
        .collect();
    let mut before = None;
    loop {
        let filter = watch::Filter {
            before_seq: before,
            ..watch::Filter::default()
        };
        let page = hits.list(OWNER, filter).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.seq);
        for hit in &page {
            assert!(intents.contains(&hit.intent.unwrap()), "{hit:?}");
            assert!(hit.outcome > hit.intent);
        }
    }
    assert!(hits.unrecorded().await.unwrap().is_empty());
}
