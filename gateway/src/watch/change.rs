//! What is to be written about reads and entries.

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;
use turnpike_schemas::{
    hit::{HitId, Standing, passage::Sighting},
    read::{ReadId, SourceId},
};

use super::WatchError;

/// What an owner is shown of a hit, as JSON. `Debug` shows its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Told(Arc<[u8]>);

/// One change of what a read is to an entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The owner is told; or told again that a hit which fell stands.
    Open(Box<Opening>),
    /// One more read of a passage the owner was told of.
    Join {
        /// The hit.
        hit: HitId,
        /// The entry.
        entry: u64,
        /// The read.
        read: ReadId,
        /// When and where it was taken.
        seen: Sighting,
        /// From when on nothing of the read may be known.
        keep_until: Timestamp,
    },
    /// An agreement refused to tell of the read.
    Deny {
        /// The entry.
        entry: u64,
        /// The read.
        read: ReadId,
        /// From when on nothing of the read may be known.
        keep_until: Timestamp,
    },
    /// The read no longer matches the entry.
    Stop {
        /// The entry.
        entry: u64,
        /// The read.
        read: ReadId,
        /// The hit that nothing is left of, and why.
        fell: Option<(HitId, Standing)>,
        /// When.
        at: Timestamp,
    },
}

/// A hit its owner is told of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Opening {
    /// The hit.
    pub hit: HitId,
    /// The entry.
    pub entry: u64,
    /// The list the entry is of.
    pub list: String,
    /// Whose list: the person who is told.
    pub owner: String,
    /// The owner's organisation.
    pub organisation: String,
    /// Whose read it is.
    pub source: SourceId,
    /// When the owner is told.
    pub told_at: Timestamp,
    /// From when on nothing of the read may be known.
    pub keep_until: Timestamp,
    /// What the owner is shown.
    #[serde(skip)]
    pub told: Told,
    /// The read.
    pub read: ReadId,
    /// When and where it was taken.
    pub seen: Sighting,
    /// Ledger entry of the intent to tell; nothing while it is not on record.
    pub intent: Option<u64>,
    /// Ledger entry of the outcome; nothing while it is not on record.
    pub outcome: Option<u64>,
}

impl Told {
    /// What is shown.
    ///
    /// # Errors
    /// [`WatchError::Unreadable`] for what has no JSON.
    pub fn of<T: Serialize>(shown: &T) -> Result<Self, WatchError> {
        let json = serde_json::to_vec(shown);
        let json = json.map_err(|_| WatchError::Unreadable("what is shown has no JSON"))?;
        Ok(Self(json.into()))
    }

    /// The JSON.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn stored(json: Vec<u8>) -> Self {
        Self(json.into())
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Told({} bytes)", self.0.len())
    }
}
