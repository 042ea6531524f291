//! The agent's image server: what to ask it, and what its answer means.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use url::Url;

use super::identity::is_path_safe;
use crate::{
    adapter::Image,
    error::{Error, ErrorKind, Result, Retry},
};

const OPERATION: &str = "image";
/// Largest image, bytes.
const MAX_IMAGE_BYTES: usize = 8 * 1024 * 1024;

/// The request for the image behind `reference`.
///
/// # Errors
/// `Malformed` for a reference this adapter does not make, `Config` when no request can be built.
pub(super) fn request(base: &Url, reference: &str) -> Result<Request<Bytes>> {
    let uuid = reference
        .strip_prefix("img/")
        .filter(|uuid| is_path_safe(uuid))
        .ok_or_else(|| malformed("reference is not one of this adapter"))?;
    let mut url = base.clone();
    // INVARIANT: settings take http and https addresses only, and those have path segments.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["img", &format!("{uuid}.jpg")]);
    }
    Request::get(url.as_str())
        .header(header::ACCEPT, "image/jpeg, image/png")
        .body(Bytes::new())
        .map_err(|error| {
            Error::new(ErrorKind::Config, OPERATION, "address of the image").caused_by(error)
        })
}

/// The image in the answer.
///
/// # Errors
/// `Unavailable` (404 and 410: never again), `Unauthorized`, `RateLimited`, `Config` by the status;
/// `Malformed` for what is not a JPEG or PNG of at most 8 MiB under its own name.
pub(super) fn answer(response: Response<Bytes>) -> Result<Image> {
    let (parts, bytes) = response.into_parts();
    if parts.status != StatusCode::OK {
        return Err(refused(parts.status, &parts.headers));
    }
    if bytes.len() > MAX_IMAGE_BYTES {
        return Err(malformed("image is larger than 8 MiB"));
    }
    let declared =
        declared(&parts.headers).ok_or_else(|| malformed("answer is not declared as an image"))?;
    if !bytes.starts_with(declared.magic()) {
        return Err(malformed(
            "answer is not the kind of image it is declared as",
        ));
    }
    Ok(Image {
        content_type: declared.as_str().to_owned(),
        bytes,
    })
}

/// The kinds of image that are passed on.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Jpeg,
    Png,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }

    fn magic(self) -> &'static [u8] {
        match self {
            Self::Jpeg => b"\xFF\xD8\xFF",
            Self::Png => b"\x89PNG\r\n\x1A\n",
        }
    }
}

fn declared(headers: &HeaderMap) -> Option<Kind> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = value.split(';').next()?.trim().to_ascii_lowercase();
    match kind.as_str() {
        "image/jpeg" | "image/jpg" | "image/pjpeg" => Some(Kind::Jpeg),
        "image/png" => Some(Kind::Png),
        _ => None,
    }
}

fn refused(status: StatusCode, headers: &HeaderMap) -> Error {
    let error = |kind, message| Error::new(kind, OPERATION, message);
    match status.as_u16() {
        404 | 410 => error(ErrorKind::Unavailable, "the agent no longer has the image")
            .with_retry(Retry::Never),
        401 | 403 => error(ErrorKind::Unauthorized, "the agent refused the credentials"),
        429 => error(ErrorKind::RateLimited, "too many requests").with_retry(retry(headers)),
        500..=599 => error(
            ErrorKind::Unavailable,
            "the agent answered with a server error",
        )
        .with_retry(retry(headers)),
        400..=499 => error(ErrorKind::Config, "the agent refused the request as wrong"),
        _ => error(
            ErrorKind::Malformed,
            "the agent answered with an unexpected status",
        ),
    }
}

fn retry(headers: &HeaderMap) -> Retry {
    headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<u32>().ok())
        .map_or(Retry::Backoff, |seconds| {
            Retry::After(Duration::from_secs(seconds.into()))
        })
}

fn malformed(message: &'static str) -> Error {
    Error::new(ErrorKind::Malformed, OPERATION, message)
}
