//! Hikvision ANPR cameras: `EventNotificationAlert` of ISAPI, pushed to an HTTP listening host or read from `alertStream`.
//!
//! In scope: XML alone and XML in a form with pictures. Deliberately absent: the poll of `vehicleDetect/plates` (it lists
//! reads without a plate), the FTP drop, the pictures (they come once and cannot be asked for again, and nothing is stored),
//! and everything about occupants and lists.

mod read;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod wire;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::{Family, ImageRef},
};
use url::Url;

use self::settings::Settings;
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek,
        Rejection, Reply, Subscription, Verdict, unsupported,
    },
    context::Context,
    error::Result,
    multipart::{self, Limits, Part, is_multipart, media_type, parameter},
    registry::{Entry, Evidence, Sample},
};

/// The registry line.
pub const ENTRY: Entry = Entry {
    id: "hikvision",
    title: "Hikvision ANPR cameras (ISAPI)",
    family: Family::Camera,
    capabilities: CAPABILITIES,
    transport: "webhook or alertStream, XML, multipart",
    evidence: Evidence::VendorDocumentation,
    cannot_give: "issuer (a table of country codes gives it), make and model (numbers without a table), images, corrections",
    example: "# Whose clock is right: the offset in the message, or the clock in a configured zone.\nzone_policy = \"trust_offset\"\n\n# To listen to the camera instead of waiting for it:\n# stream_url = \"http://camera.brookdale.example/ISAPI/Event/notification/alertStream\"\n\n# A camera left at the factory's offset while its clock shows local time:\n# [cameras.\"02:00:00:00:00:21/1\"]\n# zone_policy = \"force_zone\"\n# zone = \"America/New_York\"\n",
    samples: &[
        Sample {
            name: "alert.xml",
            content_type: "application/xml; charset=\"UTF-8\"",
            topic: None,
            example: None,
            bytes: include_bytes!("fixtures/alert.xml"),
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
    optional_secrets: &["username", "password"],
    hosts,
    build,
    saved_answer: None,
};

const CAPABILITIES: Capabilities = Capabilities {
    push: true,
    subscribe: true,
    ..Capabilities::NONE
};

#[derive(Debug)]
struct Hikvision {
    info: Info,
    settings: Settings,
}

fn hosts(settings: &Value) -> Result<Vec<Url>> {
    Ok(Settings::parse(settings)?.stream_url.into_iter().collect())
}

fn build(settings: &Value) -> Result<Box<dyn Adapter>> {
    let settings = Settings::parse(settings)?;
    let info = Info {
        id: ENTRY.id,
        version: "1",
        family: ENTRY.family,
        capabilities: Capabilities {
            subscribe: settings.stream_url.is_some(),
            ..CAPABILITIES
        },
    };
    Ok(Box::new(Hikvision { info, settings }))
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for Hikvision {
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
        } else if is_picture(content_type, &message.body) {
            page.push(Item::Skipped("picture"));
        } else {
            page.push(self.document(content_type, &message.body, 0));
        }
        Ok(Decoded {
            page,
            reply: Some(accepted()),
        })
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
        let url = self.settings.stream_url.clone()?;
        Some(Subscription::HttpStream { url })
    }
}

impl Hikvision {
    /// A form: the documents in it. Pictures belong to them and are left.
    fn form(&self, content_type: &str, body: &Bytes, page: &mut Page) {
        let form = match multipart::split(content_type, body, Limits::default()) {
            Ok(form) => form,
            Err(fault) => return page.push(refused(fault.rule())),
        };
        let documents = form.parts.iter().filter(|part| is_document(part));
        for (record, part) in (0..).zip(documents) {
            let content_type = part.content_type().unwrap_or_default();
            page.push(self.document(&content_type, &part.body, record));
        }
        if *page == Page::default() {
            page.push(refused("no XML part"));
        }
    }

    fn document(&self, content_type: &str, body: &[u8], record: u64) -> Item {
        let charset = parameter(content_type, "charset");
        let fallback = self.settings.fallback_encoding;
        match text::decode(body, charset.as_deref(), fallback) {
            Ok(text) => read::item(&text, record, &self.settings),
            Err(rule) => Item::Rejected(Rejection::new(Some(record), "(document)", rule)),
        }
    }
}

/// Firmware differs in the type of the document and in the names of the parts.
fn is_document(part: &Part) -> bool {
    let content_type = part.content_type().unwrap_or_default();
    let kind = media_type(&content_type).to_ascii_lowercase();
    let file_name = part.file_name().unwrap_or_default();
    let plain = kind.is_empty() || kind.starts_with("text/");
    kind.ends_with("xml")
        || file_name.to_ascii_lowercase().ends_with(".xml")
        || (plain && part.body.trim_ascii_start().first() == Some(&b'<'))
}

/// A part of a stream that is a picture, some firmware's without saying so or without anything in it.
fn is_picture(content_type: &str, body: &[u8]) -> bool {
    let kind = media_type(content_type).to_ascii_lowercase();
    kind.starts_with("image/")
        || body.starts_with(b"\xFF\xD8\xFF")
        || (kind == "application/octet-stream" && body.is_empty())
}

/// A rejection and not an error: the camera would send the same bytes again and again.
fn refused(rule: &str) -> Item {
    Item::Rejected(Rejection::new(Some(0), "(message)", rule))
}

/// The camera sends again what gets no 2xx; its manual says 200.
fn accepted() -> Reply {
    Reply {
        status: 200,
        content_type: "text/plain",
        body: Bytes::from_static(b"ok"),
    }
}
