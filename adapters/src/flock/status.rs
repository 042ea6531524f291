//! What the vendor's refusals mean. The vendor's own text is read to classify and goes nowhere.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    error::{Error, ErrorKind, Retry},
    web,
};

/// Fields of a lookup the vendor can name in a refusal; nothing else it says is repeated.
const REQUEST_FIELDS: [&str; 8] = [
    "plate",
    "reason",
    "startDate",
    "endDate",
    "limit",
    "state",
    "caseNumber",
    "sort",
];

/// OAuth 2.0 error codes (RFC 6749 5.2) that mean the credentials, not the request, are wrong.
const CREDENTIAL_ERRORS: [&str; 3] = ["invalid_client", "unauthorized_client", "access_denied"];

#[derive(Deserialize)]
struct Refusal {
    error: Said,
}

/// The vendor's schema says a text, its own example shows an object. Both are taken.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Text(String),
    Detail {
        #[serde(default)]
        errors: Vec<FieldError>,
    },
}

#[derive(Deserialize)]
struct FieldError {
    #[serde(default)]
    field: Option<String>,
}

/// The error a status other than 200 is. `now` is what an HTTP date in `Retry-After` is counted from.
pub(super) fn refusal(
    operation: &'static str,
    response: &Response<Bytes>,
    now: Timestamp,
) -> Error {
    let status = response.status();
    let kind = kind_of(status, response.body());
    let message = match refused_field(response.body()) {
        Some(field) if kind == ErrorKind::Config => {
            format!("{}: field `{field}`", meaning(status, kind))
        }
        _ => format!("{} (status {})", meaning(status, kind), status.as_u16()),
    };
    let error = Error::new(kind, operation, message);
    match web::wait(response.headers().get(header::RETRY_AFTER), now) {
        Some(wait) if matches!(kind, ErrorKind::RateLimited | ErrorKind::Unavailable) => {
            error.with_retry(Retry::After(wait))
        }
        _ => error,
    }
}

fn kind_of(status: StatusCode, body: &[u8]) -> ErrorKind {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Unauthorized,
        StatusCode::BAD_REQUEST if says_bad_credentials(body) => ErrorKind::Unauthorized,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => ErrorKind::Config,
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::RateLimited,
        status if status.is_server_error() => ErrorKind::Unavailable,
        _ => ErrorKind::Malformed,
    }
}

fn meaning(status: StatusCode, kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unauthorized if status == StatusCode::FORBIDDEN => {
            "the source refused access; check `audience`, `scope` and what the vendor granted"
        }
        ErrorKind::Unauthorized => "the source refused the credentials",
        ErrorKind::Config => "the source refused the request as wrong",
        ErrorKind::RateLimited => "the source says too many requests",
        ErrorKind::Unavailable => "the source has a fault of its own",
        _ => "the source answered with a status its manual does not list",
    }
}

fn says_bad_credentials(body: &[u8]) -> bool {
    matches!(said(body), Some(Said::Text(code)) if CREDENTIAL_ERRORS.contains(&code.as_str()))
}

fn refused_field(body: &[u8]) -> Option<&'static str> {
    let Some(Said::Detail { errors }) = said(body) else {
        return None;
    };
    let named = errors.into_iter().find_map(|error| error.field)?;
    REQUEST_FIELDS.into_iter().find(|field| *field == named)
}

fn said(body: &[u8]) -> Option<Said> {
    serde_json::from_slice::<Refusal>(body)
        .ok()
        .map(|refusal| refusal.error)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn now() -> Timestamp {
        "2026-03-05T12:00:00Z".parse().unwrap()
    }

    fn answer(status: u16, body: &'static str) -> Response<Bytes> {
        Response::builder()
            .status(status)
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap()
    }

    fn waiting(status: u16, retry_after: &str) -> Response<Bytes> {
        let mut response = answer(status, "");
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, retry_after.parse().unwrap());
        response
    }

    #[test]
    fn every_status_has_a_kind_whatever_the_body_says() {
        for (status, kind) in [
            (400, ErrorKind::Config),
            (401, ErrorKind::Unauthorized),
            (403, ErrorKind::Unauthorized),
            (404, ErrorKind::Malformed),
            (418, ErrorKind::Malformed),
            (422, ErrorKind::Config),
            (429, ErrorKind::RateLimited),
            (500, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
            (204, ErrorKind::Malformed),
        ] {
            for body in [
                "",
                "<html>",
                r#"{"error":"TPK0421"}"#,
                r#"{"error":{"code":"x","message":"TPK0421","errors":[{"field":"TPK0421","message":"TPK0421"}]}}"#,
                r#"{"error":{"code":7}}"#,
                r#"{"error":null}"#,
            ] {
                let error = refusal("search", &answer(status, body), now());
                assert_eq!(error.kind(), kind, "{status} {body}");
                assert!(!format!("{error} {error:?}").contains("TPK"), "{error:?}");
            }
        }
    }

    #[test]
    fn a_refused_field_is_named_if_it_is_one_of_ours() {
        let body = r#"{"error":{"code":"invalid","message":"m","errors":[{"field":"startDate","message":"m"}]}}"#;
        let error = refusal("search", &answer(422, body), now());
        assert_eq!(
            error.to_string(),
            "search: the source refused the request as wrong: field `startDate`"
        );
    }

    #[test]
    fn bad_credentials_are_told_from_a_bad_token_request() {
        let kind = |body| refusal("token", &answer(400, body), now()).kind();
        assert_eq!(
            kind(r#"{"error":"invalid_client"}"#),
            ErrorKind::Unauthorized
        );
        assert_eq!(kind(r#"{"error":"invalid_scope"}"#), ErrorKind::Config);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (text, retry) in [
            ("7", Retry::After(Duration::from_secs(7))),
            (
                "Thu, 05 Mar 2026 12:00:30 GMT",
                Retry::After(Duration::from_secs(30)),
            ),
            (
                "Thu, 05 Mar 2026 11:00:00 GMT",
                Retry::After(Duration::ZERO),
            ),
            ("soon", Retry::Backoff),
            ("-5", Retry::Backoff),
        ] {
            for status in [429, 503] {
                let error = refusal("search", &waiting(status, text), now());
                assert_eq!(error.retry(), retry, "{status} {text}");
            }
        }
        assert_eq!(
            refusal("search", &answer(429, ""), now()).retry(),
            Retry::Backoff
        );
        assert_eq!(
            refusal("search", &waiting(403, "7"), now()).retry(),
            Retry::Never
        );
    }
}
