//! `/v1/users` and `/v1/keys`: for operators who signed in with two factors. Every change and every refusal is on record.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
};
use http::StatusCode;
use serde::de::DeserializeOwned;
use turnpike_schemas::{
    agreement::{Assurance, Role},
    api::{
        Problem,
        identity::{
            Accounts, ApiKeys, Changed, KeyMade, NewKey, NewUser, SessionsEnded, UserChange,
        },
    },
    ledger::RefusedReason,
};

use super::{body, caller::Caller, problem::Failure};
use crate::{accounts::AccountError, app::App};

/// Longest body here, in bytes.
const MAX_BODY: usize = 16 << 10;

const WHO: &str = "accounts and keys are looked after by the role `operator`";

/// List accounts
#[utoipa::path(
    get,
    path = "/v1/users",
    operation_id = "users",
    tag = "identity",
    responses(
        (status = 200, description = "Every account of the gateway's own store", body = Accounts),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or accounts cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Accounts>, Failure> {
    app.only(&caller, Role::Operator, WHO, Assurance::Aal2)
        .await?;
    let users = app.accounts.users().await?;
    Ok(Json(Accounts { users }))
}

/// Make an account
///
/// The answer holds the enrolment code for its person, once. Roles must go together; nobody makes an account of their own name.
#[utoipa::path(
    post,
    path = "/v1/users",
    tag = "identity",
    request_body = NewUser,
    responses(
        (status = 200, description = "The account", body = Changed),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is one already", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is wrong, or roles do not go together", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or accounts cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Json<Changed>, Failure> {
    app.only(&caller, Role::Operator, WHO, Assurance::Aal2)
        .await?;
    let new: NewUser = app.known_body(&caller, request).await?;
    match app.accounts.add_user(&caller.0, new).await {
        Ok((account, enrolment)) => Ok(Json(Changed {
            account,
            enrolment: Some(enrolment),
        })),
        Err(error) => Err(app.not_changed(&caller, error).await),
    }
}

/// Change an account
///
/// Roles, standing, disabling, or a reset. Not one's own. Sessions of the account end, except when only its standing changes.
#[utoipa::path(
    patch,
    path = "/v1/users/{subject}",
    tag = "identity",
    params(("subject" = String, Path, description = "The account")),
    request_body = UserChange,
    responses(
        (status = 200, description = "The account", body = Changed),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this, or it is one's own account", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is wrong, or roles do not go together", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or accounts cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<Changed>, Failure> {
    app.only(&caller, Role::Operator, WHO, Assurance::Aal2)
        .await?;
    let subject = path.map(|Path(subject)| subject).unwrap_or_default();
    let change: UserChange = app.known_body(&caller, request).await?;
    match app.accounts.change_user(&caller.0, &subject, change).await {
        Ok((account, enrolment)) => Ok(Json(Changed { account, enrolment })),
        Err(error) => Err(app.not_changed(&caller, error).await),
    }
}

/// End somebody's sessions
///
/// Of an account of the gateway's own store or of a provider (`PROVIDER:SUBJECT`). Who may sign in, may sign in again.
#[utoipa::path(
    delete,
    path = "/v1/users/{subject}/sessions",
    tag = "identity",
    params(("subject" = String, Path, description = "Whose")),
    responses(
        (status = 200, description = "How many there were", body = SessionsEnded),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or accounts cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn end_sessions(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<SessionsEnded>, Failure> {
    app.only(&caller, Role::Operator, WHO, Assurance::Aal2)
        .await?;
    let subject = path.map(|Path(subject)| subject).unwrap_or_default();
    match app.accounts.end_sessions(&caller.0, &subject).await {
        Ok(ended) => Ok(Json(SessionsEnded {
            ended: u32::try_from(ended).unwrap_or(u32::MAX),
        })),
        Err(error) => Err(app.not_changed(&caller, error).await),
    }
}

/// List keys
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "identity",
    responses(
        (status = 200, description = "Every key; nothing secret", body = ApiKeys),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or accounts cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn keys(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<ApiKeys>, Failure> {
    app.only(&caller, Role::Operator, WHO, Assurance::Aal2)
        .await?;
    let keys = app.accounts.keys().await?;
    Ok(Json(ApiKeys { keys }))
}

/// Make a key for a system
///
/// The answer holds the key, once. A key has one role, a scope and an end.
#[utoipa::path(
    post,
    path = "/v1/keys",
    tag = "identity",
    request_body = NewKey,
    responses(
        (status = 200, description = "The key", body = KeyMade),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The name is one of a person's account", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or accounts cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn add_key(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Json<KeyMade>, Failure> {
    app.only(&caller, Role::Operator, WHO, Assurance::Aal2)
        .await?;
    let new: NewKey = app.known_body(&caller, request).await?;
    match app.accounts.add_key(&caller.0, new).await {
        Ok(made) => Ok(Json(made)),
        Err(error) => Err(app.not_changed(&caller, error).await),
    }
}

/// Take a key back
#[utoipa::path(
    delete,
    path = "/v1/keys/{id}",
    tag = "identity",
    params(("id" = String, Path, description = "The key's identifier: the part of it between `tpk_` and the next `_`")),
    responses(
        (status = 204, description = "The key is void"),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is none that is good", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or accounts cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn revoke_key(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Failure> {
    app.only(&caller, Role::Operator, WHO, Assurance::Aal2)
        .await?;
    let id = path.map(|Path(id)| id).unwrap_or_default();
    match app.accounts.revoke_key(&caller.0, &id).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(app.not_changed(&caller, error).await),
    }
}

impl App {
    /// The body of a caller who is known; a request that holds none is refused and recorded.
    pub(super) async fn known_body<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        request: Request,
    ) -> Result<T, Failure> {
        let (parts, body) = request.into_parts();
        let read = async {
            body::require_json(&parts.headers)?;
            let bytes = body::read(body, MAX_BODY, self.http.body_timeout).await?;
            body::json(&bytes)
        };
        match read.await {
            Ok(body) => Ok(body),
            Err(failure) => {
                let field = failure.problem.field.clone();
                let detail = field.unwrap_or_else(|| failure.name().to_owned());
                let reason = RefusedReason::Malformed;
                Err(self.refuse_other(caller, reason, &detail, failure).await)
            }
        }
    }

    /// The problem for a change that was not made, with its refusal on record.
    async fn not_changed(&self, caller: &Caller, error: AccountError) -> Failure {
        let (reason, detail) = match &error {
            AccountError::Ledger(_) | AccountError::Control(_) => return error.into(),
            AccountError::Own => (RefusedReason::Forbidden, "own_account"),
            AccountError::Duties(_) => (RefusedReason::Forbidden, "duties"),
            AccountError::Exists => (RefusedReason::Malformed, "exists"),
            AccountError::Missing => (RefusedReason::Malformed, "missing"),
            AccountError::Invalid { field, .. } => (RefusedReason::Malformed, *field),
            _ => (RefusedReason::Forbidden, "account"),
        };
        self.refuse_other(caller, reason, detail, error.into())
            .await
    }
}
