//! Genetec AutoVu SharpV: what a camera's HTTP extension pushes, as JSON or XML.
//!
//! In scope: one plate read a message. Deliberately absent: the images inside (they are not parsed), the FTP files, whose
//! template users edit, Security Center's exporter, and Pay-by-Plate Sync, which deals in permits and not in sightings.

mod object;
mod read;
mod settings;
mod states;
#[cfg(test)]
mod tests;
mod time;
mod wire;
mod xml;

use async_trait::async_trait;
use serde_json::Value;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::{Family, ImageRef},
};

use self::settings::Settings;
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
    id: INFO.id,
    title: "Genetec AutoVu SharpV",
    family: INFO.family,
    capabilities: INFO.capabilities,
    transport: "webhook, JSON or XML",
    evidence: Evidence::VendorDocumentation,
    cannot_give: "model, colour, corrections, retraction; a zone, in JSON",
    example: "# JSON messages carry local time without a zone: say which one the camera keeps.\ntime_zone = \"America/New_York\"\n# The hour that comes twice when clocks go back: \"refuse\", \"earlier\" or \"later\".\nrepeated_hour = \"refuse\"\n",
    samples: &[
        Sample {
            name: "read.json",
            content_type: "application/json",
            topic: None,
            example: None,
            bytes: include_bytes!("fixtures/read.json"),
        },
        Sample {
            name: "read.xml",
            content_type: "text/xml",
            topic: None,
            example: None,
            bytes: include_bytes!("fixtures/read.xml"),
        },
    ],
    secrets: &[],
    optional_secrets: &[],
    hosts: |_| Ok(Vec::new()),
    build,
    saved_answer: None,
};

const INFO: Info = Info {
    id: "sharpv",
    version: "1",
    family: Family::Parking,
    capabilities: Capabilities {
        push: true,
        ..Capabilities::NONE
    },
};

/// One camera, or several that are set up alike.
#[derive(Debug)]
struct SharpV {
    settings: Settings,
}

fn build(settings: &Value) -> Result<Box<dyn Adapter>> {
    let settings = Settings::parse(settings)?;
    Ok(Box::new(SharpV { settings }))
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for SharpV {
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
        let body = message.body.trim_ascii_start();
        let understood = match form(body) {
            Some(Form::Json(json)) => wire::record(json).map(|record| self.item(&record)),
            Some(Form::Xml) => xml::record(body).map(|record| self.item(&record)),
            None => Err(wire::Fault::Message("neither JSON nor XML")),
        };
        let item = understood.or_else(|fault| match fault {
            wire::Fault::Message(rule) => Err(Error::new(ErrorKind::Malformed, "decode", rule)),
            wire::Fault::Field(rejection) => Ok(Item::Rejected(rejection)),
        })?;
        let mut page = Page::default();
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

impl SharpV {
    fn item(&self, record: &wire::Record<'_>) -> Item {
        read::item(record, &self.settings)
    }
}

/// The two forms of a message. The guide names no content types, so the first byte decides.
enum Form<'b> {
    Json(&'b [u8]),
    Xml,
}

fn form(body: &[u8]) -> Option<Form<'_>> {
    let unmarked = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    match unmarked {
        [b'{', ..] => Some(Form::Json(unmarked)),
        [b'<', ..] | [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some(Form::Xml),
        _ => None,
    }
}
