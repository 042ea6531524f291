//! Writing a log as static files, and following one that somebody else writes.

use turnpike_schemas::tlog::{
    Bundle, Growth, RightEdge, SignedCheckpoint, Tile, TileHashes, TileSource, TlogError,
    VerifierKey, consistency, leaf_hash, put_entry, verify_consistency,
};

use super::{AwsEd25519, CHECKPOINT, Folder, FolderError};

/// Where a log is read from.
pub trait Origin {
    /// The file at `path` below the prefix of the log; `None` when it is not there.
    ///
    /// # Errors
    /// [`FolderError`].
    fn fetch(&self, path: &str) -> Result<Option<Vec<u8>>, FolderError>;
}

/// What following a log brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// Entries before.
    pub from: u64,
    /// Entries now.
    pub to: u64,
}

/// Why a log is not followed. The copy stays at its last checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The checkpoint there is not signed by this log.
    #[error("the checkpoint there cannot be believed: {0}")]
    Checkpoint(TlogError),
    /// The copy itself is not what it was.
    #[error("this copy is damaged ({0}); verify it, or begin a new one")]
    Copy(TlogError),
    /// There are fewer entries than were copied.
    #[error("rolled back: {kept} entries were copied and signed, there are {found} now")]
    RolledBack {
        /// Entries in the copy.
        kept: u64,
        /// Entries there.
        found: u64,
    },
    /// The history there is another one than that which was copied.
    #[error("forked: what is there does not continue the {size} entries that were copied")]
    Forked {
        /// Entries in the copy.
        size: u64,
    },
    /// What was served is not what the checkpoint there covers.
    #[error("`{path}` is not what the checkpoint covers")]
    Served {
        /// Its path.
        path: String,
    },
}

/// Writes entries one by one as bundles and tiles; the checkpoint comes last.
#[derive(Debug)]
pub struct Export<'a> {
    folder: &'a Folder,
    growth: Growth,
    bundle: Vec<u8>,
}

impl Origin for Folder {
    fn fetch(&self, path: &str) -> Result<Option<Vec<u8>>, FolderError> {
        match self.bytes(path) {
            Err(FolderError::File { error, .. })
                if error.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            other => other.map(Some),
        }
    }
}

impl<'a> Export<'a> {
    /// Begins with an empty log.
    #[must_use]
    pub fn new(folder: &'a Folder) -> Self {
        Self::resume(folder, Growth::default(), Vec::new())
    }

    /// Goes on with a log whose last, unfinished bundle is `bundle`.
    fn resume(folder: &'a Folder, growth: Growth, bundle: Vec<u8>) -> Self {
        Self {
            folder,
            growth,
            bundle,
        }
    }

    /// Entries so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.growth.size()
    }

    /// Adds one entry.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn add(&mut self, entry: &[u8]) -> Result<(), FolderError> {
        put_entry(entry, &mut self.bundle)?;
        let full = self.growth.append(leaf_hash(entry)).unwrap_or_default();
        for (tile, bytes) in &full {
            self.folder.put_quick(&tile.path(), bytes)?;
        }
        if !full.is_empty() {
            self.put_bundle()?;
            self.bundle.clear();
        }
        Ok(())
    }

    /// Writes what is unfinished, makes everything durable, then writes the checkpoint when it is that of these entries.
    ///
    /// # Errors
    /// [`TlogError::Fork`] when it is not; [`FolderError`].
    pub fn finish(self, signed: &SignedCheckpoint) -> Result<(), FolderError> {
        if self.size() != signed.size() || self.growth.root() != *signed.root() {
            let size = signed.size();
            return Err(TlogError::Fork { size }.into());
        }
        for (tile, bytes) in self.growth.partial() {
            self.folder.put_quick(&tile.path(), &bytes)?;
        }
        if !self.bundle.is_empty() {
            self.put_bundle()?;
        }
        rustix::fs::sync();
        self.folder
            .put(CHECKPOINT, signed.note().to_string().as_bytes())
    }

    fn put_bundle(&self) -> Result<(), FolderError> {
        let last = self.size().saturating_sub(1) / 256;
        match Tile::entries(last, self.size()) {
            Some(tile) => self.folder.put_quick(&tile.path(), &self.bundle),
            None => Ok(()),
        }
    }
}

/// Brings `copy` up to the newest checkpoint of the log at `origin`. Nothing is accepted that does not continue what was
/// copied before: consistency is proved first, and the entries must lead to the root.
///
/// # Errors
/// [`FollowError`].
pub fn follow(
    origin: &dyn Origin,
    copy: &Folder,
    key: &VerifierKey,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Followed, FollowError> {
    let theirs = checkpoint(origin, key)?.ok_or_else(|| FolderError::File {
        path: CHECKPOINT.to_owned(),
        error: std::io::ErrorKind::NotFound.into(),
    })?;
    let ours = checkpoint(copy, key)?;
    let from = ours.as_ref().map_or(0, SignedCheckpoint::size);
    let (size, to) = (from, theirs.size());
    if from > to {
        return Err(FollowError::RolledBack {
            kept: from,
            found: to,
        });
    }
    if let Some(ours) = &ours {
        let hashes = TileHashes::new(Fetched(origin), to);
        let path = consistency(&hashes, from, to)?;
        verify_consistency(&path, (from, ours.root()), (to, theirs.root()))
            .map_err(|_| FollowError::Forked { size })?;
    }
    if from == to && ours.is_some() {
        copy.put(CHECKPOINT, theirs.note().to_string().as_bytes())?;
        return Ok(Followed { from, to });
    }
    let (growth, bundle) = resume(copy, ours.as_ref())?;
    let mut export = Export::resume(copy, growth, bundle);
    for tile in Tile::all_entries(to).skip_while(|tile| tile.first() + 255 < from) {
        let served = || FollowError::Served { path: tile.path() };
        let bytes = origin.fetch(&tile.path())?.ok_or_else(served)?;
        let mut entries = Bundle::new(&bytes);
        for index in tile.first()..tile.first() + u64::from(tile.width()) {
            let entry = entries.next().ok_or_else(served)?.map_err(|_| served())?;
            if index >= from {
                export.add(entry)?;
            }
        }
        progress(export.size() - from, to - from);
    }
    export.finish(&theirs).map_err(|error| match error {
        FolderError::Log(_) => FollowError::Forked { size },
        other => other.into(),
    })?;
    drop_partial(copy, from, to)?;
    Ok(Followed { from, to })
}

impl From<TlogError> for FollowError {
    fn from(error: TlogError) -> Self {
        Self::Folder(error.into())
    }
}

fn checkpoint(
    log: &dyn Origin,
    key: &VerifierKey,
) -> Result<Option<SignedCheckpoint>, FollowError> {
    let Some(bytes) = log.fetch(CHECKPOINT)? else {
        return Ok(None);
    };
    let note = String::from_utf8(bytes)
        .map_err(|_| FollowError::Checkpoint(TlogError::Malformed("signed note")))?;
    SignedCheckpoint::open(&note, key, &AwsEd25519)
        .map(Some)
        .map_err(FollowError::Checkpoint)
}

/// Removes what was unfinished at `from` and is not needed any more.
fn drop_partial(copy: &Folder, from: u64, to: u64) -> Result<(), FolderError> {
    let unfinished = |size| Tile::right_edge(size).chain(Tile::entries(size / 256, size));
    let needed: Vec<Tile> = unfinished(to).collect();
    unfinished(from)
        .filter(|tile| !needed.contains(tile))
        .try_for_each(|tile| copy.remove(&tile.path()))
}

/// The tree of a copy, restored from its right edge, and its unfinished bundle.
fn resume(
    copy: &Folder,
    ours: Option<&SignedCheckpoint>,
) -> Result<(Growth, Vec<u8>), FollowError> {
    let Some(ours) = ours else {
        return Ok(Default::default());
    };
    let mut edge = RightEdge::new(ours.size());
    for tile in edge.tiles() {
        let bytes = copy.tile_or_wider(&tile)?;
        edge.put(&tile, &bytes).map_err(FollowError::Copy)?;
    }
    let growth = edge.finish().map_err(FollowError::Copy)?;
    if growth.root() != *ours.root() {
        return Err(FollowError::Copy(TlogError::Fork { size: ours.size() }));
    }
    let bundle = match Tile::entries(ours.size() / 256, ours.size()) {
        Some(tile) => copy.bytes(&tile.path())?,
        None => Vec::new(),
    };
    Ok((growth, bundle))
}

/// Tiles over the wire.
struct Fetched<'a>(&'a dyn Origin);

impl TileSource for Fetched<'_> {
    type Error = FolderError;

    fn tile(&self, tile: &Tile) -> Result<Vec<u8>, FolderError> {
        let bytes = self.0.fetch(&tile.path())?;
        bytes.ok_or_else(|| FolderError::File {
            path: tile.path(),
            error: std::io::ErrorKind::NotFound.into(),
        })
    }
}
