//! Digest of everything a source answered to one call, for the provenance of its reads.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use sha2::{Digest as _, Sha256};
use turnpike_adapters::{context::Transport, error::Result};
use turnpike_schemas::hex::hex;

/// Passes requests on and hashes the bodies that come back, in the order in which they come.
#[derive(Debug)]
pub(crate) struct Digesting {
    inner: Arc<dyn Transport>,
    hash: Mutex<Sha256>,
    date: Mutex<Option<Timestamp>>,
}

impl Digesting {
    pub(crate) fn over(inner: Arc<dyn Transport>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            hash: Mutex::new(Sha256::new()),
            date: Mutex::default(),
        })
    }

    /// SHA-256 of the bodies so far, hexadecimal.
    pub(crate) fn sha256(&self) -> String {
        hex(&self
            .hash
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .finalize())
    }
}

impl Digesting {
    /// The time the source said it was in its last answer.
    pub(super) fn date(&self) -> Option<Timestamp> {
        *self.date.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `Date` of an answer.
fn date(response: &http::Response<Bytes>) -> Option<Timestamp> {
    let text = response.headers().get(http::header::DATE)?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(text).ok()
}

#[async_trait]
impl Transport for Digesting {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        deadline: Instant,
    ) -> Result<http::Response<Bytes>> {
        let response = self.inner.send(request, deadline).await?;
        *self.date.lock().unwrap_or_else(PoisonError::into_inner) = date(&response);
        self.hash
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .update(response.body());
        Ok(response)
    }
}
