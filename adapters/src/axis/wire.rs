//! The event as the engine writes it ("JSON fields, protocol 1.6"), as far as a read needs it.
//!
//! Most numbers are written as strings. Keys without a field here end at the parse: images inside the message, the
//! camera's addresses, access lists and whatever a list says about people.

use serde::Deserialize;

use crate::json::{Number, Object, Text};

/// One event of one vehicle.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Event<'a> {
    /// The plate.
    #[serde(rename = "plateUTF8")]
    pub(super) plate_utf8: Option<Text<'a>>,
    /// The plate again, for receivers without UTF-8.
    #[serde(rename = "plateASCII")]
    pub(super) plate_ascii: Option<Text<'a>>,
    /// ISO 3166-1 alpha-3; empty when not known.
    #[serde(rename = "plateCountry")]
    pub(super) plate_country: Option<Text<'a>>,
    /// 0 to 1; some firmware is said to send 0 to 100.
    #[serde(rename = "plateConfidence")]
    pub(super) plate_confidence: Option<Number<'a>>,
    /// `new`, `update` or `updated`, `lost`.
    #[serde(rename = "carState")]
    pub(super) car_state: Option<Text<'a>>,
    /// Number of the vehicle; starts again with the application.
    #[serde(rename = "carID")]
    pub(super) car_id: Option<Number<'a>>,
    /// `unk`, `in`, `out`: relative to the lane as configured.
    #[serde(rename = "carMoveDirection")]
    pub(super) car_move_direction: Option<Text<'a>>,
    /// Zone inside the image, 1 or 2.
    #[serde(rename = "roiID")]
    pub(super) roi_id: Option<Number<'a>>,
    /// Milliseconds since 1970, UTC.
    pub(super) capture_timestamp: Option<Number<'a>>,
    /// Nanoseconds since 1970, UTC.
    pub(super) capture_ts: Option<Number<'a>>,
    /// `YYYYMMDD HHMMSSFFF`, local, with `+HHMM` after it on some.
    pub(super) datetime: Option<Text<'a>>,
    /// Position of the camera, as configured.
    pub(super) geotag: Option<Object<Geotag<'a>>>,
    pub(super) camera_info: Option<Object<CameraInfo<'a>>>,
    /// Name of the sensor, for people.
    #[serde(rename = "sensorProviderID")]
    pub(super) sensor_provider_id: Option<Text<'a>>,
}

/// Degrees.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Geotag<'a> {
    pub(super) lat: Option<Number<'a>>,
    pub(super) lon: Option<Number<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct CameraInfo<'a> {
    #[serde(rename = "SerialNumber")]
    pub(super) serial_number: Option<Text<'a>>,
}
