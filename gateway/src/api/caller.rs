//! Who is calling, what they may ask, and the record of every refusal.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, MatchedPath};
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use turnpike_schemas::{
    agreement::{Assurance, Role},
    api::QueryRequest,
    ledger::{Action, Personal, Refused, RefusedReason, Window},
};

use super::problem::{ACCOUNTS_UNAVAILABLE, FORBIDDEN, Failure, INVALID, STEP_UP, UNAUTHENTICATED};
use crate::{
    app::App,
    federation::word,
    identity::{Identity, Unknown},
    limits::Standing,
};

/// Header in which a system names the person it asks for.
pub(super) const END_USER: HeaderName = HeaderName::from_static("x-end-user");

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
        let Some(token) = bearer(&parts.headers) else {
            let failure = Failure::new(UNAUTHENTICATED)
                .because("send `authorization: Bearer` with your token");
            return Err(app.refuse_stranger("no_token", failure).await);
        };
        let now = app.clock.now();
        let identity = match app.directory.authenticate(token, now).await {
            Ok(identity) => identity,
            Err(unknown) => return Err(app.not_known(unknown).await),
        };
        let route = parts.extensions.get::<MatchedPath>();
        let route = route.map(MatchedPath::as_str).unwrap_or_default();
        let person = parts.headers.get(END_USER);
        app.let_in(Self(identity), route, person).await
    }
}

/// The token of `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

/// Name of a person a system asks for.
fn is_person(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(known)
}

impl App {
    /// The problem for a credential that says not who is calling, with its refusal on record.
    async fn not_known(&self, unknown: Unknown) -> Failure {
        match unknown {
            Unknown::Refused(detail) => {
                let failure = Failure::new(UNAUTHENTICATED)
                    .because("the token is not known, not good any more, or not for this gateway")
                    .challenging("error=\"invalid_token\"");
                self.refuse_stranger(detail, failure).await
            }
            Unknown::Control(error) => error.into(),
            Unknown::Provider => {
                let failure = Failure::new(ACCOUNTS_UNAVAILABLE)
                    .because("the provider of this token cannot be asked for its keys; try again")
                    .after(30);
                self.refuse_stranger("provider_unavailable", failure).await
            }
        }
    }

    /// What holds for every call of somebody who is known: the scope of a key, how sure the sign-in was, and for whom a system asks.
    async fn let_in(
        &self,
        caller: Caller,
        route: &str,
        person: Option<&HeaderValue>,
    ) -> Result<Caller, Failure> {
        let routes = caller.0.scope().routes.as_ref();
        if routes.is_some_and(|routes| !routes.contains(route)) {
            let failure = Failure::new(FORBIDDEN).because("the key does not open this route");
            let reason = RefusedReason::Forbidden;
            return Err(self
                .refuse_other(&caller, reason, "key_routes", failure)
                .await);
        }
        if !caller.0.is_machine() {
            self.surely(&caller, self.accounts.rules().assurance)
                .await?;
        }
        let Some(person) = person else {
            return Ok(caller);
        };
        match person.to_str().ok().filter(|text| is_person(text)) {
            // One person is one subject, however a system spells the name.
            Some(person) if caller.0.is_system() => {
                Ok(Caller(caller.0.asking_for(&person.to_ascii_lowercase())))
            }
            _ => {
                let failure = Failure::new(INVALID)
                    .because("`x-end-user` is for systems: 1 to 64 letters, digits, `.`, `_`, `@` or `-`")
                    .at("x-end-user");
                let reason = RefusedReason::Malformed;
                Err(self
                    .refuse_other(&caller, reason, "x-end-user", failure)
                    .await)
            }
        }
    }

    /// Lets through only whoever signed in at least so surely. Otherwise the refusal is recorded and says what is needed (RFC 9470).
    ///
    /// # Errors
    /// `insufficient_user_authentication`; `ledger_unavailable` when the refusal cannot be recorded.
    pub(super) async fn surely(&self, caller: &Caller, least: Assurance) -> Result<(), Failure> {
        if caller.0.is_sure(least) {
            return Ok(());
        }
        let least = word(&least);
        let failure = Failure::new(STEP_UP)
            .because(format!("this needs a sign-in of assurance `{least}`: sign in with two factors, or again at your provider"))
            .challenging(format!("error=\"insufficient_user_authentication\", error_description=\"a sign-in of assurance {least} is needed\", acr_values=\"{least}\""));
        let reason = RefusedReason::Unauthenticated;
        Err(self
            .refuse_other(caller, reason, "assurance", failure)
            .await)
    }

    /// Lets people take entries of the ledger home, or approve what somebody else asks for, only if they signed in as surely as
    /// that needs. A machine is bound by the scope of its key instead.
    ///
    /// # Errors
    /// `insufficient_user_authentication`; `ledger_unavailable` when the refusal cannot be recorded.
    pub(super) async fn stepped_up(&self, caller: &Caller) -> Result<(), Failure> {
        if caller.0.is_machine() {
            return Ok(());
        }
        self.surely(caller, self.accounts.rules().step_up).await
    }

    /// Lets people approve what somebody else asks for: as [`App::stepped_up`], and with an account that is not new.
    ///
    /// # Errors
    /// `insufficient_user_authentication`, `forbidden`; `ledger_unavailable` when the refusal cannot be recorded.
    pub(super) async fn approves(&self, caller: &Caller) -> Result<(), Failure> {
        self.stepped_up(caller).await?;
        let Some(since) = self.accounts.is_too_new(caller.0.account()).await? else {
            return Ok(());
        };
        let days = self.accounts.rules().approver_age.as_hours() / 24;
        let failure = Failure::new(FORBIDDEN).because(format!(
            "your account was enrolled on {}, and approving takes one that is {days} days old (`identity.approver_days`): somebody else must approve",
            since.strftime("%Y-%m-%d")
        ));
        let reason = RefusedReason::Forbidden;
        Err(self
            .refuse_other(caller, reason, "new_account", failure)
            .await)
    }

    /// Lets through only callers with the role who signed in so surely. Otherwise the refusal is recorded.
    ///
    /// # Errors
    /// `forbidden`, `insufficient_user_authentication`; `ledger_unavailable` when the refusal cannot be recorded.
    pub(super) async fn only(
        &self,
        caller: &Caller,
        role: Role,
        why: &str,
        least: Assurance,
    ) -> Result<(), Failure> {
        if !caller.0.has(role) {
            let failure = Failure::new(FORBIDDEN).because(why);
            let reason = RefusedReason::Forbidden;
            return Err(self.refuse_other(caller, reason, "role", failure).await);
        }
        self.surely(caller, least).await
    }

    /// Why a caller whose roles may ask may not ask all the same: a system that names nobody, a person without valid training.
    fn unfit(&self, identity: &Identity) -> Option<(&'static str, Failure)> {
        if identity.is_system() {
            let failure = Failure::new(FORBIDDEN)
                .because("a system asks for people: say whom in the header `x-end-user`")
                .at("x-end-user");
            return (!identity.names_a_person()).then_some(("end_user", failure));
        }
        let trained = identity.is_trained(self.clock.now());
        let required = self.accounts.rules().require_training;
        let failure = Failure::new(FORBIDDEN)
            .because("asking needs valid training here: tell the operator when yours is renewed");
        (required && !trained).then_some(("training", failure))
    }
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
        self.fit(caller, action).await?;
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

    /// Lets a caller ask as far as it is about the caller: a system names a person, training is valid, the account is in use.
    /// Otherwise the refusal is recorded.
    ///
    /// # Errors
    /// `forbidden`, `dormant`; `ledger_unavailable` when the refusal cannot be recorded.
    pub(super) async fn fit(&self, caller: &Caller, action: Action) -> Result<(), Failure> {
        if let Some((detail, failure)) = self.unfit(&caller.0) {
            let reason = RefusedReason::Forbidden;
            return Err(self
                .refuse(caller, action, reason, detail, None, failure)
                .await);
        }
        self.awake(caller).await
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
        let refused = Refused {
            action: Some(action),
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
            ..refusal_of(caller, reason, detail)
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
        let refused = refusal_of(caller, reason, detail);
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

fn refusal_of(caller: &Caller, reason: RefusedReason, detail: &str) -> Refused {
    let organisation = caller.0.organisation();
    Refused {
        detail: Some(detail.to_owned()),
        subject: Some(Personal::new(caller.0.subject())),
        organisation: Some(organisation.id.clone()),
        organisation_class: Some(word(&organisation.class)),
        jurisdiction: Some(organisation.jurisdiction.to_string()),
        ..Refused::because(reason)
    }
}

/// A refused question's plate is evidence only if it is one.
fn short(plate: &str) -> Option<String> {
    let text = plate.trim();
    (!text.is_empty()).then(|| text.chars().take(64).collect())
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
