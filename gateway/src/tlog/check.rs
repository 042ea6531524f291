//! Checking a log entry by entry against its tiles, its checkpoint and the checkpoints an auditor kept.

use turnpike_schemas::tlog::{
    Bundle, Growth, Hash, Policy, SignedCheckpoint, Tile, TileHashes, TlogError, VerifierKey,
    decode_tile, inclusion, leaf_hash, verify_inclusion,
};

use super::{AwsEd25519, CHECKPOINT, Folder, FolderError};

/// What is known from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Checkpoints of the same log, kept earlier.
    pub older: Vec<SignedCheckpoint>,
    /// Who has to vouch for the newest one.
    pub policy: Option<Policy>,
}

/// A log that was checked from the first to the last entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its checkpoint.
    pub checkpoint: SignedCheckpoint,
    /// With a policy: since when its quorum vouches, in seconds since 1970.
    pub cosigned_at: Option<u64>,
}

/// Where a log is not what was signed. Names the place, never what is there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The checkpoint is missing, malformed, unsigned, of another log, or lacks its quorum.
    #[error("checkpoint: {0}")]
    Checkpoint(TlogError),
    /// There is no checkpoint.
    #[error("there is no checkpoint")]
    NoCheckpoint,
    /// An entry is not the one in the tree.
    #[error("entry {index} is not the one that was signed")]
    Entry {
        /// Its index.
        index: u64,
    },
    /// An entry stands where another should.
    #[error("entry {index} is not an entry with this index")]
    Form {
        /// Its index.
        index: u64,
    },
    /// An entry cannot be read.
    #[error("entry {index} cannot be read: {error}")]
    Missing {
        /// Its index.
        index: u64,
        /// Why.
        error: FolderError,
    },
    /// A tile is not that of the tree.
    #[error("`{path}` is not the tile of this tree")]
    Tile {
        /// Its path.
        path: String,
    },
    /// The entries do not lead to the root.
    #[error("the {size} entries do not lead to the root that was signed")]
    Root {
        /// Entries the checkpoint covers.
        size: u64,
    },
    /// There are fewer entries than an earlier checkpoint covers.
    #[error("rolled back: {kept} entries were signed earlier, now {found}")]
    RolledBack {
        /// Entries of the earlier checkpoint.
        kept: u64,
        /// Entries now.
        found: u64,
    },
    /// The history is another one than that of an earlier checkpoint.
    #[error("forked: the first {size} entries are not those of a checkpoint signed earlier")]
    Forked {
        /// Entries of the earlier checkpoint.
        size: u64,
    },
}

/// Takes the entries of a log one by one.
#[derive(Debug)]
pub struct Check<'a> {
    folder: &'a Folder,
    signed: SignedCheckpoint,
    older: Vec<SignedCheckpoint>,
    growth: Growth,
    /// Hashes of the current level 0 tile on disk.
    leaves: Vec<Hash>,
}

/// Opens the checkpoint of `folder` and compares it with what is known.
///
/// # Errors
/// [`Fault`].
pub fn open_checkpoint(
    folder: &Folder,
    key: &VerifierKey,
    expected: &Expected,
) -> Result<Checked, Fault> {
    let unreadable = |_| Fault::Checkpoint(TlogError::Malformed("checkpoint"));
    let note = folder.text(CHECKPOINT).map_err(unreadable)?;
    let note = note.ok_or(Fault::NoCheckpoint)?;
    let signed = SignedCheckpoint::open(&note, key, &AwsEd25519).map_err(Fault::Checkpoint)?;
    for kept in &expected.older {
        if kept.size() > signed.size() {
            return Err(Fault::RolledBack {
                kept: kept.size(),
                found: signed.size(),
            });
        }
    }
    let cosigned_at = match &expected.policy {
        Some(policy) => policy
            .cosigned_at(signed.note(), &AwsEd25519)
            .map_err(Fault::Checkpoint)?,
        None => None,
    };
    Ok(Checked {
        checkpoint: signed,
        cosigned_at,
    })
}

/// Checks the static log in `folder`: signature, every entry, every tile, and that it continues the older checkpoints.
/// `is_entry` says whether bytes are an entry for an index; `progress` is told how many entries are done.
///
/// # Errors
/// The first [`Fault`].
pub fn check_folder(
    folder: &Folder,
    key: &VerifierKey,
    expected: &Expected,
    is_entry: &dyn Fn(u64, &[u8]) -> bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Checked, Fault> {
    let checked = open_checkpoint(folder, key, expected)?;
    let size = checked.checkpoint.size();
    let mut check = Check::new(folder, checked.checkpoint.clone(), &expected.older)?;
    for tile in Tile::all_entries(size) {
        let first = tile.first();
        let missing = |index| move |error| Fault::Missing { index, error };
        let bytes = folder.bytes(&tile.path()).map_err(missing(first))?;
        let mut bundle = Bundle::new(&bytes);
        for index in first..first + u64::from(tile.width()) {
            let short = TlogError::Length { what: "a bundle" };
            let entry = bundle.next().unwrap_or(Err(short));
            let entry = entry.map_err(|error| missing(index)(error.into()))?;
            check.take(leaf_hash(entry))?;
            if !is_entry(index, entry) {
                return Err(Fault::Form { index });
            }
        }
        if bundle.next().is_some() {
            let long = TlogError::Length { what: "a bundle" };
            return Err(missing(first + u64::from(tile.width()))(long.into()));
        }
        progress(check.growth.size());
    }
    check.finish(true)?;
    Ok(checked)
}

impl<'a> Check<'a> {
    /// A check of the tiles in `folder` and the entries that will come.
    ///
    /// # Errors
    /// [`Fault::Forked`] when an older checkpoint over nothing is not of an empty log.
    pub fn new(
        folder: &'a Folder,
        signed: SignedCheckpoint,
        older: &[SignedCheckpoint],
    ) -> Result<Self, Fault> {
        let mut older = older.to_vec();
        older.sort_by_key(|kept| std::cmp::Reverse(kept.size()));
        let mut check = Self {
            folder,
            signed,
            older,
            growth: Growth::default(),
            leaves: Vec::new(),
        };
        check.compare()?;
        Ok(check)
    }

    /// Takes the next entry; those beyond the checkpoint are ignored.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn take(&mut self, leaf: Hash) -> Result<(), Fault> {
        let index = self.growth.size();
        if index >= self.signed.size() {
            return Ok(());
        }
        self.compare_leaf(index, &leaf)?;
        for (tile, bytes) in self.growth.append(leaf).into_iter().flatten() {
            if self.folder.bytes(&tile.path()).ok().as_ref() != Some(&bytes) {
                return Err(Fault::Tile { path: tile.path() });
            }
        }
        self.compare()
    }

    /// After the last entry. `partial` says whether the tiles at the right edge must be there; a log that is growing
    /// replaces them.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn finish(self, partial: bool) -> Result<(), Fault> {
        let found = self.growth.size();
        if found < self.signed.size() {
            return Err(Fault::RolledBack {
                kept: self.signed.size(),
                found,
            });
        }
        if *self.signed.root() != self.growth.root() {
            return Err(Fault::Root { size: found });
        }
        for (tile, bytes) in self.growth.partial().filter(|_| partial) {
            if self.folder.bytes(&tile.path()).ok() != Some(bytes) {
                return Err(Fault::Tile { path: tile.path() });
            }
        }
        Ok(())
    }

    fn compare(&mut self) -> Result<(), Fault> {
        let size = self.growth.size();
        while let Some(kept) = self.older.pop_if(|kept| kept.size() == size) {
            if *kept.root() != self.growth.root() {
                return Err(Fault::Forked { size });
            }
        }
        Ok(())
    }

    /// Compares with the tile on disk. Where both differ, the one that leads to the root is right.
    fn compare_leaf(&mut self, index: u64, leaf: &Hash) -> Result<(), Fault> {
        let size = self.signed.size();
        let Some(tile) = Tile::hashes(0, index / 256, size) else {
            return Ok(());
        };
        let spoilt = || Fault::Tile { path: tile.path() };
        if index.is_multiple_of(256) {
            let bytes = self.folder.tile_or_wider(&tile).map_err(|_| spoilt())?;
            self.leaves = decode_tile(&tile, &bytes).map_err(|_| spoilt())?;
        }
        let within = usize::try_from(index % 256).unwrap_or(usize::MAX);
        let known = self.leaves.get(within).ok_or_else(spoilt)?;
        if known == leaf {
            return Ok(());
        }
        let path = inclusion(&TileHashes::new(self.folder, size), index, size);
        let signed = path.is_ok_and(|path| {
            verify_inclusion(&path, index, known, size, self.signed.root()).is_ok()
        });
        Err(if signed {
            Fault::Entry { index }
        } else {
            spoilt()
        })
    }
}
