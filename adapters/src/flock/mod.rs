//! Flock Safety API v3: plate lookup, asked live over REST with OAuth 2.0, or the alerts of a subscription, pushed.
//!
//! In scope: the lookup of one whole plate and its further pages; hot-list alerts. A source does the one or the other,
//! as its settings say. Deliberately absent: searches by radius or area, the vendor's lists, making subscriptions, and its
//! share pages. Vendor facts and known gaps are in this folder's README.

mod alerts;
mod gather;
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
use self::{
    alerts::Alerts,
    settings::{Mode, Settings},
};
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek,
        Subscription, Verdict, unsupported,
    },
    context::Context,
    error::Result,
    registry::{Entry, Evidence, Sample, SecretNames},
    token::Tokens,
};

/// This adapter in the registry.
pub const ENTRY: Entry = Entry {
    id: INFO.id,
    title: "Flock Safety, plate lookup or alerts (API v3)",
    family: INFO.family,
    capabilities: Capabilities {
        push: true,
        ..INFO.capabilities
    },
    transport: "HTTPS, JSON, OAuth2; or webhook, JSON",
    evidence: Evidence::VendorDocumentation,
    cannot_give: "local time, direction, vehicle, images, corrections",
    example: "# Or mode = \"alerts\", alone: for a source that pushes the alerts of a subscription.\nmode = \"lookup\"\nbase_url = \"https://api.flocksafety.com/api/v3\"\ntoken_url = \"https://api.flocksafety.com/oauth/token\"\naudience = \"com.flocksafety.integrations\"\n",
    samples: &[Sample {
        name: "lookup-answer.json",
        content_type: "application/json",
        topic: None,
        example: None,
        bytes: include_bytes!("fixtures/lookup-answer.json"),
    }],
    secrets: &Credentials,
    optional_secrets: &[],
    hosts,
    build,
    saved_answer: Some(|_, body| decode_page(body)),
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

/// One source that is asked: its settings, and the token its searches share.
#[derive(Debug)]
struct Flock {
    settings: Settings,
    tokens: Tokens,
}

/// Whoever asks needs credentials; alerts come by themselves.
#[derive(Debug)]
struct Credentials;

impl SecretNames for Credentials {
    fn under(&self, settings: &Value) -> Result<Vec<String>> {
        Ok(match Mode::parse(settings)? {
            Mode::Lookup(_) => vec!["client_id".to_owned(), "client_secret".to_owned()],
            Mode::Alerts => Vec::new(),
        })
    }
}

fn hosts(settings: &Value) -> Result<Vec<Url>> {
    Ok(match Mode::parse(settings)? {
        Mode::Lookup(settings) => vec![settings.base_url, settings.token_url],
        Mode::Alerts => Vec::new(),
    })
}

fn build(settings: &Value) -> Result<Box<dyn Adapter>> {
    Ok(match Mode::parse(settings)? {
        Mode::Lookup(settings) => Box::new(Flock {
            settings: *settings,
            tokens: Tokens::default(),
        }),
        Mode::Alerts => Box::new(Alerts),
    })
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
