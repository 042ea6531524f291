//! What every read must be, and that nothing in it is guessed.

use std::collections::HashSet;

use serde_json::Value;
use turnpike_schemas::read::{Observation, ZoneProvenance};

use super::decoding::history;
use super::shared;
use crate::kit::{Bench, Gives, Outcome, require, say};

/// Every read of the samples, with the name of its sample.
async fn sampled(bench: &Bench) -> Result<Vec<(String, Observation)>, String> {
    let mut reads = Vec::new();
    for sample in bench.sim.samples().await? {
        if !matches!(sample.gives, Gives::Reads(_) | Gives::OneBad(..)) {
            continue;
        }
        let page = bench.decode(sample).map_err(say)?.page;
        reads.extend(
            page.reads
                .into_iter()
                .map(|read| (sample.what.clone(), read)),
        );
    }
    require(!reads.is_empty(), || "no sample gives a read".to_owned())?;
    Ok(reads)
}

async fn each(bench: &Bench, holds: impl Fn(&Observation) -> bool) -> Outcome {
    for (what, read) in sampled(bench).await? {
        require(holds(&read), || format!("{what}: {read:?}"))?;
    }
    Ok(())
}

pub(super) async fn every_instant_has_a_known_zone(bench: &Bench) -> Outcome {
    // Unless the bench configures a zone, none may come from the configuration.
    let settings = bench.sim.settings();
    let zone = |key| settings.get(key).is_some_and(serde_json::Value::is_string);
    let configured = zone("time_zone") || zone("zone");
    shared::understood(bench, "every_instant_has_a_known_zone").await?;
    each(bench, |read| {
        configured || read.captured_zone != ZoneProvenance::Configured
    })
    .await
}

pub(super) async fn confidences_are_on_the_scale_and_as_sent(bench: &Bench) -> Outcome {
    let silent = bench.sim.never_says().contains(&"/plate/confidence");
    for (read, passage) in history(bench).await? {
        let right = match read.plate.confidence {
            Some(confidence) => (confidence.get() - passage.confidence()).abs() < 0.0006,
            None => silent || passage.confidence_permille == 0,
        };
        require(right, || {
            format!(
                "sent {}, got {:?}",
                passage.confidence(),
                read.plate.confidence
            )
        })?;
    }
    shared::understood(bench, "confidences_are_on_the_scale").await
}

pub(super) async fn issuers_are_as_sent_or_absent(bench: &Bench) -> Outcome {
    for (read, passage) in history(bench).await? {
        let sent = passage.state.map(|state| format!("US-{}", state.code()));
        let got = read
            .plate
            .jurisdiction
            .as_ref()
            .map(|issuer| issuer.as_str());
        // An adapter may hold an issuer the vendor is unsure of for unknown, and some vendors name the country alone; it
        // may not make one up.
        let country = sent.as_deref().and_then(|sent| sent.split('-').next());
        let right = got.is_none() || got == sent.as_deref() || got == country;
        require(right, || format!("sent {sent:?}, got {got:?}"))?;
    }
    if bench.sim.never_says().contains(&"/plate/jurisdiction") {
        return Ok(());
    }
    if bench.sim.never_says().contains(&"/plate/jurisdiction") {
        return Ok(());
    }
    let known = history(bench)
        .await?
        .iter()
        .filter(|(read, _)| read.plate.jurisdiction.is_some())
        .count();
    require(known > 0, || "no issuer is ever read".to_owned())
}

pub(super) async fn no_read_is_at_nowhere(bench: &Bench) -> Outcome {
    shared::understood(bench, "no_read_is_at_nowhere").await?;
    each(bench, |read| {
        match (read.place.lat, read.place.lon) {
            (None, None) => true,
            // The whole town lies within a degree of its crossing.
            (Some(lat), Some(lon)) => (lat - 41.5).abs() < 1.0 && (lon + 81.25).abs() < 1.0,
            _ => false,
        }
    })
    .await
}

pub(super) async fn what_the_vendor_does_not_say_is_null(bench: &Bench) -> Outcome {
    let pointers = bench.sim.never_says();
    for (what, read) in sampled(bench).await? {
        let json = serde_json::to_value(&read).map_err(say)?;
        for pointer in pointers {
            let value = json.pointer(pointer);
            require(value == Some(&Value::Null), || {
                format!("{what}: {pointer} is {value:?}")
            })?;
        }
    }
    require(!pointers.is_empty(), || {
        "no vendor says everything".to_owned()
    })
}

pub(super) async fn the_text_as_sent_is_kept(bench: &Bench) -> Outcome {
    for (read, passage) in history(bench).await? {
        let raw = read.plate.plate.expose_raw();
        let sent = passage.text.as_deref().unwrap_or_default();
        // Some vendors write every plate in lower case.
        require(raw == sent || raw == sent.to_lowercase(), || {
            format!("sent `{sent}`, kept `{raw}`")
        })?;
    }
    shared::understood(bench, "the_text_as_sent_is_kept").await
}

pub(super) async fn records_are_told_apart(bench: &Bench) -> Outcome {
    let pairs = history(bench).await?;
    let records: HashSet<_> = pairs.iter().map(|(read, _)| &read.record).collect();
    require(records.len() == pairs.len(), || {
        format!("{} records for {} passages", records.len(), pairs.len())
    })?;
    let again = history(bench).await?;
    let same = pairs
        .iter()
        .zip(&again)
        .all(|((a, _), (b, _))| a.record == b.record);
    require(same, || {
        "records change from one decoding to the next".to_owned()
    })
}
