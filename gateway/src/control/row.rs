//! An account as it is stored, and whether somebody may sign in to it.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Date};
use rusqlite::Row;
use turnpike_schemas::{agreement::Role, api::identity::Account};

use super::{CodeSecret, ControlError};
use crate::config::TokenHash;

/// An account as it is stored. `Debug` shows no secret.
#[derive(Clone)]
pub struct UserRow {
    /// The person.
    pub subject: String,
    /// Identifier of the organisation.
    pub organisation: String,
    /// Roles.
    pub roles: BTreeSet<Role>,
    /// Whether the person is a sworn officer.
    pub sworn: bool,
    /// Last day of valid training.
    pub training_until: Option<Date>,
    /// Whether nobody may sign in.
    pub disabled: bool,
    pub(super) password: Option<String>,
    code_secret: Option<CodeSecret>,
    code_step: i64,
    pub(super) failures: i64,
    locked_until: Option<Timestamp>,
    pub(super) enrolment: Option<TokenHash>,
    pub(super) enrolment_until: Option<Timestamp>,
    last_seen_at: Option<Timestamp>,
    /// When password and authenticator were set; unknown of accounts from before that was kept.
    pub enrolled_at: Option<Timestamp>,
}

/// Why a sign-in is refused. Whoever tries is told none of it; the ledger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// No such account.
    Unknown,
    /// The account is disabled.
    Disabled,
    /// Locked after failures.
    Locked,
    /// No password set yet.
    NotEnrolled,
    /// The password is wrong.
    Password,
    /// The code is wrong, old or used already.
    Code,
    /// The enrolment code is wrong, used or too old.
    Enrolment,
}

/// A sign-in that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// Why.
    pub denied: Denied,
    /// Whether the account is locked from this try on.
    pub locks: bool,
}

/// An account that was made before the gateway ran: its entry is still owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrecorded {
    /// The row.
    pub id: i64,
    /// The account.
    pub subject: String,
    /// Its roles.
    pub roles: BTreeSet<Role>,
    /// When it was made.
    pub made_at: Timestamp,
}

impl std::fmt::Debug for UserRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRow")
            .field("subject", &self.subject)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

impl Denied {
    /// The word in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown_account",
            Self::Disabled => "disabled",
            Self::Locked => "locked",
            Self::NotEnrolled => "not_enrolled",
            Self::Password => "password",
            Self::Code => "code",
            Self::Enrolment => "enrolment",
        }
    }
}

impl UserRow {
    /// What anybody who looks after accounts may see.
    #[must_use]
    pub fn account(&self, now: Timestamp) -> Account {
        let state = match self {
            Self { disabled: true, .. } => "disabled",
            Self { password: None, .. } => "enrolling",
            _ if self.locked_until.is_some_and(|until| now < until) => "locked",
            _ => "active",
        };
        Account {
            subject: self.subject.clone(),
            organisation: self.organisation.clone(),
            roles: self.roles.clone(),
            sworn: self.sworn,
            training_until: self.training_until,
            state: state.to_owned(),
            last_seen_at: self.last_seen_at,
        }
    }

    pub(super) fn read(row: &Row<'_>) -> Result<Self, ControlError> {
        let date: Option<String> = row.get(4)?;
        let date = date.map(|text| text.parse::<Date>()).transpose();
        let enrolment: Option<Vec<u8>> = row.get(11)?;
        Ok(Self {
            subject: row.get(0)?,
            organisation: row.get(1)?,
            roles: from_json(&row.get::<_, String>(2)?)?,
            sworn: row.get(3)?,
            training_until: date.map_err(|_| ControlError::Unreadable("a date"))?,
            disabled: row.get(5)?,
            password: row.get(6)?,
            code_secret: row
                .get::<_, Option<Vec<u8>>>(7)?
                .map(CodeSecret::from_bytes),
            code_step: row.get(8)?,
            failures: row.get(9)?,
            locked_until: row.get::<_, Option<i64>>(10)?.map(time).transpose()?,
            enrolment: enrolment.map(hash).transpose()?,
            enrolment_until: row.get::<_, Option<i64>>(12)?.map(time).transpose()?,
            last_seen_at: row.get::<_, Option<i64>>(13)?.map(time).transpose()?,
            enrolled_at: row.get::<_, Option<i64>>(14)?.map(time).transpose()?,
        })
    }

    /// Whether password and code are right now; the step whose code was used.
    pub(super) fn judge(&self, password: bool, code: &str, now: Timestamp) -> Result<i64, Denied> {
        if self.disabled {
            return Err(Denied::Disabled);
        }
        if self.locked_until.is_some_and(|until| now < until) {
            return Err(Denied::Locked);
        }
        let secret = self.code_secret.as_ref().ok_or(Denied::NotEnrolled)?;
        if !password {
            return Err(Denied::Password);
        }
        secret
            .step_of(code, now, self.code_step)
            .ok_or(Denied::Code)
    }
}

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, ControlError> {
    serde_json::to_string(value).map_err(|_| ControlError::Unreadable("a list"))
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ControlError> {
    serde_json::from_str(text).map_err(|_| ControlError::Unreadable("a list"))
}

pub(super) fn time(micros: i64) -> Result<Timestamp, ControlError> {
    Timestamp::from_microsecond(micros).map_err(|_| ControlError::Unreadable("a time"))
}

fn hash(bytes: Vec<u8>) -> Result<TokenHash, ControlError> {
    let bytes = bytes.try_into();
    bytes
        .map(TokenHash)
        .map_err(|_| ControlError::Unreadable("a hash"))
}
