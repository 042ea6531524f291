use std::{collections::BTreeSet, path::Path, sync::Mutex};

use turnpike_schemas::{
    agreement::{Organisation, OrganisationClass},
    ledger::{Body, Entry, Refused, RefusedReason},
    plate::Jurisdiction,
};

use super::*;
use crate::{
    config::{TokenHash, User},
    identity::Directory,
    ledger::{LedgerConfig, Opened, read, verify},
};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

struct Rig {
    folder: tempfile::TempDir,
    time: Arc<Mutex<Timestamp>>,
    ledger: Arc<Ledger>,
    sealing: Sealing,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn open(folder: &Path, time: &Arc<Mutex<Timestamp>>) -> Opened {
    let time = Arc::clone(time);
    let config = LedgerConfig {
        deadline: Duration::from_secs(20),
        keys: Some(folder.join("keys")),
        ..LedgerConfig::default()
    };
    let now = Arc::new(move || *time.lock().unwrap());
    Ledger::open(&folder.join("ledger"), config, now).unwrap()
}

impl Rig {
    fn start(time: &str) -> Self {
        let (folder, time) = (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(at(time))));
        let ledger = Arc::new(open(folder.path(), &time).ledger);
        Self {
            sealing: Sealing::new(&ledger, YEAR),
            folder,
            time,
            ledger,
        }
    }

    fn move_to(&self, time: &str) {
        *self.time.lock().unwrap() = at(time);
    }

    async fn record_a_person(&self) {
        let refused = Refused {
            subject: Some(Personal::new("officer-17")),
            ..Refused::because(RefusedReason::Forbidden)
        };
        self.ledger.refuse(None, refused, vec![]).await.unwrap();
    }

    async fn propose(&self, by: &Identity, before: &str) -> Result<SealProposal, SealError> {
        let now = *self.time.lock().unwrap();
        self.sealing.propose(by, at(before), now).await
    }

    async fn confirm(&self, by: &Identity, id: Uuid) -> Result<SealReport, SealError> {
        let now = *self.time.lock().unwrap();
        self.sealing.confirm(by, id, now).await
    }

    fn entries(&self) -> Vec<Entry> {
        let entries = read(&self.folder.path().join("ledger")).unwrap();
        entries
            .map(|entry| entry.unwrap().opened(&**self.ledger.keys()))
            .collect()
    }

    /// The subjects that can be read.
    fn subjects(&self) -> Vec<String> {
        let subjects = self
            .entries()
            .into_iter()
            .filter_map(|entry| match entry.body {
                Body::Refused(refused) => Some(refused.subject?.text()?.to_owned()),
                _ => None,
            });
        subjects.collect()
    }
}

fn person(subject: &str, role: Role) -> Identity {
    let user = User {
        subject: subject.to_owned(),
        organisation: Organisation {
            id: "oversight-board".to_owned(),
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
async fn two_people_destroy_the_keys_of_what_is_past_its_retention_and_nothing_else() {
    let rig = Rig::start("2026-03-04T00:00:00Z");
    rig.record_a_person().await;
    rig.move_to("2027-04-05T00:00:00Z");
    rig.record_a_person().await;
    let (lee, kim) = (person("lee", Role::Operator), person("kim", Role::Auditor));
    let proposal = rig.propose(&lee, "2026-04-01T00:00:00Z").await.unwrap();
    assert_eq!(
        proposal.keys.iter().map(KeyId::epoch).collect::<Vec<_>>(),
        ["2026-03"]
    );
    assert_eq!(rig.subjects().len(), 2, "a proposal destroys nothing");
    let ledger = rig.folder.path().join("ledger");
    let segment = ledger.join("ledger-00000000.log");
    let before = std::fs::read(&segment).unwrap();
    let report = rig.confirm(&kim, proposal.proposal).await.unwrap();
    assert_eq!((report.keys.clone(), report.entries), (proposal.keys, 1));
    assert_eq!(rig.subjects().len(), 1);
    assert!(
        std::fs::read(&segment).unwrap().starts_with(&before),
        "no entry is touched"
    );
    assert_eq!(verify(&ledger).unwrap().entries, report.recorded + 1);
    let Body::Admin(evidence) = rig.entries().pop().unwrap().body else {
        panic!("no evidence");
    };
    assert_eq!(evidence.action, AdminAction::Seal);
    assert_eq!(evidence.by.unwrap().text(), Some("kim"));
    assert_eq!(evidence.facts["proposed_by"], "lee");
    assert_eq!(
        (&evidence.facts["entries"], &evidence.facts["keys"]),
        (&1.into(), &names(&report.keys))
    );
    assert!(matches!(
        rig.confirm(&kim, proposal.proposal).await,
        Err(SealError::Unknown)
    ));
}

#[tokio::test]
async fn one_person_the_wrong_role_or_too_early_a_day_destroys_nothing() {
    let rig = Rig::start("2026-03-04T00:00:00Z");
    rig.record_a_person().await;
    rig.move_to("2027-04-05T00:00:00Z");
    let kim = person("kim", Role::Auditor);
    for role in Role::ALL {
        let asked = rig
            .propose(&person("a", role), "2026-04-01T00:00:00Z")
            .await;
        let may = matches!(role, Role::Auditor | Role::Operator);
        assert_eq!(asked.is_ok(), may, "{role:?}");
    }
    let early = rig.propose(&kim, "2026-04-06T00:00:00Z").await.unwrap_err();
    assert!(
        matches!(early, SealError::Retention { days: 365 }),
        "{early}"
    );
    let nothing = rig.propose(&kim, "2026-03-31T00:00:00Z").await.unwrap_err();
    assert!(matches!(nothing, SealError::Nothing));
    let proposal = rig
        .propose(&kim, "2026-04-01T00:00:00Z")
        .await
        .unwrap()
        .proposal;
    assert!(matches!(
        rig.confirm(&kim, proposal).await,
        Err(SealError::SamePerson)
    ));
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Auditor) {
        assert!(matches!(
            rig.confirm(&person("b", role), proposal).await,
            Err(SealError::Role)
        ));
    }
    rig.move_to("2027-04-06T00:00:00Z");
    let late = rig.confirm(&person("b", Role::Auditor), proposal).await;
    assert!(matches!(late, Err(SealError::Unknown)), "a proposal lapses");
    assert_eq!(rig.subjects(), ["officer-17"]);
}

#[tokio::test]
async fn a_destruction_that_was_cut_short_is_finished_at_the_next_start() {
    let rig = Rig::start("2026-03-04T00:00:00Z");
    rig.record_a_person().await;
    let keys = rig.ledger.keys().ids();
    let entry = |fact: &str| Admin {
        action: AdminAction::Seal,
        by: None,
        facts: BTreeMap::from([(fact.to_owned(), names(&keys))]),
    };
    rig.ledger.admin(entry("destroying")).await.unwrap();
    rig.ledger.close().await.unwrap();
    rig.move_to("2027-04-05T00:00:00Z");
    let opened = open(rig.folder.path(), &rig.time);
    assert_eq!(opened.recovered.half_sealed, keys);
    assert!(!opened.ledger.keys().ids().contains(&keys[0]));
    record_finished(&opened.ledger, &opened.recovered.half_sealed)
        .await
        .unwrap();
    opened.ledger.close().await.unwrap();
    let again = open(rig.folder.path(), &rig.time);
    assert_eq!(again.recovered.half_sealed, []);
}
