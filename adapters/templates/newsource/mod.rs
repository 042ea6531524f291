//! New source: one JSON message for every read, pushed.
//!
//! In scope: what the vendor documents. Deliberately absent: everything about people.

#[cfg(test)]
mod tests;
mod wire;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::{Family, ImageRef},
};

use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek,
        Subscription, Verdict, unsupported,
    },
    context::Context,
    error::{Error, ErrorKind, Result},
    registry::{Entry, Evidence, Sample},
};

/// The registry line.
pub const ENTRY: Entry = Entry {
    id: "newsource",
    title: "New source",
    family: Family::Parking,
    capabilities: CAPABILITIES,
    transport: "webhook, JSON",
    evidence: Evidence::VendorDocumentation,
    cannot_give: "position, lane, vehicle, images",
    example: "# No settings.\n",
    samples: &[Sample {
        name: "message.json",
        content_type: "application/json",
        topic: None,
        example: None,
        bytes: include_bytes!("fixtures/message.json"),
    }],
    secrets: &[],
    optional_secrets: &[],
    hosts: |settings| Settings::parse(settings).map(|_| Vec::new()),
    saved_answer: None,
    build: |settings| Ok(Box::new(NewSource::new(settings)?)),
};

const CAPABILITIES: Capabilities = Capabilities {
    push: true,
    ..Capabilities::NONE
};

/// The settings of a source; a key nobody documents is refused by its name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {}

impl Settings {
    fn parse(settings: &Value) -> Result<Self> {
        serde_path_to_error::deserialize(settings)
            .map_err(|error| Error::new(ErrorKind::Config, "settings", error.to_string()))
    }
}

#[derive(Debug)]
struct NewSource {
    info: Info,
}

impl NewSource {
    fn new(settings: &Value) -> Result<Self> {
        let _settings = Settings::parse(settings)?;
        let info = Info {
            id: ENTRY.id,
            version: "1",
            family: ENTRY.family,
            capabilities: CAPABILITIES,
        };
        Ok(Self { info })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for NewSource {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn search(&self, _: &Context, _: &Permit) -> Result<Page> {
        unsupported("search")
    }

    async fn poll(&self, _: &Context, _: &IngestPermit, _: &Cursor) -> Result<Batch> {
        unsupported("poll")
    }

    fn decode(&self, message: &Message) -> Result<Decoded> {
        let mut page = Page::default();
        page.push(wire::understood(&message.body, 0)?);
        Ok(Decoded { page, reply: None })
    }

    fn decode_file(
        &self,
        _: &str,
        _: &mut dyn ReadSeek,
        _: &mut dyn FnMut(Item) -> Result<()>,
    ) -> Result<Verdict> {
        unsupported("decode_file")
    }

    async fn image(&self, _: &Context, _: &ImagePermit, _: &ImageRef) -> Result<Image> {
        unsupported("image")
    }

    fn subscription(&self) -> Option<Subscription> {
        None
    }
}
