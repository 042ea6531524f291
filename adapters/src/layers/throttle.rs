//! The quota of a source, paid per HTTP request.
//!
//! Inside retry and breaker, outside the adapter and everything that sends: the layer lends the adapter a
//! transport on which every request pays, be it the search, its next page or the token it needs first. Wrong
//! is `token( throttle( adapter ))`, where a layer outside fetches tokens over the context it was given: those
//! requests are not paid, and the contract is broken by the part nobody counted. (Which side of timeout it
//! stands on makes no difference: the deadline travels with every request.)

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use governor::{
    RateLimiter, clock,
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::ImageRef,
};

use super::{Limits, Share, health::Counters};
use crate::{
    adapter::{
        Adapter, Batch, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek, Subscription,
        Verdict,
    },
    context::{Context, Transport, monotonic},
    error::{Error, ErrorKind, Result, Retry},
};

/// Longest span a quota can have; the limiter counts nanoseconds in 64 bits.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// How many requests a source is sent, in time and at once.
///
/// In **any** span of `per` at most `requests` are sent, wherever the span begins. So the burst is part of the
/// quota and not on top of it: a larger burst means a slower pace after it, `requests - burst + 1` per span. A
/// burst over half of the requests is taken as half.
///
/// With a reserve the quota is kept in two parts that never lend to each other: one for people, one for standing
/// questions. **What a person asks leaves when it would leave if nothing stood on any list**, and both together
/// are never more than the quota.
#[derive(Debug)]
pub struct Quota {
    people: Part,
    reserve: Option<Part>,
    max_wait: Duration,
}

/// One part of a quota.
#[derive(Debug)]
struct Part {
    limiter: Limiter,
    burst: u32,
    interval: Duration,
    last: Mutex<(Instant, u32)>,
    slots: Arc<Semaphore>,
}

/// Who pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Payer {
    /// Somebody who waits for the answer.
    Person,
    /// An entry of an alert list, in its turn.
    Standing,
}

/// What standing questions have of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserve {
    /// Requests that could leave at once now.
    pub left: u32,
    /// Requests that can ever leave at once.
    pub burst: u32,
    /// Time between requests at the steady pace.
    pub interval: Duration,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, RuntimeClock, StateInformationMiddleware>;

/// The runtime's monotonic clock.
#[derive(Debug, Clone, Copy)]
struct RuntimeClock;

impl clock::Clock for RuntimeClock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        monotonic()
    }
}

/// Makes every request of an adapter pay the source's quota and take one of its slots.
///
/// A request waits for its turn if that comes within `max_wait` and before the deadline; otherwise it fails as
/// `QuotaExhausted` with the time to wait, and nothing is sent. Cancel safe: a dropped request gives its slot
/// back; quota it has paid stays paid.
#[derive(Debug)]
pub struct ThrottleLayer {
    inner: Box<dyn Adapter>,
    quota: Arc<Quota>,
    counters: Arc<Counters>,
}

/// The transport lent to the adapter.
#[derive(Debug)]
struct Throttled {
    transport: Arc<dyn Transport>,
    quota: Arc<Quota>,
    payer: Payer,
    counters: Arc<Counters>,
}

impl Quota {
    /// The quota of `limits`.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let (people, reserve) = limits.parts();
        Self {
            people: Part::new(people, limits),
            reserve: reserve.map(|share| Part::new(share, limits)),
            max_wait: limits.max_wait,
        }
    }

    /// Requests of people that could leave at once now.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.people.left()
    }

    /// What standing questions have of it, where they have anything.
    #[must_use]
    pub fn reserve(&self) -> Option<Reserve> {
        self.reserve.as_ref().map(|part| Reserve {
            left: part.left(),
            burst: part.burst,
            interval: part.interval,
        })
    }

    /// Waits for a slot and for quota; the slot is held until the answer is dropped. A standing question does not wait: it could
    /// hold what a person waits for.
    async fn admit(&self, payer: Payer, deadline: Instant) -> Result<OwnedSemaphorePermit> {
        let (part, max_wait) = match (payer, &self.reserve) {
            (Payer::Person, _) => (&self.people, self.max_wait),
            (Payer::Standing, Some(part)) => (part, Duration::ZERO),
            (Payer::Standing, None) => {
                let message = "nothing of the quota is reserved for standing questions";
                return Err(Error::new(ErrorKind::QuotaExhausted, "send", message));
            }
        };
        part.admit(max_wait, deadline).await
    }
}

impl Part {
    fn new(share: Share, limits: &Limits) -> Self {
        let Share {
            requests,
            burst,
            concurrency,
        } = share;
        let burst = burst.get().min(requests.get().div_ceil(2));
        let interval = interval(limits.per, requests.get() - burst + 1);
        let pace = governor::Quota::with_period(interval)
            .unwrap_or(governor::Quota::per_second(NonZeroU32::MIN))
            .allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
        let slots = usize::try_from(concurrency.get()).unwrap_or(usize::MAX);
        let limiter = RateLimiter::direct_with_clock(pace, RuntimeClock).with_middleware();
        let left = if limits.start_empty {
            let spent = NonZeroU32::new(burst).map(|burst| limiter.check_n(burst));
            burst * u32::from(spent.is_none())
        } else {
            burst
        };
        Self {
            limiter,
            burst,
            interval,
            last: Mutex::new((monotonic(), left)),
            slots: Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS))),
        }
    }

    fn left(&self) -> u32 {
        let (then, left) = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = monotonic().saturating_duration_since(then).as_nanos();
        let regained = elapsed / self.interval.as_nanos().max(1);
        let regained = u32::try_from(regained).unwrap_or(u32::MAX);
        left.saturating_add(regained).min(self.burst)
    }

    async fn admit(&self, max_wait: Duration, deadline: Instant) -> Result<OwnedSemaphorePermit> {
        let now = monotonic();
        if deadline <= now {
            let message = "no time left to send";
            return Err(Error::new(ErrorKind::TimedOut, "send", message));
        }
        let give_up = now.checked_add(max_wait).unwrap_or(deadline).min(deadline);
        let slot = Arc::clone(&self.slots).acquire_owned();
        let slot = match tokio::time::timeout_at(give_up.into(), slot).await {
            Ok(Ok(slot)) => slot,
            _ => return Err(exhausted("too many requests are under way", max_wait)),
        };
        while let Err(wait) = self.pay() {
            if monotonic() + wait >= give_up {
                return Err(exhausted("the quota kept for the source is used up", wait));
            }
            tokio::time::sleep(wait).await;
        }
        Ok(slot)
    }

    /// Pays for one request, or says how long that is not possible.
    fn pay(&self) -> Result<(), Duration> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = self.limiter.check();
        let now = monotonic();
        let left = outcome
            .as_ref()
            .map_or(0, |paid| paid.remaining_burst_capacity());
        *last = (now, left);
        outcome
            .map(|_| ())
            .map_err(|not_until| not_until.wait_time_from(now))
    }
}

impl ThrottleLayer {
    /// Makes the requests of `inner` pay `quota`.
    #[must_use]
    pub fn new(inner: Box<dyn Adapter>, quota: Arc<Quota>, counters: Arc<Counters>) -> Self {
        Self {
            inner,
            quota,
            counters,
        }
    }

    fn throttled(&self, ctx: &Context) -> Context {
        ctx.over(|transport| {
            Arc::new(Throttled {
                transport,
                quota: Arc::clone(&self.quota),
                payer: if ctx.is_standing() {
                    Payer::Standing
                } else {
                    Payer::Person
                },
                counters: Arc::clone(&self.counters),
            })
        })
    }
}

#[async_trait]
impl Transport for Throttled {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        deadline: Instant,
    ) -> Result<http::Response<Bytes>> {
        let admitted = self.quota.admit(self.payer, deadline).await;
        let _slot = admitted.inspect_err(|error| {
            if error.kind() == ErrorKind::QuotaExhausted {
                self.counters.throttled();
            }
        })?;
        self.transport.send(request, deadline).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Adapter for ThrottleLayer {
    fn info(&self) -> &Info {
        self.inner.info()
    }

    async fn search(&self, ctx: &Context, permit: &Permit) -> Result<Page> {
        self.inner.search(&self.throttled(ctx), permit).await
    }

    async fn poll(&self, ctx: &Context, permit: &IngestPermit, since: &Cursor) -> Result<Batch> {
        self.inner.poll(&self.throttled(ctx), permit, since).await
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
        self.inner.image(&self.throttled(ctx), permit, image).await
    }

    fn subscription(&self) -> Option<Subscription> {
        self.inner.subscription()
    }
}

/// Time between requests at the steady pace, rounded up so that the pace is never too fast.
fn interval(per: Duration, requests: u32) -> Duration {
    let nanos = per.min(LONGEST).as_nanos().div_ceil(u128::from(requests));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX).max(1))
}

fn exhausted(message: &'static str, wait: Duration) -> Error {
    Error::new(ErrorKind::QuotaExhausted, "send", message).with_retry(Retry::After(wait))
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use proptest::prelude::*;

    use super::{super::testing::*, *};

    fn limits(requests: u32, per_ms: u64, burst: u32) -> Limits {
        Limits {
            burst: NonZeroU32::new(burst).unwrap(),
            ..Limits::new(
                NonZeroU32::new(requests).unwrap(),
                Duration::from_millis(per_ms),
            )
        }
    }

    fn layer(script: &Script, limits: &Limits) -> (ThrottleLayer, Arc<Quota>) {
        let quota = Arc::new(Quota::new(limits));
        let layer = ThrottleLayer::new(script.adapter(), Arc::clone(&quota), Arc::default());
        (layer, quota)
    }

    #[tokio::test(start_paused = true)]
    async fn every_request_of_a_call_pays_not_only_the_first() {
        let script = Script::default();
        let (layer, quota) = layer(&script, &limits(20, 60_000, 10));
        let bench = Bench::new();
        script.always(Step::Send(3));
        layer.search(&bench.ctx, &bench.permit).await.unwrap();
        layer
            .poll(&bench.ctx, &bench.ingest, &Cursor::default())
            .await
            .unwrap();
        layer
            .image(&bench.ctx, &bench.image_permit, &bench.image)
            .await
            .unwrap();
        assert_eq!((bench.sends(), quota.left()), (9, 1));
        assert_eq!((decode_both(&layer), quota.left()), ((1, 1), 1));
        let error = layer.search(&bench.ctx, &bench.permit).await.unwrap_err();
        assert_eq!(
            (error.kind(), bench.sends()),
            (ErrorKind::QuotaExhausted, 10)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_wait_is_waited_and_a_long_one_is_refused_at_once_with_its_length() {
        let script = Script::default();
        let (bench, started) = (Bench::new(), monotonic());
        let (short, _) = layer(&script, &limits(5, 1_000, 1));
        script.next([Step::Send(2)]);
        short.search(&bench.ctx, &bench.permit).await.unwrap();
        assert!(monotonic() - started >= Duration::from_millis(200));
        let (long, _) = layer(&script, &limits(1, 1_000, 1));
        script.next([Step::Send(2)]);
        let before = monotonic();
        let error = long.search(&bench.ctx, &bench.permit).await.unwrap_err();
        assert!(
            monotonic() - before <= Duration::from_millis(1),
            "no waiting"
        );
        assert_eq!(error.kind(), ErrorKind::QuotaExhausted);
        assert!(matches!(error.retry(), Retry::After(wait)
            if wait > Duration::from_millis(990) && wait <= Duration::from_secs(1)));
        assert_eq!(bench.sends(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_reaches_the_deadline_is_refused_and_nothing_is_sent() {
        let script = Script::default();
        let (layer, _) = layer(&script, &limits(5, 1_000, 1));
        script.always(Step::Send(2));
        let bench = Bench::with(Duration::from_millis(150), Duration::ZERO);
        let error = layer.search(&bench.ctx, &bench.permit).await.unwrap_err();
        assert_eq!(
            (error.kind(), bench.sends()),
            (ErrorKind::QuotaExhausted, 1)
        );
        let late = Bench::with(Duration::ZERO, Duration::ZERO);
        let error = layer.search(&late.ctx, &late.permit).await.unwrap_err();
        assert_eq!((error.kind(), late.sends()), (ErrorKind::TimedOut, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_requests_are_under_way_than_there_are_slots() {
        let script = Script::default();
        let limits = Limits {
            concurrency: NonZeroU32::new(3).unwrap(),
            ..limits(1_000, 1_000, 500)
        };
        let (layer, _) = layer(&script, &limits);
        let bench = Bench::with(Duration::from_secs(8), Duration::from_millis(100));
        let calls = (0..12).map(|_| layer.search(&bench.ctx, &bench.permit));
        let outcomes = join_all(calls).await;
        let refused: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
        assert_eq!(
            (bench.sends(), refused.len()),
            (9, 3),
            "three rounds fit into 250 ms"
        );
        assert_eq!(bench.source.most_under_way(), 3);
        for error in refused {
            assert_eq!(error.kind(), ErrorKind::QuotaExhausted);
            assert_eq!(error.retry(), Retry::After(limits.max_wait));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_request_gives_its_slot_back() {
        let script = Script::default();
        let limits = Limits {
            concurrency: NonZeroU32::MIN,
            ..limits(100, 1_000, 50)
        };
        let (layer, _) = layer(&script, &limits);
        let slow = Bench::with(Duration::from_secs(8), Duration::from_secs(5));
        let call = layer.search(&slow.ctx, &slow.permit);
        assert!(
            tokio::time::timeout(Duration::from_millis(10), call)
                .await
                .is_err()
        );
        let bench = Bench::new();
        layer.search(&bench.ctx, &bench.permit).await.unwrap();
        assert_eq!((slow.sends(), bench.sends()), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_comes_back_with_time_up_to_the_burst() {
        let script = Script::default();
        let (layer, quota) = layer(&script, &limits(19, 10_000, 10));
        assert_eq!(quota.left(), 10);
        let bench = Bench::new();
        script.always(Step::Send(10));
        layer.search(&bench.ctx, &bench.permit).await.unwrap();
        assert_eq!(quota.left(), 0);
        tokio::time::advance(Duration::from_millis(3_500)).await;
        assert_eq!(quota.left(), 3);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(quota.left(), 10);
    }

    #[test]
    fn extreme_quotas_are_taken_as_far_as_they_go() {
        let extremes = [
            (u32::MAX, Duration::MAX, u32::MAX),
            (u32::MAX, Duration::ZERO, 1),
            (1, Duration::MAX, u32::MAX),
            (1, Duration::ZERO, 1),
        ];
        for (requests, per, burst) in extremes {
            let limits = Limits {
                per,
                ..limits(requests, 1, burst)
            };
            let quota = Quota::new(&limits);
            assert_eq!(quota.people.pay(), Ok(()));
            assert!(quota.left() <= limits.requests.get().div_ceil(2));
        }
    }

    /// Asks at the given gaps and returns when requests left.
    fn sent_at(limits: &Limits, gaps: &[u64]) -> Vec<Instant> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let script = Script::default();
            let (layer, _) = layer(&script, limits);
            let bench = Bench::with(Duration::from_secs(3_600), Duration::from_millis(3));
            let mut start = Duration::ZERO;
            let calls = gaps.iter().map(|gap| {
                start += Duration::from_millis(*gap);
                let call = layer.search(&bench.ctx, &bench.permit);
                async move {
                    tokio::time::sleep(start).await;
                    call.await.is_ok()
                }
            });
            let granted = join_all(calls).await.into_iter().filter(|ok| *ok).count();
            assert_eq!(granted, bench.sends(), "what is refused is not sent");
            bench.source.sent_at()
        })
    }

    /// When requests left, by who paid; since the start.
    #[derive(Debug, Default)]
    struct Sent {
        people: Vec<Duration>,
        standing: Vec<Duration>,
    }

    /// Asks at the given gaps, where `true` is a standing question; those only if `are_asked`.
    fn sent_by(limits: &Limits, gaps: &[(u64, bool)], are_asked: bool) -> Sent {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (script, begun) = (Script::default(), monotonic());
            let (layer, _) = layer(&script, limits);
            let time = (Duration::from_secs(3_600), Duration::from_millis(3));
            let (people, lists) = (Bench::with(time.0, time.1), Bench::with(time.0, time.1));
            let standing = lists.ctx.clone().standing();
            let mut start = Duration::ZERO;
            let mut calls = Vec::new();
            for (gap, is_standing) in gaps {
                start += Duration::from_millis(*gap);
                let (ctx, permit) = match is_standing {
                    true if !are_asked => continue,
                    true => (&standing, &lists.permit),
                    false => (&people.ctx, &people.permit),
                };
                let (call, start) = (layer.search(ctx, permit), start);
                calls.push(async move {
                    tokio::time::sleep(start).await;
                    call.await.is_ok()
                });
            }
            join_all(calls).await;
            let since = |at: Vec<Instant>| at.into_iter().map(|at| at - begun).collect();
            Sent {
                people: since(people.source.sent_at()),
                standing: since(lists.source.sent_at()),
            }
        })
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_reserve_no_standing_question_is_sent() {
        let script = Script::default();
        let (layer, quota) = layer(&script, &limits(20, 60_000, 10));
        script.always(Step::Send(1));
        let bench = Bench::new();
        let ctx = bench.ctx.clone().standing();
        let error = layer.search(&ctx, &bench.permit).await.unwrap_err();
        assert_eq!(
            (error.kind(), bench.sends(), quota.reserve()),
            (ErrorKind::QuotaExhausted, 0, None)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_standing_question_never_waits_and_never_takes_what_people_have_left() {
        let script = Script::default();
        let limits = Limits {
            reserve_percent: 20,
            ..limits(20, 60_000, 10)
        };
        let (layer, quota) = layer(&script, &limits);
        script.always(Step::Send(1));
        let (bench, begun) = (Bench::new(), monotonic());
        let ctx = bench.ctx.clone().standing();
        for _ in 0..2 {
            layer.search(&ctx, &bench.permit).await.unwrap();
        }
        let error = layer.search(&ctx, &bench.permit).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::QuotaExhausted);
        assert_eq!(monotonic(), begun);
        assert_eq!((quota.left(), bench.sends()), (8, 2));
        assert_eq!(quota.reserve().map(|reserve| reserve.left), Some(0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn the_steady_pace_is_never_too_fast_by_rounding(nanos in 1u64..10_000_000_000, requests in 1u32..100_000) {
            let steady = interval(Duration::from_nanos(nanos), requests);
            prop_assert!(steady * requests >= Duration::from_nanos(nanos));
            prop_assert!((steady - Duration::from_nanos(1)) * requests < Duration::from_nanos(nanos));
        }

        #[test]
        fn no_span_of_the_quota_holds_more_requests_than_the_quota(
            requests in 1u32..30,
            per in 1u64..2_000,
            burst in 1u32..40,
            gaps in prop::collection::vec(0u64..150, 1..120),
        ) {
            let limits = limits(requests, per, burst);
            let sent = sent_at(&limits, &gaps);
            prop_assert!(!sent.is_empty());
            for (first, from) in sent.iter().enumerate() {
                let within = sent[first..].iter().filter(|at| **at < *from + limits.per).count();
                prop_assert!(within <= usize::try_from(requests).unwrap());
            }
        }

        #[test]
        fn standing_questions_take_nothing_from_people_and_both_keep_the_quota(
            requests in 2u32..30,
            per in 1u64..2_000,
            burst in 2u32..40,
            reserve_percent in 1u8..90,
            gaps in prop::collection::vec((0u64..150, any::<bool>()), 1..120),
        ) {
            let limits = Limits { reserve_percent, ..limits(requests, per, burst) };
            let with = sent_by(&limits, &gaps, true);
            let without = sent_by(&limits, &gaps, false);
            prop_assert_eq!(&without.people, &with.people, "people do not notice");
            prop_assert!(limits.has_reserve() || with.standing.is_empty());
            let mut sent = [with.people, with.standing].concat();
            sent.sort();
            for (first, from) in sent.iter().enumerate() {
                let within = sent[first..].iter().filter(|at| **at < *from + limits.per).count();
                prop_assert!(within <= usize::try_from(requests).unwrap());
            }
        }
    }
}
