//! Frigate's bytes. What has a name or a face in it (`name`, `sub_label`, `description`, thumbnails) is not named here and so
//! ends at the parse.

use std::borrow::Cow;

use serde::Deserialize;

/// `tracked_object_update`. Only type `lpr` has a plate.
#[derive(Debug, Deserialize)]
pub(super) struct Update<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Text<'a>>,
    /// Of the tracked object: `<epoch>-<random>`.
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) plate: Option<Text<'a>>,
    /// 0 to 1.
    pub(super) score: Option<f64>,
    #[serde(borrow)]
    pub(super) camera: Option<Text<'a>>,
    /// Seconds since 1970, UTC.
    pub(super) timestamp: Option<f64>,
}

/// `events`: a tracked object before and after a change.
#[derive(Debug, Deserialize)]
pub(super) struct Change<'a> {
    /// `new`, `update` or `end`.
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) before: Option<Tracked<'a>>,
    #[serde(borrow)]
    pub(super) after: Option<Tracked<'a>>,
}

/// A tracked object.
#[derive(Debug, Deserialize)]
pub(super) struct Tracked<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) camera: Option<Text<'a>>,
    /// Seconds since 1970, UTC: the frame this state was seen in.
    pub(super) frame_time: Option<f64>,
    /// Seconds since 1970, UTC.
    pub(super) start_time: Option<f64>,
    #[serde(borrow)]
    pub(super) label: Option<Text<'a>>,
    pub(super) false_positive: Option<bool>,
    #[serde(borrow, default)]
    pub(super) current_zones: Option<Vec<Text<'a>>>,
    /// In the unit the operator configured in Frigate.
    pub(super) average_estimated_speed: Option<f64>,
    /// Degrees inside the image.
    pub(super) velocity_angle: Option<f64>,
    pub(super) has_snapshot: Option<bool>,
    #[serde(borrow)]
    pub(super) recognized_license_plate: Option<Scored<'a>>,
    /// 0 to 1.
    pub(super) recognized_license_plate_score: Option<f64>,
}

/// An event of `GET /events`.
#[derive(Debug, Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) camera: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) label: Option<Text<'a>>,
    /// Seconds since 1970, UTC.
    pub(super) start_time: Option<f64>,
    /// Null while the object is tracked.
    pub(super) end_time: Option<f64>,
    pub(super) false_positive: Option<bool>,
    #[serde(borrow, default)]
    pub(super) zones: Option<Vec<Text<'a>>>,
    pub(super) has_snapshot: Option<bool>,
    #[serde(borrow)]
    pub(super) data: Option<EventData<'a>>,
}

/// The part of an event that Frigate's schema leaves open.
#[derive(Debug, Default, Deserialize)]
pub(super) struct EventData<'a> {
    #[serde(borrow)]
    pub(super) recognized_license_plate: Option<Scored<'a>>,
    /// 0 to 1.
    pub(super) recognized_license_plate_score: Option<f64>,
}

/// A plate: documented as a text, published by the source as a pair with its score.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Scored<'a> {
    Plain(#[serde(borrow)] Text<'a>),
    Pair(#[serde(borrow)] Option<Text<'a>>, Option<f64>),
}

/// A text, borrowed where it holds no escapes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scored<'_> {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text.as_str(),
            Self::Pair(text, _) => text.as_ref().map_or("", Text::as_str),
        }
    }

    pub(super) fn score(&self) -> Option<f64> {
        match self {
            Self::Plain(_) => None,
            Self::Pair(_, score) => *score,
        }
    }
}
