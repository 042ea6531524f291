//! The end of retention: keys of periods that are long over are destroyed, by two people.
//!
//! One proposes and another confirms. What is about to be destroyed is on record before it is, and what was destroyed
//! after it was; a destruction that was cut short is finished at the next start.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use turnpike_schemas::{
    agreement::Role,
    api::{SealProposal, SealReport},
    ledger::{Admin, AdminAction, KeyId, Personal},
};
use uuid::Uuid;

use crate::{
    identity::Identity,
    ledger::{Ledger, LedgerError},
};

/// How long a proposal can be confirmed.
const LAPSES: SignedDuration = SignedDuration::from_hours(24);

/// Keys one proposal is about, so that its entries fit: the oldest.
const MOST_KEYS: usize = 1_000;

/// Proposals that wait at once.
const MOST: usize = 16;

/// Proposals to destroy keys. They are forgotten when the process ends.
#[derive(Debug)]
pub(crate) struct Sealing {
    ledger: Arc<Ledger>,
    retention: Duration,
    proposals: Mutex<BTreeMap<Uuid, Proposal>>,
}

#[derive(Debug, Clone)]
struct Proposal {
    by: String,
    keys: Vec<KeyId>,
    before: Timestamp,
    expires_at: Timestamp,
}

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    #[error("needs the role `auditor`, or `operator` to propose")]
    Role,
    #[error("somebody else must confirm what you proposed")]
    SamePerson,
    #[error("must be {days} days ago or longer: `ledger.retention_days`")]
    Retention { days: u64 },
    #[error("no key's period was over by then; there is nothing to destroy")]
    Nothing,
    #[error("no such proposal, or it has lapsed")]
    Unknown,
    #[error("{MOST} proposals wait already; confirm them or let them lapse")]
    Many,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Sealing {
    pub(crate) fn new(ledger: &Arc<Ledger>, retention: Duration) -> Self {
        Self {
            ledger: Arc::clone(ledger),
            retention,
            proposals: Mutex::default(),
        }
    }

    /// Proposes to destroy the keys whose period was over at `before`.
    pub(crate) async fn propose(
        &self,
        identity: &Identity,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<SealProposal, SealError> {
        if !identity.has(Role::Auditor) && !identity.has(Role::Operator) {
            return Err(SealError::Role);
        }
        let kept = SignedDuration::try_from(self.retention).unwrap_or(SignedDuration::MAX);
        if now.duration_since(before) < kept {
            let days = self.retention.as_secs() / 86_400;
            return Err(SealError::Retention { days });
        }
        let mut keys = self.ledger.keys().ended(before);
        keys.truncate(MOST_KEYS);
        if keys.is_empty() {
            return Err(SealError::Nothing);
        }
        let proposal = Proposal {
            by: identity.subject().to_owned(),
            keys: keys.clone(),
            before,
            expires_at: now.checked_add(LAPSES).unwrap_or(Timestamp::MAX),
        };
        let (id, expires_at) = (Uuid::now_v7(), proposal.expires_at);
        let entry = proposal.entry(identity, id, "proposed");
        self.keep(id, proposal, now)?;
        let recorded = self.ledger.admin(entry).await.inspect_err(|_| {
            self.take(id);
        })?;
        Ok(SealProposal {
            proposal: id,
            before,
            keys,
            expires_at,
            recorded,
        })
    }

    /// Destroys the keys of a proposal of somebody else.
    pub(crate) async fn confirm(
        &self,
        identity: &Identity,
        id: Uuid,
        now: Timestamp,
    ) -> Result<SealReport, SealError> {
        if !identity.has(Role::Auditor) {
            return Err(SealError::Role);
        }
        let proposal = self.find(id).filter(|proposal| now < proposal.expires_at);
        let proposal = proposal.ok_or(SealError::Unknown)?;
        if proposal.by == identity.subject() {
            return Err(SealError::SamePerson);
        }
        let proposal = self.take(id).ok_or(SealError::Unknown)?;
        let entries = self.count(proposal.keys.clone()).await?;
        let destroying = proposal.entry(identity, id, "destroying");
        self.ledger.admin(destroying).await?;
        self.destroy(proposal.keys.clone()).await?;
        let mut done = proposal.entry(identity, id, "keys");
        done.facts.insert("entries".to_owned(), entries.into());
        let recorded = self.ledger.admin(done).await?;
        Ok(SealReport {
            keys: proposal.keys,
            entries,
            recorded,
        })
    }

    /// Entries with a field under one of these keys.
    async fn count(&self, keys: Vec<KeyId>) -> Result<u64, LedgerError> {
        let ledger = Arc::clone(&self.ledger);
        apart(move || {
            let mut count = 0;
            for entry in ledger.read_from(0)? {
                let under = entry?.sealed_under();
                count += u64::from(keys.iter().any(|key| under.contains_key(key)));
            }
            Ok(count)
        })
        .await
    }

    async fn destroy(&self, keys: Vec<KeyId>) -> Result<(), LedgerError> {
        let ledger = Arc::clone(&self.ledger);
        apart(move || Ok(ledger.keys().destroy(&keys)?)).await
    }

    fn keep(&self, id: Uuid, proposal: Proposal, now: Timestamp) -> Result<(), SealError> {
        let mut proposals = self
            .proposals
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        proposals.retain(|_, waiting| now < waiting.expires_at);
        if proposals.len() >= MOST {
            return Err(SealError::Many);
        }
        proposals.insert(id, proposal);
        Ok(())
    }

    fn find(&self, id: Uuid) -> Option<Proposal> {
        let proposals = self
            .proposals
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        proposals.get(&id).cloned()
    }

    fn take(&self, id: Uuid) -> Option<Proposal> {
        let mut proposals = self
            .proposals
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        proposals.remove(&id)
    }
}

impl Proposal {
    /// The entry that says what is done about these keys.
    fn entry(&self, by: &Identity, id: Uuid, keys: &str) -> Admin {
        let facts: [(&str, Value); 4] = [
            ("proposal", id.to_string().into()),
            ("proposed_by", self.by.as_str().into()),
            ("before", self.before.to_string().into()),
            (keys, names(&self.keys)),
        ];
        let named = facts
            .into_iter()
            .map(|(name, fact)| (name.to_owned(), fact));
        Admin {
            action: AdminAction::Seal,
            by: Some(Personal::new(by.subject())),
            facts: named.collect(),
        }
    }
}

/// Records keys whose destruction was finished at the start.
pub(crate) async fn record_finished(ledger: &Ledger, keys: &[KeyId]) -> Result<(), LedgerError> {
    if keys.is_empty() {
        return Ok(());
    }
    let entry = Admin {
        action: AdminAction::Seal,
        by: None,
        facts: BTreeMap::from([("keys".to_owned(), names(keys))]),
    };
    ledger.admin(entry).await.map(|_| ())
}

fn names(keys: &[KeyId]) -> Value {
    keys.iter().map(KeyId::as_str).collect()
}

/// Runs what blocks where it blocks nobody.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, LedgerError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(LedgerError::Unavailable(
        crate::ledger::Unavailable::Closed,
    )))
}

#[cfg(test)]
mod tests;
