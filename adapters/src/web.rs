//! What every source that is asked over HTTP has in common: which addresses may be configured, and how long to wait when told to.

use std::time::Duration;

use http::HeaderValue;
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use url::{Host, Url};

use crate::error::{Error, ErrorKind, Result};

const OPERATION: &str = "settings";

/// An address of a source, as settings may name it: https, without credentials, query or fragment.
///
/// Plain http is for simulators on the same machine: anything else would send secrets and plates in the clear.
///
/// # Errors
/// `Config`, naming the key and never the address.
pub fn address(key: &str, text: &str) -> Result<Url> {
    let url = Url::parse(text).map_err(|_| wrong(&format!("`{key}` is not an address")))?;
    let secure = match url.scheme() {
        "https" => true,
        "http" => is_loopback(&url),
        _ => false,
    };
    if !secure {
        let message = format!("`{key}` must be https, or http on a loopback address");
        return Err(wrong(&message));
    }
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !bare {
        let message = format!("`{key}` must not hold credentials, a query or a fragment");
        return Err(wrong(&message));
    }
    Ok(url)
}

/// How long a source asks to be left alone, by its `Retry-After`: seconds, or an HTTP date. `None` where it does not say.
#[must_use]
pub fn wait(value: Option<&HeaderValue>, now: Timestamp) -> Option<Duration> {
    let text = value?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let at = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::Config, OPERATION, message)
}
