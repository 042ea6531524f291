//! Accounts: made, changed, enrolled and signed in to.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp, civil::Date};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use turnpike_schemas::{
    agreement::Role,
    api::identity::{Account, NewUser, UserChange},
};

use super::{CodeSecret, Control, ControlError, passwords, secrets};
use crate::config::TokenHash;

/// Failures in a row after which an account is locked.
pub const MAX_FAILURES: i64 = 5;

/// How long it stays locked.
pub const LOCK_FOR: SignedDuration = SignedDuration::from_mins(15);

/// How long an enrolment code is good.
const ENROL_WITHIN: SignedDuration = SignedDuration::from_hours(72);

const COLUMNS: &str = "subject, organisation, roles, sworn, training_until, disabled, password, code_secret, code_step, failures, locked_until, enrolment, enrolment_until, last_seen_at";

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
    password: Option<String>,
    code_secret: Option<CodeSecret>,
    code_step: i64,
    failures: i64,
    locked_until: Option<Timestamp>,
    enrolment: Option<TokenHash>,
    enrolment_until: Option<Timestamp>,
    last_seen_at: Option<Timestamp>,
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

    fn read(row: &Row<'_>) -> Result<Self, ControlError> {
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
            code_secret: row.get::<_, Option<Vec<u8>>>(7)?.map(CodeSecret::from_bytes),
            code_step: row.get(8)?,
            failures: row.get(9)?,
            locked_until: row.get::<_, Option<i64>>(10)?.map(time).transpose()?,
            enrolment: enrolment.map(hash).transpose()?,
            enrolment_until: row.get::<_, Option<i64>>(12)?.map(time).transpose()?,
            last_seen_at: row.get::<_, Option<i64>>(13)?.map(time).transpose()?,
        })
    }

    /// Whether password and code are right now; the step whose code was used.
    fn judge(&self, password: bool, code: &str, now: Timestamp) -> Result<i64, Denied> {
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

impl Control {
    /// Whether there is no account at all.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn is_empty(&self) -> Result<bool, ControlError> {
        let count = |connection: &mut Connection| -> Result<i64, ControlError> {
            Ok(connection.query_row("SELECT count(*) FROM users", [], |row| row.get(0))?)
        };
        Ok(self.run(count).await? == 0)
    }

    /// Every account, by subject.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn users(&self) -> Result<Vec<UserRow>, ControlError> {
        self.run(|connection| {
            let select = format!("SELECT {COLUMNS} FROM users ORDER BY subject");
            let mut statement = connection.prepare_cached(&select)?;
            let mut rows = statement.query([])?;
            let mut users = Vec::new();
            while let Some(row) = rows.next()? {
                users.push(UserRow::read(row)?);
            }
            Ok(users)
        })
        .await
    }

    /// One account.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn user(&self, subject: &str) -> Result<Option<UserRow>, ControlError> {
        let subject = subject.to_owned();
        self.run(move |connection| find(connection, &subject)).await
    }

    /// Makes an account; gives the enrolment code for its person.
    ///
    /// # Errors
    /// [`ControlError::Exists`].
    pub async fn add_user(&self, new: NewUser, now: Timestamp) -> Result<String, ControlError> {
        self.run(move |connection| insert(connection, &new, now)).await
    }

    /// Makes the first account of all, and notes that its entry is owed.
    ///
    /// # Errors
    /// [`ControlError::Exists`] when there is an account already.
    pub async fn bootstrap(&self, new: NewUser, now: Timestamp) -> Result<String, ControlError> {
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let count: i64 =
                transaction.query_row("SELECT count(*) FROM users", [], |row| row.get(0))?;
            if count > 0 {
                return Err(ControlError::Exists);
            }
            let enrolment = insert(&transaction, &new, now)?;
            transaction.execute(
                "INSERT INTO unrecorded (subject, roles, made_at) VALUES (?1, ?2, ?3)",
                params![new.subject, to_json(&new.roles)?, now.as_microsecond()],
            )?;
            transaction.commit()?;
            Ok(enrolment)
        })
        .await
    }

    /// Accounts whose entry is owed.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn unrecorded(&self) -> Result<Vec<Unrecorded>, ControlError> {
        self.run(|connection| {
            let mut statement = connection
                .prepare("SELECT id, subject, roles, made_at FROM unrecorded ORDER BY id")?;
            let mut rows = statement.query([])?;
            let mut owed = Vec::new();
            while let Some(row) = rows.next()? {
                owed.push(Unrecorded {
                    id: row.get(0)?,
                    subject: row.get(1)?,
                    roles: from_json(&row.get::<_, String>(2)?)?,
                    made_at: time(row.get(3)?)?,
                });
            }
            Ok(owed)
        })
        .await
    }

    /// The entry is on disk.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn recorded(&self, id: i64) -> Result<(), ControlError> {
        self.run(move |connection| {
            connection.execute("DELETE FROM unrecorded WHERE id = ?1", [id])?;
            Ok(())
        })
        .await
    }

    /// Changes an account; gives an enrolment code where the change makes one. Sessions end with every change but of standing.
    ///
    /// # Errors
    /// [`ControlError::Missing`].
    pub async fn change_user(
        &self,
        subject: &str,
        change: UserChange,
        now: Timestamp,
    ) -> Result<Option<String>, ControlError> {
        let subject = subject.to_owned();
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let enrolment = apply(&transaction, &subject, &change, now)?;
            transaction.commit()?;
            Ok(enrolment)
        })
        .await
    }

    /// Sets password and authenticator of whoever has the enrolment code. A wrong code changes nothing and counts nothing: it has 256 bits.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn enrol(
        &self,
        subject: &str,
        enrolment: &str,
        password: String,
        now: Timestamp,
    ) -> Result<Result<CodeSecret, Denied>, ControlError> {
        let password = self.hash(move || passwords::hash(&password)).await?;
        let (subject, enrolment) = (subject.to_owned(), TokenHash::of(enrolment));
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let Some(user) = find(&transaction, &subject)? else {
                return Ok(Err(Denied::Unknown));
            };
            let right = user.enrolment.is_some_and(|hash| hash.is(&enrolment))
                && user.enrolment_until.is_some_and(|until| now < until)
                && !user.disabled;
            if !right {
                return Ok(Err(Denied::Enrolment));
            }
            let secret = CodeSecret::new()?;
            transaction.execute(
                "UPDATE users SET password = ?2, code_secret = ?3, code_step = 0, failures = 0, locked_until = NULL, enrolment = NULL, enrolment_until = NULL WHERE subject = ?1",
                params![subject, password, secret.bytes()],
            )?;
            transaction.commit()?;
            Ok(Ok(secret))
        })
        .await
    }

    /// Checks password and code, counts failures, locks after [`MAX_FAILURES`] in a row. The account as it is now.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn sign_in(
        &self,
        subject: &str,
        password: String,
        code: &str,
        now: Timestamp,
    ) -> Result<Result<UserRow, Denied>, ControlError> {
        let hash = self.user(subject).await?.and_then(|user| user.password);
        let checked = hash.clone();
        let is = self.hash(move || passwords::is(&password, checked.as_deref()));
        let is = is.await?;
        let (subject, code) = (subject.to_owned(), code.to_owned());
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let Some(user) = find(&transaction, &subject)? else {
                return Ok(Err(Denied::Unknown));
            };
            // What was checked must still be the account's password, and the lock is that of now: guesses at once gain nothing.
            let judged = user.judge(is && user.password == hash, &code, now);
            note(&transaction, &user, judged, now)?;
            transaction.commit()?;
            Ok(judged.map(|_| user))
        })
        .await
    }
}

fn note(
    connection: &Connection,
    user: &UserRow,
    judged: Result<i64, Denied>,
    now: Timestamp,
) -> Result<(), ControlError> {
    match judged {
        Ok(step) => {
            connection.execute(
                "UPDATE users SET code_step = ?2, failures = 0, locked_until = NULL, last_seen_at = ?3 WHERE subject = ?1",
                params![user.subject, step, now.as_microsecond()],
            )?;
        }
        Err(Denied::Password | Denied::Code) => {
            let failures = user.failures + 1;
            let locks = failures >= MAX_FAILURES;
            let until = locks.then(|| (now + LOCK_FOR).as_microsecond());
            let failures = if locks { 0 } else { failures };
            connection.execute(
                "UPDATE users SET failures = ?2, locked_until = ?3 WHERE subject = ?1",
                params![user.subject, failures, until],
            )?;
        }
        Err(_) => {}
    }
    Ok(())
}

fn insert(connection: &Connection, new: &NewUser, now: Timestamp) -> Result<String, ControlError> {
    let (enrolment, hash) = secrets::secret("")?;
    connection.execute(
        "INSERT INTO users (subject, organisation, roles, sworn, training_until, enrolment, enrolment_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            new.subject,
            new.organisation,
            to_json(&new.roles)?,
            new.sworn,
            new.training_until.map(|date| date.to_string()),
            hash.0,
            (now + ENROL_WITHIN).as_microsecond()
        ],
    )?;
    Ok(enrolment)
}

fn apply(
    connection: &Connection,
    subject: &str,
    change: &UserChange,
    now: Timestamp,
) -> Result<Option<String>, ControlError> {
    let mut enrolment = None;
    let changed = match change {
        UserChange::Roles { roles } => connection.execute(
            "UPDATE users SET roles = ?2 WHERE subject = ?1",
            params![subject, to_json(roles)?],
        )?,
        UserChange::Standing {
            sworn,
            training_until,
        } => connection.execute(
            "UPDATE users SET sworn = ?2, training_until = ?3 WHERE subject = ?1",
            params![subject, sworn, training_until.map(|date| date.to_string())],
        )?,
        UserChange::Disable {} => connection.execute(
            "UPDATE users SET disabled = 1, enrolment = NULL, enrolment_until = NULL WHERE subject = ?1",
            [subject],
        )?,
        UserChange::Reset {} => {
            let (text, hash) = secrets::secret("")?;
            enrolment = Some(text);
            connection.execute(
                "UPDATE users SET disabled = 0, password = NULL, code_secret = NULL, failures = 0, locked_until = NULL, enrolment = ?2, enrolment_until = ?3 WHERE subject = ?1",
                params![subject, hash.0, (now + ENROL_WITHIN).as_microsecond()],
            )?
        }
    };
    if changed == 0 {
        return Err(ControlError::Missing);
    }
    if !matches!(change, UserChange::Standing { .. }) {
        connection.execute(
            "DELETE FROM sessions WHERE subject = ?1 AND is_local = 1",
            [subject],
        )?;
    }
    Ok(enrolment)
}

pub(super) fn find(connection: &Connection, subject: &str) -> Result<Option<UserRow>, ControlError> {
    let select = format!("SELECT {COLUMNS} FROM users WHERE subject = ?1");
    let mut statement = connection.prepare_cached(&select)?;
    let found = statement.query_row([subject], |row| Ok(UserRow::read(row)));
    found.optional()?.transpose()
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
