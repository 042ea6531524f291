//! The statements on the rows of one month. Each runs inside the open transaction, if there is one.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

use super::{Content, MonthFile, SourceRow, Version, key};
use crate::store::{
    codec::{self, Key, Row, State},
    error::{At, StoreError},
    month::MonthKey,
};

impl MonthFile {
    /// The number of a source, which is new to the month when its first read comes.
    pub(in crate::store) fn source(&mut self, name: &str) -> Result<i64, StoreError> {
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

    pub(in crate::store) fn deposit(
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
    pub(in crate::store) fn insert(
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
    pub(in crate::store) fn source_of(&mut self, seq: i64) -> Result<String, StoreError> {
        let (mut statement, path) = self
            .statement("SELECT s.name FROM reads JOIN sources s ON s.n = source WHERE seq = ?1")?;
        statement.query_row([seq], |row| row.get(0)).at(path)
    }

    /// Counts a change of the findable reads of a source, and when it last sent something.
    pub(in crate::store) fn count(&mut self, source: &str, change: i64, received_at: i64) {
        if let Some(row) = self.sources.get_mut(source) {
            row.held += change;
            row.last_received_at = row.last_received_at.max(received_at);
            row.changed = true;
        }
    }

    /// Every revision stored here under one of `ids`, oldest arrival first.
    pub(in crate::store) fn versions(&mut self, id: Key) -> Result<Vec<Version>, StoreError> {
        let month = self.month;
        let (mut statement, path) = self.statement(
            "SELECT seq, id_hi, id_lo, state, keep_until, revision, record, plate, captured_at, payload, d.received_at
             FROM reads JOIN deposits d ON d.n = deposit WHERE id_hi = ?1 AND id_lo = ?2 ORDER BY seq",
        )?;
        let rows = statement.query_map([id.hi, id.lo], |row| version(month, row));
        rows.and_then(Iterator::collect).at(path)
    }

    /// Writes what a version has become; `relabelled` when its id is another than before.
    pub(in crate::store) fn update(
        &mut self,
        version: &Version,
        relabelled: bool,
    ) -> Result<(), StoreError> {
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

    /// Gives a stored revision another number.
    pub(in crate::store) fn renumber(&mut self, seq: i64, revision: u64) -> Result<(), StoreError> {
        let (mut statement, path) =
            self.statement("UPDATE reads SET revision = ?2 WHERE seq = ?1")?;
        statement.execute([seq, revision.cast_signed()]).at(path)?;
        Ok(())
    }

    pub(in crate::store) fn delete(&mut self, seq: i64) -> Result<(), StoreError> {
        self.has_deleted = true;
        let (mut statement, path) = self.statement("DELETE FROM reads WHERE seq = ?1")?;
        statement.execute([seq]).at(path)?;
        Ok(())
    }

    /// Deletes at most `limit` revisions past `now`. Returns how many, by source.
    pub(in crate::store) fn delete_expired(
        &mut self,
        now: i64,
        limit: u32,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
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
        let mut deleted = BTreeMap::new();
        for (seq, id, state, source) in expired {
            self.delete(seq)?;
            if state == State::Current.code() {
                self.count(&source, -1, i64::MIN);
            }
            self.delete_orphaned_aliases(id)?;
            *deleted.entry(source).or_insert(0) += 1;
        }
        Ok(deleted)
    }

    /// How many revisions of each source the month holds, if all of them are past `now`.
    pub(in crate::store) fn wholly_expired(
        &mut self,
        now: i64,
    ) -> Result<Option<BTreeMap<String, u64>>, StoreError> {
        let (mut statement, path) =
            self.statement("SELECT coalesce(max(keep_until), ?1) <= ?1 FROM reads")?;
        let expired: bool = statement.query_row([now], |row| row.get(0)).at(path)?;
        drop(statement);
        if !expired {
            return Ok(None);
        }
        let (mut statement, path) = self.statement(
            "SELECT s.name, count(*) FROM reads JOIN sources s ON s.n = source GROUP BY s.name",
        )?;
        let counts = statement.query_map([], |row| {
            let count: i64 = row.get(1)?;
            Ok((row.get(0)?, u64::try_from(count).unwrap_or_default()))
        });
        let counts = counts.and_then(Iterator::collect).at(path)?;
        Ok(Some(counts))
    }

    /// The read an alias belongs to, as far as this month knows.
    pub(in crate::store) fn alias(&mut self, alias: Key) -> Result<Option<Key>, StoreError> {
        let (mut statement, path) =
            self.statement("SELECT id_hi, id_lo FROM aliases WHERE key_hi = ?1 AND key_lo = ?2")?;
        statement
            .query_row([alias.hi, alias.lo], |row| key(row, 0))
            .optional()
            .at(path)
    }

    /// The aliases of a read in this month.
    pub(in crate::store) fn aliases_of(&mut self, id: Key) -> Result<Vec<Key>, StoreError> {
        let (mut statement, path) =
            self.statement("SELECT key_hi, key_lo FROM aliases WHERE id_hi = ?1 AND id_lo = ?2")?;
        let rows = statement.query_map([id.hi, id.lo], |row| key(row, 0));
        rows.and_then(Iterator::collect).at(path)
    }

    /// Makes `alias` lead to `id`, whatever it led to before.
    pub(in crate::store) fn set_alias(&mut self, alias: Key, id: Key) -> Result<(), StoreError> {
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
    pub(in crate::store) fn delete_orphaned_aliases(&mut self, id: Key) -> Result<(), StoreError> {
        let (mut statement, path) = self.statement(
            "DELETE FROM aliases WHERE id_hi = ?1 AND id_lo = ?2
             AND NOT EXISTS (SELECT 1 FROM reads r WHERE r.id_hi = ?1 AND r.id_lo = ?2)",
        )?;
        statement.execute([id.hi, id.lo]).at(path)?;
        Ok(())
    }

    /// Remembers that read `from` becomes `into` over several files, so that a crash between their commits is mended.
    pub(in crate::store) fn note_pending(
        &mut self,
        into: Key,
        from: Key,
    ) -> Result<(), StoreError> {
        let (mut statement, path) =
            self.statement("INSERT OR IGNORE INTO pending VALUES (?1, ?2, ?3, ?4)")?;
        statement
            .execute([into.hi, into.lo, from.hi, from.lo])
            .at(path)?;
        Ok(())
    }

    pub(in crate::store) fn pending(&mut self) -> Result<Vec<(Key, Key)>, StoreError> {
        let (mut statement, path) =
            self.statement("SELECT into_hi, into_lo, from_hi, from_lo FROM pending")?;
        let rows = statement.query_map([], |row| Ok((key(row, 0)?, key(row, 2)?)));
        rows.and_then(Iterator::collect).at(path)
    }

    pub(in crate::store) fn clear_pending(&mut self) -> Result<(), StoreError> {
        let (mut statement, path) = self.statement("DELETE FROM pending")?;
        statement.execute([]).at(path)?;
        Ok(())
    }
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
        retracted: codec::is_retracted(&payload),
        received_at: row.get(10)?,
        content: Content {
            record: row.get(6)?,
            plate: row.get(7)?,
            captured_at: row.get(8)?,
            payload,
        },
    })
}
