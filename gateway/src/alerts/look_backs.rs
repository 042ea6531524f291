//! Entries that are to be looked for among what was read before they were added, because their owner asked for that.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::params;
use turnpike_schemas::read::SourceId;
use uuid::Uuid;

use super::{AlertError, Book, book::number, row};

/// An entry that is to be looked for at one source, and how far back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LookBack {
    pub(crate) entry: u64,
    pub(crate) owner: String,
    pub(crate) source: SourceId,
    pub(crate) since: Timestamp,
}

impl Book {
    /// Every entry of the list that is looked for is to be looked for at these sources since then, unless it was or is to be as far
    /// back. What could not be searched whole before is searched again. Returns how many entries that concerns.
    ///
    /// # Errors
    /// The store.
    pub(crate) async fn look_back(
        &self,
        list: Uuid,
        sources: Vec<SourceId>,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<u64, AlertError> {
        self.run(move |connection, _| {
            let step = connection.transaction()?;
            let mut entries = BTreeSet::<i64>::new();
            for source in sources {
                let mut insert = step.prepare_cached(
                    "INSERT INTO look_backs (entry, source, since)
                     SELECT id, ?2, ?3 FROM entries WHERE list = ?1 AND removed_at IS NULL AND waiting = 0
                       AND MIN(expires_at, confirmed_at + confirm_every) > ?4
                     ON CONFLICT (entry, source) DO UPDATE SET since = ?3, done = 0 WHERE since > ?3 OR done = 2
                     RETURNING entry",
                )?;
                let asked = params![
                    list.to_string(),
                    source.as_str(),
                    since.as_microsecond(),
                    now.as_microsecond(),
                ];
                let found = insert.query_map(asked, |row| row.get(0))?;
                for entry in found {
                    entries.insert(entry?);
                }
            }
            step.commit()?;
            Ok(entries.len() as u64)
        })
        .await
    }

    /// What is still to be looked for at a source, of the first entry after this one.
    ///
    /// # Errors
    /// The store.
    pub(crate) async fn next_look_back(
        &self,
        source: &SourceId,
        after: u64,
    ) -> Result<Option<LookBack>, AlertError> {
        let source = source.clone();
        self.run(move |connection, _| {
            let mut statement = connection.prepare_cached(
                "SELECT look_backs.entry, since, lists.owner FROM look_backs JOIN entries ON entries.id = look_backs.entry
                   JOIN lists ON lists.id = entries.list
                 WHERE source = ?1 AND done = 0 AND look_backs.entry > ?2 ORDER BY look_backs.entry LIMIT 1",
            )?;
            let asked = params![source.as_str(), number(after)];
            let mut found = statement.query_and_then(asked, |row| {
                Ok::<_, AlertError>(LookBack {
                    entry: row::count(row, 0)?,
                    since: row::at(row, 1)?,
                    owner: row.get(2)?,
                    source: source.clone(),
                })
            })?;
            found.next().transpose()
        })
        .await
    }

    /// How far back an entry is to be looked for at a source; nothing where that was done or nobody asked for it.
    ///
    /// # Errors
    /// The store.
    pub(crate) async fn looks_back(
        &self,
        source: &SourceId,
        entry: u64,
    ) -> Result<Option<Timestamp>, AlertError> {
        let source = source.to_string();
        self.run(move |connection, _| {
            let mut statement = connection.prepare_cached(
                "SELECT since FROM look_backs WHERE source = ?1 AND entry = ?2 AND done = 0",
            )?;
            let asked = params![source, number(entry)];
            let mut found = statement.query_and_then(asked, |row| row::at(row, 0))?;
            found.next().transpose()
        })
        .await
    }

    /// It was looked for that far back; or, where not everything `was_searched`, it is not looked for again unless somebody asks.
    ///
    /// # Errors
    /// The store; then it is done again.
    pub(crate) async fn looked_back(
        &self,
        done: &LookBack,
        was_searched: bool,
    ) -> Result<(), AlertError> {
        let done = done.clone();
        self.run(move |connection, _| {
            connection
                .prepare_cached(
                    "UPDATE look_backs SET done = iif(?4, 1, 2) WHERE source = ?1 AND entry = ?2 AND since = ?3",
                )?
                .execute(params![
                    done.source.as_str(),
                    number(done.entry),
                    done.since.as_microsecond(),
                    was_searched,
                ])?;
            Ok(())
        })
        .await
    }

    /// Forgets what entries that are gone were to be looked for.
    ///
    /// # Errors
    /// The store.
    pub(crate) async fn forget_look_backs(&self) -> Result<(), AlertError> {
        self.run(|connection, _| {
            connection.execute(
                "DELETE FROM look_backs WHERE entry IN (SELECT id FROM entries WHERE removed_at IS NOT NULL)",
                [],
            )?;
            Ok(())
        })
        .await
    }
}
