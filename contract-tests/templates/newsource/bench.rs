//! Payloads of the new source for the kit, each with what must become of it.

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{corrected, heartbeat, message, personal, with};
use crate::fault::FaultProxy;
use crate::kit::{
    Asked, Behaviour, BenchEntry, Gives, History, Outcome, Sample, SimHandle, Versions, Via,
};
use crate::sim::small_town;
use crate::town::{Family, Passage, Town};

/// How the kit sets the vendor up: it is never contacted.
pub const BENCH: BenchEntry = BenchEntry::plain(false, || {
    Box::pin(async { Ok(Box::new(Vendor::default()) as Box<dyn SimHandle>) })
});

#[derive(Debug)]
struct Vendor {
    town: Town,
    history: OnceCell<History>,
    samples: OnceCell<Vec<Sample>>,
}

impl Default for Vendor {
    fn default() -> Self {
        Self {
            town: small_town(),
            history: OnceCell::new(),
            samples: OnceCell::new(),
        }
    }
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
        let make = async || {
            let passages: Vec<Passage> = passages(&self.town);
            let sample =
                |passage: &Passage| Some(pushed("a read", &message(passage)?, Gives::Reads(1)));
            History {
                samples: passages.iter().filter_map(sample).collect(),
                passages,
            }
        };
        Ok(self.history.get_or_init(make).await)
    }

    async fn samples(&self) -> Result<&[Sample], String> {
        let whole = self.whole()?;
        Ok(self.samples.get_or_init(async || samples(&whole)).await)
    }

    fn versions(&self) -> Result<Vec<Versions>, String> {
        let whole = self.whole()?;
        Ok(vec![Versions {
            earlier: pushed("a read", &whole, Gives::Reads(1)),
            later: pushed(
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

fn samples(whole: &Value) -> Vec<Sample> {
    let changed = |field: &str, value| with(whole.clone(), field, value);
    let bad = |field: &'static str, value| {
        pushed(
            format!("`{field}` is wrong"),
            &changed(field, value),
            Gives::OneBad(0, field),
        )
    };
    let refused = |what: &str, body: &str| {
        Sample::new(what, Via::Message, body.as_bytes().to_vec(), Gives::Refused)
    };
    vec![
        pushed("a read", whole, Gives::Reads(1)),
        pushed("no score", &changed("score", Value::Null), Gives::Reads(1)),
        pushed("no state", &changed("state", Value::Null), Gives::Reads(1)),
        pushed(
            "an unknown state",
            &changed("state", json!("-")),
            Gives::Reads(1),
        ),
        Sample {
            personal: true,
            ..pushed("people", &personal(whole.clone()), Gives::Reads(1))
        },
        pushed("a heartbeat", &heartbeat(), Gives::Nothing),
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
    ]
}

fn pushed(what: impl Into<String>, message: &Value, gives: Gives) -> Sample {
    Sample::new(what, Via::Message, message.to_string().into_bytes(), gives)
}
