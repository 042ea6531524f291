//! A simulated camera cloud: the licence plate webhooks of Verkada Command.
//!
//! Waits about two seconds for an answer and tries a failed delivery once more. Seconds and milliseconds stand in one object.

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
use crate::town::{Family, Passage};

/// One detection. Every field can be changed before [`Detection::json`].
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Number of the delivery.
    pub delivery: u64,
    /// The camera.
    pub camera: String,
    /// Epoch milliseconds.
    pub at_ms: i64,
    /// The text; empty when none was read.
    pub plate: String,
    /// 0 to 1.
    pub confidence: f64,
    /// `us-oh`; absent in older messages.
    pub region: Option<String>,
}

impl Detection {
    /// The detection of a passage; `None` for another family.
    #[must_use]
    pub fn of(passage: &Passage) -> Option<Self> {
        let region = passage.state.map(|state| state.code().to_lowercase());
        (passage.site.family == Family::Camera).then(|| Self {
            delivery: passage.id,
            camera: uuid(0xc0_0000 + u64::from(passage.site.number)),
            at_ms: passage.at.as_millisecond(),
            plate: passage.text.clone().unwrap_or_default(),
            confidence: passage.confidence(),
            region: region.map(|code| format!("us-{code}")),
        })
    }

    /// The webhook.
    #[must_use]
    pub fn json(&self) -> Value {
        let created = self.at_ms.div_euclid(1_000);
        let mut data = json!({
            "camera_id": self.camera,
            "created": created,
            "detected": self.at_ms,
            "license_plate_number": self.plate,
            "confidence": self.confidence,
            "crop": [0.3, 0.33, 0.52, 0.55],
            "image_url": "https://img.example/x",
        });
        if let Some(region) = &self.region {
            put(&mut data, "license_plate_state", json!(region));
        }
        self.wrapped("lpr", data)
    }

    /// The webhook as it was in 2020: to the second, and without a state.
    #[must_use]
    pub fn json_of_2020(&self) -> Value {
        let mut json = self.json();
        put(&mut json, "webhook_type", json!("LPR"));
        if let Some(data) = json.get_mut("data").and_then(Value::as_object_mut) {
            data.remove("detected");
            data.remove("license_plate_state");
        }
        json
    }

    /// The webhook with fields about people, all of them canaries.
    #[must_use]
    pub fn json_with_people(&self) -> Value {
        let mut json = self.json();
        put(&mut json, "user_name", json!(CANARY));
        if let Some(data) = json.get_mut("data") {
            put(data, "person_label", json!(CANARY));
            put(
                data,
                "image_url",
                json!(format!("https://img.example/{CANARY}")),
            );
        }
        json
    }

    /// A webhook of another type on the same address.
    #[must_use]
    pub fn other(&self) -> Value {
        let data = json!({
            "camera_id": self.camera, "created": self.at_ms.div_euclid(1_000),
            "notification_type": "person_of_interest", "person_label": CANARY,
        });
        self.wrapped("notification", data)
    }

    fn wrapped(&self, kind: &str, data: Value) -> Value {
        json!({
            "org_id": uuid(0xa),
            "webhook_type": kind,
            "created_at": self.at_ms.div_euclid(1_000) + 2,
            "webhook_id": uuid(self.delivery),
            "data": data,
        })
    }
}

/// The cloud's delivery.
#[derive(Debug)]
pub struct VerkadaCloud {
    poster: Poster,
}

impl VerkadaCloud {
    /// Delivers to `target`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(target: &str) -> io::Result<Self> {
        let poster = Poster::new(target, Duration::from_secs(2))?;
        Ok(Self { poster })
    }

    /// Delivers a webhook, and once more if it was not taken. Whether it was.
    pub async fn deliver(&self, webhook: &Value) -> bool {
        for _ in 0..2 {
            let body = webhook.to_string().into_bytes();
            let status = self.poster.post("application/json", body).await;
            if status.is_some_and(|status| (200..300).contains(&status)) {
                return true;
            }
        }
        false
    }

    /// What was answered so far, oldest first.
    #[must_use]
    pub fn answers(&self) -> Vec<Option<u16>> {
        self.poster.answers()
    }
}

fn uuid(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

fn put(body: &mut Value, key: &str, value: Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}
