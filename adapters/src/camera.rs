//! What the operator knows about a camera whose messages do not say where it is.

use serde::Deserialize;
use turnpike_schemas::read::Place;

/// The place of one camera, from the settings of its source.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Camera {
    /// Site, road or facility.
    site: Option<String>,
    /// Degrees north.
    lat: Option<f64>,
    /// Degrees east.
    lon: Option<f64>,
}

impl Camera {
    /// Checks the values; what is wrong comes back in words that follow the key.
    ///
    /// # Errors
    /// Half a position, a position that is none, a blank site.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let position = match (self.lat, self.lon) {
            (None, None) => true,
            (Some(lat), Some(lon)) => Place::default().set_position(lat, lon),
            _ => false,
        };
        if !position {
            return Err("`lat` and `lon` go together and must be a position other than 0,0");
        }
        if self
            .site
            .as_ref()
            .is_some_and(|site| site.trim().is_empty())
        {
            return Err("`site` must not be empty; leave it out instead");
        }
        Ok(())
    }

    /// Says where the camera is. What is not known stays as it was.
    pub(crate) fn describe(&self, place: &mut Place) {
        if let Some((lat, lon)) = self.lat.zip(self.lon) {
            place.set_position(lat, lon);
        }
        if self.site.is_some() {
            place.site.clone_from(&self.site);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_camera_is_somewhere_or_nowhere_and_never_half() {
        for (settings, good) in [
            (json!({}), true),
            (json!({ "site": "Brook St" }), true),
            (json!({ "lat": 41.5, "lon": -81.25 }), true),
            (json!({ "lat": 41.5 }), false),
            (json!({ "lon": -81.25 }), false),
            (json!({ "lat": 0, "lon": 0 }), false),
            (json!({ "lat": 91, "lon": 0 }), false),
            (json!({ "site": " " }), false),
        ] {
            let camera: Camera = serde_json::from_value(settings.clone()).unwrap();
            assert_eq!(camera.check().is_ok(), good, "{settings}");
        }
        assert!(serde_json::from_value::<Camera>(json!({ "label": "x" })).is_err());
    }
}
