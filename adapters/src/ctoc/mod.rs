//! CTOC: the comma-separated files of toll operators in California and the west. See `README.md` beside this file.
//!
//! In scope: transactions by plate (`pbp`), corrections (`cor`), and the acknowledgement files they are answered with.
//! Deliberately absent: tag transactions, account lists and reconciliations, which are no sightings, and the way in.

mod ack;
mod name;
mod parse;
mod record;
#[cfg(test)]
mod tests;
mod wire;

use std::io::SeekFrom;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::{Family, ImageRef},
};

use self::{ack::Code, name::FileName, parse::Stop};
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Disposition, Image, Info, Item, Message,
        Page, ReadSeek, Rejection, Subscription, Verdict, unsupported,
    },
    context::Context,
    error::{Error, ErrorKind, Result},
    registry::{Entry, Evidence, Sample},
    toll::{sites::Sites, states::States},
    watched::{Watch, Watched},
};

/// The one revision whose layout is known.
const REVISION: &str = "REV A2.1.1";

const ACCOUNT_LIST: &str = "account list: not a sighting";
const TAG_TRANSACTIONS: &str = "tag transactions: no plate in them";
const RECONCILIATION: &str = "reconciliation: not a sighting";
const ACKNOWLEDGEMENT: &str = "acknowledgement: not a sighting";

const CAPABILITIES: Capabilities = Capabilities {
    file: true,
    ..Capabilities::NONE
};

/// The adapter's line in the registry.
pub const ENTRY: Entry = Entry {
    id: "ctoc",
    title: "CTOC toll operators of California and the west",
    family: Family::Toll,
    capabilities: CAPABILITIES,
    transport: "CSV files with header and trailer",
    evidence: Evidence::ClientCode,
    cannot_give: "country (the settings name it), confidence, position (a table of plazas gives it), direction, vehicle, images",
    example: "# The country of a two-letter state; without it nothing is known of who issued a plate.\ncountry = \"US\"\n\n\
              # Where plazas are, by agency and plaza.\n[sites.\"QA/BN01\"]\nlat = 41.5234\nlon = -81.25\n",
    samples: &[Sample {
        name: "qaqb_20260304T051500.pbp",
        content_type: "text/csv",
        topic: None,
        example: None,
        bytes: include_bytes!("fixtures/qaqb_20260304T051500.pbp"),
    }],
    secrets: &[],
    optional_secrets: &[],
    hosts: |_| Ok(Vec::new()),
    saved_answer: None,
    build: |settings| Ok(Box::new(Ctoc::new(settings)?)),
};

/// Reads CTOC files.
#[derive(Debug)]
pub struct Ctoc {
    info: Info,
    settings: Settings,
}

/// The `settings` table of a source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Largest file, in bytes.
    max_bytes: u64,
    /// Our agency; files for another one are then refused.
    home_agency: Option<String>,
    /// The country of a state, which the format does not name.
    country: Option<Country>,
    /// Who issues plates of a state, for codes that are not of that country.
    states: States,
    /// Positions, by `AGENCY/PLAZA` or `AGENCY/PLAZA/LANE`.
    sites: Sites,
}

/// The countries whose states have codes that do not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Country {
    #[serde(rename = "US")]
    UnitedStates,
    #[serde(rename = "CA")]
    Canada,
}

impl Country {
    fn as_str(self) -> &'static str {
        match self {
            Self::UnitedStates => "US",
            Self::Canada => "CA",
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_bytes: 2 << 30,
            home_agency: None,
            country: None,
            states: States::default(),
            sites: Sites::default(),
        }
    }
}

impl Settings {
    /// The first thing that is wrong with the settings.
    fn check(&self) -> Result<(), String> {
        let home = self.home_agency.as_deref();
        if home.is_some_and(|id| !name::is_agency(id)) {
            return Err("`home_agency` must be 2 letters".to_owned());
        }
        self.states.check()?;
        self.sites.check("AGENCY")
    }
}

impl Ctoc {
    /// An adapter with these settings (see `README.md`).
    ///
    /// # Errors
    /// `Config` when the settings are not understood.
    pub fn new(settings: &Value) -> Result<Self> {
        let config =
            |message: String| Error::new(ErrorKind::Config, "build", format!("ctoc: {message}"));
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
        let ours = home.is_none_or(|home| home.eq_ignore_ascii_case(&name.to));
        name.kind
            .refusal()
            .or_else(|| (!ours).then_some("for another agency"))
    }
}

fn verdict(name: &FileName, created: &str, disposition: Disposition, code: Code) -> Verdict {
    Verdict {
        disposition,
        acknowledgement: Some(ack::acknowledge(name, created, code)),
        partial_acknowledgement: Some(ack::acknowledge(name, created, Code::Detail)),
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for Ctoc {
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
        let unreadable = || {
            let message = "the file cannot be read";
            Error::new(ErrorKind::Unavailable, "decode_file", message)
        };
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
            return Ok(verdict(&name, "", rejected(rule), Code::BadFile));
        }
        file.seek(SeekFrom::Start(0)).map_err(|_| unreadable())?;
        let (watch, mut created) = (Watch::default(), String::new());
        let mut watched = Watched::new(file, &watch);
        match parse::read(&mut watched, &name, &self.settings, &mut created, sink) {
            Err(Stop::Sink(error)) => Err(error),
            _ if watch.failed().is_some() => Err(unreadable()),
            Err(Stop::File(rejection, code)) => {
                let disposition = Disposition::Rejected(rejection);
                Ok(verdict(&name, &created, disposition, code))
            }
            Ok(code) => Ok(verdict(&name, &created, Disposition::Accepted, code)),
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
