//! The adapter contract: one small trait between the gateway and every kind of source.
//!
//! Five shapes of source fit it: asked live (`search`), polled with a cursor (`poll`), pushing messages
//! (`decode`), dropping files (`decode_file`), listened to (`subscription`, then `decode`). Images are fetched
//! on demand (`image`). Deliberately absent: any call that asks a source for reads without a permit.

use std::{
    collections::BTreeMap,
    fmt,
    io::{Read, Seek},
};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit, UpstreamField},
    read::{Family, ImageRef, Observation},
};
use url::Url;

use crate::{
    context::Context,
    error::{Error, Result},
};

/// One protocol of one vendor.
///
/// There are no default bodies: a layer that forgets a method does not compile. A method whose
/// capability is not declared in [`Info`] returns `Unsupported` and sends nothing.
#[async_trait]
pub trait Adapter: fmt::Debug + Send + Sync + 'static {
    /// Identity and capabilities; constant for the life of the adapter.
    fn info(&self) -> &Info;

    /// Asks the source for the reads `permit` covers: newest first, at most `permit.max_reads()`, inside `permit.window()`.
    ///
    /// The adapter asks for the permit's plate and window only and tells the source no more about the question than
    /// `permit.discloses()` allows. A record that cannot be understood becomes a [`Rejection`] and never an error.
    ///
    /// # Errors
    /// Any kind but `QuotaExhausted`. `Undisclosed` before anything is sent, when the source insists on a part of the question the
    /// agreement does not disclose.
    async fn search(&self, ctx: &Context, permit: &Permit) -> Result<Page>;

    /// Reads after `since`, and the cursor to keep once they are durable. A cursor that is not understood is one from the beginning.
    ///
    /// Asked again with the same cursor, it brings the same records: the reads may have been stored, but not the cursor.
    ///
    /// # Errors
    /// Any kind but `QuotaExhausted`.
    async fn poll(&self, ctx: &Context, permit: &IngestPermit, since: &Cursor) -> Result<Batch>;

    /// Decodes one pushed message. Pure: same bytes, same result.
    ///
    /// # Errors
    /// `Malformed` when nothing of the message can be understood; the vendor is then answered with an error status and nothing is stored.
    fn decode(&self, message: &Message) -> Result<Decoded>;

    /// Decodes one dropped file, one record in memory at a time. Pure but for reading: same bytes, same items, same verdict.
    ///
    /// Items given to `sink` count only if the verdict is [`Disposition::Accepted`]; the caller keeps them apart until then.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be read, and whatever `sink` returns. A bad file is a verdict, not an error.
    fn decode_file(
        &self,
        name: &str,
        file: &mut dyn ReadSeek,
        sink: &mut dyn FnMut(Item) -> Result<()>,
    ) -> Result<Verdict>;

    /// Fetches an image of a read that was released under `permit`.
    ///
    /// # Errors
    /// Any kind but `QuotaExhausted`. `Unavailable` that is never to be tried again says that the source no longer has the image.
    async fn image(&self, ctx: &Context, permit: &ImagePermit, image: &ImageRef) -> Result<Image>;

    /// What to keep listening to, for sources that speak when they have something to say. Constant for the life of the adapter.
    ///
    /// A message comes at least once, and so perhaps again after a later one: `revision` must not depend on arrival.
    ///
    /// The gateway connects, and hands every message or part to [`Adapter::decode`]. `None` where `subscribe` is not declared.
    fn subscription(&self) -> Option<Subscription>;
}

/// A file that can be read from any position.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// Identity and capabilities of an adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Identifier as in the registry.
    pub id: &'static str,
    /// Version of the decoding rules; changes when the same bytes would give another read.
    pub version: &'static str,
    /// Kind of organisation.
    pub family: Family,
    /// What the adapter can do.
    pub capabilities: Capabilities,
}

/// What an adapter can do, as far as a caller decides by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent capabilities, every combination is legal"
)]
pub struct Capabilities {
    /// `search` asks the source live.
    pub search: bool,
    /// `poll` fetches what is new.
    pub poll: bool,
    /// `decode` understands pushed messages.
    pub push: bool,
    /// `decode_file` understands dropped files.
    pub file: bool,
    /// `subscription` names what to listen to.
    pub subscribe: bool,
    /// `image` fetches images.
    pub images: bool,
    /// `search` compares partial plates.
    pub partial_plates: bool,
    /// `search` compares look-alikes.
    pub look_alike: bool,
    /// What `search` insists on telling the source about the question. Where an agreement keeps one of them back, `search`
    /// fails as `Undisclosed`, and the gateway does not even call it.
    pub needs: &'static [UpstreamField],
}

impl Capabilities {
    /// Nothing; what an adapter can do is named over it.
    pub const NONE: Self = Self {
        search: false,
        poll: false,
        push: false,
        file: false,
        subscribe: false,
        images: false,
        partial_plates: false,
        look_alike: false,
        needs: &[],
    };
}

/// Reads and rejections of one answer or message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// What was understood.
    pub reads: Vec<Observation>,
    /// What was not.
    pub rejected: Vec<Rejection>,
    /// What holds no read, by reason.
    pub skipped: Tally,
    /// The source had more than was asked for or may be given.
    pub truncated: bool,
}

/// Counts by fixed reason (`heartbeat`, `tag_transaction`).
pub type Tally = BTreeMap<&'static str, u64>;

/// One record that could not be understood. Names field and rule, never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// Position of the record in the message or file, from 0.
    pub record: Option<u64>,
    /// Field, in the vendor's words, as a path: `PlateInfo/PlateNumber`.
    pub field: String,
    /// Rule that was broken: `missing`, `not a time with a zone`.
    pub rule: String,
}

/// A position of a poll, in the adapter's own form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor(pub Option<String>);

/// What a poll brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The reads.
    pub page: Page,
    /// Records the source no longer stands by, where all it says of them is that. The gateway retracts those it holds.
    pub withdrawn: Vec<String>,
    /// Where to go on, once the reads are durable. Holds no plate: it is kept in a file of its own.
    pub cursor: Cursor,
    /// Whether there is more right now.
    pub more: bool,
}

/// What the gateway keeps listening to. Credentials are the source's secrets, never part of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscription {
    /// Topics of an MQTT broker. Each message is handed to `decode` with its topic.
    Mqtt {
        /// `mqtt://host:port`, or `mqtts://host:port` over TLS; one of the entry's `hosts`.
        broker: Url,
        /// Topic filters.
        topics: Vec<String>,
    },
    /// A long-lived HTTP answer in parts (`multipart/mixed`). Each part is handed to `decode` with its own content type.
    HttpStream {
        /// One of the entry's `hosts`.
        url: Url,
    },
}

/// One pushed message: the body, and what came with it that says how to read it.
#[derive(Clone)]
pub struct Message {
    /// Content type as sent, where sent.
    pub content_type: Option<String>,
    /// Topic it was published under, where it came from a broker.
    pub topic: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// What a pushed message says, and what to answer once its reads are durable.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Reads, rejections, skipped records.
    pub page: Page,
    /// The answer the format prescribes; `None` lets the gateway answer in its own words.
    pub reply: Option<Reply>,
}

/// An acknowledgement that is part of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Content type.
    pub content_type: &'static str,
    /// Body.
    pub body: Bytes,
}

/// One thing found in a dropped file.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A read.
    Read(Box<Observation>),
    /// A record that could not be understood.
    Rejected(Rejection),
    /// A record that holds no read, with its fixed reason.
    Skipped(&'static str),
}

/// What is to become of a dropped file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether its items count.
    pub disposition: Disposition,
    /// A file to give back once the items are durable, where the format prescribes one.
    pub acknowledgement: Option<Acknowledgement>,
    /// The file to give back instead when the gateway itself refused some of the items.
    pub partial_acknowledgement: Option<Acknowledgement>,
}

/// Whether a file's items count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// They do.
    Accepted,
    /// None of them does: the file as a whole broke a rule.
    Rejected(Rejection),
}

/// An acknowledgement file that is part of a format.
///
/// Formats want the time of the acknowledgement inside it. Decoding is pure and the file is given back later, so
/// the time is put in by whoever gives it back: see [`Acknowledgement::name`] and [`Acknowledgement::body`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    name: Stamped,
    body: Stamped,
}

/// A text with one time in it: that of its use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// What stands before the time.
    pub before: String,
    /// How the time is written, in UTC, as `strftime` has it; nothing for a text without a time.
    pub form: &'static str,
    /// What stands after the time.
    pub after: String,
}

/// An image as fetched.
#[derive(Clone)]
pub struct Image {
    /// Content type: one of the image types the gateway passes on.
    pub content_type: String,
    /// The bytes.
    pub bytes: Bytes,
}

/// How the rule of a file ends that was refused for what it is: lists of accounts, money. It holds no read that could be missing.
pub const NOT_A_SIGHTING: &str = "not a sighting";

impl Rejection {
    /// Whether what was refused can have held reads, so that some are missing now.
    #[must_use]
    pub fn may_hold_reads(&self) -> bool {
        !self.rule.ends_with(NOT_A_SIGHTING)
    }

    /// A rejection of record number `record`.
    #[must_use]
    pub fn new(record: Option<u64>, field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self {
            record,
            field: field.into(),
            rule: rule.into(),
        }
    }
}

impl Acknowledgement {
    /// An acknowledgement whose text has one time in it, between `before_time` and `after_time`, written as UTC to the second:
    /// `2026-03-04T13:15:00Z`.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        before_time: impl Into<String>,
        after_time: impl Into<String>,
    ) -> Self {
        let name = Stamped {
            before: name.into(),
            form: "",
            after: String::new(),
        };
        let body = Stamped {
            before: before_time.into(),
            form: "%Y-%m-%dT%H:%M:%SZ",
            after: after_time.into(),
        };
        Self::stamped(name, body)
    }

    /// An acknowledgement whose name and text have the time in forms of their own.
    #[must_use]
    pub fn stamped(name: Stamped, body: Stamped) -> Self {
        Self { name, body }
    }

    /// The file name when given back at `now`, without any folder.
    #[must_use]
    pub fn name(&self, now: Timestamp) -> String {
        self.name.at(now)
    }

    /// The content when given back at `now`.
    #[must_use]
    pub fn body(&self, now: Timestamp) -> Vec<u8> {
        self.body.at(now).into_bytes()
    }
}

impl Stamped {
    fn at(&self, now: Timestamp) -> String {
        format!("{}{}{}", self.before, now.strftime(self.form), self.after)
    }
}

impl Page {
    /// Takes one item in.
    pub fn push(&mut self, item: Item) {
        match item {
            Item::Read(read) => self.reads.push(*read),
            Item::Rejected(rejection) => self.rejected.push(rejection),
            Item::Skipped(reason) => *self.skipped.entry(reason).or_default() += 1,
        }
    }
}

impl Message {
    /// A JSON message.
    #[must_use]
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::of("application/json", body)
    }

    /// A message of a content type.
    #[must_use]
    pub fn of(content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            content_type: Some(content_type.into()),
            topic: None,
            body: body.into(),
        }
    }

    /// The same message, published under `topic`.
    #[must_use]
    pub fn under(self, topic: impl Into<String>) -> Self {
        Self {
            topic: Some(topic.into()),
            ..self
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} bytes)", self.body.len())
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({} bytes)", self.bytes.len())
    }
}

/// `Err(Unsupported)`, for the methods an adapter does not have.
///
/// # Errors
/// Always.
pub fn unsupported<T>(operation: &'static str) -> Result<T> {
    Err(Error::unsupported(operation))
}
