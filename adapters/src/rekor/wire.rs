//! The agent's JSON messages (`data_type` of `openalpr/doc`, `app_integration`), as far as a read needs them.
//!
//! One shape fits all message types, so a message is parsed once. Keys without a field here are skipped and never
//! held: re-identification vectors (`vehicle_signature`), crops, traces, alert remarks, licence ids.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use serde_json::value::RawValue;

pub(super) use crate::json::{First, Text};

/// Most `uuids` of one message that are looked at.
pub(super) const MAX_UUIDS: usize = 1024;
/// Most `candidates` of one message that are looked at.
pub(super) const MAX_CANDIDATES: usize = 64;
/// Most `results` of one frame that are looked at.
pub(super) const MAX_RESULTS: usize = 256;

/// Any message: the vendor's types share their keys.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Wire<'a> {
    /// Which type; null has been seen around a group.
    pub(super) data_type: Option<Text<'a>>,
    /// `test` in the web server's test message.
    pub(super) openalpr_webhook: Option<Text<'a>>,
    /// The group an alert wraps, a [`Wire`] to be parsed on its own: a shape that holds itself could be nested
    /// until the stack is used up.
    pub(super) group: Option<&'a RawValue>,

    /// Alert: name of the list.
    pub(super) alert_list: Option<Text<'a>>,
    /// Alert: site.
    pub(super) site_name: Option<Text<'a>>,
    /// Alert: camera.
    pub(super) camera_name: Option<Text<'a>>,

    /// Frame: milliseconds since 1970, UTC.
    pub(super) epoch_time: Option<i64>,
    /// Frame: identity of the frame.
    pub(super) uuid: Option<Text<'a>>,
    /// Frame: the plates in it, each a [`Plate`] to be parsed alone, so that a bad one costs no other.
    pub(super) results: Option<Bounded<&'a RawValue, MAX_RESULTS>>,

    /// Group: first seen, milliseconds since 1970, UTC.
    pub(super) epoch_start: Option<i64>,
    /// Group: last seen, milliseconds since 1970, UTC.
    pub(super) epoch_end: Option<i64>,
    /// Identity of the agent.
    pub(super) agent_uid: Option<Text<'a>>,
    /// Camera number, unique within the agent.
    pub(super) camera_id: Option<i64>,
    /// Degrees north; 0 or -1 when unset.
    pub(super) gps_latitude: Option<f64>,
    /// Degrees east; 0 or -1 when unset.
    pub(super) gps_longitude: Option<f64>,
    /// The frames the plate was seen in, oldest first.
    pub(super) uuids: Option<Bounded<Text<'a>, MAX_UUIDS>>,
    /// For each of `uuids`, the place of this plate among the frame's plates.
    pub(super) plate_indexes: Option<Bounded<i64, MAX_UUIDS>>,
    /// The frame with the best image.
    pub(super) best_uuid: Option<Text<'a>>,
    /// The plate.
    pub(super) best_plate_number: Option<Text<'a>>,
    /// 0 to 100; 0 when unknown.
    pub(super) best_confidence: Option<f64>,
    /// `us-mo`, older agents `mo`.
    pub(super) best_region: Option<Text<'a>>,
    /// 0 to 100.
    pub(super) best_region_confidence: Option<f64>,
    /// The plate as read in the best frame.
    pub(super) best_plate: Option<BestPlate>,
    /// Hypotheses, best first.
    pub(super) candidates: Option<Bounded<Candidate<'a>, MAX_CANDIDATES>>,
    /// Degrees, inside the image.
    pub(super) travel_direction: Option<f64>,
    /// The vehicle did not move.
    pub(super) is_parked: Option<bool>,
    /// An early version of a group.
    pub(super) is_preview: Option<bool>,
    /// What the vehicle looks like.
    pub(super) vehicle: Option<Vehicle<'a>>,
    /// Added by the web server.
    pub(super) web_server_config: Option<WebServer<'a>>,
}

/// What decides what becomes of a message that is not understood otherwise.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Peek<'a> {
    pub(super) data_type: Option<Text<'a>>,
}

/// One plate of a frame.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Plate<'a> {
    pub(super) plate: Option<Text<'a>>,
    /// 0 to 100; 0 when unknown.
    pub(super) confidence: Option<f64>,
    pub(super) region: Option<Text<'a>>,
    /// 0 to 100.
    pub(super) region_confidence: Option<f64>,
    /// The place among the frame's plates, from 0.
    pub(super) plate_index: Option<i64>,
    pub(super) candidates: Option<Bounded<Candidate<'a>, MAX_CANDIDATES>>,
}

/// Of the best frame's plate only its place: its text may differ from `best_plate_number`.
#[derive(Deserialize)]
pub(super) struct BestPlate {
    pub(super) plate_index: Option<i64>,
}

/// A hypothesis for the same plate.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Candidate<'a> {
    pub(super) plate: Option<Text<'a>>,
    /// 0 to 100.
    pub(super) confidence: Option<f64>,
}

/// Each list best first.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Vehicle<'a> {
    pub(super) color: Option<First<Named<'a>>>,
    pub(super) make: Option<First<Named<'a>>>,
    /// The make, `_`, the model.
    pub(super) make_model: Option<First<Named<'a>>>,
    pub(super) body_type: Option<First<Named<'a>>>,
}

/// A guess at a property.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Named<'a> {
    pub(super) name: Option<Text<'a>>,
    /// 0 to 100.
    pub(super) confidence: Option<f64>,
}

/// What the web server adds when it relays.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct WebServer<'a> {
    pub(super) camera_label: Option<Text<'a>>,
}

/// A list of which the first `N - 1` items and the last are kept, whatever its length.
pub(super) struct Bounded<T, const N: usize> {
    kept: Vec<T>,
    dropped: usize,
}

impl<T, const N: usize> Bounded<T, N> {
    pub(super) fn as_slice(&self) -> &[T] {
        &self.kept
    }

    /// How many items were not kept.
    pub(super) fn dropped(&self) -> usize {
        self.dropped
    }
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
        let mut dropped = 0;
        while let Some(item) = list.next_element()? {
            if kept.len() == N {
                kept.pop();
                dropped += 1;
            }
            kept.push(item);
        }
        Ok(Bounded { kept, dropped })
    }
}
