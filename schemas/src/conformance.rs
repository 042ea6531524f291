//! What checking a source found, as the command line, the API and the contract kit say it.
//!
//! A report holds no plate, no payload and no value of one: names of checks, of fields and of rules, and counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{api::LedgerPosition, read::SourceId};

/// What one check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CheckVerdict)]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// There was nothing to try it on.
    NotApplicable,
}

impl Verdict {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotApplicable => "not_applicable",
        }
    }
}

/// One check and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckResult {
    /// The check: a sentence with `_` for blanks.
    pub check: String,
    /// What it found.
    pub verdict: Verdict,
    /// What did not hold, where: payload, record, field, rule. Or why there was nothing to try.
    pub details: Vec<String>,
    /// What to do next. Present exactly when the check failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// On what a source was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckWay {
    /// On payloads in a folder; nobody was contacted.
    Payloads,
    /// By asking it, under a permit.
    Live,
}

impl CheckWay {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Payloads => "payloads",
            Self::Live => "live",
        }
    }
}

/// What checking one source found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckReport {
    /// The source.
    pub source: SourceId,
    /// Its adapter.
    pub adapter: String,
    /// Version of the adapter's decoding rules.
    pub adapter_version: String,
    /// On what.
    pub way: CheckWay,
    /// Payloads or answers looked at.
    pub payloads: u32,
    /// Reads they held.
    pub reads: u32,
    /// Records that could not be understood.
    pub rejected: u32,
    /// Records that hold no read.
    pub skipped: u32,
    /// Doubts about the reads, as the reads say them in `quality`, and of how many reads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub doubts: BTreeMap<String, u32>,
    /// Every check, in the order in which they ran.
    pub results: Vec<CheckResult>,
    /// Where the question stands in the ledger, when the source was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<LedgerPosition>,
    /// Index of the entry that records this report.
    #[schema(required)]
    pub recorded: Option<u64>,
}

impl CheckReport {
    /// Counts the doubts about a read.
    pub fn doubt(&mut self, quality: &[String]) {
        for word in quality {
            let count = self.doubts.entry(word.clone()).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// How many checks ended with `verdict`.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        let same = |result: &&CheckResult| result.verdict == verdict;
        self.results.iter().filter(same).count()
    }

    /// Whether no check failed and at least one passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.count(Verdict::Failed) == 0 && self.count(Verdict::Passed) > 0
    }

    /// The same without doubts, details and advice, which stay where the payloads are.
    #[must_use]
    pub fn plain(&self) -> Self {
        let mut plain = self.clone();
        plain.doubts.clear();
        for result in &mut plain.results {
            result.details.clear();
            result.advice = None;
        }
        plain
    }

    /// The names of the checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &str> {
        let failed = |result: &&CheckResult| result.verdict == Verdict::Failed;
        self.results
            .iter()
            .filter(failed)
            .map(|result| &*result.check)
    }

    /// What the ledger keeps of it: adapter, counts, names of failed checks. No payload and no plate.
    #[must_use]
    pub fn facts(&self) -> BTreeMap<String, serde_json::Value> {
        let failed: Vec<&str> = self.failed().collect();
        let count = |verdict| self.count(verdict).into();
        let facts: [(&str, serde_json::Value); 11] = [
            ("source", self.source.as_str().into()),
            ("adapter", self.adapter.clone().into()),
            ("adapter_version", self.adapter_version.clone().into()),
            ("way", self.way.as_str().into()),
            ("payloads", self.payloads.into()),
            ("reads", self.reads.into()),
            ("rejected", self.rejected.into()),
            ("checks_passed", count(Verdict::Passed)),
            ("checks_failed", failed.into()),
            ("checks_not_applicable", count(Verdict::NotApplicable)),
            ("passed", self.passed().into()),
        ];
        let named = |(name, value): (&str, _)| (name.to_owned(), value);
        facts.into_iter().map(named).collect()
    }
}

/// What a check of payloads elsewhere found, to be put on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckRecorded {
    /// Index of the entry that records the report.
    pub recorded: u64,
}
