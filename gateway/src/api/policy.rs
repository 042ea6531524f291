//! `GET /v1/policy`.

use std::sync::Arc;

use axum::{Json, extract::State};
use turnpike_schemas::api::{Policy, Problem};

use super::caller::Caller;
use crate::app::App;

/// Show what the gateway decides by
///
/// Every loaded agreement, whole, with the digest that decisions in the ledger name it by, and a digest over all of them.
#[utoipa::path(
    get,
    path = "/v1/policy",
    tag = "sources",
    responses(
        (status = 200, description = "Every loaded agreement", body = Policy),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn show(State(app): State<Arc<App>>, _caller: Caller) -> Json<Policy> {
    let sources = app.federation.sources().iter();
    Json(Policy::of(
        sources.map(|source| (&source.id, &*source.agreement)),
    ))
}
