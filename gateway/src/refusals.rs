//! Refusals that may come in any number: an entry each while they are few, an entry a second once they are many.
//!
//! In scope: callers without a valid token, and messages a source may not send now. Whichever way a refusal is
//! recorded, it is answered only afterwards: a flood waits for its entry, and the ledger grows by one entry a second.

use std::{
    collections::BTreeMap,
    mem,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::{sync::oneshot, time::Instant};
use tokio_util::task::TaskTracker;
use turnpike_schemas::{
    ledger::{Admin, Refused, RefusedReason},
    read::SourceId,
};

use crate::ledger::{Ledger, LedgerError, Unavailable};

/// Shortest time between two entries that stand for many refusals of the same kind.
const ROUND: Duration = Duration::from_secs(1);

/// The record of refusals that cost whoever causes them nothing.
#[derive(Debug)]
pub struct Refusals {
    ledger: Arc<Ledger>,
    /// Refusals of strangers that get an entry of their own.
    budget: DefaultDirectRateLimiter,
    strangers: Arc<Gathered>,
    sources: BTreeMap<SourceId, Arc<Gathered>>,
    /// Rounds under way.
    rounds: TaskTracker,
}

/// Refusals of one kind, gathered until their entry is written.
#[derive(Debug)]
struct Gathered {
    ledger: Arc<Ledger>,
    /// What every entry says.
    entry: Refused,
    next: Mutex<Next>,
}

/// The next entry.
#[derive(Debug, Default)]
struct Next {
    counts: BTreeMap<String, u64>,
    waiting: Vec<oneshot::Sender<Written>>,
    is_due: bool,
    last: Option<Instant>,
}

/// Whether the entry is on disk, and why it is not; `None` is a deadline that passed.
type Written = Result<(), Option<Unavailable>>;

impl Refusals {
    /// Nothing refused yet. `per_minute` refusals of strangers get an entry each; keys are the configured sources.
    #[must_use]
    pub fn new(
        ledger: &Arc<Ledger>,
        per_minute: NonZeroU32,
        sources: impl Iterator<Item = SourceId>,
    ) -> Self {
        let sources = sources.map(|source| {
            let entry = Refused {
                source: Some(source.to_string()),
                ..Refused::because(RefusedReason::RateLimited)
            };
            (source, Gathered::new(ledger, entry))
        });
        Self {
            ledger: Arc::clone(ledger),
            budget: RateLimiter::direct(Quota::per_minute(per_minute)),
            strangers: Gathered::new(ledger, Refused::because(RefusedReason::Unauthenticated)),
            sources: sources.collect(),
            rounds: TaskTracker::new(),
        }
    }

    /// Records that somebody without a valid token was refused. `Ok` means on disk.
    ///
    /// # Errors
    /// [`LedgerError`]; then the refusal may not be told as one.
    pub async fn stranger(&self, detail: &'static str) -> Result<(), LedgerError> {
        if self.budget.check().is_err() {
            return self.gather(&self.strangers, detail).await;
        }
        let refused = Refused {
            detail: Some(detail.to_owned()),
            ..Refused::because(RefusedReason::Unauthenticated)
        };
        let recorded = self.ledger.refuse(None, refused, Vec::new()).await;
        recorded.map(drop)
    }

    /// Records a sign-in that was refused, as an entry of its own while they are few. `Ok` means on disk.
    ///
    /// # Errors
    /// [`LedgerError`]; then the refusal may not be told as one.
    pub async fn sign_in(&self, entry: Admin) -> Result<(), LedgerError> {
        if self.budget.check().is_err() {
            return self.gather(&self.strangers, "sign_in").await;
        }
        self.ledger.admin(entry).await.map(drop)
    }

    /// Records that a message of a source was sent back for what is wrong with the moment, not with the message.
    /// `Ok` means on disk.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn message(
        &self,
        source: &SourceId,
        detail: &'static str,
    ) -> Result<(), LedgerError> {
        match self.sources.get(source) {
            Some(gathered) => self.gather(gathered, detail).await,
            None => self.stranger(detail).await,
        }
    }

    /// Waits until everything gathered so far is written.
    pub async fn settled(&self) {
        self.rounds.close();
        self.rounds.wait().await;
    }

    /// Cancel safe: what is counted is recorded, whether or not somebody waits for it.
    async fn gather(&self, gathered: &Arc<Gathered>, detail: &str) -> Result<(), LedgerError> {
        let (written, answer) = oneshot::channel();
        let begins = {
            let mut next = gathered.next();
            *next.counts.entry(detail.to_owned()).or_default() += 1;
            next.waiting.push(written);
            !mem::replace(&mut next.is_due, true)
        };
        if begins {
            self.rounds.spawn(Arc::clone(gathered).write());
        }
        match answer.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(None)) => Err(LedgerError::Deadline),
            Ok(Err(Some(reason))) => Err(LedgerError::Unavailable(reason)),
            Err(_) => Err(LedgerError::Unavailable(Unavailable::Closed)),
        }
    }
}

impl Gathered {
    fn new(ledger: &Arc<Ledger>, entry: Refused) -> Arc<Self> {
        Arc::new(Self {
            ledger: Arc::clone(ledger),
            entry,
            next: Mutex::default(),
        })
    }

    fn next(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes entries until nobody waits for one any more.
    async fn write(self: Arc<Self>) {
        loop {
            let last = self.next().last;
            if let Some(last) = last {
                tokio::time::sleep_until(last + ROUND).await;
            }
            let (counts, waiting) = {
                let mut next = self.next();
                next.last = Some(Instant::now());
                (mem::take(&mut next.counts), mem::take(&mut next.waiting))
            };
            let entry = Refused {
                counts,
                ..self.entry.clone()
            };
            let written = match self.ledger.refuse(None, entry, Vec::new()).await {
                Ok(_) => Ok(()),
                Err(LedgerError::Unavailable(reason)) => Err(Some(reason)),
                Err(_) => Err(None),
            };
            for waiting in waiting {
                // Whoever went away needs no answer.
                let _gone = waiting.send(written);
            }
            let mut next = self.next();
            if next.waiting.is_empty() {
                next.is_due = false;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use futures::future::join_all;
    use jiff::Timestamp;
    use turnpike_schemas::ledger::Body;

    use super::*;
    use crate::ledger::{self, LedgerConfig};

    fn source() -> SourceId {
        SourceId::parse("main-street").unwrap()
    }

    fn open(folder: &Path, per_minute: u32) -> (Arc<Ledger>, Refusals) {
        let now = Arc::new(|| Timestamp::UNIX_EPOCH);
        let ledger = Arc::new(
            Ledger::open(folder, LedgerConfig::default(), now)
                .unwrap()
                .ledger,
        );
        let budget = NonZeroU32::new(per_minute).unwrap();
        let refusals = Refusals::new(&ledger, budget, [source()].into_iter());
        (ledger, refusals)
    }

    fn refused(folder: &Path) -> Vec<Refused> {
        let entries = ledger::read(folder).unwrap();
        let refused = entries.filter_map(|entry| match entry.unwrap().body {
            Body::Refused(refused) => Some(refused),
            _ => None,
        });
        refused.collect()
    }

    #[tokio::test]
    async fn a_crowd_costs_a_few_entries_and_everybody_in_it_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, refusals) = open(folder.path(), 3);
        let crowd = (0..500).map(|n| {
            let detail = if n % 5 == 0 { "push" } else { "no_token" };
            refusals.stranger(detail)
        });
        for told in join_all(crowd).await {
            told.unwrap();
        }
        ledger.close().await.unwrap();
        let refused = refused(folder.path());
        assert!(refused.len() <= 3 + 3, "{} entries", refused.len());
        let single = refused.iter().filter(|entry| entry.counts.is_empty());
        assert_eq!(single.count(), 3);
        let gathered: u64 = refused.iter().flat_map(|entry| entry.counts.values()).sum();
        assert_eq!(gathered, 497);
        let reasons = refused.iter().map(|entry| entry.reason);
        assert!(
            reasons
                .into_iter()
                .all(|reason| reason == RefusedReason::Unauthenticated)
        );
    }

    #[tokio::test]
    async fn whoever_does_not_wait_is_counted_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, refusals) = open(folder.path(), 1);
        let source = source();
        for _ in 0..4 {
            let left = tokio::time::timeout(
                Duration::ZERO,
                refusals.message(&source, "pushes_per_second"),
            );
            drop(left.await);
        }
        refusals.settled().await;
        ledger.close().await.unwrap();
        let refused = refused(folder.path());
        let counted: u64 = refused.iter().flat_map(|entry| entry.counts.values()).sum();
        assert_eq!(counted, 4);
        assert!(
            refused
                .iter()
                .all(|entry| entry.source.as_deref() == Some("main-street")
                    && entry.reason == RefusedReason::RateLimited)
        );
    }

    #[tokio::test]
    async fn without_a_ledger_nobody_is_told_that_he_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, refusals) = open(folder.path(), 1);
        ledger.close().await.unwrap();
        for _ in 0..3 {
            assert!(refusals.stranger("no_token").await.is_err());
            assert!(
                refusals
                    .message(&source(), "pushes_in_flight")
                    .await
                    .is_err()
            );
        }
    }
}
