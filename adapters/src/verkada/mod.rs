//! Verkada Command: the licence plate webhook of a camera cloud.
//!
//! In scope: webhooks of type `lpr`. Deliberately absent: the API that lists a camera's reads without a plate, plates of
//! interest, and images (see this folder's README).

mod read;
mod settings;
#[cfg(test)]
mod tests;
mod wire;

use async_trait::async_trait;
use serde_json::error::Category;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::{Family, ImageRef},
};

use self::{
    settings::Settings,
    wire::{Detection, Webhook},
};
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek,
        Rejection, Subscription, Verdict, unsupported,
    },
    context::Context,
    error::Result,
    json::{Object, Text, misfit},
    registry::{Entry, Evidence, Sample},
};

/// The registry line.
pub const ENTRY: Entry = Entry {
    id: INFO.id,
    title: "Verkada Command, licence plate webhook",
    family: INFO.family,
    capabilities: INFO.capabilities,
    transport: "webhook, JSON",
    evidence: Evidence::VendorDocumentation,
    cannot_give: "position, local time, lane, direction, vehicle, images, corrections",
    example: "# Where a camera is; the vendor does not say.\n# cameras.00000000-0000-4000-8000-00000000000c = { site = \"North Gate\", lat = 41.5, lon = -81.25 }\n",
    samples: &[Sample {
        name: "lpr.json",
        content_type: "application/json",
        topic: None,
        example: None,
        bytes: include_bytes!("fixtures/lpr.json"),
    }],
    secrets: &[],
    optional_secrets: &[],
    hosts: |settings| Settings::parse(settings).map(|_| Vec::new()),
    saved_answer: None,
    build: |settings| {
        let settings = Settings::parse(settings)?;
        Ok(Box::new(Verkada { settings }))
    },
};

const INFO: Info = Info {
    id: "verkada",
    version: "1",
    family: Family::Camera,
    capabilities: Capabilities {
        push: true,
        ..Capabilities::NONE
    },
};

#[derive(Debug)]
struct Verkada {
    settings: Settings,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for Verkada {
    fn info(&self) -> &Info {
        &INFO
    }

    async fn search(&self, _: &Context, _: &Permit) -> Result<Page> {
        unsupported("search")
    }

    async fn poll(&self, _: &Context, _: &IngestPermit, _: &Cursor) -> Result<Batch> {
        unsupported("poll")
    }

    fn decode(&self, message: &Message) -> Result<Decoded> {
        let mut page = Page::default();
        page.push(self.webhook(&message.body).unwrap_or_else(|item| item));
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

impl Verkada {
    /// What is no JSON object is a rejection and not an error: the vendor tries once more and gives up, so an error would
    /// only lose the trace of it.
    fn webhook(&self, body: &[u8]) -> Result<Item, Item> {
        let Object(webhook) = object::<Webhook<'_>>(body, "")?;
        let kind = webhook.webhook_type.as_ref().and_then(Text::filled);
        let kind = kind.ok_or_else(|| reject("webhook_type", "missing"))?;
        if !kind.eq_ignore_ascii_case("lpr") {
            return Ok(Item::Skipped("other_webhook"));
        }
        let data = webhook.data.ok_or_else(|| reject("data", "missing"))?;
        let Object(detection) = object::<Detection<'_>>(data.get().as_bytes(), "data")?;
        read::item(&detection, &self.settings)
    }
}

/// Parses an object that stands inside a message under `parent`.
///
/// # Errors
/// The rejection that names the field.
fn object<'a, T: serde::Deserialize<'a>>(json: &'a [u8], parent: &str) -> Result<Object<T>, Item> {
    serde_json::from_slice(json).map_err(|error| {
        let (field, rule) = match error.classify() {
            Category::Data => misfit::<Object<T>>(json),
            _ => (String::new(), NOT_JSON),
        };
        match (parent, &*field) {
            ("", "") => reject("(message)", NOT_JSON),
            (parent, "") => reject(parent, rule),
            ("", field) => reject(field, rule),
            (parent, field) => reject(&format!("{parent}.{field}"), rule),
        }
    })
}

const NOT_JSON: &str = "not a JSON object";

/// The rejection of the one record of a message.
fn reject(field: &str, rule: &str) -> Item {
    Item::Rejected(Rejection::new(Some(0), field, rule))
}
