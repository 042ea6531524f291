//! One configured source as the federation asks it.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use jiff::Timestamp;
use turnpike_adapters::{
    adapter::{Adapter, Capabilities, Page},
    conformance::Shape,
    context::{Clock, Context, Secrets, Transport},
    error::{Error, ErrorKind, Retry},
    layers::Health,
    registry,
};
use turnpike_schemas::{
    agreement::{Agreement, Permit},
    api::{Capability, FailureKind, LimitedBy, SourceOutcome},
    query::{MatchMode, TimeWindow},
    read::{Observation, PlateRead, Provenance, ReadId, SourceId},
};

use super::{digest::Digesting, live_shape::LiveShape, tally::SourceTally};
use crate::{
    limits::Asks,
    store::{Found, Store, StoreError},
};

/// A source ready to be asked, behind all its layers.
#[derive(Debug)]
pub struct Source {
    /// Identifier.
    pub id: SourceId,
    /// Name for people.
    pub title: String,
    /// The adapter's registry entry.
    pub entry: &'static registry::Entry,
    /// The agreement.
    pub agreement: Arc<Agreement>,
    /// The adapter behind its layers.
    pub adapter: Arc<dyn Adapter>,
    /// State of the layers.
    pub health: Arc<Health>,
    /// The pinned transport.
    pub transport: Arc<dyn Transport>,
    /// The source's secrets.
    pub secrets: Arc<Secrets>,
    /// Silence after which what is held counts as stale.
    pub stale_after: Option<Duration>,
    /// Percent of what may be asked that is kept for entries of alert lists.
    pub reserve_percent: u8,
    /// What came in and what was wrong with it.
    pub tally: SourceTally,
    /// The shape its payloads must have to be taken in, where one is demanded.
    pub shape: Option<Arc<Shape>>,
    /// The shape of what it delivers.
    pub live_shape: LiveShape,
}

/// What asking one source came to.
#[derive(Debug)]
pub struct Searched {
    /// For the answer.
    pub outcome: SourceOutcome,
    /// Released reads, newest first, with the vendor's image locators still inside.
    pub reads: Vec<PlateRead>,
    /// Time spent.
    pub took: Duration,
}

impl Source {
    /// What the adapter can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.adapter.info().capabilities
    }

    /// Whether the source is asked live; otherwise what it sent is searched.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.capabilities().search
    }

    /// What stands in the way of a question although the agreement permits it.
    #[must_use]
    pub fn cannot(&self, permit: &Permit) -> Option<Capability> {
        let can = self.capabilities();
        match permit.query().plate().mode() {
            _ if !self.is_live() => None,
            _ if !can.needs.iter().all(|part| permit.discloses(*part)) => {
                Some(Capability::Undisclosed)
            }
            MatchMode::Exact => None,
            MatchMode::LookAlike => (!can.look_alike).then_some(Capability::LookAlike),
            MatchMode::Partial => (!can.partial_plates).then_some(Capability::PartialPlates),
        }
    }

    /// A question of somebody who waits for the answer, and what is kept from them.
    pub(super) fn people(&self) -> (Asks, u8) {
        (Asks::Person, self.reserve_percent)
    }

    /// A context for one call that must be over at `deadline`.
    #[must_use]
    pub fn context(&self, clock: &Arc<dyn Clock>, deadline: Instant) -> Context {
        Context::new(
            Arc::clone(&self.transport),
            Arc::clone(clock),
            Arc::clone(&self.secrets),
            deadline,
        )
    }

    /// Asks the source, or searches what it sent. Never fails and never panics: what goes wrong is the outcome.
    pub(super) async fn search(
        &self,
        permit: &Permit,
        store: &Store,
        clock: &Arc<dyn Clock>,
        deadline: Instant,
    ) -> Searched {
        let search = async {
            if self.is_live() {
                self.search_live(permit, clock, deadline).await
            } else {
                self.search_held(permit, store, clock).await
            }
        };
        guarded(deadline, search).await
    }

    /// Asks the source for an entry of an alert list, out of the reserve. What it gives back is what the permit releases, and the
    /// same reads whole: whoever is told of one is decided about anew.
    pub(super) async fn search_in_turn(
        &self,
        permit: &Permit,
        clock: &Arc<dyn Clock>,
        deadline: Instant,
    ) -> (Searched, Vec<PlateRead>) {
        let mut whole = Vec::new();
        let search = async {
            let ctx = self.context(clock, deadline).standing();
            match self.ask(ctx, permit, clock).await {
                Ok((page, sha256)) => {
                    whole = self.sealed(page.reads.clone(), clock.now(), sha256.clone());
                    self.released(permit, page, clock.now(), sha256)
                }
                Err(outcome) => (outcome, Vec::new()),
            }
        };
        let searched = guarded(deadline, search).await;
        let released = |read: &PlateRead| searched.reads.iter().any(|one| one.id == read.id);
        whole.retain(released);
        (searched, whole)
    }

    async fn search_live(
        &self,
        permit: &Permit,
        clock: &Arc<dyn Clock>,
        deadline: Instant,
    ) -> (SourceOutcome, Vec<PlateRead>) {
        let ctx = self.context(clock, deadline);
        match self.ask(ctx, permit, clock).await {
            Ok((page, sha256)) => self.released(permit, page, clock.now(), sha256),
            Err(outcome) => (outcome, Vec::new()),
        }
    }

    /// What the source answers, and the digest of its bytes.
    async fn ask(
        &self,
        ctx: Context,
        permit: &Permit,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Page, String), SourceOutcome> {
        let digest = Digesting::over(Arc::clone(&self.transport));
        let ctx = ctx.over(|_| digest.clone());
        let found = self.adapter.search(&ctx, permit).await;
        if let Some(said) = digest.date() {
            let ahead = said.duration_since(clock.now());
            self.tally.clock_is_ahead(ahead);
        }
        match found {
            Ok(page) => {
                let rejected = page.rejected.len() as u64;
                // An empty answer is understood as well.
                let understood = page.reads.len().max(1) as u64;
                self.tally.took_in(clock.now(), understood, rejected);
                Ok((page, digest.sha256()))
            }
            Err(error) => Err(self.failure(&error)),
        }
    }

    fn sealed(
        &self,
        reads: Vec<Observation>,
        now: Timestamp,
        payload_sha256: String,
    ) -> Vec<PlateRead> {
        let provenance = Arc::new(self.provenance(payload_sha256));
        let sealed = reads.into_iter().map(|observation| {
            PlateRead::seal(observation, self.id.clone(), now, Arc::clone(&provenance))
        });
        newest_revisions(sealed.collect())
    }

    fn released(
        &self,
        permit: &Permit,
        page: Page,
        now: Timestamp,
        payload_sha256: String,
    ) -> (SourceOutcome, Vec<PlateRead>) {
        let rejected = u32::try_from(page.rejected.len()).unwrap_or(u32::MAX);
        let (reads, more) = release(permit, self.sealed(page.reads, now, payload_sha256));
        (
            searched(
                permit,
                permit.window(),
                reads.len(),
                page.truncated || more,
                rejected,
            ),
            reads,
        )
    }

    async fn search_held(
        &self,
        permit: &Permit,
        store: &Store,
        clock: &Arc<dyn Clock>,
    ) -> (SourceOutcome, Vec<PlateRead>) {
        let kept = self.kept(permit.window(), clock.now());
        let Some(kept) = kept else {
            let capability = Capability::Kept;
            return (SourceOutcome::Unsupported { capability }, Vec::new());
        };
        let Found { reads, truncated } = match store.search(permit).await {
            Ok(found) => found,
            Err(StoreError::TooBroad) => {
                let capability = Capability::TooBroad;
                return (SourceOutcome::Unsupported { capability }, Vec::new());
            }
            Err(error) => {
                tracing::warn!(source = %self.id, %error, "the read store could not be searched");
                return (failed(FailureKind::Internal), Vec::new());
            }
        };
        let (reads, more) = release(permit, reads);
        let outcome = match self.stale_since(store, clock.now()) {
            Some(since) => SourceOutcome::Stale {
                since,
                reads: count(reads.len()),
                truncated: truncated || more,
                searched: narrower(permit, kept),
            },
            None => searched(permit, kept, reads.len(), truncated || more, 0),
        };
        (outcome, reads)
    }

    /// The part of a window of which reads are still kept.
    fn kept(&self, window: TimeWindow, now: Timestamp) -> Option<TimeWindow> {
        let retention = self.agreement.document().retention?;
        let kept = retention.span();
        window.not_before(now.checked_sub(kept).unwrap_or(Timestamp::MIN))
    }

    /// `Some` when nothing ever came, nothing came for longer than configured, or what came last was not understood.
    /// The inner value is when something last came.
    pub(super) fn stale_since(&self, store: &Store, now: Timestamp) -> Option<Option<Timestamp>> {
        let last = self
            .last_seen()
            .max(store.source_stats(&self.id).last_received_at);
        let limit = self.stale_after.unwrap_or(Duration::MAX);
        let fresh =
            last.is_some_and(|last| now.duration_since(last).unsigned_abs() <= limit || last > now);
        (!fresh || self.tally.is_garbled()).then_some(last)
    }

    /// When the source last sent or answered anything since start.
    #[must_use]
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.tally.last_seen()
    }

    /// Where reads of this source come from.
    #[must_use]
    pub fn provenance(&self, payload_sha256: String) -> Provenance {
        let info = self.adapter.info();
        Provenance {
            adapter: info.id.to_owned(),
            adapter_version: info.version.to_owned(),
            agreement: Some(self.agreement.reference().to_string()),
            payload_sha256,
        }
    }

    fn failure(&self, error: &Error) -> SourceOutcome {
        tracing::info!(source = %self.id, kind = ?error.kind(), %error, "a source could not be searched");
        let retry_after_s = match error.retry() {
            Retry::After(wait) => {
                Some(u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX))
            }
            Retry::Never | Retry::Backoff => None,
        };
        let failed = |error| SourceOutcome::Failed {
            error,
            retry_after_s,
        };
        match error.kind() {
            ErrorKind::Unsupported => SourceOutcome::Unsupported {
                capability: Capability::Search,
            },
            ErrorKind::Undisclosed => SourceOutcome::Unsupported {
                capability: Capability::Undisclosed,
            },
            ErrorKind::RateLimited => SourceOutcome::RateLimited {
                by: LimitedBy::Source,
                retry_after_s,
            },
            ErrorKind::QuotaExhausted => SourceOutcome::RateLimited {
                by: LimitedBy::Quota,
                retry_after_s,
            },
            ErrorKind::TimedOut => SourceOutcome::TimedOut,
            ErrorKind::Unauthorized => failed(FailureKind::Unauthorized),
            ErrorKind::Unavailable => failed(FailureKind::Unavailable),
            ErrorKind::Malformed => failed(FailureKind::Malformed),
            ErrorKind::Config => failed(FailureKind::Config),
            _ => failed(FailureKind::Internal),
        }
    }
}

/// INVARIANT: a panic in an adapter costs its own row and nothing else.
async fn guarded(
    deadline: Instant,
    search: impl Future<Output = (SourceOutcome, Vec<PlateRead>)>,
) -> Searched {
    let started = Instant::now();
    let guarded = std::panic::AssertUnwindSafe(search).catch_unwind();
    let (outcome, reads) = match tokio::time::timeout_at(deadline.into(), guarded).await {
        Ok(Ok(found)) => found,
        Ok(Err(_)) => (failed(FailureKind::Internal), Vec::new()),
        Err(_) => (SourceOutcome::TimedOut, Vec::new()),
    };
    Searched {
        outcome,
        reads,
        took: started.elapsed(),
    }
}

/// One row per record: the newest revision, the first of equal ones.
fn newest_revisions(reads: Vec<PlateRead>) -> Vec<PlateRead> {
    let mut ids: Vec<&ReadId> = reads.iter().map(|read| &read.id).collect();
    ids.sort_unstable();
    if ids.is_sorted_by(|a, b| a < b) {
        return reads;
    }
    let mut newest: BTreeMap<ReadId, PlateRead> = BTreeMap::new();
    for read in reads {
        match newest.entry(read.id.clone()) {
            Entry::Vacant(slot) => {
                slot.insert(read);
            }
            Entry::Occupied(mut slot)
                if slot.get().observation.revision < read.observation.revision =>
            {
                slot.insert(read);
            }
            Entry::Occupied(_) => {}
        }
    }
    newest.into_values().collect()
}

/// Applies the agreement again to what came back. Newest first, at most as many as permitted, and whether there were more.
fn release(permit: &Permit, reads: Vec<PlateRead>) -> (Vec<PlateRead>, bool) {
    let mut released: Vec<PlateRead> = reads
        .into_iter()
        .filter_map(|read| permit.release(read))
        .collect();
    sort_newest_first(&mut released);
    let most = usize::try_from(permit.max_reads()).unwrap_or(usize::MAX);
    let more = released.len() > most;
    released.truncate(most);
    (released, more)
}

pub(super) fn sort_newest_first(reads: &mut [PlateRead]) {
    reads.sort_by(|a, b| {
        let newest = b.observation.captured_at.cmp(&a.observation.captured_at);
        newest.then_with(|| a.id.cmp(&b.id))
    });
}

/// The window searched, if it is not the one asked for.
fn narrower(permit: &Permit, searched: TimeWindow) -> Option<TimeWindow> {
    (searched != permit.query().window()).then_some(searched)
}

/// `window` is the part of the permitted window that was searched.
fn searched(
    permit: &Permit,
    window: TimeWindow,
    reads: usize,
    truncated: bool,
    rejected: u32,
) -> SourceOutcome {
    let searched = narrower(permit, window);
    if reads == 0 && !truncated {
        return SourceOutcome::Empty { rejected, searched };
    }
    SourceOutcome::Answered {
        reads: count(reads),
        truncated,
        rejected,
        searched,
    }
}

fn failed(error: FailureKind) -> SourceOutcome {
    SourceOutcome::Failed {
        error,
        retry_after_s: None,
    }
}

fn count(reads: usize) -> u32 {
    u32::try_from(reads).unwrap_or(u32::MAX)
}
