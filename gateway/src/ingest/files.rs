//! The file work of a drop folder: listing, stamping, moving, removing, and writing so that readers see all or nothing.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use turnpike_schemas::hex::hex;

/// What tells that a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    pub(super) changed: SystemTime,
}

pub(super) fn digest(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
}

/// Removes the plain files last written longer ago than `kept`.
pub(super) fn remove_older(folder: &Path, now: Timestamp, kept: Duration) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let written = Timestamp::try_from(metadata.modified()?).map_err(io::Error::other)?;
        let age = now.duration_since(written);
        if metadata.is_file() && age.is_positive() && age.unsigned_abs() > kept {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Plain files that are not hidden and not marked as parts, in the order of their names.
pub(super) fn files(folder: &Path) -> io::Result<Vec<(PathBuf, Stamp)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let partial = is_partial(&name);
        // Links are not followed: a source must not make the gateway read other files.
        if partial || !entry.file_type()?.is_file() {
            continue;
        }
        match stamp_of(&entry.path()) {
            Ok(stamp) => files.push((entry.path(), stamp)),
            // Gone since the folder was read: that is its owner's right, and no fault of the others.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(files)
}

/// Whether a name says that its file is hidden or still being written.
pub(super) fn is_partial(name: &str) -> bool {
    let ends = [".part", ".tmp", ".filepart"];
    name.starts_with('.') || ends.iter().any(|end| name.ends_with(end))
}

pub(super) fn stamp_of(path: &Path) -> io::Result<Stamp> {
    let metadata = fs::symlink_metadata(path)?;
    Ok(Stamp {
        bytes: metadata.len(),
        changed: metadata.modified()?,
    })
}

pub(super) fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Writes a whole file under a temporary name, syncs it, and renames it: readers see all of it or nothing.
pub(super) fn write_durably(folder: &Path, name: &str, body: &[u8]) -> io::Result<()> {
    let plain = Path::new(name)
        .file_name()
        .is_some_and(|plain| plain == name);
    if !plain {
        return Err(io::Error::other(
            "an acknowledgement's name must be a plain file name",
        ));
    }
    let part = folder.join(format!(".{name}.part"));
    let mut file = File::create(&part)?;
    file.write_all(body)?;
    file.sync_all()?;
    fs::rename(&part, folder.join(name))?;
    File::open(folder)?.sync_all()
}

/// Moves a file; a name that is taken gets a number.
pub(super) fn move_into(path: &Path, folder: &Path) -> io::Result<()> {
    move_to(path, &free_name(path, folder))
}

/// Where in `folder` a file can go.
pub(super) fn free_name(path: &Path, folder: &Path) -> PathBuf {
    let name = name_of(path);
    let mut target = folder.join(&name);
    let mut number = 1;
    while target.exists() {
        target = folder.join(format!("{name}.{number}"));
        number += 1;
    }
    target
}

/// Moves a file within one file system. Durable when this returns.
pub(super) fn move_to(path: &Path, target: &Path) -> io::Result<()> {
    fs::rename(path, target)?;
    match target.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
