//! From the values of one record to an observation: every interpretation is here.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use turnpike_schemas::{
    plate::{Jurisdiction, Plate, PlateError},
    read::{
        Attribute, Candidate, Confidence, ImageKind, ImageRef, Observation, ObservedPlate, Place,
        ReadKind,
    },
};

use super::{
    capture::{Captured, Scalar},
    field::{Condition, Held, Source, TimeField, WRONG_TYPE},
    images,
};
use crate::adapter::{Item, Rejection};

/// Most alternative texts of one plate.
const MAX_ALTERNATIVES: usize = 10;

/// Longest identity of a record, bytes.
const MAX_RECORD_ID: usize = 256;

/// The canonical fields, each with where it comes from.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) kind: ReadKind,
    /// Whether values have a type of their own.
    pub(super) typed: bool,
    pub(super) record: Identity,
    pub(super) aliases: Vec<Source>,
    pub(super) revision: Option<Revision>,
    pub(super) retracted: Option<Condition>,
    pub(super) plate: Source,
    pub(super) confidence: Option<Scaled>,
    pub(super) jurisdiction: Option<Issuer>,
    pub(super) jurisdiction_confidence: Option<Scaled>,
    pub(super) candidates: Option<Candidates>,
    pub(super) captured_at: TimeField,
    /// Records from before this are wrong.
    pub(super) not_before: Option<Timestamp>,
    pub(super) position: Option<(Source, Source)>,
    pub(super) site: Option<Source>,
    pub(super) camera: Option<Source>,
    pub(super) lane: Option<Source>,
    pub(super) bearing: Option<Source>,
    pub(super) image_bearing: Option<Source>,
    pub(super) make: Option<Described>,
    pub(super) model: Option<Described>,
    pub(super) colour: Option<Described>,
    pub(super) class: Option<Described>,
    pub(super) images: Vec<(ImageKind, Source)>,
    pub(super) image_base: Option<url::Url>,
    pub(super) extra: Vec<(String, Source)>,
    /// Records that hold no read.
    pub(super) skip: Vec<Condition>,
}

/// What tells records apart.
#[derive(Debug)]
pub(super) enum Identity {
    /// The vendor's own identity.
    Field(Source),
    /// A digest of all mapped values, where the vendor has none.
    Content,
}

/// What orders the versions of a record.
#[derive(Debug)]
pub(super) enum Revision {
    Number(Source),
    Time(TimeField),
}

/// A confidence and the value that stands for certainty.
#[derive(Debug)]
pub(super) struct Scaled {
    pub(super) source: Source,
    pub(super) full: f64,
}

/// Who issued a plate; the country where the vendor names its parts only.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) source: Source,
    pub(super) country: Option<Jurisdiction>,
}

/// A property of a vehicle.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) value: Source,
    pub(super) confidence: Option<Scaled>,
}

/// How the hypotheses of a record are read.
#[derive(Debug)]
pub(super) struct Candidates {
    pub(super) text: Source,
    pub(super) confidence: Option<Scaled>,
}

/// A field and the rule it breaks.
struct Fault<'f>(&'f str, &'static str);

/// Doubts about one record, each once.
#[derive(Default)]
struct Doubts(Vec<String>);

impl Doubts {
    fn note(&mut self, word: &str) {
        if !self.0.iter().any(|known| known == word) {
            self.0.push(word.to_owned());
        }
    }

    /// A value that need not be there: that it breaks a rule is noted with where it should be, and it is left out.
    fn optional<T>(
        &mut self,
        source: &Source,
        result: Result<Option<T>, &'static str>,
    ) -> Option<T> {
        result.unwrap_or_else(|_| {
            self.note(&format!("value_not_understood:{}", source.name));
            None
        })
    }
}

impl Fields {
    /// What becomes of record number `index`.
    pub(super) fn item(&self, index: u64, record: &Captured<'_>) -> Item {
        if self
            .skip
            .iter()
            .any(|condition| condition.holds(&record.slots))
        {
            return Item::Skipped("not_a_read");
        }
        match self.read(record) {
            Ok(Some(read)) => Item::Read(read),
            Ok(None) => Item::Skipped("no_plate"),
            Err(Fault(field, rule)) => Item::Rejected(Rejection::new(Some(index), field, rule)),
        }
    }

    fn read(&self, record: &Captured<'_>) -> Result<Option<Box<Observation>>, Fault<'_>> {
        let mut doubts = Doubts::default();
        let Some(plate) = self.plate(record)? else {
            return Ok(None);
        };
        let captured = self.captured_at.read(record);
        let captured = required(&self.captured_at.source, captured)?;
        if self
            .not_before
            .is_some_and(|earliest| captured.at < earliest)
        {
            return Err(Fault(
                &self.captured_at.source.name,
                "before any read there can be",
            ));
        }
        if captured.chosen {
            doubts.note("repeated_hour");
        }
        let identity = self.identity(record)?;
        let mut read = Box::new(Observation::new(
            identity,
            plate,
            captured.at,
            captured.zone,
        ));
        read.kind = self.kind;
        read.captured_offset_s = captured.offset_s;
        read.revision = self.revision(record)?;
        read.retracted = self
            .retracted
            .as_ref()
            .is_some_and(|condition| condition.holds(&record.slots));
        for alias in &self.aliases {
            if let Some(name) = doubts.optional(alias, alias.name(record)) {
                read.aliases.push(name);
            }
        }
        self.fill_plate(&mut read.plate, record, &mut doubts);
        self.fill_place(&mut read.place, record, &mut doubts);
        read.vehicle.make = self.described(self.make.as_ref(), record, &mut doubts);
        read.vehicle.model = self.described(self.model.as_ref(), record, &mut doubts);
        read.vehicle.colour = self.described(self.colour.as_ref(), record, &mut doubts);
        read.vehicle.class = self.described(self.class.as_ref(), record, &mut doubts);
        for (name, source) in &self.extra {
            if let Some(value) = doubts.optional(source, source.name(record)) {
                read.extra.insert(name.clone(), value);
            }
        }
        if let Some(base) = &self.image_base {
            self.fill_images(base, &mut read.images, record, &mut doubts);
        }
        read.quality = doubts.0;
        Ok(Some(read))
    }

    fn plate(&self, record: &Captured<'_>) -> Result<Option<Plate>, Fault<'_>> {
        let fault = |rule| Fault(&self.plate.name, rule);
        match self.plate.text(record).map_err(fault)? {
            Held::Missing => Err(fault("missing")),
            Held::Unknown => Ok(None),
            Held::Is(text) => match Plate::parse(&text) {
                Ok(plate) => Ok(Some(plate)),
                Err(PlateError::Empty) => Ok(None),
                Err(_) => Err(fault("longer than 20 characters")),
            },
        }
    }

    fn identity(&self, record: &Captured<'_>) -> Result<String, Fault<'_>> {
        match &self.record {
            Identity::Content => Ok(digest(&record.slots)),
            Identity::Field(source) => {
                let text = required(source, source.text(record))?;
                if text.len() > MAX_RECORD_ID {
                    return Err(Fault(&source.name, "longer than 256 bytes"));
                }
                Ok(text.into_owned())
            }
        }
    }

    /// A version that does not say which one it is could replace a newer one, so it is rejected; no value at all is the first.
    fn revision(&self, record: &Captured<'_>) -> Result<u64, Fault<'_>> {
        let (source, number) = match &self.revision {
            None => return Ok(0),
            Some(Revision::Number(source)) => (source, source.number(record, self.typed)),
            Some(Revision::Time(time)) => {
                let micros = time.read(record).map(|held| match held {
                    #[expect(clippy::cast_precision_loss, reason = "53 bits reach the year 2255")]
                    Held::Is(instant) => Held::Is(instant.at.as_microsecond() as f64),
                    Held::Missing => Held::Missing,
                    Held::Unknown => Held::Unknown,
                });
                (&time.source, micros)
            }
        };
        let fault = |rule| Fault(&source.name, rule);
        match number.map_err(fault)? {
            Held::Is(number) if number.fract() == 0.0 && (0.0..9e15).contains(&number) =>
            {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "in range"
                )]
                Ok(number as u64)
            }
            Held::Is(_) => Err(fault("not a whole number from 0")),
            Held::Missing | Held::Unknown => Ok(0),
        }
    }

    fn fill_plate(&self, plate: &mut ObservedPlate, record: &Captured<'_>, doubts: &mut Doubts) {
        plate.confidence = self.scaled(self.confidence.as_ref(), record, doubts);
        if let Some(issuer) = &self.jurisdiction {
            plate.jurisdiction = issuer.read(record, doubts);
            let sure = self.scaled(self.jurisdiction_confidence.as_ref(), record, doubts);
            plate.jurisdiction_confidence = sure.filter(|_| plate.jurisdiction.is_some());
        }
        if let Some(candidates) = &self.candidates {
            for pair in &record.candidates {
                if plate.candidates.len() == MAX_ALTERNATIVES {
                    break;
                }
                self.fill_candidate(plate, candidates, pair, doubts);
            }
        }
    }

    fn fill_candidate(
        &self,
        plate: &mut ObservedPlate,
        how: &Candidates,
        pair: &[Scalar<'_>; 2],
        doubts: &mut Doubts,
    ) {
        let [Scalar::Text(text), confidence] = pair else {
            return;
        };
        let marker = how
            .text
            .unknown
            .iter()
            .any(|marker| marker.text == text.trim());
        let Ok(other) = Plate::parse(text) else {
            return;
        };
        let known =
            other == plate.plate || plate.candidates.iter().any(|known| known.plate == other);
        if known || marker {
            return;
        }
        let confidence = how.confidence.as_ref().and_then(|scaled| {
            let number = match confidence {
                Scalar::Whole(_) | Scalar::Real(_) | Scalar::Text(_) => {
                    let single = Captured {
                        slots: vec![Scalar::Absent, confidence.clone()],
                        candidates: Vec::new(),
                    };
                    scaled.source.number(&single, self.typed)
                }
                Scalar::Absent | Scalar::Null => return None,
                _ => Err(WRONG_TYPE),
            };
            scaled.of(number, doubts)
        });
        plate.candidates.push(Candidate {
            plate: other,
            confidence,
        });
    }

    fn fill_place(&self, place: &mut Place, record: &Captured<'_>, doubts: &mut Doubts) {
        let name = |source: &Option<Source>, doubts: &mut Doubts| {
            let source = source.as_ref()?;
            doubts.optional(source, source.name(record))
        };
        place.site = name(&self.site, doubts);
        place.camera = name(&self.camera, doubts);
        place.lane = name(&self.lane, doubts);
        if let Some((lat, lon)) = &self.position {
            let lat = self.number(lat, record, doubts);
            let lon = self.number(lon, record, doubts);
            if let (Some(lat), Some(lon)) = (lat, lon)
                && (lat, lon) != (0.0, 0.0)
                && !place.set_position(lat, lon)
            {
                doubts.note("position_off_scale");
            }
        }
        place.bearing_deg = self.direction(self.bearing.as_ref(), record, doubts);
        place.image_bearing_deg = self.direction(self.image_bearing.as_ref(), record, doubts);
    }

    fn number(&self, source: &Source, record: &Captured<'_>, doubts: &mut Doubts) -> Option<f64> {
        let number = source.number(record, self.typed).map(|held| match held {
            Held::Is(number) => Some(number),
            _ => None,
        });
        doubts.optional(source, number)
    }

    fn direction(
        &self,
        source: Option<&Source>,
        record: &Captured<'_>,
        doubts: &mut Doubts,
    ) -> Option<f64> {
        let degrees = self.number(source?, record, doubts)?;
        if !(0.0..=360.0).contains(&degrees) {
            doubts.note("direction_off_scale");
            return None;
        }
        Some(degrees)
    }

    fn scaled(
        &self,
        scaled: Option<&Scaled>,
        record: &Captured<'_>,
        doubts: &mut Doubts,
    ) -> Option<Confidence> {
        let scaled = scaled?;
        scaled.of(scaled.source.number(record, self.typed), doubts)
    }

    fn described(
        &self,
        described: Option<&Described>,
        record: &Captured<'_>,
        doubts: &mut Doubts,
    ) -> Option<Attribute> {
        let described = described?;
        let value = doubts.optional(&described.value, described.value.name(record))?;
        let confidence = self.scaled(described.confidence.as_ref(), record, doubts);
        Some(Attribute { value, confidence })
    }

    fn fill_images(
        &self,
        base: &url::Url,
        images: &mut Vec<ImageRef>,
        record: &Captured<'_>,
        doubts: &mut Doubts,
    ) {
        for (kind, source) in &self.images {
            let text = source.text(record).map(|held| match held {
                Held::Is(text) => Some(text),
                _ => None,
            });
            let Some(text) = doubts.optional(source, text) else {
                continue;
            };
            match images::reference(base, &text) {
                Some(reference) => images.push(ImageRef {
                    kind: *kind,
                    reference,
                    expires_at: None,
                }),
                None => doubts.note("image_elsewhere"),
            }
        }
    }
}

impl Scaled {
    fn of(
        &self,
        number: Result<Held<f64>, &'static str>,
        doubts: &mut Doubts,
    ) -> Option<Confidence> {
        let number = number.map(|held| match held {
            Held::Is(number) => Some(number),
            _ => None,
        });
        let number = doubts.optional(&self.source, number)?;
        let confidence = Confidence::new(number / self.full).ok();
        if confidence.is_none() {
            doubts.note("confidence_off_scale");
        }
        confidence
    }
}

impl Issuer {
    fn read(&self, record: &Captured<'_>, doubts: &mut Doubts) -> Option<Jurisdiction> {
        let text = match self.source.text(record) {
            Ok(Held::Is(text)) => text,
            Ok(_) => return None,
            Err(_) => {
                doubts.note("issuer_not_understood");
                return None;
            }
        };
        let issuer = match &self.country {
            Some(country) if text.eq_ignore_ascii_case(country.as_str()) => Ok(country.clone()),
            Some(country) if !text.contains('-') => {
                Jurisdiction::parse(&format!("{country}-{text}"))
            }
            _ => Jurisdiction::parse(&text),
        };
        if issuer.is_err() {
            doubts.note("issuer_not_understood");
        }
        issuer.ok()
    }
}

fn required<'f, T>(
    source: &'f Source,
    held: Result<Held<T>, &'static str>,
) -> Result<T, Fault<'f>> {
    match held {
        Ok(Held::Is(value)) => Ok(value),
        Ok(Held::Missing) => Err(Fault(&source.name, "missing")),
        Ok(Held::Unknown) => Err(Fault(&source.name, "empty")),
        Err(rule) => Err(Fault(&source.name, rule)),
    }
}

/// 32 hexadecimal digits over all mapped values, each with its kind and length.
fn digest(values: &[Scalar<'_>]) -> String {
    let mut hash = Sha256::new();
    for value in values {
        let (kind, text) = match value {
            Scalar::Absent => (0_u8, String::new()),
            Scalar::Null => (1, String::new()),
            Scalar::Text(text) => (2, text.clone().into_owned()),
            Scalar::Whole(whole) => (3, whole.to_string()),
            Scalar::Real(real) => (4, real.to_string()),
            Scalar::Flag(flag) => (5, flag.to_string()),
            Scalar::Compound | Scalar::Twice | Scalar::BadText => (6, String::new()),
        };
        hash.update([kind]);
        hash.update(text.len().to_be_bytes());
        hash.update(text.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let first = digest.first_chunk().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(first))
}
