//! What vendors do wrong, and what a good adapter makes of it.

use jiff::SignedDuration;
use turnpike_adapters::error::ErrorKind;

use super::decoding::told;
use super::search::{answer, asked_live, is_right, newest_first, right, unasked};
use crate::fault::Fault;
use crate::kit::{Behaviour, Bench, Operation, Outcome, require};

/// Requests no single search can need.
const MANY: usize = 60;

async fn answer_when(bench: &Bench, behaviour: Behaviour) -> Outcome {
    bench.sim.behave(behaviour)?;
    let ask = bench.question();
    let page = answer(bench, &ask).await?;
    is_right(bench, &ask, &page)?;
    newest_first(&page)
}

pub(super) async fn a_record_that_comes_twice_is_one_read(bench: &Bench) -> Outcome {
    asked_live!(bench);
    answer_when(bench, Behaviour::Duplicates).await
}

pub(super) async fn records_in_no_order_come_newest_first(bench: &Bench) -> Outcome {
    asked_live!(bench);
    answer_when(bench, Behaviour::Shuffled).await
}

pub(super) async fn pages_in_a_circle_end(bench: &Bench) -> Outcome {
    asked_live!(bench);
    bench.sim.behave(Behaviour::PageCycle)?;
    ends_truncated(bench).await
}

pub(super) async fn the_same_page_again_and_again_ends(bench: &Bench) -> Outcome {
    asked_live!(bench);
    if let Some(road) = bench.sim.road() {
        road.set(Fault::RepeatedPage);
    }
    ends_truncated(bench).await
}

/// That a search ends after few requests, says that it has not everything, and makes nothing up.
async fn ends_truncated(bench: &Bench) -> Outcome {
    let ask = bench.question();
    let page = answer(bench, &ask).await?;
    let right = right(&bench.expected(&ask));
    let (got, requests) = (told(&page.reads), bench.requests());
    let mut once = got.clone();
    once.dedup();
    let honest = page.truncated && got == once && got.iter().all(|read| right.contains(read));
    require(honest && requests < MANY, || {
        format!(
            "truncated {}, {requests} requests, reads {got:?}",
            page.truncated
        )
    })
}

pub(super) async fn bad_records_hide_no_good_ones(bench: &Bench) -> Outcome {
    asked_live!(bench);
    bench.sim.behave(Behaviour::OddRecords)?;
    let ask = bench.question();
    let page = answer(bench, &ask).await?;
    let got = told(&page.reads);
    let lost: Vec<_> = right(&bench.expected(&ask))
        .into_iter()
        .filter(|read| !got.contains(read))
        .collect();
    require(lost.is_empty() && !page.rejected.is_empty(), || {
        format!("lost {lost:?}, rejected {:?}", page.rejected)
    })?;
    let foreign = page.reads.iter().find(|read| {
        read.plate.plate.expose() != ask.plate
            || read.captured_at < ask.from
            || read.captured_at >= ask.to
    });
    require(foreign.is_none(), || {
        format!("not what was asked for: {foreign:?}")
    })
}

pub(super) async fn a_stale_credential_is_replaced_once(bench: &Bench) -> Outcome {
    asked_live!(bench);
    if bench.entry.secrets.is_empty() {
        return no_credential_is_sent(bench).await;
    }
    let ask = bench.question();
    answer(bench, &ask).await?;
    let before = bench.requests();
    answer(bench, &ask).await?;
    let usual = bench.requests() - before;
    if bench.sim.behave(Behaviour::StaleCredential).is_err() {
        // A fixed credential cannot be replaced. What becomes of one that is refused is the next check.
        return Ok(());
    }
    let page = answer(bench, &ask).await?;
    is_right(bench, &ask, &page)?;
    let more = bench.requests() - before - 2 * usual;
    require(more == 2, || {
        format!("want a new credential and one more try, got {more} more requests")
    })
}

async fn no_credential_is_sent(bench: &Bench) -> Outcome {
    answer(bench, &bench.question()).await?;
    let told = bench.told().to_lowercase();
    require(!told.contains("authorization:"), || {
        "a credential was sent that is not configured".to_owned()
    })
}

pub(super) async fn a_refused_credential_is_said_and_not_tried_for_ever(bench: &Bench) -> Outcome {
    asked_live!(bench);
    if bench.entry.secrets.is_empty() {
        return no_credential_is_sent(bench).await;
    }
    bench.sim.behave(Behaviour::NoCredentialIsGood)?;
    let called = bench.call(Operation::Search, &bench.ctx()).await?;
    let said = called
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::Unauthorized);
    require(said && bench.requests() <= 4, || {
        format!("{} requests, {called:?}", bench.requests())
    })?;
    bench.sim.behave(Behaviour::Well)?;
    let ask = bench.question();
    let page = answer(bench, &ask).await?;
    is_right(bench, &ask, &page)
}

pub(super) async fn a_wrong_clock_changes_no_answer(bench: &Bench) -> Outcome {
    asked_live!(bench);
    let ask = bench.question();
    let days = [0, 400, -400, 1, -1].map(|days| SignedDuration::from_hours(24 * days));
    for skew in days {
        let ctx = bench.ctx_at(bench.now() + skew);
        let page = bench.search(&ask, &ctx).await?;
        let page = page.map_err(|error| format!("{skew:?}: {error}"))?;
        is_right(bench, &ask, &page)?;
    }
    Ok(())
}
