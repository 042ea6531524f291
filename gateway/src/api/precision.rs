//! `GET /v1/reports/precision`: how often hits turned out to be right.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use serde_json::json;
use turnpike_schemas::{
    agreement::Role,
    api::{
        Problem,
        hits::{PrecisionLine, PrecisionReport},
    },
    hit::HitState,
    read::SourceId,
};

use super::{caller::Caller, problem::Failure};
use crate::{app::App, watch::Precision};

/// Say how often hits turned out to be right
///
/// For each source and list: hits by what a person found. A list or source that is often wrong has led to wrong stops elsewhere: look at
/// it before the next one.
#[utoipa::path(
    get,
    path = "/v1/reports/precision",
    operation_id = "precision",
    tag = "review",
    responses(
        (status = 200, description = "The counts; no plate, no person", body = PrecisionReport),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Neither auditor nor supervisor", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or hits cannot be read", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn precision(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<PrecisionReport>, Failure> {
    let roles = [Role::Auditor, Role::Supervisor];
    app.require(&caller, &roles, "precision").await?;
    app.reading(&caller, "precision", json!({})).await?;
    let mut counted = app.hits.precision().await?;
    if !caller.0.has(Role::Auditor) {
        let own = app.own_lists(&caller).await?;
        counted.retain(|one| own.contains(&one.list));
    }
    let mut sources: BTreeMap<SourceId, BTreeMap<HitState, u64>> = BTreeMap::new();
    for one in &counted {
        let of = sources.entry(one.source.clone()).or_default();
        for (state, count) in &one.states {
            *of.entry(*state).or_insert(0) += count;
        }
    }
    let sources = sources.into_iter();
    let lists = counted.into_iter();
    Ok(Json(PrecisionReport {
        sources: sources
            .map(|(source, states)| PrecisionLine::of(source, None, states))
            .collect(),
        lists: lists
            .map(
                |Precision {
                     source,
                     list,
                     states,
                 }| PrecisionLine::of(source, Some(list), states),
            )
            .collect(),
    }))
}

impl App {
    /// Lists of the caller's organisation.
    async fn own_lists(&self, caller: &Caller) -> Result<Vec<String>, Failure> {
        let organisation = &caller.0.organisation().id;
        let lists = self.alerts.lists_of_organisation(organisation).await;
        let lists = lists.map_err(super::alert_lists::unavailable_book)?;
        Ok(lists.iter().map(ToString::to_string).collect())
    }
}
