//! What the broker's refusals mean. Its own text goes nowhere: it can repeat the question.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

use crate::error::{Error, ErrorKind, Retry};

/// The error a status other than 200 is. `now` is what an HTTP date in `Retry-After` is counted from.
pub(super) fn refusal(
    operation: &'static str,
    response: &Response<Bytes>,
    now: Timestamp,
) -> Error {
    let status = response.status();
    let (kind, meaning) = meaning(status);
    let error = Error::new(
        kind,
        operation,
        format!("{meaning} (status {})", status.as_u16()),
    );
    match retry_after(response.headers(), now) {
        Some(wait) if matches!(kind, ErrorKind::RateLimited | ErrorKind::Unavailable) => {
            error.with_retry(Retry::After(wait))
        }
        _ => error,
    }
}

fn meaning(status: StatusCode) -> (ErrorKind, &'static str) {
    match status.as_u16() {
        401 | 403 => (
            ErrorKind::Unauthorized,
            "the broker refused the credentials",
        ),
        400 | 422 => (
            ErrorKind::Config,
            "the broker refused the question as wrong",
        ),
        404 => (
            ErrorKind::Config,
            "the broker knows no such path or tenant; check `base_url` and `tenant`",
        ),
        429 => (ErrorKind::RateLimited, "the broker says too many requests"),
        500..=599 => (ErrorKind::Unavailable, "the broker has a fault of its own"),
        _ => (
            ErrorKind::Malformed,
            "the broker answered with an unexpected status",
        ),
    }
}

/// How long the broker asks to be left alone: seconds, or an HTTP date. `None` where it does not say.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let at = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}
