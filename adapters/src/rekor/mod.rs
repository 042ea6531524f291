//! Rekor Scout, formerly OpenALPR and Watchman: the agent's webhook and its image server.
//!
//! In scope: `alpr_group` with its previews, `alpr_alert`, and on request `alpr_results`. Deliberately absent: the
//! search API of the cloud (it lists reads without a plate) and everything that recognises a vehicle again.

mod faults;
mod identity;
mod image;
mod place;
mod read;
mod settings;
#[cfg(test)]
mod tests;
mod wire;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, error::Category, value::RawValue};
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::{Family, ImageRef},
};
use url::Url;

use self::{
    faults::{WRONG_TYPE, misfit, object, reject},
    settings::Settings,
    wire::{Peek, Text, Wire},
};
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek,
        Reply, Subscription, Verdict, unsupported,
    },
    context::Context,
    error::Result,
    registry::{Entry, Evidence, Sample},
};

/// The registry line.
pub const ENTRY: Entry = Entry {
    id: "rekor",
    title: "Rekor Scout / OpenALPR agent",
    family: Family::Camera,
    capabilities: CAPABILITIES,
    transport: "webhook, JSON",
    evidence: Evidence::VendorDocumentation,
    cannot_give: "local time, lane, retraction",
    example: "# Where the agent serves its images; without it none are fetched.\n# image_base_url = \"http://cameras.brookdale.example:8355\"\n",
    samples: &[Sample {
        name: "group.json",
        content_type: "application/json",
        topic: None,
        example: None,
        bytes: include_bytes!("fixtures/group.json"),
    }],
    secrets: &[],
    optional_secrets: &[],
    hosts,
    saved_answer: None,
    build,
};

const CAPABILITIES: Capabilities = Capabilities {
    push: true,
    images: true,
    ..Capabilities::NONE
};

#[derive(Debug)]
struct Rekor {
    info: Info,
    settings: Settings,
}

fn hosts(settings: &Value) -> Result<Vec<Url>> {
    Ok(Settings::parse(settings)?
        .image_base_url
        .into_iter()
        .collect())
}

fn build(settings: &Value) -> Result<Box<dyn Adapter>> {
    let settings = Settings::parse(settings)?;
    let info = Info {
        id: ENTRY.id,
        version: "1",
        family: ENTRY.family,
        capabilities: Capabilities {
            images: settings.image_base_url.is_some(),
            ..CAPABILITIES
        },
    };
    Ok(Box::new(Rekor { info, settings }))
}

#[async_trait]
impl Adapter for Rekor {
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
        let body = &message.body;
        let mut page = Page::default();
        let item = match json_object(body).then(|| serde_json::from_slice::<Wire<'_>>(body)) {
            Some(Ok(wire)) => return Ok(self.understood(&wire, page)),
            Some(Err(error)) if error.classify() == Category::Data => misfit_message(body),
            Some(Err(_)) | None => not_json(),
        };
        page.push(item);
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

    async fn image(&self, ctx: &Context, _permit: &ImagePermit, image: &ImageRef) -> Result<Image> {
        let Some(base) = &self.settings.image_base_url else {
            return unsupported("image");
        };
        let request = image::request(base, &image.reference)?;
        image::answer(ctx.send(request).await?)
    }

    fn subscription(&self) -> Option<Subscription> {
        None
    }
}

impl Rekor {
    fn understood(&self, wire: &Wire<'_>, mut page: Page) -> Decoded {
        let data_type = wire.data_type.as_ref().map(Text::as_str);
        if data_type.is_none() && is_test(wire) {
            page.push(Item::Skipped("test_message"));
            return Decoded {
                page,
                reply: Some(test_reply()),
            };
        }
        match data_type {
            Some("alpr_results") if self.settings.frames => {
                read::frame(wire, &self.settings, &mut page);
            }
            other => page.push(self.single(wire, other)),
        }
        Decoded { page, reply: None }
    }

    /// What a message of one record says. A type of null or none is told by what is inside.
    fn single(&self, wire: &Wire<'_>, data_type: Option<&str>) -> Item {
        match (data_type, wire.group) {
            (Some("alpr_group"), _) => read::group(wire, None, &self.settings),
            (Some("alpr_alert"), Some(group)) => self.wrapped(group, Some(wire)),
            (Some("alpr_alert"), None) => reject(0, "group", "missing"),
            (Some(other), _) => {
                without_read(other).unwrap_or_else(|| reject(0, "data_type", "unknown"))
            }
            (None, Some(group)) => self.wrapped(group, wrapping_alert(wire)),
            (None, None) if wire.best_plate_number.is_some() => {
                read::group(wire, None, &self.settings)
            }
            (None, None) => reject(0, "data_type", "missing"),
        }
    }

    fn wrapped(&self, group: &RawValue, alert: Option<&Wire<'_>>) -> Item {
        match object::<Wire<'_>>(group, 0, "group") {
            Ok(group) => read::group(&group, alert, &self.settings),
            Err(rejected) => rejected,
        }
    }
}

/// A wrapper without a type is an alert only if it names a list.
fn wrapping_alert<'w, 'a>(wire: &'w Wire<'a>) -> Option<&'w Wire<'a>> {
    wire.alert_list.is_some().then_some(wire)
}

/// The item for a type that never holds a read of its own.
fn without_read(data_type: &str) -> Option<Item> {
    match data_type {
        "alpr_results" => Some(Item::Skipped("frame")),
        "vehicle" => Some(Item::Skipped("vehicle_without_plate")),
        "heartbeat" => Some(Item::Skipped("heartbeat")),
        _ => None,
    }
}

fn is_test(wire: &Wire<'_>) -> bool {
    wire.openalpr_webhook
        .as_ref()
        .is_some_and(|text| text.as_str() == "test")
}

/// The web server enables a webhook only if its test message gets a 200.
fn test_reply() -> Reply {
    Reply {
        status: 200,
        content_type: "text/plain",
        body: Bytes::from_static(b"ok"),
    }
}

/// The message, if it can be an object: the agent sends nothing else.
fn json_object(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'{')
}

/// What becomes of an object with a value of the wrong type. The whole of it is parsed again to name the field.
fn misfit_message(body: &[u8]) -> Item {
    match serde_json::from_slice::<Peek<'_>>(body) {
        Err(error) if error.classify() != Category::Data => not_json(),
        Err(_) => reject(0, "data_type", WRONG_TYPE),
        Ok(peek) => peek
            .data_type
            .and_then(|text| without_read(text.as_str()))
            .unwrap_or_else(|| misfit::<Wire<'_>>(body, 0, "")),
    }
}

/// A rejection and not an error: the agent would send the same bytes for ever, and hold back what comes after.
fn not_json() -> Item {
    reject(0, "(message)", "not a JSON object")
}
