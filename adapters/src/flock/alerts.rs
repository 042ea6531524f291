//! Hot-list alerts: what the vendor posts when a device of its network reads a plate on a list.
//!
//! An alert becomes the read it is about, and no more: that the plate is on somebody's list is a lead of the list's owner. Nobody
//! is contacted: the subscription is made at the vendor.

use std::{fmt, marker::PhantomData};

use async_trait::async_trait;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::error::Category;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    plate::{Plate, PlateError},
    read::{Confidence, ImageRef, Observation, ZoneProvenance},
};

use super::{ENTRY, states, wire};
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek,
        Rejection, Subscription, Verdict, unsupported,
    },
    context::Context,
    error::Result,
    json::{Object, Text, misfit},
};

/// Most lists of one alert.
const MAX_LISTS: usize = 32;

/// One source of alerts.
#[derive(Debug)]
pub(super) struct Alerts;

const INFO: Info = Info {
    id: ENTRY.id,
    version: "1",
    family: ENTRY.family,
    capabilities: Capabilities {
        push: true,
        ..Capabilities::NONE
    },
};

/// One alert. The image's and the details' signed addresses and the list owner's case number are not taken.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct Alert<'a> {
    /// The read; by its name the `id` of a lookup.
    object_id: Option<Text<'a>>,
    /// ISO 8601.
    event_time: Option<Text<'a>>,
    device_external_id: Option<Text<'a>>,
    device_name: Option<Text<'a>>,
    /// Degrees north.
    device_lat: Option<f64>,
    /// Degrees east.
    device_long: Option<f64>,
    network_name: Option<Text<'a>>,
    /// Null when no text was read.
    ocr: Option<Object<Ocr<'a>>>,
    /// The lists the plate is on.
    sources: Option<Lists<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct Ocr<'a> {
    label: Option<Text<'a>>,
    /// 0 to 1.
    label_confidence: Option<f64>,
    /// Spelled as in a lookup.
    state: Option<Text<'a>>,
    /// 0 to 1.
    state_confidence: Option<f64>,
}

/// The first [`MAX_LISTS`] lists, and whether there were more.
struct Lists<'a> {
    kept: Vec<Source<'a>>,
    more: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Lists<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListsVisitor(PhantomData))
    }
}

struct ListsVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for ListsVisitor<'a> {
    type Value = Lists<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < MAX_LISTS {
            match list.next_element::<Object<Source<'a>>>()? {
                Some(Object(source)) => kept.push(source),
                None => return Ok(Lists { kept, more: false }),
            }
        }
        let mut more = false;
        while list.next_element::<IgnoredAny>()?.is_some() {
            more = true;
        }
        Ok(Lists { kept, more })
    }
}

/// One list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct Source<'a> {
    /// `NCIC`, or the name of an agency's own list.
    name: Option<Text<'a>>,
    reason: Option<Text<'a>>,
    /// For an agency's own list: `organization`, or `restricted` to people it names.
    custom_hotlist_audience: Option<Text<'a>>,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for Alerts {
    fn info(&self) -> &Info {
        &INFO
    }

    async fn search(&self, _: &Context, _: &Permit) -> Result<Page> {
        unsupported("search")
    }

    async fn poll(&self, _: &Context, _: &IngestPermit, _: &Cursor) -> Result<Batch> {
        unsupported("poll")
    }

    /// What is no JSON object is a rejection and not an error: what the vendor does after an error is not documented.
    fn decode(&self, message: &Message) -> Result<Decoded> {
        let mut page = Page::default();
        page.push(item(&message.body).unwrap_or_else(|item| item));
        Ok(Decoded { page, reply: None })
    }

    fn decode_file(
        &self,
        _: &str,
        _: &mut dyn ReadSeek,
        _: &mut dyn FnMut(Item) -> Result<()>,
    ) -> Result<Verdict> {
        unsupported("decode_file")
    }

    async fn image(&self, _: &Context, _: &ImagePermit, _: &ImageRef) -> Result<Image> {
        unsupported("image")
    }

    fn subscription(&self) -> Option<Subscription> {
        None
    }
}

fn item(body: &[u8]) -> Result<Item, Item> {
    let Object(alert) = serde_json::from_slice::<Object<Alert<'_>>>(body).map_err(|error| {
        let (field, rule) = match error.classify() {
            Category::Data => misfit::<Object<Alert<'_>>>(body),
            _ => (String::new(), ""),
        };
        if field.is_empty() {
            reject("(message)", "not a JSON object")
        } else {
            reject(&field, rule)
        }
    })?;
    let sources = alert.sources.as_ref();
    let sources = sources.ok_or_else(|| reject("sources", "missing"))?;
    if sources.kept.is_empty() {
        return Err(reject("sources", "names no list"));
    }
    if sources.more {
        return Err(reject("sources", "names more than 32 lists"));
    }
    let open: Vec<_> = sources.kept.iter().filter(|list| list.is_open()).collect();
    if open.is_empty() {
        // Who may know of the alert is decided by the vendor's agency, by name, and no agreement of ours knows the names.
        return Err(Item::Skipped("restricted"));
    }
    let mut read = alert.read()?;
    alert.describe_place(&mut read);
    let names = open.iter().map(|list| list.name.as_ref());
    keep_all(&mut read, "alert_list", names);
    let reasons = open.iter().map(|list| list.official_reason());
    keep_all(&mut read, "alert_reason", reasons);
    Ok(Item::Read(Box::new(read)))
}

impl Alert<'_> {
    /// The read the alert is about.
    fn read(&self) -> Result<Observation, Item> {
        let Some(Object(ocr)) = &self.ocr else {
            return Err(Item::Skipped("no_plate"));
        };
        let label = ocr.label.as_ref();
        let label = label.ok_or_else(|| reject("ocr.label", "missing"))?;
        let plate = Plate::parse(label.as_str()).map_err(|error| match error {
            PlateError::Empty => Item::Skipped("no_plate"),
            _ => reject("ocr.label", "longer than 20 characters"),
        })?;
        let record = self.object_id.as_ref().and_then(Text::filled);
        let record = record.ok_or_else(|| reject("objectId", "missing"))?;
        if record.len() > wire::MAX_WORD {
            return Err(reject("objectId", "longer than 64 bytes"));
        }
        let time = self.event_time.as_ref();
        let time = time.ok_or_else(|| reject("eventTime", "missing"))?;
        let (at, offset_s) = wire::instant(time.as_str())
            .ok_or_else(|| reject("eventTime", "not a time with a zone"))?;
        let mut read = Observation::new(record.to_owned(), plate, at, ZoneProvenance::InValue);
        read.captured_offset_s = offset_s;
        read.plate.confidence = confidence("ocr.labelConfidence", ocr.label_confidence)?;
        let sure = confidence("ocr.stateConfidence", ocr.state_confidence)?;
        if let Some(state) = ocr.state.as_ref().and_then(Text::filled) {
            read.plate.jurisdiction = states::jurisdiction(state);
            if read.plate.jurisdiction.is_some() {
                read.plate.jurisdiction_confidence = sure;
            } else {
                read.quality.push("unknown_state".to_owned());
                wire::keep(&mut read, "state", Some(state.to_owned()));
            }
        }
        Ok(read)
    }

    fn describe_place(&self, read: &mut Observation) {
        let word = |text: &Option<Text<'_>>| text.as_ref()?.filled().map(str::to_owned);
        let device = word(&self.device_external_id);
        read.place.camera = word(&self.device_name).or(device.clone());
        wire::keep(read, "device_id", device);
        wire::keep(read, "network", word(&self.network_name));
        let position = match (self.device_lat, self.device_long) {
            (Some(lat), Some(lon)) => read.place.set_position(lat, lon),
            (None, None) => true,
            _ => false,
        };
        if !position {
            read.quality.push("position_implausible".to_owned());
        }
    }
}

impl Source<'_> {
    /// Whether the whole organisation may know of the alert. A word that is not documented is taken for a restriction.
    fn is_open(&self) -> bool {
        self.custom_hotlist_audience
            .as_ref()
            .is_none_or(|audience| audience.as_str() == "organization")
    }

    /// The reason an authority gives. That of an agency's own list is what somebody typed, and may name people.
    fn official_reason(&self) -> Option<&Text<'_>> {
        match self.custom_hotlist_audience {
            None => self.reason.as_ref(),
            Some(_) => None,
        }
    }
}

/// Keeps the different words of `texts` under one name.
fn keep_all<'t>(
    read: &mut Observation,
    name: &str,
    texts: impl Iterator<Item = Option<&'t Text<'t>>>,
) {
    let mut words: Vec<&str> = Vec::new();
    for word in texts.flatten().filter_map(Text::filled) {
        if word.len() <= wire::MAX_WORD && !words.contains(&word) {
            words.push(word);
        }
    }
    if !words.is_empty() {
        read.extra.insert(name.to_owned(), words.join("; "));
    }
}

fn confidence(field: &str, value: Option<f64>) -> Result<Option<Confidence>, Item> {
    value
        .map(Confidence::new)
        .transpose()
        .map_err(|_| reject(field, "not a number from 0 to 1"))
}

/// The rejection of the one record of a message.
fn reject(field: &str, rule: &str) -> Item {
    Item::Rejected(Rejection::new(Some(0), field, rule))
}
