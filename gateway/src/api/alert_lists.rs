//! `/v1/alert-lists`: plates whose owners are told when one is read. Every change and every refusal is on record.

mod entries;
mod looking_back;
mod sharing;

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
};
use turnpike_schemas::{
    api::{
        Problem,
        alerts::{AlertChanged, AlertList, AlertLists, NewAlertList},
    },
    ledger::{Action, RefusedReason},
};
use uuid::Uuid;

pub(super) use entries::{
    __path_add, __path_approve, __path_confirm, __path_history, __path_list as __path_entries,
    __path_remove, __path_renew, add, approve, confirm, history, list as entries, remove, renew,
};

pub(super) use looking_back::{__path_look_back, look_back};
pub(super) use sharing::{__path_share, share};

use super::{
    caller::Caller,
    problem::{
        CHANGED, EXISTS, FORBIDDEN, FULL, Failure, INVALID, NOT_FOUND, REFUSED, STEP_UP,
        STORE_UNAVAILABLE,
    },
};
use crate::{alerts::AlertError, app::App, listing::ListError};

/// List your alert lists
///
/// Yours, and those shared with you.
#[utoipa::path(
    get,
    path = "/v1/alert-lists",
    operation_id = "alert_lists",
    tag = "alerts",
    responses(
        (status = 200, description = "The lists", body = AlertLists),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or lists cannot be read", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn lists(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<AlertLists>, Failure> {
    app.watches(&caller).await?;
    match app.listing.lists(&caller.0).await {
        Ok(lists) => Ok(Json(lists)),
        Err(error) => Err(app.not_listed(&caller, error).await),
    }
}

/// Make an alert list
///
/// For one purpose and one case, without entries. It is closed when the case is.
#[utoipa::path(
    post,
    path = "/v1/alert-lists",
    operation_id = "make_alert_list",
    tag = "alerts",
    request_body = NewAlertList,
    responses(
        (status = 200, description = "The list", body = AlertList),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this, or your sign-in has no account here", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "As many people have lists as may", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or lists cannot be changed", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn make(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Json<AlertList>, Failure> {
    app.watches(&caller).await?;
    let new: NewAlertList = app.known_body(&caller, request).await?;
    match app.listing.make(&caller.0, new).await {
        Ok(list) => Ok(Json(list)),
        Err(error) => Err(app.not_listed(&caller, error).await),
    }
}

/// Show an alert list
#[utoipa::path(
    get,
    path = "/v1/alert-lists/{list}",
    operation_id = "alert_list",
    tag = "alerts",
    params(("list" = Uuid, Path, description = "The list")),
    responses(
        (status = 200, description = "The list, and how many entries are in which state", body = AlertList),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such list", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or lists cannot be read", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<AlertList>, Failure> {
    app.watches(&caller).await?;
    let list = app.named(&caller, path).await?;
    match app.listing.list(&caller.0, list).await {
        Ok(list) => Ok(Json(list)),
        Err(error) => Err(app.not_listed(&caller, error).await),
    }
}

/// Close an alert list
///
/// For good: nothing of it is looked for any more, and its entries are erased. What was done to them stays.
#[utoipa::path(
    delete,
    path = "/v1/alert-lists/{list}",
    operation_id = "close_alert_list",
    tag = "alerts",
    params(("list" = Uuid, Path, description = "The list")),
    responses(
        (status = 200, description = "How many entries are erased", body = AlertChanged),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this, or the list is another's", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such list", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or lists cannot be changed", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn close(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<AlertChanged>, Failure> {
    app.watches(&caller).await?;
    let list = app.named(&caller, path).await?;
    match app.listing.close(&caller.0, list).await {
        Ok(changed) => Ok(Json(changed)),
        Err(error) => Err(app.not_listed(&caller, error).await),
    }
}

/// Say that every entry of an alert list still holds
///
/// As at the start of a shift: entries that are not confirmed as often as the agreements ask are not looked for.
#[utoipa::path(
    post,
    path = "/v1/alert-lists/{list}/confirm",
    operation_id = "confirm_alert_list",
    tag = "alerts",
    params(("list" = Uuid, Path, description = "The list")),
    responses(
        (status = 200, description = "How many entries there are", body = AlertChanged),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this, or the list is another's", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such list", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The list is closed", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or lists cannot be changed", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn confirm_all(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<AlertChanged>, Failure> {
    app.watches(&caller).await?;
    let list = app.named(&caller, path).await?;
    match app.listing.confirm_all(&caller.0, list).await {
        Ok(changed) => Ok(Json(changed)),
        Err(error) => Err(app.not_listed(&caller, error).await),
    }
}

impl App {
    /// The list or entry that is named; what is no name is no list.
    async fn named<T>(
        &self,
        caller: &Caller,
        path: Result<Path<T>, PathRejection>,
    ) -> Result<T, Failure> {
        match path {
            Ok(Path(named)) => Ok(named),
            Err(_) => Err(self.not_listed(caller, ListError::Missing).await),
        }
    }

    /// The problem for what was not made or changed, with its refusal on record.
    async fn not_listed(&self, caller: &Caller, error: ListError) -> Failure {
        let (forbidden, malformed) = (RefusedReason::Forbidden, RefusedReason::Malformed);
        let text = error.to_string();
        let (kind, reason, detail) = match &error {
            ListError::Missing => (NOT_FOUND, malformed, "missing"),
            ListError::NotOwner => (FORBIDDEN, forbidden, "owner"),
            ListError::Text(field) => (INVALID, malformed, *field),
            ListError::Shared => (INVALID, malformed, "shared"),
            ListError::NoAccount => (FORBIDDEN, forbidden, "no_account"),
            ListError::LessSure => (STEP_UP, RefusedReason::Unauthenticated, "assurance"),
            ListError::Owners(_) => (FULL, forbidden, "owners"),
            ListError::Refused(_) => (REFUSED, RefusedReason::DeniedByAll, "agreements"),
            ListError::End(_) => (INVALID, malformed, "expires_at"),
            ListError::LookBack => (INVALID, malformed, "hours"),
            ListError::AsOf => (INVALID, malformed, "as_of"),
            ListError::File(_) => (INVALID, malformed, "file"),
            ListError::OnBehalfOf(_) => (INVALID, malformed, "on_behalf_of"),
            ListError::Case(_) | ListError::Terms(_) => (INVALID, malformed, "terms"),
            ListError::Book(AlertError::Closed) => (CHANGED, malformed, "closed"),
            ListError::Book(AlertError::Changed) => (CHANGED, malformed, "changed"),
            ListError::Book(AlertError::KeyReused) => (EXISTS, malformed, "key_reused"),
            ListError::Book(AlertError::Exists) => (EXISTS, malformed, "exists"),
            ListError::Book(AlertError::NotWaiting) => (CHANGED, malformed, "not_waiting"),
            ListError::Book(AlertError::SamePerson) => (FORBIDDEN, forbidden, "same_person"),
            ListError::Book(AlertError::Full(_) | AlertError::Unwatched(_)) => {
                (FULL, forbidden, "full")
            }
            ListError::Ledger(_) | ListError::Accounts(_) | ListError::Book(_) => {
                return unavailable(error);
            }
        };
        let mut failure = Failure::new(kind).because(text.clone());
        if let Some(field) = text
            .strip_prefix('`')
            .and_then(|rest| rest.split('`').next())
        {
            failure = failure.at(field);
        }
        self.refuse(caller, Action::Alert, reason, detail, None, failure)
            .await
    }
}

/// The lists cannot be read.
pub(super) fn unavailable_book(error: AlertError) -> Failure {
    unavailable(error.into())
}

fn unavailable(error: ListError) -> Failure {
    match error {
        ListError::Ledger(error) => error.into(),
        ListError::Accounts(error) => error.into(),
        error => {
            tracing::error!(%error, "alert lists failed");
            Failure::new(STORE_UNAVAILABLE)
                .because("nothing was changed; try again, and tell the operator if it stays")
                .after(1)
        }
    }
}
