//! A partner that sends messages and drops files, as it does now and as it did before.

use serde_json::{Value, json};

use super::{Dialect, Read, document};
use crate::kit::{Answer, BenchEntry, Gives, History, Sample, SimHandle, Versions, Via};
use crate::sim::dropped::{Dropped, file};
use crate::town::{Family, Passage};

pub(in crate::sim) const BENCH: BenchEntry = BenchEntry::plain(false, || {
    Box::pin(async { Ok(Box::new(partner(Dialect::Six)) as Box<dyn SimHandle>) })
});

pub(in crate::sim) const OLDER: BenchEntry = BenchEntry {
    variant: "older",
    contacted: false,
    start: || Box::pin(async { Ok(Box::new(partner(Dialect::Two)) as Box<dyn SimHandle>) }),
};

fn partner(dialect: Dialect) -> Dropped {
    let mut partner = Dropped::new(Family::Police, settings(dialect));
    let passages: Vec<Passage> = partner
        .town
        .passages(Family::Police)
        .filter(|passage| passage.text.is_some())
        .cloned()
        .collect();
    let messages = Messages {
        dialect,
        reads: passages.iter().map(Read::of).collect(),
    };
    partner.never_says = match dialect {
        Dialect::Six => &[
            "/plate/jurisdiction_confidence",
            "/place/lane",
            "/vehicle/make",
        ],
        Dialect::Two => &["/plate/confidence", "/place/site", "/vehicle/colour"],
    };
    partner.history = History {
        samples: messages.history(),
        passages,
    };
    partner.samples = messages.samples();
    partner.versions = match dialect {
        Dialect::Six => messages.versions(),
        Dialect::Two => Vec::new(),
    };
    partner
}

fn settings(dialect: Dialect) -> Value {
    match dialect {
        Dialect::Six => json!({
            "record": "PlateReadMessage",
            "namespaces": ["urn:example:brookdale:lpr:1"],
            "country": "US",
            "confidence_scale": "percent",
            "paths": {
                "record": "SourceRecordID", "revision": "Revision", "retracted": "Withdrawn", "site": "SiteName",
                "confidence": "ConfidencePercent",
            },
        }),
        Dialect::Two => json!({
            "record": "Read",
            "namespaces": ["urn:example:brookdale:lpr:0"],
            "country": "US",
            "paths": {
                "plate": "ConveyanceRegistrationPlateIdentification/IdentificationID",
                "jurisdiction": "StateCode",
                "captured_at": "ActivityDate/DateTime",
                "camera": "Camera", "site": "",
                "latitude_degrees": "Latitude", "latitude_minutes": "LatitudeMinutes", "latitude_seconds": "",
                "longitude_degrees": "Longitude", "longitude_minutes": "LongitudeMinutes", "longitude_seconds": "",
            },
        }),
    }
}

struct Messages {
    dialect: Dialect,
    reads: Vec<Read>,
}

impl Messages {
    fn history(&self) -> Vec<Sample> {
        let chunks = self.reads.chunks(40).enumerate();
        let sample = |(number, some): (usize, &[Read])| {
            let document = self.document(some);
            if number % 2 == 0 {
                message("a message", document, Gives::Reads(some.len()))
            } else {
                dropped("a file", document, Gives::Reads(some.len()))
            }
        };
        chunks.map(sample).collect()
    }

    fn document(&self, reads: &[Read]) -> String {
        let elements: String = reads
            .iter()
            .map(|read| read.element(self.dialect))
            .collect();
        document(self.dialect, &elements)
    }

    /// The first three reads, the first of them changed.
    fn first(&self, change: impl FnOnce(&mut Read)) -> String {
        let mut reads: Vec<Read> = self.reads.iter().take(3).cloned().collect();
        if let Some(read) = reads.first_mut() {
            change(read);
        }
        self.document(&reads)
    }

    fn samples(&self) -> Vec<Sample> {
        let plain = self.first(|_| {});
        let three = |what: &str, document| message(what, document, Gives::Reads(3));
        let declared = |encoding: &str| plain.replacen("UTF-8", encoding, 1);
        let prefixes = plain.replace("nc:", "niem:").replace(":nc=", ":niem=");
        let image = format!(
            "<nc:Image><nc:BinaryBase64Object>{}</nc:BinaryBase64Object></nc:Image>",
            "QUJD".repeat(700_000)
        );
        let mut samples = vec![
            three("three reads", plain.clone()),
            dropped("three reads in a file", plain.clone(), Gives::Reads(3)),
            three("other prefixes", prefixes),
            three("a picture of 2 MiB", self.first(|read| read.more = image)),
            three("declared as Latin", declared("ISO-8859-1")),
            Sample {
                bytes: utf16(&declared("UTF-16")),
                ..three("UTF-16", String::new())
            },
            three("no state", self.first(|read| read.state = None)),
            three(
                "nothing of the Gulf of Guinea",
                self.first(|read| {
                    read.position = [
                        ("0".to_owned(), "0".to_owned()),
                        ("0".to_owned(), "0".to_owned()),
                    ]
                }),
            ),
            three(
                "the hour that clocks show twice",
                self.first(|read| read.at = "2025-11-02T01:30:00-04:00".to_owned()),
            ),
            message(
                "a plate that was not read",
                self.first(|read| read.plate = Some("-".to_owned())),
                Gives::Reads(2),
            ),
            message(
                "nothing but a plate that was not read",
                document(self.dialect, &unread(&self.reads, self.dialect)),
                Gives::Nothing,
            ),
            Sample {
                personal: true,
                ..three(
                    "with people",
                    self.first(|read| *read = read.clone().with_people()),
                )
            },
        ];
        samples.extend(self.bad_records());
        samples.extend(bad_documents(&plain));
        samples
    }

    fn bad_records(&self) -> Vec<Sample> {
        let bad = |what: &str, document, field| message(what, document, Gives::OneBad(2, field));
        let at = match self.dialect {
            Dialect::Six => "SystemEventDateTime",
            Dialect::Two => "ActivityDate/DateTime",
        };
        let timed = |time: &str| self.first(|read| read.at = time.to_owned());
        let mut samples = vec![
            bad(
                "no plate element",
                self.first(|read| read.plate = None),
                "IdentificationID",
            ),
            bad(
                "a plate of no letter",
                self.first(|read| read.plate = Some("-.-".to_owned())),
                "IdentificationID",
            ),
            bad(
                "a plate that never ends",
                self.first(|read| read.plate = Some("T".repeat(9_000))),
                "IdentificationID",
            ),
            bad("no zone", timed("2026-03-04T07:15:30"), at),
            bad("no time", timed("1772608530"), at),
            bad("no such day", timed("2026-02-30T07:15:30Z"), at),
            bad(
                "75 minutes",
                self.first(|read| read.position[0].1 = "75".to_owned()),
                "Latitude",
            ),
            bad(
                "off the earth",
                self.first(|read| read.position[1].0 = "-181".to_owned()),
                "Longitude",
            ),
        ];
        if self.dialect == Dialect::Six {
            let sure = |text: &str| self.first(|read| read.confidence = Some(text.to_owned()));
            samples.push(bad("more than sure", sure("940"), "ConfidencePercent"));
            samples.push(bad(
                "twice the time",
                self.first(|read| {
                    read.more =
                        "<cbrn:SystemEventDateTime>2026-03-04T07:15:30Z</cbrn:SystemEventDateTime>"
                            .to_owned()
                }),
                at,
            ));
            samples.push(bad(
                "no identity",
                self.first(|read| read.record.clear()),
                "SourceRecordID",
            ));
        }
        samples
    }

    fn versions(&self) -> Vec<Versions> {
        let one = |what: &str, read: &Read| {
            let element = read.element(self.dialect);
            message(what, document(self.dialect, &element), Gives::Reads(1))
        };
        let of = |read: &Read| {
            let plate = Some("TPK9990".to_owned());
            let later = Read {
                revision: 1,
                plate,
                ..read.clone()
            };
            let gone = Read {
                revision: 2,
                retracted: true,
                ..later.clone()
            };
            let (first, second) = (one("a read", read), one("a correction", &later));
            [
                Versions {
                    earlier: first,
                    later: second.clone(),
                },
                Versions {
                    earlier: second,
                    later: one("a withdrawal", &gone),
                },
            ]
        };
        self.reads.iter().take(3).flat_map(of).collect()
    }
}

fn unread(reads: &[Read], dialect: Dialect) -> String {
    let unread = reads.iter().take(1).map(|read| Read {
        plate: Some("unknown".to_owned()),
        ..read.clone()
    });
    unread.map(|read| read.element(dialect)).collect()
}

fn bad_documents(plain: &str) -> Vec<Sample> {
    let refused = |what: &str, document: String| message(what, document, Gives::Refused);
    let doctype = |entities: &str| plain.replacen("?>", &format!("?><!DOCTYPE x [{entities}]>"), 1);
    let deep = format!("{}{}", "<a>".repeat(500), "</a>".repeat(500));
    let half = plain
        .get(..plain.len() * 2 / 3)
        .unwrap_or_default()
        .to_owned();
    vec![
        refused("a document type", doctype("")),
        refused(
            "entities that blow up",
            doctype("<!ENTITY l0 \"HA\"><!ENTITY l1 \"&l0;&l0;\">"),
        ),
        refused(
            "a local file",
            doctype("<!ENTITY x SYSTEM \"file:///etc/hostname\">"),
        ),
        refused("an entity of nowhere", plain.replacen("TP", "&tp;", 1)),
        refused("two documents", format!("{plain}{plain}")),
        refused("half a document", half),
        refused(
            "an encoding nobody has",
            plain.replacen("UTF-8", "EBCDIC-US", 1),
        ),
        refused("nested too deep", deep),
        refused(
            "a page of HTML",
            "<!DOCTYPE html><html><body>busy</body></html>".to_owned(),
        ),
        refused(
            "another page of HTML",
            "<html><body>busy</body></html>".to_owned(),
        ),
        refused("JSON", "{\"plate\": \"TPK0421\"}".to_owned()),
        dropped("half a file", plain.replacen("</", "<", 1), Gives::Refused),
    ]
}

fn message(what: &str, document: String, gives: Gives) -> Sample {
    Sample {
        content_type: "application/xml".to_owned(),
        ..Sample::new(what, Via::Message, document.into_bytes(), gives)
    }
}

fn dropped(what: &str, document: String, gives: Gives) -> Sample {
    file(
        what,
        "reads.xml",
        document.into_bytes(),
        (gives, Answer::None),
    )
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}
