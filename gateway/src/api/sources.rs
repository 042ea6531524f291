//! `GET /v1/sources`.

use std::sync::Arc;

use axum::{Json, extract::State};
use turnpike_adapters::layers::BreakerState;
use turnpike_schemas::api::{Delivery, Problem, SourceInfo, SourceList};

use super::{
    caller::Caller,
    problem::{Failure, NOT_FOUND},
};
use crate::{app::App, federation::Source};

/// List the sources
///
/// Every configured source, how it delivers, its agreement and its state.
#[utoipa::path(
    get,
    path = "/v1/sources",
    tag = "sources",
    responses(
        (status = 200, description = "Every configured source", body = SourceList),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn list(State(app): State<Arc<App>>, _caller: Caller) -> Json<SourceList> {
    let sources = app
        .federation
        .sources()
        .iter()
        .map(|source| info(&app, source))
        .collect();
    Json(SourceList { sources })
}

fn info(app: &App, source: &Source) -> SourceInfo {
    let can = source.capabilities();
    let deliveries = [
        (can.search, Delivery::Pull),
        (can.poll, Delivery::Poll),
        (can.push, Delivery::Push),
        (can.file, Delivery::File),
        (can.subscribe, Delivery::Subscribe),
    ];
    let held = (!source.is_live()).then(|| app.store.source_stats(&source.id));
    SourceInfo {
        source: source.id.clone(),
        title: source.title.clone(),
        family: source.adapter.info().family,
        adapter: source.entry.id.to_owned(),
        delivery: deliveries
            .iter()
            .filter(|(can, _)| *can)
            .map(|(_, delivery)| *delivery)
            .collect(),
        agreement: source.agreement.reference().clone(),
        breaker: source.is_live().then(|| breaker_word(source).to_owned()),
        last_seen_at: source
            .last_seen()
            .max(held.as_ref().and_then(|held| held.last_received_at)),
        reads_held: held.map(|held| held.held),
        rejected: source.tally.rejected(),
        health: source.report(&app.store, app.federation.now()),
    }
}

/// The word for the state of a source's breaker.
pub(crate) fn breaker_word(source: &Source) -> &'static str {
    match source.health.snapshot().breaker {
        BreakerState::Closed => "closed",
        BreakerState::Open { .. } => "open",
        BreakerState::HalfOpen => "half_open",
    }
}

/// The answer to addresses that do not exist.
pub(super) async fn not_found() -> Failure {
    Failure::new(NOT_FOUND).because("see /docs for what there is")
}
