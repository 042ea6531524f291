//! NIEM: plate reads in XML made of the elements of the National Information Exchange Model. See `README.md` beside this file.
//!
//! In scope: a tolerant import of whatever message a partner built of those elements, by paths of the settings. Deliberately
//! absent: a claim to any published message; people, registrations and vehicle numbers; images. The export is in
//! `turnpike_schemas::standard::niem`.

mod parse;
mod paths;
mod record;
#[cfg(test)]
mod tests;
mod values;

use std::{collections::BTreeMap, io::SeekFrom};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    plate::Jurisdiction,
    read::{Family, ImageRef, Place},
};

use self::{
    parse::Stop,
    paths::{Target, Tree, is_personal},
};
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Disposition, Image, Info, Item, Message,
        Page, ReadSeek, Rejection, Subscription, Verdict, unsupported,
    },
    context::Context,
    error::{Error, ErrorKind, Result},
    registry::{Entry, Evidence, Sample},
    watched::{Watch, Watched},
};

const CAPABILITIES: Capabilities = Capabilities {
    push: true,
    file: true,
    ..Capabilities::NONE
};

/// The adapter's line in the registry.
pub const ENTRY: Entry = Entry {
    id: "niem",
    title: "NIEM XML, by element paths",
    family: Family::Police,
    capabilities: CAPABILITIES,
    transport: "webhook or files, XML",
    evidence: Evidence::Specification,
    cannot_give: "what the partner's message does not have: the NIEM type itself has no record id, camera, lane, confidence; images",
    example: "# The element that is one read, and the namespace of the partner's own elements.\n\
              record = \"PlateReadMessage\"\nnamespaces = [\"urn:example:brookdale:lpr:1\"]\ncountry = \"US\"\n\n\
              # Paths of local names below that element, beside those of the NIEM type.\n\
              [paths]\nrecord = \"SourceRecordID\"\ncamera = \"CameraText\"\n",
    samples: &[Sample {
        name: "read.xml",
        content_type: "application/xml",
        topic: None,
        example: None,
        bytes: include_bytes!("fixtures/read.xml"),
    }],
    secrets: &[],
    optional_secrets: &[],
    hosts: |_| Ok(Vec::new()),
    saved_answer: None,
    build: |settings| Ok(Box::new(Niem::new(settings)?)),
};

/// Reads NIEM messages.
#[derive(Debug)]
pub struct Niem {
    info: Info,
    settings: Settings,
    tree: Tree,
}

/// The `settings` table of a source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Local name of the element that is one read.
    record: String,
    /// Namespaces whose elements are read, beside those of NIEM; the empty text is no namespace.
    #[serde(default)]
    namespaces: Vec<String>,
    /// Paths over the default ones; an empty path takes one away.
    #[serde(default)]
    paths: BTreeMap<Target, String>,
    /// Paths of values without a field of their own, by name.
    #[serde(default)]
    extra: BTreeMap<String, String>,
    /// Country of a state that is named without one.
    country: Option<String>,
    /// Scale of the confidence.
    confidence_scale: Option<Scale>,
    /// Zone of times without one.
    time_zone: Option<String>,
    /// Which of the two hours is meant when the clocks repeat one.
    repeated_hour: Option<RepeatedHour>,
    /// Positions of cameras or sites, by name, for reads without one.
    #[serde(default)]
    places: BTreeMap<String, Position>,
    /// Largest document, in bytes.
    #[serde(default = "two_gibibytes")]
    max_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scale {
    /// From 0 to 1.
    Unit,
    /// From 0 to 100.
    Percent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RepeatedHour {
    Earlier,
    Later,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    lat: f64,
    lon: f64,
}

fn two_gibibytes() -> u64 {
    2 << 30
}

impl Settings {
    /// The first thing that is wrong with the settings, paths aside.
    fn check(&self) -> Result<(), String> {
        let letters = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        if self.record.is_empty() || !self.record.chars().all(letters) {
            return Err("`record` must be the local name of an element".to_owned());
        }
        if is_personal(&self.record) {
            return Err(format!("`{}` is never read", self.record));
        }
        let country = self.country.as_deref();
        if country.is_some_and(|code| code.len() != 2 || Jurisdiction::parse(code).is_err()) {
            return Err("`country` must be an ISO 3166-1 code such as `US`".to_owned());
        }
        self.zone()
            .map_err(|rule| format!("`time_zone` is {rule}"))?;
        if self.repeated_hour.is_some() && self.time_zone.is_none() {
            return Err("`repeated_hour` needs `time_zone`".to_owned());
        }
        if self.paths.contains_key(&Target::Confidence) && self.confidence_scale.is_none() {
            return Err("`confidence` needs `confidence_scale`: `unit` or `percent`".to_owned());
        }
        let off = |position: &&Position| !Place::default().set_position(position.lat, position.lon);
        if self.places.values().any(|position| off(&position)) {
            return Err("a position in `places` is not on earth".to_owned());
        }
        Ok(())
    }
}

impl Niem {
    /// An adapter with these settings (see `README.md`).
    ///
    /// # Errors
    /// `Config` when the settings are not understood.
    pub fn new(settings: &Value) -> Result<Self> {
        let config =
            |message: String| Error::new(ErrorKind::Config, "build", format!("niem: {message}"));
        let settings: Settings =
            Settings::deserialize(settings).map_err(|error| config(error.to_string()))?;
        settings.check().map_err(config)?;
        let tree = Tree::new(&settings.paths, &settings.extra).map_err(config)?;
        Ok(Self {
            info: Info {
                id: ENTRY.id,
                version: "1",
                family: ENTRY.family,
                capabilities: CAPABILITIES,
            },
            settings,
            tree,
        })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for Niem {
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
        let mut page = Page::default();
        let mut body: &[u8] = &message.body;
        let read = parse::read(&mut body, self, &mut |item| {
            page.push(item);
            Ok(())
        });
        match read {
            Ok(()) => Ok(Decoded { page, reply: None }),
            Err(Stop::Document(rule)) => Err(Error::new(ErrorKind::Malformed, "decode", rule)),
            Err(Stop::Sink(error)) => Err(error),
        }
    }

    fn decode_file(
        &self,
        _name: &str,
        file: &mut dyn ReadSeek,
        sink: &mut dyn FnMut(Item) -> Result<()>,
    ) -> Result<Verdict> {
        let unreadable = || {
            let message = "the file cannot be read";
            Error::new(ErrorKind::Unavailable, "decode_file", message)
        };
        file.seek(SeekFrom::Start(0)).map_err(|_| unreadable())?;
        let watch = Watch::default();
        let disposition = match parse::read(&mut Watched::new(file, &watch), self, sink) {
            Err(Stop::Sink(error)) => return Err(error),
            _ if watch.failed().is_some() => return Err(unreadable()),
            Err(Stop::Document(rule)) => {
                Disposition::Rejected(Rejection::new(None, "document", rule))
            }
            Ok(()) => Disposition::Accepted,
        };
        Ok(Verdict {
            disposition,
            acknowledgement: None,
            partial_acknowledgement: None,
        })
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
