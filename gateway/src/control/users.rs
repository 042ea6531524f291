//! Accounts: made, changed, enrolled and signed in to.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};
use turnpike_schemas::api::identity::{NewUser, UserChange};

use super::{
    CodeSecret, Control, ControlError, Denied, Failed, Unrecorded, UserRow, passwords,
    row::{from_json, time, to_json},
    secrets,
};
use crate::config::TokenHash;

/// Failures in a row after which an account is locked.
pub const MAX_FAILURES: i64 = 5;

/// How long it stays locked.
pub const LOCK_FOR: SignedDuration = SignedDuration::from_mins(15);

/// How long an enrolment code is good.
const ENROL_WITHIN: SignedDuration = SignedDuration::from_hours(72);

pub(super) const COLUMNS: &str = "subject, organisation, roles, sworn, training_until, disabled, password, code_secret, code_step, failures, locked_until, enrolment, enrolment_until, last_seen_at, enrolled_at";

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
        self.run(move |connection| insert(connection, &new, now))
            .await
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
        let (subject, enrolment) = (subject.to_owned(), TokenHash::of(enrolment));
        // Looked at before as well: a guess is not worth the work of a hash.
        let (asked, sent) = (subject.clone(), enrolment);
        let looked = self.run(move |connection| enrols(connection, &asked, &sent, now));
        if let Err(denied) = looked.await? {
            return Ok(Err(denied));
        }
        let password = self.hash(move || passwords::hash(&password)).await?;
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            if let Err(denied) = enrols(&transaction, &subject, &enrolment, now)? {
                return Ok(Err(denied));
            }
            let secret = CodeSecret::new()?;
            transaction.execute(
                "UPDATE users SET password = ?2, code_secret = ?3, code_step = 0, failures = 0, locked_until = NULL, enrolment = NULL, enrolment_until = NULL, enrolled_at = ?4 WHERE subject = ?1",
                params![subject, password, secret.bytes(), now.as_microsecond()],
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
    ) -> Result<Result<UserRow, Failed>, ControlError> {
        let hash = self.user(subject).await?.and_then(|user| user.password);
        let checked = hash.clone();
        let is = self.hash(move || passwords::is(&password, checked.as_deref()));
        let is = is.await?;
        let (subject, code) = (subject.to_owned(), code.to_owned());
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let Some(user) = find(&transaction, &subject)? else {
                let (denied, locks) = (Denied::Unknown, false);
                return Ok(Err(Failed { denied, locks }));
            };
            // What was checked must still be the account's password, and the lock is that of now: guesses at once gain nothing.
            let judged = user.judge(is && user.password == hash, &code, now);
            let locks = note(&transaction, &user, judged, now)?;
            transaction.commit()?;
            Ok(judged
                .map(|_| user)
                .map_err(|denied| Failed { denied, locks }))
        })
        .await
    }
}

/// Whether this is the enrolment code of the account now.
fn enrols(
    connection: &Connection,
    subject: &str,
    enrolment: &TokenHash,
    now: Timestamp,
) -> Result<Result<(), Denied>, ControlError> {
    let Some(user) = find(connection, subject)? else {
        return Ok(Err(Denied::Unknown));
    };
    let right = user.enrolment.is_some_and(|hash| hash.is(enrolment))
        && user.enrolment_until.is_some_and(|until| now < until)
        && !user.disabled;
    Ok(right.then_some(()).ok_or(Denied::Enrolment))
}

/// Keeps what came of a try, and tells whether it locked the account.
fn note(
    connection: &Connection,
    user: &UserRow,
    judged: Result<i64, Denied>,
    now: Timestamp,
) -> Result<bool, ControlError> {
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
            return Ok(locks);
        }
        Err(_) => {}
    }
    Ok(false)
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

pub(super) fn find(
    connection: &Connection,
    subject: &str,
) -> Result<Option<UserRow>, ControlError> {
    let select = format!("SELECT {COLUMNS} FROM users WHERE subject = ?1");
    let mut statement = connection.prepare_cached(&select)?;
    let found = statement.query_row([subject], |row| Ok(UserRow::read(row)));
    found.optional()?.transpose()
}
