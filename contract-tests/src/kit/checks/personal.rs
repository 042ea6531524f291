//! That nothing about people, no plate and no secret gets where it should not.

use turnpike_adapters::adapter::Page;
use turnpike_adapters::conformance::whole;

use super::search::{answer, asked_live, unasked};
use super::shared;
use crate::fault::Fault;
use crate::kit::{Behaviour, Bench, FAULTS, Gives, Operation, Outcome, require, say};
use crate::sim::{CANARY, TAG_CANARY};

/// Words that only fields about people hold.
const CANARIES: [&str; 4] = [CANARY, TAG_CANARY, "signature", "registeredOwner"];

fn no_canary(what: &str, text: &str) -> Outcome {
    let held = CANARIES.into_iter().find(|word| text.contains(word));
    require(held.is_none(), || {
        format!("{what}: `{}` is in {text}", held.unwrap_or_default())
    })
}

/// Everything a page can carry out of an adapter.
fn carried(page: &Page) -> Result<String, String> {
    let reads = serde_json::to_string(&page.reads).map_err(say)?;
    let rejected = serde_json::to_string(&page.rejected).map_err(say)?;
    Ok(format!("{reads} {rejected} {page:?}"))
}

pub(super) async fn nothing_personal_survives_decoding(bench: &Bench) -> Outcome {
    let personal: Vec<_> = bench
        .sim
        .samples()
        .await?
        .iter()
        .filter(|sample| sample.personal)
        .collect();
    require(!personal.is_empty(), || "no sample is personal".to_owned())?;
    for sample in personal {
        let sent = String::from_utf8_lossy(&sample.bytes).into_owned();
        match bench.decode(sample) {
            Ok(delivered) => {
                let text = carried(&delivered.page)?;
                no_canary(&sample.what, &format!("{text} {delivered:?}"))?;
            }
            Err(error) => no_canary(&sample.what, &whole(&error))?,
        }
        let packed = sample.name.ends_with(".zip");
        let planted = packed || CANARIES.into_iter().any(|word| sent.contains(word));
        require(planted, || format!("{}: nothing was planted", sample.what))?;
    }
    Ok(())
}

pub(super) async fn nothing_personal_survives_an_answer(bench: &Bench) -> Outcome {
    asked_live!(bench);
    bench.sim.behave(Behaviour::Personal)?;
    let page = answer(bench, &bench.question()).await?;
    require(!page.reads.is_empty(), || "no read".to_owned())?;
    no_canary("an answer", &carried(&page)?)
}

pub(super) async fn rejections_name_field_and_rule_and_no_value(bench: &Bench) -> Outcome {
    shared::always(bench, "rejections_name_field_and_rule_and_no_value").await?;
    let mut seen = 0;
    for sample in bench.sim.samples().await? {
        let Ok(delivered) = bench.decode(sample) else {
            continue;
        };
        for rejection in delivered.page.rejected.iter().chain(&delivered.refused) {
            seen += 1;
            let one_bad = matches!(sample.gives, Gives::OneBad(..));
            require(!one_bad || rejection.record.is_some(), || {
                format!("{}: which record? {rejection:?}", sample.what)
            })?;
        }
    }
    require(seen > 2, || format!("only {seen} rejections"))
}

pub(super) async fn errors_hold_no_plate_no_secret_and_no_word_of_the_vendor(
    bench: &Bench,
) -> Outcome {
    let statuses = [400, 401, 404, 409, 418, 422, 500].map(Fault::Status);
    let quick = |fault: &Fault| !matches!(fault, Fault::BlackHole | Fault::Endless);
    let faults = FAULTS.iter().map(|named| named.fault).filter(quick);
    for fault in faults.chain(statuses) {
        let Some(road) = bench.sim.road() else { break };
        road.set(fault);
        for operation in bench.remote() {
            if let Err(error) = bench.call(operation, &bench.ctx()).await? {
                let text = whole(&error);
                bench.is_clean(&text)?;
                no_canary("an error", &text)?;
                let address = road.address().to_string();
                require(!text.contains(&address), || format!("an address: {text}"))?;
            }
        }
    }
    for sample in bench.sim.samples().await? {
        if let Err(error) = bench.decode(sample) {
            bench.is_clean(&whole(&error))?;
        }
    }
    Ok(())
}
