//! Four ways to be a plain source: asked in JSON, asked in XML, pushing JSON, dropping CSV.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::bodies::{csv_file, json_answer, xml_answer};
use super::rows::{Odd, Row};
use super::vendor::{CLIENT_ID, CLIENT_SECRET, Dialect, Vendor};
use crate::fault::FaultProxy;
use crate::kit::{
    Asked, Behaviour, BenchEntry, Gives, History, Outcome, Sample, SimHandle, Starting, Versions,
    Via, say,
};
use crate::sim::small_town;
use crate::town::{Family, Passage, Town};

pub(in crate::sim) const BENCHES: &[BenchEntry] = &[
    BenchEntry {
        variant: "rest",
        contacted: true,
        start: || start(Way::Rest),
    },
    BenchEntry {
        variant: "rest-xml",
        contacted: true,
        start: || start(Way::RestXml),
    },
    BenchEntry {
        variant: "webhook",
        contacted: false,
        start: || start(Way::Webhook),
    },
    BenchEntry {
        variant: "csv",
        contacted: false,
        start: || start(Way::Csv),
    },
];

/// Rows on a page: few, so that every search has pages.
const PAGE_SIZE: u32 = 3;

const REST_XML: &str = r#"
mapping = 1
title = "Brookdale gates, XML"
family = "parking"
format = "xml"

[request]
path = "/lookup"
query = { plate = "{plate}", since = "{from}", until = "{to}", size = "{limit}", page = "{page}" }
newest_first = true

[paging]
kind = "page"
total = "answer/total"

[records]
at = "answer/sightings/sighting"

[fields]
record = "@id"
revision = "revision"
retracted = { at = "retracted", equals = ["true"] }
plate.text = "plate"
plate.jurisdiction = { at = "state", country = "US" }
plate.confidence = { at = "score", scale = 100 }
captured_at = { at = "seen_utc", time = "rfc3339" }
place.lat = "lat"
place.lon = "lon"
place.camera = "camera"
images.scene = "photo"
"#;

const WEBHOOK: &str = r#"
mapping = 1
title = "Brookdale gates, pushed"
family = "parking"
format = "json"

[webhook]

[records]
skip = [{ at = "/kind", equals = ["heartbeat"] }]

[fields]
record = "/sighting_id"
revision = "/revision"
retracted = { at = "/retracted", equals = [true] }
plate.text = "/plate"
plate.jurisdiction = { at = "/state", country = "US" }
plate.confidence = { at = "/score", scale = 100 }
captured_at = { at = "/seen_utc", time = "rfc3339" }
place.lat = "/lat"
place.lon = "/lon"
place.camera = "/camera"
"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Rest,
    RestXml,
    Webhook,
    Csv,
}

#[derive(Debug)]
struct Source {
    way: Way,
    town: Town,
    vendor: Option<Vendor>,
    history: History,
    samples: Vec<Sample>,
}

fn start(way: Way) -> Starting {
    Box::pin(async move { Ok(Box::new(Source::start(way).await?) as Box<dyn SimHandle>) })
}

impl Way {
    fn family(self) -> Family {
        match self {
            Self::Rest | Self::Csv => Family::Repossession,
            Self::RestXml | Self::Webhook => Family::Parking,
        }
    }

    fn dialect(self) -> Option<Dialect> {
        match self {
            Self::Rest => Some(Dialect::Json),
            Self::RestXml => Some(Dialect::Xml),
            Self::Webhook | Self::Csv => None,
        }
    }

    /// Records as this vendor sends them.
    fn sample(self, what: &str, rows: &[Row], gives: Gives) -> Sample {
        let (via, bytes) = match self {
            Self::Rest => {
                let rows: Vec<Value> = rows.iter().map(|row| row.json.clone()).collect();
                (Via::SavedAnswer, json_answer(&rows, None))
            }
            Self::RestXml => (Via::SavedAnswer, xml_answer(rows, rows.len())),
            Self::Webhook => {
                let first = rows.first().map(|row| row.json.clone());
                (Via::Message, first.unwrap_or_default().to_string())
            }
            Self::Csv => (Via::File, csv_file(rows)),
        };
        let mut sample = Sample::new(what, via, bytes.into_bytes(), gives);
        if self == Self::Csv {
            sample.name = "sightings-2026-03-04.csv".to_owned();
        }
        sample
    }

    /// The same payload with other bytes.
    fn raw(self, what: &str, bytes: impl Into<Vec<u8>>, gives: Gives) -> Sample {
        let mut sample = self.sample(what, &[], gives);
        sample.bytes = bytes.into();
        sample
    }

    fn whole_is_wrong(self) -> Vec<Sample> {
        let refused = |what, bytes: &str| self.raw(what, bytes, Gives::Refused);
        let html = "<html><body>sign in</body></html>";
        let mut samples = vec![
            refused("a page of HTML", html),
            refused("nothing at all", ""),
        ];
        match self {
            Self::Rest => samples.extend([
                refused("no object", "[]"),
                refused("no list", "{}"),
                refused("a list that is a word", r#"{"results":"none"}"#),
                refused("an error in words", r#"{"error":"later","results":[]}"#),
                refused("an error as an object", r#"{"error":{"code":"x"}}"#),
                refused("two documents", r#"{"results":[]}{"results":[]}"#),
                self.raw("an empty answer", r#"{"results":[],"next":null}"#, Gives::Reads(0)),
            ]),
            Self::RestXml => samples.extend([
                refused("an entity", "<!DOCTYPE a [<!ENTITY b 'c'>]><answer>&b;</answer>"),
                refused("two documents", "<answer><sightings/></answer><answer/>"),
                refused("another document", "<error>later</error>"),
                refused("an encoding nobody knows", "<?xml version='1.0' encoding='x-none'?><answer><sightings/></answer>"),
                self.raw("an empty answer", "<answer><sightings/></answer>", Gives::Reads(0)),
            ]),
            Self::Webhook => samples.extend([
                refused("no object", "[]"),
                refused("a word", "\"beat\""),
                refused("two documents", "{}{}"),
                self.raw("a heartbeat", r#"{"kind":"heartbeat"}"#, Gives::Nothing),
                self.raw("deeply nested", format!("{{\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000)), Gives::Anything),
                self.raw("a huge picture", format!("{{\"x\":\"{}\"}}", "QUJD".repeat(1 << 18)), Gives::OneBad(0, "plate")),
            ]),
            Self::Csv => samples.extend([
                refused("no row", "sighting_id,revision,plate,state,seen_utc,lat,lon,camera,score,retracted\n"),
                refused("another header", "id,plate\n1,TPK0421\n"),
                refused("no line end", "sighting_id,revision,plate,state,seen_utc,lat,lon,camera,score,retracted\nS-1,1,TPK0421,OH,2026-03-02T07:15:30Z,,,,,"),
            ]),
        }
        samples
    }

    /// What becomes of an odd record; formats without types and absent columns tell less apart.
    fn becomes(self, odd: Odd) -> Gives {
        let typed = matches!(self, Self::Rest | Self::Webhook);
        match odd {
            Odd::NullPlate => Gives::Nothing,
            Odd::NumericPlate if !typed => Gives::Reads(1),
            Odd::NoPlate if self == Self::Csv => Gives::Nothing,
            odd => match odd.breaks() {
                Some("sighting_id") if self == Self::RestXml => Gives::OneBad(0, "@id"),
                Some(field) => Gives::OneBad(0, field),
                None => Gives::Reads(1),
            },
        }
    }
}

impl Source {
    async fn start(way: Way) -> Result<Self, String> {
        let town = small_town();
        let passages: Vec<Passage> = town
            .passages(way.family())
            .filter(|passage| passage.text.is_some())
            .cloned()
            .collect();
        let rows: Vec<Row> = passages.iter().filter_map(Row::of).collect();
        let vendor = match way.dialect() {
            Some(dialect) => Some(Vendor::start(dialect, rows.clone()).await.map_err(say)?),
            None => None,
        };
        let size = if way == Way::Webhook { 1 } else { 4 };
        let history = History {
            samples: rows
                .chunks(size)
                .map(|rows| way.sample("records", rows, Gives::Reads(rows.len())))
                .collect(),
            passages,
        };
        let first = rows.first().ok_or("nobody passed")?;
        Ok(Self {
            way,
            town,
            vendor,
            history,
            samples: samples(way, first),
        })
    }
}

fn samples(way: Way, row: &Row) -> Vec<Sample> {
    let mut samples = vec![
        way.sample("a record", std::slice::from_ref(row), Gives::Reads(1)),
        Sample {
            personal: true,
            ..way.sample("fields about people", &[row.personal()], Gives::Reads(1))
        },
        way.sample(
            "withdrawn",
            &[row.with("retracted", json!(true))],
            Gives::Reads(1),
        ),
    ];
    for odd in Odd::ALL {
        samples.push(way.sample(&format!("{odd:?}"), &[odd.of(row)], way.becomes(odd)));
    }
    if way != Way::Webhook {
        let bad = Odd::LocalTime.of(row);
        let gives = Gives::OneBad(2, "seen_utc");
        let other = row.with("sighting_id", json!("S-other"));
        samples.push(way.sample("one bad among good ones", &[row.clone(), bad, other], gives));
    }
    samples.extend(way.whole_is_wrong());
    samples
}

#[async_trait]
impl SimHandle for Source {
    fn town(&self) -> &Town {
        &self.town
    }

    fn family(&self) -> Family {
        self.way.family()
    }

    fn settings(&self) -> Value {
        let origin = self.vendor.as_ref().map(|vendor| vendor.road.origin());
        let origin = origin.unwrap_or_default();
        match self.way {
            Way::Rest => json!({
                "mapping": { "preset": "repo-rest" },
                "base_url": format!("{origin}/v1"),
                "token_url": format!("{origin}/oauth/token"),
                "page_size": PAGE_SIZE,
            }),
            Way::RestXml => json!({
                "mapping": { "file": "gates.toml", "text": REST_XML },
                "base_url": format!("{origin}/gates"),
                "image_base_url": format!("{origin}/photos"),
                "page_size": PAGE_SIZE,
            }),
            Way::Webhook => json!({ "mapping": { "file": "gates.toml", "text": WEBHOOK } }),
            Way::Csv => json!({ "mapping": { "preset": "repo-csv" } }),
        }
    }

    fn secrets(&self) -> &'static [(&'static str, &'static str)] {
        match self.way {
            Way::Rest => &[("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)],
            _ => &[],
        }
    }

    fn road(&self) -> Option<&FaultProxy> {
        self.vendor.as_ref().map(|vendor| &vendor.road)
    }

    fn behave(&self, behaviour: Behaviour) -> Outcome {
        match &self.vendor {
            Some(vendor) => vendor.behave(behaviour),
            None => Err(format!(
                "a vendor nobody contacts cannot be told {behaviour:?}"
            )),
        }
    }

    fn asked(&self) -> Vec<Asked> {
        self.vendor.as_ref().map(Vendor::asked).unwrap_or_default()
    }

    fn image(&self) -> Option<String> {
        (self.way == Way::RestXml).then(|| "path:2026/S-1.jpg".to_owned())
    }

    async fn history(&self) -> Result<&History, String> {
        Ok(&self.history)
    }

    async fn samples(&self) -> Result<&[Sample], String> {
        Ok(&self.samples)
    }

    fn versions(&self) -> Result<Vec<Versions>, String> {
        let rows: Vec<Row> = self
            .history
            .passages
            .iter()
            .filter_map(Row::of)
            .take(2)
            .collect();
        let one = |what, row: &Row| {
            self.way
                .sample(what, std::slice::from_ref(row), Gives::Reads(1))
        };
        Ok(rows
            .iter()
            .flat_map(|row| {
                let second = row.with("revision", json!(2));
                let corrected = second.with("plate", json!("TPK9990"));
                let withdrawn = second.with("retracted", json!(true));
                [corrected, withdrawn].map(|later| Versions {
                    earlier: one("a sighting", row),
                    later: one("its correction", &later),
                })
            })
            .collect())
    }

    fn never_says(&self) -> &'static [&'static str] {
        &[
            "/plate/jurisdiction_confidence",
            "/place/site",
            "/place/lane",
            "/place/bearing_deg",
            "/place/image_bearing_deg",
            "/vehicle/make",
            "/vehicle/model",
            "/vehicle/colour",
            "/vehicle/class",
        ]
    }

    fn acknowledged(&self, _: &str, _: &[u8]) -> Result<String, String> {
        Err("this vendor takes no acknowledgement".to_owned())
    }
}
