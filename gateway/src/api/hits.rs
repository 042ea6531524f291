//! `/v1/hits`: what the owner of alert lists was told, and what came of it.
//!
//! Everybody sees their own and nobody else's. That somebody looks again is on record before anything is shown.

pub(super) mod stream;

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, Request, State, rejection::PathRejection, rejection::QueryRejection},
};
use serde::Deserialize;
use turnpike_schemas::{
    api::{
        Problem,
        hits::{HitPage, HitReport, HitReview},
    },
    hit::{HitId, HitState, Standing},
    ledger::{Action, Admin, AdminAction, Personal, RefusedReason},
};
use utoipa::IntoParams;

use super::{
    caller::Caller,
    problem::{EXISTS, Failure, INVALID, NOT_FOUND, STORE_UNAVAILABLE},
};
use crate::{
    app::App,
    federation::word,
    watch::{Filter, HitRow, WatchError},
};

/// Most hits of one page.
const MOST: u32 = 500;

/// Which hits.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Only those with this finding.
    state: Option<HitState>,
    /// Only those of which the source says this.
    standing: Option<Standing>,
    /// Only those before: `next` of the page before.
    before: Option<u64>,
    /// At most so many; 1 to 500.
    #[param(default = 100, minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// List your hits
///
/// What you were told as the owner of alert lists, or in the place of an owner who had not seen it, the latest first. That you look
/// again is on record.
#[utoipa::path(
    get,
    path = "/v1/hits",
    operation_id = "hits",
    tag = "alerts",
    params(Which),
    responses(
        (status = 200, description = "The hits", body = HitPage),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or hits cannot be read", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<HitPage>, Failure> {
    app.watches(&caller).await?;
    let limit = |which: &Which| which.limit.unwrap_or(100);
    let which = match which {
        Ok(Query(which)) if (1..=MOST).contains(&limit(&which)) => which,
        _ => return Err(app.not_a_hit(&caller, "parameters").await),
    };
    let filter = Filter {
        state: which.state,
        standing: which.standing,
        before_seq: which.before,
        limit: limit(&which),
    };
    let rows = app.hits.list(caller.0.subject(), filter).await?;
    let next = rows
        .last()
        .filter(|_| rows.len() as u64 == u64::from(filter.limit))
        .map(|last| last.seq);
    app.shows(&caller, &[("reads", rows.len().into())]).await?;
    let now = app.clock.now();
    let hits = rows.iter().map(|row| row.report(now));
    Ok(Json(HitPage {
        hits: hits.collect::<Result<_, _>>()?,
        next,
    }))
}

/// Show one of your hits
///
/// From then on its images can be fetched for an hour, as far as the agreement still allows it. That its owner has seen it is
/// noted: no second person is told then.
#[utoipa::path(
    get,
    path = "/v1/hits/{hit}",
    operation_id = "hit",
    tag = "alerts",
    params(("hit" = String, Path, description = "The hit")),
    responses(
        (status = 200, description = "The hit", body = HitReport),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such hit", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or hits cannot be read", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<HitReport>, Failure> {
    app.watches(&caller).await?;
    let row = app.hit_of(&caller, path).await?;
    app.shows(&caller, &[("hit", row.id.as_str().into())])
        .await?;
    let now = app.clock.now();
    let subject = caller.0.subject();
    if row.owner == subject {
        app.hits.seen(&row.id, now).await?;
    }
    let report = row.report(now)?;
    if let Some(notice) = &report.notice {
        app.matching.show_again(&row, subject, notice, now).await?;
    }
    Ok(Json(report))
}

/// Say what you found
///
/// A hit is a lead until somebody has looked: plate and vehicle against the image. Once, and on record.
#[utoipa::path(
    post,
    path = "/v1/hits/{hit}/review",
    tag = "alerts",
    params(("hit" = String, Path, description = "The hit")),
    request_body = HitReview,
    responses(
        (status = 200, description = "The hit", body = HitReport),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such hit", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Somebody has looked before", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It finds nothing, or confirms what nobody has seen", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or hits cannot be read", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn review(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<HitReport>, Failure> {
    app.watches(&caller).await?;
    let row = app.hit_of(&caller, path).await?;
    let review: HitReview = app.known_body(&caller, request).await?;
    if let Err(error) = review.check() {
        let text = error.to_string();
        let field = text.split('`').nth(1).unwrap_or_default().to_owned();
        let failure = Failure::new(INVALID).because(text).at(field.clone());
        let reason = RefusedReason::Malformed;
        return Err(app.refuse_other(&caller, reason, &field, failure).await);
    }
    if row.state.is_reviewed() {
        return Err(WatchError::AlreadyReviewed.into());
    }
    let now = app.clock.now();
    let entry = app.ledger.admin(reviewed(&caller, &row, &review)).await?;
    let by = caller.0.subject();
    let done = app.hits.review(&row.id, review.state, by, now, entry);
    let done = done.await?;
    app.hub.publish(&done.events);
    let shown = app.hits.shown_to(done.hit, by).await?;
    let report = shown.map(|row| row.report(now)).transpose()?;
    report.map(Json).ok_or(WatchError::Missing.into())
}

fn reviewed(caller: &Caller, row: &HitRow, review: &HitReview) -> Admin {
    let mut facts = vec![
        ("hit", row.id.as_str().into()),
        ("list", row.list.as_str().into()),
        ("source", row.source.as_str().into()),
        ("intent", row.intent.into()),
        ("result", review.state.as_str().into()),
        ("image_compared", word(&review.image).into()),
        ("vehicle_compared", word(&review.vehicle).into()),
    ];
    facts.extend(
        review
            .without_image
            .map(|how| ("without_image", word(&how).into())),
    );
    let facts = facts.into_iter();
    Admin {
        action: AdminAction::HitReview,
        by: Some(Personal::new(caller.0.subject())),
        facts: facts.map(|(name, fact)| (name.to_owned(), fact)).collect(),
    }
}

impl App {
    /// Lets through only those who may have alert lists. Otherwise the refusal is recorded.
    pub(super) async fn watches(&self, caller: &Caller) -> Result<(), Failure> {
        if !caller.0.may_ask() {
            let failure = Failure::new(super::problem::FORBIDDEN).because(
                "alert lists and hits are for the roles `investigator`, `supervisor` and `system`",
            );
            let reason = RefusedReason::Forbidden;
            let refused = self.refuse(caller, Action::Alert, reason, "role", None, failure);
            return Err(refused.await);
        }
        self.fit(caller, Action::Alert).await
    }

    /// The caller's own hit. That it is somebody else's is told to nobody but the ledger.
    async fn hit_of(
        &self,
        caller: &Caller,
        path: Result<Path<String>, PathRejection>,
    ) -> Result<HitRow, Failure> {
        let id = path.ok().and_then(|Path(id)| HitId::try_from(id).ok());
        let row = match &id {
            Some(id) => self.hits.get(id).await?,
            None => None,
        };
        match row {
            Some(row) => match self.hits.shown_to(row, caller.0.subject()).await? {
                Some(row) => Ok(row),
                None => Err(self.no_hit(caller, RefusedReason::Forbidden, "owner").await),
            },
            None => Err(self
                .no_hit(caller, RefusedReason::Malformed, "missing")
                .await),
        }
    }

    async fn no_hit(&self, caller: &Caller, reason: RefusedReason, detail: &str) -> Failure {
        let failure = Failure::new(NOT_FOUND).because("you have no such hit");
        self.refuse_other(caller, reason, detail, failure).await
    }

    pub(super) async fn not_a_hit(&self, caller: &Caller, detail: &str) -> Failure {
        let failure = Failure::new(INVALID)
            .because("a parameter is wrong: see the documentation of this address");
        let reason = RefusedReason::Malformed;
        self.refuse_other(caller, reason, detail, failure).await
    }

    /// Puts on record that somebody is shown again what they were told.
    pub(super) async fn shows(
        &self,
        caller: &Caller,
        facts: &[(&str, serde_json::Value)],
    ) -> Result<(), Failure> {
        let facts = facts.iter();
        let entry = Admin {
            action: AdminAction::HitsRead,
            by: Some(Personal::new(caller.0.subject())),
            facts: facts
                .map(|(name, fact)| ((*name).to_owned(), fact.clone()))
                .collect(),
        };
        self.ledger.admin(entry).await?;
        Ok(())
    }
}

impl From<WatchError> for Failure {
    fn from(error: WatchError) -> Self {
        let text = error.to_string();
        match error {
            WatchError::Missing => Self::new(NOT_FOUND).because("you have no such hit"),
            WatchError::AlreadyReviewed => Self::new(EXISTS).because(text),
            WatchError::NoFinding => Self::new(INVALID).because(text).at("state"),
            error => {
                tracing::error!(%error, "the book of hits failed");
                Self::new(STORE_UNAVAILABLE)
                    .because("hits cannot be read right now; try again, and tell the operator if it stays")
                    .after(1)
            }
        }
    }
}
