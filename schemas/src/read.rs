//! One capture of one plate by one device.
//!
//! An adapter yields [`Observation`]s: what one vendor record says, nothing added. The gateway seals
//! an observation into a [`PlateRead`] by adding where it came from. Everything a vendor may not send
//! is an `Option`, serialized as `null`: absent is never guessed.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{
    hex::hex,
    plate::{Jurisdiction, Plate},
};

/// A configured source: lower case letters, digits and `-`, 1 to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9-]{0,63}$", example = "brookdale-police")]
pub struct SourceId(Arc<str>);

/// Why a text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "identifier must be 1 to 64 characters of `a-z`, `0-9` and `-`, and start with a letter or digit"
)]
pub struct IdError;

/// Identity of a read in this gateway: 32 hexadecimal digits derived from the source and the vendor's record id.
/// Stable over revisions, restarts and replicas.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[0-9a-f]{32}$")]
pub struct ReadId(String);

/// The kind of organisation a source's data comes from.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Toll roads.
    Toll,
    /// Car parks and kerbs.
    Parking,
    /// Repossession companies.
    Repossession,
    /// Police agencies and their vendors.
    Police,
    /// Camera engines.
    Camera,
}

impl Family {
    /// The word as written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Toll => "toll",
            Self::Parking => "parking",
            Self::Repossession => "repossession",
            Self::Police => "police",
            Self::Camera => "camera",
        }
    }
}

/// What kind of record a read is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ReadKind {
    /// A device saw the plate.
    Read,
    /// A stay with a beginning and an end (parking).
    Session,
    /// A right bound to the plate (a permit to park); nobody saw the vehicle.
    Right,
}

/// How sure the source is, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "f64", into = "f64")]
#[schema(value_type = f64, minimum = 0, maximum = 1)]
pub struct Confidence(f64);

/// Why a number is not a confidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("confidence is not a number from 0 to 1 once scaled")]
pub struct ConfidenceError;

/// One reading hypothesis of the same plate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Candidate {
    /// The alternative text.
    #[serde(flatten)]
    pub plate: Plate,
    /// Its confidence, where the source gives one.
    #[schema(required)]
    pub confidence: Option<Confidence>,
}

/// The plate of a read, with a slot for who issued it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ObservedPlate {
    /// Normalized and raw text.
    #[serde(flatten)]
    pub plate: Plate,
    /// Who issued the plate, as the source says.
    #[schema(required)]
    pub jurisdiction: Option<Jurisdiction>,
    /// How sure the source is of the jurisdiction.
    #[schema(required)]
    pub jurisdiction_confidence: Option<Confidence>,
    /// How sure the source is of the text.
    #[schema(required)]
    pub confidence: Option<Confidence>,
    /// Other hypotheses for the same plate, best first.
    pub candidates: Vec<Candidate>,
}

/// How the UTC instant of a capture is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ZoneProvenance {
    /// The value itself carried `Z` or an offset.
    InValue,
    /// The format defines the value as UTC.
    Format,
    /// The source's configuration says which zone applies.
    Configured,
}

/// Where a capture happened. Latitude and longitude are both present or both absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// Degrees north, WGS 84.
    #[schema(required)]
    pub lat: Option<f64>,
    /// Degrees east, WGS 84.
    #[schema(required)]
    pub lon: Option<f64>,
    /// Site, road or facility, as the source names it.
    #[schema(required)]
    pub site: Option<String>,
    /// Camera or plaza, as the source names it.
    #[schema(required)]
    pub camera: Option<String>,
    /// Lane, as the source names it.
    #[schema(required)]
    pub lane: Option<String>,
    /// Compass direction of travel, degrees from north.
    #[schema(required)]
    pub bearing_deg: Option<f64>,
    /// Direction of travel inside the image, degrees; not a compass direction.
    #[schema(required)]
    pub image_bearing_deg: Option<f64>,
}

/// A described property and how sure the source is of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Attribute {
    /// The value in the source's words.
    pub value: String,
    /// Confidence, where the source gives one.
    #[schema(required)]
    pub confidence: Option<Confidence>,
}

/// What the vehicle looked like.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Vehicle {
    /// Make.
    #[schema(required)]
    pub make: Option<Attribute>,
    /// Model, without the make.
    #[schema(required)]
    pub model: Option<Attribute>,
    /// Colour.
    #[schema(required)]
    pub colour: Option<Attribute>,
    /// Body type or toll class, as the source uses it.
    #[schema(required)]
    pub class: Option<Attribute>,
}

/// What an image shows.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ImageKind {
    /// The plate alone.
    Plate,
    /// The vehicle.
    Vehicle,
    /// The whole scene.
    Scene,
}

/// A reference to an image that stays with its source.
///
/// Inside the gateway `reference` is the vendor's own locator, which can be a signed address and is then a
/// secret; in an answer it is the gateway's path to fetch the image through.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageRef {
    /// What the image shows.
    pub kind: ImageKind,
    /// Locator (see above).
    #[serde(rename = "ref")]
    pub reference: String,
    /// When the source stops serving it, where known.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// What one vendor record says about one passage of one vehicle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Observation {
    /// The vendor's identity of the record: the same for every revision of it.
    pub record: String,
    /// Other identities under which the vendor knows the same passage. A later observation that shares one is a revision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Order among the vendor's versions of the record: a larger one replaces a smaller one. Only the order has meaning.
    pub revision: u64,
    /// Kind of record.
    pub kind: ReadKind,
    /// The plate.
    pub plate: ObservedPlate,
    /// The instant of capture.
    #[schema(value_type = String, format = DateTime)]
    pub captured_at: Timestamp,
    /// Offset of local time from UTC at the place, in seconds, where the source gives one.
    #[schema(required)]
    pub captured_offset_s: Option<i32>,
    /// How the instant is known.
    pub captured_zone: ZoneProvenance,
    /// Where.
    pub place: Place,
    /// What the vehicle looked like.
    pub vehicle: Vehicle,
    /// Images the source holds.
    pub images: Vec<ImageRef>,
    /// The source withdrew the record.
    pub retracted: bool,
    /// Doubts the adapter had about the record, as fixed words (`offset_disagrees`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<String>,
    /// Opaque values the vendor sent that have no field of their own. Never personal.
    pub extra: BTreeMap<String, String>,
}

/// Where a read came from and under which terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Provenance {
    /// Adapter id.
    pub adapter: String,
    /// Adapter version.
    pub adapter_version: String,
    /// Agreement under which the read was taken in or asked for, `id@version`; absent when decoded without a source.
    #[schema(required)]
    pub agreement: Option<String>,
    /// SHA-256 of the message or file that carried the record, hexadecimal.
    pub payload_sha256: String,
}

/// One capture of one plate by one device, as every consumer sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlateRead {
    /// Identity in this gateway.
    pub id: ReadId,
    /// The configured source.
    pub source: SourceId,
    /// When the gateway received this revision.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// What the source's record says.
    #[serde(flatten)]
    pub observation: Observation,
    /// Where it came from; shared by the reads that came together.
    #[schema(value_type = Provenance)]
    pub provenance: Arc<Provenance>,
}

impl SourceId {
    /// Parses an identifier.
    ///
    /// # Errors
    /// [`IdError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        is_identifier(text)
            .then(|| Self(text.into()))
            .ok_or(IdError)
    }

    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `text` is 1 to 64 characters of `a-z`, `0-9` and `-`, starting with a letter or digit.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl TryFrom<String> for SourceId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::parse(&text)
    }
}

impl From<SourceId> for String {
    fn from(id: SourceId) -> Self {
        (*id.0).to_owned()
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ReadId {
    /// Derives the id from the source and the vendor's record id. The record id is not recoverable from it.
    #[must_use]
    pub fn derive(source: &SourceId, record: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(source.as_str().as_bytes());
        hash.update([0]);
        hash.update(record.as_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let id: [u8; 16] = digest.first_chunk().copied().unwrap_or_default();
        Self(hex(&id))
    }

    /// The 32 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ReadId {
    type Error = ReadIdError;

    fn try_from(text: String) -> Result<Self, ReadIdError> {
        if text.len() == 32
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        {
            Ok(Self(text))
        } else {
            Err(ReadIdError)
        }
    }
}

/// Why a text is not a read id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("read id must be 32 lower case hexadecimal digits")]
pub struct ReadIdError;

impl From<ReadId> for String {
    fn from(id: ReadId) -> Self {
        id.0
    }
}

impl Confidence {
    /// A value already between 0 and 1.
    ///
    /// # Errors
    /// [`ConfidenceError`] outside that range and for NaN.
    pub fn new(value: f64) -> Result<Self, ConfidenceError> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(ConfidenceError)
        }
    }

    /// A value on a scale from 0 to 100. The scale is the format's, never inferred from a value.
    ///
    /// # Errors
    /// [`ConfidenceError`] outside that range and for NaN.
    pub fn from_percent(value: f64) -> Result<Self, ConfidenceError> {
        Self::new(value / 100.0)
    }

    /// The value, from 0 to 1.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Confidence {
    type Error = ConfidenceError;

    fn try_from(value: f64) -> Result<Self, ConfidenceError> {
        Self::new(value)
    }
}

impl From<Confidence> for f64 {
    fn from(confidence: Confidence) -> Self {
        confidence.0
    }
}

impl Place {
    /// Sets the position if both values are plausible: in range and not the 0,0 that unset devices send.
    /// Returns whether it was taken.
    pub fn set_position(&mut self, lat: f64, lon: f64) -> bool {
        let in_range = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        let unset = lat == 0.0 && lon == 0.0;
        if in_range && !unset {
            self.lat = Some(lat);
            self.lon = Some(lon);
        }
        in_range && !unset
    }
}

impl ObservedPlate {
    /// A plate of which nothing but the text is known.
    #[must_use]
    pub fn bare(plate: Plate) -> Self {
        Self {
            plate,
            jurisdiction: None,
            jurisdiction_confidence: None,
            confidence: None,
            candidates: Vec::new(),
        }
    }
}

impl Observation {
    /// An observation of which only the four things every read has are known.
    #[inline]
    #[must_use]
    pub fn new(
        record: String,
        plate: Plate,
        captured_at: Timestamp,
        captured_zone: ZoneProvenance,
    ) -> Self {
        Self {
            record,
            aliases: Vec::new(),
            revision: 0,
            kind: ReadKind::Read,
            plate: ObservedPlate::bare(plate),
            captured_at,
            captured_offset_s: None,
            captured_zone,
            place: Place::default(),
            vehicle: Vehicle::default(),
            images: Vec::new(),
            retracted: false,
            quality: Vec::new(),
            extra: BTreeMap::new(),
        }
    }
}

impl PlateRead {
    /// Adds where an observation came from.
    #[must_use]
    pub fn seal(
        observation: Observation,
        source: SourceId,
        received_at: Timestamp,
        provenance: impl Into<Arc<Provenance>>,
    ) -> Self {
        Self {
            id: ReadId::derive(&source, &observation.record),
            source,
            received_at,
            observation,
            provenance: provenance.into(),
        }
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageRef({:?})", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation() -> Observation {
        Observation::new(
            "r-1".to_owned(),
            Plate::parse("TPK-0421").unwrap(),
            "2026-03-04T07:15:30.412Z".parse().unwrap(),
            ZoneProvenance::InValue,
        )
    }

    #[test]
    fn absent_values_are_null_and_not_missing() {
        let json = serde_json::to_value(observation()).unwrap();
        for pointer in [
            "/plate/confidence",
            "/plate/jurisdiction",
            "/place/lat",
            "/vehicle/make",
            "/captured_offset_s",
        ] {
            assert_eq!(
                json.pointer(pointer),
                Some(&serde_json::Value::Null),
                "{pointer}"
            );
        }
        assert_eq!(json.pointer("/plate/text"), Some(&"TPK0421".into()));
        assert_eq!(json.pointer("/plate/raw"), Some(&"TPK-0421".into()));
    }

    #[test]
    fn a_read_survives_its_json() {
        let read = PlateRead::seal(
            observation(),
            SourceId::parse("brookdale-police").unwrap(),
            "2026-03-04T07:15:31Z".parse().unwrap(),
            Provenance {
                adapter: "flock".to_owned(),
                adapter_version: "1".to_owned(),
                agreement: None,
                payload_sha256: String::new(),
            },
        );
        let back: PlateRead = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        assert_eq!(back, read);
    }

    #[test]
    fn the_same_record_of_another_source_is_another_read() {
        let id = |source: &str| ReadId::derive(&SourceId::parse(source).unwrap(), "r-1");
        assert_eq!(id("a"), id("a"));
        assert_ne!(id("a"), id("b"));
    }

    #[test]
    fn an_unset_position_is_not_a_position() {
        let mut place = Place::default();
        assert!(!place.set_position(0.0, 0.0));
        assert!(!place.set_position(91.0, 0.0));
        assert!(!place.set_position(f64::NAN, 1.0));
        assert_eq!(place, Place::default());
        assert!(place.set_position(41.5, -81.25));
    }

    #[test]
    fn a_confidence_off_its_scale_is_an_error() {
        assert!(Confidence::from_percent(100.1).is_err());
        assert!(Confidence::new(-0.1).is_err());
        assert!(Confidence::new(f64::NAN).is_err());
        assert_eq!(
            Confidence::from_percent(92.0).map(Confidence::get),
            Ok(0.92)
        );
    }
}
