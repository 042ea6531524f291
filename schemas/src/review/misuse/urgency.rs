//! Urgent use and the justification it owes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::ledger::{Admin, AdminAction, Personal};

/// Fact of a justification: index of the intent it is about.
pub(super) const INTENT: &str = "intent";

/// One urgent question that is not justified yet.
#[derive(Debug)]
pub(super) struct Owed {
    /// Its intent.
    pub(super) entry: u64,
    /// When it was asked.
    pub(super) at: Timestamp,
    /// Who asked.
    pub(super) subject: Personal,
    /// The organisation.
    pub(super) organisation: String,
}

/// Urgent questions of the last hours that are not justified yet.
#[derive(Debug, Default)]
pub(super) struct Urgency {
    owed: BTreeMap<u64, Owed>,
}

impl Urgency {
    /// An urgent question.
    pub(super) fn add(&mut self, owed: Owed) {
        self.owed.insert(owed.entry, owed);
    }

    /// A justification ends what is owed.
    pub(super) fn follow(&mut self, admin: &Admin) {
        if admin.action == AdminAction::Justification
            && let Some(intent) = admin.facts.get(INTENT).and_then(serde_json::Value::as_u64)
        {
            self.owed.remove(&intent);
        }
    }

    /// What is overdue at `now`; each is told once.
    pub(super) fn overdue(&mut self, now: Timestamp, within: SignedDuration) -> Option<Owed> {
        let first = self.owed.first_entry()?;
        let due = first.get().at.checked_add(within).ok()?;
        (due <= now).then(|| first.remove())
    }

    /// How many are not justified yet.
    pub(super) fn len(&self) -> usize {
        self.owed.len()
    }
}
