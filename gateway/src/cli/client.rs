//! The CLI as a client of a gateway.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use futures::StreamExt as _;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use turnpike_schemas::api::Problem;

use super::{
    exit::{Exit, Outcome},
    progress::bytes_bar,
};

/// Longer than the longest deadline of a question.
const TIMEOUT: Duration = Duration::from_secs(40);

/// For a large file and what is made of it.
const LONG: Duration = Duration::from_secs(600);

/// Longer than any stream of the gateway's.
const FOREVER: Duration = Duration::from_secs(24 * 3_600);

/// What is sent at once of a file.
const PIECE: usize = 64 << 10;

/// A file to be sent.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) body: bytes::Bytes,
    pub(super) content_type: &'static str,
    /// Names it, so that sent again it changes nothing.
    pub(super) key: Option<String>,
}

fn pieces(body: &bytes::Bytes) -> impl Iterator<Item = bytes::Bytes> {
    let starts = (0..body.len()).step_by(PIECE);
    starts.map(|start| body.slice(start..body.len().min(start + PIECE)))
}

/// Which gateway, and as whom.
#[derive(Debug, clap::Args)]
pub(super) struct Server {
    /// Address of the gateway
    #[arg(long, env = "TURNPIKE_SERVER", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// File that holds your token, as `turnpike login` writes it; the environment variable `TURNPIKE_TOKEN` does as well
    #[arg(long, env = "TURNPIKE_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Your token, from the environment only: other users can see a command line
    #[arg(
        long = "token-from-environment-only",
        env = "TURNPIKE_TOKEN",
        hide = true,
        hide_env_values = true
    )]
    token: Option<String>,
}

impl Server {
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Outcome> {
        self.send(self.request(Method::GET, path)?).await
    }

    /// The same as nobody in particular.
    pub(super) async fn get_openly<T: DeserializeOwned>(&self, path: &str) -> Result<T, Outcome> {
        self.send(self.open_request(Method::GET, path)?).await
    }

    /// The same as nobody in particular.
    pub(super) async fn post_openly<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Outcome> {
        self.send(self.open_request(Method::POST, path)?.json(body))
            .await
    }

    pub(super) async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Outcome> {
        self.send(self.request(Method::PATCH, path)?.json(body))
            .await
    }

    /// An answer that is text.
    pub(super) async fn text(&self, path: &str) -> Result<String, Outcome> {
        let body = self.answer(self.request(Method::GET, path)?).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// A deletion that is answered.
    pub(super) async fn delete_for<T: DeserializeOwned>(&self, path: &str) -> Result<T, Outcome> {
        self.send(self.request(Method::DELETE, path)?).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), Outcome> {
        self.answer(self.request(Method::DELETE, path)?)
            .await
            .map(drop)
    }

    /// Sends a file, telling how far it is.
    pub(super) async fn post_file<T: DeserializeOwned>(
        &self,
        path: &str,
        file: Upload,
    ) -> Result<T, Outcome> {
        let bar = bytes_bar(file.body.len() as u64, "sent");
        let (length, told) = (file.body.len(), bar.clone());
        let pieces: Vec<bytes::Bytes> = pieces(&file.body).collect();
        let pieces = futures::stream::iter(pieces).map(move |piece| {
            told.inc(piece.len() as u64);
            Ok::<_, std::io::Error>(piece)
        });
        let mut request = self
            .request(Method::POST, path)?
            .timeout(LONG)
            .header("content-type", file.content_type)
            .header("content-length", length)
            .body(reqwest::Body::wrap_stream(pieces));
        if let Some(key) = &file.key {
            request = request.header("idempotency-key", key);
        }
        let answer = self.send(request).await;
        bar.finish_and_clear();
        answer
    }

    /// Begins to follow a stream of events; its parts come as they come.
    pub(super) async fn follow(
        &self,
        path: &str,
        last_event: Option<u64>,
    ) -> Result<reqwest::Response, Outcome> {
        let mut request = self
            .request(Method::GET, path)?
            .timeout(FOREVER)
            .header("accept", "text/event-stream");
        if let Some(last) = last_event {
            request = request.header("last-event-id", last);
        }
        let unreachable = |error: reqwest::Error| self.unreachable(&error.without_url());
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.map_err(unreachable)?;
        Err(refused(status, &body))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Outcome {
        let message = format!(
            "the gateway at {} cannot be reached: {error}; is it running?",
            self.server
        );
        Outcome::new(Exit::Unavailable, message)
    }

    /// An answer of a particular type.
    pub(super) async fn text_as(&self, path: &str, kind: &str) -> Result<String, Outcome> {
        let request = self.request(Method::GET, path)?.header("accept", kind);
        let body = self.answer(request).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Asks for something to be done that takes no body.
    pub(super) async fn act<T: DeserializeOwned>(&self, path: &str) -> Result<T, Outcome> {
        self.send(self.request(Method::POST, path)?).await
    }

    /// The file of the token, where one is named.
    pub(super) fn token_file(&self) -> Option<&Path> {
        self.token_file.as_deref()
    }

    pub(super) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Outcome> {
        self.send(self.request(Method::PUT, path)?.json(body)).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Outcome> {
        self.send(self.request(Method::POST, path)?.json(body))
            .await
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Outcome> {
        let request = self.open_request(method, path)?;
        Ok(request.bearer_auth(self.token()?))
    }

    fn open_request(&self, method: Method, path: &str) -> Result<RequestBuilder, Outcome> {
        let client = client()?;
        let address = format!("{}{path}", self.server.trim_end_matches('/'));
        Ok(client.request(method, address))
    }

    fn token(&self) -> Result<String, Outcome> {
        if let Some(file) = &self.token_file {
            let read = std::fs::read_to_string(file);
            let token = read.map_err(|error| {
                Outcome::new(
                    Exit::Failed,
                    format!("{} cannot be read: {error}", file.display()),
                )
            })?;
            return Ok(token.trim().to_owned());
        }
        self.token.clone().ok_or_else(|| {
            Outcome::new(
                Exit::Usage,
                "who are you? sign in with `turnpike login`, set TURNPIKE_TOKEN, or name a file with --token-file",
            )
        })
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Outcome> {
        let body = self.answer(request).await?;
        serde_json::from_slice(&body).map_err(|_| {
            Outcome::new(
                Exit::Failed,
                "the gateway's answer is not understood; do both have the same version?",
            )
        })
    }

    /// The body of a good answer.
    async fn answer(&self, request: RequestBuilder) -> Result<bytes::Bytes, Outcome> {
        let unreachable = |error: reqwest::Error| self.unreachable(&error.without_url());
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok(body);
        }
        Err(refused(status, &body))
    }
}

/// A client for a gateway or a log.
#[expect(
    clippy::disallowed_methods,
    reason = "the CLI talks to gateways, not to sources"
)]
pub(super) fn client() -> Result<Client, Outcome> {
    Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| Outcome::new(Exit::Failed, error.to_string()))
}

fn refused(status: StatusCode, body: &[u8]) -> Outcome {
    let exit = match status.as_u16() {
        429 => Exit::RateLimited,
        503 | 504 => Exit::Unavailable,
        400..=499 => Exit::Refused,
        _ => Exit::Failed,
    };
    let message = match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => match problem.detail {
            Some(detail) => format!("{}: {detail}", problem.title),
            None => problem.title,
        },
        Err(_) => format!("the gateway answered {status}"),
    };
    Outcome::new(exit, message)
}
