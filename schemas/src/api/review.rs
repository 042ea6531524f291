//! What auditors, source owners and the public ask of a gateway about its ledger.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ledger::Personal;
use crate::review::{
    Covered,
    filter::Filter,
    misuse::{Flag, RuleId},
    question::Question,
    sample::Sample,
    weeks::{FindingResult, Week, WeekLine},
};

/// Longest note of a finding or a sign-off, in characters.
pub const MAX_NOTE_CHARS: usize = 500;

/// Questions shown at most.
pub const MAX_QUESTIONS: u32 = 1_000;

/// Which questions an auditor wants to see.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuestionSearch {
    /// What they must be like.
    pub filter: Filter,
    /// Only those a flag of this rule points to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flag: Option<RuleId>,
    /// Only those whose last finding has this result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<FindingResult>,
    /// The newest so many, at most 1000; 100 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub last: Option<u32>,
}

/// Questions as an auditor sees them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuestionList {
    /// Entries they were found in.
    pub entries: u64,
    /// How many there are.
    pub matched: u64,
    /// The newest of them, oldest first.
    pub questions: Vec<ReviewedQuestion>,
}

/// A question, and what was said about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReviewedQuestion {
    /// The question.
    pub question: Question,
    /// Rules whose flags point to it.
    pub flags: Vec<RuleId>,
    /// The last finding about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<FindingResult>,
}

/// Whose sources and plates are wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrailRequest {
    /// Whose.
    #[schema(value_type = String)]
    pub subject: Personal,
}

/// Which sample is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleRequest {
    /// Start of the period, included.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// End of the period, excluded.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// The share, as in `1%`.
    pub share: String,
    /// A checkpoint from after the period, as signed note with the cosignature of the witness.
    pub checkpoint: String,
    /// Verifier key of the witness.
    pub witness: String,
}

/// A sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SampleAnswer {
    /// The sample.
    pub sample: Sample,
    /// The share.
    pub share: String,
    /// The checkpoint that chose it.
    pub covered: Covered,
    /// When the witness signed.
    #[schema(value_type = String, format = DateTime)]
    pub cosigned_at: Timestamp,
    /// The questions to review, oldest first; at most the first 1000, and `sample` has them all.
    pub questions: Vec<ReviewedQuestion>,
}

/// What an auditor found about a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingRequest {
    /// The result.
    pub result: FindingResult,
    /// Why, at most 500 characters; for auditors only.
    pub note: String,
}

/// A review is signed off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignOff {
    /// The Monday of the week.
    pub week: Week,
    /// What was done, at most 500 characters.
    pub note: String,
}

/// An account is still needed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recertification {
    /// Whose account.
    #[schema(value_type = String)]
    pub subject: Personal,
    /// Why, at most 500 characters.
    pub note: String,
}

/// A vehicle of a member of staff.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredVehicle {
    /// Its plate. It is not kept.
    #[schema(value_type = String)]
    pub plate: Personal,
    /// Takes it off the list.
    #[serde(default)]
    pub withdrawn: bool,
}

/// Something was put on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recorded {
    /// As this entry.
    pub entry: u64,
}

/// What somebody must look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlagList {
    /// Entries they were found in.
    pub entries: u64,
    /// Flags, oldest first, at most the newest 1000.
    pub flags: Vec<FlagLine>,
}

/// A flag, and whether somebody has looked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlagLine {
    /// The flag.
    pub flag: Flag,
    /// What it says, without a plate, a person or a case.
    pub sentence: String,
    /// The last finding about the entry it was raised at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<FindingResult>,
}

/// The weeks of a ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WeekList {
    /// As of when.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    /// Entries they were counted from.
    pub entries: u64,
    /// Weeks whose review is late.
    pub overdue: u64,
    /// Every week, oldest first.
    pub weeks: Vec<WeekLine>,
}
