//! The XML form of a read: root `Plate` with the members of the JSON form, analytics nested in a list of the same name.
//!
//! Elements are taken by their local name, in any order, and any of them may be missing. A document type is refused.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use quick_xml::{
    Reader,
    events::{BytesRef, Event},
};

use super::wire::{Analytic, Analytics, Fault, GIVEN_TWICE, MAX_ANALYTICS, Record, Text, reject};

const MAX_DEPTH: usize = 64;
/// Longest text of an element that is taken, bytes. Images are longer, and not taken.
const MAX_TEXT: usize = 512;
/// How far into a message its declaration is looked for.
const MAX_DECLARATION: usize = 1 << 10;

const NOT_WELL_FORMED: &str = "body is not well-formed XML";

/// What an open element is.
#[derive(Clone, Copy)]
enum Node {
    Plate,
    Analytics,
    Analytic,
    Leaf(Leaf),
    Skipped,
}

#[derive(Clone, Copy)]
enum Leaf {
    Id,
    PlateRead,
    Timestamp,
    Latitude,
    Longitude,
    LprCameraName,
    ContextCameraName,
    Key,
    Value,
    Score,
}

/// Reads an XML message.
///
/// # Errors
/// [`Fault::Message`] for what is not one well-formed `Plate` document, [`Fault::Field`] for a member that is not what the format says.
pub(super) fn record(body: &[u8]) -> Result<Record<'static>, Fault> {
    let text = decoded(body).map_err(Fault::Message)?;
    let mut reader = Reader::from_str(&text);
    let mut document = Document::default();
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return document.finish(),
            Ok(event) => document.take(&event).map_err(Fault::Message)?,
            Err(_) => return Err(Fault::Message(NOT_WELL_FORMED)),
        }
    }
}

#[derive(Default)]
struct Document {
    begun: bool,
    open: Vec<Node>,
    text: String,
    record: Record<'static>,
    analytics: Vec<Analytic<'static>>,
    /// The first member that is not what the format says. The rest is still read: the document as a whole comes first.
    fault: Option<(Leaf, &'static str)>,
}

impl Document {
    fn take(&mut self, event: &Event<'_>) -> Result<(), &'static str> {
        match event {
            Event::Start(start) => self.start(local(start.name().as_ref().as_bytes())),
            Event::Empty(start) => {
                self.start(local(start.name().as_ref().as_bytes()))?;
                self.end();
                Ok(())
            }
            Event::End(_) => {
                self.end();
                Ok(())
            }
            Event::Text(text) => self.text(text),
            Event::CData(text) => self.text(text),
            Event::GeneralRef(reference) => {
                let c = resolved(reference).ok_or("undeclared entity")?;
                self.text(c.encode_utf8(&mut [0; 4]))
            }
            Event::DocType(_) => Err("document type declaration"),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, name: &[u8]) -> Result<(), &'static str> {
        if self.open.len() >= MAX_DEPTH {
            return Err("elements are nested too deep");
        }
        let node = match self.open.last() {
            None => self.root(name)?,
            Some(Node::Plate) => member(name),
            Some(Node::Analytics) => self.item(name),
            Some(Node::Analytic) => of_analytic(name),
            Some(Node::Leaf(_) | Node::Skipped) => Node::Skipped,
        };
        if matches!(node, Node::Leaf(_)) {
            self.text.clear();
        }
        self.open.push(node);
        Ok(())
    }

    fn root(&mut self, name: &[u8]) -> Result<Node, &'static str> {
        if self.begun {
            return Err("more than one document");
        }
        self.begun = true;
        match name {
            b"Plate" => Ok(Node::Plate),
            _ => Err("root is not `Plate`"),
        }
    }

    fn item(&mut self, name: &[u8]) -> Node {
        if name != b"PlateAnalytics" || self.analytics.len() >= MAX_ANALYTICS {
            return Node::Skipped;
        }
        self.analytics.push(Analytic::default());
        Node::Analytic
    }

    fn text(&mut self, text: &str) -> Result<(), &'static str> {
        match self.open.last() {
            Some(Node::Leaf(leaf)) if self.text.len() + text.len() > MAX_TEXT => {
                self.fault.get_or_insert((*leaf, "too long"));
            }
            Some(Node::Leaf(_)) => self.text.push_str(text),
            Some(Node::Skipped) => {}
            _ if text.bytes().all(|byte| byte.is_ascii_whitespace()) => {}
            _ => return Err("text between elements"),
        }
        Ok(())
    }

    /// Names were compared by the parser.
    fn end(&mut self) {
        if let Some(Node::Leaf(leaf)) = self.open.pop()
            && let Err(rule) = self.store(leaf)
        {
            self.fault.get_or_insert((leaf, rule));
        }
    }

    fn store(&mut self, leaf: Leaf) -> Result<(), &'static str> {
        let (record, text) = (&mut self.record, self.text.as_str());
        let mut none = Analytic::default();
        let analytic = self.analytics.last_mut().unwrap_or(&mut none);
        match leaf {
            Leaf::Id => put(&mut record.id, owned(text)),
            Leaf::PlateRead => put(&mut record.plate_read, owned(text)),
            Leaf::Timestamp => put(&mut record.timestamp, owned(text)),
            Leaf::Latitude => put_number(&mut record.latitude, text),
            Leaf::Longitude => put_number(&mut record.longitude, text),
            Leaf::LprCameraName => put(&mut record.lpr_camera_name, owned(text)),
            Leaf::ContextCameraName => put(&mut record.context_camera_name, owned(text)),
            Leaf::Key => put(&mut analytic.key, owned(text)),
            Leaf::Value => put(&mut analytic.value, owned(text)),
            Leaf::Score => put_number(&mut analytic.score, text),
        }
    }

    fn finish(mut self) -> Result<Record<'static>, Fault> {
        if !self.begun || !self.open.is_empty() {
            return Err(Fault::Message("body ends too early"));
        }
        if let Some((leaf, rule)) = self.fault {
            return Err(Fault::Field(reject(leaf.path(), rule)));
        }
        self.record.plate_analytics = Some(Analytics(self.analytics));
        Ok(self.record)
    }
}

fn put<T>(place: &mut Option<T>, value: T) -> Result<(), &'static str> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(GIVEN_TWICE),
    }
}

/// An empty element gives no number.
fn put_number(place: &mut Option<f64>, text: &str) -> Result<(), &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(());
    }
    let number: f64 = text.parse().map_err(|_| "not a number")?;
    if !number.is_finite() {
        return Err("not a number");
    }
    put(place, number)
}

fn owned(text: &str) -> Text<'static> {
    Text(Cow::Owned(text.to_owned()))
}

fn member(name: &[u8]) -> Node {
    Node::Leaf(match name {
        b"Id" => Leaf::Id,
        b"PlateRead" => Leaf::PlateRead,
        b"Timestamp" => Leaf::Timestamp,
        b"Latitude" => Leaf::Latitude,
        b"Longitude" => Leaf::Longitude,
        b"LprCameraName" => Leaf::LprCameraName,
        b"ContextCameraName" => Leaf::ContextCameraName,
        b"PlateAnalytics" => return Node::Analytics,
        _ => return Node::Skipped,
    })
}

fn of_analytic(name: &[u8]) -> Node {
    Node::Leaf(match name {
        b"Key" => Leaf::Key,
        b"Value" => Leaf::Value,
        b"Score" => Leaf::Score,
        _ => return Node::Skipped,
    })
}

impl Leaf {
    fn path(self) -> &'static str {
        match self {
            Self::Id => "Id",
            Self::PlateRead => "PlateRead",
            Self::Timestamp => "Timestamp",
            Self::Latitude => "Latitude",
            Self::Longitude => "Longitude",
            Self::LprCameraName => "LprCameraName",
            Self::ContextCameraName => "ContextCameraName",
            Self::Key => "PlateAnalytics/PlateAnalytics/Key",
            Self::Value => "PlateAnalytics/PlateAnalytics/Value",
            Self::Score => "PlateAnalytics/PlateAnalytics/Score",
        }
    }
}

/// The name without a namespace prefix.
fn local(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == b':').next_back().unwrap_or(name)
}

/// Character references and the five predefined entities. There is no declaration, so there are no others.
fn resolved(reference: &BytesRef<'_>) -> Option<char> {
    match reference.resolve_char_ref() {
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
    }
}

/// The message as text, by its byte order mark, else by its declaration, else as UTF-8.
fn decoded(body: &[u8]) -> Result<Cow<'_, str>, &'static str> {
    let (encoding, text) = match Encoding::for_bom(body) {
        Some((encoding, mark)) => (encoding, body.get(mark..).unwrap_or_default()),
        None if matches!(body, [b'<', 0, ..] | [0, b'<', ..]) => {
            return Err("UTF-16 without a byte order mark");
        }
        None => (declared(body)?, body),
    };
    encoding
        .decode_without_bom_handling_and_without_replacement(text)
        .ok_or("body is not text in its encoding")
}

fn declared(body: &[u8]) -> Result<&'static Encoding, &'static str> {
    match declaration(body) {
        None => Ok(UTF_8),
        Some(name)
            if [b"utf-8".as_slice(), b"us-ascii"]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known)) =>
        {
            Ok(UTF_8)
        }
        Some(name)
            if [b"iso-8859-1".as_slice(), b"windows-1252"]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known)) =>
        {
            Ok(WINDOWS_1252)
        }
        Some(_) => Err("unknown encoding"),
    }
}

/// The value of `encoding` in the XML declaration.
fn declaration(body: &[u8]) -> Option<&[u8]> {
    let head = body.get(..MAX_DECLARATION.min(body.len()))?;
    let declaration = head.strip_prefix(b"<?xml")?;
    let declaration = declaration.get(..find(declaration, b"?>")?)?;
    let value = declaration.get(find(declaration, b"encoding")? + b"encoding".len()..)?;
    let value = value.trim_ascii_start().strip_prefix(b"=")?;
    let (quote, value) = value.trim_ascii_start().split_first()?;
    value.split(|byte| byte == quote).next()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
