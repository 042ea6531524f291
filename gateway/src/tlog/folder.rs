//! A log as a folder of static files: `checkpoint`, `tile/<level>/...`, `tile/entries/...`.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use turnpike_schemas::tlog::{Tile, TileSource, TlogError};

/// Name of the checkpoint in a folder.
pub const CHECKPOINT: &str = "checkpoint";

/// Longest file that is read whole: a bundle of the longest entries.
const MAX_FILE: u64 = 256 * (65_535 + 2);

/// A folder that holds a log.
#[derive(Debug, Clone)]
pub struct Folder {
    dir: PathBuf,
}

/// Why a file of a log could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The file cannot be read or written.
    #[error("`{path}`: {error}")]
    File {
        /// Path below the folder.
        path: String,
        /// What the system said.
        error: io::Error,
    },
    /// The file is not what it should be.
    #[error(transparent)]
    Log(#[from] TlogError),
}

impl Folder {
    /// The log in `dir`, which need not exist yet.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The text of the file at `path`, when it is there.
    ///
    /// # Errors
    /// [`FolderError::File`], also for text that is not UTF-8.
    pub fn text(&self, path: &str) -> Result<Option<String>, FolderError> {
        match std::fs::read_to_string(self.dir.join(path)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(path)(error)),
        }
    }

    /// The bytes of the file at `path`.
    ///
    /// # Errors
    /// [`FolderError::File`], also when it is not there or longer than any file of a log.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>, FolderError> {
        let full = self.dir.join(path);
        let length = std::fs::metadata(&full).map_err(at(path))?.len();
        if length > MAX_FILE {
            return Err(at(path)(io::ErrorKind::FileTooLarge.into()));
        }
        std::fs::read(full).map_err(at(path))
    }

    /// The bytes of `tile`: its own, or the beginning of a wider one where that is there instead.
    ///
    /// # Errors
    /// [`FolderError::File`] when none is there.
    pub fn tile_or_wider(&self, tile: &Tile) -> Result<Vec<u8>, FolderError> {
        let own = self.bytes(&tile.path());
        if own.is_ok() || tile.is_full() || tile.level().is_none() {
            return own;
        }
        let full = tile.to_full().path();
        let wider = self.bytes(&full).or_else(|error| match self.widest(&full) {
            Some(path) => self.bytes(&path),
            None => Err(error),
        });
        let mut wider = wider.or(own)?;
        wider.truncate(32 * usize::from(tile.width()));
        Ok(wider)
    }

    /// The widest partial tile at the place of the full tile `path`.
    fn widest(&self, path: &str) -> Option<String> {
        let widths = std::fs::read_dir(self.dir.join(format!("{path}.p"))).ok()?;
        let widths = widths.filter_map(|file| file.ok()?.file_name().to_str()?.parse::<u16>().ok());
        widths.max().map(|width| format!("{path}.p/{width}"))
    }

    /// Writes the file at `path` so that it is there whole or not at all, also after a crash.
    ///
    /// # Errors
    /// [`FolderError::File`].
    pub fn put(&self, path: &str, bytes: &[u8]) -> Result<(), FolderError> {
        write_durably(&self.dir.join(path), bytes).map_err(at(path))
    }

    /// Writes the file at `path` so that whoever reads it finds it whole. What a crash takes of it must be noticed and made
    /// again by other means: this waits for no disk.
    ///
    /// # Errors
    /// [`FolderError::File`].
    pub fn put_unsynced(&self, path: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let (full, temporary) = (self.dir.join(path), self.dir.join(format!("{path}.part")));
        let made = full.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&temporary, bytes))
            .and_then(|()| std::fs::rename(temporary, full))
            .map_err(at(path))
    }

    /// Writes the file at `path` without making it durable; for copies that are made durable as a whole.
    ///
    /// # Errors
    /// [`FolderError::File`].
    pub(super) fn put_quick(&self, path: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let full = self.dir.join(path);
        let made = full.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(full, bytes))
            .map_err(at(path))
    }

    /// Adds one line to the file at `path`, durably.
    ///
    /// # Errors
    /// [`FolderError::File`].
    pub fn add_line(&self, path: &str, line: &str) -> Result<(), FolderError> {
        let add = || {
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(self.dir.join(path))?;
            file.write_all(format!("{line}\n").as_bytes())?;
            file.sync_data()
        };
        add().map_err(at(path))
    }

    /// Removes the file at `path` when it is there.
    ///
    /// # Errors
    /// [`FolderError::File`].
    pub fn remove(&self, path: &str) -> Result<(), FolderError> {
        let full = self.dir.join(path);
        match std::fs::remove_file(&full) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(path)(error)),
        }
        // The folder of partial tiles goes with the last of them.
        full.parent()
            .map_or(Ok(()), |parent| match std::fs::remove_dir(parent) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    Err(at(path)(error))
                }
                _ => Ok(()),
            })
    }
}

impl TileSource for &Folder {
    type Error = FolderError;

    fn tile(&self, tile: &Tile) -> Result<Vec<u8>, FolderError> {
        self.tile_or_wider(tile)
    }
}

/// Writes `path` beside its place, makes it durable and puts it there; makes the folders it needs.
///
/// # Errors
/// As the system reports; then the file is as it was.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    make_dirs(parent)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".part");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Makes the name of `path` durable.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// Makes `dir` and what is missing above it, each with a durable name.
fn make_dirs(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    dir.parent().map_or(Ok(()), make_dirs)?;
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_parent(dir)
}

fn at(path: &str) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    move |error| FolderError::File { path, error }
}
