//! Asking a source regularly for what is new.
//!
//! Each poll needs a permit, has a deadline, goes through the source's layers and quota, and is followed by the next one at
//! once while the source says that there is more. The cursor moves only after the reads are durable.

use std::{io, path::Path, sync::Arc, time::Duration};

use futures::FutureExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use turnpike_adapters::{
    adapter::{Batch, Cursor},
    error::{Error, ErrorKind},
};
use turnpike_schemas::{
    agreement::IngestPermit,
    ledger::{Digest, Ingest, IngestWay},
};

use super::{
    Intake, IntakeError,
    cursors::CursorFile,
    plausible, rules,
    standing::{Backoff, RECHECK, Standing},
};
use crate::{
    config,
    federation::{Digesting, Source},
};

/// The polls of one source.
#[derive(Debug)]
pub struct Poller {
    source: Arc<Source>,
    intake: Arc<Intake>,
    settings: config::Poll,
    file: CursorFile,
    cursor: Cursor,
    standing: Standing,
    backoff: Backoff,
}

impl Poller {
    /// Finds out where to go on. Contacts nobody yet.
    ///
    /// # Errors
    /// The cursor cannot be read.
    pub fn open(
        source: Arc<Source>,
        intake: Arc<Intake>,
        settings: config::Poll,
        cursors: &Path,
    ) -> io::Result<Self> {
        let file = CursorFile::open(cursors, &source.id, source.entry.id)?;
        Ok(Self {
            cursor: file.load()?,
            file,
            source,
            intake,
            settings,
            standing: Standing::new(IngestWay::Poll),
            backoff: Backoff::default(),
        })
    }

    /// Polls until cancelled. A poll under way is given up; what it brought and is not durable comes again.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let pause = tokio::select! {
                () = stop.cancelled() => return,
                pause = self.step() => pause,
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One poll, where it is permitted. Returns how long to wait for the next.
    async fn step(&mut self) -> Duration {
        let permit = match self.standing.permit(&self.intake, &self.source).await {
            Ok(Some(permit)) => permit,
            Ok(None) => return RECHECK,
            Err(error) => {
                tracing::error!(source = %self.source.id, %error, "a refusal could not be recorded");
                return RECHECK;
            }
        };
        match self.poll(&permit).await {
            Ok(true) => Duration::ZERO,
            Ok(false) => {
                self.backoff.reset();
                self.settings.every
            }
            Err(error) => {
                let pause = self.backoff.after(&error);
                tracing::warn!(source = %self.source.id, kind = ?error.kind(), %error, ?pause, "a poll failed");
                pause
            }
        }
    }

    /// Returns whether there is more.
    async fn poll(&mut self, permit: &IngestPermit) -> Result<bool, Error> {
        let digest = Digesting::over(Arc::clone(&self.source.transport));
        let deadline = Instant::now() + self.settings.deadline;
        let ctx = self
            .source
            .context(&self.intake.clock, deadline.into_std())
            .over(|_| digest.clone());
        let call = self.source.adapter.poll(&ctx, permit, &self.cursor);
        // INVARIANT: a panic in an adapter costs its own poll and nothing else.
        let call = std::panic::AssertUnwindSafe(call).catch_unwind();
        let batch = match tokio::time::timeout_at(deadline, call).await {
            Ok(Ok(batch)) => batch?,
            Ok(Err(_)) => return Err(fault(ErrorKind::Malformed, "the adapter gave up")),
            Err(_) => return Err(fault(ErrorKind::TimedOut, "the poll took too long")),
        };
        let stands_still = batch.cursor == self.cursor;
        let (cursor, more) = (batch.cursor.clone(), batch.more);
        self.take(permit, batch, &digest.sha256())
            .await
            .map_err(|error| {
                fault(ErrorKind::Unavailable, "what a poll brought is not durable").caused_by(error)
            })?;
        if !stands_still {
            self.file.save(&cursor).map_err(|error| {
                fault(ErrorKind::Unavailable, "the cursor cannot be kept").caused_by(error)
            })?;
            self.cursor = cursor;
        }
        if more && stands_still {
            tracing::warn!(source = %self.source.id, "the source has more and does not move on; it is left alone until the next poll");
        }
        Ok(more && !stands_still)
    }

    async fn take(
        &self,
        permit: &IngestPermit,
        batch: Batch,
        digest: &str,
    ) -> Result<(), IntakeError> {
        let (intake, source) = (&self.intake, &self.source);
        let now = intake.clock.now();
        let (reads, mut rejected) = plausible(batch.page.reads, now);
        rejected.extend(batch.page.rejected);
        intake
            .quarantine
            .put(&source.id, digest, &rejected, now)
            .await
            .map_err(IntakeError::Quarantine)?;
        let mut taken = intake.deposit(source, permit, reads, digest, now).await?;
        let withdrawn = intake
            .withdraw(source, permit, &batch.withdrawn, digest, now)
            .await?;
        taken.revised += withdrawn.revised;
        let changed = taken.stored + taken.revised;
        if changed > 0 || !rejected.is_empty() {
            let entry = Ingest {
                source: source.id.to_string(),
                way: IngestWay::Poll,
                accepted: changed as u64,
                duplicates: taken.duplicates as u64,
                rejected: rejected.len() as u64,
                rejected_by: rules(&rejected),
                payload_sha256: Digest::try_from(digest.to_owned()).ok(),
                refused: None,
            };
            intake.ledger.ingest(entry).await?;
        }
        // An empty answer is an answer: the source is there and has nothing new.
        let skipped = batch.page.skipped.values().sum::<u64>();
        let kept = changed + taken.duplicates + taken.expired;
        let understood = kept as u64 + skipped + u64::from(rejected.is_empty());
        source.tally.took_in(now, understood, rejected.len() as u64);
        if changed > 0 {
            let (stored, revised, withdrawn) = (taken.stored, taken.revised, withdrawn.revised);
            tracing::info!(source = %source.id, stored, revised, withdrawn, rejected = rejected.len(), "a poll was taken in");
        }
        Ok(())
    }
}

fn fault(kind: ErrorKind, message: &'static str) -> Error {
    Error::new(kind, "poll", message)
}
