//! Messages as the vendor's public types show them.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Value, json};

use crate::sim::CANARY;
use crate::town::{Family, Passage, TOWN_OFFSET_HOURS};

/// How the engine's version writes a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The plate is text.
    Flat,
    /// The plate is an object, or null.
    Nested,
}

/// One vehicle of a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The text, lower case; `None` for a vehicle without a plate.
    pub plate: Option<String>,
    /// 0 to 1.
    pub score: f64,
    /// `us-oh`, or empty.
    pub region: String,
    /// 0 to 1.
    pub region_score: f64,
    /// Other readings.
    pub candidates: Vec<(String, Option<f64>)>,
    /// Make, model and colour.
    pub looks: [&'static str; 3],
    /// Degrees inside the image, an empty text, or null.
    pub direction: Value,
}

/// One message. Every field can be changed before [`Frame::json`].
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Id of the camera.
    pub camera: String,
    /// When.
    pub at: Timestamp,
    /// How it is written.
    pub layout: Layout,
    /// The vehicles.
    pub seen: Vec<Seen>,
    /// Whether addresses of the stream and what the user wrote hold canaries.
    pub private: bool,
}

impl Seen {
    /// A vehicle with an Ohio plate.
    #[must_use]
    pub fn plate(text: &str) -> Self {
        Self {
            plate: Some(text.to_lowercase()),
            score: 0.91,
            region: "us-oh".to_owned(),
            region_score: 0.6,
            candidates: Vec::new(),
            looks: ["brookmotor", "two", "blue"],
            direction: json!(210),
        }
    }

    /// A vehicle that shows none.
    #[must_use]
    pub fn no_plate() -> Self {
        Self {
            plate: None,
            ..Self::plate("")
        }
    }

    fn json(&self, layout: Layout, private: bool) -> Value {
        let mut result = match layout {
            Layout::Flat => self.flat(),
            Layout::Nested => self.nested(),
        };
        let canary = if private { CANARY } else { "" };
        if let Some(fields) = result.as_object_mut() {
            fields.insert("direction".to_owned(), self.direction.clone());
            fields.insert("speed".to_owned(), Value::Null);
            fields.insert("speed_score".to_owned(), json!(0));
            let source = format!("rtsp://viewer:{canary}@192.0.2.21/1");
            fields.insert("source_url".to_owned(), json!(source));
            fields.insert("position_sec".to_owned(), json!(3.2));
            fields.insert("user_data".to_owned(), json!(canary));
        }
        result
    }

    fn flat(&self) -> Value {
        let [make, model, colour] = self.looks;
        let own = (self.plate.clone().unwrap_or_default(), Some(self.score));
        let candidates = std::iter::once(&own).chain(&self.candidates);
        let candidates = candidates.map(|(plate, score)| match score {
            Some(score) => json!({ "plate": plate, "score": score }),
            None => json!({ "plate": plate }),
        });
        json!({
            "plate": own.0, "score": self.score, "dscore": 0.83, "box": corner_box(),
            "region": { "code": self.region, "score": self.region_score },
            "candidates": candidates.collect::<Vec<_>>(),
            "vehicle": { "type": "SUV", "score": 0.8, "box": corner_box() },
            "model_make": [{ "make": make, "model": model, "score": 0.3 }],
            "color": [{ "color": colour, "score": 0.7 }],
            "orientation": [{ "orientation": "Front", "score": 0.9 }],
        })
    }

    fn nested(&self) -> Value {
        let [make, model, colour] = self.looks;
        let plate = self.plate.as_ref().map(|text| {
            let own = (text.clone(), Some(self.score));
            let readings = std::iter::once(&own).chain(&self.candidates);
            let readings = readings.map(|(value, score)| json!({ "value": value, "score": score }));
            json!({
                "type": "Plate", "score": 0.83, "box": corner_box(),
                "props": {
                    "plate": readings.collect::<Vec<_>>(),
                    "region": [{ "value": self.region, "score": self.region_score }],
                },
            })
        });
        json!({
            "plate": plate,
            "vehicle": {
                "type": "SUV", "score": 0.8, "box": corner_box(),
                "props": {
                    "make_model": [{ "make": make, "model": model, "score": 0.3 }],
                    "color": [{ "value": colour, "score": 0.7 }],
                    "orientation": [{ "value": "Front", "score": 0.9 }],
                },
            },
        })
    }
}

impl Frame {
    /// The frame of a passage; `None` for another family.
    #[must_use]
    pub fn of(passage: &Passage, layout: Layout) -> Option<Self> {
        if passage.site.family != Family::Camera {
            return None;
        }
        let vehicle = &passage.vehicle;
        let region = passage
            .state
            .map(|state| format!("us-{}", state.code().to_lowercase()));
        let seen = Seen {
            plate: passage.text.as_ref().map(|text| text.to_lowercase()),
            score: passage.confidence(),
            region: region.unwrap_or_default(),
            region_score: passage.state_confidence(),
            looks: [vehicle.make, vehicle.model, vehicle.colour],
            ..Seen::no_plate()
        };
        Some(Self {
            seen: vec![seen],
            layout,
            ..Self::read(&passage.site.code, passage.at, "")
        })
    }

    /// A frame with one vehicle.
    #[must_use]
    pub fn read(camera: &str, at: Timestamp, plate: &str) -> Self {
        Self {
            camera: camera.to_owned(),
            at,
            layout: Layout::Nested,
            seen: vec![Seen::plate(plate)],
            private: false,
        }
    }

    /// The message.
    #[must_use]
    pub fn json(&self) -> Value {
        let file = format!("{}/{}.jpg", self.camera, self.at.as_millisecond());
        let local = Offset::constant(TOWN_OFFSET_HOURS).to_datetime(self.at);
        let results = self
            .seen
            .iter()
            .map(|seen| seen.json(self.layout, self.private));
        json!({
            "hook": { "target": "https://gw.example/in", "id": self.camera, "event": "recognition", "filename": file },
            "data": {
                "camera_id": self.camera, "filename": file,
                "timestamp": self.at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
                "timestamp_local": format!("{}{TOWN_OFFSET_HOURS:+03}:00", local.strftime("%Y-%m-%d %H:%M:%S.%6f")),
                "timestamp_camera": "2019-01-01T00:00:00Z",
                "results": results.collect::<Vec<_>>(),
            },
        })
    }
}

/// An event that is no recognition.
#[must_use]
pub fn other_event(event: &str) -> Value {
    json!({
        "hook": { "target": "https://gw.example/in", "id": "brook-2", "event": event },
        "data": { "status": "running", "results": 7 },
    })
}

fn corner_box() -> Value {
    json!({ "xmin": 10, "ymin": 10, "xmax": 90, "ymax": 30 })
}
