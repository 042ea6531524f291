//! A simulated gate camera: the events that AXIS License Plate Verifier pushes.
//!
//! Per vehicle a `new`, `update`s and a `lost`, each with the vehicle's running number. Most numbers are written as
//! strings. What the camera does when nobody answers is not documented, so it does nothing.

pub(super) mod bench;
#[cfg(test)]
mod tests;
mod wrong;

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

pub use self::wrong::Wrong;
use super::post::Poster;
use crate::sim::CANARY;
use crate::town::{CROSSING, Family, Passage};

/// What separates the parts of a multipart body.
pub const BOUNDARY: &str = "----AxisGate7d1f";

/// One event. Every field can be changed before [`Event::json`].
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Serial number of the camera.
    pub serial: String,
    /// Running number of the vehicle.
    pub car: u64,
    /// `new`, `update`, `lost`.
    pub state: &'static str,
    /// Epoch milliseconds.
    pub at_ms: i64,
    /// The text; empty when none was read.
    pub plate: String,
    /// Thousandths.
    pub confidence_permille: u16,
    /// Alpha-3; empty when not known.
    pub country: &'static str,
    /// `unk`, `in`, `out`.
    pub direction: &'static str,
    /// Where the camera is told that it is.
    pub geotag: Option<(f64, f64)>,
}

impl Event {
    /// The final event of a passage; `None` for another family. An unread plate gives an event with an empty one.
    #[must_use]
    pub fn of(passage: &Passage) -> Option<Self> {
        (passage.site.family == Family::Camera).then(|| Self {
            serial: format!("ACCC8E0000{}", passage.site.code),
            car: passage.id,
            state: "lost",
            at_ms: passage.at.as_millisecond(),
            plate: passage.text.clone().unwrap_or_default(),
            confidence_permille: passage.confidence_permille,
            country: passage.state.map_or("", |_| "USA"),
            direction: "in",
            geotag: Some(CROSSING),
        })
    }

    /// The same vehicle in another state, so many milliseconds later.
    #[must_use]
    pub fn then(&self, state: &'static str, later_ms: i64) -> Self {
        Self {
            state,
            at_ms: self.at_ms + later_ms,
            ..self.clone()
        }
    }

    /// The same vehicle when it is first seen: the direction is never known then.
    #[must_use]
    pub fn first(&self) -> Self {
        Self {
            direction: "unk",
            ..self.then("new", 0)
        }
    }

    /// The same event with another text.
    #[must_use]
    pub fn reading(&self, plate: &str) -> Self {
        Self {
            plate: plate.to_owned(),
            ..self.clone()
        }
    }

    /// The JSON of the event.
    #[must_use]
    pub fn json(&self) -> Value {
        let escaped: String = self.plate.chars().map(escape).collect();
        let mut body = json!({
            "packetCounter": "42",
            "capture_timestamp": self.at_ms.to_string(),
            "frame_timestamp": "0",
            "datetime": "20260304 021530412",
            "plateText": escaped,
            "plateUTF8": self.plate,
            "plateASCII": self.plate,
            "plateCountry": self.country,
            "plateConfidence": format!("{:.3}", f64::from(self.confidence_permille) / 1000.0),
            "carState": self.state,
            "roiID": "1",
            "imageType": "plate",
            "plateImageType": "jpeg",
            "plateImageSize": "0",
            "carMoveDirection": self.direction,
            "timeProcessing": "31",
            "plateCoordinates": [1185, 532, 140, 28],
            "carID": self.car.to_string(),
            "camera_info": {"SerialNumber": self.serial, "MACAddress": "AC:CC:8E:00:00:01"},
            "sensorProviderID": "Brookdale Crossing",
        });
        if let Some((lat, lon)) = self.geotag {
            put(&mut body, "geotag", json!({"lat": lat, "lon": lon}));
        }
        body
    }

    /// The event with what an access list knows about the vehicle's people.
    #[must_use]
    pub fn json_with_list(&self) -> Value {
        let mut body = self.json();
        put(&mut body, "listName", json!(CANARY));
        put(&mut body, "owner", json!(CANARY));
        put(&mut body, "entry", json!({"name": CANARY, "phone": CANARY}));
        body
    }

    /// The event with images inside.
    #[must_use]
    pub fn json_with_images(&self, bytes: usize) -> Value {
        let mut body = self.json();
        let image = "A".repeat(bytes);
        let images = json!([{"ImageType": "plate", "BinaryImage": image}]);
        put(&mut body, "ImageArray", images);
        put(&mut body, "imagesURI", json!(["/var/spool/1.jpg"]));
        body
    }

    /// The event and an image in one multipart body.
    #[must_use]
    pub fn multipart(&self) -> Vec<u8> {
        let json = self.json();
        let head = "Content-Disposition: form-data; name=";
        let mut body = format!(
            "--{BOUNDARY}\r\n{head}\"event\"\r\nContent-Type: application/json\r\n\r\n{json}\r\n\
             --{BOUNDARY}\r\n{head}\"image\"; filename=\"plate.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(super::JPEG);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        body
    }
}

/// The camera's push service.
#[derive(Debug)]
pub struct AxisCamera {
    poster: Poster,
}

impl AxisCamera {
    /// Pushes to `target`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(target: &str) -> io::Result<Self> {
        let poster = Poster::new(target, Duration::from_secs(10))?;
        Ok(Self { poster })
    }

    /// Pushes an event as JSON; the status of the answer.
    pub async fn push(&self, event: &Event) -> Option<u16> {
        let body = event.json().to_string().into_bytes();
        self.poster.post("application/json", body).await
    }

    /// Pushes an event with an image; the status of the answer.
    pub async fn push_with_image(&self, event: &Event) -> Option<u16> {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.poster.post(&kind, event.multipart()).await
    }
}

fn escape(letter: char) -> String {
    format!("\\u{:04x}", u32::from(letter))
}

fn put(body: &mut Value, key: &str, value: Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}
