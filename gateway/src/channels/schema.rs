//! The tables. Times are microseconds since 1970, UTC; unsigned numbers are kept bit by bit.

use crate::sqlite::Tables;

/// `deliveries.place` is the order of a channel. `aside` is what its receiver refused for what it is: it holds nothing back.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS channels (
  id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  organisation TEXT NOT NULL,
  url TEXT NOT NULL,
  secret TEXT NOT NULL,
  old_secret TEXT,
  old_until INTEGER,
  made_at INTEGER NOT NULL,
  disabled_at INTEGER,
  disabled_why TEXT,
  cursor INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS channels_by_owner ON channels (owner);
CREATE TABLE IF NOT EXISTS deliveries (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  channel TEXT NOT NULL REFERENCES channels (id),
  event TEXT NOT NULL,
  what TEXT NOT NULL,
  digest INTEGER NOT NULL,
  state TEXT NOT NULL,
  aside INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  made_at INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  settled_at INTEGER,
  answer TEXT,
  UNIQUE (channel, event)
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (channel, aside, place) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS deliveries_by_state ON deliveries (channel, state, place);
CREATE INDEX IF NOT EXISTS deliveries_settled ON deliveries (settled_at) WHERE state = 'delivered';
";

/// What the file holds.
pub(super) const FILE: Tables = Tables {
    version: 1,
    make: TABLES,
    upgrades: &[],
};
