//! Files a source drops into a folder.
//!
//! A file is taken once its size has not changed for a while, decoded into a spool, stored, acknowledged, and moved to
//! `done/` or `quarantine/` inside the folder. The order makes a crash harmless: until the file is moved it is taken
//! again, its reads are duplicates, and its acknowledgement is written under the same name (but for formats that want the
//! time in it).

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use notify::Watcher as _;
use serde::Serialize;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;
use turnpike_adapters::{
    adapter::{Acknowledgement, Disposition, Rejection, Verdict},
    error::{Error, ErrorKind},
};
use turnpike_schemas::{
    agreement::IngestPermit,
    ledger::{Digest, Ingest, IngestWay},
};

use super::{
    Intake, IntakeError,
    files::{
        Stamp, digest, files, free_name, move_into, move_to, name_of, remove_older, stamp_of,
        write_durably,
    },
    plausible, rules,
    spool::{Counts, Spool, Spooled},
};
use crate::{config, federation::Source};

/// Reads stored at once.
const BATCH: usize = 1_000;

/// How often files past retention are looked for.
const TIDY_EVERY: SignedDuration = SignedDuration::from_mins(10);

/// A file that looks broken and was written to this recently (in settle times) may still be on its way.
const GRACE: u32 = 10;

/// The folder of one source.
#[derive(Debug)]
pub struct DropFolder {
    source: Arc<Source>,
    intake: Arc<Intake>,
    settings: config::Drop,
    spool: PathBuf,
    /// Size and time of last change of files that are not taken yet, and since when they are unchanged.
    waiting: BTreeMap<PathBuf, (Stamp, Instant)>,
    /// When old files were last looked for.
    tidied: Option<Timestamp>,
}

/// A file as decoded, nothing stored yet.
struct DecodedFile {
    verdict: Verdict,
    spooled: Spooled,
    counts: Counts,
    sha256: String,
}

/// Why a file stays where it is for now.
#[derive(Debug, thiserror::Error)]
enum Stay {
    #[error("the file cannot be read or moved: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Intake(#[from] IntakeError),
    #[error("the file may still be being written")]
    Unfinished,
}

/// What is left beside a quarantined file. Holds no value of the file.
#[derive(Serialize)]
struct Reason<'a> {
    source: &'a str,
    payload_sha256: &'a str,
    rejection: &'a Rejection,
}

impl DropFolder {
    /// Opens the folder and makes its subfolders.
    ///
    /// # Errors
    /// A folder cannot be made.
    pub fn open(
        source: Arc<Source>,
        intake: Arc<Intake>,
        settings: config::Drop,
        spool: &Path,
    ) -> io::Result<Self> {
        for folder in [
            &settings.folder,
            &settings.folder.join("done"),
            &settings.folder.join("quarantine"),
            &settings.acknowledgements,
        ] {
            fs::create_dir_all(folder)?;
        }
        fs::create_dir_all(spool)?;
        Ok(Self {
            source,
            intake,
            settings,
            spool: spool.to_owned(),
            waiting: BTreeMap::new(),
            tidied: None,
        })
    }

    /// Takes files in until cancelled. Works on a thread of its own, because a file system can hang.
    pub fn run_blocking(self, stop: CancellationToken, runtime: &tokio::runtime::Handle) {
        runtime.block_on(self.run(stop));
    }

    /// Takes files in until cancelled. A file under way is finished or left for the next start.
    async fn run(mut self, stop: CancellationToken) {
        let changed = Arc::new(Notify::new());
        // Network file systems send no events, so the folder is looked at regularly as well.
        let _watcher = self.watch(&changed);
        loop {
            let unsettled = self.scan(&stop).await;
            self.forget_expired();
            let wait = if unsettled {
                self.settings.settle.min(self.settings.scan_every)
            } else {
                self.settings.scan_every
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = changed.notified() => {}
                () = tokio::time::sleep(wait.max(Duration::from_millis(10))) => {}
            }
        }
    }

    fn watch(&self, changed: &Arc<Notify>) -> Option<notify::RecommendedWatcher> {
        let changed = Arc::clone(changed);
        // Looking at the folder is itself an event, and must not be answered by looking again.
        let told = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                changed.notify_one();
            }
        };
        let mut watcher = notify::recommended_watcher(told).ok()?;
        watcher
            .watch(&self.settings.folder, notify::RecursiveMode::NonRecursive)
            .ok()?;
        Some(watcher)
    }

    /// Looks at every file once. Returns whether one is waiting to settle.
    async fn scan(&mut self, stop: &CancellationToken) -> bool {
        let files = match files(&self.settings.folder) {
            Ok(files) => files,
            Err(error) => {
                tracing::warn!(source = %self.source.id, %error, "the drop folder cannot be read");
                return false;
            }
        };
        self.waiting
            .retain(|path, _| files.iter().any(|(file, _)| file == path));
        let mut unsettled = false;
        for (path, stamp) in files {
            if stop.is_cancelled() {
                return false;
            }
            if !self.settled(&path, stamp) {
                unsettled = true;
                continue;
            }
            match self.take(&path, stamp).await {
                Ok(()) => {
                    self.waiting.remove(&path);
                }
                Err(Stay::Unfinished) => {
                    unsettled = true;
                    tracing::debug!(source = %self.source.id, "a dropped file may still be being written");
                }
                Err(stay) => {
                    tracing::warn!(source = %self.source.id, error = %stay, "a dropped file stays for the next look");
                }
            }
        }
        unsettled
    }

    /// Removes files that were dealt with once the agreement's retention is over: they hold what the reads held.
    fn forget_expired(&mut self) {
        let now = self.intake.clock.now();
        let due = self
            .tidied
            .is_none_or(|last| now.duration_since(last) >= TIDY_EVERY || now < last);
        let Some(retention) = self.source.agreement.document().retention.filter(|_| due) else {
            return;
        };
        self.tidied = Some(now);
        let kept = retention.span().unsigned_abs();
        for folder in ["done", "quarantine"] {
            let folder = self.settings.folder.join(folder);
            if let Err(error) = remove_older(&folder, now, kept) {
                tracing::warn!(source = %self.source.id, %error, "old files could not be removed");
            }
        }
    }

    fn settled(&mut self, path: &Path, stamp: Stamp) -> bool {
        let now = Instant::now();
        match self.waiting.get(path) {
            Some((seen, since)) if *seen == stamp => {
                now.duration_since(*since) >= self.settings.settle
            }
            _ => {
                self.waiting.insert(path.to_owned(), (stamp, now));
                self.settings.settle.is_zero()
            }
        }
    }

    async fn take(&self, path: &Path, stamp: Stamp) -> Result<(), Stay> {
        let permitted = self.intake.permit(&self.source).await;
        let permit = match permitted.map_err(IntakeError::from)? {
            Ok(permit) => permit,
            Err(refusal) => {
                let rule = refusal.rule.to_string();
                self.intake
                    .refused(&self.source, IngestWay::File, &rule, None)
                    .await
                    .map_err(IntakeError::from)?;
                let rejection = Rejection::new(None, "agreement", rule);
                return Ok(self.set_aside(path, &rejection, "")?);
            }
        };
        let decoded = self.decode(path).await?;
        if stamp_of(path)? != stamp {
            return Err(Stay::Unfinished);
        }
        let accepted = decoded.verdict.disposition == Disposition::Accepted;
        let drift = match accepted {
            true => self.intake.file_drift(&self.source, path).await?,
            false => Vec::new(),
        };
        if let Some(first) = drift.first() {
            return self.set_drifted_aside(path, first, &drift, decoded).await;
        }
        match &decoded.verdict.disposition {
            Disposition::Accepted => self.accept(path, stamp, &permit, decoded).await,
            Disposition::Rejected(rejection) => {
                if self.is_recent(stamp) {
                    return Err(Stay::Unfinished);
                }
                let rejection = rejection.clone();
                self.reject(path, &rejection, decoded).await
            }
        }
    }

    /// A half-written file looks broken; it gets more time before it is judged.
    fn is_recent(&self, stamp: Stamp) -> bool {
        stamp
            .changed
            .elapsed()
            .is_ok_and(|age| age < self.settings.settle * GRACE)
    }

    async fn decode(&self, path: &Path) -> Result<DecodedFile, Stay> {
        let (source, path, folder) = (
            Arc::clone(&self.source),
            path.to_owned(),
            self.spool.clone(),
        );
        let decoding = tokio::task::spawn_blocking(move || decode_file(&source, &path, &folder));
        decoding
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error).into()))
    }

    async fn accept(
        &self,
        path: &Path,
        stamp: Stamp,
        permit: &IngestPermit,
        mut decoded: DecodedFile,
    ) -> Result<(), Stay> {
        let now = self.intake.clock.now();
        let (mut accepted, mut duplicates, mut expired) = (0, 0, 0);
        let mut refused_here = false;
        loop {
            let batch = decoded.spooled.batch(BATCH)?;
            if batch.is_empty() {
                break;
            }
            let (batch, implausible) = plausible(batch, now);
            refused_here |= !implausible.is_empty();
            decoded.counts.reject(implausible);
            let ingested = self
                .intake
                .deposit(&self.source, permit, batch, &decoded.sha256, now)
                .await
                .map_err(IntakeError::from)?;
            accepted += (ingested.stored + ingested.revised) as u64;
            duplicates += ingested.duplicates as u64;
            expired += ingested.expired as u64;
        }
        if expired > 0 {
            tracing::info!(source = %self.source.id, expired, "reads past retention were not kept");
        }
        let understood = accepted + duplicates + expired + decoded.counts.skipped;
        self.source
            .tally
            .took_in(now, understood, decoded.counts.rejected);
        let put = self
            .intake
            .quarantine
            .put(
                &self.source.id,
                &decoded.sha256,
                &decoded.counts.rejections,
                now,
            )
            .await;
        put.map_err(IntakeError::Quarantine)?;
        if stamp_of(path)? != stamp {
            return Err(Stay::Unfinished);
        }
        self.record(&decoded, accepted, duplicates, None).await?;
        self.acknowledge(if refused_here {
            decoded.verdict.partial_acknowledgement.as_ref()
        } else {
            decoded.verdict.acknowledgement.as_ref()
        })?;
        tracing::info!(source = %self.source.id, accepted, duplicates, rejected = decoded.counts.rejected, skipped = decoded.counts.skipped, "a file was taken in");
        Ok(move_into(path, &self.settings.folder.join("done"))?)
    }

    async fn reject(
        &self,
        path: &Path,
        rejection: &Rejection,
        decoded: DecodedFile,
    ) -> Result<(), Stay> {
        self.source.tally.refused();
        if rejection.may_hold_reads() {
            self.source.tally.took_in(self.intake.clock.now(), 0, 1);
        }
        self.record(
            &decoded,
            0,
            0,
            Some(format!("{}: {}", rejection.field, rejection.rule)),
        )
        .await?;
        self.acknowledge(decoded.verdict.acknowledgement.as_ref())?;
        tracing::warn!(source = %self.source.id, field = rejection.field, rule = rejection.rule, "a file was refused");
        Ok(self.set_aside(path, rejection, &decoded.sha256)?)
    }

    /// Nothing of a file of another shape counts, and the vendor is told what it is told when the gateway refuses items.
    async fn set_drifted_aside(
        &self,
        path: &Path,
        first: &Rejection,
        drift: &[Rejection],
        decoded: DecodedFile,
    ) -> Result<(), Stay> {
        let now = self.intake.clock.now();
        self.source.tally.refused();
        self.source.tally.took_in(now, 0, drift.len() as u64);
        let (id, sha256) = (&self.source.id, &decoded.sha256);
        let put = self.intake.quarantine.put(id, sha256, drift, now).await;
        put.map_err(IntakeError::Quarantine)?;
        let rule = format!("drift: {}: {}", first.field, first.rule);
        self.record(&decoded, 0, 0, Some(rule)).await?;
        self.acknowledge(decoded.verdict.partial_acknowledgement.as_ref())?;
        tracing::warn!(source = %self.source.id, field = first.field, rule = first.rule, "a file of another shape was set aside");
        Ok(self.set_aside(path, first, &decoded.sha256)?)
    }

    async fn record(
        &self,
        decoded: &DecodedFile,
        accepted: u64,
        duplicates: u64,
        refused: Option<String>,
    ) -> Result<(), Stay> {
        let entry = Ingest {
            source: self.source.id.to_string(),
            way: IngestWay::File,
            accepted,
            duplicates,
            rejected: decoded.counts.rejected,
            rejected_by: rules(&decoded.counts.rejections),
            payload_sha256: Digest::try_from(decoded.sha256.clone()).ok(),
            refused,
        };
        self.intake
            .ledger
            .ingest(entry)
            .await
            .map_err(IntakeError::from)?;
        Ok(())
    }

    fn acknowledge(&self, acknowledgement: Option<&Acknowledgement>) -> io::Result<()> {
        let Some(acknowledgement) = acknowledgement else {
            return Ok(());
        };
        let now = self.intake.clock.now();
        write_durably(
            &self.settings.acknowledgements,
            &acknowledgement.name(now),
            &acknowledgement.body(now),
        )
    }

    fn set_aside(&self, path: &Path, rejection: &Rejection, sha256: &str) -> io::Result<()> {
        let folder = self.settings.folder.join("quarantine");
        let reason = Reason {
            source: self.source.id.as_str(),
            payload_sha256: sha256,
            rejection,
        };
        // The reason is there before the file is: nobody finds one without the other.
        let target = free_name(path, &folder);
        let name = format!("{}.reason.json", name_of(&target));
        write_durably(&folder, &name, &serde_json::to_vec_pretty(&reason)?)?;
        move_to(path, &target)
    }
}

fn decode_file(source: &Source, path: &Path, folder: &Path) -> Result<DecodedFile, Stay> {
    let sha256 = digest(path)?;
    let mut spool = Spool::create(folder)?;
    let mut file = File::open(path)?;
    let mut sink = |item| {
        let full = |error| {
            Error::new(
                ErrorKind::Unavailable,
                "spool",
                "the spool cannot be written",
            )
            .caused_by(error)
        };
        spool.put(item).map_err(full)
    };
    let name = name_of(path);
    let decode = AssertUnwindSafe(|| source.adapter.decode_file(&name, &mut file, &mut sink));
    let verdict = match std::panic::catch_unwind(decode) {
        Ok(verdict) => verdict.map_err(|error| io::Error::other(error.to_string()))?,
        // INVARIANT: a file that breaks the decoder is set aside, not tried for ever.
        Err(_) => Verdict {
            disposition: Disposition::Rejected(Rejection::new(
                None,
                "(file)",
                "the decoder gave up",
            )),
            acknowledgement: None,
            partial_acknowledgement: None,
        },
    };
    let (spooled, counts) = spool.finish()?;
    Ok(DecodedFile {
        verdict,
        spooled,
        counts,
        sha256,
    })
}
