//! The public report: how often what was asked for which purpose. No plate, no user, no case.
//!
//! Whole calendar months in UTC, so that two reports cannot be subtracted to leave a day; made only some time after the period;
//! every count is rounded on its own: 0 is `0`, 1 to 9 are `<10`, everything else is given to the nearest 10, halves
//! upwards. Sums of rounded counts are not given, so that what is left out cannot be computed. Whoever holds the
//! ledger gets the same report from the same entries ([`Counting`]).

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp, ToSpan as _, civil::Date, tz::Offset};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::covered::Covered;
use super::question::{Question, State};
use super::weeks::FindingResult;

/// Counts below this are not told apart, and others are rounded to it.
pub const UNIT: u64 = 10;

/// A calendar month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "2026-03")]
pub struct Month(Date);

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// Not a month.
    #[error("a month is written `2026-03`")]
    Month,
    /// The last month is before the first.
    #[error("the last month must not be before the first")]
    Order,
    /// The period is too recent.
    #[error("a report is made {days} days after its period: this one from {from} on")]
    TooEarly {
        /// The delay.
        days: u32,
        /// When it may be made.
        from: Timestamp,
    },
    /// The ledger has no entry from after the period.
    #[error("the checkpoint does not cover the whole period")]
    Uncovered,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Transparency {
    /// Version of this format.
    pub format: u32,
    /// First month, included.
    pub first_month: Month,
    /// Last month, included.
    pub last_month: Month,
    /// What it was counted from.
    pub covered: Covered,
    /// How counts are rounded, in words.
    pub rounding: String,
    /// Questions that were asked of sources or refused before.
    pub questions: String,
    /// Questions by purpose.
    pub purposes: Vec<PublicCount>,
    /// Questions by class of the asking organisation.
    pub organisation_classes: Vec<PublicCount>,
    /// Questions by what became of them.
    pub states: Vec<PublicCount>,
    /// Questions that wanted each source.
    pub sources: Vec<PublicCount>,
    /// Sources of questions, by what came of them.
    pub outcomes: Vec<PublicCount>,
    /// Findings of auditors about these questions, by result.
    pub findings: Vec<PublicCount>,
}

/// A rounded count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicCount {
    /// What is counted.
    pub name: String,
    /// `0`, `<10`, or the nearest multiple of 10.
    pub count: String,
}

/// Counts a period while questions go by.
#[derive(Debug)]
pub struct Counting {
    first: Month,
    last: Month,
    questions: u64,
    purposes: BTreeMap<String, u64>,
    classes: BTreeMap<String, u64>,
    states: BTreeMap<String, u64>,
    sources: BTreeMap<String, u64>,
    outcomes: BTreeMap<String, u64>,
    entries: Vec<u64>,
}

impl Month {
    /// Its first moment.
    #[must_use]
    pub fn begins(self) -> Timestamp {
        Offset::UTC
            .to_timestamp(self.0.at(0, 0, 0, 0))
            .unwrap_or(Timestamp::MIN)
    }

    /// The first moment after it.
    #[must_use]
    pub fn ends(self) -> Timestamp {
        Self(self.0.saturating_add(1.month())).begins()
    }
}

impl std::str::FromStr for Month {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let whole = text.len() == 7;
        let date = format!("{text}-01").parse::<Date>();
        match date {
            Ok(date) if whole => Ok(Self(date)),
            _ => Err(PeriodError::Month),
        }
    }
}

impl TryFrom<String> for Month {
    type Error = PeriodError;

    fn try_from(text: String) -> Result<Self, PeriodError> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m"))
    }
}

/// Whether a period is over for long enough.
///
/// # Errors
/// [`PeriodError::Order`] and [`PeriodError::TooEarly`].
pub fn is_due(first: Month, last: Month, now: Timestamp, days: u32) -> Result<(), PeriodError> {
    if last < first {
        return Err(PeriodError::Order);
    }
    let delay = SignedDuration::from_hours(24 * i64::from(days));
    let from = last.ends().checked_add(delay).unwrap_or(Timestamp::MAX);
    if now < from {
        return Err(PeriodError::TooEarly { days, from });
    }
    Ok(())
}

/// A count as the public gets to see it.
#[must_use]
pub fn rounded(count: u64) -> String {
    match count {
        0 => "0".to_owned(),
        small if small < UNIT => format!("<{UNIT}"),
        large => (large.saturating_add(UNIT / 2) / UNIT * UNIT).to_string(),
    }
}

impl Counting {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// [`PeriodError::Order`].
    pub fn new(first: Month, last: Month) -> Result<Self, PeriodError> {
        if last < first {
            return Err(PeriodError::Order);
        }
        Ok(Self {
            first,
            last,
            questions: 0,
            purposes: BTreeMap::new(),
            classes: BTreeMap::new(),
            states: BTreeMap::new(),
            sources: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            entries: Vec::new(),
        })
    }

    /// Whether a question is in the period and was more than explained. Images and checks are none.
    #[must_use]
    pub fn counts(&self, question: &Question) -> bool {
        question.state != State::Explained
            && question.is_asked()
            && self.first.begins() <= question.at
            && question.at < self.last.ends()
    }

    /// Takes a question into account.
    pub fn follow(&mut self, question: &Question) {
        if !self.counts(question) {
            return;
        }
        self.questions += 1;
        self.entries.push(question.entry);
        let unknown = || "not_stated".to_owned();
        let one = |counts: &mut BTreeMap<String, u64>, name: String| {
            *counts.entry(name).or_default() += 1;
        };
        one(
            &mut self.purposes,
            question.purpose.clone().unwrap_or_else(unknown),
        );
        one(
            &mut self.classes,
            question.organisation_class.clone().unwrap_or_else(unknown),
        );
        one(&mut self.states, super::question::word(&question.state));
        for line in question.sources.iter().filter(|line| line.was_wanted()) {
            one(&mut self.sources, line.source.clone());
            one(&mut self.outcomes, line.word().to_owned());
        }
    }

    /// The report over what `covered` covers; `findings` are the last one about each question.
    #[must_use]
    pub fn finish(
        mut self,
        findings: &BTreeMap<u64, FindingResult>,
        covered: Covered,
    ) -> Transparency {
        self.entries.sort_unstable();
        let mut found = BTreeMap::new();
        for (entry, result) in findings {
            if self.entries.binary_search(entry).is_ok() {
                *found.entry(result.as_str().to_owned()).or_default() += 1;
            }
        }
        let public = |counts: BTreeMap<String, u64>| {
            let counts = counts.into_iter().map(|(name, count)| PublicCount {
                name,
                count: rounded(count),
            });
            counts.collect()
        };
        Transparency {
            format: 1,
            first_month: self.first,
            last_month: self.last,
            covered,
            rounding: format!(
                "each count on its own to the nearest {UNIT}; 1 to {} are `<{UNIT}`",
                UNIT - 1
            ),
            questions: rounded(self.questions),
            purposes: public(self.purposes),
            organisation_classes: public(self.classes),
            states: public(self.states),
            sources: public(self.sources),
            outcomes: public(self.outcomes),
            findings: public(found),
        }
    }
}

impl Transparency {
    /// The names of the parts that differ from another report.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let parts = [
            ("format", self.format == other.format),
            ("first_month", self.first_month == other.first_month),
            ("last_month", self.last_month == other.last_month),
            ("covered", self.covered == other.covered),
            ("rounding", self.rounding == other.rounding),
            ("questions", self.questions == other.questions),
            ("purposes", self.purposes == other.purposes),
            (
                "organisation_classes",
                self.organisation_classes == other.organisation_classes,
            ),
            ("states", self.states == other.states),
            ("sources", self.sources == other.sources),
            ("outcomes", self.outcomes == other.outcomes),
            ("findings", self.findings == other.findings),
        ];
        let differing = parts.into_iter().filter(|(_, same)| !same);
        differing.map(|(name, _)| name).collect()
    }
}
