//! The `settings` table of a source of this adapter.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use crate::{
    error::{Error, ErrorKind, Result},
    web,
};

const OPERATION: &str = "settings";

/// Largest page the vendor gives.
const MAX_PAGE_SIZE: u32 = 50;

/// What a source of this adapter does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// It is asked about a plate.
    Lookup(Box<Settings>),
    /// It pushes the alerts of a subscription, and is never contacted.
    Alerts,
}

/// Settings of a lookup as meant: every value checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// Root of the API, `https://api.flocksafety.com/api/v3`.
    pub(super) base_url: Url,
    /// Where tokens are given.
    pub(super) token_url: Url,
    /// The audience a token is asked for.
    pub(super) audience: String,
    /// The scope a token is asked for; absent leaves the choice to the vendor.
    pub(super) scope: Option<String>,
    /// Rows on one page, 1 to 50.
    pub(super) page_size: u32,
    /// Most pages of one search.
    pub(super) max_pages: u32,
}

/// The mode alone, to tell which other keys there may be.
#[derive(Deserialize)]
struct RawMode {
    #[serde(default)]
    mode: Word,
}

/// A mode as written.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    #[default]
    Lookup,
    Alerts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAlerts {
    #[serde(rename = "mode")]
    _mode: Word,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default, rename = "mode")]
    _mode: Word,
    base_url: String,
    token_url: String,
    audience: String,
    scope: Option<String>,
    #[serde(default = "default_page_size")]
    page_size: u32,
    #[serde(default = "default_max_pages")]
    max_pages: u32,
}

impl Mode {
    /// Reads and checks a `settings` table.
    ///
    /// # Errors
    /// `Config`, naming the first key that is wrong.
    pub(super) fn parse(settings: &Value) -> Result<Self> {
        match read::<RawMode>(settings)?.mode {
            Word::Lookup => Settings::parse(settings).map(Box::new).map(Self::Lookup),
            Word::Alerts => read::<RawAlerts>(settings).map(|_| Self::Alerts),
        }
    }
}

impl Settings {
    fn parse(settings: &Value) -> Result<Self> {
        let raw: Raw = read(settings)?;
        let base_url = web::address("base_url", &raw.base_url)?;
        let token_url = web::address("token_url", &raw.token_url)?;
        require(
            !raw.audience.trim().is_empty(),
            "`audience` must not be empty",
        )?;
        require(
            raw.scope
                .as_ref()
                .is_none_or(|scope| !scope.trim().is_empty()),
            "`scope` must not be empty; leave it out instead",
        )?;
        require(
            (1..=MAX_PAGE_SIZE).contains(&raw.page_size),
            "`page_size` must be 1 to 50",
        )?;
        require(raw.max_pages > 0, "`max_pages` must be 1 or more")?;
        Ok(Self {
            base_url,
            token_url,
            audience: raw.audience,
            scope: raw.scope,
            page_size: raw.page_size,
            max_pages: raw.max_pages,
        })
    }

    /// Where a lookup is sent.
    pub(super) fn lookup_url(&self) -> Url {
        self.below(&["reads", "lookup"])
    }

    /// Where one further page is fetched. The page id is percent-encoded and stays one path segment.
    pub(super) fn page_url(&self, page_id: &str) -> Url {
        self.below(&["reads", "lookup", "page", page_id])
    }

    fn below(&self, segments: &[&str]) -> Url {
        let mut url = self.base_url.clone();
        // INVARIANT: `web::address` took http and https addresses only, and those always have path segments.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

fn read<T: DeserializeOwned>(settings: &Value) -> Result<T> {
    serde_path_to_error::deserialize(settings)
        .map_err(|error| Error::new(ErrorKind::Config, OPERATION, error.to_string()))
}

fn require(holds: bool, message: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::Config, OPERATION, message))
    }
}

fn default_page_size() -> u32 {
    MAX_PAGE_SIZE
}

fn default_max_pages() -> u32 {
    20
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings() -> Value {
        json!({
            "base_url": "https://api.police.example/api/v3",
            "token_url": "https://api.police.example/oauth/token",
            "audience": "com.flocksafety.integrations",
        })
    }

    fn with(key: &str, value: Value) -> Value {
        let mut settings = settings();
        settings[key] = value;
        settings
    }

    #[test]
    fn defaults_are_the_largest_page_and_twenty_pages() {
        let settings = Settings::parse(&settings()).unwrap();
        assert_eq!((settings.page_size, settings.max_pages), (50, 20));
        assert_eq!(settings.scope, None);
    }

    #[test]
    fn a_mode_has_its_own_keys_and_no_others() {
        let lookup = Mode::Lookup(Box::new(Settings::parse(&settings()).unwrap()));
        assert_eq!(Mode::parse(&settings()).unwrap(), lookup);
        assert_eq!(Mode::parse(&with("mode", json!("lookup"))).unwrap(), lookup);
        assert_eq!(
            Mode::parse(&json!({ "mode": "alerts" })).unwrap(),
            Mode::Alerts
        );
        for (settings, key) in [
            (json!({}), "base_url"),
            (json!({ "mode": "both" }), "mode"),
            (with("mode", json!("alerts")), "base_url"),
            (json!({ "mode": "alerts", "imageUrl": "x" }), "imageUrl"),
        ] {
            let error = Mode::parse(&settings).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(key), "{key}: {error}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for (url, accepted) in [
            ("http://127.0.0.1:8080/api/v3", true),
            ("http://localhost:8080/api/v3", true),
            ("http://[::1]:8080/api/v3", true),
            ("https://api.police.example/api/v3", true),
            ("http://api.police.example/api/v3", false),
            ("http://10.0.0.1/api/v3", false),
            ("http://localhost.police.example/", false),
            ("ftp://127.0.0.1/", false),
            ("https://user:secret@api.police.example/", false),
            ("https://api.police.example/?key=1", false),
        ] {
            for key in ["base_url", "token_url"] {
                let parsed = Settings::parse(&with(key, json!(url)));
                assert_eq!(parsed.is_ok(), accepted, "{key} {url}");
            }
        }
    }

    #[test]
    fn wrong_settings_name_their_key() {
        for (key, value) in [
            ("page_size", json!(0)),
            ("page_size", json!(51)),
            ("max_pages", json!(0)),
            ("max_pages", json!(-1)),
            ("audience", json!(" ")),
            ("scope", json!("")),
            ("base_url", json!("not an address")),
            ("pagesize", json!(10)),
        ] {
            let error = Settings::parse(&with(key, value)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(key), "{key}: {error}");
        }
    }

    #[test]
    fn a_page_id_stays_one_segment_of_the_path() {
        let settings =
            Settings::parse(&with("base_url", json!("https://a.example/api/v3/"))).unwrap();
        assert_eq!(
            settings.lookup_url().as_str(),
            "https://a.example/api/v3/reads/lookup"
        );
        assert_eq!(
            settings.page_url("a/../b?c#d %2F").as_str(),
            "https://a.example/api/v3/reads/lookup/page/a%2F..%2Fb%3Fc%23d%20%252F"
        );
    }
}
