//! The task that looks for entries among the reads that are kept here, because their owners asked for it.
//!
//! One entry at one source at a time: a question of the owner as they are now, decided, on record, and settled by the same matching as
//! reads that arrive, so a hit is told once and says that it is late. It is done once; what a gateway that is killed had not settled is
//! asked again.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use turnpike_schemas::{api::SourceOutcome, query::TimeWindow, read::SourceId};

use super::{Held, Setting};
use crate::{
    alerts::{AlertError, LookBack, State},
    federation::Source,
    matching::{NotAsked, refusal},
};

/// Longest wait before it is looked again whether there is something to do.
const IDLE: Duration = Duration::from_secs(60);

/// How often it is looked again while somebody's questions wait.
const AGAIN: Duration = Duration::from_secs(5);

/// How long an owner's questions wait at a source that failed, or does not say how long it wants to be left alone.
const LEFT_ALONE: SignedDuration = SignedDuration::from_secs(60);

/// Longest wait of an owner.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// Looks back.
#[derive(Debug)]
pub(crate) struct LookBacks {
    setting: Setting,
    /// Those whose reads are kept here.
    sources: Vec<Arc<Source>>,
    wake: Arc<Notify>,
    /// Until when nothing is asked for an owner: they may ask no more for now.
    waiting: HashMap<(SourceId, String), Timestamp>,
}

/// What came of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    /// Everything was searched.
    Searched,
    /// Not everything could be searched, and nobody knows when it can: it is left until its owner asks again.
    NotWhole,
    /// Its owner has to wait until then.
    Waits(Timestamp),
}

impl LookBacks {
    pub(crate) fn new(setting: Setting, sources: &[Arc<Source>], wake: Arc<Notify>) -> Self {
        let kept = sources.iter().filter(|source| !source.is_live());
        Self {
            setting,
            sources: kept.cloned().collect(),
            wake,
            waiting: HashMap::new(),
        }
    }

    /// Looks until it is told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let wait = match self.all(&stop).await {
                Ok(()) if self.waiting.is_empty() => IDLE,
                Ok(()) => AGAIN,
                Err(held) => {
                    tracing::error!(%held, "what was read before cannot be looked at; it is tried again");
                    AGAIN
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn all(&mut self, stop: &CancellationToken) -> Result<(), Held> {
        let lists = self.setting.lists.clone();
        lists.forget_look_backs().await?;
        let now = self.setting.clock.now();
        // A clock that was set back makes nobody wait for it.
        self.waiting
            .retain(|_, until| *until > now && until.duration_since(now) <= LONGEST_WAIT);
        for source in self.sources.clone() {
            let mut after = 0;
            while let Some(next) = lists.next_look_back(&source.id, after).await? {
                if stop.is_cancelled() {
                    return Ok(());
                }
                after = next.entry;
                let whose = (source.id.clone(), next.owner.clone());
                if self.waiting.contains_key(&whose) {
                    continue;
                }
                match self.one(&source, &next).await? {
                    Came::Searched => lists.looked_back(&next, true).await?,
                    Came::NotWhole => lists.looked_back(&next, false).await?,
                    Came::Waits(until) => {
                        self.waiting.insert(whose, until);
                    }
                }
            }
        }
        Ok(())
    }

    async fn one(&self, source: &Arc<Source>, next: &LookBack) -> Result<Came, Held> {
        let Setting {
            lists,
            federation,
            matching,
            answers,
            ledger,
            clock,
        } = &self.setting;
        let now = clock.now();
        let kept = match lists.entry(next.entry, now).await {
            Err(AlertError::Missing) => return Ok(Came::NotWhole),
            kept => kept?,
        };
        let (State::Active, Some(entry)) = (kept.state, kept.entry) else {
            return Ok(Came::NotWhole);
        };
        let list = lists.list(kept.list).await?;
        let Ok(window) = TimeWindow::new(next.since.min(now), now) else {
            return Ok(Came::NotWhole);
        };
        let asked = matching.asked_in_turn(&list, &entry, source, window);
        let asked = match asked.await? {
            Ok(asked) => asked,
            Err(NotAsked(why)) => {
                let refused = refusal(&list, &entry, &source.id, why);
                ledger.refuse(None, refused, Vec::new()).await?;
                return Ok(Came::NotWhole);
            }
        };
        let answer = federation.ask_in_turn(source, &asked).await?;
        match answer.outcome {
            SourceOutcome::RateLimited { retry_after_s, .. }
            | SourceOutcome::Failed { retry_after_s, .. } => {
                let wait = retry_after_s.map(|wait| SignedDuration::from_secs(i64::from(wait)));
                let wait = wait.unwrap_or(LEFT_ALONE).min(LONGEST_WAIT);
                Ok(Came::Waits(now.checked_add(wait).unwrap_or(now)))
            }
            SourceOutcome::TimedOut => Ok(Came::Waits(now.checked_add(LEFT_ALONE).unwrap_or(now))),
            outcome => {
                let reads = matching.kept(answer.kept).await?;
                match answers.settle(next.entry, reads).await {
                    true if is_whole(&outcome) => Ok(Came::Searched),
                    true => Ok(Came::NotWhole),
                    false => Err(Held::Unsettled),
                }
            }
        }
    }
}

/// Whether a source was searched over the whole window, and everything it has is there.
pub(super) fn is_whole(outcome: &SourceOutcome) -> bool {
    matches!(
        outcome,
        SourceOutcome::Answered {
            truncated: false,
            searched: None,
            ..
        } | SourceOutcome::Empty { searched: None, .. }
            | SourceOutcome::Stale {
                truncated: false,
                searched: None,
                ..
            }
    )
}

/// From when on an entry asks in its turn: as far back as its owner wants to look, and at most so far.
pub(super) fn since(wanted: Timestamp, now: Timestamp, most: SignedDuration) -> Timestamp {
    wanted.max(now.checked_sub(most).unwrap_or(Timestamp::MIN))
}
