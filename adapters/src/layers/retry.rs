//! One more attempt, where it can help and is not too much.
//!
//! Inside the breaker, outside throttle and timeout: the breaker sees one outcome per call, and every attempt
//! pays the quota and has its own limit. Wrong is `retry( breaker( adapter ))`: a call spends its second attempt
//! on the breaker's refusal, and every failed attempt counts twice against the source.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::ImageRef,
};

use super::health::Counters;
use crate::{
    adapter::{
        Adapter, Batch, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek, Subscription,
        Verdict,
    },
    context::{Context, monotonic},
    error::{Error, ErrorKind, Result, Retry},
};

/// Longest back-off before the second attempt; the back-off is anything from nothing to this.
const BACKOFF: Duration = Duration::from_millis(200);

/// Price of a retry, in thousandths of a retry.
const PRICE: u64 = 1_000;

/// What a call adds to the budget: a tenth of a retry. A millisecond adds a thousandth, so a second adds one.
const PER_CALL: u64 = 100;

/// Most the budget holds: ten retries.
const MOST: u64 = 10_000;

/// Calls again once when the error says that can help.
///
/// - At most two attempts, and only after `Unavailable`, `RateLimited` or `TimedOut`.
/// - At most one retry per ten calls plus one per second, over all calls of the source.
/// - Never earlier than the source asked for; else after a back-off with full jitter.
/// - Never past the deadline: if the wait does not end before it, the error is returned at once.
///
/// What is returned is the second outcome, or the first error when there was no second attempt. Cancel safe.
#[derive(Debug)]
pub struct RetryLayer {
    inner: Box<dyn Adapter>,
    budget: Mutex<Budget>,
    counters: Arc<Counters>,
}

impl RetryLayer {
    /// Gives the calls of `inner` a second attempt.
    #[must_use]
    pub fn new(inner: Box<dyn Adapter>, counters: Arc<Counters>) -> Self {
        Self {
            inner,
            budget: Mutex::new(Budget::new(monotonic())),
            counters,
        }
    }

    fn budget(&self) -> std::sync::MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns once the next attempt may begin.
    ///
    /// # Errors
    /// `error` itself when there is to be no other attempt.
    async fn wait(&self, ctx: &Context, error: Error) -> Result<()> {
        let now = monotonic();
        let next = delay(&error).and_then(|delay| now.checked_add(delay));
        let Some(next) = next.filter(|next| *next < ctx.deadline()) else {
            return Err(error);
        };
        if !self.budget().spend(now) {
            return Err(error);
        }
        self.counters.retried();
        tokio::time::sleep_until(next.into()).await;
        Ok(())
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Adapter for RetryLayer {
    fn info(&self) -> &Info {
        self.inner.info()
    }

    async fn search(&self, ctx: &Context, permit: &Permit) -> Result<Page> {
        self.budget().earn();
        match self.inner.search(ctx, permit).await {
            Err(error) => self.wait(ctx, error).await?,
            answer => return answer,
        }
        self.inner.search(ctx, permit).await
    }

    async fn poll(&self, ctx: &Context, permit: &IngestPermit, since: &Cursor) -> Result<Batch> {
        self.budget().earn();
        match self.inner.poll(ctx, permit, since).await {
            Err(error) => self.wait(ctx, error).await?,
            answer => return answer,
        }
        self.inner.poll(ctx, permit, since).await
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
        self.budget().earn();
        match self.inner.image(ctx, permit, image).await {
            Err(error) => self.wait(ctx, error).await?,
            answer => return answer,
        }
        self.inner.image(ctx, permit, image).await
    }

    fn subscription(&self) -> Option<Subscription> {
        self.inner.subscription()
    }
}

/// How long to wait before another attempt; `None` when there is to be none.
fn delay(error: &Error) -> Option<Duration> {
    let can_help = matches!(
        error.kind(),
        ErrorKind::Unavailable | ErrorKind::RateLimited | ErrorKind::TimedOut
    );
    match error.retry() {
        Retry::After(delay) if can_help => Some(delay),
        Retry::Backoff if can_help => Some(BACKOFF.mul_f64(fastrand::f64())),
        _ => None,
    }
}

/// A bucket of retries, in thousandths, filled by calls and by time.
#[derive(Debug)]
struct Budget {
    milli: u64,
    filled_at: Instant,
}

impl Budget {
    /// A budget of one retry.
    fn new(now: Instant) -> Self {
        Self {
            milli: PRICE,
            filled_at: now,
        }
    }

    fn earn(&mut self) {
        self.add(PER_CALL);
    }

    fn spend(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled_at).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        self.filled_at += Duration::from_millis(elapsed);
        self.add(elapsed);
        let enough = self.milli >= PRICE;
        if enough {
            self.milli -= PRICE;
        }
        enough
    }

    fn add(&mut self, milli: u64) {
        self.milli = self.milli.saturating_add(milli).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::testing::*, *};

    fn layer(script: &Script) -> (RetryLayer, Arc<Counters>) {
        let counters = Arc::new(Counters::default());
        (
            RetryLayer::new(script.adapter(), Arc::clone(&counters)),
            counters,
        )
    }

    const RETRIED: [ErrorKind; 3] = [
        ErrorKind::Unavailable,
        ErrorKind::RateLimited,
        ErrorKind::TimedOut,
    ];

    const FINAL: [ErrorKind; 6] = [
        ErrorKind::Unsupported,
        ErrorKind::Undisclosed,
        ErrorKind::Unauthorized,
        ErrorKind::QuotaExhausted,
        ErrorKind::Malformed,
        ErrorKind::Config,
    ];

    #[tokio::test(start_paused = true)]
    async fn what_passes_by_itself_is_tried_once_more_soon() {
        for kind in RETRIED {
            let script = Script::default();
            script.next([Step::Fail(kind)]);
            let bench = Bench::new();
            layer(&script)
                .0
                .search(&bench.ctx, &bench.permit)
                .await
                .unwrap();
            let called = script.called_at();
            assert_eq!(called.len(), 2);
            assert!(called[1] - called[0] <= BACKOFF + Duration::from_millis(1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_no_third_attempt_and_the_second_outcome_is_returned() {
        let script = Script::default();
        script.next([
            Step::Fail(ErrorKind::Unavailable),
            Step::Fail(ErrorKind::RateLimited),
        ]);
        let bench = Bench::new();
        let error = layer(&script)
            .0
            .search(&bench.ctx, &bench.permit)
            .await
            .unwrap_err();
        assert_eq!((error.kind(), script.calls()), (ErrorKind::RateLimited, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn poll_and_image_are_tried_again_and_decoding_is_not_counted() {
        let script = Script::default();
        let (layer, counters) = layer(&script);
        let bench = Bench::new();
        script.next([Step::Fail(ErrorKind::Unavailable)]);
        layer
            .poll(&bench.ctx, &bench.ingest, &Cursor::default())
            .await
            .unwrap();
        tokio::time::advance(Duration::from_secs(2)).await;
        script.next([Step::Fail(ErrorKind::Unavailable)]);
        layer
            .image(&bench.ctx, &bench.image_permit, &bench.image)
            .await
            .unwrap();
        assert_eq!(decode_both(&layer), (1, 1));
        assert_eq!(script.calls(), 6, "two polls, two images, two decodes");
        assert!(format!("{counters:?}").contains("retries: 2"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_help_is_not_tried_whatever_the_advice() {
        let advice = [Retry::Backoff, Retry::After(Duration::ZERO), Retry::Never];
        let finals = FINAL
            .into_iter()
            .flat_map(|kind| advice.map(|retry| (kind, retry)));
        let never = RETRIED.map(|kind| (kind, Retry::Never));
        for (kind, retry) in finals.chain(never) {
            let script = Script::default();
            script.always(Step::FailWith(kind, retry));
            let bench = Bench::new();
            let error = layer(&script)
                .0
                .search(&bench.ctx, &bench.permit)
                .await
                .unwrap_err();
            assert_eq!((error.kind(), script.calls()), (kind, 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_sources_own_wait_is_kept_exactly() {
        let script = Script::default();
        let wait = Duration::from_secs(3);
        script.next([Step::FailWith(ErrorKind::RateLimited, Retry::After(wait))]);
        let bench = Bench::new();
        layer(&script)
            .0
            .search(&bench.ctx, &bench.permit)
            .await
            .unwrap();
        let called = script.called_at();
        assert!(called[1] - called[0] >= wait);
        assert!(called[1] - called[0] <= wait + Duration::from_millis(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_reaches_the_deadline_returns_the_error_at_once() {
        for secs in [8, 9, u64::MAX] {
            let script = Script::default();
            let wait = Retry::After(Duration::from_secs(secs));
            script.always(Step::FailWith(ErrorKind::RateLimited, wait));
            let (bench, started) = (Bench::new(), monotonic());
            let error = layer(&script)
                .0
                .search(&bench.ctx, &bench.permit)
                .await
                .unwrap_err();
            assert_eq!(
                (error.kind(), error.retry()),
                (ErrorKind::RateLimited, wait)
            );
            assert_eq!((script.calls(), monotonic()), (1, started));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn once_the_budget_is_spent_errors_come_back_at_once() {
        let script = Script::default();
        let (layer, _) = layer(&script);
        script.always(Step::FailWith(
            ErrorKind::Unavailable,
            Retry::After(Duration::ZERO),
        ));
        let bench = Bench::with(Duration::from_secs(60), Duration::ZERO);
        for _ in 0..100 {
            assert!(layer.search(&bench.ctx, &bench.permit).await.is_err());
        }
        let retries = script.calls() - 100;
        assert!((10..=11).contains(&retries), "{retries}");
        tokio::time::advance(Duration::from_secs(2)).await;
        for _ in 0..2 {
            assert!(layer.search(&bench.ctx, &bench.permit).await.is_err());
        }
        let later = script.calls() - 102 - retries;
        assert!(
            (2..=3).contains(&later),
            "two seconds bring two retries, not {later}"
        );
    }

    #[test]
    fn back_off_covers_its_whole_range() {
        fastrand::seed(7);
        let error = Error::new(ErrorKind::Unavailable, "search", "x");
        let delays: Vec<_> = (0..1_000).filter_map(|_| delay(&error)).collect();
        assert_eq!(delays.len(), 1_000);
        assert!(delays.iter().all(|delay| *delay <= BACKOFF));
        assert!(delays.iter().any(|delay| *delay < BACKOFF / 20));
        assert!(delays.iter().any(|delay| *delay > BACKOFF * 19 / 20));
    }

    #[test]
    fn a_quiet_hour_saves_up_ten_retries_and_no_more() {
        let start = monotonic();
        let mut budget = Budget::new(start);
        let later = start + Duration::from_secs(3_600);
        let retries = (0..100).filter(|_| budget.spend(later)).count();
        assert_eq!(retries, 10);
    }

    proptest! {
        #[test]
        fn retries_never_exceed_a_tenth_of_calls_plus_one_a_second(gaps in prop::collection::vec(0u64..400, 1..400)) {
            let start = monotonic();
            let (mut budget, mut now) = (Budget::new(start), start);
            let mut retries = 0;
            for (calls, gap) in (1u64..).zip(gaps) {
                now += Duration::from_millis(gap);
                budget.earn();
                retries += u64::from(budget.spend(now));
                let elapsed = u64::try_from((now - start).as_millis()).unwrap();
                prop_assert!(retries * PRICE <= PRICE + calls * PER_CALL + elapsed);
            }
        }
    }
}
