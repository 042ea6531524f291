//! A vendor's own client: posts bodies to a receiver and remembers what it was answered.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use http::header;

use super::{lock, server};

/// Posts to one address.
#[derive(Debug)]
pub struct Poster {
    client: reqwest::Client,
    target: String,
    timeout: Duration,
    credential: Option<(String, String)>,
    answers: Mutex<Vec<Option<u16>>>,
}

impl Poster {
    /// Posts to `target` and waits at most `timeout` for an answer.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(target: &str, timeout: Duration) -> io::Result<Self> {
        Ok(Self {
            client: server::client()?,
            target: target.to_owned(),
            timeout,
            credential: None,
            answers: Mutex::default(),
        })
    }

    /// The same, with a header that says who posts.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.credential = Some((name.to_owned(), value.to_owned()));
        self
    }

    /// Posts once; the status, or `None` without an answer in time.
    pub async fn post(&self, content_type: &str, body: Vec<u8>) -> Option<u16> {
        let mut request = self
            .client
            .post(&self.target)
            .timeout(self.timeout)
            .header(header::CONTENT_TYPE, content_type)
            .body(body);
        if let Some((name, value)) = &self.credential {
            request = request.header(name, value);
        }
        let answer = request.send().await.ok();
        let status = answer.map(|answer| answer.status().as_u16());
        lock(&self.answers).push(status);
        status
    }

    /// What was answered so far, oldest first.
    #[must_use]
    pub fn answers(&self) -> Vec<Option<u16>> {
        lock(&self.answers).clone()
    }
}

#[cfg(test)]
pub(super) mod receiver {
    //! A receiver that answers as told.

    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Bytes;
    use http::{HeaderMap, StatusCode};

    use crate::sim::lock;
    use crate::sim::server::Server;

    pub(in crate::sim) type Got = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

    /// Answers with `statuses`, one after the other, and then with 200.
    pub(in crate::sim) async fn answering(statuses: &'static [u16]) -> (Server, Got) {
        let got = Got::default();
        let kept = Arc::clone(&got);
        let answer = move |headers: HeaderMap, body: Bytes| async move {
            let mut kept = lock(&kept);
            let status = statuses.get(kept.len()).copied().unwrap_or(200);
            kept.push((headers, body));
            StatusCode::from_u16(status).unwrap()
        };
        let router = Router::new().fallback(answer);
        (Server::start(router).await.unwrap(), got)
    }
}
