//! One question to every source whose agreement permits it, in parallel, under one deadline.
//!
//! The order is fixed: decide, record the intent, contact, record the outcome, answer. A source is contacted only with
//! a [`Permit`] and only while a ledger [`Ticket`] is held; rows leave only after their outcome is durable.
//! Deliberately absent: caching of answers, asking twice to be faster, any search without a [`Query`].

mod check;
mod digest;
mod health;
mod images;
mod live_shape;
mod record;
mod released;
mod source;
mod standing;
mod stream;
mod tally;
mod written;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use jiff::Timestamp;
use turnpike_adapters::context::Clock;
use turnpike_schemas::{
    agreement::{DecisionRecord, Obligation, Permit, Refusal, Requester},
    api::{
        Completeness, ExplainedSource, Explanation, FailureKind, LedgerPosition, LimitedBy,
        QueryRequest, QueryRequestError, SourceOutcome, SourceReport,
    },
    ledger::Action,
    query::{Note, Query},
    read::{PlateRead, SourceId},
};
use uuid::Uuid;

pub(crate) use digest::Digesting;
pub use images::{FetchedImage, ImageError};
pub use live_shape::{LiveShape, Seen};
pub(crate) use record::{decision as decision_entry, intent as intent_entry, word};
pub use released::Released;
pub(crate) use released::cover;
pub use source::{Searched, Source};
pub(crate) use standing::InTurn;
pub use stream::Line;
pub use tally::SourceTally;
pub use written::Answered;

use self::written::{Head, Tail, Written};
use crate::{
    cases::{CaseError, Cases},
    identity::{Directory, Identity, UnknownOrganisation},
    ledger::{Ledger, LedgerError, Ticket},
    limits::AgreementLimits,
    policy::{Alarm, Policy},
    store::Store,
};

/// Longest part of a caller's deadline kept back for recording and writing the answer.
const RESERVE: Duration = Duration::from_millis(100);

/// Everything a question needs.
#[derive(Debug)]
pub struct Federation {
    pub(crate) sources: Vec<Arc<Source>>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) cases: Arc<Cases>,
    pub(crate) released: Arc<Released>,
    pub(crate) limits: AgreementLimits,
    pub(crate) policy: Arc<Policy>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The request is not a question.
    #[error(transparent)]
    Request(#[from] QueryRequestError),
    /// The organisation asked for is not known.
    #[error(transparent)]
    OnBehalfOf(#[from] UnknownOrganisation),
    /// A source was named that does not exist.
    #[error("`sources` names a source that is not configured here")]
    UnknownSource,
    /// It is not a question for a case, or its note or urgency cannot be written down.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// The ledger could not record the question or its outcome, so nothing was asked or nothing is released.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Where a question stands in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnRecord {
    /// The question.
    pub question: Uuid,
    /// Index of its intent.
    pub intent: u64,
}

/// What is done about one source.
enum Step {
    Ask(Box<Permit>),
    Report(SourceOutcome),
}

/// A question with a decision for every source. Nothing has been contacted.
struct Plan {
    id: Uuid,
    query: Query,
    requester: Requester,
    records: Vec<DecisionRecord>,
    /// When the decisions were made.
    now: Timestamp,
    alarms: Vec<Alarm>,
    rows: Vec<(Arc<Source>, Step)>,
    note: Option<Note>,
    deadline: Instant,
}

/// A question on record whose sources are being asked.
struct Running {
    id: Uuid,
    query: Arc<Query>,
    requester: Arc<Requester>,
    ticket: Ticket,
    justify_until: Option<Timestamp>,
    pending: FuturesUnordered<BoxFuture<'static, Done>>,
}

/// One source is done.
struct Done {
    index: usize,
    report: SourceReport,
    reads: Vec<PlateRead>,
}

impl Federation {
    /// A federation over `sources`.
    #[must_use]
    pub fn new(
        sources: Vec<Arc<Source>>,
        directory: Arc<Directory>,
        ledger: Arc<Ledger>,
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        cases: Arc<Cases>,
        policy: Arc<Policy>,
    ) -> Self {
        Self {
            policy,
            sources,
            directory,
            ledger,
            store,
            clock,
            cases,
            released: Arc::default(),
            limits: AgreementLimits::default(),
        }
    }

    /// Asks every permitted source and answers once all are done or the deadline is over.
    ///
    /// # Errors
    /// [`AskError`]; then no source was contacted, or nothing of what came back is released.
    pub async fn ask(
        &self,
        identity: &Identity,
        request: &QueryRequest,
    ) -> Result<Answered, AskError> {
        let mut running = self.begin(self.plan(identity, request).await?).await?;
        let (mut done, mut covered) = (Vec::new(), Vec::new());
        while let Some(mut one) = running.pending.next().await {
            covered.extend(released::cover(&mut one.reads));
            // While other sources are still under way.
            let written = one.write();
            let entry = record::source_outcome(&one.report, written.digest());
            done.push((one.index, one.report, written, entry));
        }
        done.sort_by_key(|(index, ..)| *index);
        let (mut sources, mut parts, mut entries) = (Vec::new(), Vec::new(), Vec::new());
        for (_, report, written, entry) in done {
            entries.push(entry);
            sources.push(report);
            parts.push(written);
        }
        let completeness = Completeness::of(&sources);
        let reads = parts.iter().map(Written::len).sum();
        let outcome = record::outcome(completeness, reads, entries);
        let receipt = self.ledger.finish(running.ticket, outcome).await?;
        self.released
            .remember(&running.requester, &running.query, covered, self.now());
        Ok(Answered {
            head: Head {
                query: running.id,
                completeness,
                window: running.query.window(),
            },
            tail: Tail {
                sources,
                ledger: LedgerPosition {
                    intent: receipt.intent,
                    outcome: receipt.outcome,
                },
                justify_until: running.justify_until,
            },
            parts,
        })
    }

    /// Says who would be asked and who would refuse, and why. Nobody is contacted; the dry run is recorded.
    ///
    /// # Errors
    /// [`AskError`]; then nothing is explained.
    pub async fn explain(
        &self,
        identity: &Identity,
        request: &QueryRequest,
    ) -> Result<Explanation, AskError> {
        let plan = self.plan(identity, request).await?;
        let (intent, decisions) = self.intent(&plan);
        let ledger = self.ledger.dry_run(plan.id, intent, decisions).await?;
        self.raise(&plan.alarms).await?;
        let sources = plan
            .rows
            .into_iter()
            .zip(plan.records)
            .map(|((source, step), decision)| ExplainedSource {
                source: source.id.clone(),
                family: source.adapter.info().family,
                would_ask: matches!(step, Step::Ask(_)),
                unsupported: match &step {
                    Step::Report(SourceOutcome::Unsupported { capability }) => Some(*capability),
                    _ => None,
                },
                explanation: match &step {
                    Step::Report(SourceOutcome::Refused { explanation, .. }) => {
                        Some(explanation.clone())
                    }
                    _ => None,
                },
                decision,
            });
        Ok(Explanation {
            query: plan.id,
            window: plan.query.window(),
            sources: sources.collect(),
            ledger,
        })
    }

    /// The configured sources, in the order of the configuration.
    #[must_use]
    pub fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }

    /// Parse, resolve, look the case up, decide. No source is contacted.
    async fn plan(&self, identity: &Identity, request: &QueryRequest) -> Result<Plan, AskError> {
        let started = Instant::now();
        let query = request.to_query()?;
        self.cases.check(identity, request)?;
        let wait = Duration::from_millis(u64::from(request.deadline_ms()?));
        let requester = self.directory.requester(identity, query.on_behalf_of())?;
        let wanted = request.sources.as_deref();
        let known = |id: &SourceId| self.sources.iter().any(|source| source.id == *id);
        if !wanted.unwrap_or_default().iter().all(known) {
            return Err(AskError::UnknownSource);
        }
        let query = query.with_case_standing(self.cases.standing(identity, request).await);
        let now = self.clock.now();
        let (mut records, mut rows, mut alarms) = (Vec::new(), Vec::new(), Vec::new());
        let asking = self.policy.asking(&requester);
        for source in &self.sources {
            let decided = self.policy.decide(&source.agreement, &asking, &query, now);
            let asked = wanted.is_none_or(|wanted| wanted.contains(&source.id));
            records.push(decided.record);
            alarms.extend(decided.alarm);
            rows.push((Arc::clone(source), step(source, asked, decided.decision)));
        }
        Ok(Plan {
            alarms,
            now,
            id: Uuid::now_v7(),
            query,
            requester,
            records,
            rows,
            note: request.note.clone(),
            deadline: started + wait - RESERVE.min(wait / 10),
        })
    }

    fn intent(
        &self,
        plan: &Plan,
    ) -> (
        turnpike_schemas::ledger::Intent,
        Vec<turnpike_schemas::ledger::Decision>,
    ) {
        let asked = plan
            .rows
            .iter()
            .filter(|(_, step)| !matches!(step, Step::Report(SourceOutcome::NotAsked)));
        let wanted = asked.map(|(source, _)| source.id.to_string()).collect();
        let intent = record::intent(
            Action::Query,
            &plan.requester,
            &plan.query,
            wanted,
            None,
            plan.now,
        );
        let decisions = plan.rows.iter().zip(&plan.records);
        let decisions = decisions.map(|((source, _), record)| {
            record::decision(&source.id, record, self.policy.sha256())
        });
        (intent, decisions.collect())
    }

    /// Records intent and decisions, then contacts every permitted source. What stands beside the ledger is written
    /// first: an intent never points at a note that is not there, nor at a justification nobody is asked for.
    async fn begin(&self, plan: Plan) -> Result<Running, AskError> {
        let (mut intent, decisions) = self.intent(&plan);
        if let (Some(note), Some(grounds)) = (&plan.note, &mut intent.grounds) {
            let digest = self.cases.keep_note(plan.id, note).await;
            grounds.note_sha256 = Some(digest.map_err(CaseError::from)?);
        }
        let justify_until = self.owe(&plan).await?;
        let ticket = self.ledger.begin(plan.id, intent, decisions).await?;
        if justify_until.is_some() {
            let noted = self.cases.on_record(plan.id, ticket.intent()).await;
            noted.map_err(CaseError::from)?;
        }
        self.raise(&plan.alarms).await?;
        let pending = FuturesUnordered::new();
        let now = self.now();
        for (index, (source, step)) in plan.rows.into_iter().enumerate() {
            pending.push(match self.limited(&source, step, &plan.requester, now) {
                Step::Report(outcome) => {
                    futures::future::ready(done(index, &source, Searched::not(outcome))).boxed()
                }
                Step::Ask(permit) => self.contact(&ticket, index, source, *permit, plan.deadline),
            });
        }
        Ok(Running {
            id: plan.id,
            query: Arc::new(plan.query),
            requester: Arc::new(plan.requester),
            ticket,
            justify_until,
            pending,
        })
    }

    /// What the agreement permits and has not been used up.
    fn limited(&self, source: &Source, step: Step, requester: &Requester, now: Timestamp) -> Step {
        match step {
            Step::Ask(permit) => match self.limits.take(&permit, requester, source.people(), now) {
                Ok(()) => Step::Ask(permit),
                Err(wait) => Step::Report(SourceOutcome::RateLimited {
                    by: LimitedBy::Agreement,
                    retry_after_s: Some(wait),
                }),
            },
            report => report,
        }
    }

    /// What an urgent question costs: a justification, asked for until it is given.
    async fn owe(&self, plan: &Plan) -> Result<Option<Timestamp>, CaseError> {
        if !plan.query.is_urgent() {
            return Ok(None);
        }
        let subject = &plan.requester.subject;
        self.cases.may_be_urgent(subject).await?;
        let organisation = &plan.requester.organisation.id;
        Ok(Some(self.cases.owe(plan.id, subject, organisation).await?))
    }

    /// The only call of an adapter's search for an answer; a check's is in `check`. The ticket proves that the intent is on disk.
    fn contact(
        &self,
        _on_record: &Ticket,
        index: usize,
        source: Arc<Source>,
        permit: Permit,
        deadline: Instant,
    ) -> BoxFuture<'static, Done> {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        async move {
            let searched = source.search(&permit, &store, &clock, deadline).await;
            let mut done = done(index, &source, searched);
            done.report.obligations = permit.obligations_in_words();
            let mut bound = permit.obligations().iter();
            done.report.may_hold_back = bound.any(Obligation::withholds_reads);
            done
        }
        .boxed()
    }

    /// Tells what the engines did not agree on, before anybody is contacted.
    async fn raise(&self, alarms: &[Alarm]) -> Result<(), LedgerError> {
        for alarm in alarms {
            let named = |source: &&Arc<Source>| source.id == alarm.source;
            if let Some(source) = self.sources.iter().find(named) {
                source.tally.alarmed();
            }
            self.policy.raise(alarm, &self.ledger, self.now()).await?;
        }
        Ok(())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Done {
    /// Writes the reads. Those that cannot be written are not released, and the source is reported as failed.
    fn write(&mut self) -> Written {
        let reads = std::mem::take(&mut self.reads);
        Written::of(&reads).unwrap_or_else(|error| {
            tracing::error!(source = %self.report.source, %error, "reads could not be written");
            self.report.outcome = SourceOutcome::Failed {
                error: FailureKind::Internal,
                retry_after_s: None,
            };
            Written::default()
        })
    }
}

impl Searched {
    fn not(outcome: SourceOutcome) -> Self {
        Self {
            outcome,
            reads: Vec::new(),
            took: Duration::ZERO,
        }
    }
}

/// Turns a decision into what is done.
fn step(source: &Source, asked: bool, decision: Result<Permit, Refusal>) -> Step {
    match decision {
        _ if !asked => Step::Report(SourceOutcome::NotAsked),
        Ok(permit) => match source.cannot(&permit) {
            None => Step::Ask(Box::new(permit)),
            Some(capability) => Step::Report(SourceOutcome::Unsupported { capability }),
        },
        Err(refusal) => Step::Report(SourceOutcome::Refused {
            rule: refusal.rule,
            explanation: refusal.rule.explanation().to_owned(),
        }),
    }
}

fn done(index: usize, source: &Source, searched: Searched) -> Done {
    count(source, &searched);
    Done {
        index,
        report: report(source, searched.outcome, searched.took),
        reads: searched.reads,
    }
}

fn report(source: &Source, outcome: SourceOutcome, took: Duration) -> SourceReport {
    SourceReport {
        source: source.id.clone(),
        family: source.adapter.info().family,
        agreement: Some(source.agreement.reference().clone()),
        outcome,
        took_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
        obligations: Vec::new(),
        may_hold_back: false,
    }
}

fn count(source: &Source, searched: &Searched) {
    let labels = [
        ("source", source.id.to_string()),
        ("outcome", searched.outcome.word().to_owned()),
    ];
    metrics::counter!("turnpike_source_outcomes_total", &labels).increment(1);
    metrics::histogram!("turnpike_source_seconds", "source" => source.id.to_string())
        .record(searched.took.as_secs_f64());
}
