//! The `settings` table of a source of this adapter.

use std::{collections::BTreeMap, time::Duration};

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::read::Confidence;

use crate::{
    camera::Camera,
    error::{Error, ErrorKind, Result},
};

const OPERATION: &str = "settings";

/// Settings as meant: every value checked.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The scale of `plateConfidence`.
    pub(super) confidence: Scale,
    /// Zone of a local time without an offset.
    pub(super) time_zone: Option<TimeZone>,
    /// Events of one vehicle number that are less than this apart are one passage.
    pub(super) passage_span: Duration,
    cameras: BTreeMap<String, Camera>,
}

/// The scale of a confidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scale {
    /// 0 to 1, as documented.
    #[default]
    Fraction,
    /// 0 to 100, as some firmware is said to send.
    Percent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    confidence: Scale,
    time_zone: Option<String>,
    #[serde(default = "default_passage_span_s")]
    passage_span_s: u64,
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
        if !(10..=3_600).contains(&raw.passage_span_s) {
            return Err(config("`passage_span_s` must be 10 to 3600"));
        }
        for (serial, camera) in &raw.cameras {
            let wrong = |what| config(format!("`cameras.{serial}`: {what}"));
            camera.check().map_err(wrong)?;
        }
        Ok(Self {
            confidence: raw.confidence,
            time_zone: raw.time_zone.as_deref().map(time_zone).transpose()?,
            passage_span: Duration::from_secs(raw.passage_span_s),
            cameras: raw.cameras,
        })
    }

    /// The camera of a serial number.
    pub(super) fn camera(&self, serial: &str) -> Option<&Camera> {
        self.cameras.get(serial)
    }
}

impl Scale {
    /// A number on this scale.
    pub(super) fn read(self, text: &str) -> Option<Confidence> {
        let value = text.parse().ok()?;
        match self {
            Self::Fraction => Confidence::new(value).ok(),
            Self::Percent => Confidence::from_percent(value).ok(),
        }
    }

    /// The rule that a number off this scale breaks.
    pub(super) fn rule(self) -> &'static str {
        match self {
            Self::Fraction => "not a number from 0 to 1",
            Self::Percent => "not a number from 0 to 100",
        }
    }
}

fn time_zone(name: &str) -> Result<TimeZone> {
    TimeZone::get(name).map_err(|_| {
        config("`time_zone` must be a name of the IANA database such as `America/New_York`")
    })
}

fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, OPERATION, message)
}

fn default_passage_span_s() -> u64 {
    120
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_table_is_the_documented_scale_and_no_zone() {
        let settings = Settings::parse(&json!({})).unwrap();
        assert_eq!(settings.confidence, Scale::Fraction);
        assert!(settings.time_zone.is_none());
        assert_eq!(settings.passage_span, Duration::from_secs(120));
        assert_eq!(settings.camera("ACCC8E000001"), None);
    }

    #[test]
    fn wrong_settings_name_their_key() {
        for (settings, key) in [
            (json!({ "confidence": "permille" }), "confidence"),
            (json!({ "time_zone": "Brookdale/North" }), "time_zone"),
            (json!({ "passage_span_s": 9 }), "passage_span_s"),
            (json!({ "passage_span_s": 3601 }), "passage_span_s"),
            (json!({ "passage_span_s": -1 }), "passage_span_s"),
            (json!({ "cameras": { "A": { "lat": 41.5 } } }), "cameras.A"),
            (json!({ "cameras": { "A": { "owner": "x" } } }), "owner"),
            (json!({ "password": "x" }), "password"),
        ] {
            let error = Settings::parse(&settings).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(key), "{key}: {error}");
        }
    }

    #[test]
    fn a_confidence_is_read_on_its_scale_only() {
        for (scale, text, value) in [
            (Scale::Fraction, "0.874", Some(0.874)),
            (Scale::Fraction, "0", Some(0.0)),
            (Scale::Fraction, "95.5", None),
            (Scale::Percent, "95.5", Some(0.955)),
            (Scale::Percent, "0.874", Some(0.00874)),
            (Scale::Percent, "100.1", None),
            (Scale::Fraction, "-0.1", None),
            (Scale::Fraction, "NaN", None),
            (Scale::Fraction, "inf", None),
            (Scale::Fraction, "", None),
            (Scale::Fraction, "high", None),
        ] {
            assert_eq!(
                scale.read(text).map(Confidence::get),
                value,
                "{scale:?} {text}"
            );
        }
    }
}
