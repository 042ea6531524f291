//! How a source is doing: what the layers counted.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use jiff::Timestamp;

use super::{
    breaker::BreakerState,
    circuit::Circuit,
    throttle::{Quota, Reserve},
};
use crate::{
    context::{Context, monotonic},
    error::{Error, ErrorKind, Retry},
};

/// Every kind of error, in the order in which failures are counted.
const KINDS: [ErrorKind; 9] = [
    ErrorKind::Unsupported,
    ErrorKind::Undisclosed,
    ErrorKind::Unauthorized,
    ErrorKind::RateLimited,
    ErrorKind::QuotaExhausted,
    ErrorKind::Unavailable,
    ErrorKind::TimedOut,
    ErrorKind::Malformed,
    ErrorKind::Config,
];

/// What the layers of one source count together. Counts never go down.
#[derive(Debug, Default)]
pub struct Counters {
    calls: AtomicU64,
    refused: AtomicU64,
    failures: [AtomicU64; KINDS.len()],
    retries: AtomicU64,
    throttled: AtomicU64,
    last_success_at: Mutex<Option<Timestamp>>,
    latest_failure: Mutex<Option<ErrorKind>>,
}

/// A view of one source's layers.
#[derive(Debug)]
pub struct Health {
    circuit: Arc<Circuit>,
    quota: Arc<Quota>,
    counters: Arc<Counters>,
}

/// What [`Health`] showed at one moment. The counts are read one after the other, not at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether calls are let through.
    pub breaker: BreakerState,
    /// Calls that asked for the source (search, poll, image), refused ones included.
    pub calls: u64,
    /// Of these, refused by the breaker without contact.
    pub refused: u64,
    /// Of the calls let through, those that failed, by kind; kinds that never happened are left out.
    pub failures: Vec<(ErrorKind, u64)>,
    /// Second attempts.
    pub retries: u64,
    /// Requests not sent for want of quota or of a slot.
    pub throttled: u64,
    /// When a call last succeeded.
    pub last_success_at: Option<Timestamp>,
    /// How the latest call failed; `None` once one succeeds.
    pub latest_failure: Option<ErrorKind>,
    /// Requests that could leave at once now, by quota.
    pub quota_left: u32,
}

impl Counters {
    pub(super) fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, error: &Error) {
        let counts = KINDS.iter().zip(&self.failures);
        for (_, count) in counts.filter(|(kind, _)| **kind == error.kind()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        // What was never sent says nothing about the source.
        let sent = !matches!(
            error.kind(),
            ErrorKind::Unsupported | ErrorKind::Undisclosed
        );
        let gone = error.kind() == ErrorKind::Unavailable && error.retry() == Retry::Never;
        if sent && !gone {
            self.outcome(Some(error.kind()));
        }
    }

    fn outcome(&self, failure: Option<ErrorKind>) {
        let latest = self.latest_failure.lock();
        *latest.unwrap_or_else(PoisonError::into_inner) = failure;
    }

    pub(super) fn succeeded(&self, ctx: &Context) {
        let now = Some(ctx.now());
        let mut last = self
            .last_success_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = now.max(*last);
        drop(last);
        self.outcome(None);
    }
}

impl Health {
    pub(super) fn new(circuit: Arc<Circuit>, quota: Arc<Quota>, counters: Arc<Counters>) -> Self {
        Self {
            circuit,
            quota,
            counters,
        }
    }

    /// What standing questions have of the quota now, where they have anything.
    #[must_use]
    pub fn reserve(&self) -> Option<Reserve> {
        self.quota.reserve()
    }

    /// How the source is doing now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let counters = &self.counters;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let failures = KINDS.into_iter().zip(counters.failures.iter().map(read));
        Snapshot {
            breaker: self.circuit.state(monotonic()),
            calls: read(&counters.calls),
            refused: read(&counters.refused),
            failures: failures.filter(|(_, count)| *count > 0).collect(),
            retries: read(&counters.retries),
            throttled: read(&counters.throttled),
            last_success_at: *counters
                .last_success_at
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
            latest_failure: *counters
                .latest_failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
            quota_left: self.quota.left(),
        }
    }
}

impl Snapshot {
    /// Calls that failed with `kind`.
    #[must_use]
    pub fn failures(&self, kind: ErrorKind) -> u64 {
        let found = self.failures.iter().find(|(failed, _)| *failed == kind);
        found.map_or(0, |(_, count)| *count)
    }

    /// Calls that failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.iter().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_has_its_own_count() {
        let counters = Counters::default();
        for (times, kind) in (1..).zip(KINDS) {
            for _ in 0..times {
                counters.failed(&Error::new(kind, "search", "x"));
            }
        }
        let counts: Vec<u64> = counters
            .failures
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .collect();
        assert_eq!(counts, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
}
