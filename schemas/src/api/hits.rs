//! Hits as their owners are told of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    alert::Reason,
    hit::{CONFIRM, Doubt, HitId, Matched},
    plate::{Jurisdiction, JurisdictionMatch},
    query::{CaseRef, Purpose},
    read::PlateRead,
};

/// What the owner of an entry is told of a read that matched it: a lead, and nothing more until a person has looked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HitNotice {
    /// What to do before acting; the same words on every hit.
    pub notice: String,
    /// The hit.
    pub hit: HitId,
    /// The list.
    pub list: Uuid,
    /// What its owner calls the list.
    pub list_name: String,
    /// Number of the entry.
    pub entry: u64,
    /// Why the plate is looked for.
    pub purpose: Purpose,
    /// For which file.
    pub case_reference: CaseRef,
    /// The plate that is looked for, `?` for each unknown character.
    pub wanted: String,
    /// Who issued it, where the entry says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted_jurisdiction: Option<Jurisdiction>,
    /// Reason code of the entry.
    pub reason: Reason,
    /// How the text matched.
    pub matched: Matched,
    /// How the issuers compare; never `different`.
    pub issuer: JurisdictionMatch,
    /// What speaks for caution.
    pub cautions: Vec<Caution>,
    /// How much later than its capture the read arrived, in seconds, where that is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_by_s: Option<u64>,
    /// When the owner was told.
    #[schema(value_type = String, format = DateTime)]
    pub told_at: Timestamp,
    /// What the agreement of the source binds the owner to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<String>,
    /// The read, as the agreement releases it.
    pub read: PlateRead,
}

/// One thing that speaks for caution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Caution {
    /// Its code.
    pub doubt: Doubt,
    /// In words.
    pub says: String,
}

impl HitNotice {
    /// The words every hit begins with.
    #[must_use]
    pub fn words() -> String {
        CONFIRM.to_owned()
    }
}

impl From<Doubt> for Caution {
    fn from(doubt: Doubt) -> Self {
        Self {
            doubt,
            says: doubt.in_words().to_owned(),
        }
    }
}
