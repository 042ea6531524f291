//! The `settings` table of a source of this adapter.

use http::HeaderValue;
use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};

use crate::error::{Error, ErrorKind, Result};

/// Largest page brokers give.
const MAX_PAGE_SIZE: u32 = 1000;

/// Settings as meant: every value checked.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) mode: Mode,
    /// Whether plates that a person read are taken as well.
    pub(super) visual: bool,
}

/// How observations come.
#[derive(Debug, Clone)]
pub(super) enum Mode {
    /// The broker pushes them.
    Notifications,
    /// The broker is asked.
    Entities(Broker),
}

/// The broker that is asked.
#[derive(Debug, Clone)]
pub(super) struct Broker {
    /// Root of its API, `https://broker.example/ngsi-ld/v1`.
    pub(super) base_url: Url,
    /// Its tenant, where it has several.
    pub(super) tenant: Option<HeaderValue>,
    /// The value of a `Link` header that names the `@context` the attribute names are short for.
    pub(super) context: Option<HeaderValue>,
    /// Entities on one page, 1 to 1000.
    pub(super) page_size: u32,
    /// Most pages of one search.
    pub(super) max_pages: u32,
    /// Whether the broker is told the window.
    pub(super) window_in_query: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    mode: RawMode,
    #[serde(default)]
    visual: bool,
    base_url: Option<String>,
    tenant: Option<String>,
    context: Option<String>,
    page_size: Option<u32>,
    max_pages: Option<u32>,
    window_in_query: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawMode {
    Notifications,
    Entities,
}

impl Settings {
    /// Reads and checks a `settings` table.
    ///
    /// # Errors
    /// `Config`, naming the first key that is wrong.
    pub(super) fn parse(settings: &Value) -> Result<Self> {
        let raw: Raw = serde_path_to_error::deserialize(settings)
            .map_err(|error| config(error.to_string()))?;
        let mode = match raw.mode {
            RawMode::Notifications => raw.pushed()?,
            RawMode::Entities => raw.asked()?,
        };
        Ok(Self {
            mode,
            visual: raw.visual,
        })
    }
}

impl Raw {
    /// A source that pushes is not contacted, so nothing may say how.
    fn pushed(&self) -> Result<Mode> {
        for (key, given) in [
            ("base_url", self.base_url.is_some()),
            ("tenant", self.tenant.is_some()),
            ("context", self.context.is_some()),
            ("page_size", self.page_size.is_some()),
            ("max_pages", self.max_pages.is_some()),
            ("window_in_query", self.window_in_query.is_some()),
        ] {
            if given {
                return Err(config(format!("`{key}` is for `mode = \"entities\"` only")));
            }
        }
        Ok(Mode::Notifications)
    }

    fn asked(&self) -> Result<Mode> {
        let base_url = self
            .base_url
            .as_deref()
            .ok_or_else(|| config("`base_url` is required for `mode = \"entities\"`"))?;
        let page_size = self.page_size.unwrap_or(100);
        if !(1..=MAX_PAGE_SIZE).contains(&page_size) {
            return Err(config("`page_size` must be 1 to 1000"));
        }
        let max_pages = self.max_pages.unwrap_or(20);
        if max_pages == 0 {
            return Err(config("`max_pages` must be 1 or more"));
        }
        Ok(Mode::Entities(Broker {
            base_url: address(base_url)?,
            tenant: self.tenant.as_deref().map(tenant).transpose()?,
            context: self.context.as_deref().map(context).transpose()?,
            page_size,
            max_pages,
            window_in_query: self.window_in_query.unwrap_or(true),
        }))
    }
}

fn tenant(text: &str) -> Result<HeaderValue> {
    let plain = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    plain
        .then(|| HeaderValue::from_str(text).ok())
        .flatten()
        .ok_or_else(|| config("`tenant` must be 1 to 64 letters, digits, `_` and `-`"))
}

fn context(text: &str) -> Result<HeaderValue> {
    let wrong = || config("`context` must be an http or https address");
    let url = Url::parse(text).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() {
        return Err(wrong());
    }
    let link = format!(
        "<{url}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
    );
    HeaderValue::from_str(&link).map_err(|_| wrong())
}

/// Plain http is for simulators on the same machine: anything else would send the token in the clear.
fn address(text: &str) -> Result<Url> {
    let url = Url::parse(text).map_err(|_| config("`base_url` is not an address"))?;
    let secure = match url.scheme() {
        "https" => true,
        "http" => is_loopback(&url),
        _ => false,
    };
    if !secure {
        return Err(config(
            "`base_url` must be https, or http on a loopback address",
        ));
    }
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if bare {
        Ok(url)
    } else {
        Err(config(
            "`base_url` must not hold credentials, a query or a fragment",
        ))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, "settings", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(changes: Value) -> Result<Settings> {
        let mut settings =
            json!({ "mode": "entities", "base_url": "https://broker.example/ngsi-ld/v1" });
        for (key, value) in changes.as_object().unwrap() {
            settings[key] = value.clone();
        }
        Settings::parse(&settings)
    }

    #[test]
    fn defaults_are_a_hundred_a_page_and_the_window_in_the_query() {
        let settings = asked(json!({})).unwrap();
        assert!(!settings.visual);
        let Mode::Entities(broker) = settings.mode else {
            panic!("not asked");
        };
        assert_eq!((broker.page_size, broker.max_pages), (100, 20));
        assert!(broker.window_in_query && broker.tenant.is_none() && broker.context.is_none());
    }

    #[test]
    fn wrong_settings_name_their_key() {
        for (changes, key) in [
            (json!({ "mode": "both" }), "mode"),
            (json!({ "mode": null }), "mode"),
            (
                json!({ "base_url": "http://broker.example/ngsi-ld/v1" }),
                "base_url",
            ),
            (
                json!({ "base_url": "https://u:p@broker.example/" }),
                "base_url",
            ),
            (
                json!({ "base_url": "https://broker.example/?token=1" }),
                "base_url",
            ),
            (json!({ "base_url": "broker" }), "base_url"),
            (json!({ "base_url": null }), "base_url"),
            (json!({ "page_size": 0 }), "page_size"),
            (json!({ "page_size": 1001 }), "page_size"),
            (json!({ "max_pages": 0 }), "max_pages"),
            (json!({ "tenant": "a b" }), "tenant"),
            (json!({ "tenant": "" }), "tenant"),
            (json!({ "context": "file:///etc/passwd" }), "context"),
            (json!({ "token": "x" }), "token"),
        ] {
            let error = asked(changes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(key), "{key}: {error}");
        }
    }

    #[test]
    fn a_source_that_pushes_says_nothing_about_asking() {
        for (key, value) in [
            ("base_url", json!("https://broker.example/")),
            ("tenant", json!("town")),
            ("context", json!("https://broker.example/context.jsonld")),
            ("page_size", json!(10)),
            ("max_pages", json!(10)),
            ("window_in_query", json!(false)),
        ] {
            let error =
                Settings::parse(&json!({ "mode": "notifications", key: value })).unwrap_err();
            assert!(error.to_string().contains(key), "{key}: {error}");
        }
        assert!(Settings::parse(&json!({ "mode": "notifications", "visual": true })).is_ok());
        assert!(
            Settings::parse(&json!({}))
                .unwrap_err()
                .to_string()
                .contains("mode")
        );
    }
}
