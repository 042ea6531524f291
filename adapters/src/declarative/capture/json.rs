//! JSON: one pass over the text that goes down only where a mapped place is.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    io::BufReader,
    marker::PhantomData,
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::{
    Broken, Captured, Found, Layout, MAX_TEXT, Node, Scalar, Sink, put, rewind,
    source::{self, Meter, Metered},
};
use crate::adapter::ReadSeek;

const NOT_JSON: &str = "not a JSON document";
const NOT_OBJECT: &str = "not an object";

/// Most hypotheses of one plate that are looked at.
const MAX_CANDIDATES: usize = 64;

/// What an answer says besides its records.
#[derive(Debug)]
pub(in super::super) struct Answer {
    /// By slot.
    pub(in super::super) values: Vec<Scalar<'static>>,
    /// The list of records is not in it.
    pub(in super::super) missing_list: bool,
}

/// A pushed message.
pub(super) fn message(layout: &Layout, body: &[u8], sink: Sink<'_>) -> Result<(), Broken> {
    if layout.records.is_none() {
        return whole(layout, body, sink).map(|_| ());
    }
    listed(layout, body, sink).and_then(|answer| {
        if answer.missing_list && !layout.missing_is_empty {
            return Err(missing(layout));
        }
        Ok(())
    })
}

/// The answer to a question. Whether a missing list is a fault is for the caller: an error may be why.
pub(super) fn answer(layout: &Layout, body: &[u8], sink: Sink<'_>) -> Result<Answer, Broken> {
    if layout.records.is_some() {
        return listed(layout, body, sink);
    }
    whole(layout, body, sink).map(|values| Answer {
        values,
        missing_list: false,
    })
}

pub(super) fn missing(layout: &Layout) -> Broken {
    Broken::of(layout.records_name.clone(), "no list of records")
}

/// A message that is its record.
fn whole(layout: &Layout, body: &[u8], sink: Sink<'_>) -> Result<Vec<Scalar<'static>>, Broken> {
    let body = without_mark(body);
    let text = std::str::from_utf8(body).map_err(|_| Broken::rule(NOT_JSON))?;
    if text.trim_start().starts_with('[') {
        return Err(Broken::rule(NOT_OBJECT));
    }
    match record(layout, text) {
        Ok(captured) => {
            sink(Found::Record(&captured)).map_err(Broken::Error)?;
            Ok(captured.slots.iter().map(Scalar::detached).collect())
        }
        Err(rule) => Err(Broken::rule(rule)),
    }
}

/// A message with a list of records.
fn listed(layout: &Layout, body: &[u8], sink: Sink<'_>) -> Result<Answer, Broken> {
    let (mut message, mut more) = (Captured::new(layout.slots), More::default());
    let mut parser = serde_json::Deserializer::from_slice(without_mark(body));
    let visit = Visit {
        node: &layout.message,
        slots: &mut message.slots,
        more: &mut more,
    };
    visit
        .deserialize(&mut parser)
        .and_then(|()| parser.end())
        .map_err(|_| Broken::rule(NOT_JSON))?;
    let list = more.list.filter(|list| list.get().starts_with('['));
    if let Some(list) = list {
        let mut parser = serde_json::Deserializer::from_str(list.get());
        let mut stop = None;
        let elements = Elements {
            each: &mut |element: &RawValue| {
                let taken = one(layout, element.get(), &message, sink);
                taken.map_err(|broken| stop = Some(broken))
            },
            kind: PhantomData::<&RawValue>,
        };
        let walked = elements.deserialize(&mut parser);
        if let Some(broken) = stop {
            return Err(broken);
        }
        walked.map_err(|_| Broken::rule(NOT_JSON))?;
    }
    Ok(Answer {
        values: message.slots.iter().map(Scalar::detached).collect(),
        missing_list: list.is_none(),
    })
}

/// A file: as much of it in memory as its longest record.
pub(super) fn file(layout: &Layout, file: &mut dyn ReadSeek, sink: Sink<'_>) -> Result<(), Broken> {
    let Some(steps) = &layout.records else {
        let mut body = Vec::new();
        std::io::Read::read_to_end(&mut Metered::new(file, &Meter::new()), &mut body)
            .map_err(|error| source::failed(&error))?;
        return whole(layout, &body, sink).map(|_| ());
    };
    let mut message = Captured::new(layout.slots);
    if !layout.is_flat() {
        let meter = Meter::new();
        let mut more = More {
            skip_list: Some(meter.clone()),
            ..More::default()
        };
        let visit = Visit {
            node: &layout.message,
            slots: &mut message.slots,
            more: &mut more,
        };
        let mut parser = parser(file, &meter);
        visit
            .deserialize(&mut parser)
            .map_err(|error| broken(&error))?;
        rewind(file)?;
    }
    let meter = Meter::new();
    let (mut stop, mut found) = (None, false);
    let mut each = |element: &RawValue| {
        meter.record();
        let taken = one(layout, element.get(), &message, sink);
        taken.map_err(|broken| stop = Some(broken))
    };
    let descend = Descend {
        steps,
        found: &mut found,
        elements: Elements {
            each: &mut each,
            kind: PhantomData::<Box<RawValue>>,
        },
    };
    let mut parser = parser(file, &meter);
    let walked = descend.deserialize(&mut parser).and_then(|()| parser.end());
    if let Some(broken) = stop {
        return Err(broken);
    }
    walked.map_err(|error| broken(&error))?;
    if !found && !layout.missing_is_empty {
        return Err(missing(layout));
    }
    Ok(())
}

type FileParser<'f> =
    serde_json::Deserializer<serde_json::de::IoRead<BufReader<Metered<&'f mut dyn ReadSeek>>>>;

fn parser<'f>(file: &'f mut dyn ReadSeek, meter: &Meter) -> FileParser<'f> {
    let read = BufReader::with_capacity(64 * 1024, Metered::new(file, meter));
    serde_json::Deserializer::from_reader(read)
}

/// A fault of reading keeps its rule; everything else is a document that is none.
fn broken(error: &serde_json::Error) -> Broken {
    match error.io_error_kind() {
        Some(std::io::ErrorKind::InvalidData) => Broken::rule("a record is longer than 8 MiB"),
        Some(kind) => source::failed(&kind.into()),
        None => Broken::rule(NOT_JSON),
    }
}

/// One record of a list.
fn one(
    layout: &Layout,
    text: &str,
    message: &Captured<'_>,
    sink: &mut dyn FnMut(Found<'_, '_>) -> Result<(), crate::error::Error>,
) -> Result<(), Broken> {
    let taken = match record(layout, text) {
        Ok(mut captured) => {
            captured.with_message(layout, message);
            sink(Found::Record(&captured))
        }
        Err(rule) => sink(Found::Bad(rule)),
    };
    taken.map_err(Broken::Error)
}

/// The mapped values of one record.
///
/// # Errors
/// The rule it breaks.
pub(super) fn record<'a>(layout: &Layout, text: &'a str) -> Result<Captured<'a>, &'static str> {
    if text.trim_start().as_bytes().first() != Some(&b'{') {
        return Err(if text.trim_start().starts_with(['[', '"']) {
            NOT_OBJECT
        } else {
            NOT_JSON
        });
    }
    let (mut captured, mut more) = (Captured::new(layout.slots), More::default());
    let mut parser = serde_json::Deserializer::from_str(text);
    let visit = Visit {
        node: &layout.record,
        slots: &mut captured.slots,
        more: &mut more,
    };
    visit
        .deserialize(&mut parser)
        .and_then(|()| parser.end())
        .map_err(|_| NOT_JSON)?;
    captured.candidates = more.candidates;
    if !layout.queries.is_empty() {
        let value: Value = serde_json::from_str(text).map_err(|_| NOT_JSON)?;
        for (slot, query) in &layout.queries {
            let located = query.query_located(&value);
            let allowed = located.iter().find(|node| {
                let names = node.location().iter();
                !names.filter_map(|name| name.as_name()).any(layout.denied)
            });
            if let Some(node) = allowed {
                captured.put(*slot, of_value(node.node()));
            }
        }
    }
    Ok(captured)
}

fn of_value(value: &Value) -> Scalar<'static> {
    match value {
        Value::Null => Scalar::Null,
        Value::Bool(flag) => Scalar::Flag(*flag),
        Value::String(text) if text.len() <= MAX_TEXT => Scalar::Text(Cow::Owned(text.clone())),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Scalar::Whole(whole),
            (None, Some(real)) => Scalar::Real(real),
            (None, None) => Scalar::Compound,
        },
        _ => Scalar::Compound,
    }
}

fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// What a walk finds besides values.
#[derive(Default)]
struct More<'a> {
    candidates: Vec<[Scalar<'a>; 2]>,
    list: Option<&'a RawValue>,
    /// The list is left for another pass, and each record of it may be as long as any.
    skip_list: Option<Meter>,
}

/// A walk at one node.
struct Visit<'n, 's, 'a> {
    node: &'n Node,
    slots: &'s mut [Scalar<'a>],
    more: &'s mut More<'a>,
}

/// The node for a key of an object.
struct Key<'n>(&'n Node);

impl<'n, 'de> DeserializeSeed<'de> for Key<'n> {
    type Value = Option<&'n Node>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'n> Visitor<'_> for Key<'n> {
    type Value = Option<&'n Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.child(key))
    }
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for Visit<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.node.records {
            return self.records(deserializer);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visit<'_, '_, 'a> {
    fn records<'de: 'a, D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.more.skip_list.is_some() {
            return deserializer.deserialize_any(self);
        }
        let list = <&'a RawValue>::deserialize(deserializer)?;
        if self.more.list.replace(list).is_some() {
            return Err(D::Error::custom("two lists"));
        }
        Ok(())
    }

    fn keep<E>(self, value: Scalar<'a>) -> Result<(), E> {
        if let Some(slot) = self.node.slot {
            put(self.slots, slot, value);
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Visit<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(node) = map.next_key_seed(Key(self.node))? {
            match node {
                Some(node) => map.next_value_seed(Visit {
                    node,
                    slots: &mut *self.slots,
                    more: &mut *self.more,
                })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        self.keep(Scalar::Compound)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if let Some(each) = &self.node.each {
            while self.more.candidates.len() < MAX_CANDIDATES {
                let mut pair = [Scalar::Absent, Scalar::Absent];
                let item = Visit {
                    node: each,
                    slots: &mut pair,
                    more: &mut More::default(),
                };
                if seq.next_element_seed(item)?.is_none() {
                    break;
                }
                self.more.candidates.push(pair);
            }
        }
        if !self.node.is_leaf() && self.node.each.is_none() {
            let mut index = 0;
            loop {
                let taken = match self.node.item(index) {
                    Some(node) => seq.next_element_seed(Visit {
                        node,
                        slots: &mut *self.slots,
                        more: &mut *self.more,
                    })?,
                    None => seq.next_element::<IgnoredAny>()?.map(|_| ()),
                };
                if taken.is_none() {
                    break;
                }
                index += 1;
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            if let (Some(meter), true) = (&self.more.skip_list, self.node.records) {
                meter.record();
            }
        }
        self.keep(Scalar::Compound)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        let long = text.len() > MAX_TEXT;
        self.keep(if long {
            Scalar::Compound
        } else {
            Scalar::Text(Cow::Borrowed(text))
        })
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let wanted = self.node.slot.is_some() && text.len() <= MAX_TEXT;
        self.keep(if wanted {
            Scalar::Text(Cow::Owned(text.to_owned()))
        } else {
            Scalar::Compound
        })
    }

    fn visit_i64<E>(self, whole: i64) -> Result<(), E> {
        self.keep(Scalar::Whole(whole))
    }

    fn visit_u64<E>(self, whole: u64) -> Result<(), E> {
        #[expect(clippy::cast_precision_loss, reason = "beyond any mapped range")]
        let real = whole as f64;
        self.keep(i64::try_from(whole).map_or(Scalar::Real(real), Scalar::Whole))
    }

    fn visit_f64<E>(self, real: f64) -> Result<(), E> {
        self.keep(Scalar::Real(real))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.keep(Scalar::Flag(flag))
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.keep(Scalar::Null)
    }
}

/// The elements of a list, one in memory at a time.
struct Elements<'e, K> {
    each: &'e mut dyn FnMut(&RawValue) -> Result<(), ()>,
    kind: PhantomData<K>,
}

impl<'de, K: Deserialize<'de> + Borrow<RawValue>> DeserializeSeed<'de> for Elements<'_, K> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, K: Deserialize<'de> + Borrow<RawValue>> Visitor<'de> for Elements<'_, K> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element::<K>()? {
            (self.each)(element.borrow()).map_err(|()| A::Error::custom("stopped"))?;
        }
        Ok(())
    }
}

/// The way to the list.
struct Descend<'d, 'e> {
    steps: &'d [String],
    found: &'d mut bool,
    elements: Elements<'e, Box<RawValue>>,
}

impl<'de> DeserializeSeed<'de> for Descend<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.steps.is_empty() {
            *self.found = true;
            return self.elements.deserialize(deserializer);
        }
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Descend<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.steps.split_first() else {
            return Ok(());
        };
        let mut elements = Some(self.elements);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key != first.as_str() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let elements = elements
                .take()
                .ok_or_else(|| A::Error::custom("two lists"))?;
            map.next_value_seed(Descend {
                steps: rest,
                found: &mut *self.found,
                elements,
            })?;
        }
        Ok(())
    }
}
