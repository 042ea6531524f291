//! Which reads are one passage of one vehicle, so that its owner is told once.
//!
//! Two rules, each with an explicit window. Reads taken within [`Windows::passage`] of each other are one passage, whichever
//! source they come from, unless both say where and the places are further apart than [`NEAR_M`]. Reads of the same camera (or
//! of the same site, where no camera is named) of the same source are one visit as long as each follows the one before within
//! [`Windows::repeat`]: a parked vehicle is read again and again.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::read::{Place, PlateRead, SourceId};

/// Places nearer than this, in metres, may be the same.
pub const NEAR_M: f64 = 300.0;

/// Mean radius of the earth, in metres.
const EARTH_M: f64 = 6_371_008.8;

/// How far apart reads of one passage may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// By any sources.
    pub passage: SignedDuration,
    /// By the same camera, from one read to the next.
    pub repeat: SignedDuration,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            passage: SignedDuration::from_secs(30),
            repeat: SignedDuration::from_mins(10),
        }
    }
}

/// When and where one read was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// Instant of capture.
    pub at: Timestamp,
    /// By whom.
    pub source: SourceId,
    /// The camera, or the site where no camera is named.
    pub camera: Option<String>,
    /// Degrees north and east.
    pub position: Option<(f64, f64)>,
}

impl Sighting {
    /// Of a read.
    #[must_use]
    pub fn of(read: &PlateRead) -> Self {
        let place = &read.observation.place;
        Self {
            at: read.observation.captured_at,
            source: read.source.clone(),
            camera: camera(place),
            position: place.lat.zip(place.lon),
        }
    }

    /// Whether both are one passage.
    #[must_use]
    pub fn is_one_passage(&self, other: &Self, windows: &Windows) -> bool {
        let apart = self.at.duration_since(other.at).abs();
        let near = self
            .position
            .zip(other.position)
            .is_none_or(|(here, there)| metres(here, there) <= NEAR_M);
        let same_camera =
            self.camera.is_some() && (&self.source, &self.camera) == (&other.source, &other.camera);
        (apart <= windows.passage && near) || (apart <= windows.repeat && same_camera)
    }
}

fn camera(place: &Place) -> Option<String> {
    place.camera.clone().or_else(|| place.site.clone())
}

/// The distance between two positions, in metres, over a sphere.
#[must_use]
pub fn metres(from: (f64, f64), to: (f64, f64)) -> f64 {
    let (lat, lon) = ((to.0 - from.0).to_radians(), (to.1 - from.1).to_radians());
    let across = from.0.to_radians().cos() * to.0.to_radians().cos();
    let half = (lat / 2.0).sin().powi(2) + across * (lon / 2.0).sin().powi(2);
    2.0 * EARTH_M * half.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(at: i64, source: &str, camera: Option<&str>, position: Option<(f64, f64)>) -> Sighting {
        Sighting {
            at: Timestamp::from_second(1_772_600_000 + at).unwrap(),
            source: SourceId::parse(source).unwrap(),
            camera: camera.map(ToOwned::to_owned),
            position,
        }
    }

    fn one(left: &Sighting, right: &Sighting) -> bool {
        let windows = Windows::default();
        let is_one = left.is_one_passage(right, &windows);
        assert_eq!(
            is_one,
            right.is_one_passage(left, &windows),
            "either way round"
        );
        is_one
    }

    #[test]
    fn two_sources_within_half_a_minute_are_one_passage_unless_they_are_far_apart() {
        let here = Some((40.0, -83.0));
        let first = seen(0, "tolls", Some("north"), here);
        assert!(one(&first, &seen(30, "police", Some("p-1"), None)));
        assert!(!one(&first, &seen(31, "police", Some("p-1"), None)));
        assert!(one(
            &first,
            &seen(5, "police", Some("p-1"), Some((40.0026, -83.0)))
        ));
        assert!(!one(
            &first,
            &seen(5, "police", Some("p-1"), Some((40.0028, -83.0)))
        ));
    }

    #[test]
    fn a_parked_vehicle_is_one_visit_and_another_camera_is_another() {
        let first = seen(0, "garage", Some("level-2"), None);
        assert!(one(&first, &seen(600, "garage", Some("level-2"), None)));
        assert!(!one(&first, &seen(601, "garage", Some("level-2"), None)));
        assert!(!one(&first, &seen(60, "garage", Some("level-3"), None)));
        assert!(!one(&first, &seen(60, "harbor", Some("level-2"), None)));
    }

    #[test]
    fn what_names_no_camera_is_not_the_same_camera() {
        let first = seen(0, "garage", None, None);
        assert!(!one(&first, &seen(31, "garage", None, None)));
        assert!(one(&first, &seen(30, "garage", None, None)));
    }

    #[test]
    fn a_degree_of_latitude_is_111_kilometres() {
        let apart = metres((40.0, -83.0), (41.0, -83.0));
        assert!((apart - 111_195.0).abs() < 10.0, "{apart}");
        assert!(metres((0.0, 0.0), (0.0, 180.0)) > 20_000_000.0);
    }
}
