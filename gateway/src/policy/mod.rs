//! One decision per source, by two engines that share no code: the evaluator of `schemas` and fixed Cedar policies.
//!
//! **A permit needs both**, and any policies of the installation not forbidding it. An error in the second engine, a value
//! it misses, something that does not fit its schema, or the two not agreeing refuses and raises an alarm. Agreements are
//! entities; there is no policy of an agreement. This is the only module of the gateway that asks an agreement for a permit.

mod alarm;
mod cedar;
mod entities;
mod guards;
mod question;
pub mod replay;
mod set;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use jiff::Timestamp;
use turnpike_schemas::{
    agreement::{
        Action, Agreement, AlertPermit, DecisionRecord, Engine, ImagePermit, IngestPermit, Permit,
        Refusal, Requester, Rule, Verdict,
    },
    query::{Query, TimeWindow},
};

pub use alarm::Alarm;
pub use cedar::Fault;
pub use entities::Asking;
pub use set::{PolicyError, PolicySource};

use crate::ledger::{Ledger, LedgerError};

use self::{
    alarm::Alarms,
    cedar::{Cedar, Opinion, Prepared},
    guards::{Guard, Guards},
    question::Question,
};

/// What was decided, the record of it, and what somebody must know about it.
#[derive(Debug)]
pub struct Decided<P> {
    /// The permit, or who refuses and why.
    pub decision: Result<P, Refusal>,
    /// For the ledger and for explanations.
    pub record: DecisionRecord,
    /// Present when the engines did not come to one answer. It must be recorded before anything else is done.
    pub alarm: Option<Alarm>,
}

/// Both engines and every agreement they know.
#[derive(Debug)]
pub struct Policy {
    cedar: Cedar,
    guards: Guards,
    alarms: Alarms,
    known: RwLock<BTreeMap<String, Arc<Prepared>>>,
}

impl Policy {
    /// The engines with these policies.
    ///
    /// # Errors
    /// [`PolicyError`]: a policy cannot be read, does not fit the schema, or does more than forbid.
    pub fn new(source: &PolicySource) -> Result<Self, PolicyError> {
        Ok(Self {
            cedar: Cedar::new(source)?,
            guards: Guards::default(),
            alarms: Alarms::default(),
            known: RwLock::default(),
        })
    }

    /// Makes an agreement known to the second engine. What is not known is refused.
    ///
    /// # Errors
    /// [`Fault::Entity`]: the agreement does not fit the schema.
    pub fn learn(&self, agreement: &Agreement) -> Result<(), Fault> {
        let prepared = Arc::new(self.cedar.prepare(agreement, self.guards)?);
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(agreement.sha256().to_owned(), prepared);
        Ok(())
    }

    /// Counts an alarm and puts it on record, the same one once a minute.
    ///
    /// # Errors
    /// [`LedgerError`]; then it is not on record, and what it is about must not go on.
    pub async fn raise(
        &self,
        alarm: &Alarm,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        self.alarms.raise(alarm, ledger, now).await
    }

    /// SHA-256 of everything the second engine decides by, hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        self.cedar.sha256()
    }

    /// What the second engine decides by.
    #[must_use]
    pub fn source(&self) -> &PolicySource {
        self.cedar.source()
    }

    /// Who asks, made ready once for any number of decisions.
    #[must_use]
    pub fn asking<'a>(&self, requester: &'a Requester) -> Asking<'a> {
        self.cedar.asking(requester, self.guards)
    }

    /// Decides one question under one agreement.
    pub fn decide(
        &self,
        agreement: &Agreement,
        asking: &Asking<'_>,
        query: &Query,
        now: Timestamp,
    ) -> Decided<Permit> {
        let native = agreement.permit(asking.requester(), query, now);
        let granted = native.as_ref().ok().map(Permit::window);
        let opinion = self.opinion(Action::Query, agreement, asking, query, granted, now);
        let most = native.as_ref().ok().map(Permit::max_reads);
        let bound = native.as_ref().ok().map(Permit::obligations_in_words);
        let mut decided = self.combine(Action::Query, agreement, native, opinion, now);
        if decided.decision.is_ok() {
            (decided.record.window, decided.record.max_reads) = (granted, most);
            decided.record.obligations = bound.unwrap_or_default();
        }
        decided
    }

    /// Decides the fetch of an image under one agreement.
    pub fn decide_image(
        &self,
        agreement: &Agreement,
        asking: &Asking<'_>,
        query: &Query,
        now: Timestamp,
    ) -> Decided<ImagePermit> {
        let native = agreement.image_permit(asking.requester(), query, now);
        let granted = native.as_ref().ok().map(ImagePermit::window);
        let opinion = self.opinion(Action::Image, agreement, asking, query, granted, now);
        let bound = native.as_ref().ok().map(ImagePermit::obligations_in_words);
        let mut decided = self.combine(Action::Image, agreement, native, opinion, now);
        if decided.decision.is_ok() {
            decided.record.window = granted;
            decided.record.obligations = bound.unwrap_or_default();
        }
        decided
    }

    /// Decides under one agreement whether somebody may be told of a plate's reads: when an entry is added, and again when a read
    /// matches it.
    pub fn decide_alert(
        &self,
        agreement: &Agreement,
        asking: &Asking<'_>,
        query: &Query,
        now: Timestamp,
    ) -> Decided<AlertPermit> {
        let native = agreement.alert_permit(asking.requester(), query, now);
        let granted = native.as_ref().ok().map(AlertPermit::window);
        let opinion = self.opinion(Action::Alert, agreement, asking, query, granted, now);
        let bound = native.as_ref().ok().map(AlertPermit::obligations_in_words);
        let mut decided = self.combine(Action::Alert, agreement, native, opinion, now);
        if decided.decision.is_ok() {
            decided.record.window = granted;
            decided.record.obligations = bound.unwrap_or_default();
        }
        decided
    }

    /// Decides whether reads of a source may be taken in.
    pub fn decide_ingest(&self, agreement: &Agreement, now: Timestamp) -> Decided<IngestPermit> {
        let native = agreement.ingest_permit(now);
        let opinion = match self.prepared(agreement) {
            Some(prepared) => self.cedar.ingest(&prepared, now, self.guards),
            None => Opinion::Fault(Fault::NotLoaded),
        };
        self.combine(Action::Ingest, agreement, native, opinion, now)
    }

    fn opinion(
        &self,
        action: Action,
        agreement: &Agreement,
        asking: &Asking<'_>,
        query: &Query,
        granted: Option<TimeWindow>,
        now: Timestamp,
    ) -> Opinion {
        let question = Question {
            action,
            query,
            granted: granted.unwrap_or(query.window()),
            now,
        };
        match self.prepared(agreement) {
            Some(prepared) => self.cedar.ask(&prepared, asking, &question, self.guards),
            None => Opinion::Fault(Fault::NotLoaded),
        }
    }

    fn prepared(&self, agreement: &Agreement) -> Option<Arc<Prepared>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(agreement.sha256()).cloned()
    }

    /// Both must permit, and agree.
    fn combine<P>(
        &self,
        action: Action,
        agreement: &Agreement,
        native: Result<P, Refusal>,
        opinion: Opinion,
        now: Timestamp,
    ) -> Decided<P> {
        let verdicts = verdicts(native.as_ref().err(), &opinion, self.cedar.version());
        let rule = self.between(native.is_ok(), &opinion);
        let alarm = rule
            .filter(|rule| *rule != Rule::SitePolicy)
            .map(|rule| Alarm::new(rule, action, agreement, &opinion));
        let refused = |rule| Refusal {
            agreement: agreement.reference().clone(),
            rule,
        };
        let decision = match rule {
            Some(rule) => Err(refused(rule)),
            None => native,
        };
        let record = DecisionRecord {
            agreement: agreement.reference().clone(),
            agreement_sha256: agreement.sha256().to_owned(),
            action,
            decided_at: now,
            verdicts: with_rule(verdicts, rule),
            window: None,
            max_reads: None,
            obligations: Vec::new(),
        };
        Decided {
            decision,
            record,
            alarm,
        }
    }

    /// The rule that stands between the engines, if one does.
    fn between(&self, native_permits: bool, opinion: &Opinion) -> Option<Rule> {
        match opinion {
            Opinion::Fault(_) => Some(Rule::PolicyError),
            // INVARIANT: without this the answer of one engine would do.
            _ if !self.guards.hold(Guard::Agreement) => None,
            Opinion::Refuse(_) if native_permits => Some(Rule::EnginesDisagree),
            Opinion::Permit(_) | Opinion::Forbidden(_) if !native_permits => {
                Some(Rule::EnginesDisagree)
            }
            Opinion::Forbidden(_) => Some(Rule::SitePolicy),
            Opinion::Permit(_) | Opinion::Refuse(_) => None,
        }
    }
}

/// Each engine's own answer.
fn verdicts(native: Option<&Refusal>, opinion: &Opinion, version: &str) -> Vec<Verdict> {
    let of_native = Verdict {
        engine: Engine::Native,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        permit: native.is_none(),
        rule: native.map(|refusal| refusal.rule),
        policies: Vec::new(),
    };
    let of_cedar = |permit, policies: &[String]| Verdict {
        engine: Engine::Cedar,
        version: version.to_owned(),
        permit,
        rule: None,
        policies: policies.to_vec(),
    };
    match opinion {
        Opinion::Permit(policies) => vec![of_native, of_cedar(true, policies)],
        Opinion::Refuse(policies) => vec![of_native, of_cedar(false, policies)],
        Opinion::Forbidden(policies) => {
            let of_site = Verdict {
                engine: Engine::Site,
                ..of_cedar(false, policies)
            };
            vec![of_native, of_cedar(true, &[]), of_site]
        }
        Opinion::Fault(_) => vec![of_native, of_cedar(false, &[])],
    }
}

/// The rule between the engines is named by the one that is not the first.
fn with_rule(mut verdicts: Vec<Verdict>, rule: Option<Rule>) -> Vec<Verdict> {
    if let (Some(rule), Some(last)) = (rule, verdicts.last_mut()) {
        last.rule = Some(rule);
    }
    verdicts
}

#[cfg(test)]
mod tests;
