//! Single sign-on: OpenID Connect for people, signed access tokens for systems.
//!
//! What a token says counts only once signature, issuer, audience and times were checked (`token`); what its claims mean is
//! the configuration's (`claims`); keys are the provider's own, fetched from its origin and nowhere else (`keys`).

mod claims;
mod flow;
mod keys;
#[cfg(test)]
mod tests;
mod token;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use jiff::Timestamp;
use turnpike_adapters::{
    context::Transport,
    error::Error as TransportError,
    transport::{HttpTransport, TransportConfig},
};
use turnpike_schemas::agreement::Organisation;

pub use flow::{Completed, FlowError, Flows};
pub use token::{BadToken, issuer_of};

use crate::{config, control::Profile};
use keys::Keys;
use token::{Expected, Use};

/// Longest wait for one answer of a provider.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest answer of a provider, in bytes.
const MAX_ANSWER: usize = 256 << 10;

/// One configured provider.
#[derive(Debug)]
pub struct Provider {
    settings: config::Provider,
    transport: Arc<dyn Transport>,
    keys: Keys,
}

impl Provider {
    /// A provider that was not asked for anything yet.
    ///
    /// # Errors
    /// Its addresses cannot be used.
    pub fn new(settings: config::Provider) -> Result<Self, TransportError> {
        let pinned = TransportConfig {
            allow_private: settings.allow_private_addresses,
            max_body: MAX_ANSWER,
            ..TransportConfig::new(settings.hosts.clone())
        };
        let transport = Arc::new(HttpTransport::new(pinned)?);
        Ok(Self {
            settings,
            transport,
            keys: Keys::default(),
        })
    }

    /// Identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.settings.id
    }

    /// Whether it is the provider of this issuer.
    #[must_use]
    pub fn is(&self, issuer: &str) -> bool {
        self.settings.issuer == issuer
    }

    /// Who an access token is for.
    ///
    /// # Errors
    /// [`BadToken`].
    pub async fn access(
        &self,
        token: &str,
        organisations: &BTreeMap<String, Organisation>,
        now: Timestamp,
    ) -> Result<Profile, BadToken> {
        let claims = self.verified(token, Use::Access, now).await?;
        claims::profile(&self.settings, &claims, organisations)
    }

    /// Who an ID token is for; `nonce` is the one of the sign-in.
    async fn signed_in(
        &self,
        token: &str,
        nonce: &str,
        organisations: &BTreeMap<String, Organisation>,
        now: Timestamp,
    ) -> Result<Profile, BadToken> {
        let claims = self.verified(token, Use::SignIn { nonce }, now).await?;
        claims::profile(&self.settings, &claims, organisations)
    }

    async fn verified(
        &self,
        token: &str,
        usage: Use<'_>,
        now: Timestamp,
    ) -> Result<token::Claims, BadToken> {
        let expected = Expected {
            settings: &self.settings,
            usage,
        };
        let header = token::header(token, &expected)?;
        let key = self.key(&header.kid, now).await?;
        token::verify(token, &header, &key, &expected, now)
    }

    async fn key(&self, kid: &str, now: Timestamp) -> Result<jsonwebtoken::jwk::Jwk, BadToken> {
        self.keys.find(kid, self, now).await
    }

    /// One request to the provider, as the library wants it.
    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, TransportError> {
        let deadline = monotonic() + PATIENCE;
        let answer = self.transport.send(request.map(Bytes::from), deadline);
        Ok(answer.await?.map(|body| body.to_vec()))
    }
}

fn monotonic() -> Instant {
    tokio::time::Instant::now().into_std()
}
