//! From a pushed read to what the owner of an alert list is told, through a real gateway: once, as agreed, and on record.

mod before;
mod desk;
mod handed;
mod reach;
mod restarts;
mod standing;
mod tried;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use turnpike_contract_tests::{sim::rekor::Group, world::World};
use turnpike_gateway::{
    alerts::{By, Duties, Import, NewList, Terms},
    watch::{EventKind, Filter, HitRow},
};
use turnpike_schemas::{
    agreement::Assurance,
    alert::{Entry, Reason, Wanted},
    api::hits::HitNotice,
    hit::{Doubt, HitState, Matched, Standing},
    plate::Jurisdiction,
    query::{CaseRef, OnBehalfOf, Purpose},
};
use uuid::Uuid;

use super::installation::{Embedded, agree, client, entries, eventually, of_kind};

pub(crate) const CAMERAS: &str = "main-street-cameras";
const OWNER: &str = "ines.moreau";
const CASE: &str = "BRK-2026-000042";

/// Lets the agreement of the cameras allow alerts.
pub(crate) fn allow_alerts(world: &World) {
    allow(world, CAMERAS);
}

fn allow(world: &World, source: &str) {
    agree(world, source, "\"ingest\"]", "\"ingest\", \"alert\"]");
    let terms = "[alerts]\nmax_days = 30\nconfirm_days = 7\nsecond_approval = false\n\n[why]\n";
    agree(world, source, "[why]\n", terms);
}

/// A gateway with one list of one owner.
struct Watch {
    embedded: Embedded,
    list: Uuid,
    revision: u64,
}

impl Watch {
    async fn start(change: impl FnOnce(&World)) -> Self {
        Self::with(change, |_| {}).await
    }

    async fn with(change: impl FnOnce(&World), terms: impl FnOnce(&mut NewList)) -> Self {
        let embedded = Embedded::start(change).await;
        let mut new = new_list();
        terms(&mut new);
        let list = Uuid::now_v7();
        let lists = embedded.running.app().alerts();
        let made = lists.make(list, new, embedded.now()).await.unwrap();
        Self {
            list,
            revision: made.revision,
            embedded,
        }
    }

    /// Adds an entry; its number.
    async fn want(&mut self, plate: &str, issuer: Option<&str>) -> u64 {
        let now = self.embedded.now();
        let import = import(self.revision, vec![entry(plate, issuer, now)]);
        let lists = self.embedded.running.app().alerts();
        let done = lists.import(self.list, import, by(now)).await.unwrap();
        self.revision = done.revision;
        done.added[0]
    }

    /// Pushes what the camera engine sends; it must be taken in.
    async fn push(&self, group: &Group) {
        let address = format!(
            "http://{}/v1/sources/{CAMERAS}/reads",
            self.embedded.running.address
        );
        let request = client().post(address).json(&group.json());
        let token = &self.embedded.world.tokens.cameras;
        let response = request.bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 200, "{:?}", response.text().await);
    }

    async fn hits(&self) -> Vec<HitRow> {
        let hits = self.embedded.running.app().hits();
        hits.list(OWNER, Filter::default()).await.unwrap()
    }

    /// The hits, once there are so many.
    async fn told(&self, count: usize) -> Vec<HitRow> {
        eventually("the owner is told", async || {
            let hits = self.hits().await;
            (hits.len() >= count).then_some(hits)
        })
        .await
    }

    /// What the ledger says of alerts: kind and body.
    fn recorded(&self) -> Vec<(String, Value)> {
        let entries = entries(&self.embedded.world);
        let intents = of_kind(&entries, "intent");
        let intents: BTreeSet<u64> = intents
            .iter()
            .filter(|intent| intent["body"]["action"] == "alert")
            .map(|intent| intent["index"].as_u64().unwrap())
            .collect();
        let of = |entry: &&Value| {
            let index = entry["index"].as_u64();
            let intent = entry["intent"].as_u64();
            [index, intent]
                .into_iter()
                .flatten()
                .any(|at| intents.contains(&at))
        };
        let kind = |entry: &Value| entry["kind"].as_str().unwrap().to_owned();
        let entries = entries.iter().filter(of);
        entries
            .map(|entry| (kind(entry), entry["body"].clone()))
            .collect()
    }
}

fn new_list() -> NewList {
    NewList {
        owner: OWNER.to_owned(),
        organisation: "brookdale-pd".to_owned(),
        name: "Stolen this week".to_owned(),
        topic: None,
        terms: Terms {
            purpose: Purpose::StolenVehicle,
            offence: None,
            case_reference: CaseRef::parse(CASE).unwrap(),
            on_behalf_of: OnBehalfOf::Own,
            legal_basis: "Vehicle Code 4.2".to_owned(),
            assurance: Assurance::Aal1,
        },
        look_alike: false,
        confidential: false,
        shared: BTreeSet::new(),
        as_of: None,
    }
}

fn entry(plate: &str, issuer: Option<&str>, now: Timestamp) -> Entry {
    Entry {
        wanted: Wanted::parse(plate).unwrap(),
        jurisdiction: issuer.map(|issuer| Jurisdiction::parse(issuer).unwrap()),
        reason: Reason::parse("stolen_vehicle").unwrap(),
        expires_at: now + SignedDuration::from_hours(24 * 3),
        note: None,
    }
}

fn import(revision: u64, add: Vec<Entry>) -> Import {
    Import {
        revision,
        key: Uuid::now_v7().to_string(),
        sha256: "00".repeat(32),
        add,
        remove: Vec::new(),
        renew: Vec::new(),
        as_of: None,
        duties: Duties {
            confirm_every: SignedDuration::from_hours(24 * 7),
            approval: false,
        },
    }
}

fn by(at: Timestamp) -> By {
    By {
        subject: OWNER.to_owned(),
        at,
        recorded: 0,
    }
}

fn notice(hit: &HitRow) -> HitNotice {
    serde_json::from_slice(hit.told.as_ref().unwrap().expose()).unwrap()
}

/// A read by a camera of its own: the same camera at the same instant is the same read.
fn group(at: Timestamp, plate: &str) -> Group {
    let camera: u32 = plate.bytes().map(u32::from).sum();
    Group::read(camera, at, plate)
}

#[tokio::test]
async fn a_wanted_plate_is_told_once_with_what_speaks_for_caution_and_on_record() {
    let mut watch = Watch::start(allow_alerts).await;
    let entry = watch.want("TPX0001", Some("US-OH")).await;
    let seen = group(watch.embedded.now(), "TPX0001");
    watch.push(&seen).await;
    watch.push(&group(watch.embedded.now(), "TPX0002")).await;
    let hit = watch.told(1).await.remove(0);
    let notice = notice(&hit);
    assert!(notice.notice.starts_with("Possible match: confirm"));
    assert_eq!((notice.entry, notice.list), (entry, watch.list));
    assert_eq!(
        (notice.matched, &*notice.wanted),
        (Matched::Exact, "TPX0001")
    );
    assert_eq!(notice.case_reference.as_str(), CASE);
    assert_eq!(notice.read.observation.plate.plate.expose(), "TPX0001");
    let doubts: Vec<Doubt> = notice.cautions.iter().map(|one| one.doubt).collect();
    assert!(!doubts.contains(&Doubt::Late), "{doubts:?}");

    // The same vehicle again, twice: nobody is told again.
    watch.push(&seen).await;
    let again = group(
        watch.embedded.now() + SignedDuration::from_secs(20),
        "TPX0001",
    );
    watch.push(&again).await;
    watch.want("TPX0009", None).await;
    watch.push(&group(watch.embedded.now(), "TPX0009")).await;
    assert_eq!(watch.told(2).await.len(), 2, "the other entry, and no more");

    let recorded = watch.recorded();
    let kinds: Vec<&str> = recorded.iter().map(|(kind, _)| kind.as_str()).collect();
    let once = ["intent", "decision", "outcome"];
    assert_eq!(kinds, [once, once].concat());
    let [(_, intent), (_, decision), (_, outcome), ..] = &recorded[..] else {
        panic!("{recorded:?}");
    };
    assert_eq!(intent["subject"], OWNER);
    assert_eq!(intent["case_reference"], CASE);
    assert_eq!(
        (&intent["plate"], &decision["verdict"]),
        (&"TPX0001".into(), &"permit".into())
    );
    assert_eq!(
        (&outcome["reads"], &outcome["sources"][0]["source"]),
        (&1.into(), &CAMERAS.into())
    );
    let outcome = outcome.to_string();
    assert!(
        !outcome.contains(hit.id.as_str()),
        "which hit it was is nobody else's"
    );
}

#[tokio::test]
async fn a_read_corrected_out_of_the_match_takes_its_hit_back_and_one_into_it_makes_one() {
    let mut watch = Watch::start(allow_alerts).await;
    watch.want("TPX0011", None).await;
    watch.want("TPX0012", None).await;
    let preview = group(watch.embedded.now(), "TPX0011").preview();
    watch.push(&preview).await;
    let first = watch.told(1).await.remove(0);
    assert_eq!(first.standing, Standing::Stands);
    watch.push(&preview.later("TPX0012", 97.0)).await;
    let hits = watch.told(2).await;
    let plates: Vec<String> = hits.iter().map(|hit| notice(hit).wanted).collect();
    assert_eq!(plates, ["TPX0012", "TPX0011"]);
    assert_eq!(hits[1].standing, Standing::Corrected);
    let book = watch.embedded.running.app().hits();
    let events = book.after(0, OWNER, 10).await.unwrap();
    let kinds: Vec<EventKind> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Hit, EventKind::Amended, EventKind::Hit]);
    // Late, the preview again: no step back.
    watch.push(&preview).await;
    watch.want("TPX0013", None).await;
    watch.push(&group(watch.embedded.now(), "TPX0013")).await;
    assert_eq!(watch.told(3).await.len(), 3);
    assert_eq!(watch.hits().await[2].standing, Standing::Corrected);
}

#[tokio::test]
async fn an_agreement_without_alerts_tells_nobody_and_the_refusal_is_on_record() {
    let mut watch = Watch::start(|_| {}).await;
    watch.want("TPX0021", None).await;
    watch.push(&group(watch.embedded.now(), "TPX0021")).await;
    let world = &watch.embedded.world;
    let refused = eventually("the refusal is recorded", async || {
        let entries = entries(world);
        let decisions = of_kind(&entries, "decision");
        decisions.first().map(|entry| entry["body"].clone())
    })
    .await;
    assert_eq!(refused["verdict"], "refuse");
    assert_eq!(refused["rules"][0], "action_not_allowed");
    assert_eq!(watch.hits().await, []);
    // Asked about once, however often it comes.
    let recorded = watch.recorded().len();
    let later = watch.embedded.now() + SignedDuration::from_mins(20);
    let again = group(later, "TPX0021");
    watch.push(&again).await;
    watch.push(&again).await;
    eventually("the second read is dealt with", async || {
        (watch.recorded().len() == 2 * recorded).then_some(())
    })
    .await;
    assert_eq!(watch.recorded()[2].1["sources"][0]["outcome"], "refused");
}

#[tokio::test]
async fn who_could_not_ask_for_want_of_training_is_told_of_nothing() {
    let untrained = |world: &World| {
        allow_alerts(world);
        crate::installation::configure(world, "[identity]\nrequire_training = true");
    };
    let mut watch = Watch::start(untrained).await;
    watch.want("TPX0061", None).await;
    watch.push(&group(watch.embedded.now(), "TPX0061")).await;
    let world = &watch.embedded.world;
    let refused = eventually("the refusal is recorded", async || {
        let entries = entries(world);
        let refused = of_kind(&entries, "refused");
        let alert = refused.iter().find(|one| one["body"]["action"] == "alert");
        alert.map(|one| one["body"]["detail"].clone())
    })
    .await;
    assert_eq!(refused, "training");
    assert_eq!(watch.hits().await, []);
}

#[tokio::test]
async fn issuers_that_differ_never_match_and_a_late_read_says_so() {
    let mut watch = Watch::start(allow_alerts).await;
    watch.want("TPX0031", Some("US-NY")).await;
    watch.want("TPX0032", Some("US-OH")).await;
    let hours_ago = watch.embedded.now() - SignedDuration::from_hours(5);
    watch.push(&group(watch.embedded.now(), "TPX0031")).await;
    watch.push(&group(hours_ago, "TPX0032")).await;
    let hits = watch.told(1).await;
    assert_eq!(hits.len(), 1);
    let notice = notice(&hits[0]);
    assert_eq!(notice.wanted, "TPX0032");
    assert!(notice.late_by_s.is_some_and(|late| late >= 5 * 3_600));
    assert!(notice.cautions.iter().any(|one| one.doubt == Doubt::Late));
}

#[tokio::test]
async fn look_alikes_and_patterns_are_told_as_what_they_are() {
    let look_alike = |new: &mut NewList| new.look_alike = true;
    let mut watch = Watch::with(allow_alerts, look_alike).await;
    watch.want("TPX0O41", None).await;
    watch.want("TPZ??77", None).await;
    watch.push(&group(watch.embedded.now(), "TPX0041")).await;
    watch.told(1).await;
    watch.push(&group(watch.embedded.now(), "TPZ1277")).await;
    let hits = watch.told(2).await;
    let how: Vec<Matched> = hits.iter().map(|hit| notice(hit).matched).collect();
    assert_eq!(how, [Matched::Pattern, Matched::LookAlike]);
    let cautions =
        |hit| -> Vec<Doubt> { notice(hit).cautions.iter().map(|one| one.doubt).collect() };
    assert!(cautions(&hits[0]).contains(&Doubt::Pattern));
    assert!(cautions(&hits[1]).contains(&Doubt::LookAlike));
}

#[tokio::test]
async fn an_entry_that_ended_or_was_not_confirmed_fires_no_more_and_takes_nothing_back() {
    let mut watch = Watch::start(allow_alerts).await;
    watch.want("TPX0051", None).await;
    let preview = group(watch.embedded.now(), "TPX0051").preview();
    watch.push(&preview).await;
    watch.told(1).await;
    watch
        .embedded
        .clock
        .advance(SignedDuration::from_hours(24 * 4));
    // The same text, surer: a revision of the read after the entry ended.
    watch.push(&preview.later("TPX0051", 99.0)).await;
    watch.push(&group(watch.embedded.now(), "TPX0051")).await;
    watch.want("TPX0052", None).await;
    watch.push(&group(watch.embedded.now(), "TPX0052")).await;
    let hits = watch.told(2).await;
    assert_eq!(notice(&hits[0]).wanted, "TPX0052");
    assert_eq!(hits[1].standing, Standing::Stands);
    assert_eq!(hits[1].state, HitState::Unconfirmed);
}

#[tokio::test]
async fn the_demonstration_tells_once_over_a_correction_and_a_kill() {
    let program = env!("CARGO_BIN_EXE_turnpike-demo");
    let mut demo = tokio::process::Command::new(program);
    let demo = demo.args(["--watch", "--vehicles", "20"]).output().await;
    let demo = demo.unwrap();
    let (followed, said) = (
        String::from_utf8(demo.stdout).unwrap(),
        String::from_utf8(demo.stderr).unwrap(),
    );
    assert!(demo.status.success(), "{said}\n{followed}");
    assert!(said.contains("as promised"), "{said}");
    assert!(followed.contains("** POSSIBLE MATCH: CONFIRM BEFORE ACTING"));
    assert!(followed.contains("!! NO LONGER A MATCH"), "{followed}");
    let wide = followed.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
}
