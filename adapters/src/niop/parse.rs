//! The document as a stream: one pass, one record at a time, every size bounded.
//!
//! Well-formedness is the parser's; here are the shape of the file, the limits, and the header against the file name.

use std::io::Read;

use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};

use super::{
    Settings,
    ack::Code,
    name::{FileName, Kind},
    record::{Header, Outcome, Records},
    wire::{Fault, Field, Fields, MAX_TEXT, Node},
};
use crate::{
    adapter::{Item, Rejection},
    error::{Error, Result},
    toll::time,
    xml_window::{Input, MAX_PIECE, RESERVE},
};

const MAX_DEPTH: usize = 64;
const MAX_ATTRIBUTES: usize = 16;
const MAX_ELEMENTS: u32 = 512;

const NOT_WELL_FORMED: &str = "not well-formed XML";

/// Why reading ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file broke a rule.
    File(Rejection, Code),
    /// The caller did not take an item.
    Sink(Error),
}

/// Where items go.
pub(super) type Sink<'a> = &'a mut dyn FnMut(Item) -> Result<()>;

/// Reads one data file to its end.
///
/// # Errors
/// [`Stop::File`] for the first rule the file as a whole breaks, [`Stop::Sink`] for what `sink` returns.
pub(super) fn read(
    source: &mut dyn Read,
    max_bytes: u64,
    name: &FileName,
    settings: &Settings,
    sink: Sink<'_>,
) -> Result<Code, Stop> {
    let mut input = Input::open(source, max_bytes).map_err(|rule| refuse("", rule))?;
    let mut document = Document::new(name, settings, sink);
    loop {
        let used = document.read_window(input.window(), input.ended())?;
        if input.ended() {
            return document.finish();
        }
        input.slide(used).map_err(|rule| refuse("", rule))?;
    }
}

fn refuse(field: &str, rule: &str) -> Stop {
    Stop::File(Rejection::new(None, field, rule), Code::BadFile)
}

/// What is known of the file so far.
struct Document<'a> {
    name: &'a FileName,
    settings: &'a Settings,
    sink: Sink<'a>,
    open: Vec<Node>,
    /// The names of the open elements, one after the other, and where each ends.
    names: String,
    name_ends: Vec<usize>,
    begun: bool,
    header: Option<u64>,
    records: Option<Records<'a>>,
    fields: Fields,
    elements: u32,
    count: u64,
    rejected: bool,
}

impl<'a> Document<'a> {
    fn new(name: &'a FileName, settings: &'a Settings, sink: Sink<'a>) -> Self {
        Self {
            name,
            settings,
            sink,
            open: Vec::with_capacity(MAX_DEPTH),
            names: String::new(),
            name_ends: Vec::with_capacity(MAX_DEPTH),
            begun: false,
            header: None,
            records: None,
            fields: Fields::default(),
            elements: 0,
            count: 0,
            rejected: false,
        }
    }

    /// Reads what is in the window, up to a point from which the next window can go on; how far that is.
    fn read_window(&mut self, window: &str, last: bool) -> Result<usize, Stop> {
        let mut reader = Reader::from_str(window);
        // Elements reach across windows, so their ends are compared here (`end`).
        reader.config_mut().check_end_names = false;
        reader.config_mut().allow_unmatched_ends = true;
        let mut behind_tag = false;
        loop {
            if behind_tag {
                let rest = self.leaves(reader.get_mut());
                *reader.get_mut() = rest;
            }
            let before = reader.get_mut().len();
            // A reader that begins takes a byte order mark away, which would change the text.
            if !last && before < RESERVE && !reader.get_mut().starts_with(b"\xEF\xBB\xBF") {
                return Ok(window.len() - before);
            }
            // Matched in place: moving an event out costs as much as parsing it.
            match &reader.read_event() {
                Ok(Event::Eof) => return Ok(window.len()),
                Ok(event) => {
                    behind_tag = matches!(event, Event::Start(_) | Event::End(_));
                    self.take(event)?;
                }
                Err(_) if before > MAX_PIECE && reader.get_mut().is_empty() => {
                    return Err(refuse("", super::PIECE_TOO_LARGE));
                }
                Err(_) => return Err(refuse("", NOT_WELL_FORMED)),
            }
            if before - reader.get_mut().len() > MAX_PIECE {
                return Err(refuse("", super::PIECE_TOO_LARGE));
            }
        }
    }

    /// Takes elements of plain text as long as they follow each other, which is most of a file. Whatever is not exactly
    /// `<Name>text</Name>` is left to the parser. Returns what is left.
    fn leaves<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        let mut rest = text;
        let Some(parent) = self.open.last().copied() else {
            return rest;
        };
        if matches!(parent, Node::Root | Node::Detail | Node::Leaf(_))
            || self.open.len() >= MAX_DEPTH
        {
            return rest;
        }
        while let Some(leaf) = Leaf::parse(rest) {
            match parent.child(leaf.name) {
                Node::Leaf(field) => {
                    self.fields.open(field);
                    self.fields.push(field, leaf.text);
                }
                Node::Skipped => {}
                _ => break,
            }
            self.count_element();
            rest = leaf.rest;
        }
        rest
    }

    fn count_element(&mut self) {
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            self.fields.fail(Fault::element("", "too many elements"));
        }
    }

    #[inline]
    fn take(&mut self, event: &Event<'_>) -> Result<(), Stop> {
        match event {
            Event::Start(start) => self.start(start),
            Event::End(end) => self.end(end.name().as_ref()),
            Event::Text(text) => self.text(text),
            Event::Empty(start) => {
                self.start(start)?;
                self.end(start.name().as_ref())
            }
            Event::CData(text) => self.text(text),
            Event::GeneralRef(reference) => self.reference(reference),
            Event::DocType(_) => Err(refuse("", "document type declaration")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), Stop> {
        if !start.attributes_raw().is_empty() {
            check_attributes(start)?;
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(refuse("", "elements are nested too deep"));
        }
        let qualified = start.name();
        let name = qualified.as_ref().as_bytes();
        let node = match self.open.last() {
            Some(Node::Root) => self.section(local(name))?,
            Some(Node::Detail) => self.record(local(name))?,
            Some(parent) => match parent.child(name) {
                Node::Skipped => parent.child(local(name)),
                node => node,
            },
            None => self.root(local(name))?,
        };
        match node {
            Node::Leaf(field) => self.fields.open(field),
            Node::Plate => self.fields.open_plate(),
            _ => {}
        }
        self.count_element();
        self.open.push(node);
        self.names.push_str(qualified.as_ref());
        self.name_ends.push(self.names.len());
        Ok(())
    }

    fn end(&mut self, name: &str) -> Result<(), Stop> {
        self.name_ends.pop();
        let start = self.name_ends.last().copied().unwrap_or_default();
        if self.names.get(start..) != Some(name) {
            return Err(refuse("", NOT_WELL_FORMED));
        }
        self.names.truncate(start);
        match self.open.pop() {
            Some(Node::Transaction | Node::Correction) => self.end_record(),
            Some(Node::Header) => self.end_header(),
            _ => Ok(()),
        }
    }

    #[inline]
    fn text(&mut self, text: &str) -> Result<(), Stop> {
        match self.open.last() {
            Some(Node::Leaf(field)) => self.fields.push(*field, text),
            Some(Node::Skipped) => {}
            within => {
                if !text.bytes().all(is_space) {
                    let record = !matches!(within, None | Some(Node::Root | Node::Detail));
                    if !record {
                        return Err(refuse("", "text between elements"));
                    }
                    self.fields
                        .fail(Fault::element("", "text between elements"));
                }
            }
        }
        Ok(())
    }

    /// Character references and the five predefined entities. There is no declaration, so there are no others.
    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Stop> {
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
        let c = resolved.ok_or_else(|| refuse("", "undeclared entity"))?;
        self.text(c.encode_utf8(&mut [0; 4]))
    }

    fn root(&mut self, name: &[u8]) -> Result<Node, Stop> {
        if self.begun {
            return Err(refuse("", "more than one document"));
        }
        self.begun = true;
        let wanted: &[u8] = match self.name.kind {
            Kind::Corrections => b"CorrectionData",
            _ => b"TransactionData",
        };
        match name {
            name if name == wanted => Ok(Node::Root),
            b"TagValidationList" => Err(refuse("", super::ACCOUNT_LIST)),
            b"ReconciliationData" => Err(refuse("", super::RECONCILIATION)),
            b"Acknowledgement" => Err(refuse("", super::ACKNOWLEDGEMENT)),
            _ => Err(refuse("", "not the document its name says")),
        }
    }

    fn section(&mut self, name: &[u8]) -> Result<Node, Stop> {
        let corrections = self.name.kind == Kind::Corrections;
        match (corrections, name) {
            (false, b"TransactionHeader") | (true, b"CorrectionHeader") => {
                if self.header.is_some() {
                    return Err(refuse(self.header_path(), "more than once"));
                }
                self.fields.clear();
                self.elements = 0;
                Ok(Node::Header)
            }
            (false, b"TransactionDetail") | (true, b"CorrectionDetail") => {
                if self.header.is_none() {
                    return Err(refuse(self.header_path(), "missing before the records"));
                }
                Ok(Node::Detail)
            }
            _ => Err(refuse("", "unexpected element")),
        }
    }

    fn record(&mut self, name: &[u8]) -> Result<Node, Stop> {
        let node = match (self.name.kind, name) {
            (Kind::Corrections, b"CorrectionRecord") => Node::Correction,
            (Kind::Transactions, b"TransactionRecord") => Node::Transaction,
            _ => return Err(refuse("", "unexpected element")),
        };
        self.fields.clear();
        self.elements = 0;
        Ok(node)
    }

    fn end_header(&mut self) -> Result<(), Stop> {
        let checked = match self.fields.fault() {
            Some(fault) => Err(fault),
            None => check_header(&self.fields, self.name),
        };
        let count = checked.map_err(|fault| {
            let path = match fault.path() {
                "" => self.header_path().to_owned(),
                path => format!("{}/{path}", self.header_path()),
            };
            refuse(&path, fault.rule)
        })?;
        self.header = Some(count);
        let header = Header {
            agency: self.name.from.clone(),
            kind: self.name.kind,
        };
        self.records = Some(Records::new(header, self.settings));
        Ok(())
    }

    fn end_record(&mut self) -> Result<(), Stop> {
        let index = self.count;
        self.count += 1;
        let Some(records) = &mut self.records else {
            return Ok(());
        };
        let outcome = match self.fields.fault() {
            Some(fault) => Err(fault),
            None => records.read(&self.fields),
        };
        match outcome {
            Ok(Outcome::Reads(exit, entry)) => {
                (self.sink)(Item::Read(exit)).map_err(Stop::Sink)?;
                entry.map_or(Ok(()), |entry| {
                    (self.sink)(Item::Read(entry)).map_err(Stop::Sink)
                })
            }
            Ok(Outcome::Skipped(reason)) => (self.sink)(Item::Skipped(reason)).map_err(Stop::Sink),
            Err(fault) => {
                self.rejected = true;
                let path = fault.path_in(self.name.kind);
                let rejection = Rejection::new(Some(index), path, fault.rule);
                (self.sink)(Item::Rejected(rejection)).map_err(Stop::Sink)
            }
        }
    }

    fn finish(self) -> Result<Code, Stop> {
        if !self.begun || !self.open.is_empty() {
            return Err(refuse("", "ends too early"));
        }
        let path = self.header_path();
        let stated = self.header.ok_or_else(|| refuse(path, "missing"))?;
        if stated != self.count {
            let rejection = Rejection::new(
                None,
                format!("{path}/{}", Field::RecordCount.path()),
                "not the number of records",
            );
            return Err(Stop::File(rejection, Code::CountMismatch));
        }
        Ok(if self.rejected {
            Code::DetailErrors
        } else {
            Code::Accepted
        })
    }

    fn header_path(&self) -> &'static str {
        match self.name.kind {
            Kind::Corrections => "CorrectionHeader",
            _ => "TransactionHeader",
        }
    }
}

/// An element that holds nothing but text.
struct Leaf<'t> {
    name: &'t [u8],
    text: &'t str,
    rest: &'t [u8],
}

impl<'t> Leaf<'t> {
    /// The leaf that `bytes` begins with, behind white space, if it is written plainly: no attribute, no reference, no comment.
    #[inline]
    fn parse(bytes: &'t [u8]) -> Option<Self> {
        let (_, bytes) = cut(bytes, |byte| !is_space(byte))?;
        let bytes = bytes.strip_prefix(b"<")?;
        let (name, bytes) = cut(bytes, |byte| !byte.is_ascii_alphanumeric())?;
        let bytes = bytes.strip_prefix(b">")?;
        let (text, bytes) = cut(bytes, |byte| byte == b'<' || byte == b'&')?;
        let rest = bytes
            .strip_prefix(b"</")?
            .strip_prefix(name)?
            .strip_prefix(b">")?;
        let text = str::from_utf8(text).ok()?;
        (!name.is_empty()).then_some(Self { name, text, rest })
    }
}

/// `bytes` in two, before the first that is an `end`; `None` when that is too far away.
#[inline]
fn cut(bytes: &[u8], end: impl Fn(u8) -> bool) -> Option<(&[u8], &[u8])> {
    let at = bytes
        .iter()
        .take(MAX_TEXT + 1)
        .position(|byte| end(*byte))?;
    bytes.split_at_checked(at)
}

/// The name without a namespace prefix: the format has no namespaces, some writers add one.
fn local(name: &[u8]) -> &[u8] {
    name.split(|b| *b == b':').next_back().unwrap_or(name)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// The format has no attributes: they are not looked at, but they are counted.
#[cold]
fn check_attributes(start: &BytesStart<'_>) -> Result<(), Stop> {
    let mut count = 0;
    for attribute in start.attributes().with_checks(false) {
        count += 1;
        if count > MAX_ATTRIBUTES {
            return Err(refuse("", "too many attributes"));
        }
        attribute.map_err(|_| refuse("", NOT_WELL_FORMED))?;
    }
    Ok(())
}

/// The header against the file name; the number of records it states.
fn check_header(fields: &Fields, name: &FileName) -> Result<u64, Fault> {
    let same = |field, want: &str, rule| {
        if fields.required(field)? == want {
            Ok(())
        } else {
            Err(Fault::field(field, rule))
        }
    };
    let differs = "not as in the file name";
    same(Field::SubmissionType, name.kind.submission_type(), differs)?;
    let submitted = fields.required(Field::SubmissionDateTime)?;
    match time::parse_utc(submitted) {
        None => return Err(Fault::field(Field::SubmissionDateTime, super::NOT_UTC)),
        Some(at) if at != name.submitted_at => {
            return Err(Fault::field(Field::SubmissionDateTime, differs));
        }
        Some(_) => {}
    }
    same(Field::HubId, &name.hub, differs)?;
    same(Field::AwayAgencyId, &name.from, differs)?;
    same(
        Field::HomeAgencyId,
        name.to.as_deref().unwrap_or_default(),
        differs,
    )?;
    number(fields, Field::TxnDataSeqNo, 12)?;
    number(fields, Field::RecordCount, 10)
}

/// A number of at most `digits` digits.
pub(super) fn number(fields: &Fields, field: Field, digits: usize) -> Result<u64, Fault> {
    let text = fields.required(field)?;
    let digits_only = text.len() <= digits && text.bytes().all(|b| b.is_ascii_digit());
    digits_only
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| Fault::field(field, "not a number of the allowed length"))
}
