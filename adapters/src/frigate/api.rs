//! Frigate's HTTP API: what is asked, and what its answers mean.

use std::{sync::Mutex, sync::PoisonError, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use serde_json::json;
use url::Url;

use super::read::is_path_safe;
use crate::{
    adapter::Image,
    context::Context,
    error::{Error, ErrorKind, Result, Retry},
};

/// Largest image, bytes.
const MAX_IMAGE_BYTES: usize = 8 * 1024 * 1024;

/// The API of one source, and the session it gave.
#[derive(Debug)]
pub(super) struct Api {
    base: Url,
    session: Mutex<Option<HeaderValue>>,
}

/// Part of the events.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) after: f64,
    pub(super) before: f64,
    pub(super) limit: usize,
}

impl Api {
    pub(super) fn new(base: Url) -> Self {
        Self {
            base,
            session: Mutex::new(None),
        }
    }

    /// Events that began in `span`, newest first.
    pub(super) async fn events(&self, ctx: &Context, span: Span) -> Result<Bytes> {
        let mut url = self.at(&["events"]);
        url.query_pairs_mut()
            .append_pair("after", &format!("{:.6}", span.after))
            .append_pair("before", &format!("{:.6}", span.before))
            .append_pair("limit", &span.limit.to_string())
            .append_pair("include_thumbnails", "0");
        let response = self.get(ctx, "poll", &url, "application/json").await?;
        Ok(response.into_body())
    }

    /// The snapshot behind `reference`.
    pub(super) async fn snapshot(&self, ctx: &Context, reference: &str) -> Result<Image> {
        let id = reference.strip_prefix("events/");
        let id = id
            .filter(|id| is_path_safe(id))
            .ok_or_else(|| malformed("image", "reference is not one of this adapter"))?;
        let url = self.at(&["events", id, "snapshot.jpg"]);
        let response = self.get(ctx, "image", &url, "image/jpeg").await?;
        let is_jpeg = declared(response.headers()) == Some("image/jpeg")
            && response.body().starts_with(b"\xFF\xD8\xFF");
        if !is_jpeg {
            return Err(malformed("image", "the answer is no JPEG"));
        }
        if response.body().len() > MAX_IMAGE_BYTES {
            return Err(malformed("image", "image is larger than 8 MiB"));
        }
        Ok(Image {
            content_type: "image/jpeg".to_owned(),
            bytes: response.into_body(),
        })
    }

    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // INVARIANT: settings take http and https addresses only, and those have path segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Asks as whoever is configured. A session that is refused is replaced once.
    async fn get(
        &self,
        ctx: &Context,
        operation: &'static str,
        url: &Url,
        accept: &'static str,
    ) -> Result<Response<Bytes>> {
        let held = self.session();
        let had_one = held.is_some();
        let session = match held {
            Some(session) => Some(session),
            None => self.log_in(ctx).await?,
        };
        let response = ctx.send(request(operation, url, accept, session.as_ref())?);
        let mut response = response.await?;
        if response.status() == StatusCode::UNAUTHORIZED && had_one {
            let session = self.log_in(ctx).await?;
            let again = ctx.send(request(operation, url, accept, session.as_ref())?);
            response = again.await?;
        }
        match response.status() {
            StatusCode::OK => Ok(response),
            status => Err(refused(operation, status, response.headers(), ctx.now())),
        }
    }

    fn session(&self) -> Option<HeaderValue> {
        let session = self.session.lock();
        session.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins a session where a name and a password are configured. Frigate gives a token as a cookie and takes it as a bearer.
    async fn log_in(&self, ctx: &Context) -> Result<Option<HeaderValue>> {
        let (Some(user), Some(password)) = (
            ctx.optional_secret("api_user"),
            ctx.optional_secret("api_password"),
        ) else {
            return Ok(None);
        };
        let body = json!({ "user": user.expose(), "password": password.expose() });
        let request = Request::post(self.at(&["login"]).as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))
            .map_err(|_| unaskable("login"))?;
        let response = ctx.send(request).await?;
        if response.status() != StatusCode::OK {
            let headers = response.headers();
            return Err(refused("login", response.status(), headers, ctx.now()));
        }
        let cookies = response.headers().get_all(header::SET_COOKIE);
        let token = cookies.iter().find_map(|cookie| {
            let token = cookie.to_str().ok()?.strip_prefix("frigate_token=")?;
            token.split(';').next()
        });
        let bearer = token.filter(|token| !token.is_empty()).and_then(|token| {
            let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
            bearer.set_sensitive(true);
            Some(bearer)
        });
        let bearer = bearer.ok_or_else(|| malformed("login", "the answer holds no session"))?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        *session = Some(bearer.clone());
        Ok(Some(bearer))
    }
}

fn request(
    operation: &'static str,
    url: &Url,
    accept: &'static str,
    session: Option<&HeaderValue>,
) -> Result<Request<Bytes>> {
    let mut request = Request::get(url.as_str()).header(header::ACCEPT, accept);
    if let Some(session) = session {
        request = request.header(header::AUTHORIZATION, session);
    }
    let request = request.body(Bytes::new());
    request.map_err(|_| unaskable(operation))
}

fn declared(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
}

fn refused(
    operation: &'static str,
    status: StatusCode,
    headers: &HeaderMap,
    now: Timestamp,
) -> Error {
    let error = |kind, message: &str| {
        Error::new(
            kind,
            operation,
            format!("{message} (status {})", status.as_u16()),
        )
    };
    let waiting = |error: Error| match retry_after(headers, now) {
        Some(wait) => error.with_retry(Retry::After(wait)),
        None => error,
    };
    match status.as_u16() {
        401 | 403 => error(
            ErrorKind::Unauthorized,
            "the source refused the credentials",
        ),
        404 | 410 => {
            error(ErrorKind::Unavailable, "the source does not have it").with_retry(Retry::Never)
        }
        429 => waiting(error(
            ErrorKind::RateLimited,
            "the source says too many requests",
        )),
        500..=599 => waiting(error(
            ErrorKind::Unavailable,
            "the source has a fault of its own",
        )),
        400..=499 => error(ErrorKind::Config, "the source refused the request as wrong"),
        _ => error(
            ErrorKind::Malformed,
            "the source answered with an unexpected status",
        ),
    }
}

/// Seconds, or an HTTP date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let at = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

fn unaskable(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::Config,
        operation,
        "the address cannot be asked for",
    )
}

fn malformed(operation: &'static str, message: &'static str) -> Error {
    Error::new(ErrorKind::Malformed, operation, message)
}
