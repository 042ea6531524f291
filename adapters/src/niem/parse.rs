//! The document as a stream: one pass, one read in memory at a time, every size bounded.
//!
//! Elements are told by local name and namespace, never by prefix. A document may put anything around the elements of reads.

use std::io::Read;

use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};

use super::{
    Niem,
    paths::{Tree, is_personal},
    record,
    values::Values,
};
use crate::{
    adapter::{Item, Rejection},
    error::{Error, Result},
    xml_window::{Input, MAX_PIECE, RESERVE},
};

const MAX_DEPTH: usize = 64;
const MAX_ATTRIBUTES: usize = 64;

const NOT_WELL_FORMED: &str = "not well-formed XML";
const TOO_LARGE_PIECE: &str = "one tag or text is larger than allowed";

/// What the namespaces of every NIEM release begin with.
const FAMILIES: [&str; 3] = [
    "https://docs.oasis-open.org/niemopen/ns/model/",
    "http://release.niem.gov/niem/",
    "http://niem.gov/niem/",
];

/// Why reading ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The rule that the document broke.
    Document(&'static str),
    /// The caller did not take an item.
    Sink(Error),
}

/// Where items go.
pub(super) type Sink<'a> = &'a mut dyn FnMut(Item) -> Result<()>;

/// Reads one document to its end.
///
/// # Errors
/// [`Stop::Document`] for the first rule the document as a whole breaks, [`Stop::Sink`] for what `sink` returns.
pub(super) fn read(source: &mut dyn Read, niem: &Niem, sink: Sink<'_>) -> Result<(), Stop> {
    let max_bytes = niem.settings.max_bytes;
    let mut input = Input::open(source, max_bytes).map_err(Stop::Document)?;
    let mut document = Document::new(niem, sink);
    loop {
        let used = document.read_window(input.window(), input.ended())?;
        if input.ended() {
            return document.finish();
        }
        input.slide(used).map_err(Stop::Document)?;
    }
}

/// Where an open element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Outside of every read.
    Outside,
    /// On a path: a node of the tree.
    Node(usize),
    /// Inside a read and on no path, or inside something that is never read.
    Nowhere,
}

#[derive(Debug)]
struct Open {
    at: At,
    /// Where the name ends among the names of all open elements.
    name_end: usize,
    /// How many prefixes were bound outside of it.
    bound: usize,
}

struct Document<'a> {
    niem: &'a Niem,
    tree: &'a Tree,
    sink: Sink<'a>,
    open: Vec<Open>,
    names: String,
    /// Prefixes in force, innermost last, and whether what they stand for is read.
    prefixes: Vec<(String, bool)>,
    values: Values<'a>,
    begun: bool,
    count: u64,
}

impl<'a> Document<'a> {
    fn new(niem: &'a Niem, sink: Sink<'a>) -> Self {
        let unnamed = niem.settings.namespaces.iter().any(String::is_empty);
        Self {
            niem,
            tree: &niem.tree,
            sink,
            open: Vec::with_capacity(MAX_DEPTH),
            names: String::new(),
            prefixes: vec![(String::new(), unnamed), ("xml".to_owned(), false)],
            values: Values::new(&niem.tree),
            begun: false,
            count: 0,
        }
    }

    /// Reads what is in the window, up to a point from which the next window can go on; how far that is.
    fn read_window(&mut self, window: &str, last: bool) -> Result<usize, Stop> {
        let mut reader = Reader::from_str(window);
        // Elements reach across windows, so their ends are compared here (`end`).
        reader.config_mut().check_end_names = false;
        reader.config_mut().allow_unmatched_ends = true;
        let mut between = true;
        loop {
            if between && self.at() == At::Nowhere {
                // Text that is not read may be of any size: a picture in base64.
                let rest = reader.get_mut();
                *rest = from_markup(rest);
            }
            let before = reader.get_mut().len();
            // A reader that begins takes a byte order mark away, which would change the text.
            if !last && before < RESERVE && !reader.get_mut().starts_with(b"\xEF\xBB\xBF") {
                return Ok(window.len() - before);
            }
            match &reader.read_event() {
                Ok(Event::Eof) => return Ok(window.len()),
                Ok(event) => {
                    between = matches!(event, Event::Start(_) | Event::End(_) | Event::Empty(_));
                    self.take(event)?;
                }
                Err(_) if before > MAX_PIECE && reader.get_mut().is_empty() => {
                    return Err(Stop::Document(TOO_LARGE_PIECE));
                }
                Err(_) => return Err(Stop::Document(NOT_WELL_FORMED)),
            }
            if before - reader.get_mut().len() > MAX_PIECE {
                return Err(Stop::Document(TOO_LARGE_PIECE));
            }
        }
    }

    fn at(&self) -> At {
        self.open.last().map_or(At::Outside, |open| open.at)
    }

    fn take(&mut self, event: &Event<'_>) -> Result<(), Stop> {
        match event {
            Event::Start(start) => self.start(start),
            Event::End(end) => self.end(end.name().as_ref()),
            Event::Empty(start) => {
                self.start(start)?;
                self.end(start.name().as_ref())
            }
            Event::Text(text) => self.text(text),
            Event::CData(text) => self.text(text),
            Event::GeneralRef(reference) => self.reference(reference),
            Event::DocType(_) => Err(Stop::Document("document type declaration")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), Stop> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Stop::Document("elements are nested too deep"));
        }
        if self.open.is_empty() && std::mem::replace(&mut self.begun, true) {
            return Err(Stop::Document("more than one document"));
        }
        let bound = self.prefixes.len();
        self.bind(start)?;
        let qualified = start.name();
        let qualified = qualified.as_ref();
        let (prefix, local) = qualified.split_once(':').unwrap_or(("", qualified));
        let in_force = self.prefixes.iter().rev().find(|(name, _)| name == prefix);
        let (_, known) = in_force.ok_or(Stop::Document("undeclared namespace prefix"))?;
        let at = self.step(local, *known);
        match at {
            At::Node(0) => self.values.clear(),
            At::Node(node) => {
                if let Some(slot) = self.tree.slot(node) {
                    self.values.begin(slot);
                }
            }
            At::Outside | At::Nowhere => {}
        }
        self.names.push_str(qualified);
        self.open.push(Open {
            at,
            name_end: self.names.len(),
            bound,
        });
        Ok(())
    }

    /// Takes in the prefixes that an element binds. Other attributes are not looked at, but they are counted.
    fn bind(&mut self, start: &BytesStart<'_>) -> Result<(), Stop> {
        if start.attributes_raw().is_empty() {
            return Ok(());
        }
        for (count, attribute) in start.attributes().with_checks(false).enumerate() {
            if count >= MAX_ATTRIBUTES {
                return Err(Stop::Document("too many attributes"));
            }
            let attribute = attribute.map_err(|_| Stop::Document(NOT_WELL_FORMED))?;
            let prefix = match attribute.key.as_ref() {
                "xmlns" => "",
                key => match key.strip_prefix("xmlns:") {
                    Some(prefix) => prefix,
                    None => continue,
                },
            };
            let known = self.niem.knows(&attribute.value);
            self.prefixes.push((prefix.to_owned(), known));
        }
        Ok(())
    }

    fn step(&self, local: &str, known: bool) -> At {
        match self.at() {
            At::Nowhere => At::Nowhere,
            _ if is_personal(local) => At::Nowhere,
            At::Outside if known && local == self.niem.settings.record => At::Node(0),
            At::Outside => At::Outside,
            At::Node(_) if !known => At::Nowhere,
            At::Node(node) => self.tree.child(node, local).map_or(At::Nowhere, At::Node),
        }
    }

    fn end(&mut self, name: &str) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else {
            return Err(Stop::Document(NOT_WELL_FORMED));
        };
        let start = self.open.last().map_or(0, |outer| outer.name_end);
        if self.names.get(start..open.name_end) != Some(name) {
            return Err(Stop::Document(NOT_WELL_FORMED));
        }
        self.names.truncate(start);
        self.prefixes.truncate(open.bound);
        if open.at == At::Node(0) {
            self.end_record()?;
        }
        Ok(())
    }

    fn end_record(&mut self) -> Result<(), Stop> {
        let index = self.count;
        self.count += 1;
        let item = record::understood(&self.niem.settings, &self.values).unwrap_or_else(|fault| {
            Item::Rejected(Rejection::new(Some(index), fault.path, fault.rule))
        });
        (self.sink)(item).map_err(Stop::Sink)
    }

    fn text(&mut self, text: &str) -> Result<(), Stop> {
        match self.at() {
            At::Node(node) => {
                if let Some(slot) = self.tree.slot(node) {
                    self.values.push(slot, text);
                }
                Ok(())
            }
            At::Outside if self.open.is_empty() && !text.trim().is_empty() => {
                Err(Stop::Document("text outside of the document"))
            }
            At::Outside | At::Nowhere => Ok(()),
        }
    }

    /// Character references and the five predefined entities. There is no declaration, so there are no others.
    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Stop> {
        let named = || match &**reference {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "apos" => Some('\''),
            "quot" => Some('"'),
            _ => None,
        };
        let resolved = reference
            .resolve_char_ref()
            .ok()
            .and_then(|c| c.or_else(named));
        let c = resolved.ok_or(Stop::Document("undeclared entity"))?;
        self.text(c.encode_utf8(&mut [0; 4]))
    }

    fn finish(self) -> Result<(), Stop> {
        if !self.begun || !self.open.is_empty() {
            return Err(Stop::Document("ends too early"));
        }
        if self.count == 0 {
            return Err(Stop::Document("no element of a read in it"));
        }
        Ok(())
    }
}

impl Niem {
    /// Whether elements of this namespace are read.
    fn knows(&self, namespace: &str) -> bool {
        FAMILIES.iter().any(|family| namespace.starts_with(family))
            || self.settings.namespaces.iter().any(|own| own == namespace)
    }
}

/// The text from the next markup on.
fn from_markup(text: &[u8]) -> &[u8] {
    let at = text.iter().position(|byte| matches!(byte, b'<' | b'&'));
    text.get(at.unwrap_or(text.len())..).unwrap_or_default()
}
