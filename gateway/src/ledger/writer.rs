//! The one thread that writes: takes what is queued, writes it with one sync, then answers everyone.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use tokio::sync::oneshot;
use turnpike_schemas::ledger::{Admin, AdminAction, Body, Interrupted, Nonce, Sealed, Stamp};
use turnpike_schemas::tlog::{Hash, leaf_hash};
use uuid::Uuid;

use super::places::Place;
use super::shared::{Closing, Owed, Shared, nanos};
use super::tree::Growing;
use super::{
    LedgerConfig, LedgerError, LedgerStorage, Now, SpaceStage, Ticket, Unavailable, segment,
};

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Message {
    Append(Append),
    /// Something is owed.
    Nudge,
    /// Write what is owed, let the storage go, answer, end.
    Close(oneshot::Sender<()>),
}

/// Entries that become durable together.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) question: Option<Uuid>,
    pub(super) link: Link,
    pub(super) sealed: Vec<Sealed>,
    pub(super) ticket: Option<Ticket>,
    pub(super) reply: oneshot::Sender<Result<Written, LedgerError>>,
}

/// Which earlier entry the entries of one call belong to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Link {
    /// None, for the first; the others belong to the first.
    First,
    /// This one.
    To(u64),
}

/// Entries that are durable. Its ticket leads to an `interrupted` entry unless the caller takes it out.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) ticket: Option<Ticket>,
}

pub(super) struct Writer {
    storage: Box<dyn LedgerStorage>,
    shared: Arc<Shared>,
    config: LedgerConfig,
    now: Now,
    next_index: u64,
    /// Where the next entry goes: after the last durable one.
    end: Place,
    lines: Vec<u8>,
    entry: Vec<u8>,
    /// Of each entry in `lines`, its leaf hash and where it begins there.
    leaves: Vec<(Hash, u64)>,
    tree: Option<Growing>,
    looked_at_space: Option<Instant>,
    /// What is to be said about the space left.
    alarm: Option<SpaceStage>,
}

enum Wake {
    Batch(Vec<Append>),
    Probe,
    Idle,
    Close(Vec<Append>, Option<oneshot::Sender<()>>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Write,
    Sync,
}

impl Writer {
    pub(super) fn new(
        storage: Box<dyn LedgerStorage>,
        shared: Arc<Shared>,
        config: LedgerConfig,
        now: Now,
        next_index: u64,
        end: Place,
    ) -> Self {
        shared.entries.store(next_index, Relaxed);
        Self {
            storage,
            shared,
            config,
            now,
            next_index,
            end,
            lines: Vec::new(),
            entry: Vec::new(),
            leaves: Vec::new(),
            tree: None,
            looked_at_space: None,
            alarm: None,
        }
    }

    /// The tree that gets the leaves of durable entries from now on.
    pub(super) fn grow(&mut self, tree: Growing) {
        self.tree = Some(tree);
    }

    /// Works until closed or until nobody is left who could ask.
    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        let _closing = Closing(Arc::clone(&self.shared));
        loop {
            match self.wait(messages) {
                Wake::Batch(batch) => {
                    self.look_at_space();
                    self.commit(batch);
                }
                Wake::Idle => {
                    self.look_at_space();
                    self.commit(Vec::new());
                }
                Wake::Probe => self.probe(),
                Wake::Close(batch, reply) => {
                    self.commit(batch);
                    self.settle().unwrap_or_default();
                    // INVARIANT: the tree ends before the lock on the directory goes.
                    drop(self.tree.take());
                    drop(self.storage);
                    if let Some(reply) = reply {
                        reply.send(()).unwrap_or_default();
                    }
                    return;
                }
            }
        }
    }

    /// Writes everything that is owed.
    pub(super) fn settle(&mut self) -> Result<(), Unavailable> {
        while self.shared.owes() {
            let owed = self.shared.take_owed(self.config.max_batch);
            self.write_or_owe(owed, &mut [])?;
        }
        Ok(())
    }

    fn wait(&self, messages: &Receiver<Message>) -> Wake {
        let restless =
            self.shared.owes() || self.shared.recorded_trouble() == Some(Unavailable::NoSpace);
        match messages.recv_timeout(self.config.probe_every) {
            Ok(first) => self.gather(first, messages),
            Err(RecvTimeoutError::Timeout) if restless => Wake::Probe,
            Err(RecvTimeoutError::Timeout) => Wake::Idle,
            Err(RecvTimeoutError::Disconnected) => Wake::Close(Vec::new(), None),
        }
    }

    /// Everything that goes into one batch with `first`.
    fn gather(&self, first: Message, messages: &Receiver<Message>) -> Wake {
        let mut batch = Vec::new();
        let mut entries = 0;
        let until = Instant::now() + self.config.max_delay;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Append(append) => {
                    self.shared.queued.fetch_sub(1, Relaxed);
                    entries += append.sealed.len();
                    batch.push(append);
                }
                Message::Nudge => {}
                Message::Close(reply) => return Wake::Close(batch, Some(reply)),
            }
            if entries >= self.config.max_batch {
                break;
            }
            next = messages.try_recv().ok().or_else(|| {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    None
                } else {
                    messages.recv_timeout(left).ok()
                }
            });
        }
        Wake::Batch(batch)
    }

    fn commit(&mut self, mut batch: Vec<Append>) {
        let owed = self.shared.take_owed(self.config.max_batch);
        if owed.is_empty() && batch.is_empty() && self.alarm.is_none() {
            return;
        }
        match self.write_or_owe(owed, &mut batch) {
            Ok(first) => answer(batch, first),
            Err(reason) => refuse(batch, reason),
        }
    }

    /// Looks from time to time how full the disk is. A stage that is worse than the one before is put on record.
    fn look_at_space(&mut self) {
        let now = Instant::now();
        let due = self
            .looked_at_space
            .is_none_or(|looked| now.duration_since(looked) >= self.config.probe_every);
        if !due {
            return;
        }
        self.looked_at_space = Some(now);
        let Some((room, limits)) = self.storage.room().zip(self.config.space) else {
            return;
        };
        let Some(stage) = self.shared.space.seen(room, limits) else {
            return;
        };
        if stage == SpaceStage::Enough {
            self.alarm = None;
            tracing::info!(free = room.free, "the disk of the ledger has room again");
        } else {
            self.alarm = Some(stage);
            tracing::error!(?stage, free = room.free, "the disk of the ledger fills up");
        }
    }

    /// Sees whether a full disk has room again, by writing what is owed or else a blank that is cut off again.
    fn probe(&mut self) {
        if self.shared.owes() {
            return self.commit(Vec::new());
        }
        self.shared.begin_io();
        let blank = [b' '; 4096];
        let probed = self
            .storage
            .append(&blank)
            .and_then(|()| self.storage.truncate(self.end.offset));
        self.note(probed.map_err(|error| (Step::Write, error)))
            .unwrap_or_default();
        self.shared.end_io();
    }

    /// Writes `batch`, then the entries for `owed`; returns the index of the first. What could not be written stays owed.
    fn write_or_owe(&mut self, owed: Vec<Owed>, batch: &mut [Append]) -> Result<u64, Unavailable> {
        let written = self.write(&owed, batch);
        if written.is_err() {
            owed.into_iter().for_each(|owed| self.shared.owe(owed));
        }
        written
    }

    fn write(&mut self, owed: &[Owed], batch: &[Append]) -> Result<u64, Unavailable> {
        if matches!(self.shared.recorded_trouble(), Some(reason) if reason != Unavailable::NoSpace)
        {
            return Err(Unavailable::Poisoned);
        }
        let first = self.next_index;
        let next = self.encode(owed, batch).map_err(|_| Unavailable::Io)?;
        self.shared.begin_io();
        let stored = self.store();
        let noted = self.note(stored);
        self.shared.end_io();
        noted?;
        self.alarm = None;
        self.publish();
        self.next_index = next;
        self.end.offset += self.lines.len() as u64;
        self.shared.entries.store(next, Relaxed);
        self.shared.batches.fetch_add(1, Relaxed);
        Ok(first)
    }

    /// Fills `lines`; returns the index after the last.
    fn encode(&mut self, owed: &[Owed], batch: &[Append]) -> Result<u64, LedgerError> {
        self.lines.clear();
        self.leaves.clear();
        let (at, mut index) = ((self.now)(), self.next_index);
        for append in batch {
            let first = index;
            for sealed in &append.sealed {
                let intent = match append.link {
                    Link::First => (index != first).then_some(first),
                    Link::To(intent) => Some(intent),
                };
                self.put(
                    sealed,
                    &Stamp {
                        index,
                        at,
                        question: append.question,
                        intent,
                    },
                );
                index += 1;
            }
        }
        for Owed {
            intent,
            question,
            reason,
        } in owed
        {
            let sealed = Body::Interrupted(Interrupted { reason: *reason }).seal(nonce()?)?;
            self.put(
                &sealed,
                &Stamp {
                    index,
                    at,
                    question: *question,
                    intent: Some(*intent),
                },
            );
            index += 1;
        }
        if let Some(sealed) = self.alarm.map(alarm).transpose()?.flatten() {
            let stamp = Stamp {
                index,
                at,
                question: None,
                intent: None,
            };
            self.put(&sealed, &stamp);
            index += 1;
        }
        Ok(index)
    }

    fn put(&mut self, sealed: &Sealed, stamp: &Stamp) {
        self.entry.clear();
        sealed.write(stamp, &mut self.entry);
        let begins = self.lines.len() as u64;
        self.leaves.push((leaf_hash(&self.entry), begins));
        segment::put_line(&self.entry, &mut self.lines);
    }

    fn store(&mut self) -> Result<(), (Step, io::Error)> {
        if self.end.offset >= self.config.segment_bytes {
            self.storage
                .rotate()
                .map_err(|error| (Step::Write, error))?;
            self.end = Place {
                segment: self.end.segment + 1,
                offset: 0,
            };
        }
        self.storage
            .append(&self.lines)
            .map_err(|error| (Step::Write, error))?;
        let started = Instant::now();
        self.storage.sync().map_err(|error| (Step::Sync, error))?;
        self.shared
            .last_sync_ns
            .store(nanos(started.elapsed()), Relaxed);
        Ok(())
    }

    /// Hands what is durable now to those who find it and to the tree.
    fn publish(&mut self) {
        for (index, (_, begins)) in (self.next_index..).zip(&self.leaves) {
            let place = Place {
                offset: self.end.offset + begins,
                ..self.end
            };
            self.shared.places.note(index, place);
        }
        if self.config.tree.is_some() {
            let leaves = self.leaves.iter().map(|(leaf, _)| *leaf);
            self.shared.pending.add(leaves);
        }
    }

    /// Draws the conclusion from what the disk said. Whatever was not acknowledged is cut off again where that is possible,
    /// so that no outcome of a withheld answer stays behind. After a failed sync the system may have dropped what it could
    /// not write and report success the next time, so only a failed write for want of space can be taken back for good.
    fn note(&mut self, done: Result<(), (Step, io::Error)>) -> Result<(), Unavailable> {
        let Err((step, error)) = done else {
            self.shared.set_trouble(None);
            return Ok(());
        };
        let reason = Unavailable::of(&error);
        let cut = self.storage.truncate(self.end.offset).is_ok();
        let taken_back = cut && step == Step::Write && reason == Unavailable::NoSpace;
        let trouble = if taken_back {
            Unavailable::NoSpace
        } else {
            Unavailable::Poisoned
        };
        self.shared.set_trouble(Some(trouble));
        tracing::error!(%error, heals = taken_back, "the ledger cannot be written");
        Err(reason)
    }
}

/// A fresh nonce from the random source of the system.
pub(super) fn nonce() -> Result<Nonce, LedgerError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| LedgerError::Random)?;
    Ok(Nonce::from_bytes(bytes))
}

/// The record of a stage.
fn alarm(stage: SpaceStage) -> Result<Option<Sealed>, LedgerError> {
    let Some(word) = stage.alarm() else {
        return Ok(None);
    };
    let alarm = Body::Admin(Admin {
        action: AdminAction::Alarm,
        by: None,
        facts: [("alarm".to_owned(), word.into())].into(),
    });
    Ok(Some(alarm.seal(nonce()?)?))
}

fn answer(batch: Vec<Append>, mut next: u64) {
    for Append {
        sealed,
        mut ticket,
        reply,
        ..
    } in batch
    {
        let first = next;
        next += sealed.len() as u64;
        if let Some(ticket) = &mut ticket {
            ticket.arm(first);
        }
        // A caller who is gone gets its ticket dropped, which closes the intent.
        drop(reply.send(Ok(Written {
            first,
            last: next.saturating_sub(1),
            ticket,
        })));
    }
}

fn refuse(batch: Vec<Append>, reason: Unavailable) {
    for Append { ticket, reply, .. } in batch {
        ticket.iter().for_each(Ticket::blame_ledger);
        drop(ticket);
        drop(reply.send(Err(LedgerError::Unavailable(reason))));
    }
}
