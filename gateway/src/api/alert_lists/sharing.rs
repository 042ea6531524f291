//! With whom an alert list is shared.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
};
use turnpike_schemas::api::{
    Problem,
    alerts::{AlertList, AlertSharing},
};
use uuid::Uuid;

use crate::{
    api::{caller::Caller, problem::Failure},
    app::App,
};

/// Say with whom an alert list is shared
///
/// With these people of your organisation and nobody else from now on. They may see it, and agree to its entries as a second person.
#[utoipa::path(
    post,
    path = "/v1/alert-lists/{list}/share",
    operation_id = "share_alert_list",
    tag = "alerts",
    params(("list" = Uuid, Path, description = "The list")),
    request_body = AlertSharing,
    responses(
        (status = 200, description = "The list", body = AlertList),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this, or the list is another's", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such list", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The list is closed", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Somebody is not of your organisation, or may not see hits", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or lists cannot be changed", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(in crate::api) async fn share(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<Uuid>, PathRejection>,
    request: Request,
) -> Result<Json<AlertList>, Failure> {
    app.watches(&caller).await?;
    let list = app.named(&caller, path).await?;
    let AlertSharing { shared } = app.known_body(&caller, request).await?;
    match app.listing.share(&caller.0, list, shared).await {
        Ok(list) => Ok(Json(list)),
        Err(error) => Err(app.not_listed(&caller, error).await),
    }
}
