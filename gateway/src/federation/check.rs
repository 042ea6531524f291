//! Checking a source by asking it: under a permit, between two entries of the ledger, and nothing is released or kept.
//!
//! The same order as for any question: decide, record the intent, contact, record the outcome. What came back is looked
//! at and dropped; the report names checks, fields and rules and holds no read.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use futures::FutureExt as _;
use turnpike_adapters::{
    adapter::Page,
    conformance::{Answer, check_answer, unanswered},
    error::{Error, ErrorKind},
};
use turnpike_schemas::{
    agreement::{Permit, Rule},
    api::{Completeness, LedgerPosition, LimitedBy, QueryRequest, SourceOutcome},
    conformance::{CheckReport, CheckResult, CheckWay, Verdict},
    ledger::{self, Action, Admin, AdminAction, Personal},
    read::{Observation, PlateRead, SourceId},
};

use super::{AskError, Federation, Plan, Source, Step, images::kind as kind_word, record};
use crate::{
    identity::Identity,
    ledger::{LedgerError, Ticket},
    store::StoreError,
};

/// What came of contacting the source for a check.
struct Looked {
    /// Answers looked at.
    answers: u32,
    page: Page,
    /// Reads that the agreement would release.
    released: Vec<Observation>,
    results: Vec<CheckResult>,
    outcome: &'static str,
    detail: Option<String>,
}

impl Federation {
    /// Asks one source the question and looks at what comes, or at what the source sent, where it is not asked live.
    ///
    /// # Errors
    /// [`AskError`]; then the source was not contacted, or nothing of what was found is told.
    pub async fn check(
        &self,
        identity: &Identity,
        id: &str,
        request: &QueryRequest,
    ) -> Result<CheckReport, AskError> {
        let source = SourceId::parse(id).map_err(|_| AskError::UnknownSource)?;
        // Urgency lets more through and is owed for; a check releases nothing, so it has no use for either.
        let request = QueryRequest {
            sources: Some(vec![source.clone()]),
            urgent: false,
            note: None,
            ..request.clone()
        };
        let plan = self.plan(identity, &request).await?;
        let named = |(row, _): &&(Arc<Source>, Step)| row.id == source;
        let (source, step) = plan
            .rows
            .iter()
            .find(named)
            .ok_or(AskError::UnknownSource)?;
        let decided = plan.rows.iter().zip(&plan.records);
        let decisions = decided
            .filter(|((row, _), _)| row.id == source.id)
            .map(|((row, _), decision)| record::decision(&row.id, decision, self.policy.sha256()));
        let wanted = vec![source.id.to_string()];
        let intent = record::intent(
            Action::Check,
            &plan.requester,
            &plan.query,
            wanted,
            None,
            plan.now,
        );
        let ticket = self
            .ledger
            .begin(plan.id, intent, decisions.collect())
            .await?;
        self.raise(&plan.alarms).await?;
        let started = Instant::now();
        let looked = self.look(&ticket, source, step, &plan).await;
        let took_ms = u64::try_from(started.elapsed().as_millis()).ok();
        let outcome = outcome(source, &looked, took_ms);
        let receipt = self.ledger.finish(ticket, outcome).await?;
        let mut report = report(source, looked);
        report.question = Some(LedgerPosition {
            intent: receipt.intent,
            outcome: receipt.outcome,
        });
        report.recorded = Some(self.record_check(identity, &report).await?);
        Ok(report)
    }

    /// Puts on record what a check found, here or elsewhere.
    ///
    /// # Errors
    /// [`LedgerError`]; then it is not on record.
    pub async fn record_check(
        &self,
        identity: &Identity,
        report: &CheckReport,
    ) -> Result<u64, LedgerError> {
        let entry = Admin {
            action: AdminAction::SourceCheck,
            by: Some(Personal::new(identity.subject())),
            facts: report.facts(),
        };
        self.ledger.admin(entry).await
    }

    /// The ticket proves that the intent is on disk.
    async fn look(&self, on_record: &Ticket, source: &Source, step: &Step, plan: &Plan) -> Looked {
        match step {
            Step::Report(outcome) => not_looked(outcome),
            Step::Ask(permit) => {
                let room = self
                    .limits
                    .take(permit, &plan.requester, source.people(), self.now());
                match room {
                    Err(wait) => not_looked(&SourceOutcome::RateLimited {
                        by: LimitedBy::Agreement,
                        retry_after_s: Some(wait),
                    }),
                    Ok(()) if source.is_live() => {
                        self.look_live(on_record, source, permit, plan).await
                    }
                    Ok(()) => self.look_held(source, permit).await,
                }
            }
        }
    }

    async fn look_live(
        &self,
        _on_record: &Ticket,
        source: &Source,
        permit: &Permit,
        plan: &Plan,
    ) -> Looked {
        let ctx = source.context(&self.clock, plan.deadline);
        let asking = AssertUnwindSafe(source.adapter.search(&ctx, permit)).catch_unwind();
        let failed = |kind, message| Err(Error::new(kind, "check", message));
        let answered = match tokio::time::timeout_at(plan.deadline.into(), asking).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => failed(ErrorKind::Malformed, "the adapter panicked"),
            Err(_) => failed(ErrorKind::TimedOut, "the source did not answer in time"),
        };
        match answered {
            Ok(page) => self.looked_at(source, page, permit),
            Err(error) => Looked {
                answers: 0,
                page: Page::default(),
                released: Vec::new(),
                results: vec![unanswered(&error)],
                outcome: "failed",
                detail: Some(kind_word(error.kind()).to_owned()),
            },
        }
    }

    /// What the source sent, as a question would find it, and when it last sent anything.
    async fn look_held(&self, source: &Source, permit: &Permit) -> Looked {
        let mut looked = match self.store.search(permit).await {
            Ok(found) => {
                let reads = found.reads.into_iter().map(|read| read.observation);
                let page = Page {
                    reads: reads.collect(),
                    ..Page::default()
                };
                self.looked_at(source, page, permit)
            }
            Err(StoreError::TooBroad) => not_looked(&SourceOutcome::NotAsked),
            Err(error) => {
                tracing::warn!(source = %source.id, %error, "the read store could not be searched");
                let error = Error::new(
                    ErrorKind::Unavailable,
                    "check",
                    "the read store cannot be searched",
                );
                Looked {
                    results: vec![unanswered(&error)],
                    ..not_looked(&SourceOutcome::NotAsked)
                }
            }
        };
        looked
            .results
            .retain(|result| result.check != "the_source_answers");
        let silent = source.stale_since(&self.store, self.now()).is_some();
        looked.results.insert(
            0,
            CheckResult {
                check: "the_source_has_sent_something_lately".to_owned(),
                verdict: if silent { Verdict::Failed } else { Verdict::Passed },
                details: if silent {
                    vec!["nothing understandable has come for longer than `stale_after_s`".to_owned()]
                } else {
                    Vec::new()
                },
                advice: silent.then(|| {
                    "see that the vendor sends, and to where; check its payloads with `turnpike source check ID --payloads FOLDER`".to_owned()
                }),
            },
        );
        looked
    }

    fn looked_at(&self, source: &Source, page: Page, permit: &Permit) -> Looked {
        let now = self.now();
        let provenance = Arc::new(source.provenance(String::new()));
        let released = page.reads.iter().filter_map(|read| {
            let (read, from) = (read.clone(), source.id.clone());
            let read = PlateRead::seal(read, from, now, Arc::clone(&provenance));
            permit.release(read).map(|read| read.observation)
        });
        let released = released.collect();
        let results = check_answer(&Answer {
            page: &page,
            permit,
            now,
        });
        let outcome = if page.reads.is_empty() {
            "empty"
        } else {
            "answered"
        };
        Looked {
            answers: 1,
            page,
            released,
            results,
            outcome,
            detail: Some("check".to_owned()),
        }
    }
}

/// A check that contacted nobody, and why.
fn not_looked(outcome: &SourceOutcome) -> Looked {
    let (detail, advice) = match outcome {
        SourceOutcome::Refused { rule, explanation } => (
            format!("the agreement refuses: {explanation} ({rule})"),
            match rule {
                Rule::AgreementNotActive
                | Rule::AgreementNotYetInEffect
                | Rule::AgreementExpired => {
                    "see `status`, `effective_from` and `effective_until` in the source's agreement; once its owner has put it in force, start the gateway again. Nobody was contacted"
                }
                Rule::RoleNotAllowed => {
                    "check with an account that has one of the roles in `who.roles` of the source's agreement beside `integrator` or `operator`; nobody was contacted"
                }
                _ => {
                    "check with an account, a purpose and a window that the source's agreement allows; nobody was contacted"
                }
            },
        ),
        SourceOutcome::RateLimited { .. } => (
            "you or your organisation asked as often as the source's agreement allows".to_owned(),
            "check again later; nobody was contacted",
        ),
        SourceOutcome::Unsupported { capability } => (
            format!(
                "the source cannot be asked this: {}",
                record::word(capability)
            ),
            "ask for a whole plate with `--match exact`",
        ),
        _ => (
            "the question is too broad".to_owned(),
            "ask for a whole plate and a shorter window",
        ),
    };
    let result = CheckResult {
        check: "the_question_may_be_asked".to_owned(),
        verdict: Verdict::Failed,
        details: vec![detail.clone()],
        advice: Some(advice.to_owned()),
    };
    Looked {
        answers: 0,
        page: Page::default(),
        released: Vec::new(),
        results: vec![result],
        outcome: outcome.word(),
        detail: Some(match outcome {
            SourceOutcome::Refused { rule, .. } => rule.to_string(),
            _ => "check".to_owned(),
        }),
    }
}

/// Nothing leaves, so no read is counted and none is hashed.
fn outcome(source: &Source, looked: &Looked, took_ms: Option<u64>) -> ledger::Outcome {
    let of_source = ledger::SourceOutcome {
        source: source.id.to_string(),
        outcome: looked.outcome.to_owned(),
        count: 0,
        digest: None,
        truncated: false,
        took_ms,
        detail: looked.detail.clone(),
    };
    let completeness = match looked.answers {
        0 => Completeness::None,
        _ => Completeness::Complete,
    };
    record::outcome(completeness, 0, vec![of_source])
}

fn report(source: &Source, looked: Looked) -> CheckReport {
    let info = source.adapter.info();
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let mut report = CheckReport {
        source: source.id.clone(),
        adapter: info.id.to_owned(),
        adapter_version: info.version.to_owned(),
        way: CheckWay::Live,
        payloads: looked.answers,
        reads: count(looked.released.len()),
        rejected: count(looked.page.rejected.len()),
        skipped: u32::try_from(looked.page.skipped.values().sum::<u64>()).unwrap_or(u32::MAX),
        doubts: BTreeMap::new(),
        results: looked.results,
        question: None,
        recorded: None,
    };
    for read in &looked.released {
        report.doubt(&read.quality);
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(rule: Rule) -> String {
        let refused = SourceOutcome::Refused {
            rule,
            explanation: String::new(),
        };
        let looked = not_looked(&refused);
        looked.results.into_iter().next().unwrap().advice.unwrap()
    }

    #[test]
    fn who_is_refused_is_told_what_would_help() {
        assert!(advice(Rule::AgreementNotActive).contains("`status`"));
        assert!(advice(Rule::AgreementExpired).contains("`effective_until`"));
        assert!(advice(Rule::RoleNotAllowed).contains("`who.roles`"));
        assert!(advice(Rule::PurposeNotAllowed).contains("purpose"));
    }
}
