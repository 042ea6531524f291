//! The provider's keys: fetched from where its discovery document says, kept, and fetched again when a token names one that is new.
//!
//! A stranger can name any key, so fetching is limited: at most one in [`BETWEEN`], whoever asks.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::{StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{BadToken, Provider};

/// Shortest time between two fetches.
const BETWEEN: SignedDuration = SignedDuration::from_secs(30);

/// Keys older than this are fetched anew.
const FRESH: SignedDuration = SignedDuration::from_mins(15);

/// Keys older than this are not used: a provider that is gone for so long has withdrawn its word.
const LONGEST: SignedDuration = SignedDuration::from_hours(12);

/// Most keys looked at.
const MAX_KEYS: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Keys {
    held: ArcSwapOption<Held>,
    /// When the last fetch began. Held while one is under way.
    last: Mutex<Option<Timestamp>>,
}

#[derive(Debug)]
struct Held {
    keys: JwkSet,
    at: Timestamp,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Keys {
    /// The key of that name, after a fetch where it is not held or what is held is old.
    pub(super) async fn find(
        &self,
        kid: &str,
        provider: &Provider,
        now: Timestamp,
    ) -> Result<Jwk, BadToken> {
        if let Some(key) = self.held(kid, now, FRESH) {
            return Ok(key);
        }
        let fetched = self.fetch(provider, now).await;
        match self.held(kid, now, LONGEST) {
            Some(key) => Ok(key),
            None => match fetched {
                Err(()) => Err(BadToken::Unavailable),
                Ok(()) => Err(BadToken::Key),
            },
        }
    }

    fn held(&self, kid: &str, now: Timestamp, longest: SignedDuration) -> Option<Jwk> {
        let held = self.held.load_full()?;
        if now.duration_since(held.at) >= longest {
            return None;
        }
        held.keys.find(kid).cloned()
    }

    /// Fetches unless that was just done; whoever comes meanwhile waits for it.
    async fn fetch(&self, provider: &Provider, now: Timestamp) -> Result<(), ()> {
        let mut last = self.last.lock().await;
        let just = last.is_some_and(|last| now.duration_since(last) < BETWEEN);
        if just {
            return self.held.load().as_ref().map(|_| ()).ok_or(());
        }
        *last = Some(now);
        match provider.fetch_keys().await {
            Some(keys) => {
                self.held.store(Some(Arc::new(Held { keys, at: now })));
                Ok(())
            }
            None => Err(()),
        }
    }
}

impl Provider {
    /// The keys as the provider publishes them now.
    async fn fetch_keys(&self) -> Option<JwkSet> {
        let issuer = self.settings.issuer.trim_end_matches('/');
        let discovery = format!("{issuer}/.well-known/openid-configuration");
        let discovery: Discovery = self.fetch(&discovery).await?;
        if discovery.issuer != self.settings.issuer {
            tracing::warn!(
                provider = self.id(),
                "the provider calls itself something else"
            );
            return None;
        }
        let mut published: serde_json::Value = self.fetch(&discovery.jwks_uri).await?;
        let keys = published.get_mut("keys")?.as_array_mut()?;
        keys.truncate(MAX_KEYS);
        // A key of a kind that is not known costs itself and no other.
        let keys = keys.drain(..);
        let keys = keys.filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        Some(JwkSet {
            keys: keys.collect(),
        })
    }

    async fn fetch<T: serde::de::DeserializeOwned>(&self, address: &str) -> Option<T> {
        let request = http::Request::get(address)
            .header(header::ACCEPT, "application/json")
            .body(Vec::new())
            .ok()?;
        match self.send(request).await {
            Ok(answer) if answer.status() == StatusCode::OK => {
                serde_json::from_slice(answer.body()).ok()
            }
            Ok(answer) => {
                let status = answer.status().as_u16();
                tracing::warn!(provider = self.id(), status, "the provider gives no keys");
                None
            }
            Err(error) => {
                tracing::warn!(provider = self.id(), %error, "the provider cannot be asked");
                None
            }
        }
    }
}
