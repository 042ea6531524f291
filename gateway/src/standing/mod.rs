//! Entries of alert lists that ask sources which can only be asked, in turn, out of the reserve of their quota.
//!
//! One task for each such source, so that one that fails holds up no other. Each turn is one question of the entry's owner, as they
//! are now, for the case of the list: decided, on record, and settled by the same matching as reads that arrive. **What an entry asks
//! begins where its last answer ended, with some overlap**, and how far that is is on disk. Out of scope: whose turn it is
//! ([`queue`]), permits and the record ([`crate::federation`]), who is told ([`crate::matching`]).

mod look_back;
mod queue;
mod shown;
mod turn;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;
use turnpike_adapters::context::Clock;

use self::queue::{Pace, Queue};
use crate::{
    alerts::{self, AlertError, Candidate},
    federation::{AskError, Federation, Source},
    ledger::{Ledger, LedgerError},
    limits::Asks,
    matching::{Answers, Matching, Stuck},
};

pub(crate) use look_back::LookBacks;
pub(crate) use shown::Turns;

/// How often it is looked whether somebody has a turn while nobody has.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Shortest and longest time that a source is left alone after it failed.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// What the tasks work with.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) lists: alerts::Book,
    pub(crate) federation: Arc<Federation>,
    pub(crate) matching: Arc<Matching>,
    pub(crate) answers: Answers,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The turns at one source.
#[derive(Debug)]
pub(crate) struct Scheduler {
    setting: Setting,
    source: Arc<Source>,
    queue: Arc<Mutex<Queue>>,
    /// Requests that a question takes, as far as is known.
    need: u32,
    wait: Duration,
}

/// Why a turn came to nothing. It is had again.
#[derive(Debug, thiserror::Error)]
enum Held {
    #[error(transparent)]
    Lists(#[from] AlertError),
    #[error(transparent)]
    Asking(#[from] AskError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Matching(#[from] Stuck),
    #[error("what came back could not be settled")]
    Unsettled,
}

/// What to do after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// Go on with the next.
    GoOn,
    /// Look again, at the latest after this.
    Look(Duration),
    /// Leave the source alone, at least for this.
    LeaveAlone(Duration),
}

impl Scheduler {
    /// The turns at `source`, where entries ask it.
    ///
    /// # Errors
    /// The lists cannot be read.
    pub(crate) async fn open(
        setting: &Setting,
        source: &Arc<Source>,
    ) -> Result<Option<Self>, AlertError> {
        if source.not_in_turn().is_some() {
            return Ok(None);
        }
        let mut queue = Queue::new(setting.lists.turns(&source.id).await?);
        if let Some(candidates) = setting.lists.candidates(queue.change()).await? {
            queue.follow(candidates, source.capabilities().partial_plates);
        }
        Ok(Some(Self {
            setting: setting.clone(),
            source: Arc::clone(source),
            queue: Arc::new(Mutex::new(queue)),
            need: 1,
            wait: AGAIN.0,
        }))
    }

    /// Gives turns until `stop`. A question that was put is brought to its end.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let pause = match self.step().await {
                Ok(After::GoOn) => {
                    self.wait = AGAIN.0;
                    Duration::ZERO
                }
                Ok(After::Look(pause)) => pause,
                Ok(After::LeaveAlone(least)) => self.back_off(least),
                Err(held) => {
                    tracing::error!(source = %self.source.id, %held, "an entry could not ask in its turn; it asks again");
                    self.back_off(Duration::ZERO)
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
            if stop.is_cancelled() {
                break;
            }
        }
    }

    fn back_off(&mut self, least: Duration) -> Duration {
        let pause = self.wait.max(least.min(AGAIN.1));
        self.wait = AGAIN.1.min(self.wait * 2);
        pause
    }

    /// Gives the next turn, if there is one and the reserve has room for a question.
    async fn step(&mut self) -> Result<After, Held> {
        self.follow().await?;
        let Some(reserve) = self.source.health.reserve() else {
            return Ok(After::Look(LOOK_EVERY));
        };
        let missing = self.need.min(reserve.burst).saturating_sub(reserve.left);
        if missing > 0 {
            let wait = reserve.interval.saturating_mul(missing);
            return Ok(After::Look(wait.min(LOOK_EVERY)));
        }
        let now = self.setting.clock.now();
        let next = self.queue().next(now).cloned();
        match next {
            None => Ok(After::Look(LOOK_EVERY)),
            Some(candidate) => self.give(&candidate, now).await,
        }
    }

    async fn follow(&self) -> Result<(), AlertError> {
        let known = self.queue().change();
        if let Some(candidates) = self.setting.lists.candidates(known).await? {
            self.setting.lists.forget_turns().await?;
            let can_partial = self.source.capabilities().partial_plates;
            self.queue().follow(candidates, can_partial);
        }
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        let waiting = self.queue().waiting() as f64;
        metrics::gauge!("turnpike_standing_waiting", "source" => self.source.id.to_string())
            .set(waiting);
        Ok(())
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        locked(&self.queue)
    }

    fn count(&self, outcome: &str) {
        let labels = [
            ("source", self.source.id.to_string()),
            ("outcome", outcome.to_owned()),
        ];
        metrics::counter!("turnpike_standing_questions_total", &labels).increment(1);
    }
}

fn locked(queue: &Mutex<Queue>) -> std::sync::MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How fast turns come at a source that entries ask.
fn pace(source: &Source) -> Option<Pace> {
    let agreed = source.agreement.document().how_much.user_per_hour;
    Some(Pace {
        interval: source.health.reserve()?.interval,
        owner_per_hour: Asks::Standing.of(agreed, source.reserve_percent),
    })
}
