//! The shapes an NGSI attribute comes in, and the values inside.
//!
//! Key-values: the value itself. Normalized: an object with `value`, in NGSI-LD and NGSIv2 alike; a time in NGSI-LD may be wrapped
//! once more, with `@value`. What else such an object holds (metadata, units) ends here.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::{BorrowedStrDeserializer, SeqAccessDeserializer},
    },
};

/// A value in any of the shapes; `None` when it is null, or an attribute without a value.
pub(super) struct Attribute<T>(pub(super) Option<T>);

/// A string that borrows from the message unless it holds escapes.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

/// The position of a GeoJSON point, bare or inside the location of Smart Data Models.
pub(super) struct Location(pub(super) Option<Position>);

/// Degrees east, then degrees north, as GeoJSON has it.
#[derive(Clone, Copy)]
pub(super) struct Position {
    pub(super) lon: f64,
    pub(super) lat: f64,
}

/// The first item of a list, where it has one.
pub(super) struct First<T>(pub(super) Option<T>);

/// What a list of images shows, in the source's words. The official example splits each image into several objects of
/// one member, so the objects of an image are taken together; addresses and pictures are not taken.
#[derive(Default)]
pub(super) struct Shown<'a>(pub(super) Vec<Text<'a>>);

/// Most images of one observation that are looked at.
const MAX_IMAGES: usize = 32;

/// The members of an attribute in normalized shape.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum Member {
    #[serde(rename = "value", alias = "@value")]
    Value,
    #[serde(other)]
    Other,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Attribute<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AttributeVisitor(PhantomData))
    }
}

struct AttributeVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AttributeVisitor<T> {
    type Value = Attribute<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or an attribute")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Attribute(None))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(found)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(found)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(found)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(found)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(found)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        T::deserialize(BorrowedStrDeserializer::new(value)).map(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(list)).map(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut value = None;
        while let Some(member) = map.next_key()? {
            match member {
                Member::Value => once(&mut value, map.next_value::<Self::Value>()?)?,
                Member::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(value.unwrap_or(Attribute(None)))
    }
}

fn found<T>(value: T) -> Attribute<T> {
    Attribute(Some(value))
}

fn once<T, E: Error>(place: &mut Option<T>, value: T) -> Result<(), E> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field("value")),
    }
}

/// The members of a location.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum Around {
    #[serde(rename = "coordinates")]
    Coordinates,
    #[serde(rename = "value", alias = "location")]
    Inside,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LocationVisitor)
    }
}

struct LocationVisitor;

impl<'de> Visitor<'de> for LocationVisitor {
    type Value = Location;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a GeoJSON point")
    }

    fn visit_unit<E: Error>(self) -> Result<Location, E> {
        Ok(Location(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Location, A::Error> {
        let mut position = None;
        while let Some(member) = map.next_key()? {
            match member {
                Around::Coordinates => once(&mut position, Some(map.next_value::<Position>()?))?,
                Around::Inside => once(&mut position, map.next_value::<Location>()?.0)?,
                Around::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Location(position.flatten()))
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PositionVisitor)
    }
}

struct PositionVisitor;

impl<'de> Visitor<'de> for PositionVisitor {
    type Value = Position;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("longitude and latitude")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Position, A::Error> {
        let lon = list.next_element()?;
        let lat = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        match (lon, lat) {
            (Some(lon), Some(lat)) => Ok(Position { lon, lat }),
            _ => Err(A::Error::invalid_length(1, &self)),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FirstVisitor(PhantomData))
    }
}

struct FirstVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FirstVisitor<T> {
    type Value = First<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let first = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(First(first))
    }
}

/// The members of an image.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum OfImage {
    #[serde(rename = "imageContent")]
    Content,
    #[serde(other)]
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Shown<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShownVisitor)
    }
}

struct ShownVisitor;

impl<'de> Visitor<'de> for ShownVisitor {
    type Value = Shown<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of images")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut all = Shown::default();
        while let Some(Shown(shown)) = list.next_element()? {
            if all.0.len() < MAX_IMAGES {
                all.0.extend(shown);
            }
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut shown = Shown::default();
        while let Some(member) = map.next_key()? {
            match member {
                OfImage::Content => shown.0.extend(map.next_value::<Option<Text<'_>>>()?),
                OfImage::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(shown)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).map(Self)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
