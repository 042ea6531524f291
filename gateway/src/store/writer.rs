//! The one thread that writes: it brings the deposits that are waiting into one transaction per month, makes them
//! durable together, and only then answers.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{mpsc, oneshot};
use turnpike_adapters::context::Clock;

use super::{
    Ingested, Marks, Swept,
    codec::{Row, micros},
    error::StoreError,
    retention,
    search::Readers,
    shelf::{Origin, Outcome, Shelf},
    stats::Stats,
};

/// Most observations of one round, so that the first caller does not wait for all the others.
const MAX_ROUND: usize = 5_000;

/// Work for the writer.
#[derive(Debug)]
pub(super) enum Job {
    Deposit(Waiting),
    /// Deletes one batch of what is past retention; answers whether there is more.
    Sweep(oneshot::Sender<Result<(Swept, bool), StoreError>>),
    /// Empties the logs of files from which something was deleted.
    Scrub(oneshot::Sender<Result<(), StoreError>>),
}

/// A deposit whose caller waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) source: String,
    pub(super) rows: Vec<Row>,
    pub(super) received_at: i64,
    pub(super) provenance: String,
    pub(super) reply: oneshot::Sender<Result<Ingested, StoreError>>,
}

/// The state of the writer thread.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shelf: Shelf,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) readers: Arc<Readers>,
    pub(super) stats: Arc<Stats>,
    pub(super) marks: Arc<tokio::sync::watch::Sender<Marks>>,
    pub(super) healthy: Arc<AtomicBool>,
}

impl Writer {
    /// Works until every sender is gone, then closes the files.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut next = jobs.blocking_recv();
        while let Some(job) = next.take() {
            match job {
                Job::Deposit(first) => {
                    let (round, other) = gather(first, &mut jobs);
                    self.round(round);
                    next = other;
                }
                Job::Sweep(reply) => answer(reply, retention::sweep_step(&mut self)),
                Job::Scrub(reply) => answer(reply, retention::scrub(&mut self.shelf)),
            }
            if next.is_none() {
                next = jobs.blocking_recv();
            }
        }
        if let Err(error) = self.shelf.close() {
            tracing::warn!(%error, "a month could not be closed; nothing stored is lost");
        }
    }

    fn round(&mut self, round: Vec<Waiting>) {
        let now = self.now();
        let written = self
            .shelf
            .prepare()
            .and_then(|()| {
                round
                    .iter()
                    .map(|waiting| self.write(waiting, now))
                    .collect::<Result<Vec<_>, _>>()
            })
            .and_then(|answers| self.shelf.commit().map(|()| answers));
        self.finish(written.as_ref().err());
        match written {
            Ok(answers) => round
                .into_iter()
                .zip(answers)
                .for_each(|(waiting, ingested)| answer(waiting.reply, Ok(ingested))),
            Err(error) => round
                .into_iter()
                .for_each(|waiting| answer(waiting.reply, Err(error.clone()))),
        }
    }

    fn write(&mut self, waiting: &Waiting, now: i64) -> Result<Ingested, StoreError> {
        let mut origin = Origin {
            source: &waiting.source,
            received_at: waiting.received_at,
            provenance: &waiting.provenance,
            numbers: BTreeMap::new(),
        };
        let mut ingested = Ingested::default();
        for row in &waiting.rows {
            match self.shelf.apply(row, &mut origin, now)? {
                Outcome::Stored => ingested.stored += 1,
                Outcome::Revised => ingested.revised += 1,
                Outcome::Duplicate => ingested.duplicates += 1,
                Outcome::Expired => ingested.expired += 1,
            }
        }
        Ok(ingested)
    }

    /// After a change: what was written becomes visible to readers, what failed is undone.
    pub(super) fn finish(&mut self, error: Option<&StoreError>) {
        self.healthy.store(error.is_none(), Ordering::Release);
        if let Some(error) = error {
            tracing::error!(%error, "the read store could not write");
            self.shelf.roll_back();
            return;
        }
        self.readers.announce(self.shelf.months.keys().copied());
        self.stats.publish(&self.shelf);
        self.marks.send_replace(Marks::of(&self.shelf));
    }

    pub(super) fn now(&self) -> i64 {
        micros(self.clock.now()).0
    }
}

/// The deposits that wait, up to a round's worth, and the first other job behind them.
fn gather(first: Waiting, jobs: &mut mpsc::Receiver<Job>) -> (Vec<Waiting>, Option<Job>) {
    let mut rows = first.rows.len();
    let mut round = vec![first];
    while rows < MAX_ROUND {
        match jobs.try_recv() {
            Ok(Job::Deposit(waiting)) => {
                rows += waiting.rows.len();
                round.push(waiting);
            }
            Ok(other) => return (round, Some(other)),
            Err(_) => break,
        }
    }
    (round, None)
}

/// A caller that stopped waiting is no fault: what it sent is stored, and found a duplicate when sent again.
fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    drop(reply.send(value));
}
