//! What stands between the gateway and a source: refusals, health, retries, quota and time limits.
//!
//! Outermost first: `capability( breaker( retry( throttle( timeout( adapter )))))`. Each layer's page says why
//! it stands where it stands. `decode` and `decode_file` contact nobody and pass through.
//!
//! Layers measure time by the runtime's clock, so tests and simulations can set it.

pub mod breaker;
pub mod capability;
mod circuit;
pub mod health;
pub mod retry;
#[cfg(test)]
mod testing;
pub mod throttle;
pub mod timeout;

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use self::circuit::Circuit;
pub use self::{
    breaker::{BreakerLayer, BreakerSettings, BreakerState},
    capability::CapabilityLayer,
    health::{Counters, Health, Snapshot},
    retry::RetryLayer,
    throttle::{Quota, Reserve, ThrottleLayer},
    timeout::TimeoutLayer,
};
use crate::adapter::Adapter;

/// What is asked of one source at most, and how its faults are met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Requests in any span of `per`; the contract's quota, or this replica's share of it.
    pub requests: NonZeroU32,
    /// The span of the quota.
    pub per: Duration,
    /// Requests that may leave at once. Part of `requests`, see [`Quota`].
    pub burst: NonZeroU32,
    /// Requests under way at once.
    pub concurrency: NonZeroU32,
    /// Percent of requests and burst kept for standing questions, which have one place of `concurrency` then. None of it is for
    /// people, and standing questions have nothing else.
    pub reserve_percent: u8,
    /// Whether the quota starts spent, so that a restart never gives more than the span before it left.
    pub start_empty: bool,
    /// Longest wait for quota or a slot before a request is refused.
    pub max_wait: Duration,
    /// Longest time of one attempt, all its requests together.
    pub attempt_timeout: Duration,
    /// When the source is left alone.
    pub breaker: BreakerSettings,
}

/// An adapter with its layers, and a view of how its source is doing.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The adapter to call.
    pub adapter: Arc<dyn Adapter>,
    /// How its source is doing.
    pub health: Arc<Health>,
}

impl Limits {
    /// A quota of `requests` in any span of `per`; a tenth of it at once, 8 under way, 250 ms of waiting,
    /// 4 s an attempt.
    #[must_use]
    pub fn new(requests: NonZeroU32, per: Duration) -> Self {
        Self {
            requests,
            per,
            burst: NonZeroU32::new(requests.get() / 10).unwrap_or(NonZeroU32::MIN),
            concurrency: NonZeroU32::MIN.saturating_add(7),
            reserve_percent: 0,
            start_empty: false,
            max_wait: Duration::from_millis(250),
            attempt_timeout: Duration::from_secs(4),
            breaker: BreakerSettings::default(),
        }
    }
}

/// What a part of a quota is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    requests: NonZeroU32,
    burst: NonZeroU32,
    concurrency: NonZeroU32,
}

impl Limits {
    /// What is for people, and what is for standing questions: together never more than there is. What is too little to be parted
    /// is for people.
    fn parts(&self) -> (Share, Option<Share>) {
        let whole = Share {
            requests: self.requests,
            burst: self.burst,
            concurrency: self.concurrency,
        };
        let parted = || {
            let of = |whole: NonZeroU32| {
                let share = u64::from(whole.get()) * u64::from(self.reserve_percent.min(100)) / 100;
                u32::try_from(share).unwrap_or(u32::MAX)
            };
            let burst = self.burst.get().min(self.requests.get().div_ceil(2));
            let reserve = Share {
                requests: NonZeroU32::new(of(self.requests))?,
                burst: NonZeroU32::new(of(NonZeroU32::new(burst)?)).unwrap_or(NonZeroU32::MIN),
                concurrency: NonZeroU32::MIN,
            };
            let rest =
                |whole: u32, part: NonZeroU32| NonZeroU32::new(whole.checked_sub(part.get())?);
            let people = Share {
                requests: rest(self.requests.get(), reserve.requests)?,
                burst: rest(burst, reserve.burst)?,
                concurrency: rest(self.concurrency.get(), reserve.concurrency)?,
            };
            Some((people, reserve))
        };
        match parted() {
            Some((people, reserve)) => (people, Some(reserve)),
            None => (whole, None),
        }
    }

    /// Whether standing questions have a part of it.
    #[must_use]
    pub fn has_reserve(&self) -> bool {
        self.parts().1.is_some()
    }
}

/// Puts every layer around an adapter. The bare adapter is unreachable afterwards.
///
/// A timeout counts against the source only if the call had time for one full attempt or
/// [`BreakerSettings::fair_time`], whichever is shorter.
#[must_use]
pub fn stack(adapter: Box<dyn Adapter>, limits: &Limits) -> Stack {
    let counters = Arc::new(Counters::default());
    let quota = Arc::new(Quota::new(limits));
    let circuit = Arc::new(Circuit::new(BreakerSettings {
        fair_time: limits.breaker.fair_time.min(limits.attempt_timeout),
        ..limits.breaker
    }));
    let health = Arc::new(Health::new(
        Arc::clone(&circuit),
        Arc::clone(&quota),
        Arc::clone(&counters),
    ));
    let adapter = TimeoutLayer::new(adapter, limits.attempt_timeout);
    let adapter = ThrottleLayer::new(Box::new(adapter), quota, Arc::clone(&counters));
    let adapter = RetryLayer::new(Box::new(adapter), Arc::clone(&counters));
    let adapter = BreakerLayer::over(Box::new(adapter), circuit, counters);
    Stack {
        adapter: Arc::new(CapabilityLayer::new(Box::new(adapter))),
        health,
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::*, *};
    use crate::{
        adapter::{Capabilities, Cursor},
        context::monotonic,
        error::{ErrorKind, Retry},
    };

    fn limits() -> Limits {
        Limits {
            burst: NonZeroU32::new(50).unwrap(),
            ..Limits::new(NonZeroU32::new(100).unwrap(), Duration::from_secs(1))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_passes_every_layer_and_is_counted_once() {
        let script = Script::default();
        let stack = stack(script.adapter(), &limits());
        let bench = Bench::new();
        stack
            .adapter
            .search(&bench.ctx, &bench.permit)
            .await
            .unwrap();
        stack
            .adapter
            .poll(&bench.ctx, &bench.ingest, &Cursor::default())
            .await
            .unwrap();
        stack
            .adapter
            .image(&bench.ctx, &bench.image_permit, &bench.image)
            .await
            .unwrap();
        let seen = stack.health.snapshot();
        assert_eq!(
            (seen.calls, seen.refused, seen.retries, seen.throttled),
            (3, 0, 0, 0)
        );
        assert_eq!((seen.breaker, seen.failed()), (BreakerState::Closed, 0));
        assert_eq!(seen.last_success_at, Some(bench.ctx.now()));
        assert_eq!(stack.adapter.info(), &*INFO);
    }

    #[tokio::test(start_paused = true)]
    async fn every_attempt_pays_the_quota_and_the_breaker_sees_one_failure_per_call() {
        let script = Script::default();
        let stack = stack(script.adapter(), &limits());
        let bench = Bench::new();
        script.next([
            Step::Send(2).then_fail(ErrorKind::Unavailable),
            Step::Send(1),
        ]);
        stack
            .adapter
            .search(&bench.ctx, &bench.permit)
            .await
            .unwrap();
        assert_eq!(bench.sends(), 3);
        let seen = stack.health.snapshot();
        assert_eq!((seen.calls, seen.retries, seen.failed()), (1, 1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_used_up_quota_is_not_retried_and_does_not_open_the_breaker() {
        let script = Script::default();
        let scarce = Limits::new(NonZeroU32::MIN, Duration::from_secs(3600));
        let stack = stack(script.adapter(), &scarce);
        let bench = Bench::new();
        stack
            .adapter
            .search(&bench.ctx, &bench.permit)
            .await
            .unwrap();
        for _ in 0..20 {
            let error = stack
                .adapter
                .search(&bench.ctx, &bench.permit)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::QuotaExhausted);
            assert!(
                matches!(error.retry(), Retry::After(wait) if wait > Duration::from_secs(3000))
            );
        }
        let seen = stack.health.snapshot();
        assert_eq!((bench.sends(), script.calls()), (1, 21));
        assert_eq!((seen.retries, seen.throttled), (0, 20));
        assert_eq!((seen.breaker, seen.quota_left), (BreakerState::Closed, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_source_costs_two_attempts_then_is_left_alone() {
        let script = Script::default();
        let stack = stack(script.adapter(), &limits());
        let bench = Bench::new();
        script.always(Step::Hang);
        let started = monotonic();
        let error = stack
            .adapter
            .search(&bench.ctx, &bench.permit)
            .await
            .unwrap_err();
        assert_eq!((error.kind(), script.calls()), (ErrorKind::TimedOut, 2));
        assert!(monotonic() - started < Duration::from_millis(8_300));
        for _ in 0..4 {
            let bench = Bench::new();
            assert!(
                stack
                    .adapter
                    .search(&bench.ctx, &bench.permit)
                    .await
                    .is_err()
            );
        }
        let calls = script.calls();
        let error = stack
            .adapter
            .search(&Bench::new().ctx, &bench.permit)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), script.calls()),
            (ErrorKind::Unavailable, calls)
        );
        let seen = stack.health.snapshot();
        assert!(matches!(seen.breaker, BreakerState::Open { .. }));
        assert_eq!(
            (seen.calls, seen.refused, seen.failures(ErrorKind::TimedOut)),
            (6, 1, 5)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_counts_once_the_call_had_time_for_an_attempt() {
        for (millis, counts) in [(50, false), (100, true)] {
            let script = Script::default();
            let quick = Limits {
                attempt_timeout: Duration::from_millis(100),
                ..limits()
            };
            let stack = stack(script.adapter(), &quick);
            script.always(Step::Hang);
            for _ in 0..5 {
                let bench = Bench::with(Duration::from_millis(millis), Duration::ZERO);
                let outcome = stack.adapter.search(&bench.ctx, &bench.permit).await;
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::TimedOut);
            }
            let open = stack.health.snapshot().breaker != BreakerState::Closed;
            assert_eq!(open, counts, "{millis} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn undeclared_operations_touch_neither_breaker_nor_counters() {
        let script = Script::default().declaring(Capabilities::default());
        let stack = stack(script.adapter(), &limits());
        let bench = Bench::new();
        for _ in 0..20 {
            let error = stack
                .adapter
                .search(&bench.ctx, &bench.permit)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
        let seen = stack.health.snapshot();
        assert_eq!(
            (script.calls(), seen.calls, seen.breaker),
            (0, 0, BreakerState::Closed)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn decoding_passes_even_while_the_breaker_is_open() {
        let script = Script::default();
        let stack = stack(script.adapter(), &limits());
        script.always(Step::Fail(ErrorKind::Unavailable));
        for _ in 0..5 {
            let bench = Bench::new();
            assert!(
                stack
                    .adapter
                    .search(&bench.ctx, &bench.permit)
                    .await
                    .is_err()
            );
        }
        assert!(matches!(
            stack.health.snapshot().breaker,
            BreakerState::Open { .. }
        ));
        assert_eq!(decode_both(&*stack.adapter), (1, 1));
        assert_eq!(stack.health.snapshot().calls, 5);
    }

    #[test]
    fn a_subscription_passes_every_layer() {
        let stack = stack(Script::default().adapter(), &limits());
        assert_eq!(stack.adapter.subscription(), Some(subscribed()));
    }
}
