//! The `settings` table of a source of this adapter.

use std::collections::BTreeMap;

use encoding_rs::{Encoding, UTF_8};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::{plate::Jurisdiction, read::Place};
use url::Url;

use super::{
    text::known,
    time::{Clock, Policy, RepeatedHour},
};
use crate::error::{Error, ErrorKind, Result};

/// Settings as meant: every value checked.
#[derive(Debug)]
pub(super) struct Settings {
    /// Where the camera streams its events; absent, it only pushes.
    pub(super) stream_url: Option<Url>,
    /// What text is that is called UTF-8 and is not.
    pub(super) fallback_encoding: Option<&'static Encoding>,
    /// Whether the camera's own position is believed.
    pub(super) trust_device_position: bool,
    countries: BTreeMap<String, Jurisdiction>,
    clock: Clock,
    cameras: BTreeMap<String, Camera>,
}

/// What the operator knows about one camera.
#[derive(Debug)]
pub(super) struct Camera {
    clock: Clock,
    /// Site, road or facility.
    pub(super) site: Option<String>,
    /// Degrees north and east.
    pub(super) position: Option<(f64, f64)>,
    /// Compass direction of a vehicle that comes towards the camera, degrees.
    pub(super) forward_deg: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    zone_policy: Policy,
    zone: Option<String>,
    #[serde(default = "reject")]
    repeated_hour: RepeatedHour,
    stream_url: Option<String>,
    fallback_encoding: Option<String>,
    #[serde(default)]
    trust_device_position: bool,
    #[serde(default)]
    countries: BTreeMap<String, String>,
    #[serde(default)]
    cameras: BTreeMap<String, RawCamera>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCamera {
    zone_policy: Option<Policy>,
    zone: Option<String>,
    repeated_hour: Option<RepeatedHour>,
    site: Option<String>,
    lat: Option<f64>,
    lon: Option<f64>,
    forward_deg: Option<f64>,
}

impl Settings {
    /// Reads and checks a `settings` table.
    ///
    /// # Errors
    /// `Config`, naming the first key that is wrong.
    pub(super) fn parse(settings: &Value) -> Result<Self> {
        let raw: Raw = serde_path_to_error::deserialize(settings)
            .map_err(|error| config(error.to_string()))?;
        let clock = Clock {
            policy: raw.zone_policy,
            zone: raw.zone.as_deref().map(zone).transpose()?,
            repeated_hour: raw.repeated_hour,
        };
        require(is_complete(&clock), || {
            "`zone_policy` is `force_zone`, so `zone` must be given".to_owned()
        })?;
        let mut cameras = BTreeMap::new();
        for (key, camera) in raw.cameras {
            cameras.insert(key.to_ascii_lowercase(), camera.check(&key, &clock)?);
        }
        let mut countries = BTreeMap::new();
        for (code, name) in raw.countries {
            let issuer = Jurisdiction::parse(&name).map_err(|_| {
                config(format!(
                    "`countries.{code}` must be an ISO 3166 code such as `GB`"
                ))
            })?;
            countries.insert(code, issuer);
        }
        Ok(Self {
            stream_url: raw.stream_url.as_deref().map(stream_url).transpose()?,
            fallback_encoding: raw.fallback_encoding.as_deref().map(encoding).transpose()?,
            trust_device_position: raw.trust_device_position,
            countries,
            clock,
            cameras,
        })
    }

    /// The camera configured as `mac/channel`, else as `mac`.
    pub(super) fn camera(&self, key: &str) -> Option<&Camera> {
        let device = || key.split_once('/').map_or(key, |(device, _)| device);
        self.cameras.get(key).or_else(|| self.cameras.get(device()))
    }

    /// How the times of a camera are read.
    pub(super) fn clock<'s>(&'s self, camera: Option<&'s Camera>) -> &'s Clock {
        camera.map_or(&self.clock, |camera| &camera.clock)
    }

    /// The issuer that the operator says a country's code is.
    pub(super) fn country(&self, code: &str) -> Option<&Jurisdiction> {
        self.countries.get(code)
    }
}

impl RawCamera {
    fn check(self, key: &str, usual: &Clock) -> Result<Camera> {
        let say = |what: &str| format!("`cameras.{key}`: {what}");
        let own_zone = self.zone.as_deref().map(zone).transpose()?;
        let clock = Clock {
            policy: self.zone_policy.unwrap_or(usual.policy),
            zone: own_zone.or_else(|| usual.zone.clone()),
            repeated_hour: self.repeated_hour.unwrap_or(usual.repeated_hour),
        };
        require(is_complete(&clock), || say("`force_zone` needs a `zone`"))?;
        let position = self.lat.zip(self.lon);
        let plausible = |(lat, lon)| Place::default().set_position(lat, lon);
        require(
            self.lat.is_some() == self.lon.is_some() && position.is_none_or(plausible),
            || say("`lat` and `lon` go together and must be a position other than 0,0"),
        )?;
        require(
            self.forward_deg
                .is_none_or(|deg| (0.0..360.0).contains(&deg)),
            || say("`forward_deg` must be 0 to 360, without 360"),
        )?;
        require(
            self.site
                .as_ref()
                .is_none_or(|site| !site.trim().is_empty()),
            || say("`site` must not be empty; leave it out instead"),
        )?;
        Ok(Camera {
            clock,
            site: self.site,
            position,
            forward_deg: self.forward_deg,
        })
    }
}

fn is_complete(clock: &Clock) -> bool {
    clock.policy == Policy::TrustOffset || clock.zone.is_some()
}

fn zone(name: &str) -> Result<TimeZone> {
    TimeZone::get(name).map_err(|_| {
        config(format!(
            "`zone`: `{name}` is no zone such as `America/New_York`"
        ))
    })
}

fn encoding(label: &str) -> Result<&'static Encoding> {
    known(label.as_bytes())
        .ok()
        .filter(|encoding| *encoding != UTF_8)
        .ok_or_else(|| config("`fallback_encoding` must be an encoding such as `gbk`"))
}

/// Cameras speak plain http inside their own network, so that is allowed.
fn stream_url(text: &str) -> Result<Url> {
    let bare = |url: &Url| {
        url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
    };
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && bare(url))
        .ok_or_else(|| {
            config("`stream_url` must be an http or https address without credentials or fragment")
        })
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

fn reject() -> RepeatedHour {
    RepeatedHour::Reject
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_zone_policy_is_always_said() {
        let error = Settings::parse(&json!({})).unwrap_err();
        assert!(error.to_string().contains("zone_policy"), "{error}");
        let settings = Settings::parse(&json!({ "zone_policy": "trust_offset" })).unwrap();
        assert_eq!(
            (settings.stream_url, settings.trust_device_position),
            (None, false)
        );
        assert_eq!(settings.clock.repeated_hour, RepeatedHour::Reject);
    }

    #[test]
    fn wrong_settings_name_their_key() {
        for (changes, key) in [
            (json!({ "zone_policy": "guess" }), "zone_policy"),
            (json!({ "zone_policy": "force_zone" }), "zone"),
            (json!({ "zone": "Brookdale" }), "zone"),
            (json!({ "repeated_hour": "both" }), "repeated_hour"),
            (
                json!({ "stream_url": "rtsp://camera.example" }),
                "stream_url",
            ),
            (
                json!({ "stream_url": "http://u:p@camera.example" }),
                "stream_url",
            ),
            (json!({ "stream_url": "camera" }), "stream_url"),
            (
                json!({ "fallback_encoding": "klingon" }),
                "fallback_encoding",
            ),
            (json!({ "fallback_encoding": "utf-8" }), "fallback_encoding"),
            (json!({ "countries": { "3": "England" } }), "countries.3"),
            (
                json!({ "cameras": { "02:00": { "lat": 41.5 } } }),
                "cameras.02:00",
            ),
            (
                json!({ "cameras": { "02:00": { "lat": 0, "lon": 0 } } }),
                "cameras.02:00",
            ),
            (
                json!({ "cameras": { "02:00": { "forward_deg": 360 } } }),
                "cameras.02:00",
            ),
            (
                json!({ "cameras": { "02:00": { "site": " " } } }),
                "cameras.02:00",
            ),
            (
                json!({ "cameras": { "02:00": { "zone_policy": "force_zone" } } }),
                "cameras.02:00",
            ),
            (json!({ "cameras": { "02:00": { "label": "x" } } }), "label"),
            (json!({ "password": "x" }), "password"),
        ] {
            let mut settings = json!({ "zone_policy": "trust_offset" });
            settings
                .as_object_mut()
                .unwrap()
                .extend(changes.as_object().unwrap().clone());
            let error = Settings::parse(&settings).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(key), "{key}: {error}");
        }
    }

    #[test]
    fn the_longer_camera_key_wins_and_a_camera_may_have_its_own_clock() {
        let settings = Settings::parse(
            &json!({ "zone_policy": "trust_offset", "zone": "Europe/Warsaw", "cameras": {
            "02:00:00:00:00:AB/1": { "site": "Brook St", "zone_policy": "force_zone" },
            "02:00:00:00:00:ab": { "site": "elsewhere" },
        } }),
        )
        .unwrap();
        let camera = |key: &str| settings.camera(key);
        let first = camera("02:00:00:00:00:ab/1");
        assert_eq!(first.unwrap().site.as_deref(), Some("Brook St"));
        assert_eq!(settings.clock(first).policy, Policy::ForceZone);
        assert_eq!(
            camera("02:00:00:00:00:ab/2").unwrap().site.as_deref(),
            Some("elsewhere")
        );
        assert!(camera("02:00:00:00:00:ac").is_none());
        assert_eq!(settings.clock(None).policy, Policy::TrustOffset);
    }
}
