//! Entities as the data model's schema has them, in both shapes.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::sim::CANARY;
use crate::town::{Family, Passage};

/// The two shapes of an entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Values alone.
    #[default]
    KeyValues,
    /// `{"type": "Property", "value": ...}`.
    Normalized,
}

impl Shape {
    /// Both.
    pub const ALL: [Self; 2] = [Self::KeyValues, Self::Normalized];
}

/// One observation.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The entity's name.
    pub id: String,
    /// The plate.
    pub plate: String,
    /// Country code; `XX` when unknown.
    pub country: &'static str,
    /// 0 to 1.
    pub confidence: f64,
    /// When.
    pub at: Timestamp,
    /// Degrees north and east.
    pub position: (f64, f64),
    /// Degrees from north.
    pub heading: f64,
    /// The system that saw it.
    pub observer: String,
    /// Make and colour.
    pub vehicle: [&'static str; 2],
    /// When the entity was last changed.
    pub modified: Timestamp,
}

impl Observation {
    /// The observation of a passage; `None` for another family or an unread plate.
    #[must_use]
    pub fn of(passage: &Passage) -> Option<Self> {
        let site = &passage.site;
        (site.family == Family::Parking).then_some(())?;
        Some(Self {
            id: format!("urn:ngsi-ld:APDSObservation:Brookdale:{:06}", passage.id),
            plate: passage.text.clone()?,
            country: passage.state.map_or("XX", |_| "US"),
            confidence: passage.confidence(),
            at: passage.at,
            position: (site.latitude, site.longitude),
            heading: site.heading.bearing_deg(),
            observer: site.code.clone(),
            vehicle: [passage.vehicle.make, passage.vehicle.colour],
            modified: passage.at + SignedDuration::from_secs(1),
        })
    }

    /// The same observation, corrected some time later.
    #[must_use]
    pub fn corrected(&self, plate: &str) -> Self {
        Self {
            plate: plate.to_owned(),
            modified: self.modified + SignedDuration::from_mins(5),
            ..self.clone()
        }
    }

    /// The entity.
    #[must_use]
    pub fn json(&self, shape: Shape) -> Value {
        shaped(self.key_values(), shape)
    }

    /// The entity, gone some time later.
    #[must_use]
    pub fn deleted(&self, shape: Shape) -> Value {
        let mut entity = self.json(shape);
        let gone = self.modified + SignedDuration::from_mins(10);
        put(&mut entity, "deletedAt", json!(time(gone)));
        entity
    }

    /// The entity with the canary in every member about people.
    #[must_use]
    pub fn personal(&self, shape: Shape) -> Value {
        let mut entity = self.key_values();
        plant(&mut entity);
        shaped(entity, shape)
    }

    /// The entity with something about it that needs care.
    #[must_use]
    pub fn odd(&self, odd: Odd, shape: Shape) -> Value {
        if odd == Odd::NotAnObject {
            return json!("entity");
        }
        let mut entity = self.key_values();
        let key = odd.key();
        match odd.value() {
            Value::Null => remove(&mut entity, key),
            value => put(&mut entity, key, value),
        }
        if !matches!(key, "id" | "type") {
            put(
                &mut entity,
                "id",
                json!(format!("urn:ngsi-ld:APDSObservation:Odd:{odd:?}")),
            );
        }
        shaped(entity, shape)
    }

    fn key_values(&self) -> Value {
        let (latitude, longitude) = self.position;
        let point = json!({"type": "Point", "coordinates": [longitude, latitude]});
        json!({
            "id": self.id,
            "type": "APDSObservation",
            "dateModified": time(self.modified),
            "observedMethod": "anpr",
            "observedCredentialType": "licensePlate",
            "observedCredentialId": self.plate,
            "observedCredentialCountry": self.country,
            "observedCredentialConfidence": self.confidence,
            "observationDateTime": time(self.at),
            "observer": self.observer,
            "observerDescription": "Gate",
            "observerCameras": ["LF,LB"],
            "observerLocation": point,
            "observedLocation": point,
            "observerHeading": -1,
            "observedHeading": self.heading,
            "observedSpeed": -1,
            "observerSpeed": 0,
            "towardsObserver": 1,
            "images": [[
                {"URL": "http://10.1.0.11:7400/getimage?sgid=8775639&amp;camid=lf"},
                {"camId": "LF"},
                {"imageContent": "ANPR"},
            ]],
            "observedVehicleMake": self.vehicle[0],
            "observedVehicleColour": self.vehicle[1],
            "observedVehicleType": "car",
        })
    }
}

/// Something about an entity that needs care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// No `id`.
    NoId,
    /// No `type`.
    NoType,
    /// Another type.
    OtherType,
    /// No time at all.
    NoTime,
    /// A time without an offset.
    LocalTime,
    /// A time in seconds since 1970.
    EpochTime,
    /// No plate.
    NoPlate,
    /// The plate is a number.
    NumericPlate,
    /// The plate is empty.
    EmptyPlate,
    /// The confidence is text.
    TextConfidence,
    /// The confidence is above 1.
    ConfidenceAboveOne,
    /// The position has its numbers as text.
    TextPosition,
    /// Read by chalk.
    Chalk,
    /// Not a plate.
    Hangtag,
    /// Of another plate than anybody asked for.
    OtherPlate,
    /// From long before anybody asked.
    LongAgo,
    /// No object.
    NotAnObject,
}

impl Odd {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::NoId,
        Self::NoType,
        Self::OtherType,
        Self::NoTime,
        Self::LocalTime,
        Self::EpochTime,
        Self::NoPlate,
        Self::NumericPlate,
        Self::EmptyPlate,
        Self::TextConfidence,
        Self::ConfidenceAboveOne,
        Self::TextPosition,
        Self::Chalk,
        Self::Hangtag,
        Self::OtherPlate,
        Self::LongAgo,
        Self::NotAnObject,
    ];

    fn key(self) -> &'static str {
        match self {
            Self::NoId | Self::NotAnObject => "id",
            Self::NoType | Self::OtherType => "type",
            Self::NoTime | Self::LocalTime | Self::EpochTime | Self::LongAgo => {
                "observationDateTime"
            }
            Self::NoPlate | Self::NumericPlate | Self::EmptyPlate | Self::OtherPlate => {
                "observedCredentialId"
            }
            Self::TextConfidence | Self::ConfidenceAboveOne => "observedCredentialConfidence",
            Self::TextPosition => "observedLocation",
            Self::Chalk => "observedMethod",
            Self::Hangtag => "observedCredentialType",
        }
    }

    fn value(self) -> Value {
        match self {
            Self::NoId | Self::NoType | Self::NoTime | Self::NoPlate | Self::NotAnObject => {
                Value::Null
            }
            Self::OtherType => json!("AnprFlowObserved"),
            Self::LocalTime => json!("2026-03-03T08:15:30"),
            Self::EpochTime => json!(1_772_612_130),
            Self::LongAgo => json!("2025-03-03T08:15:30Z"),
            Self::NumericPlate => json!(421),
            Self::EmptyPlate => json!(""),
            Self::OtherPlate => json!("TPX9999"),
            Self::TextConfidence => json!("0.9"),
            Self::ConfidenceAboveOne => json!(1.7),
            Self::TextPosition => json!({"type": "Point", "coordinates": ["-81.25", "41.5"]}),
            Self::Chalk => json!("chalk"),
            Self::Hangtag => json!("hangtag"),
        }
    }
}

/// A notification of entities.
#[must_use]
pub fn notification(entities: &[Value]) -> Value {
    json!({
        "id": "urn:ngsi-ld:Notification:000001",
        "type": "Notification",
        "subscriptionId": "urn:ngsi-ld:Subscription:brookdale",
        "notifiedAt": "2026-03-04T08:15:31Z",
        "data": entities,
    })
}

/// Plants the canary: in key-values, before shaping.
pub(super) fn plant(entity: &mut Value) {
    put(entity, "creator", json!(CANARY));
    put(entity, "owner", json!([CANARY]));
    put(entity, "dataProvider", json!(CANARY));
    put(entity, "driver", json!({"name": CANARY}));
    put(
        entity,
        "images",
        json!([[{"URL": format!("https://images.example.org/{CANARY}.jpg"), "binaryContent": CANARY, "imageContent": "Plate"}]]),
    );
}

/// Wraps every attribute of a key-values entity.
pub(super) fn shaped(entity: Value, shape: Shape) -> Value {
    let (Shape::Normalized, Value::Object(members)) = (shape, &entity) else {
        return entity;
    };
    let wrap = |(key, value): (&String, &Value)| {
        let wrapped = match key.as_str() {
            "id" | "type" => value.clone(),
            "observerLocation" | "observedLocation" => {
                json!({"type": "GeoProperty", "value": value})
            }
            key if key.contains("Date") => {
                json!({"type": "Property", "value": {"@type": "DateTime", "@value": value}})
            }
            _ => json!({"type": "Property", "value": value, "observedAt": "2026-03-04T08:15:31Z"}),
        };
        (key.clone(), wrapped)
    };
    Value::Object(members.iter().map(wrap).collect::<Map<_, _>>())
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn put(entity: &mut Value, key: &str, value: Value) {
    if let Some(members) = entity.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
}

fn remove(entity: &mut Value, key: &str) {
    if let Some(members) = entity.as_object_mut() {
        members.remove(key);
    }
}
