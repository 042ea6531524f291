//! The decision: rules in a fixed order, the first that refuses names itself.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Agreement, AgreementRef, Excess, Field, ImagePermit, IngestPermit, OnBehalfRule, Organisation,
    Permit, Requester, Status,
    permit::{Grant, grant},
};
use crate::query::{AskedPlate, Purpose, Query, TimeWindow};

/// What is to be done under an agreement.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Ask for the reads of a plate.
    Query,
    /// Fetch an image of a read that was released.
    Image,
    /// Take reads in and keep them.
    Ingest,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Query, Self::Image, Self::Ingest];
}

/// The rule that refused, in the order in which rules are tried.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The agreement is suspended or revoked.
    AgreementNotActive,
    /// The agreement begins later.
    AgreementNotYetInEffect,
    /// The agreement has ended.
    AgreementExpired,
    /// The agreement does not list the action.
    ActionNotAllowed,
    /// The purpose is on the prohibition list.
    PurposeProhibited,
    /// The purpose is not on the list.
    PurposeNotAllowed,
    /// None of the subject's roles is on the list.
    RoleNotAllowed,
    /// The kind of organisation is not on the list.
    OrganisationClassNotAllowed,
    /// The organisation's jurisdiction is not on the list.
    JurisdictionNotAllowed,
    /// The question is for another organisation and the agreement refuses that, or the organisation is not the one named.
    OnBehalfOfNotAllowed,
    /// The kind of the organisation asked for is not on the list.
    OnBehalfOfClassNotAllowed,
    /// The jurisdiction of the organisation asked for is not on the list.
    OnBehalfOfJurisdictionNotAllowed,
    /// The agreement does not allow look-alike comparison.
    LookAlikeNotAllowed,
    /// The agreement does not allow partial plates.
    PartialPlateNotAllowed,
    /// Fewer characters are known than the agreement asks for.
    PartialPlateTooShort,
    /// The window is wider than allowed for a partial plate.
    PartialPlateWindowTooLong,
    /// The whole window is older than the look-back.
    WindowTooOld,
    /// The window reaches further back than the look-back, and the agreement refuses rather than cuts.
    WindowReachesTooFar,
    /// The window is wider than allowed, and the agreement refuses rather than cuts.
    WindowTooLong,
}

impl Rule {
    /// Every rule, in the order in which they are tried.
    pub const ALL: [Self; 19] = [
        Self::AgreementNotActive,
        Self::AgreementNotYetInEffect,
        Self::AgreementExpired,
        Self::ActionNotAllowed,
        Self::PurposeProhibited,
        Self::PurposeNotAllowed,
        Self::RoleNotAllowed,
        Self::OrganisationClassNotAllowed,
        Self::JurisdictionNotAllowed,
        Self::OnBehalfOfNotAllowed,
        Self::OnBehalfOfClassNotAllowed,
        Self::OnBehalfOfJurisdictionNotAllowed,
        Self::LookAlikeNotAllowed,
        Self::PartialPlateNotAllowed,
        Self::PartialPlateTooShort,
        Self::PartialPlateWindowTooLong,
        Self::WindowTooOld,
        Self::WindowReachesTooFar,
        Self::WindowTooLong,
    ];

    /// The code as shown in answers and the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AgreementNotActive => "agreement_not_active",
            Self::AgreementNotYetInEffect => "agreement_not_yet_in_effect",
            Self::AgreementExpired => "agreement_expired",
            Self::ActionNotAllowed => "action_not_allowed",
            Self::PurposeProhibited => "purpose_prohibited",
            Self::PurposeNotAllowed => "purpose_not_allowed",
            Self::RoleNotAllowed => "role_not_allowed",
            Self::OrganisationClassNotAllowed => "organisation_class_not_allowed",
            Self::JurisdictionNotAllowed => "jurisdiction_not_allowed",
            Self::OnBehalfOfNotAllowed => "on_behalf_of_not_allowed",
            Self::OnBehalfOfClassNotAllowed => "on_behalf_of_class_not_allowed",
            Self::OnBehalfOfJurisdictionNotAllowed => "on_behalf_of_jurisdiction_not_allowed",
            Self::LookAlikeNotAllowed => "look_alike_not_allowed",
            Self::PartialPlateNotAllowed => "partial_plate_not_allowed",
            Self::PartialPlateTooShort => "partial_plate_too_short",
            Self::PartialPlateWindowTooLong => "partial_plate_window_too_long",
            Self::WindowTooOld => "window_too_old",
            Self::WindowReachesTooFar => "window_reaches_too_far",
            Self::WindowTooLong => "window_too_long",
        }
    }

    /// What the rule means, for a person who was refused.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::AgreementNotActive => "the source's agreement is suspended or revoked",
            Self::AgreementNotYetInEffect => "the source's agreement is not in effect yet",
            Self::AgreementExpired => "the source's agreement has ended",
            Self::ActionNotAllowed => "the source's agreement does not allow this kind of use",
            Self::PurposeProhibited => "the source's agreement prohibits this purpose",
            Self::PurposeNotAllowed => "the source's agreement does not list this purpose",
            Self::RoleNotAllowed => "the source's agreement does not list any of your roles",
            Self::OrganisationClassNotAllowed => {
                "the source's agreement does not serve your kind of organisation"
            }
            Self::JurisdictionNotAllowed => {
                "the source's agreement does not serve your organisation's jurisdiction"
            }
            Self::OnBehalfOfNotAllowed => {
                "the source's agreement does not allow questions for another organisation"
            }
            Self::OnBehalfOfClassNotAllowed => {
                "the source's agreement does not serve the kind of organisation you ask for"
            }
            Self::OnBehalfOfJurisdictionNotAllowed => {
                "the source's agreement does not serve the jurisdiction of the organisation you ask for"
            }
            Self::LookAlikeNotAllowed => {
                "the source's agreement allows exact plates only; ask again with match `exact`"
            }
            Self::PartialPlateNotAllowed => "the source's agreement does not allow partial plates",
            Self::PartialPlateTooShort => "the source's agreement needs more known characters",
            Self::PartialPlateWindowTooLong => {
                "the source's agreement needs a shorter window for a partial plate"
            }
            Self::WindowTooOld => "the whole window is older than the source's agreement allows",
            Self::WindowReachesTooFar => {
                "the window reaches further back than the source's agreement allows; ask for a later start"
            }
            Self::WindowTooLong => {
                "the window is wider than the source's agreement allows; ask for a shorter one"
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An agreement's "no": which agreement and which rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused by {agreement}: {rule}")]
pub struct Refusal {
    /// The agreement that refused.
    pub agreement: AgreementRef,
    /// The first rule that refused.
    pub rule: Rule,
}

/// Which engine decided. Where there are several, all must permit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// The evaluator of this crate.
    Native,
}

/// One engine's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// The engine.
    pub engine: Engine,
    /// Its version.
    pub version: String,
    /// Whether it permits.
    pub permit: bool,
    /// The rule that refused.
    #[schema(required)]
    pub rule: Option<Rule>,
}

/// Everything needed to explain a decision and to make it again later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionRecord {
    /// The agreement, `id@version`.
    pub agreement: AgreementRef,
    /// SHA-256 of the document.
    pub agreement_sha256: String,
    /// What was to be done.
    pub action: Action,
    /// The time the decision was made for.
    #[schema(value_type = String, format = DateTime)]
    pub decided_at: Timestamp,
    /// Every engine's answer; permitted only if all permit.
    pub verdicts: Vec<Verdict>,
    /// The window granted, which may be smaller than the window asked for.
    #[schema(required)]
    pub window: Option<TimeWindow>,
    /// Most reads granted.
    #[schema(required)]
    pub max_reads: Option<u32>,
}

impl DecisionRecord {
    /// Whether every engine permits. No engine at all is a refusal.
    #[must_use]
    pub fn permitted(&self) -> bool {
        !self.verdicts.is_empty() && self.verdicts.iter().all(|verdict| verdict.permit)
    }
}

impl Agreement {
    /// Decides a question. Pure: the caller brings the time.
    ///
    /// # Errors
    /// The first rule that refuses, in the order of [`Rule`].
    pub fn permit(
        &self,
        requester: &Requester,
        query: &Query,
        now: Timestamp,
    ) -> Result<Permit, Refusal> {
        self.check(Action::Query, requester, query, now)
            .map(|window| Permit::from(grant(self, query, window)))
            .map_err(|rule| self.refusal(rule))
    }

    /// Decides the fetch of an image of a read that answered `query`.
    ///
    /// # Errors
    /// The first rule that refuses, in the order of [`Rule`].
    pub fn image_permit(
        &self,
        requester: &Requester,
        query: &Query,
        now: Timestamp,
    ) -> Result<ImagePermit, Refusal> {
        self.check(Action::Image, requester, query, now)
            .map(|window| ImagePermit::from(grant(self, query, window)))
            .map_err(|rule| self.refusal(rule))
    }

    /// Decides whether reads may be taken in and kept.
    ///
    /// # Errors
    /// The first rule that refuses, in the order of [`Rule`].
    pub fn ingest_permit(&self, now: Timestamp) -> Result<IngestPermit, Refusal> {
        let retention = self
            .in_effect(now)
            .and_then(|()| match self.document.retention {
                Some(retention) if self.lists(Action::Ingest) => Ok(retention),
                _ => Err(Rule::ActionNotAllowed),
            });
        retention
            .map(|retention| IngestPermit::new(self, retention))
            .map_err(|rule| self.refusal(rule))
    }

    /// The record of a decision on a question, for the ledger.
    #[must_use]
    pub fn decision_record(
        &self,
        action: Action,
        now: Timestamp,
        decision: Result<&Permit, &Refusal>,
    ) -> DecisionRecord {
        DecisionRecord {
            agreement: self.reference.clone(),
            agreement_sha256: self.sha256.clone(),
            action,
            decided_at: now,
            verdicts: vec![Verdict {
                engine: Engine::Native,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                permit: decision.is_ok(),
                rule: decision.err().map(|refusal| refusal.rule),
            }],
            window: decision.ok().map(Permit::window),
            max_reads: decision.ok().map(Permit::max_reads),
        }
    }

    fn refusal(&self, rule: Rule) -> Refusal {
        Refusal {
            agreement: self.reference.clone(),
            rule,
        }
    }

    fn check(
        &self,
        action: Action,
        requester: &Requester,
        query: &Query,
        now: Timestamp,
    ) -> Result<TimeWindow, Rule> {
        self.in_effect(now)?;
        ensure(self.lists(action), Rule::ActionNotAllowed)?;
        self.why(query.purpose())?;
        self.who(requester, query)?;
        self.plate(query)?;
        self.how_far(query.window(), now)
    }

    /// An image is a field of a read as well: without that field no read carries one to fetch.
    fn lists(&self, action: Action) -> bool {
        let released =
            action != Action::Image || self.document.what.fields.contains(&Field::Images);
        released && self.document.actions.contains(&action)
    }

    fn in_effect(&self, now: Timestamp) -> Result<(), Rule> {
        ensure(
            self.document.status == Status::Active,
            Rule::AgreementNotActive,
        )?;
        ensure(
            self.document.effective_from <= now,
            Rule::AgreementNotYetInEffect,
        )?;
        ensure(now < self.document.effective_until, Rule::AgreementExpired)
    }

    fn why(&self, purpose: Purpose) -> Result<(), Rule> {
        let why = &self.document.why;
        ensure(!why.prohibited.contains(&purpose), Rule::PurposeProhibited)?;
        ensure(why.purposes.contains(&purpose), Rule::PurposeNotAllowed)
    }

    fn who(&self, requester: &Requester, query: &Query) -> Result<(), Rule> {
        let who = &self.document.who;
        ensure(
            !who.roles.is_disjoint(&requester.roles),
            Rule::RoleNotAllowed,
        )?;
        self.organisation(
            &requester.organisation,
            Rule::OrganisationClassNotAllowed,
            Rule::JurisdictionNotAllowed,
        )?;
        ensure(
            requester.resolves(query.on_behalf_of()),
            Rule::OnBehalfOfNotAllowed,
        )?;
        let Some(other) = &requester.on_behalf_of else {
            return Ok(());
        };
        ensure(
            who.on_behalf_of == OnBehalfRule::BothAllowed,
            Rule::OnBehalfOfNotAllowed,
        )?;
        self.organisation(
            other,
            Rule::OnBehalfOfClassNotAllowed,
            Rule::OnBehalfOfJurisdictionNotAllowed,
        )
    }

    fn organisation(
        &self,
        organisation: &Organisation,
        class: Rule,
        jurisdiction: Rule,
    ) -> Result<(), Rule> {
        let who = &self.document.who;
        ensure(
            who.organisation_classes.contains(&organisation.class),
            class,
        )?;
        let served = who
            .jurisdictions
            .iter()
            .any(|area| organisation.jurisdiction.within(area));
        ensure(served, jurisdiction)
    }

    fn plate(&self, query: &Query) -> Result<(), Rule> {
        match query.plate() {
            AskedPlate::Exact(_) => Ok(()),
            AskedPlate::LookAlike(_) => {
                ensure(self.document.plates.look_alike, Rule::LookAlikeNotAllowed)
            }
            AskedPlate::Partial(pattern) => {
                let terms = self
                    .document
                    .plates
                    .partial
                    .ok_or(Rule::PartialPlateNotAllowed)?;
                let known = u32::try_from(pattern.known()).unwrap_or(0);
                ensure(known >= terms.min_known, Rule::PartialPlateTooShort)?;
                ensure(
                    query.window().span() <= days(terms.max_window_days),
                    Rule::PartialPlateWindowTooLong,
                )
            }
        }
    }

    fn how_far(&self, asked: TimeWindow, now: Timestamp) -> Result<TimeWindow, Rule> {
        let terms = self.document.how_far;
        let earliest = earlier(now, terms.lookback_days);
        let recent = asked.not_before(earliest).ok_or(Rule::WindowTooOld)?;
        if terms.excess == Excess::Refuse {
            ensure(recent == asked, Rule::WindowReachesTooFar)?;
            ensure(
                asked.span() <= days(terms.max_window_days),
                Rule::WindowTooLong,
            )?;
        }
        // There is nothing to find in the future, so the newest part that is granted is counted back from the present.
        let newest = recent.to().min(now.max(recent.from()));
        let narrow = recent.not_before(earlier(newest, terms.max_window_days));
        narrow
            .map(|window| window.at_most(days(terms.max_window_days)))
            .ok_or(Rule::WindowTooOld)
    }
}

impl From<Grant> for Permit {
    fn from(grant: Grant) -> Self {
        Self::of(grant)
    }
}

impl From<Grant> for ImagePermit {
    fn from(grant: Grant) -> Self {
        Self::of(grant)
    }
}

fn ensure(holds: bool, rule: Rule) -> Result<(), Rule> {
    if holds { Ok(()) } else { Err(rule) }
}

fn days(days: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(days) * 24)
}

fn earlier(at: Timestamp, by_days: u32) -> Timestamp {
    at.checked_sub(days(by_days)).unwrap_or(Timestamp::MIN)
}
