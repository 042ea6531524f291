//! What a source owner gets to see of every day: each question that touched the source.
//!
//! Users stand under a pseudonym that is the same in every statement to one owner and another in those to others. Plates
//! and case references are not in it.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::covered::Covered;
use super::question::{Question, SourceLine, State};

/// A day of a source, in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    /// The source.
    pub source: String,
    /// The day, from 00:00 to 24:00 UTC.
    #[schema(value_type = String, format = Date)]
    pub day: Date,
    /// What it was counted from.
    pub covered: Covered,
    /// Questions that touched the source.
    pub questions: u64,
    /// Images that were wanted of reads that had been released.
    pub images: u64,
    /// Times the source was checked; nothing leaves for that.
    pub checks: u64,
    /// Reads that left.
    pub reads: u64,
    /// By organisation.
    pub organisations: Vec<Counted>,
    /// By purpose.
    pub purposes: Vec<Counted>,
    /// By what came of them: `answered`, `empty`, `refused` and so on.
    pub outcomes: Vec<Counted>,
    /// Refusals, by the rule of the agreement.
    pub refusals: Vec<Counted>,
    /// Every question, in the order of the ledger.
    pub lines: Vec<StatementLine>,
}

/// How many uses, which are questions, images and checks, and how many reads left for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counted {
    /// What is counted.
    pub name: String,
    /// Uses.
    pub uses: u64,
    /// Reads.
    pub reads: u64,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementLine {
    /// Its first entry.
    pub entry: u64,
    /// When it was asked.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The user, under the owner's pseudonym.
    pub user: String,
    /// The user's organisation.
    pub organisation: String,
    /// What kind of organisation that is.
    pub organisation_class: String,
    /// The organisation asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// `query`, `image`, `check` or `alert`.
    pub action: String,
    /// Why.
    pub purpose: String,
    /// Type of offence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offence: Option<String>,
    /// Declared urgent.
    pub urgent: bool,
    /// The agreement that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// The rules behind a refusal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// What came of it at this source.
    pub outcome: String,
    /// Reads that left.
    pub reads: u64,
}

/// Gathers a day of a source from questions.
#[derive(Debug)]
pub struct Gathering {
    source: String,
    day: Date,
    lines: Vec<StatementLine>,
}

impl Gathering {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(source: &str, day: Date) -> Self {
        Self {
            source: source.to_owned(),
            day,
            lines: Vec::new(),
        }
    }

    /// Whether a question touched the source on this day.
    #[must_use]
    pub fn touches(&self, question: &Question) -> bool {
        question.state != State::Explained
            && TimeZone::UTC.to_datetime(question.at).date() == self.day
            && self.line(question).is_some()
    }

    fn line<'q>(&self, question: &'q Question) -> Option<&'q SourceLine> {
        let mut lines = question.sources.iter();
        lines.find(|line| line.source == self.source && line.was_wanted())
    }

    /// Takes a question into account; `pseudonym` gives the owner's name for a subject.
    pub fn follow(&mut self, question: &Question, pseudonym: impl Fn(&str) -> String) {
        if !self.touches(question) {
            return;
        }
        if let Some(line) = self.line(question) {
            self.lines.push(statement_line(question, line, pseudonym));
        }
    }

    /// The statement.
    #[must_use]
    pub fn finish(mut self, covered: Covered) -> Statement {
        self.lines.sort_by_key(|line| line.entry);
        let lines = &self.lines;
        let of = |actions: &[&str]| {
            let wanted = lines.iter();
            let wanted = wanted.filter(|line| actions.contains(&line.action.as_str()));
            wanted.count() as u64
        };
        let refused = lines.iter().filter(|line| line.outcome == "refused");
        Statement {
            source: self.source,
            day: self.day,
            covered,
            questions: of(&["query", "alert"]),
            images: of(&["image"]),
            checks: of(&["check"]),
            reads: lines.iter().map(|line| line.reads).sum(),
            organisations: counted(lines.iter().map(|line| (line.organisation.as_str(), line))),
            purposes: counted(lines.iter().map(|line| (line.purpose.as_str(), line))),
            outcomes: counted(lines.iter().map(|line| (line.outcome.as_str(), line))),
            refusals: counted(
                refused.flat_map(|line| line.rules.iter().map(move |rule| (rule.as_str(), line))),
            ),
            lines: self.lines,
        }
    }
}

fn statement_line(
    question: &Question,
    line: &SourceLine,
    pseudonym: impl Fn(&str) -> String,
) -> StatementLine {
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let subject = question.subject.as_ref();
    let subject = subject.map(|subject| match subject.text() {
        Some(person) => pseudonym(person),
        // Its key is destroyed: nobody can tell any more.
        None => subject.expose().to_owned(),
    });
    StatementLine {
        entry: question.entry,
        at: question.at,
        user: or_unknown(&subject),
        organisation: or_unknown(&question.organisation),
        organisation_class: or_unknown(&question.organisation_class),
        on_behalf_of: question.on_behalf_of.clone(),
        action: question.action.clone(),
        purpose: or_unknown(&question.purpose),
        offence: question.offence.clone(),
        urgent: question.urgent,
        agreement: line.agreement.clone(),
        rules: line.rules.clone(),
        outcome: outcome(question, line).to_owned(),
        reads: line.reads,
    }
}

/// A question that was interrupted released nothing, whatever the source was asked.
fn outcome<'a>(question: &Question, line: &'a SourceLine) -> &'a str {
    match (question.state, line.permitted) {
        (State::Interrupted, Some(true)) => "interrupted",
        (State::Open, Some(true)) => "under_way",
        _ => line.word(),
    }
}

fn counted<'a>(lines: impl Iterator<Item = (&'a str, &'a StatementLine)>) -> Vec<Counted> {
    let mut counts: BTreeMap<&str, Counted> = BTreeMap::new();
    for (name, line) in lines {
        let count = counts.entry(name).or_default();
        count.uses += 1;
        count.reads += line.reads;
    }
    let named = counts.into_iter().map(|(name, count)| Counted {
        name: name.to_owned(),
        ..count
    });
    let mut counts: Vec<Counted> = named.collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.uses));
    counts
}
