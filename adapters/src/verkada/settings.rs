//! The `settings` table of a source of this adapter.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    camera::Camera,
    error::{Error, ErrorKind, Result},
};

/// Settings as meant: every value checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    #[serde(default)]
    cameras: BTreeMap<String, Camera>,
}

impl Settings {
    /// Reads and checks a `settings` table.
    ///
    /// # Errors
    /// `Config`, naming the first key that is wrong.
    pub(super) fn parse(settings: &Value) -> Result<Self> {
        let config = |message| Error::new(ErrorKind::Config, "settings", message);
        let settings: Self = serde_path_to_error::deserialize(settings)
            .map_err(|error| config(error.to_string()))?;
        for (id, camera) in &settings.cameras {
            let wrong = |what| config(format!("`cameras.{id}`: {what}"));
            camera.check().map_err(wrong)?;
        }
        Ok(settings)
    }

    /// The camera of an id.
    pub(super) fn camera(&self, id: &str) -> Option<&Camera> {
        self.cameras.get(id)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wrong_settings_name_their_key() {
        for (settings, key) in [
            (json!({ "cameras": { "c": { "lat": 41.5 } } }), "cameras.c"),
            (json!({ "cameras": { "c": { "image": "x" } } }), "image"),
            (json!({ "api_key": "x" }), "api_key"),
        ] {
            let error = Settings::parse(&settings).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(key), "{key}: {error}");
        }
        assert_eq!(Settings::parse(&json!({})).unwrap().camera("c"), None);
    }
}
