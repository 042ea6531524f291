//! A gate camera that pushes events and is contacted by nobody.

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{BOUNDARY, Event, Wrong};
use crate::fault::FaultProxy;
use crate::kit::{
    Asked, Behaviour, BenchEntry, Gives, History, Outcome, Sample, SimHandle, Versions, Via,
};
use crate::sim::small_town as town;
use crate::town::{Family, Passage, Town};

pub(in crate::sim) const BENCH: BenchEntry = BenchEntry::plain(false, || {
    Box::pin(async { Ok(Box::new(Gates::new()) as Box<dyn SimHandle>) })
});

#[derive(Debug)]
struct Gates {
    town: Town,
    history: OnceCell<History>,
    samples: OnceCell<Vec<Sample>>,
}

impl Gates {
    fn new() -> Self {
        Self {
            town: town(),
            history: OnceCell::new(),
            samples: OnceCell::new(),
        }
    }
}

#[async_trait]
impl SimHandle for Gates {
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
        let make = async || events(&self.town).first().map(samples).unwrap_or_default();
        Ok(self.samples.get_or_init(make).await)
    }

    fn versions(&self) -> Result<Vec<Versions>, String> {
        let events = events(&self.town);
        Ok(events.iter().take(3).flat_map(versions).collect())
    }

    fn never_says(&self) -> &'static [&'static str] {
        &[
            "/captured_offset_s",
            "/place/site",
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

/// The final events of every passage with a read plate.
fn events(town: &Town) -> Vec<Event> {
    let passages = town.passages(Family::Camera).filter(read);
    passages.filter_map(Event::of).collect()
}

fn history(town: &Town) -> History {
    let event = |event: &Event| message("an event", &event.json(), Gives::Reads(1));
    History {
        samples: events(town).iter().map(event).collect(),
        passages: town
            .passages(Family::Camera)
            .filter(read)
            .cloned()
            .collect(),
    }
}

fn samples(event: &Event) -> Vec<Sample> {
    let mut samples = good(event);
    let unread = |state| event.reading("").then(state, 0).json();
    for state in ["new", "update", "lost"] {
        let what = format!("an unread plate, {state}");
        samples.push(message(what, &unread(state), Gives::Nothing));
    }
    let wrong = |wrong: Wrong| message(format!("{wrong:?}"), &wrong.json(event), becomes(wrong));
    samples.extend(Wrong::ALL.map(wrong));
    samples.extend(not_an_event());
    samples.push(deep(event));
    samples
}

fn good(event: &Event) -> Vec<Sample> {
    let one = |what, json: &Value| message(what, json, Gives::Reads(1));
    let placed = |geotag| {
        let event = event.clone();
        Event { geotag, ..event }.json()
    };
    let multipart = Sample {
        content_type: format!("multipart/form-data; boundary={BOUNDARY}"),
        ..Sample::new(
            "an event and an image",
            Via::Message,
            event.multipart(),
            Gives::Reads(1),
        )
    };
    let cut = event.multipart();
    let cut = cut.get(..cut.len() / 2).unwrap_or_default().to_vec();
    let cut = Sample {
        gives: Gives::OneBad(0, "(message)"),
        ..multipart.holding("half a multipart body", cut)
    };
    vec![
        one("a last event", &event.json()),
        one("a first event", &event.first().json()),
        one("an update", &event.then("updated", 0).json()),
        one(
            "the factory's position",
            &placed(Some((50.418_114, 30.476_213))),
        ),
        one("position 0,0", &placed(Some((0.0, 0.0)))),
        one("no position", &placed(None)),
        one("a large picture inside", &event.json_with_images(1 << 20)),
        Sample {
            personal: true,
            ..one("an access list", &event.json_with_list())
        },
        multipart,
        Sample {
            answer: crate::kit::Answer::None,
            ..cut
        },
    ]
}

fn becomes(wrong: Wrong) -> Gives {
    match wrong {
        Wrong::NumericPlate | Wrong::NoPlate => Gives::OneBad(0, "plateUTF8"),
        Wrong::NoState | Wrong::UnknownState => Gives::OneBad(0, "carState"),
        Wrong::NoCar | Wrong::TextCar => Gives::OneBad(0, "carID"),
        Wrong::NoCamera | Wrong::CameraList => Gives::OneBad(0, "camera_info"),
        Wrong::LocalTime => Gives::OneBad(0, "datetime"),
        Wrong::TextTime => Gives::OneBad(0, "capture_timestamp"),
        Wrong::Percent => Gives::OneBad(0, "plateConfidence"),
        Wrong::ImpossiblePosition | Wrong::UnknownCountry => Gives::Reads(1),
    }
}

fn not_an_event() -> impl Iterator<Item = Sample> {
    let bodies = [
        ("a list", "[]"),
        ("a page of HTML", "<html>busy</html>"),
        ("no JSON", "lost"),
    ];
    let bad = Gives::OneBad(0, "(message)");
    bodies
        .into_iter()
        .map(move |(what, body)| Sample::new(what, Via::Message, body.as_bytes().to_vec(), bad))
}

fn deep(event: &Event) -> Sample {
    let nest = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut json = event.json();
    super::put(&mut json, "other", json!("NEST"));
    let bytes = json.to_string().replace("\"NEST\"", &nest).into_bytes();
    Sample::new("deeply nested", Via::Message, bytes, Gives::Anything)
}

fn versions(last: &Event) -> Vec<Versions> {
    let read = |what, event: &Event| message(what, &event.json(), Gives::Reads(1));
    let new = last.first().reading("TPK9990");
    let update = last.then("update", 1_100);
    let lost = last.then("lost", 11_100);
    let pair = |earlier, later| Versions { earlier, later };
    vec![
        pair(read("first seen", &new), read("corrected", &update)),
        pair(read("an update", &update), read("gone", &lost)),
        pair(read("first seen", &new), read("gone", &lost)),
        pair(
            read("an update", &update),
            read("another update", &last.then("update", 2_200)),
        ),
    ]
}

fn message(what: impl Into<String>, json: &Value, gives: Gives) -> Sample {
    Sample::new(what, Via::Message, json.to_string().into_bytes(), gives)
}
