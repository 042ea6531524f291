//! Asking a source live, compared with what the town knows.

use futures::future::join_all;
use turnpike_adapters::adapter::Page;

use super::decoding::{Told, told};
use crate::kit::faults::contacts_nobody;
use crate::kit::{Ask, Bench, Operation, Outcome, require, say};
use crate::town::Passage;

/// The answer to `ask`.
pub(super) async fn answer(bench: &Bench, ask: &Ask) -> Result<Page, String> {
    bench.search(ask, &bench.ctx()).await?.map_err(say)
}

/// The expected answer, newest first.
pub(super) fn right(passages: &[Passage]) -> Vec<Told> {
    let mut right: Vec<_> = passages.iter().map(Told::of).collect();
    right.sort();
    right.reverse();
    right
}

/// That `page` is the right answer to `ask`.
pub(super) fn is_right(bench: &Bench, ask: &Ask, page: &Page) -> Outcome {
    let right = right(&bench.expected(ask));
    let mut got = told(&page.reads);
    got.sort();
    got.reverse();
    require(got == right && page.rejected.is_empty(), || {
        format!("want {right:?}, got {got:?} and {:?}", page.rejected)
    })
}

/// Skips the check for an adapter that is not asked, once it is known that it cannot be.
macro_rules! asked_live {
    ($bench:expr) => {
        if !$bench.declares(Operation::Search) {
            return unasked($bench).await;
        }
    };
}
pub(super) use asked_live;

/// That an adapter that is not asked live refuses to be.
pub(super) async fn unasked(bench: &Bench) -> Outcome {
    if bench.sim.road().is_none() {
        return contacts_nobody(bench).await;
    }
    let called = bench.call(Operation::Search, &bench.ctx()).await?;
    require(called.is_err() && bench.requests() == 0, || {
        format!("want an error and no request, got {called:?}")
    })
}

pub(super) async fn every_passage_of_the_plate_is_found_and_no_other(bench: &Bench) -> Outcome {
    asked_live!(bench);
    let ask = bench.question();
    let count = bench.expected(&ask).len();
    require(count > 3, || {
        format!("the town shows only {count} passages")
    })?;
    let page = answer(bench, &ask).await?;
    is_right(bench, &ask, &page)?;
    require(!page.truncated, || "truncated without need".to_owned())
}

pub(super) async fn each_plate_of_the_town_gets_its_own_passages(bench: &Bench) -> Outcome {
    asked_live!(bench);
    for vehicle in bench.sim.town().vehicles() {
        let mut ask = bench.question();
        ask.plate.clone_from(&vehicle.plate);
        let page = answer(bench, &ask).await?;
        is_right(bench, &ask, &page)?;
    }
    Ok(())
}

pub(super) async fn only_the_window_asked_for_is_answered(bench: &Bench) -> Outcome {
    asked_live!(bench);
    let whole = bench.question();
    let passages = bench.expected(&whole);
    for pair in passages.windows(2) {
        let [first, second] = pair else { continue };
        // The window holds its first instant and not its last.
        let ask = Ask {
            from: first.at,
            to: second.at,
            ..whole.clone()
        };
        let page = answer(bench, &ask).await?;
        is_right(bench, &ask, &page)?;
    }
    Ok(())
}

pub(super) async fn reads_come_newest_first(bench: &Bench) -> Outcome {
    asked_live!(bench);
    let page = answer(bench, &bench.question()).await?;
    newest_first(&page)
}

pub(super) fn newest_first(page: &Page) -> Outcome {
    let times: Vec<_> = page.reads.iter().map(|read| read.captured_at).collect();
    require(times.is_sorted_by(|newer, older| newer >= older), || {
        format!("not newest first: {times:?}")
    })
}

pub(super) async fn no_more_reads_come_than_the_agreement_grants(bench: &Bench) -> Outcome {
    asked_live!(bench);
    for max_reads in [1, 2, 3, 4] {
        let ask = Ask {
            max_reads,
            ..bench.question()
        };
        let page = answer(bench, &ask).await?;
        let newest = right(&bench.expected(&ask));
        let newest: Vec<_> = newest.into_iter().take(page.reads.len()).collect();
        let count = u32::try_from(page.reads.len()).map_err(say)?;
        require(count == max_reads && told(&page.reads) == newest, || {
            format!("want the newest {max_reads}, got {:?}", told(&page.reads))
        })?;
    }
    Ok(())
}

pub(super) async fn truncated_is_said_when_something_is_missing_and_only_then(
    bench: &Bench,
) -> Outcome {
    asked_live!(bench);
    let all = u32::try_from(bench.expected(&bench.question()).len()).map_err(say)?;
    for max_reads in 1..=all + 2 {
        let ask = Ask {
            max_reads,
            ..bench.question()
        };
        let page = answer(bench, &ask).await?;
        require(page.truncated == (max_reads < all), || {
            format!("{max_reads} of {all}: truncated is {}", page.truncated)
        })?;
    }
    Ok(())
}

pub(super) async fn nothing_found_is_an_empty_answer(bench: &Bench) -> Outcome {
    asked_live!(bench);
    let ask = Ask {
        plate: "NOBODY1".to_owned(),
        ..bench.question()
    };
    let page = answer(bench, &ask).await?;
    require(page == Page::default(), || {
        format!("want nothing, got {page:?}")
    })
}

pub(super) async fn pages_are_followed(bench: &Bench) -> Outcome {
    asked_live!(bench);
    // Not one read of many: where the source keeps no order, the newest is known only when all have come.
    let nobody = Ask {
        plate: "NOBODY1".to_owned(),
        ..bench.question()
    };
    answer(bench, &nobody).await?;
    let before = bench.requests();
    answer(bench, &nobody).await?;
    let least = bench.requests() - before;
    answer(bench, &bench.question()).await?;
    let most = bench.requests() - before - least;
    require(most > least, || {
        format!("{least} requests for no read and {most} for all")
    })
}

pub(super) async fn questions_at_once_do_not_mix(bench: &Bench) -> Outcome {
    asked_live!(bench);
    let plates = bench.sim.town().vehicles().iter().take(8);
    let asks: Vec<_> = plates
        .map(|vehicle| Ask {
            plate: vehicle.plate.clone(),
            ..bench.question()
        })
        .collect();
    let pages = join_all(asks.iter().map(|ask| answer(bench, ask))).await;
    for (ask, page) in asks.iter().zip(pages) {
        is_right(bench, ask, &page?)?;
    }
    Ok(())
}

pub(super) async fn the_same_question_gets_the_same_answer(bench: &Bench) -> Outcome {
    asked_live!(bench);
    let first = answer(bench, &bench.question()).await?;
    let second = answer(bench, &bench.question()).await?;
    require(first == second, || "two answers differ".to_owned())
}
