//! The vendor's bytes, and the one place that says what they mean.
//!
//! The structs list what is taken; whatever else the vendor sends ends at the parse. `link` (a page of the
//! vendor's own site) and the device's metadata and dates are among what is not taken.

use jiff::{
    Timestamp,
    fmt::temporal::{Pieces, PiecesOffset},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use turnpike_schemas::{
    plate::Plate,
    read::{Confidence, Observation, Place, ZoneProvenance},
};

use super::states;
use crate::{
    error::{Error, ErrorKind, Result},
    json::Object,
};

/// Longest page id that is sent back.
const MAX_PAGE_ID: usize = 2048;

/// Longest opaque word of the vendor that is kept.
pub(super) const MAX_WORD: usize = 64;

/// Body of `POST /reads/lookup`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lookup<'a> {
    /// Whole plate.
    pub(super) plate: &'a str,
    /// Why, for the vendor's own audit. Mandatory.
    pub(super) reason: String,
    /// RFC 3339.
    pub(super) start_date: Timestamp,
    /// RFC 3339.
    pub(super) end_date: Timestamp,
    /// Rows on a page, 1 to 50.
    pub(super) limit: u32,
    /// The case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) case_number: Option<&'a str>,
    /// Order of the rows.
    pub(super) sort: [Sort; 1],
}

/// One key of the order.
#[derive(Serialize)]
pub(super) struct Sort {
    field: &'static str,
    order: &'static str,
}

/// Newest capture first.
pub(super) const NEWEST_FIRST: [Sort; 1] = [Sort {
    field: "capturedAt",
    order: "desc",
}];

/// One page of an answer.
pub(super) struct Answer<'a> {
    rows: Rows<'a>,
    total_items: Value,
    next_page_id: Value,
}

/// The rows of a page.
enum Rows<'a> {
    /// Each has the documented types.
    Typed(Vec<Object<Sighting>>),
    /// At least one has not; they are looked at one by one, so that a bad row costs itself only.
    AsSent(Vec<&'a RawValue>),
}

/// A page whose rows are read as `R`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame<R> {
    results: Vec<R>,
    /// Rows of all pages together.
    #[serde(default)]
    total_items: Value,
    #[serde(default)]
    next_page_id: Value,
}

/// Where the answer goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nowhere: this was the last page.
    End,
    /// At the page of this id.
    Page(String),
    /// Somewhere, but the id cannot be sent back.
    Unusable,
}

/// One row.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sighting {
    id: Option<String>,
    /// RFC 3339, up to microseconds.
    captured_at: Option<String>,
    device: Option<Object<Device>>,
    plate: Option<Object<ReadPlate>>,
    state: Option<Object<ReadState>>,
}

#[derive(Deserialize)]
struct Device {
    id: Option<String>,
    /// `camera`, `video`, `audio` or `external`.
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    location: Option<Object<Location>>,
    network: Option<Object<Network>>,
}

/// Where the device is. Its `state` and `country` are the road's, not the plate's, and are not taken.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    name: Option<String>,
    /// Degrees north.
    latitude: Option<f64>,
    /// Degrees east.
    longitude: Option<f64>,
    street_address: Option<String>,
    city: Option<String>,
}

#[derive(Deserialize)]
struct Network {
    name: Option<String>,
}

#[derive(Deserialize)]
struct ReadPlate {
    plate: Option<String>,
    /// 0 to 1.
    confidence: Option<f64>,
}

#[derive(Deserialize)]
struct ReadState {
    state: Option<String>,
    /// 0 to 1.
    confidence: Option<f64>,
}

/// Which field of a row broke which rule. Holds no value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) field: String,
    pub(super) rule: String,
}

impl<'a> Answer<'a> {
    /// Reads the frame of a page.
    ///
    /// # Errors
    /// `Malformed` when the body is not the JSON object the manual describes.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self> {
        if let Ok(Object(frame)) = serde_json::from_slice::<Object<Frame<_>>>(body) {
            return Ok(Self::of(frame, Rows::Typed));
        }
        // The parser's own message can quote the body, so it goes no further.
        let parsed = serde_json::from_slice::<Object<Frame<_>>>(body);
        let Object(frame) = parsed.map_err(|_| {
            Error::new(
                ErrorKind::Malformed,
                "search",
                "the answer is not JSON with a list of `results`",
            )
        })?;
        Ok(Self::of(frame, Rows::AsSent))
    }

    fn of<R>(frame: Frame<R>, rows: impl FnOnce(Vec<R>) -> Rows<'a>) -> Self {
        Self {
            rows: rows(frame.results),
            total_items: frame.total_items,
            next_page_id: frame.next_page_id,
        }
    }

    /// Takes the rows, each as what it says or as the fault it has.
    pub(super) fn rows(&mut self) -> impl Iterator<Item = Result<Observation, Fault>> + use<'a> {
        let rows = std::mem::replace(&mut self.rows, Rows::AsSent(Vec::new()));
        let (typed, as_sent) = match rows {
            Rows::Typed(rows) => (rows, Vec::new()),
            Rows::AsSent(rows) => (Vec::new(), rows),
        };
        let typed = typed
            .into_iter()
            .map(|Object(row)| Observation::try_from(row));
        typed.chain(as_sent.into_iter().map(read))
    }

    /// Where the answer goes on.
    pub(super) fn next(&self) -> Next {
        match &self.next_page_id {
            Value::Null => Next::End,
            Value::String(id) if id.is_empty() => Next::End,
            // A path segment of dots alone means another address.
            Value::String(id) if id.len() <= MAX_PAGE_ID && id != "." && id != ".." => {
                Next::Page(id.clone())
            }
            _ => Next::Unusable,
        }
    }

    /// Rows of all pages together, where the answer says so.
    pub(super) fn total(&self) -> Option<u64> {
        self.total_items.as_u64()
    }
}

/// Reads one row of an answer.
fn read(row: &RawValue) -> Result<Observation, Fault> {
    let Object(sighting): Object<Sighting> =
        serde_json::from_str(row.get()).map_err(|_| wrong_type(row))?;
    Observation::try_from(sighting)
}

/// Reads a bad row again, for the path of the fault: following the path of every good row would cost more than reading it.
fn wrong_type(row: &RawValue) -> Fault {
    let mut json = serde_json::Deserializer::from_str(row.get());
    let read: Result<Object<Sighting>, _> = serde_path_to_error::deserialize(&mut json);
    let path = read.map_or_else(|error| error.path().to_string(), |_| ".".to_owned());
    Fault::at(&path, "not of the documented type")
}

impl TryFrom<Sighting> for Observation {
    type Error = Fault;

    /// A row needs an identity, a time with a zone and a plate. What else is absent stays absent.
    fn try_from(row: Sighting) -> Result<Self, Fault> {
        let record = row
            .id
            .filter(|id| !id.is_empty())
            .ok_or_else(|| Fault::missing("id"))?;
        let captured = row
            .captured_at
            .ok_or_else(|| Fault::missing("capturedAt"))?;
        let (captured_at, offset_s) =
            instant(&captured).ok_or_else(|| Fault::at("capturedAt", "not a time with a zone"))?;
        let Object(plate) = row.plate.ok_or_else(|| Fault::missing("plate"))?;
        let text = plate.plate.ok_or_else(|| Fault::missing("plate.plate"))?;
        let text =
            Plate::parse(&text).map_err(|error| Fault::at("plate.plate", &error.to_string()))?;
        let mut read = Self::new(record, text, captured_at, ZoneProvenance::InValue);
        read.captured_offset_s = offset_s;
        read.plate.confidence = confidence("plate.confidence", plate.confidence)?;
        if let Some(Object(state)) = row.state {
            state.describe(&mut read)?;
        }
        if let Some(Object(device)) = row.device {
            device.describe(&mut read);
        }
        Ok(read)
    }
}

impl ReadState {
    /// The vendor serves one country, so a name on its list is a state of the United States.
    fn describe(self, read: &mut Observation) -> Result<(), Fault> {
        let confidence = confidence("state.confidence", self.confidence)?;
        let Some(name) = filled(self.state) else {
            return Ok(());
        };
        read.plate.jurisdiction = states::jurisdiction(&name);
        if read.plate.jurisdiction.is_some() {
            read.plate.jurisdiction_confidence = confidence;
        } else {
            read.quality.push("unknown_state".to_owned());
            keep(read, "state", Some(name));
        }
        Ok(())
    }
}

impl Device {
    fn describe(self, read: &mut Observation) {
        keep(read, "device_id", self.id.clone());
        keep(read, "device_type", self.kind);
        keep(
            read,
            "network",
            self.network.and_then(|Object(network)| network.name),
        );
        read.place.camera = filled(self.name).or(filled(self.id));
        let Some(Object(location)) = self.location else {
            return;
        };
        if !location.position(&mut read.place) {
            read.quality.push("position_implausible".to_owned());
        }
        read.place.site = filled(location.name)
            .or(filled(location.street_address))
            .or(filled(location.city));
    }
}

impl Location {
    /// Whether the position is plausible or absent. Half a position is no position.
    fn position(&self, place: &mut Place) -> bool {
        match (self.latitude, self.longitude) {
            (Some(latitude), Some(longitude)) => place.set_position(latitude, longitude),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Fault {
    /// A fault at `path` inside a row; `.` is the row itself.
    fn at(path: &str, rule: &str) -> Self {
        let field = match path {
            "." => "results[]".to_owned(),
            path => format!("results[].{path}"),
        };
        Self {
            field,
            rule: rule.to_owned(),
        }
    }

    fn missing(path: &str) -> Self {
        Self::at(path, "missing")
    }
}

/// The instant, and the offset of local time in seconds where the text states one (`Z` and `-00:00` do not).
pub(super) fn instant(text: &str) -> Option<(Timestamp, Option<i32>)> {
    let offset = match Pieces::parse(text).ok()?.offset()? {
        PiecesOffset::Numeric(numeric)
            if !(numeric.is_negative() && numeric.offset().is_zero()) =>
        {
            Some(numeric.offset().seconds())
        }
        _ => None,
    };
    Some((text.parse().ok()?, offset))
}

fn confidence(path: &str, value: Option<f64>) -> Result<Option<Confidence>, Fault> {
    value
        .map(Confidence::new)
        .transpose()
        .map_err(|_| Fault::at(path, "not a number from 0 to 1"))
}

/// Keeps a short opaque word of the vendor.
pub(super) fn keep(read: &mut Observation, name: &str, value: Option<String>) {
    if let Some(value) = filled(value).filter(|value| value.len() <= MAX_WORD) {
        read.extra.insert(name.to_owned(), value);
    }
}

/// Blank is absent.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}
