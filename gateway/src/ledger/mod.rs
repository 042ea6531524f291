//! The ledger: an append-only record of who asked what, what was decided and what came of it.
//!
//! ```text
//! intent + decisions -> durable -> contact sources -> outcome (or one part per source) -> durable -> rows leave
//! ```
//!
//! Guarantees: an `Ok` means on disk (`fdatasync`); every wait ends at the deadline; the order of `index` is the order
//! on disk; an intent whose [`Ticket`] goes away unfinished gets an `interrupted` entry, now or at the next open. After
//! a failed write or sync the file is cut back to its last good length where that is possible, and is not trusted again
//! until reopened, except when space ran out during a write and the cut succeeded.
//!
//! Personal fields are written sealed under the key of their period ([`keys`]). [`read`] gives entries as they are
//! written; `Entry::opened` opens them for whoever has the keys.
//! Over the entries grows a Merkle tree whose checkpoints are signed (`tree`).
//!
//! Deliberately absent: a second copy, deletion, any way to write an outcome without a ticket.

mod bodies;
mod config;
mod damage;
mod error;
mod handle;
pub mod keys;
mod places;
mod published;
mod reader;
mod recover;
mod segment;
mod shared;
mod space;
mod storage;
mod ticket;
mod tree;
mod writer;

pub use config::{LedgerConfig, Now};
pub use damage::{Damage, DamageKind};
pub use error::{LedgerError, Unavailable};
pub use handle::{Ledger, Opened, Receipt};
pub use keys::{KeyError, Keyring, Period};
pub use published::Published;
pub use reader::{
    Entries, Verified, find, is_here, read, read_from, read_open, verify, verify_each,
};
pub use recover::Recovery;
pub use shared::LedgerStats;
pub use space::{Room, SpaceLimits, SpaceStage};
pub use storage::{FileStorage, LedgerStorage};
pub use ticket::Ticket;
pub use tree::FOLDER as TREE;
pub use tree::{Head, Heads, TreeConfig, TreeError};

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::intent as example_intent;
