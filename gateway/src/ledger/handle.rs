//! What the rest of the gateway holds.

mod sealing;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::{timeout, timeout_at};
use turnpike_schemas::ledger::{
    Admin, Body, Decision, Delivery, Ingest, Intent, Outcome, Refused, SourceOutcome,
};
use uuid::Uuid;

use super::bodies::{with_decisions, with_parts};
use super::error::cannot;
use super::places::{Place, STEP};
use super::recover::{Recovery, recover};
use super::shared::Shared;
use super::tree::Growing;
use super::writer::{Append, Link, Message, Writer, Written};
use super::{
    Entries, Keyring, LedgerConfig, LedgerError, LedgerStats, LedgerStorage, Now, Published,
    Ticket, Unavailable, reader,
};

/// Beside the deadline, how long the last checkpoint may take when the ledger is closed.
const LAST_CHECKPOINT: Duration = Duration::from_secs(5);

/// The ledger of this gateway. Clones are the same ledger; it ends when all of them and all tickets are gone.
#[derive(Clone)]
pub struct Ledger {
    config: LedgerConfig,
    now: Now,
    keys: Arc<Keyring>,
    /// Where the files are; absent on other storage.
    dir: Option<Arc<Path>>,
    shared: Arc<Shared>,
    writer: SyncSender<Message>,
    published: Option<Published>,
}

/// A ledger that was opened, and what had to be done for it.
#[derive(Debug)]
pub struct Opened {
    /// The ledger.
    pub ledger: Ledger,
    /// What was found and repaired.
    pub recovered: Recovery,
}

/// Where question and answer stand in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Index of the intent.
    pub intent: u64,
    /// Index of the outcome.
    pub outcome: u64,
}

impl Ledger {
    /// Opens the ledger in `dir`, making it if it is not there. Cuts off an unfinished write and closes every intent
    /// that has no outcome. Blocks; meant for the start of the process.
    ///
    /// # Errors
    /// [`LedgerError::Locked`] when another process holds it, [`LedgerError::Damaged`] when anything but an unfinished
    /// last write is wrong, [`LedgerError::Key`] when a key is missing, damaged or cannot be made, [`LedgerError::Open`] or
    /// [`LedgerError::Unavailable`] when the disk fails.
    pub fn open(dir: &Path, config: LedgerConfig, now: Now) -> Result<Opened, LedgerError> {
        let found = recover(dir, config.tree.as_ref())?;
        let keys = sealing::open_keys(dir, &config, &found.keys)?;
        keys.destroy(&found.recovery.half_sealed)?;
        keys.make(now())?;
        let shared = Arc::new(Shared::new(config.deadline, Arc::clone(&now)));
        found.owed.into_iter().for_each(|owed| shared.owe(owed));
        shared.places.adopt(found.places);
        let (storage, entries) = (Box::new(found.storage), found.recovery.entries);
        let (sharing, settings) = (Arc::clone(&shared), config.clone());
        let end = Place {
            segment: found.segment,
            offset: found.segment_length,
        };
        let mut writer = Writer::new(storage, sharing, settings, Arc::clone(&now), entries, end);
        writer.settle().map_err(LedgerError::Unavailable)?;
        let published = found.tree.as_ref().map(|tree| Published {
            dir: dir.to_owned(),
            heads: tree.heads(),
            shared: Arc::clone(&shared),
        });
        if let (Some(tree), Some(settings)) = (found.tree, &config.tree) {
            let growing = Growing::start(tree, Arc::clone(&shared), settings.interval);
            writer.grow(growing.map_err(cannot("start the tree of"))?);
        }
        let ledger = Self {
            published,
            dir: Some(dir.into()),
            ..Self::start(writer, shared, config, now, keys)?
        };
        Ok(Opened {
            ledger,
            recovered: found.recovery,
        })
    }

    /// A new ledger on other storage than files, for the tests of what depends on it. Its keys end with it, unless a
    /// folder is set for them.
    ///
    /// # Errors
    /// [`LedgerError::Open`] when no thread can be started, [`LedgerError::Key`] when the folder cannot be used.
    pub fn open_with_storage(
        storage: Box<dyn LedgerStorage>,
        config: LedgerConfig,
        now: Now,
    ) -> Result<Self, LedgerError> {
        let shared = Arc::new(Shared::new(config.deadline, Arc::clone(&now)));
        let keys = match &config.keys {
            Some(folder) => Keyring::open(folder, config.epoch)?,
            None => Keyring::in_memory(config.epoch),
        };
        let writer = Writer::new(
            storage,
            Arc::clone(&shared),
            config.clone(),
            Arc::clone(&now),
            0,
            Place::default(),
        );
        Self::start(writer, shared, config, now, keys)
    }

    /// Records who asks what and what was decided, in one durable write. No source may be contacted without the ticket.
    /// Cancel safe: the intent is closed if it reached the disk.
    ///
    /// # Errors
    /// [`LedgerError`]; then nothing may be contacted.
    pub async fn begin(
        &self,
        question: Uuid,
        intent: Intent,
        decisions: Vec<Decision>,
    ) -> Result<Ticket, LedgerError> {
        self.may_answer()?;
        let ticket = Ticket::blank(question, Arc::clone(&self.shared), self.writer.clone());
        let bodies = with_decisions(Body::Intent(intent), decisions);
        let written = self
            .append(Some(question), Link::First, bodies, Some(ticket))
            .await?;
        written
            .ticket
            .ok_or(LedgerError::Unavailable(Unavailable::Closed))
    }

    /// Records decisions made after [`Ledger::begin`].
    ///
    /// # Errors
    /// [`LedgerError`]; then the sources decided about may not be contacted.
    pub async fn decide(
        &self,
        ticket: &Ticket,
        decisions: Vec<Decision>,
    ) -> Result<(), LedgerError> {
        let bodies: Vec<Body> = decisions.into_iter().map(Body::Decision).collect();
        if bodies.is_empty() {
            return Ok(());
        }
        self.append(
            Some(ticket.question()),
            Link::To(ticket.intent()),
            bodies,
            None,
        )
        .await
        .map(drop)
        .inspect_err(|error| ticket.blame(error))
    }

    /// Records what came of one source of a stream. Returns the index of the entry.
    ///
    /// # Errors
    /// [`LedgerError`]; then the rows of that source may not be released, and the ticket is best dropped.
    pub async fn outcome_part(
        &self,
        ticket: &Ticket,
        part: SourceOutcome,
    ) -> Result<u64, LedgerError> {
        let bodies = vec![Body::OutcomePart(part)];
        let written = self
            .append(
                Some(ticket.question()),
                Link::To(ticket.intent()),
                bodies,
                None,
            )
            .await
            .inspect_err(|error| ticket.blame(error))?;
        Ok(written.last)
    }

    /// Records the outcome. Sources beyond the first 64 are written as parts before it.
    /// When this fails or is cancelled the intent is closed as interrupted, whether or not the outcome reached the disk.
    ///
    /// # Errors
    /// [`LedgerError`]; then nothing may be released.
    pub async fn finish(&self, ticket: Ticket, outcome: Outcome) -> Result<Receipt, LedgerError> {
        let (question, intent) = (ticket.question(), ticket.intent());
        let bodies = with_parts(outcome);
        let written = self
            .append(Some(question), Link::To(intent), bodies, Some(ticket))
            .await?;
        if let Some(mut ticket) = written.ticket {
            ticket.disarm();
        }
        Ok(Receipt {
            intent,
            outcome: written.last,
        })
    }

    /// Records that somebody may or may not be told of one read, and what came of it, in one durable write. Nobody is told before.
    ///
    /// # Errors
    /// [`LedgerError`]; then nobody may be told. It may be on record all the same.
    pub async fn alert(
        &self,
        question: Uuid,
        intent: Intent,
        decision: Decision,
        outcome: Outcome,
    ) -> Result<Receipt, LedgerError> {
        self.may_answer()?;
        let bodies = vec![
            Body::Intent(intent),
            Body::Decision(decision),
            Body::Outcome(outcome),
        ];
        let written = self
            .append(Some(question), Link::First, bodies, None)
            .await?;
        Ok(Receipt {
            intent: written.first,
            outcome: written.last,
        })
    }

    /// Records how the handing over of an answer ended. Returns the index of the entry.
    ///
    /// # Errors
    /// [`LedgerError`]; the answer is out all the same.
    pub async fn deliver(
        &self,
        question: Uuid,
        intent: u64,
        delivery: Delivery,
    ) -> Result<u64, LedgerError> {
        let bodies = vec![Body::Delivery(delivery)];
        self.append(Some(question), Link::To(intent), bodies, None)
            .await
            .map(|written| written.last)
    }

    /// Records a question that was refused before any contact. Returns the index of the entry.
    ///
    /// # Errors
    /// [`LedgerError`]; the question stays refused.
    pub async fn refuse(
        &self,
        question: Option<Uuid>,
        refused: Refused,
        decisions: Vec<Decision>,
    ) -> Result<u64, LedgerError> {
        self.record(question, with_decisions(Body::Refused(refused), decisions))
            .await
    }

    /// Records an explanation: what would be decided. Returns the index of the entry.
    ///
    /// # Errors
    /// [`LedgerError`]; then the explanation may not be given.
    pub async fn dry_run(
        &self,
        question: Uuid,
        intent: Intent,
        decisions: Vec<Decision>,
    ) -> Result<u64, LedgerError> {
        self.may_answer()?;
        self.record(
            Some(question),
            with_decisions(Body::DryRun(intent), decisions),
        )
        .await
    }

    /// Records what a file, push or poll brought. Returns the index of the entry.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn ingest(&self, ingest: Ingest) -> Result<u64, LedgerError> {
        self.record(None, vec![Body::Ingest(ingest)]).await
    }

    /// Records something done to the gateway. Returns the index of the entry.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn admin(&self, admin: Admin) -> Result<u64, LedgerError> {
        self.record(None, vec![Body::Admin(admin)]).await
    }

    /// What others may see of the ledger; nothing where no tree is signed.
    #[must_use]
    pub fn published(&self) -> Option<&Published> {
        self.published.as_ref()
    }

    /// From now on questions are taken only while witnesses have vouched within `max_age`; see [`Ledger::vouched`].
    pub fn require_witnesses(&self, max_age: Duration) {
        self.shared.require_witnesses(max_age);
    }

    /// Enough witnesses vouched for the ledger at `at`, by their own clocks.
    pub fn vouched(&self, at: Timestamp) {
        self.shared.vouched(at);
    }

    /// Whether a question asked now could be recorded.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.shared.trouble().is_none() && !self.keys.failing()
    }

    /// Entries from `index` on, as they are written. Blocks.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`]; [`LedgerError::Unavailable`] when the ledger is not kept in files.
    pub fn read_from(&self, index: u64) -> Result<Entries, LedgerError> {
        let dir = self.dir.as_deref();
        let dir = dir.ok_or(LedgerError::Unavailable(Unavailable::Io))?;
        let bundle = index / STEP;
        match self.shared.places.of_bundle(bundle) {
            Some(place) => reader::read_near(dir, index, bundle * STEP, place),
            None => reader::read_from(dir, index),
        }
    }

    /// The keys that seal personal fields.
    #[must_use]
    pub fn keys(&self) -> &Arc<Keyring> {
        &self.keys
    }

    /// How the ledger is doing.
    #[must_use]
    pub fn stats(&self) -> LedgerStats {
        self.shared.stats()
    }

    /// Writes what is still owed and lets the storage go. Later calls are refused as closed.
    ///
    /// # Errors
    /// [`LedgerError::Deadline`] when the writer does not end in time.
    pub async fn close(&self) -> Result<(), LedgerError> {
        let (reply, closed) = oneshot::channel();
        match self.writer.try_send(Message::Close(reply)) {
            Ok(()) => timeout(self.config.deadline + LAST_CHECKPOINT, closed)
                .await
                .map(drop)
                .map_err(|_| LedgerError::Deadline),
            Err(TrySendError::Disconnected(_)) => Ok(()),
            Err(TrySendError::Full(_)) => Err(LedgerError::Unavailable(Unavailable::Full)),
        }
    }

    fn start(
        writer: Writer,
        shared: Arc<Shared>,
        config: LedgerConfig,
        now: Now,
        keys: Keyring,
    ) -> Result<Self, LedgerError> {
        let (sender, messages) = sync_channel(config.queue);
        std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || writer.run(&messages))
            .map_err(cannot("start the writer of"))?;
        Ok(Self {
            config,
            now,
            keys: Arc::new(keys),
            dir: None,
            shared,
            writer: sender,
            published: None,
        })
    }

    /// Questions are refused while entries can be written but nobody could vouch for them.
    fn may_answer(&self) -> Result<(), LedgerError> {
        match self.shared.silence() {
            Some(reason) => Err(LedgerError::Unavailable(reason)),
            None => Ok(()),
        }
    }

    async fn record(&self, question: Option<Uuid>, bodies: Vec<Body>) -> Result<u64, LedgerError> {
        self.append(question, Link::First, bodies, None)
            .await
            .map(|written| written.first)
    }

    /// The one way into the ledger: ends within the deadline, whatever the disk does.
    async fn append(
        &self,
        question: Option<Uuid>,
        link: Link,
        bodies: Vec<Body>,
        ticket: Option<Ticket>,
    ) -> Result<Written, LedgerError> {
        let end = tokio::time::Instant::now() + self.config.deadline;
        let sealed = self.seal(&bodies).await?;
        let gave_up = ticket.as_ref().map(Ticket::gave_up);
        let begins = matches!(link, Link::First);
        let own = matches!(bodies.first(), Some(Body::Admin(_)));
        if begins && !own && self.shared.space.is_reserved() {
            return Err(LedgerError::Unavailable(Unavailable::Reserved));
        }
        if let Some(reason) = self.shared.refusal() {
            ticket.iter().for_each(Ticket::blame_ledger);
            return Err(LedgerError::Unavailable(reason));
        }
        let (reply, mut answer) = oneshot::channel();
        self.send(Append {
            question,
            link,
            sealed,
            ticket,
            reply,
        })?;
        match timeout_at(end, &mut answer).await {
            Ok(Ok(written)) => written,
            Ok(Err(_)) => Err(LedgerError::Unavailable(Unavailable::Closed)),
            Err(_) => {
                // INVARIANT: set before `answer` is dropped, so the ticket knows why nobody takes it.
                gave_up
                    .iter()
                    .for_each(|gave_up| gave_up.store(true, SeqCst));
                Err(LedgerError::Deadline)
            }
        }
    }

    fn send(&self, append: Append) -> Result<(), LedgerError> {
        self.shared.queued.fetch_add(1, Relaxed);
        let refused = match self.writer.try_send(Message::Append(append)) {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        self.shared.queued.fetch_sub(1, Relaxed);
        let (message, reason) = match refused {
            TrySendError::Full(message) => (message, Unavailable::Full),
            TrySendError::Disconnected(message) => (message, Unavailable::Closed),
        };
        if let Message::Append(Append {
            ticket: Some(ticket),
            ..
        }) = message
        {
            ticket.blame_ledger();
        }
        Err(LedgerError::Unavailable(reason))
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
