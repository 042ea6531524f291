//! Observations to rows and back.
//!
//! What is searched or compared has a column; the rest is one JSON text without absent values. Taking an
//! [`Observation`] apart names every field, so a new one cannot be forgotten here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use turnpike_schemas::{
    plate::{Jurisdiction, Plate},
    read::{
        Attribute, Candidate, Confidence, ImageRef, Observation, ObservedPlate, Place, Provenance,
        ReadId, ReadKind, SourceId, Vehicle, ZoneProvenance,
    },
};

use super::month::MonthKey;

/// A read id, or the id an alias would have as a record: 128 bits, as two columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) hi: i64,
    pub(super) lo: i64,
}

/// What a stored revision is to a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The current revision: found.
    Current = 0,
    /// Replaced by another revision.
    History = 1,
    /// The current revision, withdrawn by its source: not found.
    Retracted = 2,
}

/// One observation, ready to be written.
#[derive(Debug)]
pub(super) struct Row {
    /// The record's key first, then those of its aliases.
    pub(super) keys: Vec<Key>,
    pub(super) month: MonthKey,
    pub(super) captured_at: i64,
    pub(super) keep_until: i64,
    pub(super) revision: u64,
    pub(super) retracted: bool,
    pub(super) record: String,
    pub(super) plate: String,
    pub(super) folded: String,
    pub(super) payload: String,
}

/// The part of an observation that has no column.
#[derive(PartialEq, Serialize, Deserialize)]
struct Payload {
    kind: ReadKind,
    zone: ZoneProvenance,
    /// Nanoseconds beyond the microsecond of the column.
    #[serde(default, skip_serializing_if = "is_default")]
    nanos: u16,
    #[serde(default, skip_serializing_if = "is_default")]
    offset_s: Option<i32>,
    /// Absent when it equals the normalized text.
    #[serde(default, skip_serializing_if = "is_default")]
    raw: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    jurisdiction: Option<Jurisdiction>,
    #[serde(default, skip_serializing_if = "is_default")]
    jurisdiction_confidence: Option<Confidence>,
    #[serde(default, skip_serializing_if = "is_default")]
    confidence: Option<Confidence>,
    #[serde(default, skip_serializing_if = "is_default")]
    candidates: Vec<Candidate>,
    #[serde(default, skip_serializing_if = "is_default")]
    lat: Option<f64>,
    #[serde(default, skip_serializing_if = "is_default")]
    lon: Option<f64>,
    #[serde(default, skip_serializing_if = "is_default")]
    site: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    camera: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    lane: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    bearing_deg: Option<f64>,
    #[serde(default, skip_serializing_if = "is_default")]
    image_bearing_deg: Option<f64>,
    #[serde(default, skip_serializing_if = "is_default")]
    make: Option<Described>,
    #[serde(default, skip_serializing_if = "is_default")]
    model: Option<Described>,
    #[serde(default, skip_serializing_if = "is_default")]
    colour: Option<Described>,
    #[serde(default, skip_serializing_if = "is_default")]
    class: Option<Described>,
    #[serde(default, skip_serializing_if = "is_default")]
    images: Vec<ImageRef>,
    #[serde(default, skip_serializing_if = "is_default")]
    aliases: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    retracted: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    quality: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    extra: BTreeMap<String, String>,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Described {
    is: String,
    #[serde(default, skip_serializing_if = "is_default")]
    confidence: Option<Confidence>,
}

/// The columns of a row that belong to the observation.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) record: String,
    pub(super) revision: u64,
    pub(super) plate: String,
    pub(super) captured_at: i64,
    pub(super) payload: String,
}

/// Why a stored row is not an observation. Carries no part of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

impl Key {
    pub(super) fn of(id: &ReadId) -> Self {
        let half = |from: usize| {
            let digits = id.as_str().get(from..from + 16).unwrap_or_default();
            u64::from_str_radix(digits, 16)
                .unwrap_or_default()
                .cast_signed()
        };
        Self {
            hi: half(0),
            lo: half(16),
        }
    }

    pub(super) fn derive(source: &SourceId, record: &str) -> Self {
        Self::of(&ReadId::derive(source, record))
    }

    pub(super) fn read_id(self) -> Result<ReadId, Unreadable> {
        let text = format!(
            "{:016x}{:016x}",
            self.hi.cast_unsigned(),
            self.lo.cast_unsigned()
        );
        ReadId::try_from(text).map_err(|_| Unreadable)
    }
}

impl State {
    pub(super) fn of(code: i64) -> Option<Self> {
        [Self::Current, Self::History, Self::Retracted]
            .into_iter()
            .find(|state| state.code() == code)
    }

    pub(super) fn code(self) -> i64 {
        self as i64
    }
}

impl Row {
    /// Takes an observation of `source` apart.
    pub(super) fn encode(
        source: &SourceId,
        observation: Observation,
        keep_until: Timestamp,
    ) -> serde_json::Result<Self> {
        let Observation {
            record,
            aliases,
            revision,
            kind,
            plate,
            captured_at,
            captured_offset_s,
            captured_zone,
            place,
            vehicle,
            images,
            retracted,
            quality,
            extra,
        } = observation;
        let ObservedPlate {
            plate,
            jurisdiction,
            jurisdiction_confidence,
            confidence,
            candidates,
        } = plate;
        let Place {
            lat,
            lon,
            site,
            camera,
            lane,
            bearing_deg,
            image_bearing_deg,
        } = place;
        let Vehicle {
            make,
            model,
            colour,
            class,
        } = vehicle;
        let mut keys = vec![Key::derive(source, &record)];
        for alias in &aliases {
            let key = Key::derive(source, alias);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let (micros, nanos) = micros(captured_at);
        let payload = Payload {
            kind,
            zone: captured_zone,
            nanos,
            offset_s: captured_offset_s,
            raw: (plate.expose_raw() != plate.expose()).then(|| plate.expose_raw().to_owned()),
            jurisdiction,
            jurisdiction_confidence,
            confidence,
            candidates,
            lat,
            lon,
            site,
            camera,
            lane,
            bearing_deg,
            image_bearing_deg,
            make: make.map(Described::from),
            model: model.map(Described::from),
            colour: colour.map(Described::from),
            class: class.map(Described::from),
            images,
            aliases,
            retracted,
            quality,
            extra,
        };
        Ok(Self {
            keys,
            month: MonthKey::of(captured_at),
            captured_at: micros,
            keep_until: self::micros(keep_until).0,
            revision,
            retracted,
            record,
            plate: plate.expose().to_owned(),
            folded: plate.folded().expose().to_owned(),
            payload: serde_json::to_string(&payload)?,
        })
    }
}

impl Columns {
    /// The observation these columns were made from.
    pub(super) fn decode(self) -> Result<Observation, Unreadable> {
        let payload: Payload = serde_json::from_str(&self.payload).map_err(|_| Unreadable)?;
        let raw = payload.raw.as_deref().unwrap_or(&self.plate);
        let plate = Plate::parse(raw).map_err(|_| Unreadable)?;
        if plate.expose() != self.plate {
            return Err(Unreadable);
        }
        Ok(Observation {
            record: self.record,
            aliases: payload.aliases,
            revision: self.revision,
            kind: payload.kind,
            plate: ObservedPlate {
                plate,
                jurisdiction: payload.jurisdiction,
                jurisdiction_confidence: payload.jurisdiction_confidence,
                confidence: payload.confidence,
                candidates: payload.candidates,
            },
            captured_at: instant(self.captured_at, payload.nanos)?,
            captured_offset_s: payload.offset_s,
            captured_zone: payload.zone,
            place: Place {
                lat: payload.lat,
                lon: payload.lon,
                site: payload.site,
                camera: payload.camera,
                lane: payload.lane,
                bearing_deg: payload.bearing_deg,
                image_bearing_deg: payload.image_bearing_deg,
            },
            vehicle: Vehicle {
                make: payload.make.map(Attribute::from),
                model: payload.model.map(Attribute::from),
                colour: payload.colour.map(Attribute::from),
                class: payload.class.map(Attribute::from),
            },
            images: payload.images,
            retracted: payload.retracted,
            quality: payload.quality,
            extra: payload.extra,
        })
    }
}

impl From<Attribute> for Described {
    fn from(attribute: Attribute) -> Self {
        Self {
            is: attribute.value,
            confidence: attribute.confidence,
        }
    }
}

impl From<Described> for Attribute {
    fn from(described: Described) -> Self {
        Self {
            value: described.is,
            confidence: described.confidence,
        }
    }
}

/// Whole microseconds since 1970, rounded down, and the nanoseconds left over.
pub(super) fn micros(at: Timestamp) -> (i64, u16) {
    let nanos = at.as_nanosecond();
    let micros = i64::try_from(nanos.div_euclid(1000)).unwrap_or(i64::MAX);
    (
        micros,
        u16::try_from(nanos.rem_euclid(1000)).unwrap_or_default(),
    )
}

fn instant(micros: i64, nanos: u16) -> Result<Timestamp, Unreadable> {
    let nanos = i128::from(micros) * 1000 + i128::from(nanos);
    Timestamp::from_nanosecond(nanos).map_err(|_| Unreadable)
}

/// Nanoseconds since 1970 of an instant of the gateway's own clock.
pub(super) fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)
}

/// The inverse of [`nanos`].
pub(super) fn received(nanos: i64) -> Result<Timestamp, Unreadable> {
    Timestamp::from_nanosecond(i128::from(nanos)).map_err(|_| Unreadable)
}

pub(super) fn provenance(text: &str) -> Result<Provenance, Unreadable> {
    serde_json::from_str(text).map_err(|_| Unreadable)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Whether the payload is that of a record its source withdrew.
pub(super) fn is_retracted(payload: &str) -> bool {
    #[derive(Deserialize)]
    struct Flag {
        #[serde(default)]
        retracted: bool,
    }
    serde_json::from_str::<Flag>(payload).is_ok_and(|flag| flag.retracted)
}

/// Extras that say why a vendor sent a version, and nothing of the passage.
const NOTES: [&str; 1] = ["correction_reason"];

/// Whether two payloads are the same but for such extras.
pub(super) fn same_but_for_notes(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let has_note = |payload: &str| NOTES.iter().any(|note| payload.contains(note));
    if !has_note(one) && !has_note(other) {
        return false;
    }
    let parsed =
        |payload: &str| serde_json::from_str::<Payload>(payload).map(Payload::without_notes);
    match (parsed(one), parsed(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

impl Payload {
    fn without_notes(mut self) -> Self {
        for note in NOTES {
            self.extra.remove(note);
        }
        self
    }
}
