//! Payloads of the new source for the kit, each with what must become of it.

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::api::{Api, TOKEN};
use super::{corrected, heartbeat, message, personal, with};
use crate::fault::FaultProxy;
use crate::kit::{
    Asked, Behaviour, BenchEntry, Gives, History, Outcome, Sample, SimHandle, Starting, Versions,
    Via,
};
use crate::sim::small_town;
use crate::town::{Family, PROTAGONIST_PLATE, Passage, Town};

/// How reads come. Take out what the vendor does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is asked.
    Pull,
    /// It pushes messages.
    Push,
    /// It drops files of lines.
    File,
    /// It is listened to.
    Listen,
}

impl Way {
    /// How the kit sets the vendor up. Only one that is asked is contacted.
    #[must_use]
    pub const fn bench(self) -> BenchEntry {
        match self {
            Self::Pull => BenchEntry::plain(true, || start(Way::Pull)),
            Self::Push => BenchEntry::plain(false, || start(Way::Push)),
            Self::File => BenchEntry::plain(false, || start(Way::File)),
            Self::Listen => BenchEntry::plain(false, || start(Way::Listen)),
        }
    }

    /// A payload as it comes this way.
    fn payload(self, what: impl Into<String>, records: &[Value], gives: Gives) -> Sample {
        let (via, text) = match self {
            Self::Pull => (
                Via::SavedAnswer,
                json!({ "reads": records, "next": null }).to_string(),
            ),
            Self::Push | Self::Listen => {
                let first = records.first().map(Value::to_string);
                (Via::Message, first.unwrap_or_default())
            }
            Self::File => {
                let lines = records.iter().map(|record| format!("{record}\n"));
                (Via::File, lines.collect())
            }
        };
        let mut sample = Sample::new(what, via, text.into_bytes(), gives);
        match self {
            Self::File => sample.name = "reads.jsonl".to_owned(),
            Self::Listen => sample.topic = Some("lanes/north/reads".to_owned()),
            Self::Pull | Self::Push => {}
        }
        sample
    }

    fn one(self, what: impl Into<String>, record: &Value, gives: Gives) -> Sample {
        self.payload(what, std::slice::from_ref(record), gives)
    }
}

#[derive(Debug)]
struct Vendor {
    way: Way,
    town: Town,
    api: Option<Api>,
    history: OnceCell<History>,
    samples: OnceCell<Vec<Sample>>,
}

fn start(way: Way) -> Starting {
    Box::pin(async move {
        let town = small_town();
        let api = match way {
            Way::Pull => {
                let api = Api::start(town.passages(Family::Parking)).await;
                Some(api.map_err(|error| error.to_string())?)
            }
            _ => None,
        };
        Ok(Box::new(Vendor {
            way,
            town,
            api,
            history: OnceCell::new(),
            samples: OnceCell::new(),
        }) as Box<dyn SimHandle>)
    })
}

#[async_trait]
impl SimHandle for Vendor {
    fn town(&self) -> &Town {
        &self.town
    }

    fn family(&self) -> Family {
        Family::Parking
    }

    fn settings(&self) -> Value {
        match (&self.api, self.way) {
            // Few records on a page, so that every search has pages.
            (Some(api), _) => {
                json!({ "base_url": format!("{}/v1", api.road.origin()), "page_size": 3 })
            }
            (None, Way::Listen) => {
                json!({ "broker": "mqtt://127.0.0.1:9", "topic": "lanes/+/reads" })
            }
            (None, _) => json!({}),
        }
    }

    fn secrets(&self) -> &'static [(&'static str, &'static str)] {
        match self.api {
            Some(_) => &[("token", TOKEN)],
            None => &[],
        }
    }

    fn road(&self) -> Option<&FaultProxy> {
        self.api.as_ref().map(|api| &api.road)
    }

    fn behave(&self, behaviour: Behaviour) -> Outcome {
        match &self.api {
            Some(api) => api.behave(behaviour),
            None => Err(format!(
                "a vendor that is not asked cannot be told {behaviour:?}"
            )),
        }
    }

    fn asked(&self) -> Vec<Asked> {
        self.api.as_ref().map(Api::asked).unwrap_or_default()
    }

    fn image(&self) -> Option<String> {
        None
    }

    async fn history(&self) -> Result<&History, String> {
        let make = async || {
            let mut passages: Vec<Passage> = passages(&self.town);
            if self.way == Way::Pull {
                // What there is about one plate.
                passages.retain(|passage| passage.text.as_deref() == Some(PROTAGONIST_PLATE));
            }
            let sample = |passage: &Passage| {
                let record = message(passage)?;
                Some(self.way.one("a read", &record, Gives::Reads(1)))
            };
            History {
                samples: passages.iter().filter_map(sample).collect(),
                passages,
            }
        };
        Ok(self.history.get_or_init(make).await)
    }

    async fn samples(&self) -> Result<&[Sample], String> {
        let whole = self.whole()?;
        Ok(self
            .samples
            .get_or_init(async || samples(self.way, &whole))
            .await)
    }

    fn versions(&self) -> Result<Vec<Versions>, String> {
        let whole = self.whole()?;
        Ok(vec![Versions {
            earlier: self.way.one("a read", &whole, Gives::Reads(1)),
            later: self.way.one(
                "its correction",
                &corrected(whole.clone(), "TPK9990"),
                Gives::Reads(1),
            ),
        }])
    }

    fn never_says(&self) -> &'static [&'static str] {
        &["/place/lat", "/place/lon", "/place/lane"]
    }

    fn acknowledged(&self, _: &str, _: &[u8]) -> Result<String, String> {
        Err("this vendor takes no acknowledgement file".to_owned())
    }
}

impl Vendor {
    /// A message of which everything is there.
    fn whole(&self) -> Result<Value, String> {
        let passages = passages(&self.town);
        let known = passages.iter().find(|passage| passage.state.is_some());
        known
            .and_then(message)
            .ok_or_else(|| "nobody passed".to_owned())
    }
}

/// The passages the vendor reads a plate of.
fn passages(town: &Town) -> Vec<Passage> {
    let read = |passage: &&Passage| passage.text.is_some();
    town.passages(Family::Parking)
        .filter(read)
        .cloned()
        .collect()
}

fn samples(way: Way, whole: &Value) -> Vec<Sample> {
    let changed = |field: &str, value| with(whole.clone(), field, value);
    let good = |what: &str, record: &Value| way.one(what, record, Gives::Reads(1));
    let bad = |field: &'static str, value| {
        let what = format!("`{field}` is wrong");
        way.one(what, &changed(field, value), Gives::OneBad(0, field))
    };
    let refused = |what: &str, body: &str| Sample {
        bytes: body.as_bytes().to_vec(),
        ..way.payload(what, &[], Gives::Refused)
    };
    let nothing = match way {
        Way::Pull => Gives::Reads(0),
        _ => Gives::Nothing,
    };
    let mut samples = vec![
        good("a read", whole),
        good("no score", &changed("score", Value::Null)),
        good("no state", &changed("state", Value::Null)),
        good("an unknown state", &changed("state", json!("-"))),
        Sample {
            personal: true,
            ..good("people", &personal(whole.clone()))
        },
        way.one("a heartbeat", &heartbeat(), nothing),
        bad("id", Value::Null),
        bad("plate", json!(421)),
        bad("plate", json!("-")),
        bad("at", json!("2026-03-04T07:15:30")),
        bad("at", json!(1_772_608_530)),
        bad("score", json!("90")),
        bad("score", json!(101)),
        bad("version", json!("new")),
        refused("a list", "[]"),
        refused("a word", "\"read\""),
        refused("no JSON", "read"),
        refused("a page", "<html><body>Service moved</body></html>"),
    ];
    if matches!(way, Way::Pull | Way::File) {
        let records = [whole.clone(), changed("at", Value::Null)];
        samples.push(way.payload("one bad among good ones", &records, Gives::OneBad(1, "at")));
    }
    if way == Way::File {
        let mut cut = way.one("no line end", whole, Gives::Refused);
        cut.bytes.pop();
        samples.push(cut);
    }
    samples
}
