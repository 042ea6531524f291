//! The read store: what pushing and polled sources sent, kept as long as their agreements say, found by plate.
//!
//! One SQLite file per month of capture (`reads-YYYY-MM.db`, UTC), which any operator can open. In scope: durable intake,
//! duplicates, revisions, retention, look-up by plate under a permit, look-up by id. Deliberately absent: any look-up
//! by place or time alone.
//!
//! Rules of revisions:
//! - A read's id is that of the record that arrived first. An observation that shares its record or an alias with a
//!   stored read of the same source is a revision of that read. If it joins two stored reads, the one received first
//!   keeps its id, the other's revisions become revisions of it, and the other id leads to it.
//! - The larger revision is current, whichever arrives first; the others are history.
//! - The same revision with the same content is a duplicate. With other content the vendor used a number twice: the
//!   later arrival is current, the earlier is history.
//! - A larger revision that says nothing new (the same content as the revision before it) only raises the number of that one:
//!   no version is added and nothing becomes history. It counts as a duplicate, and so does a smaller one with the content of
//!   the revision after it. Why a vendor sent it (`extra.correction_reason`) is no content; that of the first arrival stays.
//! - Every revision is kept as long as the agreement says for its own capture, and never longer than the current one.
//! - A correction that moves the capture past retention removes the read.

mod arrivals;
mod codec;
mod error;
mod file;
mod filter;
mod month;
mod retention;
mod schema;
mod search;
mod shelf;
mod stats;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, oneshot};
use turnpike_adapters::context::Clock;
use turnpike_schemas::{
    agreement::{IngestPermit, Permit},
    read::{Observation, PlateRead, Provenance, ReadId, SourceId},
};

pub use arrivals::Marks;
pub(crate) use arrivals::{Arrival, Current};
pub use error::StoreError;
pub use stats::SourceStats;

use self::{
    codec::{Row, micros, nanos},
    error::At,
    search::{Question, Readers},
    shelf::Shelf,
    stats::Stats,
    writer::{Job, Waiting, Writer},
};

/// Limits of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreConfig {
    /// Deposits that may wait for the disk; one more is refused as [`StoreError::Busy`].
    pub max_waiting: usize,
    /// Searches at the same time; further ones wait.
    pub max_searches: usize,
    /// Months the writer keeps open. Readers keep at most four times as many connections.
    pub max_open_months: usize,
    /// Longest time of one search.
    pub search_limit: Duration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            max_waiting: 256,
            max_searches: 4,
            max_open_months: 16,
            search_limit: Duration::from_secs(2),
        }
    }
}

/// What one message, poll or file brought.
#[derive(Debug, Clone)]
pub struct Deposit {
    /// The observations, in the order in which the vendor sent them.
    pub observations: Vec<Observation>,
    /// Where they came from.
    pub provenance: Provenance,
    /// When the gateway received them.
    pub received_at: Timestamp,
}

/// What became of the observations of a deposit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ingested {
    /// New reads.
    pub stored: usize,
    /// Revisions of stored reads, current or history.
    pub revised: usize,
    /// Known already, or a revision that says nothing new.
    pub duplicates: usize,
    /// Past retention on arrival; not stored.
    pub expired: usize,
}

/// The answer to a question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The reads, newest capture first.
    pub reads: Vec<PlateRead>,
    /// There are more: the permit's cap was reached, or the time limit.
    pub truncated: bool,
}

/// What a sweep removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Stored revisions, by source.
    pub reads: BTreeMap<String, u64>,
    /// Month files.
    pub months: u64,
}

impl Swept {
    fn count(&mut self, reads: BTreeMap<String, u64>) {
        for (source, count) in reads {
            *self.reads.entry(source).or_insert(0) += count;
        }
    }
}

/// The store. Dropping it waits for what is being written, then closes the files.
#[derive(Debug)]
pub struct Store {
    /// Taken out when the store closes, which ends the writer.
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    readers: Arc<Readers>,
    searches: Arc<Semaphore>,
    stats: Arc<Stats>,
    marks: Arc<tokio::sync::watch::Sender<Marks>>,
    healthy: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
    /// Held for as long as the store is open.
    _lock: File,
}

impl Store {
    /// Opens the store in `dir`, which is created when it is missing, and mends what a crash left.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] names a month file that is damaged or foreign; [`StoreError::InUse`] when another process
    /// has the directory; [`StoreError::Unavailable`] when the disk refuses.
    pub fn open(
        dir: &Path,
        config: StoreConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        create_dir(dir)?;
        let lock = lock(dir)?;
        let shelf = Shelf::open(dir, config.max_open_months)?;
        let readers = Arc::new(Readers::new(
            dir,
            config.max_open_months * 4,
            config.search_limit,
        ));
        let (stats, healthy) = (Arc::new(Stats::default()), Arc::new(AtomicBool::new(true)));
        readers.announce(shelf.months.keys().copied());
        stats.publish(&shelf);
        let marks = Arc::new(tokio::sync::watch::Sender::new(Marks::of(&shelf)));
        let (jobs, waiting) = mpsc::channel(config.max_waiting.max(1));
        let writer = Writer {
            shelf,
            clock: Arc::clone(&clock),
            readers: Arc::clone(&readers),
            stats: Arc::clone(&stats),
            marks: Arc::clone(&marks),
            healthy: Arc::clone(&healthy),
        };
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run(waiting))
            .at(dir)?;
        Ok(Self {
            jobs: Some(jobs),
            writer: Some(writer),
            readers,
            searches: Arc::new(Semaphore::new(config.max_searches.max(1))),
            stats,
            marks,
            healthy,
            clock,
            _lock: lock,
        })
    }

    /// Stores a deposit of the permit's source. Everything counted as stored or revised is durable when this returns.
    /// Cancelled, the deposit may or may not be stored; sent again, what was stored is a duplicate.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when too many deposits wait. [`StoreError::Unavailable`] and [`StoreError::Corrupt`] when the disk
    /// refuses: nothing of the deposit may be acknowledged then.
    pub async fn ingest(
        &self,
        permit: &IngestPermit,
        deposit: Deposit,
    ) -> Result<Ingested, StoreError> {
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs()?;
        let slot = jobs.try_reserve().map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(()) => StoreError::Closed,
        })?;
        slot.send(Job::Deposit(waiting(permit, deposit, reply)?));
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Reads that answer the permit's question: of its source, inside its window, current, not withdrawn, not past
    /// retention; newest first, at most its cap. The caller still applies [`Permit::release`] to each.
    ///
    /// Out of time, an exact or look-alike question gets the newest reads so far as a truncated answer. For a partial plate
    /// no order by time is known before the end, so it is refused.
    ///
    /// # Errors
    /// [`StoreError::TooBroad`] (see above), [`StoreError::Corrupt`] and [`StoreError::Unavailable`].
    pub async fn search(&self, permit: &Permit) -> Result<Found, StoreError> {
        let question = Question::of(permit, self.clock.now());
        self.read(move |readers| readers.search(&question)).await
    }

    /// The current revision of a read, for instance to fetch an image of it. `None` when it is unknown, withdrawn or past
    /// retention. The id of a read that was joined to another leads to that one.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] and [`StoreError::Unavailable`].
    pub async fn get(&self, id: &ReadId) -> Result<Option<PlateRead>, StoreError> {
        let (id, now) = (id.clone(), micros(self.clock.now()).0);
        self.read(move |readers| readers.get(&id, now)).await
    }

    /// Every revision of a read that is not past retention, in order of revision, withdrawn ones included.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] and [`StoreError::Unavailable`].
    pub async fn history(&self, id: &ReadId) -> Result<Vec<PlateRead>, StoreError> {
        let (id, now) = (id.clone(), micros(self.clock.now()).0);
        self.read(move |readers| readers.history(&id, now)).await
    }

    /// Removes everything past retention, and its bytes from every file. Deposits go on in between.
    /// A log that a running search holds is emptied by the next sweep.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] and [`StoreError::Unavailable`]; what was removed until then stays removed.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        loop {
            let (step, more) = self.ask(Job::Sweep).await?;
            swept.count(step.reads);
            swept.months += step.months;
            if !more {
                break;
            }
        }
        self.ask(Job::Scrub).await?;
        Ok(swept)
    }

    /// What is held of a source, from counters.
    #[must_use]
    pub fn source_stats(&self, source: &SourceId) -> SourceStats {
        self.stats.of(source.as_str())
    }

    /// Whether the last write succeeded and the writer runs. Deposits are tried all the same: the first that succeeds
    /// makes the store healthy again.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.healthy.load(Ordering::Acquire)
            && self.jobs.as_ref().is_some_and(|jobs| !jobs.is_closed())
    }

    fn jobs(&self) -> Result<&mpsc::Sender<Job>, StoreError> {
        self.jobs.as_ref().ok_or(StoreError::Closed)
    }

    async fn ask<T>(
        &self,
        job: fn(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.jobs()?.send(job(reply)).await;
        sent.map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Readers) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(&self.searches).acquire_owned().await;
        let turn = turn.map_err(|_| StoreError::Closed)?;
        let readers = Arc::clone(&self.readers);
        let task = tokio::task::spawn_blocking(move || {
            let done = work(&readers);
            drop(turn);
            done
        });
        task.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the writer of the read store ended in a panic");
        }
    }
}

/// Takes a deposit apart in the caller's task, so that the writer only writes.
fn waiting(
    permit: &IngestPermit,
    deposit: Deposit,
    reply: oneshot::Sender<Result<Ingested, StoreError>>,
) -> Result<Waiting, StoreError> {
    let source = permit.source();
    let unencodable = |_: serde_json::Error| StoreError::Unavailable {
        file: "deposit".to_owned(),
        reason: "not encodable".to_owned(),
    };
    let rows = deposit.observations.into_iter().map(|observation| {
        let keep_until = permit.keep_until(observation.captured_at);
        Row::encode(source, observation, keep_until)
    });
    Ok(Waiting {
        source: source.as_str().to_owned(),
        rows: rows.collect::<Result<_, _>>().map_err(unencodable)?,
        received_at: nanos(deposit.received_at),
        provenance: serde_json::to_string(&deposit.provenance).map_err(unencodable)?,
        reply,
    })
}

/// Plates are nobody's business but the gateway's.
fn create_dir(dir: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(dir).at(dir)
}

fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("store.lock");
    let mut options = File::options();
    let file = options.create(true).truncate(false).write(true).open(&path);
    let file = file.at(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
            directory: dir.display().to_string(),
        }),
        Err(TryLockError::Error(error)) => Err(StoreError::io(&path, &error)),
    }
}
