//! XML by local names: one pass, one record at a time. Namespaces are not compared, entities are not expanded, a document type is refused.

use std::{borrow::Cow, io::BufReader};

use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};

use super::{
    Broken, Captured, Found, Layout, MAX_TEXT, Node, Scalar, Sink, put, rewind,
    source::{self, Meter, Metered, Utf8},
};
use crate::adapter::ReadSeek;

const MAX_DEPTH: usize = 64;
const MAX_ATTRIBUTES: usize = 64;

const NOT_WELL_FORMED: &str = "not well-formed XML";

/// The values that count from the message.
pub(super) fn message(
    layout: &Layout,
    file: &mut dyn ReadSeek,
) -> Result<Captured<'static>, Broken> {
    rewind(file)?;
    let meter = Meter::new();
    let mut walk = Walk::new(layout, &meter, Pass::Message);
    walk.run(file, &mut |_| Ok(()))?;
    Ok(walk.captured)
}

/// The records, one by one. Whether the list of them was there at all.
pub(super) fn records(
    layout: &Layout,
    file: &mut dyn ReadSeek,
    message: &Captured<'static>,
    sink: Sink<'_>,
) -> Result<bool, Broken> {
    rewind(file)?;
    let meter = Meter::new();
    let mut walk = Walk::new(layout, &meter, Pass::Records(message));
    walk.run(file, sink)?;
    Ok(walk.way_found)
}

/// What is looked for.
#[derive(Clone, Copy)]
enum Pass<'m> {
    Message,
    Records(&'m Captured<'static>),
}

struct Walk<'l> {
    layout: &'l Layout,
    meter: Meter,
    pass: Pass<'l>,
    /// The mapped places of the open elements.
    open: Vec<Option<&'l Node>>,
    /// Texts of the open elements whose text is wanted: depth, slot, text.
    texts: Vec<(usize, usize, String)>,
    captured: Captured<'static>,
    /// The depth at which the record began.
    record: Option<usize>,
    begun: bool,
    /// The element that holds the records was there, whether or not it held any.
    way_found: bool,
}

impl<'l> Walk<'l> {
    fn new(layout: &'l Layout, meter: &Meter, pass: Pass<'l>) -> Self {
        Self {
            layout,
            meter: meter.clone(),
            pass,
            open: Vec::with_capacity(MAX_DEPTH),
            texts: Vec::new(),
            captured: Captured::new(layout.slots),
            record: None,
            begun: false,
            way_found: false,
        }
    }

    fn run(&mut self, file: &mut dyn ReadSeek, sink: Sink<'_>) -> Result<(), Broken> {
        let decoded = Utf8::of_xml(file).map_err(|error| source::failed(&error))?;
        let metered = Metered::new(decoded, &self.meter);
        let mut reader = Reader::from_reader(BufReader::with_capacity(32 * 1024, metered));
        if self.layout.records.is_none() {
            self.way_found = true;
            self.record = Some(0);
        }
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            match reader.read_event_into(&mut buffer) {
                Ok(Event::Eof) => break,
                Ok(event) => self.take(&event, sink)?,
                Err(error) => return Err(broken(&error)),
            }
        }
        if !self.begun || !self.open.is_empty() {
            return Err(Broken::rule("ends too early"));
        }
        if self.layout.records.is_none() {
            self.end_record(sink)?;
        }
        Ok(())
    }

    fn take(&mut self, event: &Event<'_>, sink: Sink<'_>) -> Result<(), Broken> {
        match event {
            Event::Start(start) => self.start(start),
            Event::Empty(start) => {
                self.start(start)?;
                self.end(sink)
            }
            Event::End(_) => self.end(sink),
            Event::Text(text) => self.text(text),
            Event::CData(text) => self.text(text),
            Event::GeneralRef(reference) => self.reference(reference),
            Event::DocType(_) => Err(Broken::rule("document type declaration")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), Broken> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Broken::rule("elements are nested too deep"));
        }
        if self.open.is_empty() && self.begun {
            return Err(Broken::rule("more than one document"));
        }
        self.begun = true;
        let name = start.local_name();
        let parent = match (self.record, self.open.last()) {
            (Some(0), None) => Some(&self.layout.record),
            (None, None) => Some(&self.layout.message),
            (_, Some(parent)) => *parent,
            (Some(_), None) => None,
        };
        let mut node = parent.and_then(|parent| parent.element(name.as_ref()));
        if self.record.is_none() && self.is_way(self.open.len() + 1, name.as_ref()) {
            self.way_found = true;
        }
        if node.is_some_and(|node| node.records) {
            self.way_found = true;
            self.meter.record();
            if matches!(self.pass, Pass::Records(_)) {
                self.record = Some(self.open.len() + 1);
                self.captured = Captured::new(self.layout.slots);
                node = Some(&self.layout.record);
            } else {
                node = None;
            }
        }
        self.open.push(node);
        if let Some(node) = node {
            self.attributes(node, start)?;
            if let Some(slot) = node.slot {
                self.texts.push((self.open.len(), slot, String::new()));
            }
        }
        Ok(())
    }

    /// Whether the element that is opened at `depth` is the one the records are in.
    fn is_way(&self, depth: usize, name: &str) -> bool {
        let Some(steps) = &self.layout.records else {
            return false;
        };
        // A list without an item has the element around the items only.
        let parent = steps.len().checked_sub(2).and_then(|at| steps.get(at));
        depth + 1 == steps.len()
            && parent.is_some_and(|parent| parent == name || parent == "*")
            && self.open.iter().all(Option::is_some)
    }

    fn attributes(&mut self, node: &'l Node, start: &BytesStart<'_>) -> Result<(), Broken> {
        if start.attributes_raw().is_empty() {
            return Ok(());
        }
        for (count, attribute) in start.attributes().with_checks(false).enumerate() {
            let attribute = attribute.map_err(|_| Broken::rule(NOT_WELL_FORMED))?;
            if count >= MAX_ATTRIBUTES {
                return Err(Broken::rule("too many attributes"));
            }
            let name = attribute.key.local_name();
            let wanted = node
                .attributes()
                .find(|(wanted, _)| *wanted == name.as_ref());
            if let Some((_, slot)) = wanted {
                let value = quick_xml::escape::unescape(&attribute.value)
                    .map_err(|_| Broken::rule("undeclared entity"))?;
                let value = if value.len() <= MAX_TEXT {
                    Scalar::Text(Cow::Owned(value.into_owned()))
                } else {
                    Scalar::Compound
                };
                put(&mut self.captured.slots, slot, value);
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Broken> {
        if self.open.is_empty() {
            let blank = text.bytes().all(|byte| byte.is_ascii_whitespace());
            return if blank {
                Ok(())
            } else {
                Err(Broken::rule("text outside the document"))
            };
        }
        if let Some((depth, _, kept)) = self.texts.last_mut()
            && *depth == self.open.len()
            && kept.len() <= MAX_TEXT
        {
            kept.push_str(text);
        }
        Ok(())
    }

    /// Character references and the five predefined entities. There is no declaration, so there are no others.
    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Broken> {
        let resolved = match reference.resolve_char_ref() {
            Ok(Some(c)) => Some(c),
            Ok(None) => match &**reference {
                "amp" => Some('&'),
                "lt" => Some('<'),
                "gt" => Some('>'),
                "apos" => Some('\''),
                "quot" => Some('"'),
                _ => None,
            },
            Err(_) => None,
        };
        let c = resolved.ok_or_else(|| Broken::rule("undeclared entity"))?;
        self.text(c.encode_utf8(&mut [0; 4]))
    }

    fn end(&mut self, sink: Sink<'_>) -> Result<(), Broken> {
        let depth = self.open.len();
        if self.texts.last().is_some_and(|(at, _, _)| *at == depth)
            && let Some((_, slot, text)) = self.texts.pop()
        {
            let value = if text.len() <= MAX_TEXT {
                Scalar::Text(Cow::Owned(text))
            } else {
                Scalar::Compound
            };
            put(&mut self.captured.slots, slot, value);
        }
        self.open.pop();
        if self.record == Some(depth) {
            self.record = None;
            self.end_record(sink)?;
        }
        Ok(())
    }

    fn end_record(&mut self, sink: Sink<'_>) -> Result<(), Broken> {
        let Pass::Records(message) = self.pass else {
            return Ok(());
        };
        self.meter.record();
        self.captured.with_message(self.layout, message);
        sink(Found::Record(&self.captured)).map_err(Broken::Error)
    }
}

fn broken(error: &quick_xml::Error) -> Broken {
    match error {
        quick_xml::Error::Io(error) => source::failed(error),
        _ => Broken::rule(NOT_WELL_FORMED),
    }
}
