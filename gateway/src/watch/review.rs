//! What becomes of a hit after its owner was told: it is looked at, and what happened is on record.

use jiff::Timestamp;
use rusqlite::params;
use turnpike_schemas::hit::{HitId, HitState, time_to_review_s};

use super::{Book, Event, EventKind, HitRow, WatchError, lists, outbox};

/// A hit a person has looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// The hit.
    pub hit: HitRow,
    /// Whole seconds from when the owner was told first.
    pub time_to_review_s: u64,
    /// The events, where this wrote them.
    pub events: Vec<Event>,
}

impl Reviewed {
    fn of(hit: HitRow, events: Vec<Event>) -> Self {
        let reviewed_at = hit.reviewed_at.unwrap_or(hit.told_at);
        Self {
            time_to_review_s: time_to_review_s(hit.told_at, reviewed_at),
            hit,
            events,
        }
    }
}

impl Book {
    /// A person has looked: `entry` is where the ledger says so. The same finding of the same entry again changes nothing.
    ///
    /// # Errors
    /// [`WatchError::NoFinding`] for `unconfirmed`, [`WatchError::Missing`], and [`WatchError::AlreadyReviewed`] where there is
    /// another review.
    pub async fn review(
        &self,
        hit: &HitId,
        state: HitState,
        by: &str,
        at: Timestamp,
        entry: u64,
    ) -> Result<Reviewed, WatchError> {
        if !state.is_reviewed() {
            return Err(WatchError::NoFinding);
        }
        let (hit, by) = (hit.clone(), by.to_owned());
        self.write(move |connection| {
            let before = lists::find(connection, &hit)?.ok_or(WatchError::Missing)?;
            if before.state.is_reviewed() {
                let is_same = before.state == state && before.review_entry == Some(entry);
                return if is_same {
                    Ok(Reviewed::of(before, Vec::new()))
                } else {
                    Err(WatchError::AlreadyReviewed)
                };
            }
            connection
                .prepare_cached(
                    "UPDATE hits SET state = ?2, reviewed_by = ?3, reviewed_at = ?4, review_entry = ?5 WHERE id = ?1",
                )?
                .execute(params![
                    hit.as_str(),
                    state.as_str(),
                    by,
                    at.as_microsecond(),
                    entry.cast_signed(),
                ])?;
            let event = outbox::write(connection, &hit, EventKind::Reviewed, at, false)?;
            let second = outbox::write_second(connection, &event)?;
            let after = lists::find(connection, &hit)?.ok_or(WatchError::Missing)?;
            let events = [event].into_iter().chain(second).collect();
            Ok(Reviewed::of(after, events))
        })
        .await
    }

    /// The telling is on record; what is not given stays as it is.
    ///
    /// # Errors
    /// [`WatchError::Missing`].
    pub async fn recorded(
        &self,
        hit: &HitId,
        intent: Option<u64>,
        outcome: Option<u64>,
    ) -> Result<(), WatchError> {
        let hit = hit.clone();
        self.write(move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE hits SET intent = ifnull(?2, intent), outcome = ifnull(?3, outcome) WHERE id = ?1",
                )?
                .execute(params![
                    hit.as_str(),
                    intent.map(u64::cast_signed),
                    outcome.map(u64::cast_signed),
                ])?;
            if changed == 0 {
                return Err(WatchError::Missing);
            }
            Ok(())
        })
        .await
    }
}
