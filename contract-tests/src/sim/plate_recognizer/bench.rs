//! An engine that pushes messages in either layout, alone or in forms.

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{Frame, Layout, Seen, Wrong, field, other_event, picture};
use crate::fault::FaultProxy;
use crate::kit::{
    Answer, Asked, Behaviour, BenchEntry, Gives, History, Outcome, Sample, SimHandle, Starting,
    Versions, Via,
};
use crate::sim::form::{self, Part, Writing};
use crate::sim::small_town as town;
use crate::town::{Family, Passage, Town};

/// How the engine delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    layout: Layout,
    form: bool,
}

pub(in crate::sim) const BENCHES: &[BenchEntry] = &[
    entry("", || start(Layout::Nested, false)),
    entry("flat", || start(Layout::Flat, false)),
    entry("multipart", || start(Layout::Nested, true)),
];

const fn entry(variant: &'static str, start: fn() -> Starting) -> BenchEntry {
    BenchEntry {
        variant,
        contacted: false,
        start,
    }
}

fn start(layout: Layout, form: bool) -> Starting {
    let engine = Streams {
        town: town(),
        way: Way { layout, form },
        history: OnceCell::new(),
        samples: OnceCell::new(),
    };
    Box::pin(async move { Ok(Box::new(engine) as Box<dyn SimHandle>) })
}

#[derive(Debug)]
struct Streams {
    town: Town,
    way: Way,
    history: OnceCell<History>,
    samples: OnceCell<Vec<Sample>>,
}

#[async_trait]
impl SimHandle for Streams {
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
        Err(format!(
            "a vendor that is not asked cannot be told {behaviour:?}"
        ))
    }

    fn asked(&self) -> Vec<Asked> {
        Vec::new()
    }

    fn image(&self) -> Option<String> {
        None
    }

    async fn history(&self) -> Result<&History, String> {
        let make = async || history(&self.town, self.way);
        Ok(self.history.get_or_init(make).await)
    }

    async fn samples(&self) -> Result<&[Sample], String> {
        let make = async || samples(&self.town, self.way);
        Ok(self.samples.get_or_init(make).await)
    }

    fn versions(&self) -> Result<Vec<Versions>, String> {
        Ok(Vec::new())
    }

    fn never_says(&self) -> &'static [&'static str] {
        &[
            "/place/lat",
            "/place/lon",
            "/place/lane",
            "/place/bearing_deg",
        ]
    }

    fn acknowledged(&self, _: &str, _: &[u8]) -> Result<String, String> {
        Err("this vendor takes no acknowledgement file".to_owned())
    }
}

fn read(passage: &&Passage) -> bool {
    passage.text.is_some()
}

fn frames(town: &Town, way: Way) -> Vec<Frame> {
    let passages = town.passages(Family::Camera).filter(read);
    passages
        .filter_map(|passage| Frame::of(passage, way.layout))
        .collect()
}

fn history(town: &Town, way: Way) -> History {
    let frame = |frame: &Frame| delivered(way, "a frame", &frame.json(), Gives::Reads(1));
    History {
        samples: frames(town, way).iter().map(frame).collect(),
        passages: town
            .passages(Family::Camera)
            .filter(read)
            .cloned()
            .collect(),
    }
}

fn samples(town: &Town, way: Way) -> Vec<Sample> {
    let frames = frames(town, way);
    let Some(frame) = frames.first() else {
        return Vec::new();
    };
    let mut samples = good(way, frame);
    samples.extend(several(way, frame));
    samples.extend(without_read(way, frame));
    let wrong = |wrong: Wrong| {
        let gives = becomes(wrong);
        delivered(way, format!("{wrong:?}"), &wrong.json(frame), gives)
    };
    samples.extend(Wrong::ALL.map(wrong));
    samples.extend(hostile(way, frame));
    if way.form {
        samples.extend(forms(&frames));
    }
    samples
}

fn good(way: Way, frame: &Frame) -> Vec<Sample> {
    let with = |what: &str, change: &dyn Fn(&mut Seen)| {
        let mut frame = frame.clone();
        frame.seen.iter_mut().for_each(change);
        delivered(way, what, &frame.json(), Gives::Reads(1))
    };
    let readings = |seen: &mut Seen| {
        seen.candidates = vec![
            ("tpx9990".to_owned(), Some(0.4)),
            ("tpx9991".to_owned(), None),
        ];
    };
    let private = Frame {
        private: true,
        ..frame.clone()
    };
    vec![
        with("a frame", &|_| {}),
        with("other readings", &readings),
        with("no direction", &|seen| seen.direction = Value::Null),
        with("an empty direction", &|seen| seen.direction = json!("")),
        with("no region", &|seen| seen.region.clear()),
        with("a country alone", &|seen| seen.region = "gb".to_owned()),
        Sample {
            personal: true,
            ..delivered(
                way,
                "a password in an address",
                &private.json(),
                Gives::Reads(1),
            )
        },
    ]
}

/// Several vehicles in one message, good and bad.
fn several(way: Way, frame: &Frame) -> Vec<Sample> {
    let three = Frame {
        seen: vec![
            Seen::plate("TPX9990"),
            Seen::no_plate(),
            Seen::plate("TPX9991"),
        ],
        ..frame.clone()
    };
    let broken = |value: Value| {
        let mut json = three.json();
        if let Some(place) = json.pointer_mut("/data/results/1") {
            *place = value;
        }
        json
    };
    let bad =
        |what: &str, value| delivered(way, what, &broken(value), Gives::OneBad(2, "data.results"));
    vec![
        delivered(
            way,
            "three vehicles, one without a plate",
            &three.json(),
            Gives::Reads(2),
        ),
        bad("a vehicle that is a list", json!([])),
        bad("a vehicle without anything", json!({})),
        bad(
            "a vehicle with a number for a plate",
            json!({ "plate": 421 }),
        ),
    ]
}

fn without_read(way: Way, frame: &Frame) -> Vec<Sample> {
    let nothing = |what: &str, json: &Value| delivered(way, what, json, Gives::Nothing);
    let seen = |seen| Frame {
        seen,
        ..frame.clone()
    };
    vec![
        nothing("no plate", &seen(vec![Seen::no_plate()]).json()),
        nothing("no vehicle", &seen(Vec::new()).json()),
        nothing("a stay", &other_event("dwell")),
        nothing("the camera's state", &other_event("camera_status")),
    ]
}

fn becomes(wrong: Wrong) -> Gives {
    match wrong {
        Wrong::NumericPlate | Wrong::NoPlate | Wrong::LongPlate => Gives::OneBad(0, "plate"),
        Wrong::TextScore => Gives::OneBad(0, "score"),
        Wrong::PercentScore | Wrong::LargeDirection => Gives::Reads(1),
        Wrong::NoTime | Wrong::LocalTime | Wrong::EpochTime => Gives::OneBad(0, "timestamp"),
        Wrong::TextDirection => Gives::OneBad(0, "direction"),
        Wrong::ResultsNoList => Gives::OneBad(0, "results"),
        Wrong::NoHook => Gives::OneBad(0, "hook"),
        Wrong::NoData => Gives::OneBad(0, "data"),
        Wrong::NoIdentity => Gives::OneBad(0, "camera_id"),
    }
}

fn hostile(way: Way, frame: &Frame) -> Vec<Sample> {
    let json = frame.json();
    let text = json.to_string();
    let mut pictured = json.clone();
    if let Some(data) = pictured.pointer_mut("/data").and_then(Value::as_object_mut) {
        data.insert("upload".to_owned(), json!("QUJD".repeat(1 << 20)));
    }
    let bad = |what: &str, text: &str| written(way, what, text, Gives::OneBad(0, "message"));
    vec![
        delivered(way, "a large picture inside", &pictured, Gives::Reads(1)),
        bad("two documents", &format!("{text}{text}")),
        bad("a list", &format!("[{text}]")),
        bad("a page", "<html><body>Sign in</body></html>"),
        bad("deeply nested", &"{\"data\":".repeat(100_000)),
        bad("no JSON", "recognition"),
    ]
}

/// Forms in every spelling, good and bad.
fn forms(frames: &[Frame]) -> Vec<Sample> {
    let [first, second, ..] = frames else {
        return Vec::new();
    };
    let json = |frame: &Frame| field(&frame.json().to_string());
    let whole = [json(first), picture()];
    let spelled = |what: &str, writing| formed(what, form::write(&whole, writing), Gives::Reads(1));
    let usual = |what: &str, parts: &[Part], gives| {
        formed(what, form::write(parts, Writing::default()), gives)
    };
    let end_missing = Writing {
        no_end: true,
        ..Writing::default()
    };
    let bad = field("{\"hook\":");
    let cut = form::write(&whole, Writing::default());
    let mut samples = vec![
        spelled(
            "lines that end in LF",
            Writing {
                lf: true,
                ..Writing::default()
            },
        ),
        spelled(
            "a preamble",
            Writing {
                preamble: true,
                ..Writing::default()
            },
        ),
        spelled("no end boundary", end_missing),
        usual(
            "the picture first",
            &[picture(), json(first)],
            Gives::Reads(1),
        ),
        usual(
            "two documents in two fields",
            &[json(first), json(second)],
            Gives::Reads(2),
        ),
        usual(
            "a good and a bad document",
            &[json(first), bad.clone()],
            Gives::OneBad(1, "message"),
        ),
        usual("pictures alone", &[picture()], Gives::OneBad(0, "json")),
        usual(
            "many parts",
            &vec![picture(); 100],
            Gives::OneBad(0, "message"),
        ),
        formed(
            "a document cut, no end",
            form::write(&[bad], end_missing),
            Gives::OneBad(0, "message"),
        ),
        formed(
            "no form",
            first.json().to_string().into_bytes(),
            Gives::OneBad(0, "message"),
        ),
    ];
    samples.push(Sample {
        content_type: "multipart/form-data".to_owned(),
        ..formed("no boundary", cut, Gives::OneBad(0, "message"))
    });
    samples
}

/// A message in its way.
fn delivered(way: Way, what: impl Into<String>, json: &Value, gives: Gives) -> Sample {
    written(way, what, &json.to_string(), gives)
}

fn written(way: Way, what: impl Into<String>, text: &str, gives: Gives) -> Sample {
    if way.form {
        formed(what, super::with_pictures(text), gives)
    } else {
        Sample::new(what, Via::Message, text.as_bytes().to_vec(), gives)
    }
}

fn formed(what: impl Into<String>, form: Vec<u8>, gives: Gives) -> Sample {
    Sample {
        content_type: form::content_type(),
        answer: Answer::None,
        ..Sample::new(what, Via::Message, form, gives)
    }
}
