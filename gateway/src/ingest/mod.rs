//! Taking reads in: pushed messages, dropped files, polls, and what brokers and streams send. Acknowledged only after they
//! are durable.
//!
//! In scope: decode, dedupe through the store, quarantine of what could not be understood, acknowledgement. What is
//! quarantined is field and rule, never a value: no copy of a payload is kept.

mod cursors;
mod drift;
mod drop;
mod files;
mod listen;
mod poll;
mod quarantine;
mod sftp;
mod spool;
mod standing;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use turnpike_adapters::{
    adapter::{Decoded, Message, Rejection, Reply},
    context::Clock,
    error::Error,
};
use turnpike_schemas::{
    agreement::{IngestPermit, Refusal},
    api::PushReceipt,
    hex::hex,
    ledger::{Digest, Ingest, IngestWay},
    read::{Observation, ReadId},
};

pub use drop::DropFolder;
pub use listen::Listener;
pub use poll::Poller;
pub use quarantine::Quarantine;
pub use sftp::SftpPull;

use crate::{
    federation::Source,
    ledger::{Ledger, LedgerError},
    policy::Policy,
    store::{Deposit, Ingested, Store, StoreError},
};

/// Messages larger than this are decoded away from the threads that serve requests.
const LARGE_MESSAGE: usize = 64 * 1024;

/// What intake needs.
#[derive(Debug)]
pub struct Intake {
    pub(crate) store: Arc<Store>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) quarantine: Arc<Quarantine>,
    /// Messages being received and decoded at once.
    pub(crate) decoding: Arc<Semaphore>,
    pub(crate) policy: Arc<Policy>,
}

/// One of the places for messages under way; given back when dropped.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

/// A message whose reads are durable.
#[derive(Debug)]
pub struct Accepted {
    /// What became of it.
    pub receipt: PushReceipt,
    /// The answer the vendor's format prescribes.
    pub reply: Option<Reply>,
}

/// Why nothing of a message was taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The agreement does not allow reads to be taken in now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nothing of the message could be understood.
    #[error(transparent)]
    Malformed(Error),
    /// The reads could not be made durable; the vendor must send them again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The refusal could not be recorded.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The message has another shape than the source's recorded one; it is set aside with field and rule.
    #[error("the message has another shape than recorded: `{}` {}", .0.field, .0.rule)]
    Drifted(Rejection),
    /// Too many messages at once; the vendor must send it again.
    #[error("too many messages are being taken in")]
    Busy,
    /// What could not be understood could not be set aside.
    #[error("the quarantine cannot be written")]
    Quarantine(#[source] std::io::Error),
}

impl Intake {
    /// A place for one message, if there is one. Taken before its body is read.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        Arc::clone(&self.decoding)
            .try_acquire_owned()
            .ok()
            .map(Place)
    }

    /// Takes one pushed message in. When this returns `Ok`, its reads are durable.
    ///
    /// # Errors
    /// [`IntakeError`]; then the vendor must not be told that anything was taken in.
    pub async fn push(
        &self,
        source: &Arc<Source>,
        message: Message,
    ) -> Result<Accepted, IntakeError> {
        let place = self.place().ok_or(IntakeError::Busy)?;
        self.push_in_place(source, message, place).await
    }

    /// The same in a place taken before.
    ///
    /// # Errors
    /// [`IntakeError`], but not [`IntakeError::Busy`].
    pub async fn push_in_place(
        &self,
        source: &Arc<Source>,
        message: Message,
        _place: Place,
    ) -> Result<Accepted, IntakeError> {
        let permit = match self.permit(source).await? {
            Ok(permit) => permit,
            Err(refusal) => {
                self.refused(source, IngestWay::Push, &refusal.rule.to_string(), None)
                    .await?;
                return Err(refusal.into());
            }
        };
        self.take(source, IngestWay::Push, &permit, message).await
    }

    /// Decides whether reads of the source may be taken in.
    ///
    /// # Errors
    /// An alarm could not be recorded.
    pub(crate) async fn permit(
        &self,
        source: &Source,
    ) -> Result<Result<IngestPermit, Refusal>, LedgerError> {
        let now = self.clock.now();
        let decided = self.policy.decide_ingest(&source.agreement, now);
        if let Some(alarm) = &decided.alarm {
            source.tally.alarmed();
            self.policy.raise(alarm, &self.ledger, now).await?;
        }
        Ok(decided.decision)
    }

    /// Takes one message in under a permit, however it came. When this returns `Ok`, its reads are durable.
    ///
    /// # Errors
    /// [`IntakeError`]; a message that nobody can understand is on record then.
    async fn take(
        &self,
        source: &Arc<Source>,
        way: IngestWay,
        permit: &IngestPermit,
        message: Message,
    ) -> Result<Accepted, IntakeError> {
        let now = self.clock.now();
        let digest = hex(&Sha256::digest(&message.body));
        let look = self.look_at(source, &message);
        let decoded = match decode(source, message).await {
            Ok(decoded) => decoded,
            Err(error) => {
                // What it held is missing until the vendor is understood again.
                source.tally.took_in(now, 0, 1);
                self.refused(source, way, "malformed", Some(&digest))
                    .await?;
                return Err(IntakeError::Malformed(error));
            }
        };
        if let Some(look) = look {
            self.keeps_shape(source, way, look, &decoded.page, &digest)
                .await?;
        }
        let (reads, mut rejected) = plausible(decoded.page.reads, now);
        rejected.extend(decoded.page.rejected);
        self.quarantine
            .put(&source.id, &digest, &rejected, now)
            .await
            .map_err(IntakeError::Quarantine)?;
        let ingested = self.deposit(source, permit, reads, &digest, now).await?;
        let skipped = decoded.page.skipped.values().sum::<u64>();
        let kept = ingested.stored + ingested.revised + ingested.duplicates + ingested.expired;
        source
            .tally
            .took_in(now, kept as u64 + skipped, rejected.len() as u64);
        Ok(Accepted {
            receipt: PushReceipt {
                stored: small(ingested.stored + ingested.revised),
                duplicates: small(ingested.duplicates),
                skipped: small(skipped).saturating_add(small(ingested.expired)),
                rejected: small(rejected.len()),
            },
            reply: decoded.reply,
        })
    }

    async fn deposit(
        &self,
        source: &Source,
        permit: &IngestPermit,
        observations: Vec<Observation>,
        digest: &str,
        received_at: Timestamp,
    ) -> Result<Ingested, StoreError> {
        if observations.is_empty() {
            return Ok(Ingested::default());
        }
        let newest = observations.iter().map(|read| read.captured_at).max();
        let deposit = Deposit {
            observations,
            provenance: source.provenance(digest.to_owned()),
            received_at,
        };
        let ingested = self.store.ingest(permit, deposit).await?;
        source.tally.delivered(newest, received_at);
        source.tally.duplicates(ingested.duplicates as u64);
        Ok(ingested)
    }

    /// Retracts the records of a source that are held. Those that are not held, or are retracted already, are left alone.
    async fn withdraw(
        &self,
        source: &Source,
        permit: &IngestPermit,
        records: &[String],
        digest: &str,
        now: Timestamp,
    ) -> Result<Ingested, StoreError> {
        let mut retractions = Vec::new();
        for record in records {
            let held = self.store.get(&ReadId::derive(&source.id, record)).await?;
            // The revision stays: a later one of the source's is newer than its retraction.
            retractions.extend(held.map(|read| Observation {
                retracted: true,
                ..read.observation
            }));
        }
        self.deposit(source, permit, retractions, digest, now).await
    }

    /// Records that something a source sent was refused as a whole.
    pub(crate) async fn refused(
        &self,
        source: &Source,
        way: IngestWay,
        rule: &str,
        digest: Option<&str>,
    ) -> Result<(), LedgerError> {
        source.tally.refused();
        let entry = Ingest {
            source: source.id.to_string(),
            way,
            accepted: 0,
            duplicates: 0,
            rejected: 0,
            rejected_by: BTreeMap::new(),
            payload_sha256: digest.and_then(|digest| Digest::try_from(digest.to_owned()).ok()),
            refused: Some(rule.to_owned()),
        };
        self.ledger.ingest(entry).await.map(|_| ())
    }
}

/// A capture further in the future than any clock is wrong by is a fault of the record: it would be kept for as long.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_hours(24);

fn plausible(reads: Vec<Observation>, now: Timestamp) -> (Vec<Observation>, Vec<Rejection>) {
    let latest = now.checked_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX);
    let (plausible, future): (Vec<_>, Vec<_>) = reads
        .into_iter()
        .partition(|read| read.captured_at <= latest);
    let reject = |_| Rejection::new(None, "captured_at", "more than a day in the future");
    (plausible, future.into_iter().map(reject).collect())
}

/// How many rejections broke which rule; a bounded number of rules.
fn rules(rejections: &[Rejection]) -> BTreeMap<String, u64> {
    let mut rules = BTreeMap::new();
    for rejection in rejections {
        let rule = format!("{}: {}", rejection.field, rejection.rule);
        *rules.entry(rule).or_insert(0) += 1;
    }
    while rules.len() > 32 {
        rules.pop_last();
    }
    rules
}

async fn decode(source: &Arc<Source>, message: Message) -> Result<Decoded, Error> {
    if message.body.len() < LARGE_MESSAGE {
        return guarded(source, &message);
    }
    let source = Arc::clone(source);
    let decoded = tokio::task::spawn_blocking(move || guarded(&source, &message)).await;
    decoded.unwrap_or_else(|_| Err(broken_decoder()))
}

/// A decoder that panics costs its own message and nothing else.
fn guarded(source: &Source, message: &Message) -> Result<Decoded, Error> {
    let decoded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        source.adapter.decode(message)
    }));
    decoded.unwrap_or_else(|_| Err(broken_decoder()))
}

fn small(count: impl TryInto<u32>) -> u32 {
    count.try_into().unwrap_or(u32::MAX)
}

fn broken_decoder() -> Error {
    Error::new(
        turnpike_adapters::error::ErrorKind::Malformed,
        "decode",
        "the decoder gave up on this payload",
    )
}
