//! Writing what was decided about reads: parts, hits and the events that tell of them, together.

use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};
use turnpike_schemas::hit::{HitId, HitState, Standing};

use super::{Book, Change, Event, EventKind, Opening, WatchError, outbox, parts, row};

impl Book {
    /// Does the changes in their order, all or none of them, and returns the events this wrote. A change that is so already
    /// changes nothing, and neither does the batch that was done last: whoever does not know whether a batch was done gives
    /// exactly that batch again, before any other.
    ///
    /// # Errors
    /// [`WatchError::Missing`] where a read joins, or a correction fells, a hit nobody was told of.
    pub async fn apply(&self, changes: Vec<Change>) -> Result<Vec<Event>, WatchError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        self.write(move |connection| {
            if !is_new(connection, &changes)? {
                return Ok(Vec::new());
            }
            let mut events = Vec::new();
            for change in &changes {
                let Some(event) = one(connection, change)? else {
                    continue;
                };
                let second = match event.kind {
                    EventKind::Amended => outbox::write_second(connection, &event)?,
                    _ => None,
                };
                events.push(event);
                events.extend(second);
            }
            Ok(events)
        })
        .await
    }
}

/// Whether the batch is another than the last one; it is the last one from now on.
fn is_new(connection: &Connection, changes: &[Change]) -> Result<bool, WatchError> {
    let json = serde_json::to_vec(changes);
    let json = json.map_err(|_| WatchError::Unreadable("a change has no JSON"))?;
    let digest = Sha256::digest(json).to_vec();
    let written = connection
        .prepare_cached(
            "INSERT INTO batch (one, digest) VALUES (1, ?1)
             ON CONFLICT (one) DO UPDATE SET digest = ?1 WHERE digest <> ?1",
        )?
        .execute([digest])?;
    Ok(written > 0)
}

fn one(connection: &Connection, change: &Change) -> Result<Option<Event>, WatchError> {
    match change {
        Change::Open(opening) => open(connection, opening),
        Change::Join {
            hit,
            entry,
            read,
            seen,
            keep_until,
        } => {
            standing(connection, hit)?.ok_or(WatchError::Missing)?;
            let part = parts::Matching {
                read,
                entry: *entry,
                of: Some((hit, seen)),
                keep_until: *keep_until,
            };
            part.put(connection)?;
            Ok(None)
        }
        Change::Deny {
            entry,
            read,
            keep_until,
        } => {
            let part = parts::Matching {
                read,
                entry: *entry,
                of: None,
                keep_until: *keep_until,
            };
            part.put(connection)?;
            Ok(None)
        }
        Change::Stop {
            entry,
            read,
            fell,
            at,
        } => {
            let has_stopped = parts::stop(connection, read, *entry)?;
            let Some((hit, now)) = fell.as_ref().filter(|_| has_stopped) else {
                return Ok(None);
            };
            let before = standing(connection, hit)?.ok_or(WatchError::Missing)?;
            if before == *now {
                return Ok(None);
            }
            connection
                .prepare_cached(
                    "UPDATE hits SET standing = ?2, amendments = amendments + 1 WHERE id = ?1",
                )?
                .execute(params![hit.as_str(), now.as_str()])?;
            outbox::write(connection, hit, EventKind::Amended, *at, false).map(Some)
        }
    }
}

fn open(connection: &Connection, opening: &Opening) -> Result<Option<Event>, WatchError> {
    let part = parts::Matching {
        read: &opening.read,
        entry: opening.entry,
        of: Some((&opening.hit, &opening.seen)),
        keep_until: opening.keep_until,
    };
    if !part.put(connection)? {
        return Ok(None);
    }
    let kind = match standing(connection, &opening.hit)? {
        Some(Standing::Stands) => return Ok(None),
        Some(Standing::Corrected | Standing::Withdrawn) => {
            stand_again(connection, opening)?;
            EventKind::Amended
        }
        None => {
            tell(connection, opening)?;
            EventKind::Hit
        }
    };
    outbox::write(connection, &opening.hit, kind, opening.told_at, true).map(Some)
}

fn tell(connection: &Connection, opening: &Opening) -> Result<(), WatchError> {
    connection
        .prepare_cached(
            "INSERT INTO hits (id, entry, list, owner, organisation, source, told_at, state, standing, keep_until, told,
               intent, outcome)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            opening.hit.as_str(),
            opening.entry.cast_signed(),
            opening.list,
            opening.owner,
            opening.organisation,
            opening.source.as_str(),
            opening.told_at.as_microsecond(),
            HitState::Unconfirmed.as_str(),
            Standing::Stands.as_str(),
            opening.keep_until.as_microsecond(),
            opening.told.expose(),
            opening.intent.map(u64::cast_signed),
            opening.outcome.map(u64::cast_signed),
        ])?;
    Ok(())
}

/// The owner is told anew; what a person found, and when the owner was told first, stays.
fn stand_again(connection: &Connection, opening: &Opening) -> Result<(), WatchError> {
    connection
        .prepare_cached(
            "UPDATE hits SET standing = ?2, amendments = amendments + 1, keep_until = ?3, told = ?4, intent = ?5, outcome = ?6
             WHERE id = ?1",
        )?
        .execute(params![
            opening.hit.as_str(),
            Standing::Stands.as_str(),
            opening.keep_until.as_microsecond(),
            opening.told.expose(),
            opening.intent.map(u64::cast_signed),
            opening.outcome.map(u64::cast_signed),
        ])?;
    Ok(())
}

fn standing(connection: &Connection, hit: &HitId) -> Result<Option<Standing>, WatchError> {
    let mut statement = connection.prepare_cached("SELECT standing FROM hits WHERE id = ?1")?;
    let found = statement
        .query_row([hit.as_str()], |found| Ok(row::standing(found)))
        .optional()?;
    found.transpose()
}
