//! Looking for a list among what was read before.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
};
use turnpike_schemas::api::{
    Problem,
    alerts::{LookBack, LookedBack},
};
use uuid::Uuid;

use crate::{
    api::{caller::Caller, problem::Failure},
    app::App,
};

/// Look for the entries of an alert list among what was read before
///
/// Once, as far back as you say: at once where the reads of a source are kept here, with the next turn of each entry where a source can
/// only be asked, out of the reserve of its quota. You are told of what matches as of any other hit, and it says that it is late. Each entry is a
/// question of yours at each source: decided by its agreement, counted, and on record. Entries that were looked for as far back already are left out.
#[utoipa::path(
    post,
    path = "/v1/alert-lists/{list}/look-back",
    operation_id = "look_back",
    tag = "alerts",
    params(("list" = Uuid, Path, description = "The list")),
    request_body = LookBack,
    responses(
        (status = 200, description = "What is looked at, and where not", body = LookedBack),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this, or the list is another's", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such list", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The list is closed", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not so many hours", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or lists cannot be changed", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(in crate::api) async fn look_back(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<Uuid>, PathRejection>,
    request: Request,
) -> Result<Json<LookedBack>, Failure> {
    app.watches(&caller).await?;
    let list = app.named(&caller, path).await?;
    let LookBack { hours } = app.known_body(&caller, request).await?;
    match app.listing.look_back(&caller.0, list, hours).await {
        Ok(looked) => Ok(Json(looked)),
        Err(error) => Err(app.not_listed(&caller, error).await),
    }
}
