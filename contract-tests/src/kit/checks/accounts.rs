//! What a source is told, and by what right.

use std::time::Duration;

use turnpike_adapters::error::ErrorKind;
use turnpike_schemas::agreement::UpstreamField;

use super::search::{answer, asked_live, is_right, unasked};
use crate::kit::ask::{CASE, PURPOSE, REQUESTER};
use crate::kit::faults::contacts_nobody;
use crate::kit::{Ask, Bench, Operation, Outcome, require};

pub(super) async fn the_source_is_asked_for_plate_and_window_of_the_permit(
    bench: &Bench,
) -> Outcome {
    asked_live!(bench);
    let ask = bench.question();
    answer(bench, &ask).await?;
    let asked = bench.sim.asked();
    let [one] = asked.as_slice() else {
        return Err(format!("want one question, got {asked:?}"));
    };
    let exact = one.plate == ask.plate && one.from == ask.from && one.to == ask.to;
    require(exact, || format!("want {ask:?}, got {one:?}"))
}

pub(super) async fn who_asks_is_never_told(bench: &Bench) -> Outcome {
    asked_live!(bench);
    answer(bench, &bench.question()).await?;
    for word in [REQUESTER.0, REQUESTER.1, "ines", "bench@1"] {
        untold(bench, word)?;
    }
    Ok(())
}

pub(super) async fn what_is_not_disclosed_is_not_told(bench: &Bench) -> Outcome {
    asked_live!(bench);
    let hidden: [(&'static [&'static str], &str); 2] =
        [(&["case_reference"], PURPOSE), (&["purpose"], CASE)];
    for (disclose, word) in hidden {
        let ask = Ask {
            disclose,
            ..bench.question()
        };
        let before = bench.told().len();
        let called = bench.search(&ask, &bench.ctx()).await?;
        let fine = called
            .as_ref()
            .map_or_else(|error| error.kind() == ErrorKind::Undisclosed, |_| true);
        require(fine, || format!("disclosing {disclose:?}: {called:?}"))?;
        let told = bench.told();
        let told = told.get(before..).unwrap_or_default();
        require(!told.contains(word), || {
            format!("`{word}` was told: {told}")
        })?;
    }
    Ok(())
}

pub(super) async fn a_source_that_insists_on_the_undisclosed_is_not_contacted(
    bench: &Bench,
) -> Outcome {
    asked_live!(bench);
    let ask = Ask {
        disclose: &[],
        ..bench.question()
    };
    match bench.search(&ask, &bench.ctx()).await? {
        Ok(page) => is_right(bench, &ask, &page)?,
        Err(error) => require(
            error.kind() == ErrorKind::Undisclosed && bench.requests() == 0,
            || format!("{} requests, {error:?}", bench.requests()),
        )?,
    }
    for word in [PURPOSE, CASE] {
        untold(bench, word)?;
    }
    Ok(())
}

/// The gateway decides by what is declared whether the source can be asked at all, and tells so before it does.
pub(super) async fn what_a_source_insists_on_is_declared(bench: &Bench) -> Outcome {
    asked_live!(bench);
    let needs = bench.adapter.info().capabilities.needs;
    let needed = |word: &str| match word {
        "purpose" => needs.contains(&UpstreamField::Purpose),
        _ => needs.contains(&UpstreamField::CaseReference),
    };
    let disclosures: [&'static [&'static str]; 4] = [
        &[],
        &["purpose"],
        &["case_reference"],
        &["purpose", "case_reference"],
    ];
    for disclose in disclosures {
        let ask = Ask {
            disclose,
            ..bench.question()
        };
        let called = bench.search(&ask, &bench.ctx()).await?;
        let insists = called
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::Undisclosed);
        let words = ["purpose", "case_reference"];
        let kept_back = words
            .iter()
            .any(|word| needed(word) && !disclose.contains(word));
        require(insists == kept_back, || {
            format!("disclosing {disclose:?}, needing {needs:?}: {called:?}")
        })?;
    }
    Ok(())
}

fn untold(bench: &Bench, word: &str) -> Outcome {
    let told = bench.told();
    require(!told.contains(word), || {
        format!("`{word}` was told: {told}")
    })
}

pub(super) async fn only_the_pinned_hosts_are_contacted(bench: &Bench) -> Outcome {
    if bench.remote().is_empty() {
        return contacts_nobody(bench).await;
    }
    for operation in bench.remote() {
        let called = bench
            .call(operation, &bench.ctx_pinned_elsewhere()?)
            .await?;
        let refused = called
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::Config);
        require(refused && bench.arrived() == 0, || {
            format!("{operation:?}: {} arrived, {called:?}", bench.arrived())
        })?;
    }
    Ok(())
}

pub(super) async fn without_its_secrets_nothing_is_sent(bench: &Bench) -> Outcome {
    for operation in bench.remote() {
        let before = bench.requests();
        let called = bench.call(operation, &bench.ctx_without_secrets()).await?;
        let silent = bench.requests() == before;
        let fine = match &called {
            Ok(_) => bench.secret_names()?.is_empty(),
            Err(error) => error.kind() == ErrorKind::Config && silent,
        };
        require(fine, || {
            format!("{operation:?}: silent {silent}, {called:?}")
        })?;
    }
    let named: Vec<_> = bench.sim.secrets().iter().map(|(name, _)| *name).collect();
    let wanted = bench.secret_names()?;
    require(named == wanted, || {
        format!("the registry names {wanted:?}, the bench {named:?}")
    })
}

pub(super) async fn after_the_deadline_nothing_is_sent(bench: &Bench) -> Outcome {
    for operation in Operation::ALL {
        let called = bench
            .call(operation, &bench.ctx_within(Duration::ZERO))
            .await?;
        let wanted = if bench.declares(operation) {
            ErrorKind::TimedOut
        } else {
            ErrorKind::Unsupported
        };
        let right = called.as_ref().is_err_and(|error| error.kind() == wanted);
        require(right && bench.arrived() == 0, || {
            format!("{operation:?}: {} arrived, {called:?}", bench.arrived())
        })?;
    }
    Ok(())
}
