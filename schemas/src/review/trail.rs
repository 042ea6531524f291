//! From one user to every source and plate that user reached: the first thing to know when an account was misused.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::question::Question;
use crate::ledger::Personal;

/// What one user reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Trail {
    /// Who.
    #[schema(value_type = String)]
    pub subject: Personal,
    /// Questions of any outcome, without images and checks, whose sources and plates are among those below.
    pub questions: u64,
    /// The first.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub first_at: Option<Timestamp>,
    /// The last.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_at: Option<Timestamp>,
    /// Every source that was contacted, or whose reads were searched.
    pub sources: Vec<Reached>,
    /// Every plate that was asked about.
    pub plates: Vec<AskedPlate>,
    /// Entries this was counted from.
    pub entries: u64,
}

/// A source that was reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reached {
    /// The source.
    pub source: String,
    /// Questions it was contacted for.
    pub questions: u64,
    /// Reads of it that left.
    pub reads: u64,
}

/// A plate that was asked about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AskedPlate {
    /// The plate.
    #[schema(value_type = String)]
    pub plate: Personal,
    /// Questions about it.
    pub questions: u64,
    /// Reads of it that left.
    pub reads: u64,
    /// Case references it was asked about under.
    #[schema(value_type = Vec<String>)]
    pub case_references: Vec<Personal>,
}

/// Follows one user through questions.
#[derive(Debug)]
pub struct Trace {
    subject: String,
    questions: u64,
    span: Option<(Timestamp, Timestamp)>,
    sources: BTreeMap<String, Reached>,
    plates: BTreeMap<String, (u64, u64, BTreeSet<String>)>,
}

impl Trace {
    /// Follows `subject`.
    #[must_use]
    pub fn of(subject: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            questions: 0,
            span: None,
            sources: BTreeMap::new(),
            plates: BTreeMap::new(),
        }
    }

    /// Takes a question into account; those of others are left out.
    pub fn follow(&mut self, question: &Question) {
        let is_meant = question
            .subject
            .as_ref()
            .is_some_and(|subject| subject.text() == Some(&*self.subject));
        if !is_meant {
            return;
        }
        let asked = u64::from(question.is_asked());
        self.questions += asked;
        let at = question.at;
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        for line in question.sources.iter().filter(|line| line.was_contacted()) {
            let reached = self.sources.entry(line.source.clone()).or_default();
            reached.questions += asked;
            reached.reads += line.reads;
        }
        if let Some(plate) = &question.plate {
            let (questions, reads, cases) =
                self.plates.entry(plate.expose().to_owned()).or_default();
            *questions += asked;
            *reads += question.reads();
            cases.extend(
                question
                    .case_reference
                    .iter()
                    .map(|case| case.expose().to_owned()),
            );
        }
    }

    /// What was found in `entries` entries.
    #[must_use]
    pub fn finish(self, entries: u64) -> Trail {
        Trail {
            subject: Personal::new(self.subject),
            questions: self.questions,
            first_at: self.span.map(|(first, _)| first),
            last_at: self.span.map(|(_, last)| last),
            sources: self
                .sources
                .into_iter()
                .map(|(source, reached)| Reached { source, ..reached })
                .collect(),
            plates: self
                .plates
                .into_iter()
                .map(|(plate, (questions, reads, cases))| AskedPlate {
                    plate: Personal::new(plate),
                    questions,
                    reads,
                    case_references: cases.into_iter().map(Personal::new).collect(),
                })
                .collect(),
            entries,
        }
    }
}
