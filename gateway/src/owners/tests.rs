use std::collections::BTreeSet;

use serde_json::json;
use turnpike_schemas::{
    agreement::{Organisation, OrganisationClass},
    ledger::{
        Completeness, Decision, Entry, Intent, Outcome, OwnerLeaf, SourceOutcome, Touching, Verdict,
    },
    plate::Jurisdiction,
    tlog::leaf_hash,
};

use super::*;
use crate::{
    config::{TokenHash, User},
    identity::Directory,
    ledger::{LedgerConfig, read},
};

const SOURCES: [&str; 2] = ["state-tolls", "harbor-parking"];

struct Rig {
    folder: tempfile::TempDir,
    ledger: Arc<Ledger>,
    owners: Owners,
}

/// Names nobody: what counts here is which leaves there are.
struct Nobody;

impl turnpike_schemas::ledger::Pseudonyms for Nobody {
    fn pseudonym(&self, _: &str, _: &str, _: &str) -> String {
        String::new()
    }
}

fn source(name: &str) -> SourceId {
    SourceId::parse(name).unwrap()
}

fn owned() -> BTreeMap<SourceId, String> {
    BTreeMap::from([(source("state-tolls"), "state-tolls".to_owned())])
}

fn ledger(folder: &Path) -> Arc<Ledger> {
    let config = LedgerConfig {
        deadline: Duration::from_secs(20),
        keys: Some(folder.join("keys")),
        ..LedgerConfig::default()
    };
    let now = Arc::new(|| Timestamp::UNIX_EPOCH);
    Arc::new(
        Ledger::open(&folder.join("ledger"), config, now)
            .unwrap()
            .ledger,
    )
}

fn open(folder: &Path, ledger: &Arc<Ledger>) -> Result<Owners, OwnersError> {
    Owners::open(
        ledger,
        &folder.join("owners"),
        &folder.join("keys"),
        owned(),
    )
}

fn intent(subject: &str) -> Intent {
    let intent = json!({
        "action": "query", "subject": subject, "organisation": "brookdale-pd", "organisation_class": "state_local",
        "jurisdiction": "US-OH", "on_behalf_of": null, "purpose": "stolen_vehicle", "case_reference": "BD-2026-0042",
        "plate": "TPK0421", "plate_jurisdiction": null, "match": "exact",
        "window": { "from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z" }, "sources_wanted": { "count": 0, "names": [] }
    });
    serde_json::from_value(intent).unwrap()
}

fn decision(source: &str) -> Decision {
    Decision {
        source: source.into(),
        verdict: Verdict::Permit,
        agreement: Some(format!("{source}@1")),
        agreement_sha256: None,
        policy_sha256: None,
        rules: vec![],
        obligations: vec![],
        decided_at: None,
        action: None,
    }
}

fn outcome() -> Outcome {
    let part = |source: &str| SourceOutcome {
        source: source.into(),
        outcome: "empty".into(),
        count: 0,
        digest: None,
        truncated: false,
        took_ms: None,
        detail: None,
    };
    Outcome {
        completeness: Completeness::Complete,
        reads: 0,
        sources: SOURCES.map(part).to_vec(),
    }
}

impl Rig {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(folder.path());
        Self {
            owners: open(folder.path(), &ledger).unwrap(),
            ledger,
            folder,
        }
    }

    async fn ask(&self, subject: &str) {
        let decisions = SOURCES.map(decision).to_vec();
        let ticket = self
            .ledger
            .begin(Uuid::nil(), intent(subject), decisions)
            .await
            .unwrap();
        self.ledger.finish(ticket, outcome()).await.unwrap();
    }

    fn entries(&self) -> Vec<Entry> {
        let entries = read(&self.folder.path().join("ledger")).unwrap();
        entries.map(Result::unwrap).collect()
    }

    async fn leaves(&self, name: &str) -> Vec<String> {
        self.owners.leaves(&source(name), 0, 10_000).await.unwrap()
    }

    /// Every leaf the entries call for, by place and source.
    fn called_for(&self, name: &str) -> Vec<(u64, String)> {
        let mut touching = Touching::default();
        let leaves = self.entries().into_iter().flat_map(|entry| {
            let hash = leaf_hash(&entry.canonical_bytes().unwrap());
            touching.follow(&entry.opened(&**self.ledger.keys()), &hash, &Nobody)
        });
        let own = leaves.filter(|leaf| leaf.source == name);
        own.map(|leaf| (leaf.entry, leaf.leaf_hash)).collect()
    }

    async fn verify(&self, name: &str) -> OwnerHead {
        let (index, head) = self.owners.head(&source(name)).await.unwrap().unwrap();
        let leaves = self.leaves(name).await;
        head.verify(name, leaves.iter().map(|leaf| leaf.as_bytes()))
            .unwrap();
        let record = self.entries().remove(usize::try_from(index).unwrap());
        assert_eq!(
            OwnerHead::recorded(&record, name).unwrap(),
            head,
            "the ledger records it"
        );
        head
    }
}

fn person(subject: &str, role: Role, organisation: &str) -> Identity {
    let user = User {
        subject: subject.to_owned(),
        organisation: Organisation {
            id: organisation.to_owned(),
            class: OrganisationClass::StateLocal,
            jurisdiction: Jurisdiction::parse("US-OH").unwrap(),
        },
        roles: BTreeSet::from([role]),
        token: TokenHash::of(subject),
        sworn: false,
        training_until: None,
    };
    let directory = Directory::new(&[user], BTreeMap::new());
    let known = directory.authenticate(subject, Timestamp::UNIX_EPOCH);
    // A configured token needs no waiting.
    futures::FutureExt::now_or_never(known).unwrap().unwrap()
}

#[tokio::test]
async fn each_log_has_as_many_leaves_as_the_ledger_has_entries_about_its_source() {
    let rig = Rig::start();
    for round in 0..3 {
        rig.ask("officer-17").await;
        drop(
            rig.ledger
                .begin(
                    Uuid::nil(),
                    intent("officer-18"),
                    vec![decision("state-tolls")],
                )
                .await
                .unwrap(),
        );
        rig.owners.advance().await.unwrap();
        for name in SOURCES {
            let leaves: Vec<OwnerLeaf> = rig
                .leaves(name)
                .await
                .iter()
                .map(|leaf| OwnerLeaf::parse(leaf.as_bytes()).unwrap())
                .collect();
            let head = rig.verify(name).await;
            let found: Vec<_> = leaves
                .into_iter()
                .map(|leaf| (leaf.entry, leaf.leaf_hash))
                .collect();
            let called_for = rig.called_for(name);
            // What was written since, such as the end of an abandoned question, comes with the next round.
            assert_eq!(found, called_for[..found.len()], "{name} in round {round}");
            assert_eq!(head.size, found.len() as u64);
        }
    }
    rig.ledger.close().await.unwrap();
    let ledger = ledger(rig.folder.path());
    let rig = Rig {
        owners: open(rig.folder.path(), &ledger).unwrap(),
        ledger,
        folder: rig.folder,
    };
    rig.owners.advance().await.unwrap();
    for name in SOURCES {
        assert_eq!(
            rig.verify(name).await.size,
            rig.called_for(name).len() as u64,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_log_at_rest_stays_as_it_is_and_adds_nothing_to_the_ledger() {
    let rig = Rig::start();
    rig.owners.advance().await.unwrap();
    assert_eq!(rig.ledger.stats().entries, 0, "nothing to record");
    rig.ask("officer-17").await;
    for _ in 0..3 {
        rig.owners.advance().await.unwrap();
    }
    let records = rig.entries().into_iter().filter(|entry| {
        matches!(&entry.body, Body::Admin(admin) if admin.action == AdminAction::OwnerCheckpoint)
    });
    assert_eq!(records.count(), SOURCES.len());
}

#[tokio::test]
async fn what_a_crash_leaves_behind_is_cut_off_and_made_again() {
    let rig = Rig::start();
    rig.ask("officer-17").await;
    rig.owners.advance().await.unwrap();
    let before = rig.leaves("state-tolls").await;
    let file = rig.folder.path().join("owners/state-tolls.leaves");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend_from_slice(b"{\"half\":");
    std::fs::write(&file, &bytes).unwrap();
    let owners = open(rig.folder.path(), &rig.ledger).unwrap();
    rig.ask("officer-18").await;
    owners.advance().await.unwrap();
    let rig = Rig { owners, ..rig };
    assert!(rig.leaves("state-tolls").await.starts_with(&before));
    rig.verify("state-tolls").await;
    std::fs::write(&file, b"").unwrap();
    let cut = open(rig.folder.path(), &rig.ledger).unwrap_err();
    assert!(
        matches!(cut, OwnersError::Damaged),
        "leaves are gone: {cut}"
    );
    std::fs::remove_dir_all(rig.folder.path().join("owners")).unwrap();
    let owners = open(rig.folder.path(), &rig.ledger).unwrap();
    owners.advance().await.unwrap();
    let again = Rig { owners, ..rig };
    assert!(
        again.leaves("state-tolls").await.starts_with(&before),
        "made again as it was"
    );
}

#[tokio::test]
async fn a_pseudonym_is_the_same_person_for_one_owner_and_nobody_for_another() {
    let rig = Rig::start();
    for subject in ["officer-17", "officer-18", "officer-17"] {
        rig.ask(subject).await;
    }
    rig.owners.advance().await.unwrap();
    let mut people = Vec::new();
    for name in SOURCES {
        let leaves = rig.leaves(name).await;
        assert!(
            leaves
                .iter()
                .all(|leaf| !leaf.contains("officer") && !leaf.contains("TPK0421"))
        );
        let asked = leaves
            .iter()
            .filter_map(|leaf| OwnerLeaf::parse(leaf.as_bytes()).unwrap().asked);
        let persons: Vec<String> = asked.map(|asked| asked.person.unwrap()).collect();
        assert_eq!(persons.len(), 3);
        assert_eq!(persons[0], persons[2]);
        assert_ne!(persons[0], persons[1]);
        people.push(persons);
    }
    assert_ne!(people[0], people[1]);
    let (ola, kim) = (
        person("ola", Role::SourceOwner, "state-tolls"),
        person("kim", Role::Auditor, "board"),
    );
    let (tolls, parking) = (source("state-tolls"), source("harbor-parking"));
    let now = Timestamp::UNIX_EPOCH;
    let request = rig
        .owners
        .ask_who(&ola, &tolls, &people[0][1], now)
        .await
        .unwrap();
    for (identity, source) in [(&ola, &parking), (&kim, &tolls)] {
        let refused = rig.owners.ask_who(identity, source, "x", now).await;
        assert!(matches!(refused, Err(ResolveError::Role)));
    }
    assert!(matches!(
        rig.owners.say_who(&ola, request, now).await,
        Err(ResolveError::Role)
    ));
    assert_eq!(
        rig.owners.say_who(&kim, request, now).await.unwrap(),
        "officer-18"
    );
    assert!(matches!(
        rig.owners.say_who(&kim, request, now).await,
        Err(ResolveError::Unknown)
    ));
    let foreign = rig
        .owners
        .ask_who(&ola, &tolls, &people[1][1], now)
        .await
        .unwrap();
    assert!(matches!(
        rig.owners.say_who(&kim, foreign, now).await,
        Err(ResolveError::Nobody)
    ));
    let late = rig
        .owners
        .ask_who(&ola, &tolls, &people[0][0], now)
        .await
        .unwrap();
    let tomorrow = now + SignedDuration::from_hours(24);
    assert!(matches!(
        rig.owners.say_who(&kim, late, tomorrow).await,
        Err(ResolveError::Unknown)
    ));
}
