//! What the layers add, seen from the vendor's side of the road.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use futures::future::join_all;
use turnpike_adapters::adapter::{Adapter, Cursor};
use turnpike_adapters::error::ErrorKind;
use turnpike_adapters::layers::{BreakerState, Limits};

use crate::fault::Fault;
use crate::kit::bench::generous;
use crate::kit::faults::contacts_nobody;
use crate::kit::{Bench, Operation, Outcome, require};

/// Longest wait for a state of the breaker.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn a_single_fault_is_not_noticed(bench: &Bench) -> Outcome {
    let Some(road) = bench.sim.road() else {
        return contacts_nobody(bench).await;
    };
    for operation in bench.remote() {
        // Layers of its own: retries are few, and one operation's must not be spent by another's.
        let (adapter, _) = bench.layered(&generous())?;
        road.set_times(Fault::Status(503), 1);
        let called = bench.call_on(&*adapter, operation, &bench.ctx()).await?;
        require(called.is_ok(), || format!("{operation:?}: {called:?}"))?;
    }
    Ok(())
}

pub(super) async fn the_wait_a_source_asks_for_is_kept(bench: &Bench) -> Outcome {
    let Some(road) = bench.sim.road() else {
        return contacts_nobody(bench).await;
    };
    for operation in bench.remote() {
        let retry_after_s = Some(1);
        road.set_times(Fault::TooMany { retry_after_s }, 1);
        let started = Instant::now();
        let called = bench.call(operation, &bench.ctx()).await?;
        let took = started.elapsed();
        require(called.is_ok() && took >= Duration::from_secs(1), || {
            format!("{operation:?}: {took:?}, {called:?}")
        })?;
    }
    Ok(())
}

pub(super) async fn the_breaker_opens_after_faults_and_closes_again(bench: &Bench) -> Outcome {
    let (Some(road), Some(health)) = (bench.sim.road(), &bench.health) else {
        return contacts_nobody(bench).await;
    };
    for operation in bench.remote() {
        road.set(Fault::Status(500));
        let failing = async {
            while !matches!(health.snapshot().breaker, BreakerState::Open { .. }) {
                drop(bench.call(operation, &bench.ctx()).await);
            }
        };
        let opened = tokio::time::timeout(PATIENCE, failing).await;
        require(opened.is_ok(), || format!("{operation:?}: never opened"))?;
        let before = bench.requests();
        let refused = bench.call(operation, &bench.ctx()).await?;
        let said = refused
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::Unavailable);
        require(said && bench.requests() == before, || {
            format!("{operation:?}: contacted while open, {refused:?}")
        })?;
        road.set(Fault::Healthy);
        let healing = async {
            while !matches!(bench.call(operation, &bench.ctx()).await, Ok(Ok(_))) {
                tokio::task::yield_now().await;
            }
        };
        let healed = tokio::time::timeout(PATIENCE, healing).await;
        let closed = health.snapshot().breaker == BreakerState::Closed;
        require(healed.is_ok() && closed, || {
            format!("{operation:?}: never closed")
        })?;
    }
    Ok(())
}

pub(super) async fn the_quota_is_never_exceeded(bench: &Bench) -> Outcome {
    if bench.sim.road().is_none() {
        return contacts_nobody(bench).await;
    }
    let five = NonZeroU32::MIN.saturating_add(4);
    let limits = Limits {
        burst: five,
        max_wait: Duration::from_millis(20),
        ..Limits::new(five, Duration::from_secs(3_600))
    };
    let (adapter, health) = bench.layered(&Limits {
        breaker: generous().breaker,
        ..limits
    })?;
    let calls = (0..30).map(|_| once(bench, &*adapter));
    let kinds: Vec<_> = join_all(calls)
        .await
        .into_iter()
        .collect::<Result<_, _>>()?;
    let exhausted = kinds.contains(&Some(ErrorKind::QuotaExhausted));
    let arrived = u32::try_from(bench.arrived()).unwrap_or(u32::MAX);
    require(exhausted && (1..=five.get()).contains(&arrived), || {
        format!("{arrived} of {five} requests arrived: {kinds:?}")
    })?;
    let closed = health.snapshot().breaker == BreakerState::Closed;
    require(closed, || "a used-up quota opened the breaker".to_owned())
}

/// One call of the first operation that contacts the source, and the kind of its error.
async fn once(bench: &Bench, adapter: &dyn Adapter) -> Result<Option<ErrorKind>, String> {
    let (ask, ctx) = (bench.question(), bench.ctx());
    let error = match bench.remote().first() {
        Some(Operation::Search) => adapter.search(&ctx, &ask.permit()?).await.err(),
        Some(Operation::Poll) => {
            let permit = ask.ingest_permit()?;
            adapter.poll(&ctx, &permit, &Cursor::default()).await.err()
        }
        Some(Operation::Image) => {
            let image = bench.sim_image().ok_or("no image")?;
            adapter
                .image(&ctx, &ask.image_permit()?, &image)
                .await
                .err()
        }
        None => return Err("nothing contacts this source".to_owned()),
    };
    Ok(error.map(|error| error.kind()))
}

pub(super) async fn refusals_by_capability_do_not_count_as_faults(bench: &Bench) -> Outcome {
    for _ in 0..20 {
        for operation in Operation::ALL {
            if !bench.declares(operation) {
                drop(bench.call(operation, &bench.ctx()).await?);
            }
        }
    }
    let health = bench.health.as_ref().ok_or("no layers")?.snapshot();
    require(
        (health.calls, health.failed(), health.breaker) == (0, 0, BreakerState::Closed),
        || format!("{health:?}"),
    )
}
