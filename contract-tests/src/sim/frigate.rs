//! A Frigate video recorder: its HTTP API over real HTTP, its messages as bytes for a real broker.
//!
//! Made from Frigate's documentation of its MQTT topics and its OpenAPI document. It keeps events as the recorder's database does;
//! an event can be read better, be corrected by hand, lose its plate, or be deleted.

pub(in crate::sim) mod bench;
mod http_api;
mod message;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub use message::{Wrong, deep, oversized};

use crate::sim::server::Server;
use crate::sim::{CANARY, lock};
use crate::town::Passage;

/// Who may use the API, where anybody must say who he is.
pub const API_LOGIN: (&str, &str) = ("gateway", "an invented word");

/// One tracked object as Frigate keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracked {
    /// `<epoch>-<random>`.
    pub id: String,
    /// Name of the camera in Frigate's configuration.
    pub camera: String,
    /// When it was first seen.
    pub start: Timestamp,
    /// When its plate was last read.
    pub read_at: Timestamp,
    /// When it was last seen; none while it is tracked.
    pub end: Option<Timestamp>,
    /// The plate, once it is read.
    pub plate: Option<String>,
    /// 0 to 1.
    pub score: f64,
    /// The zones it is in.
    pub zones: Vec<String>,
    /// Whether there is a picture of it.
    pub has_snapshot: bool,
}

/// How the recorder behaves.
#[derive(Clone, Debug, Default)]
pub struct Switches {
    /// Pictures are gone.
    pub no_snapshot: bool,
    /// Pictures are followed by this many bytes of nothing.
    pub huge_snapshot: u64,
    /// Pictures are pages of HTML.
    pub page_for_snapshot: bool,
    /// The API wants a session.
    pub guarded: bool,
    /// Sessions given so far are void.
    pub sessions: u32,
}

#[derive(Debug, Default)]
struct State {
    events: Vec<Tracked>,
    switches: Switches,
    requests: Vec<String>,
}

/// A running recorder. Dropping it stops it.
#[derive(Debug)]
pub struct FrigateSim {
    state: Arc<Mutex<State>>,
    server: Server,
}

impl Tracked {
    /// A vehicle whose plate was read at `at`, two seconds after it was first seen.
    #[must_use]
    pub fn read(number: u64, camera: &str, at: Timestamp, plate: &str) -> Self {
        let start = at - SignedDuration::from_secs(2);
        Self {
            id: format!("{:.6}-{number:06x}", seconds(start)),
            camera: camera.to_owned(),
            start,
            read_at: at,
            end: None,
            plate: Some(plate.to_owned()),
            score: 0.95,
            zones: vec!["gate".to_owned()],
            has_snapshot: true,
        }
    }

    /// What Frigate saw of a passage; `None` where it read no plate.
    #[must_use]
    pub fn of(passage: &Passage) -> Option<Self> {
        let text = passage.text.as_deref()?;
        Some(Self {
            score: passage.confidence(),
            ..Self::read(passage.id, &passage.site.code, passage.at, text)
        })
    }

    /// The same, read again a second later.
    #[must_use]
    pub fn reread(&self, plate: &str) -> Self {
        Self {
            plate: Some(plate.to_owned()),
            read_at: self.read_at + SignedDuration::from_secs(1),
            ..self.clone()
        }
    }

    /// The same, out of sight three seconds after it was read.
    #[must_use]
    pub fn ended(&self) -> Self {
        let end = self.read_at + SignedDuration::from_secs(3);
        Self {
            end: Some(end),
            ..self.clone()
        }
    }

    /// `tracked_object_update` of type `lpr`.
    #[must_use]
    pub fn update(&self) -> Value {
        json!({
            "type": "lpr", "id": self.id, "name": CANARY, "plate": self.plate, "score": self.score,
            "camera": self.camera, "timestamp": seconds(self.read_at), "plate_box": [917, 487, 1029, 529],
        })
    }

    /// `events`: this object after `before`.
    #[must_use]
    pub fn change(&self, before: Option<&Self>, kind: &str) -> Value {
        let unread = Self {
            plate: None,
            ..self.clone()
        };
        let before = before.unwrap_or(&unread).state();
        json!({ "type": kind, "before": before, "after": self.state() })
    }

    fn state(&self) -> Value {
        json!({
            "id": self.id, "camera": self.camera, "frame_time": seconds(self.read_at), "start_time": seconds(self.start),
            "end_time": self.end.map(seconds), "label": "car", "sub_label": [CANARY, 0.9], "score": 0.8, "top_score": 0.9,
            "false_positive": false, "box": [340, 290, 700, 520], "region": [200, 100, 840, 740], "current_zones": self.zones,
            "entered_zones": self.zones, "attributes": { "license_plate": 0.87 }, "current_attributes": [],
            "average_estimated_speed": 11.5, "velocity_angle": 182.5, "has_snapshot": self.has_snapshot, "has_clip": true,
            "stationary": false, "recognized_license_plate": self.plate.as_ref().map(|plate| json!([plate, self.score])),
            "recognized_license_plate_score": self.score,
        })
    }

    /// The event as `GET /events` gives it.
    #[must_use]
    pub fn event(&self) -> Value {
        let mut data = json!({ "score": 0.8, "top_score": 0.9, "description": CANARY });
        if let (Some(plate), Some(data)) = (&self.plate, data.as_object_mut()) {
            data.insert("recognized_license_plate".to_owned(), json!(plate));
            data.insert(
                "recognized_license_plate_score".to_owned(),
                json!(self.score),
            );
        }
        json!({
            "id": self.id, "label": "car", "sub_label": CANARY, "camera": self.camera, "start_time": seconds(self.start),
            "end_time": self.end.map(seconds), "false_positive": null, "zones": self.zones, "thumbnail": "",
            "has_clip": true, "has_snapshot": self.has_snapshot, "retain_indefinitely": false, "plus_id": null,
            "model_hash": null, "detector_type": "cpu", "model_type": "ssd", "data": data,
        })
    }
}

/// Seconds since 1970, as Frigate writes every time.
fn seconds(at: Timestamp) -> f64 {
    let micros = at.as_microsecond();
    #[expect(clippy::cast_precision_loss, reason = "the vendor's own precision")]
    let seconds = micros as f64 / 1e6;
    seconds
}

impl FrigateSim {
    /// Starts a recorder that has seen nothing yet.
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn start() -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let server = Server::start(http_api::router(Arc::clone(&state))).await?;
        Ok(Self { state, server })
    }

    /// `http://127.0.0.1:port/api`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}/api", self.server.origin())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Keeps an event, in the place of an earlier state of it.
    pub fn keep(&self, tracked: &Tracked) {
        let mut state = lock(&self.state);
        state.events.retain(|known| known.id != tracked.id);
        state.events.push(tracked.clone());
    }

    /// Sets or clears a plate, as a person does by hand.
    pub fn correct(&self, id: &str, plate: Option<&str>) {
        let mut state = lock(&self.state);
        for event in state.events.iter_mut().filter(|event| event.id == id) {
            event.plate = plate.map(ToOwned::to_owned);
        }
    }

    /// Deletes an event.
    pub fn delete(&self, id: &str) {
        lock(&self.state).events.retain(|event| event.id != id);
    }

    /// Changes how it behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut lock(&self.state).switches);
    }

    /// Paths and queries of the requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        lock(&self.state).requests.clone()
    }
}
