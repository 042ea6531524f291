//! A camera that pushes documents, forms, or the parts of a stream.

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::wrong::put;
use super::{
    AlertStream, Event, Item, Namespace, Wrong, XML, document, end_of_event, heartbeat, parts,
    picture,
};
use crate::fault::FaultProxy;
use crate::kit::{
    Answer, Asked, Behaviour, BenchEntry, Gives, History, Outcome, Sample, SimHandle, Starting,
    Versions, Via, say,
};
use crate::sim::form::{self, Part, Writing};
use crate::sim::small_town as town;
use crate::town::{Family, Passage, Town};

/// How the camera delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A document a message.
    Xml,
    /// A form a message, with pictures.
    Form,
    /// Parts of a stream.
    Stream,
}

pub(in crate::sim) const BENCHES: &[BenchEntry] = &[
    entry("", || start(Way::Xml)),
    entry("multipart", || start(Way::Form)),
    entry("stream", || start(Way::Stream)),
];

const fn entry(variant: &'static str, start: fn() -> Starting) -> BenchEntry {
    BenchEntry {
        variant,
        contacted: false,
        start,
    }
}

fn start(way: Way) -> Starting {
    Box::pin(async move { Ok(Box::new(Gate::start(way).await?) as Box<dyn SimHandle>) })
}

#[derive(Debug)]
struct Gate {
    town: Town,
    way: Way,
    stream: Option<AlertStream>,
    history: OnceCell<History>,
    samples: OnceCell<Vec<Sample>>,
}

impl Gate {
    async fn start(way: Way) -> Result<Self, String> {
        let stream = match way {
            Way::Stream => Some(AlertStream::start(None).await.map_err(say)?),
            Way::Xml | Way::Form => None,
        };
        Ok(Self {
            town: town(),
            way,
            stream,
            history: OnceCell::new(),
            samples: OnceCell::new(),
        })
    }
}

#[async_trait]
impl SimHandle for Gate {
    fn town(&self) -> &Town {
        &self.town
    }

    fn family(&self) -> Family {
        Family::Camera
    }

    fn settings(&self) -> Value {
        match &self.stream {
            None => json!({ "zone_policy": "trust_offset" }),
            Some(stream) => json!({ "zone_policy": "trust_offset", "stream_url": stream.url() }),
        }
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
            "/plate/jurisdiction",
            "/plate/jurisdiction_confidence",
            "/place/lat",
            "/place/lon",
            "/place/bearing_deg",
            "/place/image_bearing_deg",
            "/vehicle/make",
            "/vehicle/model",
        ]
    }

    fn acknowledged(&self, _: &str, _: &[u8]) -> Result<String, String> {
        Err("this vendor takes no acknowledgement file".to_owned())
    }
}

fn read(passage: &&Passage) -> bool {
    passage.text.is_some()
}

/// The events of every passage with a read plate. A form's documents have their milliseconds in `absTime` only.
fn events(town: &Town, way: Way) -> Vec<Event> {
    let passages = town.passages(Family::Camera).filter(read);
    let event = |passage| {
        Event::of(passage).map(|event| Event {
            milliseconds: way != Way::Form,
            ..event
        })
    };
    passages.filter_map(event).collect()
}

fn history(town: &Town, way: Way) -> History {
    let event = |event: &Event| delivered(way, "an event", &event.xml(), Gives::Reads(1));
    History {
        samples: events(town, way).iter().map(event).collect(),
        passages: town
            .passages(Family::Camera)
            .filter(read)
            .cloned()
            .collect(),
    }
}

fn samples(town: &Town, way: Way) -> Vec<Sample> {
    let events = events(town, way);
    let Some(event) = events.first() else {
        return Vec::new();
    };
    let mut samples = good(way, event);
    samples.extend(without_read(way, event));
    let wrong =
        |wrong: Wrong| delivered(way, format!("{wrong:?}"), &wrong.xml(event), becomes(wrong));
    samples.extend(Wrong::ALL.map(wrong));
    samples.extend(hostile(way, event));
    match way {
        Way::Xml => {}
        Way::Form => samples.extend(forms(&events)),
        Way::Stream => samples.extend(pictures()),
    }
    samples
}

fn good(way: Way, event: &Event) -> Vec<Sample> {
    let read = |what: &str, event: &Event| delivered(way, what, &event.xml(), Gives::Reads(1));
    let spelled = |namespace| Event {
        namespace,
        ..event.clone()
    };
    let undeclared = Event {
        declared: None,
        ..spelled(Namespace::Prefixed)
    };
    let nameless = Event {
        uuid: None,
        ..event.clone()
    };
    let named = Event {
        name: "Gate & Yard".to_owned(),
        ..event.clone()
    };
    let far = Event {
        offset_hours: Some(8),
        ..event.clone()
    };
    let resent = Event {
        post_count: 3,
        resent: true,
        ..event.clone()
    };
    let occupants = Event {
        occupants: true,
        ..event.clone()
    };
    let reverse = Event {
        direction: "reverse",
        ..event.clone()
    };
    let mut samples = vec![
        read("an event", event),
        read("another namespace", &spelled(Namespace::Hikvision)),
        read("an old namespace", &spelled(Namespace::StdCgi)),
        read("relayed by a recorder", &undeclared),
        read("no event id", &nameless),
        read("a stray ampersand", &named),
        read("another offset", &far),
        read("sent again", &resent),
        read("driving away", &reverse),
    ];
    samples.push(Sample {
        personal: true,
        ..read("the people inside", &occupants)
    });
    samples.push(gbk(way, event));
    samples
}

/// A document that says it is GB2312, with two characters of it in the camera's name.
fn gbk(way: Way, event: &Event) -> Sample {
    let event = Event {
        name: "GATE".to_owned(),
        declared: Some("GB2312"),
        ..event.clone()
    };
    let mut sample = delivered(way, "GB2312", &event.xml(), Gives::Reads(1));
    let at = sample.bytes.windows(4).position(|window| window == b"GATE");
    if let Some(name) = at.and_then(|at| sample.bytes.get_mut(at..at + 4)) {
        name.copy_from_slice(b"\xB5\xC0\xBF\xDA");
    }
    sample
}

fn without_read(way: Way, event: &Event) -> Vec<Sample> {
    let nothing = |what: &str, xml: &str| delivered(way, what, xml, Gives::Nothing);
    let unread = |plate: &str| put(&event.xml(), "licensePlate", plate);
    vec![
        nothing("an unread plate", &unread("unknown")),
        nothing("an empty plate", &unread("")),
        nothing("a heartbeat", &heartbeat(event.at)),
        nothing("another event", &end_of_event("VMD")),
        nothing("the end of an event", &end_of_event("ANPR")),
    ]
}

fn becomes(wrong: Wrong) -> Gives {
    match wrong {
        Wrong::NoPlate | Wrong::LongPlate | Wrong::PlateInParts => Gives::OneBad(0, "licensePlate"),
        Wrong::NoTime
        | Wrong::LocalTime
        | Wrong::EpochTime
        | Wrong::EpochMsTime
        | Wrong::ImpossibleTime => Gives::OneBad(0, "dateTime"),
        Wrong::TextConfidence => Gives::OneBad(0, "confidenceLevel"),
        Wrong::LargeConfidence => Gives::Reads(1),
        Wrong::TextLane => Gives::OneBad(0, "line"),
        Wrong::TwoCountries => Gives::OneBad(0, "country"),
        Wrong::NoType => Gives::OneBad(0, "eventType"),
        Wrong::NoAnpr => Gives::OneBad(0, "ANPR"),
        Wrong::NoIdentity => Gives::OneBad(0, "macAddress"),
    }
}

fn hostile(way: Way, event: &Event) -> Vec<Sample> {
    let bad = |what: &str, xml: &str| delivered(way, what, xml, Gives::OneBad(0, "document"));
    let xml = event.xml();
    let second = xml.split_once("?>").map_or("", |(_, root)| root);
    let entity = "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><EventNotificationAlert>&e;</EventNotificationAlert>";
    let picture = format!("<picture>{}</picture><ANPR>", "QUJD".repeat(1 << 20));
    vec![
        bad("two documents", &format!("{xml}{second}")),
        bad("a document type", entity),
        bad("a page", "<html><body>Sign in</body></html>"),
        bad(
            "an error",
            "<ResponseStatus><statusCode>4</statusCode></ResponseStatus>",
        ),
        bad("no XML", "{\"eventType\":\"ANPR\"}"),
        bad("an unknown encoding", &xml.replace("UTF-8", "EBCDIC")),
        bad(
            "deeply nested",
            &xml.replace("<ANPR>", &format!("{}<ANPR>", "<a>".repeat(100_000))),
        ),
        delivered(
            way,
            "a large picture inside",
            &xml.replace("<ANPR>", &picture),
            Gives::Reads(1),
        ),
    ]
}

/// Forms in every spelling, good and bad.
fn forms(events: &[Event]) -> Vec<Sample> {
    let [first, second, ..] = events else {
        return Vec::new();
    };
    let whole = parts(&first.xml());
    let written = |what: &str, writing| formed(what, form::write(&whole, writing), Gives::Reads(1));
    let usual = |what: &str, parts: &[Part], gives| {
        formed(what, form::write(parts, Writing::default()), gives)
    };
    let end_missing = Writing {
        no_end: true,
        ..Writing::default()
    };
    let plain = Part {
        headers: vec!["Content-Type: text/xml".to_owned()],
        body: first.xml().into_bytes(),
    };
    let empty = Part::new("name=\"picture.jpg\"", Some("application/octet-stream"), "");
    let bad = document("<EventNotificationAlert><ANPR>");
    let many = vec![picture("picture.jpg", "image/jpeg"); 100];
    let cut = form::write(&whole, Writing::default());
    let inside = cut.len() / 8;
    let mut samples = vec![
        written(
            "lines that end in LF",
            Writing {
                lf: true,
                ..Writing::default()
            },
        ),
        written(
            "a preamble",
            Writing {
                preamble: true,
                ..Writing::default()
            },
        ),
        written("no end boundary", end_missing),
        usual(
            "a part without a name and an empty picture",
            &[plain, empty],
            Gives::Reads(1),
        ),
        usual(
            "two documents",
            &[document(&first.xml()), document(&second.xml())],
            Gives::Reads(2),
        ),
        usual(
            "a good and a bad document",
            &[document(&first.xml()), bad.clone()],
            Gives::OneBad(1, "document"),
        ),
        usual(
            "pictures alone",
            &[picture("picture.jpg", "image/jpeg")],
            Gives::OneBad(0, "message"),
        ),
        usual("many parts", &many, Gives::OneBad(0, "message")),
        formed(
            "a document cut, no end",
            form::write(&[bad], end_missing),
            Gives::OneBad(0, "document"),
        ),
        formed(
            "cut inside the document",
            cut.get(..inside).unwrap_or_default().to_vec(),
            Gives::OneBad(0, "document"),
        ),
        formed(
            "no form",
            first.xml().into_bytes(),
            Gives::OneBad(0, "message"),
        ),
    ];
    samples.push(Sample {
        content_type: "multipart/form-data".to_owned(),
        ..formed("no boundary", cut, Gives::OneBad(0, "message"))
    });
    samples
}

/// Pictures as parts of their own.
fn pictures() -> Vec<Sample> {
    let typed = |kind: &str, bytes: Vec<u8>| {
        let what = format!("a picture of {} bytes", bytes.len());
        sample(what, kind, bytes, Gives::Nothing)
    };
    vec![
        typed("image/jpeg", crate::sim::JPEG.to_vec()),
        typed("image/pjpeg", crate::sim::JPEG.to_vec()),
        typed("application/octet-stream", crate::sim::JPEG.to_vec()),
        typed("application/octet-stream", Vec::new()),
    ]
}

/// A document in its way.
fn delivered(way: Way, what: impl Into<String>, xml: &str, gives: Gives) -> Sample {
    match way {
        Way::Xml => sample(what, XML, xml.as_bytes().to_vec(), gives),
        Way::Form => formed(what, super::with_pictures(xml), gives),
        Way::Stream => {
            let item = Item::xml(xml);
            let kind = item.content_type.unwrap_or_default();
            sample(what, &kind, item.body, gives)
        }
    }
}

fn formed(what: impl Into<String>, form: Vec<u8>, gives: Gives) -> Sample {
    sample(what, &form::content_type(), form, gives)
}

/// The vendor's manual wants 200, whatever was sent.
fn sample(what: impl Into<String>, content_type: &str, bytes: Vec<u8>, gives: Gives) -> Sample {
    Sample {
        content_type: content_type.to_owned(),
        answer: Answer::Status(200),
        ..Sample::new(what, Via::Message, bytes, gives)
    }
}
