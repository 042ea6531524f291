//! What the book promises, on real files.

mod erased;
mod rebuilt;

use std::path::PathBuf;

use jiff::Timestamp;
use turnpike_schemas::{
    hit::{HitId, HitState, Standing, passage::Sighting},
    read::{ReadId, SourceId},
};

use self::erased::holds;
use super::*;

const PLATE: &str = "TPK0421";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_600_000 + second).unwrap()
}

fn source() -> SourceId {
    SourceId::parse("brookdale").unwrap()
}

fn read(n: u32) -> ReadId {
    ReadId::derive(&source(), &format!("r-{n}"))
}

fn hit(n: u32) -> HitId {
    HitId::derive("7", &read(n))
}

fn seen(second: i64) -> Sighting {
    Sighting {
        at: at(second),
        source: source(),
        camera: Some("north".to_owned()),
        position: Some((40.1, -83.2)),
    }
}

fn opening(n: u32, owner: &str) -> Opening {
    Opening {
        hit: hit(n),
        entry: 7,
        list: "stolen".to_owned(),
        owner: owner.to_owned(),
        organisation: "brookdale-pd".to_owned(),
        source: source(),
        told_at: at(i64::from(n)),
        keep_until: at(1_000_000),
        told: Told::of(&serde_json::json!({ "plate": PLATE, "read": n })).unwrap(),
        read: read(n),
        seen: seen(i64::from(n)),
        intent: Some(2 * u64::from(n)),
        outcome: Some(2 * u64::from(n) + 1),
    }
}

fn open(n: u32, owner: &str) -> Change {
    Change::Open(Box::new(opening(n, owner)))
}

fn join(n: u32, to: u32) -> Change {
    Change::Join {
        hit: hit(to),
        entry: 7,
        read: read(n),
        seen: seen(i64::from(n)),
        keep_until: at(1_000_000),
    }
}

fn deny(n: u32) -> Change {
    Change::Deny {
        entry: 7,
        read: read(n),
        keep_until: at(1_000_000),
    }
}

fn stop(n: u32, fell: Option<(u32, Standing)>) -> Change {
    Change::Stop {
        entry: 7,
        read: read(n),
        fell: fell.map(|(n, standing)| (hit(n), standing)),
        at: at(500),
    }
}

/// A book in a folder of its own.
struct Shelf {
    folder: tempfile::TempDir,
    book: Option<Book>,
}

impl Shelf {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let book = Some(Book::open(&folder.path().join("hits.sqlite")).unwrap());
        Self { folder, book }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("hits.sqlite")
    }

    fn book(&self) -> &Book {
        self.book.as_ref().unwrap()
    }

    fn reopen(&mut self) {
        self.book = None;
        self.book = Some(Book::open(&self.path()).unwrap());
    }

    /// Everything that can be asked for.
    async fn all(&self, owner: &str) -> (Vec<HitRow>, Vec<Event>) {
        let hits = self.book().list(owner, Filter::default()).await.unwrap();
        (hits, self.book().after(0, owner, 1000).await.unwrap())
    }
}

fn names(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.event.clone()).collect()
}

#[tokio::test]
async fn the_same_changes_again_change_nothing_also_over_a_restart() {
    let mut shelf = Shelf::new();
    let batches = [
        vec![open(1, "kim"), join(2, 1), deny(3)],
        vec![stop(1, None), open(40, "kim")],
        vec![
            stop(2, Some((1, Standing::Corrected))),
            open(1, "kim"),
            stop(1, Some((1, Standing::Withdrawn))),
        ],
    ];
    for batch in &batches {
        let events = shelf.book().apply(batch.clone()).await.unwrap();
        assert!(!events.is_empty());
        let before = shelf.all("kim").await;
        for _ in 0..2 {
            assert_eq!(shelf.book().apply(batch.clone()).await.unwrap(), []);
            assert_eq!(shelf.all("kim").await, before);
            shelf.reopen();
        }
    }
    let one = hit(1);
    let (hits, events) = shelf.all("kim").await;
    assert_eq!(
        names(&events),
        [
            format!("{one}"),
            hit(40).to_string(),
            format!("{one}:corrected:1"),
            format!("{one}:stands:2"),
            format!("{one}:withdrawn:3")
        ]
    );
    assert_eq!(
        events.iter().map(|event| event.seq).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5]
    );
    assert_eq!(hits.len(), 2);
}

#[tokio::test]
async fn a_change_that_is_so_already_changes_nothing_in_whatever_batch() {
    let shelf = Shelf::new();
    let book = shelf.book();
    book.apply(vec![open(1, "kim"), join(2, 1), deny(3)])
        .await
        .unwrap();
    book.apply(vec![stop(2, None)]).await.unwrap();
    let before = shelf.all("kim").await;
    for again in [open(1, "kim"), deny(3), stop(2, None), stop(99, None)] {
        assert_eq!(book.apply(vec![again]).await.unwrap(), []);
    }
    let twice = stop(2, Some((1, Standing::Corrected)));
    assert_eq!(book.apply(vec![twice]).await.unwrap(), []);
    assert_eq!(shelf.all("kim").await, before);
}

#[tokio::test]
async fn a_hit_falls_with_its_last_read_and_stands_again_under_its_name() {
    let shelf = Shelf::new();
    let book = shelf.book();
    let events = book.apply(vec![open(1, "kim"), join(2, 1)]).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, EventKind::Hit);
    assert_eq!(events[0].body, Some(opening(1, "kim").told));
    assert_eq!(book.apply(vec![stop(1, None)]).await.unwrap(), []);
    assert_eq!(
        book.get(&hit(1)).await.unwrap().unwrap().standing,
        Standing::Stands
    );

    let fell = vec![stop(2, Some((1, Standing::Withdrawn)))];
    let events = book.apply(fell).await.unwrap();
    assert_eq!(names(&events), [format!("{}:withdrawn:1", hit(1))]);
    assert_eq!(
        (events[0].kind, events[0].standing, &events[0].body),
        (EventKind::Amended, Standing::Withdrawn, &None)
    );

    let mut again = opening(1, "kim");
    again.told_at = at(900);
    again.told = Told::of(&"another text").unwrap();
    (again.intent, again.outcome) = (Some(90), None);
    let shown = again.told.clone();
    let events = book
        .apply(vec![Change::Open(Box::new(again))])
        .await
        .unwrap();
    assert_eq!(names(&events), [format!("{}:stands:2", hit(1))]);
    assert_eq!(events[0].body.as_ref(), Some(&shown));
    let row = book.get(&hit(1)).await.unwrap().unwrap();
    assert_eq!((row.standing, row.told), (Standing::Stands, Some(shown)));
    assert_eq!(row.told_at, at(1), "when the owner was told first");
    assert_eq!((row.intent, row.outcome), (Some(90), None));
}

#[tokio::test]
async fn a_batch_that_cannot_be_done_whole_is_not_done() {
    let shelf = Shelf::new();
    let bad = vec![open(1, "kim"), join(2, 50)];
    for _ in 0..2 {
        let failed = shelf.book().apply(bad.clone()).await;
        assert!(matches!(failed, Err(WatchError::Missing)), "{failed:?}");
    }
    assert_eq!(shelf.all("kim").await, (Vec::new(), Vec::new()));
    assert_eq!(shelf.book().latest().await.unwrap(), 0);
    let good = shelf.book().apply(vec![open(1, "kim")]).await.unwrap();
    assert_eq!(good[0].seq, 1);
}

#[tokio::test]
async fn a_stream_goes_on_after_the_last_event_it_had() {
    let mut shelf = Shelf::new();
    for n in 0..10 {
        shelf.book().apply(vec![open(n, "kim")]).await.unwrap();
    }
    let first = shelf.book().after(0, "kim", 4).await.unwrap();
    assert_eq!(
        names(&first),
        [0, 1, 2, 3].map(|n| hit(n).as_str().to_owned())
    );
    shelf.reopen();
    let rest = shelf.book().after(first[3].seq, "kim", 100).await.unwrap();
    assert_eq!(rest.len(), 6);
    assert_eq!(rest[0].event, hit(4).as_str());
    assert_eq!(shelf.book().latest().await.unwrap(), rest[5].seq);
    let none = shelf.book().after(rest[5].seq, "kim", 100).await.unwrap();
    assert_eq!(none, []);
    assert_eq!(shelf.book().after(u64::MAX, "kim", 1).await.unwrap(), []);
}

#[tokio::test]
async fn each_owner_has_their_own_hits_and_events() {
    let shelf = Shelf::new();
    let book = shelf.book();
    book.apply(vec![open(1, "kim"), open(2, "lee"), open(3, "kim")])
        .await
        .unwrap();
    book.apply(vec![stop(2, Some((2, Standing::Corrected)))])
        .await
        .unwrap();
    let (kim, events) = shelf.all("kim").await;
    assert_eq!(
        kim.iter().map(|row| &row.id).collect::<Vec<_>>(),
        [&hit(3), &hit(1)]
    );
    assert_eq!(events.len(), 2);
    let (lee, events) = shelf.all("lee").await;
    assert!(lee.iter().all(|row| row.owner == "lee") && lee.len() == 1);
    assert!(events.iter().all(|event| event.owner == "lee") && events.len() == 2);
    assert_eq!(shelf.all("noone").await, (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_hit_is_reviewed_once() {
    let shelf = Shelf::new();
    let book = shelf.book();
    book.apply(vec![open(1, "kim"), open(2, "kim")])
        .await
        .unwrap();
    let review = |state, by, entry| {
        let (book, id) = (book.clone(), hit(1));
        async move { book.review(&id, state, by, at(91), entry).await }
    };
    let nothing = review(HitState::Unconfirmed, "kim", 5).await;
    assert!(matches!(nothing, Err(WatchError::NoFinding)));
    let first = review(HitState::WrongPlate, "kim", 5).await.unwrap();
    assert_eq!(first.time_to_review_s, 90);
    assert_eq!(first.hit.state, HitState::WrongPlate);
    assert_eq!(first.hit.reviewed_by.as_deref(), Some("kim"));
    let [event] = <[Event; 1]>::try_from(first.events).unwrap();
    assert_eq!(event.event, format!("{}:reviewed", hit(1)));
    assert_eq!(
        (event.kind, event.state),
        (EventKind::Reviewed, HitState::WrongPlate)
    );

    let same = review(HitState::WrongPlate, "kim", 5).await.unwrap();
    assert_eq!((same.hit, same.events), (first.hit, Vec::new()));
    for (state, entry) in [(HitState::WrongPlate, 6), (HitState::Confirmed, 5)] {
        let second = review(state, "lee", entry).await;
        assert!(matches!(second, Err(WatchError::AlreadyReviewed)));
    }
    let missing = book
        .review(&hit(3), HitState::Stale, "kim", at(91), 9)
        .await;
    assert!(matches!(missing, Err(WatchError::Missing)));
    assert_eq!(book.latest().await.unwrap(), 3);

    let wrong = Filter {
        state: Some(HitState::WrongPlate),
        ..Filter::default()
    };
    assert_eq!(book.list("kim", wrong).await.unwrap().len(), 1);
    let precision = book.precision().await.unwrap();
    assert_eq!(precision.len(), 1);
    assert_eq!(
        (&precision[0].source, precision[0].list.as_str()),
        (&source(), "stolen")
    );
    assert_eq!(
        precision[0].states,
        [(HitState::Unconfirmed, 1), (HitState::WrongPlate, 1)].into()
    );
}

#[tokio::test]
async fn what_is_not_on_record_is_owed_until_it_is() {
    let mut shelf = Shelf::new();
    let mut owed = opening(1, "kim");
    (owed.intent, owed.outcome) = (None, None);
    let changes = vec![Change::Open(Box::new(owed)), open(2, "kim")];
    shelf.book().apply(changes).await.unwrap();
    shelf.reopen();
    let owed = shelf.book().unrecorded().await.unwrap();
    assert_eq!(
        owed.iter().map(|row| &row.id).collect::<Vec<_>>(),
        [&hit(1)]
    );
    let book = shelf.book();
    book.recorded(&hit(1), Some(u64::MAX), None).await.unwrap();
    assert_eq!(book.unrecorded().await.unwrap().len(), 1);
    book.recorded(&hit(1), None, Some(12)).await.unwrap();
    assert_eq!(book.unrecorded().await.unwrap(), []);
    let row = book.get(&hit(1)).await.unwrap().unwrap();
    assert_eq!((row.intent, row.outcome), (Some(u64::MAX), Some(12)));
    let missing = book.recorded(&hit(3), Some(1), Some(2)).await;
    assert!(matches!(missing, Err(WatchError::Missing)));
}

#[tokio::test]
async fn ten_thousand_hits_are_listed_page_by_page() {
    let shelf = Shelf::new();
    let book = shelf.book();
    for batch in 0..10 {
        let changes = (batch * 1000..(batch + 1) * 1000).map(|n| open(n, "kim"));
        let events = book.apply(changes.collect()).await.unwrap();
        assert_eq!(events.len(), 1000);
    }
    let mut filter = Filter {
        limit: 700,
        ..Filter::default()
    };
    let mut found = Vec::new();
    loop {
        let page = book.list("kim", filter).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.before_seq = Some(last.seq);
        found.extend(page.into_iter().map(|row| row.id));
    }
    assert!(found.into_iter().eq((0..10_000).rev().map(hit)));
}

#[tokio::test]
async fn only_one_process_has_the_book_and_only_its_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let shelf = Shelf::new();
    shelf.book().apply(vec![open(1, "kim")]).await.unwrap();
    for file in std::fs::read_dir(shelf.folder.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let second = Book::open(&shelf.path());
    assert!(matches!(second, Err(WatchError::InUse)), "{second:?}");
}

#[test]
fn a_book_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hits.sqlite");
    drop(Book::open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert!(matches!(Book::open(&path), Err(WatchError::Version(99))));
}

fn second(person: &str) -> Second {
    Second {
        person: person.to_owned(),
        organisation: "brookdale-pd".to_owned(),
        told: Told::of(&serde_json::json!({ "plate": PLATE, "for": person })).unwrap(),
        intent: 90,
        outcome: 91,
    }
}

async fn unseen(book: &Book, until: i64) -> Vec<HitId> {
    let which = Unseen {
        owner: "kim".to_owned(),
        from: at(2),
        until: at(until),
        limit: 10,
    };
    let rows = book.unseen(which).await.unwrap().into_iter();
    rows.map(|row| row.id).collect()
}

#[tokio::test]
async fn a_second_person_is_told_once_of_what_nobody_has_seen_and_learns_what_becomes_of_it() {
    let mut shelf = Shelf::new();
    let told = (1..=5).map(|n| open(n, "kim")).collect();
    shelf.book().apply(told).await.unwrap();
    shelf.book().seen(&hit(3), at(10)).await.unwrap();
    shelf.book().seen(&hit(3), at(20)).await.unwrap();
    assert_eq!(
        shelf.book().get(&hit(3)).await.unwrap().unwrap().seen_at,
        Some(at(10))
    );
    let fell = stop(5, Some((5, Standing::Corrected)));
    shelf.book().apply(vec![fell]).await.unwrap();
    assert_eq!(
        unseen(shelf.book(), 3).await,
        [hit(2)],
        "the first was told before it was set"
    );
    assert_eq!(unseen(shelf.book(), 10).await, [hit(2), hit(4)]);
    let event = shelf
        .book()
        .escalate(&hit(2), Some(second("lee")), at(30))
        .await;
    let event = event.unwrap().unwrap();
    assert_eq!((event.kind, &*event.owner), (EventKind::Escalated, "lee"));
    assert_eq!(event.event, format!("{}:escalated", hit(2)));
    assert!(
        shelf
            .book()
            .escalate(&hit(4), None, at(30))
            .await
            .unwrap()
            .is_none()
    );
    shelf.reopen();
    let again = shelf
        .book()
        .escalate(&hit(2), Some(second("lee")), at(31))
        .await;
    assert_eq!(again.unwrap(), None);
    assert_eq!(unseen(shelf.book(), 100).await, []);
    let (hits, events) = shelf.all("lee").await;
    assert_eq!(hits.len(), 1);
    assert_eq!((hits[0].id.clone(), hits[0].intent), (hit(2), Some(90)));
    assert_eq!(hits[0].told, Some(second("lee").told));
    assert_eq!(events.len(), 1);
    let owners = shelf.book().get(&hit(2)).await.unwrap().unwrap();
    assert_eq!(owners.told, Some(opening(2, "kim").told));
    let mine = shelf.book().shown_to(owners.clone(), "lee").await.unwrap();
    assert_eq!(mine.unwrap().told_at, at(30));
    assert_eq!(shelf.book().shown_to(owners, "max").await.unwrap(), None);
    // Whoever was told is told that it fell.
    let fell = stop(2, Some((2, Standing::Withdrawn)));
    let events = shelf.book().apply(vec![fell]).await.unwrap();
    let whom: Vec<&str> = events.iter().map(|event| &*event.owner).collect();
    assert_eq!(whom, ["kim", "lee"]);
    assert!(
        events
            .iter()
            .all(|event| event.standing == Standing::Withdrawn)
    );
    let id = hit(2);
    let reviewed = shelf.book().review(&id, HitState::Stale, "lee", at(40), 5);
    let events = reviewed.await.unwrap().events;
    assert_eq!(events.len(), 2);
    shelf.book().purge(at(1_000_000)).await.unwrap();
    let (hits, _) = shelf.all("lee").await;
    assert_eq!(hits[0].told, None);
    assert!(!holds(&shelf, PLATE));
}
