//! `/v1/notice`, `/v1/session`, `/v1/enrolments`: who is calling, and how a caller becomes known.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use turnpike_schemas::api::{
    Problem,
    identity::{
        BeginSignIn, CompleteSignIn, Enrol, Enrolled, Notice, Session, SignIn, SignInBegun, WhoAmI,
    },
};

use super::{
    body,
    caller::{Caller, bearer},
    problem::{Failure, INVALID},
};
use crate::{app::App, identity::Means};

/// Longest body here, in bytes.
const MAX_BODY: usize = 16 << 10;

/// The system-use notice
///
/// What everybody reads before signing in, and the providers of single sign-on. Not secret, so it needs no token.
#[utoipa::path(
    get,
    path = "/v1/notice",
    tag = "identity",
    responses((status = 200, description = "The notice", body = Notice))
)]
pub(super) async fn notice(State(app): State<Arc<App>>) -> Json<Notice> {
    Json(app.accounts.notice())
}

/// Sign in
///
/// With the password and the one-time code of an account of the gateway's own store. Success and refusal are on record before
/// they are told. Five failures in a row lock an account for 15 minutes.
#[utoipa::path(
    post,
    path = "/v1/session",
    tag = "identity",
    request_body = SignIn,
    responses(
        (status = 200, description = "Signed in; the token is shown once", body = Session),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Refused; what was wrong is not told", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The notice is not acknowledged", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or accounts cannot be looked up", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<Session>, Failure> {
    let asked: SignIn = app.strangers_body(request).await?;
    Ok(Json(app.accounts.sign_in(asked, &app.refusals).await?))
}

/// Say who is calling
#[utoipa::path(
    get,
    path = "/v1/session",
    tag = "identity",
    responses(
        (status = 200, description = "Who the gateway takes the caller for", body = WhoAmI),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or accounts cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn who(State(app): State<Arc<App>>, caller: Caller) -> Json<WhoAmI> {
    Json(caller.0.who_am_i(app.accounts.idle_s()))
}

/// Sign out
///
/// Ends the session of the token that is sent; other tokens have no session and are left as they are.
#[utoipa::path(
    delete,
    path = "/v1/session",
    tag = "identity",
    responses(
        (status = 204, description = "The session is over"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The token is not one of a session", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or accounts cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let token = bearer(&headers).filter(|_| caller.0.means() == Means::Session);
    let Some(token) = token else {
        return Err(Failure::new(INVALID)
            .because("this token has no session: it ends where it is kept, in the configuration, with its key or at its provider"));
    };
    app.accounts.sign_out(&caller.0, token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set the first password
///
/// Whoever holds the enrolment code of a new or reset account sets its password and gets the secret for an authenticator.
#[utoipa::path(
    post,
    path = "/v1/enrolments",
    tag = "identity",
    request_body = Enrol,
    responses(
        (status = 200, description = "The secret for the authenticator, shown once", body = Enrolled),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The enrolment code is wrong, used or too old", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or accounts cannot be looked up", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn enrol(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<Enrolled>, Failure> {
    let asked: Enrol = app.strangers_body(request).await?;
    Ok(Json(app.accounts.enrol(asked, &app.refusals).await?))
}

/// Begin to sign in at a provider
///
/// Authorization code with PKCE: the gateway keeps the verifier; the answer says where the browser goes.
#[utoipa::path(
    post,
    path = "/v1/session/authorizations",
    tag = "identity",
    request_body = BeginSignIn,
    responses(
        (status = 200, description = "Where the browser goes", body = SignInBegun),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The provider cannot be asked", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The notice is not acknowledged", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or too many sign-ins are under way", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<SignInBegun>, Failure> {
    let asked: BeginSignIn = app.strangers_body(request).await?;
    let begun = app.accounts.begin_at_provider(asked, &app.refusals);
    Ok(Json(begun.await?))
}

/// Complete a sign-in at a provider
///
/// With what the browser brought back. A sign-in is completed once, by whoever began it, within ten minutes.
#[utoipa::path(
    post,
    path = "/v1/session/authorizations:complete",
    tag = "identity",
    request_body = CompleteSignIn,
    responses(
        (status = 200, description = "Signed in; the token is shown once", body = Session),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Refused", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or accounts cannot be looked up", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn complete(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<Session>, Failure> {
    let asked: CompleteSignIn = app.strangers_body(request).await?;
    let completed = app.accounts.complete_at_provider(asked, &app.refusals);
    Ok(Json(completed.await?))
}

impl App {
    /// The body of a request nobody is known to have sent; one that holds none is recorded.
    async fn strangers_body<T: DeserializeOwned>(&self, request: Request) -> Result<T, Failure> {
        let (parts, body) = request.into_parts();
        let read = async {
            body::require_json(&parts.headers)?;
            let bytes = body::read(body, MAX_BODY, self.http.body_timeout).await?;
            body::json(&bytes)
        };
        match read.await {
            Ok(body) => Ok(body),
            Err(failure) => Err(self.refuse_stranger("sign_in_malformed", failure).await),
        }
    }
}
