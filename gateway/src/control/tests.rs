//! What the store promises, with a clock that is moved.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use turnpike_schemas::{
    agreement::{Attributes, Organisation, OrganisationClass, Role},
    api::identity::{NewKey, NewUser, UserChange},
    plate::Jurisdiction,
};

use super::*;

const PASSWORD: &str = "granite kettle 7 doves";

fn noon() -> Timestamp {
    "2026-03-04T12:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    noon() + SignedDuration::from_secs(seconds)
}

fn new_user() -> NewUser {
    NewUser {
        subject: "ines.moreau".to_owned(),
        organisation: "brookdale-pd".to_owned(),
        roles: BTreeSet::from([Role::Investigator]),
        sworn: true,
        training_until: Some("2026-12-31".parse().unwrap()),
    }
}

/// A store with one enrolled account.
async fn enrolled() -> (tempfile::TempDir, Control, CodeSecret) {
    let folder = tempfile::tempdir().unwrap();
    let control = Control::open(&folder.path().join("control.sqlite")).unwrap();
    let enrolment = control.add_user(new_user(), noon()).await.unwrap();
    let secret = control
        .enrol("ines.moreau", &enrolment, PASSWORD.to_owned(), noon())
        .await
        .unwrap()
        .unwrap();
    (folder, control, secret)
}

async fn attempt(control: &Control, password: &str, code: &str, now: Timestamp) -> Option<Denied> {
    let tried = control.sign_in("ines.moreau", password.to_owned(), code, now);
    tried.await.unwrap().err().map(|failed| failed.denied)
}

#[tokio::test]
async fn five_failures_in_a_row_lock_an_account_for_at_least_ten_minutes() {
    let (_folder, control, secret) = enrolled().await;
    for n in 0..4 {
        assert_eq!(
            attempt(&control, "wrong", "", later(n)).await,
            Some(Denied::Password)
        );
    }
    // A right one in between begins the count anew.
    let right =
        async |second| attempt(&control, PASSWORD, &secret.at(later(second)), later(second)).await;
    assert_eq!(right(10).await, None);
    for n in 0..5 {
        let wrong = if n % 2 == 0 { "wrong" } else { PASSWORD };
        let wanted = if n % 2 == 0 {
            Denied::Password
        } else {
            Denied::Code
        };
        assert_eq!(
            attempt(&control, wrong, "000000", later(60 + n)).await,
            Some(wanted)
        );
    }
    for second in [65, 64 + 600, 64 + 899] {
        assert_eq!(right(second).await, Some(Denied::Locked), "{second}");
    }
    assert_eq!(right(64 + 900).await, None);
}

#[tokio::test]
async fn guesses_at_the_same_time_get_no_more_than_five() {
    let (_folder, control, secret) = enrolled().await;
    let guesses = (0..12).map(|n| {
        attempt(
            &control,
            if n == 11 { PASSWORD } else { "wrong" },
            "000000",
            noon(),
        )
    });
    let denied = futures::future::join_all(guesses).await;
    let counted = denied
        .iter()
        .filter(|denied| **denied != Some(Denied::Locked))
        .count();
    assert_eq!(counted, 5);
    assert_eq!(
        attempt(&control, PASSWORD, &secret.at(noon()), noon()).await,
        Some(Denied::Locked)
    );
}

#[tokio::test]
async fn a_code_signs_in_once() {
    let (_folder, control, secret) = enrolled().await;
    let code = secret.at(noon());
    assert_eq!(attempt(&control, PASSWORD, &code, noon()).await, None);
    assert_eq!(
        attempt(&control, PASSWORD, &code, later(5)).await,
        Some(Denied::Code)
    );
    assert_eq!(
        attempt(&control, PASSWORD, &secret.at(later(30)), later(30)).await,
        None
    );
}

#[tokio::test]
async fn an_enrolment_code_is_good_once_and_for_three_days() {
    let (_folder, control, _secret) = enrolled().await;
    let reset = async |now| {
        let change = control.change_user("ines.moreau", UserChange::Reset {}, now);
        change.await.unwrap().unwrap()
    };
    let enrol = async |code: &str, now| {
        let enrolled = control.enrol("ines.moreau", code, PASSWORD.to_owned(), now);
        enrolled.await.unwrap().err()
    };
    let old = reset(noon()).await;
    let new = reset(noon()).await;
    assert_eq!(enrol(&old, noon()).await, Some(Denied::Enrolment));
    assert_eq!(
        enrol(&new, later(72 * 3_600)).await,
        Some(Denied::Enrolment)
    );
    assert_eq!(enrol(&new, later(72 * 3_600 - 1)).await, None);
    assert_eq!(enrol(&new, noon()).await, Some(Denied::Enrolment));
    assert_eq!(
        control
            .enrol("nobody", &new, PASSWORD.to_owned(), noon())
            .await
            .unwrap()
            .err(),
        Some(Denied::Unknown)
    );
}

fn profile() -> Profile {
    Profile {
        subject: "ines.moreau".to_owned(),
        organisation: Organisation {
            id: "brookdale-pd".to_owned(),
            class: OrganisationClass::StateLocal,
            jurisdiction: Jurisdiction::try_from("US-OH".to_owned()).unwrap(),
        },
        roles: BTreeSet::from([Role::Investigator]),
        attributes: Attributes::default(),
    }
}

fn limits() -> SessionLimits {
    SessionLimits {
        idle: SignedDuration::from_mins(30),
        longest: SignedDuration::from_hours(12),
    }
}

#[tokio::test]
async fn a_session_ends_after_thirty_idle_minutes_and_at_its_limit() {
    let (_folder, control, _secret) = enrolled().await;
    let begun = control.begin_session(profile(), true, limits(), noon());
    let (token, ends_at) = begun.await.unwrap();
    assert_eq!(ends_at, later(12 * 3_600));
    let is_good = async |now| {
        control
            .session(&token, limits(), now)
            .await
            .unwrap()
            .is_some()
    };
    assert!(is_good(later(29 * 60)).await);
    assert!(is_good(later(58 * 60)).await);
    assert!(!is_good(later(88 * 60 + 1)).await);
    assert!(!is_good(later(58 * 60)).await, "what ended stays ended");

    let begun = control.begin_session(profile(), true, limits(), noon());
    let (token, _) = begun.await.unwrap();
    for minute in (0..12 * 60).step_by(20) {
        let found = control.session(&token, limits(), later(minute * 60));
        assert!(found.await.unwrap().is_some(), "{minute}");
    }
    let found = control.session(&token, limits(), later(12 * 3_600));
    assert!(found.await.unwrap().is_none());
}

#[tokio::test]
async fn sessions_end_with_the_account_and_with_signing_out() {
    for change in [
        UserChange::Disable {},
        UserChange::Reset {},
        UserChange::Roles {
            roles: BTreeSet::from([Role::Auditor]),
        },
    ] {
        let (_folder, control, _secret) = enrolled().await;
        let (token, _) = control
            .begin_session(profile(), true, limits(), noon())
            .await
            .unwrap();
        control
            .change_user("ines.moreau", change.clone(), noon())
            .await
            .unwrap();
        let found = control.session(&token, limits(), noon()).await.unwrap();
        assert!(found.is_none(), "{change:?}");
    }
    let (_folder, control, _secret) = enrolled().await;
    let (token, _) = control
        .begin_session(profile(), true, limits(), noon())
        .await
        .unwrap();
    assert!(
        control
            .session(&token, limits(), noon())
            .await
            .unwrap()
            .is_some()
    );
    control.end_session(&token).await.unwrap();
    assert!(
        control
            .session(&token, limits(), noon())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_key_is_shown_once_expires_and_can_be_taken_back() {
    let (folder, control, _secret) = enrolled().await;
    let new = NewKey {
        subject: "records-system".to_owned(),
        organisation: "brookdale-pd".to_owned(),
        role: Role::System,
        routes: Some(BTreeSet::from(["/v1/queries".to_owned()])),
        sources: None,
        days: 2,
    };
    let (key, secret) = control.add_key(new.clone(), noon()).await.unwrap();
    assert!(
        secret.starts_with(&format!("tpk_{}_", key.id)),
        "id and prefix are readable"
    );
    assert_eq!(control.keys().await.unwrap(), vec![key.clone()]);
    let state = async |sent: &str, now| control.key(sent, now).await.unwrap();
    assert_eq!(
        state(&secret, later(2 * 86_400 - 1)).await,
        KeyState::Good(Box::new(key.clone()))
    );
    assert_eq!(state(&secret, later(2 * 86_400)).await, KeyState::Expired);
    assert_eq!(
        state(&format!("{secret}x"), noon()).await,
        KeyState::Unknown
    );
    control.revoke_key(&key.id, noon()).await.unwrap();
    assert_eq!(state(&secret, noon()).await, KeyState::Revoked);
    assert!(matches!(
        control.revoke_key(&key.id, noon()).await,
        Err(ControlError::Missing)
    ));
    let (_, again) = control.add_key(new, noon()).await.unwrap();
    assert_ne!(again, secret);

    drop(control);
    let stored = std::fs::read(folder.path().join("control.sqlite")).unwrap();
    let tail = secret.get(KEY_PREFIX.len() + 17..).unwrap();
    for shown in [tail, PASSWORD] {
        let is_in = stored
            .windows(shown.len())
            .any(|part| part == shown.as_bytes());
        assert!(!is_in, "a secret is in the file as it is");
    }
}

#[tokio::test]
async fn the_file_is_its_owners_and_one_process_has_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, control, _secret) = enrolled().await;
    let path = folder.path().join("control.sqlite");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(Control::open(&path), Err(ControlError::InUse)));
    drop(control);
    let reopened = Control::open(&path).unwrap();
    assert_eq!(reopened.users().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_first_account_is_made_in_an_empty_store_only_and_its_entry_is_owed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sqlite");
    let control = Control::open(&path).unwrap();
    assert!(control.is_empty().await.unwrap());
    control.bootstrap(new_user(), noon()).await.unwrap();
    let other = NewUser {
        subject: "noa.field".to_owned(),
        ..new_user()
    };
    assert!(matches!(
        control.bootstrap(other, noon()).await,
        Err(ControlError::Exists)
    ));
    let owed = control.unrecorded().await.unwrap();
    assert_eq!(owed.len(), 1);
    assert_eq!(owed[0].subject, "ines.moreau");
    control.recorded(owed[0].id).await.unwrap();
    assert!(control.unrecorded().await.unwrap().is_empty());
    assert!(matches!(
        control.add_user(new_user(), noon()).await,
        Err(ControlError::Exists)
    ));
}

#[tokio::test]
async fn a_store_of_the_first_version_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("control.sqlite");
    let control = Control::open(&file).unwrap();
    control.add_user(new_user(), noon()).await.unwrap();
    drop(control);
    let old = rusqlite::Connection::open(&file).unwrap();
    old.execute_batch("ALTER TABLE users DROP COLUMN enrolled_at; PRAGMA user_version = 1;")
        .unwrap();
    drop(old);
    for _ in 0..2 {
        let control = Control::open(&file).unwrap();
        let user = control.user("ines.moreau").await.unwrap().unwrap();
        assert_eq!(user.enrolled_at, None);
    }
}
