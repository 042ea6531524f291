//! An adapter that does as it is told, permits to call it with, and a source that counts.

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use turnpike_schemas::{
    agreement::{Agreement, AgreementDocument, ImagePermit, IngestPermit, Permit, Requester},
    plate::{Jurisdiction, Plate, PlatePattern},
    query::{AskedPlate, CaseRef, OnBehalfOf, Purpose, Query, TimeWindow},
    read::{Family, ImageKind, ImageRef},
};

use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Disposition, Image, Info, Item, Message,
        Page, ReadSeek, Subscription, Verdict,
    },
    context::{Clock, Context, Secrets, Transport, monotonic},
    error::{Error, ErrorKind, Result, Retry},
};

pub(super) static INFO: LazyLock<Info> = LazyLock::new(|| Info {
    id: "scripted",
    version: "1",
    family: Family::Police,
    capabilities: Capabilities {
        search: true,
        poll: true,
        push: true,
        file: true,
        subscribe: true,
        images: true,
        partial_plates: true,
        look_alike: true,
        needs: &[],
    },
});

/// What a scripted adapter does on one call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Sends so many requests, then succeeds.
    Send(usize),
    /// Sends so many requests, then fails.
    SendThenFail(usize, ErrorKind),
    /// Fails.
    Fail(ErrorKind),
    /// Fails with advice.
    FailWith(ErrorKind, Retry),
    /// Takes so long, then succeeds.
    Take(Duration),
    /// Never ends.
    Hang,
}

impl Step {
    pub(super) fn then_fail(self, kind: ErrorKind) -> Self {
        match self {
            Self::Send(requests) => Self::SendThenFail(requests, kind),
            other => other,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    steps: VecDeque<Step>,
    always: Option<Step>,
    calls: Vec<Instant>,
    deadlines: Vec<Instant>,
}

/// The script of an adapter and what was asked of it. One request and success when it says nothing.
#[derive(Debug, Clone)]
pub(super) struct Script {
    info: Info,
    state: Arc<Mutex<State>>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            info: INFO.clone(),
            state: Arc::default(),
        }
    }
}

impl Script {
    pub(super) fn declaring(mut self, capabilities: Capabilities) -> Self {
        self.info.capabilities = capabilities;
        self
    }

    pub(super) fn adapter(&self) -> Box<dyn Adapter> {
        Box::new(self.clone())
    }

    pub(super) fn next(&self, steps: impl IntoIterator<Item = Step>) {
        self.state.lock().unwrap().steps.extend(steps);
    }

    pub(super) fn always(&self, step: Step) {
        self.state.lock().unwrap().always = Some(step);
    }

    pub(super) fn calls(&self) -> usize {
        self.called_at().len()
    }

    pub(super) fn called_at(&self) -> Vec<Instant> {
        self.state.lock().unwrap().calls.clone()
    }

    pub(super) fn deadlines(&self) -> Vec<Instant> {
        self.state.lock().unwrap().deadlines.clone()
    }

    async fn play(&self, ctx: &Context) -> Result<()> {
        let step = {
            let mut state = self.state.lock().unwrap();
            state.calls.push(monotonic());
            state.deadlines.push(ctx.deadline());
            let next = state.steps.pop_front();
            next.or(state.always).unwrap_or(Step::Send(1))
        };
        match step {
            Step::Send(requests) => send(ctx, requests).await,
            Step::SendThenFail(requests, kind) => {
                send(ctx, requests).await?;
                Err(Error::new(kind, "play", "scripted"))
            }
            Step::Fail(kind) => Err(Error::new(kind, "play", "scripted")),
            Step::FailWith(kind, retry) => {
                Err(Error::new(kind, "play", "scripted").with_retry(retry))
            }
            Step::Take(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Step::Hang => std::future::pending().await,
        }
    }
}

async fn send(ctx: &Context, requests: usize) -> Result<()> {
    for _ in 0..requests {
        ctx.send(http::Request::new(Bytes::new())).await?;
    }
    Ok(())
}

#[async_trait]
impl Adapter for Script {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn search(&self, ctx: &Context, _permit: &Permit) -> Result<Page> {
        self.play(ctx).await?;
        Ok(Page::default())
    }

    async fn poll(&self, ctx: &Context, _permit: &IngestPermit, since: &Cursor) -> Result<Batch> {
        self.play(ctx).await?;
        Ok(Batch {
            page: Page::default(),
            withdrawn: Vec::new(),
            cursor: since.clone(),
            more: false,
        })
    }

    fn decode(&self, _message: &Message) -> Result<Decoded> {
        self.state.lock().unwrap().calls.push(monotonic());
        let mut page = Page::default();
        page.push(Item::Skipped("heartbeat"));
        Ok(Decoded { page, reply: None })
    }

    fn decode_file(
        &self,
        _name: &str,
        _file: &mut dyn ReadSeek,
        sink: &mut dyn FnMut(Item) -> Result<()>,
    ) -> Result<Verdict> {
        self.state.lock().unwrap().calls.push(monotonic());
        sink(Item::Skipped("heartbeat"))?;
        Ok(Verdict {
            disposition: Disposition::Accepted,
            acknowledgement: None,
            partial_acknowledgement: None,
        })
    }

    async fn image(
        &self,
        ctx: &Context,
        _permit: &ImagePermit,
        _image: &ImageRef,
    ) -> Result<Image> {
        self.play(ctx).await?;
        Ok(Image {
            content_type: "image/jpeg".to_owned(),
            bytes: Bytes::new(),
        })
    }

    fn subscription(&self) -> Option<Subscription> {
        Some(subscribed())
    }
}

/// What the scripted adapter would listen to.
pub(super) fn subscribed() -> Subscription {
    Subscription::HttpStream {
        url: "https://cameras.brookdale.example/stream".parse().unwrap(),
    }
}

/// Decodes a message and a file; how many items each gave.
pub(super) fn decode_both(adapter: &dyn Adapter) -> (usize, usize) {
    let decoded = adapter.decode(&Message::json("{}")).unwrap();
    let mut items = 0;
    let verdict = adapter.decode_file("a.csv", &mut std::io::Cursor::new(b""), &mut |_| {
        items += 1;
        Ok(())
    });
    assert_eq!(verdict.unwrap().disposition, Disposition::Accepted);
    (decoded.page.skipped.len(), items)
}

/// A source that answers every request with 200 after a while and notes when it came.
#[derive(Debug, Default)]
pub(super) struct Counter {
    pub(super) takes: Duration,
    sent_at: Mutex<Vec<Instant>>,
    under_way: Mutex<(usize, usize)>,
}

#[async_trait]
impl Transport for Counter {
    async fn send(
        &self,
        _request: http::Request<Bytes>,
        _deadline: Instant,
    ) -> Result<http::Response<Bytes>> {
        self.sent_at.lock().unwrap().push(monotonic());
        {
            let (now, most) = &mut *self.under_way.lock().unwrap();
            *now += 1;
            *most = (*most).max(*now);
        }
        tokio::time::sleep(self.takes).await;
        self.under_way.lock().unwrap().0 -= 1;
        Ok(http::Response::new(Bytes::new()))
    }
}

impl Counter {
    pub(super) fn sent_at(&self) -> Vec<Instant> {
        self.sent_at.lock().unwrap().clone()
    }

    pub(super) fn most_under_way(&self) -> usize {
        self.under_way.lock().unwrap().1
    }
}

/// A wall clock that stands still.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        at("2026-03-04T12:00:00Z")
    }
}

/// Everything a call needs, with 8 s to go.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) ctx: Context,
    pub(super) source: Arc<Counter>,
    pub(super) permit: Permit,
    pub(super) ingest: IngestPermit,
    pub(super) image_permit: ImagePermit,
    pub(super) image: ImageRef,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Duration::from_secs(8), Duration::ZERO)
    }

    pub(super) fn with(time: Duration, source_takes: Duration) -> Self {
        let source = Arc::new(Counter {
            takes: source_takes,
            ..Counter::default()
        });
        let (agreement, requester, now) = (agreement(), requester(), Still.now());
        let exact = query(AskedPlate::Exact(Plate::parse("TPK0421").unwrap()));
        Self {
            ctx: Context::new(
                Arc::clone(&source) as Arc<dyn Transport>,
                Arc::new(Still),
                Arc::new(Secrets::default()),
                monotonic() + time,
            ),
            source,
            permit: agreement.permit(&requester, &exact, now).unwrap(),
            ingest: agreement.ingest_permit(now).unwrap(),
            image_permit: agreement.image_permit(&requester, &exact, now).unwrap(),
            image: ImageRef {
                kind: ImageKind::Plate,
                reference: "1".to_owned(),
                expires_at: None,
            },
        }
    }

    pub(super) fn sends(&self) -> usize {
        self.source.sent_at().len()
    }
}

/// A permit for a partial plate and one for look-alikes.
pub(super) fn other_permits() -> [Permit; 2] {
    let partial = AskedPlate::Partial(PlatePattern::parse("TPK04?1").unwrap());
    let look_alike = AskedPlate::LookAlike(Plate::parse("TPK0421").unwrap());
    [partial, look_alike].map(|plate| {
        agreement()
            .permit(&requester(), &query(plate), Still.now())
            .unwrap()
    })
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn query(plate: AskedPlate) -> Query {
    Query::new(
        plate,
        TimeWindow::new(at("2026-03-01T00:00:00Z"), at("2026-03-04T00:00:00Z")).unwrap(),
        Purpose::StolenVehicle,
        CaseRef::parse("BRK-2026-000042").unwrap(),
        OnBehalfOf::Own,
    )
    .unwrap()
}

fn requester() -> Requester {
    Requester {
        subject: "officer-1".to_owned(),
        organisation: turnpike_schemas::agreement::Organisation {
            id: "brookdale-police".to_owned(),
            class: turnpike_schemas::agreement::OrganisationClass::StateLocal,
            jurisdiction: Jurisdiction::parse("US-OH").unwrap(),
        },
        roles: [turnpike_schemas::agreement::Role::Investigator].into(),
        on_behalf_of: None,
        attributes: turnpike_schemas::agreement::Attributes::default(),
    }
}

fn agreement() -> Agreement {
    let document = serde_json::json!({
        "id": "brookdale-reads", "version": 1, "source": "brookdale",
        "provider": "Brookdale", "legal_basis": "contract 1", "contact": "nobody.example", "signed_by": ["owner.example"], "status": "active",
        "effective_from": "2026-01-01T00:00:00Z", "effective_until": "2027-01-01T00:00:00Z", "review_due": "2027-01-01T00:00:00Z",
        "actions": ["query", "image", "ingest"],
        "who": { "organisation_classes": ["state_local"], "jurisdictions": ["US-OH"],
                 "roles": ["investigator"], "on_behalf_of": "refuse",
            "organisations": ["*"], "requires": { "sworn": false, "training": false, "assurance": "aal1" } },
        "why": { "purposes": ["stolen_vehicle"], "prohibited": [] },
        "case": { "patterns": ["*"], "register": "ignore" },
        "where": { "within": ["*"], "excluded": [], "position_decimals": 6 },
        "how_much": { "user_per_hour": 1000000, "organisation_per_day": 1000000 },
        "conditions": { "declaration": "nobody", "warrant": "nobody", "urgent": "like_any" },
        "duties": { "feed_hours": 24, "delete_after_days": 30, "onward_transfer": [], "confirm_match": true },
        "how_far": { "lookback_days": 30, "supervisor_after_days": 30, "max_window_days": 30, "excess": "refuse" },
        "plates": { "look_alike": true, "partial": { "min_known": 4, "max_window_days": 31 } },
        "what": { "fields": ["images"], "image_kinds": ["plate", "vehicle", "scene"], "confidence_floor_percent": 0, "max_reads": 100 },
        "retention": { "days": 30 }
    });
    let document: AgreementDocument = serde_json::from_value(document).unwrap();
    document.validate().unwrap()
}
