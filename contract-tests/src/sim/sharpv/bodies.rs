//! Message bodies as the guide shows them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::sim::{CANARY, JPEG};
use crate::town::{Family, Passage, TOWN_OFFSET_HOURS};

/// The two forms a camera can be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Local time without a zone.
    Json,
    /// UTC with an offset.
    Xml,
}

impl Form {
    /// What it is sent as.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "text/xml",
        }
    }
}

/// One plate read.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// A GUID.
    pub id: String,
    /// The text; empty when none was read.
    pub plate: String,
    /// When.
    pub at: Timestamp,
    /// Degrees north and east; `None` without GPS.
    pub position: Option<(f64, f64)>,
    /// Name of the camera.
    pub camera: String,
    /// Lane, where the camera knows it.
    pub lane: Option<u8>,
    /// 0 to 100, where the camera knows it.
    pub confidence: Option<f64>,
    /// Code of the state, where the camera knows it.
    pub state: Option<&'static str>,
    /// Make, where the camera knows it.
    pub make: Option<&'static str>,
}

impl Read {
    /// The read of a passage; `None` for another family.
    #[must_use]
    pub fn of(passage: &Passage) -> Option<Self> {
        (passage.site.family == Family::Parking).then(|| Self {
            id: format!("6f9d3c0e-0000-4000-8000-{:012x}", passage.id),
            plate: passage.text.clone().unwrap_or_default(),
            at: passage.at,
            position: Some((passage.site.latitude, passage.site.longitude)),
            camera: passage.site.code.clone(),
            lane: Some(passage.lane),
            confidence: passage.text.is_some().then(|| passage.confidence_percent()),
            state: passage.state.map(|state| state.code()),
            make: Some(passage.vehicle.make),
        })
    }

    /// The same read without a plate.
    #[must_use]
    pub fn unread(&self) -> Self {
        Self {
            plate: String::new(),
            confidence: None,
            state: None,
            ..self.clone()
        }
    }

    /// The same read of a camera that knows nothing but plate and time.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self {
            position: None,
            lane: None,
            confidence: None,
            state: None,
            make: None,
            ..self.clone()
        }
    }

    /// The body in one of the forms.
    #[must_use]
    pub fn body(&self, form: Form) -> Vec<u8> {
        match form {
            Form::Json => self.json().to_string().into_bytes(),
            Form::Xml => self.xml().into_bytes(),
        }
    }

    /// As JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let (latitude, longitude) = self.position.unwrap_or((0.0, 0.0));
        let analytic = |(key, value, score): (&str, String, f64)| json!({"Key": key, "Value": value, "Score": score});
        let analytics: Vec<_> = self.analytics().into_iter().map(analytic).collect();
        let picture = STANDARD.encode(JPEG);
        let local = self.at + SignedDuration::from_hours(i64::from(TOWN_OFFSET_HOURS));
        json!({
            "Id": self.id,
            "PlateRead": self.plate,
            "Timestamp": local.strftime("%Y-%m-%dT%H:%M:%S.%3f").to_string(),
            "Latitude": latitude,
            "Longitude": longitude,
            "LprCameraName": self.camera,
            "ContextCameraName": format!("{}-CTX", self.camera),
            "SourceUrl": "http://10.0.0.9/",
            "PlateImage": picture,
            "ContextImage": picture,
            "PlateAnalytics": analytics,
        })
    }

    /// As XML.
    #[must_use]
    pub fn xml(&self) -> String {
        let (latitude, longitude) = self.position.unwrap_or((0.0, 0.0));
        let analytic = |(key, value, score): (&str, String, f64)| {
            format!(
                "<PlateAnalytics><Key>{key}</Key><Value>{value}</Value><Score>{score:.1}</Score></PlateAnalytics>"
            )
        };
        let analytics: String = self.analytics().into_iter().map(analytic).collect();
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Plate>\n<Id>{}</Id>\n<PlateRead>{}</PlateRead>\n\
            <Timestamp>{}+00:00</Timestamp>\n<Latitude>{latitude:?}</Latitude>\n<Longitude>{longitude:?}</Longitude>\n\
            <LprCameraName>{camera}</LprCameraName>\n<ContextCameraName>{camera}-CTX</ContextCameraName>\n\
            <SourceUrl>http://10.0.0.9/</SourceUrl>\n<PlateImage>{picture}</PlateImage>\n\
            <ContextImage>{picture}</ContextImage>\n<PlateAnalytics>{analytics}</PlateAnalytics>\n</Plate>",
            self.id,
            self.plate,
            self.at.strftime("%Y-%m-%dT%H:%M:%S.%7f"),
            camera = self.camera,
            picture = STANDARD.encode(JPEG),
        )
    }

    /// Key, value and score; `-` and -1.0 for what the camera does not know.
    fn analytics(&self) -> Vec<(&'static str, String, f64)> {
        let unknown = || "-".to_owned();
        let word = |known: Option<String>| known.unwrap_or_else(unknown);
        let confidence = self.confidence;
        vec![
            ("State Name", word(self.state.map(str::to_owned)), -1.0),
            ("Context", word(self.state.map(|_| "US".to_owned())), -1.0),
            (
                "Confidence Score",
                word(confidence.map(|percent| percent.to_string())),
                confidence.unwrap_or(-1.0),
            ),
            ("Vehicle Make", word(self.make.map(str::to_owned)), -1.0),
            ("Vehicle Type", unknown(), -1.0),
            ("Relative Motion", "Closer".to_owned(), -1.0),
            ("Lane", word(self.lane.map(|lane| lane.to_string())), -1.0),
            ("Speed", unknown(), -1.0),
            ("Characters Height", "22".to_owned(), -1.0),
        ]
    }

    /// The body with the canary wherever a user of the camera could put words of their own.
    #[must_use]
    pub fn personal(&self, form: Form) -> Vec<u8> {
        match form {
            Form::Json => {
                let mut body = self.json();
                put(&mut body, "SourceUrl", json!(CANARY));
                put(&mut body, "UserName", json!(CANARY));
                put(&mut body, "Owner", json!({"Name": CANARY}));
                if let Some(list) = body.get_mut("PlateAnalytics").and_then(Value::as_array_mut) {
                    list.push(json!({"Key": "Driver", "Value": CANARY, "Score": 1.0}));
                }
                body.to_string().into_bytes()
            }
            Form::Xml => {
                let planted = format!(
                    "<UserName>{CANARY}</UserName><Owner><Name>{CANARY}</Name></Owner></Plate>"
                );
                let driver = format!(
                    "<PlateAnalytics><PlateAnalytics><Key>Driver</Key><Value>{CANARY}</Value></PlateAnalytics>"
                );
                self.xml()
                    .replace("</Plate>", &planted)
                    .replacen("<PlateAnalytics>", &driver, 1)
                    .replace("http://10.0.0.9/", CANARY)
                    .into_bytes()
            }
        }
    }
}

pub(super) fn put(body: &mut Value, key: &str, value: Value) {
    if let Some(members) = body.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
}
