//! The CLI as a client of a gateway.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use turnpike_schemas::api::Problem;

use super::exit::{Exit, Outcome};

/// Longer than the longest deadline of a question.
const TIMEOUT: Duration = Duration::from_secs(40);

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

    /// The file of the token, where one is named.
    pub(super) fn token_file(&self) -> Option<&Path> {
        self.token_file.as_deref()
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
        let unreachable = |error: reqwest::Error| {
            let message = format!(
                "the gateway at {} cannot be reached: {}; is it running?",
                self.server,
                error.without_url()
            );
            Outcome::new(Exit::Unavailable, message)
        };
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
