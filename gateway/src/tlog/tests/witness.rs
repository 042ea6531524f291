use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use turnpike_schemas::ledger::{Admin, AdminAction, Intent};
use turnpike_schemas::tlog::{AddCheckpoint, Policy, VerifierKey, consistency};
use uuid::Uuid;

use super::*;
use crate::ledger::{Ledger, LedgerConfig, LedgerError, Ticket, TreeConfig, Unavailable};

/// A witness on a loopback socket that can be switched off and on.
struct Stand {
    dir: tempfile::TempDir,
    logs: Vec<VerifierKey>,
    now: Now,
    address: SocketAddr,
    key: VerifierKey,
    task: Option<JoinHandle<()>>,
}

impl Stand {
    async fn new(name: &str, logs: &[VerifierKey], now: Now) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("witness.key");
        let signer = SigningKey::create(&file, Some(name), KeyKind::Witness).unwrap();
        let mut stand = Self {
            key: signer.verifier().clone(),
            dir,
            logs: logs.to_vec(),
            now,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            task: None,
        };
        stand.on().await;
        stand
    }

    /// Listens where it listened before, with what it kept on disk.
    async fn on(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let router = self.witness().router();
        let serving = async move { axum::serve(listener, router).await.unwrap() };
        self.task = Some(tokio::spawn(serving));
    }

    async fn off(&mut self) {
        let task = self.task.take().unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }

    fn witness(&self) -> Witness {
        let file = self.dir.path().join("witness.key");
        let signer = SigningKey::load(&file, KeyKind::Witness).unwrap();
        let state = Folder::new(self.dir.path());
        Witness::new(signer, self.logs.clone(), state, Arc::clone(&self.now))
    }

    fn line(&self, name: &str) -> String {
        format!("witness {name} {} http://{}\n", self.key, self.address)
    }

    /// Status and body of the answer to a request, over HTTP.
    async fn ask(&self, body: String) -> (u16, String) {
        let client = witnesses::client().unwrap();
        let address = format!("http://{}/add-checkpoint", self.address);
        let response = client.post(address).body(body).send().await.unwrap();
        let status = response.status().as_u16();
        if status == 409 {
            assert_eq!(response.headers()["content-type"], "text/x.tlog.size");
        }
        (status, response.text().await.unwrap())
    }
}

/// A request that continues `old` entries of `entries` to all of them, honestly proved.
fn request(log: &Log, dir: &Path, entries: &[String], old: usize) -> AddCheckpoint {
    let place = dir.join(format!("published-{}", uuid::Uuid::now_v7()));
    let checkpoint = log.publish(entries, &place).note().clone();
    let (folder, size) = (Folder::new(&place), entries.len() as u64);
    let proof = consistency(&TileHashes::new(&folder, size), old as u64, size).unwrap();
    AddCheckpoint {
        old: old as u64,
        proof,
        checkpoint,
    }
}

#[tokio::test]
async fn a_witness_answers_as_the_protocol_says() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new(dir.path());
    let hands = Hands::new();
    let known = [log.signer.verifier().clone()];
    let mut stand = Stand::new("witness.example/w", &known, hands.now()).await;
    let ask =
        |entries: Vec<String>, old: usize| request(&log, dir.path(), &entries, old).to_string();

    let first = ask(numbered(20), 0);
    let (status, line) = stand.ask(first.clone()).await;
    assert_eq!(status, 200, "{line}");
    let mut note = AddCheckpoint::parse(&first).unwrap().checkpoint;
    note.add(turnpike_schemas::tlog::NoteSignature::parse(line.trim_end()).unwrap());
    assert_eq!(
        stand.key.check_cosignature(&note, &AwsEd25519),
        Ok(1_800_000_000)
    );

    assert_eq!(stand.ask(ask(numbered(20), 0)).await, (409, "20\n".into()));
    assert_eq!(stand.ask(ask(numbered(30), 10)).await, (409, "20\n".into()));
    assert_eq!(
        stand.ask(ask(numbered(20), 20)).await.0,
        200,
        "the same again, at a later time"
    );
    let forked = |size: usize| {
        let mut entries = numbered(size);
        entries[3] = "something else".into();
        entries
    };
    assert_eq!(stand.ask(ask(forked(20), 20)).await, (409, "20\n".into()));
    assert_eq!(stand.ask(ask(forked(30), 20)).await.0, 422);
    let mut unproved = request(&log, dir.path(), &numbered(30), 20);
    unproved.proof.pop();
    assert_eq!(stand.ask(unproved.to_string()).await.0, 422);
    let backwards = AddCheckpoint {
        old: 20,
        proof: Vec::new(),
        checkpoint: log.sign(&numbered(10)).note().clone(),
    };
    assert_eq!(stand.ask(backwards.to_string()).await.0, 400);
    for garbage in ["", "old 20\n", "old 20\n\n", "old x\n\nlog\n"] {
        assert_eq!(stand.ask(garbage.to_owned()).await.0, 400, "{garbage:?}");
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let impostor = Log::new(elsewhere.path());
    let impostor = request(&impostor, elsewhere.path(), &numbered(30), 20).to_string();
    assert_eq!(
        stand.ask(impostor).await.0,
        403,
        "the name of the log, another key"
    );
    let text = ask(numbered(30), 20).replace("log.example/1", "log.example/2");
    assert_eq!(stand.ask(text).await.0, 404);

    stand.off().await;
    stand.on().await;
    assert_eq!(
        stand.ask(ask(forked(30), 0)).await,
        (409, "20\n".into()),
        "remembered on disk"
    );
    assert_eq!(stand.ask(ask(numbered(30), 20)).await.0, 200);
}

#[tokio::test]
async fn of_many_requests_at_once_a_witness_never_cosigns_two_histories() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new(dir.path());
    let known = [log.signer.verifier().clone()];
    let stand = Stand::new("witness.example/w", &known, Hands::new().now()).await;
    let bodies: Vec<String> = (0..8)
        .map(|fork| {
            let mut entries = numbered(10);
            entries[9] = format!("fork {fork}");
            request(&log, dir.path(), &entries, 0).to_string()
        })
        .collect();
    let answers = join_all(bodies.into_iter().map(|body| stand.ask(body))).await;
    let cosigned = answers.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(cosigned, 1, "{answers:?}");
}

/// A ledger, the clock it goes by, and the witnesses it needs.
struct Watched {
    dir: tempfile::TempDir,
    hands: Hands,
}

impl Watched {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            hands: Hands::new(),
        }
    }

    fn open(&self) -> Arc<Ledger> {
        let config = LedgerConfig {
            deadline: Duration::from_secs(20),
            tree: Some(TreeConfig {
                key_file: self.dir.path().join("ledger.key"),
                origin: Some("gateway.example/ledger".into()),
                interval: Duration::from_millis(1),
            }),
            ..LedgerConfig::default()
        };
        let opened = Ledger::open(&self.dir.path().join("ledger"), config, self.hands.now());
        Arc::new(opened.unwrap().ledger)
    }

    fn key(&self) -> VerifierKey {
        let signer = SigningKey::load(&self.dir.path().join("ledger.key"), KeyKind::Log);
        signer.unwrap().verifier().clone()
    }

    fn witnessed(&self) -> Option<Note> {
        let folder = Folder::new(self.dir.path().join("ledger/tree"));
        let text = folder.text(WITNESSED).unwrap()?;
        Some(Note::parse(&text).unwrap())
    }
}

/// The task that asks, until it is stopped.
struct Asked(CancellationToken, JoinHandle<()>);

impl Asked {
    fn start(ledger: &Arc<Ledger>, policy: &str) -> Self {
        let witnesses = Witnesses {
            policy: Policy::parse(policy).unwrap(),
            max_age: Duration::from_secs(60),
        };
        let mut asking = Asking::prepare(ledger, witnesses).unwrap().unwrap();
        asking.pause(Duration::from_millis(5));
        let stop = CancellationToken::new();
        Self(stop.clone(), tokio::spawn(asking.run(stop)))
    }

    async fn stop(self) {
        self.0.cancel();
        self.1.await.unwrap();
    }
}

async fn ask(ledger: &Ledger) -> Result<Ticket, LedgerError> {
    let intent: Intent = crate::ledger::example_intent();
    ledger.begin(Uuid::nil(), intent, Vec::new()).await
}

async fn note(ledger: &Ledger) -> Result<u64, LedgerError> {
    let entry = Admin {
        action: AdminAction::ConfigChange,
        by: None,
        facts: Default::default(),
    };
    ledger.admin(entry).await
}

async fn eventually(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
    waited.expect("should hold at last");
}

#[tokio::test]
async fn answers_stop_when_the_witness_is_gone_too_long_and_resume_when_it_is_back() {
    let site = Watched::new();
    let ledger = site.open();
    let mut stand = Stand::new("board.example/w", &[site.key()], site.hands.now()).await;
    let asked = Asked::start(&ledger, &format!("{}quorum board\n", stand.line("board")));
    eventually(|| ledger.healthy()).await;
    drop(ask(&ledger).await.unwrap());
    let vouched = site.witnessed().unwrap();
    assert!(stand.key.check_cosignature(&vouched, &AwsEd25519).is_ok());

    stand.off().await;
    site.hands.advance(60);
    drop(ask(&ledger).await.unwrap());
    site.hands.advance(1);
    assert!(!ledger.healthy());
    let refused = ask(&ledger).await.unwrap_err();
    assert!(matches!(
        refused,
        LedgerError::Unavailable(Unavailable::Unwitnessed)
    ));
    note(&ledger)
        .await
        .expect("what is no question is still recorded");

    stand.on().await;
    eventually(|| ledger.healthy()).await;
    drop(ask(&ledger).await.unwrap());
    asked.stop().await;
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn what_was_vouched_for_counts_after_a_restart_for_as_long_as_before() {
    let site = Watched::new();
    let ledger = site.open();
    let mut stand = Stand::new("board.example/w", &[site.key()], site.hands.now()).await;
    let policy = format!("{}quorum board\n", stand.line("board"));
    let asked = Asked::start(&ledger, &policy);
    eventually(|| ledger.healthy()).await;
    asked.stop().await;
    ledger.close().await.unwrap();
    drop(ledger);
    stand.off().await;
    site.hands.advance(50);
    let ledger = site.open();
    let asked = Asked::start(&ledger, &policy);
    assert!(ledger.healthy());
    site.hands.advance(11);
    assert!(!ledger.healthy());
    asked.stop().await;
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn a_quorum_of_two_is_not_one() {
    let site = Watched::new();
    let ledger = site.open();
    let board = Stand::new("board.example/w", &[site.key()], site.hands.now()).await;
    let mut court = Stand::new("court.example/w", &[site.key()], site.hands.now()).await;
    court.off().await;
    let (one, two) = (board.line("board"), court.line("court"));
    let asked = Asked::start(
        &ledger,
        &format!("{one}{two}group both all board court\nquorum both\n"),
    );
    note(&ledger).await.unwrap();
    let kept = || board.dir.path().read_dir().unwrap().count();
    eventually(|| kept() == 2).await;
    assert!(!ledger.healthy(), "one has cosigned, one is missing");
    court.on().await;
    eventually(|| ledger.healthy()).await;
    assert_eq!(site.witnessed().unwrap().signatures().len(), 3);
    asked.stop().await;
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn a_witness_that_knows_more_than_the_ledger_does_not_vouch_for_less() {
    let site = Watched::new();
    let ledger = site.open();
    for _ in 0..5 {
        note(&ledger).await.unwrap();
    }
    let stand = Stand::new("board.example/w", &[site.key()], site.hands.now()).await;
    let policy = format!("{}quorum board\n", stand.line("board"));
    let asked = Asked::start(&ledger, &policy);
    let published = ledger.published().unwrap().clone();
    let covers = |size: u64| {
        site.witnessed()
            .is_some_and(|note| note.text().contains(&format!("\n{size}\n")))
    };
    eventually(|| published.head().size == 5 && covers(5)).await;
    asked.stop().await;
    ledger.close().await.unwrap();
    drop(ledger);

    // The whole folder is put back to nothing, tree and all; only the key is the same.
    std::fs::remove_dir_all(site.dir.path().join("ledger")).unwrap();
    let ledger = site.open();
    note(&ledger).await.unwrap();
    let asked = Asked::start(&ledger, &policy);
    let told = stand.witness();
    eventually(|| published_size(&ledger) == 1).await;
    let body = format!("old 0\n\n{}", ledger.published().unwrap().head().note);
    assert_eq!(told.add_checkpoint(body.as_bytes()), Verdict::Conflict(5));
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert!(!ledger.healthy());
    assert!(ask(&ledger).await.is_err());
    asked.stop().await;
    ledger.close().await.unwrap();
}

fn published_size(ledger: &Ledger) -> u64 {
    ledger.published().unwrap().head().size
}
