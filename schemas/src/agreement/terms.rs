//! The parts of a document that narrow what it grants, and what must be given in return. All of them are mandatory.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Assurance, Organisation,
    pattern::{Inside, PlacePattern, inside},
};
use crate::{plate::Jurisdiction, read::Place};

/// What a subject must be besides having a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Requires {
    /// A sworn officer.
    pub sworn: bool,
    /// Trained, with the training still valid on the day of the question (UTC).
    pub training: bool,
    /// Authenticated at least this surely.
    pub assurance: Assurance,
}

/// At which places reads are released, and how exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Places {
    /// Only reads of these places; `*` is all. A read that does not name what the patterns ask for is not released.
    pub within: BTreeSet<PlacePattern>,
    /// No reads of these places. A read that does not name what the patterns ask for is not released either.
    pub excluded: BTreeSet<PlacePattern>,
    /// Decimals of a degree that positions are rounded to: 2 is about 1.1 km north to south, 3 about 110 m, 6 about 11 cm.
    #[schema(maximum = 6)]
    pub position_decimals: u32,
}

/// How many questions. Counted by the gateway over any span of that length, and refused as `rate_limited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HowMuch {
    /// Questions of one subject in an hour.
    #[schema(minimum = 1)]
    pub user_per_hour: u32,
    /// Questions of one organisation in 24 hours.
    #[schema(minimum = 1)]
    pub organisation_per_day: u32,
}

/// What must be on file before a source is asked, and whether urgency stands in for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Where the source is at home. Organisations whose jurisdiction is not within it are outside. Required with `outside_home`.
    pub home: Option<Jurisdiction>,
    /// Who needs a declaration on file.
    pub declaration: Demand,
    /// The declarations on file.
    #[serde(default)]
    pub declarations: Vec<Declaration>,
    /// Who needs a warrant or court order, named in the question.
    pub warrant: Demand,
    /// Whether an urgent question is accepted without warrant and without supervisor.
    pub urgent: Urgent,
}

/// Of whom something is demanded.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// Of nobody.
    Nobody,
    /// Of organisations outside `home`.
    OutsideHome,
    /// Of everybody.
    Everybody,
}

/// What urgency is good for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Urgent {
    /// Nothing: an urgent question is decided like any other.
    LikeAny,
    /// It stands in for warrant and supervisor; a justification is owed within 24 hours.
    Accepted,
}

/// A declaration an organisation gave to the source owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// The organisation that declared.
    pub organisation: String,
    /// Name of the document.
    pub id: String,
    /// SHA-256 of the document, 64 hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub sha256: String,
    /// First instant at which it no longer counts.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// What whoever is given reads is bound to. Carried in every decision that permits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Duties {
    /// The provider is told of every use within so many hours.
    #[schema(minimum = 1, maximum = 8760)]
    pub feed_hours: u32,
    /// What was released is deleted after so many days.
    #[schema(minimum = 1, maximum = 36500)]
    pub delete_after_days: u32,
    /// Organisations what was released may be passed on to. Empty: none.
    pub onward_transfer: BTreeSet<String>,
    /// A match is confirmed against the image before anyone acts on it.
    pub confirm_match: bool,
}

impl Places {
    /// Whether reads of some places are held back.
    #[must_use]
    pub fn limits(&self) -> bool {
        let everywhere = self.within.iter().any(|pattern| pattern.as_str() == "*");
        !everywhere || !self.excluded.is_empty()
    }

    /// Whether a read of this place is released. What cannot be told is not.
    pub(super) fn release(&self, place: &Place) -> bool {
        inside(&self.within, place) == Inside::Yes && inside(&self.excluded, place) == Inside::No
    }
}

impl Conditions {
    /// Whether something is demanded of `organisation`.
    #[must_use]
    pub fn demands(&self, demand: Demand, organisation: &Organisation) -> bool {
        let home = self.home.as_ref();
        match demand {
            Demand::Nobody => false,
            Demand::Everybody => true,
            Demand::OutsideHome => home.is_none_or(|home| !organisation.jurisdiction.within(home)),
        }
    }
}
