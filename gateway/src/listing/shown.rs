//! Lists and entries as people see them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use turnpike_schemas::api::alerts::{AlertDone, AlertEntry, AlertList, AlertState, NewAlertList};

use super::{ListError, Listing};
use crate::alerts::{Done, Kept, List, State};

impl Listing {
    pub(super) async fn shown(&self, list: List, now: Timestamp) -> Result<AlertList, ListError> {
        let counts = self.book.counts(list.id, now).await?;
        let counts = counts.into_iter();
        let entries: BTreeMap<AlertState, u64> = counts
            .map(|(state, count)| (state_of(state), count))
            .collect();
        let (id, revision, made_at, closed_at) =
            (list.id, list.revision, list.made_at, list.closed_at);
        let list = list.list;
        Ok(AlertList {
            id,
            owner: list.owner,
            organisation: list.organisation,
            list: NewAlertList {
                name: list.name,
                topic: list.topic,
                purpose: list.terms.purpose,
                offence: list.terms.offence,
                case_reference: list.terms.case_reference,
                on_behalf_of: list.terms.on_behalf_of,
                legal_basis: list.terms.legal_basis,
                look_alike: list.look_alike,
                confidential: list.confidential,
                shared: list.shared,
                as_of: list.as_of,
            },
            revision,
            made_at,
            closed_at,
            entries,
        })
    }
}

fn state_of(state: State) -> AlertState {
    match state {
        State::Active => AlertState::Active,
        State::Waiting => AlertState::Waiting,
        State::Unconfirmed => AlertState::Unconfirmed,
        State::Ended => AlertState::Ended,
        State::Removed => AlertState::Removed,
    }
}

/// An entry; nothing of one that is erased.
pub(super) fn entry(kept: Kept) -> Option<AlertEntry> {
    let entry = kept.entry?;
    Some(AlertEntry {
        entry: kept.id,
        plate: entry.wanted.expose().to_owned(),
        jurisdiction: entry.jurisdiction,
        reason: entry.reason,
        expires_at: entry.expires_at,
        note: entry.note,
        state: state_of(kept.state),
        confirm_until: kept.confirm_until,
        added_by: kept.added_by,
        added_at: kept.added_at,
        approved_by: kept.approved_by,
        turns: Vec::new(),
    })
}

pub(super) fn done(done: Done) -> AlertDone {
    AlertDone {
        at: done.at,
        by: done.by,
        what: done.what.as_str().to_owned(),
        ledger: done.recorded,
    }
}
