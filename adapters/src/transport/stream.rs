//! Long-lived HTTP answers in parts, through the same pinned client as everything else.

#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use url::Url;

use super::{
    HttpTransport, Login, failure,
    parts::{Part, Splitter},
};
use crate::error::{Error, ErrorKind, Result};

const STREAM: &str = "stream";

/// What is read of a stream at most, and how long it may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// Largest part, in bytes.
    pub max_part: usize,
    /// Longest time to the head of the answer.
    pub open: Duration,
    /// Longest silence after that.
    pub idle: Duration,
}

/// An answer that goes on. Dropping it closes the connection.
#[derive(Debug)]
pub struct PartStream {
    response: reqwest::Response,
    splitter: Splitter,
    idle: Duration,
}

impl HttpTransport {
    /// Asks for a stream and reads the head of the answer. A challenge is answered once, with `login`.
    ///
    /// # Errors
    /// Those of [`crate::context::Transport::send`]; and of the status: 401 and 403 are `Unauthorized`, 429 is `RateLimited`,
    /// 5xx `Unavailable`, another but 200 `Malformed`, as is an answer that is not multipart.
    pub async fn open(
        &self,
        url: &Url,
        login: Option<&Login>,
        limits: &StreamLimits,
    ) -> Result<PartStream> {
        let opening = self.open_answered(url, login);
        let response = tokio::time::timeout(limits.open, opening)
            .await
            .unwrap_or_else(|_| Err(silent("no answer in time")))?;
        let headers = response.headers();
        let content_type = headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let splitter = Splitter::new(content_type.unwrap_or_default(), limits.max_part)?;
        Ok(PartStream {
            response,
            splitter,
            idle: limits.idle,
        })
    }

    async fn open_answered(&self, url: &Url, login: Option<&Login>) -> Result<reqwest::Response> {
        let mut response = self.get(url, None).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let cnonce = format!("{:032x}", fastrand::u128(..));
            let answer = login.and_then(|login| {
                let uri = match url.query() {
                    Some(query) => format!("{}?{query}", url.path()),
                    None => url.path().to_owned(),
                };
                login.answer(response.headers(), &uri, &cnonce)
            });
            if let Some(answer) = answer {
                response = self.get(url, Some(answer)).await?;
            }
        }
        match response.status() {
            StatusCode::OK => Ok(response),
            status => Err(refused(status)),
        }
    }

    async fn get(&self, url: &Url, login: Option<HeaderValue>) -> Result<reqwest::Response> {
        let mut request = http::Request::get(url.as_str());
        if let Some(login) = login {
            request = request.header(header::AUTHORIZATION, login);
        }
        let request = request.body(Bytes::new()).map_err(|_| {
            Error::new(ErrorKind::Config, STREAM, "the address cannot be asked for")
        })?;
        self.begin(self.admit(request)?).await
    }
}

impl PartStream {
    /// The next part; `None` once the source has said that there are no more. Cancel safe.
    ///
    /// # Errors
    /// `Unavailable` when the source breaks off, `TimedOut` after the longest silence, `Malformed` when a part is too large or
    /// the body is not what its type says.
    pub async fn next(&mut self) -> Result<Option<Part>> {
        loop {
            if let Some(part) = self.splitter.next_part()? {
                return Ok(Some(part));
            }
            if self.splitter.is_over() {
                return Ok(None);
            }
            let chunk = tokio::time::timeout(self.idle, self.response.chunk()).await;
            let chunk = chunk.map_err(|_| silent("the stream fell silent"))?;
            match chunk.map_err(failure)? {
                Some(chunk) => self.splitter.feed(&chunk),
                None => {
                    let message = "the source broke off its stream";
                    return Err(Error::new(ErrorKind::Unavailable, STREAM, message));
                }
            }
        }
    }
}

fn refused(status: StatusCode) -> Error {
    let (kind, message) = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            ErrorKind::Unauthorized,
            "the source refused the credentials",
        ),
        StatusCode::TOO_MANY_REQUESTS => {
            (ErrorKind::RateLimited, "the source says too many requests")
        }
        status if status.is_server_error() => {
            (ErrorKind::Unavailable, "the source has a fault of its own")
        }
        _ => (ErrorKind::Malformed, "the source answered with no stream"),
    };
    let message = format!("{message} (status {})", status.as_u16());
    Error::new(kind, STREAM, message)
}

fn silent(message: &'static str) -> Error {
    Error::new(ErrorKind::TimedOut, STREAM, message)
}
