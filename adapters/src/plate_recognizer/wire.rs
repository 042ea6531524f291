//! The messages of Stream's webhook, in both layouts, as far as a read needs them.
//!
//! The flat layout has the plate as text; the nested one as an object with `props`, or null where a vehicle shows none. Keys
//! without a field here end at the parse: `source_url` (it can hold a camera's password), `user_data`, `target`, boxes.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

pub(super) use crate::json::{First, Text};

/// Most results of one message that are looked at.
pub(super) const MAX_RESULTS: usize = 256;
/// Most readings of one plate that are looked at.
pub(super) const MAX_READINGS: usize = 64;

/// The message.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Wire<'a> {
    pub(super) hook: Option<Hook<'a>>,
    /// [`Data`] where the event is a recognition; other events have other keys.
    pub(super) data: Option<&'a RawValue>,
}

/// What the message is.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Hook<'a> {
    /// `recognition` for reads.
    pub(super) event: Option<Text<'a>>,
    /// Id of the camera.
    pub(super) id: Option<Text<'a>>,
    pub(super) filename: Option<Text<'a>>,
}

/// One frame.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Data<'a> {
    pub(super) camera_id: Option<Text<'a>>,
    /// Path of the picture inside the engine.
    pub(super) filename: Option<Text<'a>>,
    /// ISO 8601, UTC.
    pub(super) timestamp: Option<Text<'a>>,
    /// The same instant, `YYYY-MM-DD HH:MM:SS.ffffff+hh:mm`.
    pub(super) timestamp_local: Option<Text<'a>>,
    /// The vehicles, each a [`Vehicle`] to be parsed alone, so that a bad one costs no other.
    pub(super) results: Option<Bounded<&'a RawValue, MAX_RESULTS>>,
}

/// One vehicle of a frame.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Vehicle<'a> {
    /// Text, an object ([`Plate`]), or null.
    #[serde(default, deserialize_with = "present")]
    pub(super) plate: Option<&'a RawValue>,
    /// Flat: how sure the text is, 0 to 1.
    pub(super) score: Option<f64>,
    /// Flat: who issued the plate.
    pub(super) region: Option<Region<'a>>,
    /// Flat: readings, best first. Old versions give no score.
    pub(super) candidates: Option<Bounded<Candidate<'a>, MAX_READINGS>>,
    pub(super) vehicle: Option<Body<'a>>,
    /// Flat.
    pub(super) model_make: Option<First<MakeModel<'a>>>,
    /// Flat.
    pub(super) color: Option<First<Colour<'a>>>,
    /// Degrees inside the image.
    pub(super) direction: Option<Degrees>,
    /// No unit documented.
    pub(super) speed: Option<f64>,
}

/// Flat: `us-oh`, `gb`, or empty.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Region<'a> {
    pub(super) code: Option<Text<'a>>,
    /// 0 to 1.
    pub(super) score: Option<f64>,
}

/// Flat: a reading.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Candidate<'a> {
    pub(super) plate: Option<Text<'a>>,
    /// 0 to 1.
    pub(super) score: Option<f64>,
}

/// What the vehicle is. Nested: and what it looks like.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Body<'a> {
    #[serde(rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    /// 0 to 1.
    pub(super) score: Option<f64>,
    pub(super) props: Option<BodyProps<'a>>,
}

/// Nested.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct BodyProps<'a> {
    pub(super) make_model: Option<First<MakeModel<'a>>>,
    pub(super) color: Option<First<Valued<'a>>>,
}

/// A guess at make and model, with one score for both.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct MakeModel<'a> {
    pub(super) make: Option<Text<'a>>,
    pub(super) model: Option<Text<'a>>,
    /// 0 to 1.
    pub(super) score: Option<f64>,
}

/// Flat: a guess at the colour.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Colour<'a> {
    pub(super) color: Option<Text<'a>>,
    /// 0 to 1.
    pub(super) score: Option<f64>,
}

/// Nested: the plate. Its own `score` is that of finding it, not of reading it.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Plate<'a> {
    pub(super) props: Option<PlateProps<'a>>,
}

/// Nested.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct PlateProps<'a> {
    /// Readings, best first.
    pub(super) plate: Option<Bounded<Valued<'a>, MAX_READINGS>>,
    pub(super) region: Option<First<Valued<'a>>>,
}

/// Nested: a guess at anything.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Valued<'a> {
    pub(super) value: Option<Text<'a>>,
    /// 0 to 1.
    pub(super) score: Option<f64>,
}

/// Tells null from a key that is not there.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Degrees, or the empty text that some versions write for none.
pub(super) struct Degrees(pub(super) Option<f64>);

impl<'de> Deserialize<'de> for Degrees {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DegreesVisitor)
    }
}

struct DegreesVisitor;

impl Visitor<'_> for DegreesVisitor {
    type Value = Degrees;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("degrees or an empty string")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Degrees, E> {
        Ok(Degrees(Some(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Degrees, E> {
        let small = i32::try_from(value).map_err(|_| E::custom("too large"))?;
        Ok(Degrees(Some(f64::from(small))))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Degrees, E> {
        let small = u32::try_from(value).map_err(|_| E::custom("too large"))?;
        Ok(Degrees(Some(f64::from(small))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Degrees, E> {
        if text.is_empty() {
            Ok(Degrees(None))
        } else {
            Err(E::custom("not empty"))
        }
    }
}

/// The first `N` items of a list, whatever its length.
pub(super) struct Bounded<T, const N: usize> {
    pub(super) kept: Vec<T>,
    /// Whether there were more.
    pub(super) longer: bool,
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Bounded<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(BoundedVisitor(PhantomData))
    }
}

struct BoundedVisitor<T, const N: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for BoundedVisitor<T, N> {
    type Value = Bounded<T, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < N {
            match list.next_element()? {
                Some(item) => kept.push(item),
                None => break,
            }
        }
        let mut longer = false;
        while list.next_element::<IgnoredAny>()?.is_some() {
            longer = true;
        }
        Ok(Bounded { kept, longer })
    }
}
