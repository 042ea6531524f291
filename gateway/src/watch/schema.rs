//! The tables. Times are microseconds since 1970, UTC; unsigned numbers are kept bit by bit.

use rusqlite::Connection;

use super::WatchError;

const VERSION: i64 = 1;

/// `parts.place` is the order in which reads came to match: what a memory is made anew in. `batch` is the last batch done.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS hits (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  entry INTEGER NOT NULL,
  list TEXT NOT NULL,
  owner TEXT NOT NULL,
  organisation TEXT NOT NULL,
  source TEXT NOT NULL,
  told_at INTEGER NOT NULL,
  state TEXT NOT NULL,
  standing TEXT NOT NULL,
  amendments INTEGER NOT NULL DEFAULT 0,
  keep_until INTEGER NOT NULL,
  told BLOB,
  intent INTEGER,
  outcome INTEGER,
  reviewed_at INTEGER,
  reviewed_by TEXT,
  review_entry INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS hits_by_owner ON hits (owner, seq);
CREATE INDEX IF NOT EXISTS hits_by_source ON hits (source, list, state);
CREATE INDEX IF NOT EXISTS hits_shown ON hits (keep_until) WHERE told IS NOT NULL;
CREATE INDEX IF NOT EXISTS hits_unrecorded ON hits (seq) WHERE intent IS NULL OR outcome IS NULL;
CREATE TABLE IF NOT EXISTS parts (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  read TEXT NOT NULL,
  entry INTEGER NOT NULL,
  hit TEXT,
  matches INTEGER NOT NULL,
  keep_until INTEGER NOT NULL,
  seen TEXT,
  UNIQUE (read, entry)
) STRICT;
CREATE INDEX IF NOT EXISTS parts_kept ON parts (keep_until);
CREATE TABLE IF NOT EXISTS outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  event TEXT NOT NULL UNIQUE,
  hit TEXT NOT NULL,
  owner TEXT NOT NULL,
  organisation TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  standing TEXT NOT NULL,
  at INTEGER NOT NULL,
  keep_until INTEGER NOT NULL,
  body BLOB
) STRICT;
CREATE INDEX IF NOT EXISTS outbox_by_owner ON outbox (owner, seq);
CREATE INDEX IF NOT EXISTS outbox_kept ON outbox (keep_until);
CREATE TABLE IF NOT EXISTS batch (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  digest BLOB NOT NULL
) STRICT;
";

/// Takes the file for this process alone and makes the tables.
pub(super) fn prepare(connection: &Connection) -> Result<(), WatchError> {
    // Exclusive before WAL: then there is no shared memory file, and nobody else opens the book while this process has it.
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;",
    )?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if !(0..=VERSION).contains(&version) {
        return Err(WatchError::Version(version));
    }
    connection.execute_batch("BEGIN EXCLUSIVE;")?;
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch("COMMIT;")?;
    Ok(())
}
