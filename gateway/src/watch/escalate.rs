//! Hits that their owners have not seen, and who was told in their place.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use turnpike_schemas::hit::HitId;

use super::{
    Book, Event, HitRow, Told, WatchError, lists, outbox,
    row::{self, HIT},
};

/// A second person who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Second {
    /// Who.
    pub person: String,
    /// The person's organisation.
    pub organisation: String,
    /// What they are shown.
    pub told: Told,
    /// Ledger entry of the intent to tell them.
    pub intent: u64,
    /// Ledger entry of the outcome.
    pub outcome: u64,
}

/// Which hits wait to be seen.
#[derive(Debug, Clone)]
pub struct Unseen {
    /// Whose.
    pub owner: String,
    /// Told not before that.
    pub from: Timestamp,
    /// Told not after that.
    pub until: Timestamp,
    /// At most so many.
    pub limit: u32,
}

impl Book {
    /// The owner has shown the hit by itself. The first time counts.
    ///
    /// # Errors
    /// [`WatchError::Database`].
    pub async fn seen(&self, hit: &HitId, at: Timestamp) -> Result<(), WatchError> {
        let hit = hit.clone();
        self.write(move |connection| {
            connection
                .prepare_cached("UPDATE hits SET seen_at = ?2 WHERE id = ?1 AND seen_at IS NULL")?
                .execute(params![hit.as_str(), at.as_microsecond()])?;
            Ok(())
        })
        .await
    }

    /// Hits that stand, that nobody has seen or looked at and of which nobody else was to be told, the oldest first.
    ///
    /// # Errors
    /// [`WatchError::Unreadable`] and [`WatchError::Database`].
    pub async fn unseen(&self, which: Unseen) -> Result<Vec<HitRow>, WatchError> {
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {HIT} FROM hits WHERE owner = ?1 AND told_at >= ?2 AND told_at <= ?3 AND state = 'unconfirmed'
                 AND standing = 'stands' AND seen_at IS NULL AND escalated_at IS NULL ORDER BY told_at LIMIT ?4"
            ))?;
            let asked = params![
                which.owner,
                which.from.as_microsecond(),
                which.until.as_microsecond(),
                which.limit,
            ];
            statement.query_and_then(asked, HitRow::of)?.collect()
        })
        .await
    }

    /// A second person was to be told; nobody where none could be. Once for each hit: the same again writes nothing.
    ///
    /// # Errors
    /// [`WatchError::Missing`].
    pub async fn escalate(
        &self,
        hit: &HitId,
        second: Option<Second>,
        at: Timestamp,
    ) -> Result<Option<Event>, WatchError> {
        let hit = hit.clone();
        self.write(move |connection| {
            let found = lists::find(connection, &hit)?.ok_or(WatchError::Missing)?;
            if found.escalated_at.is_some() {
                return Ok(None);
            }
            connection
                .prepare_cached("UPDATE hits SET escalated_at = ?2 WHERE id = ?1")?
                .execute(params![hit.as_str(), at.as_microsecond()])?;
            let Some(second) = second else {
                return Ok(None);
            };
            connection
                .prepare_cached(
                    "INSERT INTO seconds (hit, person, organisation, told_at, keep_until, told, intent, outcome)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    hit.as_str(),
                    second.person,
                    second.organisation,
                    at.as_microsecond(),
                    found.keep_until.as_microsecond(),
                    second.told.expose(),
                    second.intent.cast_signed(),
                    second.outcome.cast_signed(),
                ])?;
            outbox::escalated(connection, &hit, &found, at).map(Some)
        })
        .await
    }

    /// The hit as `person` was told of it; nothing where they were not.
    ///
    /// # Errors
    /// [`WatchError::Database`].
    pub async fn shown_to(&self, hit: HitRow, person: &str) -> Result<Option<HitRow>, WatchError> {
        if hit.owner == person {
            return Ok(Some(hit));
        }
        let person = person.to_owned();
        self.run(move |connection| as_second(connection, hit, &person))
            .await
    }
}

/// The hit with what a second person was shown of it in the place of what its owner was.
pub(super) fn as_second(
    connection: &Connection,
    hit: HitRow,
    person: &str,
) -> Result<Option<HitRow>, WatchError> {
    let mut statement = connection.prepare_cached(
        "SELECT told, told_at, intent, outcome FROM seconds WHERE hit = ?1 AND person = ?2",
    )?;
    let mut rows = statement.query(params![hit.id.as_str(), person])?;
    let Some(found) = rows.next()? else {
        return Ok(None);
    };
    let told: Option<Vec<u8>> = found.get("told")?;
    Ok(Some(HitRow {
        told: told.map(Told::stored),
        told_at: row::time(found, "told_at")?,
        intent: Some(row::number(found, "intent")?),
        outcome: Some(row::number(found, "outcome")?),
        ..hit
    }))
}
