//! A camera engine that pushes messages and serves images.

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

use crate::fault::FaultProxy;
use crate::kit::{
    Answer, Asked, Behaviour, BenchEntry, Gives, History, Outcome, Sample, SimHandle, Versions,
    Via, say,
};
use crate::sim::rekor::{
    AgentConfig, Gps, Group, ImageSwitches, RekorAgent, Wrong, deep, heartbeat, oversized,
    test_message, vehicle_without_plate,
};
use crate::sim::small_town as town;
use crate::town::{Family, Passage, Town};

pub(in crate::sim) const BENCH: BenchEntry = BenchEntry {
    variant: "",
    contacted: true,
    start: || Box::pin(async { Ok(Box::new(Cameras::start().await?) as Box<dyn SimHandle>) }),
};

#[derive(Debug)]
struct Cameras {
    town: Town,
    agent: RekorAgent,
    road: FaultProxy,
    history: OnceCell<History>,
    samples: OnceCell<Vec<Sample>>,
}

impl Cameras {
    async fn start() -> Result<Self, String> {
        let town = town();
        // Nothing is ever posted: the kit hands the messages over itself.
        let config = AgentConfig::new("http://127.0.0.1:9", "unused");
        let agent = RekorAgent::start(config).await.map_err(say)?;
        let images = Url::parse(&agent.images_origin()).map_err(say)?;
        let address = images.socket_addrs(|| None).map_err(say)?;
        let address = address.first().ok_or("the images have no address")?;
        let road = FaultProxy::start(*address).await.map_err(say)?;
        Ok(Self {
            history: OnceCell::new(),
            samples: OnceCell::new(),
            town,
            agent,
            road,
        })
    }
}

#[async_trait]
impl SimHandle for Cameras {
    fn town(&self) -> &Town {
        &self.town
    }

    fn family(&self) -> Family {
        Family::Camera
    }

    fn settings(&self) -> Value {
        json!({ "image_base_url": self.road.origin() })
    }

    fn secrets(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn road(&self) -> Option<&FaultProxy> {
        Some(&self.road)
    }

    fn behave(&self, behaviour: Behaviour) -> Outcome {
        let mut images = ImageSwitches::default();
        match behaviour {
            Behaviour::Well => {}
            Behaviour::NoImage => images.missing = true,
            Behaviour::HugeImage => images.huge = 1 << 30,
            Behaviour::ImageIsPage => images.html = true,
            other => {
                return Err(format!(
                    "a vendor that is not asked cannot be told {other:?}"
                ));
            }
        }
        self.agent.switch_images(|switches| *switches = images);
        Ok(())
    }

    fn asked(&self) -> Vec<Asked> {
        Vec::new()
    }

    fn image(&self) -> Option<String> {
        Some("img/AGENT-2042-1772323200000".to_owned())
    }

    async fn history(&self) -> Result<&History, String> {
        let make = async || history(&self.town, &groups(&self.town));
        Ok(self.history.get_or_init(make).await)
    }

    async fn samples(&self) -> Result<&[Sample], String> {
        let make = async || samples(&groups(&self.town));
        Ok(self.samples.get_or_init(make).await)
    }

    fn versions(&self) -> Result<Vec<Versions>, String> {
        let groups = groups(&self.town);
        Ok(groups.iter().take(3).flat_map(versions).collect())
    }

    fn never_says(&self) -> &'static [&'static str] {
        &["/captured_offset_s", "/place/lane", "/place/bearing_deg"]
    }

    fn acknowledged(&self, _: &str, _: &[u8]) -> Result<String, String> {
        Err("this vendor takes no acknowledgement file".to_owned())
    }
}

/// The final groups of every passage with a read plate.
fn groups(town: &Town) -> Vec<Group> {
    let read = |passage: &&Passage| passage.text.is_some();
    let passages = town.passages(Family::Camera).filter(read);
    passages.filter_map(Group::of).collect()
}

fn history(town: &Town, groups: &[Group]) -> History {
    let read = |passage: &&Passage| passage.text.is_some();
    let group = |group: &Group| message("a group", &group.json(), Gives::Reads(1));
    History {
        samples: groups.iter().map(group).collect(),
        passages: town
            .passages(Family::Camera)
            .filter(read)
            .cloned()
            .collect(),
    }
}

fn samples(groups: &[Group]) -> Vec<Sample> {
    let Some(group) = groups.first() else {
        return Vec::new();
    };
    let mut samples = good(group);
    samples.extend(without_read(group));
    let wrong = |wrong: Wrong| message(format!("{wrong:?}"), &wrong.json(group), becomes(wrong));
    samples.extend(Wrong::ALL.map(wrong));
    let deep = deep(group, 100_000);
    samples.push(Sample::new(
        "deeply nested",
        Via::Message,
        deep,
        Gives::Anything,
    ));
    let oversized = &oversized(group, 1 << 20);
    samples.push(message(
        "a large picture inside",
        oversized,
        Gives::Reads(1),
    ));
    for (what, body) in [
        ("no object", "[]"),
        ("a word", "\"alpr_group\""),
        ("no JSON", "alpr"),
    ] {
        let bytes = body.as_bytes().to_vec();
        samples.push(Sample::new(
            what,
            Via::Message,
            bytes,
            Gives::OneBad(0, "(message)"),
        ));
    }
    samples
}

fn good(group: &Group) -> Vec<Sample> {
    let read = |what, json: &Value| message(what, json, Gives::Reads(1));
    let placed = |gps| Group {
        gps,
        ..group.clone()
    };
    vec![
        read("a group", &group.json()),
        read("a preview", &group.clone().preview().json()),
        read("no type", &group.json_without_type()),
        read("pictures inside", &group.json_with_crops()),
        read("position 0,0", &placed(Gps::Zero).json()),
        read("position -1,-1", &placed(Gps::MinusOne).json()),
        read("no position", &placed(Gps::Absent).json()),
        personal(read("a signature", &group.json_with_signature())),
        personal(read("an alert", &group.alert("Brookdale list"))),
    ]
}

fn without_read(group: &Group) -> Vec<Sample> {
    let at = jiff::Timestamp::from_millisecond(group.epoch_start).unwrap_or_default();
    let nothing = |what, json: &Value| message(what, json, Gives::Nothing);
    vec![
        nothing("an unread plate", &group.clone().unread().json()),
        nothing("a frame", &group.frame()),
        nothing("a heartbeat", &heartbeat(at)),
        personal(nothing("no plate", &vehicle_without_plate(2042, at))),
        Sample {
            answer: Answer::Status(200),
            ..nothing("a test", &test_message())
        },
    ]
}

fn becomes(wrong: Wrong) -> Gives {
    match wrong {
        Wrong::NumericPlate | Wrong::NullPlate | Wrong::NoPlate => {
            Gives::OneBad(0, "best_plate_number")
        }
        Wrong::TextConfidence => Gives::OneBad(0, "best_confidence"),
        Wrong::NoTime | Wrong::TextTime | Wrong::ImpossibleTime => Gives::OneBad(0, "epoch_start"),
        Wrong::NoUuid => Gives::OneBad(0, "best_uuid"),
        Wrong::UuidsNoList => Gives::OneBad(0, "uuids"),
        Wrong::TextCamera => Gives::OneBad(0, "camera_id"),
        Wrong::UnknownType => Gives::OneBad(0, "data_type"),
        Wrong::BadPlate | Wrong::ConfidenceOver100 | Wrong::NoAgent | Wrong::ImpossibleGps => {
            Gives::Reads(1)
        }
    }
}

fn versions(group: &Group) -> Vec<Versions> {
    let read = |what, group: &Group| message(what, &group.json(), Gives::Reads(1));
    let preview = group.clone().preview();
    let longer = group.later("TPK9990", 97.0);
    let other = Group::read(
        group.camera_id,
        jiff::Timestamp::from_millisecond(group.epoch_end).unwrap_or_default()
            + SignedDuration::from_secs(2),
        "TPK9991",
    );
    let merged = Group::merged(&[group, &other], "TPK9992", 98.0);
    vec![
        Versions {
            earlier: read("a preview", &preview),
            later: read("its group", group),
        },
        Versions {
            earlier: read("a preview", &preview),
            later: read("a longer group", &longer),
        },
        Versions {
            earlier: read("a group", group),
            later: read("a merged group", &merged),
        },
    ]
}

fn message(what: impl Into<String>, json: &Value, gives: Gives) -> Sample {
    Sample::new(what, Via::Message, json.to_string().into_bytes(), gives)
}

fn personal(sample: Sample) -> Sample {
    Sample {
        personal: true,
        ..sample
    }
}
