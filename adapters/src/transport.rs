//! The one HTTP client: pinned to a source's origins, deaf to redirects, with a cap on what it reads.
//!
//! Deliberately absent: proxies, cookies, decompression, redirects, retries, and any second way to build a
//! client. A body arrives as the source sent it, so a cap on its bytes is a cap on memory.

mod address;
mod challenge;
mod dial;
mod measured;
pub mod mqtt;
pub mod parts;
pub mod sftp;
pub mod stream;
#[cfg(test)]
mod tests;

use std::{
    error::Error as StdError,
    fmt,
    net::IpAddr,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::HOST;
use reqwest::redirect::Policy;
use url::{Origin, Url};

use self::address::{AddressRefused, FilteredResolver, is_public};
pub use self::challenge::Login;
use crate::{
    context::{Transport, monotonic},
    error::{Error, ErrorKind, Result},
};

const SEND: &str = "send";

/// How long an idle connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);

/// What a transport may reach and how much it reads.
#[derive(Debug, Clone)]
pub struct TransportConfig {
    /// Addresses of the source. Scheme, host and port are pinned; path and query do not matter.
    pub hosts: Vec<Url>,
    /// Whether addresses that are not public (private, loopback, link-local, metadata) may be connected to.
    pub allow_private: bool,
    /// Longest time to resolve, connect and shake hands.
    pub connect_timeout: Duration,
    /// Idle connections kept per origin. Fewer than requests are under way at once means connecting again and again.
    pub idle_connections: usize,
    /// Largest body, in bytes.
    pub max_body: usize,
    /// What the gateway calls itself.
    pub user_agent: String,
}

/// Sends requests to one source over HTTP/1.1 and TLS.
///
/// - A request to any other origin than the pinned ones is refused as `Config`; nothing is sent.
/// - `http` is spoken only with an origin pinned as `http`.
/// - An address that is not public is refused as `Config` at the moment it would be connected to, unless allowed.
/// - A redirect is an error, never a second request.
/// - No error holds any part of an address, a header or a body.
///
/// Cancel safe: a dropped `send` closes its connection.
pub struct HttpTransport {
    client: reqwest::Client,
    origins: Vec<Origin>,
    max_body: usize,
}

impl TransportConfig {
    /// `hosts` with the defaults: public addresses only, 1 s to connect, 8 idle connections, bodies of at most 16 MiB.
    #[must_use]
    pub fn new(hosts: Vec<Url>) -> Self {
        Self {
            hosts,
            allow_private: false,
            connect_timeout: Duration::from_secs(1),
            idle_connections: 8,
            max_body: 16 * 1024 * 1024,
            user_agent: concat!("turnpike/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl HttpTransport {
    /// A transport as configured. Connects to nothing yet.
    ///
    /// # Errors
    /// `Config` when a host is neither `http` nor `https`, carries credentials or is a literal address that
    /// may not be connected to, or when the client cannot be built.
    pub fn new(config: TransportConfig) -> Result<Self> {
        for host in &config.hosts {
            check_host(host, config.allow_private)?;
        }
        Ok(Self {
            client: client(&config)?,
            origins: config.hosts.iter().map(Url::origin).collect(),
            max_body: config.max_body,
        })
    }

    /// The request as the client will send it, if it stays with the source.
    fn admit(&self, request: http::Request<Bytes>) -> Result<reqwest::Request> {
        if request.headers().contains_key(HOST) {
            return Err(refused("a request must not name its own `host` header"));
        }
        let request = reqwest::Request::try_from(request)
            .map_err(|_| refused("the request has no complete address"))?;
        let url = request.url();
        if !self.origins.contains(&url.origin()) {
            return Err(refused("the address is not one of the source's hosts"));
        }
        if has_credentials(url) {
            return Err(refused("the address carries credentials"));
        }
        Ok(request)
    }

    /// Sends a request and reads the head of the answer.
    async fn begin(&self, request: reqwest::Request) -> Result<reqwest::Response> {
        let response = self.client.execute(request).await.map_err(failure)?;
        let status = response.status();
        if status.is_redirection() && status != http::StatusCode::NOT_MODIFIED {
            let message = format!("redirected with status {}", status.as_u16());
            return Err(Error::new(ErrorKind::Malformed, SEND, message));
        }
        Ok(response)
    }

    async fn exchange(&self, request: reqwest::Request) -> Result<http::Response<Bytes>> {
        let mut response = self.begin(request).await?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut answer = http::Response::new(self.body(response).await?);
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Bytes> {
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |announced| announced > self.max_body) {
            return Err(self.too_large());
        }
        // Most answers come in one piece, which is then the body; only further pieces are worth a copy.
        let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            let read = first.len().max(joined.len());
            if chunk.len() > self.max_body.saturating_sub(read) {
                return Err(self.too_large());
            }
            if read == 0 {
                first = chunk;
                continue;
            }
            if joined.is_empty() {
                joined.extend_from_slice(&first);
            }
            joined.extend_from_slice(&chunk);
        }
        Ok(if joined.is_empty() {
            first
        } else {
            joined.freeze()
        })
    }

    fn too_large(&self) -> Error {
        let message = format!("the answer is larger than {} bytes", self.max_body);
        Error::new(ErrorKind::Malformed, SEND, message)
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        deadline: Instant,
    ) -> Result<http::Response<Bytes>> {
        let request = self.admit(request)?;
        if deadline <= monotonic() {
            return Err(late());
        }
        tokio::time::timeout_at(deadline.into(), self.exchange(request))
            .await
            .unwrap_or_else(|_| Err(late()))
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport")
            .field("origins", &self.origins)
            .field("max_body", &self.max_body)
            .finish_non_exhaustive()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that builds a client: pinned, capped, without redirects and proxies"
)]
fn client(config: &TransportConfig) -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(&config.user_agent)
        .https_only(config.hosts.iter().all(|host| host.scheme() == "https"))
        .dns_resolver(FilteredResolver::new(config.allow_private))
        .connect_timeout(config.connect_timeout)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(config.idle_connections)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .build()
        .map_err(|error| refused("the HTTP client cannot be built").caused_by(error.without_url()))
}

/// Those of a source's addresses that are spoken to over HTTP; brokers are not.
#[must_use]
pub fn http_hosts(hosts: &[Url]) -> Vec<Url> {
    let http = |host: &&Url| !matches!(host.scheme(), "mqtt" | "mqtts");
    hosts.iter().filter(http).cloned().collect()
}

/// Whether a source's addresses, brokers among them, may be contacted at all. Names are looked up only when they are: of them
/// `localhost` alone is known to be this machine.
///
/// # Errors
/// `Config`, as the transports would fail.
pub fn check_hosts(hosts: &[Url], allow_private: bool) -> Result<()> {
    for host in hosts {
        check_name(host, allow_private)?;
        let is_here = host.domain().is_some_and(|name| {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        });
        if is_here && !allow_private {
            return Err(refused(AddressRefused::MESSAGE));
        }
    }
    Ok(())
}

fn check_host(host: &Url, allow_private: bool) -> Result<()> {
    if !matches!(host.scheme(), "http" | "https") {
        return Err(refused("a host must be an `http` or `https` address"));
    }
    check_name(host, allow_private)
}

fn check_name(host: &Url, allow_private: bool) -> Result<()> {
    if has_credentials(host) {
        return Err(refused("a host must not carry credentials"));
    }
    let literal: Option<IpAddr> = match host.host() {
        Some(url::Host::Ipv4(address)) => Some(address.into()),
        Some(url::Host::Ipv6(address)) => Some(address.into()),
        // Under a scheme that is not the web's, an IPv4 address is a name to the parser.
        Some(url::Host::Domain(name)) => name.parse().ok(),
        None => return Err(refused("a host must have a name or address")),
    };
    if literal.is_some_and(|address| !allow_private && !is_public(address)) {
        return Err(refused(AddressRefused::MESSAGE));
    }
    Ok(())
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// What a failure of the client means. The address is taken out before the cause is kept.
fn failure(error: reqwest::Error) -> Error {
    let error = error.without_url();
    if is_refused_address(&error) {
        return refused(AddressRefused::MESSAGE);
    }
    let message = if error.is_connect() {
        "the source cannot be reached"
    } else {
        "the source broke off before its answer was complete"
    };
    Error::new(ErrorKind::Unavailable, SEND, message).caused_by(error)
}

fn is_refused_address(error: &reqwest::Error) -> bool {
    let first: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(first), |&error| error.source())
        .any(|error| error.downcast_ref::<AddressRefused>().is_some())
}

fn refused(message: &'static str) -> Error {
    Error::new(ErrorKind::Config, SEND, message)
}

fn late() -> Error {
    let message = "no complete answer before the deadline";
    Error::new(ErrorKind::TimedOut, SEND, message)
}
