//! What callers and the writer see of each other without waiting.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use turnpike_schemas::ledger::InterruptReason;
use uuid::Uuid;

use super::places::Places;
use super::space::Space;
use super::tree::Pending;
use super::{Now, Unavailable};

/// An intent on disk that will get no outcome.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owed {
    pub(super) intent: u64,
    pub(super) question: Option<Uuid>,
    pub(super) reason: InterruptReason,
}

/// How the ledger is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerStats {
    /// Entries in the ledger.
    pub entries: u64,
    /// Batches written since it was opened.
    pub batches: u64,
    /// How long the last sync took.
    pub last_sync: Duration,
    /// Calls that wait for the writer.
    pub queued: u64,
    /// Intents on disk whose ticket is still out.
    pub open_tickets: u64,
    /// Intents that wait for their `interrupted` entry.
    pub owed: u64,
    /// Ten-thousandths of the disk that are used; 0 where that is not known.
    pub space_used: u32,
    /// Why entries are not taken, if so.
    pub trouble: Option<Unavailable>,
}

/// When witnesses last vouched, and how long that counts.
#[derive(Debug, Clone, Copy)]
struct Vouching {
    max_age: Duration,
    at: Option<Timestamp>,
}

impl Vouching {
    fn is_stale(&self, now: Timestamp) -> bool {
        self.at
            .is_none_or(|at| now.duration_since(at).unsigned_abs() > self.max_age && now > at)
    }
}

pub(super) struct Shared {
    epoch: Instant,
    patience: Duration,
    /// Nanoseconds since `epoch` at which the writer began to touch the disk; 0 while it does not.
    busy_since: AtomicU64,
    trouble: Mutex<Option<Unavailable>>,
    owed: Mutex<Vec<Owed>>,
    unsigned: AtomicBool,
    now: Now,
    vouching: Mutex<Option<Vouching>>,
    /// How full the disk is.
    pub(super) space: Space,
    /// Where the bundles of entries begin.
    pub(super) places: Places,
    /// Leaves of durable entries that the tree has not taken yet.
    pub(super) pending: Pending,
    pub(super) entries: AtomicU64,
    pub(super) batches: AtomicU64,
    pub(super) last_sync_ns: AtomicU64,
    pub(super) queued: AtomicU64,
    pub(super) open_tickets: AtomicU64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(patience: Duration, now: Now) -> Self {
        Self {
            epoch: Instant::now(),
            patience,
            busy_since: AtomicU64::new(0),
            trouble: Mutex::new(None),
            owed: Mutex::new(Vec::new()),
            unsigned: AtomicBool::new(false),
            now,
            vouching: Mutex::new(None),
            space: Space::default(),
            places: Places::default(),
            pending: Pending::default(),
            entries: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            last_sync_ns: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            open_tickets: AtomicU64::new(0),
        }
    }

    pub(super) fn begin_io(&self) {
        self.busy_since
            .store(nanos(self.epoch.elapsed()).max(1), Relaxed);
    }

    pub(super) fn end_io(&self) {
        self.busy_since.store(0, Relaxed);
    }

    /// What is wrong now.
    pub(super) fn trouble(&self) -> Option<Unavailable> {
        self.recorded_trouble()
            .or_else(|| self.is_hung().then_some(Unavailable::Hung))
            .or_else(|| self.silence())
    }

    /// Why no question is taken although entries can be written.
    pub(super) fn silence(&self) -> Option<Unavailable> {
        if self.space.is_reserved() {
            return Some(Unavailable::Reserved);
        }
        if self.is_unsigned() {
            return Some(Unavailable::Unsigned);
        }
        let now = (self.now)();
        let vouching = *lock(&self.vouching);
        let stale = vouching.is_some_and(|vouching| vouching.is_stale(now));
        stale.then_some(Unavailable::Unwitnessed)
    }

    /// From now on no question is taken unless witnesses vouched within `max_age`.
    pub(super) fn require_witnesses(&self, max_age: Duration) {
        *lock(&self.vouching) = Some(Vouching { max_age, at: None });
    }

    /// Enough witnesses vouched at `at` by their clocks; a time to come counts as now.
    pub(super) fn vouched(&self, at: Timestamp) {
        let at = at.min((self.now)());
        if let Some(vouching) = &mut *lock(&self.vouching) {
            vouching.at = vouching.at.max(Some(at));
        }
    }

    /// Whether the tree could not be written when last tried.
    pub(super) fn is_unsigned(&self) -> bool {
        self.unsigned.load(Relaxed)
    }

    pub(super) fn set_unsigned(&self, unsigned: bool) {
        self.unsigned.store(unsigned, Relaxed);
    }

    /// What was found wrong with the storage.
    pub(super) fn recorded_trouble(&self) -> Option<Unavailable> {
        *lock(&self.trouble)
    }

    /// Why a call need not be tried. A full disk is no reason: space may have been freed since.
    pub(super) fn refusal(&self) -> Option<Unavailable> {
        let hung = self.is_hung().then_some(Unavailable::Hung);
        hung.or_else(|| {
            self.recorded_trouble()
                .filter(|trouble| *trouble != Unavailable::NoSpace)
        })
        .or_else(|| self.pending.is_full().then_some(Unavailable::Unsigned))
    }

    /// Records why entries are not taken; a poisoned ledger can only be closed, a closed one stays so.
    pub(super) fn set_trouble(&self, trouble: Option<Unavailable>) {
        let mut current = lock(&self.trouble);
        if matches!(*current, None | Some(Unavailable::NoSpace))
            || trouble == Some(Unavailable::Closed)
        {
            *current = trouble;
        }
    }

    pub(super) fn owe(&self, owed: Owed) {
        lock(&self.owed).push(owed);
    }

    /// Takes up to `limit` debts, oldest first.
    pub(super) fn take_owed(&self, limit: usize) -> Vec<Owed> {
        let mut owed = lock(&self.owed);
        let count = owed.len().min(limit);
        owed.drain(..count).collect()
    }

    pub(super) fn owes(&self) -> bool {
        !lock(&self.owed).is_empty()
    }

    pub(super) fn stats(&self) -> LedgerStats {
        LedgerStats {
            entries: self.entries.load(Relaxed),
            batches: self.batches.load(Relaxed),
            last_sync: Duration::from_nanos(self.last_sync_ns.load(Relaxed)),
            queued: self.queued.load(Relaxed),
            open_tickets: self.open_tickets.load(Relaxed),
            owed: lock(&self.owed).len() as u64,
            space_used: self.space.used(),
            trouble: self.trouble(),
        }
    }

    fn is_hung(&self) -> bool {
        let since = self.busy_since.load(Relaxed);
        since != 0 && nanos(self.epoch.elapsed()).saturating_sub(since) >= nanos(self.patience)
    }
}

/// Marks the ledger closed when the thread ends, also by a panic.
pub(super) struct Closing(pub(super) Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.end_io();
        self.0.set_trouble(Some(Unavailable::Closed));
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Holders never panic while they hold one of these, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
