//! The tables. Times are microseconds since 1970, UTC. The text of a plate is in `entries.wanted` and `entries.note` alone.

use rusqlite::Connection;

use super::AlertError;

const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS lists (
  id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  organisation TEXT NOT NULL,
  name TEXT NOT NULL,
  topic TEXT,
  terms TEXT NOT NULL,
  look_alike INTEGER NOT NULL,
  confidential INTEGER NOT NULL,
  shared TEXT NOT NULL,
  as_of INTEGER,
  revision INTEGER NOT NULL DEFAULT 0,
  made_at INTEGER NOT NULL,
  closed_at INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS entries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  list TEXT NOT NULL,
  slot INTEGER,
  wanted TEXT,
  issuer TEXT NOT NULL,
  reason TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  note TEXT,
  confirm_every INTEGER NOT NULL,
  confirmed_at INTEGER NOT NULL,
  waiting INTEGER NOT NULL,
  added_by TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  approved_by TEXT,
  removed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS entries_wanted ON entries (list, wanted, issuer) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS entries_slot ON entries (slot) WHERE slot IS NOT NULL;
CREATE INDEX IF NOT EXISTS entries_end ON entries (expires_at) WHERE removed_at IS NULL;
CREATE TABLE IF NOT EXISTS free (slot INTEGER PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS history (
  seq INTEGER PRIMARY KEY,
  entry INTEGER NOT NULL,
  at INTEGER NOT NULL,
  by TEXT,
  what TEXT NOT NULL,
  recorded INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS history_by_entry ON history (entry);
CREATE TABLE IF NOT EXISTS imports (
  list TEXT NOT NULL,
  key TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  done TEXT NOT NULL,
  PRIMARY KEY (list, key)
) STRICT;
";

/// Takes the file for this process alone and makes the tables.
pub(super) fn prepare(connection: &Connection) -> Result<(), AlertError> {
    // Exclusive before WAL: then there is no shared memory file, and nobody else opens the store while this process has it.
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;",
    )?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if !(0..=VERSION).contains(&version) {
        return Err(AlertError::Version(version));
    }
    connection.execute_batch("BEGIN EXCLUSIVE;")?;
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch("COMMIT;")?;
    Ok(())
}
