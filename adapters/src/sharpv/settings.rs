//! The `settings` table of a source of this adapter.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::{plate::Jurisdiction, read::Place};

use super::time::{RepeatedHour, Zone};
use crate::error::{Error, ErrorKind, Result};

/// Settings as meant: every value checked.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// What local time means; absent, a time without an offset is refused.
    pub(super) zone: Option<Zone>,
    /// The country of a state that comes without one.
    pub(super) default_country: Option<Jurisdiction>,
    cameras: BTreeMap<String, Camera>,
}

/// What the operator knows about one camera.
#[derive(Debug, Clone, PartialEq, Deserialize)]
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
    time_zone: Option<String>,
    repeated_hour: Option<RepeatedHour>,
    default_country: Option<String>,
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
        let zone = zone(raw.time_zone.as_deref(), raw.repeated_hour)?;
        for (key, camera) in &raw.cameras {
            camera.check(key)?;
        }
        Ok(Self {
            zone,
            default_country: raw.default_country.as_deref().map(country).transpose()?,
            cameras: raw.cameras,
        })
    }

    /// The camera of this name.
    pub(super) fn camera(&self, name: &str) -> Option<&Camera> {
        self.cameras.get(name)
    }
}

impl Camera {
    fn check(&self, key: &str) -> Result<()> {
        let position = match (self.lat, self.lon) {
            (None, None) => true,
            (Some(lat), Some(lon)) => Place::default().set_position(lat, lon),
            _ => false,
        };
        if !position {
            return Err(config(format!(
                "`cameras.{key}`: `lat` and `lon` go together and must be a position other than 0,0"
            )));
        }
        if self
            .site
            .as_ref()
            .is_some_and(|site| site.trim().is_empty())
        {
            return Err(config(format!(
                "`cameras.{key}`: `site` must not be empty; leave it out instead"
            )));
        }
        Ok(())
    }
}

fn zone(name: Option<&str>, repeated_hour: Option<RepeatedHour>) -> Result<Option<Zone>> {
    let Some(name) = name else {
        return match repeated_hour {
            None => Ok(None),
            Some(_) => Err(config("`repeated_hour` means nothing without `time_zone`")),
        };
    };
    let time_zone = TimeZone::get(name)
        .ok()
        .filter(|time_zone| !time_zone.is_unknown())
        .ok_or_else(|| {
            config(
                "`time_zone` must be an IANA zone this machine knows, such as `America/New_York`",
            )
        })?;
    Ok(Some(Zone {
        time_zone,
        repeated_hour: repeated_hour.unwrap_or_default(),
    }))
}

fn country(text: &str) -> Result<Jurisdiction> {
    Jurisdiction::parse(text)
        .ok()
        .filter(|code| !code.has_subdivision())
        .ok_or_else(|| config("`default_country` must be an ISO 3166-1 code such as `US`"))
}

fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, "settings", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_table_takes_no_local_time() {
        let settings = Settings::parse(&json!({})).unwrap();
        assert!(settings.zone.is_none() && settings.default_country.is_none());
    }

    #[test]
    fn the_repeated_hour_is_refused_unless_said_otherwise() {
        let parse = |settings| {
            Settings::parse(&settings)
                .unwrap()
                .zone
                .unwrap()
                .repeated_hour
        };
        assert_eq!(parse(json!({ "time_zone": "UTC" })), RepeatedHour::Refuse);
        assert_eq!(
            parse(json!({ "time_zone": "Europe/Brussels", "repeated_hour": "later" })),
            RepeatedHour::Later
        );
    }

    #[test]
    fn wrong_settings_name_their_key() {
        for (settings, key) in [
            (json!({ "time_zone": "Brookdale/Town" }), "time_zone"),
            (json!({ "time_zone": "Etc/Unknown" }), "time_zone"),
            (json!({ "time_zone": "" }), "time_zone"),
            (json!({ "time_zone": 5 }), "time_zone"),
            (json!({ "repeated_hour": "later" }), "repeated_hour"),
            (
                json!({ "time_zone": "UTC", "repeated_hour": "both" }),
                "repeated_hour",
            ),
            (json!({ "default_country": "US-OH" }), "default_country"),
            (json!({ "default_country": "USA" }), "default_country"),
            (
                json!({ "cameras": { "BN": { "lat": 41.5 } } }),
                "cameras.BN",
            ),
            (
                json!({ "cameras": { "BN": { "lat": 0, "lon": 0 } } }),
                "cameras.BN",
            ),
            (
                json!({ "cameras": { "BN": { "site": " " } } }),
                "cameras.BN",
            ),
            (json!({ "zone": "UTC" }), "zone"),
        ] {
            let error = Settings::parse(&settings).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(key), "{key}: {error}");
        }
    }
}
