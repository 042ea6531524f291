//! The tables. Times are microseconds since 1970, UTC; unsigned numbers are kept bit by bit.

use crate::sqlite::Tables;

/// `settings` is JSON: quiet hours and digests. `unconfirmed` is an address of which nobody has shown yet that it is the owner's; its
/// `secret` is the code that was sent there, and `wrong` how often another was given. `push_keys` are those of a browser.
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
  cursor INTEGER NOT NULL,
  kind TEXT NOT NULL DEFAULT 'webhook',
  settings TEXT NOT NULL DEFAULT '{}',
  unconfirmed INTEGER NOT NULL DEFAULT 0,
  wrong INTEGER NOT NULL DEFAULT 0,
  push_keys TEXT
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
CREATE TABLE IF NOT EXISTS escalations (
  owner TEXT PRIMARY KEY,
  person TEXT NOT NULL,
  after_s INTEGER NOT NULL,
  set_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS push_key (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  pkcs8 BLOB NOT NULL
) STRICT;
";

/// Before that every channel was a webhook that was told at any hour.
const KINDS: &str = "
ALTER TABLE channels ADD COLUMN kind TEXT NOT NULL DEFAULT 'webhook';
ALTER TABLE channels ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE channels ADD COLUMN unconfirmed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN wrong INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN push_keys TEXT;
";

/// What the file holds.
pub(super) const FILE: Tables = Tables {
    version: 2,
    make: TABLES,
    upgrades: &[(1, KINDS)],
};
