//! A transport that answers from a script and writes down what it was asked.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use turnpike_schemas::{
    agreement::{
        AgreementDocument, Organisation, OrganisationClass, Permit, Requester, Role, UpstreamField,
    },
    plate::{Jurisdiction, Plate},
    query::{AskedPlate, CaseRef, OnBehalfOf, Purpose, Query, TimeWindow},
};

use crate::{
    adapter::{Adapter, Page},
    context::{Clock, Context, Secret, Secrets, Transport},
    error::{Error, ErrorKind, Result},
    flock::ENTRY,
};

pub(super) const BOTH: [UpstreamField; 2] = [UpstreamField::Purpose, UpstreamField::CaseReference];

/// The adapter, the scripted source and a clock.
pub(super) struct Bench {
    pub(super) adapter: Box<dyn Adapter>,
    pub(super) source: Arc<Script>,
    clock: Arc<SetClock>,
    secrets: Arc<Secrets>,
}

/// One request as it was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) authorization: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) body: String,
}

/// Token requests take from one queue (and get token-1, token-2 ... once it is empty), all others from the other.
#[derive(Debug, Default)]
pub(super) struct Script {
    token_answers: Mutex<VecDeque<Response<Bytes>>>,
    answers: Mutex<VecDeque<Response<Bytes>>>,
    sent: Mutex<Vec<Sent>>,
}

#[derive(Debug)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request<Bytes>, _: Instant) -> Result<Response<Bytes>> {
        let is_token = request.uri().path() == "/oauth/token";
        let number = self.note(&request);
        // Whoever else is ready gets its turn before the answer is there.
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
        let queue = if is_token {
            &self.token_answers
        } else {
            &self.answers
        };
        let scripted = queue.lock().unwrap().pop_front();
        match scripted {
            Some(answer) => Ok(answer),
            None if is_token => Ok(grant(&format!("token-{number}"), 86_400)),
            None => Err(Error::new(
                ErrorKind::Unavailable,
                "send",
                "the script is over",
            )),
        }
    }
}

impl Script {
    /// Writes a request down; the number counts requests to the same path.
    fn note(&self, request: &Request<Bytes>) -> usize {
        let header = |name: &str| {
            let value = request.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let url = request.uri().to_string();
        let mut sent = self.sent.lock().unwrap();
        sent.push(Sent {
            method: request.method().to_string(),
            url: url.clone(),
            authorization: header("authorization"),
            content_type: header("content-type"),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
        });
        sent.iter().filter(|earlier| earlier.url == url).count()
    }

    pub(super) fn answer(&self, status: u16, body: impl Into<Bytes>) {
        self.answers
            .lock()
            .unwrap()
            .push_back(response(status, body));
    }

    pub(super) fn answer_with(&self, answer: Response<Bytes>) {
        self.answers.lock().unwrap().push_back(answer);
    }

    pub(super) fn answer_token(&self, status: u16, body: impl Into<Bytes>) {
        self.token_answers
            .lock()
            .unwrap()
            .push_back(response(status, body));
    }

    pub(super) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    pub(super) fn token_requests(&self) -> usize {
        self.sent().iter().filter(|sent| sent.is_token()).count()
    }

    /// Method and path of every request but those for tokens.
    pub(super) fn asked(&self) -> Vec<String> {
        self.sent()
            .iter()
            .filter(|sent| !sent.is_token())
            .map(|sent| {
                let path = sent.url.strip_prefix("https://api.police.example/api/v3");
                format!("{} {}", sent.method, path.unwrap())
            })
            .collect()
    }
}

impl Sent {
    pub(super) fn is_token(&self) -> bool {
        self.url == "https://login.police.example/oauth/token"
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(json!({}))
    }

    /// A bench with these settings besides the addresses and the audience.
    pub(super) fn with(extra: Value) -> Self {
        let mut settings = json!({
            "base_url": "https://api.police.example/api/v3",
            "token_url": "https://login.police.example/oauth/token",
            "audience": "com.flocksafety.integrations",
        });
        for (key, value) in extra.as_object().unwrap() {
            settings[key] = value.clone();
        }
        let secrets = [
            ("client_id", "brookdale-gateway"),
            ("client_secret", "s&cret="),
        ];
        Self {
            adapter: (ENTRY.build)(&settings).unwrap(),
            source: Arc::default(),
            clock: Arc::new(SetClock(AtomicI64::new(now().as_second()))),
            secrets: Arc::new(
                secrets
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), Secret::new(value)))
                    .collect(),
            ),
        }
    }

    pub(super) fn without_secrets(mut self) -> Self {
        self.secrets = Arc::default();
        self
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(super) fn ctx(&self) -> Context {
        self.ctx_until(Instant::now() + Duration::from_secs(60))
    }

    pub(super) fn ctx_until(&self, deadline: Instant) -> Context {
        Context::new(
            self.source.clone(),
            self.clock.clone(),
            Arc::clone(&self.secrets),
            deadline,
        )
    }

    pub(super) async fn search(&self) -> Result<Page> {
        self.search_for(&permit(&exact(), &BOTH, 100)).await
    }

    pub(super) async fn search_for(&self, permit: &Permit) -> Result<Page> {
        self.adapter.search(&self.ctx(), permit).await
    }
}

pub(super) fn now() -> Timestamp {
    "2026-03-05T12:00:00Z".parse().unwrap()
}

pub(super) fn response(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .body(body.into())
        .unwrap()
}

pub(super) fn grant(token: &str, life_s: u32) -> Response<Bytes> {
    let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": life_s});
    response(200, body.to_string())
}

/// A page of rows with these ids, a second apart, newest first, and perhaps the id of the next page.
pub(super) fn page(ids: &[&str], next: Option<&str>) -> String {
    let rows: Vec<Value> = ids.iter().map(|id| row(id)).collect();
    json!({"results": rows, "totalItems": ids.len(), "nextPageId": next}).to_string()
}

pub(super) fn row(id: &str) -> Value {
    let seconds: i64 = id.bytes().map(i64::from).sum();
    let at = "2026-03-04T00:00:00Z".parse::<Timestamp>().unwrap();
    json!({
        "id": id,
        "capturedAt": (at - SignedDuration::from_secs(seconds)).to_string(),
        "plate": {"plate": "TPK0421"},
    })
}

pub(super) fn ids(page: &Page) -> Vec<&str> {
    page.reads.iter().map(|read| read.record.as_str()).collect()
}

pub(super) fn exact() -> Query {
    ask(AskedPlate::Exact(Plate::parse("tpk 0421").unwrap()))
}

pub(super) fn ask(plate: AskedPlate) -> Query {
    let at = |text: &str| text.parse().unwrap();
    Query::new(
        plate,
        TimeWindow::new(at("2026-03-01T00:00:00Z"), at("2026-03-05T00:00:00Z")).unwrap(),
        Purpose::StolenVehicle,
        CaseRef::parse("BRK-2026-000042").unwrap(),
        OnBehalfOf::Own,
    )
    .unwrap()
}

/// A permit of an agreement that allows everything and discloses this much.
pub(super) fn permit(query: &Query, disclose: &[UpstreamField], max_reads: u32) -> Permit {
    let document: AgreementDocument = serde_json::from_value(json!({
        "id": "brookdale-police", "version": 1, "source": "brookdale-police", "provider": "Brookdale PD",
        "legal_basis": "an invented contract", "contact": "nobody.example", "signed_by": ["owner.example"], "status": "active",
        "effective_from": "2026-01-01T00:00:00Z", "effective_until": "2027-01-01T00:00:00Z", "review_due": "2027-01-01T00:00:00Z",
        "actions": ["query"],
        "who": {"organisation_classes": ["state_local"], "jurisdictions": ["US"], "roles": ["investigator"],
                "on_behalf_of": "refuse",
            "organisations": ["*"], "requires": { "sworn": false, "training": false, "assurance": "aal1" } },
        "why": {"purposes": ["stolen_vehicle"], "prohibited": []},
        "case": { "patterns": ["*"], "register": "ignore" },
        "where": { "within": ["*"], "excluded": [], "position_decimals": 6 },
        "how_much": { "user_per_hour": 1000000, "organisation_per_day": 1000000 },
        "conditions": { "declaration": "nobody", "warrant": "nobody", "urgent": "like_any" },
        "duties": { "feed_hours": 24, "delete_after_days": 30, "onward_transfer": [], "confirm_match": true },
        "how_far": {"lookback_days": 30, "supervisor_after_days": 30, "max_window_days": 30, "excess": "cut"},
        "plates": {"look_alike": true, "partial": {"min_known": 4, "max_window_days": 31}},
        "what": {"fields": [], "confidence_floor_percent": 0, "max_reads": max_reads},
        "upstream": {"disclose": disclose},
        "retention": null,
    }))
    .unwrap();
    document
        .validate()
        .unwrap()
        .permit(&requester(), query, now())
        .unwrap()
}

fn requester() -> Requester {
    Requester {
        subject: "officer-canary".to_owned(),
        organisation: Organisation {
            id: "organisation-canary".to_owned(),
            class: OrganisationClass::StateLocal,
            jurisdiction: Jurisdiction::parse("US-OH").unwrap(),
        },
        roles: BTreeSet::from([Role::Investigator]),
        on_behalf_of: None,
        attributes: turnpike_schemas::agreement::Attributes::default(),
    }
}
