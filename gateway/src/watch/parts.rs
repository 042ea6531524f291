//! What each read is to each entry, and the memory made of that at a start.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use turnpike_schemas::{
    hit::{HitId, memory::Memory, passage::Sighting},
    read::ReadId,
};

use super::{Book, WatchError, row};

/// A read that matches an entry, with the hit it belongs to unless an agreement refused.
pub(super) struct Matching<'a> {
    pub(super) read: &'a ReadId,
    pub(super) entry: u64,
    pub(super) of: Option<(&'a HitId, &'a Sighting)>,
    pub(super) keep_until: Timestamp,
}

impl Matching<'_> {
    /// Writes it, as the latest. Returns whether it was not so before.
    pub(super) fn put(&self, connection: &Connection) -> Result<bool, WatchError> {
        let (read, entry) = (self.read.as_str(), self.entry.cast_signed());
        let hit = self.of.map(|(hit, _)| hit.as_str());
        let before: Option<Option<String>> = connection
            .prepare_cached("SELECT hit FROM parts WHERE read = ?1 AND entry = ?2 AND matches = 1")?
            .query_row(params![read, entry], |row| row.get(0))
            .optional()?;
        if before.is_some_and(|before| before.as_deref() == hit) {
            return Ok(false);
        }
        let seen = self.of.map(|(_, seen)| serde_json::to_string(seen));
        let seen = seen
            .transpose()
            .map_err(|_| WatchError::Unreadable("a sighting has no JSON"))?;
        // INVARIANT: one read is forgotten at one time, the one given first.
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO parts (read, entry, hit, matches, keep_until, seen)
                 VALUES (?1, ?2, ?3, 1, ifnull((SELECT min(keep_until) FROM parts WHERE read = ?1), ?4), ?5)",
            )?
            .execute(params![read, entry, hit, self.keep_until.as_microsecond(), seen])?;
        Ok(true)
    }
}

/// The read no longer matches; where it was seen is erased. Returns whether it matched before.
pub(super) fn stop(connection: &Connection, read: &ReadId, entry: u64) -> Result<bool, WatchError> {
    let stopped = connection
        .prepare_cached(
            "UPDATE parts SET matches = 0, seen = NULL WHERE read = ?1 AND entry = ?2 AND matches = 1",
        )?
        .execute(params![read.as_str(), entry.cast_signed()])?;
    Ok(stopped > 0)
}

impl Book {
    /// The memory of what was done and may still be known: nothing it settled before is asked for again.
    ///
    /// # Errors
    /// [`WatchError::Unreadable`] and [`WatchError::Database`].
    pub async fn memory(&self, now: Timestamp) -> Result<Memory, WatchError> {
        self.run(move |connection| {
            let mut statement = connection.prepare(
                "SELECT read, entry, hit, matches, keep_until, seen FROM parts WHERE keep_until > ?1 ORDER BY place",
            )?;
            let mut rows = statement.query([now.as_microsecond()])?;
            let mut memory = Memory::default();
            while let Some(part) = rows.next()? {
                remember(&mut memory, part)?;
            }
            Ok(memory)
        })
        .await
    }
}

fn remember(memory: &mut Memory, part: &Row<'_>) -> Result<(), WatchError> {
    let read = ReadId::try_from(part.get::<_, String>("read")?)
        .map_err(|_| WatchError::Unreadable("the name of a read"))?;
    let (entry, until) = (row::number(part, "entry")?, row::time(part, "keep_until")?);
    let has_hit = part.get::<_, Option<String>>("hit")?.is_some();
    let hit = has_hit.then(|| row::hit(part, "hit")).transpose()?;
    match (hit, part.get("matches")?) {
        (Some(hit), true) => memory.join(&read, entry, &hit, sighting(part)?, until),
        (None, true) => memory.deny(&read, entry, until),
        (hit, false) => memory.stopped(&read, entry, hit, until),
    }
    Ok(())
}

fn sighting(part: &Row<'_>) -> Result<Sighting, WatchError> {
    let json: Option<String> = part.get("seen")?;
    json.and_then(|json| serde_json::from_str(&json).ok())
        .ok_or(WatchError::Unreadable("where a read was taken"))
}
