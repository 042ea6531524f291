//! The broker's payloads and the entity inside (Smart Data Models, APDSObservation, schema 0.0.1), as far as a read needs it.
//!
//! Members without a field here end at the parse: `creator` (the driver of the scan car) and `owner` among them.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::attribute::{Attribute, First, Location, Shown, Text};
use crate::{
    adapter::Rejection,
    error::{Error, ErrorKind, Result},
};

/// Most entities of one payload. Brokers give at most 1000 at once.
const MAX_ENTITIES: usize = 10_000;

/// The only type that is read.
pub(super) const TYPE: &str = "APDSObservation";

/// The rule for a value of another type than the schema's.
const WRONG_TYPE: &str = "wrong type";

/// One observation. All times are UTC by the schema, and in its format carry an offset.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct Entity<'a> {
    pub(super) id: Option<Text<'a>>,
    #[serde(rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    /// `anpr`, `visual`, `chalk`, `scanner`, `rfTranspoder`, `other`.
    pub(super) observed_method: Option<Attribute<Text<'a>>>,
    /// `licensePlate`, `hangtag`, `rfid` ...
    pub(super) observed_credential_type: Option<Attribute<Text<'a>>>,
    /// Letters and digits; `:` stands where a German plate has its seal.
    pub(super) observed_credential_id: Option<Attribute<Text<'a>>>,
    /// ISO 3166-1 alpha-2; `XX` when unknown.
    pub(super) observed_credential_country: Option<Attribute<Text<'a>>>,
    /// 0 to 1.
    pub(super) observed_credential_confidence: Option<Attribute<f64>>,
    pub(super) observation_date_time: Option<Attribute<Text<'a>>>,
    pub(super) observation_start_date_time: Option<Attribute<Text<'a>>>,
    pub(super) observation_end_date_time: Option<Attribute<Text<'a>>>,
    /// The scanning system.
    pub(super) observer: Option<Attribute<Text<'a>>>,
    /// The scan car, in words.
    pub(super) observer_description: Option<Attribute<Text<'a>>>,
    /// `LF`, `RB` ..., the best first; also seen as one text with commas.
    pub(super) observer_cameras: Option<Attribute<First<Text<'a>>>>,
    /// Of the scan car.
    pub(super) observer_location: Option<Location>,
    /// Of the vehicle.
    pub(super) observed_location: Option<Location>,
    /// Degrees clockwise from north; -1 when unknown.
    pub(super) observed_heading: Option<Attribute<f64>>,
    /// km/h; -1 when unknown.
    pub(super) observed_speed: Option<Attribute<f64>>,
    /// 1 towards, 0 away, -1 unknown.
    pub(super) towards_observer: Option<Attribute<f64>>,
    pub(super) images: Option<Attribute<Shown<'a>>>,
    pub(super) observed_vehicle_colour: Option<Attribute<Text<'a>>>,
    pub(super) observed_vehicle_make: Option<Attribute<Text<'a>>>,
    pub(super) observed_vehicle_type: Option<Attribute<Text<'a>>>,
    /// Of the entity: a newer one replaces it.
    pub(super) date_modified: Option<Attribute<Text<'a>>>,
    /// NGSI-LD: the entity is gone since.
    pub(super) deleted_at: Option<Attribute<Text<'a>>>,
    /// NGSIv2, where the subscription asks for it: `entityDelete` when the entity is gone.
    pub(super) alteration_type: Option<Attribute<Text<'a>>>,
}

/// What a broker sent.
pub(super) struct Payload<'a> {
    pub(super) is_notification: bool,
    /// Each to be parsed alone, so that a bad one costs no other.
    pub(super) entities: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<Entities<'a>>,
}

/// Reads the frame of an answer (a list), a notification (`data` holds the list) or one entity.
///
/// # Errors
/// `Malformed` when the body is none of these, or holds more than 10,000 entities.
pub(super) fn payload<'a>(operation: &'static str, body: &'a [u8]) -> Result<Payload<'a>> {
    let parsed = match body.trim_ascii_start() {
        [b'[', ..] => serde_json::from_slice(body).map(|Entities(entities)| Payload {
            is_notification: false,
            entities,
        }),
        [b'{', ..] => object(body),
        _ => return Err(malformed(operation)),
    };
    // The parser's own message can quote the body, so it goes no further.
    parsed.map_err(|_| malformed(operation))
}

/// Reads the frame of an answer, which is a list: anything else with status 200 is somebody else's page.
///
/// # Errors
/// As [`payload`].
pub(super) fn answer<'a>(operation: &'static str, body: &'a [u8]) -> Result<Vec<&'a RawValue>> {
    if body.trim_ascii_start().starts_with(b"[") {
        payload(operation, body).map(|payload| payload.entities)
    } else {
        Err(malformed(operation))
    }
}

fn object(body: &[u8]) -> serde_json::Result<Payload<'_>> {
    let envelope: Envelope<'_> = serde_json::from_slice(body)?;
    Ok(match envelope.data {
        Some(Entities(entities)) => Payload {
            is_notification: true,
            entities,
        },
        None => Payload {
            is_notification: false,
            entities: vec![serde_json::from_slice(body)?],
        },
    })
}

fn malformed(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::Malformed,
        operation,
        "not JSON with a list of entities, or too long a list",
    )
}

/// Reads one entity.
///
/// # Errors
/// The rejection that names the member of the wrong type.
pub(super) fn entity(raw: &RawValue, record: u64) -> Result<Entity<'_>, Rejection> {
    // A list would be taken for the members in their order.
    if !raw.get().starts_with('{') {
        return Err(reject(record, "(entity)", "not an object"));
    }
    serde_json::from_str(raw.get()).map_err(|_| misfit(raw, record))
}

/// Names the member that is not what the schema says, by parsing again: following the path costs more than reading.
fn misfit(raw: &RawValue, record: u64) -> Rejection {
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    let parsed: Result<Entity<'_>, _> = serde_path_to_error::deserialize(&mut deserializer);
    let Err(error) = parsed else {
        return reject(record, "(entity)", WRONG_TYPE);
    };
    let path = error.path().to_string();
    // The library's other words are not looked at: they quote values, and these only a key of the structs above.
    let said = error.inner().to_string();
    let twice = said
        .strip_prefix("duplicate field `")
        .and_then(|rest| rest.split('`').next());
    match (twice, path.as_str()) {
        (Some(key), ".") => reject(record, key, "given twice"),
        (Some(_), path) => reject(record, path, "given twice"),
        (None, ".") => reject(record, "(entity)", WRONG_TYPE),
        (None, path) => reject(record, path, WRONG_TYPE),
    }
}

/// The rejection of entity number `record`.
pub(super) fn reject(record: u64, field: &str, rule: &str) -> Rejection {
    Rejection::new(Some(record), field, rule)
}

/// The value of an attribute, where it has one.
pub(super) fn value<T>(attribute: &Option<Attribute<T>>) -> Option<&T> {
    attribute.as_ref()?.0.as_ref()
}

/// The text of an attribute without surrounding blanks; blank is absent.
pub(super) fn text<'t>(attribute: &'t Option<Attribute<Text<'_>>>) -> Option<&'t str> {
    let text = value(attribute)?.0.trim();
    (!text.is_empty()).then_some(text)
}

/// A list of entities, up to [`MAX_ENTITIES`].
struct Entities<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Entities<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(EntitiesVisitor(PhantomData))
    }
}

struct EntitiesVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for EntitiesVisitor<'a> {
    type Value = Entities<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entities")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entities = Vec::new();
        while let Some(entity) = list.next_element()? {
            if entities.len() == MAX_ENTITIES {
                return Err(A::Error::invalid_length(entities.len(), &self));
            }
            entities.push(entity);
        }
        Ok(Entities(entities))
    }
}
