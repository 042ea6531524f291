//! Urgent questions and what is owed for them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::query::Note;

/// Why a question could not wait: a closed vocabulary.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum UrgentReason {
    /// Somebody's life or health was in danger.
    DangerToLife,
    /// A child or another person at risk was missing.
    MissingAtRisk,
    /// Somebody was fleeing.
    Pursuit,
    /// Evidence was about to be lost.
    EvidenceAtRisk,
    /// It was not urgent, or asked by mistake.
    DeclaredInError,
}

impl UrgentReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::DangerToLife,
        Self::MissingAtRisk,
        Self::Pursuit,
        Self::EvidenceAtRisk,
        Self::DeclaredInError,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DangerToLife => "danger_to_life",
            Self::MissingAtRisk => "missing_at_risk",
            Self::Pursuit => "pursuit",
            Self::EvidenceAtRisk => "evidence_at_risk",
            Self::DeclaredInError => "declared_in_error",
        }
    }
}

/// The justification of an urgent question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Justification {
    /// Why it could not wait.
    pub reason: UrgentReason,
    /// A remark for whoever reviews it; never about a person. Kept outside of the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

/// Where an urgent question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UrgentState {
    /// Its justification is owed and not late.
    Due,
    /// Its justification is late. Its asker may not declare anything urgent until it is given.
    Overdue,
    /// It was justified in time.
    Justified,
    /// It was justified late.
    JustifiedLate,
}

/// One urgent question, without plate and case: those are in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UrgentUse {
    /// Identity of the question.
    pub query: Uuid,
    /// Index of its intent in the ledger; absent where the gateway ended between two steps.
    #[schema(required)]
    pub intent: Option<u64>,
    /// The organisation that asked.
    pub organisation: String,
    /// When it was asked.
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Timestamp,
    /// Until when it must be justified.
    #[schema(value_type = String, format = DateTime)]
    pub justify_until: Timestamp,
    /// Where it stands.
    pub state: UrgentState,
    /// The reason given.
    #[schema(required)]
    pub reason: Option<UrgentReason>,
    /// Index of the justification in the ledger.
    #[schema(required)]
    pub justification: Option<u64>,
}

/// Urgent questions, the one owed soonest first, then those justified, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UrgentList {
    /// The questions.
    pub urgent: Vec<UrgentUse>,
}

/// The note of a question, read from outside of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoteText {
    /// Identity of the question.
    pub query: Uuid,
    /// The text.
    pub text: Note,
    /// Salt of the digest in the ledger, hexadecimal: the digest is SHA-256 of these bytes, then the text.
    pub salt: String,
    /// The digest, as in `grounds.note_sha256` of the intent.
    pub note_sha256: String,
}
