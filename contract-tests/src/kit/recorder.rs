//! A transport that writes down what is sent over another one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use turnpike_adapters::context::Transport;
use turnpike_adapters::error::Result;

/// Counts every request handed to the transport, refused ones included, and keeps its text.
#[derive(Debug)]
pub(super) struct Recorder {
    inner: Arc<dyn Transport>,
    sent: Mutex<Vec<String>>,
}

impl Recorder {
    pub(super) fn new(inner: Arc<dyn Transport>) -> Self {
        Self {
            inner,
            sent: Mutex::default(),
        }
    }

    /// Requests so far.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Everything said so far: addresses, headers, bodies.
    pub(super) fn text(&self) -> String {
        self.lock().join("\n")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Transport for Recorder {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        deadline: Instant,
    ) -> Result<http::Response<Bytes>> {
        let mut text = format!("{} {}\n", request.method(), request.uri());
        for (name, value) in request.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push_str(&String::from_utf8_lossy(request.body()));
        self.lock().push(text);
        self.inner.send(request, deadline).await
    }
}
