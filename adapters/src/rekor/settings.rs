//! The `settings` table of a source of this adapter.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::{plate::Jurisdiction, read::Place};
use url::Url;

use crate::error::{Error, ErrorKind, Result};

const OPERATION: &str = "settings";

/// Settings as meant: every value checked.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// Root of the agent, `http://agent.example:8355`; absent, no images are fetched.
    pub(super) image_base_url: Option<Url>,
    /// Regions the engine is less sure of than this are not jurisdictions; 0 to 100.
    pub(super) region_min_confidence: f64,
    /// The country that regions without one (`mo`) belong to.
    pub(super) default_country: Option<Jurisdiction>,
    /// Whether `alpr_results` frames are reads.
    pub(super) frames: bool,
    cameras: BTreeMap<String, Camera>,
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
    /// Added to a direction inside the image gives the compass direction, degrees.
    pub(super) image_to_compass_deg: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    image_base_url: Option<String>,
    #[serde(default = "default_region_min_confidence")]
    region_min_confidence: f64,
    default_country: Option<String>,
    #[serde(default)]
    frames: bool,
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
        require((0.0..=100.0).contains(&raw.region_min_confidence), || {
            "`region_min_confidence` must be 0 to 100".to_owned()
        })?;
        for (key, camera) in &raw.cameras {
            camera.check(key)?;
        }
        Ok(Self {
            image_base_url: raw.image_base_url.as_deref().map(base_url).transpose()?,
            region_min_confidence: raw.region_min_confidence,
            default_country: raw.default_country.as_deref().map(country).transpose()?,
            frames: raw.frames,
            cameras: raw.cameras,
        })
    }

    /// The camera configured as `agent_uid/camera_id`, else as `camera_id`.
    pub(super) fn camera(&self, key: &str) -> Option<&Camera> {
        let number = || key.rsplit_once('/').map_or(key, |(_, number)| number);
        self.cameras.get(key).or_else(|| self.cameras.get(number()))
    }
}

impl Camera {
    fn check(&self, key: &str) -> Result<()> {
        let say = |what: &str| format!("`cameras.{key}`: {what}");
        let position = match (self.lat, self.lon) {
            (None, None) => true,
            (Some(lat), Some(lon)) => Place::default().set_position(lat, lon),
            _ => false,
        };
        require(position, || {
            say("`lat` and `lon` go together and must be a position other than 0,0")
        })?;
        require(
            self.image_to_compass_deg
                .is_none_or(|deg| (-360.0..=360.0).contains(&deg)),
            || say("`image_to_compass_deg` must be -360 to 360"),
        )?;
        require(
            self.site
                .as_ref()
                .is_none_or(|site| !site.trim().is_empty()),
            || say("`site` must not be empty; leave it out instead"),
        )
    }
}

/// Agents serve plain http inside their own network, so that is allowed.
fn base_url(text: &str) -> Result<Url> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && is_bare(url))
        .ok_or_else(|| {
            config("`image_base_url` must be an http or https address without credentials, query or fragment")
        })
}

fn is_bare(url: &Url) -> bool {
    url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

fn country(text: &str) -> Result<Jurisdiction> {
    Jurisdiction::parse(text)
        .ok()
        .filter(|code| !code.has_subdivision())
        .ok_or_else(|| config("`default_country` must be an ISO 3166-1 code such as `US`"))
}

fn require(holds: bool, message: impl FnOnce() -> String) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(config(message()))
    }
}

fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, OPERATION, message)
}

fn default_region_min_confidence() -> f64 {
    50.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_table_is_a_push_only_source() {
        let settings = Settings::parse(&json!({})).unwrap();
        assert_eq!(settings.image_base_url, None);
        assert_eq!(settings.default_country, None);
        assert!(!settings.frames);
        assert!((settings.region_min_confidence - 50.0).abs() < f64::EPSILON);
    }

    #[test]
    fn wrong_settings_name_their_key() {
        for (settings, key) in [
            (
                json!({ "image_base_url": "ftp://agent.example" }),
                "image_base_url",
            ),
            (
                json!({ "image_base_url": "http://u:p@agent.example" }),
                "image_base_url",
            ),
            (
                json!({ "image_base_url": "http://agent.example/?api_key=1" }),
                "image_base_url",
            ),
            (json!({ "image_base_url": "agent" }), "image_base_url"),
            (
                json!({ "region_min_confidence": 101 }),
                "region_min_confidence",
            ),
            (
                json!({ "region_min_confidence": -1 }),
                "region_min_confidence",
            ),
            (json!({ "default_country": "US-MO" }), "default_country"),
            (json!({ "default_country": "EU" }), "default_country"),
            (json!({ "cameras": { "7": { "lat": 41.5 } } }), "cameras.7"),
            (
                json!({ "cameras": { "7": { "lat": 0, "lon": 0 } } }),
                "cameras.7",
            ),
            (
                json!({ "cameras": { "7": { "image_to_compass_deg": 361 } } }),
                "cameras.7",
            ),
            (json!({ "cameras": { "7": { "site": " " } } }), "cameras.7"),
            (json!({ "cameras": { "7": { "label": "x" } } }), "label"),
            (json!({ "api_key": "x" }), "api_key"),
        ] {
            let error = Settings::parse(&settings).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(key), "{key}: {error}");
        }
    }

    #[test]
    fn the_longer_camera_key_wins() {
        let settings = Settings::parse(&json!({ "cameras": {
            "AGENT/7": { "site": "Brook St" },
            "7": { "site": "elsewhere" },
        } }))
        .unwrap();
        let site = |key: &str| settings.camera(key).and_then(|c| c.site.as_deref());
        assert_eq!(site("AGENT/7"), Some("Brook St"));
        assert_eq!(site("OTHER/7"), Some("elsewhere"));
        assert_eq!(site("7"), Some("elsewhere"));
        assert_eq!(site("AGENT/8"), None);
    }
}
