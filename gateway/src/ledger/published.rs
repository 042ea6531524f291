//! Serving the tree and the entries under the newest checkpoint.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use turnpike_schemas::tlog::{
    LogProof, Note, Tile, TileHashes, inclusion, leaf_hash, put_entry, verify_inclusion,
};

use super::places::{Place, STEP};
use super::shared::Shared;
use super::tree::FOLDER;
use super::{Head, Heads, segment};
use crate::tlog::{Folder, FolderError};

/// What others may see of the ledger: its folder, and the newest signed checkpoint.
#[derive(Debug, Clone)]
pub struct Published {
    pub(super) dir: PathBuf,
    pub(super) heads: Heads,
    pub(super) shared: Arc<Shared>,
}

impl Published {
    /// The folder of the ledger.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The newest signed checkpoint.
    #[must_use]
    pub fn head(&self) -> Head {
        self.heads.borrow().clone()
    }

    /// What follows the newest checkpoint.
    #[must_use]
    pub fn heads(&self) -> Heads {
        self.heads.clone()
    }

    /// The folder of tiles and checkpoints.
    #[must_use]
    pub fn folder(&self) -> Folder {
        Folder::new(self.dir.join(FOLDER))
    }

    /// The bytes of a tile of hashes, or of a bundle of entries; `None` when the newest checkpoint does not need it.
    /// A partial tile is the beginning of any wider one. Blocks.
    ///
    /// # Errors
    /// The files cannot be read or are not as written.
    pub fn tile(&self, tile: &Tile) -> Result<Option<Vec<u8>>, FolderError> {
        let size = self.heads.borrow().size;
        let now = match tile.level() {
            Some(level) => Tile::hashes(level, tile.index(), size),
            None => Tile::entries(tile.index(), size),
        };
        let Some(now) = now.filter(|now| now.width() >= tile.width()) else {
            return Ok(None);
        };
        if tile.level().is_none() {
            return self.bundle(tile).map(Some);
        }
        let mut bytes = self.folder().tile_or_wider(&now)?;
        bytes.truncate(32 * usize::from(tile.width()));
        Ok(Some(bytes))
    }

    /// A proof that entry `index` is under the newest checkpoint; `None` when it is not. Blocks.
    ///
    /// # Errors
    /// The files cannot be read or do not prove it.
    pub fn prove(&self, index: u64) -> Result<Option<LogProof>, FolderError> {
        let head = self.head();
        let Some(bundle) = Tile::entries(index / STEP, head.size).filter(|_| index < head.size)
        else {
            return Ok(None);
        };
        let entries = self.entries(&bundle)?;
        let within = usize::try_from(index % STEP).unwrap_or(usize::MAX);
        let entry = entries.get(within).ok_or_else(|| damaged(&bundle))?;
        let path = inclusion(
            &TileHashes::new(&self.folder(), head.size),
            index,
            head.size,
        )?;
        verify_inclusion(&path, index, &leaf_hash(entry), head.size, &head.root)?;
        Ok(Some(LogProof {
            extra: None,
            index,
            path,
            checkpoint: Note::parse(&head.note)?,
        }))
    }

    fn bundle(&self, tile: &Tile) -> Result<Vec<u8>, FolderError> {
        let mut bundle = Vec::new();
        for entry in self.entries(tile)? {
            put_entry(&entry, &mut bundle)?;
        }
        Ok(bundle)
    }

    /// The entries of a bundle, read from the segments.
    fn entries(&self, tile: &Tile) -> Result<Vec<Vec<u8>>, FolderError> {
        let place = self.shared.places.of_bundle(tile.index());
        let mut place = place.ok_or_else(|| damaged(tile))?;
        let mut entries = Vec::with_capacity(tile.width().into());
        while entries.len() < usize::from(tile.width()) {
            let before = entries.len();
            self.read_from(place, tile.width().into(), &mut entries)
                .map_err(|error| FolderError::File {
                    path: segment::name(place.segment),
                    error,
                })?;
            if entries.len() == before && place.offset == 0 {
                return Err(damaged(tile));
            }
            place = Place {
                segment: place.segment + 1,
                offset: 0,
            };
        }
        Ok(entries)
    }

    /// Reads lines from `place` to the end of its segment, until there are `enough`.
    fn read_from(&self, place: Place, enough: usize, out: &mut Vec<Vec<u8>>) -> io::Result<()> {
        let mut file = File::open(self.dir.join(segment::name(place.segment)))?;
        file.seek(SeekFrom::Start(place.offset))?;
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        while out.len() < enough {
            line.clear();
            let limit = segment::MAX_LINE as u64;
            let read = reader.by_ref().take(limit).read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            let whole = line.strip_suffix(b"\n").ok_or(io::ErrorKind::InvalidData)?;
            let entry = segment::entry_of(whole).map_err(|_| io::ErrorKind::InvalidData)?;
            out.push(entry.to_vec());
        }
        Ok(())
    }
}

fn damaged(tile: &Tile) -> FolderError {
    FolderError::File {
        path: tile.path(),
        error: io::ErrorKind::InvalidData.into(),
    }
}
