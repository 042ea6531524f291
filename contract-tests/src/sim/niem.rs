//! A simulated partner that sends plate reads in NIEM elements. NIEM publishes no message for them, so each partner has one of
//! its own: this one had another before.

pub(super) mod bench;

use jiff::Timestamp;

use super::CANARY;
use crate::town::Passage;

/// How the partner writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Elements of NIEM 6.0 as its type for plate reads has them, and a few of the partner's own.
    Six,
    /// Elements of NIEM 2.0 in an envelope, without an identity of the record.
    Two,
}

/// One read. Every field can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The partner's identity of it.
    pub record: String,
    /// Rises with every correction.
    pub revision: u32,
    /// Whether it was withdrawn.
    pub retracted: bool,
    /// The plate, as it stands between the tags; `None` for no element at all.
    pub plate: Option<String>,
    /// The state, two letters.
    pub state: Option<String>,
    /// When, as it stands between the tags.
    pub at: String,
    /// Latitude and longitude: degrees, minutes.
    pub position: [(String, String); 2],
    /// The site.
    pub site: String,
    /// How sure, in percent.
    pub confidence: Option<String>,
    /// More elements.
    pub more: String,
}

const IMAGE: &str = "iVBORw0KGgo=";

impl Read {
    /// The read of a passage whose plate was read.
    #[must_use]
    pub fn of(passage: &Passage) -> Self {
        Self {
            record: format!("brk-{}", passage.id),
            revision: 0,
            retracted: false,
            plate: passage.text.clone(),
            state: passage.state.map(|state| state.code().to_owned()),
            at: utc(passage.at),
            position: [passage.site.latitude, passage.site.longitude].map(parts),
            site: passage.site.name.clone(),
            confidence: Some(format!("{:.1}", passage.confidence_percent())),
            more: String::new(),
        }
    }

    /// With people in every place that NIEM has for them.
    #[must_use]
    pub fn with_people(mut self) -> Self {
        self.more = format!(
            "<nc:Incident><nc:ActivityDescriptionText>{CANARY}</nc:ActivityDescriptionText></nc:Incident>\
             <nc:Image><nc:BinaryBase64Object>{IMAGE}</nc:BinaryBase64Object><nc:BinaryCapturer><nc:EntityPerson>\
             <nc:PersonFullName>{CANARY}</nc:PersonFullName></nc:EntityPerson></nc:BinaryCapturer></nc:Image>\
             <nc:Vehicle><nc:VehicleIdentification><nc:IdentificationID>{CANARY}</nc:IdentificationID>\
             </nc:VehicleIdentification></nc:Vehicle><bk:OfficerName>{CANARY}</bk:OfficerName>"
        );
        self
    }

    /// The element.
    #[must_use]
    pub fn element(&self, dialect: Dialect) -> String {
        match dialect {
            Dialect::Six => self.six(),
            Dialect::Two => self.two(),
        }
    }

    fn six(&self) -> String {
        let optional = |text: &Option<String>, before: &str, after: &str| {
            let text = text.as_ref();
            text.map_or_else(String::new, |text| format!("{before}{text}{after}"))
        };
        let plate = optional(
            &self.plate,
            "<nc:IdentificationID>",
            "</nc:IdentificationID>",
        );
        let state = optional(
            &self.state,
            "<nc:IdentificationJurisdiction><nc:JurisdictionText>",
            "</nc:JurisdictionText></nc:IdentificationJurisdiction>",
        );
        let confidence = optional(
            &self.confidence,
            "<bk:ConfidencePercent>",
            "</bk:ConfidencePercent>",
        );
        let [lat, lon] = &self.position;
        format!(
            "<bk:PlateReadMessage>{more}<j:ConveyanceRegistration>\
             <j:RegistrationHolder><nc:EntityPerson><nc:PersonFullName>{CANARY}</nc:PersonFullName></nc:EntityPerson></j:RegistrationHolder>\
             <j:ConveyanceRegistrationPlateIdentification>{plate}{state}</j:ConveyanceRegistrationPlateIdentification>\
             </j:ConveyanceRegistration>\
             <nc:Location2DGeospatialCoordinate>\
             <nc:GeographicCoordinateLatitude><nc:LatitudeDegreeValue>{}</nc:LatitudeDegreeValue>\
             <nc:LatitudeMinuteValue>{}</nc:LatitudeMinuteValue></nc:GeographicCoordinateLatitude>\
             <nc:GeographicCoordinateLongitude><nc:LongitudeDegreeValue>{}</nc:LongitudeDegreeValue>\
             <nc:LongitudeMinuteValue>{}</nc:LongitudeMinuteValue></nc:GeographicCoordinateLongitude>\
             </nc:Location2DGeospatialCoordinate>\
             <cbrn:SystemEventDateTime>{at}</cbrn:SystemEventDateTime>\
             <bk:SourceRecordID>{record}</bk:SourceRecordID><bk:Revision>{revision}</bk:Revision>\
             <bk:Withdrawn>{retracted}</bk:Withdrawn><bk:SiteName>{site}</bk:SiteName>{confidence}</bk:PlateReadMessage>\n",
            lat.0,
            lat.1,
            lon.0,
            lon.1,
            more = self.more,
            at = self.at,
            record = self.record,
            revision = self.revision,
            retracted = self.retracted,
            site = self.site,
        )
    }

    fn two(&self) -> String {
        let plate = self.plate.as_ref().map_or_else(String::new, |text| {
            format!(
                "<nc:ConveyanceRegistrationPlateIdentification><nc:IdentificationID>{text}</nc:IdentificationID>\
                 <nc:IdentificationPerson><nc:PersonFullName>{CANARY}</nc:PersonFullName></nc:IdentificationPerson>\
                 </nc:ConveyanceRegistrationPlateIdentification>"
            )
        });
        let state = self.state.as_ref().map_or_else(String::new, |state| {
            format!("<StateCode>{state}</StateCode>")
        });
        let [lat, lon] = &self.position;
        format!(
            "<Read>{plate}{state}<nc:ActivityDate><nc:DateTime>{}</nc:DateTime></nc:ActivityDate><Camera>{}</Camera>\
             <Latitude>{}</Latitude><LatitudeMinutes>{}</LatitudeMinutes>\
             <Longitude>{}</Longitude><LongitudeMinutes>{}</LongitudeMinutes>{}</Read>\n",
            self.at, self.site, lat.0, lat.1, lon.0, lon.1, self.more,
        )
    }
}

/// A document with these elements in it. Nothing follows its root.
#[must_use]
pub fn document(dialect: Dialect, elements: &str) -> String {
    match dialect {
        Dialect::Six => format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <bk:PlateReads xmlns:bk=\"urn:example:brookdale:lpr:1\" \
             xmlns:nc=\"https://docs.oasis-open.org/niemopen/ns/model/niem-core/6.0/\" \
             xmlns:j=\"https://docs.oasis-open.org/niemopen/ns/model/domains/justice/6.0/\" \
             xmlns:cbrn=\"https://docs.oasis-open.org/niemopen/ns/model/domains/cbrn/6.0/\">\n{elements}</bk:PlateReads>"
        ),
        Dialect::Two => format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Envelope xmlns=\"http://www.w3.org/2003/05/soap-envelope\"><Body>\
             <LPR xmlns=\"urn:example:brookdale:lpr:0\" xmlns:bk=\"urn:example:brookdale:lpr:0\" \
             xmlns:nc=\"http://niem.gov/niem/niem-core/2.0\">\n{elements}</LPR></Body></Envelope>"
        ),
    }
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_string()
}

/// Whole degrees with their sign, and minutes without one.
fn parts(degrees: f64) -> (String, String) {
    let (size, sign) = (degrees.abs(), if degrees < 0.0 { "-" } else { "" });
    let minutes = size.fract() * 60.0;
    (
        format!("{sign}{:.0}", size.trunc()),
        format!("{minutes:.4}"),
    )
}
