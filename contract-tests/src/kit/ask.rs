//! Questions, and the permits an invented agreement gives for them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use turnpike_schemas::agreement::{
    Agreement, AgreementDocument, ImagePermit, IngestPermit, Organisation, OrganisationClass,
    Permit, Requester, Role,
};
use turnpike_schemas::plate::{Jurisdiction, Plate, PlatePattern};
use turnpike_schemas::query::{AskedPlate, CaseRef, OnBehalfOf, Purpose, Query, TimeWindow};

use super::say;

/// Subject and organisation of whoever asks. Neither is ever told to a source.
pub const REQUESTER: (&str, &str) = ("ines.moreau", "brookdale-pd");

/// The case every question is asked for.
pub(super) const CASE: &str = "BRK-2026-000042";

/// The purpose every question is asked for, as written.
pub(super) const PURPOSE: &str = "stolen_vehicle";

/// One question and the terms it is asked under.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The plate; with `?` it is a partial one.
    pub plate: String,
    /// Whether look-alikes count.
    pub look_alike: bool,
    /// From when, included.
    pub from: Timestamp,
    /// To when, excluded.
    pub to: Timestamp,
    /// Most reads the agreement grants.
    pub max_reads: u32,
    /// What the agreement lets the source know, besides plate and window.
    pub disclose: &'static [&'static str],
    /// The moment of the decision.
    pub now: Timestamp,
}

impl Ask {
    /// A permit for the question.
    ///
    /// # Errors
    /// The question cannot be built or the agreement refuses it.
    pub fn permit(&self) -> Result<Permit, String> {
        let (agreement, query) = (self.agreement()?, self.query()?);
        agreement
            .permit(&requester()?, &query, self.now)
            .map_err(|refusal| format!("{refusal:?}"))
    }

    /// A permit for the images of its answer.
    ///
    /// # Errors
    /// As [`Ask::permit`].
    pub fn image_permit(&self) -> Result<ImagePermit, String> {
        let (agreement, query) = (self.agreement()?, self.query()?);
        agreement
            .image_permit(&requester()?, &query, self.now)
            .map_err(|refusal| format!("{refusal:?}"))
    }

    /// A permit to take reads in.
    ///
    /// # Errors
    /// The agreement refuses.
    pub fn ingest_permit(&self) -> Result<IngestPermit, String> {
        self.agreement()?
            .ingest_permit(self.now)
            .map_err(|refusal| format!("{refusal:?}"))
    }

    fn query(&self) -> Result<Query, String> {
        let plate = if self.plate.contains('?') {
            AskedPlate::Partial(PlatePattern::parse(&self.plate).map_err(say)?)
        } else if self.look_alike {
            AskedPlate::LookAlike(Plate::parse(&self.plate).map_err(say)?)
        } else {
            AskedPlate::Exact(Plate::parse(&self.plate).map_err(say)?)
        };
        let window = TimeWindow::new(self.from, self.to).map_err(say)?;
        let case = CaseRef::parse(CASE).map_err(say)?;
        Query::new(plate, window, Purpose::StolenVehicle, case, OnBehalfOf::Own).map_err(say)
    }

    fn agreement(&self) -> Result<Agreement, String> {
        let document: AgreementDocument = toml::from_str(&self.document()).map_err(say)?;
        document
            .validate()
            .map_err(|problems| format!("{problems:?}"))
    }

    fn document(&self) -> String {
        format!(
            r#"# Invented. Not legal advice.
id = "bench"
version = 1
source = "bench"
provider = "An invented source owner"
legal_basis = "invented data sharing agreement for a simulated town"
contact = "nobody.example"
signed_by = ["owner.example"]
status = "active"
effective_from = "2020-01-01T00:00:00Z"
effective_until = "2100-01-01T00:00:00Z"
review_due = "2100-01-01T00:00:00Z"
actions = ["query", "image", "ingest"]

[who]
organisation_classes = ["state_local"]
jurisdictions = ["US-OH"]
roles = ["investigator"]
on_behalf_of = "refuse"
organisations = ["*"]
requires = {{ sworn = false, training = false, assurance = "aal1" }}

[why]
purposes = ["{PURPOSE}"]
prohibited = ["immigration_enforcement"]

[case]
patterns = ["*"]
register = "ignore"

[where]
within = ["*"]
excluded = []
position_decimals = 6

[how_much]
user_per_hour = 1000000
organisation_per_day = 1000000

[conditions]
declaration = "nobody"
warrant = "nobody"
urgent = "like_any"

[duties]
feed_hours = 24
delete_after_days = 365
onward_transfer = []
confirm_match = true

[how_far]
lookback_days = 90
supervisor_after_days = 36500
max_window_days = 31
excess = "refuse"

[plates]
look_alike = true
partial = {{ min_known = 5, max_window_days = 31 }}

[what]
fields = ["images"]
image_kinds = ["plate", "vehicle", "scene"]
confidence_floor_percent = 0
max_reads = {}

[upstream]
disclose = {:?}

[retention]
days = 30
"#,
            self.max_reads, self.disclose
        )
    }
}

fn requester() -> Result<Requester, String> {
    let (subject, organisation) = REQUESTER;
    Ok(Requester {
        subject: subject.to_owned(),
        organisation: Organisation {
            id: organisation.to_owned(),
            class: OrganisationClass::StateLocal,
            jurisdiction: Jurisdiction::parse("US-OH").map_err(say)?,
        },
        roles: BTreeSet::from([Role::Investigator]),
        on_behalf_of: None,
        attributes: turnpike_schemas::agreement::Attributes::default(),
    })
}
