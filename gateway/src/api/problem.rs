//! Errors as RFC 9457 problem details. One place turns inside errors into what a caller may see.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use turnpike_adapters::error::{Error, ErrorKind, Retry};
use turnpike_schemas::api::Problem;

use crate::{
    accounts::AccountError,
    cases::{BookError, CaseError},
    control::ControlError,
    federation::{AskError, ImageError},
    identity::oidc::FlowError,
    ingest::IntakeError,
    ledger::LedgerError,
    limits::{Limited, Scope, Standing},
    store::StoreError,
};

/// A kind of problem: stable name, status, title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Stable name, the last part of the problem's `type`.
    pub name: &'static str,
    /// HTTP status.
    pub status: StatusCode,
    /// What it means.
    pub title: &'static str,
}

macro_rules! kinds {
    ($($constant:ident = $name:literal, $status:ident, $title:literal;)*) => {
        $(#[doc = $title] pub(super) const $constant: Kind = Kind { name: $name, status: StatusCode::$status, title: $title };)*
        /// Every kind, for the documentation.
        pub const KINDS: &[Kind] = &[$($constant),*];
    };
}

kinds! {
    MALFORMED = "malformed", BAD_REQUEST, "The request cannot be understood";
    INVALID = "invalid", UNPROCESSABLE_ENTITY, "The request is understood but is not a question";
    UNAUTHENTICATED = "unauthenticated", UNAUTHORIZED, "A valid token is needed";
    SIGN_IN_REFUSED = "sign_in_refused", UNAUTHORIZED, "The sign-in is refused";
    STEP_UP = "insufficient_user_authentication", UNAUTHORIZED, "A surer sign-in is needed";
    NOTICE = "notice_not_acknowledged", FORBIDDEN, "The system-use notice must be acknowledged";
    EXISTS = "exists", CONFLICT, "There is one already";
    CHANGED = "changed", CONFLICT, "It is no longer as you saw it";
    FULL = "full", CONFLICT, "There is no room for more";
    ACCOUNTS_UNAVAILABLE = "accounts_unavailable", SERVICE_UNAVAILABLE, "Callers cannot be recognised right now";
    FORBIDDEN = "forbidden", FORBIDDEN, "Your roles do not allow this";
    JUSTIFICATION_OVERDUE = "justification_overdue", FORBIDDEN, "An earlier urgent question is not justified yet";
    DORMANT = "dormant", FORBIDDEN, "Your account has been idle for too long";
    REFUSED = "refused", FORBIDDEN, "The source's agreement refuses this";
    NOT_FOUND = "not_found", NOT_FOUND, "There is no such thing here";
    NOT_RELEASED = "not_released", NOT_FOUND, "This image was not released to you";
    METHOD_NOT_ALLOWED = "method_not_allowed", METHOD_NOT_ALLOWED, "This address does not take this method";
    TOO_SLOW = "too_slow", REQUEST_TIMEOUT, "The request took too long to arrive";
    TOO_LARGE = "too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body must be of another type";
    RATE_LIMITED = "rate_limited", TOO_MANY_REQUESTS, "A limit on your questions is reached";
    BUSY = "busy", SERVICE_UNAVAILABLE, "The gateway has too much to do right now";
    LEDGER_UNAVAILABLE = "ledger_unavailable", SERVICE_UNAVAILABLE, "The ledger cannot be written, so nothing is asked or answered";
    STORE_UNAVAILABLE = "store_unavailable", SERVICE_UNAVAILABLE, "The read store cannot be written, so nothing was taken in";
    GONE = "gone", GONE, "The source no longer has this";
    SOURCE_LIMITED = "source_limited", SERVICE_UNAVAILABLE, "No more requests may be made to the source right now";
    SOURCE_FAILED = "source_failed", BAD_GATEWAY, "The source did not give what was asked";
    SOURCE_TIMED_OUT = "source_timed_out", GATEWAY_TIMEOUT, "The source did not answer in time";
    TIMED_OUT = "timed_out", GATEWAY_TIMEOUT, "The request took too long";
    INTERNAL = "internal", INTERNAL_SERVER_ERROR, "The gateway failed";
}

/// A problem on its way out.
#[derive(Debug)]
pub struct Failure {
    /// What the caller sees. Boxed, because it travels in the error half of results.
    pub problem: Box<Problem>,
    retry_after_s: Option<u64>,
    standing: Option<Standing>,
    /// What of the challenge is particular.
    challenge: Option<String>,
}

impl Failure {
    /// A problem of this kind.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            problem: Box::new(Problem {
                kind: format!("/problems/{}", kind.name),
                title: kind.title.to_owned(),
                status: kind.status.as_u16(),
                detail: None,
                instance: None,
                field: None,
            }),
            retry_after_s: None,
            standing: None,
            challenge: None,
        }
    }

    /// What happened this time and what to do. Never a plate.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.problem.detail = Some(detail.into());
        self
    }

    /// The field of the request it is about.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.problem.field = Some(field.into());
        self
    }

    /// When to try again.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The caller's standing, for the `RateLimit` fields.
    #[must_use]
    pub fn with_standing(mut self, standing: Standing) -> Self {
        self.standing = Some(standing);
        self
    }

    /// What the `WWW-Authenticate` of a 401 says besides the realm (RFC 6750, RFC 9470).
    #[must_use]
    pub fn challenging(mut self, challenge: impl Into<String>) -> Self {
        self.challenge = Some(challenge.into());
        self
    }

    /// The stable name of the kind.
    #[must_use]
    pub fn name(&self) -> &str {
        self.problem.kind.rsplit('/').next().unwrap_or_default()
    }
}

/// The body names no request yet: the layer around every route writes it anew with the request's identity.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(standing) = self.standing {
            super::caller::rate_limit(headers, standing);
        }
        if status == StatusCode::UNAUTHORIZED {
            let more = self.challenge.map(|more| format!(", {more}"));
            let challenge = format!("Bearer realm=\"turnpike\"{}", more.unwrap_or_default());
            let value = HeaderValue::from_str(&challenge);
            headers.insert(
                header::WWW_AUTHENTICATE,
                value.unwrap_or(HeaderValue::from_static("Bearer realm=\"turnpike\"")),
            );
        }
        response.extensions_mut().insert(self.problem);
        response
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Entry(error) => {
                tracing::warn!(%error, "an entry was not fit for the ledger");
                Self::new(INVALID)
                    .because("the request does not fit in a ledger entry; make it shorter")
            }
            error => {
                tracing::error!(%error, "the ledger could not be written");
                metrics::counter!("turnpike_ledger_refusals_total").increment(1);
                Self::new(LEDGER_UNAVAILABLE)
                    .because("nothing was asked that is not on record, and nothing is released; try again, and tell the operator if it stays")
                    .after(1)
            }
        }
    }
}

impl From<BookError> for Failure {
    fn from(error: BookError) -> Self {
        tracing::error!(%error, "notes and urgent questions could not be written");
        Self::new(LEDGER_UNAVAILABLE)
            .because("what belongs to the question cannot be written down, so nothing was asked; try again, and tell the operator if it stays")
            .after(1)
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        let text = error.to_string();
        match error {
            AccountError::Denied(_) => Self::new(SIGN_IN_REFUSED).because(
                "subject, password or code is wrong, or the account is locked or disabled; after 5 failures in a row it is locked for 15 minutes",
            ),
            AccountError::Notice => Self::new(NOTICE).because(text).at("acknowledged"),
            AccountError::Invalid { field, .. } => Self::new(INVALID).because(text).at(field),
            AccountError::Duties(_) => Self::new(INVALID).because(text).at("roles"),
            AccountError::Own => Self::new(FORBIDDEN).because(text),
            AccountError::Exists => Self::new(EXISTS).because(text),
            AccountError::Missing => Self::new(NOT_FOUND).because(text),
            AccountError::Flow(FlowError::Busy) => Self::new(BUSY).because(text).after(5),
            AccountError::Flow(FlowError::Redirect) => {
                Self::new(INVALID).because(text).at("redirect_uri")
            }
            AccountError::Flow(FlowError::Provider) => {
                Self::new(INVALID).because(text).at("provider")
            }
            AccountError::Flow(_) => Self::new(SIGN_IN_REFUSED).because(text),
            AccountError::Ledger(error) => error.into(),
            AccountError::Control(error) => error.into(),
        }
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        tracing::error!(%error, "the control store failed");
        Self::new(ACCOUNTS_UNAVAILABLE)
            .because("nothing was changed; try again, and tell the operator if it stays")
            .after(1)
    }
}

impl From<Limited> for Failure {
    fn from(limited: Limited) -> Self {
        let whose = match limited.standing.scope {
            Scope::User => "you may ask",
            Scope::Organisation => "your organisation may ask",
        };
        let detail = format!(
            "{whose} {} questions a minute; try again in {} s",
            limited.standing.quota, limited.retry_after_s
        );
        Self::new(RATE_LIMITED)
            .because(detail)
            .after(limited.retry_after_s)
            .with_standing(limited.standing)
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        let detail = error.to_string();
        let field = detail
            .strip_prefix('`')
            .and_then(|rest| rest.split('`').next())
            .map(ToOwned::to_owned);
        match error {
            AskError::Ledger(error) => error.into(),
            AskError::Case(CaseError::Book(error)) => error.into(),
            AskError::Case(CaseError::Overdue(_)) => Self::new(JUSTIFICATION_OVERDUE)
                .because(detail)
                .at("urgent"),
            AskError::Request(_)
            | AskError::OnBehalfOf(_)
            | AskError::UnknownSource
            | AskError::Case(_) => {
                let failure = Self::new(INVALID).because(detail);
                match field {
                    Some(field) => failure.at(field),
                    None => failure,
                }
            }
        }
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::NotReleased => Self::new(NOT_RELEASED).because(error.to_string()),
            ImageError::Refused(refusal) => Self::new(REFUSED)
                .because(refusal.to_string())
                .at(refusal.rule.as_str()),
            ImageError::Ledger(error) => error.into(),
            ImageError::Source(error) => {
                tracing::info!(kind = ?error.kind(), %error, "a source did not give an image");
                no_image(&error)
            }
        }
    }
}

/// What a source's failure to give an image means to the one who wants it.
fn no_image(error: &Error) -> Failure {
    let again = match error.retry() {
        Retry::After(wait) => u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX),
        Retry::Never | Retry::Backoff => 1,
    };
    match error.kind() {
        ErrorKind::QuotaExhausted => Failure::new(SOURCE_LIMITED)
            .because("the quota kept for the source is used up; try again later")
            .after(again),
        ErrorKind::RateLimited => Failure::new(SOURCE_LIMITED)
            .because("the source says too many requests; try again later")
            .after(again),
        ErrorKind::TimedOut => Failure::new(SOURCE_TIMED_OUT)
            .because("the source did not give the image in time; try again"),
        ErrorKind::Unsupported => {
            Failure::new(NOT_FOUND).because("the source gives no images to the gateway")
        }
        ErrorKind::Unavailable if error.retry() == Retry::Never => {
            Failure::new(GONE).because("the source no longer has the image")
        }
        ErrorKind::Unavailable => {
            let failure = Failure::new(SOURCE_FAILED)
                .because("the source cannot be reached, or failed; try again later");
            match error.retry() {
                Retry::After(_) => failure.after(again),
                Retry::Never | Retry::Backoff => failure,
            }
        }
        _ => Failure::new(SOURCE_FAILED).because(
            "what the source gave is no image, or it refuses the gateway; tell the operator",
        ),
    }
}

impl From<IntakeError> for Failure {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Refused(refusal) => Self::new(REFUSED)
                .because(refusal.to_string())
                .at(refusal.rule.as_str()),
            IntakeError::Malformed(error) => Self::new(MALFORMED).because(error.to_string()),
            IntakeError::Drifted(ref drift) => Self::new(MALFORMED)
                .because(format!("{error}; nothing was taken in"))
                .at(drift.field.clone()),
            IntakeError::Ledger(error) => error.into(),
            IntakeError::Store(error) => error.into(),
            IntakeError::Busy => Self::new(BUSY)
                .because("nothing was taken in; send it again")
                .after(1),
            IntakeError::Quarantine(error) => {
                tracing::error!(%error, "the quarantine could not be written");
                Self::new(STORE_UNAVAILABLE)
                    .because("nothing was taken in; send it again")
                    .after(5)
            }
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the read store could not be written");
        Self::new(STORE_UNAVAILABLE)
            .because("nothing was taken in; send it again")
            .after(1)
    }
}
