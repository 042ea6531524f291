//! Cameras at the gates of car parks, set to one of their two forms.

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::fault::FaultProxy;
use crate::kit::{
    Asked, Behaviour, BenchEntry, Gives, History, Outcome, Sample, SimHandle, Versions, Via,
};
use crate::sim::sharpv::{Form, Read, Wrong, WrongXml, deep};
use crate::sim::small_town as town;
use crate::town::{Family, Passage, Town};

/// Set to JSON.
pub(in crate::sim) const JSON: BenchEntry =
    BenchEntry::plain(false, || Box::pin(async { Ok(gates(Form::Json)) }));

/// Set to XML.
pub(in crate::sim) const XML: BenchEntry = BenchEntry {
    variant: "xml",
    contacted: false,
    start: || Box::pin(async { Ok(gates(Form::Xml)) }),
};

#[derive(Debug)]
struct Gates {
    town: Town,
    form: Form,
    history: OnceCell<History>,
    samples: OnceCell<Vec<Sample>>,
}

fn gates(form: Form) -> Box<dyn SimHandle> {
    Box::new(Gates {
        town: town(),
        form,
        history: OnceCell::new(),
        samples: OnceCell::new(),
    })
}

#[async_trait]
impl SimHandle for Gates {
    fn town(&self) -> &Town {
        &self.town
    }

    fn family(&self) -> Family {
        Family::Parking
    }

    /// The town's clocks are five hours behind UTC all year, like those of this zone.
    fn settings(&self) -> Value {
        match self.form {
            Form::Json => json!({ "time_zone": "America/Panama" }),
            Form::Xml => json!({}),
        }
    }

    fn secrets(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn road(&self) -> Option<&FaultProxy> {
        None
    }

    fn behave(&self, behaviour: Behaviour) -> Outcome {
        match behaviour {
            Behaviour::Well => Ok(()),
            other => Err(format!(
                "a vendor that is not asked cannot be told {other:?}"
            )),
        }
    }

    fn asked(&self) -> Vec<Asked> {
        Vec::new()
    }

    fn image(&self) -> Option<String> {
        None
    }

    async fn history(&self) -> Result<&History, String> {
        let make = async || self.make_history();
        Ok(self.history.get_or_init(make).await)
    }

    async fn samples(&self) -> Result<&[Sample], String> {
        let make = async || self.make_samples();
        Ok(self.samples.get_or_init(make).await)
    }

    fn versions(&self) -> Result<Vec<Versions>, String> {
        Ok(Vec::new())
    }

    fn never_says(&self) -> &'static [&'static str] {
        &[
            "/plate/jurisdiction_confidence",
            "/place/bearing_deg",
            "/place/image_bearing_deg",
            "/vehicle/model",
            "/vehicle/colour",
        ]
    }

    fn acknowledged(&self, _: &str, _: &[u8]) -> Result<String, String> {
        Err("this vendor takes no acknowledgement file".to_owned())
    }
}

impl Gates {
    fn passages(&self) -> impl Iterator<Item = &Passage> {
        let read = |passage: &&Passage| passage.text.is_some();
        self.town.passages(Family::Parking).filter(read)
    }

    fn make_history(&self) -> History {
        let reads = self.passages().filter_map(Read::of);
        History {
            samples: reads
                .map(|read| message("a read", self.form, read.body(self.form), Gives::Reads(1)))
                .collect(),
            passages: self.passages().cloned().collect(),
        }
    }

    fn make_samples(&self) -> Vec<Sample> {
        let Some(read) = self.passages().find_map(Read::of) else {
            return Vec::new();
        };
        let form = self.form;
        let mut samples = vec![
            message("a read", form, read.body(form), Gives::Reads(1)),
            message("a bare read", form, read.bare().body(form), Gives::Reads(1)),
            message(
                "an unread plate",
                form,
                read.unread().body(form),
                Gives::Nothing,
            ),
            Sample {
                personal: true,
                ..message(
                    "words of people",
                    form,
                    read.personal(form),
                    Gives::Reads(1),
                )
            },
        ];
        let dash = Read {
            plate: "-".to_owned(),
            ..read.clone()
        };
        samples.push(message("no plate", form, dash.body(form), Gives::Nothing));
        samples.push(message("no message", form, b"TPK".to_vec(), Gives::Refused));
        samples.push(message(
            "a page of HTML",
            form,
            b"<html>sign in</html>".to_vec(),
            Gives::Refused,
        ));
        let large = "A".repeat(1 << 20);
        let large = String::from_utf8_lossy(&read.body(form)).replace("/9j/", &large);
        samples.push(message(
            "large pictures",
            form,
            large.into_bytes(),
            Gives::Reads(1),
        ));
        match form {
            Form::Json => samples.extend(json_only(&read)),
            Form::Xml => samples.extend(xml_only(&read)),
        }
        samples
    }
}

fn json_only(read: &Read) -> Vec<Sample> {
    let wrong = |wrong: Wrong| {
        let body = wrong.json(read).to_string().into_bytes();
        message(format!("{wrong:?}"), Form::Json, body, becomes(wrong))
    };
    let mut samples: Vec<_> = Wrong::ALL.map(wrong).into();
    let deep = deep(read, 100_000);
    samples.push(message("deeply nested", Form::Json, deep, Gives::Anything));
    let two = [read.body(Form::Json), read.body(Form::Json)].concat();
    samples.push(message(
        "two messages in one",
        Form::Json,
        two,
        Gives::Refused,
    ));
    samples
}

fn becomes(wrong: Wrong) -> Gives {
    match wrong {
        Wrong::NoId | Wrong::NumericId => Gives::OneBad(0, "Id"),
        Wrong::NoPlate | Wrong::NullPlate | Wrong::NumericPlate | Wrong::LongPlate => {
            Gives::OneBad(0, "PlateRead")
        }
        Wrong::NoTime | Wrong::EpochTime | Wrong::ImpossibleTime | Wrong::DateOnly => {
            Gives::OneBad(0, "Timestamp")
        }
        Wrong::TextLatitude => Gives::OneBad(0, "Latitude"),
        Wrong::WordConfidence => Gives::OneBad(0, "Confidence Score"),
        Wrong::TextScore => Gives::OneBad(0, "Score"),
        Wrong::AnalyticsNoList => Gives::OneBad(0, "PlateAnalytics"),
        Wrong::ImpossibleLatitude | Wrong::ConfidenceOver100 => Gives::Reads(1),
    }
}

fn xml_only(read: &Read) -> Vec<Sample> {
    let wrong = |wrong: WrongXml| {
        let gives = match wrong {
            WrongXml::NoId => Gives::OneBad(0, "Id"),
            WrongXml::WordTime => Gives::OneBad(0, "Timestamp"),
            WrongXml::WordLongitude => Gives::OneBad(0, "Longitude"),
            _ => Gives::Refused,
        };
        let body = wrong.xml(read).into_bytes();
        message(format!("{wrong:?}"), Form::Xml, body, gives)
    };
    let mut samples: Vec<_> = WrongXml::ALL.map(wrong).into();
    let utf16 = read.xml().replace("utf-8", "utf-16");
    let utf16: Vec<u8> = std::iter::once(0xFEFF)
        .chain(utf16.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    samples.push(message("UTF-16", Form::Xml, utf16, Gives::Reads(1)));
    let nest = "<Nest>".repeat(100_000);
    let deep = read.xml().replacen("<SourceUrl>", &nest, 1);
    samples.push(message(
        "deeply nested",
        Form::Xml,
        deep.into_bytes(),
        Gives::Refused,
    ));
    samples
}

fn message(what: impl Into<String>, form: Form, bytes: Vec<u8>, gives: Gives) -> Sample {
    Sample {
        content_type: form.content_type().to_owned(),
        ..Sample::new(what, Via::Message, bytes, gives)
    }
}
