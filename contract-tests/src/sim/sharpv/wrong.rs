//! Messages no receiver can use, or that try to hurt it.

use serde_json::{Value, json};

use super::bodies::{Read, put};

/// What is wrong with a JSON message; each has exactly one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// `Id` is not there.
    NoId,
    /// `Id` is a number.
    NumericId,
    /// `PlateRead` is not there.
    NoPlate,
    /// `PlateRead` is null.
    NullPlate,
    /// `PlateRead` is a number.
    NumericPlate,
    /// `PlateRead` is longer than any plate.
    LongPlate,
    /// `Timestamp` is not there.
    NoTime,
    /// `Timestamp` is in milliseconds since 1970.
    EpochTime,
    /// `Timestamp` is a day that no calendar has.
    ImpossibleTime,
    /// `Timestamp` is a day without a time.
    DateOnly,
    /// `Latitude` is text.
    TextLatitude,
    /// `Latitude` is 191.
    ImpossibleLatitude,
    /// The value of `Confidence Score` is a word.
    WordConfidence,
    /// The value of `Confidence Score` is 140.
    ConfidenceOver100,
    /// The score of an analytic is text.
    TextScore,
    /// `PlateAnalytics` is an object.
    AnalyticsNoList,
}

impl Wrong {
    /// Every fault.
    pub const ALL: [Self; 16] = [
        Self::NoId,
        Self::NumericId,
        Self::NoPlate,
        Self::NullPlate,
        Self::NumericPlate,
        Self::LongPlate,
        Self::NoTime,
        Self::EpochTime,
        Self::ImpossibleTime,
        Self::DateOnly,
        Self::TextLatitude,
        Self::ImpossibleLatitude,
        Self::WordConfidence,
        Self::ConfidenceOver100,
        Self::TextScore,
        Self::AnalyticsNoList,
    ];

    /// The message of `read` with this fault.
    #[must_use]
    pub fn json(self, read: &Read) -> Value {
        let mut body = read.json();
        match self {
            Self::NoId => remove(&mut body, "Id"),
            Self::NumericId => put(&mut body, "Id", json!(42)),
            Self::NoPlate => remove(&mut body, "PlateRead"),
            Self::NullPlate => put(&mut body, "PlateRead", Value::Null),
            Self::NumericPlate => put(&mut body, "PlateRead", json!(421)),
            Self::LongPlate => put(&mut body, "PlateRead", json!("A".repeat(21))),
            Self::NoTime => remove(&mut body, "Timestamp"),
            Self::EpochTime => put(&mut body, "Timestamp", json!(read.at.as_millisecond())),
            Self::ImpossibleTime => put(&mut body, "Timestamp", json!("2026-02-30T08:15:30.412")),
            Self::DateOnly => put(&mut body, "Timestamp", json!("2026-03-04")),
            Self::TextLatitude => put(&mut body, "Latitude", json!("41.5")),
            Self::ImpossibleLatitude => put(&mut body, "Latitude", json!(191.0)),
            Self::WordConfidence => analytic(&mut body, "Value", json!("high")),
            Self::ConfidenceOver100 => analytic(&mut body, "Value", json!("140")),
            Self::TextScore => analytic(&mut body, "Score", json!("93")),
            Self::AnalyticsNoList => put(&mut body, "PlateAnalytics", json!({})),
        }
        body
    }
}

/// What is wrong with an XML message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongXml {
    /// `Id` is not there.
    NoId,
    /// `Timestamp` has no offset and is no time.
    WordTime,
    /// `Longitude` is a word.
    WordLongitude,
    /// The root is another one.
    OtherRoot,
    /// There is a document type with an entity.
    Entity,
    /// It is declared in an encoding nobody has.
    UnknownEncoding,
    /// There are two documents.
    TwoDocuments,
}

impl WrongXml {
    /// Every fault.
    pub const ALL: [Self; 7] = [
        Self::NoId,
        Self::WordTime,
        Self::WordLongitude,
        Self::OtherRoot,
        Self::Entity,
        Self::UnknownEncoding,
        Self::TwoDocuments,
    ];

    /// The message of `read` with this fault.
    #[must_use]
    pub fn xml(self, read: &Read) -> String {
        let body = read.xml();
        match self {
            Self::NoId => body.replace(&format!("<Id>{}</Id>", read.id), ""),
            Self::WordTime => body.replace("<Timestamp>", "<Timestamp>at "),
            Self::WordLongitude => body.replace("<Longitude>", "<Longitude>west "),
            Self::OtherRoot => body
                .replace("Plate>\n", "Vehicle>\n")
                .replace("</Plate>", "</Vehicle>"),
            Self::Entity => body
                .replace(
                    "<Plate>\n",
                    "<!DOCTYPE Plate [<!ENTITY a \"aaaaaaaaaa\">]><Plate>\n",
                )
                .replace("<LprCameraName>", "<LprCameraName>&a;"),
            Self::UnknownEncoding => body.replace("utf-8", "EBCDIC-US"),
            Self::TwoDocuments => format!("{body}{body}"),
        }
    }
}

/// A read whose context image is nested `depth` lists deep. As bytes: no JSON library is asked to build it.
#[must_use]
pub fn deep(read: &Read, depth: usize) -> Vec<u8> {
    let mut body = read.json();
    put(&mut body, "ContextImage", json!("NEST"));
    let nest = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    body.to_string().replace("\"NEST\"", &nest).into_bytes()
}

fn remove(body: &mut Value, key: &str) {
    if let Some(members) = body.as_object_mut() {
        members.remove(key);
    }
}

/// Changes a member of the analytic `Confidence Score`.
fn analytic(body: &mut Value, member: &str, value: Value) {
    let list = body.get_mut("PlateAnalytics").and_then(Value::as_array_mut);
    let named =
        |one: &&mut Value| one.get("Key").and_then(Value::as_str) == Some("Confidence Score");
    if let Some(one) = list.into_iter().flatten().find(named) {
        put(one, member, value);
    }
}
