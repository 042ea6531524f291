//! Message bodies as the vendor's manual shows them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::images::JPEG;
use crate::sim::CANARY;
use crate::town::{CROSSING, Family, Passage};

/// The one agent of the town.
pub const AGENT_UID: &str = "AGENTAGENTAGENTAGENTAGENTAGENTAGENTAGENT";

pub(super) const COMPANY: &str = "00000000-0000-4000-8000-000000000001";
pub(super) const DWELL_MS: i64 = 1_598;

/// The agent's position as configured, or as it looks when nobody configured it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gps {
    /// Degrees north and east.
    At(f64, f64),
    /// 0 and 0: not set.
    Zero,
    /// -1 and -1: not set.
    MinusOne,
    /// No keys: not set.
    Absent,
}

/// One `alpr_group`. Every field can be changed before [`Group::json`].
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Number of the camera at the agent.
    pub camera_id: u32,
    /// One per image of the vehicle, oldest first: `<agent>-<camera>-<epoch ms>`.
    pub uuids: Vec<String>,
    /// The best of them.
    pub best_uuid: String,
    /// The text; empty when none was read.
    pub plate: String,
    /// 0 to 100.
    pub confidence: f64,
    /// `us-oh`; the older form is `oh`.
    pub region: String,
    /// 0 to 100.
    pub region_confidence: f64,
    /// Other hypotheses with their confidence, 0 to 100.
    pub candidates: Vec<(String, f64)>,
    /// First seen, epoch milliseconds.
    pub epoch_start: i64,
    /// Last seen, epoch milliseconds.
    pub epoch_end: i64,
    /// Where the agent says it is.
    pub gps: Gps,
    /// An early version, to be superseded.
    pub is_preview: bool,
    /// Colour, make, model and body, lower case, when the engine saw a vehicle.
    pub vehicle: Option<[&'static str; 4]>,
}

impl Group {
    /// The final group of a passage; `None` for another family. An unread plate gives a group
    /// with an empty plate and confidence 0.
    #[must_use]
    pub fn of(passage: &Passage) -> Option<Self> {
        if passage.site.family != Family::Camera {
            return None;
        }
        let camera_id = passage.site.code.parse().ok()?;
        let mut group = Self::read(camera_id, passage.at, passage.text.as_deref().unwrap_or(""));
        group.confidence = passage.confidence_percent();
        let state = passage
            .state
            .map(|state| format!("us-{}", state.code().to_lowercase()));
        group.region = state.unwrap_or_default();
        group.region_confidence = f64::from(passage.state_permille) / 10.0;
        let vehicle = &passage.vehicle;
        group.vehicle = Some([vehicle.colour, vehicle.make, vehicle.model, vehicle.body]);
        Some(group)
    }

    /// A final group with one image of an Ohio plate.
    #[must_use]
    pub fn read(camera_id: u32, at: Timestamp, plate: &str) -> Self {
        let epoch_start = at.as_millisecond();
        let uuid = uuid_of(camera_id, epoch_start);
        Self {
            camera_id,
            uuids: vec![uuid.clone()],
            best_uuid: uuid,
            plate: plate.to_owned(),
            confidence: 92.4,
            region: "us-oh".to_owned(),
            region_confidence: 71.2,
            candidates: Vec::new(),
            epoch_start,
            epoch_end: epoch_start + DWELL_MS,
            gps: Gps::At(CROSSING.0, CROSSING.1),
            is_preview: false,
            vehicle: Some(["blue", "brookmotor", "two", "sedan-standard"]),
        }
    }

    /// The same group as an early version.
    #[must_use]
    pub fn preview(mut self) -> Self {
        self.is_preview = true;
        self
    }

    /// The same group with no text read.
    #[must_use]
    pub fn unread(mut self) -> Self {
        self.plate.clear();
        self.confidence = 0.0;
        self
    }

    /// A later group of the same vehicle: the earlier images, one more that is now the best, and
    /// the text read from it.
    #[must_use]
    pub fn later(&self, plate: &str, confidence: f64) -> Self {
        Self::merged(&[self], plate, confidence)
    }

    /// One final group that swallows several earlier ones: all their images and a new best one.
    #[must_use]
    pub fn merged(earlier: &[&Self], plate: &str, confidence: f64) -> Self {
        let start = earlier
            .iter()
            .map(|group| group.epoch_start)
            .min()
            .unwrap_or(0);
        let end = earlier
            .iter()
            .map(|group| group.epoch_end)
            .max()
            .unwrap_or(start);
        let camera_id = earlier.first().map_or(2_042, |group| group.camera_id);
        let best_uuid = uuid_of(camera_id, end);
        let earlier_uuids = earlier.iter().flat_map(|group| group.uuids.iter().cloned());
        let first = Self::read(camera_id, Timestamp::UNIX_EPOCH, plate);
        Self {
            uuids: earlier_uuids.chain([best_uuid.clone()]).collect(),
            best_uuid,
            confidence,
            epoch_start: start,
            epoch_end: end,
            is_preview: false,
            ..earlier.first().map_or(first, |group| (*group).clone())
        }
        .with_plate(plate)
    }

    /// The message.
    #[must_use]
    pub fn json(&self) -> Value {
        let candidates = self.candidates_json();
        let mut body = json!({
            "data_type": "alpr_group",
            "version": 3,
            "epoch_start": self.epoch_start,
            "epoch_end": self.epoch_end,
            "frame_start": 10,
            "frame_end": 31,
            "company_id": COMPANY,
            "agent_uid": AGENT_UID,
            "agent_version": "4.1.1",
            "agent_type": "alprd",
            "camera_id": self.camera_id,
            "country": "us",
            "uuids": self.uuids,
            "plate_indexes": vec![0; self.uuids.len()],
            "best_uuid": self.best_uuid,
            "best_plate_number": self.plate,
            "best_confidence": self.confidence,
            "best_region": self.region,
            "best_region_confidence": self.region_confidence,
            "best_plate": self.best_plate_json(&candidates),
            "candidates": candidates,
            "matches_template": !self.plate.is_empty(),
            "travel_direction": 271.5,
            "is_parked": false,
            "is_preview": self.is_preview,
        });
        if let Some(fields) = body.as_object_mut() {
            let gps = match self.gps {
                Gps::At(latitude, longitude) => Some((json!(latitude), json!(longitude))),
                Gps::Zero => Some((json!(0.0), json!(0.0))),
                Gps::MinusOne => Some((json!(-1), json!(-1))),
                Gps::Absent => None,
            };
            if let Some((latitude, longitude)) = gps {
                fields.insert("gps_latitude".to_owned(), latitude);
                fields.insert("gps_longitude".to_owned(), longitude);
            }
            fields.extend(
                self.vehicle
                    .map(|words| ("vehicle".to_owned(), vehicle_json(words))),
            );
        }
        body
    }

    /// The message with the re-identification vector of the vehicle.
    #[must_use]
    pub fn json_with_signature(&self) -> Value {
        with(self.json(), "vehicle_signature", json!(CANARY))
    }

    /// The message with embedded crops.
    #[must_use]
    pub fn json_with_crops(&self) -> Value {
        let crop = STANDARD.encode(JPEG);
        let mut body = with(self.json(), "vehicle_crop_jpeg", json!(crop));
        if let Some(best) = body.get_mut("best_plate").and_then(Value::as_object_mut) {
            best.insert("plate_crop_jpeg".to_owned(), json!(crop));
        }
        with(body, "overview_jpeg", json!(crop))
    }

    /// The message with `data_type` null, as has been seen.
    #[must_use]
    pub fn json_without_type(&self) -> Value {
        with(self.json(), "data_type", Value::Null)
    }

    /// An `alpr_alert` around the group, with the canary in the description of the list entry.
    #[must_use]
    pub fn alert(&self, list: &str) -> Value {
        json!({
            "data_type": "alpr_alert",
            "version": 1,
            "epoch_time": self.epoch_end,
            "agent_uid": AGENT_UID,
            "alert_list": list,
            "alert_list_id": 7,
            "site_name": "Brookdale",
            "camera_name": "Crossing",
            "camera_number": self.camera_id,
            "company_id": COMPANY,
            "plate_number": self.plate,
            "description": CANARY,
            "list_type": "alert",
            "group": self.json(),
        })
    }

    /// One `alpr_results` frame of the vehicle.
    #[must_use]
    pub fn frame(&self) -> Value {
        let candidates = self.candidates_json();
        json!({
            "data_type": "alpr_results",
            "version": 2,
            "epoch_time": self.epoch_start,
            "uuid": self.uuids.first(),
            "agent_uid": AGENT_UID,
            "camera_id": self.camera_id,
            "img_width": 1280,
            "img_height": 720,
            "processing_time_ms": 41.2,
            "results": [self.best_plate_json(&candidates)],
        })
    }

    fn with_plate(mut self, plate: &str) -> Self {
        plate.clone_into(&mut self.plate);
        self
    }

    fn candidates_json(&self) -> Value {
        let best = (!self.plate.is_empty()).then(|| (self.plate.clone(), self.confidence));
        best.into_iter()
            .chain(self.candidates.iter().cloned())
            .enumerate()
            .map(|(place, (plate, confidence))| {
                let template = i32::from(place == 0);
                json!({"plate": plate, "confidence": confidence, "matches_template": template})
            })
            .collect()
    }

    fn best_plate_json(&self, candidates: &Value) -> Value {
        json!({
            "plate": self.plate,
            "confidence": self.confidence,
            "matches_template": i32::from(!self.plate.is_empty()),
            "plate_index": 0,
            "region": self.region,
            "region_confidence": self.region_confidence,
            "processing_time_ms": 9.1,
            "coordinates": [
                {"x": 1, "y": 1}, {"x": 60, "y": 1}, {"x": 60, "y": 20}, {"x": 1, "y": 20},
            ],
            "vehicle_region": {"x": 0, "y": 0, "width": 400, "height": 300},
            "candidates": candidates,
        })
    }
}

pub(super) fn vehicle_json([colour, make, model, body]: [&str; 4]) -> Value {
    json!({
        "color": [{"name": colour, "confidence": 88.1}],
        "make": [{"name": make, "confidence": 60.0}],
        "make_model": [{"name": format!("{make}_{model}"), "confidence": 44.0}],
        "body_type": [{"name": body, "confidence": 90.0}],
        "year": [{"name": "2010-2014", "confidence": 31.0}],
    })
}

pub(super) fn uuid_of(camera_id: u32, epoch_ms: i64) -> String {
    format!("{AGENT_UID}-{camera_id}-{epoch_ms}")
}

pub(super) fn with(mut body: Value, key: &str, value: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
    body
}
