//! What every read must be, and that nothing in it is guessed.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::Value;
use turnpike_schemas::read::{Observation, ZoneProvenance};

use super::decoding::history;
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

pub(super) async fn every_read_has_identity_plate_and_instant(bench: &Bench) -> Outcome {
    let earliest: Timestamp = "2020-01-01T00:00:00Z".parse().map_err(say)?;
    each(bench, |read| {
        let text = read.plate.plate.expose();
        let normal = !text.is_empty() && text.chars().all(char::is_alphanumeric);
        let named = !read.record.is_empty() && read.record.len() <= 256;
        named && normal && (earliest..bench.now()).contains(&read.captured_at)
    })
    .await
}

pub(super) async fn every_instant_has_a_known_zone(bench: &Bench) -> Outcome {
    // The bench configures no zone, so none may come from the configuration.
    each(bench, |read| {
        let day_s = 24 * 60 * 60;
        let offset = read.captured_offset_s.unwrap_or(0);
        read.captured_zone != ZoneProvenance::Configured && (-day_s..=day_s).contains(&offset)
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
    for (what, read) in sampled(bench).await? {
        let json = serde_json::to_value(&read).map_err(say)?;
        require(on_scale(&json), || format!("{what}: {json}"))?;
    }
    Ok(())
}

/// Whether everything called a confidence, however deep, is null or from 0 to 1.
fn on_scale(json: &Value) -> bool {
    match json {
        Value::Object(fields) => fields.iter().all(|(key, value)| {
            let confidence = key.ends_with("confidence");
            let in_range = value
                .as_f64()
                .is_some_and(|value| (0.0..=1.0).contains(&value));
            on_scale(value) && (!confidence || value.is_null() || in_range)
        }),
        Value::Array(list) => list.iter().all(on_scale),
        _ => true,
    }
}

pub(super) async fn issuers_are_as_sent_or_absent(bench: &Bench) -> Outcome {
    for (read, passage) in history(bench).await? {
        let sent = passage.state.map(|state| format!("US-{}", state.code()));
        let got = read
            .plate
            .jurisdiction
            .as_ref()
            .map(|issuer| issuer.as_str());
        // An adapter may hold an issuer the vendor is unsure of for unknown; it may not make one up.
        require(got.is_none() || got == sent.as_deref(), || {
            format!("sent {sent:?}, got {got:?}")
        })?;
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
        require(Some(raw) == passage.text.as_deref(), || {
            format!("sent {:?}, kept `{raw}`", passage.text)
        })?;
    }
    each(bench, |read| {
        !read.plate.plate.expose_raw().trim().is_empty()
    })
    .await
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

pub(super) async fn reads_survive_being_written_and_read_again(bench: &Bench) -> Outcome {
    for (what, read) in sampled(bench).await? {
        let json = serde_json::to_string(&read).map_err(say)?;
        let back: Observation = serde_json::from_str(&json).map_err(say)?;
        require(back == read, || format!("{what}: {read:?} became {back:?}"))?;
    }
    Ok(())
}
