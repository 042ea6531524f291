//! NIOP: the XML files that US toll hubs exchange. See `README.md` beside this file.
//!
//! In scope: transactions by plate (`STRAN`) and their corrections (`SCORR`), and the acknowledgement files they are
//! answered with. Deliberately absent: tag transactions, account lists and reconciliations, which are no sightings.

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
    ack::{Code, Receiver},
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
    toll::{archive, sites::Sites},
    watched::{Watch, Watched},
};

const ACCOUNT_LIST: &str = "account list: not a sighting";
const RECONCILIATION: &str = "reconciliation: not a sighting";
const ACKNOWLEDGEMENT: &str = "acknowledgement: not a sighting";
const PIECE_TOO_LARGE: &str = "one tag or text is larger than allowed";
const NOT_UTC: &str = "not a time in UTC";

const CAPABILITIES: Capabilities = Capabilities {
    file: true,
    ..Capabilities::NONE
};

/// The adapter's line in the registry.
pub const ENTRY: Entry = Entry {
    id: "niop",
    title: "NIOP toll interoperability files",
    family: Family::Toll,
    capabilities: CAPABILITIES,
    transport: "ZIP files with XML",
    evidence: Evidence::Specification,
    cannot_give: "confidence, position (a table of plazas gives it), direction, vehicle, images",
    example: "# No settings are needed; the drop folder is named in the source's own table.\n",
    samples: &[Sample {
        name: "9999_0901_0902_20260304131500.STRAN",
        content_type: "application/xml",
        topic: None,
        example: None,
        bytes: include_bytes!("fixtures/9999_0901_0902_20260304131500.STRAN"),
    }],
    secrets: &[],
    optional_secrets: &[],
    hosts: |_| Ok(Vec::new()),
    saved_answer: None,
    build: |settings| Ok(Box::new(Niop::new(settings)?)),
};

/// Reads NIOP files.
#[derive(Debug)]
pub struct Niop {
    info: Info,
    settings: Settings,
}

/// The `settings` table of a source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Largest data file, in bytes, once out of its archive.
    max_bytes: u64,
    /// What the transaction inside a correction says.
    correction_detail: CorrectionDetail,
    /// Whether the way in of a closed system is a second read.
    entry_reads: bool,
    /// Our hub, for acknowledgements; otherwise the hub in the file name.
    hub: Option<String>,
    /// Our agency, for acknowledgements; files for another one are then refused.
    home_agency: Option<String>,
    /// Positions, by `FACILITY/PLAZA` or `FACILITY/PLAZA/LANE`.
    sites: Sites,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CorrectionDetail {
    /// What is right now.
    NewState,
    /// What was wrong before: the right values are then not in the file.
    OldState,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_bytes: 2 << 30,
            correction_detail: CorrectionDetail::NewState,
            entry_reads: false,
            hub: None,
            home_agency: None,
            sites: Sites::default(),
        }
    }
}

impl Settings {
    /// The first thing that is wrong with the settings.
    fn check(&self) -> Result<(), String> {
        for (name, id) in [("hub", &self.hub), ("home_agency", &self.home_agency)] {
            if id.as_deref().is_some_and(|id| !name::is_id(id)) {
                return Err(format!("`{name}` must be 4 digits"));
            }
        }
        self.sites.check("FACILITY")
    }
}

impl Niop {
    /// An adapter with these settings (see `README.md`).
    ///
    /// # Errors
    /// `Config` when the settings are not understood.
    pub fn new(settings: &Value) -> Result<Self> {
        let config =
            |message: String| Error::new(ErrorKind::Config, "build", format!("niop: {message}"));
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
        let max_bytes = self.settings.max_bytes;
        if !name.zipped {
            file.rewind()
                .map_err(|_| Stop::File(Rejection::new(None, "", "not readable"), Code::BadFile))?;
            return parse::read(&mut file, max_bytes, name, &self.settings, sink);
        }
        archive::open(file, &|entry| name.holds(entry), max_bytes, |entry| {
            parse::read(entry.data, entry.cap, name, &self.settings, sink)
        })
        .unwrap_or_else(|rule| {
            Err(Stop::File(
                Rejection::new(None, "archive", rule),
                Code::BadFile,
            ))
        })
    }

    fn verdict(&self, name: &FileName, disposition: Disposition, code: Code) -> Verdict {
        let receiver = Receiver {
            hub: self.settings.hub.as_deref(),
            agency: self.settings.home_agency.as_deref(),
        };
        Verdict {
            disposition,
            acknowledgement: ack::acknowledge(name, receiver, code),
            partial_acknowledgement: ack::acknowledge(name, receiver, Code::DetailErrors),
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Adapter for Niop {
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
        let rejected = |field: &str, rule| Disposition::Rejected(Rejection::new(None, field, rule));
        let name = match FileName::parse(name) {
            Ok(name) => name,
            Err(rule) => {
                return Ok(Verdict {
                    disposition: rejected("file name", rule),
                    acknowledgement: None,
                    partial_acknowledgement: None,
                });
            }
        };
        if let Some(rule) = self.refuse(&name) {
            return Ok(self.verdict(&name, rejected("file name", rule), Code::BadFile));
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
