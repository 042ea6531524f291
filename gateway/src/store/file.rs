//! One month file as the writer sees it: its connection, the rows of a read, and what is kept beside it in memory.
//!
//! Only the writer thread has one. Every change is inside a transaction that [`MonthFile::commit`] makes durable.

mod rows;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use rusqlite::{CachedStatement, Connection, params};

use super::{
    codec::{Key, State},
    error::{At, StoreError},
    filter::Filter,
    month::{self, MonthKey},
};

/// Changes after which the filter is saved at the next commit.
const SAVE_FILTER_AFTER: u32 = 200_000;

/// One month.
#[derive(Debug)]
pub(super) struct MonthFile {
    month: MonthKey,
    dir: PathBuf,
    path: PathBuf,
    db: Option<Connection>,
    in_transaction: bool,
    pub(super) filter: Filter,
    unsaved: u32,
    next: Next,
    pub(super) sources: BTreeMap<String, SourceRow>,
    sources_are_stale: bool,
    /// Deleted bytes may still be in the log.
    pub(super) has_deleted: bool,
    pub(super) used: u64,
}

/// The next free number of each table. Numbers are never used twice, so a saved filter knows what it covers.
#[derive(Debug, Clone, Copy)]
struct Next {
    read: i64,
    alias: i64,
    deposit: i64,
}

/// What a month knows about a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourceRow {
    pub(super) n: i64,
    pub(super) held: i64,
    pub(super) last_received_at: i64,
    changed: bool,
}

/// One stored revision.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) month: MonthKey,
    pub(super) seq: i64,
    /// Came with the observation that is being stored.
    pub(super) is_new: bool,
    pub(super) id: Key,
    pub(super) state: State,
    pub(super) keep_until: i64,
    pub(super) revision: u64,
    pub(super) retracted: bool,
    pub(super) received_at: i64,
    pub(super) content: Content,
}

/// What makes two revisions the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) record: String,
    pub(super) plate: String,
    pub(super) captured_at: i64,
    pub(super) payload: String,
}

impl MonthFile {
    /// Opens a month, creating it when it is new, and loads what is kept in memory.
    pub(super) fn open(dir: &Path, month: MonthKey) -> Result<Self, StoreError> {
        let path = month.path(dir);
        let db = month::open_to_write(dir, month)?;
        let mut file = Self {
            month,
            dir: dir.to_owned(),
            path: path.clone(),
            db: Some(db),
            in_transaction: false,
            filter: Filter::default(),
            unsaved: 0,
            next: Next {
                read: 1,
                alias: 1,
                deposit: 1,
            },
            sources: BTreeMap::new(),
            sources_are_stale: false,
            has_deleted: false,
            used: 0,
        };
        file.load()?;
        file.checkpoint()?;
        Ok(file)
    }

    /// The highest number of a row, used or given up.
    pub(super) fn last(&self) -> i64 {
        self.next.read - 1
    }

    pub(super) fn is_open(&self) -> bool {
        self.db.is_some()
    }

    /// The connection, opened again if it was closed to save file handles.
    fn db(&mut self) -> Result<&Connection, StoreError> {
        let db = match self.db.take() {
            Some(db) => db,
            None => month::open_to_write(&self.dir, self.month)?,
        };
        Ok(self.db.insert(db))
    }

    fn statement(&mut self, sql: &str) -> Result<(CachedStatement<'_>, &Path), StoreError> {
        self.db()?;
        let Some(db) = self.db.as_ref() else {
            return Err(StoreError::Closed);
        };
        Ok((db.prepare_cached(sql).at(&self.path)?, &self.path))
    }

    fn load(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let (filter, covered) = load_filter(self.db()?).at(&path)?;
        let filter = filter.ok_or_else(|| StoreError::corrupt(&path, "its filter is damaged"))?;
        self.filter = filter;
        self.scan(
            "SELECT id_hi, id_lo FROM reads WHERE seq > ?1",
            covered.read,
        )?;
        self.scan(
            "SELECT key_hi, key_lo FROM aliases WHERE n > ?1",
            covered.alias,
        )?;
        let highest =
            |db: &Connection, sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0));
        let db = self.db()?;
        let next = Next {
            read: highest(db, "SELECT coalesce(max(seq), 0) + 1 FROM reads").at(&path)?,
            alias: highest(db, "SELECT coalesce(max(n), 0) + 1 FROM aliases").at(&path)?,
            deposit: highest(db, "SELECT coalesce(max(n), 0) + 1 FROM deposits").at(&path)?,
        };
        self.next = Next {
            read: next.read.max(covered.read + 1),
            alias: next.alias.max(covered.alias + 1),
            ..next
        };
        self.load_sources()
    }

    fn scan(&mut self, sql: &str, after: i64) -> Result<(), StoreError> {
        let path = self.path.clone();
        let mut found = Vec::new();
        let mut statement = self.db()?.prepare(sql).at(&path)?;
        let mut rows = statement.query([after]).at(&path)?;
        while let Some(row) = rows.next().at(&path)? {
            found.push(key(row, 0).at(&path)?);
        }
        drop(rows);
        drop(statement);
        self.unsaved = self
            .unsaved
            .saturating_add(u32::try_from(found.len()).unwrap_or(u32::MAX));
        found.into_iter().for_each(|key| self.filter.insert(key));
        Ok(())
    }

    fn load_sources(&mut self) -> Result<(), StoreError> {
        let (mut statement, path) =
            self.statement("SELECT name, n, held, last_received_at FROM sources")?;
        let rows = statement.query_map([], |row| {
            let source = SourceRow {
                n: row.get(1)?,
                held: row.get(2)?,
                last_received_at: row.get(3)?,
                changed: false,
            };
            Ok((row.get(0)?, source))
        });
        let sources = rows.and_then(Iterator::collect).at(path)?;
        drop(statement);
        self.sources = sources;
        self.sources_are_stale = false;
        Ok(())
    }

    /// Begins a transaction unless one is open.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        if !self.in_transaction {
            if self.sources_are_stale {
                self.load_sources()?;
            }
            let path = self.path.clone();
            self.db()?.execute_batch("BEGIN IMMEDIATE").at(&path)?;
            self.in_transaction = true;
        }
        Ok(())
    }

    /// Makes the open transaction durable.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        if !self.in_transaction {
            return Ok(());
        }
        self.save_sources()?;
        if self.unsaved >= SAVE_FILTER_AFTER {
            self.save_filter()?;
        }
        let path = self.path.clone();
        self.db()?.execute_batch("COMMIT").at(&path)?;
        self.in_transaction = false;
        Ok(())
    }

    /// Undoes the open transaction, and what was remembered of it.
    pub(super) fn roll_back(&mut self) {
        if self.in_transaction {
            // Closing undoes an open transaction, also when the disk no longer takes a statement.
            self.db = None;
            self.in_transaction = false;
            self.sources_are_stale = true;
        }
    }

    fn save_sources(&mut self) -> Result<(), StoreError> {
        let changed: Vec<SourceRow> = self
            .sources
            .values()
            .copied()
            .filter(|source| source.changed)
            .collect();
        for source in changed {
            let (mut statement, path) =
                self.statement("UPDATE sources SET held = ?2, last_received_at = ?3 WHERE n = ?1")?;
            statement
                .execute([source.n, source.held, source.last_received_at])
                .at(path)?;
        }
        self.sources
            .values_mut()
            .for_each(|source| source.changed = false);
        Ok(())
    }

    fn save_filter(&mut self) -> Result<(), StoreError> {
        let Next { read, alias, .. } = self.next;
        let parts: Vec<_> = self.filter.parts().collect();
        self.forget_saved_filter()?;
        for (part, (entries, bits)) in (0_i64..).zip(parts) {
            let (mut statement, path) =
                self.statement("INSERT INTO filter VALUES (?1, ?2, ?3, ?4, ?5)")?;
            statement
                .execute(params![part, entries, read - 1, alias - 1, bits])
                .at(path)?;
        }
        self.unsaved = 0;
        Ok(())
    }

    fn forget_saved_filter(&mut self) -> Result<(), StoreError> {
        let (mut statement, path) = self.statement("DELETE FROM filter")?;
        statement.execute([]).at(path)?;
        Ok(())
    }

    /// Moves the log into the file and empties it. Returns whether no reader was in the way.
    pub(super) fn checkpoint(&mut self) -> Result<bool, StoreError> {
        let path = self.path.clone();
        let blocked: bool = self
            .db()?
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .at(&path)?;
        if !blocked {
            self.has_deleted = false;
        }
        Ok(!blocked)
    }

    /// Saves the filter and closes the file.
    pub(super) fn close(&mut self) -> Result<(), StoreError> {
        if self.db.is_some() && self.unsaved > 0 {
            self.begin()?;
            self.save_filter()?;
            self.commit()?;
        }
        self.release();
        Ok(())
    }

    /// Closes the connection; the next use opens it again.
    pub(super) fn release(&mut self) {
        if !self.in_transaction {
            self.db = None;
        }
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.in_transaction
    }
}

fn load_filter(db: &Connection) -> rusqlite::Result<(Option<Filter>, Next)> {
    let mut covered = Next {
        read: 0,
        alias: 0,
        deposit: 0,
    };
    let mut parts = Vec::new();
    let mut statement = db.prepare(
        "SELECT entries, bits, reads_covered, aliases_covered FROM filter ORDER BY part",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        parts.push((row.get(0)?, row.get(1)?));
        covered.read = row.get(2)?;
        covered.alias = row.get(3)?;
    }
    Ok((Filter::from_parts(parts.into_iter()), covered))
}

/// The key in the columns `at` and `at + 1`.
fn key(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Key> {
    Ok(Key {
        hi: row.get(at)?,
        lo: row.get(at + 1)?,
    })
}
