//! Where plazas are. The formats name plazas and lanes; positions come from the settings of the source.

use std::collections::BTreeMap;

use serde::Deserialize;
use turnpike_schemas::read::Place;

/// Positions by `OPERATOR/PLAZA` or `OPERATOR/PLAZA/LANE`, where the operator is what the format names: a facility, an agency.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Sites(BTreeMap<String, Site>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Site {
    lat: f64,
    lon: f64,
    bearing_deg: Option<f64>,
}

impl Sites {
    /// The first thing that is wrong with the table. `operator` is the word for the first part of a key.
    pub(crate) fn check(&self, operator: &str) -> Result<(), String> {
        for (key, site) in &self.0 {
            let parts = key.split('/');
            if !(2..=3).contains(&parts.clone().count()) || parts.clone().any(str::is_empty) {
                return Err(format!(
                    "site `{key}` must be {operator}/PLAZA or {operator}/PLAZA/LANE"
                ));
            }
            let bearing = site.bearing_deg.unwrap_or_default();
            if !Place::default().set_position(site.lat, site.lon)
                || !(0.0..360.0).contains(&bearing)
            {
                return Err(format!("site `{key}` is not at a position on earth"));
            }
        }
        Ok(())
    }

    /// Gives `place` the position of the lane, or else of the plaza, if there is one. `key` is scratch space.
    pub(crate) fn locate(
        &self,
        key: &mut String,
        (operator, plaza, lane): (&str, &str, &str),
        place: &mut Place,
    ) {
        if self.0.is_empty() {
            return;
        }
        key.clear();
        for part in [operator, "/", plaza] {
            key.push_str(part);
        }
        let plaza = key.len();
        key.push('/');
        key.push_str(lane);
        let site = self.0.get(key.as_str()).or_else(|| {
            key.truncate(plaza);
            self.0.get(key.as_str())
        });
        if let Some(site) = site
            && place.set_position(site.lat, site.lon)
        {
            place.bearing_deg = site.bearing_deg;
        }
    }
}
