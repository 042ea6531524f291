//! Digest of everything a source answered to one call, for the provenance of its reads.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use turnpike_adapters::{context::Transport, error::Result};
use turnpike_schemas::hex::hex;

/// Passes requests on and hashes the bodies that come back, in the order in which they come.
#[derive(Debug)]
pub(crate) struct Digesting {
    inner: Arc<dyn Transport>,
    hash: Mutex<Sha256>,
}

impl Digesting {
    pub(crate) fn over(inner: Arc<dyn Transport>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            hash: Mutex::new(Sha256::new()),
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

#[async_trait]
impl Transport for Digesting {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        deadline: Instant,
    ) -> Result<http::Response<Bytes>> {
        let response = self.inner.send(request, deadline).await?;
        self.hash
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .update(response.body());
        Ok(response)
    }
}
