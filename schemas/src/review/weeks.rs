//! Weekly review: what the auditors found, which weeks they have signed off, and which are overdue.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{
    SignedDuration, Timestamp,
    civil::Date,
    tz::{Offset, TimeZone},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ledger::{Action, Admin, AdminAction, Body, Entry, Kind, Personal};

/// Names of the facts in the entries of a review.
pub mod fact {
    /// Of a finding: the first entry of the question it is about.
    pub const ENTRY: &str = "entry";
    /// Of a finding: its result.
    pub const RESULT: &str = "result";
    /// Of a finding or a review: what the auditor writes.
    pub const NOTE: &str = "note";
    /// Of a review: the Monday its week begins with.
    pub const WEEK: &str = "week";
    /// Of a review: questions of the week, as counted when it was signed off.
    pub const QUESTIONS: &str = "questions";
    /// Of a review: findings about questions of the week.
    pub const FINDINGS: &str = "findings";
    /// Of a review: flags raised in the week.
    pub const FLAGS: &str = "flags";
}

/// What an auditor found about a question.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FindingResult {
    /// The question was asked for what it says.
    Justified,
    /// It was not.
    Unjustified,
    /// It could not be found out.
    Unclear,
}

/// A week from Monday, 00:00 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(try_from = "Date", into = "Date")]
#[schema(value_type = String, format = Date)]
pub struct Week(Date);

/// A date that is no Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a week is named by its Monday, as in `2026-03-02`")]
pub struct NotMonday;

/// How the review of a week stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The week is not over.
    Running,
    /// It is over and waits for its review.
    Due,
    /// Its review is late.
    Overdue,
    /// An auditor has signed it off.
    Reviewed,
}

/// One week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WeekLine {
    /// Its Monday.
    pub week: Week,
    /// How its review stands.
    pub standing: Standing,
    /// Questions asked in it.
    pub questions: u64,
    /// Findings about questions asked in it.
    pub findings: u64,
    /// Those whose result is `unjustified`.
    pub unjustified: u64,
    /// Who signed it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reviewed_by: Option<Personal>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub reviewed_at: Option<Timestamp>,
    /// The entry of the sign-off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
}

/// The reviews of a ledger, while entries go by.
#[derive(Debug, Default)]
pub struct Reviews {
    weeks: BTreeMap<Week, Counts>,
    /// The week of each question that a finding may still come for.
    findings: BTreeMap<u64, FindingResult>,
    asked: Vec<(u64, Week)>,
}

#[derive(Debug, Default)]
struct Counts {
    questions: u64,
    signed: Option<(Personal, Timestamp, u64)>,
}

impl FindingResult {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Justified => "justified",
            Self::Unjustified => "unjustified",
            Self::Unclear => "unclear",
        }
    }

    /// The result of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Justified, Self::Unjustified, Self::Unclear]
            .into_iter()
            .find(|result| result.as_str() == text)
    }
}

impl Week {
    /// The week of a moment.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let date = TimeZone::UTC.to_datetime(at).date();
        let since_monday = i64::from(date.weekday().to_monday_zero_offset());
        Self(date.saturating_sub(SignedDuration::from_hours(24 * since_monday)))
    }

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
        self.next().begins()
    }

    /// The week after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(SignedDuration::from_hours(24 * 7)))
    }
}

impl TryFrom<Date> for Week {
    type Error = NotMonday;

    fn try_from(date: Date) -> Result<Self, NotMonday> {
        if date.weekday() == jiff::civil::Weekday::Monday {
            Ok(Self(date))
        } else {
            Err(NotMonday)
        }
    }
}

impl From<Week> for Date {
    fn from(week: Week) -> Self {
        week.0
    }
}

impl std::str::FromStr for Week {
    type Err = NotMonday;

    fn from_str(text: &str) -> Result<Self, NotMonday> {
        text.parse::<Date>().map_err(|_| NotMonday)?.try_into()
    }
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Reviews {
    /// Takes the next entry into account.
    pub fn follow(&mut self, entry: &Entry) {
        // The first entry says since when there is something to review.
        let week = Week::of(entry.at);
        let counts = self.weeks.entry(week).or_default();
        match &entry.body {
            Body::Intent(intent) => {
                let asks = intent.action == Action::Query;
                counts.questions += u64::from(asks);
                self.asked.push((entry.index, week));
            }
            Body::Admin(admin) => self.administer(entry, admin),
            _ => {}
        }
    }

    fn administer(&mut self, entry: &Entry, admin: &Admin) {
        match admin.action {
            AdminAction::Finding => {
                let about = admin.facts.get(fact::ENTRY);
                let result = admin
                    .facts
                    .get(fact::RESULT)
                    .and_then(|result| result.as_str());
                if let Some((about, result)) = about
                    .and_then(serde_json::Value::as_u64)
                    .zip(result.and_then(FindingResult::parse))
                {
                    self.findings.insert(about, result);
                }
            }
            AdminAction::Review => {
                let week = admin.facts.get(fact::WEEK).and_then(|week| week.as_str());
                if let Some(week) = week.and_then(|week| week.parse().ok()) {
                    let by = admin.by.clone().unwrap_or_else(|| Personal::new("unknown"));
                    self.weeks.entry(week).or_default().signed = Some((by, entry.at, entry.index));
                }
            }
            _ => {}
        }
    }

    /// The last finding about each question that has one.
    #[must_use]
    pub fn findings(&self) -> &BTreeMap<u64, FindingResult> {
        &self.findings
    }

    /// Every week from the first entry to `now`, oldest first. A review is overdue when `grace` has passed since the week ended.
    #[must_use]
    pub fn weeks(&self, now: Timestamp, grace: SignedDuration) -> Vec<WeekLine> {
        let mut found: BTreeMap<Week, (u64, u64)> = BTreeMap::new();
        for (entry, result) in &self.findings {
            let at = self.asked.binary_search_by_key(entry, |(asked, _)| *asked);
            if let Some((_, week)) = at.ok().and_then(|at| self.asked.get(at)) {
                let (all, unjustified) = found.entry(*week).or_default();
                *all += 1;
                *unjustified += u64::from(*result == FindingResult::Unjustified);
            }
        }
        let mut lines = Vec::new();
        let Some(first) = self.weeks.keys().next().copied() else {
            return lines;
        };
        let (mut week, last) = (first, Week::of(now));
        while week <= last {
            let counts = self.weeks.get(&week);
            let signed = counts.and_then(|counts| counts.signed.clone());
            let (findings, unjustified) = found.get(&week).copied().unwrap_or_default();
            lines.push(WeekLine {
                week,
                standing: standing(week, signed.is_some(), now, grace),
                questions: counts.map_or(0, |counts| counts.questions),
                findings,
                unjustified,
                reviewed_by: signed.as_ref().map(|(by, ..)| by.clone()),
                reviewed_at: signed.as_ref().map(|(_, at, _)| *at),
                entry: signed.map(|(.., entry)| entry),
            });
            week = week.next();
        }
        lines
    }

    /// The questions of a week.
    #[must_use]
    pub fn asked_in(&self, week: Week) -> BTreeSet<u64> {
        let of_week = self.asked.iter().filter(|(_, of)| *of == week);
        of_week.map(|(entry, _)| *entry).collect()
    }
}

fn standing(week: Week, signed: bool, now: Timestamp, grace: SignedDuration) -> Standing {
    if signed {
        return Standing::Reviewed;
    }
    let ends = week.ends();
    if now < ends {
        Standing::Running
    } else if ends.checked_add(grace).is_ok_and(|late| now < late) {
        Standing::Due
    } else {
        Standing::Overdue
    }
}

/// Whether entries of this kind can have findings.
#[must_use]
pub const fn can_be_reviewed(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Intent | Kind::Refused | Kind::DryRun | Kind::Admin
    )
}
