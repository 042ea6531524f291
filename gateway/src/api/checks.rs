//! `POST /v1/sources/{id}/check` and `POST /v1/sources/{id}/check/payloads`: does a source work?

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use turnpike_adapters::conformance::{CHECKS, SHAPE_CHECK};
use turnpike_schemas::{
    agreement::Role,
    api::{Problem, QueryRequest},
    conformance::{CheckRecorded, CheckReport, CheckResult, CheckWay},
    ledger::{Action, RefusedReason},
    read::SourceId,
};

use super::{
    body,
    caller::{Caller, rate_limit},
    problem::{FORBIDDEN, Failure, INVALID},
};
use crate::{app::App, federation::AskError, limits::Standing};

/// Check a source by asking it
///
/// Asks one source the question and looks at what comes back, or at what the source sent, where it is not asked live. The
/// source is contacted only with a permit of its agreement, so the caller needs a role that may ask as well, and everything
/// that holds for questions holds for it. Question and outcome are on record like any other; no read is released, stored or
/// told, and none that the agreement would keep back is counted.
#[utoipa::path(
    post,
    path = "/v1/sources/{id}/check",
    tag = "sources",
    params(("id" = String, Path, description = "The source")),
    request_body = QueryRequest,
    responses(
        (status = 200, description = "Every check and what it found", body = CheckReport),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow checking", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a question, or no such source: the field is named", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "A limit is reached", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn live(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Failure> {
    let standing = app.admit_check(&caller).await?;
    let id = path.map(|Path(id)| id).unwrap_or_default();
    if caller.0.may_ask() {
        app.fit(&caller, Action::Check).await?;
    }
    let mut question: QueryRequest = app.checked_body(&caller, request).await?;
    question.sources = SourceId::parse(&id).ok().map(|id| vec![id]);
    let question = app.in_scope(&caller, Action::Check, question).await?;
    match app.federation.check(&caller.0, &id, &question).await {
        Ok(report) => {
            let mut response = Json(report).into_response();
            rate_limit(response.headers_mut(), standing);
            Ok(response)
        }
        Err(error) => {
            let failure = app.not_checked(&caller, &question, error).await;
            Err(failure.with_standing(standing))
        }
    }
}

/// Put on record what a check of payloads found
///
/// For `turnpike source check --payloads`, which decodes a folder of payloads where it runs and contacts nobody. Adapter,
/// counts and names of checks are kept; details and payloads are not.
#[utoipa::path(
    post,
    path = "/v1/sources/{id}/check/payloads",
    tag = "sources",
    params(("id" = String, Path, description = "The source")),
    request_body = CheckReport,
    responses(
        (status = 200, description = "On record", body = CheckRecorded),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow checking", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not such a report, or no such source", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "A limit is reached", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn payloads(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<CheckRecorded>, Failure> {
    app.admit_check(&caller).await?;
    let id = path.map(|Path(id)| id).unwrap_or_default();
    let report: CheckReport = app.checked_body(&caller, request).await?;
    let sources = app.federation.sources();
    let known = sources.iter().find(|source| source.id.as_str() == id);
    // What is kept is what this gateway knows by name, and counts.
    let right = known.is_some_and(|source| {
        report.source == source.id
            && report.adapter == source.entry.id
            && report.adapter_version == source.adapter.info().version
            && report.way == CheckWay::Payloads
            && report.doubts.is_empty()
            && report.results.iter().all(is_known)
    });
    if !right {
        let failure = Failure::new(INVALID)
            .because("the report is not one of this source's payloads")
            .at("source");
        return Err(app
            .refuse_check(&caller, RefusedReason::Malformed, "source", failure)
            .await);
    }
    let recorded = app.federation.record_check(&caller.0, &report).await?;
    Ok(Json(CheckRecorded { recorded }))
}

/// Whether a result is of a check there is, with nothing written to it.
fn is_known(result: &CheckResult) -> bool {
    let named = CHECKS.iter().any(|check| check.name == result.check);
    (named || result.check == SHAPE_CHECK) && result.details.is_empty()
}

impl App {
    /// Lets a caller check: whoever brings sources in or runs them, within the same limits as for questions.
    async fn admit_check(&self, caller: &Caller) -> Result<Standing, Failure> {
        let may_check = [Role::Integrator, Role::Operator];
        if !may_check.into_iter().any(|role| caller.0.has(role)) {
            let failure = Failure::new(FORBIDDEN)
                .because("checking a source needs the role `integrator` or `operator`");
            return Err(self
                .refuse_check(caller, RefusedReason::Forbidden, "role", failure)
                .await);
        }
        match self.limits.take(&caller.0) {
            Ok(standing) => Ok(standing),
            Err(limited) => {
                let scope = limited.standing.scope.as_str();
                Err(self
                    .refuse_check(caller, RefusedReason::RateLimited, scope, limited.into())
                    .await)
            }
        }
    }

    async fn refuse_check(
        &self,
        caller: &Caller,
        reason: RefusedReason,
        detail: &str,
        failure: Failure,
    ) -> Failure {
        self.refuse(caller, Action::Check, reason, detail, None, failure)
            .await
    }

    /// The problem for a check that was not done, with its refusal on record.
    async fn not_checked(
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
        let (action, reason) = (Action::Check, RefusedReason::Malformed);
        self.refuse(caller, action, reason, &detail, Some(question), failure)
            .await
    }

    /// The body of a check; a request that holds none is refused and recorded.
    async fn checked_body<T: serde::de::DeserializeOwned>(
        &self,
        caller: &Caller,
        request: Request,
    ) -> Result<T, Failure> {
        let (parts, body) = request.into_parts();
        let decoded = match body::require_json(&parts.headers) {
            Ok(()) => body::read(body, self.http.max_query_bytes, self.http.body_timeout)
                .await
                .and_then(|bytes| body::json(&bytes)),
            Err(failure) => Err(failure),
        };
        match decoded {
            Ok(body) => Ok(body),
            Err(failure) => {
                let field = failure.problem.field.clone();
                let detail = field.unwrap_or_else(|| failure.name().to_owned());
                Err(self
                    .refuse_check(caller, RefusedReason::Malformed, &detail, failure)
                    .await)
            }
        }
    }
}
