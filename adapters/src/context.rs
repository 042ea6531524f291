//! What the gateway lends an adapter for one call: transport, clock, secrets, deadline.
//!
//! An adapter never builds a client, reads the environment or asks the time.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use crate::error::{Error, ErrorKind, Result};

/// The monotonic clock deadlines are measured by: the runtime's, so that tests and simulations can set it.
pub(crate) fn monotonic() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Tells the time, so that tests can set it.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The wall clock, UTC.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine for the time"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Sends requests to one source. Implementations pin the source's hosts, refuse redirects and cap bodies.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends one request and reads the whole answer, at most the transport's cap.
    ///
    /// # Errors
    /// `Unavailable` when the source cannot be reached or breaks off, `TimedOut` at `deadline`, `Malformed` when the
    /// answer is larger than the cap or redirects, `Config` when the address is not one of the source's hosts (nothing is sent then).
    /// Every HTTP status that is not a redirect is an `Ok`.
    async fn send(
        &self,
        request: http::Request<Bytes>,
        deadline: Instant,
    ) -> Result<http::Response<Bytes>>;
}

/// A transport for sources that are never contacted: everything is refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTransport;

#[async_trait]
impl Transport for NoTransport {
    async fn send(
        &self,
        _request: http::Request<Bytes>,
        _deadline: Instant,
    ) -> Result<http::Response<Bytes>> {
        Err(Error::new(
            ErrorKind::Config,
            "send",
            "this source has no hosts configured",
        ))
    }
}

/// A value that is never printed, logged or serialized.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value. Every exit names this method.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The secrets of one source, by the name its adapter documents.
#[derive(Debug, Clone, Default)]
pub struct Secrets(BTreeMap<String, Secret>);

impl FromIterator<(String, Secret)> for Secrets {
    fn from_iter<I: IntoIterator<Item = (String, Secret)>>(secrets: I) -> Self {
        Self(secrets.into_iter().collect())
    }
}

impl Secrets {
    /// A secret by name, where it is configured.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name)
    }
}

/// What one call may use. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    secrets: Arc<Secrets>,
    deadline: Instant,
    is_standing: bool,
}

impl Context {
    /// A context whose calls must be over at `deadline`.
    #[must_use]
    pub fn new(
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        secrets: Arc<Secrets>,
        deadline: Instant,
    ) -> Self {
        Self {
            transport,
            clock,
            secrets,
            deadline,
            is_standing: false,
        }
    }

    /// The same context for a standing question: its requests are paid from the reserve of the quota and from nothing else.
    #[must_use]
    pub fn standing(self) -> Self {
        Self {
            is_standing: true,
            ..self
        }
    }

    /// Whether nobody waits for the answer: an entry of an alert list asks, in its turn.
    #[must_use]
    pub fn is_standing(&self) -> bool {
        self.is_standing
    }

    /// Sends one request to the source before the deadline.
    ///
    /// # Errors
    /// Those of [`Transport::send`].
    pub async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>> {
        self.transport.send(request, self.deadline).await
    }

    /// The wall clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A secret by name.
    ///
    /// # Errors
    /// `Config` when it is not configured.
    pub fn secret(&self, name: &str) -> Result<&Secret> {
        self.optional_secret(name).ok_or_else(|| {
            Error::new(
                ErrorKind::Config,
                "secret",
                format!("secret `{name}` is not configured"),
            )
        })
    }

    /// A secret by name, where it is configured.
    #[must_use]
    pub fn optional_secret(&self, name: &str) -> Option<&Secret> {
        self.secrets.get(name)
    }

    /// When the call must be over.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Time left.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(monotonic())
    }

    /// The same context with an earlier deadline; a later one is ignored.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Self {
        Self {
            deadline: self.deadline.min(deadline),
            ..self.clone()
        }
    }

    /// The same context over another transport, made from the present one.
    #[must_use]
    pub fn over(&self, wrap: impl FnOnce(Arc<dyn Transport>) -> Arc<dyn Transport>) -> Self {
        Self {
            transport: wrap(Arc::clone(&self.transport)),
            ..self.clone()
        }
    }
}
