//! A recorder that publishes to a broker nobody asks here, and whose API is asked.

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{FrigateSim, Tracked, Wrong, deep, oversized};
use crate::fault::FaultProxy;
use crate::kit::{
    Asked, Behaviour, BenchEntry, Gives, History, Outcome, Sample, SimHandle, Versions, Via, say,
};
use crate::sim::small_town;
use crate::town::{Family, Passage, Town};

pub(in crate::sim) const BENCH: BenchEntry = BenchEntry {
    variant: "",
    contacted: true,
    start: || Box::pin(async { Ok(Box::new(Recorder::start().await?) as Box<dyn SimHandle>) }),
};

const UPDATES: &str = "frigate/tracked_object_update";
const EVENTS: &str = "frigate/events";

#[derive(Debug)]
struct Recorder {
    town: Town,
    frigate: FrigateSim,
    road: FaultProxy,
    history: OnceCell<History>,
    samples: OnceCell<Vec<Sample>>,
}

impl Recorder {
    async fn start() -> Result<Self, String> {
        let town = small_town();
        let frigate = FrigateSim::start().await.map_err(say)?;
        for tracked in sightings(&town) {
            frigate.keep(&tracked.ended());
        }
        let road = FaultProxy::start(frigate.address()).await.map_err(say)?;
        Ok(Self {
            town,
            frigate,
            road,
            history: OnceCell::new(),
            samples: OnceCell::new(),
        })
    }
}

#[async_trait]
impl SimHandle for Recorder {
    fn town(&self) -> &Town {
        &self.town
    }

    fn family(&self) -> Family {
        Family::Camera
    }

    fn settings(&self) -> Value {
        // The kit hands the messages over itself: no broker is behind this address.
        json!({ "broker": "mqtt://127.0.0.1:9", "api_url": format!("{}/api", self.road.origin()), "messages": "both" })
    }

    fn secrets(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn road(&self) -> Option<&FaultProxy> {
        Some(&self.road)
    }

    fn behave(&self, behaviour: Behaviour) -> Outcome {
        let (mut no_snapshot, mut huge, mut page) = (false, 0, false);
        match behaviour {
            Behaviour::Well => {}
            Behaviour::NoImage => no_snapshot = true,
            Behaviour::HugeImage => huge = 1 << 30,
            Behaviour::ImageIsPage => page = true,
            other => {
                return Err(format!(
                    "a vendor that is not asked cannot be told {other:?}"
                ));
            }
        }
        self.frigate.switch(|switches| {
            switches.no_snapshot = no_snapshot;
            switches.huge_snapshot = huge;
            switches.page_for_snapshot = page;
        });
        Ok(())
    }

    fn asked(&self) -> Vec<Asked> {
        Vec::new()
    }

    fn image(&self) -> Option<String> {
        let first = sightings(&self.town).into_iter().next()?;
        Some(format!("events/{}", first.id))
    }

    async fn history(&self) -> Result<&History, String> {
        let make = async || history(&self.town);
        Ok(self.history.get_or_init(make).await)
    }

    async fn samples(&self) -> Result<&[Sample], String> {
        let make = async || samples(&sightings(&self.town));
        Ok(self.samples.get_or_init(make).await)
    }

    fn versions(&self) -> Result<Vec<Versions>, String> {
        let sightings = sightings(&self.town);
        Ok(sightings.iter().take(3).flat_map(versions).collect())
    }

    fn never_says(&self) -> &'static [&'static str] {
        &[
            "/captured_offset_s",
            "/plate/jurisdiction",
            "/place/bearing_deg",
            "/place/lat",
            "/vehicle/make",
            "/vehicle/model",
            "/vehicle/colour",
        ]
    }

    fn acknowledged(&self, _: &str, _: &[u8]) -> Result<String, String> {
        Err("this vendor takes no acknowledgement file".to_owned())
    }
}

fn passages(town: &Town) -> impl Iterator<Item = &Passage> {
    let passages = town.passages(Family::Camera);
    passages.filter(|passage| passage.text.is_some())
}

fn sightings(town: &Town) -> Vec<Tracked> {
    passages(town).filter_map(Tracked::of).collect()
}

fn history(town: &Town) -> History {
    let reading = |tracked: &Tracked| published("a reading", &tracked.update(), Gives::Reads(1));
    History {
        samples: sightings(town).iter().map(reading).collect(),
        passages: passages(town).cloned().collect(),
    }
}

fn samples(sightings: &[Tracked]) -> Vec<Sample> {
    let Some(tracked) = sightings.first() else {
        return Vec::new();
    };
    let ended = tracked.ended();
    let several = Tracked {
        zones: vec!["gate".to_owned(), "road".to_owned()],
        ..ended.clone()
    };
    let unread = Tracked {
        plate: None,
        ..tracked.clone()
    };
    let of_type = |kind: &str| {
        let mut message = tracked.update();
        if let Some(message) = message.as_object_mut() {
            message.insert("type".to_owned(), json!(kind));
        }
        message
    };
    let one = Gives::Reads(1);
    let mut samples = vec![
        published("a reading", &tracked.update(), one),
        personal(published("a known plate", &tracked.update(), one)),
        personal(changed(
            "read for the first time",
            &tracked.change(None, "update"),
            one,
        )),
        personal(changed("an end", &ended.change(Some(tracked), "end"), one)),
        changed(
            "in several zones",
            &several.change(Some(tracked), "end"),
            one,
        ),
        personal(changed(
            "nothing new",
            &tracked.change(Some(tracked), "update"),
            Gives::Nothing,
        )),
        changed("not read", &unread.change(None, "new"), Gives::Nothing),
        published("a face", &of_type("face"), Gives::Nothing),
        published("a description", &of_type("description"), Gives::Nothing),
        published("a cleared plate", &unread.update(), Gives::Nothing),
        Sample {
            topic: Some("frigate/available".to_owned()),
            ..published("online", &json!("online"), Gives::Nothing)
        },
        changed(
            "of no known kind",
            &tracked.change(None, "lost"),
            Gives::OneBad(0, "type"),
        ),
        changed(
            "without a state",
            &json!({ "type": "end" }),
            Gives::OneBad(0, "after"),
        ),
        published("a large field", &oversized(tracked, 1 << 20), one),
    ];
    samples.extend(
        Wrong::ALL
            .map(|wrong| published(format!("{wrong:?}"), &wrong.json(tracked), becomes(wrong))),
    );
    samples.push(Sample {
        topic: Some(UPDATES.to_owned()),
        ..Sample::new(
            "deeply nested",
            Via::Message,
            deep(tracked, 100_000),
            Gives::Anything,
        )
    });
    samples
}

fn becomes(wrong: Wrong) -> Gives {
    let field = match wrong {
        Wrong::NumericPlate | Wrong::TwoPlates | Wrong::LongPlate => "plate",
        Wrong::NoId | Wrong::NumericId => "id",
        Wrong::NoTime | Wrong::TextTime | Wrong::TimeInMilliseconds => "timestamp",
        Wrong::TextScore => "score",
        Wrong::NoType => "type",
        Wrong::ScoreOver1 | Wrong::NoCamera => return Gives::Reads(1),
    };
    Gives::OneBad(0, field)
}

fn versions(tracked: &Tracked) -> Vec<Versions> {
    let one = Gives::Reads(1);
    let better = tracked.reread("TPK9990");
    let first = || published("a reading", &tracked.update(), one);
    vec![
        Versions {
            earlier: first(),
            later: published("a better one", &better.update(), one),
        },
        Versions {
            earlier: changed("a state", &tracked.change(None, "update"), one),
            later: changed(
                "a later state",
                &better.change(Some(tracked), "update"),
                one,
            ),
        },
        Versions {
            earlier: changed("the end", &tracked.ended().change(None, "end"), one),
            later: first(),
        },
    ]
}

fn published(what: impl Into<String>, json: &Value, gives: Gives) -> Sample {
    let bytes = json.to_string().into_bytes();
    Sample {
        topic: Some(UPDATES.to_owned()),
        ..Sample::new(what, Via::Message, bytes, gives)
    }
}

fn changed(what: &str, json: &Value, gives: Gives) -> Sample {
    Sample {
        topic: Some(EVENTS.to_owned()),
        ..published(what, json, gives)
    }
}

fn personal(sample: Sample) -> Sample {
    Sample {
        personal: true,
        ..sample
    }
}
