//! The tree over the entries: a second thread that turns durable entries into tiles and signed checkpoints.
//!
//! ```text
//! entries durable -> leaf hashes -> full and partial tiles -> consistency with the last checkpoint -> new checkpoint
//! ```
//!
//! Answers never wait for it. Guarantees: a checkpoint covers durable entries only; it is written after its tiles; it is
//! signed only when the tiles on disk lead from the last signed one to it. At the next open the entries are compared with the
//! last checkpoint: fewer of them, or others, and the ledger does not open. While tiles or checkpoints cannot be written,
//! no question is taken.
//!
//! Deliberately absent: bundles of entries on disk (the segments hold them, [`export`](crate::tlog) writes them), and any way
//! to sign without having checked.

mod grow;
mod pending;
mod start;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use turnpike_schemas::tlog::{Hash, TlogError};

use crate::tlog::{FolderError, KeyError};

pub(super) use grow::{Grower, Growing};
pub(super) use pending::Pending;
pub(super) use start::Start;

/// Folder of tiles and checkpoints below that of the ledger.
pub const FOLDER: &str = "tree";

/// File of earlier checkpoints in it: one JSON string a line.
pub(in crate::ledger) const EARLIER: &str = "checkpoints";

/// File with the public key in it, for convenience; an auditor takes the key from elsewhere.
pub(in crate::ledger) const VKEY: &str = "vkey";

/// How the tree is signed.
#[derive(Debug, Clone)]
pub struct TreeConfig {
    /// File of the signing key; made at the first start.
    pub key_file: PathBuf,
    /// Name of the log in its checkpoints; given by the key when absent.
    pub origin: Option<String>,
    /// Shortest time between two checkpoints.
    pub interval: Duration,
}

/// The newest signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Entries it covers.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// The checkpoint as the log signed it.
    pub note: Arc<str>,
}

/// What follows the newest checkpoint.
pub type Heads = watch::Receiver<Head>;

/// Why a ledger is not continued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// There is no key to sign with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Checkpoints were signed with a key that is gone.
    #[error(
        "a checkpoint is there but the key file {} that signed it is not; put it back, a new key would be a new log", path.display()
    )]
    KeyMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The key file is of another log.
    #[error("the key is that of log `{found}`, the configuration says `{wanted}`")]
    OtherLog {
        /// Name in the configuration.
        wanted: String,
        /// Name of the key.
        found: String,
    },
    /// Entries and key are there, the checkpoint over them is gone.
    #[error(
        "{entries} entries and the signing key are there but the checkpoint over them is not; put the folder `tree` back from a copy"
    )]
    CheckpointMissing {
        /// Entries on disk.
        entries: u64,
    },
    /// The checkpoint on disk is not by this log.
    #[error("the last checkpoint cannot be believed: {0}")]
    Checkpoint(#[from] TlogError),
    /// There are fewer entries than were signed.
    #[error(
        "rolled back: the last checkpoint covers {signed} entries, {found} are left; put the ledger back from a copy or a mirror"
    )]
    RolledBack {
        /// Entries that were signed.
        signed: u64,
        /// Entries on disk.
        found: u64,
    },
    /// The entries are not those that were signed.
    #[error(
        "forked: the first {size} entries are not those the last checkpoint covers; compare with a mirror to find which"
    )]
    Forked {
        /// Entries that were signed.
        size: u64,
    },
    /// A file of the tree cannot be read or written.
    #[error("the tree cannot be used: {0}")]
    Folder(#[from] FolderError),
}
