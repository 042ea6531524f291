//! What is done to entries that are there, and to lists as wholes.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use turnpike_schemas::{
    alert::Entry,
    api::alerts::{
        AlertChanged, AlertEntries, AlertEntry, AlertHistory, AlertList, LOOK_BACK_H, LookedBack,
        LookedBackAt,
    },
    ledger::AdminAction,
};
use uuid::Uuid;

use super::{ListError, Listing, bounds::Samples, record, shown};
use crate::{
    alerts::{AlertError, Kept, List, State, file},
    identity::Identity,
};

/// A change of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Another end.
    Renew(Timestamp),
    /// It still holds.
    Confirm,
    /// A second person agrees.
    Approve,
    /// It is taken off.
    Remove,
}

impl Listing {
    /// Entries of a list, as far as they are not erased. That somebody sees them is on record.
    ///
    /// # Errors
    /// [`ListError`].
    pub(crate) async fn entries(
        &self,
        identity: &Identity,
        id: Uuid,
    ) -> Result<AlertEntries, ListError> {
        let kept = self.read(identity, id, "read").await?;
        let now = self.clock.now();
        let entries = kept.into_iter().filter_map(shown::entry);
        let entries = entries.map(|entry| AlertEntry {
            turns: self.turns.of_entry(entry.entry, now),
            ..entry
        });
        Ok(AlertEntries {
            entries: entries.collect(),
        })
    }

    /// The same as a file that a spreadsheet opens without running anything, and that an import takes back.
    ///
    /// # Errors
    /// [`ListError`].
    pub(crate) async fn export(&self, identity: &Identity, id: Uuid) -> Result<String, ListError> {
        let kept = self.read(identity, id, "exported").await?;
        let entries: Vec<Entry> = kept.into_iter().filter_map(|kept| kept.entry).collect();
        Ok(file::written(&entries))
    }

    async fn read(
        &self,
        identity: &Identity,
        id: Uuid,
        how: &'static str,
    ) -> Result<Vec<Kept>, ListError> {
        let list = self.open_to(identity, id).await?;
        let kept = self.book.entries(id, self.clock.now()).await?;
        let counts = [("entries", kept.len().into())];
        self.record(identity, &list, how, &[], &counts).await?;
        Ok(kept)
    }

    /// What was done to an entry.
    ///
    /// # Errors
    /// [`ListError::Missing`].
    pub(crate) async fn history(
        &self,
        identity: &Identity,
        id: Uuid,
        entry: u64,
    ) -> Result<AlertHistory, ListError> {
        self.open_to(identity, id).await?;
        self.of_list(id, entry).await?;
        let history = self.book.history(entry).await?;
        let history = history.into_iter().map(shown::done);
        Ok(AlertHistory {
            history: history.collect(),
        })
    }

    async fn of_list(&self, id: Uuid, entry: u64) -> Result<Kept, ListError> {
        let kept = self.book.entry(entry, self.clock.now()).await?;
        if kept.list == id {
            Ok(kept)
        } else {
            Err(ListError::Missing)
        }
    }

    /// Changes one entry; nothing is given back of one that is taken off.
    ///
    /// # Errors
    /// [`ListError`]; then nothing is changed.
    pub(crate) async fn change(
        &self,
        identity: &Identity,
        id: Uuid,
        entry: u64,
        change: Change,
    ) -> Result<Option<AlertEntry>, ListError> {
        let list = match change {
            // Whoever a list is shared with is the second person.
            Change::Approve => {
                let list = self.open_to(identity, id).await?;
                self.as_sure(identity, &list)?;
                list
            }
            _ => self.owned(identity, id).await?,
        };
        let kept = self.of_list(id, entry).await?;
        let wanted = kept.entry.as_ref().ok_or(ListError::Missing)?;
        let now = self.clock.now();
        let mut needs_approval = false;
        let word = match change {
            Change::Renew(until) => {
                needs_approval = self.may_last(identity, &list, wanted, until, now).await?;
                "renewed"
            }
            Change::Confirm => "confirmed",
            Change::Approve => {
                may_approve(&kept, identity)?;
                "approved"
            }
            Change::Remove => "removed",
        };
        let plates = [("plates", vec![wanted.wanted.expose().to_owned()])];
        let counts = [("entries", 1.into())];
        let recorded = self.record(identity, &list, word, &plates, &counts).await?;
        let by = self.by(identity, now, recorded);
        let kept = match change {
            Change::Renew(until) => self.book.renew(entry, until, needs_approval, by).await?,
            Change::Confirm => self.book.confirm(entry, by).await?,
            Change::Approve => self.book.approve(entry, by).await?,
            Change::Remove => {
                self.book.remove(entry, by).await?;
                return Ok(None);
            }
        };
        Ok(shown::entry(kept))
    }

    /// Says of every entry of a list that it still holds, as at the start of a shift.
    ///
    /// # Errors
    /// [`ListError`].
    pub(crate) async fn confirm_all(
        &self,
        identity: &Identity,
        id: Uuid,
    ) -> Result<AlertChanged, ListError> {
        let list = self.owned(identity, id).await?;
        let now = self.clock.now();
        let there = self.book.entries(id, now).await?;
        let counts = [("entries", there.len().into())];
        let recorded = self
            .record(identity, &list, "confirmed", &[], &counts)
            .await?;
        let by = self.by(identity, now, recorded);
        let entries = self.book.confirm_all(id, by).await?;
        Ok(AlertChanged { entries })
    }

    /// Shares a list with these people and nobody else.
    ///
    /// # Errors
    /// [`ListError::Shared`] where one of them is not here; then nothing is changed.
    pub(crate) async fn share(
        &self,
        identity: &Identity,
        id: Uuid,
        shared: BTreeSet<String>,
    ) -> Result<AlertList, ListError> {
        let mut list = self.owned(identity, id).await?.list;
        list.shared.clone_from(&shared);
        self.known(identity, &list).await?;
        let action = AdminAction::AlertChange;
        let entry = record::of_list(action, identity, "shared", id, &list);
        self.ledger.admin(entry).await?;
        let list = self.book.share(id, shared).await?;
        self.shown(list, self.clock.now()).await
    }

    /// Looks for every entry of a list among what was read in the last hours: at once where reads are kept here, in its turn where a
    /// source can only be asked. Entries that were looked for as far back already are left out.
    ///
    /// # Errors
    /// [`ListError::LookBack`], and as for every change.
    pub(crate) async fn look_back(
        &self,
        identity: &Identity,
        id: Uuid,
        hours: u32,
    ) -> Result<LookedBack, ListError> {
        if !LOOK_BACK_H.contains(&hours) {
            return Err(ListError::LookBack);
        }
        let list = self.owned(identity, id).await?;
        if list.closed_at.is_some() {
            return Err(ListError::Book(AlertError::Closed));
        }
        let now = self.clock.now();
        let since = now.checked_sub(SignedDuration::from_hours(i64::from(hours)));
        let since = since.map_err(|_| ListError::LookBack)?;
        let counts = [("hours", hours.into())];
        self.record(identity, &list, "looks_back", &[], &counts)
            .await?;
        let (mut sources, mut wanted) = (Vec::new(), Vec::new());
        for watched in &self.sources {
            let why_not = match watched.not_in_turn {
                _ if watched.delivers => None,
                _ if list.list.confidential => {
                    Some("the list is confidential: no source is told of its plates")
                }
                why => why,
            };
            if why_not.is_none() {
                wanted.push(watched.id.clone());
            }
            sources.push(LookedBackAt {
                source: watched.id.clone(),
                kept_here: watched.delivers,
                why_not: why_not.map(str::to_owned),
            });
        }
        let entries = self.book.look_back(id, wanted, since, now).await?;
        self.look_back.notify_one();
        Ok(LookedBack {
            since,
            entries,
            sources,
        })
    }

    /// Closes a list for good: its entries are erased.
    ///
    /// # Errors
    /// [`ListError`].
    pub(crate) async fn close(
        &self,
        identity: &Identity,
        id: Uuid,
    ) -> Result<AlertChanged, ListError> {
        let list = self.owned(identity, id).await?;
        let action = AdminAction::AlertChange;
        let entry = record::of_list(action, identity, "closed", id, &list.list);
        let recorded = self.ledger.admin(entry).await?;
        let by = self.by(identity, self.clock.now(), recorded);
        let entries = self.book.close(id, by).await?;
        Ok(AlertChanged { entries })
    }

    /// An end that the agreements allow now. Says whether it takes a second person.
    async fn may_last(
        &self,
        identity: &Identity,
        list: &List,
        entry: &Entry,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, ListError> {
        let samples = Samples::one(&entry.wanted);
        let decided = self.decide(identity, list, &samples, now).await?;
        let longest = decided.bounds.longest;
        let latest = now.checked_add(longest).unwrap_or(Timestamp::MAX);
        if until > now && until <= latest {
            return Ok(decided.duties.approval);
        }
        let days = u64::try_from(longest.as_hours() / 24).unwrap_or_default();
        Err(ListError::End(days))
    }
}

fn may_approve(kept: &Kept, identity: &Identity) -> Result<(), ListError> {
    if kept.state != State::Waiting {
        return Err(AlertError::NotWaiting.into());
    }
    if kept.added_by == identity.subject() {
        return Err(AlertError::SamePerson.into());
    }
    Ok(())
}
