//! Frigate, the open-source video recorder: plates over MQTT, corrections and retractions over its HTTP API.
//!
//! In scope: `tracked_object_update` of type `lpr`, `events`, `GET /events`, snapshots on demand. Deliberately absent: names of
//! known vehicles and people, faces, descriptions, clips, and any question to Frigate by plate.

mod api;
mod read;
mod settings;
mod sweep;
#[cfg(test)]
mod tests;
mod wire;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::{Family, ImageRef},
};
use url::Url;

use self::{api::Api, settings::Settings, sweep::Position};
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek,
        Rejection, Subscription, Verdict, unsupported,
    },
    context::Context,
    error::Result,
    registry::{Entry, Evidence, Sample},
};

/// The registry line.
pub const ENTRY: Entry = Entry {
    id: "frigate",
    title: "Frigate",
    family: Family::Camera,
    capabilities: CAPABILITIES,
    transport: "MQTT, JSON; REST for what was corrected and withdrawn",
    evidence: Evidence::VendorDocumentation,
    cannot_give: "jurisdiction, make, model, colour, compass direction; local time",
    example: "# The broker Frigate publishes to, and its API: either or both.\nbroker = \"mqtt://broker.brookdale.example:1883\"\napi_url = \"http://recorder.brookdale.example:5000/api\"\n",
    samples: &[
        Sample {
            name: "update.json",
            content_type: "application/json",
            topic: Some("frigate/tracked_object_update"),
            example: None,
            bytes: include_bytes!("fixtures/update.json"),
        },
        Sample {
            name: "event_end.json",
            content_type: "application/json",
            topic: Some("frigate/events"),
            example: None,
            bytes: include_bytes!("fixtures/event_end.json"),
        },
    ],
    secrets: &[],
    optional_secrets: &["username", "password", "api_user", "api_password"],
    hosts,
    saved_answer: None,
    build,
};

const CAPABILITIES: Capabilities = Capabilities {
    poll: true,
    subscribe: true,
    images: true,
    ..Capabilities::NONE
};

#[derive(Debug)]
struct Frigate {
    info: Info,
    settings: Settings,
    api: Option<Api>,
}

/// Which of Frigate's messages this is.
enum Topic {
    Update,
    Events,
    /// Nothing that holds a plate.
    Other(&'static str),
}

fn hosts(settings: &Value) -> Result<Vec<Url>> {
    let settings = Settings::parse(settings)?;
    Ok([settings.broker, settings.api_url]
        .into_iter()
        .flatten()
        .collect())
}

fn build(settings: &Value) -> Result<Box<dyn Adapter>> {
    let settings = Settings::parse(settings)?;
    let info = Info {
        id: ENTRY.id,
        version: "1",
        family: ENTRY.family,
        capabilities: Capabilities {
            poll: settings.api_url.is_some(),
            subscribe: settings.broker.is_some(),
            images: settings.api_url.is_some(),
            ..CAPABILITIES
        },
    };
    let api = settings.api_url.clone().map(Api::new);
    Ok(Box::new(Frigate {
        info,
        settings,
        api,
    }))
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for Frigate {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn search(&self, _ctx: &Context, _permit: &Permit) -> Result<Page> {
        unsupported("search")
    }

    async fn poll(&self, ctx: &Context, _permit: &IngestPermit, since: &Cursor) -> Result<Batch> {
        let Some(api) = &self.api else {
            return unsupported("poll");
        };
        let mut position = Position::of(since);
        let span = position.span(ctx.now(), &self.settings);
        let body = api.events(ctx, span).await?;
        position.take(&body, &self.settings)
    }

    fn decode(&self, message: &Message) -> Result<Decoded> {
        let mut page = Page::default();
        page.push(self.understood(message));
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
        match &self.api {
            Some(api) => api.snapshot(ctx, &image.reference).await,
            None => unsupported("image"),
        }
    }

    fn subscription(&self) -> Option<Subscription> {
        let broker = self.settings.broker.clone()?;
        Some(Subscription::Mqtt {
            broker,
            topics: self.settings.topics(),
        })
    }
}

impl Frigate {
    fn understood(&self, message: &Message) -> Item {
        let body = &*message.body;
        let topic = match &message.topic {
            Some(topic) => self.topic(topic),
            None => told_by(body),
        };
        // A list would be taken for the fields in their order.
        let is_object = body.trim_ascii_start().first() == Some(&b'{');
        let item = match topic {
            Topic::Other(reason) => Ok(Item::Skipped(reason)),
            _ if !is_object => Err(("(message)".to_owned(), "not a JSON object")),
            Topic::Update => parse(body).map(|wire| read::update(&wire, &self.settings)),
            Topic::Events => parse(body).map(|wire| read::change(&wire, &self.settings)),
        };
        item.unwrap_or_else(|(field, rule)| Item::Rejected(Rejection::new(Some(0), field, rule)))
    }

    fn topic(&self, topic: &str) -> Topic {
        let name = topic.strip_prefix(&self.settings.prefix);
        match name.and_then(|name| name.strip_prefix('/')) {
            Some("tracked_object_update") => Topic::Update,
            Some("events") => Topic::Events,
            Some("available") => Topic::Other("availability"),
            _ => Topic::Other("other_topic"),
        }
    }
}

/// A message without a topic, as one is when it is looked at by hand.
fn told_by(body: &[u8]) -> Topic {
    #[derive(Deserialize)]
    struct Peek {
        after: Option<serde::de::IgnoredAny>,
    }
    match serde_json::from_slice::<Peek>(body) {
        Ok(Peek { after: Some(_) }) => Topic::Events,
        _ => Topic::Update,
    }
}

/// Parses an object; what is wrong is named by field and rule, never by value.
fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, (String, &'static str)> {
    let error = match serde_json::from_slice::<T>(json) {
        Ok(parsed) => return Ok(parsed),
        Err(error) => error,
    };
    if error.classify() != serde_json::error::Category::Data {
        return Err(("(message)".to_owned(), "not JSON"));
    }
    // The library's words quote values; of them only the key that was given twice is one of ours.
    let text = error.to_string();
    let twice = text.strip_prefix("duplicate field `");
    if let Some((key, _)) = twice.and_then(|rest| rest.split_once('`')) {
        return Err((key.to_owned(), "given twice"));
    }
    let mut again = serde_json::Deserializer::from_slice(json);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut again) {
        Err(error) => error.path().to_string(),
        Ok(_) => String::new(),
    };
    let path = path.trim_start_matches('.').to_owned();
    let field = if path.is_empty() {
        "(message)".to_owned()
    } else {
        path
    };
    Err((field, "wrong type"))
}
