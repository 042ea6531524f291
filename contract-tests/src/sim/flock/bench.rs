//! A police network that is asked live.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::fault::FaultProxy;
use crate::kit::{
    Asked, Behaviour, BenchEntry, Gives, History, Outcome, Sample, SimHandle, Versions, Via, say,
};
use crate::sim::flock::{AUDIENCE, CLIENT_ID, CLIENT_SECRET, FlockSim, OddRow};
use crate::sim::server;
use crate::sim::small_town as town;
use crate::town::{Family, PROTAGONIST_PLATE, Passage, Town};

pub(in crate::sim) const BENCH: BenchEntry = BenchEntry {
    variant: "",
    contacted: true,
    start: || Box::pin(async { Ok(Box::new(Police::start().await?) as Box<dyn SimHandle>) }),
};

/// Rows on a page: few, so that every search has pages.
const PAGE_SIZE: u32 = 3;

#[derive(Debug)]
struct Police {
    town: Town,
    sim: FlockSim,
    road: FaultProxy,
    /// The same network once more, for payloads: its answers take no road and nobody counts them.
    aside: OnceCell<Wire>,
    history: OnceCell<History>,
    samples: OnceCell<Vec<Sample>>,
}

/// A network whose answers are kept as they come.
#[derive(Debug)]
struct Wire {
    sim: FlockSim,
    client: reqwest::Client,
}

impl Wire {
    async fn start(town: &Town) -> Result<Self, String> {
        Ok(Self {
            sim: FlockSim::with_town(town).await.map_err(say)?,
            client: server::client().map_err(say)?,
        })
    }
}

impl Police {
    async fn start() -> Result<Self, String> {
        let town = town();
        let sim = FlockSim::with_town(&town).await.map_err(say)?;
        let road = FaultProxy::start(sim.address()).await.map_err(say)?;
        Ok(Self {
            town,
            sim,
            road,
            aside: OnceCell::new(),
            history: OnceCell::new(),
            samples: OnceCell::new(),
        })
    }

    async fn aside(&self) -> Result<&Wire, String> {
        let start = || Wire::start(&self.town);
        self.aside.get_or_try_init(start).await
    }
}

#[async_trait]
impl SimHandle for Police {
    fn town(&self) -> &Town {
        &self.town
    }

    fn family(&self) -> Family {
        Family::Police
    }

    fn settings(&self) -> Value {
        let origin = self.road.origin();
        json!({
            "base_url": format!("{origin}/api/v3"),
            "token_url": format!("{origin}/oauth/token"),
            "audience": AUDIENCE,
            "page_size": PAGE_SIZE,
        })
    }

    fn secrets(&self) -> &'static [(&'static str, &'static str)] {
        &[("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)]
    }

    fn road(&self) -> Option<&FaultProxy> {
        Some(&self.road)
    }

    fn behave(&self, behaviour: Behaviour) -> Outcome {
        match behaviour {
            Behaviour::Well => self.sim.switch(|switches| *switches = Default::default()),
            Behaviour::Duplicates => self.sim.switch(|switches| switches.duplicates = true),
            Behaviour::Shuffled => self.sim.switch(|switches| switches.shuffled = true),
            Behaviour::PageCycle => self.sim.switch(|switches| switches.page_cycle = true),
            Behaviour::Personal => self.sim.switch(|switches| switches.personal_keys = true),
            Behaviour::OddRecords => {
                let odd = OddRow::ALL.to_vec();
                self.sim.switch(|switches| switches.odd_rows = odd);
            }
            Behaviour::StaleCredential => self.sim.revoke_tokens(),
            Behaviour::NoCredentialIsGood => {
                self.sim.switch(|switches| switches.token_uses = Some(0));
                self.sim.revoke_tokens();
            }
            Behaviour::NoImage | Behaviour::HugeImage | Behaviour::ImageIsPage => {
                return Err("this vendor has no images".to_owned());
            }
        }
        Ok(())
    }

    fn asked(&self) -> Vec<Asked> {
        let time = |text: &str| text.parse().unwrap_or(Timestamp::MIN);
        let lookups = self.sim.lookups();
        let asked = lookups.iter().map(|lookup| Asked {
            plate: lookup.plate.clone(),
            from: time(&lookup.start_date),
            to: time(&lookup.end_date),
        });
        asked.collect()
    }

    fn image(&self) -> Option<String> {
        None
    }

    async fn history(&self) -> Result<&History, String> {
        let aside = self.aside().await?;
        let make = || history(aside, &self.town);
        self.history.get_or_try_init(make).await
    }

    async fn samples(&self) -> Result<&[Sample], String> {
        let (aside, history) = (self.aside().await?, self.history().await?);
        let make = || samples(aside, &self.town, history);
        let samples = self.samples.get_or_try_init(make).await?;
        Ok(samples)
    }

    fn versions(&self) -> Result<Vec<Versions>, String> {
        Ok(Vec::new())
    }

    fn never_says(&self) -> &'static [&'static str] {
        &[
            "/place/lane",
            "/place/bearing_deg",
            "/place/image_bearing_deg",
            "/vehicle/make",
            "/vehicle/model",
            "/vehicle/colour",
            "/vehicle/class",
        ]
    }

    fn acknowledged(&self, _: &str, _: &[u8]) -> Result<String, String> {
        Err("this vendor takes no acknowledgement".to_owned())
    }
}

/// Everything the network knows of the protagonist, as the answers that say so.
async fn history(wire: &Wire, town: &Town) -> Result<History, String> {
    let answers = answers(wire, PROTAGONIST_PLATE, town).await?;
    let seen = |passage: &&Passage| passage.text.as_deref() == Some(PROTAGONIST_PLATE);
    Ok(History {
        samples: answers
            .into_iter()
            .map(|(bytes, rows)| {
                Sample::new("an answer", Via::SavedAnswer, bytes, Gives::Reads(rows))
            })
            .collect(),
        passages: town
            .passages(Family::Police)
            .filter(seen)
            .cloned()
            .collect(),
    })
}

async fn samples(wire: &Wire, town: &Town, history: &History) -> Result<Vec<Sample>, String> {
    let mut samples = history.samples.clone();
    let nothing = answers(wire, "NOBODY1", town).await?;
    samples.extend(nothing.into_iter().map(|(bytes, _)| {
        Sample::new("an empty answer", Via::SavedAnswer, bytes, Gives::Reads(0))
    }));
    for odd in OddRow::ALL {
        wire.sim.switch(|switches| switches.odd_rows = vec![odd]);
        let gives = becomes(odd);
        for (bytes, _) in answers(wire, "NOBODY1", town).await? {
            let what = format!("{odd:?}");
            samples.push(Sample::new(what, Via::SavedAnswer, bytes, gives));
        }
    }
    wire.sim.switch(|switches| {
        switches.odd_rows.clear();
        switches.personal_keys = true;
    });
    for (bytes, rows) in answers(wire, PROTAGONIST_PLATE, town).await? {
        let gives = Gives::Reads(rows);
        samples.push(Sample {
            personal: true,
            ..Sample::new("with fields about people", Via::SavedAnswer, bytes, gives)
        });
    }
    wire.sim.switch(|switches| switches.personal_keys = false);
    samples.extend(refused());
    samples.push(deep());
    Ok(samples)
}

fn becomes(odd: OddRow) -> Gives {
    match odd {
        OddRow::NoId => Gives::OneBad(0, "id"),
        OddRow::NoTime | OddRow::LocalTime | OddRow::NumericTime => Gives::OneBad(0, "capturedAt"),
        OddRow::NoPlate | OddRow::NullPlate | OddRow::NumericPlate => Gives::OneBad(0, "plate"),
        OddRow::ConfidenceAboveOne | OddRow::TextConfidence => Gives::OneBad(0, "confidence"),
        OddRow::NotAnObject => Gives::OneBad(0, ""),
        OddRow::EmptyPlate => Gives::OneBad(0, "plate"),
        OddRow::NoDevice
        | OddRow::NoPosition
        | OddRow::BadPlate
        | OddRow::NoConfidence
        | OddRow::NoState
        | OddRow::NullState
        | OddRow::UnknownState
        | OddRow::OtherPlate
        | OddRow::OutsideWindow => Gives::Reads(1),
    }
}

fn refused() -> impl Iterator<Item = Sample> {
    let bodies = [
        ("no object", "[]"),
        ("no results", "{}"),
        ("results that are no list", r#"{"results": "none"}"#),
        ("an error in words", r#"{"error": "please try again"}"#),
        ("a page of HTML", "<html>sign in</html>"),
    ];
    bodies.into_iter().map(|(what, body)| {
        Sample::new(
            what,
            Via::SavedAnswer,
            body.as_bytes().to_vec(),
            Gives::Refused,
        )
    })
}

fn deep() -> Sample {
    let nest = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!(r#"{{"results": [{{"id": {nest}}}]}}"#);
    Sample::new(
        "deeply nested",
        Via::SavedAnswer,
        body.into_bytes(),
        Gives::Anything,
    )
}

/// The answers to a lookup as they come down the wire, each with its number of rows. They do not take the road.
async fn answers(wire: &Wire, plate: &str, town: &Town) -> Result<Vec<(Vec<u8>, usize)>, String> {
    let client = &wire.client;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
        ("audience", AUDIENCE),
    ];
    let token: Value = {
        let request = client.post(wire.sim.token_url()).form(&form);
        let answer = request.send().await.map_err(say)?;
        answer.json().await.map_err(say)?
    };
    let token = token
        .get("access_token")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let lookup = json!({
        "plate": plate, "reason": "bench", "limit": 4,
        "startDate": "2026-01-01T00:00:00Z", "endDate": town.end().to_string(),
        "sort": [{"field": "capturedAt", "order": "desc"}],
    });
    let base = format!("{}/reads/lookup", wire.sim.base_url());
    let mut request = client.post(&base).json(&lookup);
    let mut answers = Vec::new();
    loop {
        let answer = request.bearer_auth(token).send().await.map_err(say)?;
        let bytes = answer.bytes().await.map_err(say)?.to_vec();
        let body: Value = serde_json::from_slice(&bytes).map_err(say)?;
        let rows = body
            .get("results")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        answers.push((bytes, rows));
        let Some(page) = body.get("nextPageId").and_then(Value::as_str) else {
            return Ok(answers);
        };
        request = client.get(format!("{base}/page/{page}"));
    }
}
