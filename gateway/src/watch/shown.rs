//! Hits and events as their owners see them.

use jiff::Timestamp;
use turnpike_schemas::{
    api::{
        LedgerPosition,
        hits::{HitEvent, HitEventKind, HitNotice, HitReport, HitReviewed},
    },
    hit::time_to_review_s,
};
use uuid::Uuid;

use super::{Event, EventKind, HitRow, Told, WatchError};

impl HitRow {
    /// The hit as its owner sees it at `now`.
    ///
    /// # Errors
    /// [`WatchError::Unreadable`].
    pub fn report(&self, now: Timestamp) -> Result<HitReport, WatchError> {
        let list = Uuid::parse_str(&self.list);
        let review = self.reviewed_at.zip(self.reviewed_by.clone());
        let review = review.zip(self.review_entry);
        let ledger = self.intent.zip(self.outcome);
        Ok(HitReport {
            hit: self.id.clone(),
            list: list.map_err(|_| WatchError::Unreadable("the name of a list"))?,
            entry: self.entry,
            source: self.source.clone(),
            told_at: self.told_at,
            state: self.state,
            standing: self.standing,
            review: review.map(|((at, by), entry)| HitReviewed {
                at,
                by,
                took_s: time_to_review_s(self.told_at, at),
                entry,
            }),
            notice: notice(self.told.as_ref(), self.keep_until, now)?,
            seen_at: self.seen_at,
            escalated_at: self.escalated_at,
            ledger: ledger.map(|(intent, outcome)| LedgerPosition { intent, outcome }),
        })
    }
}

impl Event {
    /// The event as its owner is told of it at `now`.
    ///
    /// # Errors
    /// [`WatchError::Unreadable`].
    pub fn shown(&self, now: Timestamp) -> Result<HitEvent, WatchError> {
        Ok(HitEvent {
            event: self.event.clone(),
            kind: match self.kind {
                EventKind::Hit => HitEventKind::Hit,
                EventKind::Amended => HitEventKind::Amended,
                EventKind::Reviewed => HitEventKind::Reviewed,
                EventKind::Escalated => HitEventKind::Escalated,
            },
            hit: self.hit.clone(),
            state: self.state,
            standing: self.standing,
            at: self.at,
            notice: notice(self.body.as_ref(), self.keep_until, now)?,
        })
    }
}

/// What was told, as long as it may be known.
fn notice(
    told: Option<&Told>,
    keep_until: Timestamp,
    now: Timestamp,
) -> Result<Option<Box<HitNotice>>, WatchError> {
    let told = told.filter(|_| now < keep_until);
    let read = told.map(|told| serde_json::from_slice(told.expose()));
    read.transpose()
        .map_err(|_| WatchError::Unreadable("what an owner was told"))
}
