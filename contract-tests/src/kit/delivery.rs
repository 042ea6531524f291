//! What a vendor delivers, and what an adapter makes of it.

use turnpike_adapters::conformance::{Decoder, Payload};
pub use turnpike_adapters::conformance::{Delivered, Via};
use turnpike_adapters::error::Result;

use crate::town::Passage;

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

    /// The payload, without what is expected of it.
    #[must_use]
    pub fn payload(&self) -> Payload {
        Payload {
            what: self.what.clone(),
            via: self.via,
            name: self.name.clone(),
            content_type: Some(self.content_type.clone()),
            topic: self.topic.clone(),
            bytes: self.bytes.clone().into(),
        }
    }

    /// Hands it to an adapter.
    ///
    /// # Errors
    /// Those of the adapter.
    pub fn decode(&self, decoder: Decoder<'_>) -> Result<Delivered> {
        self.payload().decode(decoder)
    }
}
