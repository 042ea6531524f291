use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::SeqCst},
};

use jiff::{SignedDuration, Timestamp};
use turnpike_schemas::{
    agreement::Role,
    ledger::{Action, Admin, AdminAction, Body, Intent, Kind, Names, Outcome, Personal, Window},
    review::{question::Questions, trail::Trace, unused::Account},
};
use uuid::Uuid;

use super::*;
use crate::{
    config::Config,
    ledger::{self, Ledger, LedgerConfig},
};

/// A ledger in files, whose time moves when the test says so.
struct Bench {
    folder: tempfile::TempDir,
    ledger: Ledger,
    time: Arc<AtomicI64>,
}

impl Bench {
    /// Small segments, so that the reader must go from one to the next.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let time = Arc::new(AtomicI64::new(1_767_571_200));
        let config = LedgerConfig {
            segment_bytes: 4_096,
            ..LedgerConfig::default()
        };
        let clock = Arc::clone(&time);
        let now = Arc::new(move || Timestamp::from_second(clock.load(SeqCst)).unwrap());
        let ledger = Ledger::open(&folder.path().join("ledger"), config, now);
        Self {
            ledger: ledger.unwrap().ledger,
            folder,
            time,
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.time.load(SeqCst)).unwrap()
    }

    fn later(&self, days: i64) {
        self.time.fetch_add(days * 86_400, SeqCst);
    }

    fn desk(&self, subjects: &[&str]) -> Desk {
        let config = self.folder.path().join("turnpike.toml");
        std::fs::write(&config, "").unwrap();
        let account = |subject: &&str| Account {
            subject: (*subject).to_owned(),
            organisation: "brookdale-pd".to_owned(),
            roles: [Role::Investigator].into(),
        };
        Desk::new(Setting {
            ledger: Some(self.folder.path().join("ledger")),
            keys: Arc::clone(self.ledger.keys()),
            review: Config::load_with(&config, &[].into()).unwrap().review,
            accounts: subjects.iter().map(account).collect(),
            governed: Vec::new(),
            secrecy: Secrecy::open(self.folder.path()).unwrap(),
        })
    }

    async fn ask(&self, subject: &str, plate: &str) {
        let now = self.now();
        let intent = Intent {
            action: Action::Query,
            subject: Personal::new(subject),
            organisation: "brookdale-pd".to_owned(),
            organisation_class: "state_local".to_owned(),
            jurisdiction: "US-OH".to_owned(),
            on_behalf_of: None,
            purpose: "stolen_vehicle".to_owned(),
            case_reference: Personal::new("Investigation 1"),
            plate: Personal::new(plate),
            plate_jurisdiction: None,
            match_mode: "exact".to_owned(),
            window: Window { from: now, to: now },
            sources_wanted: Names::of(Vec::new()),
            image: None,
            asker: None,
            grounds: None,
        };
        let ticket = self.ledger.begin(Uuid::now_v7(), intent, Vec::new()).await;
        let outcome = Outcome {
            completeness: turnpike_schemas::ledger::Completeness::None,
            reads: 0,
            sources: Vec::new(),
        };
        self.ledger.finish(ticket.unwrap(), outcome).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_written_between_two_looks_is_seen_once() {
    let bench = Bench::new();
    let desk = bench.desk(&[]);
    for round in 1..=6_u64 {
        for _ in 0..7 {
            bench.ask("ines.moreau", "TPK0421").await;
        }
        let counted = desk.look(bench.now(), |counted| {
            let weeks = counted.reviews.weeks(Timestamp::MAX, SignedDuration::ZERO);
            (counted.entries, weeks[0].questions, counted.flags.len())
        });
        let (entries, questions, flags) = counted.await.unwrap();
        assert_eq!((entries, questions), (round * 14, round * 7));
        assert!(flags >= 1, "the fifth question raises one");
    }
    let segments = std::fs::read_dir(bench.folder.path().join("ledger"));
    let names = segments.unwrap().map(|file| file.unwrap().file_name());
    let logs = names.filter(|name| name.to_string_lossy().ends_with(".log"));
    assert!(logs.count() > 3, "the reader went from file to file");
}

#[tokio::test]
async fn a_write_that_is_not_whole_yet_is_read_when_it_is() {
    let bench = Bench::new();
    bench.ask("ines.moreau", "TPK0421").await;
    bench.ledger.close().await.unwrap();
    let file = bench.folder.path().join("ledger/ledger-00000000.log");
    let whole = std::fs::read(&file).unwrap();
    let desk = bench.desk(&[]);
    std::fs::write(&file, &whole[..whole.len() - 20]).unwrap();
    let entries = |counted: &Counted| counted.entries;
    assert_eq!(desk.look(bench.now(), entries).await.unwrap(), 1);
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(desk.look(bench.now(), entries).await.unwrap(), 2);
    let mut altered = whole.clone();
    altered.extend_from_slice(b"0123abcd {}\n");
    std::fs::write(&file, &altered).unwrap();
    for _ in 0..2 {
        let looked = desk.look(bench.now(), entries).await;
        assert!(looked.is_err() || looked.unwrap() == 2);
    }
    assert!(bench.desk(&[]).look(bench.now(), entries).await.is_err());
}

#[tokio::test]
async fn new_accounts_and_late_reviews_are_put_on_record_once() {
    let bench = Bench::new();
    let desk = bench.desk(&["ines.moreau", "dana.reyes"]);
    bench.ask("ines.moreau", "TPK0421").await;
    for _ in 0..3 {
        desk.keep_up(&bench.ledger, bench.now()).await.unwrap();
    }
    bench.later(20);
    for _ in 0..3 {
        desk.keep_up(&bench.ledger, bench.now()).await.unwrap();
    }
    assert_eq!(desk.summary().unwrap().overdue, 1);
    let ledger = bench.folder.path().join("ledger");
    let entries = ledger::read_open(&ledger, bench.ledger.keys()).unwrap();
    let mut admins: Vec<Admin> = Vec::new();
    for entry in entries {
        if let Body::Admin(admin) = entry.unwrap().body {
            admins.push(admin);
        }
    }
    let of = |action| admins.iter().filter(move |admin| admin.action == action);
    let changes: Vec<_> = of(AdminAction::AccountChange).collect();
    assert_eq!(changes.len(), 1);
    assert_eq!(
        changes[0].facts["accounts"],
        serde_json::json!(["dana.reyes"])
    );
    assert_eq!(of(AdminAction::Alarm).count(), 1);
    bench.later(80);
    let dormant = |subject: &'static str| desk.dormant_since(subject, bench.now());
    assert!(dormant("dana.reyes").await.unwrap().is_some());
    assert!(dormant("ines.moreau").await.unwrap().is_some());
    assert!(dormant("somebody.new").await.unwrap().is_none());
}

#[tokio::test]
async fn a_ledger_that_was_not_read_yet_lets_nobody_ask() {
    let bench = Bench::new();
    let desk = bench.desk(&["ines.moreau"]);
    tokio::time::pause();
    let waited = desk.dormant_since("ines.moreau", bench.now()).await;
    assert!(matches!(waited, Err(DeskError::Reading)));
}

#[tokio::test]
async fn one_user_is_followed_without_reading_the_others() {
    let bench = Bench::new();
    let desk = bench.desk(&[]);
    for n in 0..12 {
        let who = if n % 3 == 0 {
            "ines.moreau"
        } else {
            "dana.reyes"
        };
        bench.ask(who, &format!("TPK{n:04}")).await;
    }
    let begin = (Questions::default(), Trace::of("ines.moreau"), 0_u64);
    let scanned = desk.scan(None, begin, |(questions, trace, entries), entry| {
        let mut complete = Vec::new();
        questions.follow(entry, &mut complete);
        complete.iter().for_each(|question| trace.follow(question));
        *entries += 1;
    });
    let (_, trace, entries) = scanned.await.unwrap();
    let slow = trace.finish(entries);
    let following = Following::of("ines.moreau", bench.ledger.keys());
    let picked = desk.pick(following, Following::wants, Following::follow);
    let (following, entries) = picked.await.unwrap();
    assert_eq!(following.finish(entries), slow);
    assert_eq!((slow.questions, slow.plates.len()), (4, 4));
    let picked = desk.pick(
        0,
        |_, header| header.kind == Kind::Outcome,
        |found, _| *found += 1,
    );
    assert_eq!(picked.await.unwrap(), (12, 24));
}

#[tokio::test(start_paused = true)]
async fn few_read_the_whole_ledger_at_once_and_others_are_told_to_come_again() {
    let bench = Bench::new();
    let desk = bench.desk(&[]);
    let count = || desk.scan(None, 0_u32, |count, _| *count += 1);
    let first = desk.turn().await.unwrap();
    let second = desk.turn().await.unwrap();
    assert!(matches!(count().await, Err(DeskError::Busy)));
    drop(first);
    assert!(count().await.is_ok(), "one place is free");
    let picked = desk.pick(0_u32, |_, _| true, |count, _| *count += 1).await;
    assert!(picked.is_ok(), "and was given back");
    drop(second);
}

#[test]
fn a_reading_ends_when_it_takes_too_long() {
    let long_ago = std::time::Instant::now() - std::time::Duration::from_secs(121);
    let lately = long_ago + std::time::Duration::from_secs(60);
    assert!(matches!(
        desk::in_time(long_ago, 8_192),
        Err(DeskError::TooLong)
    ));
    assert!(
        desk::in_time(long_ago, 8_193).is_ok(),
        "looked at once in a while"
    );
    assert!(desk::in_time(lately, 8_192).is_ok());
}
