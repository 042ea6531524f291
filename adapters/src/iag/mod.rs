//! IAG: the fixed-width files that agencies of the E-ZPass group exchange. See `README.md` beside this file.
//!
//! In scope: transactions that have a plate (`ICTX`), their corrections (`ITXC`), and the acknowledgement files they are
//! answered with. Deliberately absent: lists of accounts, reconciliations, the way in of a closed system.

mod ack;
mod name;
mod parse;
mod record;
#[cfg(test)]
mod tests;
mod wire;

use std::io::Seek;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::{Family, ImageRef},
};

use self::{
    ack::Code,
    name::FileName,
    parse::{Sink, Stop},
};
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Disposition, Image, Info, Item, Message,
        Page, ReadSeek, Rejection, Subscription, Verdict, unsupported,
    },
    context::Context,
    error::{Error, ErrorKind, Result},
    registry::{Entry, Evidence, Sample},
    toll::{archive, sites::Sites, states::States},
    watched::{Watch, Watched},
};

/// The one version whose layout is known.
const VERSION: &str = "01.60.02";

const ACCOUNT_LIST: &str = "account list: not a sighting";
const RECONCILIATION: &str = "reconciliation: not a sighting";
const ACKNOWLEDGEMENT: &str = "acknowledgement: not a sighting";

const CAPABILITIES: Capabilities = Capabilities {
    file: true,
    ..Capabilities::NONE
};

/// The adapter's line in the registry.
pub const ENTRY: Entry = Entry {
    id: "iag",
    title: "E-ZPass group (IAG) inter-agency files",
    family: Family::Toll,
    capabilities: CAPABILITIES,
    transport: "ZIP files with fixed-width text",
    evidence: Evidence::ClientCode,
    cannot_give: "confidence, position (a table of plazas gives it), direction, vehicle, images",
    example: "# Our agency, 4 digits: files for another one are refused.\nhome_agency = \"0902\"\n\n\
              # Where plazas are, by agency and plaza.\n[sites.\"0901/BN01\"]\nlat = 41.5234\nlon = -81.25\n",
    samples: &[Sample {
        name: "0901_0902_20260304131500.ICTX",
        content_type: "text/plain",
        topic: None,
        example: None,
        bytes: include_bytes!("fixtures/0901_0902_20260304131500.ICTX"),
    }],
    secrets: &[],
    optional_secrets: &[],
    hosts: |_| Ok(Vec::new()),
    saved_answer: None,
    build: |settings| Ok(Box::new(Iag::new(settings)?)),
};

/// Reads IAG files.
#[derive(Debug)]
pub struct Iag {
    info: Info,
    settings: Settings,
}

/// The `settings` table of a source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Largest data file, in bytes, once out of its archive.
    max_bytes: u64,
    /// Our agency, for acknowledgements; files for another one are then refused.
    home_agency: Option<String>,
    /// Who issues plates of a state, for codes that are not those of the United States and Canada.
    states: States,
    /// Positions, by `AGENCY/PLAZA` or `AGENCY/PLAZA/LANE`.
    sites: Sites,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_bytes: 2 << 30,
            home_agency: None,
            states: States::default(),
            sites: Sites::default(),
        }
    }
}

impl Settings {
    /// The first thing that is wrong with the settings.
    fn check(&self) -> Result<(), String> {
        if self
            .home_agency
            .as_deref()
            .is_some_and(|id| !name::is_id(id))
        {
            return Err("`home_agency` must be 4 digits".to_owned());
        }
        self.states.check()?;
        self.sites.check("AGENCY")
    }
}

impl Iag {
    /// An adapter with these settings (see `README.md`).
    ///
    /// # Errors
    /// `Config` when the settings are not understood.
    pub fn new(settings: &Value) -> Result<Self> {
        let config =
            |message: String| Error::new(ErrorKind::Config, "build", format!("iag: {message}"));
        let settings = match settings {
            Value::Null => Settings::default(),
            settings => {
                Settings::deserialize(settings).map_err(|error| config(error.to_string()))?
            }
        };
        settings.check().map_err(config)?;
        Ok(Self {
            info: Info {
                id: ENTRY.id,
                version: "1",
                family: ENTRY.family,
                capabilities: CAPABILITIES,
            },
            settings,
        })
    }

    /// Why a file of this name is not opened, if it is not.
    fn refuse(&self, name: &FileName) -> Option<&'static str> {
        let home = self.settings.home_agency.as_deref();
        let ours = home.is_none() || name.to.is_none() || home == name.to.as_deref();
        name.kind
            .refusal()
            .or_else(|| (!ours).then_some("for another agency"))
    }

    fn read(&self, name: &FileName, mut file: Watched<'_>, sink: Sink<'_>) -> Result<Code, Stop> {
        let bad = |field, rule| Stop::File(Rejection::new(None, field, rule), Code::BadFile);
        let max_bytes = self.settings.max_bytes;
        if !name.zipped {
            file.rewind().map_err(|_| bad("file", "not readable"))?;
            return parse::read(&mut file, max_bytes, name, &self.settings, sink);
        }
        archive::open(file, &|entry| name.holds(entry), max_bytes, |entry| {
            parse::read(entry.data, entry.cap, name, &self.settings, sink)
        })
        .unwrap_or_else(|rule| Err(bad("archive", rule)))
    }

    fn verdict(&self, name: &FileName, disposition: Disposition, code: Code) -> Verdict {
        let home = self.settings.home_agency.as_deref();
        Verdict {
            disposition,
            acknowledgement: ack::acknowledge(name, home, code),
            partial_acknowledgement: ack::acknowledge(name, home, Code::DetailErrors),
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for Iag {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn search(&self, _ctx: &Context, _permit: &Permit) -> Result<Page> {
        unsupported("search")
    }

    async fn poll(&self, _ctx: &Context, _permit: &IngestPermit, _since: &Cursor) -> Result<Batch> {
        unsupported("poll")
    }

    fn decode(&self, _message: &Message) -> Result<Decoded> {
        unsupported("decode")
    }

    fn decode_file(
        &self,
        name: &str,
        file: &mut dyn ReadSeek,
        sink: &mut dyn FnMut(Item) -> Result<()>,
    ) -> Result<Verdict> {
        let rejected = |rule| Disposition::Rejected(Rejection::new(None, "file name", rule));
        let name = match FileName::parse(name) {
            Ok(name) => name,
            Err(rule) => {
                return Ok(Verdict {
                    disposition: rejected(rule),
                    acknowledgement: None,
                    partial_acknowledgement: None,
                });
            }
        };
        if let Some(rule) = self.refuse(&name) {
            return Ok(self.verdict(&name, rejected(rule), Code::BadFile));
        }
        let watch = Watch::default();
        let outcome = self.read(&name, Watched::new(file, &watch), sink);
        match outcome {
            Err(Stop::Sink(error)) => Err(error),
            _ if watch.failed().is_some() => Err(Error::new(
                ErrorKind::Unavailable,
                "decode_file",
                "the file cannot be read",
            )),
            Err(Stop::File(rejection, code)) => {
                Ok(self.verdict(&name, Disposition::Rejected(rejection), code))
            }
            Ok(code) => Ok(self.verdict(&name, Disposition::Accepted, code)),
        }
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
