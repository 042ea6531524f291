//! From bytes to the few values a mapping names. What is not named is skipped as it is parsed and never held.

mod delimited;
mod form;
mod json;
mod lines;
mod rows;
mod source;
mod tree;
mod xml;

use std::{borrow::Cow, io::Seek};

use encoding_rs::Encoding;
use serde_json_path::JsonPath;

pub(super) use self::{json::Answer, tree::Node};
use super::path::{Format, Path, Place};
use crate::{adapter::ReadSeek, error::Error};

/// Longest text of one value that is kept, bytes; a longer one counts as none of the mapped kind.
const MAX_TEXT: usize = 64 * 1024;

/// Most bytes of one record of a file.
const MAX_RECORD_BYTES: u64 = 8 * 1024 * 1024;

/// One value as found.
#[derive(Debug, Clone, Default)]
pub(super) enum Scalar<'a> {
    /// The place is not in the record.
    #[default]
    Absent,
    /// A JSON null.
    Null,
    Text(Cow<'a, str>),
    Whole(i64),
    Real(f64),
    Flag(bool),
    /// A list, an object, or a text that is far too long.
    Compound,
    /// The same place twice in one record.
    Twice,
    /// Bytes that are no text.
    BadText,
}

/// The values of one record, by slot, and its list of hypotheses.
#[derive(Debug, Default)]
pub(super) struct Captured<'a> {
    pub(super) slots: Vec<Scalar<'a>>,
    /// Text and confidence of each hypothesis.
    pub(super) candidates: Vec<[Scalar<'a>; 2]>,
}

/// One thing found in a message or file.
pub(super) enum Found<'c, 'a> {
    Record(&'c Captured<'a>),
    /// A record that has not the shape of one, with the rule it breaks.
    Bad(&'static str),
}

/// Why reading ended early.
#[derive(Debug)]
pub(super) enum Broken {
    /// The whole breaks a rule.
    Rule(Fault),
    /// It could not be read, or whoever takes the records would not.
    Error(Error),
}

/// A rule, and the part of the whole that breaks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) field: String,
    pub(super) rule: &'static str,
}

/// Takes what is found, one by one.
pub(super) type Sink<'s> = &'s mut dyn FnMut(Found<'_, '_>) -> Result<(), Error>;

/// How the lines of delimited and fixed-width files are written.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    /// The first line that counts names the columns.
    pub(super) header: bool,
    /// Lines before anything counts.
    pub(super) skip: u64,
    pub(super) encoding: &'static Encoding,
    /// The last line must have its line end.
    pub(super) final_newline: bool,
}

/// Where everything is, compiled once.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) format: Format,
    pub(super) lines: Lines,
    /// How the list of records is called, for people.
    pub(super) records_name: String,
    /// Steps from the message to its records; `None` when the message is the record.
    pub(super) records: Option<Vec<String>>,
    /// An answer without the list is an answer without a record.
    pub(super) missing_is_empty: bool,
    record: Node,
    message: Node,
    queries: Vec<(usize, JsonPath)>,
    denied: fn(&str) -> bool,
    columns: Vec<(usize, Path)>,
    from_message: Vec<usize>,
    known: Vec<(String, bool, usize)>,
    slots: usize,
}

impl Scalar<'_> {
    /// The same value on its own.
    fn detached(&self) -> Scalar<'static> {
        match self {
            Self::Absent => Scalar::Absent,
            Self::Null => Scalar::Null,
            Self::Text(text) => Scalar::Text(Cow::Owned(text.clone().into_owned())),
            Self::Whole(whole) => Scalar::Whole(*whole),
            Self::Real(real) => Scalar::Real(*real),
            Self::Flag(flag) => Scalar::Flag(*flag),
            Self::Compound => Scalar::Compound,
            Self::Twice => Scalar::Twice,
            Self::BadText => Scalar::BadText,
        }
    }
}

impl<'a> Captured<'a> {
    fn new(slots: usize) -> Self {
        let mut all = Vec::with_capacity(slots);
        all.resize_with(slots, Scalar::default);
        Self {
            slots: all,
            candidates: Vec::new(),
        }
    }

    /// The value in a slot.
    #[inline]
    pub(super) fn slot(&self, slot: usize) -> &Scalar<'a> {
        const ABSENT: &Scalar<'static> = &Scalar::Absent;
        self.slots.get(slot).unwrap_or(ABSENT)
    }

    #[inline]
    fn put(&mut self, slot: usize, value: Scalar<'a>) {
        put(&mut self.slots, slot, value);
    }

    /// Takes the values that count from the message.
    fn with_message(&mut self, layout: &Layout, message: &Captured<'a>) {
        for slot in &layout.from_message {
            if let Some(place) = self.slots.get_mut(*slot) {
                place.clone_from(message.slot(*slot));
            }
        }
    }
}

#[inline]
fn put<'a>(slots: &mut [Scalar<'a>], slot: usize, value: Scalar<'a>) {
    if let Some(place) = slots.get_mut(slot) {
        *place = match place {
            Scalar::Absent => value,
            _ => Scalar::Twice,
        };
    }
}

impl Broken {
    fn rule(rule: &'static str) -> Self {
        Self::of("", rule)
    }

    fn of(field: impl Into<String>, rule: &'static str) -> Self {
        Self::Rule(Fault {
            field: field.into(),
            rule,
        })
    }
}

impl Layout {
    pub(super) fn new(format: Format, lines: Lines, denied: fn(&str) -> bool) -> Self {
        Self {
            format,
            lines,
            records_name: String::new(),
            records: None,
            missing_is_empty: false,
            record: Node::default(),
            message: Node::default(),
            queries: Vec::new(),
            denied,
            columns: Vec::new(),
            from_message: Vec::new(),
            known: Vec::new(),
            slots: 0,
        }
    }

    /// Names where the records are. Before any slot is made.
    pub(super) fn set_records(&mut self, name: &str, steps: Vec<String>) {
        name.clone_into(&mut self.records_name);
        self.message.at(&steps).records = true;
        self.records = Some(steps);
    }

    /// The slot for a place; the same place has one slot.
    pub(super) fn slot(&mut self, written: &str, place: Place) -> usize {
        let from_message = place.from_message && self.records.is_some();
        let known = self
            .known
            .iter()
            .find(|(text, from, _)| text == written && *from == from_message);
        if let Some((_, _, slot)) = known {
            return *slot;
        }
        let slot = self.slots;
        self.slots += 1;
        self.known.push((written.to_owned(), from_message, slot));
        if from_message {
            self.from_message.push(slot);
        }
        match place.path {
            Path::Steps(steps) if from_message => self.message.at(&steps).slot = Some(slot),
            Path::Steps(steps) => self.record.at(&steps).slot = Some(slot),
            Path::Query(query) => self.queries.push((slot, query)),
            column => self.columns.push((slot, column)),
        }
        slot
    }

    /// Where the hypotheses of a record are.
    pub(super) fn candidates(&mut self, list: &[String], each: Node) {
        self.record.at(list).each = Some(Box::new(each));
    }

    /// Reads a pushed message.
    ///
    /// # Errors
    /// The rule it breaks as a whole, or what `sink` returns.
    pub(super) fn message(&self, body: &[u8], sink: Sink<'_>) -> Result<(), Broken> {
        match self.format {
            Format::Json => json::message(self, body, sink),
            Format::Form => form::message(self, body, sink),
            _ => self.file(&mut std::io::Cursor::new(body), sink),
        }
    }

    /// Reads an answer to a question: its records, and the values that count from the answer.
    ///
    /// # Errors
    /// As [`Layout::message`].
    pub(super) fn answer(&self, body: &[u8], sink: Sink<'_>) -> Result<Answer, Broken> {
        match self.format {
            Format::Json => json::answer(self, body, sink),
            Format::Xml => {
                let mut file = std::io::Cursor::new(body);
                let message = xml::message(self, &mut file)?;
                let found = xml::records(self, &mut file, &message, sink)?;
                Ok(Answer {
                    values: message.slots,
                    missing_list: !found,
                })
            }
            _ => {
                self.message(body, sink)?;
                Ok(Answer {
                    values: Vec::new(),
                    missing_list: false,
                })
            }
        }
    }

    /// Reads a file, one record at a time.
    ///
    /// # Errors
    /// As [`Layout::message`].
    pub(super) fn file(&self, file: &mut dyn ReadSeek, sink: Sink<'_>) -> Result<(), Broken> {
        match self.format {
            Format::Json => json::file(self, file, sink),
            Format::JsonLines => lines::json(self, file, sink),
            Format::FixedWidth => lines::fixed(self, file, sink),
            Format::Csv => delimited::file(self, file, sink),
            Format::Xml => {
                let message = if self.from_message.is_empty() {
                    Captured::new(self.slots)
                } else {
                    xml::message(self, file)?
                };
                if !xml::records(self, file, &message, sink)? && !self.missing_is_empty {
                    return Err(json::missing(self));
                }
                Ok(())
            }
            Format::Form => {
                let mut body = Vec::new();
                let mut limited = std::io::Read::take(&mut *file, MAX_RECORD_BYTES + 1);
                std::io::Read::read_to_end(&mut limited, &mut body)
                    .map_err(|error| source::failed(&error))?;
                form::message(self, &body, sink)
            }
        }
    }

    /// Whether no value counts from the message.
    fn is_flat(&self) -> bool {
        self.from_message.is_empty()
    }
}

fn rewind(file: &mut dyn ReadSeek) -> Result<(), Broken> {
    Seek::rewind(file).map_err(|error| source::failed(&error))
}
