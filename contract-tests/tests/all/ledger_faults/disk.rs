//! A disk in memory that fails on demand.

use std::{
    io,
    sync::{Arc, Condvar, Mutex},
};

use tempfile::TempDir;
use turnpike_gateway::ledger::{self, LedgerStorage};
use turnpike_schemas::ledger::Entry;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

/// What goes wrong from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing is written.
    Write(i32),
    /// Half is written.
    ShortWrite(i32),
    /// Nothing is known to be durable.
    Sync(i32),
    /// Nothing ever comes back.
    Hang,
}

/// Every fault, and whether the gateway goes on by itself once it is over.
pub(super) const FAULTS: [(Fault, bool); 8] = [
    (Fault::Write(ENOSPC), true),
    (Fault::ShortWrite(ENOSPC), true),
    (Fault::Hang, true),
    (Fault::Write(EIO), false),
    (Fault::ShortWrite(EIO), false),
    (Fault::Sync(EIO), false),
    (Fault::Write(EROFS), false),
    (Fault::Sync(ENOSPC), false),
];

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    durable: usize,
    fault: Option<Fault>,
}

/// The disk; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<(Mutex<State>, Condvar)>);

impl Disk {
    /// Every write or sync fails like this from now on; `None` repairs the disk.
    pub(super) fn set(&self, fault: Option<Fault>) {
        self.0.0.lock().unwrap().fault = fault;
        self.0.1.notify_all();
    }

    /// The entries that are durable.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let state = self.0.0.lock().unwrap();
        let folder = folder(&state.bytes[..state.durable]);
        let entries = ledger::read(folder.path()).unwrap();
        entries.collect::<Result<_, _>>().unwrap()
    }

    /// A folder with everything that was written, as a restart would find it.
    pub(super) fn after_a_crash(&self) -> TempDir {
        folder(&self.0.0.lock().unwrap().bytes)
    }
}

fn folder(bytes: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ledger-00000000.log"), bytes).unwrap();
    folder
}

impl LedgerStorage for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
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
        while state.fault == Some(Fault::Hang) {
            state = self.0.1.wait(state).unwrap();
        }
        if let Some(Fault::Sync(code)) = state.fault {
            return Err(io::Error::from_raw_os_error(code));
        }
        state.durable = state.bytes.len();
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.bytes.truncate(usize::try_from(length).unwrap());
        state.durable = state.bytes.len();
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
