//! The agreement as a document: what a source owner signs, and its validation into an [`Agreement`].

use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{Action, OrganisationClass, Role};
use crate::{
    plate::{Jurisdiction, MIN_KNOWN_CHARS},
    query::Purpose,
    read::{SourceId, is_identifier},
};

/// An agreement as written. Lists that grant are exhaustive: what is not listed is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementDocument {
    /// Identifier, the same over all versions.
    pub id: String,
    /// Version, from 1.
    pub version: u32,
    /// The source it is about.
    pub source: SourceId,
    /// Who grants: the source owner.
    pub provider: String,
    /// The law or contract it rests on.
    pub legal_basis: String,
    /// Whether it is in force.
    pub status: Status,
    /// First instant in effect.
    #[schema(value_type = String, format = DateTime)]
    pub effective_from: Timestamp,
    /// First instant no longer in effect.
    #[schema(value_type = String, format = DateTime)]
    pub effective_until: Timestamp,
    /// What may be done at all.
    pub actions: BTreeSet<Action>,
    /// Who may do it.
    pub who: Who,
    /// For which purposes.
    pub why: Why,
    /// How far back and how wide.
    pub how_far: HowFar,
    /// Which kinds of plate comparison.
    #[serde(default)]
    pub plates: Plates,
    /// What is released.
    pub what: What,
    /// What the source is told about the question.
    #[serde(default)]
    pub upstream: Upstream,
    /// How long reads taken in are kept. Required with action `ingest`.
    pub retention: Option<Retention>,
}

/// Whether an agreement is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In force between its dates.
    Active,
    /// Stopped for now.
    Suspended,
    /// Ended for good.
    Revoked,
}

/// Who may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Who {
    /// Kinds of organisation.
    pub organisation_classes: BTreeSet<OrganisationClass>,
    /// Areas of authority: `US` includes `US-OH`.
    pub jurisdictions: BTreeSet<Jurisdiction>,
    /// Roles of the asking subject; one suffices.
    pub roles: BTreeSet<Role>,
    /// Whether a question for another organisation is allowed when both organisations are.
    pub on_behalf_of: OnBehalfRule,
}

/// Questions for another organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBehalfRule {
    /// Refused.
    Refuse,
    /// Allowed when the agreement allows both organisations.
    BothAllowed,
}

/// For which purposes. `prohibited` is mandatory: an empty list must be written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Why {
    /// Purposes allowed.
    pub purposes: BTreeSet<Purpose>,
    /// Purposes prohibited; beats `purposes`.
    pub prohibited: BTreeSet<Purpose>,
}

/// How far back and how wide a question may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HowFar {
    /// Oldest capture, in days before the question.
    #[schema(minimum = 1, maximum = 36500)]
    pub lookback_days: u32,
    /// Widest window, in days.
    #[schema(minimum = 1, maximum = 36500)]
    pub max_window_days: u32,
    /// What happens to a question that reaches further.
    pub excess: Excess,
}

/// What happens to a question that reaches further than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Excess {
    /// The window is cut to the newest part that is allowed, and the answer says so.
    Cut,
    /// The question is refused.
    Refuse,
}

/// Which kinds of plate comparison are allowed besides exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Plates {
    /// Look-alike comparison.
    #[serde(default)]
    pub look_alike: bool,
    /// Partial plates; absent means refused.
    pub partial: Option<PartialPlates>,
}

/// Terms for partial plates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartialPlates {
    /// Fewest known characters, at least 4.
    #[schema(minimum = 4)]
    pub min_known: u32,
    /// Widest window, in days.
    #[schema(minimum = 1, maximum = 31)]
    pub max_window_days: u32,
}

/// What is released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct What {
    /// Fields released besides identity, plate text and capture time.
    pub fields: BTreeSet<Field>,
    /// Most reads in one answer from this source.
    #[schema(minimum = 1)]
    pub max_reads: u32,
}

/// A releasable part of a read. Identity, kind, revision, plate text and capture time are always released.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Raw text as sent by the source.
    PlateRaw,
    /// Issuer and its confidence.
    Jurisdiction,
    /// Confidence of the plate text, and of each other hypothesis.
    Confidence,
    /// Other reading hypotheses.
    Candidates,
    /// Latitude and longitude.
    Position,
    /// Site.
    Site,
    /// Camera.
    Camera,
    /// Lane.
    Lane,
    /// Directions of travel.
    Bearing,
    /// Make, model, colour, class.
    Vehicle,
    /// Image references.
    Images,
    /// Opaque extra values.
    Extra,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 12] = [
        Self::PlateRaw,
        Self::Jurisdiction,
        Self::Confidence,
        Self::Candidates,
        Self::Position,
        Self::Site,
        Self::Camera,
        Self::Lane,
        Self::Bearing,
        Self::Vehicle,
        Self::Images,
        Self::Extra,
    ];
}

/// What the source is told about the question besides the plate and the window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Parts of the question passed on. A source that insists on one that is not listed cannot be asked.
    #[serde(default)]
    pub disclose: BTreeSet<UpstreamField>,
}

/// A part of the question a source may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamField {
    /// The purpose code.
    Purpose,
    /// The case reference.
    CaseReference,
}

/// How long reads taken in are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days after capture.
    #[schema(minimum = 1, maximum = 36500)]
    pub days: u32,
}

/// One thing wrong with a document: which key, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path of the key.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
}

/// Names one version of one agreement: `id@version`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[schema(value_type = String, example = "state-tolls@3")]
pub struct AgreementRef(pub(super) String);

/// A validated agreement. Only [`AgreementDocument::validate`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    pub(super) document: AgreementDocument,
    pub(super) reference: AgreementRef,
    pub(super) sha256: String,
}

impl AgreementDocument {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn validate(self) -> Result<Agreement, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut require = |holds: bool, key: &'static str, message: &str| {
            if !holds {
                problems.push(Problem {
                    key,
                    message: message.to_owned(),
                });
            }
        };
        require(
            is_identifier(&self.id),
            "id",
            "must be 1 to 64 characters of `a-z`, `0-9` and `-`",
        );
        require(self.version > 0, "version", "must be 1 or more");
        require(
            !self.provider.trim().is_empty(),
            "provider",
            "must name the source owner",
        );
        require(
            !self.legal_basis.trim().is_empty(),
            "legal_basis",
            "must name the law or contract",
        );
        require(
            self.effective_from < self.effective_until,
            "effective_until",
            "must be after `effective_from`",
        );
        require(
            self.who.roles.iter().all(|role| role.may_ask()),
            "who.roles",
            "may hold `investigator`, `supervisor` and `system` only: no other role asks",
        );
        require(
            days_ok(self.how_far.lookback_days),
            "how_far.lookback_days",
            "must be 1 to 36500",
        );
        require(
            days_ok(self.how_far.max_window_days),
            "how_far.max_window_days",
            "must be 1 to 36500",
        );
        require(
            self.what.max_reads > 0,
            "what.max_reads",
            "must be 1 or more",
        );
        if let Some(partial) = self.plates.partial {
            let least = u32::try_from(MIN_KNOWN_CHARS).unwrap_or(u32::MAX);
            require(
                partial.min_known >= least,
                "plates.partial.min_known",
                "must be 4 or more",
            );
            require(
                (1..=31).contains(&partial.max_window_days),
                "plates.partial.max_window_days",
                "must be 1 to 31",
            );
        }
        if let Some(retention) = self.retention {
            require(
                days_ok(retention.days),
                "retention.days",
                "must be 1 to 36500",
            );
        }
        require(
            self.retention.is_some() || !self.actions.contains(&Action::Ingest),
            "retention",
            "is required with action `ingest`: say how many days reads are kept",
        );
        if !problems.is_empty() {
            return Err(problems);
        }
        let reference = AgreementRef(format!("{}@{}", self.id, self.version));
        let sha256 = digest(&self);
        Ok(Agreement {
            document: self,
            reference,
            sha256,
        })
    }
}

impl Agreement {
    /// The document it was made from.
    #[must_use]
    pub fn document(&self) -> &AgreementDocument {
        &self.document
    }

    /// Its name, `id@version`.
    #[must_use]
    pub fn reference(&self) -> &AgreementRef {
        &self.reference
    }

    /// SHA-256 of the canonical JSON of the document, hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl AgreementRef {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgreementRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.key, self.message)
    }
}

fn days_ok(days: u32) -> bool {
    (1..=36_500).contains(&days)
}

/// Canonical because `serde_json::Value` keeps object keys sorted and the document holds no floats.
fn digest(document: &AgreementDocument) -> String {
    let canonical = serde_json::to_value(document)
        .unwrap_or_default()
        .to_string();
    Sha256::digest(canonical.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
