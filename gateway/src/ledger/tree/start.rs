//! Comparing what is on disk with what was signed, while the entries are walked at the start.

use std::io;
use std::path::Path;

use turnpike_schemas::tlog::{Growth, Hash, KeyKind, SignedCheckpoint, Tile, leaf_hash};

use super::{FOLDER, Grower, TreeConfig, TreeError, VKEY};
use crate::tlog::{AwsEd25519, CHECKPOINT, Folder, SigningKey};

/// The tree as it comes back entry by entry.
#[derive(Debug)]
pub(in crate::ledger) struct Start {
    signer: SigningKey,
    folder: Folder,
    signed: Option<SignedCheckpoint>,
    is_new_key: bool,
    growth: Growth,
    /// Tiles over signed entries that are not on disk as they should be.
    spoilt: Vec<(Tile, Vec<u8>)>,
}

impl Start {
    /// Reads key and checkpoint; makes the key when nothing was ever signed.
    pub(in crate::ledger) fn prepare(dir: &Path, config: &TreeConfig) -> Result<Self, TreeError> {
        let folder = Folder::new(dir.join(FOLDER));
        let note = folder.text(CHECKPOINT)?;
        let (signer, is_new_key) = signer(config, note.is_some())?;
        let key = signer.verifier();
        if let Some(wanted) = config
            .origin
            .as_ref()
            .filter(|wanted| *wanted != key.name())
        {
            return Err(TreeError::OtherLog {
                wanted: wanted.clone(),
                found: key.name().to_owned(),
            });
        }
        let open = |note: String| SignedCheckpoint::open(&note, key, &AwsEd25519);
        let signed = note.map(open).transpose()?;
        let start = Self {
            signer,
            folder,
            signed,
            is_new_key,
            growth: Growth::default(),
            spoilt: Vec::new(),
        };
        start.compare()?;
        Ok(start)
    }

    /// Takes the next entry on disk.
    pub(in crate::ledger) fn take(&mut self, entry: &[u8]) -> Result<(), TreeError> {
        for (tile, bytes) in self.growth.append(leaf_hash(entry)).into_iter().flatten() {
            if self.folder.bytes(&tile.path()).ok().as_ref() != Some(&bytes) {
                self.restore(tile, bytes)?;
            }
        }
        self.compare()
    }

    /// After the last entry, before anything is changed: whether all that was signed is there.
    pub(in crate::ledger) fn check(&self) -> Result<(), TreeError> {
        let found = self.growth.size();
        match &self.signed {
            Some(signed) if signed.size() > found => Err(TreeError::RolledBack {
                signed: signed.size(),
                found,
            }),
            None if found > 0 && !self.is_new_key => {
                Err(TreeError::CheckpointMissing { entries: found })
            }
            _ => Ok(()),
        }
    }

    /// The tree, with a checkpoint over everything on disk.
    pub(in crate::ledger) fn finish(self) -> Result<Grower, TreeError> {
        for (tile, bytes) in &self.spoilt {
            tracing::warn!(
                tile = tile.path(),
                "a tile was not as signed; written again"
            );
            self.folder.put_unsynced(&tile.path(), bytes)?;
        }
        let vkey = format!("{}\n", self.signer.verifier());
        if self.folder.text(VKEY)?.as_ref() != Some(&vkey) {
            self.folder.put(VKEY, vkey.as_bytes())?;
        }
        Grower::start(self.signer, self.folder, self.growth, self.signed)
    }

    /// Tiles over what was signed are only written again once the root has come out; so a ledger that is not opened is left as
    /// it was found.
    fn restore(&mut self, tile: Tile, bytes: Vec<u8>) -> Result<(), TreeError> {
        let signed = self.signed.as_ref().map_or(0, SignedCheckpoint::size);
        if self.growth.size() <= signed {
            self.spoilt.push((tile, bytes));
            return Ok(());
        }
        Ok(self.folder.put_unsynced(&tile.path(), &bytes)?)
    }

    fn compare(&self) -> Result<(), TreeError> {
        let (size, signed) = (self.growth.size(), self.signed.as_ref());
        let differs = |root: &Hash| *root != self.growth.root();
        match signed.filter(|signed| signed.size() == size) {
            Some(signed) if differs(signed.root()) => Err(TreeError::Forked { size }),
            _ => Ok(()),
        }
    }
}

/// The key, and whether it was made just now.
fn signer(config: &TreeConfig, has_signed: bool) -> Result<(SigningKey, bool), TreeError> {
    match std::fs::metadata(&config.key_file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if has_signed {
                return Err(TreeError::KeyMissing {
                    path: config.key_file.clone(),
                });
            }
            let origin = config.origin.as_deref();
            let made = SigningKey::create(&config.key_file, origin, KeyKind::Log)?;
            Ok((made, true))
        }
        _ => Ok((SigningKey::load(&config.key_file, KeyKind::Log)?, false)),
    }
}
