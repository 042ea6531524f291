//! What surrounds every route: a request id, a time limit, a guard against panics, headers, one log line.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt as _;
use http::{HeaderName, HeaderValue, Method, header};
use turnpike_schemas::api::Problem;
use uuid::Uuid;

use super::problem::{Failure, INTERNAL, METHOD_NOT_ALLOWED, TIMED_OUT};

/// Longer than the longest deadline a question can have, with body and ledger.
const LONGEST: Duration = Duration::from_secs(60);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Identity of a request, for the caller, the log and the problem it may end in.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestId(Uuid);

impl RequestId {
    /// The request's own.
    pub(super) fn of(request: &Request) -> Option<Self> {
        request.extensions().get().copied()
    }

    /// The problem as that of this request.
    pub(super) fn mark(self, problem: &mut Problem) {
        problem.instance = Some(self.0.urn().to_string());
    }
}

/// Runs one request.
pub(super) async fn around(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let identity = RequestId(Uuid::now_v7());
    request.extensions_mut().insert(identity);
    let id = identity.0.to_string();
    let method = known(request.method());
    // The template, never the path itself: a path can hold what somebody typed.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "(none)".to_owned(), |path| path.as_str().to_owned());
    let run = AssertUnwindSafe(next.run(request)).catch_unwind();
    let mut response = match tokio::time::timeout(LONGEST, run).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Failure::new(INTERNAL)
            .because("this is a defect; tell the operator the request id")
            .into_response(),
        Err(_) => Failure::new(TIMED_OUT).into_response(),
    };
    if let Some(mut problem) = response.extensions_mut().remove::<Box<Problem>>() {
        identity.mark(&mut problem);
        *response.body_mut() = Body::from(serde_json::to_vec(&problem).unwrap_or_default());
    }
    let status = response.status().as_u16();
    let headers = response.headers_mut();
    headers.reserve(8);
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    let took = started.elapsed();
    let labels = [
        ("route", route.clone()),
        ("method", method.to_owned()),
        ("status", status.to_string()),
    ];
    metrics::counter!("turnpike_http_requests_total", &labels).increment(1);
    metrics::histogram!("turnpike_http_seconds", "route" => route.clone())
        .record(took.as_secs_f64());
    tracing::info!(
        request = id,
        method,
        route,
        status,
        took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "request"
    );
    response
}

/// A method is whatever a stranger writes there, so only the known ones are repeated.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        _ => "OTHER",
    }
}

/// The answer to a method an address does not take.
pub(super) async fn method_not_allowed() -> Failure {
    Failure::new(METHOD_NOT_ALLOWED)
}
