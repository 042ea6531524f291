//! Lists and entries as rows.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use turnpike_schemas::{
    alert::{Entry, Reason, Wanted},
    plate::Jurisdiction,
    query::Note,
};
use uuid::Uuid;

use super::{AlertError, Done, Kept, List, NewList, State, What};

pub(super) const LIST: &str = "id, owner, organisation, name, topic, terms, look_alike, confidential, shared, as_of, revision, made_at, closed_at";

pub(super) const ENTRY: &str = "id, list, slot, wanted, issuer, reason, expires_at, note, confirm_every, confirmed_at, waiting, added_by, added_at, approved_by, removed_at";

/// An entry with its place in the matcher.
pub(super) struct Placed {
    pub(super) kept: Kept,
    pub(super) slot: Option<u32>,
    pub(super) waiting: bool,
}

impl Placed {
    /// Until when it is looked for, if nothing else is done.
    pub(super) fn until(&self) -> Option<Timestamp> {
        let ends = self.kept.entry.as_ref()?.expires_at;
        (!self.waiting).then(|| ends.min(self.kept.confirm_until))
    }
}

/// What is stored is what was written, or the store is not to be trusted.
fn read<T>(value: Option<T>, what: &'static str) -> Result<T, AlertError> {
    value.ok_or(AlertError::Unreadable(what))
}

pub(super) fn at(row: &Row<'_>, column: usize) -> Result<Timestamp, AlertError> {
    let micros: i64 = row.get(column)?;
    read(Timestamp::from_microsecond(micros).ok(), "a time")
}

pub(super) fn at_or_none(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, AlertError> {
    let micros: Option<i64> = row.get(column)?;
    micros
        .map(|micros| read(Timestamp::from_microsecond(micros).ok(), "a time"))
        .transpose()
}

pub(super) fn uuid(row: &Row<'_>, column: usize) -> Result<Uuid, AlertError> {
    let text: String = row.get(column)?;
    read(Uuid::parse_str(&text).ok(), "the identity of a list")
}

pub(super) fn count(row: &Row<'_>, column: usize) -> Result<u64, AlertError> {
    let count: i64 = row.get(column)?;
    read(u64::try_from(count).ok(), "a number")
}

/// A list from the columns of [`LIST`], beginning with the first.
pub(super) fn list(row: &Row<'_>) -> Result<List, AlertError> {
    let (terms, shared): (String, String) = (row.get(5)?, row.get(8)?);
    Ok(List {
        id: uuid(row, 0)?,
        list: NewList {
            owner: row.get(1)?,
            organisation: row.get(2)?,
            name: row.get(3)?,
            topic: row.get(4)?,
            terms: read(serde_json::from_str(&terms).ok(), "the terms of a list")?,
            look_alike: row.get(6)?,
            confidential: row.get(7)?,
            shared: read(
                serde_json::from_str(&shared).ok(),
                "with whom a list is shared",
            )?,
            as_of: at_or_none(row, 9)?,
        },
        revision: count(row, 10)?,
        made_at: at(row, 11)?,
        closed_at: at_or_none(row, 12)?,
    })
}

/// An entry from the columns of [`ENTRY`], as it is at `now`.
pub(super) fn entry(row: &Row<'_>, now: Timestamp) -> Result<Placed, AlertError> {
    let wanted: Option<String> = row.get(3)?;
    let entry = wanted.map(|wanted| stored(row, &wanted)).transpose()?;
    let confirm_every: i64 = row.get(8)?;
    let confirm_every = SignedDuration::from_micros(confirm_every);
    let confirm_until = at(row, 9)?.checked_add(confirm_every);
    let confirm_until = confirm_until.unwrap_or(Timestamp::MAX);
    let waiting: bool = row.get(10)?;
    let slot: Option<u32> = row.get(2)?;
    let state = match &entry {
        None => State::Removed,
        Some(entry) if entry.expires_at <= now => State::Ended,
        Some(_) if waiting => State::Waiting,
        Some(_) if confirm_until <= now => State::Unconfirmed,
        Some(_) => State::Active,
    };
    Ok(Placed {
        kept: Kept {
            id: count(row, 0)?,
            list: uuid(row, 1)?,
            entry,
            state,
            added_by: row.get(11)?,
            added_at: at(row, 12)?,
            confirm_until,
            approved_by: row.get(13)?,
        },
        slot,
        waiting,
    })
}

fn stored(row: &Row<'_>, wanted: &str) -> Result<Entry, AlertError> {
    let (issuer, reason, note): (String, String, Option<String>) =
        (row.get(4)?, row.get(5)?, row.get(7)?);
    let issuer = (!issuer.is_empty()).then(|| Jurisdiction::parse(&issuer));
    let note = note.map(|note| read(Note::parse(&note).ok(), "a note"));
    Ok(Entry {
        wanted: read(Wanted::parse(wanted).ok(), "a plate")?,
        jurisdiction: read(issuer.transpose().ok(), "an issuer")?,
        reason: read(Reason::parse(&reason).ok(), "a reason")?,
        expires_at: at(row, 6)?,
        note: note.transpose()?,
    })
}

pub(super) fn done(row: &Row<'_>) -> Result<Done, AlertError> {
    let what: String = row.get(2)?;
    let recorded: Option<i64> = row.get(3)?;
    Ok(Done {
        at: at(row, 0)?,
        by: row.get(1)?,
        what: read(What::of(&what), "what was done")?,
        recorded: recorded
            .map(|entry| read(u64::try_from(entry).ok(), "a number"))
            .transpose()?,
    })
}

pub(super) fn list_of(connection: &Connection, id: Uuid) -> Result<List, AlertError> {
    let query = format!("SELECT {LIST} FROM lists WHERE id = ?1");
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement
        .query_and_then(params![id.to_string()], list)?
        .next();
    found.unwrap_or(Err(AlertError::Missing))
}

pub(super) fn entry_of(
    connection: &Connection,
    id: u64,
    now: Timestamp,
) -> Result<Placed, AlertError> {
    let id = i64::try_from(id).unwrap_or(i64::MAX);
    let query = format!("SELECT {ENTRY} FROM entries WHERE id = ?1");
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement
        .query_and_then(params![id], |row| entry(row, now))?
        .next();
    found.unwrap_or(Err(AlertError::Missing))
}

/// The entry at a place of the matcher.
pub(super) fn entry_at(
    connection: &Connection,
    slot: u32,
    now: Timestamp,
) -> Result<Option<Placed>, AlertError> {
    let query = format!("SELECT {ENTRY} FROM entries WHERE slot = ?1");
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement
        .query_and_then(params![slot], |row| entry(row, now))?
        .next();
    found.transpose()
}

/// A place nobody has: one that was given back, or the next.
pub(super) fn free_slot(connection: &Connection) -> Result<i64, AlertError> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM free WHERE slot = (SELECT MIN(slot) FROM free) RETURNING slot",
    )?;
    let given_back = statement.query_row([], |row| row.get(0)).optional()?;
    if let Some(slot) = given_back {
        return Ok(slot);
    }
    let mut next = connection
        .prepare_cached("SELECT COALESCE(MAX(slot), -1) + 1 FROM entries WHERE slot IS NOT NULL")?;
    Ok(next.query_row([], |row| row.get(0))?)
}
