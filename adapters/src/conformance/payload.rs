//! How a payload reaches an adapter, and what comes of it.

use std::io::Cursor;

use bytes::Bytes;
use serde_json::Value;

use crate::{
    adapter::{
        Acknowledgement, Adapter, Disposition, Item, Message, Page, Rejection, Reply, unsupported,
    },
    error::{Error, Result},
    registry::Entry,
};

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

/// What decodes payloads: an adapter as it was built.
#[derive(Debug, Clone, Copy)]
pub struct Decoder<'a> {
    /// The adapter's line in the registry.
    pub entry: &'a Entry,
    /// The settings it was built with.
    pub settings: &'a Value,
    /// The adapter.
    pub adapter: &'a dyn Adapter,
}

/// One payload of a vendor.
#[derive(Clone)]
pub struct Payload {
    /// What it is, in a few words: its file name, where it has one.
    pub what: String,
    /// How it comes.
    pub via: Via,
    /// File name; empty for what is no file.
    pub name: String,
    /// Content type of a message.
    pub content_type: Option<String>,
    /// Topic of a message, where a broker is between.
    pub topic: Option<String>,
    /// The bytes.
    pub bytes: Bytes,
}

/// What an adapter made of a payload.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delivered {
    /// Reads, rejections, skipped records. Without reads when the whole was refused.
    pub page: Page,
    /// Why the whole was refused.
    pub refused: Option<Rejection>,
    /// The answer to a message.
    pub reply: Option<Reply>,
    /// The file to give back.
    pub acknowledgement: Option<Acknowledgement>,
}

impl Via {
    /// How payloads reach an adapter: the way it has, and of several the first of file, message, saved answer.
    #[must_use]
    pub fn of(adapter: &dyn Adapter, entry: &Entry) -> Option<Self> {
        let can = adapter.info().capabilities;
        let ways = [
            (can.file, Self::File),
            (can.push || can.subscribe, Self::Message),
            (entry.saved_answer.is_some(), Self::SavedAnswer),
        ];
        let (_, way) = ways.into_iter().find(|(can, _)| *can)?;
        Some(way)
    }
}

impl Payload {
    /// A payload from a file of this name. A content type is told by the ending of the name.
    #[must_use]
    pub fn from_file(via: Via, name: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            what: name.to_owned(),
            via,
            name: name.to_owned(),
            content_type: content_type(name, &bytes),
            topic: None,
            bytes,
        }
    }

    /// The same payload with other bytes.
    #[must_use]
    pub fn holding(&self, what: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self {
            what: what.into(),
            bytes: bytes.into(),
            ..self.clone()
        }
    }

    /// Hands it to the adapter.
    ///
    /// # Errors
    /// Those of the adapter.
    pub fn decode(&self, decoder: Decoder<'_>) -> Result<Delivered> {
        match self.via {
            Via::Message => self.message(decoder.adapter),
            Via::File => self.file(decoder.adapter),
            Via::SavedAnswer => self.saved(decoder),
        }
    }

    fn message(&self, adapter: &dyn Adapter) -> Result<Delivered> {
        let decoded = adapter.decode(&Message {
            content_type: self.content_type.clone(),
            topic: self.topic.clone(),
            body: self.bytes.clone(),
        })?;
        Ok(Delivered {
            page: decoded.page,
            reply: decoded.reply,
            ..Delivered::default()
        })
    }

    fn file(&self, adapter: &dyn Adapter) -> Result<Delivered> {
        let mut page = Page::default();
        let mut file = Cursor::new(&self.bytes);
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

    fn saved(&self, decoder: Decoder<'_>) -> Result<Delivered> {
        let Some(decode) = decoder.entry.saved_answer else {
            return unsupported("saved_answer");
        };
        Ok(Delivered {
            page: decode(decoder.settings, &self.bytes)?,
            ..Delivered::default()
        })
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payload({}, {} bytes)", self.what, self.bytes.len())
    }
}

/// The content type a vendor would send a file of this name with.
fn content_type(name: &str, bytes: &[u8]) -> Option<String> {
    let (_, ending) = name.rsplit_once('.')?;
    match ending.to_ascii_lowercase().as_str() {
        "json" => Some("application/json".to_owned()),
        "ndjson" | "jsonl" => Some("application/x-ndjson".to_owned()),
        "xml" => Some("application/xml".to_owned()),
        "csv" => Some("text/csv".to_owned()),
        "txt" => Some("text/plain".to_owned()),
        // A saved multipart body does not name its boundary; its first line is it.
        "multipart" | "mime" => {
            let line = bytes.split(|byte| *byte == b'\n').next()?;
            let line = std::str::from_utf8(line).ok()?;
            let boundary = line.trim_end().strip_prefix("--")?;
            Some(format!("multipart/form-data; boundary=\"{boundary}\""))
        }
        _ => None,
    }
}

/// The whole text of an error, causes included.
#[must_use]
pub fn whole(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    text
}
