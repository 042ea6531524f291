//! A disk in memory that fails on demand.

use std::io;
use std::sync::{Arc, Condvar, Mutex};

use turnpike_schemas::ledger::Entry;

use super::super::{LedgerStorage, segment};
use super::entries;

pub(super) const EIO: i32 = 5;
pub(super) const ENOSPC: i32 = 28;
pub(super) const EROFS: i32 = 30;
pub(super) const EDQUOT: i32 = 122;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Write(i32),
    /// Half of the bytes arrive.
    ShortWrite(i32),
    Sync(i32),
    HangingSync,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    durable: usize,
    fault: Option<Fault>,
    hanging: bool,
    touched: u64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<(Mutex<State>, Condvar)>);

impl Disk {
    /// From now on every write or sync fails like this; `None` repairs the disk.
    pub(super) fn set(&self, fault: impl Into<Option<Fault>>) {
        self.0.0.lock().unwrap().fault = fault.into();
        self.0.1.notify_all();
    }

    pub(super) fn is_hanging(&self) -> bool {
        self.0.0.lock().unwrap().hanging
    }

    /// Calls so far that would have changed a disk.
    pub(super) fn touched(&self) -> u64 {
        self.0.0.lock().unwrap().touched
    }

    /// The durable entries.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let dir = tempfile::tempdir().unwrap();
        let state = self.0.0.lock().unwrap();
        std::fs::write(
            dir.path().join(segment::name(0)),
            &state.bytes[..state.durable],
        )
        .unwrap();
        entries(dir.path())
    }
}

impl LedgerStorage for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.touched += 1;
        let (kept, result) = match state.fault {
            Some(Fault::Write(code)) => (0, Err(io::Error::from_raw_os_error(code))),
            Some(Fault::ShortWrite(code)) => {
                (bytes.len() / 2, Err(io::Error::from_raw_os_error(code)))
            }
            _ => (bytes.len(), Ok(())),
        };
        state.bytes.extend_from_slice(&bytes[..kept]);
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.touched += 1;
        while state.fault == Some(Fault::HangingSync) {
            state.hanging = true;
            state = self.0.1.wait(state).unwrap();
        }
        state.hanging = false;
        if let Some(Fault::Sync(code)) = state.fault {
            return Err(io::Error::from_raw_os_error(code));
        }
        state.durable = state.bytes.len();
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.touched += 1;
        state.bytes.truncate(usize::try_from(length).unwrap());
        state.durable = state.bytes.len();
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
