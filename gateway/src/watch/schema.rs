//! The tables. Times are microseconds since 1970, UTC; unsigned numbers are kept bit by bit.

use crate::sqlite::Tables;

/// `seconds` is whom else a hit was told because its owner had not seen it, and what they were shown. `parts.place` is the order in which reads came to match: what a memory is made anew in. `batch` is the last batch done. `looked`
/// is how far the read store was looked at; without a row nobody ever did.
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
  review_entry INTEGER,
  seen_at INTEGER,
  escalated_at INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS hits_unseen ON hits (owner, told_at)
  WHERE state = 'unconfirmed' AND standing = 'stands' AND seen_at IS NULL AND escalated_at IS NULL;
CREATE TABLE IF NOT EXISTS seconds (
  hit TEXT PRIMARY KEY,
  person TEXT NOT NULL,
  organisation TEXT NOT NULL,
  told_at INTEGER NOT NULL,
  keep_until INTEGER NOT NULL,
  told BLOB,
  intent INTEGER NOT NULL,
  outcome INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS seconds_by_person ON seconds (person);
CREATE INDEX IF NOT EXISTS seconds_shown ON seconds (keep_until) WHERE told IS NOT NULL;
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
CREATE TABLE IF NOT EXISTS looked (
  month TEXT PRIMARY KEY,
  mark INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Before that nobody but the owner was told.
const SECONDS: &str = "
ALTER TABLE hits ADD COLUMN seen_at INTEGER;
ALTER TABLE hits ADD COLUMN escalated_at INTEGER;
";

/// What the file holds.
pub(super) const FILE: Tables = Tables {
    version: 2,
    make: TABLES,
    upgrades: &[(1, SECONDS)],
};
