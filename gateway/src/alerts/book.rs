//! The file, and everything about lists as wholes.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use turnpike_matcher::Matcher;
use uuid::Uuid;

use super::{
    AlertError, By, List, NewList, State, What,
    feed::{Feed, looked},
    row::{self, ENTRY, LIST, Placed},
    schema,
};
use crate::sqlite::SqliteFile;

/// The lists, and the matcher that follows them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Book {
    file: SqliteFile,
    matcher: Arc<Matcher>,
    /// Most entries of all lists together.
    pub(super) most: u32,
}

impl Book {
    /// Opens the lists of a gateway, makes the file where there is none, and fills an empty matcher with what is looked for at
    /// `now`. Blocks; meant for the start of the process.
    ///
    /// # Errors
    /// [`AlertError::InUse`], [`AlertError::Version`], what the disk says, and [`AlertError::Unreadable`] where one entry cannot be
    /// read: a gateway that silently looks for less than it was asked to is worse than none.
    pub fn open(
        path: &Path,
        matcher: Arc<Matcher>,
        most: u32,
        now: Timestamp,
    ) -> Result<Self, AlertError> {
        let file = SqliteFile::open::<AlertError>(path, &schema::FILE)?;
        file.run_blocking(|connection| fill(connection, &matcher, now))?;
        Ok(Self {
            file,
            matcher,
            most: most.min(turnpike_matcher::MAX_ENTRIES),
        })
    }

    /// What is looked for.
    #[must_use]
    pub fn matcher(&self) -> &Arc<Matcher> {
        &self.matcher
    }

    /// Runs `work` where blocking is allowed.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &Matcher) -> Result<T, AlertError> + Send + 'static,
    ) -> Result<T, AlertError> {
        let matcher = Arc::clone(&self.matcher);
        let work = move |connection: &mut Connection| work(connection, &matcher);
        self.file.run(work).await
    }

    /// One step: all of it becomes durable, and the matcher follows, or none of it.
    pub(super) async fn step<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &mut Feed) -> Result<T, AlertError> + Send + 'static,
    ) -> Result<T, AlertError> {
        self.run(move |connection, matcher| {
            let transaction = connection.transaction()?;
            let mut feed = Feed::default();
            let done = work(&transaction, &mut feed)?;
            let erases = feed.erases();
            feed.commit(matcher, transaction)?;
            if erases {
                // The log holds pages as they were before. What was done is done, so a failure is no error of it: the next step
                // that erases, or the end of the process, truncates the log as well.
                let left = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                    row.get::<_, bool>(0)
                });
                if !matches!(left, Ok(false)) {
                    tracing::warn!(
                        ?left,
                        "erased entries are still in the log of the alert lists"
                    );
                }
            }
            Ok(done)
        })
        .await
    }

    /// Makes a list. Its identity is the caller's, who has put it on record.
    ///
    /// # Errors
    /// [`AlertError::Exists`], and what the disk says.
    pub async fn make(
        &self,
        id: Uuid,
        new: NewList,
        made_at: Timestamp,
    ) -> Result<List, AlertError> {
        self.step(move |tables, _| {
            let terms = json(&new.terms)?;
            let shared = json(&new.shared)?;
            let as_of = new.as_of.map(Timestamp::as_microsecond);
            tables.execute(
                "INSERT INTO lists (id, owner, organisation, name, topic, terms, look_alike, confidential, shared, as_of, made_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                params![
                    id.to_string(), new.owner, new.organisation, new.name, new.topic, terms, new.look_alike,
                    new.confidential, shared, as_of, made_at.as_microsecond()
                ],
            )?;
            row::list_of(tables, id)
        })
        .await
    }

    /// One list.
    ///
    /// # Errors
    /// [`AlertError::Missing`].
    pub async fn list(&self, id: Uuid) -> Result<List, AlertError> {
        self.run(move |connection, _| row::list_of(connection, id))
            .await
    }

    /// Every list that is open to somebody, the newest first.
    ///
    /// # Errors
    /// The store.
    pub async fn lists_of(&self, subject: &str) -> Result<Vec<List>, AlertError> {
        let subject = subject.to_owned();
        self.run(move |connection, _| {
            let query = format!(
                "SELECT {LIST} FROM lists WHERE owner = ?1
                 OR EXISTS (SELECT 1 FROM json_each(shared) WHERE value = ?1) ORDER BY made_at DESC, id"
            );
            let mut statement = connection.prepare_cached(&query)?;
            statement.query_and_then(params![subject], row::list)?.collect()
        })
        .await
    }

    /// Lists that are not closed, for one case: what is purged when it is.
    ///
    /// # Errors
    /// The store.
    pub async fn lists_for(&self, case: &str) -> Result<Vec<List>, AlertError> {
        let case = case.to_owned();
        self.run(move |connection, _| {
            let query = format!(
                "SELECT {LIST} FROM lists WHERE closed_at IS NULL AND terms ->> '$.case_reference' = ?1 ORDER BY id"
            );
            let mut statement = connection.prepare_cached(&query)?;
            statement.query_and_then(params![case], row::list)?.collect()
        })
        .await
    }

    /// Everybody who has a list that is not closed.
    ///
    /// # Errors
    /// The store.
    pub async fn owners(&self) -> Result<BTreeSet<String>, AlertError> {
        self.run(|connection, _| {
            let mut statement = connection
                .prepare_cached("SELECT DISTINCT owner FROM lists WHERE closed_at IS NULL")?;
            let owners = statement.query_map([], |row| row.get(0))?;
            owners.collect::<Result<_, _>>().map_err(Into::into)
        })
        .await
    }

    /// Every list of an organisation, closed ones too.
    ///
    /// # Errors
    /// The store.
    pub async fn lists_of_organisation(&self, organisation: &str) -> Result<Vec<Uuid>, AlertError> {
        let organisation = organisation.to_owned();
        self.run(move |connection, _| {
            let query = format!("SELECT {LIST} FROM lists WHERE organisation = ?1 ORDER BY id");
            let mut statement = connection.prepare_cached(&query)?;
            let lists = statement.query_and_then([organisation], row::list)?;
            lists.map(|list| Ok(list?.id)).collect()
        })
        .await
    }

    /// How many entries of a list are in which state, those that are erased aside.
    ///
    /// # Errors
    /// The store.
    pub async fn counts(
        &self,
        list: Uuid,
        now: Timestamp,
    ) -> Result<BTreeMap<State, u64>, AlertError> {
        self.run(move |connection, _| {
            let mut counts = BTreeMap::new();
            for one in placed(connection, list, now)? {
                *counts.entry(one.kept.state).or_insert(0) += 1;
            }
            Ok(counts)
        })
        .await
    }

    /// Says who is told besides the owner.
    ///
    /// # Errors
    /// [`AlertError::Missing`], [`AlertError::Closed`].
    pub async fn share(&self, id: Uuid, with: BTreeSet<String>) -> Result<List, AlertError> {
        self.step(move |tables, _| {
            open(row::list_of(tables, id)?)?;
            tables.execute(
                "UPDATE lists SET shared = ?2, revision = revision + 1 WHERE id = ?1",
                params![id.to_string(), json(&with)?],
            )?;
            row::list_of(tables, id)
        })
        .await
    }

    /// Closes a list: nothing of it is looked for any more, and its entries are erased. Once closed it stays so; how many entries
    /// were erased.
    ///
    /// # Errors
    /// [`AlertError::Missing`].
    pub async fn close(&self, id: Uuid, by: By) -> Result<u64, AlertError> {
        self.step(move |tables, feed| {
            let list = row::list_of(tables, id)?;
            let there = placed(tables, id, by.at)?;
            for one in &there {
                erase(tables, feed, &list, one, Some(&by), by.at, What::Closed)?;
            }
            tables.execute(
                "UPDATE lists SET closed_at = COALESCE(closed_at, ?2), revision = revision + 1 WHERE id = ?1",
                params![id.to_string(), by.at.as_microsecond()],
            )?;
            Ok(u64::try_from(there.len()).unwrap_or(u64::MAX))
        })
        .await
    }

    /// Erases entries whose end has come; how many. Nothing is looked for past its end in any case.
    ///
    /// # Errors
    /// The store.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, AlertError> {
        self.step(move |tables, feed| {
            let query = format!(
                "SELECT {ENTRY} FROM entries WHERE removed_at IS NULL AND expires_at <= ?1 ORDER BY id"
            );
            let mut statement = tables.prepare_cached(&query)?;
            let rows = statement.query_and_then(params![now.as_microsecond()], |row| row::entry(row, now))?;
            let ended: Vec<Placed> = rows.collect::<Result<_, _>>()?;
            for one in &ended {
                let list = row::list_of(tables, one.kept.list)?;
                erase(tables, feed, &list, one, None, now, What::Ended)?;
            }
            // An import that was compared with what is gone now looks again.
            let lists: BTreeSet<Uuid> = ended.iter().map(|one| one.kept.list).collect();
            for list in lists {
                tables.execute(
                    "UPDATE lists SET revision = revision + 1 WHERE id = ?1",
                    params![list.to_string()],
                )?;
            }
            Ok(u64::try_from(ended.len()).unwrap_or(u64::MAX))
        })
        .await
    }
}

/// Everything that may be looked for, once, into an empty matcher.
fn fill(connection: &Connection, matcher: &Matcher, now: Timestamp) -> Result<(), AlertError> {
    let prefixed = ENTRY
        .split(", ")
        .map(|column| format!("entries.{column}"))
        .collect::<Vec<_>>()
        .join(", ");
    let query = format!(
        "SELECT {prefixed}, lists.look_alike FROM entries JOIN lists ON lists.id = entries.list
         WHERE removed_at IS NULL AND waiting = 0"
    );
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query([])?;
    while let Some(found) = rows.next()? {
        let (placed, look_alike) = (row::entry(found, now)?, found.get(15)?);
        let entry = placed.kept.entry.as_ref();
        let (Some(entry), Some(slot), Some(until)) = (entry, placed.slot, placed.until()) else {
            return Err(AlertError::Unreadable("an entry without a place"));
        };
        matcher.insert(&looked(slot, entry, look_alike, until))?;
    }
    Ok(())
}

/// Every entry of a list that is not erased, in the order they were added.
pub(super) fn placed(
    connection: &Connection,
    list: Uuid,
    now: Timestamp,
) -> Result<Vec<Placed>, AlertError> {
    let query =
        format!("SELECT {ENTRY} FROM entries WHERE list = ?1 AND removed_at IS NULL ORDER BY id");
    let mut statement = connection.prepare_cached(&query)?;
    let rows = statement.query_and_then(params![list.to_string()], |row| row::entry(row, now))?;
    rows.collect()
}

/// Takes plate and note of an entry out of the file and the entry out of the matcher. What was done stays.
pub(super) fn erase(
    tables: &Transaction<'_>,
    feed: &mut Feed,
    list: &List,
    one: &Placed,
    by: Option<&By>,
    at: Timestamp,
    what: What,
) -> Result<(), AlertError> {
    if let (Some(entry), Some(slot)) = (&one.kept.entry, one.slot) {
        feed.drop(slot, entry, list.list.look_alike);
        tables
            .prepare_cached("INSERT INTO free (slot) VALUES (?1)")?
            .execute(params![slot])?;
    }
    let id = number(one.kept.id);
    tables
        .prepare_cached(
            "UPDATE entries SET wanted = NULL, note = NULL, issuer = '', slot = NULL, removed_at = ?2 WHERE id = ?1",
        )?
        .execute(params![id, at.as_microsecond()])?;
    note_down(tables, id, at, by, what)
}

/// Writes down what was done to an entry.
pub(super) fn note_down(
    tables: &Transaction<'_>,
    entry: i64,
    at: Timestamp,
    by: Option<&By>,
    what: What,
) -> Result<(), AlertError> {
    let subject = by.map(|by| by.subject.as_str());
    let recorded = by.map(|by| number(by.recorded));
    tables
        .prepare_cached(
            "INSERT INTO history (entry, at, by, what, recorded) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            entry,
            at.as_microsecond(),
            subject,
            what.as_str(),
            recorded
        ])?;
    Ok(())
}

/// The list, if it may still be changed.
pub(super) fn open(list: List) -> Result<List, AlertError> {
    match list.closed_at {
        Some(_) => Err(AlertError::Closed),
        None => Ok(list),
    }
}

pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<String, AlertError> {
    serde_json::to_string(value).map_err(|_| AlertError::Unreadable("what cannot be written"))
}

/// What was imported into a list under a key.
pub(super) fn imported(
    connection: &Connection,
    list: Uuid,
    key: &str,
) -> Result<Option<(String, String)>, AlertError> {
    let mut statement = connection
        .prepare_cached("SELECT sha256, done FROM imports WHERE list = ?1 AND key = ?2")?;
    let found = statement.query_row(params![list.to_string(), key], |row| {
        Ok((row.get(0)?, row.get(1)?))
    });
    Ok(found.optional()?)
}
