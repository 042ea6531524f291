//! From reads that became durable to hits their owners are told of.
//!
//! One task follows the read store row by row ([`Store::arrivals`]) and looks each plate up among the wanted ones; how far it came
//! is on disk, so a gateway that is killed goes on where it was. Sources never wait for it: how long an acknowledgement takes
//! says nothing about who is wanted. For each hit the agreement is asked again, the ledger is written, then the hit, and only
//! then is anybody told. Where one of them cannot be written, nothing is told and the same rows are looked at again.
//!
//! Out of scope: whether a plate is wanted ([`crate::alerts`]), which reads are one passage ([`turnpike_schemas::hit`]), sending.

mod answers;
mod asking;
mod escalating;
mod page;
mod telling;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::SignedDuration;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use turnpike_adapters::context::Clock;
use turnpike_schemas::{
    agreement::Agreement,
    hit::{HitId, memory::Memory, passage::Windows},
    read::SourceId,
};

pub(crate) use answers::{Answer, Answers};
pub(crate) use asking::NotAsked;
pub(crate) use telling::refusal;

use crate::{
    alerts::{self, AlertError},
    cases::Cases,
    control::ControlError,
    federation::Released,
    identity::Directory,
    ledger::{Ledger, LedgerError, Receipt},
    policy::Policy,
    store::{Marks, Store, StoreError},
    watch::{self, WatchError},
};

/// Most rows looked at together.
const PAGE: usize = 4_000;

/// How often it is written down how far the store was looked at.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// How often what may no longer be known is erased.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Shortest and longest wait before what failed is tried again.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A list that was put together longer ago is old: what it names may have been found since.
const OLD_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Everything that is needed to tell owners of reads.
#[derive(Debug)]
pub(crate) struct Matching {
    pub(crate) store: Arc<Store>,
    pub(crate) lists: alerts::Book,
    pub(crate) hits: watch::Book,
    pub(crate) hub: watch::Hub,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) cases: Arc<Cases>,
    pub(crate) released: Arc<Released>,
    pub(crate) agreements: HashMap<SourceId, Arc<Agreement>>,
    pub(crate) windows: Windows,
    /// Whether people whose training is not known to be valid may not ask here.
    pub(crate) require_training: bool,
    pub(crate) clock: Arc<dyn Clock>,
    /// What is on record of hits that are not written yet: where rows are looked at again, it is not recorded twice.
    pub(crate) recorded: Mutex<HashMap<HitId, Option<Receipt>>>,
}

/// Why rows could not be dealt with. They are looked at again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stuck {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Lists(#[from] AlertError),
    #[error(transparent)]
    Hits(#[from] WatchError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Accounts(#[from] ControlError),
}

/// How far it came, and what it remembers.
struct Following {
    memory: Memory,
    marks: Marks,
    /// As they are on disk.
    noted: Marks,
    noted_at: Instant,
    forgot_at: Instant,
}

impl Matching {
    /// Where a gateway goes on after a start. What arrived before anybody ever looked never is looked at.
    async fn start(&self) -> Result<Following, Stuck> {
        let end = self.store.marks().borrow().clone();
        let marks = match self.hits.looked().await? {
            Some(looked) => looked.within(&end),
            None => {
                self.hits.look(&end).await?;
                end
            }
        };
        let now = Instant::now();
        Ok(Following {
            memory: self.hits.memory(self.clock.now()).await?,
            noted: marks.clone(),
            marks,
            noted_at: now,
            forgot_at: now,
        })
    }

    /// Follows the store until `stop`.
    pub(crate) async fn run(
        self: Arc<Self>,
        mut answers: mpsc::Receiver<Answer>,
        stop: CancellationToken,
    ) {
        let mut arrived = self.store.marks();
        let mut wait = AGAIN.0;
        let mut following = None;
        loop {
            arrived.mark_unchanged();
            let pause = match self.go_on(&mut following, &stop).await {
                Ok(()) => {
                    wait = AGAIN.0;
                    NOTE_EVERY
                }
                Err(stuck) => {
                    tracing::error!(%stuck, "wanted plates cannot be looked for; the same reads are looked at again");
                    metrics::counter!("turnpike_matching_failures_total").increment(1);
                    // What was remembered of the rows may not be on disk.
                    following = None;
                    let pause = wait;
                    wait = AGAIN.1.min(wait * 2);
                    pause
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                changed = arrived.changed(), if following.is_some() => {
                    if changed.is_err() {
                        break;
                    }
                }
                Some(answer) = answers.recv(), if following.is_some() => {
                    if let Err(stuck) = self.take_answer(answer, &mut following).await {
                        tracing::error!(%stuck, "what a source answered cannot be looked at; it is asked again");
                        metrics::counter!("turnpike_matching_failures_total").increment(1);
                        following = None;
                    }
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
        if let Some(following) = &mut following
            && let Err(error) = self.note(following).await
        {
            tracing::warn!(%error, "how far reads were looked at is not written down");
        }
    }

    async fn take_answer(
        &self,
        answer: Answer,
        following: &mut Option<Following>,
    ) -> Result<(), Stuck> {
        let Some(following) = following else {
            return Ok(());
        };
        let Answer {
            entry,
            reads,
            settled,
        } = answer;
        self.look_at_answer(entry, reads, &mut following.memory)
            .await?;
        // Whoever waited may be gone; what was told is on disk all the same.
        let _gone = settled.send(());
        Ok(())
    }

    /// Looks at everything there is, page by page.
    async fn go_on(
        &self,
        following: &mut Option<Following>,
        stop: &CancellationToken,
    ) -> Result<(), Stuck> {
        let following = match following {
            Some(following) => following,
            None => following.insert(self.start().await?),
        };
        loop {
            let (rows, after) = self.store.arrivals(following.marks.clone(), PAGE).await?;
            if !rows.is_empty() {
                self.look_at(&rows, &mut following.memory).await?;
            }
            let done = rows.len() < PAGE || stop.is_cancelled();
            following.marks = after;
            self.tell_how_far(&following.marks);
            if following.noted_at.elapsed() >= NOTE_EVERY {
                self.note(following).await?;
            }
            if done {
                break;
            }
        }
        if following.forgot_at.elapsed() >= FORGET_EVERY {
            self.forget(&mut following.memory).await?;
            following.forgot_at = Instant::now();
        }
        Ok(())
    }

    /// Records what is not on record yet.
    async fn record(
        &self,
        hit: HitId,
        record: telling::Record,
    ) -> Result<Option<Receipt>, LedgerError> {
        let known = |recorded: &HashMap<_, _>| recorded.get(&hit).copied();
        if let Some(receipt) = known(&self.recorded.lock().unwrap_or_else(PoisonError::into_inner))
        {
            return Ok(receipt);
        }
        let receipt = record.write(&self.ledger).await?;
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.insert(hit, receipt);
        Ok(receipt)
    }

    fn tell_how_far(&self, marks: &Marks) {
        let behind = self.store.marks().borrow().beyond(marks);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("turnpike_matching_behind").set(behind as f64);
    }

    async fn note(&self, following: &mut Following) -> Result<(), Stuck> {
        following.noted_at = Instant::now();
        if following.noted != following.marks {
            self.hits.look(&following.marks).await?;
            following.noted.clone_from(&following.marks);
        }
        Ok(())
    }

    async fn forget(&self, memory: &mut Memory) -> Result<(), Stuck> {
        let now = self.clock.now();
        memory.forget(now);
        let purged = self.hits.purge(now).await?;
        if purged != watch::Purged::default() {
            tracing::info!(?purged, "what may no longer be known of hits is gone");
        }
        Ok(())
    }
}
