//! Faults of the road, and what every call must do under each.

use std::time::{Duration, Instant};

use turnpike_adapters::conformance::whole;
use turnpike_adapters::error::ErrorKind;

use super::{Bench, Operation, Outcome, require};
use crate::fault::Fault;

/// Time for a call whose source says nothing.
const SHORT: Duration = Duration::from_millis(400);

/// Time for every other call.
const LONG: Duration = Duration::from_secs(10);

/// What a call may take beyond its deadline on a busy machine.
const SLACK: Duration = Duration::from_secs(2);

/// A fault, its name, and the kinds of error it may become. None means that it must not become one.
#[derive(Debug, Clone, Copy)]
pub struct NamedFault {
    /// Its name in the name of a test.
    pub name: &'static str,
    /// The fault.
    pub fault: Fault,
    /// What it may become.
    pub becomes: &'static [ErrorKind],
}

const fn named(name: &'static str, fault: Fault, becomes: &'static [ErrorKind]) -> NamedFault {
    NamedFault {
        name,
        fault,
        becomes,
    }
}

const NOT_UNDERSTOOD: &[ErrorKind] = &[ErrorKind::Unavailable, ErrorKind::Malformed];

/// Every fault.
pub const FAULTS: &[NamedFault] = &[
    named("latency", Fault::Latency(Duration::from_millis(30)), &[]),
    named("reset", Fault::Reset, &[ErrorKind::Unavailable]),
    named("truncated_head", Fault::Truncate(12), NOT_UNDERSTOOD),
    named("truncated_body", Fault::Truncate(120), NOT_UNDERSTOOD),
    named("garbage", Fault::Garbage, NOT_UNDERSTOOD),
    named("endless", Fault::Endless, &[ErrorKind::Malformed]),
    named(
        "too_many_with_time",
        Fault::TooMany {
            retry_after_s: Some(60),
        },
        &[ErrorKind::RateLimited],
    ),
    named(
        "too_many",
        Fault::TooMany {
            retry_after_s: None,
        },
        &[ErrorKind::RateLimited],
    ),
    named("status_500", Fault::Status(500), &[ErrorKind::Unavailable]),
    named("status_503", Fault::Status(503), &[ErrorKind::Unavailable]),
    named("status_403", Fault::Status(403), &[ErrorKind::Unauthorized]),
    named("empty_200", Fault::Status(200), &[ErrorKind::Malformed]),
    named("redirect", Fault::Redirect, &[ErrorKind::Malformed]),
    named("black_hole", Fault::BlackHole, &[ErrorKind::TimedOut]),
    named("repeated_page", Fault::RepeatedPage, &[]),
];

impl NamedFault {
    /// The time a call gets under it.
    fn time(&self) -> Duration {
        match self.fault {
            Fault::BlackHole => SHORT,
            _ => LONG,
        }
    }
}

/// What must hold under every fault: a call ends before its deadline, as one of the kinds the fault may become, with
/// a text that holds nothing it should not; and once the fault is over the adapter works again. Tried from a cold
/// start and again once the adapter has whatever it keeps (a token).
///
/// # Errors
/// What did not hold.
pub async fn is_survived(bench: &Bench, fault: &NamedFault) -> Outcome {
    let Some(road) = bench.sim.road() else {
        return contacts_nobody(bench).await;
    };
    for operation in bench.remote() {
        for start in ["cold", "warm"] {
            road.set(fault.fault);
            let told = meets(bench, operation, fault).await;
            road.set(Fault::Healthy);
            told.map_err(|what| format!("{operation:?}, {start}: {what}"))?;
            let after = bench.call(operation, &bench.ctx()).await?;
            require(after.is_ok(), || {
                format!("{operation:?}, {start}, after the fault: {:?}", after.err())
            })?;
        }
    }
    require(road.trapped() == 0, || "a redirect was followed".to_owned())
}

/// That an adapter without a road refuses everything that would need one, and sends nothing.
pub(super) async fn contacts_nobody(bench: &Bench) -> Outcome {
    for operation in Operation::ALL {
        let called = bench.call(operation, &bench.ctx()).await?;
        let unsupported = called
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::Unsupported);
        require(unsupported, || {
            format!("{operation:?}: want Unsupported, got {called:?}")
        })?;
    }
    require(bench.requests() == 0, || "something was sent".to_owned())
}

async fn meets(bench: &Bench, operation: Operation, fault: &NamedFault) -> Outcome {
    let (started, time) = (Instant::now(), fault.time());
    let called = bench.call(operation, &bench.ctx_within(time)).await?;
    let took = started.elapsed();
    require(took <= time + SLACK, || format!("took {took:?}"))?;
    match called {
        Ok(_) if fault.becomes.is_empty() => Ok(()),
        Ok(fetched) => Err(format!("want {:?}, got {fetched:?}", fault.becomes)),
        Err(error) => {
            bench.is_clean(&whole(&error))?;
            require(fault.becomes.contains(&error.kind()), || {
                format!("want one of {:?}, got {error:?}", fault.becomes)
            })
        }
    }
}
