//! Keys of systems: `tpk_ID_SECRET`, shown once, kept as a hash.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use turnpike_schemas::{
    agreement::Role,
    api::identity::{ApiKey, NewKey},
    read::SourceId,
};

use super::{
    Control, ControlError, KEY_PREFIX,
    row::{from_json, time, to_json},
    secrets,
};
use crate::config::TokenHash;

const COLUMNS: &str = "id, subject, organisation, role, routes, sources, expires_at, revoked_at";

/// A key as it is stored.
pub type Key = ApiKey;

/// Whether a key that was sent is good now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// It is.
    Good(Box<Key>),
    /// No such key.
    Unknown,
    /// Too old.
    Expired,
    /// Taken back.
    Revoked,
}

impl Control {
    /// Makes a key; the second value is the key itself.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn add_key(
        &self,
        new: NewKey,
        now: Timestamp,
    ) -> Result<(Key, String), ControlError> {
        let id = secrets::identifier()?;
        let (secret, hash) = secrets::secret(&format!("{KEY_PREFIX}{id}_"))?;
        let key = Key {
            id,
            subject: new.subject,
            organisation: new.organisation,
            role: new.role,
            routes: new.routes,
            sources: new.sources,
            expires_at: now + SignedDuration::from_hours(24 * i64::from(new.days)),
            revoked_at: None,
        };
        let stored = key.clone();
        self.run(move |connection| insert(connection, &stored, hash))
            .await?;
        Ok((key, secret))
    }

    /// Every key, the one that expires first at the head.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn keys(&self) -> Result<Vec<Key>, ControlError> {
        self.run(|connection| {
            let select = format!("SELECT {COLUMNS} FROM keys ORDER BY expires_at, id");
            let mut statement = connection.prepare_cached(&select)?;
            let mut rows = statement.query([])?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()? {
                keys.push(read(row)?);
            }
            Ok(keys)
        })
        .await
    }

    /// Takes a key back. What it was is still listed.
    ///
    /// # Errors
    /// [`ControlError::Missing`] when there is none that is good.
    pub async fn revoke_key(&self, id: &str, now: Timestamp) -> Result<(), ControlError> {
        let id = id.to_owned();
        self.run(move |connection| {
            let revoked = connection.execute(
                "UPDATE keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
                params![id, now.as_microsecond()],
            )?;
            if revoked == 0 {
                return Err(ControlError::Missing);
            }
            Ok(())
        })
        .await
    }

    /// The key that was sent. It is looked up by its hash, so timing tells nothing about stored keys.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn key(&self, sent: &str, now: Timestamp) -> Result<KeyState, ControlError> {
        let hash = TokenHash::of(sent);
        self.run(move |connection| {
            let select = format!("SELECT {COLUMNS} FROM keys WHERE hash = ?1");
            let mut statement = connection.prepare_cached(&select)?;
            let found = statement.query_row([hash.0], |row| Ok(read(row)));
            Ok(match found.optional()?.transpose()? {
                None => KeyState::Unknown,
                Some(key) if key.revoked_at.is_some() => KeyState::Revoked,
                Some(key) if now >= key.expires_at => KeyState::Expired,
                Some(key) => KeyState::Good(Box::new(key)),
            })
        })
        .await
    }
}

fn insert(connection: &Connection, key: &Key, hash: TokenHash) -> Result<(), ControlError> {
    connection.execute(
        "INSERT INTO keys (id, hash, subject, organisation, role, routes, sources, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            key.id,
            hash.0,
            key.subject,
            key.organisation,
            to_json(&key.role)?,
            key.routes.as_ref().map(to_json).transpose()?,
            key.sources.as_ref().map(to_json).transpose()?,
            key.expires_at.as_microsecond()
        ],
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Key, ControlError> {
    let routes: Option<String> = row.get(4)?;
    let sources: Option<String> = row.get(5)?;
    Ok(Key {
        id: row.get(0)?,
        subject: row.get(1)?,
        organisation: row.get(2)?,
        role: from_json::<Role>(&row.get::<_, String>(3)?)?,
        routes: routes
            .as_deref()
            .map(from_json::<BTreeSet<String>>)
            .transpose()?,
        sources: sources
            .as_deref()
            .map(from_json::<BTreeSet<SourceId>>)
            .transpose()?,
        expires_at: time(row.get(6)?)?,
        revoked_at: row.get::<_, Option<i64>>(7)?.map(time).transpose()?,
    })
}
