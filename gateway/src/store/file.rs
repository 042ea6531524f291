//! One month file as the writer sees it: its connection, the rows of a read, and what is kept beside it in memory.
//!
//! Only the writer thread has one. Every change is inside a transaction that [`MonthFile::commit`] makes durable.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::{
    codec::{Key, Row, State},
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

    /// The number of a source, which is new to the month when its first read comes.
    pub(super) fn source(&mut self, name: &str) -> Result<i64, StoreError> {
        if let Some(source) = self.sources.get(name) {
            return Ok(source.n);
        }
        let n = self
            .sources
            .values()
            .map(|source| source.n)
            .max()
            .unwrap_or(0)
            + 1;
        let (mut statement, path) = self.statement("INSERT INTO sources VALUES (?1, ?2, 0, ?3)")?;
        statement.execute(params![n, name, i64::MIN]).at(path)?;
        drop(statement);
        let source = SourceRow {
            n,
            held: 0,
            last_received_at: i64::MIN,
            changed: false,
        };
        self.sources.insert(name.to_owned(), source);
        Ok(n)
    }

    pub(super) fn deposit(
        &mut self,
        received_at: i64,
        provenance: &str,
    ) -> Result<i64, StoreError> {
        let n = self.next.deposit;
        self.next.deposit += 1;
        let (mut statement, path) = self.statement("INSERT INTO deposits VALUES (?1, ?2, ?3)")?;
        statement
            .execute(params![n, received_at, provenance])
            .at(path)?;
        Ok(n)
    }

    /// Writes a revision of read `id`.
    pub(super) fn insert(
        &mut self,
        id: Key,
        row: &Row,
        state: State,
        source: i64,
        deposit: i64,
    ) -> Result<i64, StoreError> {
        let seq = self.next.read;
        self.next.read += 1;
        self.filter.insert(id);
        self.unsaved = self.unsaved.saturating_add(1);
        let (mut statement, path) = self.statement(
            "INSERT INTO reads VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        statement
            .execute(params![
                seq,
                id.hi,
                id.lo,
                source,
                deposit,
                state.code(),
                row.captured_at,
                row.keep_until,
                row.revision.cast_signed(),
                row.record,
                row.plate,
                row.folded,
                row.payload,
            ])
            .at(path)?;
        Ok(seq)
    }

    /// The source of a stored revision.
    pub(super) fn source_of(&mut self, seq: i64) -> Result<String, StoreError> {
        let (mut statement, path) = self
            .statement("SELECT s.name FROM reads JOIN sources s ON s.n = source WHERE seq = ?1")?;
        statement.query_row([seq], |row| row.get(0)).at(path)
    }

    /// Counts a change of the findable reads of a source, and when it last sent something.
    pub(super) fn count(&mut self, source: &str, change: i64, received_at: i64) {
        if let Some(row) = self.sources.get_mut(source) {
            row.held += change;
            row.last_received_at = row.last_received_at.max(received_at);
            row.changed = true;
        }
    }

    /// Every revision stored here under one of `ids`, oldest arrival first.
    pub(super) fn versions(&mut self, id: Key) -> Result<Vec<Version>, StoreError> {
        let month = self.month;
        let (mut statement, path) = self.statement(
            "SELECT seq, id_hi, id_lo, state, keep_until, revision, record, plate, captured_at, payload, d.received_at
             FROM reads JOIN deposits d ON d.n = deposit WHERE id_hi = ?1 AND id_lo = ?2 ORDER BY seq",
        )?;
        let rows = statement.query_map([id.hi, id.lo], |row| version(month, row));
        rows.and_then(Iterator::collect).at(path)
    }

    /// Writes what a version has become; `relabelled` when its id is another than before.
    pub(super) fn update(&mut self, version: &Version, relabelled: bool) -> Result<(), StoreError> {
        if relabelled {
            // A saved filter covers this row under its former id.
            self.forget_saved_filter()?;
            self.filter.insert(version.id);
            self.unsaved = self.unsaved.saturating_add(1);
        }
        let (mut statement, path) = self.statement(
            "UPDATE reads SET id_hi = ?2, id_lo = ?3, state = ?4, keep_until = ?5 WHERE seq = ?1",
        )?;
        let id = version.id;
        statement
            .execute([
                version.seq,
                id.hi,
                id.lo,
                version.state.code(),
                version.keep_until,
            ])
            .at(path)?;
        Ok(())
    }

    pub(super) fn delete(&mut self, seq: i64) -> Result<(), StoreError> {
        self.has_deleted = true;
        let (mut statement, path) = self.statement("DELETE FROM reads WHERE seq = ?1")?;
        statement.execute([seq]).at(path)?;
        Ok(())
    }

    /// Deletes at most `limit` revisions past `now`. Returns how many.
    pub(super) fn delete_expired(&mut self, now: i64, limit: u32) -> Result<usize, StoreError> {
        let (mut statement, path) = self.statement(
            "SELECT seq, id_hi, id_lo, state, s.name FROM reads JOIN sources s ON s.n = source WHERE keep_until <= ?1 LIMIT ?2",
        )?;
        let rows = statement.query_map(params![now, limit], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                key(row, 1)?,
                row.get::<_, i64>(3)?,
                row.get::<_, String>(4)?,
            ))
        });
        let expired: Vec<_> = rows.and_then(Iterator::collect).at(path)?;
        drop(statement);
        if !expired.is_empty() {
            self.begin()?;
        }
        for (seq, id, state, source) in &expired {
            self.delete(*seq)?;
            if *state == State::Current.code() {
                self.count(source, -1, i64::MIN);
            }
            self.delete_orphaned_aliases(*id)?;
        }
        Ok(expired.len())
    }

    /// How many revisions the month holds, if all of them are past `now`.
    pub(super) fn wholly_expired(&mut self, now: i64) -> Result<Option<usize>, StoreError> {
        let (mut statement, path) =
            self.statement("SELECT coalesce(max(keep_until), ?1) <= ?1 FROM reads")?;
        let expired: bool = statement.query_row([now], |row| row.get(0)).at(path)?;
        drop(statement);
        if !expired {
            return Ok(None);
        }
        let (mut statement, path) = self.statement("SELECT count(*) FROM reads")?;
        let rows: i64 = statement.query_row([], |row| row.get(0)).at(path)?;
        Ok(Some(usize::try_from(rows).unwrap_or_default()))
    }

    /// The read an alias belongs to, as far as this month knows.
    pub(super) fn alias(&mut self, alias: Key) -> Result<Option<Key>, StoreError> {
        let (mut statement, path) =
            self.statement("SELECT id_hi, id_lo FROM aliases WHERE key_hi = ?1 AND key_lo = ?2")?;
        statement
            .query_row([alias.hi, alias.lo], |row| key(row, 0))
            .optional()
            .at(path)
    }

    /// The aliases of a read in this month.
    pub(super) fn aliases_of(&mut self, id: Key) -> Result<Vec<Key>, StoreError> {
        let (mut statement, path) =
            self.statement("SELECT key_hi, key_lo FROM aliases WHERE id_hi = ?1 AND id_lo = ?2")?;
        let rows = statement.query_map([id.hi, id.lo], |row| key(row, 0));
        rows.and_then(Iterator::collect).at(path)
    }

    /// Makes `alias` lead to `id`, whatever it led to before.
    pub(super) fn set_alias(&mut self, alias: Key, id: Key) -> Result<(), StoreError> {
        let (mut statement, path) = self.statement(
            "UPDATE aliases SET id_hi = ?3, id_lo = ?4 WHERE key_hi = ?1 AND key_lo = ?2",
        )?;
        let known = statement
            .execute([alias.hi, alias.lo, id.hi, id.lo])
            .at(path)?;
        drop(statement);
        if known > 0 {
            return Ok(());
        }
        let n = self.next.alias;
        self.next.alias += 1;
        self.filter.insert(alias);
        self.unsaved = self.unsaved.saturating_add(1);
        let (mut statement, path) =
            self.statement("INSERT INTO aliases VALUES (?1, ?2, ?3, ?4, ?5)")?;
        statement
            .execute([n, alias.hi, alias.lo, id.hi, id.lo])
            .at(path)?;
        Ok(())
    }

    /// Forgets the aliases of a read that has no revision left in this month.
    pub(super) fn delete_orphaned_aliases(&mut self, id: Key) -> Result<(), StoreError> {
        let (mut statement, path) = self.statement(
            "DELETE FROM aliases WHERE id_hi = ?1 AND id_lo = ?2
             AND NOT EXISTS (SELECT 1 FROM reads r WHERE r.id_hi = ?1 AND r.id_lo = ?2)",
        )?;
        statement.execute([id.hi, id.lo]).at(path)?;
        Ok(())
    }

    /// Remembers that read `from` becomes `into` over several files, so that a crash between their commits is mended.
    pub(super) fn note_pending(&mut self, into: Key, from: Key) -> Result<(), StoreError> {
        let (mut statement, path) =
            self.statement("INSERT OR IGNORE INTO pending VALUES (?1, ?2, ?3, ?4)")?;
        statement
            .execute([into.hi, into.lo, from.hi, from.lo])
            .at(path)?;
        Ok(())
    }

    pub(super) fn pending(&mut self) -> Result<Vec<(Key, Key)>, StoreError> {
        let (mut statement, path) =
            self.statement("SELECT into_hi, into_lo, from_hi, from_lo FROM pending")?;
        let rows = statement.query_map([], |row| Ok((key(row, 0)?, key(row, 2)?)));
        rows.and_then(Iterator::collect).at(path)
    }

    pub(super) fn clear_pending(&mut self) -> Result<(), StoreError> {
        let (mut statement, path) = self.statement("DELETE FROM pending")?;
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

fn version(month: MonthKey, row: &rusqlite::Row<'_>) -> rusqlite::Result<Version> {
    let code = row.get(3)?;
    let payload: String = row.get(9)?;
    Ok(Version {
        month,
        seq: row.get(0)?,
        is_new: false,
        id: key(row, 1)?,
        state: State::of(code).ok_or(rusqlite::Error::IntegralValueOutOfRange(3, code))?,
        keep_until: row.get(4)?,
        revision: row.get::<_, i64>(5)?.cast_unsigned(),
        retracted: super::codec::is_retracted(&payload),
        received_at: row.get(10)?,
        content: Content {
            record: row.get(6)?,
            plate: row.get(7)?,
            captured_at: row.get(8)?,
            payload,
        },
    })
}

/// The key in the columns `at` and `at + 1`.
fn key(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Key> {
    Ok(Key {
        hi: row.get(at)?,
        lo: row.get(at + 1)?,
    })
}
