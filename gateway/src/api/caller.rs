//! Who is calling, what they may ask, and the record of every refusal.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use turnpike_schemas::{
    api::QueryRequest,
    ledger::{Action, Personal, Refused, RefusedReason, Window},
};

use super::problem::{FORBIDDEN, Failure, UNAUTHENTICATED};
use crate::{app::App, federation::word, identity::Identity, limits::Standing};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// An authenticated caller. A request without one is refused and recorded before anything else is looked at.
#[derive(Debug, Clone)]
pub struct Caller(pub(crate) Identity);

impl<S> FromRequestParts<S> for Caller
where
    Arc<App>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let app = Arc::<App>::from_ref(state);
        let token = bearer(&parts.headers);
        match token.and_then(|token| app.directory.authenticate(token)) {
            Some(identity) => Ok(Self(identity.clone())),
            None => {
                let detail = if token.is_some() {
                    "unknown_token"
                } else {
                    "no_token"
                };
                let failure = Failure::new(UNAUTHENTICATED)
                    .because("send `authorization: Bearer` with your token");
                Err(app.refuse_stranger(detail, failure).await)
            }
        }
    }
}

/// The token of `Authorization: Bearer`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

impl App {
    /// Lets a caller ask one question: the roles allow it and no limit is reached. Otherwise the refusal is recorded.
    ///
    /// # Errors
    /// `forbidden`, `rate_limited`; `ledger_unavailable` when the refusal cannot be recorded.
    pub(super) async fn admit(&self, caller: &Caller, action: Action) -> Result<Standing, Failure> {
        if !caller.0.may_ask() {
            let failure = Failure::new(FORBIDDEN)
                .because("asking needs the role `investigator`, `supervisor` or `system`");
            return Err(self
                .refuse(
                    caller,
                    action,
                    RefusedReason::Forbidden,
                    "role",
                    None,
                    failure,
                )
                .await);
        }
        match self.limits.take(&caller.0) {
            Ok(standing) => Ok(standing),
            Err(limited) => {
                let detail = limited.standing.scope.as_str();
                let failure = self
                    .refuse(
                        caller,
                        action,
                        RefusedReason::RateLimited,
                        detail,
                        None,
                        limited.into(),
                    )
                    .await;
                Err(failure)
            }
        }
    }

    /// Records a refusal and gives the problem to answer with.
    pub(super) async fn refuse(
        &self,
        caller: &Caller,
        action: Action,
        reason: RefusedReason,
        detail: &str,
        request: Option<&QueryRequest>,
        failure: Failure,
    ) -> Failure {
        let organisation = caller.0.organisation();
        let refused = Refused {
            detail: Some(detail.to_owned()),
            action: Some(action),
            subject: Some(Personal::new(caller.0.subject())),
            organisation: Some(organisation.id.clone()),
            organisation_class: Some(word(&organisation.class)),
            jurisdiction: Some(organisation.jurisdiction.to_string()),
            on_behalf_of: request.map(|request| String::from(request.on_behalf_of.clone())),
            purpose: request.map(|request| request.purpose.as_str().to_owned()),
            case_reference: request.map(|request| Personal::new(request.case_reference.as_str())),
            plate: request
                .and_then(|request| short(&request.plate))
                .map(Personal::new),
            window: request.map(|request| Window {
                from: request.window.from(),
                to: request.window.to(),
            }),
            ..Refused::because(reason)
        };
        self.record_refusal(refused, failure).await
    }

    /// Records a refusal of something that is no question, and gives the problem to answer with.
    pub(super) async fn refuse_other(
        &self,
        caller: &Caller,
        reason: RefusedReason,
        detail: &str,
        failure: Failure,
    ) -> Failure {
        let organisation = caller.0.organisation();
        let refused = Refused {
            detail: Some(detail.to_owned()),
            subject: Some(Personal::new(caller.0.subject())),
            organisation: Some(organisation.id.clone()),
            organisation_class: Some(word(&organisation.class)),
            jurisdiction: Some(organisation.jurisdiction.to_string()),
            ..Refused::because(reason)
        };
        self.record_refusal(refused, failure).await
    }

    /// Records a refusal of somebody who is not known, and gives the problem to answer with.
    pub(super) async fn refuse_stranger(&self, detail: &'static str, failure: Failure) -> Failure {
        match self.refusals.stranger(detail).await {
            Ok(()) => failure,
            Err(error) => error.into(),
        }
    }

    pub(super) async fn record_refusal(&self, refused: Refused, failure: Failure) -> Failure {
        match self.ledger.refuse(None, refused, Vec::new()).await {
            Ok(_) => failure,
            Err(error) => error.into(),
        }
    }
}

/// A refused question's plate is evidence only if it is one.
fn short(plate: &str) -> Option<String> {
    (!plate.trim().is_empty()).then(|| plate.chars().take(64).collect())
}

/// Adds the `RateLimit` fields of the IETF draft "RateLimit header fields for HTTP".
pub(super) fn rate_limit(headers: &mut HeaderMap, standing: Standing) {
    let scope = standing.scope.as_str();
    let policy = format!("\"{scope}\";q={};w=60", standing.quota);
    let limit = format!(
        "\"{scope}\";r={};t={}",
        standing.remaining, standing.reset_s
    );
    for (name, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, limit)] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
}
