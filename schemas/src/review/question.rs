//! Questions, put together from the entries of their life: intent, decisions, outcome.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ledger::{
    Action, Body, Decision, Entry, Intent, Personal, Refused, SourceOutcome, Verdict,
};

/// What became of a question.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Sources were asked, and what came of it is on record.
    Answered,
    /// Refused before any contact.
    Refused,
    /// It gave no answer, or the answer was withheld.
    Interrupted,
    /// Its outcome is not on record yet.
    Open,
    /// Only explained; nobody was asked.
    Explained,
}

/// One question with all that is on record about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Question {
    /// Its first entry.
    pub entry: u64,
    /// When that was written.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `query`, `image`, `check` or `alert`.
    pub action: String,
    /// What became of it.
    pub state: State,
    /// Why it was refused or interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub subject: Option<Personal>,
    /// The organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// What kind of organisation that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation_class: Option<String>,
    /// The organisation asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Type of offence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offence: Option<String>,
    /// For which file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub case_reference: Option<Personal>,
    /// The plate asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub plate: Option<Personal>,
    /// Declared urgent.
    #[serde(default)]
    pub urgent: bool,
    /// Roles of the asker.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Every source that was decided about, in the order of the decisions.
    pub sources: Vec<SourceLine>,
}

/// One source of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SourceLine {
    /// The source.
    pub source: String,
    /// The agreement that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// Whether it permitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permitted: Option<bool>,
    /// The rules behind a refusal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// What came of it, as in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Reads that came from it into the answer.
    pub reads: u64,
}

impl SourceLine {
    /// Whether the source was wanted at all: decided about and not left out by the asker.
    #[must_use]
    pub fn was_wanted(&self) -> bool {
        self.outcome.as_deref() != Some("not_asked")
    }

    /// Whether the source was contacted, or what it sent was searched.
    #[must_use]
    pub fn was_contacted(&self) -> bool {
        let kept_away = ["not_asked", "refused", "unsupported"];
        self.permitted == Some(true)
            && self
                .outcome
                .as_deref()
                .is_some_and(|outcome| !kept_away.contains(&outcome))
    }

    /// What to show: the outcome, or where there is none what was decided.
    #[must_use]
    pub fn word(&self) -> &str {
        match (&self.outcome, self.permitted) {
            (Some(outcome), _) => outcome,
            (None, Some(true)) => "permitted",
            (None, _) => "refused",
        }
    }
}

/// Puts questions together while entries go by. Holds only those that are not complete.
#[derive(Debug, Default)]
pub struct Questions {
    open: BTreeMap<u64, Question>,
    /// A refusal or explanation, whose decisions follow it at once.
    ended: Option<Question>,
}

impl Questions {
    /// Takes the next entry into account; questions that are complete with it are appended.
    pub fn follow(&mut self, entry: &Entry, complete: &mut Vec<Question>) {
        if entry.intent.is_none() || entry.intent != self.ended.as_ref().map(|ended| ended.entry) {
            complete.extend(self.ended.take());
        }
        match &entry.body {
            Body::Intent(intent) => {
                self.open
                    .insert(entry.index, asked(entry, intent, State::Open));
            }
            Body::DryRun(intent) => self.ended = Some(asked(entry, intent, State::Explained)),
            Body::Refused(refused) if refused.action.is_some() => {
                self.ended = Some(turned_away(entry, refused));
            }
            Body::Decision(decision) => {
                let intent = entry.intent;
                let open = intent.and_then(|intent| self.open.get_mut(&intent));
                let of = open.or_else(|| self.ended.as_mut().filter(|of| Some(of.entry) == intent));
                if let Some(question) = of {
                    question.decide(decision);
                }
            }
            Body::OutcomePart(part) => {
                if let Some(question) = self.of(entry) {
                    question.outcome(part);
                }
            }
            Body::Outcome(outcome) => {
                if let Some(mut question) = self.close(entry) {
                    outcome
                        .sources
                        .iter()
                        .for_each(|source| question.outcome(source));
                    question.state = State::Answered;
                    complete.push(question);
                }
            }
            Body::Interrupted(interrupted) => {
                if let Some(mut question) = self.close(entry) {
                    question.state = State::Interrupted;
                    question.reason = Some(word(&interrupted.reason));
                    complete.push(question);
                }
            }
            Body::Refused(_) | Body::Ingest(_) | Body::Admin(_) | Body::Delivery(_) => {}
        }
    }

    /// What is left at the end: questions whose outcome is not on record.
    #[must_use]
    pub fn finish(self) -> Vec<Question> {
        self.ended
            .into_iter()
            .chain(self.open.into_values())
            .collect()
    }

    fn of(&mut self, entry: &Entry) -> Option<&mut Question> {
        self.open.get_mut(&entry.intent?)
    }

    fn close(&mut self, entry: &Entry) -> Option<Question> {
        self.open.remove(&entry.intent?)
    }
}

impl Question {
    /// Whether it counts as a question: an image belongs to the question its read answered, a check releases nothing, and nobody asks
    /// when a read is told to the owner of an alert list.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.action == "query"
    }

    fn decide(&mut self, decision: &Decision) {
        self.sources.push(SourceLine {
            source: decision.source.clone(),
            agreement: decision.agreement.clone(),
            permitted: Some(decision.verdict == Verdict::Permit),
            rules: decision.rules.clone(),
            outcome: None,
            reads: 0,
        });
    }

    fn outcome(&mut self, source: &SourceOutcome) {
        let line = self
            .sources
            .iter_mut()
            .find(|line| line.source == source.source);
        if let Some(line) = line {
            line.outcome = Some(source.outcome.clone());
            line.reads = source.count;
            return;
        }
        self.sources.push(SourceLine {
            source: source.source.clone(),
            agreement: None,
            permitted: None,
            rules: source.detail.iter().cloned().collect(),
            outcome: Some(source.outcome.clone()),
            reads: source.count,
        });
    }

    /// Reads of all sources.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.sources.iter().map(|line| line.reads).sum()
    }
}

fn asked(entry: &Entry, intent: &Intent, state: State) -> Question {
    let grounds = intent.grounds.as_ref();
    Question {
        entry: entry.index,
        at: entry.at,
        action: word(&intent.action),
        state,
        reason: None,
        subject: Some(intent.subject.clone()),
        organisation: Some(intent.organisation.clone()),
        organisation_class: Some(intent.organisation_class.clone()),
        on_behalf_of: intent.on_behalf_of.clone(),
        purpose: Some(intent.purpose.clone()),
        offence: grounds.and_then(|grounds| grounds.offence.clone()),
        case_reference: Some(intent.case_reference.clone()),
        plate: Some(intent.plate.clone()),
        urgent: grounds.is_some_and(|grounds| grounds.urgent),
        roles: intent
            .asker
            .as_ref()
            .map(|asker| asker.roles.clone())
            .unwrap_or_default(),
        sources: Vec::new(),
    }
}

fn turned_away(entry: &Entry, refused: &Refused) -> Question {
    Question {
        entry: entry.index,
        at: entry.at,
        action: word(&refused.action.unwrap_or(Action::Query)),
        state: State::Refused,
        reason: Some(word(&refused.reason)),
        subject: refused.subject.clone(),
        organisation: refused.organisation.clone(),
        organisation_class: refused.organisation_class.clone(),
        on_behalf_of: refused.on_behalf_of.clone(),
        purpose: refused.purpose.clone(),
        offence: None,
        case_reference: refused.case_reference.clone(),
        plate: refused.plate.clone(),
        urgent: false,
        roles: Vec::new(),
        sources: Vec::new(),
    }
}

/// The serialized word of a unit variant.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
