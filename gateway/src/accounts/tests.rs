//! Nothing is changed and nobody signs in that cannot be recorded.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use turnpike_schemas::{
    agreement::{Assurance, Attributes, OrganisationClass},
    api::identity::{Enrol, SignIn},
    ledger::Body,
    plate::Jurisdiction,
};

use super::*;
use crate::{
    control::{CodeSecret, Profile, SessionLimits},
    identity::Means,
    ledger::{self, LedgerConfig},
    refusals::Refusals,
};

const PASSWORD: &str = "granite kettle 7 doves";

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-03-04T12:00:00Z".parse().unwrap()
    }
}

struct Office {
    folder: TempDir,
    ledger: Arc<Ledger>,
    accounts: Accounts,
    refusals: Refusals,
    boss: Identity,
}

fn organisation() -> Organisation {
    Organisation {
        id: "brookdale-pd".to_owned(),
        class: OrganisationClass::StateLocal,
        jurisdiction: Jurisdiction::try_from("US-OH".to_owned()).unwrap(),
    }
}

fn office() -> Office {
    let folder = tempfile::tempdir().unwrap();
    let opened = Ledger::open(
        &folder.path().join("ledger"),
        LedgerConfig::default(),
        Arc::new(|| Noon.now()),
    );
    let ledger = Arc::new(opened.unwrap().ledger);
    let control = Control::open(&folder.path().join("control.sqlite")).unwrap();
    let rules = IdentityRules {
        notice: None,
        require_training: false,
        assurance: Assurance::Aal1,
        step_up: Assurance::Aal2,
        approver_age: SignedDuration::ZERO,
        provider_session: SignedDuration::from_mins(60),
        sessions: SessionLimits {
            idle: SignedDuration::from_mins(30),
            longest: SignedDuration::from_hours(12),
        },
    };
    let organisations = BTreeMap::from([(organisation().id, organisation())]);
    let directory =
        Directory::new(&[], organisations).with_control(control.clone(), rules.sessions);
    let boss = Profile {
        subject: "boss".to_owned(),
        organisation: organisation(),
        roles: BTreeSet::from([Role::Operator]),
        attributes: Attributes::default(),
    };
    let refusals = Refusals::new(&ledger, NonZeroU32::MAX, std::iter::empty());
    let clock = Arc::new(Noon);
    Office {
        accounts: Accounts::new(
            control,
            Arc::clone(&ledger),
            Arc::new(directory),
            clock,
            rules,
        ),
        folder,
        ledger,
        refusals,
        boss: Identity::new(boss, Means::Session),
    }
}

fn new_user(subject: &str) -> NewUser {
    NewUser {
        subject: subject.to_owned(),
        organisation: "brookdale-pd".to_owned(),
        roles: BTreeSet::from([Role::Investigator]),
        sworn: false,
        training_until: None,
    }
}

impl Office {
    async fn enrolled(&self) -> CodeSecret {
        let made = self.accounts.add_user(&self.boss, new_user("ana.weiss"));
        let (_, enrolment) = made.await.unwrap();
        let request = Enrol {
            subject: "ana.weiss".to_owned(),
            enrolment,
            password: PASSWORD.to_owned(),
        };
        let enrolled = self.accounts.enrol(request, &self.refusals).await.unwrap();
        CodeSecret::parse(&enrolled.code_secret).unwrap()
    }

    fn admin(&self) -> Vec<AdminAction> {
        let entries = ledger::read(&self.folder.path().join("ledger")).unwrap();
        let actions = entries.filter_map(|entry| match entry.unwrap().body {
            Body::Admin(admin) => Some(admin.action),
            _ => None,
        });
        actions.collect()
    }
}

#[tokio::test]
async fn without_a_ledger_nothing_is_changed_and_nobody_signs_in() {
    let office = office();
    let secret = office.enrolled().await;
    let key = NewKey {
        subject: "records".to_owned(),
        organisation: "brookdale-pd".to_owned(),
        role: Role::System,
        routes: None,
        sources: None,
        days: 1,
    };
    let made = office
        .accounts
        .add_key(&office.boss, key.clone())
        .await
        .unwrap();
    assert_eq!(
        office.admin(),
        [
            AdminAction::AccountChange,
            AdminAction::AccountChange,
            AdminAction::KeyChange
        ]
    );
    office.ledger.close().await.unwrap();

    let (accounts, boss) = (&office.accounts, &office.boss);
    let before = (
        accounts.users().await.unwrap(),
        accounts.keys().await.unwrap(),
    );
    let refused = [
        accounts.add_user(boss, new_user("new.person")).await.err(),
        accounts
            .change_user(boss, "ana.weiss", UserChange::Disable {})
            .await
            .err(),
        accounts
            .change_user(boss, "ana.weiss", UserChange::Reset {})
            .await
            .err(),
        accounts.add_key(boss, key).await.err(),
        accounts.revoke_key(boss, &made.key.id).await.err(),
    ];
    for error in refused {
        assert!(matches!(error, Some(AccountError::Ledger(_))), "{error:?}");
    }
    for password in [PASSWORD, "wrong"] {
        let request = SignIn {
            subject: "ana.weiss".to_owned(),
            password: password.to_owned(),
            code: secret.at(Noon.now()),
            acknowledged: None,
        };
        let refused = accounts.sign_in(request, &office.refusals).await.err();
        assert!(
            matches!(refused, Some(AccountError::Ledger(_))),
            "{refused:?}"
        );
    }
    let mut after = (
        accounts.users().await.unwrap(),
        accounts.keys().await.unwrap(),
    );
    // The code was used: it is not good again, whatever came of it.
    assert!(after.0[0].last_seen_at.take().is_some());
    assert_eq!(before, after);
}

#[tokio::test]
async fn an_account_made_before_the_gateway_ran_is_recorded_once() {
    let office = office();
    let mut first = new_user("first.operator");
    first.roles = BTreeSet::from([Role::Operator]);
    office
        .accounts
        .control
        .bootstrap(first, Noon.now())
        .await
        .unwrap();
    office.accounts.record_owed().await.unwrap();
    office.accounts.record_owed().await.unwrap();
    assert_eq!(office.admin(), [AdminAction::AccountChange]);
}
