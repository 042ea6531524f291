//! AXIS License Plate Verifier: the events that the engine of FF Group on Axis cameras pushes.
//!
//! In scope: pushed events as JSON, alone or in a multipart body. Deliberately absent: the metadata streams and the
//! events in ONVIF form, access lists and whose vehicles are on them, and images (see this folder's README).

mod countries;
mod identity;
mod multipart;
mod read;
mod settings;
#[cfg(test)]
mod tests;
mod time;
mod wire;

use async_trait::async_trait;
use serde_json::error::Category;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::{Family, ImageRef},
};

use self::{settings::Settings, wire::Event};
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek,
        Rejection, Subscription, Verdict, unsupported,
    },
    context::Context,
    error::Result,
    json::{Object, misfit},
    registry::{Entry, Evidence, Sample},
};

/// The registry line.
pub const ENTRY: Entry = Entry {
    id: INFO.id,
    title: "AXIS License Plate Verifier (FF Group engine)",
    family: INFO.family,
    capabilities: INFO.capabilities,
    transport: "webhook, JSON or multipart",
    evidence: Evidence::VendorDocumentation,
    cannot_give: "state of the plate, vehicle, images, retraction",
    example: "# Only for messages that give the local time alone.\n# time_zone = \"Europe/Stockholm\"\n",
    samples: &[
        Sample {
            name: "lost.json",
            content_type: "application/json",
            topic: None,
            example: None,
            bytes: include_bytes!("fixtures/lost.json"),
        },
        Sample {
            name: "event.multipart",
            content_type: "multipart/form-data; boundary=----BrookdaleGate",
            topic: None,
            example: None,
            bytes: include_bytes!("fixtures/event.multipart"),
        },
    ],
    secrets: &[],
    optional_secrets: &[],
    hosts: |settings| Settings::parse(settings).map(|_| Vec::new()),
    saved_answer: None,
    build: |settings| {
        let settings = Settings::parse(settings)?;
        Ok(Box::new(Axis { settings }))
    },
};

const INFO: Info = Info {
    id: "axis",
    version: "1",
    family: Family::Camera,
    capabilities: Capabilities {
        push: true,
        ..Capabilities::NONE
    },
};

#[derive(Debug)]
struct Axis {
    settings: Settings,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for Axis {
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
        let item = match multipart::event(message) {
            Ok(json) => self.event(&json),
            Err(rule) => reject("(message)", rule),
        };
        page.push(item);
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

impl Axis {
    /// What is no JSON object is a rejection and not an error: what a camera does after an error is not documented, and
    /// its heartbeats may come to the same address.
    fn event(&self, json: &[u8]) -> Item {
        match serde_json::from_slice::<Object<Event<'_>>>(json) {
            Ok(Object(event)) => read::item(&event, &self.settings),
            Err(error) if error.classify() == Category::Data => {
                match misfit::<Object<Event<'_>>>(json) {
                    (field, _) if field.is_empty() => reject("(message)", NOT_JSON),
                    (field, rule) => reject(&field, rule),
                }
            }
            Err(_) => reject("(message)", NOT_JSON),
        }
    }
}

const NOT_JSON: &str = "not a JSON object";

/// The rejection of the one record of a message.
fn reject(field: &str, rule: &str) -> Item {
    Item::Rejected(Rejection::new(Some(0), field, rule))
}
