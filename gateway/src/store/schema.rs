//! The tables of one month file.

/// Marks a file as a month of the read store (`TPKr`).
pub(super) const APPLICATION_ID: i32 = 0x5450_4b72;
/// Version of the tables.
pub(super) const VERSION: i32 = 1;

/// `reads` is filled in order of arrival. `id_hi` and `id_lo` are the two halves of a read id, instants are
/// microseconds since 1970 (`received_at`: nanoseconds), `state` is a [`super::codec::State`].
/// `by_plate` holds findable reads only; the exact text is compared in the row, because few plates share a fold.
/// `aliases` holds only the keys of reads that have some. `pending` names reads whose change spans months.
pub(super) const TABLES: &str = "
CREATE TABLE sources (n INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, held INTEGER NOT NULL, last_received_at INTEGER NOT NULL);
CREATE TABLE deposits (n INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, provenance TEXT NOT NULL);
CREATE TABLE reads (
  seq INTEGER PRIMARY KEY,
  id_hi INTEGER NOT NULL, id_lo INTEGER NOT NULL,
  source INTEGER NOT NULL, deposit INTEGER NOT NULL, state INTEGER NOT NULL,
  captured_at INTEGER NOT NULL, keep_until INTEGER NOT NULL, revision INTEGER NOT NULL,
  record TEXT NOT NULL, plate TEXT NOT NULL, folded TEXT NOT NULL, payload TEXT NOT NULL
);
CREATE INDEX by_plate ON reads (folded, captured_at) WHERE state = 0;
CREATE INDEX by_id ON reads (id_hi);
CREATE INDEX by_keep_until ON reads (keep_until);
CREATE TABLE aliases (n INTEGER PRIMARY KEY, key_hi INTEGER NOT NULL, key_lo INTEGER NOT NULL, id_hi INTEGER NOT NULL, id_lo INTEGER NOT NULL);
CREATE INDEX aliases_by_key ON aliases (key_hi);
CREATE INDEX aliases_by_id ON aliases (id_hi);
CREATE TABLE pending (into_hi INTEGER NOT NULL, into_lo INTEGER NOT NULL, from_hi INTEGER NOT NULL, from_lo INTEGER NOT NULL,
  PRIMARY KEY (into_hi, into_lo, from_hi, from_lo)) WITHOUT ROWID;
CREATE TABLE filter (part INTEGER PRIMARY KEY, entries INTEGER NOT NULL, reads_covered INTEGER NOT NULL, aliases_covered INTEGER NOT NULL, bits BLOB NOT NULL);
";
