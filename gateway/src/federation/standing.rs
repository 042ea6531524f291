//! A question that an entry of an alert list asks in its turn, or of reads kept here because its owner wants to look back: under two
//! permits, between two entries of the ledger, at a source that is asked live out of the reserve.
//!
//! The same order as for any question: decide, record the intent, contact, record the outcome. The agreement must let the owner of
//! the entry ask **and** be told. Its intent is one of an alert, so nobody counts it as something that a person asked. What comes
//! back is released to nobody: whoever is told of a read is decided about for that read.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use turnpike_schemas::{
    agreement::{self, AlertPermit, Permit, Refusal, Requester},
    api::{Capability, Completeness, LimitedBy, SourceOutcome},
    ledger::{Action, Decision},
    query::Query,
    read::ReadId,
};
use uuid::Uuid;

use super::{AskError, Federation, Searched, Source, record, report, written::Written};
use crate::{limits::Asks, store::Current};

/// Longest time that one question may take. Nobody waits for it.
const LONGEST: Duration = Duration::from_secs(8);

/// What an entry asks: of a source that would be told of the plate never made of a list that is confidential.
#[derive(Debug)]
pub(crate) struct InTurn {
    pub(crate) requester: Requester,
    pub(crate) query: Query,
}

/// What came of it. Nobody is told yet.
#[derive(Debug)]
pub(crate) struct StandingAnswer {
    pub(crate) outcome: SourceOutcome,
    /// Reads that the agreement releases, where the source was asked live, and until when they may be known.
    pub(crate) reads: Vec<Current>,
    /// The names of those it releases of the reads kept here.
    pub(crate) kept: Vec<ReadId>,
}

/// Both permits, or what is said instead of asking.
type Permitted = Result<(Box<Permit>, Box<AlertPermit>), SourceOutcome>;

impl Federation {
    /// Asks one source.
    ///
    /// # Errors
    /// [`AskError::Ledger`]; then the source was not contacted, or nothing of what came back is used.
    pub(crate) async fn ask_in_turn(
        &self,
        source: &Arc<Source>,
        asked: &InTurn,
    ) -> Result<StandingAnswer, AskError> {
        let InTurn { requester, query } = asked;
        let (now, asking) = (self.now(), self.policy.asking(requester));
        let told = self
            .policy
            .decide_alert(&source.agreement, &asking, query, now);
        let asks = self.policy.decide(&source.agreement, &asking, query, now);
        let sha256 = self.policy.sha256();
        let decisions = vec![
            record::decision(&source.id, &told.record, sha256),
            Decision {
                action: Some(Action::Query),
                ..record::decision(&source.id, &asks.record, sha256)
            },
        ];
        let alarms: Vec<_> = told.alarm.into_iter().chain(asks.alarm).collect();
        let permitted = self.both(source, requester, told.decision, asks.decision);
        let wanted = vec![source.id.to_string()];
        let intent = record::intent(Action::Alert, requester, query, wanted, None, now);
        let ticket = self.ledger.begin(Uuid::now_v7(), intent, decisions).await?;
        self.raise(&alarms).await?;
        let (searched, whole) = match permitted {
            Ok((asks, told)) => self.search_for_entry(source, &asks, &told).await,
            Err(outcome) => (Searched::not(outcome), Vec::new()),
        };
        let (mut report, reads) = (
            report(source, searched.outcome, searched.took),
            searched.reads.len(),
        );
        let digest = Written::of(&searched.reads).map(|written| written.digest());
        let digest = digest.unwrap_or_else(|error| {
            tracing::error!(source = %source.id, %error, "reads could not be written");
            report.outcome = SourceOutcome::Failed {
                error: turnpike_schemas::api::FailureKind::Internal,
                retry_after_s: None,
            };
            None
        });
        let reads = if digest.is_some() { reads } else { 0 };
        let entry = record::source_outcome(&report, digest);
        let completeness = Completeness::of(std::slice::from_ref(&report));
        let outcome = record::outcome(completeness, reads, vec![entry]);
        self.ledger.finish(ticket, outcome).await?;
        Ok(StandingAnswer {
            reads: if reads == 0 { Vec::new() } else { whole },
            kept: match source.is_live() || reads == 0 {
                true => Vec::new(),
                false => searched.reads.into_iter().map(|read| read.id).collect(),
            },
            outcome: report.outcome,
        })
    }

    /// What the permit releases; of a source that is asked live the same reads whole, with the time until which they may be known.
    async fn search_for_entry(
        &self,
        source: &Source,
        asks: &Permit,
        told: &AlertPermit,
    ) -> (Searched, Vec<Current>) {
        let deadline = Instant::now() + LONGEST;
        if !source.is_live() {
            let searched = source.search(asks, &self.store, &self.clock, deadline);
            return (searched.await, Vec::new());
        }
        let (searched, whole) = source.search_in_turn(asks, &self.clock, deadline).await;
        let whole = whole.into_iter().filter_map(|read| {
            let keep_until = told.keep_until(read.observation.captured_at)?;
            Some(Current { read, keep_until })
        });
        (searched, whole.collect())
    }

    /// What both decisions and the count of questions come to.
    fn both(
        &self,
        source: &Source,
        requester: &Requester,
        told: Result<AlertPermit, Refusal>,
        asks: Result<Permit, Refusal>,
    ) -> Permitted {
        let refused = |refusal: Refusal| SourceOutcome::Refused {
            rule: refusal.rule,
            explanation: refusal.rule.explanation().to_owned(),
        };
        let (told, asks) = (told.map_err(refused)?, asks.map_err(refused)?);
        if source.is_live() && told.keep_until(self.now()).is_none() {
            let capability = Capability::Kept;
            return Err(SourceOutcome::Unsupported { capability });
        }
        if let Some(capability) = source.cannot(&asks) {
            return Err(SourceOutcome::Unsupported { capability });
        }
        // Somebody asked to look back at what is kept here: that counts as their question.
        let part = match source.is_live() {
            true => (Asks::Standing, source.reserve_percent),
            false => source.people(),
        };
        let taken = self.limits.take(&asks, requester, part, self.now());
        taken.map_err(|wait| SourceOutcome::RateLimited {
            by: LimitedBy::Agreement,
            retry_after_s: Some(wait),
        })?;
        Ok((Box::new(asks), Box::new(told)))
    }
}

impl Source {
    /// Why no entry of an alert list asks this source in turn; nothing where entries do.
    pub(crate) fn not_in_turn(&self) -> Option<&'static str> {
        let document = self.agreement.document();
        let allows = |action| document.actions.contains(&action);
        if !self.is_live() {
            Some("its reads arrive by themselves")
        } else if self.health.reserve().is_none() {
            Some("it can only be asked, and nothing of its quota is kept for that")
        } else if !allows(agreement::Action::Query) || !allows(agreement::Action::Alert) {
            Some("it can only be asked, and its agreement allows no questions of entries")
        } else if document.retention.is_none() {
            Some("it can only be asked, and its agreement lets nothing of it be kept")
        } else {
            None
        }
    }
}
