//! Everything a check needs for one adapter.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use turnpike_adapters::adapter::{Adapter, Batch, Cursor, Image, Page};
use turnpike_adapters::conformance::Decoder;
use turnpike_adapters::context::{Clock, Context, NoTransport, Secret, Secrets};
use turnpike_adapters::error::Result as Called;
use turnpike_adapters::layers::{self, BreakerSettings, Health, Limits};
use turnpike_adapters::registry::Entry;
use turnpike_adapters::transport::{HttpTransport, TransportConfig, http_hosts};
use turnpike_schemas::read::{ImageKind, ImageRef};
use url::Url;

use super::recorder::Recorder;
use super::{Ask, BenchEntry, Delivered, Outcome, Sample, SimHandle, require, say};
use crate::town::{PROTAGONIST_PLATE, Passage};

/// Time for a call that is to succeed. Far more than it needs, so that a busy machine fails nothing.
const PATIENCE: Duration = Duration::from_secs(20);

/// Largest answer read.
const MAX_BODY: usize = 1024 * 1024;

/// What an adapter wears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dress {
    /// Nothing.
    Bare,
    /// Every layer.
    Layered,
}

/// An operation that contacts a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `search`.
    Search,
    /// `poll`.
    Poll,
    /// `image`.
    Image,
}

/// What an operation brought.
#[derive(Debug)]
pub enum Fetched {
    /// Reads.
    Page(Page),
    /// Reads and a cursor.
    Batch(Batch),
    /// An image.
    Image(Image),
}

/// One adapter, bare or with its layers, and the simulated vendor it speaks to.
#[derive(Debug)]
pub struct Bench {
    /// The adapter's line in the registry.
    pub entry: &'static Entry,
    /// What it wears.
    pub dress: Dress,
    /// The adapter.
    pub adapter: Arc<dyn Adapter>,
    /// How its source is doing, with layers.
    pub health: Option<Arc<Health>>,
    /// The vendor.
    pub sim: Box<dyn SimHandle>,
    recorder: Arc<Recorder>,
}

/// A clock that stands still.
#[derive(Debug)]
struct Stopped(Timestamp);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        self.0
    }
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 3] = [Self::Search, Self::Poll, Self::Image];
}

impl Bench {
    /// Starts the vendor and builds the adapter.
    ///
    /// # Errors
    /// Either fails.
    pub async fn start(
        entry: &'static Entry,
        bench: &BenchEntry,
        dress: Dress,
    ) -> Result<Self, String> {
        let sim = (bench.start)().await?;
        let hosts = (entry.hosts)(&sim.settings()).map_err(say)?;
        let recorder = Arc::new(recorder(hosts)?);
        let mut bench = Self {
            entry,
            dress,
            adapter: Arc::from((entry.build)(&sim.settings()).map_err(say)?),
            health: None,
            sim,
            recorder,
        };
        if dress == Dress::Layered {
            bench.wear(&generous())?;
        }
        Ok(bench)
    }

    /// Builds the adapter anew with layers of these limits.
    ///
    /// # Errors
    /// The adapter cannot be built.
    pub fn wear(&mut self, limits: &Limits) -> Outcome {
        let (adapter, health) = self.layered(limits)?;
        self.adapter = adapter;
        self.health = Some(health);
        Ok(())
    }

    /// Another adapter of the same source, with layers of these limits.
    ///
    /// # Errors
    /// The adapter cannot be built.
    pub fn layered(&self, limits: &Limits) -> Result<(Arc<dyn Adapter>, Arc<Health>), String> {
        let adapter = (self.entry.build)(&self.sim.settings()).map_err(say)?;
        let stack = layers::stack(adapter, limits);
        Ok((stack.adapter, stack.health))
    }

    /// A context with all the time a good call can need.
    #[must_use]
    pub fn ctx(&self) -> Context {
        self.ctx_within(PATIENCE)
    }

    /// A context whose calls must be over after `limit`.
    #[must_use]
    pub fn ctx_within(&self, limit: Duration) -> Context {
        self.context(
            Arc::clone(&self.recorder),
            self.now(),
            self.secrets(),
            limit,
        )
    }

    /// A context with another wall clock.
    #[must_use]
    pub fn ctx_at(&self, now: Timestamp) -> Context {
        self.context(Arc::clone(&self.recorder), now, self.secrets(), PATIENCE)
    }

    /// A context without any secret.
    #[must_use]
    pub fn ctx_without_secrets(&self) -> Context {
        let (recorder, none) = (Arc::clone(&self.recorder), Secrets::default());
        self.context(recorder, self.now(), none, PATIENCE)
    }

    /// A context whose transport is pinned to another host than the vendor's.
    ///
    /// # Errors
    /// The transport cannot be built.
    pub fn ctx_pinned_elsewhere(&self) -> Result<Context, String> {
        let elsewhere = Url::parse("http://127.0.0.1:9/").map_err(say)?;
        let recorder = Arc::new(recorder(vec![elsewhere])?);
        Ok(self.context(recorder, self.now(), self.secrets(), PATIENCE))
    }

    /// Now: an hour after the town's history.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.sim.town().end() + SignedDuration::from_hours(1)
    }

    /// The question every vendor that can be asked has an answer to: the protagonist, over the whole history.
    #[must_use]
    pub fn question(&self) -> Ask {
        let end = self.sim.town().end();
        Ask {
            plate: PROTAGONIST_PLATE.to_owned(),
            look_alike: false,
            from: end - SignedDuration::from_hours(24 * 7),
            to: end,
            max_reads: 200,
            disclose: &["purpose", "case_reference"],
            now: self.now(),
        }
    }

    /// What a right answer to `ask` holds, oldest first.
    #[must_use]
    pub fn expected(&self, ask: &Ask) -> Vec<Passage> {
        let expected = self.sim.town().expected(&ask.plate, ask.from, ask.to);
        expected.of(self.sim.family()).to_vec()
    }

    /// Whether the adapter declares `operation`.
    #[must_use]
    pub fn declares(&self, operation: Operation) -> bool {
        let capabilities = self.adapter.info().capabilities;
        match operation {
            Operation::Search => capabilities.search,
            Operation::Poll => capabilities.poll,
            Operation::Image => capabilities.images,
        }
    }

    /// The declared operations that contact the source.
    #[must_use]
    pub fn remote(&self) -> Vec<Operation> {
        let declared = |operation: &_| self.declares(*operation);
        Operation::ALL.into_iter().filter(declared).collect()
    }

    /// Asks `ask`.
    ///
    /// # Errors
    /// No permit can be made. What the adapter says is inside.
    pub async fn search(&self, ask: &Ask, ctx: &Context) -> Result<Called<Page>, String> {
        Ok(self.adapter.search(ctx, &ask.permit()?).await)
    }

    /// Does `operation` the plain way.
    ///
    /// # Errors
    /// No permit can be made. What the adapter says is inside.
    pub async fn call(
        &self,
        operation: Operation,
        ctx: &Context,
    ) -> Result<Called<Fetched>, String> {
        self.call_on(&*self.adapter, operation, ctx).await
    }

    /// The same on another adapter of the source.
    ///
    /// # Errors
    /// No permit can be made. What the adapter says is inside.
    pub async fn call_on(
        &self,
        adapter: &dyn Adapter,
        operation: Operation,
        ctx: &Context,
    ) -> Result<Called<Fetched>, String> {
        let ask = self.question();
        Ok(match operation {
            Operation::Search => {
                let page = adapter.search(ctx, &ask.permit()?).await;
                page.map(Fetched::Page)
            }
            Operation::Poll => {
                let permit = ask.ingest_permit()?;
                let batch = adapter.poll(ctx, &permit, &Cursor::default()).await;
                batch.map(Fetched::Batch)
            }
            Operation::Image => {
                let image = self.sim_image().unwrap_or(NO_IMAGE);
                let image = adapter.image(ctx, &ask.image_permit()?, &image).await;
                image.map(Fetched::Image)
            }
        })
    }

    /// An image the vendor has.
    #[must_use]
    pub fn sim_image(&self) -> Option<ImageRef> {
        self.sim.image().map(|reference| ImageRef {
            kind: ImageKind::Scene,
            reference,
            expires_at: None,
        })
    }

    /// Fetches `image`.
    ///
    /// # Errors
    /// No permit can be made. What the adapter says is inside.
    pub async fn image(&self, image: &ImageRef, ctx: &Context) -> Result<Called<Image>, String> {
        let permit = self.question().image_permit()?;
        Ok(self.adapter.image(ctx, &permit, image).await)
    }

    /// Names of the secrets a source at this vendor must be given.
    ///
    /// # Errors
    /// The settings are wrong.
    pub fn secret_names(&self) -> Result<Vec<String>, String> {
        self.entry.secrets.under(&self.sim.settings()).map_err(say)
    }

    /// Hands a payload to the adapter.
    ///
    /// # Errors
    /// Those of the adapter.
    pub fn decode(&self, sample: &Sample) -> Called<Delivered> {
        sample.decode(Decoder {
            entry: self.entry,
            settings: &self.sim.settings(),
            adapter: &*self.adapter,
        })
    }

    /// Requests so far: those given to the transport, or those that came down the road, whichever is more.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.recorder.count().max(self.arrived())
    }

    /// Requests that came down the road to the vendor.
    #[must_use]
    pub fn arrived(&self) -> usize {
        self.sim.road().map_or(0, |road| road.connections())
    }

    /// Everything that was said to anybody: addresses, headers, bodies.
    #[must_use]
    pub fn told(&self) -> String {
        self.recorder.text()
    }

    /// That a text for people or machines other than the asker holds no plate, no secret and nothing personal.
    ///
    /// # Errors
    /// What it holds.
    pub fn is_clean(&self, text: &str) -> Outcome {
        let canaries = [crate::sim::CANARY, crate::sim::TAG_CANARY];
        let secrets = self.sim.secrets().iter().map(|(_, secret)| *secret);
        let plates = [PROTAGONIST_PLATE, "TPX9999", "0421"].into_iter();
        let forbidden: Vec<_> = plates.chain(canaries).chain(secrets).collect();
        let held = forbidden.into_iter().find(|word| text.contains(word));
        require(held.is_none(), || {
            format!("`{}` is in: {text}", held.unwrap_or_default())
        })
    }

    fn secrets(&self) -> Secrets {
        let named = |(name, value): &(&str, &str)| ((*name).to_owned(), Secret::new(*value));
        self.sim.secrets().iter().map(named).collect()
    }

    fn context(
        &self,
        recorder: Arc<Recorder>,
        now: Timestamp,
        secrets: Secrets,
        limit: Duration,
    ) -> Context {
        let deadline = Instant::now() + limit;
        Context::new(
            recorder,
            Arc::new(Stopped(now)),
            Arc::new(secrets),
            deadline,
        )
    }
}

/// Limits that no check but those about limits can reach.
pub(super) fn generous() -> Limits {
    let thousand = NonZeroU32::MIN.saturating_add(999);
    Limits {
        burst: NonZeroU32::MIN.saturating_add(499),
        max_wait: Duration::from_secs(5),
        attempt_timeout: PATIENCE,
        breaker: BreakerSettings {
            open: Duration::from_millis(50),
            open_max: Duration::from_millis(100),
            fair_time: Duration::from_millis(50),
            ..BreakerSettings::default()
        },
        ..Limits::new(thousand, Duration::from_secs(1))
    }
}

fn recorder(hosts: Vec<Url>) -> Result<Recorder, String> {
    let hosts = http_hosts(&hosts);
    if hosts.is_empty() {
        return Ok(Recorder::new(Arc::new(NoTransport)));
    }
    let config = TransportConfig {
        allow_private: true,
        max_body: MAX_BODY,
        ..TransportConfig::new(hosts)
    };
    let transport = HttpTransport::new(config).map_err(say)?;
    Ok(Recorder::new(Arc::new(transport)))
}

const NO_IMAGE: ImageRef = ImageRef {
    kind: ImageKind::Scene,
    reference: String::new(),
    expires_at: None,
};
