//! Events in the order in which they are sent, for streams that are taken up again.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use turnpike_schemas::hit::HitId;

use super::{
    Book, Event, EventKind, HitRow, WatchError,
    row::{EVENT, number},
};

/// Writes one event about the hit as it is now.
pub(super) fn write(
    connection: &Connection,
    hit: &HitId,
    kind: EventKind,
    at: Timestamp,
    is_shown: bool,
) -> Result<Event, WatchError> {
    let name = name(connection, hit, kind)?;
    let mut statement = connection.prepare_cached(&format!(
        "INSERT INTO outbox (event, hit, owner, organisation, kind, state, standing, at, keep_until, body)
         SELECT ?2, id, owner, organisation, ?3, state, standing, ?4, keep_until, iif(?5, told, NULL) FROM hits WHERE id = ?1
         RETURNING {EVENT}"
    ))?;
    let at = at.as_microsecond();
    let row = params![hit.as_str(), name, kind.as_str(), at, is_shown];
    let mut written = statement.query_and_then(row, Event::of)?;
    written.next().ok_or(WatchError::Missing)?
}

/// What the event is called. Amendments are counted, for a hit may fall and stand again.
fn name(connection: &Connection, hit: &HitId, kind: EventKind) -> Result<String, WatchError> {
    match kind {
        EventKind::Hit => Ok(hit.as_str().to_owned()),
        EventKind::Amended => {
            let mut statement =
                connection.prepare_cached("SELECT standing, amendments FROM hits WHERE id = ?1")?;
            let (standing, count): (String, i64) =
                statement.query_row([hit.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(format!("{hit}:{standing}:{count}"))
        }
        EventKind::Reviewed => Ok(format!("{hit}:reviewed")),
        EventKind::Escalated => Ok(format!("{hit}:escalated")),
    }
}

/// The same event for the second person, where there is one who was shown the hit: whoever was told has to know that it fell.
pub(super) fn write_second(
    connection: &Connection,
    event: &Event,
) -> Result<Option<Event>, WatchError> {
    let mut statement = connection.prepare_cached(&format!(
        "INSERT INTO outbox (event, hit, owner, organisation, kind, state, standing, at, keep_until, body)
         SELECT ?2, hit, person, organisation, ?3, ?4, ?5, ?6, keep_until, NULL FROM seconds WHERE hit = ?1
         RETURNING {EVENT}"
    ))?;
    let row = params![
        event.hit.as_str(),
        second(&event.event),
        event.kind.as_str(),
        event.state.as_str(),
        event.standing.as_str(),
        event.at.as_microsecond(),
    ];
    let mut written = statement.query_and_then(row, Event::of)?;
    written.next().transpose()
}

/// Tells the second person of a hit that its owner has not seen.
pub(super) fn escalated(
    connection: &Connection,
    hit: &HitId,
    found: &HitRow,
    at: Timestamp,
) -> Result<Event, WatchError> {
    let kind = EventKind::Escalated;
    let mut statement = connection.prepare_cached(&format!(
        "INSERT INTO outbox (event, hit, owner, organisation, kind, state, standing, at, keep_until, body)
         SELECT ?2, hit, person, organisation, ?3, ?4, ?5, ?6, keep_until, told FROM seconds WHERE hit = ?1
         RETURNING {EVENT}"
    ))?;
    let row = params![
        hit.as_str(),
        name(connection, hit, kind)?,
        kind.as_str(),
        found.state.as_str(),
        found.standing.as_str(),
        at.as_microsecond(),
    ];
    let mut written = statement.query_and_then(row, Event::of)?;
    written.next().ok_or(WatchError::Missing)?
}

/// What an event is called that tells the second person what the owner was told.
fn second(event: &str) -> String {
    format!("{event}:second")
}

impl Book {
    /// At most `limit` events of the owner after `seq`, in their order.
    ///
    /// # Errors
    /// [`WatchError::Unreadable`] and [`WatchError::Database`].
    pub async fn after(&self, seq: u64, owner: &str, limit: u32) -> Result<Vec<Event>, WatchError> {
        let owner = owner.to_owned();
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {EVENT} FROM outbox WHERE owner = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
            ))?;
            let after = i64::try_from(seq).unwrap_or(i64::MAX);
            statement
                .query_and_then(params![owner, after, limit], Event::of)?
                .collect()
        })
        .await
    }

    /// Whose events there are after `seq`.
    ///
    /// # Errors
    /// [`WatchError::Database`].
    pub async fn owners_after(&self, seq: u64) -> Result<Vec<String>, WatchError> {
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT owner FROM outbox WHERE seq > ?1 ORDER BY owner",
            )?;
            let after = i64::try_from(seq).unwrap_or(i64::MAX);
            let owners = statement.query_map([after], |row| row.get(0))?;
            Ok(owners.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The number of the last event there ever was; 0 before the first.
    ///
    /// # Errors
    /// [`WatchError::Database`].
    pub async fn latest(&self) -> Result<u64, WatchError> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT ifnull(max(seq), 0) AS seq FROM sqlite_sequence WHERE name = 'outbox'",
            )?;
            let mut rows = statement.query_and_then([], |row| number(row, "seq"))?;
            rows.next().unwrap_or(Ok(0))
        })
        .await
    }
}
