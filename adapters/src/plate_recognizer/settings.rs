//! The `settings` table of a source of this adapter.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::read::Place;

use crate::error::{Error, ErrorKind, Result};

/// Settings as meant: every value checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Regions the engine is less sure of than this are not jurisdictions; 0 to 1.
    #[serde(default = "default_region_min_score")]
    pub(super) region_min_score: f64,
    /// By `camera_id`.
    #[serde(default)]
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

impl Settings {
    /// Reads and checks a `settings` table.
    ///
    /// # Errors
    /// `Config`, naming the first key that is wrong.
    pub(super) fn parse(settings: &Value) -> Result<Self> {
        let settings: Self = serde_path_to_error::deserialize(settings)
            .map_err(|error| config(error.to_string()))?;
        require((0.0..=1.0).contains(&settings.region_min_score), || {
            "`region_min_score` must be 0 to 1".to_owned()
        })?;
        for (key, camera) in &settings.cameras {
            camera.check(key)?;
        }
        Ok(settings)
    }

    /// The camera of an id.
    pub(super) fn camera(&self, id: &str) -> Option<&Camera> {
        self.cameras.get(id)
    }
}

impl Camera {
    fn check(&self, key: &str) -> Result<()> {
        let say = |what: &str| format!("`cameras.{key}`: {what}");
        let plausible = |(lat, lon)| Place::default().set_position(lat, lon);
        require(
            self.lat.is_some() == self.lon.is_some()
                && self.lat.zip(self.lon).is_none_or(plausible),
            || say("`lat` and `lon` go together and must be a position other than 0,0"),
        )?;
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

fn default_region_min_score() -> f64 {
    0.5
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_table_is_enough() {
        let settings = Settings::parse(&json!({})).unwrap();
        assert!((settings.region_min_score - 0.5).abs() < f64::EPSILON);
        assert_eq!(settings.camera("brook-2"), None);
    }

    #[test]
    fn wrong_settings_name_their_key() {
        for (settings, key) in [
            (json!({ "region_min_score": 50 }), "region_min_score"),
            (json!({ "region_min_score": -0.1 }), "region_min_score"),
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
            (json!({ "token": "x" }), "token"),
        ] {
            let error = Settings::parse(&settings).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(key), "{key}: {error}");
        }
    }
}
