//! New source: asked about one plate over HTTPS; it answers in JSON, page by page.
//!
//! In scope: what the vendor documents. Deliberately absent: everything about people.

mod search;
#[cfg(test)]
mod tests;
#[path = "../newsource/wire.rs"]
mod wire;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::{Family, ImageRef},
};
use url::Url;

use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek,
        Subscription, Verdict, unsupported,
    },
    context::Context,
    error::{Error, ErrorKind, Result},
    registry::{Entry, Evidence, Sample},
    web
};

/// The registry line.
pub const ENTRY: Entry = Entry {
    id: "newsource",
    title: "New source",
    family: Family::Parking,
    capabilities: CAPABILITIES,
    transport: "HTTPS, JSON",
    evidence: Evidence::VendorDocumentation,
    cannot_give: "position, lane, vehicle, images",
    example: "# Below it is `reads/search`.\nbase_url = \"https://api.vendor.example/v1\"\n",
    samples: &[Sample {
        name: "answer.json",
        content_type: "application/json",
        topic: None,
        example: None,
        bytes: include_bytes!("fixtures/answer.json"),
    }],
    secrets: &["token"],
    optional_secrets: &[],
    hosts: |settings| Settings::parse(settings).map(|settings| vec![settings.base_url]),
    saved_answer: Some(|settings, body| Settings::parse(settings).and_then(|_| search::saved(body))),
    build: |settings| Ok(Box::new(NewSource::new(settings)?)),
};

const CAPABILITIES: Capabilities = Capabilities {
    search: true,
    ..Capabilities::NONE
};

/// The settings of a source; a key nobody documents is refused by its name.
#[derive(Debug)]
struct Settings {
    base_url: Url,
    page_size: u32,
    max_pages: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    base_url: String,
    #[serde(default = "page_size")]
    page_size: u32,
    #[serde(default = "max_pages")]
    max_pages: u32,
}

const fn page_size() -> u32 {
    100
}

const fn max_pages() -> u32 {
    20
}

impl Settings {
    fn parse(settings: &Value) -> Result<Self> {
        let wrong = |message: String| Error::new(ErrorKind::Config, "settings", message);
        let raw: Raw = serde_path_to_error::deserialize(settings)
            .map_err(|error| wrong(error.to_string()))?;
        if !(1..=1_000).contains(&raw.page_size) || !(1..=1_000).contains(&raw.max_pages) {
            let message = "`page_size` and `max_pages` are 1 to 1000";
            return Err(wrong(message.to_owned()));
        }
        Ok(Self {
            base_url: web::address("base_url", &raw.base_url)?,
            page_size: raw.page_size,
            max_pages: raw.max_pages,
        })
    }
}

#[derive(Debug)]
struct NewSource {
    info: Info,
    settings: Settings,
}

impl NewSource {
    fn new(settings: &Value) -> Result<Self> {
        let settings = Settings::parse(settings)?;
        let info = Info {
            id: ENTRY.id,
            version: "1",
            family: ENTRY.family,
            capabilities: CAPABILITIES,
        };
        Ok(Self { info, settings })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for NewSource {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn search(&self, ctx: &Context, permit: &Permit) -> Result<Page> {
        search::run(&self.settings, ctx, permit).await
    }

    async fn poll(&self, _: &Context, _: &IngestPermit, _: &Cursor) -> Result<Batch> {
        unsupported("poll")
    }

    fn decode(&self, _: &Message) -> Result<Decoded> {
        unsupported("decode")
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
