//! Entries that ask sources in turn, and how far each of them has asked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use turnpike_schemas::read::SourceId;

use super::{AlertError, Book, book::number, row};

/// An entry that may ask. It never is of a list that is confidential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) entry: u64,
    pub(crate) owner: String,
    pub(crate) added_at: Timestamp,
    /// Until when it is looked for, if nothing else is done.
    pub(crate) until: Timestamp,
    /// Not every character of its plate is known.
    pub(crate) is_partial: bool,
}

/// Every candidate, as of one change of the lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Candidates {
    /// Which change. Nobody was looked for before the first.
    pub(crate) change: i64,
    pub(crate) entries: Vec<Candidate>,
}

/// How far an entry has asked one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// When it had its turn last.
    pub(crate) taken_at: Timestamp,
    /// Until when reads have been asked for; nothing before the first answer.
    pub(crate) asked_until: Option<Timestamp>,
    /// It has no turn before this.
    pub(crate) not_before: Timestamp,
}

/// Turns at one source, of entries and of their owners.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) entries: BTreeMap<u64, Turn>,
    pub(crate) owners: BTreeMap<String, Timestamp>,
}

impl Book {
    /// Entries that may ask, unless nothing changed since `known`.
    ///
    /// # Errors
    /// The store.
    pub(crate) async fn candidates(&self, known: i64) -> Result<Option<Candidates>, AlertError> {
        self.run(move |connection, _| {
            let change = "SELECT COALESCE(MAX(seq), 0) FROM history";
            let change: i64 = connection.query_row(change, [], |row| row.get(0))?;
            if change == known {
                return Ok(None);
            }
            let entries = candidates(connection)?;
            Ok(Some(Candidates { change, entries }))
        })
        .await
    }

    /// Turns that were had at one source.
    ///
    /// # Errors
    /// The store.
    pub(crate) async fn turns(&self, source: &SourceId) -> Result<Taken, AlertError> {
        let source = source.to_string();
        self.run(move |connection, _| {
            let query =
                "SELECT entry, taken_at, asked_until, not_before FROM turns WHERE source = ?1";
            let mut statement = connection.prepare_cached(query)?;
            let entries = statement.query_and_then(params![source], |row| {
                let turn = Turn {
                    taken_at: row::at(row, 1)?,
                    asked_until: row::at_or_none(row, 2)?,
                    not_before: row::at(row, 3)?,
                };
                Ok::<_, AlertError>((row::count(row, 0)?, turn))
            })?;
            let query = "SELECT owner, taken_at FROM owner_turns WHERE source = ?1";
            let mut statement = connection.prepare_cached(query)?;
            let owners = statement.query_and_then(params![source], |row| {
                Ok::<_, AlertError>((row.get(0)?, row::at(row, 1)?))
            })?;
            Ok(Taken {
                entries: entries.collect::<Result<_, _>>()?,
                owners: owners.collect::<Result<_, _>>()?,
            })
        })
        .await
    }

    /// Writes down that an entry had its turn.
    ///
    /// # Errors
    /// The store; then nothing is written down, and it may have the same turn again.
    pub(crate) async fn take_turn(
        &self,
        source: &SourceId,
        of: &Candidate,
        turn: Turn,
    ) -> Result<(), AlertError> {
        let (source, entry, owner) = (source.to_string(), number(of.entry), of.owner.clone());
        self.run(move |connection, _| {
            let step = connection.transaction()?;
            step.prepare_cached(
                "INSERT OR REPLACE INTO turns (source, entry, taken_at, asked_until, not_before) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                source,
                entry,
                turn.taken_at.as_microsecond(),
                turn.asked_until.map(Timestamp::as_microsecond),
                turn.not_before.as_microsecond(),
            ])?;
            step.prepare_cached(
                "INSERT OR REPLACE INTO owner_turns (source, owner, taken_at) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![source, owner, turn.taken_at.as_microsecond()])?;
            Ok(step.commit()?)
        })
        .await
    }

    /// Forgets the turns of entries that are erased.
    ///
    /// # Errors
    /// The store.
    pub(crate) async fn forget_turns(&self) -> Result<(), AlertError> {
        self.run(|connection, _| {
            connection.execute(
                "DELETE FROM turns WHERE entry IN (SELECT id FROM entries WHERE removed_at IS NOT NULL)",
                [],
            )?;
            Ok(())
        })
        .await
    }
}

/// INVARIANT: an entry of a confidential list is none.
fn candidates(connection: &Connection) -> Result<Vec<Candidate>, AlertError> {
    let mut statement = connection.prepare_cached(
        "SELECT entries.id, lists.owner, entries.added_at, MIN(entries.expires_at, entries.confirmed_at + entries.confirm_every),
                instr(entries.wanted, '?') > 0
         FROM entries JOIN lists ON lists.id = entries.list
         WHERE entries.removed_at IS NULL AND entries.waiting = 0 AND lists.confidential = 0 AND lists.closed_at IS NULL
         ORDER BY entries.id",
    )?;
    let rows = statement.query_and_then([], |row| {
        Ok(Candidate {
            entry: row::count(row, 0)?,
            owner: row.get(1)?,
            added_at: row::at(row, 2)?,
            until: row::at(row, 3)?,
            is_partial: row.get(4)?,
        })
    })?;
    rows.collect()
}
