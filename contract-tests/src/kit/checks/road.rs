//! The decisions a fault must lead to. That every fault is survived is a test of its own for each of them.

use std::time::{Duration, Instant};

use turnpike_adapters::error::{ErrorKind, Retry};

use super::super::faults::contacts_nobody;
use crate::fault::Fault;
use crate::kit::{Bench, Outcome, require};

/// Sets a fault, or says how an adapter without a road behaves.
macro_rules! on_the_road {
    ($bench:expr, $fault:expr) => {
        match $bench.sim.road() {
            Some(road) => {
                road.set($fault);
                road
            }
            None => return contacts_nobody($bench).await,
        }
    };
}

async fn decides(bench: &Bench, want: impl Fn(Retry) -> bool) -> Outcome {
    for operation in bench.remote() {
        let called = bench.call(operation, &bench.ctx()).await?;
        let right = called
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::RateLimited && want(error.retry()));
        require(right, || format!("{operation:?}: {called:?}"))?;
    }
    Ok(())
}

pub(super) async fn the_time_a_source_asks_for_is_passed_on(bench: &Bench) -> Outcome {
    let retry_after_s = Some(60);
    on_the_road!(bench, Fault::TooMany { retry_after_s });
    decides(bench, |retry| {
        retry == Retry::After(Duration::from_secs(60))
    })
    .await
}

pub(super) async fn without_a_time_the_caller_backs_off(bench: &Bench) -> Outcome {
    let retry_after_s = None;
    on_the_road!(bench, Fault::TooMany { retry_after_s });
    decides(bench, |retry| retry == Retry::Backoff).await
}

pub(super) async fn a_redirect_is_not_followed(bench: &Bench) -> Outcome {
    let road = on_the_road!(bench, Fault::Redirect);
    for operation in bench.remote() {
        let called = bench.call(operation, &bench.ctx()).await?;
        require(called.is_err() && road.trapped() == 0, || {
            format!("{operation:?}: {} followed, {called:?}", road.trapped())
        })?;
    }
    Ok(())
}

pub(super) async fn a_silent_source_ends_at_the_deadline(bench: &Bench) -> Outcome {
    on_the_road!(bench, Fault::BlackHole);
    for operation in bench.remote() {
        let (started, time) = (Instant::now(), Duration::from_millis(200));
        let called = bench.call(operation, &bench.ctx_within(time)).await?;
        let took = started.elapsed();
        let late = called
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::TimedOut);
        require(late && took >= time && took < time * 10, || {
            format!("{operation:?}: {took:?}, {called:?}")
        })?;
    }
    Ok(())
}

pub(super) async fn a_slow_source_is_waited_for(bench: &Bench) -> Outcome {
    on_the_road!(bench, Fault::Latency(Duration::from_millis(150)));
    for operation in bench.remote() {
        let called = bench.call(operation, &bench.ctx()).await?;
        require(called.is_ok(), || format!("{operation:?}: {called:?}"))?;
    }
    Ok(())
}

pub(super) async fn a_passing_fault_leaves_no_trace(bench: &Bench) -> Outcome {
    let road = on_the_road!(bench, Fault::Healthy);
    for operation in bench.remote() {
        let before = format!("{:?}", bench.call(operation, &bench.ctx()).await?);
        road.set_times(Fault::Garbage, 1);
        drop(bench.call(operation, &bench.ctx()).await?);
        road.set(Fault::Healthy);
        let after = format!("{:?}", bench.call(operation, &bench.ctx()).await?);
        require(before == after, || format!("{before}\nbecame\n{after}"))?;
    }
    Ok(())
}
