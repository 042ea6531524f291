//! Leaves a failing source alone for a while.
//!
//! Outside retry, inside capability: the breaker counts calls, not attempts, and its refusals are not tried
//! again. Wrong is `retry( breaker( adapter ))`: three failed calls are six failed attempts and open it, and the
//! second attempt of the third is spent on a refusal.

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::ImageRef,
};

use super::{
    circuit::{Circuit, Pass, Verdict as Says},
    health::Counters,
};
use crate::{
    adapter::{
        Adapter, Batch, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek, Subscription,
        Verdict,
    },
    context::{Context, monotonic},
    error::{Error, ErrorKind, Result, Retry},
};

/// When the breaker opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row that open it.
    pub consecutive: NonZeroU32,
    /// The span over which success is measured; more failures than successes in it open the breaker.
    /// Counted in tenths, so up to a tenth may be forgotten early.
    pub window: Duration,
    /// Calls in the window below which success is not measured.
    pub min_calls: NonZeroU32,
    /// The first cool-down; each that follows without success in between is twice as long.
    pub open: Duration,
    /// The longest cool-down, at most a day. Up to half is added to every cool-down at random.
    pub open_max: Duration,
    /// A timeout counts only if the call began with at least this much time, so that an impatient caller
    /// cannot close a source to everybody.
    pub fair_time: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            consecutive: NonZeroU32::MIN.saturating_add(4),
            window: Duration::from_secs(10),
            min_calls: NonZeroU32::MIN.saturating_add(9),
            open: Duration::from_secs(1),
            open_max: Duration::from_secs(60),
            fair_time: Duration::from_secs(1),
        }
    }
}

/// Whether calls are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// They are.
    Closed,
    /// They are not, before `until`.
    Open {
        /// End of the cool-down.
        until: Instant,
    },
    /// One at a time is, to see how the source does.
    HalfOpen,
}

/// Refuses calls as `Unavailable`, with the time to wait, while the source fails.
///
/// - Only what is the source's fault counts: `Unavailable`, `Malformed`, and `TimedOut` of a call that had
///   time. Refusals by policy, quota, credentials or capability neither open nor close it.
/// - After the cool-down one call is let through, a real one with its own permit. Success closes the breaker, failure
///   opens it for longer; a call that is dropped or says nothing makes room for the next.
/// - What comes in late, from calls let through before the breaker opened, changes nothing.
///
/// Cancel safe.
#[derive(Debug)]
pub struct BreakerLayer {
    inner: Box<dyn Adapter>,
    circuit: Arc<Circuit>,
    counters: Arc<Counters>,
}

/// One call let through.
#[derive(Debug)]
struct Call {
    pass: Pass,
    fair: bool,
}

impl BreakerLayer {
    /// A breaker around `inner`, closed.
    #[must_use]
    pub fn new(inner: Box<dyn Adapter>, settings: BreakerSettings) -> Self {
        Self::over(inner, Arc::new(Circuit::new(settings)), Arc::default())
    }

    pub(super) fn over(
        inner: Box<dyn Adapter>,
        circuit: Arc<Circuit>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            inner,
            circuit,
            counters,
        }
    }

    /// Whether calls are let through now.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.circuit.state(monotonic())
    }

    fn admit(&self, ctx: &Context, operation: &'static str) -> Result<Call> {
        self.counters.called();
        let admitted = self.circuit.admit(monotonic());
        let pass = admitted.map_err(|wait| {
            self.counters.refused();
            let message = "the source has failed repeatedly and is left alone for now";
            Error::new(ErrorKind::Unavailable, operation, message).with_retry(Retry::After(wait))
        })?;
        Ok(Call {
            pass,
            fair: ctx.remaining() >= self.circuit.settings().fair_time,
        })
    }

    fn settle<T>(&self, ctx: &Context, call: Call, outcome: Result<T>) -> Result<T> {
        match &outcome {
            Ok(_) => self.counters.succeeded(ctx),
            Err(error) => self.counters.failed(error),
        }
        let says = outcome
            .as_ref()
            .err()
            .map_or(Says::Good, |error| says(error, call.fair));
        call.pass.settle(says, monotonic());
        outcome
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Adapter for BreakerLayer {
    fn info(&self) -> &Info {
        self.inner.info()
    }

    async fn search(&self, ctx: &Context, permit: &Permit) -> Result<Page> {
        let call = self.admit(ctx, "search")?;
        let outcome = self.inner.search(ctx, permit).await;
        self.settle(ctx, call, outcome)
    }

    async fn poll(&self, ctx: &Context, permit: &IngestPermit, since: &Cursor) -> Result<Batch> {
        let call = self.admit(ctx, "poll")?;
        let outcome = self.inner.poll(ctx, permit, since).await;
        self.settle(ctx, call, outcome)
    }

    fn decode(&self, message: &Message) -> Result<Decoded> {
        self.inner.decode(message)
    }

    fn decode_file(
        &self,
        name: &str,
        file: &mut dyn ReadSeek,
        sink: &mut dyn FnMut(Item) -> Result<()>,
    ) -> Result<Verdict> {
        self.inner.decode_file(name, file, sink)
    }

    async fn image(&self, ctx: &Context, permit: &ImagePermit, image: &ImageRef) -> Result<Image> {
        let call = self.admit(ctx, "image")?;
        let outcome = self.inner.image(ctx, permit, image).await;
        self.settle(ctx, call, outcome)
    }

    fn subscription(&self) -> Option<Subscription> {
        self.inner.subscription()
    }
}

/// What an outcome says about the source.
fn says(failure: &Error, fair: bool) -> Says {
    match failure.kind() {
        // One thing is gone (an image), not the source.
        ErrorKind::Unavailable if failure.retry() == Retry::Never => Says::Neither,
        ErrorKind::Unavailable | ErrorKind::Malformed => Says::Bad,
        ErrorKind::TimedOut if fair => Says::Bad,
        ErrorKind::TimedOut
        | ErrorKind::Unsupported
        | ErrorKind::Undisclosed
        | ErrorKind::Unauthorized
        | ErrorKind::RateLimited
        | ErrorKind::QuotaExhausted
        | ErrorKind::Config => Says::Neither,
    }
}

#[cfg(test)]
mod tests;
