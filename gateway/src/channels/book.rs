//! The file, and everything about channels as wholes.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use serde::Serialize;
use subtle::ConstantTimeEq as _;
use turnpike_adapters::context::Secret;
use turnpike_schemas::api::channels::PushKeys;
use url::Url;
use uuid::Uuid;

use super::{
    Channel, ChannelError, Kind, MOST_CHANNELS, Settings, State, What, Why,
    deliveries::put,
    push::Subscription,
    row::{CHANNEL, time},
    schema,
};
use crate::{notify::signing, sqlite::SqliteFile};

/// So many other codes than the one that was sent, and the channel is gone.
pub const MOST_WRONG: u32 = 5;

/// The channels and what became of what they were to be told. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Book {
    file: SqliteFile,
}

/// A channel that is to be.
#[derive(Debug, Clone)]
pub struct NewChannel {
    /// Its name.
    pub id: Uuid,
    /// Whose hits it is told of.
    pub owner: String,
    /// The owner's organisation.
    pub organisation: String,
    /// How it is told.
    pub kind: Kind,
    /// Where it is told.
    pub url: Url,
    /// What signs a webhook; the code that is sent to an address of mail, which is told nothing else until it is given back.
    pub secret: Secret,
    /// The keys of a browser.
    pub push_keys: Option<PushKeys>,
    /// When it is told, and how much at once.
    pub settings: Settings,
    /// When it is made.
    pub made_at: Timestamp,
    /// The last event of the outbox that it is not told of.
    pub after: u64,
}

impl Book {
    /// Opens the channels of a gateway, and makes the file where there is none: a file that only its owner reads. Blocks; meant
    /// for the start of the process.
    ///
    /// # Errors
    /// [`ChannelError::InUse`], [`ChannelError::Version`], and what the disk says.
    pub fn open(path: &Path) -> Result<Self, ChannelError> {
        Ok(Self {
            file: SqliteFile::open::<ChannelError>(path, &schema::FILE)?,
        })
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, ChannelError> + Send + 'static,
    ) -> Result<T, ChannelError> {
        self.file.run(work).await
    }

    /// Runs `work` as one transaction: all of it is on disk, or none.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, ChannelError> + Send + 'static,
    ) -> Result<T, ChannelError> {
        self.run(move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
        .await
    }

    /// Makes a channel. Its name is the caller's, who has put it on record.
    ///
    /// # Errors
    /// [`ChannelError::TooMany`], and what the disk says.
    pub async fn make(&self, new: NewChannel) -> Result<Channel, ChannelError> {
        self.write(move |connection| {
            let owned: u32 = connection
                .prepare_cached("SELECT count(*) FROM channels WHERE owner = ?1")?
                .query_row([&new.owner], |row| row.get(0))?;
            if owned >= MOST_CHANNELS {
                return Err(ChannelError::TooMany);
            }
            connection
                .prepare_cached(
                    "INSERT INTO channels (id, owner, organisation, url, secret, made_at, cursor, kind, settings, push_keys, unconfirmed)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                )?
                .execute(params![
                    new.id.to_string(),
                    new.owner,
                    new.organisation,
                    new.url.as_str(),
                    new.secret.expose(),
                    new.made_at.as_microsecond(),
                    new.after.cast_signed(),
                    new.kind.as_str(),
                    json(new.settings.written())?,
                    new.push_keys.as_ref().map(json).transpose()?,
                    new.kind == Kind::Email,
                ])?;
            if new.kind == Kind::Email {
                let what = What::Confirm { at: new.made_at };
                let event = format!("confirm:{}", new.id);
                put(connection, new.id, &event, &what, new.made_at, new.made_at)?;
            }
            found(connection, new.id)?.ok_or(ChannelError::Missing)
        })
        .await
    }

    /// The channels of one owner, the oldest first; those of everybody where no owner is named.
    ///
    /// # Errors
    /// [`ChannelError::Unreadable`] and [`ChannelError::Database`].
    pub async fn list(&self, owner: Option<&str>) -> Result<Vec<Channel>, ChannelError> {
        let owner = owner.map(ToOwned::to_owned);
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {CHANNEL} FROM channels WHERE ?1 IS NULL OR owner = ?1 ORDER BY made_at, id"
            ))?;
            statement.query_and_then([owner], Channel::of)?.collect()
        })
        .await
    }

    /// A channel of this owner.
    ///
    /// # Errors
    /// [`ChannelError::Missing`] also where it is somebody else's.
    pub async fn get(&self, id: Uuid, owner: &str) -> Result<Channel, ChannelError> {
        let owner = owner.to_owned();
        self.run(move |connection| owned(connection, id, &owner))
            .await
    }

    /// Removes a channel, its secrets, and what is on file of its deliveries.
    ///
    /// # Errors
    /// [`ChannelError::Missing`].
    pub async fn remove(&self, id: Uuid, owner: &str) -> Result<(), ChannelError> {
        let owner = owner.to_owned();
        self.write(move |connection| {
            owned(connection, id, &owner)?;
            erase(connection, id)
        })
        .await
    }

    /// Whether this is the code that was sent to the address. After [`MOST_WRONG`] other codes the channel is gone.
    ///
    /// # Errors
    /// [`ChannelError::Missing`], [`ChannelError::WrongCode`].
    pub async fn check_code(&self, id: Uuid, owner: &str, given: &str) -> Result<(), ChannelError> {
        let (owner, given) = (owner.to_owned(), given.to_owned());
        let is_right = self.write(move |connection| {
            owned(connection, id, &owner)?;
            let sent = code(connection, id)?;
            if bool::from(sent.expose().as_bytes().ct_eq(given.as_bytes())) {
                return Ok(true);
            }
            let name = id.to_string();
            connection.execute(
                "UPDATE channels SET wrong = wrong + 1 WHERE id = ?1",
                [&name],
            )?;
            let wrong: u32 = connection
                .prepare_cached("SELECT wrong FROM channels WHERE id = ?1")?
                .query_row([&name], |row| row.get(0))?;
            if wrong >= MOST_WRONG {
                erase(connection, id)?;
            }
            // What was counted stays counted.
            Ok(false)
        });
        match is_right.await? {
            true => Ok(()),
            false => Err(ChannelError::WrongCode),
        }
    }

    /// The address is the owner's: it is told of everything after `after` from now on.
    ///
    /// # Errors
    /// [`ChannelError::Missing`].
    pub async fn confirm(
        &self,
        id: Uuid,
        owner: &str,
        after: u64,
    ) -> Result<Channel, ChannelError> {
        let owner = owner.to_owned();
        self.write(move |connection| {
            owned(connection, id, &owner)?;
            connection.execute(
                "UPDATE channels SET unconfirmed = 0, secret = '', cursor = max(cursor, ?2) WHERE id = ?1 AND unconfirmed = 1",
                params![id.to_string(), after.cast_signed()],
            )?;
            owned(connection, id, &owner)
        })
        .await
    }

    /// When the channel is told from now on. What waits is told then.
    ///
    /// # Errors
    /// [`ChannelError::Missing`].
    pub async fn set(
        &self,
        id: Uuid,
        owner: &str,
        settings: Settings,
    ) -> Result<Channel, ChannelError> {
        let owner = owner.to_owned();
        self.write(move |connection| {
            owned(connection, id, &owner)?;
            connection.execute(
                "UPDATE channels SET settings = ?2 WHERE id = ?1",
                params![id.to_string(), json(settings.written())?],
            )?;
            owned(connection, id, &owner)
        })
        .await
    }

    /// Another secret signs from now on, and the one before it as well until `old_until`.
    ///
    /// # Errors
    /// [`ChannelError::Missing`].
    pub async fn rotate(
        &self,
        id: Uuid,
        owner: &str,
        secret: Secret,
        old_until: Timestamp,
    ) -> Result<Channel, ChannelError> {
        let owner = owner.to_owned();
        self.write(move |connection| {
            owned(connection, id, &owner)?;
            connection.execute(
                "UPDATE channels SET old_secret = secret, old_until = ?2, secret = ?3 WHERE id = ?1",
                params![
                    id.to_string(),
                    old_until.as_microsecond(),
                    secret.expose()
                ],
            )?;
            owned(connection, id, &owner)
        })
        .await
    }

    /// The channel is told nothing from now on. What it is not told of stays in the outbox and where it waits.
    ///
    /// # Errors
    /// [`ChannelError::Database`].
    pub async fn disable(&self, id: Uuid, why: Why, now: Timestamp) -> Result<(), ChannelError> {
        self.write(move |connection| {
            connection.execute(
                "UPDATE channels SET disabled_at = ?2, disabled_why = ?3 WHERE id = ?1 AND disabled_at IS NULL",
                params![id.to_string(), now.as_microsecond(), why.as_str()],
            )?;
            Ok(())
        })
        .await
    }

    /// Takes dead letters up again, each under its name, as if they were new at `now`; the channel is told again. Returns how many.
    ///
    /// # Errors
    /// [`ChannelError::Missing`].
    pub async fn replay(
        &self,
        id: Uuid,
        owner: &str,
        now: Timestamp,
    ) -> Result<usize, ChannelError> {
        let owner = owner.to_owned();
        self.write(move |connection| {
            owned(connection, id, &owner)?;
            connection.execute(
                "UPDATE channels SET disabled_at = NULL, disabled_why = NULL WHERE id = ?1",
                [id.to_string()],
            )?;
            Ok(connection.execute(
                "UPDATE deliveries SET state = ?3, aside = 0, attempts = 0, made_at = ?4, next_at = ?4, settled_at = NULL
                 WHERE channel = ?1 AND state = ?2",
                params![
                    id.to_string(),
                    State::Dead.as_str(),
                    State::Waiting.as_str(),
                    now.as_microsecond(),
                ],
            )?)
        })
        .await
    }
}

pub(super) fn found(connection: &Connection, id: Uuid) -> Result<Option<Channel>, ChannelError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {CHANNEL} FROM channels WHERE id = ?1"))?;
    let mut rows = statement.query_and_then([id.to_string()], Channel::of)?;
    rows.next().transpose()
}

pub(super) fn owned(
    connection: &Connection,
    id: Uuid,
    owner: &str,
) -> Result<Channel, ChannelError> {
    let channel = found(connection, id)?.filter(|channel| channel.owner == owner);
    channel.ok_or(ChannelError::Missing)
}

/// The channel, with what is on file of its deliveries.
fn erase(connection: &Connection, id: Uuid) -> Result<(), ChannelError> {
    for statement in [
        "DELETE FROM deliveries WHERE channel = ?1",
        "DELETE FROM channels WHERE id = ?1",
    ] {
        connection.execute(statement, [id.to_string()])?;
    }
    Ok(())
}

fn json<T: Serialize>(written: &T) -> Result<String, ChannelError> {
    serde_json::to_string(written).map_err(|_| ChannelError::Unreadable("no JSON"))
}

/// The code that was sent to an address; nothing once it was given back.
pub(super) fn code(connection: &Connection, id: Uuid) -> Result<Secret, ChannelError> {
    let mut statement = connection.prepare_cached("SELECT secret FROM channels WHERE id = ?1")?;
    let code: String = statement.query_row([id.to_string()], |row| row.get(0))?;
    Ok(Secret::new(code))
}

pub(super) fn push_keys(connection: &Connection, id: Uuid) -> Result<Subscription, ChannelError> {
    let unreadable = ChannelError::Unreadable("the keys of a browser");
    let mut statement =
        connection.prepare_cached("SELECT push_keys FROM channels WHERE id = ?1")?;
    let json: Option<String> = statement.query_row([id.to_string()], |row| row.get(0))?;
    let keys = json.and_then(|json| serde_json::from_str::<PushKeys>(&json).ok());
    keys.and_then(|keys| Subscription::of(&keys).ok())
        .ok_or(unreadable)
}

/// What signs at `now`, the newest first.
pub(super) fn secrets(
    connection: &Connection,
    id: Uuid,
    now: Timestamp,
) -> Result<Vec<signing::Secret>, ChannelError> {
    let unreadable = |_| ChannelError::Unreadable("a secret");
    let mut statement = connection.prepare_cached("SELECT secret FROM channels WHERE id = ?1")?;
    let newest: String = statement.query_row([id.to_string()], |row| row.get(0))?;
    let mut secrets = vec![signing::Secret::parse(&newest).map_err(unreadable)?];
    let mut statement = connection.prepare_cached(
        "SELECT old_secret, old_until FROM channels WHERE id = ?1 AND old_secret IS NOT NULL",
    )?;
    let old = statement
        .query_row([id.to_string()], |row| {
            Ok((row.get::<_, String>("old_secret")?, time(row, "old_until")))
        })
        .optional()?;
    if let Some((text, until)) = old
        && until? > now
    {
        secrets.push(signing::Secret::parse(&text).map_err(unreadable)?);
    }
    Ok(secrets)
}
