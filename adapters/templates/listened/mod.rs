//! New source: listened to: topics of an MQTT broker, or one endless HTTP answer in parts.
//!
//! In scope: what the vendor documents. Deliberately absent: everything about people.

#[cfg(test)]
mod tests;
#[path = "../newsource/wire.rs"]
mod wire;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::{Family, ImageRef},
};
use url::Url;

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
    id: "newsource",
    title: "New source",
    family: Family::Parking,
    capabilities: CAPABILITIES,
    transport: "MQTT or HTTP stream, JSON",
    evidence: Evidence::VendorDocumentation,
    cannot_give: "position, lane, vehicle, images",
    example: "# One of the two: a broker with a topic, or a stream.\nbroker = \"mqtts://broker.vendor.example:8883\"\ntopic = \"lanes/+/reads\"\n# stream_url = \"https://camera.vendor.example/events\"\n",
    samples: &[Sample {
        name: "message.json",
        content_type: "application/json",
        topic: Some("lanes/north/reads"),
        example: None,
        bytes: include_bytes!("fixtures/message.json"),
    }],
    secrets: &[],
    optional_secrets: &["username", "password"],
    hosts: |settings| Settings::parse(settings).map(|settings| vec![settings.host()]),
    saved_answer: None,
    build: |settings| Ok(Box::new(NewSource::new(settings)?)),
};

const CAPABILITIES: Capabilities = Capabilities {
    subscribe: true,
    ..Capabilities::NONE
};

/// The settings of a source: what is listened to.
#[derive(Debug)]
enum Settings {
    Broker { broker: Url, topic: String },
    Stream(Url),
}

/// As written; a key nobody documents is refused by its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    broker: Option<String>,
    topic: Option<String>,
    stream_url: Option<String>,
}

impl Settings {
    fn parse(settings: &Value) -> Result<Self> {
        let raw: Raw =
            serde_path_to_error::deserialize(settings).map_err(|error| wrong(&error.to_string()))?;
        match (raw.broker, raw.topic, raw.stream_url) {
            (Some(broker), Some(topic), None) if !topic.is_empty() => Ok(Self::Broker {
                broker: address("broker", &broker, ["mqtts", "mqtt"])?,
                topic,
            }),
            (None, None, Some(stream)) => {
                address("stream_url", &stream, ["https", "http"]).map(Self::Stream)
            }
            _ => Err(wrong("either `broker` and `topic`, or `stream_url`")),
        }
    }

    /// The only host that is contacted.
    fn host(self) -> Url {
        match self {
            Self::Broker { broker: host, .. } | Self::Stream(host) => host,
        }
    }
}

/// An address without credentials: those are secrets. Plain text is for cameras and brokers of your own network.
fn address(key: &str, text: &str, schemes: [&str; 2]) -> Result<Url> {
    let url = Url::parse(text).map_err(|_| wrong(&format!("`{key}` is not an address")))?;
    let bare = url.username().is_empty() && url.password().is_none() && url.has_host();
    if !bare || !schemes.contains(&url.scheme()) {
        let message = format!("`{key}` must begin with one of {schemes:?} and hold no credentials");
        return Err(wrong(&message));
    }
    Ok(url)
}

fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::Config, "settings", message)
}

#[derive(Debug)]
struct NewSource {
    info: Info,
    settings: Settings,
}

impl NewSource {
    fn new(settings: &Value) -> Result<Self> {
        let settings = Settings::parse(settings)?;
        let info = Info {
            id: ENTRY.id,
            version: "1",
            family: ENTRY.family,
            capabilities: CAPABILITIES,
        };
        Ok(Self { info, settings })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for NewSource {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn search(&self, _: &Context, _: &Permit) -> Result<Page> {
        unsupported("search")
    }

    async fn poll(&self, _: &Context, _: &IngestPermit, _: &Cursor) -> Result<Batch> {
        unsupported("poll")
    }

    fn decode(&self, message: &Message) -> Result<Decoded> {
        let mut page = Page::default();
        page.push(wire::understood(&message.body, 0)?);
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
        Some(match &self.settings {
            Settings::Broker { broker, topic } => Subscription::Mqtt {
                broker: broker.clone(),
                topics: vec![topic.clone()],
            },
            Settings::Stream(url) => Subscription::HttpStream { url: url.clone() },
        })
    }
}
