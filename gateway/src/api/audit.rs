//! What an auditor reads and puts on record. Every reading is an entry before its result is given: who, what and with which
//! filter, never what was found.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
};
use serde_json::json;
use turnpike_schemas::{
    agreement::Role,
    api::{
        FindingRequest, MAX_QUESTIONS, Problem, QuestionList, QuestionSearch, Recorded,
        ReviewedQuestion, SampleAnswer, SampleRequest, TrailRequest,
    },
    ledger::{AdminAction, Entry},
    review::{
        Covered,
        misuse::RuleId,
        question::{Question, Questions},
        sample::{SampleError, Sampler, Share, Witnessed},
        trail::Trail,
        weeks::{FindingResult, can_be_reviewed, fact},
    },
    tlog::{TileHashes, VerifierKey, root_at},
};

use super::{
    caller::Caller,
    problem::{Failure, INVALID, NOT_FOUND},
    review::note,
};
use crate::{
    app::App,
    review::{DeskError, Following},
    tlog::AwsEd25519,
};

/// Questions shown when nothing else is said.
const LAST: u32 = 100;

/// Look for questions
///
/// For auditors. Every question on record, whether answered, refused, interrupted or explained, by who asked, for whom, why,
/// for which case, which plate, which source, when, what came of it, which misuse rule flags it and what was found about it.
#[utoipa::path(
    post,
    path = "/v1/ledger/questions:search",
    tag = "review",
    request_body = QuestionSearch,
    responses(
        (status = 200, description = "The newest that are wanted, and how many there are", body = QuestionList),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "You are no auditor", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a search: the field is named", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be read or written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn search(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Json<QuestionList>, Failure> {
    app.require(&caller, &[Role::Auditor], "audit").await?;
    let search: QuestionSearch = app.body(&caller, request, "search").await?;
    let last = search.last.unwrap_or(LAST);
    if !(1..=MAX_QUESTIONS).contains(&last) {
        let detail = format!("`last` must be 1 to {MAX_QUESTIONS}");
        let failure = Failure::new(INVALID).because(detail).at("last");
        return app.right(&caller, "search", Err(failure)).await;
    }
    let filter = serde_json::to_value(&search).unwrap_or_default();
    app.reading(&caller, "questions", filter).await?;
    let begin = Search {
        marks: app.marks().await?,
        last: usize::try_from(last).unwrap_or(usize::MAX),
        search,
        questions: Questions::default(),
        found: VecDeque::new(),
        matched: 0,
        entries: 0,
    };
    let found = app.desk.scan(None, begin, Search::follow).await?;
    Ok(Json(found.finish()))
}

/// Follow one user
///
/// For auditors: every source and plate one user reached.
#[utoipa::path(
    post,
    path = "/v1/ledger/questions:trail",
    tag = "review",
    request_body = TrailRequest,
    responses(
        (status = 200, description = "Sources and plates", body = Trail),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "You are no auditor", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The field is named", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be read or written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn trail(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Json<Trail>, Failure> {
    app.require(&caller, &[Role::Auditor], "audit").await?;
    let wanted: TrailRequest = app.body(&caller, request, "trail").await?;
    let filter = serde_json::to_value(&wanted).unwrap_or_default();
    app.reading(&caller, "trail", filter).await?;
    let begin = Following::of(wanted.subject.expose(), &app.desk.setting().keys);
    let picked = app.desk.pick(begin, Following::wants, Following::follow);
    let (following, entries) = picked.await?;
    Ok(Json(following.finish(entries)))
}

/// Draw a sample
///
/// For auditors: the questions of a period that a checkpoint from after it, signed by your witness, chooses. Whoever holds
/// the ledger and the checkpoint gets the same sample; docs/review.md has the steps.
#[utoipa::path(
    post,
    path = "/v1/ledger/questions:sample",
    tag = "review",
    request_body = SampleRequest,
    responses(
        (status = 200, description = "The sample", body = SampleAnswer),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "You are no auditor", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No sample can be drawn: the field is named", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be read or written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn sample(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Json<SampleAnswer>, Failure> {
    app.require(&caller, &[Role::Auditor], "audit").await?;
    let wanted: SampleRequest = app.body(&caller, request, "sample").await?;
    let (share, witnessed) = app.right(&caller, "sample", chosen(&wanted)).await?;
    let covered = Covered::from(&witnessed.checkpoint);
    let size = covered.size;
    if app.root_at(size).await?.as_ref() != Some(&covered.root) {
        let failure = Failure::new(INVALID)
            .because("the checkpoint is not one of this ledger; if your witness has it, keep both and tell the other auditors")
            .at("checkpoint");
        return app.right(&caller, "sample", Err(failure)).await;
    }
    let sampler = Sampler::new(wanted.from, wanted.to, size);
    let sampler = sampler.map_err(|error| undrawn("from", &error));
    let sampler = app.right(&caller, "sample", sampler).await?;
    let filter =
        json!({ "from": wanted.from, "to": wanted.to, "share": wanted.share, "size": size });
    app.reading(&caller, "sample", filter).await?;
    let sampler = app
        .desk
        .scan(None, sampler, |sampler, entry| sampler.follow(entry))
        .await?;
    let sample = sampler.draw(share, witnessed.seed);
    let sample = sample.map_err(|error| undrawn("checkpoint", &error))?;
    let shown = sample.entries.iter().take(MAX_QUESTIONS as usize);
    let questions = app.questions(shown.copied().collect()).await?;
    Ok(Json(SampleAnswer {
        sample,
        share: share.to_string(),
        covered,
        cosigned_at: witnessed.at,
        questions,
    }))
}

/// Record a finding
///
/// For auditors: what was found about a question. It stands in the same ledger; a later finding counts and takes nothing back.
#[utoipa::path(
    post,
    path = "/v1/ledger/questions/{entry}/findings",
    tag = "review",
    params(("entry" = u64, Path, description = "First entry of the question")),
    request_body = FindingRequest,
    responses(
        (status = 200, description = "On record", body = Recorded),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "You are no auditor", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No question begins with this entry", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a finding: the field is named", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be read or written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn finding(
    State(app): State<Arc<App>>,
    caller: Caller,
    about: Result<Path<u64>, PathRejection>,
    request: Request,
) -> Result<Json<Recorded>, Failure> {
    app.require(&caller, &[Role::Auditor], "audit").await?;
    let found: FindingRequest = app.body(&caller, request, "finding").await?;
    let note = app.right(&caller, "finding", note(&found.note)).await?;
    let about = match about.ok() {
        Some(Path(about)) if app.begins_a_question(about).await? => Ok(about),
        _ => Err(Failure::new(NOT_FOUND).because("no question begins with this entry")),
    };
    let about = app.right(&caller, "finding", about).await?;
    let facts = BTreeMap::from([
        (fact::ENTRY.to_owned(), about.into()),
        (fact::RESULT.to_owned(), found.result.as_str().into()),
        (fact::NOTE.to_owned(), note.into()),
    ]);
    let entry = app
        .put_on_record(&caller, AdminAction::Finding, facts)
        .await?;
    Ok(Json(Recorded { entry }))
}

/// How much is to be drawn, and the checkpoint that chooses.
fn chosen(wanted: &SampleRequest) -> Result<(Share, Witnessed), Failure> {
    let share = wanted.share.parse::<Share>();
    let share = share.map_err(|error| undrawn("share", &error))?;
    let key = wanted.witness.parse::<VerifierKey>();
    let key = key.map_err(|error| undrawn("witness", &SampleError::from(error)))?;
    let witnessed = Witnessed::open(&wanted.checkpoint, &key, &AwsEd25519);
    let witnessed = witnessed.map_err(|error| undrawn("checkpoint", &error))?;
    Ok((share, witnessed))
}

/// Flags and findings of everything on record.
#[derive(Debug, Default)]
pub(super) struct Marks {
    flags: BTreeMap<u64, Vec<RuleId>>,
    findings: BTreeMap<u64, FindingResult>,
}

impl Marks {
    fn on(&self, question: Question) -> ReviewedQuestion {
        ReviewedQuestion {
            flags: self.flags.get(&question.entry).cloned().unwrap_or_default(),
            finding: self.findings.get(&question.entry).copied(),
            question,
        }
    }
}

/// A search under way.
struct Search {
    search: QuestionSearch,
    marks: Marks,
    last: usize,
    questions: Questions,
    found: VecDeque<ReviewedQuestion>,
    matched: u64,
    entries: u64,
}

impl Search {
    fn follow(&mut self, entry: &Entry) {
        self.entries += 1;
        let mut complete = Vec::new();
        self.questions.follow(entry, &mut complete);
        complete
            .into_iter()
            .for_each(|question| self.take(question));
    }

    fn take(&mut self, question: Question) {
        if !self.search.filter.wants(&question) {
            return;
        }
        let marked = self.marks.on(question);
        let (flag, finding) = (self.search.flag, self.search.finding);
        let fits = flag.is_none_or(|flag| marked.flags.contains(&flag))
            && finding.is_none_or(|finding| marked.finding == Some(finding));
        if !fits {
            return;
        }
        self.matched += 1;
        if self.found.len() == self.last {
            self.found.pop_front();
        }
        self.found.push_back(marked);
    }

    fn finish(mut self) -> QuestionList {
        let open = std::mem::take(&mut self.questions).finish();
        open.into_iter().for_each(|question| self.take(question));
        let mut questions: Vec<_> = self.found.into();
        questions.sort_by_key(|one: &ReviewedQuestion| one.question.entry);
        QuestionList {
            entries: self.entries,
            matched: self.matched,
            questions,
        }
    }
}

impl App {
    /// What was flagged and found so far.
    async fn marks(&self) -> Result<Marks, DeskError> {
        let now = self.federation.now();
        let looked = self.desk.look(now, |counted| {
            let mut flags: BTreeMap<u64, Vec<RuleId>> = BTreeMap::new();
            for flag in &counted.flags {
                for entry in flag.entries.iter().chain([&flag.entry]) {
                    let rules = flags.entry(*entry).or_default();
                    if !rules.contains(&flag.rule) {
                        rules.push(flag.rule);
                    }
                }
            }
            Marks {
                flags,
                findings: counted.reviews.findings().clone(),
            }
        });
        looked.await
    }

    /// The questions that begin with these entries.
    async fn questions(&self, wanted: BTreeSet<u64>) -> Result<Vec<ReviewedQuestion>, DeskError> {
        let marks = self.marks().await?;
        let begin = (Questions::default(), Vec::new());
        let first = wanted.clone();
        let scanned = self
            .desk
            .scan(None, begin, move |(questions, found), entry| {
                let mut complete = Vec::new();
                questions.follow(entry, &mut complete);
                found.extend(
                    complete
                        .into_iter()
                        .filter(|question: &Question| first.contains(&question.entry)),
                );
            });
        let (questions, mut found) = scanned.await?;
        let open = questions.finish().into_iter();
        found.extend(open.filter(|question| wanted.contains(&question.entry)));
        found.sort_by_key(|question| question.entry);
        Ok(found
            .into_iter()
            .map(|question| marks.on(question))
            .collect())
    }

    /// Whether the entry is there and something that can be reviewed begins with it.
    async fn begins_a_question(&self, entry: u64) -> Result<bool, Failure> {
        if entry >= self.ledger.stats().entries {
            return Ok(false);
        }
        let ledger = Arc::clone(&self.ledger);
        let reading = tokio::task::spawn_blocking(move || {
            let found = ledger.read_from(entry)?.next();
            let found = found.transpose().map_err(DeskError::Damaged)?;
            Ok::<_, DeskError>(found.is_some_and(|found| can_be_reviewed(found.body.kind())))
        });
        Ok(reading.await.map_err(|_| DeskError::Broken)??)
    }

    /// Root of the tree over the first `size` entries; `None` where there are not so many.
    async fn root_at(&self, size: u64) -> Result<Option<String>, Failure> {
        let published = self.ledger.published().cloned().ok_or(DeskError::NoFiles)?;
        let head = published.head();
        if size > head.size {
            return Ok(None);
        }
        let computing = tokio::task::spawn_blocking(move || {
            let folder = published.folder();
            root_at(&TileHashes::new(&folder, head.size), size)
        });
        let root = computing.await.map_err(|_| DeskError::Broken)?;
        root.map(|root| Some(root.to_base64())).map_err(|error| {
            tracing::error!(%error, "the tree of the ledger cannot be read");
            DeskError::Broken.into()
        })
    }
}

fn undrawn(field: &'static str, error: &SampleError) -> Failure {
    Failure::new(INVALID).because(error.to_string()).at(field)
}
