//! The rules as values: what each looks for, who must look at what it finds, and from where on it speaks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agreement::Role;

/// A rule, by the name it has in reports and configuration.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "`RULES` says what each means")]
pub enum RuleId {
    RepeatedPlate,
    CrowdedPlate,
    OutOfHours,
    ReusedCase,
    SuddenVolume,
    DeclaredVehicle,
    AlertAfterQuery,
    UnjustifiedUrgency,
    Fishing,
}

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct MisuseRule {
    /// Its name.
    pub id: RuleId,
    /// The role that must look at what it finds.
    pub owner: Role,
    /// What it looks for, in plain language.
    pub text: &'static str,
    /// From where on it speaks.
    threshold: fn(&Thresholds) -> String,
}

/// From where on the rules speak. A span of 30 days is the last 30 times 24 hours before an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds {
    /// Days that count together.
    pub window_days: u32,
    /// Questions of one user about one plate, when their reasons give doubt.
    pub repeats: u32,
    /// Questions of one user about one plate, whatever the reasons.
    pub repeats_any_reason: u32,
    /// Users of one organisation on one plate who share no case.
    pub crowd: u32,
    /// Plates under one case reference that are one too many when exceeded.
    pub case_plates: u32,
    /// Times its own median day.
    pub volume_factor: u32,
    /// Questions of a day below which volume says nothing.
    pub volume_floor: u32,
    /// Questions to one source without a single read.
    pub fishing: u32,
    /// Hours within which urgent use is justified.
    pub justification_hours: u32,
    /// Words that are no reason, lower case: a case reference whose letters spell nothing else, or a purpose.
    pub vague: Vec<String>,
}

/// Every rule.
pub const RULES: &[MisuseRule] = &[
    MisuseRule {
        id: RuleId::RepeatedPlate,
        owner: Role::Auditor,
        text: "one user asks about one plate again and again, for different reasons or for none that says anything",
        threshold: |at| {
            format!(
                "{} questions in {} days under two cases or purposes or a vague one; {} under any",
                at.repeats, at.window_days, at.repeats_any_reason
            )
        },
    },
    MisuseRule {
        id: RuleId::CrowdedPlate,
        owner: Role::Auditor,
        text: "several users of one organisation ask about one plate and share no case",
        threshold: |at| format!("{} users in {} days", at.crowd, at.window_days),
    },
    MisuseRule {
        id: RuleId::OutOfHours,
        owner: Role::Supervisor,
        text: "a question outside the hours its organisation works",
        threshold: |_| "the first of a user on a day".to_owned(),
    },
    MisuseRule {
        id: RuleId::ReusedCase,
        owner: Role::Supervisor,
        text: "one case reference serves for many plates",
        threshold: |at| {
            format!(
                "more than {} plates in {} days",
                at.case_plates, at.window_days
            )
        },
    },
    MisuseRule {
        id: RuleId::SuddenVolume,
        owner: Role::Supervisor,
        text: "a user asks far more in a day than is usual for that user",
        threshold: |at| {
            format!(
                "more than {} times the own median day, and more than {}",
                at.volume_factor, at.volume_floor
            )
        },
    },
    MisuseRule {
        id: RuleId::DeclaredVehicle,
        owner: Role::Auditor,
        text: "the plate is a vehicle that a member of staff has declared",
        threshold: |_| "the first question".to_owned(),
    },
    MisuseRule {
        id: RuleId::AlertAfterQuery,
        owner: Role::Supervisor,
        text: "a user watches a plate under another case than it was asked about before",
        threshold: |at| format!("within {} days", at.window_days),
    },
    MisuseRule {
        id: RuleId::UnjustifiedUrgency,
        owner: Role::Auditor,
        text: "urgent use that was not justified in time",
        threshold: |at| format!("{} hours after the question", at.justification_hours),
    },
    MisuseRule {
        id: RuleId::Fishing,
        owner: Role::Auditor,
        text: "a user asks a source many times and never gets a read",
        threshold: |at| format!("{} questions in {} days", at.fishing, at.window_days),
    },
];

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            window_days: 30,
            repeats: 5,
            repeats_any_reason: 20,
            crowd: 3,
            case_plates: 20,
            volume_factor: 5,
            volume_floor: 20,
            fishing: 40,
            justification_hours: 24,
            vague: VAGUE.iter().map(|word| (*word).to_owned()).collect(),
        }
    }
}

/// Words that are no reason, as published logs of such systems show them.
pub const VAGUE: &[&str] = &[
    "investigation",
    "invest",
    "inv",
    "investigate",
    "suspicious",
    "suspect",
    "followup",
    "info",
    "intel",
    "check",
    "other",
    "misc",
    "general",
    "unknown",
    "unspecified",
    "test",
    "na",
    "case",
    "internal_review",
];

impl MisuseRule {
    /// From where on it speaks, in words.
    #[must_use]
    pub fn threshold(&self, thresholds: &Thresholds) -> String {
        (self.threshold)(thresholds)
    }
}

impl RuleId {
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RepeatedPlate => "repeated_plate",
            Self::CrowdedPlate => "crowded_plate",
            Self::OutOfHours => "out_of_hours",
            Self::ReusedCase => "reused_case",
            Self::SuddenVolume => "sudden_volume",
            Self::DeclaredVehicle => "declared_vehicle",
            Self::AlertAfterQuery => "alert_after_query",
            Self::UnjustifiedUrgency => "unjustified_urgency",
            Self::Fishing => "fishing",
        }
    }

    /// The rule of this name.
    #[must_use]
    pub fn rule(self) -> Option<&'static MisuseRule> {
        RULES.iter().find(|rule| rule.id == self)
    }
}

impl std::str::FromStr for RuleId {
    type Err = UnknownRule;

    fn from_str(text: &str) -> Result<Self, UnknownRule> {
        let found = RULES.iter().find(|rule| rule.id.as_str() == text);
        found.map(|rule| rule.id).ok_or(UnknownRule)
    }
}

impl std::fmt::Display for RuleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// There is no rule of this name. Lists the names there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownRule;

impl std::fmt::Display for UnknownRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = RULES.iter().map(|rule| rule.id.as_str()).collect();
        write!(f, "no such rule; there are {}", names.join(", "))
    }
}

impl std::error::Error for UnknownRule {}
