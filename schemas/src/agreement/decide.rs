//! The decision: rules in a fixed order, the first that refuses names itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Agreement, AgreementRef, AlertPermit, ImagePermit, IngestPermit, Permit, Refusal, Requester,
    Rule,
    permit::{Grant, grant},
};
use crate::query::{Query, TimeWindow};

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
    /// Be told when a plate is read.
    Alert,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Query, Self::Image, Self::Ingest, Self::Alert];
}

/// Which engine decided. Where there are several, all must permit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// The evaluator of this crate.
    Native,
    /// The gateway's fixed Cedar policies.
    Cedar,
    /// The Cedar policies of the installation, which can only forbid.
    Site,
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
    /// The rule that refused; beside the answer of a second engine, the rule that stands between the engines.
    #[schema(required)]
    pub rule: Option<Rule>,
    /// The policies that led to the answer, where the engine has policies. None for a refusal means that nothing permits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
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
    /// What the permit binds its holder to, each `name=value`.
    #[serde(default)]
    pub obligations: Vec<String>,
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
            .map(|window| Permit::from(grant(self, requester, query, window)))
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
            .map(|window| ImagePermit::from(grant(self, requester, query, window)))
            .map_err(|rule| self.refusal(rule))
    }

    /// Decides whether somebody may be told of reads that `query` asks for. It is decided twice: when an entry of an alert list is
    /// added or renewed, and again for the moment of each read that matches it.
    ///
    /// # Errors
    /// The first rule that refuses, in the order of [`Rule`].
    pub fn alert_permit(
        &self,
        requester: &Requester,
        query: &Query,
        now: Timestamp,
    ) -> Result<AlertPermit, Refusal> {
        let granted = self.check(Action::Alert, requester, query, now);
        let terms = self.document.alerts.ok_or(Rule::ActionNotAllowed);
        granted
            .and_then(|window| Ok((window, terms?)))
            .map(|(window, terms)| {
                AlertPermit::of(
                    grant(self, requester, query, window),
                    terms,
                    self.document.retention,
                )
            })
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
                policies: Vec::new(),
            }],
            window: decision.ok().map(Permit::window),
            max_reads: decision.ok().map(Permit::max_reads),
            obligations: decision.map_or_else(|_| Vec::new(), Permit::obligations_in_words),
        }
    }

    pub(super) fn refusal(&self, rule: Rule) -> Refusal {
        Refusal {
            agreement: self.reference.clone(),
            rule,
        }
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
