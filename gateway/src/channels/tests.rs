//! What the file of channels promises, on real files.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt as _, path::PathBuf};

use jiff::{SignedDuration, Timestamp};
use turnpike_adapters::context::Secret;
use turnpike_schemas::{
    api::channels::{ChannelSettings, Quiet},
    hit::{HitId, HitState, Standing},
    read::{ReadId, SourceId},
};
use url::Url;
use uuid::Uuid;

use super::*;
use crate::{
    notify::quiet::Pace,
    watch::{Event, EventKind},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_600_000 + second).unwrap()
}

fn event(seq: u64) -> Event {
    let source = SourceId::parse("brookdale").unwrap();
    let hit = HitId::derive(&seq.to_string(), &ReadId::derive(&source, "r-1"));
    Event {
        seq,
        event: hit.as_str().to_owned(),
        hit,
        owner: "d.avery".to_owned(),
        organisation: "brookdale-pd".to_owned(),
        kind: EventKind::Hit,
        state: HitState::Unconfirmed,
        standing: Standing::Stands,
        at: at(0),
        keep_until: at(1_000_000),
        body: None,
    }
}

fn events(range: std::ops::RangeInclusive<u64>) -> Vec<Event> {
    range.map(event).collect()
}

/// A file in a folder of its own, with one channel.
struct Shelf {
    folder: tempfile::TempDir,
    book: Option<Book>,
    channel: Uuid,
}

impl Shelf {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::open(&folder.path().join("channels.sqlite")).unwrap();
        let channel = Uuid::now_v7();
        book.make(new(channel, "d.avery")).await.unwrap();
        Self {
            folder,
            book: Some(book),
            channel,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("channels.sqlite")
    }

    fn book(&self) -> &Book {
        self.book.as_ref().unwrap()
    }

    fn reopen(&mut self) {
        self.book = None;
        self.book = Some(Book::open(&self.path()).unwrap());
    }

    async fn take(&self, events: Vec<Event>, pace: Pace, now: Timestamp) -> Pace {
        let taken = self.book().take(self.channel, events, pace, now);
        taken.await.unwrap()
    }

    /// The attempt that is due.
    async fn due(&self, now: Timestamp) -> Option<Due> {
        let begun = self.book().begin(BTreeSet::new(), 8, now).await.unwrap();
        assert!(begun.0.len() <= 1, "one of a channel at a time");
        begun.0.into_iter().next()
    }

    async fn settle(&self, due: &Due, settled: Settled, now: Timestamp) {
        let place = due.delivery.place;
        let settled = self.book().settle(place, settled, "said".to_owned(), now);
        settled.await.unwrap();
    }

    async fn all(&self) -> Vec<Delivery> {
        let page = Page {
            state: None,
            before: None,
            limit: 10_000,
        };
        let mut all = self
            .book()
            .deliveries(self.channel, "d.avery", page)
            .await
            .unwrap();
        all.reverse();
        all
    }
}

fn new(id: Uuid, owner: &str) -> NewChannel {
    NewChannel {
        id,
        owner: owner.to_owned(),
        organisation: "brookdale-pd".to_owned(),
        kind: Kind::Webhook,
        url: Url::parse("https://hooks.invalid/turnpike").unwrap(),
        secret: Secret::new(SECRET),
        push_keys: None,
        settings: Settings::default(),
        made_at: at(0),
        after: 0,
    }
}

fn again(second: i64) -> Settled {
    Settled::Again {
        at: at(second),
        aside: false,
    }
}

#[tokio::test]
async fn an_event_is_taken_once_and_keeps_its_name_over_every_attempt_and_restart() {
    let mut shelf = Shelf::new().await;
    shelf.take(events(1..=3), Pace::default(), at(0)).await;
    shelf.reopen();
    shelf.take(events(1..=4), Pace::default(), at(1)).await;
    let names: Vec<String> = shelf.all().await.into_iter().map(|one| one.event).collect();
    let expected: Vec<String> = events(1..=4).into_iter().map(|one| one.event).collect();
    assert_eq!(names, expected);
    let first = shelf.due(at(1)).await.unwrap();
    shelf.reopen();
    let again = shelf.due(at(1)).await.unwrap();
    assert_eq!(first.delivery.event, again.delivery.event);
    assert_eq!((first.delivery.attempts, again.delivery.attempts), (1, 2));
}

#[tokio::test]
async fn a_channel_is_told_in_order_and_what_its_receiver_refuses_holds_nothing_back() {
    let shelf = Shelf::new().await;
    shelf.take(events(1..=3), Pace::default(), at(0)).await;
    let first = shelf.due(at(0)).await.unwrap();
    shelf.settle(&first, again(10), at(0)).await;
    assert!(
        shelf.due(at(9)).await.is_none(),
        "the second waits its turn"
    );
    let first = shelf.due(at(10)).await.unwrap();
    assert_eq!(first.delivery.what.as_str(), "hit");
    let aside = Settled::Again {
        at: at(60),
        aside: true,
    };
    shelf.settle(&first, aside, at(10)).await;
    for seq in [2, 3] {
        let due = shelf.due(at(11)).await.unwrap();
        assert_eq!(due.delivery.event, event(seq).event);
        shelf.settle(&due, Settled::Delivered, at(11)).await;
    }
    assert!(shelf.due(at(59)).await.is_none());
    assert_eq!(shelf.due(at(60)).await.unwrap().delivery.attempts, 3);
    let busy = BTreeSet::from([shelf.channel]);
    let begun = shelf.book().begin(busy, 8, at(60)).await.unwrap();
    assert!(begun.0.is_empty(), "it is under way");
}

#[tokio::test]
async fn of_a_storm_the_rest_is_counted_and_nothing_is_lost() {
    let shelf = Shelf::new().await;
    let mut pace = Pace::default();
    for batch in 0..20 {
        let some = events(batch * 500 + 1..=batch * 500 + 500);
        pace = shelf.take(some, pace, at(0)).await;
    }
    let all = shelf.all().await;
    let mut told = 0;
    for delivery in &all {
        told += match &delivery.what {
            What::One(_) => 1,
            What::Digest { first, last, count } => {
                assert_eq!(last.seq - first.seq + 1, *count);
                *count
            }
            What::Test { .. } | What::Confirm { .. } => 0,
        };
    }
    assert_eq!(told, 10_000);
    assert!(all.len() < 110, "{}", all.len());
}

#[tokio::test]
async fn a_digest_that_was_tried_stays_as_it_is() {
    let shelf = Shelf::new().await;
    let pace = shelf.take(events(1..=62), Pace::default(), at(0)).await;
    for _ in 1..=60 {
        let due = shelf.due(at(0)).await.unwrap();
        shelf.settle(&due, Settled::Delivered, at(0)).await;
    }
    assert!(shelf.due(at(59)).await.is_none());
    let tried = shelf.due(at(60)).await.unwrap();
    shelf.take(events(63..=64), pace, at(1)).await;
    let digests: Vec<(String, u64)> = shelf
        .all()
        .await
        .into_iter()
        .filter_map(|one| match one.what {
            What::Digest { count, .. } => Some((one.event, count)),
            _ => None,
        })
        .collect();
    assert_eq!(digests.len(), 2, "{digests:?}");
    assert_eq!(digests[0], (tried.delivery.event, 2));
    assert_eq!(digests[1].1, 2);
}

#[tokio::test]
async fn dead_letters_are_taken_up_again_under_their_names() {
    let shelf = Shelf::new().await;
    shelf.take(events(1..=2), Pace::default(), at(0)).await;
    let first = shelf.due(at(0)).await.unwrap();
    shelf.settle(&first, Settled::Dead, at(0)).await;
    let (book, id) = (shelf.book(), shelf.channel);
    book.disable(id, Why::Gone, at(1)).await.unwrap();
    assert!(shelf.due(at(2)).await.is_none(), "nothing is sent to it");
    shelf.take(events(3..=3), Pace::default(), at(2)).await;
    assert_eq!(shelf.all().await.len(), 2, "it stays in the outbox");
    let somebody = book.replay(id, "j.lee", at(3)).await;
    assert!(matches!(somebody, Err(ChannelError::Missing)));
    assert_eq!(book.replay(id, "d.avery", at(3)).await.unwrap(), 1);
    let replayed = shelf.due(at(3)).await.unwrap();
    assert_eq!(replayed.delivery.event, first.delivery.event);
    assert_eq!(replayed.delivery.attempts, 1);
    shelf.take(events(3..=3), Pace::default(), at(3)).await;
    assert_eq!(shelf.all().await.len(), 3);
}

#[tokio::test]
async fn both_secrets_sign_for_a_day_and_the_file_is_its_owners_alone() {
    let shelf = Shelf::new().await;
    let (book, id) = (shelf.book(), shelf.channel);
    let other = Secret::new("whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH");
    let until = at(86_400);
    let rotated = book.rotate(id, "d.avery", other, until).await.unwrap();
    assert_eq!(rotated.old_until, Some(until));
    for (now, signing) in [(0, 2), (86_399, 2), (86_400, 1)] {
        book.test(id, "d.avery", at(now)).await.unwrap();
        let due = shelf.due(at(now)).await.unwrap();
        let Means::Signed(secrets) = &due.means else {
            panic!("{due:?}");
        };
        assert_eq!(secrets.len(), signing, "{now}");
        shelf.settle(&due, Settled::Delivered, at(now)).await;
    }
    book.sweep(at(86_400)).await.unwrap();
    let kept = book.get(id, "d.avery").await.unwrap();
    assert_eq!(kept.old_until, None);
    let mode = std::fs::metadata(shelf.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!format!("{kept:?}").contains("whsec"));
}

#[tokio::test]
async fn a_clock_that_is_set_back_holds_nothing_up() {
    let shelf = Shelf::new().await;
    shelf.take(events(1..=1), Pace::default(), at(3_600)).await;
    let due = shelf.due(at(0)).await.unwrap();
    shelf.settle(&due, again(5), at(0)).await;
    assert!(shelf.due(at(4)).await.is_none(), "and nothing is hurried");
    assert!(shelf.due(at(5)).await.is_some());
}

#[tokio::test]
async fn what_was_delivered_is_forgotten_and_what_is_dead_is_not() {
    let shelf = Shelf::new().await;
    shelf.take(events(1..=2), Pace::default(), at(0)).await;
    for settled in [Settled::Delivered, Settled::Dead] {
        let due = shelf.due(at(0)).await.unwrap();
        shelf.settle(&due, settled, at(0)).await;
    }
    let later = at(1) + KEPT + SignedDuration::from_secs(1);
    shelf.book().sweep(later).await.unwrap();
    let left = shelf.all().await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].state, State::Dead);
    let (book, id) = (shelf.book(), shelf.channel);
    book.remove(id, "d.avery").await.unwrap();
    assert!(book.list(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn nobody_has_many_channels_or_sees_those_of_others() {
    let shelf = Shelf::new().await;
    for _ in 1..MOST_CHANNELS {
        let made = shelf.book().make(new(Uuid::now_v7(), "d.avery")).await;
        made.unwrap();
    }
    let one_more = shelf.book().make(new(Uuid::now_v7(), "d.avery")).await;
    assert!(matches!(one_more, Err(ChannelError::TooMany)));
    let theirs = shelf.book().get(shelf.channel, "j.lee").await;
    assert!(matches!(theirs, Err(ChannelError::Missing)));
    assert!(shelf.book().list(Some("j.lee")).await.unwrap().is_empty());
}

/// 22:00 to 06:00 in a zone where `at(0)`, 2026-03-04T04:53:20Z, is 23:53:20.
fn night() -> Settings {
    Settings::of(&ChannelSettings {
        quiet: Some(Quiet {
            from: "22:00".to_owned(),
            to: "06:00".to_owned(),
            zone: "America/New_York".to_owned(),
        }),
        digest_every_s: None,
    })
    .unwrap()
}

/// Seconds from `at(0)` to 06:00 there.
const MORNING: i64 = 22_000;

#[tokio::test]
async fn nothing_is_sent_in_quiet_hours_and_what_happened_is_told_together_after_them() {
    let mut shelf = Shelf::new().await;
    // Before they are set one is told, and its receiver is down.
    let pace = shelf.take(events(1..=1), Pace::default(), at(0)).await;
    let tried = shelf.due(at(0)).await.unwrap();
    shelf.settle(&tried, again(5), at(0)).await;
    let set = shelf.book().set(shelf.channel, "d.avery", night()).await;
    assert_eq!(set.unwrap().settings, night());
    shelf.take(events(2..=4), pace, at(10)).await;
    shelf.reopen();
    for second in [10, 3_600, MORNING - 1] {
        assert!(shelf.due(at(second)).await.is_none(), "{second}");
    }
    let (_, next) = shelf
        .book()
        .begin(BTreeSet::new(), 8, at(10))
        .await
        .unwrap();
    assert_eq!(next, Some(at(MORNING)));
    // Somebody who waits for a test at night gets it.
    shelf
        .book()
        .test(shelf.channel, "d.avery", at(20))
        .await
        .unwrap();
    let first = shelf.due(at(MORNING)).await.unwrap();
    assert_eq!(first.delivery.event, tried.delivery.event);
    shelf.settle(&first, Settled::Delivered, at(MORNING)).await;
    let digest = shelf.due(at(MORNING)).await.unwrap();
    assert!(matches!(
        digest.delivery.what,
        What::Digest { count: 3, .. }
    ));
}

#[tokio::test]
async fn a_test_is_sent_at_night_where_nothing_is_before_it() {
    let shelf = Shelf::new().await;
    shelf
        .book()
        .set(shelf.channel, "d.avery", night())
        .await
        .unwrap();
    shelf
        .book()
        .test(shelf.channel, "d.avery", at(0))
        .await
        .unwrap();
    assert_eq!(
        shelf.due(at(0)).await.unwrap().delivery.what.as_str(),
        "test"
    );
}

#[tokio::test]
async fn a_digest_of_a_storm_that_runs_into_quiet_hours_waits_for_their_end() {
    let shelf = Shelf::new().await;
    // 21:59:50 there, ten seconds before the hours begin.
    let eve = -(6_810);
    shelf
        .book()
        .set(shelf.channel, "d.avery", night())
        .await
        .unwrap();
    let pace = shelf.take(events(1..=62), Pace::default(), at(eve)).await;
    for _ in 1..=60 {
        let due = shelf.due(at(eve)).await.unwrap();
        shelf.settle(&due, Settled::Delivered, at(eve)).await;
    }
    // The digest would be due a minute later; the next event comes in that minute, in the quiet hours.
    shelf.take(events(63..=63), pace, at(eve + 20)).await;
    assert!(shelf.due(at(eve + 61)).await.is_none());
    assert!(shelf.due(at(MORNING - 1)).await.is_none());
    let digest = shelf.due(at(MORNING)).await.unwrap();
    assert!(matches!(
        digest.delivery.what,
        What::Digest { count: 3, .. }
    ));
}

#[tokio::test]
async fn a_digest_is_told_once_in_its_span_however_much_happens() {
    let shelf = Shelf::new().await;
    let hourly = Settings::of(&ChannelSettings {
        quiet: None,
        digest_every_s: Some(3_600),
    });
    shelf
        .book()
        .set(shelf.channel, "d.avery", hourly.unwrap())
        .await
        .unwrap();
    let mut pace = Pace::default();
    for (n, second) in [0, 600, 3_599].into_iter().enumerate() {
        let seq = n as u64 + 1;
        pace = shelf.take(events(seq..=seq), pace, at(second)).await;
    }
    assert!(shelf.due(at(3_599)).await.is_none());
    let digest = shelf.due(at(3_600)).await.unwrap();
    assert!(matches!(
        digest.delivery.what,
        What::Digest { count: 3, .. }
    ));
    shelf.settle(&digest, Settled::Delivered, at(3_600)).await;
    shelf.take(events(4..=4), pace, at(3_700)).await;
    assert!(shelf.due(at(7_299)).await.is_none());
    assert!(shelf.due(at(7_300)).await.is_some());
}

#[tokio::test]
async fn an_address_of_mail_is_told_nothing_but_the_code_until_that_is_given_back() {
    let shelf = Shelf::new().await;
    let (book, id) = (shelf.book(), Uuid::now_v7());
    let mail = NewChannel {
        kind: Kind::Email,
        url: Url::parse("mailto:d.avery@brookdale.invalid").unwrap(),
        secret: Secret::new("BCDFGHJK"),
        ..new(id, "d.avery")
    };
    assert!(book.make(mail).await.unwrap().unconfirmed);
    let taken = book.take(id, events(1..=3), Pace::default(), at(0));
    taken.await.unwrap();
    let busy = BTreeSet::from([shelf.channel]);
    let (begun, _) = book.begin(busy.clone(), 8, at(0)).await.unwrap();
    let [due] = <[Due; 1]>::try_from(begun).unwrap();
    assert_eq!(due.delivery.what.as_str(), "confirm");
    assert!(matches!(&due.means, Means::Mail { code } if code.expose() == "BCDFGHJK"));
    shelf.settle(&due, Settled::Delivered, at(0)).await;
    assert!(
        book.begin(busy.clone(), 8, at(1))
            .await
            .unwrap()
            .0
            .is_empty()
    );
    let somebody = book.check_code(id, "j.lee", "BCDFGHJK").await;
    assert!(matches!(somebody, Err(ChannelError::Missing)));
    let wrong = book.check_code(id, "d.avery", "BCDFGHJL").await;
    assert!(matches!(wrong, Err(ChannelError::WrongCode)));
    book.check_code(id, "d.avery", "BCDFGHJK").await.unwrap();
    let told = book.confirm(id, "d.avery", 3).await.unwrap();
    assert!(!told.unconfirmed);
    assert_eq!(told.cursor, 3, "what was before is not told there");
    let taken = book.take(id, events(1..=4), Pace::default(), at(2));
    taken.await.unwrap();
    let (begun, _) = book.begin(busy, 8, at(2)).await.unwrap();
    let names: Vec<String> = begun.into_iter().map(|one| one.delivery.event).collect();
    assert_eq!(names, [event(4).event]);
}

#[tokio::test]
async fn codes_are_not_guessed_for_ever() {
    let shelf = Shelf::new().await;
    let (book, id) = (shelf.book(), Uuid::now_v7());
    let mail = NewChannel {
        kind: Kind::Email,
        secret: Secret::new("BCDFGHJK"),
        ..new(id, "d.avery")
    };
    book.make(mail).await.unwrap();
    for _ in 0..MOST_WRONG {
        let wrong = book.check_code(id, "d.avery", "").await;
        assert!(matches!(wrong, Err(ChannelError::WrongCode)));
    }
    let late = book.check_code(id, "d.avery", "BCDFGHJK").await;
    assert!(matches!(late, Err(ChannelError::Missing)));
}

#[tokio::test]
async fn an_address_that_nobody_shows_to_be_theirs_is_forgotten_after_a_day() {
    let shelf = Shelf::new().await;
    let (book, id) = (shelf.book(), Uuid::now_v7());
    let mail = NewChannel {
        kind: Kind::Email,
        secret: Secret::new("BCDFGHJK"),
        ..new(id, "d.avery")
    };
    book.make(mail).await.unwrap();
    book.sweep(at(86_400)).await.unwrap();
    assert!(book.get(id, "d.avery").await.unwrap().unconfirmed);
    book.sweep(at(86_401)).await.unwrap();
    let late = book.check_code(id, "d.avery", "BCDFGHJK").await;
    assert!(matches!(late, Err(ChannelError::Missing)));
    assert!(book.get(shelf.channel, "d.avery").await.is_ok());
}

#[tokio::test]
async fn a_file_of_before_there_was_mail_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("channels.sqlite");
    let before = rusqlite::Connection::open(&path).unwrap();
    before
        .execute_batch(
            "CREATE TABLE channels (id TEXT PRIMARY KEY, owner TEXT NOT NULL, organisation TEXT NOT NULL, url TEXT NOT NULL,
               secret TEXT NOT NULL, old_secret TEXT, old_until INTEGER, made_at INTEGER NOT NULL, disabled_at INTEGER,
               disabled_why TEXT, cursor INTEGER NOT NULL) STRICT;
             INSERT INTO channels VALUES ('01980000-0000-7000-8000-000000000001', 'd.avery', 'brookdale-pd',
               'https://hooks.invalid/', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', NULL, NULL, 5, NULL, NULL, 7);
             PRAGMA user_version = 1;",
        )
        .unwrap();
    drop(before);
    let book = Book::open(&path).unwrap();
    let [channel] = <[Channel; 1]>::try_from(book.list(None).await.unwrap()).unwrap();
    assert_eq!((channel.kind, channel.unconfirmed), (Kind::Webhook, false));
    assert_eq!((channel.settings, channel.cursor), (Settings::default(), 7));
}
