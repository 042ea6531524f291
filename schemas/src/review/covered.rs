//! The part of a ledger that something was counted from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::tlog::Checkpoint;

/// A checkpoint: everything below `size` was taken into account, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Covered {
    /// The log.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Root of the tree over them (RFC 6962, SHA-256), in base64.
    pub root: String,
}

impl From<&Checkpoint> for Covered {
    fn from(checkpoint: &Checkpoint) -> Self {
        Self {
            origin: checkpoint.origin.clone(),
            size: checkpoint.size,
            root: checkpoint.root.to_base64(),
        }
    }
}
