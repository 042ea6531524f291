//! One turn: what the entry asks, and what is written down of it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use turnpike_schemas::{
    alert::Entry,
    api::{LimitedBy, SourceOutcome},
    query::TimeWindow,
};

use super::{After, Candidate, Held, Scheduler, look_back};
use crate::{
    alerts::{AlertError, List, LookBack, State, Turn},
    federation::InTurn,
    matching::{NotAsked, refusal},
};

/// How far a question reaches back behind the last answer: reads that became known to the source late.
const OVERLAP: SignedDuration = SignedDuration::from_mins(15);

/// How far a question reaches back at most.
const FURTHEST: SignedDuration = SignedDuration::from_hours(24 * 7);

/// When an entry that may not ask is looked at again.
const REFUSED_AGAIN: SignedDuration = SignedDuration::from_hours(1);

impl Scheduler {
    pub(super) async fn give(
        &mut self,
        candidate: &Candidate,
        now: Timestamp,
    ) -> Result<After, Held> {
        let before = self.queue().turn(candidate.entry);
        let asked_until = before.and_then(|turn| turn.asked_until);
        let Some((list, entry)) = self.looked_for(candidate, now).await? else {
            self.write_down(candidate, asked_until, now, now).await?;
            return Ok(After::GoOn);
        };
        let looks_back = self.looks_back(candidate).await?;
        let from = looks_back
            .as_ref()
            .map(|back| look_back::since(back.since, now, FURTHEST));
        let Some(window) = window(candidate, asked_until, from, now) else {
            self.write_down(candidate, asked_until, now, now).await?;
            return Ok(After::GoOn);
        };
        let (matching, source) = (&self.setting.matching, &self.source);
        let asked = matching
            .asked_in_turn(&list, &entry, source, window)
            .await?;
        match asked {
            Ok(asked) => {
                let after = self
                    .ask(candidate, asked_until, &asked, window, now)
                    .await?;
                let answered = self.queue().turn(candidate.entry);
                let answered = answered.and_then(|turn| turn.asked_until);
                if let Some(back) = looks_back.filter(|_| answered == Some(window.to())) {
                    self.setting.lists.looked_back(&back, true).await?;
                }
                Ok(after)
            }
            Err(NotAsked(why)) => {
                let refused = refusal(&list, &entry, &self.source.id, why);
                self.setting
                    .ledger
                    .refuse(None, refused, Vec::new())
                    .await?;
                self.count("refused");
                self.refuse(candidate, asked_until, now).await
            }
        }
    }

    /// The list and what is looked for, as they are now; nothing of an entry that is not looked for any more.
    async fn looked_for(
        &self,
        candidate: &Candidate,
        now: Timestamp,
    ) -> Result<Option<(List, Entry)>, AlertError> {
        let kept = match self.setting.lists.entry(candidate.entry, now).await {
            Err(AlertError::Missing) => return Ok(None),
            kept => kept?,
        };
        let (State::Active, Some(entry)) = (kept.state, kept.entry) else {
            return Ok(None);
        };
        let list = self.setting.lists.list(kept.list).await?;
        Ok((!list.list.confidential).then_some((list, entry)))
    }

    /// How far back the owner of the entry wants it looked for here.
    async fn looks_back(&self, candidate: &Candidate) -> Result<Option<LookBack>, AlertError> {
        let lists = &self.setting.lists;
        let since = lists.looks_back(&self.source.id, candidate.entry).await?;
        Ok(since.map(|since| LookBack {
            entry: candidate.entry,
            owner: candidate.owner.clone(),
            source: self.source.id.clone(),
            since,
        }))
    }

    async fn ask(
        &mut self,
        candidate: &Candidate,
        asked_until: Option<Timestamp>,
        asked: &InTurn,
        window: TimeWindow,
        now: Timestamp,
    ) -> Result<After, Held> {
        let federation = &self.setting.federation;
        let answer = federation.ask_in_turn(&self.source, asked).await?;
        self.count(answer.outcome.word());
        let after = |seconds: Option<u32>| Duration::from_secs(u64::from(seconds.unwrap_or(0)));
        match answer.outcome {
            SourceOutcome::Answered { .. }
            | SourceOutcome::Empty { .. }
            | SourceOutcome::Stale { .. } => {
                let settled = self.setting.answers.settle(candidate.entry, answer.reads);
                if !settled.await {
                    return Err(Held::Unsettled);
                }
                // INVARIANT: only once it is settled; what is not is asked for again.
                self.write_down(candidate, Some(window.to()), now, now)
                    .await?;
                Ok(After::GoOn)
            }
            SourceOutcome::RateLimited {
                by: LimitedBy::Agreement,
                retry_after_s,
            } => {
                let wait = SignedDuration::from_secs(i64::from(retry_after_s.unwrap_or(60)));
                let until = now.checked_add(wait).unwrap_or(Timestamp::MAX);
                self.queue().pause(&candidate.owner, until);
                Ok(After::GoOn)
            }
            SourceOutcome::RateLimited {
                by: LimitedBy::Quota,
                ..
            } => self.needs_more(candidate, asked_until, now).await,
            SourceOutcome::RateLimited { retry_after_s, .. }
            | SourceOutcome::Failed { retry_after_s, .. } => {
                // To the end of the order: one plate that a source chokes on is not the only one.
                self.write_down(candidate, asked_until, now, now).await?;
                Ok(After::LeaveAlone(after(retry_after_s)))
            }
            SourceOutcome::TimedOut => {
                self.write_down(candidate, asked_until, now, now).await?;
                Ok(After::LeaveAlone(Duration::ZERO))
            }
            SourceOutcome::NotAsked
            | SourceOutcome::Refused { .. }
            | SourceOutcome::Unsupported { .. } => self.refuse(candidate, asked_until, now).await,
        }
    }

    /// The reserve had no room for every request of a question: the next waits until there is more.
    async fn needs_more(
        &mut self,
        candidate: &Candidate,
        asked_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<After, Held> {
        let most = self
            .source
            .health
            .reserve()
            .map_or(1, |reserve| reserve.burst);
        if self.need >= most {
            self.write_down(candidate, asked_until, now, now).await?;
            return Ok(After::LeaveAlone(Duration::ZERO));
        }
        self.need = self.need.saturating_mul(2).min(most);
        Ok(After::Look(Duration::ZERO))
    }

    /// Nobody may ask that now.
    async fn refuse(
        &self,
        candidate: &Candidate,
        asked_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<After, Held> {
        let again = now.checked_add(REFUSED_AGAIN).unwrap_or(Timestamp::MAX);
        self.write_down(candidate, asked_until, now, again).await?;
        Ok(After::GoOn)
    }

    async fn write_down(
        &self,
        candidate: &Candidate,
        asked_until: Option<Timestamp>,
        taken_at: Timestamp,
        not_before: Timestamp,
    ) -> Result<(), AlertError> {
        let turn = Turn {
            taken_at,
            asked_until,
            not_before,
        };
        let lists = &self.setting.lists;
        lists.take_turn(&self.source.id, candidate, turn).await?;
        self.queue().took(candidate, turn);
        Ok(())
    }
}

/// From where the last answer ended, or the entry was added, with some overlap; from further back where its owner wants to look there.
fn window(
    candidate: &Candidate,
    asked_until: Option<Timestamp>,
    looks_back: Option<Timestamp>,
    now: Timestamp,
) -> Option<TimeWindow> {
    let since = asked_until.unwrap_or(candidate.added_at);
    let back = |at: Timestamp, by| at.checked_sub(by).unwrap_or(Timestamp::MIN);
    let from = back(since.min(now), OVERLAP).max(back(now, FURTHEST));
    let from = looks_back.map_or(from, |looks_back| looks_back.min(from));
    TimeWindow::new(from, now).ok()
}
