//! Which questions an auditor wants to see.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::question::{Question, State};
use crate::ledger::Personal;

/// What a question must be like to be shown; what is absent does not matter. All of it must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub subject: Option<Personal>,
    /// The asker's organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// For which file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub case_reference: Option<Personal>,
    /// The plate, as normalised.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub plate: Option<Personal>,
    /// A source that was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What came of a source (of `source`, where that is given): `answered`, `empty`, `refused` and so on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What became of the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// From then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Before then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
}

impl Filter {
    /// Whether the question is wanted.
    #[must_use]
    pub fn wants(&self, question: &Question) -> bool {
        let text = |wanted: &Option<String>, is: &Option<String>| {
            wanted
                .as_ref()
                .is_none_or(|wanted| Some(wanted) == is.as_ref())
        };
        let personal = |wanted: &Option<Personal>, is: &Option<Personal>| {
            wanted.as_ref().is_none_or(|wanted| {
                let is = is.as_ref().and_then(Personal::text);
                is.is_some() && is == wanted.text()
            })
        };
        personal(&self.subject, &question.subject)
            && text(&self.organisation, &question.organisation)
            && text(&self.purpose, &question.purpose)
            && personal(&self.case_reference, &question.case_reference)
            && personal(&self.plate, &question.plate)
            && self.state.is_none_or(|state| state == question.state)
            && self.from.is_none_or(|from| from <= question.at)
            && self.to.is_none_or(|to| question.at < to)
            && self.wants_source(question)
    }

    fn wants_source(&self, question: &Question) -> bool {
        if self.source.is_none() && self.outcome.is_none() {
            return true;
        }
        question.sources.iter().any(|line| {
            line.was_wanted()
                && self
                    .source
                    .as_ref()
                    .is_none_or(|source| *source == line.source)
                && self
                    .outcome
                    .as_ref()
                    .is_none_or(|outcome| outcome == line.word())
        })
    }
}
