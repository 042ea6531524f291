//! Events no receiver can use.

use serde_json::{Value, json};

use super::{Event, put};

/// What is wrong with an event; each has exactly one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// `plateUTF8` is a number.
    NumericPlate,
    /// No field holds the plate.
    NoPlate,
    /// `carState` is not there.
    NoState,
    /// `carState` is a word nobody knows.
    UnknownState,
    /// `carID` is not there.
    NoCar,
    /// `carID` is a word.
    TextCar,
    /// `camera_info` is not there.
    NoCamera,
    /// `camera_info` is a list.
    CameraList,
    /// The only time is a local one.
    LocalTime,
    /// `capture_timestamp` is a word.
    TextTime,
    /// `plateConfidence` is of a hundred.
    Percent,
    /// `geotag` is no position.
    ImpossiblePosition,
    /// `plateCountry` is no country.
    UnknownCountry,
}

impl Wrong {
    /// Every fault.
    pub const ALL: [Self; 13] = [
        Self::NumericPlate,
        Self::NoPlate,
        Self::NoState,
        Self::UnknownState,
        Self::NoCar,
        Self::TextCar,
        Self::NoCamera,
        Self::CameraList,
        Self::LocalTime,
        Self::TextTime,
        Self::Percent,
        Self::ImpossiblePosition,
        Self::UnknownCountry,
    ];

    /// The event with this fault.
    #[must_use]
    pub fn json(self, event: &Event) -> Value {
        let mut body = event.json();
        let (key, value) = match self {
            Self::NumericPlate => ("plateUTF8", json!(421)),
            Self::NoPlate => {
                remove(&mut body, "plateASCII");
                ("plateUTF8", Value::Null)
            }
            Self::NoState => ("carState", Value::Null),
            Self::UnknownState => ("carState", json!("parked")),
            Self::NoCar => ("carID", Value::Null),
            Self::TextCar => ("carID", json!("nine")),
            Self::NoCamera => ("camera_info", Value::Null),
            Self::CameraList => ("camera_info", json!([event.serial])),
            Self::LocalTime => ("capture_timestamp", Value::Null),
            Self::TextTime => ("capture_timestamp", json!("soon")),
            Self::Percent => ("plateConfidence", json!("95.5")),
            Self::ImpossiblePosition => ("geotag", json!({"lat": 191.0, "lon": 8.0})),
            Self::UnknownCountry => ("plateCountry", json!("ZZZ")),
        };
        match value {
            Value::Null => remove(&mut body, key),
            value => put(&mut body, key, value),
        }
        body
    }
}

fn remove(body: &mut Value, key: &str) {
    if let Some(fields) = body.as_object_mut() {
        fields.remove(key);
    }
}
