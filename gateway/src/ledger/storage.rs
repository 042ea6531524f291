//! Where the writer puts its bytes.

use std::fmt::Debug;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::error::cannot;
use super::{LedgerError, Room, segment};

const LOCK: &str = "ledger.lock";

/// The disk as the writer sees it: one growing segment at a time. Used by one thread only; may block.
pub trait LedgerStorage: Debug + Send + 'static {
    /// Adds `bytes` to the segment.
    ///
    /// # Errors
    /// As the system reports; then any part of `bytes` may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns once everything appended is durable.
    ///
    /// # Errors
    /// As the system reports; then nothing appended since the last success may be trusted.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the segment to `length` bytes, durably.
    ///
    /// # Errors
    /// As the system reports; then the length is unknown.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Begins the next segment, durably. May be called again after it failed.
    ///
    /// # Errors
    /// As the system reports; then the segment stays the same.
    fn rotate(&mut self) -> io::Result<()>;

    /// How much room there is; `None` where that cannot be told.
    fn room(&self) -> Option<Room> {
        None
    }
}

/// Segments in one directory, which only this process may write while this value lives.
#[derive(Debug)]
pub struct FileStorage {
    dir: PathBuf,
    segment: u32,
    file: File,
    _lock: File,
}

/// The exclusive right to write in a directory.
#[derive(Debug)]
pub(super) struct Held {
    dir: PathBuf,
    lock: File,
}

impl Held {
    /// Makes the directory if needed and takes its lock.
    pub(super) fn take(dir: &Path) -> Result<Self, LedgerError> {
        if !dir.exists() {
            make_dir(dir).map_err(cannot("make the directory of"))?;
        }
        let lock = private()
            .write(true)
            .create(true)
            .open(dir.join(LOCK))
            .map_err(cannot("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                dir: dir.to_owned(),
                lock,
            }),
            Err(TryLockError::WouldBlock) => Err(LedgerError::Locked),
            Err(TryLockError::Error(source)) => Err(LedgerError::Open {
                operation: "lock",
                source,
            }),
        }
    }

    /// Opens `segment`, cut to `length`, and makes sure that what was read from it is durable.
    pub(super) fn into_storage(self, segment: u32, length: u64) -> io::Result<FileStorage> {
        let file = open_segment(&self.dir, segment)?;
        if file.metadata()?.len() > length {
            file.set_len(length)?;
        }
        file.sync_all()?;
        sync_dir(&self.dir)?;
        Ok(FileStorage {
            dir: self.dir,
            segment,
            file,
            _lock: self.lock,
        })
    }
}

impl LedgerStorage for FileStorage {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_all()
    }

    fn rotate(&mut self) -> io::Result<()> {
        let next = self
            .segment
            .checked_add(1)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        let file = open_segment(&self.dir, next)?;
        if file.metadata()?.len() > 0 {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        sync_dir(&self.dir)?;
        (self.segment, self.file) = (next, file);
        Ok(())
    }

    fn room(&self) -> Option<Room> {
        let disk = rustix::fs::fstatvfs(&self.file).ok()?;
        // As `df` counts: what only the administrator may use is neither used nor free.
        let used = disk.f_blocks.saturating_sub(disk.f_bfree);
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Some(Room {
            total: bytes(used.saturating_add(disk.f_bavail)),
            free: bytes(disk.f_bavail),
        })
    }
}

fn open_segment(dir: &Path, number: u32) -> io::Result<File> {
    private()
        .append(true)
        .create(true)
        .open(dir.join(segment::name(number)))
}

/// The ledger names plates and persons: only its own user may read it.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    dir.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .map_or(Ok(()), sync_dir)
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
