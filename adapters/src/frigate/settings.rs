//! The `settings` table of a source of this adapter.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::read::Place;
use url::Url;

use crate::error::{Error, ErrorKind, Result};

/// Settings as meant: every value checked.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The broker Frigate publishes to; absent, nothing is listened to.
    pub(super) broker: Option<Url>,
    /// What Frigate's topics begin with.
    pub(super) prefix: String,
    /// Which messages are listened for.
    pub(super) messages: Messages,
    /// Root of the API, with its `/api`; absent, nothing is polled and no image fetched.
    pub(super) api_url: Option<Url>,
    /// Hours of events that a poll goes through.
    pub(super) reconcile_hours: u32,
    /// What a poll brings.
    pub(super) reconcile: Reconcile,
    cameras: BTreeMap<String, Camera>,
}

/// Which messages are listened for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Messages {
    /// `tracked_object_update`: each reading, with its own time.
    #[default]
    Updates,
    /// `events`: the tracked vehicle, with zones and direction.
    Events,
    /// Both.
    Both,
}

/// What a poll brings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reconcile {
    /// Reads as Frigate keeps them, and what was withdrawn.
    #[default]
    All,
    /// What was withdrawn only.
    Retractions,
}

/// What the operator knows about one camera.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Camera {
    /// Site, road or facility.
    pub(super) site: Option<String>,
    /// Degrees north.
    pub(super) lat: Option<f64>,
    /// Degrees east.
    pub(super) lon: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    broker: Option<String>,
    #[serde(default = "prefix")]
    topic_prefix: String,
    #[serde(default)]
    messages: Messages,
    api_url: Option<String>,
    #[serde(default = "reconcile_hours")]
    reconcile_hours: u32,
    #[serde(default)]
    reconcile: Reconcile,
    #[serde(default)]
    cameras: BTreeMap<String, Camera>,
}

impl Settings {
    /// Reads and checks a `settings` table.
    ///
    /// # Errors
    /// `Config`, naming the first key that is wrong.
    pub(super) fn parse(settings: &Value) -> Result<Self> {
        let raw: Raw = serde_path_to_error::deserialize(settings)
            .map_err(|error| config(error.to_string()))?;
        require(raw.broker.is_some() || raw.api_url.is_some(), || {
            "`broker` or `api_url` is required, or both".to_owned()
        })?;
        let plain = |level: &str| !level.is_empty() && !level.contains(['#', '+', '\0']);
        require(raw.topic_prefix.split('/').all(plain), || {
            "`topic_prefix` must be a topic without wildcards".to_owned()
        })?;
        require((1..=168).contains(&raw.reconcile_hours), || {
            "`reconcile_hours` must be 1 to 168".to_owned()
        })?;
        for (key, camera) in &raw.cameras {
            camera.check(key)?;
        }
        Ok(Self {
            broker: raw.broker.as_deref().map(broker).transpose()?,
            prefix: raw.topic_prefix,
            messages: raw.messages,
            api_url: raw.api_url.as_deref().map(api_url).transpose()?,
            reconcile_hours: raw.reconcile_hours,
            reconcile: raw.reconcile,
            cameras: raw.cameras,
        })
    }

    pub(super) fn camera(&self, name: &str) -> Option<&Camera> {
        self.cameras.get(name)
    }

    /// What to subscribe to.
    pub(super) fn topics(&self) -> Vec<String> {
        let names: &[&str] = match self.messages {
            Messages::Updates => &["tracked_object_update", "available"],
            Messages::Events => &["events", "available"],
            Messages::Both => &["tracked_object_update", "events", "available"],
        };
        let topic = |name: &&str| format!("{}/{name}", self.prefix);
        names.iter().map(topic).collect()
    }
}

impl Camera {
    fn check(&self, key: &str) -> Result<()> {
        let position = match (self.lat, self.lon) {
            (None, None) => true,
            (Some(lat), Some(lon)) => Place::default().set_position(lat, lon),
            _ => false,
        };
        require(position, || {
            format!(
                "`cameras.{key}`: `lat` and `lon` go together and must be a position other than 0,0"
            )
        })?;
        let site = self.site.as_ref();
        require(site.is_none_or(|site| !site.trim().is_empty()), || {
            format!("`cameras.{key}`: `site` must not be empty; leave it out instead")
        })
    }
}

fn broker(text: &str) -> Result<Url> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "mqtt" | "mqtts") && url.has_host() && is_bare(url))
        .filter(|url| matches!(url.path(), "" | "/"))
        .ok_or_else(|| {
            config(
                "`broker` must be `mqtt://host:port` or `mqtts://host:port`, without credentials",
            )
        })
}

/// Frigate serves plain http inside its own network, so that is allowed.
fn api_url(text: &str) -> Result<Url> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && is_bare(url))
        .ok_or_else(|| {
            config(
                "`api_url` must be an http or https address without credentials, query or fragment",
            )
        })
}

fn is_bare(url: &Url) -> bool {
    url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

fn require(holds: bool, message: impl FnOnce() -> String) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(config(message()))
    }
}

fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, "settings", message)
}

fn prefix() -> String {
    "frigate".to_owned()
}

fn reconcile_hours() -> u32 {
    24
}
