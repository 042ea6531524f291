//! What can be set about the ledger.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use turnpike_schemas::ledger::KeyId;

use super::{Period, SpaceLimits, TreeConfig};

/// Tells the time that is written into entries.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Limits of the ledger. The defaults suit one machine with a local disk.
#[derive(Debug, Clone)]
pub struct LedgerConfig {
    /// Longest wait of a caller; afterwards the question is refused.
    pub deadline: Duration,
    /// Entries written with one sync, unless a single call brings more.
    pub max_batch: usize,
    /// How long the writer waits for company before it writes. Zero: whatever queued up during the last sync goes together.
    pub max_delay: Duration,
    /// Length in bytes from which the next segment is begun.
    pub segment_bytes: u64,
    /// Calls that may wait for the writer; further ones fail at once.
    pub queue: usize,
    /// How often a full disk is tried again while nobody asks.
    pub probe_every: Duration,
    /// How full the disk may get; without it that is not looked at.
    pub space: Option<SpaceLimits>,
    /// How the tree over the entries is signed; without it there is none.
    pub tree: Option<TreeConfig>,
    /// Folder of the keys that seal personal fields; `keys` in the folder of the ledger unless given.
    pub keys: Option<PathBuf>,
    /// How long one key is used.
    pub epoch: Period,
    /// Keys that are known to be lost, without which the ledger is opened all the same.
    pub lost_keys: Vec<KeyId>,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            deadline: Duration::from_millis(250),
            max_batch: 256,
            max_delay: Duration::ZERO,
            segment_bytes: 64 * 1024 * 1024,
            queue: 4_096,
            probe_every: Duration::from_secs(1),
            space: None,
            tree: None,
            keys: None,
            epoch: Period::Month,
            lost_keys: Vec::new(),
        }
    }
}
