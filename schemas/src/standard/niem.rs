//! An answer as one XML message in the elements of NIEM 6.0: the profile of `schemas/niem/`, which is ours.
//!
//! In scope: writing. What the agreement did not release is not in an answer, and so cannot be written. Deliberately absent: a
//! claim to a published message specification; `extra` and `quality`, which have no common meaning; reading (the adapter `niem`
//! reads whatever message a partner built).

use std::io;

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event},
};

use crate::{
    api::{Answer, SourceReport},
    plate::Jurisdiction,
    read::{Attribute, Confidence, Observation, PlateRead, ReadKind},
};

/// The namespace of what NIEM has no element for.
pub const NAMESPACE: &str = "urn:turnpike:niem:plate-reads:1";

/// The prefixes of a message, with what each stands for.
const NAMESPACES: [(&str, &str); 5] = [
    ("xmlns:tp", NAMESPACE),
    (
        "xmlns:scr",
        "https://docs.oasis-open.org/niemopen/ns/model/domains/screening/6.0/",
    ),
    (
        "xmlns:j",
        "https://docs.oasis-open.org/niemopen/ns/model/domains/justice/6.0/",
    ),
    (
        "xmlns:nc",
        "https://docs.oasis-open.org/niemopen/ns/model/niem-core/6.0/",
    ),
    (
        "xmlns:cbrn",
        "https://docs.oasis-open.org/niemopen/ns/model/domains/cbrn/6.0/",
    ),
];

/// The states of `usps:USStateCodeSimpleType` in NIEM 6.0.
pub const STATES: [&str; 62] = [
    "AA", "AE", "AK", "AL", "AP", "AR", "AS", "AZ", "CA", "CO", "CT", "DC", "DE", "FL", "FM", "GA",
    "GU", "HI", "IA", "ID", "IL", "IN", "KS", "KY", "LA", "MA", "MD", "ME", "MH", "MI", "MN", "MO",
    "MP", "MS", "MT", "NC", "ND", "NE", "NH", "NJ", "NM", "NV", "NY", "OH", "OK", "OR", "PA", "PR",
    "PW", "RI", "SC", "SD", "TN", "TX", "UT", "VA", "VI", "VT", "WA", "WI", "WV", "WY",
];

/// The message of an answer.
///
/// # Errors
/// Never in practice: it is written to memory.
pub fn message(answer: &Answer) -> io::Result<Vec<u8>> {
    let mut message = Message(Writer::new_with_indent(Vec::new(), b' ', 2));
    let declaration = BytesDecl::new("1.0", Some("UTF-8"), None);
    message.0.write_event(Event::Decl(declaration))?;
    let root = BytesStart::new("tp:PlateReads").with_attributes(NAMESPACES);
    message.0.write_event(Event::Start(root))?;
    message.text("tp:QueryID", &answer.query.to_string())?;
    message.text("tp:CompletenessCode", answer.completeness.as_str())?;
    message.text("tp:WindowBeginDateTime", &answer.window.from().to_string())?;
    message.text("tp:WindowEndDateTime", &answer.window.to().to_string())?;
    for report in &answer.sources {
        message.report(report)?;
    }
    for read in &answer.reads {
        message.within("tp:PlateRead", |message| message.read(read))?;
    }
    message.end("tp:PlateReads")?;
    let mut bytes = message.0.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

struct Message(Writer<Vec<u8>>);

impl Message {
    fn within(
        &mut self,
        name: &str,
        content: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        self.0.write_event(Event::Start(BytesStart::new(name)))?;
        content(self)?;
        self.end(name)
    }

    fn end(&mut self, name: &str) -> io::Result<()> {
        self.0.write_event(Event::End(BytesEnd::new(name)))
    }

    fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        let text = legal(text);
        let element = self.0.create_element(name);
        element.write_text_content(BytesText::new(&text)).map(drop)
    }

    fn optional(&mut self, name: &str, text: Option<&str>) -> io::Result<()> {
        text.map_or(Ok(()), |text| self.text(name, text))
    }

    fn confidence(&mut self, name: &str, confidence: Option<Confidence>) -> io::Result<()> {
        confidence.map_or(Ok(()), |confidence| {
            self.text(name, &decimal(confidence.get()))
        })
    }

    fn report(&mut self, report: &SourceReport) -> io::Result<()> {
        self.within("tp:SourceReport", |message| {
            message.text("tp:SourceID", report.source.as_str())?;
            message.text("tp:OutcomeCode", report.outcome.word())?;
            let reads = report.outcome.reads();
            message.text("tp:ReadCountValue", &reads.to_string())
        })
    }

    /// The elements of the NIEM type first, in its order, and then those of the extension, in theirs.
    fn read(&mut self, read: &PlateRead) -> io::Result<()> {
        let observation = &read.observation;
        for image in &observation.images {
            self.within("nc:Image", |message| {
                message.text("nc:BinaryURI", &image.reference)
            })?;
        }
        self.plate(observation)?;
        if let (Some(lat), Some(lon)) = (observation.place.lat, observation.place.lon) {
            self.position(lat, lon)?;
        }
        let at = observation.captured_at.to_string();
        self.text("cbrn:SystemEventDateTime", &at)?;
        self.record(read)?;
        self.described(observation)
    }

    fn plate(&mut self, observation: &Observation) -> io::Result<()> {
        let plate = &observation.plate;
        self.within("j:ConveyanceRegistration", |message| {
            message.within("j:ConveyanceRegistrationPlateIdentification", |message| {
                message.text("nc:IdentificationID", plate.plate.expose())?;
                let Some(issuer) = &plate.jurisdiction else {
                    return Ok(());
                };
                message.within("nc:IdentificationJurisdiction", |message| {
                    message.text("nc:JurisdictionText", issuer.as_str())
                })
            })
        })
    }

    fn position(&mut self, lat: f64, lon: f64) -> io::Result<()> {
        self.within("nc:Location2DGeospatialCoordinate", |message| {
            message.within("nc:GeographicCoordinateLatitude", |message| {
                message.text("nc:LatitudeDegreeValue", &decimal(lat))
            })?;
            message.within("nc:GeographicCoordinateLongitude", |message| {
                message.text("nc:LongitudeDegreeValue", &decimal(lon))
            })
        })
    }

    fn record(&mut self, read: &PlateRead) -> io::Result<()> {
        let observation = &read.observation;
        let kind = match observation.kind {
            ReadKind::Read => "read",
            ReadKind::Session => "session",
            ReadKind::Right => "right",
        };
        self.text("tp:SourceID", read.source.as_str())?;
        self.text("tp:ReadID", read.id.as_str())?;
        self.text("tp:SourceRecordID", &observation.record)?;
        self.text("tp:RevisionNumber", &observation.revision.to_string())?;
        self.text("tp:ReadCategoryCode", kind)?;
        let retracted = observation.retracted.to_string();
        self.text("tp:RetractedIndicator", &retracted)?;
        self.text("tp:ReceivedDateTime", &read.received_at.to_string())?;
        self.optional("tp:AgreementID", read.provenance.agreement.as_deref())
    }

    fn described(&mut self, observation: &Observation) -> io::Result<()> {
        let (plate, place) = (&observation.plate, &observation.place);
        let offset = observation.captured_offset_s.map(|s| s.to_string());
        self.optional("tp:CaptureOffsetSecondsValue", offset.as_deref())?;
        let state = plate.jurisdiction.as_ref().and_then(state);
        self.optional("tp:IssuerStateCode", state)?;
        self.confidence("tp:IssuerConfidenceValue", plate.jurisdiction_confidence)?;
        let raw = Some(plate.plate.expose_raw()).filter(|raw| *raw != plate.plate.expose());
        self.optional("tp:PlateRawText", raw)?;
        self.confidence("tp:PlateConfidenceValue", plate.confidence)?;
        for candidate in &plate.candidates {
            self.within("tp:PlateCandidate", |message| {
                message.text("tp:CandidatePlateText", candidate.plate.expose())?;
                message.confidence("tp:CandidateConfidenceValue", candidate.confidence)
            })?;
        }
        self.optional("tp:SiteText", place.site.as_deref())?;
        self.optional("tp:CameraText", place.camera.as_deref())?;
        self.optional("tp:LaneText", place.lane.as_deref())?;
        let bearing = place.bearing_deg.map(decimal);
        self.optional("tp:BearingDegreeValue", bearing.as_deref())?;
        let vehicle = &observation.vehicle;
        for (name, attribute) in [
            ("tp:VehicleMakeText", &vehicle.make),
            ("tp:VehicleModelText", &vehicle.model),
            ("tp:VehicleColorText", &vehicle.colour),
            ("tp:VehicleClassText", &vehicle.class),
        ] {
            let value = attribute.as_ref().map(|Attribute { value, .. }| &**value);
            self.optional(name, value)?;
        }
        Ok(())
    }
}

/// The state of a plate issued in the United States, where it is one of the list.
fn state(issuer: &Jurisdiction) -> Option<&str> {
    let state = issuer.as_str().strip_prefix("US-")?;
    STATES.contains(&state).then_some(state)
}

/// A number without an exponent, which `xs:decimal` does not have.
fn decimal(number: f64) -> String {
    format!("{number}")
}

/// The text with what XML 1.0 cannot hold replaced.
fn legal(text: &str) -> String {
    let legal = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let replaced = |c| if legal(c) { c } else { '\u{fffd}' };
    text.chars().map(replaced).collect()
}
