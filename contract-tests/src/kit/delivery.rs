//! What a vendor delivers, and what an adapter makes of it.

use std::io::Cursor;

use serde_json::Value;
use turnpike_adapters::adapter::{
    Acknowledgement, Adapter, Disposition, Item, Message, Page, Rejection, Reply,
};
use turnpike_adapters::error::Result;
use turnpike_adapters::registry::Entry;

use crate::town::Passage;

/// How a payload reaches an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// As a pushed message.
    Message,
    /// As a dropped file.
    File,
    /// As the body of an answer, kept.
    SavedAnswer,
}

/// One payload of a vendor.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What it is, in a few words.
    pub what: String,
    /// How it comes.
    pub via: Via,
    /// File name; empty for what is no file.
    pub name: String,
    /// Content type of a message.
    pub content_type: String,
    /// Topic of a message, where a broker is between.
    pub topic: Option<String>,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What must become of it.
    pub gives: Gives,
    /// What the vendor must be answered.
    pub answer: Answer,
    /// Whether it holds the canaries of personal fields.
    pub personal: bool,
}

/// What must become of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// This many reads and nothing rejected.
    Reads(usize),
    /// This many reads, and one rejection whose field has this in it.
    OneBad(usize, &'static str),
    /// No read and nothing rejected.
    Nothing,
    /// Nothing of it counts.
    Refused,
    /// Any of these, soon.
    Anything,
}

/// What a vendor must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The format prescribes nothing.
    None,
    /// This HTTP status.
    Status(u16),
    /// An acknowledgement file with this code.
    Code(&'static str),
    /// Whatever: another sample says.
    Unchecked,
}

/// What an adapter made of a payload.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Delivered {
    /// Reads, rejections, skipped records. Empty when the file was refused.
    pub page: Page,
    /// Why nothing of a file counts.
    pub refused: Option<Rejection>,
    /// The answer to a message.
    pub reply: Option<Reply>,
    /// The answer to a file.
    pub acknowledgement: Option<Acknowledgement>,
}

/// Payloads, and the passages they tell of: all of them, and no others.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The payloads.
    pub samples: Vec<Sample>,
    /// The passages.
    pub passages: Vec<Passage>,
}

/// Two versions of one passage, the earlier one first.
#[derive(Debug, Clone)]
pub struct Versions {
    /// What is corrected.
    pub earlier: Sample,
    /// The correction.
    pub later: Sample,
}

impl Sample {
    /// A payload that is not personal and prescribes no answer.
    #[must_use]
    pub fn new(what: impl Into<String>, via: Via, bytes: Vec<u8>, gives: Gives) -> Self {
        Self {
            what: what.into(),
            via,
            name: String::new(),
            content_type: "application/json".to_owned(),
            topic: None,
            bytes,
            gives,
            answer: Answer::None,
            personal: false,
        }
    }

    /// The same payload with other bytes, of which anything may come.
    #[must_use]
    pub fn holding(&self, what: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            what: what.into(),
            bytes,
            gives: Gives::Anything,
            answer: Answer::Unchecked,
            personal: false,
            ..self.clone()
        }
    }

    /// Hands it to `adapter`.
    ///
    /// # Errors
    /// Those of the adapter.
    pub fn decode(
        &self,
        entry: &Entry,
        settings: &Value,
        adapter: &dyn Adapter,
    ) -> Result<Delivered> {
        match self.via {
            Via::Message => self.message(adapter),
            Via::File => self.file(adapter),
            Via::SavedAnswer => self.saved(entry, settings),
        }
    }

    fn message(&self, adapter: &dyn Adapter) -> Result<Delivered> {
        let decoded = adapter.decode(&Message {
            content_type: Some(self.content_type.clone()),
            topic: self.topic.clone(),
            body: self.bytes.clone().into(),
        })?;
        Ok(Delivered {
            page: decoded.page,
            reply: decoded.reply,
            ..Delivered::default()
        })
    }

    fn file(&self, adapter: &dyn Adapter) -> Result<Delivered> {
        let mut page = Page::default();
        let mut file = Cursor::new(self.bytes.as_slice());
        let verdict = adapter.decode_file(&self.name, &mut file, &mut |item: Item| {
            page.push(item);
            Ok(())
        })?;
        let refused = match verdict.disposition {
            Disposition::Accepted => None,
            Disposition::Rejected(rejection) => Some(rejection),
        };
        Ok(Delivered {
            page: if refused.is_none() {
                page
            } else {
                Page::default()
            },
            refused,
            reply: None,
            acknowledgement: verdict.acknowledgement,
        })
    }

    fn saved(&self, entry: &Entry, settings: &Value) -> Result<Delivered> {
        let Some(decode) = entry.saved_answer else {
            return turnpike_adapters::adapter::unsupported("saved_answer");
        };
        Ok(Delivered {
            page: decode(settings, &self.bytes)?,
            ..Delivered::default()
        })
    }
}
