//! One plate read as the camera sends it (SharpV Administrator Guide 14.2, HTTP extension), and its JSON form.
//!
//! Members without a field here end at the parse: images, and the camera's own address.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::error::Category;

use super::object::Object;
use crate::adapter::Rejection;

/// Most analytics of one read that are looked at.
pub(super) const MAX_ANALYTICS: usize = 256;

/// What the camera writes for what it does not know.
pub(super) const UNKNOWN: &str = "-";

/// The rule for a value of another type than the format's.
const WRONG_TYPE: &str = "wrong type";

/// One plate read.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
pub(super) struct Record<'a> {
    /// GUID.
    pub(super) id: Option<Text<'a>>,
    pub(super) plate_read: Option<Text<'a>>,
    /// `2016-08-29T08:42:45.797`: local time in JSON, with an offset in XML.
    pub(super) timestamp: Option<Text<'a>>,
    /// Degrees north; 0.0 with a longitude of 0.0 when there is no GPS.
    pub(super) latitude: Option<f64>,
    /// Degrees east.
    pub(super) longitude: Option<f64>,
    pub(super) lpr_camera_name: Option<Text<'a>>,
    pub(super) context_camera_name: Option<Text<'a>>,
    /// Which keys there are differs from camera to camera.
    pub(super) plate_analytics: Option<Analytics<'a>>,
}

/// One thing the camera made of the image.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
pub(super) struct Analytic<'a> {
    pub(super) key: Option<Text<'a>>,
    /// `-` when unknown.
    pub(super) value: Option<Text<'a>>,
    /// -1.0 when unknown; the scale is known for `Confidence Score` only (0 to 100).
    pub(super) score: Option<f64>,
}

/// The analytics, up to [`MAX_ANALYTICS`].
#[derive(Default)]
pub(super) struct Analytics<'a>(pub(super) Vec<Analytic<'a>>);

/// Why there is no record.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nothing of the message can be understood.
    Message(&'static str),
    /// A member is not what the format says.
    Field(Rejection),
}

/// Reads a JSON message.
///
/// # Errors
/// [`Fault::Message`] for what is not JSON, [`Fault::Field`] for a member of the wrong type.
pub(super) fn record(json: &[u8]) -> Result<Record<'_>, Fault> {
    serde_json::from_slice(json).map_err(|error| match error.classify() {
        Category::Data => Fault::Field(misfit(json)),
        _ => Fault::Message("body is not one JSON object"),
    })
}

/// Names the member that is not what the format says, by parsing again: following the path costs more than reading.
fn misfit(json: &[u8]) -> Rejection {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let parsed: Result<Record<'_>, _> = serde_path_to_error::deserialize(&mut deserializer);
    let Err(error) = parsed else {
        return reject("(message)", WRONG_TYPE);
    };
    let path = error.path().to_string();
    // The library's other words are not looked at: they quote values, and these only a key of the structs above.
    let said = error.inner().to_string();
    let twice = said
        .strip_prefix("duplicate field `")
        .and_then(|rest| rest.split('`').next());
    match (twice, path.as_str()) {
        (Some(key), ".") => reject(key, GIVEN_TWICE),
        (Some(key), path) => reject(&format!("{path}.{key}"), GIVEN_TWICE),
        (None, ".") => reject("(message)", WRONG_TYPE),
        (None, path) => reject(path, WRONG_TYPE),
    }
}

/// The rule for a member that comes more than once.
pub(super) const GIVEN_TWICE: &str = "given twice";

/// The rejection of the message's one record.
pub(super) fn reject(field: &str, rule: &str) -> Rejection {
    Rejection::new(Some(0), field, rule)
}

impl Record<'_> {
    /// The analytic called `key`, if the camera has it: the first, should there be several.
    pub(super) fn analytic(&self, key: &str) -> Option<&Analytic<'_>> {
        let all = self.plate_analytics.as_ref()?.0.iter();
        let mut called = all.filter(|one| one.key.as_ref().is_some_and(|text| text.0 == key));
        called.next()
    }

    /// The value of the analytic called `key`, unless unknown.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        known(self.analytic(key)?.value.as_ref())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Analytics<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(AnalyticsVisitor)
    }
}

struct AnalyticsVisitor;

impl<'de> Visitor<'de> for AnalyticsVisitor {
    type Value = Analytics<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < MAX_ANALYTICS {
            match list.next_element()? {
                Some(Object(analytic)) => kept.push(analytic),
                None => return Ok(Analytics(kept)),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Analytics(kept))
    }
}

/// A string that borrows from the message unless it holds escapes.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

/// The text without surrounding blanks; empty and `-` are unknown.
pub(super) fn known<'t>(text: Option<&'t Text<'_>>) -> Option<&'t str> {
    let text = text?.0.trim();
    (!text.is_empty() && text != UNKNOWN).then_some(text)
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
