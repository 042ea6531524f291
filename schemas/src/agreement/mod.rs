//! What a source owner allows, and the two answers that gives: a [`Permit`] or a [`Refusal`].
//!
//! This is the only place where permits are made. Everything here is pure: the caller brings the time,
//! and the same document, request and time always give the same decision. Default deny; a prohibition
//! beats every permission; a document without a prohibition list does not load.

mod check;
mod compare;
mod decide;
mod document;
mod obligation;
mod pattern;
mod permit;
mod rule;
mod terms;
mod validate;

pub use compare::{Difference, Direction, compare};
pub use decide::{Action, DecisionRecord, Engine, Verdict};
pub use document::{
    Agreement, AgreementDocument, AgreementRef, Alerts, Case, Excess, Field, HowFar, OnBehalfRule,
    PartialPlates, Plates, Problem, Register, Retention, Status, Upstream, UpstreamField, What,
    Who, Why,
};
pub use obligation::Obligation;
pub use pattern::{CasePattern, PatternError, PlacePattern};
pub use permit::{AlertPermit, ImagePermit, IngestPermit, Permit};
pub use rule::{Refusal, Rule};
pub use terms::{Conditions, Declaration, Demand, Duties, HowMuch, Places, Requires, Urgent};

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{plate::Jurisdiction, query::OnBehalfOf};

/// What kind of body an organisation is. Every organisation has exactly one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OrganisationClass {
    /// A state, county, municipal or tribal body.
    StateLocal,
    /// A federal or national body.
    Federal,
    /// A body of another country.
    Foreign,
    /// A private body.
    Private,
}

impl OrganisationClass {
    /// Every class.
    pub const ALL: [Self; 4] = [
        Self::StateLocal,
        Self::Federal,
        Self::Foreign,
        Self::Private,
    ];
}

/// What a person or system may do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Asks questions for cases.
    Investigator,
    /// Reviews and approves what investigators do; may ask.
    Supervisor,
    /// Onboards sources; may not ask.
    Integrator,
    /// Speaks for a source; may not ask.
    SourceOwner,
    /// Reads the ledger; may not ask.
    Auditor,
    /// Runs the installation; may not ask.
    Operator,
    /// A downstream system that asks for named users of its organisation.
    System,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Investigator,
        Self::Supervisor,
        Self::Integrator,
        Self::SourceOwner,
        Self::Auditor,
        Self::Operator,
        Self::System,
    ];

    /// Whether a subject with this role alone may ask, where an agreement lists it.
    #[must_use]
    pub fn may_ask(self) -> bool {
        match self {
            Self::Investigator | Self::Supervisor | Self::System => true,
            Self::Integrator | Self::SourceOwner | Self::Auditor | Self::Operator => false,
        }
    }
}

/// An organisation as an agreement sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Identifier.
    pub id: String,
    /// Kind of body.
    pub class: OrganisationClass,
    /// Where it has its authority.
    pub jurisdiction: Jurisdiction,
}

/// Who asks, as established by the gateway's identity check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// Stable identifier of the person or system.
    pub subject: String,
    /// The organisation the subject belongs to.
    pub organisation: Organisation,
    /// The subject's roles.
    pub roles: BTreeSet<Role>,
    /// The organisation asked for, when it is another one. Resolved from [`OnBehalfOf`] by the gateway.
    pub on_behalf_of: Option<Organisation>,
    /// What is known of the subject besides.
    pub attributes: Attributes,
}

/// What the identity check established about a subject. The default claims nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    /// Whether the subject is a sworn officer.
    #[serde(default)]
    pub sworn: bool,
    /// Last day on which the subject's training is valid; `null` when no training is known.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub training_until: Option<Date>,
    /// How surely the subject was authenticated in this session.
    #[serde(default)]
    pub assurance: Assurance,
}

/// Authenticator assurance, after NIST SP 800-63B.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// One factor.
    #[default]
    Aal1,
    /// Two factors.
    Aal2,
    /// Two factors, one of them hardware that cannot be phished.
    Aal3,
}

impl Requester {
    /// Whether `on_behalf_of` of a question and the resolved organisation agree.
    #[must_use]
    pub fn resolves(&self, asked: &OnBehalfOf) -> bool {
        match (asked, &self.on_behalf_of) {
            (OnBehalfOf::Own, None) => true,
            // Naming one's own organisation is asking for oneself.
            (OnBehalfOf::Organisation(id), None) => *id == self.organisation.id,
            (OnBehalfOf::Organisation(id), Some(organisation)) => *id == organisation.id,
            _ => false,
        }
    }
}
