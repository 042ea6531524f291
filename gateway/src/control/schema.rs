//! The tables. Times are microseconds since 1970, UTC; lists are JSON.

use crate::sqlite::Tables;

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

/// What the file holds.
pub(super) const FILE: Tables = Tables {
    version: 2,
    make: TABLES,
    upgrades: &[(1, FROM_1)],
};
