//! The composition root: the only file that knows every module.

mod error;
mod parts;
mod workers;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;
use turnpike_adapters::{
    context::{Clock, NoTransport, Transport},
    layers::{self, Stack},
    transport::HttpTransport,
};
use turnpike_schemas::{
    ledger::{Admin, AdminAction, KeyId},
    read::SourceId,
};

pub use self::error::StartError;
use self::parts::{agreements_of, desk, identity, on_record, watching};
use self::workers::{Workers, pinned};
use crate::{
    accounts::Accounts,
    agreements, alerts, api,
    cases::Cases,
    channels::{self, Channels, Sender},
    config::{self, Config, HttpLimits},
    deliveries::Deliveries,
    escalator::Escalator,
    federation::{Federation, LiveShape, Source, SourceTally},
    identity::Directory,
    ingest::{Intake, Quarantine},
    ledger::{Ledger, LedgerError, Opened},
    limits::{Limits, PushLimits},
    listing::Listing,
    matching::{Answers, Matching},
    owners::Owners,
    policy::{Policy, PolicySource},
    refusals::Refusals,
    review::{Desk, DeskError},
    sealing::{self, Sealing},
    server,
    standing::{self, LookBacks, Scheduler, Turns},
    store::{Store, StoreConfig, StoreError, Swept},
    telemetry::Telemetry,
    tlog::Asking,
    watch,
    webhook::{Push, Replays},
};

/// One in so many places is for messages whose source is known only once their body is read.
const UNPROVEN: usize = 4;

/// Keys that the record of a start names, so that it fits: the newest. Earlier starts named the others.
const NAMED_KEYS: usize = 1_000;

/// Folder of what is seen of the sources' shapes.
pub(crate) const SHAPES: &str = "shapes";

/// A quota over a longer span starts spent: a restart must not give it twice.
const QUICK_REFILL: Duration = Duration::from_secs(1);

/// The control store's file in the data folder.
pub(crate) const CONTROL_FILE: &str = "control.sqlite";

/// Everything the routes use.
#[derive(Debug)]
pub struct App {
    pub(crate) federation: Arc<Federation>,
    pub(crate) cases: Arc<Cases>,
    /// Alert lists.
    pub(crate) alerts: alerts::Book,
    pub(crate) listing: Listing,
    /// What owners of alert lists were told.
    pub(crate) hits: watch::Book,
    /// Who listens for hits.
    pub(crate) hub: watch::Hub,
    pub(crate) matching: Arc<Matching>,
    /// Ends what goes on for as long as somebody listens.
    pub(crate) stop: CancellationToken,
    /// Where owners' systems are told of hits.
    pub(crate) channels: Channels,
    pub(crate) intake: Arc<Intake>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) accounts: Accounts,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) pushes: PushLimits,
    pub(crate) refusals: Refusals,
    pub(crate) deliveries: Deliveries,
    pub(crate) sealing: Sealing,
    pub(crate) owners: Arc<Owners>,
    /// What auditors and owners get to see of the ledger.
    pub(crate) desk: Desk,
    pub(crate) pushing: BTreeMap<SourceId, Pushing>,
    /// Places for messages whose source is known only once their body is read: few, so that strangers take not all.
    pub(crate) unproven: Arc<Semaphore>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) store: Arc<Store>,
    pub(crate) http: HttpLimits,
    pub(crate) telemetry: Telemetry,
}

/// How one source pushes, and what it pushed lately.
#[derive(Debug)]
pub(crate) struct Pushing {
    pub(crate) push: Push,
    /// Absent where messages carry nothing that tells one from another.
    pub(crate) replays: Option<Arc<Replays>>,
}

/// A gateway that is serving.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    app: Arc<App>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// Why what is past its retention could not be removed, or that it was could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// It could not be removed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is removed, and that is not on record.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// How often what has to be done from time to time is done.
#[derive(Debug, Clone, Copy)]
struct Rhythm {
    sweep: Duration,
    owners: Duration,
}

/// Starts a gateway: opens ledger and store, builds the sources, listens.
///
/// Questions that a crash interrupted are closed in the ledger before the first request is accepted.
///
/// # Errors
/// [`StartError`]; then nothing is listening.
pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Running, StartError> {
    let listener = listen(&config).await?;
    let (ledger, half_sealed) = open_ledger(&config, &clock)?;
    sealing::record_finished(&ledger, &half_sealed).await?;
    start_on(listener, config, clock, ledger).await
}

/// The same over a ledger that is open already, whose storage may be other than files. Everything is recorded in it as
/// in any other: there is no gateway without a ledger.
///
/// # Errors
/// [`StartError`]; then nothing is listening.
pub async fn start_with_ledger(
    config: Config,
    clock: Arc<dyn Clock>,
    ledger: Ledger,
) -> Result<Running, StartError> {
    let listener = listen(&config).await?;
    start_on(listener, config, clock, Arc::new(ledger)).await
}

async fn listen(config: &Config) -> Result<TcpListener, StartError> {
    let listener = server::bind(config.listen).await;
    listener.map_err(|error| StartError::Listen {
        address: config.listen,
        error,
    })
}

async fn start_on(
    listener: TcpListener,
    config: Config,
    clock: Arc<dyn Clock>,
    ledger: Arc<Ledger>,
) -> Result<Running, StartError> {
    let asking = match config.witnesses.clone() {
        Some(witnesses) => Asking::prepare(&ledger, witnesses)?,
        None => None,
    };
    let (app, workers, rhythm) = open(config, clock, ledger).await?;
    Ok(run(Arc::new(app), listener, workers, rhythm, asking))
}

async fn open(
    config: Config,
    clock: Arc<dyn Clock>,
    ledger: Arc<Ledger>,
) -> Result<(App, Workers, Rhythm), StartError> {
    let changed = admit(&config)?;
    let data_dir = config.data_dir.clone();
    std::fs::create_dir_all(&data_dir).map_err(|error| unusable(&data_dir, error))?;
    let store = Arc::new(Store::open(
        &data_dir.join("reads"),
        StoreConfig::default(),
        Arc::clone(&clock),
    )?);
    let quarantine = Quarantine::open(&data_dir.join("quarantine"))
        .map_err(|error| unusable(&data_dir, error))?;
    let desk = desk(&config, &ledger)?;
    let (directory, accounts) = identity(&config, &ledger, &clock)?;
    accounts.record_owed().await?;
    let in_flight = usize::try_from(config.limits.pushes_in_flight.get()).unwrap_or(1);
    let policy = Arc::new(Policy::new(&config.policy)?);
    let intake = Arc::new(Intake {
        policy: Arc::clone(&policy),
        store: Arc::clone(&store),
        ledger: Arc::clone(&ledger),
        clock: Arc::clone(&clock),
        quarantine: Arc::new(quarantine),
        decoding: Arc::new(Semaphore::new(in_flight)),
    });
    let owners = config.sources.iter().filter_map(|source| {
        let owner = source.owner.clone()?;
        Some((source.id.clone(), owner))
    });
    let (owned, owners) = (data_dir.join("owners"), owners.collect());
    let keys = config.ledger.keys.clone();
    let keys = keys.unwrap_or_else(|| data_dir.join("ledger-keys"));
    let owners = Owners::open(&ledger, &owned, &keys, owners)
        .map_err(|error| StartError::Owners(error.to_string()))?;
    let (mut sources, mut workers) = (Vec::new(), Workers::default());
    let mut pushing = BTreeMap::new();
    for settings in config.sources {
        let live_shape = LiveShape::open(
            &data_dir.join(SHAPES),
            settings.id.as_str(),
            settings.drift.shape.clone(),
            clock.now(),
        );
        let source = Arc::new(build(&settings, live_shape)?);
        policy
            .learn(&source.agreement)
            .map_err(|fault| StartError::SecondEngine {
                source_id: settings.id.clone(),
                fault,
            })?;
        if let Some(missing) = settings.drift.missing(&settings.id) {
            return Err(StartError::Shape(missing));
        }
        workers.add(&settings, &source, &intake, &data_dir)?;
        pushing.extend(settings.push.map(|push| (settings.id, Pushing::new(push))));
        sources.push(source);
    }
    record_start(&ledger, sources.len(), &config.ledger.lost_keys).await?;
    for change in changed {
        tracing::info!(source = %change.source, "another agreement decides from now on");
        for entry in change.entries {
            on_record(&ledger, entry).await?;
        }
    }
    let cases = Arc::new(Cases::open(
        &data_dir,
        config.vocabulary,
        config.cases,
        config.keep_notes_days,
        Arc::clone(&clock),
    )?);
    record_policy(&ledger, policy.source()).await?;
    let (lists, hits) = watching(&data_dir, config.alerts, clock.now())?;
    let hub = watch::Hub::default();
    let agreements = agreements_of(&sources);
    let watched = sources.iter().map(Listing::watched).collect();
    let asked = sources.clone();
    let federation = Federation::new(
        sources,
        Arc::clone(&directory),
        Arc::clone(&ledger),
        Arc::clone(&store),
        Arc::clone(&clock),
        Arc::clone(&cases),
        policy,
    );
    let matching = Arc::new(Matching {
        store: Arc::clone(&store),
        lists: lists.clone(),
        hits: hits.clone(),
        hub: hub.clone(),
        ledger: Arc::clone(&ledger),
        policy: Arc::clone(&federation.policy),
        directory: Arc::clone(&directory),
        cases: Arc::clone(&cases),
        released: Arc::clone(&federation.released),
        agreements,
        windows: config.alerts.windows,
        require_training: config.identity.require_training,
        recorded: Mutex::default(),
        clock: Arc::clone(&clock),
    });
    let (answers, settled) = Answers::new();
    workers.matching = Some((Arc::clone(&matching), settled));
    let federation = Arc::new(federation);
    let setting = standing::Setting {
        lists: lists.clone(),
        federation: Arc::clone(&federation),
        matching: Arc::clone(&matching),
        answers,
        ledger: Arc::clone(&ledger),
        clock: Arc::clone(&clock),
    };
    for source in &asked {
        workers
            .standing
            .extend(Scheduler::open(&setting, source).await?);
    }
    let look_back = Arc::<tokio::sync::Notify>::default();
    workers.look_backs = Some(LookBacks::new(setting, &asked, Arc::clone(&look_back)));
    let listing = Listing {
        book: lists.clone(),
        ledger: Arc::clone(&ledger),
        policy: Arc::clone(&federation.policy),
        directory: Arc::clone(&directory),
        cases: Arc::clone(&cases),
        sources: watched,
        look_back,
        turns: Turns::of(&workers.standing),
        limits: config.alerts,
        hotlists: config.hotlists,
        clock: Arc::clone(&clock),
    };
    let channels = Channels::new(
        channels::Book::open(&data_dir.join("channels.sqlite"))?,
        hits.clone(),
        Arc::clone(&ledger),
        Arc::clone(&clock),
        config.channels,
    );
    workers.escalator = Some(Escalator {
        channels: channels.book().clone(),
        matching: Arc::clone(&matching),
        clock: Arc::clone(&clock),
    });
    workers.sender = Some(Sender::new(
        channels.clone(),
        hub.clone(),
        Arc::clone(&directory),
        config
            .ledger
            .tree
            .as_ref()
            .and_then(|tree| tree.origin.as_deref())
            .unwrap_or("turnpike"),
    ));
    let app = App {
        limits: Limits::new(&config.limits),
        refusals: Refusals::new(
            &ledger,
            config.limits.strangers_per_minute,
            pushing.keys().cloned(),
        ),
        deliveries: Deliveries::new(&ledger),
        sealing: Sealing::new(&ledger, config.ledger_retention),
        owners: Arc::new(owners),
        pushes: PushLimits::new(config.limits.pushes_per_second, pushing.keys().cloned()),
        federation,
        desk,
        cases,
        alerts: lists,
        listing,
        hits,
        hub,
        matching,
        stop: CancellationToken::new(),
        channels,
        intake,
        directory,
        accounts,
        clock,
        pushing,
        unproven: Arc::new(Semaphore::new(in_flight.div_ceil(UNPROVEN))),
        ledger,
        store,
        http: config.http,
        telemetry: Telemetry::install(),
    };
    let rhythm = Rhythm {
        sweep: config.sweep_every,
        owners: config.owner_checkpoint_every,
    };
    Ok((app, workers, rhythm))
}

/// The ledger, and the keys whose destruction was finished with its opening.
fn open_ledger(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<(Arc<Ledger>, Vec<KeyId>), StartError> {
    let data_dir = &config.data_dir;
    std::fs::create_dir_all(data_dir).map_err(|error| unusable(data_dir, error))?;
    let clock = Arc::clone(clock);
    let Opened { ledger, recovered } = Ledger::open(
        &config.data_dir.join("ledger"),
        config.ledger.clone(),
        Arc::new(move || clock.now()),
    )?;
    tracing::info!(?recovered, "the ledger is open");
    Ok((Arc::new(ledger), recovered.half_sealed))
}

/// The keys are named, so that one that goes missing is noticed at the next start.
async fn record_start(
    ledger: &Ledger,
    sources: usize,
    lost_keys: &[KeyId],
) -> Result<(), LedgerError> {
    let mut facts = vec![
        ("sources".to_owned(), Value::from(sources)),
        ("version".to_owned(), env!("CARGO_PKG_VERSION").into()),
    ];
    let names = |keys: &[KeyId]| keys.iter().map(KeyId::as_str).collect::<Vec<_>>().into();
    if ledger.keys().is_durable() {
        let there = ledger.keys().ids();
        let newest = there.len().saturating_sub(NAMED_KEYS);
        facts.push((
            "keys".to_owned(),
            names(there.get(newest..).unwrap_or_default()),
        ));
    }
    if !lost_keys.is_empty() {
        facts.push(("lost_keys".to_owned(), names(lost_keys)));
    }
    let entry = Admin {
        action: AdminAction::Start,
        by: None,
        facts: facts.into_iter().collect(),
    };
    on_record(ledger, entry).await
}

/// Before anything is built: an agreement that may not be loaded is not loaded, and neither is any other.
fn admit(config: &Config) -> Result<Vec<agreements::Changed>, agreements::NotAdmitted> {
    let sources = config.sources.iter().map(|source| agreements::Change {
        agreement: &source.agreement,
        approvals: &source.approvals,
        signed: config.require_signatures,
    });
    agreements::admit(&config.data_dir.join("ledger"), sources)
}

/// What the second engine decides by is on record, so that every decision can be made again from the ledger alone.
async fn record_policy(ledger: &Ledger, source: &PolicySource) -> Result<(), LedgerError> {
    let mut facts = BTreeMap::from([
        ("about".to_owned(), "policy".into()),
        ("policy_sha256".to_owned(), source.sha256().into()),
    ]);
    if let Ok(Value::Object(texts)) = serde_json::to_value(source) {
        facts.extend(texts);
    }
    let entry = Admin {
        action: AdminAction::ConfigChange,
        by: None,
        facts,
    };
    on_record(ledger, entry).await
}

/// The only place where adapters are built.
fn build(settings: &config::Source, live_shape: LiveShape) -> Result<Source, StartError> {
    let failed = |error| StartError::Source {
        source_id: settings.id.clone(),
        error,
    };
    let adapter = (settings.entry.build)(&settings.settings).map_err(failed)?;
    let pinned = pinned(settings);
    let transport: Arc<dyn Transport> = if pinned.hosts.is_empty() {
        Arc::new(NoTransport)
    } else {
        Arc::new(HttpTransport::new(pinned).map_err(failed)?)
    };
    let quota = settings.quota;
    let limits = layers::Limits {
        burst: quota.burst,
        reserve_percent: quota.alert_reserve_percent,
        start_empty: quota.per > QUICK_REFILL,
        concurrency: quota.concurrency,
        attempt_timeout: quota.attempt_timeout,
        ..layers::Limits::new(quota.requests, quota.per)
    };
    let Stack { adapter, health } = layers::stack(adapter, &limits);
    Ok(Source {
        id: settings.id.clone(),
        title: settings.title.clone(),
        entry: settings.entry,
        agreement: Arc::clone(&settings.agreement),
        adapter,
        health,
        transport,
        secrets: Arc::clone(&settings.secrets),
        stale_after: settings.stale_after,
        reserve_percent: quota.alert_reserve_percent,
        tally: SourceTally::default(),
        shape: settings
            .drift
            .shape
            .clone()
            .filter(|_| settings.drift.quarantine),
        live_shape,
    })
}

fn run(
    app: Arc<App>,
    listener: TcpListener,
    workers: Workers,
    rhythm: Rhythm,
    asking: Option<Asking>,
) -> Running {
    let stop = app.stop.clone();
    let mut tasks = JoinSet::new();
    let address = listener
        .local_addr()
        .unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
    tasks.spawn(server::serve(
        listener,
        api::router(Arc::clone(&app)),
        app.http,
        stop.clone(),
    ));
    workers.spawn(&mut tasks, &stop);
    if let Some(asking) = asking {
        tasks.spawn(asking.run(stop.clone()));
    }
    let owners = Arc::clone(&app.owners);
    tasks.spawn(owners.run(rhythm.owners, stop.clone()));
    tasks.spawn(sweep(Arc::clone(&app), rhythm.sweep, stop.clone()));
    Running {
        address,
        app,
        stop,
        tasks,
    }
}

/// Removes expired reads for good and renews the ledger's keys, from time to time. What is expired is already unreadable.
async fn sweep(app: Arc<App>, every: Duration, stop: CancellationToken) {
    loop {
        if let Err(error) = app.keep_up().await {
            tracing::error!(%error, "the ledger cannot be reviewed");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
        if let Err(error) = app.ledger.renew_keys().await {
            tracing::error!(%error, "the ledger's keys cannot be renewed");
        }
        match app.erase().await {
            Ok(swept) if swept.reads.is_empty() && swept.months == 0 => {}
            Ok(swept) => tracing::info!(?swept, "expired reads are gone"),
            Err(error) => tracing::error!(%error, "expired reads could not be removed"),
        }
        if let Err(error) = app.alerts.sweep(app.clock.now()).await {
            tracing::error!(%error, "entries of alert lists that ended could not be erased");
        }
        if let Err(error) = app.cases.sweep(&app.ledger).await {
            tracing::error!(%error, "overdue justifications could not be looked for");
        }
        if let Err(error) = app.channels.sweep().await {
            tracing::error!(%error, "old deliveries could not be forgotten");
        }
        app.telemetry.upkeep();
    }
}

impl Running {
    /// Stops accepting, finishes what is under way, closes the ledger.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.app.refusals.settled().await;
        self.app.deliveries.settled().await;
        if let Err(error) = self.app.owners.advance().await {
            tracing::error!(%error, "the logs of source owners are not up to date");
        }
        let entry = Admin {
            action: AdminAction::Stop,
            by: None,
            facts: BTreeMap::new(),
        };
        let closed = async {
            self.app.ledger.admin(entry).await?;
            self.app.ledger.close().await
        };
        if let Err(error) = closed.await {
            tracing::error!(%error, "the ledger was not closed in order");
        }
    }

    /// The application behind it.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }
}

impl Pushing {
    fn new(push: Push) -> Self {
        Self {
            replays: push.window().map(Replays::new),
            push,
        }
    }
}

impl App {
    /// The ledger, for whoever embeds a gateway.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Reads what is new in the ledger and records what somebody should know about it. Done by itself from time to time.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn keep_up(&self) -> Result<(), DeskError> {
        self.desk.keep_up(&self.ledger, self.federation.now()).await
    }

    /// Removes what is past its retention for good, and puts on record how many reads of which source that were. Done by
    /// itself from time to time.
    ///
    /// # Errors
    /// [`EraseError`]: what was removed until then stays removed.
    pub async fn erase(&self) -> Result<Swept, EraseError> {
        let swept = self.store.sweep().await?;
        if !swept.reads.is_empty() {
            let erased = swept.reads.iter();
            let erased = erased.map(|(source, reads)| (source.clone(), (*reads).into()));
            let entry = Admin {
                action: AdminAction::Erasure,
                by: None,
                facts: BTreeMap::from([("erased".to_owned(), Value::Object(erased.collect()))]),
            };
            self.ledger.admin(entry).await?;
        }
        Ok(swept)
    }

    /// The alert lists, for whoever embeds a gateway.
    #[must_use]
    pub fn alerts(&self) -> &alerts::Book {
        &self.alerts
    }

    /// What owners of alert lists were told, for whoever embeds a gateway.
    #[must_use]
    pub fn hits(&self) -> &watch::Book {
        &self.hits
    }

    /// Who listens for hits, for whoever embeds a gateway: what is written to [`App::hits`] is told here.
    #[must_use]
    pub fn hub(&self) -> &watch::Hub {
        &self.hub
    }

    /// Where owners' systems are told of hits, for whoever embeds a gateway.
    #[must_use]
    pub fn channels(&self) -> &Channels {
        &self.channels
    }

    /// The read store, for whoever embeds a gateway.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }
}

fn unusable(path: &Path, error: std::io::Error) -> StartError {
    StartError::DataDir {
        path: path.display().to_string(),
        error,
    }
}
