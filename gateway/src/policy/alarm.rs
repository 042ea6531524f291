//! Telling that the engines did not come to one answer: an entry, a metric and a line in the log, none with personal data.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use turnpike_schemas::{
    agreement::{Action, Agreement, Rule},
    ledger::{Admin, AdminAction},
    read::SourceId,
};

use super::cedar::Opinion;
use crate::{
    federation::word,
    ledger::{Ledger, LedgerError},
};

/// The same alarm gets an entry of its own again after this long; it is counted every time.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// What somebody must look at. The decision it is about was a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// `engines_disagree` or `policy_error`.
    pub rule: Rule,
    /// The source.
    pub source: SourceId,
    action: Action,
    agreement: String,
    agreement_sha256: String,
    /// What the second engine said: names of policies, or the kind of error.
    said: String,
}

/// Keeps the same alarm from filling the ledger.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    recorded: Mutex<BTreeMap<(String, Action, Rule), Timestamp>>,
}

impl Alarm {
    pub(super) fn new(rule: Rule, action: Action, agreement: &Agreement, said: &Opinion) -> Self {
        Self {
            rule,
            source: agreement.document().source.clone(),
            action,
            agreement: agreement.reference().to_string(),
            agreement_sha256: agreement.sha256().to_owned(),
            said: said.in_words(),
        }
    }

    fn entry(&self) -> Admin {
        let facts = [
            ("about", "policy".to_owned()),
            ("action", word(&self.action)),
            ("agreement", self.agreement.clone()),
            ("agreement_sha256", self.agreement_sha256.clone()),
            ("rule", self.rule.to_string()),
            ("second_engine", self.said.clone()),
            ("source", self.source.to_string()),
        ];
        let facts = facts.map(|(name, value)| (name.to_owned(), value.into()));
        Admin {
            action: AdminAction::Alarm,
            by: None,
            facts: facts.into_iter().collect(),
        }
    }
}

impl Alarms {
    /// Counts the alarm and puts it on record.
    ///
    /// # Errors
    /// [`LedgerError`]; then it is not on record, and what it is about must not go on.
    pub(super) async fn raise(
        &self,
        alarm: &Alarm,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let (source, rule) = (alarm.source.to_string(), alarm.rule.as_str());
        metrics::counter!("turnpike_policy_alarms_total", "source" => source.clone(), "rule" => rule)
            .increment(1);
        if !self.is_due(alarm, now) {
            return Ok(());
        }
        tracing::error!(
            source,
            rule,
            agreement = alarm.agreement,
            second_engine = alarm.said,
            "the engines that must both permit do not come to one answer; refused"
        );
        ledger.admin(alarm.entry()).await.map(|_| ())
    }

    fn is_due(&self, alarm: &Alarm, now: Timestamp) -> bool {
        let key = (alarm.agreement_sha256.clone(), alarm.action, alarm.rule);
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        let last = recorded.get(&key);
        let is_due = last.is_none_or(|last| now.duration_since(*last).abs() >= AGAIN);
        if is_due {
            recorded.insert(key, now);
        }
        is_due
    }
}
