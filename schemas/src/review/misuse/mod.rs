//! Flags for what looks like misuse, raised while entries go by.
//!
//! A flag is a question to a person, never a verdict: the owner of its rule must look. A flag is raised at the entry
//! that reaches the threshold, and again each time its count has doubled, so that 179 questions are six flags. What is
//! held is what the window needs: one row a question of the last days, and counts that end with their last row.
//!
//! A question that was refused counts like one that was answered: who tries is of interest too. Fetching an image of
//! a released read is part of its question and counts for nothing here.

mod crowd;
mod hours;
pub mod labelled;
mod rules;
mod urgency;
mod volume;
mod watch;

pub use hours::{Roster, RosterError};
pub use rules::{MisuseRule, RULES, RuleId, Thresholds, UnknownRule, VAGUE};
pub use watch::Misuse;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ledger::Personal;

/// Entries a flag points to at most: the newest.
const MAX_ENTRIES: usize = 32;

/// What somebody must look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Flag {
    /// The rule.
    pub rule: RuleId,
    /// The entry at which it was raised.
    pub entry: u64,
    /// When that entry was written.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How many: questions, users or plates, as the rule counts.
    pub count: u64,
    /// Who asked, where it is about one user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub subject: Option<Personal>,
    /// The organisation.
    pub organisation: String,
    /// The plate, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub plate: Option<Personal>,
    /// The case reference, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub case_reference: Option<Personal>,
    /// The source, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Entries to read, oldest first, at most the newest 32.
    pub entries: Vec<u64>,
}

/// Tells whether a plate was declared by a member of staff. The list itself holds no plate.
pub type Declared = dyn Fn(&str) -> bool + Send + Sync;

/// What the rules are given besides entries.
#[derive(Default)]
pub struct Watching {
    /// From where on the rules speak.
    pub thresholds: Thresholds,
    /// Working hours, by organisation; where there are none, no question is out of hours.
    pub rosters: Vec<Roster>,
    /// Vehicles that staff have declared; where there is no list, none is.
    pub declared: Option<Box<Declared>>,
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching")
            .field("thresholds", &self.thresholds)
            .field("rosters", &self.rosters)
            .field("declared", &self.declared.is_some())
            .finish()
    }
}

impl Flag {
    /// What was seen, in one sentence without a plate, a person or a case.
    #[must_use]
    pub fn sentence(&self) -> String {
        let count = self.count;
        match self.rule {
            RuleId::RepeatedPlate => format!("{count} questions of one user about one plate"),
            RuleId::CrowdedPlate => format!("{count} users on one plate without a shared case"),
            RuleId::OutOfHours => "a question outside working hours".to_owned(),
            RuleId::ReusedCase => format!("{count} plates under one case reference"),
            RuleId::SuddenVolume => format!("{count} questions of one user in a day"),
            RuleId::DeclaredVehicle => {
                format!("questions about a declared vehicle of staff: {count}")
            }
            RuleId::AlertAfterQuery => "a plate watched under another case".to_owned(),
            RuleId::UnjustifiedUrgency => "urgent use without justification".to_owned(),
            RuleId::Fishing => format!("{count} questions to a source that gave no read"),
        }
    }
}

/// Raised at the threshold, and again whenever the count has doubled since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Raised(u32);

impl Raised {
    /// Whether `count` is a reason to speak now.
    fn by(&mut self, count: u32, threshold: u32) -> bool {
        let due = if self.0 == 0 {
            count >= threshold.max(1)
        } else {
            count >= self.0.saturating_mul(2)
        };
        if due {
            self.0 = count;
        }
        due
    }
}

#[cfg(test)]
mod tests;
