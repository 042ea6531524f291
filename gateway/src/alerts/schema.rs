//! The tables. `look_backs` is which entries are to be looked for among what was read before they were added, and how far back; `done`
//! is 1 where that was done, and 2 where not everything could be searched. `turns` is when entries asked a source that can only be asked, and `owner_turns` whose entries did: an owner who takes
//! entries off and adds them again gets no turn sooner. Times are microseconds since 1970, UTC. The text of a plate is in `entries.wanted` and `entries.note` alone.

use crate::sqlite::Tables;

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
CREATE TABLE IF NOT EXISTS turns (
  source TEXT NOT NULL,
  entry INTEGER NOT NULL,
  taken_at INTEGER NOT NULL,
  asked_until INTEGER,
  not_before INTEGER NOT NULL,
  PRIMARY KEY (source, entry)
) STRICT;
CREATE TABLE IF NOT EXISTS owner_turns (
  source TEXT NOT NULL,
  owner TEXT NOT NULL,
  taken_at INTEGER NOT NULL,
  PRIMARY KEY (source, owner)
) STRICT;
CREATE TABLE IF NOT EXISTS look_backs (
  entry INTEGER NOT NULL,
  source TEXT NOT NULL,
  since INTEGER NOT NULL,
  done INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (entry, source)
) STRICT;
CREATE INDEX IF NOT EXISTS look_backs_open ON look_backs (source, entry) WHERE done = 0;
";

/// What the file holds.
pub(super) const FILE: Tables = Tables {
    version: 2,
    make: TABLES,
    upgrades: &[],
};
