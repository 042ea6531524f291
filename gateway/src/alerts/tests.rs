use std::{collections::BTreeMap, path::Path, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use turnpike_matcher::{Match, Matcher};
use turnpike_schemas::{
    agreement::Assurance,
    alert::{Entry, Reason, Wanted},
    plate::Plate,
    query::{CaseRef, Note, OnBehalfOf, Purpose},
};
use uuid::Uuid;

use super::*;

const MOST: u32 = 1_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_600_000 + second).unwrap()
}

fn by(subject: &str, second: i64) -> By {
    By {
        subject: subject.to_owned(),
        at: at(second),
        recorded: 7,
    }
}

fn duties(approval: bool) -> Duties {
    Duties {
        confirm_every: SignedDuration::from_secs(500),
        approval,
    }
}

fn wanted(plate: &str, ends: i64) -> Entry {
    Entry {
        wanted: Wanted::parse(plate).unwrap(),
        jurisdiction: None,
        reason: Reason::parse("stolen_vehicle").unwrap(),
        expires_at: at(ends),
        note: Some(Note::parse("dent in the left door").unwrap()),
    }
}

fn new_list(look_alike: bool) -> NewList {
    NewList {
        owner: "r.ito".to_owned(),
        organisation: "brookdale".to_owned(),
        name: "vans".to_owned(),
        topic: None,
        terms: Terms {
            purpose: Purpose::StolenVehicle,
            offence: None,
            case_reference: CaseRef::parse("BD-2026-0117").unwrap(),
            on_behalf_of: OnBehalfOf::Own,
            legal_basis: "Vehicle Code 4.2".to_owned(),
            assurance: Assurance::Aal1,
        },
        look_alike,
        confidential: false,
        shared: BTreeSet::from(["k.lund".to_owned()]),
        as_of: Some(at(-60)),
    }
}

fn import(revision: u64, key: &str, add: Vec<Entry>, remove: Vec<u64>) -> Import {
    Import {
        revision,
        key: key.to_owned(),
        sha256: format!("{key}{}", add.len()),
        add,
        remove,
        renew: Vec::new(),
        as_of: None,
        duties: duties(false),
    }
}

struct Lists {
    book: Book,
    list: Uuid,
}

fn open(folder: &Path, now: i64) -> Book {
    let file = folder.join("alerts.sqlite");
    Book::open(&file, Arc::new(Matcher::new()), MOST, at(now)).unwrap()
}

async fn lists(folder: &Path, look_alike: bool) -> Lists {
    let (book, list) = (open(folder, 0), Uuid::from_u128(1));
    book.make(list, new_list(look_alike), at(0)).await.unwrap();
    Lists { book, list }
}

impl Lists {
    async fn add(&self, revision: u64, entries: Vec<Entry>) -> Vec<u64> {
        let import = import(revision, &format!("k{revision}"), entries, Vec::new());
        let done = self.book.import(self.list, import, by("r.ito", 0)).await;
        done.unwrap().added
    }

    /// Entries that a read of `plate` at `second` matches, through matcher and file.
    async fn found(&self, plate: &str, second: i64) -> Vec<u64> {
        let plate = Plate::parse(plate).unwrap();
        let mut matches: Vec<Match> = Vec::new();
        self.book
            .matcher()
            .find(&plate, None, at(second), &mut matches);
        let asked = matches.iter().map(|one| (one.id, plate.clone())).collect();
        let found = self.book.found(asked, at(second)).await.unwrap();
        let mut ids: Vec<u64> = found
            .into_iter()
            .flatten()
            .map(|found| found.entry)
            .collect();
        ids.sort_unstable();
        ids
    }
}

#[tokio::test]
async fn an_entry_is_looked_for_until_its_end_and_while_it_is_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let lists = lists(folder.path(), false).await;
    let ids = lists
        .add(0, vec![wanted("TPK0421", 900), wanted("TPK0?22", 300)])
        .await;
    assert_eq!(lists.found("TPK-0421", 1).await, ids[..1]);
    assert_eq!(lists.found("TPK0922", 299).await, ids[1..]);
    assert_eq!(lists.found("TPK0922", 300).await, [0; 0], "its end");
    assert_eq!(
        lists.found("TPK0421", 500).await,
        [0; 0],
        "not confirmed in time"
    );
    let due = lists.book.due(lists.list, at(600), at(450)).await.unwrap();
    assert_eq!(due.len(), 1, "the pattern has ended by then: {due:?}");
    let kept = lists.book.confirm(ids[0], by("r.ito", 450)).await.unwrap();
    assert_eq!((kept.state, kept.confirm_until), (State::Active, at(950)));
    assert_eq!(lists.found("TPK0421", 899).await, ids[..1]);
    assert_eq!(lists.found("TPK0421", 900).await, [0; 0]);
    lists
        .book
        .renew(ids[0], at(1_200), false, by("r.ito", 800))
        .await
        .unwrap();
    assert_eq!(lists.found("TPK0421", 1_199).await, ids[..1]);
    assert_eq!(lists.book.sweep(at(1_200)).await.unwrap(), 2);
    assert!(lists.book.matcher().is_empty());
    let before = import(3, "k", Vec::new(), vec![ids[0]]);
    let before = lists.book.import(lists.list, before, by("r.ito", 1_201));
    let before = before.await;
    assert!(matches!(before, Err(AlertError::Changed)), "{before:?}");
    let what: Vec<What> = lists
        .book
        .history(ids[0])
        .await
        .unwrap()
        .iter()
        .map(|done| done.what)
        .collect();
    assert_eq!(
        what,
        [What::Added, What::Confirmed, What::Renewed, What::Ended]
    );
}

#[tokio::test]
async fn a_second_person_agrees_before_anything_is_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let lists = lists(folder.path(), false).await;
    let waiting = Import {
        duties: duties(true),
        ..import(0, "k", vec![wanted("TPK0421", 900)], Vec::new())
    };
    let done = lists
        .book
        .import(lists.list, waiting, by("r.ito", 0))
        .await
        .unwrap();
    let id = done.added[0];
    assert_eq!(lists.found("TPK0421", 1).await, [0; 0]);
    assert_eq!(
        lists.book.entry(id, at(1)).await.unwrap().state,
        State::Waiting
    );
    let own = lists.book.approve(id, by("r.ito", 1)).await;
    assert!(matches!(own, Err(AlertError::SamePerson)), "{own:?}");
    lists.book.confirm(id, by("r.ito", 2)).await.unwrap();
    lists
        .book
        .renew(id, at(800), false, by("r.ito", 3))
        .await
        .unwrap();
    assert_eq!(
        lists.found("TPK0421", 4).await,
        [0; 0],
        "neither of them is an approval"
    );
    let kept = lists.book.approve(id, by("k.lund", 5)).await.unwrap();
    assert_eq!(kept.approved_by.as_deref(), Some("k.lund"));
    assert_eq!(lists.found("TPK0421", 6).await, [id]);
    let again = lists.book.approve(id, by("k.lund", 7)).await;
    assert!(matches!(again, Err(AlertError::NotWaiting)), "{again:?}");
}

#[tokio::test]
async fn the_same_import_again_changes_nothing_and_another_one_looks_again() {
    let folder = tempfile::tempdir().unwrap();
    let lists = lists(folder.path(), false).await;
    let first = import(0, "monday", vec![wanted("TPK0421", 900)], Vec::new());
    let done = lists
        .book
        .import(lists.list, first.clone(), by("r.ito", 0))
        .await
        .unwrap();
    let again = lists
        .book
        .import(lists.list, first.clone(), by("r.ito", 9))
        .await
        .unwrap();
    assert_eq!(done, again);
    assert_eq!(
        lists
            .book
            .import_of(lists.list, "monday", &first.sha256)
            .await
            .unwrap(),
        Some(again)
    );
    let other = import(1, "monday", vec![wanted("TPK0422", 900); 2], Vec::new());
    let other = lists.book.import(lists.list, other, by("r.ito", 9)).await;
    assert!(matches!(other, Err(AlertError::KeyReused)), "{other:?}");
    let stale = import(0, "tuesday", vec![wanted("TPK0422", 900)], Vec::new());
    let stale = lists.book.import(lists.list, stale, by("r.ito", 9)).await;
    assert!(matches!(stale, Err(AlertError::Changed)), "{stale:?}");
    let replaced = import(
        1,
        "tuesday",
        vec![wanted("TPK0422", 900)],
        done.added.clone(),
    );
    let replaced = lists
        .book
        .import(lists.list, replaced, by("r.ito", 9))
        .await
        .unwrap();
    assert_eq!(lists.found("TPK0421", 10).await, [0; 0]);
    assert_eq!(lists.found("TPK0422", 10).await, replaced.added);
    assert!(
        !done.added.contains(&replaced.added[0]),
        "a number is of one entry for ever"
    );
}

#[tokio::test]
async fn an_import_that_fails_in_the_middle_leaves_file_and_matcher_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let lists = lists(folder.path(), false).await;
    let ids = lists.add(0, vec![wanted("TPK0421", 900)]).await;
    let twice = import(
        1,
        "k",
        vec![wanted("TPK0422", 900), wanted("TPK0421", 900)],
        ids.clone(),
    );
    let failed = lists.book.import(lists.list, twice, by("r.ito", 1)).await;
    assert!(matches!(failed, Err(AlertError::Exists)), "{failed:?}");
    let missing = import(1, "k", vec![wanted("TPK0422", 900)], vec![999]);
    let failed = lists.book.import(lists.list, missing, by("r.ito", 1)).await;
    assert!(matches!(failed, Err(AlertError::Missing)), "{failed:?}");
    let full = (0..MOST)
        .map(|n| wanted(&format!("TQ{n:05}"), 900))
        .collect();
    let failed = lists
        .book
        .import(lists.list, import(1, "k", full, Vec::new()), by("r.ito", 1))
        .await;
    assert!(matches!(failed, Err(AlertError::Full(MOST))), "{failed:?}");
    assert_eq!(lists.book.matcher().len(), 1);
    assert_eq!(lists.found("TPK0421", 2).await, ids);
    assert_eq!(lists.book.list(lists.list).await.unwrap().revision, 1);
}

#[tokio::test]
async fn a_closed_list_looks_for_nothing_and_keeps_no_plate() {
    let folder = tempfile::tempdir().unwrap();
    let lists = lists(folder.path(), true).await;
    let ids = lists
        .add(0, vec![wanted("TPK0421", 900), wanted("QQZ0?77", 900)])
        .await;
    assert_eq!(
        lists.found("TPKO42I", 1).await,
        ids[..1],
        "the list takes look-alikes"
    );
    assert_eq!(lists.book.lists_for("BD-2026-0117").await.unwrap().len(), 1);
    assert_eq!(
        lists
            .book
            .close(lists.list, by("operator", 5))
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        lists
            .book
            .close(lists.list, by("operator", 6))
            .await
            .unwrap(),
        0
    );
    assert!(lists.book.matcher().is_empty());
    assert_eq!(lists.book.lists_for("BD-2026-0117").await.unwrap(), []);
    let closed = lists.book.list(lists.list).await.unwrap();
    assert_eq!(closed.closed_at, Some(at(5)));
    for refused in [
        lists
            .book
            .renew(ids[0], at(999), false, by("r.ito", 7))
            .await
            .map(drop),
        lists
            .book
            .import(
                lists.list,
                import(2, "k", Vec::new(), Vec::new()),
                by("r.ito", 7),
            )
            .await
            .map(drop),
        lists
            .book
            .share(lists.list, BTreeSet::new())
            .await
            .map(drop),
    ] {
        assert!(matches!(refused, Err(AlertError::Closed)), "{refused:?}");
    }
    let kept = lists.book.entry(ids[1], at(8)).await.unwrap();
    assert_eq!((kept.entry, kept.state), (None, State::Removed));
    let last = lists.book.history(ids[1]).await.unwrap().pop().unwrap();
    assert_eq!(
        (last.what, last.by.as_deref(), last.recorded),
        (What::Closed, Some("operator"), Some(7))
    );
    let left = on_disk(folder.path());
    assert_eq!(left, [""; 0], "while the file is open");
    drop(lists);
    assert_eq!(on_disk(folder.path()), [""; 0], "and after");
}

/// What of the list of that test is still in a file.
fn on_disk(folder: &Path) -> Vec<&'static str> {
    let files = std::fs::read_dir(folder).unwrap();
    let files: Vec<Vec<u8>> = files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    let mut texts = vec!["TPK0421", "QQZ0?77", "dent in the left"];
    texts.retain(|text| {
        files.iter().any(|bytes| {
            let mut parts = bytes.windows(text.len());
            parts.any(|part| part == text.as_bytes())
        })
    });
    texts
}

#[tokio::test]
async fn a_place_that_went_to_another_entry_finds_nothing_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let lists = lists(folder.path(), false).await;
    let ids = lists.add(0, vec![wanted("TPK0421", 900)]).await;
    let plate = Plate::parse("TPK0421").unwrap();
    let mut matches = Vec::new();
    lists.book.matcher().find(&plate, None, at(1), &mut matches);
    lists.book.remove(ids[0], by("r.ito", 2)).await.unwrap();
    lists.add(2, vec![wanted("TPK0999", 900)]).await;
    assert_eq!(lists.book.matcher().len(), 1);
    let found = lists
        .book
        .found(vec![(matches[0].id, plate)], at(3))
        .await
        .unwrap();
    assert_eq!(found, [None]);
    let again = lists.book.remove(ids[0], by("r.ito", 4)).await;
    assert!(matches!(again, Err(AlertError::Missing)), "{again:?}");
}

#[tokio::test]
async fn a_list_is_open_to_its_owner_and_to_whom_it_is_shared_with() {
    let folder = tempfile::tempdir().unwrap();
    let lists = lists(folder.path(), false).await;
    for (subject, sees) in [("r.ito", 1), ("k.lund", 1), ("r.it", 0), ("%", 0)] {
        let seen = lists.book.lists_of(subject).await.unwrap();
        assert_eq!(seen.len(), sees, "{subject}");
        assert!(seen.iter().all(|list| list.is_open_to(subject)));
    }
    let shared = lists
        .book
        .share(lists.list, BTreeSet::from(["m.obi".to_owned()]))
        .await
        .unwrap();
    assert!(shared.is_open_to("m.obi") && !shared.is_open_to("k.lund"));
    assert_eq!(lists.book.lists_of("k.lund").await.unwrap(), []);
    let twice = lists.book.make(lists.list, new_list(false), at(1)).await;
    assert!(matches!(twice, Err(AlertError::Exists)), "{twice:?}");
}

#[tokio::test]
async fn one_process_at_a_time_and_no_file_of_a_later_version() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), 0);
    let file = folder.path().join("alerts.sqlite");
    let again = || Book::open(&file, Arc::new(Matcher::new()), MOST, at(0));
    assert!(matches!(again(), Err(AlertError::InUse)));
    drop(first);
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", 9).unwrap();
    drop(connection);
    assert!(matches!(again(), Err(AlertError::Version(9))));
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let lists = lists(folder.path(), false).await;
    lists.add(0, vec![wanted("TPK0421", 900)]).await;
    drop(lists);
    let file = folder.path().join("alerts.sqlite");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection
        .execute("UPDATE entries SET wanted = '*'", [])
        .unwrap();
    drop(connection);
    let opened = Book::open(&file, Arc::new(Matcher::new()), MOST, at(0));
    assert!(
        matches!(opened, Err(AlertError::Unreadable("a plate"))),
        "{opened:?}"
    );
}

/// One thing somebody does.
#[derive(Debug, Clone)]
enum Step {
    Add(u8, u8, bool),
    Remove(u8),
    Renew(u8, u8),
    Confirm(u8),
    Approve(u8),
    Sweep,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6_u8, 1..9_u8, any::<bool>()).prop_map(|(plate, ends, waits)| Step::Add(plate, ends, waits)),
        2 => (0..20_u8).prop_map(Step::Remove),
        2 => (0..20_u8, 1..9_u8).prop_map(|(entry, ends)| Step::Renew(entry, ends)),
        2 => (0..20_u8).prop_map(Step::Confirm),
        2 => (0..20_u8).prop_map(Step::Approve),
        1 => Just(Step::Sweep),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// After whatever was done, the matcher looks for exactly what the file says is active, at any time.
    #[test]
    fn the_matcher_and_the_file_never_differ(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut lists = lists(folder.path(), false).await;
            for (n, step) in steps.into_iter().enumerate() {
                let now = i64::try_from(n).unwrap() * 60;
                let ends = |part: u8| now + i64::from(part) * 100;
                let who = by("k.lund", now);
                match step {
                    Step::Add(plate, part, waits) => {
                        let revision = lists.book.list(lists.list).await.unwrap().revision;
                        let added = Import {
                            duties: duties(waits),
                            ..import(revision, &format!("n{n}"), vec![wanted(&format!("TPK042{plate}"), ends(part))], Vec::new())
                        };
                        let added = lists.book.import(lists.list, added, by("r.ito", now)).await;
                        prop_assert!(matches!(added, Ok(_) | Err(AlertError::Exists)), "{added:?}");
                    }
                    Step::Remove(id) => fails_only_where_missing(lists.book.remove(id.into(), who).await)?,
                    Step::Renew(id, part) => {
                        fails_only_where_missing(lists.book.renew(id.into(), at(ends(part)), part.is_multiple_of(2), who).await.map(drop))?;
                    }
                    Step::Confirm(id) => fails_only_where_missing(lists.book.confirm(id.into(), who).await.map(drop))?,
                    Step::Approve(id) => fails_only_where_missing(lists.book.approve(id.into(), who).await.map(drop))?,
                    Step::Sweep => drop(lists.book.sweep(at(now)).await.unwrap()),
                    Step::Restart => {
                        let list = lists.list;
                        drop(lists);
                        lists = Lists { book: open(folder.path(), now), list };
                    }
                }
                for later in [now, now + 150, now + 499, now + 500, now + 700] {
                    let kept = lists.book.entries(lists.list, at(later)).await.unwrap();
                    let mut active: BTreeMap<String, Vec<u64>> = BTreeMap::new();
                    for kept in kept.iter().filter(|kept| kept.state == State::Active) {
                        let plate = kept.entry.as_ref().unwrap().wanted.expose().to_owned();
                        active.entry(plate).or_default().push(kept.id);
                    }
                    for plate in 0..6 {
                        let plate = format!("TPK042{plate}");
                        let found = lists.found(&plate, later).await;
                        prop_assert_eq!(found, active.remove(&plate).unwrap_or_default(), "{} at {}", plate, later);
                    }
                }
            }
            Ok(())
        })?;
    }
}

fn fails_only_where_missing(done: Result<(), AlertError>) -> Result<(), TestCaseError> {
    let expected = matches!(
        done,
        Ok(()) | Err(AlertError::Missing | AlertError::NotWaiting)
    );
    prop_assert!(expected, "{:?}", done);
    Ok(())
}
