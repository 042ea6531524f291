//! Asking a gateway that cannot write its ledger.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use serde_json::{Value, json};
use turnpike_adapters::context::{Clock as _, SystemClock};
use turnpike_contract_tests::{
    sim::rekor::Group,
    world::{Plan, World},
};

/// Longest wait for what must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Longest wait of the gateway for its ledger.
pub(super) const LEDGER_DEADLINE: Duration = Duration::from_millis(250);

/// The plate everything is about.
pub(super) const PLATE: &str = "TPK0421";

/// One answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: String,
    pub(super) took: Duration,
}

/// Somebody with a token, asking one gateway.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) http: reqwest::Client,
    pub(super) address: String,
    pub(super) token: String,
}

/// The two forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Lines,
}

/// A world in which one user may ask this many questions a minute.
pub(super) async fn world(per_minute: u32) -> World {
    let plan = Plan {
        seed: 9,
        vehicles: 1,
        days: 1,
        until: SystemClock.now(),
        port: 0,
    };
    let world = World::build(plan).await.unwrap();
    let mut config = std::fs::read_to_string(world.config()).unwrap();
    config.push_str(&format!(
        "\n[limits]\nuser_per_minute = {per_minute}\norganisation_per_minute = 100000\n\n[ledger]\nsegment_mb = 1\n"
    ));
    std::fs::write(world.config(), config).unwrap();
    world
}

/// Lets the camera engine push one read with an image to the gateway at `address`.
pub(super) async fn push_a_read(world: &World, address: &str) {
    let at = world.town.end() - SignedDuration::from_hours(1);
    let target = format!("{address}/v1/sources/main-street-cameras/reads");
    world.cameras.retarget(&target);
    world.cameras.switch(|switches| switches.paused = false);
    world.cameras.send(&Group::read(2_042, at, PLATE).json());
    assert!(world.cameras.drained(PATIENCE).await);
}

/// A question about the week before the end of the town's history.
pub(super) fn question(world: &World) -> Value {
    let to = world.town.end();
    json!({
        "plate": PLATE,
        "window": { "from": (to - SignedDuration::from_hours(7 * 24)).to_string(), "to": to.to_string() },
        "purpose": "stolen_vehicle",
        "case_reference": "BRK-2026-000042",
        "on_behalf_of": "self",
    })
}

/// Everything any simulated vendor was ever asked.
pub(super) fn contacts(world: &World) -> [usize; 4] {
    [
        world.police.requests().len(),
        world.lakeside.requests().len(),
        world.lakeside_road.connections(),
        world.cameras.image_requests().len(),
    ]
}

/// Waits for a state.
pub(super) async fn eventually(what: &str, state: impl AsyncFn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !state().await {
        assert!(Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Client {
    pub(super) fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    pub(super) async fn ask(&self, question: &Value, form: Form) -> Reply {
        let accept = match form {
            Form::Json => "application/json",
            Form::Lines => "application/x-ndjson",
        };
        let request = self.http.post(self.at("/v1/queries"));
        self.send(request.header("accept", accept).json(question))
            .await
    }

    pub(super) async fn explain(&self, question: &Value) -> Reply {
        let request = self.http.post(self.at("/v1/queries:explain"));
        self.send(request.json(question)).await
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send(self.http.get(self.at(path))).await
    }

    /// Whether the gateway says that it is ready.
    pub(super) async fn is_ready(&self) -> bool {
        let reply = self.get("/readyz").await;
        if reply.status != 200 {
            reply.must_be_withheld();
        }
        reply.status == 200
    }

    /// Whether the gateway says within a second that it cannot record: a hang is one only once it has lasted.
    pub(super) async fn becomes_unready(&self) -> bool {
        let limit = tokio::time::Instant::now() + std::time::Duration::from_secs(1);
        while tokio::time::Instant::now() < limit {
            if !self.is_ready().await {
                return true;
            }
        }
        false
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let started = Instant::now();
        let response = request.bearer_auth(&self.token).send().await.unwrap();
        let content_type = response.headers().get("content-type");
        let content_type = content_type.map(|value| value.to_str().unwrap().to_owned());
        Reply {
            status: response.status().as_u16(),
            content_type: content_type.unwrap_or_default(),
            body: String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned(),
            took: started.elapsed(),
        }
    }
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The gateway says that its ledger cannot be written, and says nothing else.
    pub(super) fn must_be_withheld(&self) {
        assert_eq!(self.status, 503, "{self:?}");
        assert_eq!(self.content_type, "application/problem+json");
        must_be_ledger_unavailable(&self.json());
        assert!(!self.body.contains(PLATE));
    }

    /// The same, within the ledger's deadline and a second.
    pub(super) fn must_be_withheld_soon(&self) {
        self.must_be_withheld();
        let most = LEDGER_DEADLINE + Duration::from_secs(1);
        assert!(self.took < most, "{:?}", self.took);
    }

    /// A stream that began and ended with a problem. Gives the sources whose rows left.
    pub(super) fn must_break_off(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{self:?}");
        let lines: Vec<Value> = self
            .body
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let (last, before) = lines.split_last().unwrap();
        assert_eq!(last["event"], "problem", "{last}");
        must_be_ledger_unavailable(&last["problem"]);
        let (first, sources) = before.split_first().unwrap();
        assert_eq!(first["event"], "begun");
        let source = |line: &Value| {
            assert_eq!(line["event"], "source", "{line}");
            line["report"]["source"].as_str().unwrap().to_owned()
        };
        sources.iter().map(source).collect()
    }
}

fn must_be_ledger_unavailable(problem: &Value) {
    assert_eq!(problem["type"], "/problems/ledger_unavailable", "{problem}");
    assert_eq!(problem["status"], 503);
}
