//! What the answers of a source mean: its statuses, and the errors it hides behind status 200.

use bytes::Bytes;
use http::{HeaderName, Response, StatusCode};
use jiff::Timestamp;

use crate::{
    declarative::{capture::Scalar, field::Condition},
    error::{Error, ErrorKind, Retry},
    web,
};

/// The rules of one source.
#[derive(Debug)]
pub(in super::super) struct Rules {
    /// Statuses that mean that nothing was found.
    pub(in super::super) empty: Vec<u16>,
    /// Statuses that mean too many requests.
    pub(in super::super) limited: Vec<u16>,
    /// Where the source says how long to wait: seconds, or an HTTP date.
    pub(in super::super) retry_after: HeaderName,
    /// Answers of status 200 that are errors, first match first.
    pub(in super::super) errors: Vec<(Condition, ErrorKind)>,
}

impl Rules {
    /// The error an answer is by its status, if it is one; `Ok(false)` when nothing was found.
    pub(super) fn status(
        &self,
        operation: &'static str,
        response: &Response<Bytes>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let status = response.status();
        if self.empty.contains(&status.as_u16()) {
            return Ok(false);
        }
        if status == StatusCode::OK {
            return Ok(true);
        }
        Err(refusal(
            operation,
            response,
            &self.limited,
            &self.retry_after,
            now,
        ))
    }

    /// The error an answer of status 200 is by what it says.
    pub(super) fn said(
        &self,
        operation: &'static str,
        response: &Response<Bytes>,
        values: &[Scalar<'_>],
        now: Timestamp,
    ) -> Result<(), Error> {
        let broken = self
            .errors
            .iter()
            .find(|(condition, _)| condition.holds(values));
        let Some((_, kind)) = broken else {
            return Ok(());
        };
        let error = Error::new(
            *kind,
            operation,
            "the source answered with an error of its own",
        );
        Err(waiting(error, response, &self.retry_after, now))
    }
}

/// The error a status other than 200 is.
pub(super) fn refusal(
    operation: &'static str,
    response: &Response<Bytes>,
    limited: &[u16],
    retry_after: &HeaderName,
    now: Timestamp,
) -> Error {
    let status = response.status().as_u16();
    let (kind, message) = match status {
        status if limited.contains(&status) => {
            (ErrorKind::RateLimited, "the source says too many requests")
        }
        401 => (
            ErrorKind::Unauthorized,
            "the source refused the credentials",
        ),
        403 => (ErrorKind::Unauthorized, "the source refused access"),
        400 | 422 => (ErrorKind::Config, "the source refused the request as wrong"),
        500..=599 => (ErrorKind::Unavailable, "the source has a fault of its own"),
        _ => (
            ErrorKind::Malformed,
            "the source answered with a status the mapping does not name",
        ),
    };
    let error = Error::new(kind, operation, format!("{message} (status {status})"));
    waiting(error, response, retry_after, now)
}

fn waiting(error: Error, response: &Response<Bytes>, name: &HeaderName, now: Timestamp) -> Error {
    let kind = error.kind();
    match web::wait(response.headers().get(name), now) {
        Some(wait) if matches!(kind, ErrorKind::RateLimited | ErrorKind::Unavailable) => {
            error.with_retry(Retry::After(wait))
        }
        _ => error,
    }
}
