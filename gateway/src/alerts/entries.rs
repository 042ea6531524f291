//! Entries: what is added, renewed, approved, confirmed and taken off, and which of them a read matches.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Transaction, params};
use turnpike_schemas::{
    alert::{Entry, Wanted},
    plate::{Jurisdiction, JurisdictionMatch, Plate},
};
use uuid::Uuid;

use super::{
    AlertError, Book, By, Done, Duties, Found, Import, Imported, Kept, List, State, What,
    book::{erase, imported, json, note_down, number, open, placed},
    feed::{Feed, looked},
    row::{self, Placed},
};

impl Book {
    /// Entries of a list that are not erased, in the order they were added.
    ///
    /// # Errors
    /// The store.
    pub async fn entries(&self, list: Uuid, now: Timestamp) -> Result<Vec<Kept>, AlertError> {
        self.run(move |connection, _| {
            let placed = placed(connection, list, now)?;
            Ok(placed.into_iter().map(|one| one.kept).collect())
        })
        .await
    }

    /// One entry.
    ///
    /// # Errors
    /// [`AlertError::Missing`].
    pub async fn entry(&self, id: u64, now: Timestamp) -> Result<Kept, AlertError> {
        self.run(move |connection, _| Ok(row::entry_of(connection, id, now)?.kept))
            .await
    }

    /// What was done to an entry, the first first. Stays when the entry is erased.
    ///
    /// # Errors
    /// [`AlertError::Missing`].
    pub async fn history(&self, id: u64) -> Result<Vec<Done>, AlertError> {
        self.run(move |connection, _| {
            row::entry_of(connection, id, Timestamp::MIN)?;
            let mut statement = connection.prepare_cached(
                "SELECT at, by, what, recorded FROM history WHERE entry = ?1 ORDER BY seq",
            )?;
            statement
                .query_and_then(params![number(id)], row::done)?
                .collect()
        })
        .await
    }

    /// What an import under this key changed, if there was one.
    ///
    /// # Errors
    /// [`AlertError::KeyReused`] where it was of another text.
    pub async fn import_of(
        &self,
        list: Uuid,
        key: &str,
        sha256: &str,
    ) -> Result<Option<Imported>, AlertError> {
        let (key, sha256) = (key.to_owned(), sha256.to_owned());
        self.run(move |connection, _| before(connection, list, &key, &sha256))
            .await
    }

    /// Adds and removes what an import says, all of it or nothing. The same import again changes nothing and is told what it
    /// changed the first time.
    ///
    /// # Errors
    /// [`AlertError::Changed`] where the list has another revision by now, [`AlertError::KeyReused`], [`AlertError::Full`],
    /// [`AlertError::Exists`], [`AlertError::Closed`], [`AlertError::Missing`].
    pub async fn import(&self, list: Uuid, import: Import, by: By) -> Result<Imported, AlertError> {
        let most = self.most;
        self.step(move |tables, feed| {
            if let Some(done) = before(tables, list, &import.key, &import.sha256)? {
                return Ok(done);
            }
            let of = open(row::list_of(tables, list)?)?;
            if of.revision != import.revision {
                return Err(AlertError::Changed);
            }
            // Before anything is given back: no place changes hands within one step.
            let mut added = Vec::with_capacity(import.add.len());
            for entry in &import.add {
                added.push(add(tables, feed, &of, entry, import.duties, &by, most)?);
            }
            for id in &import.remove {
                let one = row::entry_of(tables, *id, by.at)?;
                if one.kept.list != list || one.kept.entry.is_none() {
                    return Err(AlertError::Missing);
                }
                erase(tables, feed, &of, &one, Some(&by), by.at, What::Removed)?;
            }
            for (id, until) in &import.renew {
                let (of_entry, _) = there(tables, *id, by.at)?;
                if of_entry.id != list {
                    return Err(AlertError::Missing);
                }
                last_until(tables, *id, *until, import.duties.approval, &by)?;
                note_and_look(tables, feed, &of, *id, &by, What::Renewed)?;
            }
            if let Some(as_of) = import.as_of {
                tables.execute(
                    "UPDATE lists SET as_of = ?2 WHERE id = ?1",
                    params![list.to_string(), as_of.as_microsecond()],
                )?;
            }
            let done = Imported {
                renewed: u64::try_from(import.renew.len()).unwrap_or(u64::MAX),
                added,
                removed: u64::try_from(import.remove.len()).unwrap_or(u64::MAX),
                revision: changed(tables, &of)?,
            };
            tables.execute(
                "INSERT INTO imports (list, key, sha256, done) VALUES (?1, ?2, ?3, ?4)",
                params![list.to_string(), import.key, import.sha256, json(&done)?],
            )?;
            Ok(done)
        })
        .await
    }

    /// Takes an entry off and erases it.
    ///
    /// # Errors
    /// [`AlertError::Missing`] where it is erased already.
    pub async fn remove(&self, id: u64, by: By) -> Result<(), AlertError> {
        self.step(move |tables, feed| {
            let (list, one) = there(tables, id, by.at)?;
            erase(tables, feed, &list, &one, Some(&by), by.at, What::Removed)?;
            changed(tables, &list).map(drop)
        })
        .await
    }

    /// Gives an entry another end, which is a confirmation as well. Where a second person must agree, a later end takes one
    /// again: until then the entry is not looked for.
    ///
    /// # Errors
    /// [`AlertError::Missing`], [`AlertError::Closed`].
    pub async fn renew(
        &self,
        id: u64,
        expires_at: Timestamp,
        needs_approval: bool,
        by: By,
    ) -> Result<Kept, AlertError> {
        self.step(move |tables, feed| {
            let (list, _) = there(tables, id, by.at)?;
            last_until(tables, id, expires_at, needs_approval, &by)?;
            follow(tables, feed, &list, id, &by, What::Renewed)
        })
        .await
    }

    /// Says that an entry still holds.
    ///
    /// # Errors
    /// [`AlertError::Missing`], [`AlertError::Closed`].
    pub async fn confirm(&self, id: u64, by: By) -> Result<Kept, AlertError> {
        self.step(move |tables, feed| {
            let (list, _) = there(tables, id, by.at)?;
            tables.execute(
                "UPDATE entries SET confirmed_at = ?2 WHERE id = ?1",
                params![number(id), by.at.as_microsecond()],
            )?;
            follow(tables, feed, &list, id, &by, What::Confirmed)
        })
        .await
    }

    /// Says of every entry of a list that it still holds; how many there are.
    ///
    /// # Errors
    /// [`AlertError::Missing`], [`AlertError::Closed`].
    pub async fn confirm_all(&self, id: Uuid, by: By) -> Result<u64, AlertError> {
        self.step(move |tables, feed| {
            let list = open(row::list_of(tables, id)?)?;
            tables.execute(
                "UPDATE entries SET confirmed_at = ?2 WHERE list = ?1 AND removed_at IS NULL",
                params![id.to_string(), by.at.as_microsecond()],
            )?;
            let there = placed(tables, id, by.at)?;
            for one in &there {
                note_down(
                    tables,
                    number(one.kept.id),
                    by.at,
                    Some(&by),
                    What::Confirmed,
                )?;
                if let (Some(entry), Some(slot), Some(until)) =
                    (&one.kept.entry, one.slot, one.until())
                {
                    feed.renew(looked(slot, entry, list.list.look_alike, until));
                }
            }
            changed(tables, &list)?;
            Ok(u64::try_from(there.len()).unwrap_or(u64::MAX))
        })
        .await
    }

    /// Agrees to an entry that waits for a second person.
    ///
    /// # Errors
    /// [`AlertError::SamePerson`], [`AlertError::NotWaiting`], [`AlertError::Missing`], [`AlertError::Closed`].
    pub async fn approve(&self, id: u64, by: By) -> Result<Kept, AlertError> {
        self.step(move |tables, feed| {
            let (list, one) = there(tables, id, by.at)?;
            if !one.waiting {
                return Err(AlertError::NotWaiting);
            }
            // INVARIANT: two people, whoever of them owns the list.
            if one.kept.added_by == by.subject {
                return Err(AlertError::SamePerson);
            }
            tables.execute(
                "UPDATE entries SET waiting = 0, approved_by = ?2 WHERE id = ?1",
                params![number(id), by.subject],
            )?;
            follow(tables, feed, &list, id, &by, What::Approved)
        })
        .await
    }

    /// Entries that stop being looked for before `until` unless their owner confirms them, and those that have.
    ///
    /// # Errors
    /// The store.
    pub async fn due(
        &self,
        list: Uuid,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Kept>, AlertError> {
        let entries = self.entries(list, now).await?;
        let due = entries.into_iter().filter(|kept| {
            matches!(kept.state, State::Active | State::Unconfirmed) && kept.confirm_until <= until
        });
        Ok(due.collect())
    }

    /// What the places that the matcher found are, beside the plate that was read: nothing where an entry is no longer looked for
    /// at `now`, or the place was given to another since.
    ///
    /// # Errors
    /// The store.
    pub async fn found(
        &self,
        matches: Vec<(u32, Plate)>,
        now: Timestamp,
    ) -> Result<Vec<Option<Found>>, AlertError> {
        self.run(move |connection, _| {
            let resolve = |(slot, plate): (u32, Plate)| {
                let Some(one) = row::entry_at(connection, slot, now)? else {
                    return Ok(None);
                };
                let (State::Active, Some(wanted)) = (one.kept.state, one.kept.entry) else {
                    return Ok(None);
                };
                let list = row::list_of(connection, one.kept.list)?;
                let matches = is_wanted(&wanted, &plate, list.list.look_alike);
                Ok(matches.then_some(Found {
                    entry: one.kept.id,
                    wanted,
                    list,
                }))
            };
            matches.into_iter().map(resolve).collect()
        })
        .await
    }
}

impl Book {
    /// Of entries that a read matched before, those that it matches as it is now, whether or not they are looked for; and those
    /// that are erased, of which nobody can say any more.
    ///
    /// # Errors
    /// The store.
    pub async fn still(
        &self,
        entries: Vec<u64>,
        plate: Plate,
        issuer: Option<Jurisdiction>,
    ) -> Result<BTreeSet<u64>, AlertError> {
        self.run(move |connection, _| {
            let mut still = BTreeSet::new();
            for id in entries {
                let kept = row::entry_of(connection, id, Timestamp::MIN)?.kept;
                let matches = match kept.entry {
                    None => true,
                    Some(wanted) => {
                        let list = row::list_of(connection, kept.list)?;
                        let issuers =
                            Jurisdiction::compare(wanted.jurisdiction.as_ref(), issuer.as_ref());
                        issuers != JurisdictionMatch::Different
                            && is_wanted(&wanted, &plate, list.list.look_alike)
                    }
                };
                if matches {
                    still.insert(id);
                }
            }
            Ok(still)
        })
        .await
    }
}

/// Whether a plate has the text that is wanted.
fn is_wanted(wanted: &Entry, plate: &Plate, look_alike: bool) -> bool {
    match &wanted.wanted {
        Wanted::Plate(text) => {
            text.expose() == plate.expose() || (look_alike && text.folded() == plate.folded())
        }
        Wanted::Pattern(pattern) => pattern.matches(plate),
    }
}

/// What the same import did before.
fn before(
    connection: &rusqlite::Connection,
    list: Uuid,
    key: &str,
    sha256: &str,
) -> Result<Option<Imported>, AlertError> {
    match imported(connection, list, key)? {
        None => Ok(None),
        Some((other, _)) if other != sha256 => Err(AlertError::KeyReused),
        Some((_, done)) => serde_json::from_str(&done)
            .map(Some)
            .map_err(|_| AlertError::Unreadable("what an import changed")),
    }
}

fn add(
    tables: &Transaction<'_>,
    feed: &mut Feed,
    list: &List,
    entry: &Entry,
    duties: Duties,
    by: &By,
    most: u32,
) -> Result<u64, AlertError> {
    let slot = row::free_slot(tables)?;
    let slot = u32::try_from(slot).ok().filter(|slot| *slot < most);
    let slot = slot.ok_or(AlertError::Full(most))?;
    let issuer = entry
        .jurisdiction
        .as_ref()
        .map_or("", |issuer| issuer.as_str());
    let every = i64::try_from(duties.confirm_every.as_micros()).unwrap_or(i64::MAX);
    let (note, at) = (entry.note.as_ref(), by.at.as_microsecond());
    tables
        .prepare_cached(
            "INSERT INTO entries (list, slot, wanted, issuer, reason, expires_at, note, confirm_every, confirmed_at, waiting, added_by, added_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?9)",
        )?
        .execute(params![
            list.id.to_string(), slot, entry.wanted.expose(), issuer, entry.reason.as_str(),
            entry.expires_at.as_microsecond(), note.map(|note| note.expose()), every, at, duties.approval, by.subject
        ])?;
    let id = tables.last_insert_rowid();
    note_down(tables, id, by.at, Some(by), What::Added)?;
    if !duties.approval {
        let confirm_until = by.at.checked_add(duties.confirm_every);
        let until = entry
            .expires_at
            .min(confirm_until.unwrap_or(Timestamp::MAX));
        feed.put(looked(slot, entry, list.list.look_alike, until));
    }
    u64::try_from(id).map_err(|_| AlertError::Unreadable("a number"))
}

/// An entry that is not erased, of a list that is not closed.
fn there(tables: &Transaction<'_>, id: u64, now: Timestamp) -> Result<(List, Placed), AlertError> {
    let one = row::entry_of(tables, id, now)?;
    let list = open(row::list_of(tables, one.kept.list)?)?;
    match one.kept.entry {
        Some(_) => Ok((list, one)),
        None => Err(AlertError::Missing),
    }
}

/// Lets the matcher follow a change of an entry that stays.
fn follow(
    tables: &Transaction<'_>,
    feed: &mut Feed,
    list: &List,
    id: u64,
    by: &By,
    what: What,
) -> Result<Kept, AlertError> {
    changed(tables, list)?;
    note_and_look(tables, feed, list, id, by, what)
}

fn note_and_look(
    tables: &Transaction<'_>,
    feed: &mut Feed,
    list: &List,
    id: u64,
    by: &By,
    what: What,
) -> Result<Kept, AlertError> {
    note_down(tables, number(id), by.at, Some(by), what)?;
    let one = row::entry_of(tables, id, by.at)?;
    // What was looked for and waits again is looked for until now, and no longer.
    let waits_again = (what == What::Renewed).then_some(by.at);
    let until = one.until().or(waits_again);
    if let (Some(entry), Some(slot), Some(until)) = (&one.kept.entry, one.slot, until) {
        feed.renew(looked(slot, entry, list.list.look_alike, until));
    }
    Ok(one.kept)
}

/// Writes another end, and that it takes a second person, where it does and the end is later. Whoever gives it is then the first.
fn last_until(
    tables: &Transaction<'_>,
    id: u64,
    until: Timestamp,
    needs_approval: bool,
    by: &By,
) -> Result<(), AlertError> {
    tables
        .prepare_cached(
            "UPDATE entries SET
               waiting = max(waiting, ?4 AND ?2 > expires_at),
               approved_by = iif(?4 AND ?2 > expires_at, NULL, approved_by),
               added_by = iif(?4 AND ?2 > expires_at, ?5, added_by),
               expires_at = ?2, confirmed_at = ?3
             WHERE id = ?1",
        )?
        .execute(params![
            number(id),
            until.as_microsecond(),
            by.at.as_microsecond(),
            needs_approval,
            by.subject
        ])?;
    Ok(())
}

/// Counts a change of the list; the new revision.
fn changed(tables: &Transaction<'_>, list: &List) -> Result<u64, AlertError> {
    tables.execute(
        "UPDATE lists SET revision = revision + 1 WHERE id = ?1",
        params![list.id.to_string()],
    )?;
    Ok(list.revision.saturating_add(1))
}
