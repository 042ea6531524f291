//! Polls and streams against an adapter that does as it is told, with a real store and a real ledger. Plates are invented.

use std::{
    collections::{BTreeSet, VecDeque},
    net::SocketAddr,
    num::NonZeroU32,
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt as _, net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use turnpike_adapters::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Image, Info, Item, Page, ReadSeek, Subscription,
        Verdict, unsupported,
    },
    context::{Context, NoTransport, Secrets},
    error::{ErrorKind, Result as Called},
    layers::{self, Limits},
    registry,
    transport::TransportConfig,
};
use turnpike_schemas::{
    agreement::{Agreement, AgreementDocument, ImagePermit, Permit},
    ledger::Body,
    plate::Plate,
    read::{Family, ImageRef, SourceId, ZoneProvenance},
};
use url::Url;

use super::*;
use crate::{
    config,
    federation::{LiveShape, SourceTally},
    ledger::{self, LedgerConfig},
    policy::PolicySource,
    store::StoreConfig,
};

const GATE: &str = "north-gate";
const START: &str = "2026-03-20T12:00:00Z";
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
struct MovedClock(AtomicI64);

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// What a poll does.
enum Step {
    Bring(
        Vec<(&'static str, &'static str)>,
        Vec<&'static str>,
        &'static str,
        bool,
    ),
    Fail(ErrorKind),
    Panic,
}

/// Polls as told; a message is `record plate`.
#[derive(Debug, Default)]
struct Scripted {
    steps: Mutex<VecDeque<Step>>,
    since: Mutex<Vec<Cursor>>,
    stream: Option<Url>,
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Step")
    }
}

/// The adapter of a source, which the layers own, and the script, which the test keeps.
#[derive(Debug)]
struct Played {
    info: Info,
    script: Arc<Scripted>,
}

#[async_trait]
impl Adapter for Played {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn search(&self, _: &Context, _: &Permit) -> Called<Page> {
        unsupported("search")
    }

    async fn poll(&self, _: &Context, _: &IngestPermit, since: &Cursor) -> Called<Batch> {
        self.script.since.lock().unwrap().push(since.clone());
        let step = self.script.steps.lock().unwrap().pop_front();
        match step {
            None => Ok(Batch {
                page: Page::default(),
                withdrawn: Vec::new(),
                cursor: since.clone(),
                more: false,
            }),
            Some(Step::Panic) => panic!("as told"),
            Some(Step::Fail(kind)) => Err(Error::new(kind, "poll", "as told")),
            Some(Step::Bring(reads, withdrawn, cursor, more)) => {
                let mut page = Page::default();
                for (record, plate) in reads {
                    page.push(item(record, plate));
                }
                Ok(Batch {
                    page,
                    withdrawn: withdrawn.into_iter().map(str::to_owned).collect(),
                    cursor: Cursor(Some(cursor.to_owned())),
                    more,
                })
            }
        }
    }

    fn decode(&self, message: &Message) -> Called<Decoded> {
        let mut page = Page::default();
        let text = String::from_utf8_lossy(&message.body).into_owned();
        match (message.content_type.as_deref(), text.split_once(' ')) {
            (Some("text/plain"), Some((record, plate))) => page.push(item(record, plate)),
            (Some("image/jpeg"), _) => page.push(Item::Skipped("image")),
            _ => return Err(Error::new(ErrorKind::Malformed, "decode", "as told")),
        }
        Ok(Decoded { page, reply: None })
    }

    fn decode_file(
        &self,
        _: &str,
        _: &mut dyn ReadSeek,
        _: &mut dyn FnMut(Item) -> Called<()>,
    ) -> Called<Verdict> {
        unsupported("decode_file")
    }

    async fn image(&self, _: &Context, _: &ImagePermit, _: &ImageRef) -> Called<Image> {
        unsupported("image")
    }

    fn subscription(&self) -> Option<Subscription> {
        let url = self.script.stream.clone()?;
        Some(Subscription::HttpStream { url })
    }
}

fn item(record: &str, plate: &str) -> Item {
    let at = "2026-03-20T11:00:00Z".parse().unwrap();
    let plate = Plate::parse(plate).unwrap();
    let zone = ZoneProvenance::InValue;
    Item::Read(Box::new(Observation::new(
        record.to_owned(),
        plate,
        at,
        zone,
    )))
}

struct Bench {
    folder: TempDir,
    clock: Arc<MovedClock>,
    intake: Arc<Intake>,
    source: Arc<Source>,
    script: Arc<Scripted>,
    stop: CancellationToken,
}

impl Bench {
    fn new(stream: Option<Url>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start = START.parse::<Timestamp>().unwrap().as_second();
        let clock = Arc::new(MovedClock(AtomicI64::new(start)));
        let time: Arc<dyn Clock> = Arc::<MovedClock>::clone(&clock);
        let store = folder.path().join("reads");
        let store = Store::open(&store, StoreConfig::default(), Arc::clone(&time)).unwrap();
        let now = Arc::clone(&time);
        let settings = LedgerConfig {
            deadline: PATIENCE,
            ..LedgerConfig::default()
        };
        let opened = Ledger::open(
            &folder.path().join("ledger"),
            settings,
            Arc::new(move || now.now()),
        );
        let quarantine = Quarantine::open(&folder.path().join("quarantine")).unwrap();
        let policy = Policy::new(&PolicySource::default()).unwrap();
        policy.learn(&agreement()).unwrap();
        let intake = Arc::new(Intake {
            policy: Arc::new(policy),
            store: Arc::new(store),
            ledger: Arc::new(opened.unwrap().ledger),
            clock: time,
            quarantine: Arc::new(quarantine),
            decoding: Arc::new(Semaphore::new(4)),
        });
        let script = Arc::new(Scripted {
            stream,
            ..Scripted::default()
        });
        Self {
            source: Arc::new(source(&script)),
            folder,
            clock,
            intake,
            script,
            stop: CancellationToken::new(),
        }
    }

    fn play(&self, steps: impl IntoIterator<Item = Step>) {
        self.script.steps.lock().unwrap().extend(steps);
    }

    fn poll(&self) -> JoinHandle<()> {
        let settings = config::Poll {
            every: Duration::from_millis(20),
            deadline: PATIENCE,
        };
        let cursors = self.folder.path().join("cursors");
        let (source, intake) = (Arc::clone(&self.source), Arc::clone(&self.intake));
        let poller = Poller::open(source, intake, settings, &cursors).unwrap();
        tokio::spawn(poller.run(self.stop.clone()))
    }

    fn listen(&self, url: Url) -> JoinHandle<()> {
        let settings = config::Listen {
            client_id: "unused".to_owned(),
            connect: PATIENCE,
            idle: PATIENCE,
            max_message: 1_000,
            ca: None,
            login: None,
        };
        let transport = TransportConfig {
            allow_private: true,
            ..TransportConfig::new(vec![url])
        };
        let (source, intake) = (Arc::clone(&self.source), Arc::clone(&self.intake));
        let listener = Listener::open(source, intake, settings, transport).unwrap();
        tokio::spawn(listener.run(self.stop.clone()))
    }

    /// Waits until this many reads are current.
    async fn held(&self, count: u64) {
        let source = SourceId::parse(GATE).unwrap();
        self.until(|| self.intake.store.source_stats(&source).held == count)
            .await;
    }

    async fn until(&self, holds: impl Fn() -> bool) {
        let mut beat = tokio::time::interval(Duration::from_millis(5));
        let seen = tokio::time::timeout(PATIENCE, async {
            while !holds() {
                beat.tick().await;
            }
        });
        seen.await.expect("never seen");
    }

    fn ingests(&self) -> Vec<Ingest> {
        let entries = ledger::read(&self.folder.path().join("ledger")).unwrap();
        let ingest = |body| match body {
            Body::Ingest(ingest) => Some(ingest),
            _ => None,
        };
        entries
            .filter_map(|entry| ingest(entry.unwrap().body))
            .collect()
    }

    fn cursor(&self) -> Option<String> {
        let path = self.folder.path().join("cursors/north-gate.json");
        std::fs::read_to_string(path).ok()
    }
}

fn source(script: &Arc<Scripted>) -> Source {
    let info = Info {
        id: "frigate",
        version: "test",
        family: Family::Camera,
        capabilities: Capabilities {
            poll: true,
            subscribe: true,
            ..Capabilities::NONE
        },
    };
    let played = Played {
        info,
        script: Arc::clone(script),
    };
    let limits = Limits::new(NonZeroU32::new(10_000).unwrap(), Duration::from_secs(1));
    let stack = layers::stack(Box::new(played), &limits);
    Source {
        id: SourceId::parse(GATE).unwrap(),
        title: GATE.to_owned(),
        entry: registry::find("frigate").unwrap(),
        agreement: Arc::new(agreement()),
        adapter: stack.adapter,
        health: stack.health,
        transport: Arc::new(NoTransport),
        secrets: Arc::new(Secrets::default()),
        stale_after: None,
        shape: None,
        reserve_percent: 0,
        tally: SourceTally::default(),
        live_shape: LiveShape::unkept(Timestamp::UNIX_EPOCH),
    }
}

/// Ends on 21 March 2026.
fn agreement() -> Agreement {
    let text = r#"
id = "north-gate"
version = 1
source = "north-gate"
provider = "North Gate"
legal_basis = "invented"
contact = "nobody.example"
signed_by = ["owner.example"]
status = "active"
effective_from = "2020-01-01T00:00:00Z"
effective_until = "2026-03-21T00:00:00Z"
review_due = "2026-03-21T00:00:00Z"
actions = ["query", "ingest"]

[who]
organisation_classes = ["state_local"]
jurisdictions = ["US-OH"]
roles = ["investigator"]
on_behalf_of = "both_allowed"
organisations = ["*"]
requires = { sworn = false, training = false, assurance = "aal1" }

[why]
purposes = ["stolen_vehicle"]
prohibited = ["immigration_enforcement"]

[case]
patterns = ["*"]
register = "ignore"

[where]
within = ["*"]
excluded = []
position_decimals = 6

[how_much]
user_per_hour = 1000000
organisation_per_day = 1000000

[conditions]
declaration = "nobody"
warrant = "nobody"
urgent = "like_any"

[duties]
feed_hours = 24
delete_after_days = 365
onward_transfer = []
confirm_match = true

[how_far]
lookback_days = 90
supervisor_after_days = 36500
max_window_days = 31
excess = "cut"

[plates]
look_alike = false

[what]
fields = ["plate_raw"]
confidence_floor_percent = 0
max_reads = 10

[upstream]
disclose = []

[retention]
days = 90
"#;
    let document: AgreementDocument = toml::from_str(text).unwrap();
    document.validate().unwrap()
}

#[tokio::test]
async fn polls_go_on_from_the_cursor_that_is_kept() {
    let bench = Bench::new(None);
    bench.play([
        Step::Bring(vec![("1", "TPX0001")], vec![], "one", true),
        Step::Bring(vec![("2", "TPX0002")], vec![], "two", false),
    ]);
    let running = bench.poll();
    bench.held(2).await;
    bench
        .until(|| bench.script.since.lock().unwrap().len() >= 3)
        .await;
    bench.stop.cancel();
    running.await.unwrap();
    let since = bench.script.since.lock().unwrap().clone();
    let cursors: Vec<_> = since
        .iter()
        .take(3)
        .map(|cursor| cursor.0.as_deref())
        .collect();
    assert_eq!(cursors, [None, Some("one"), Some("two")]);
    assert!(bench.cursor().unwrap().contains("\"two\""));
    let entries = bench.ingests();
    assert_eq!(
        entries.len(),
        2,
        "a poll that brings nothing leaves no entry"
    );
    assert!(
        entries
            .iter()
            .all(|entry| entry.way == IngestWay::Poll && entry.accepted == 1)
    );

    let again = Bench {
        stop: CancellationToken::new(),
        ..bench
    };
    again.script.since.lock().unwrap().clear();
    let running = again.poll();
    again
        .until(|| !again.script.since.lock().unwrap().is_empty())
        .await;
    again.stop.cancel();
    running.await.unwrap();
    let first = again.script.since.lock().unwrap()[0].clone();
    assert_eq!(first.0.as_deref(), Some("two"));
}

#[tokio::test]
async fn what_a_source_withdraws_is_retracted_once_and_a_later_version_returns_it() {
    let bench = Bench::new(None);
    bench.play([
        Step::Bring(
            vec![("1", "TPX0001"), ("2", "TPX0002")],
            vec![],
            "one",
            false,
        ),
        Step::Bring(vec![], vec!["1", "unknown"], "two", false),
        Step::Bring(vec![], vec!["1"], "three", false),
        Step::Bring(vec![("1", "TPX0001")], vec![], "four", false),
    ]);
    let running = bench.poll();
    bench
        .until(|| bench.cursor().is_some_and(|cursor| cursor.contains("four")))
        .await;
    bench.stop.cancel();
    running.await.unwrap();
    bench.held(1).await;
    let id = ReadId::derive(&bench.source.id, "1");
    assert_eq!(
        bench.intake.store.get(&id).await.unwrap(),
        None,
        "the same bytes again change nothing"
    );
    let history = bench.intake.store.history(&id).await.unwrap();
    assert_eq!(history.len(), 2);
    let accepted: Vec<u64> = bench.ingests().iter().map(|entry| entry.accepted).collect();
    assert_eq!(accepted, [2, 1]);
}

#[tokio::test]
async fn a_poll_that_fails_or_panics_moves_no_cursor_and_is_made_again() {
    let bench = Bench::new(None);
    bench.play([
        Step::Bring(vec![("1", "TPX0001")], vec![], "one", false),
        Step::Panic,
        Step::Bring(vec![("2", "TPX0002")], vec![], "two", false),
    ]);
    let running = bench.poll();
    // The panic is answered by the longest pause, so the clock is not waited for here: the loop lives.
    bench
        .until(|| bench.script.since.lock().unwrap().len() >= 2)
        .await;
    assert!(bench.cursor().unwrap().contains("\"one\""));
    assert!(!running.is_finished());
    bench.stop.cancel();
    running.await.unwrap();
    let since = bench.script.since.lock().unwrap().clone();
    assert_eq!(since[1].0.as_deref(), Some("one"));

    let bench = Bench::new(None);
    bench.play([
        Step::Fail(ErrorKind::Unavailable),
        Step::Fail(ErrorKind::Unavailable),
        Step::Bring(vec![("2", "TPX0002")], vec![], "two", false),
    ]);
    let running = bench.poll();
    bench.held(1).await;
    bench.stop.cancel();
    running.await.unwrap();
    let since = bench.script.since.lock().unwrap().clone();
    assert!(since.iter().take(3).all(|cursor| cursor.0.is_none()));
}

#[tokio::test]
async fn a_source_that_says_more_and_stands_still_is_left_until_the_next_poll() {
    let bench = Bench::new(None);
    let still = || Step::Bring(vec![("1", "TPX0001")], vec![], "one", true);
    bench.play([
        still(),
        still(),
        Step::Bring(vec![("2", "TPX0002")], vec![], "two", false),
    ]);
    let running = bench.poll();
    bench.held(2).await;
    bench.stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn an_agreement_that_ends_stops_polls_on_record() {
    let bench = Bench::new(None);
    bench.play([Step::Bring(vec![("1", "TPX0001")], vec![], "one", false)]);
    let running = bench.poll();
    bench.held(1).await;
    bench.clock.0.fetch_add(24 * 3_600, Ordering::SeqCst);
    bench
        .until(|| bench.ingests().iter().any(|entry| entry.refused.is_some()))
        .await;
    let calls = bench.script.since.lock().unwrap().len();
    // Many times the pause between two polls.
    let another = bench.until(|| bench.script.since.lock().unwrap().len() > calls);
    let seen = tokio::time::timeout(Duration::from_millis(300), another).await;
    assert!(seen.is_err(), "a source without an agreement was polled");
    bench.stop.cancel();
    running.await.unwrap();
    let refused: Vec<_> = bench
        .ingests()
        .into_iter()
        .filter_map(|entry| entry.refused)
        .collect();
    assert_eq!(refused, ["agreement_expired"]);
}

/// Serves one stream per connection, each the next of `streams`; all stay open but the first.
async fn camera(streams: Vec<String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        for (number, parts) in streams.into_iter().enumerate() {
            let (mut stream, _) = listener.accept().await.unwrap();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=edge\r\n\r\n";
            stream
                .write_all(format!("{head}{parts}").as_bytes())
                .await
                .unwrap();
            if number > 0 {
                kept.push(stream);
            }
        }
        std::future::pending::<()>().await;
    });
    address
}

fn part(content_type: &str, body: &str) -> String {
    let length = body.len();
    format!("--edge\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}\r\n")
}

#[tokio::test]
async fn parts_of_a_stream_are_taken_in_and_a_stream_that_breaks_is_opened_again() {
    let first = [
        part("text/plain", "1 TPX0001"),
        part("image/jpeg", "x"),
        part("text/html", "?"),
    ];
    let second = [
        part("text/plain", "1 TPX0001"),
        part("text/plain", "2 TPX0002"),
    ];
    let address = camera(vec![first.concat(), second.concat()]).await;
    let url: Url = format!("http://{address}/stream").parse().unwrap();
    let bench = Bench::new(Some(url.clone()));
    let running = bench.listen(url);
    bench.held(2).await;
    assert!(!running.is_finished());
    bench.stop.cancel();
    running.await.unwrap();
    let entries = bench.ingests();
    let [entry] = entries.as_slice() else {
        panic!("{entries:?}")
    };
    assert_eq!(
        (entry.way, entry.refused.as_deref()),
        (IngestWay::Subscribe, Some("malformed"))
    );
}

#[tokio::test]
async fn a_part_of_another_shape_is_set_aside_once_and_holds_up_no_other() {
    let parts = [
        part("text/plain", "1 TPX0001"),
        part("text/plain", "2 TPX0002"),
    ];
    let address = camera(vec![String::new(), parts.concat()]).await;
    let url: Url = format!("http://{address}/stream").parse().unwrap();
    let mut bench = Bench::new(Some(url.clone()));
    let shape = r#"{"version":1,"formats":["json"],"fields":{}}"#;
    let kept = Arc::get_mut(&mut bench.source).unwrap();
    kept.shape = Some(Arc::new(serde_json::from_str(shape).unwrap()));
    let running = bench.listen(url);
    let refused = || {
        let entries = bench.ingests().into_iter();
        let entries = entries.filter(|entry| entry.refused.is_some());
        entries
            .map(|entry| format!("{:?}", entry.payload_sha256))
            .collect::<Vec<_>>()
    };
    let both = || refused().into_iter().collect::<BTreeSet<_>>().len() == 2;
    bench.until(both).await;
    assert_eq!(refused().len(), 2, "each once");
    assert!(!running.is_finished());
    bench.stop.cancel();
    running.await.unwrap();
    let held = bench
        .intake
        .store
        .source_stats(&SourceId::parse(GATE).unwrap());
    assert_eq!(held.held, 0);
}

#[tokio::test]
async fn an_agreement_that_ends_closes_a_stream_on_record() {
    let address = camera(vec![String::new(), part("text/plain", "1 TPX0001")]).await;
    let url: Url = format!("http://{address}/stream").parse().unwrap();
    let bench = Bench::new(Some(url.clone()));
    let running = bench.listen(url);
    bench.held(1).await;
    bench.clock.0.fetch_add(24 * 3_600, Ordering::SeqCst);
    bench.until(|| !bench.ingests().is_empty()).await;
    let entry = bench.ingests().remove(0);
    assert_eq!(entry.refused.as_deref(), Some("agreement_expired"));
    bench.stop.cancel();
    running.await.unwrap();
}
