//! What runs the gateway looks at: health, readiness, metrics. The only routes without a record; they tell nothing about anyone.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use turnpike_schemas::api::Problem;

use super::problem::{Failure, LEDGER_UNAVAILABLE, STORE_UNAVAILABLE};
use crate::app::App;

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "system", responses((status = 200, description = "It does", body = String, content_type = "text/plain")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether a question asked now could be recorded and a read pushed now could be kept
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "system",
    responses(
        (status = 200, description = "Yes", body = String, content_type = "text/plain"),
        (status = 503, description = "No, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Failure> {
    if !app.ledger.healthy() {
        return Err(Failure::new(LEDGER_UNAVAILABLE));
    }
    if !app.store.healthy() {
        return Err(Failure::new(STORE_UNAVAILABLE));
    }
    Ok("ready\n")
}

/// Counters for Prometheus; no label ever holds a plate, a person or a case
#[utoipa::path(get, path = "/metrics", tag = "system", responses((status = 200, description = "Metrics", body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut response = (StatusCode::OK, app.telemetry.render(&app)).into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
