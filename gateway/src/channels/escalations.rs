//! Who is told of hits that somebody has not seen.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};

use super::{Book, ChannelError, row::time};

/// Who is told of an owner's hits that the owner has not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// Whose hits.
    pub owner: String,
    /// Who is told then.
    pub to: String,
    /// After how long.
    pub after: SignedDuration,
    /// Since when: hits of before are not told to anybody else.
    pub set_at: Timestamp,
}

impl Escalation {
    fn of(row: &Row<'_>) -> Result<Self, ChannelError> {
        Ok(Self {
            owner: row.get("owner")?,
            to: row.get("person")?,
            after: SignedDuration::from_secs(row.get("after_s")?),
            set_at: time(row, "set_at")?,
        })
    }
}

impl Book {
    /// Who is told of hits that `owner` has not seen.
    ///
    /// # Errors
    /// [`ChannelError::Database`].
    pub async fn escalation(&self, owner: &str) -> Result<Option<Escalation>, ChannelError> {
        let owner = owner.to_owned();
        self.run(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT * FROM escalations WHERE owner = ?1")?;
            let mut found = statement.query_and_then([owner], Escalation::of)?;
            found.next().transpose()
        })
        .await
    }

    /// Everybody's.
    ///
    /// # Errors
    /// [`ChannelError::Database`].
    pub async fn escalations(&self) -> Result<Vec<Escalation>, ChannelError> {
        self.run(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT * FROM escalations ORDER BY owner")?;
            statement.query_and_then([], Escalation::of)?.collect()
        })
        .await
    }

    /// From now on that.
    ///
    /// # Errors
    /// [`ChannelError::Database`].
    pub async fn escalate(&self, escalation: Escalation) -> Result<(), ChannelError> {
        self.write(move |connection| {
            connection.execute(
                "INSERT OR REPLACE INTO escalations (owner, person, after_s, set_at) VALUES (?1, ?2, ?3, ?4)",
                params![
                    escalation.owner,
                    escalation.to,
                    escalation.after.as_secs(),
                    escalation.set_at.as_microsecond(),
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// From now on nobody.
    ///
    /// # Errors
    /// [`ChannelError::Database`].
    pub async fn keep_to_oneself(&self, owner: &str) -> Result<(), ChannelError> {
        let owner = owner.to_owned();
        self.write(move |connection| {
            connection.execute("DELETE FROM escalations WHERE owner = ?1", [owner])?;
            Ok(())
        })
        .await
    }

    /// The key push services know this gateway by; `make` makes the first.
    ///
    /// # Errors
    /// [`ChannelError::Database`].
    pub(super) async fn push_key(
        &self,
        make: impl FnOnce() -> Result<Vec<u8>, ChannelError> + Send + 'static,
    ) -> Result<Vec<u8>, ChannelError> {
        self.write(move |connection| {
            let mut statement = connection.prepare_cached("SELECT pkcs8 FROM push_key")?;
            let found: Option<Vec<u8>> = statement.query_row([], |row| row.get(0)).optional()?;
            if let Some(found) = found {
                return Ok(found);
            }
            let key = make()?;
            connection.execute("INSERT INTO push_key (one, pkcs8) VALUES (1, ?1)", [&key])?;
            Ok(key)
        })
        .await
    }
}
