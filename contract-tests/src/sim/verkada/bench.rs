//! A camera cloud that pushes webhooks and is contacted by nobody.

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{Detection, Wrong};
use crate::fault::FaultProxy;
use crate::kit::{
    Asked, Behaviour, BenchEntry, Gives, History, Outcome, Sample, SimHandle, Versions, Via,
};
use crate::sim::small_town as town;
use crate::town::{Family, Passage, Town};

pub(in crate::sim) const BENCH: BenchEntry = BenchEntry::plain(false, || {
    Box::pin(async { Ok(Box::new(Cloud::new()) as Box<dyn SimHandle>) })
});

#[derive(Debug)]
struct Cloud {
    town: Town,
    history: OnceCell<History>,
    samples: OnceCell<Vec<Sample>>,
}

impl Cloud {
    fn new() -> Self {
        Self {
            town: town(),
            history: OnceCell::new(),
            samples: OnceCell::new(),
        }
    }
}

#[async_trait]
impl SimHandle for Cloud {
    fn town(&self) -> &Town {
        &self.town
    }

    fn family(&self) -> Family {
        Family::Camera
    }

    fn settings(&self) -> Value {
        json!({})
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
        let make = async || history(&self.town);
        Ok(self.history.get_or_init(make).await)
    }

    async fn samples(&self) -> Result<&[Sample], String> {
        let make = async || {
            detections(&self.town)
                .first()
                .map(samples)
                .unwrap_or_default()
        };
        Ok(self.samples.get_or_init(make).await)
    }

    fn versions(&self) -> Result<Vec<Versions>, String> {
        Ok(Vec::new())
    }

    fn never_says(&self) -> &'static [&'static str] {
        &[
            "/captured_offset_s",
            "/place/lat",
            "/place/site",
            "/place/lane",
            "/place/bearing_deg",
            "/place/image_bearing_deg",
            "/plate/jurisdiction_confidence",
            "/vehicle/make",
            "/vehicle/model",
            "/vehicle/colour",
            "/vehicle/class",
        ]
    }

    fn acknowledged(&self, _: &str, _: &[u8]) -> Result<String, String> {
        Err("this vendor takes no acknowledgement file".to_owned())
    }
}

fn read(passage: &&Passage) -> bool {
    passage.text.is_some()
}

/// The detections of every passage with a read plate.
fn detections(town: &Town) -> Vec<Detection> {
    let passages = town.passages(Family::Camera).filter(read);
    passages.filter_map(Detection::of).collect()
}

fn history(town: &Town) -> History {
    let webhook = |detection: &Detection| message("a webhook", &detection.json(), Gives::Reads(1));
    History {
        samples: detections(town).iter().map(webhook).collect(),
        passages: town
            .passages(Family::Camera)
            .filter(read)
            .cloned()
            .collect(),
    }
}

fn samples(detection: &Detection) -> Vec<Sample> {
    let one = |what, json: &Value| message(what, json, Gives::Reads(1));
    let nothing = |what, json: &Value| message(what, json, Gives::Nothing);
    let personal = |sample| Sample {
        personal: true,
        ..sample
    };
    let unread = Detection {
        plate: String::new(),
        ..detection.clone()
    };
    let mut samples = vec![
        one("a webhook", &detection.json()),
        one("a webhook of 2020", &detection.json_of_2020()),
        personal(one("fields about people", &detection.json_with_people())),
        personal(nothing("another type", &detection.other())),
        nothing("an unread plate", &unread.json()),
    ];
    let wrong =
        |wrong: Wrong| message(format!("{wrong:?}"), &wrong.json(detection), becomes(wrong));
    samples.extend(Wrong::ALL.map(wrong));
    samples.extend(no_webhook());
    samples.push(deep(detection));
    samples
}

fn becomes(wrong: Wrong) -> Gives {
    match wrong {
        Wrong::NoType => Gives::OneBad(0, "webhook_type"),
        Wrong::NoData | Wrong::DataList => Gives::OneBad(0, "data"),
        Wrong::NoPlate | Wrong::NumericPlate => Gives::OneBad(0, "license_plate_number"),
        Wrong::NoCamera => Gives::OneBad(0, "camera_id"),
        Wrong::TextTime | Wrong::MillisecondsAsSeconds => Gives::OneBad(0, "created"),
        Wrong::TextConfidence => Gives::OneBad(0, "confidence"),
        // Taken as the field defines it: a read of 1970, and doubted.
        Wrong::SecondsAsMilliseconds => Gives::Anything,
        Wrong::Percent | Wrong::BareState => Gives::Reads(1),
    }
}

fn no_webhook() -> impl Iterator<Item = Sample> {
    let bodies = [
        ("a list", "[]"),
        ("a page of HTML", "<html>sign in</html>"),
        ("no JSON", "lpr"),
    ];
    let bad = Gives::OneBad(0, "(message)");
    bodies
        .into_iter()
        .map(move |(what, body)| Sample::new(what, Via::Message, body.as_bytes().to_vec(), bad))
}

fn deep(detection: &Detection) -> Sample {
    let nest = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut json = detection.json();
    super::put(&mut json, "other", json!("NEST"));
    let bytes = json.to_string().replace("\"NEST\"", &nest).into_bytes();
    Sample::new("deeply nested", Via::Message, bytes, Gives::Anything)
}

fn message(what: impl Into<String>, json: &Value, gives: Gives) -> Sample {
    Sample::new(what, Via::Message, json.to_string().into_bytes(), gives)
}
