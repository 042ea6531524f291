//! Signing in at a provider: authorization code with PKCE (S256), state and nonce. The verifier never leaves the gateway.
//!
//! `openidconnect` builds the address, exchanges the code and checks the ID token; the gateway then checks it again with
//! the rules for every token, by its own clock and the configured algorithms. Both must accept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use openidconnect::{
    AsyncHttpClient, AuthenticationContextClass, AuthorizationCode, ClientId, ClientSecret,
    CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, Scope, TokenResponse as _,
    core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata},
};
use subtle::ConstantTimeEq as _;
use turnpike_adapters::error::Error as TransportError;
use turnpike_schemas::agreement::Organisation;
use url::Url;

use super::{BadToken, Provider};
use crate::{
    config::TokenHash,
    control::{ControlError, Profile, random_text},
};

/// How long a sign-in may take.
const LONGEST: SignedDuration = SignedDuration::from_mins(10);

/// Most sign-ins under way.
const MOST: usize = 512;

/// Sign-ins under way, by the hash of the secret whoever began each one holds.
#[derive(Debug, Default)]
pub struct Flows(Mutex<HashMap<TokenHash, Flow>>);

/// One sign-in under way.
struct Flow {
    provider: String,
    redirect: RedirectUrl,
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    acknowledged: Option<String>,
    began_at: Timestamp,
}

/// Who signed in.
#[derive(Debug)]
pub struct Completed {
    /// Who.
    pub profile: Profile,
    /// The notice that was acknowledged at the beginning.
    pub acknowledged: Option<String>,
    /// The provider.
    pub provider: String,
}

/// Why a sign-in at a provider does not begin or end well.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// No such provider is configured.
    #[error("there is no such provider")]
    Provider,
    /// The browser may not be sent there.
    #[error(
        "`redirect_uri` must be `http://127.0.0.1:PORT/callback` or an address that is configured"
    )]
    Redirect,
    /// Too many sign-ins are under way.
    #[error("too many sign-ins are under way")]
    Busy,
    /// No such sign-in is under way, or it took too long.
    #[error("no such sign-in is under way: begin again")]
    Unknown,
    /// The answer is not one to this sign-in.
    #[error("the answer is not one to this sign-in")]
    State,
    /// The provider takes the code back, or cannot be asked.
    #[error("the provider did not confirm the sign-in")]
    Exchange,
    /// The ID token is not taken.
    #[error("the provider's statement is not taken: {0}")]
    Token(#[from] BadToken),
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] ControlError),
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flow")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

impl FlowError {
    /// The word in the ledger.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Redirect => "redirect_uri",
            Self::Busy => "busy",
            Self::Unknown => "flow",
            Self::State => "state",
            Self::Exchange => "exchange",
            Self::Token(bad) => bad.as_str(),
            Self::Random(_) => "random",
        }
    }
}

impl Flows {
    fn flows(&self) -> MutexGuard<'_, HashMap<TokenHash, Flow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more sign-in may begin. Those that took too long are forgotten.
    fn room(&self, now: Timestamp) -> Result<(), FlowError> {
        let mut flows = self.flows();
        flows.retain(|_, flow| now.duration_since(flow.began_at) < LONGEST);
        (flows.len() < MOST).then_some(()).ok_or(FlowError::Busy)
    }

    fn add(&self, secret: &str, flow: Flow, now: Timestamp) -> Result<(), FlowError> {
        self.room(now)?;
        self.flows().insert(TokenHash::of(secret), flow);
        Ok(())
    }

    /// Takes the flow: it is good for one answer, right or wrong.
    fn take(&self, secret: &str, now: Timestamp) -> Result<Flow, FlowError> {
        let flow = self.flows().remove(&TokenHash::of(secret));
        flow.filter(|flow| now.duration_since(flow.began_at) < LONGEST)
            .ok_or(FlowError::Unknown)
    }

    /// Begins a sign-in; gives the address for the browser and the secret that completes it.
    ///
    /// # Errors
    /// [`FlowError`].
    pub async fn begin(
        &self,
        provider: &Arc<Provider>,
        redirect: &str,
        step_up: bool,
        acknowledged: Option<String>,
        now: Timestamp,
    ) -> Result<(Url, String), FlowError> {
        let redirect = provider.redirect(redirect)?;
        // Before the provider is asked for anything: strangers begin sign-ins too.
        self.room(now)?;
        let metadata = provider.discover().await?;
        let client = provider.client(metadata).set_redirect_uri(redirect.clone());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut asked = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(provider.settings.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge);
        if let Some(acr) = provider.settings.step_up_acr.as_ref().filter(|_| step_up) {
            asked = asked.add_auth_context_value(AuthenticationContextClass::new(acr.clone()));
        }
        let (address, state, nonce) = asked.url();
        let secret = random_text()?;
        let flow = Flow {
            provider: provider.id().to_owned(),
            redirect,
            state,
            nonce,
            verifier,
            acknowledged,
            began_at: now,
        };
        self.add(&secret, flow, now)?;
        Ok((address, secret))
    }

    /// Completes a sign-in with what the browser brought back.
    ///
    /// # Errors
    /// [`FlowError`].
    pub async fn complete(
        &self,
        providers: &[Arc<Provider>],
        (secret, state, code): (&str, &str, String),
        organisations: &std::collections::BTreeMap<String, Organisation>,
        now: Timestamp,
    ) -> Result<Completed, FlowError> {
        let flow = self.take(secret, now)?;
        let same = flow.state.secret().as_bytes().ct_eq(state.as_bytes());
        if !bool::from(same) {
            return Err(FlowError::State);
        }
        let provider = providers.iter().find(|known| known.id() == flow.provider);
        let provider = provider.ok_or(FlowError::Provider)?;
        let (acknowledged, id) = (flow.acknowledged.clone(), flow.provider.clone());
        let profile = provider.exchange(flow, code, organisations, now).await?;
        Ok(Completed {
            profile,
            acknowledged,
            provider: id,
        })
    }
}

impl Provider {
    /// What the provider says of itself now, its keys included. Its issuer must be the configured one.
    async fn discover(&self) -> Result<CoreProviderMetadata, FlowError> {
        let issuer = IssuerUrl::new(self.settings.issuer.clone());
        let issuer = issuer.map_err(|_| FlowError::Provider)?;
        let found = CoreProviderMetadata::discover_async(issuer, self);
        found.await.map_err(|error| {
            tracing::warn!(provider = self.id(), %error, "the provider does not say what it is");
            FlowError::Exchange
        })
    }

    fn client(&self, metadata: CoreProviderMetadata) -> DiscoveredClient {
        let secret = self.settings.client_secret.as_ref();
        CoreClient::from_provider_metadata(
            metadata,
            ClientId::new(self.settings.client_id.clone()),
            secret.map(|secret| ClientSecret::new(secret.expose().to_owned())),
        )
    }

    /// Where the browser may be sent: to a port of the caller's own machine, or where the configuration says.
    fn redirect(&self, address: &str) -> Result<RedirectUrl, FlowError> {
        let url = Url::parse(address).map_err(|_| FlowError::Redirect)?;
        let loopback = url.scheme() == "http"
            && url.host_str() == Some("127.0.0.1")
            && url.port().is_some()
            && url.path() == "/callback"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty();
        if !loopback && !self.settings.redirect_uris.contains(address) {
            return Err(FlowError::Redirect);
        }
        RedirectUrl::new(address.to_owned()).map_err(|_| FlowError::Redirect)
    }

    async fn exchange(
        &self,
        flow: Flow,
        code: String,
        organisations: &std::collections::BTreeMap<String, Organisation>,
        now: Timestamp,
    ) -> Result<Profile, FlowError> {
        let metadata = self.discover().await?;
        let client = self.client(metadata).set_redirect_uri(flow.redirect);
        let exchange = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|_| FlowError::Exchange)?
            .set_pkce_verifier(flow.verifier);
        let answer = exchange.request_async(self).await;
        let answer = answer.map_err(|error| {
            tracing::info!(provider = self.id(), %error, "a code was not exchanged");
            FlowError::Exchange
        })?;
        let id_token = answer.id_token().ok_or(FlowError::Exchange)?;
        id_token
            .claims(&client.id_token_verifier(), &flow.nonce)
            .map_err(|error| {
                tracing::info!(provider = self.id(), %error, "an ID token is not taken");
                FlowError::Exchange
            })?;
        let text = id_token.to_string();
        let profile = self
            .signed_in(&text, flow.nonce.secret(), organisations, now)
            .await?;
        Ok(profile)
    }
}

impl<'c> AsyncHttpClient<'c> for Provider {
    type Error = TransportError;
    type Future = BoxFuture<'c, Result<HttpResponse, TransportError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

type DiscoveredClient = CoreClient<
    openidconnect::EndpointSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointMaybeSet,
    openidconnect::EndpointMaybeSet,
>;
