//! APDSObservation: plate observations of scan cars and fixed cameras, held by an NGSI context broker.
//!
//! In scope: the two shapes brokers give an entity (key-values and normalized), in notifications that are pushed and in
//! answers to a question about one whole plate. A source is set up for one of the two. Deliberately absent: listing
//! entities by place or time, the subscription itself (the broker's owner makes it), JSON-LD in expanded form.

mod attribute;
mod gather;
mod read;
mod search;
mod settings;
mod status;
#[cfg(test)]
mod tests;
mod wire;

use async_trait::async_trait;
use serde_json::Value;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::{Family, ImageRef},
};
use url::Url;

use self::settings::{Mode, Settings};
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek,
        Subscription, Verdict, unsupported,
    },
    context::Context,
    error::Result,
    registry::{Entry, Evidence, Sample, SecretNames},
};

/// The registry line.
pub const ENTRY: Entry = Entry {
    id: "apds",
    title: "APDSObservation (Smart Data Models) in an NGSI context broker",
    family: Family::Parking,
    capabilities: Capabilities {
        search: true,
        push: true,
        ..Capabilities::NONE
    },
    transport: "webhook or HTTPS, JSON (NGSI)",
    evidence: Evidence::Specification,
    cannot_give: "state, lane, model, local time, images on demand",
    example: "# \"notifications\": the broker pushes. \"entities\": the broker is asked by plate, and nothing is copied.\nmode = \"notifications\"\n",
    samples: &[
        Sample {
            name: "notification.json",
            content_type: "application/json",
            topic: None,
            example: None,
            bytes: include_bytes!("fixtures/notification.json"),
        },
        Sample {
            name: "normalized.json",
            content_type: "application/json",
            topic: None,
            example: None,
            bytes: include_bytes!("fixtures/normalized.json"),
        },
    ],
    secrets: &Token,
    optional_secrets: &[],
    hosts,
    build,
    saved_answer: Some(|_, body| decode_entities(body)),
};

/// The secret that holds the broker's bearer token.
const TOKEN: &str = "token";

/// A broker that is asked wants it; notifications come by themselves.
#[derive(Debug)]
struct Token;

impl SecretNames for Token {
    fn under(&self, settings: &Value) -> Result<Vec<String>> {
        Ok(match Settings::parse(settings)?.mode {
            Mode::Entities(_) => vec![TOKEN.to_owned()],
            Mode::Notifications => Vec::new(),
        })
    }
}

/// One source of this kind.
#[derive(Debug)]
struct Apds {
    info: Info,
    settings: Settings,
}

fn hosts(settings: &Value) -> Result<Vec<Url>> {
    Ok(match Settings::parse(settings)?.mode {
        Mode::Notifications => Vec::new(),
        Mode::Entities(broker) => vec![broker.base_url],
    })
}

fn build(settings: &Value) -> Result<Box<dyn Adapter>> {
    let settings = Settings::parse(settings)?;
    let asked = matches!(settings.mode, Mode::Entities(_));
    let info = Info {
        id: ENTRY.id,
        version: "1",
        family: ENTRY.family,
        capabilities: Capabilities {
            search: asked,
            push: !asked,
            ..Capabilities::NONE
        },
    };
    Ok(Box::new(Apds { info, settings }))
}

/// Decodes a saved payload: an answer of the broker, a notification, or one entity. Pure: same bytes, same page.
///
/// # Errors
/// `Malformed` when the body is not JSON in one of these shapes.
pub fn decode_entities(body: &[u8]) -> Result<Page> {
    decoded(body, false)
}

fn decoded(body: &[u8], visual: bool) -> Result<Page> {
    let payload = wire::payload("decode", body)?;
    let mut page = Page::default();
    if payload.is_notification && payload.entities.is_empty() {
        page.push(Item::Skipped("empty_notification"));
    }
    for (record, entity) in (0..).zip(&payload.entities) {
        page.push(read::item(entity, record, visual));
    }
    Ok(page)
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for Apds {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn search(&self, ctx: &Context, permit: &Permit) -> Result<Page> {
        match &self.settings.mode {
            Mode::Notifications => unsupported("search"),
            Mode::Entities(broker) => search::run(broker, self.settings.visual, ctx, permit).await,
        }
    }

    async fn poll(&self, _: &Context, _: &IngestPermit, _: &Cursor) -> Result<Batch> {
        unsupported("poll")
    }

    fn decode(&self, message: &Message) -> Result<Decoded> {
        match self.settings.mode {
            Mode::Entities(_) => unsupported("decode"),
            Mode::Notifications => Ok(Decoded {
                page: decoded(&message.body, self.settings.visual)?,
                reply: None,
            }),
        }
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
