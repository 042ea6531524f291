//! The agreement as a document: what a source owner signs. [`super::terms`] holds the parts that narrow what these grant.
//!
//! No key widens by being left out: what narrows is mandatory, what may be left out grants.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Action, Conditions, Duties, HowMuch, OrganisationClass, Places, Requires, Role,
    pattern::CasePattern,
};
use crate::{
    plate::Jurisdiction,
    query::{CaseStanding, Offence, Purpose},
    read::{ImageKind, SourceId},
};

/// An agreement as written. Lists that grant are exhaustive: what is not listed is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementDocument {
    /// Identifier, the same over all versions.
    pub id: String,
    /// Version, from 1.
    #[schema(minimum = 1)]
    pub version: u32,
    /// The version this one replaces. Required from version 2 on.
    pub supersedes: Option<AgreementRef>,
    /// The source it is about.
    pub source: SourceId,
    /// Who grants: the source owner.
    pub provider: String,
    /// The law or contract it rests on.
    pub legal_basis: String,
    /// Whom to tell of incidents.
    pub contact: String,
    /// Names of the keys that sign it, at least one of them the provider's.
    pub signed_by: BTreeSet<String>,
    /// Whether it is in force.
    pub status: Status,
    /// First instant in effect.
    #[schema(value_type = String, format = DateTime)]
    pub effective_from: Timestamp,
    /// First instant no longer in effect.
    #[schema(value_type = String, format = DateTime)]
    pub effective_until: Timestamp,
    /// From when on nothing is permitted until a reviewed version is there.
    #[schema(value_type = String, format = DateTime)]
    pub review_due: Timestamp,
    /// What may be done at all.
    pub actions: BTreeSet<Action>,
    /// Who may do it.
    pub who: Who,
    /// For which purposes.
    pub why: Why,
    /// What the case reference must be.
    pub case: Case,
    /// How far back and how wide.
    pub how_far: HowFar,
    /// At which places.
    #[serde(rename = "where")]
    pub places: Places,
    /// Which kinds of plate comparison.
    #[serde(default)]
    pub plates: Plates,
    /// What is released.
    pub what: What,
    /// How many questions.
    pub how_much: HowMuch,
    /// What must be on file, and whether urgency stands in for it.
    pub conditions: Conditions,
    /// What whoever is given reads is bound to.
    pub duties: Duties,
    /// What the source is told about the question.
    #[serde(default)]
    pub upstream: Upstream,
    /// How long reads taken in are kept. Required with action `ingest`.
    pub retention: Option<Retention>,
    /// On which conditions somebody is told when a plate is read. Required with action `alert`. Not written where there is none,
    /// so that documents from before there was one keep their digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerts: Option<Alerts>,
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
    /// Organisations by their identifier, out of those above; `*` is all of them.
    pub organisations: BTreeSet<String>,
    /// Roles of the asking subject; one suffices.
    pub roles: BTreeSet<Role>,
    /// Whether a question for another organisation is allowed when both organisations are.
    pub on_behalf_of: OnBehalfRule,
    /// What the subject must be besides.
    pub requires: Requires,
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
    /// Types of offence allowed, by purpose. A purpose about an offence allows only what it names by itself
    /// (`stolen_vehicle`, `hit_and_run`) unless it is listed here.
    #[serde(default)]
    pub offences: BTreeMap<Purpose, BTreeSet<Offence>>,
}

/// What the case reference must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Forms, one of which the reference must have; `*` is any.
    pub patterns: BTreeSet<CasePattern>,
    /// What the case register must say.
    pub register: Register,
}

/// What the case register must say about the case.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Register {
    /// Nothing.
    Ignore,
    /// Nothing, but a case that is not confirmed is marked as such for review.
    Flag,
    /// That the case is open.
    Require,
}

impl Register {
    /// Whether `standing` is marked for review.
    #[must_use]
    pub fn flags(self, standing: CaseStanding) -> bool {
        self == Self::Flag && standing != CaseStanding::Confirmed
    }
}

/// How far back and how wide a question may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HowFar {
    /// Oldest capture, in days before the question.
    #[schema(minimum = 1, maximum = 36500)]
    pub lookback_days: u32,
    /// The same for single purposes, each more than `lookback_days`.
    #[serde(default)]
    pub lookback_days_for: BTreeMap<Purpose, u32>,
    /// Captures older than this, in days before the question, are for supervisors; the look-back or more is for nobody in particular.
    #[schema(minimum = 1, maximum = 36500)]
    pub supervisor_after_days: u32,
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
    /// Kinds of image released. Required with field `images`.
    #[serde(default)]
    pub image_kinds: BTreeSet<ImageKind>,
    /// Least confidence of the plate text, in percent. From 1 on, reads without a confidence are not released.
    #[schema(maximum = 100)]
    pub confidence_floor_percent: u32,
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

/// How long reads taken in are kept after capture: the sum of both, from 1 minute to 36500 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days.
    #[serde(default)]
    #[schema(maximum = 36500)]
    pub days: u32,
    /// Minutes.
    #[serde(default)]
    #[schema(maximum = 1440)]
    pub minutes: u32,
}

impl Retention {
    /// The whole time.
    #[must_use]
    pub fn span(self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.days) * 24 * 60 + i64::from(self.minutes))
    }
}

/// What holds for entries of alert lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// The longest that an entry lasts, in days.
    #[schema(minimum = 1, maximum = 366)]
    pub max_days: u32,
    /// How often its owner must say that it still holds, in days.
    #[schema(minimum = 1, maximum = 366)]
    pub confirm_days: u32,
    /// Whether a second person must agree to it first.
    pub second_approval: bool,
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
