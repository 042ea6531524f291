//! Plate Recognizer Stream: the webhook of an engine that reads video.
//!
//! In scope: `recognition` events, as JSON alone and as the field `json` of a form, in both of the vendor's layouts.
//! Deliberately absent: the Snapshot API (it recognises pictures that one sends to it), the CSV and JSON lines files, the
//! pictures (they come once and cannot be asked for again, and nothing is stored).

mod faults;
mod read;
mod settings;
#[cfg(test)]
mod tests;
mod wire;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, error::Category};
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::{Family, ImageRef},
};

use self::{
    faults::{misfit, object, reject},
    settings::Settings,
    wire::{Data, Text, Wire},
};
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek,
        Subscription, Verdict, unsupported,
    },
    context::Context,
    error::Result,
    multipart::{self, Limits, is_multipart},
    registry::{Entry, Evidence, Sample},
};

/// The registry line.
pub const ENTRY: Entry = Entry {
    id: "plate-recognizer",
    title: "Plate Recognizer Stream",
    family: Family::Camera,
    capabilities: CAPABILITIES,
    transport: "webhook, JSON, alone or in multipart",
    evidence: Evidence::VendorDocumentation,
    cannot_give: "position, lane, record id, images, corrections",
    example: "# What the operator knows of a camera, by its id.\n# [cameras.brook-2]\n# site = \"Brookdale\"\n# lat = 41.5\n# lon = -81.25\n",
    samples: &[
        Sample {
            name: "nested.json",
            content_type: "application/json",
            topic: None,
            example: None,
            bytes: include_bytes!("fixtures/nested.json"),
        },
        Sample {
            name: "form.bin",
            content_type: "multipart/form-data; boundary=frontier",
            topic: None,
            example: None,
            bytes: include_bytes!("fixtures/form.bin"),
        },
    ],
    secrets: &[],
    optional_secrets: &[],
    hosts: |_| Ok(Vec::new()),
    build,
    saved_answer: None,
};

const CAPABILITIES: Capabilities = Capabilities {
    push: true,
    ..Capabilities::NONE
};

#[derive(Debug)]
struct PlateRecognizer {
    info: Info,
    settings: Settings,
}

fn build(settings: &Value) -> Result<Box<dyn Adapter>> {
    let settings = Settings::parse(settings)?;
    let info = Info {
        id: ENTRY.id,
        version: "1",
        family: ENTRY.family,
        capabilities: CAPABILITIES,
    };
    Ok(Box::new(PlateRecognizer { info, settings }))
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for PlateRecognizer {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn search(&self, _ctx: &Context, _permit: &Permit) -> Result<Page> {
        unsupported("search")
    }

    async fn poll(&self, _ctx: &Context, _permit: &IngestPermit, _since: &Cursor) -> Result<Batch> {
        unsupported("poll")
    }

    fn decode(&self, message: &Message) -> Result<Decoded> {
        let content_type = message.content_type.as_deref().unwrap_or_default();
        let mut page = Page::default();
        if is_multipart(content_type) {
            self.form(content_type, &message.body, &mut page);
        } else {
            self.document(&message.body, 0, &mut page);
        }
        Ok(Decoded { page, reply: None })
    }

    fn decode_file(
        &self,
        _name: &str,
        _file: &mut dyn ReadSeek,
        _sink: &mut dyn FnMut(Item) -> Result<()>,
    ) -> Result<Verdict> {
        unsupported("decode_file")
    }

    async fn image(
        &self,
        _ctx: &Context,
        _permit: &ImagePermit,
        _image: &ImageRef,
    ) -> Result<Image> {
        unsupported("image")
    }

    fn subscription(&self) -> Option<Subscription> {
        None
    }
}

impl PlateRecognizer {
    /// A form: its fields called `json`. Pictures are left.
    fn form(&self, content_type: &str, body: &Bytes, page: &mut Page) {
        let form = match multipart::split(content_type, body, Limits::default()) {
            Ok(form) => form,
            Err(fault) => return page.push(reject(0, "(message)", fault.rule())),
        };
        let mut record = 0;
        for part in &form.parts {
            if part.name().as_deref() == Some("json") {
                record += self.document(&part.body, record, page);
            }
        }
        if *page == Page::default() {
            page.push(reject(0, "json", "missing"));
        }
    }

    /// One document, whose records are numbered from `first`; how many there are.
    fn document(&self, body: &[u8], first: u64, page: &mut Page) -> u64 {
        // A list would be taken for the fields in their order.
        let is_object = body.trim_ascii_start().first() == Some(&b'{');
        let item = match is_object.then(|| serde_json::from_slice::<Wire<'_>>(body)) {
            Some(Ok(wire)) => match self.event(&wire, first, page) {
                Ok(records) => return records,
                Err(item) => item,
            },
            Some(Err(error)) if error.classify() == Category::Data => {
                misfit::<Wire<'_>>(body, first, "")
            }
            // A rejection and not an error: the engine would send the same bytes again.
            Some(Err(_)) | None => reject(first, "(message)", "not a JSON object"),
        };
        page.push(item);
        1
    }

    fn event(&self, wire: &Wire<'_>, first: u64, page: &mut Page) -> Result<u64, Item> {
        let missing = |field| reject(first, field, "missing");
        let hook = wire.hook.as_ref().ok_or_else(|| missing("hook"))?;
        let event = hook.event.as_ref().map(Text::as_str);
        match event {
            Some("recognition") => {}
            Some(_) => return Err(Item::Skipped("other_event")),
            None => return Err(missing("hook.event")),
        }
        let data = wire.data.ok_or_else(|| missing("data"))?;
        let data: Data<'_> = object(data, first, "data")?;
        read::frame(hook, &data, first, &self.settings, page);
        let records = data.results.map_or(1, |results| results.kept.len());
        Ok(records.max(1) as u64)
    }
}
