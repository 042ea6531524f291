//! `POST /v1/queries` and `POST /v1/queries:explain`.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use futures::StreamExt as _;
use http::{HeaderMap, HeaderValue, header};
use tokio_stream::wrappers::ReceiverStream;
use turnpike_schemas::{
    api::{Answer, Explanation, Problem, QueryRequest, StreamLine},
    ledger::{Action, RefusedReason},
};

use super::{
    body,
    caller::{Caller, rate_limit},
    layers::RequestId,
    problem::{FORBIDDEN, Failure, INTERNAL},
};
use crate::{
    app::App,
    federation::{Answered, AskError, Line, OnRecord},
    limits::Standing,
};

const NDJSON: &str = "application/x-ndjson";

/// Ask about a plate
///
/// Asks every source whose agreement permits it and answers in one shape, source by source. Intent and outcome are
/// durable in the ledger before anything leaves. With `Accept: application/x-ndjson` the answer is streamed: one line per
/// source as it answers; a stream without its `done` line is not an answer.
#[utoipa::path(
    post,
    path = "/v1/queries",
    tag = "questions",
    request_body = QueryRequest,
    responses(
        (status = 200, description = "The answer", content((Answer = "application/json"), (StreamLine = "application/x-ndjson")),
         headers(("RateLimit" = String, description = "Questions left"), ("RateLimit-Policy" = String, description = "Questions a minute"))),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow asking", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a question: the field is named", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "A limit is reached", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn ask(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Failure> {
    let standing = app.admit(&caller, Action::Query).await?;
    let streamed = accepts_ndjson(request.headers());
    let id = RequestId::of(&request);
    let question = app.question(&caller, request).await?;
    let mut response = if streamed {
        match Arc::clone(&app.federation)
            .ask_streamed(&caller.0, &question)
            .await
        {
            Ok((on_record, lines)) => app.delivered(on_record, stream(id, lines)),
            Err(error) => {
                return Err(limited(
                    app.not_asked(&caller, &question, error).await,
                    standing,
                ));
            }
        }
    } else {
        match app.federation.ask(&caller.0, &question).await {
            Ok(answer) => app.delivered(answer.on_record(), whole(&answer)),
            Err(error) => {
                return Err(limited(
                    app.not_asked(&caller, &question, error).await,
                    standing,
                ));
            }
        }
    };
    rate_limit(response.headers_mut(), standing);
    Ok(response)
}

/// Say who would be asked
///
/// A dry run: which sources would be asked, which would refuse, and by which rule. Nobody is contacted. It is recorded.
#[utoipa::path(
    post,
    path = "/v1/queries:explain",
    tag = "questions",
    request_body = QueryRequest,
    responses(
        (status = 200, description = "What would happen at every source", body = Explanation),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow asking", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a question: the field is named", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "A limit is reached", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn explain(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Failure> {
    let standing = app.admit(&caller, Action::Query).await?;
    let question = app.question(&caller, request).await?;
    match app.federation.explain(&caller.0, &question).await {
        Ok(explanation) => {
            let mut response = Json(explanation).into_response();
            rate_limit(response.headers_mut(), standing);
            Ok(response)
        }
        Err(error) => Err(limited(
            app.not_asked(&caller, &question, error).await,
            standing,
        )),
    }
}

impl App {
    /// The same response; whether it was handed over will be on record.
    pub(super) fn delivered(&self, on_record: OnRecord, response: Response) -> Response {
        response.map(|body| self.deliveries.watch(on_record, body))
    }

    /// Reads the question out of a request; a request that holds none is refused and recorded.
    async fn question(&self, caller: &Caller, request: Request) -> Result<QueryRequest, Failure> {
        let (parts, body) = request.into_parts();
        let decoded = match body::require_json(&parts.headers) {
            Ok(()) => body::read(body, self.http.max_query_bytes, self.http.body_timeout)
                .await
                .and_then(|bytes| body::json(&bytes)),
            Err(failure) => Err(failure),
        };
        match decoded {
            Ok(question) => self.in_scope(caller, Action::Query, question).await,
            Err(failure) => {
                let detail = failure
                    .problem
                    .field
                    .clone()
                    .unwrap_or_else(|| failure.name().to_owned());
                let failure = self
                    .refuse(
                        caller,
                        Action::Query,
                        RefusedReason::Malformed,
                        &detail,
                        None,
                        failure,
                    )
                    .await;
                Err(failure)
            }
        }
    }

    /// The question with the sources a key is good for: those it names must be among them, and all of them where it names none.
    pub(super) async fn in_scope(
        &self,
        caller: &Caller,
        action: Action,
        mut question: QueryRequest,
    ) -> Result<QueryRequest, Failure> {
        let Some(scope) = &caller.0.scope().sources else {
            return Ok(question);
        };
        match &question.sources {
            None => question.sources = Some(scope.iter().cloned().collect()),
            Some(named) if named.iter().all(|source| scope.contains(source)) => {}
            Some(_) => {
                let failure = Failure::new(FORBIDDEN)
                    .because("the key is not good for one of these sources")
                    .at("sources");
                let reason = RefusedReason::Forbidden;
                return Err(self
                    .refuse(
                        caller,
                        action,
                        reason,
                        "key_sources",
                        Some(&question),
                        failure,
                    )
                    .await);
            }
        }
        Ok(question)
    }

    /// The problem for a question that was not asked, with its refusal on record.
    async fn not_asked(
        &self,
        caller: &Caller,
        question: &QueryRequest,
        error: AskError,
    ) -> Failure {
        if matches!(error, AskError::Ledger(_)) {
            return error.into();
        }
        let failure = Failure::from(error);
        let detail = failure.problem.field.clone().unwrap_or_default();
        self.refuse(
            caller,
            Action::Query,
            RefusedReason::Malformed,
            &detail,
            Some(question),
            failure,
        )
        .await
    }
}

/// A refused question tells its caller's standing too.
fn limited(failure: Failure, standing: Standing) -> Failure {
    failure.with_standing(standing)
}

fn accepts_ndjson(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        range
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .eq_ignore_ascii_case(NDJSON)
    })
}

/// The answer as one body.
fn whole(answer: &Answered) -> Response {
    let Ok(body) = answer.to_json() else {
        return Failure::new(INTERNAL).into_response();
    };
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], body).into_response()
}

fn stream(id: Option<RequestId>, lines: tokio::sync::mpsc::Receiver<Line>) -> Response {
    let lines = ReceiverStream::new(lines).map(move |line| {
        let mut bytes = line.unwrap_or_else(|error| {
            let mut problem = *Failure::from(error).problem;
            id.into_iter().for_each(|id| id.mark(&mut problem));
            serde_json::to_vec(&StreamLine::Problem { problem }).unwrap_or_default()
        });
        bytes.push(b'\n');
        Ok::<_, Infallible>(bytes)
    });
    let mut response = Body::from_stream(lines).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    response
}
