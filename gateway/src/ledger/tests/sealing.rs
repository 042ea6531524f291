//! Personal fields in the files, with and without the keys.

use std::{collections::BTreeMap, fs, sync::Mutex};

use serde_json::json;
use turnpike_schemas::ledger::{
    Admin, AdminAction, EntryError, Place, Refused, RefusedReason, SEALED, SealedValue, Seals,
};

use super::*;

const CANARIES: [&str; 5] = [
    "TPK0421",
    "officer-17",
    "BD-2026-0042",
    "4915112345",
    "invented",
];

/// A ledger whose clock the test moves.
struct Moved {
    dir: tempfile::TempDir,
    time: Arc<Mutex<Timestamp>>,
    ledger: Ledger,
}

impl Moved {
    fn start(at: &str) -> Self {
        let (dir, time) = (
            tempfile::tempdir().unwrap(),
            Arc::new(Mutex::new(at.parse().unwrap())),
        );
        let ledger = Self::open(dir.path(), &time).unwrap();
        Self { dir, time, ledger }
    }

    fn open(dir: &Path, time: &Arc<Mutex<Timestamp>>) -> Result<Ledger, LedgerError> {
        let time = Arc::clone(time);
        let config = LedgerConfig {
            deadline: Duration::from_secs(20),
            keys: Some(dir.join("outside")),
            ..LedgerConfig::default()
        };
        let opened = Ledger::open(
            &dir.join("ledger"),
            config,
            Arc::new(move || *time.lock().unwrap()),
        )?;
        Ok(opened.ledger)
    }

    fn at(&self, at: &str) {
        *self.time.lock().unwrap() = at.parse().unwrap();
    }

    async fn ask(&self) {
        let ticket = begin(&self.ledger).await.unwrap();
        self.ledger.finish(ticket, outcome()).await.unwrap();
    }

    fn entries(&self) -> Vec<Entry> {
        entries(&self.dir.path().join("ledger"))
    }

    fn text(&self) -> String {
        let segment = self.dir.path().join("ledger/ledger-00000000.log");
        fs::read_to_string(segment).unwrap()
    }
}

fn admin() -> Admin {
    let facts = json!({ "source": "tolls", "contact": 4_915_112_345_u64, "remark": ["invented"] });
    Admin {
        action: AdminAction::ConfigChange,
        by: Some(Personal::new("officer-17")),
        facts: serde_json::from_value(facts).unwrap(),
    }
}

fn refused_question() -> Refused {
    Refused {
        subject: Some(Personal::new("officer-17")),
        case_reference: Some(Personal::new("BD-2026-0042")),
        plate: Some(Personal::new("TPK0421")),
        ..Refused::because(RefusedReason::Forbidden)
    }
}

#[tokio::test]
async fn nothing_personal_is_in_the_files_and_the_keys_open_all_of_it() {
    let moved = Moved::start("2026-03-04T00:00:00Z");
    let image = Intent {
        action: Action::Image,
        image: Some(Personal::new("invented/0")),
        ..intent()
    };
    moved.ask().await;
    let ticket = moved
        .ledger
        .begin(question(2), image.clone(), vec![])
        .await
        .unwrap();
    moved.ledger.finish(ticket, outcome()).await.unwrap();
    moved
        .ledger
        .dry_run(question(3), intent(), vec![])
        .await
        .unwrap();
    moved
        .ledger
        .refuse(None, refused_question(), vec![])
        .await
        .unwrap();
    moved.ledger.admin(admin()).await.unwrap();
    let text = moved.text();
    for canary in CANARIES {
        assert!(!text.contains(canary), "{canary}");
    }
    assert!(
        text.contains("\"source\":\"tolls\""),
        "what is not personal stays readable"
    );
    let entries = moved.entries();
    let sealed = &entries[0];
    assert_eq!(sealed.sealed_under().values().sum::<u64>(), 3);
    assert!(matches!(&sealed.body, Body::Intent(intent) if intent.plate.expose() == SEALED));
    let open = |entry: &Entry| entry.clone().opened(&**moved.ledger.keys()).body;
    assert_eq!(open(&entries[0]), Body::Intent(intent()));
    assert_eq!(open(&entries[3]), Body::Intent(image));
    assert_eq!(open(&entries[5]), Body::DryRun(intent()));
    assert_eq!(open(&entries[6]), Body::Refused(refused_question()));
    assert_eq!(open(&entries[7]), Body::Admin(admin()));
}

#[tokio::test]
async fn equal_values_are_found_by_their_tags_in_every_kind_of_entry() {
    let moved = Moved::start("2026-03-04T00:00:00Z");
    moved.ask().await;
    moved
        .ledger
        .refuse(None, refused_question(), vec![])
        .await
        .unwrap();
    moved.ledger.admin(admin()).await.unwrap();
    let tags = moved.ledger.keys().tags("person", &json!("officer-17"));
    let found = moved.entries().into_iter().filter(|entry| {
        let person = match &entry.body {
            Body::Intent(intent) => Some(&intent.subject),
            Body::Refused(refused) => refused.subject.as_ref(),
            Body::Admin(admin) => admin.by.as_ref(),
            _ => None,
        };
        person
            .and_then(Personal::sealed)
            .is_some_and(|sealed| tags.contains(&sealed.tag))
    });
    assert_eq!(
        found.map(|entry| entry.index).collect::<Vec<_>>(),
        [0, 3, 4]
    );
}

#[tokio::test]
async fn each_period_has_its_key_and_destroying_one_changes_no_byte_of_the_ledger() {
    let moved = Moved::start("2026-03-31T23:59:59Z");
    moved.ask().await;
    moved.at("2026-04-01T00:00:00Z");
    moved.ask().await;
    let keys: Vec<_> = moved
        .entries()
        .iter()
        .flat_map(Entry::sealed_under)
        .collect();
    let epochs: Vec<_> = keys
        .iter()
        .map(|(key, fields)| (key.epoch(), *fields))
        .collect();
    assert_eq!(epochs, [("2026-03", 3), ("2026-04", 3)]);
    let (before, verified) = (
        moved.text(),
        verify(&moved.dir.path().join("ledger")).unwrap(),
    );
    let ended = moved
        .ledger
        .keys()
        .ended("2026-04-01T00:00:00Z".parse().unwrap());
    moved.ledger.keys().destroy(&ended).unwrap();
    assert_eq!(moved.text(), before);
    assert_eq!(verify(&moved.dir.path().join("ledger")).unwrap(), verified);
    let opened = moved
        .entries()
        .into_iter()
        .map(|entry| entry.opened(&**moved.ledger.keys()));
    let plates: Vec<_> = opened
        .filter_map(|entry| match entry.body {
            Body::Intent(intent) => Some(intent.plate.expose().to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(plates, [SEALED, "TPK0421"]);
}

#[tokio::test]
async fn the_key_of_the_next_period_is_there_before_it_begins() {
    let moved = Moved::start("2026-03-31T23:54:59Z");
    moved.ledger.renew_keys().await.unwrap();
    assert_eq!(moved.ledger.keys().ids().len(), 1);
    moved.at("2026-03-31T23:55:00Z");
    moved.ledger.renew_keys().await.unwrap();
    moved.ask().await;
    let ids = moved.ledger.keys().ids();
    assert_eq!(ids.len(), 2);
    let used: Vec<_> = moved
        .entries()
        .iter()
        .flat_map(Entry::sealed_under)
        .collect();
    assert_eq!(used[0].0, ids[0], "the key of the present one is used");
    std::fs::rename(
        moved.dir.path().join("outside"),
        moved.dir.path().join("gone"),
    )
    .unwrap();
    moved.at("2026-04-01T00:00:00Z");
    moved.ask().await;
    let used: Vec<_> = moved
        .entries()
        .iter()
        .flat_map(Entry::sealed_under)
        .collect();
    assert_eq!(used[1].0, ids[1], "no file is needed any more");
}

#[tokio::test]
async fn a_key_that_was_named_at_the_last_start_may_not_go_missing() {
    let Moved { dir, time, ledger } = Moved::start("2026-03-04T00:00:00Z");
    let key = ledger.keys().ids().pop().unwrap();
    let named = |action, key: &str| Admin {
        action,
        by: None,
        facts: BTreeMap::from([("keys".to_owned(), json!([key]))]),
    };
    ledger
        .admin(named(AdminAction::Start, key.as_str()))
        .await
        .unwrap();
    ledger.close().await.unwrap();
    fs::remove_file(dir.path().join(format!("outside/{key}.key"))).unwrap();
    let error = Moved::open(dir.path(), &time).unwrap_err();
    assert!(matches!(&error, LedgerError::Key(KeyError::Missing(id)) if *id == key));
    let config = LedgerConfig {
        keys: Some(dir.path().join("outside")),
        lost_keys: vec![key.clone()],
        ..LedgerConfig::default()
    };
    let opened = Ledger::open(&dir.path().join("ledger"), config, now()).unwrap();
    opened
        .ledger
        .admin(named(AdminAction::Seal, key.as_str()))
        .await
        .unwrap();
    opened.ledger.close().await.unwrap();
    Moved::open(dir.path(), &time)
        .unwrap()
        .close()
        .await
        .unwrap();
}

#[tokio::test]
async fn without_a_key_nothing_personal_is_written_and_the_rest_is() {
    let moved = Moved::start("2026-03-04T00:00:00Z");
    let ticket = begin(&moved.ledger).await.unwrap();
    let folder = moved.dir.path().join("outside");
    fs::rename(&folder, moved.dir.path().join("gone")).unwrap();
    moved.at("2026-04-04T00:00:00Z");
    let error = begin(&moved.ledger).await.unwrap_err();
    assert!(
        matches!(error, LedgerError::Key(KeyError::Folder { .. })),
        "{error}"
    );
    assert!(!moved.ledger.healthy());
    moved.ledger.finish(ticket, outcome()).await.unwrap();
    fs::rename(moved.dir.path().join("gone"), &folder).unwrap();
    moved.ask().await;
    assert!(moved.ledger.healthy());
}

#[test]
fn a_value_that_cannot_be_sealed_is_not_written_in_the_clear() {
    struct Broken;
    impl Seals for Broken {
        fn seal(&self, _: &Place<'_>, _: &serde_json::Value) -> Result<SealedValue, EntryError> {
            Err(EntryError::Unsealed)
        }
    }
    let nonce = turnpike_schemas::ledger::Nonce::from_bytes([1; 16]);
    for body in [
        Body::Intent(intent()),
        Body::Refused(refused_question()),
        Body::Admin(admin()),
    ] {
        assert_eq!(
            body.seal_under(nonce.clone(), &Broken).unwrap_err(),
            EntryError::Unsealed
        );
    }
}

#[test]
fn a_ledger_of_an_earlier_version_is_read_beside_a_sealed_one() {
    let clear = Entry {
        index: 0,
        at: Timestamp::UNIX_EPOCH,
        nonce: turnpike_schemas::ledger::Nonce::from_bytes([1; 16]),
        question: Some(question(1)),
        intent: None,
        body: Body::Intent(intent()),
    };
    let bytes = clear.canonical_bytes().unwrap();
    let read = Entry::parse(&bytes).unwrap();
    assert!(read.sealed_under().is_empty());
    assert_eq!(read.opened(&Keyring::in_memory(Period::Month)), clear);
}
