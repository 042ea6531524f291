//! A police network that pushes the alerts of a subscription and is contacted by nobody.

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::alerts::{Alert, official, own};
use crate::fault::FaultProxy;
use crate::kit::{
    Asked, Behaviour, BenchEntry, Gives, History, Outcome, Sample, SimHandle, Versions, Via,
};
use crate::sim::small_town as town;
use crate::town::{Family, Passage, Town};

pub(in crate::sim) const BENCH: BenchEntry = BenchEntry {
    variant: "alerts",
    contacted: false,
    start: || Box::pin(async { Ok(Box::new(Alerts::new()) as Box<dyn SimHandle>) }),
};

#[derive(Debug)]
struct Alerts {
    town: Town,
    history: OnceCell<History>,
    samples: OnceCell<Vec<Sample>>,
}

impl Alerts {
    fn new() -> Self {
        Self {
            town: town(),
            history: OnceCell::new(),
            samples: OnceCell::new(),
        }
    }
}

#[async_trait]
impl SimHandle for Alerts {
    fn town(&self) -> &Town {
        &self.town
    }

    fn family(&self) -> Family {
        Family::Police
    }

    fn settings(&self) -> Value {
        json!({ "mode": "alerts" })
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
        let make = async || alerts(&self.town).first().map(samples).unwrap_or_default();
        Ok(self.samples.get_or_init(make).await)
    }

    fn versions(&self) -> Result<Vec<Versions>, String> {
        Ok(Vec::new())
    }

    fn never_says(&self) -> &'static [&'static str] {
        &[
            "/captured_offset_s",
            "/place/site",
            "/place/bearing_deg",
            "/place/image_bearing_deg",
            "/place/lane",
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

/// An alert for every passage with a read plate.
fn alerts(town: &Town) -> Vec<Alert> {
    let passages = town.passages(Family::Police).filter(read);
    passages.filter_map(Alert::of).collect()
}

fn history(town: &Town) -> History {
    let alert = |alert: &Alert| message("an alert", &alert.json(), Gives::Reads(1));
    History {
        samples: alerts(town).iter().map(alert).collect(),
        passages: town
            .passages(Family::Police)
            .filter(read)
            .cloned()
            .collect(),
    }
}

fn samples(alert: &Alert) -> Vec<Sample> {
    let one = |what, alert: &Alert| message(what, &alert.json(), Gives::Reads(1));
    let nothing = |what, alert: &Alert| message(what, &alert.json(), Gives::Nothing);
    let personal = |sample| Sample {
        personal: true,
        ..sample
    };
    let placed = |position| Alert {
        position,
        ..alert.clone()
    };
    let unread = Alert {
        label: None,
        ..alert.clone()
    };
    let open = alert.on([own("organization"), own("restricted"), official()]);
    let closed = alert.on([own("restricted")]);
    let mut samples = vec![
        one("an alert", alert),
        one("position 0,0", &placed(Some((0.0, 0.0)))),
        one("no position", &placed(None)),
        personal(one("lists of several kinds", &open)),
        personal(nothing("for named people only", &closed)),
        nothing("no text", &unread),
    ];
    samples.extend(WRONG.into_iter().map(|(what, pointer, json, field)| {
        let mut body = alert.json();
        if let Some(value) = body.pointer_mut(pointer) {
            *value = serde_json::from_str(json).unwrap_or_default();
        }
        message(what, &body, Gives::OneBad(0, field))
    }));
    samples.extend(no_alert());
    samples.push(deep(alert));
    samples
}

/// What is wrong, where, what stands there instead, and the field that must be named.
const WRONG: [(&str, &str, &str, &str); 11] = [
    ("no object", "/objectId", "null", "objectId"),
    ("an object that is a number", "/objectId", "42", "objectId"),
    ("no time", "/eventTime", "null", "eventTime"),
    (
        "a local time",
        "/eventTime",
        "\"2026-03-02T07:15:30\"",
        "eventTime",
    ),
    (
        "a time that is a number",
        "/eventTime",
        "1772608530",
        "eventTime",
    ),
    ("a plate that is a number", "/ocr/label", "421", "ocr.label"),
    ("a text that is a list", "/ocr", "[\"TPK0421\", 0.9]", "ocr"),
    (
        "a confidence of a hundred",
        "/ocr/labelConfidence",
        "94",
        "ocr.labelConfidence",
    ),
    ("no lists", "/sources", "null", "sources"),
    ("not one list", "/sources", "[]", "sources"),
    (
        "a latitude in words",
        "/deviceLat",
        "\"north\"",
        "deviceLat",
    ),
];

fn no_alert() -> impl Iterator<Item = Sample> {
    let bodies = [
        ("a list", "[]"),
        ("XML", "<alert><objectId>1</objectId></alert>"),
        ("no JSON", "alert"),
    ];
    let bad = Gives::OneBad(0, "(message)");
    bodies
        .into_iter()
        .map(move |(what, body)| Sample::new(what, Via::Message, body.as_bytes().to_vec(), bad))
}

fn deep(alert: &Alert) -> Sample {
    let nest = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut json = alert.json();
    if let Some(fields) = json.as_object_mut() {
        fields.insert("other".to_owned(), json!("NEST"));
    }
    let bytes = json.to_string().replace("\"NEST\"", &nest).into_bytes();
    Sample::new("deeply nested", Via::Message, bytes, Gives::Anything)
}

fn message(what: impl Into<String>, json: &Value, gives: Gives) -> Sample {
    Sample::new(what, Via::Message, json.to_string().into_bytes(), gives)
}
