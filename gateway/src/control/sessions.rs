//! Sessions: a token for whoever signed in, good until it rests too long, lives too long, or ends.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use turnpike_schemas::agreement::{Attributes, Organisation, Role};

use super::{
    Control, ControlError, SESSION_PREFIX, UserRow,
    row::{from_json, time, to_json},
    secrets, users,
};
use crate::config::TokenHash;

/// Use is noted once in so long, so that not every request writes to the disk. A session may end this much early, never late.
const NOTE_EVERY: SignedDuration = SignedDuration::from_secs(20);

/// How long sessions last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Longest rest: a session unused for this long ends.
    pub idle: SignedDuration,
    /// Longest life.
    pub longest: SignedDuration,
}

/// Who a session is for, as it was established when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The person.
    pub subject: String,
    /// The organisation.
    pub organisation: Organisation,
    /// Roles.
    pub roles: std::collections::BTreeSet<Role>,
    /// Training, office and assurance.
    pub attributes: Attributes,
}

/// A session that is good now.
#[derive(Debug, Clone)]
pub struct SessionFound {
    /// Who it is for.
    pub profile: Profile,
    /// The account as it is now, where it is one of this store.
    pub user: Option<UserRow>,
    /// When it ends at the latest.
    pub ends_at: Timestamp,
}

struct Row {
    subject: String,
    profile: String,
    is_local: bool,
    last_used_at: i64,
    ends_at: i64,
}

impl Control {
    /// Begins a session; gives its token and its end. Sessions that have ended leave the store.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn begin_session(
        &self,
        profile: Profile,
        is_local: bool,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<(String, Timestamp), ControlError> {
        let (token, hash) = secrets::secret(SESSION_PREFIX)?;
        let ends_at = now + limits.longest;
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "DELETE FROM sessions WHERE ends_at <= ?1 OR last_used_at <= ?2",
                params![now.as_microsecond(), (now - limits.idle).as_microsecond()],
            )?;
            transaction.execute(
                "INSERT INTO sessions (hash, subject, profile, is_local, last_used_at, ends_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    hash.0,
                    profile.subject,
                    to_json(&profile)?,
                    is_local,
                    now.as_microsecond(),
                    ends_at.as_microsecond()
                ],
            )?;
            transaction.commit()?;
            Ok(())
        })
        .await?;
        Ok((token, ends_at))
    }

    /// The session of a token, if it is good now; its use is noted.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn session(
        &self,
        token: &str,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<Option<SessionFound>, ControlError> {
        let hash = TokenHash::of(token);
        self.run(move |connection| look_up(connection, hash, limits, now))
            .await
    }

    /// Ends every session of a subject; tells how many there were.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn end_sessions_of(&self, subject: &str) -> Result<usize, ControlError> {
        let subject = subject.to_owned();
        self.run(move |connection| {
            Ok(connection.execute("DELETE FROM sessions WHERE subject = ?1", [subject])?)
        })
        .await
    }

    /// Ends the session of a token.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn end_session(&self, token: &str) -> Result<(), ControlError> {
        let hash = TokenHash::of(token);
        self.run(move |connection| {
            connection.execute("DELETE FROM sessions WHERE hash = ?1", [hash.0])?;
            Ok(())
        })
        .await
    }
}

fn look_up(
    connection: &Connection,
    hash: TokenHash,
    limits: SessionLimits,
    now: Timestamp,
) -> Result<Option<SessionFound>, ControlError> {
    let mut statement = connection.prepare_cached(
        "SELECT subject, profile, is_local, last_used_at, ends_at FROM sessions WHERE hash = ?1",
    )?;
    let found = statement.query_row([hash.0], |row| {
        Ok(Row {
            subject: row.get(0)?,
            profile: row.get(1)?,
            is_local: row.get(2)?,
            last_used_at: row.get(3)?,
            ends_at: row.get(4)?,
        })
    });
    let Some(row) = found.optional()? else {
        return Ok(None);
    };
    let (last_used_at, ends_at) = (time(row.last_used_at)?, time(row.ends_at)?);
    if now >= ends_at || now.duration_since(last_used_at) >= limits.idle {
        connection.execute("DELETE FROM sessions WHERE hash = ?1", [hash.0])?;
        return Ok(None);
    }
    let user = if row.is_local {
        match users::find(connection, &row.subject)? {
            Some(user) if !user.disabled => Some(user),
            _ => return Ok(None),
        }
    } else {
        None
    };
    if now.duration_since(last_used_at) >= NOTE_EVERY {
        connection.execute(
            "UPDATE sessions SET last_used_at = ?2 WHERE hash = ?1",
            params![hash.0, now.as_microsecond()],
        )?;
    }
    Ok(Some(SessionFound {
        profile: from_json(&row.profile)?,
        user,
        ends_at,
    }))
}
