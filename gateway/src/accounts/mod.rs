//! Accounts, keys and sessions as they are used: each change is on record before it is made, each sign-in before its
//! token leaves, each refusal before it is told.

mod sign_in;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, MutexGuard};
use turnpike_adapters::context::Clock;
use turnpike_schemas::{
    agreement::{Organisation, Role},
    api::identity::{Account, ApiKey, KeyMade, NewKey, NewUser, Notice, UserChange},
    ledger::{Admin, AdminAction, Personal},
};

use crate::{
    config::{IdentityRules, TokenHash},
    control::{Control, ControlError},
    federation::word,
    identity::{
        Directory, Identity,
        duties::{self, Conflict, MACHINE_ROLES},
        oidc::{FlowError, Flows},
    },
    ledger::{Ledger, LedgerError},
};

/// Longest life of a key, in days.
const MAX_DAYS: u16 = 366;

/// What signs people in and looks after accounts and keys.
#[derive(Debug)]
pub struct Accounts {
    control: Control,
    ledger: Arc<Ledger>,
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
    rules: IdentityRules,
    flows: Flows,
    /// Held from looking to changing, so that what is recorded is what is done.
    changes: Mutex<()>,
}

/// Why an account, a key or a session is not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The sign-in is refused. The word is the ledger's.
    #[error("refused")]
    Denied(&'static str),
    /// The notice was not acknowledged.
    #[error("read `GET /v1/notice` and send its `sha256` as `acknowledged`")]
    Notice,
    /// A field is wrong.
    #[error("`{field}` {rule}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// Roles that do not go together.
    #[error(transparent)]
    Duties(#[from] Conflict),
    /// The account is the caller's own.
    #[error("nobody changes their own account: ask another operator")]
    Own,
    /// There is such an account.
    #[error("there is such an account already; accounts are not shared")]
    Exists,
    /// There is none.
    #[error("there is no such account or key")]
    Missing,
    /// A sign-in at a provider went wrong.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// It cannot be recorded, so it is not done.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store.
    #[error(transparent)]
    Control(ControlError),
}

type Result<T> = std::result::Result<T, AccountError>;

impl From<ControlError> for AccountError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Exists => Self::Exists,
            ControlError::Missing => Self::Missing,
            error => Self::Control(error),
        }
    }
}

impl Accounts {
    /// Over an open store.
    #[must_use]
    pub fn new(
        control: Control,
        ledger: Arc<Ledger>,
        directory: Arc<Directory>,
        clock: Arc<dyn Clock>,
        rules: IdentityRules,
    ) -> Self {
        Self {
            control,
            ledger,
            directory,
            clock,
            rules,
            flows: Flows::default(),
            changes: Mutex::default(),
        }
    }

    /// What holds for every sign-in.
    #[must_use]
    pub fn rules(&self) -> &IdentityRules {
        &self.rules
    }

    /// Records accounts that were made before the gateway ran.
    ///
    /// # Errors
    /// The ledger or the store.
    pub async fn record_owed(&self) -> Result<()> {
        for owed in self.control.unrecorded().await? {
            let facts = json!({
                "account": owed.subject, "change": "bootstrap", "roles": words(&owed.roles),
                "made_at": owed.made_at.to_string(),
            });
            self.record(AdminAction::AccountChange, None, facts).await?;
            self.control.recorded(owed.id).await?;
        }
        Ok(())
    }

    /// The notice.
    #[must_use]
    pub fn notice(&self) -> Notice {
        let providers = self.directory.providers().iter();
        Notice {
            text: self.rules.notice.clone(),
            sha256: self.notice_sha256(),
            providers: providers.map(|provider| provider.id().to_owned()).collect(),
        }
    }

    fn notice_sha256(&self) -> Option<String> {
        let notice = self.rules.notice.as_deref();
        notice.map(|text| TokenHash::of(text).to_hex())
    }

    async fn change(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().await
    }

    /// Every account.
    ///
    /// # Errors
    /// The store.
    pub async fn users(&self) -> Result<Vec<Account>> {
        let (users, now) = (self.control.users().await?, self.clock.now());
        Ok(users.iter().map(|user| user.account(now)).collect())
    }

    /// Makes an account; gives it and the enrolment code of its person.
    ///
    /// # Errors
    /// [`AccountError`]; the ledger first, then the store.
    pub async fn add_user(&self, by: &Identity, new: NewUser) -> Result<(Account, String)> {
        let _change = self.change().await;
        check_user(&new, &self.directory)?;
        if self.control.user(&new.subject).await?.is_some() {
            return Err(AccountError::Exists);
        }
        let facts = json!({
            "account": new.subject, "change": "added", "organisation": new.organisation,
            "roles": words(&new.roles), "sworn": new.sworn,
            "training_until": new.training_until.map(|date| date.to_string()),
        });
        self.record(AdminAction::AccountChange, Some(by.account()), facts)
            .await?;
        let (subject, now) = (new.subject.clone(), self.clock.now());
        let enrolment = self.control.add_user(new, now).await?;
        Ok((self.account(&subject, now).await?, enrolment))
    }

    async fn account(&self, subject: &str, now: Timestamp) -> Result<Account> {
        let user = self.control.user(subject).await?;
        Ok(user.ok_or(AccountError::Missing)?.account(now))
    }

    /// Changes an account of somebody else; gives it, and an enrolment code where the change makes one.
    ///
    /// # Errors
    /// [`AccountError`]; the ledger first, then the store.
    pub async fn change_user(
        &self,
        by: &Identity,
        subject: &str,
        change: UserChange,
    ) -> Result<(Account, Option<String>)> {
        let _change = self.change().await;
        if by.account() == subject {
            return Err(AccountError::Own);
        }
        let now = self.clock.now();
        let before = self.account(subject, now).await?;
        let mut facts = json!({ "account": subject });
        describe(&change, &before, &mut facts)?;
        self.record(AdminAction::AccountChange, Some(by.account()), facts)
            .await?;
        let enrolment = self.control.change_user(subject, change, now).await?;
        Ok((self.account(subject, now).await?, enrolment))
    }

    /// Since when an account of this store has its password and authenticator, if that is too short for approving anything:
    /// whoever makes accounts must not be two people by making one.
    ///
    /// # Errors
    /// The store.
    pub async fn is_too_new(&self, subject: &str) -> Result<Option<Timestamp>> {
        let user = self.control.user(subject).await?;
        let enrolled = user.and_then(|user| user.enrolled_at);
        let (now, age) = (self.clock.now(), self.rules.approver_age);
        Ok(enrolled.filter(|since| now.duration_since(*since) < age))
    }

    /// Ends every session of somebody, of this store or of a provider: on record first.
    ///
    /// # Errors
    /// The ledger or the store.
    pub async fn end_sessions(&self, by: &Identity, subject: &str) -> Result<usize> {
        let _change = self.change().await;
        let facts = json!({ "account": subject, "change": "sessions_ended" });
        self.record(AdminAction::AccountChange, Some(by.account()), facts)
            .await?;
        Ok(self.control.end_sessions_of(subject).await?)
    }

    /// Every key.
    ///
    /// # Errors
    /// The store.
    pub async fn keys(&self) -> Result<Vec<ApiKey>> {
        Ok(self.control.keys().await?)
    }

    /// Makes a key.
    ///
    /// # Errors
    /// [`AccountError`]; the ledger first, then the store.
    pub async fn add_key(&self, by: &Identity, new: NewKey) -> Result<KeyMade> {
        let _change = self.change().await;
        check_subject(&new.subject, &self.directory)?;
        self.known(&new.organisation)?;
        if !MACHINE_ROLES.contains(&new.role) {
            return Err(invalid(
                "role",
                "must be `system`, `integrator` or `source_owner`: other roles are people's",
            ));
        }
        if !(1..=MAX_DAYS).contains(&new.days) {
            return Err(invalid("days", "must be 1 to 366"));
        }
        if self.control.user(&new.subject).await?.is_some() {
            return Err(AccountError::Exists);
        }
        let facts = json!({
            "change": "made", "account": new.subject, "organisation": new.organisation,
            "roles": [word(&new.role)], "days": new.days, "routes": new.routes, "sources": new.sources,
        });
        self.record(AdminAction::KeyChange, Some(by.account()), facts)
            .await?;
        let (key, secret) = self.control.add_key(new, self.clock.now()).await?;
        Ok(KeyMade { key, secret })
    }

    /// Takes a key back.
    ///
    /// # Errors
    /// [`AccountError`]; the ledger first, then the store.
    pub async fn revoke_key(&self, by: &Identity, id: &str) -> Result<()> {
        let _change = self.change().await;
        let keys = self.control.keys().await?;
        let key = keys
            .into_iter()
            .find(|key| key.id == id && key.revoked_at.is_none());
        let key = key.ok_or(AccountError::Missing)?;
        let facts = json!({ "change": "revoked", "key": key.id, "account": key.subject });
        self.record(AdminAction::KeyChange, Some(by.account()), facts)
            .await?;
        Ok(self.control.revoke_key(id, self.clock.now()).await?)
    }

    fn known(&self, organisation: &str) -> Result<&Organisation> {
        let known = self.directory.organisation(organisation);
        known.ok_or(invalid("organisation", "is not one of the configuration"))
    }

    async fn record(&self, action: AdminAction, by: Option<&str>, said: Value) -> Result<()> {
        let entry = Admin {
            action,
            by: by.map(Personal::new),
            facts: facts(said),
        };
        Ok(self.ledger.admin(entry).await.map(drop)?)
    }
}

/// What a new account must be. Also asked before there is a gateway.
///
/// # Errors
/// [`AccountError::Invalid`], [`AccountError::Duties`], [`AccountError::Exists`].
pub fn check_user(new: &NewUser, directory: &Directory) -> Result<()> {
    check_subject(&new.subject, directory)?;
    check_roles(&new.roles)?;
    if directory.organisation(&new.organisation).is_none() {
        return Err(invalid("organisation", "is not one of the configuration"));
    }
    Ok(())
}

fn check_subject(subject: &str, directory: &Directory) -> Result<()> {
    let fits = (1..=64).contains(&subject.len())
        && subject.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._@-".contains(&byte)
        });
    if !fits {
        return Err(invalid(
            "subject",
            "must be 1 to 64 characters of `a-z`, `0-9`, `.`, `_`, `@` and `-`",
        ));
    }
    if directory.configures(subject) {
        return Err(AccountError::Exists);
    }
    Ok(())
}

fn check_roles(roles: &BTreeSet<Role>) -> Result<()> {
    if roles.is_empty() {
        return Err(invalid("roles", "must name at least one role"));
    }
    if roles.contains(&Role::System) {
        return Err(invalid("roles", "`system` is for keys, not for people"));
    }
    Ok(duties::check(roles)?)
}

/// What the entry of a change says, before and after.
fn describe(change: &UserChange, before: &Account, facts: &mut Value) -> Result<()> {
    let more = match change {
        UserChange::Roles { roles } => {
            check_roles(roles)?;
            json!({ "change": "roles", "before": words(&before.roles), "roles": words(roles) })
        }
        UserChange::Standing {
            sworn,
            training_until,
        } => json!({
            "change": "standing", "sworn": sworn,
            "training_until": training_until.map(|date| date.to_string()),
        }),
        UserChange::Disable {} => json!({ "change": "disabled" }),
        UserChange::Reset {} => json!({ "change": "reset", "before": before.state }),
    };
    if let (Value::Object(facts), Value::Object(more)) = (facts, more) {
        facts.extend(more);
    }
    Ok(())
}

fn invalid(field: &'static str, rule: &'static str) -> AccountError {
    AccountError::Invalid { field, rule }
}

fn words(roles: &BTreeSet<Role>) -> Vec<String> {
    roles.iter().map(word).collect()
}

/// The facts that are there.
fn facts(said: Value) -> std::collections::BTreeMap<String, Value> {
    let said = match said {
        Value::Object(said) => said,
        _ => Map::new(),
    };
    said.into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect()
}
