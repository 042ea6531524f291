//! A city broker, subscribed to or asked.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::fault::FaultProxy;
use crate::kit::{
    Asked, Behaviour, BenchEntry, Gives, History, Outcome, Sample, SimHandle, Versions, Via, say,
};
use crate::sim::apds::query::Query;
use crate::sim::apds::{ApdsBroker, Observation, Odd, Shape, TOKEN, notification};
use crate::sim::small_town as town;
use crate::town::{Family, PROTAGONIST_PLATE, Passage, Town};

/// Subscribed to.
pub(in crate::sim) const NOTIFICATIONS: BenchEntry = BenchEntry {
    variant: "notifications",
    contacted: false,
    start: || Box::pin(async { Ok(Box::new(City::pushing()) as Box<dyn SimHandle>) }),
};

/// Asked.
pub(in crate::sim) const ENTITIES: BenchEntry = BenchEntry {
    variant: "entities",
    contacted: true,
    start: || Box::pin(async { Ok(Box::new(City::asked_live().await?) as Box<dyn SimHandle>) }),
};

/// Entities on a page: few, so that every search has pages.
const PAGE_SIZE: u32 = 3;

#[derive(Debug)]
struct City {
    town: Town,
    /// The broker and the road to it, where it is asked.
    asked: Option<(ApdsBroker, FaultProxy)>,
    history: OnceCell<History>,
    samples: OnceCell<Vec<Sample>>,
}

impl City {
    fn pushing() -> Self {
        Self {
            town: town(),
            asked: None,
            history: OnceCell::new(),
            samples: OnceCell::new(),
        }
    }

    async fn asked_live() -> Result<Self, String> {
        let city = Self::pushing();
        let broker = ApdsBroker::with_town(&city.town).await.map_err(say)?;
        broker.switch(|switches| switches.shape = Shape::Normalized);
        let road = FaultProxy::start(broker.address()).await.map_err(say)?;
        Ok(Self {
            asked: Some((broker, road)),
            ..city
        })
    }

    /// What is told of: pushed everything, asked what there is about one plate.
    fn passages(&self) -> impl Iterator<Item = &Passage> {
        let all = self.asked.is_none();
        let told = move |passage: &&Passage| match &passage.text {
            None => false,
            Some(text) => all || text == PROTAGONIST_PLATE,
        };
        self.town.passages(Family::Parking).filter(told)
    }

    /// A payload of entities, as it comes in this set-up.
    fn payload(&self, what: impl Into<String>, entities: &[Value], gives: Gives) -> Sample {
        let (via, body) = match self.asked {
            Some(_) => (Via::SavedAnswer, json!(entities)),
            None => (Via::Message, notification(entities)),
        };
        Sample::new(what, via, body.to_string().into_bytes(), gives)
    }

    fn bytes(&self, what: &str, body: impl Into<Vec<u8>>, gives: Gives) -> Sample {
        Sample {
            bytes: body.into(),
            ..self.payload(what, &[], gives)
        }
    }

    fn make_history(&self) -> History {
        let entities: Vec<_> = self.passages().filter_map(Observation::of).collect();
        let payload = |(place, some): (usize, &[Observation])| {
            let shape = if place % 2 == 0 {
                Shape::KeyValues
            } else {
                Shape::Normalized
            };
            let some: Vec<_> = some.iter().map(|entity| entity.json(shape)).collect();
            self.payload("entities", &some, Gives::Reads(some.len()))
        };
        History {
            samples: entities.chunks(4).enumerate().map(payload).collect(),
            passages: self.passages().cloned().collect(),
        }
    }

    fn make_samples(&self) -> Vec<Sample> {
        let Some(entity) = self.passages().find_map(Observation::of) else {
            return Vec::new();
        };
        let mut samples = Vec::new();
        for shape in Shape::ALL {
            let good = entity.json(shape);
            let one = |what: &str, value: Value, gives| {
                self.payload(format!("{what}, {shape:?}"), &[value], gives)
            };
            samples.push(one("an entity", good.clone(), Gives::Reads(1)));
            samples.push(Sample {
                personal: true,
                ..one("people", entity.personal(shape), Gives::Reads(1))
            });
            samples.push(one("a deletion", entity.deleted(shape), Gives::Reads(1)));
            let odd = Odd::ALL.map(|odd| {
                let entities = [entity.odd(odd, shape), good.clone()];
                self.payload(format!("{odd:?}, {shape:?}"), &entities, becomes(odd))
            });
            samples.extend(odd);
        }
        let nothing = if self.asked.is_some() {
            Gives::Reads(0)
        } else {
            Gives::Nothing
        };
        samples.push(self.payload("no entities", &[], nothing));
        for (what, body) in [
            ("a word", "\"APDSObservation\""),
            ("a page of HTML", "<html>sign in</html>"),
            ("two payloads in one", "[][]"),
            ("entities that are no list", "{\"data\":{}}"),
        ] {
            samples.push(self.bytes(what, body, Gives::Refused));
        }
        let nest = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let deep = entity
            .json(Shape::KeyValues)
            .to_string()
            .replace("\"anpr\"", &nest);
        samples.push(self.bytes("deeply nested", format!("[{deep}]"), Gives::Anything));
        let picture = "A".repeat(1 << 20);
        let large = json!([{"binaryContent": picture, "imageContent": "Plate"}]);
        let mut pictured = entity.json(Shape::KeyValues);
        if let Some(members) = pictured.as_object_mut() {
            members.insert("images".to_owned(), json!([large]));
        }
        samples.push(self.payload("a large picture inside", &[pictured], Gives::Reads(1)));
        samples
    }
}

/// Each odd entity comes with a good one.
fn becomes(odd: Odd) -> Gives {
    match odd {
        Odd::NoId => Gives::OneBad(1, "id"),
        Odd::NoType | Odd::OtherType => Gives::OneBad(1, "type"),
        Odd::NoTime | Odd::LocalTime | Odd::EpochTime => Gives::OneBad(1, "observationDateTime"),
        Odd::NoPlate | Odd::NumericPlate => Gives::OneBad(1, "observedCredentialId"),
        Odd::TextConfidence => Gives::OneBad(1, "observedCredentialConfidence"),
        Odd::TextPosition => Gives::OneBad(1, "observedLocation"),
        Odd::NotAnObject => Gives::OneBad(1, "entity"),
        Odd::EmptyPlate | Odd::Chalk | Odd::Hangtag => Gives::Reads(1),
        Odd::ConfidenceAboveOne | Odd::OtherPlate | Odd::LongAgo => Gives::Reads(2),
    }
}

#[async_trait]
impl SimHandle for City {
    fn town(&self) -> &Town {
        &self.town
    }

    fn family(&self) -> Family {
        Family::Parking
    }

    fn settings(&self) -> Value {
        match &self.asked {
            None => json!({ "mode": "notifications" }),
            Some((_, road)) => json!({
                "mode": "entities",
                "base_url": format!("{}/ngsi-ld/v1", road.origin()),
                "page_size": PAGE_SIZE,
            }),
        }
    }

    fn secrets(&self) -> &'static [(&'static str, &'static str)] {
        if self.asked.is_some() {
            &[("token", TOKEN)]
        } else {
            &[]
        }
    }

    fn road(&self) -> Option<&FaultProxy> {
        self.asked.as_ref().map(|(_, road)| road)
    }

    fn behave(&self, behaviour: Behaviour) -> Outcome {
        let Some((broker, _)) = &self.asked else {
            return match behaviour {
                Behaviour::Well => Ok(()),
                other => Err(format!(
                    "a broker that is not asked cannot be told {other:?}"
                )),
            };
        };
        broker.switch(|switches| {
            *switches = super::Switches {
                shape: Shape::Normalized,
                ..super::Switches::default()
            };
        });
        match behaviour {
            Behaviour::Well => {}
            Behaviour::Duplicates => broker.switch(|switches| switches.duplicates = true),
            Behaviour::Shuffled => broker.switch(|switches| switches.shuffled = true),
            Behaviour::PageCycle => broker.switch(|switches| switches.page_cycle = true),
            Behaviour::Personal => broker.switch(|switches| switches.personal = true),
            Behaviour::OddRecords => broker.switch(|switches| switches.odd = Odd::ALL.to_vec()),
            Behaviour::NoCredentialIsGood => broker.switch(|switches| switches.refuse = true),
            Behaviour::StaleCredential => return Err("the token is fixed".to_owned()),
            Behaviour::NoImage | Behaviour::HugeImage | Behaviour::ImageIsPage => {
                return Err("this vendor has no images".to_owned());
            }
        }
        Ok(())
    }

    /// The first page of each question.
    fn asked(&self) -> Vec<Asked> {
        let Some((broker, _)) = &self.asked else {
            return Vec::new();
        };
        let requests = broker.requests();
        let first = requests
            .iter()
            .filter(|request| request.target.contains("offset=0"));
        let asked = first.filter_map(|request| {
            let (plate, from, to) = Query::parse(&request.q)?.asked();
            Some(Asked {
                plate: plate?,
                from: from.unwrap_or(Timestamp::MIN),
                to: to.unwrap_or(Timestamp::MAX),
            })
        });
        asked.collect()
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
        let entities = self.passages().filter_map(Observation::of).take(3);
        let versions = entities.flat_map(|entity| {
            let corrected = entity.corrected("TPK9990");
            Shape::ALL.map(|shape| {
                let one = |what: &str, value: Value| self.payload(what, &[value], Gives::Reads(1));
                let earlier = one("an entity", entity.json(shape));
                let later = one("a correction", corrected.json(shape));
                let gone = one("a deletion", corrected.deleted(shape));
                [
                    Versions {
                        earlier,
                        later: later.clone(),
                    },
                    Versions {
                        earlier: later,
                        later: gone,
                    },
                ]
            })
        });
        Ok(versions.flatten().collect())
    }

    fn never_says(&self) -> &'static [&'static str] {
        &[
            "/captured_offset_s",
            "/plate/jurisdiction_confidence",
            "/place/lane",
            "/place/site",
            "/place/image_bearing_deg",
            "/vehicle/model",
        ]
    }

    fn acknowledged(&self, _: &str, _: &[u8]) -> Result<String, String> {
        Err("this vendor takes no acknowledgement file".to_owned())
    }
}
