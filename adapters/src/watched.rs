//! Files of sources, watched while a decoder reads them: a disk that fails is not a file that is wrong.

use std::{
    cell::Cell,
    io::{self, Read, Seek, SeekFrom},
};

use crate::adapter::ReadSeek;

/// What happened to a file while others read from it.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Bytes that may still be read; `None` is without limit.
    left: Cell<Option<u64>>,
    failed: Cell<Option<io::ErrorKind>>,
}

/// A file that tells its [`Watch`] when it cannot be read, so that a bad disk is never taken for a bad archive.
pub(crate) struct Watched<'a> {
    file: &'a mut dyn ReadSeek,
    watch: &'a Watch,
}

impl Watch {
    /// Lets at most this many bytes more be read.
    pub(crate) fn limit(&self, left: Option<u64>) {
        self.left.set(left);
    }

    /// How the file could not be read, if it could not.
    pub(crate) fn failed(&self) -> Option<io::ErrorKind> {
        self.failed.get()
    }

    fn check<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.failed.set(Some(error.kind()));
        }
        result
    }
}

impl<'a> Watched<'a> {
    pub(crate) fn new(file: &'a mut dyn ReadSeek, watch: &'a Watch) -> Self {
        Self { file, watch }
    }

    /// What it tells.
    pub(crate) fn watch(&self) -> &'a Watch {
        self.watch
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.watch.left.get().unwrap_or(u64::MAX);
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::other("more was read than is allowed"));
        }
        let want = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self
            .watch
            .check(self.file.read(buffer.get_mut(..want).unwrap_or_default()))?;
        let left = self.watch.left.get();
        self.watch
            .left
            .set(left.map(|left| left.saturating_sub(read as u64)));
        Ok(read)
    }
}

impl Seek for Watched<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        // Seeking before the start is the archive's fault: offsets in it are not to be trusted.
        match self.file.seek(position) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(error),
            result => self.watch.check(result),
        }
    }
}
