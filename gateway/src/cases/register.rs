//! A case register asked over HTTP: does this case exist, and is it open?
//!
//! The interface is our own and small enough to put in front of any register; docs/case-register.md describes it. The
//! register learns the case reference and nothing else: no plate, no purpose, no person.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, header};
use serde::Deserialize;
use serde_json::json;
use turnpike_adapters::{
    context::{Secret, Transport},
    error::Error,
    transport::{HttpTransport, TransportConfig},
};
use turnpike_schemas::query::{CaseRef, CaseStanding};
use url::Url;

/// Largest answer, in bytes.
const MAX_BODY: usize = 4_096;

/// Where a register is and how long it may take.
#[derive(Debug, Clone)]
pub struct RegisterConfig {
    /// Its address.
    pub url: Url,
    /// Bearer token.
    pub token: Option<Secret>,
    /// Longest wait; afterwards the case counts as `unavailable`.
    pub timeout: Duration,
    /// Whether the address may be a private one.
    pub allow_private_addresses: bool,
}

/// A case register.
#[derive(Debug)]
pub struct CaseRegister {
    config: RegisterConfig,
    transport: Arc<dyn Transport>,
}

#[derive(Deserialize)]
struct Answer {
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Open,
    Closed,
    Unknown,
}

impl CaseRegister {
    /// A register as configured. Connects to nothing yet.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn new(config: RegisterConfig) -> Result<Self, Error> {
        let transport = HttpTransport::new(TransportConfig {
            allow_private: config.allow_private_addresses,
            max_body: MAX_BODY,
            ..TransportConfig::new(vec![config.url.clone()])
        })?;
        Ok(Self {
            config,
            transport: Arc::new(transport),
        })
    }

    /// What the register says about a case. Anything but a plain answer in time is [`CaseStanding::Unavailable`].
    pub async fn look_up(&self, case: &CaseRef) -> CaseStanding {
        let standing = self.ask(case).await.unwrap_or(CaseStanding::Unavailable);
        metrics::counter!("turnpike_case_lookups_total", "standing" => standing.as_str())
            .increment(1);
        standing
    }

    async fn ask(&self, case: &CaseRef) -> Option<CaseStanding> {
        let body = serde_json::to_vec(&json!({ "case_reference": case.as_str() })).ok()?;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.config.url.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json");
        if let Some(token) = &self.config.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let request = request.body(Bytes::from(body)).ok()?;
        let deadline = tokio::time::Instant::now().into_std() + self.config.timeout;
        let answer = match self.transport.send(request, deadline).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(%error, "the case register did not answer");
                return None;
            }
        };
        if answer.status() == http::StatusCode::NOT_FOUND {
            return Some(CaseStanding::Unknown);
        }
        if !answer.status().is_success() {
            let status = answer.status().as_u16();
            tracing::warn!(status, "the case register refused");
            return None;
        }
        match serde_json::from_slice::<Answer>(answer.body()) {
            Ok(Answer {
                status: Status::Open,
            }) => Some(CaseStanding::Confirmed),
            Ok(_) => Some(CaseStanding::Unknown),
            Err(_) => {
                tracing::warn!("the case register's answer is not understood");
                None
            }
        }
    }
}
