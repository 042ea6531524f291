//! Flock Safety API v3, plate lookup: a source that is asked live, over REST with OAuth 2.0.
//!
//! In scope: the lookup of one whole plate and its further pages. Deliberately absent: searches by radius or
//! area, the vendor's lists, and its share pages. Vendor facts and known gaps are in this folder's README.

mod gather;
mod object;
mod search;
mod settings;
mod states;
mod status;
#[cfg(test)]
mod tests;
mod token;
mod wire;

use async_trait::async_trait;
use serde_json::Value;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit, UpstreamField},
    read::{Family, ImageRef},
};
use url::Url;

pub use self::gather::decode_page;
use self::{settings::Settings, token::Tokens};
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek,
        Subscription, Verdict, unsupported,
    },
    context::Context,
    error::Result,
    registry::{Entry, Evidence, Sample},
};

/// This adapter in the registry.
pub const ENTRY: Entry = Entry {
    id: INFO.id,
    title: "Flock Safety, plate lookup (API v3)",
    family: INFO.family,
    capabilities: INFO.capabilities,
    transport: "HTTPS, JSON, OAuth2",
    evidence: Evidence::VendorDocumentation,
    cannot_give: "local time, direction, vehicle, corrections",
    example: "base_url = \"https://api.flocksafety.com/api/v3\"\ntoken_url = \"https://api.flocksafety.com/oauth/token\"\naudience = \"com.flocksafety.integrations\"\n",
    samples: &[Sample {
        name: "lookup-answer.json",
        content_type: "application/json",
        topic: None,
        bytes: include_bytes!("fixtures/lookup-answer.json"),
    }],
    secrets: &["client_id", "client_secret"],
    hosts,
    build,
    saved_answer: Some(decode_page),
};

const INFO: Info = Info {
    id: "flock",
    version: "1",
    family: Family::Police,
    capabilities: Capabilities {
        search: true,
        // The vendor refuses a lookup without a reason.
        needs: &[UpstreamField::Purpose],
        ..Capabilities::NONE
    },
};

/// One source of this kind: its settings, and the token its searches share.
#[derive(Debug)]
struct Flock {
    settings: Settings,
    tokens: Tokens,
}

fn hosts(settings: &Value) -> Result<Vec<Url>> {
    let settings = Settings::parse(settings)?;
    Ok(vec![settings.base_url, settings.token_url])
}

fn build(settings: &Value) -> Result<Box<dyn Adapter>> {
    Ok(Box::new(Flock {
        settings: Settings::parse(settings)?,
        tokens: Tokens::default(),
    }))
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for Flock {
    fn info(&self) -> &Info {
        &INFO
    }

    async fn search(&self, ctx: &Context, permit: &Permit) -> Result<Page> {
        search::run(&self.settings, &self.tokens, ctx, permit).await
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
