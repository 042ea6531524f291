//! The tables. Times are microseconds since 1970, UTC; lists are JSON.

use rusqlite::Connection;

use super::ControlError;

const VERSION: i64 = 2;

/// What turns the tables of version 1 into those of version 2.
const FROM_1: &str = "ALTER TABLE users ADD COLUMN enrolled_at INTEGER;";

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS users (
  subject TEXT PRIMARY KEY,
  organisation TEXT NOT NULL,
  roles TEXT NOT NULL,
  sworn INTEGER NOT NULL,
  training_until TEXT,
  disabled INTEGER NOT NULL DEFAULT 0,
  password TEXT,
  code_secret BLOB,
  code_step INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  locked_until INTEGER,
  enrolment BLOB,
  enrolment_until INTEGER,
  last_seen_at INTEGER,
  enrolled_at INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS keys (
  id TEXT PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  subject TEXT NOT NULL,
  organisation TEXT NOT NULL,
  role TEXT NOT NULL,
  routes TEXT,
  sources TEXT,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS sessions (
  hash BLOB PRIMARY KEY,
  subject TEXT NOT NULL,
  profile TEXT NOT NULL,
  is_local INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS sessions_by_subject ON sessions (subject);
CREATE TABLE IF NOT EXISTS unrecorded (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  roles TEXT NOT NULL,
  made_at INTEGER NOT NULL
) STRICT;
";

/// Takes the file for this process alone and makes the tables.
pub(super) fn prepare(connection: &Connection) -> Result<(), ControlError> {
    // Exclusive before WAL: then there is no shared memory file, and nobody else opens the store while this process has it.
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;",
    )?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if !(0..=VERSION).contains(&version) {
        return Err(ControlError::Version(version));
    }
    connection.execute_batch("BEGIN EXCLUSIVE;")?;
    if version == 1 {
        connection.execute_batch(FROM_1)?;
    }
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch("COMMIT;")?;
    Ok(())
}
