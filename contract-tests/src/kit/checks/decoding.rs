//! Payloads, one by one and as a piece of history, compared with what they hold.

use jiff::Timestamp;
use turnpike_adapters::error::{ErrorKind, Result as Called};
use turnpike_schemas::read::Observation;

use crate::kit::{Answer, Bench, Delivered, Gives, Outcome, Sample, require, say};
use crate::town::Passage;

/// When a plate was read, and as what. Two passages never agree in both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Told {
    pub(super) at: Timestamp,
    pub(super) plate: String,
}

impl Told {
    pub(super) fn of(passage: &Passage) -> Self {
        Self {
            at: passage.at,
            plate: passage.text.clone().unwrap_or_default(),
        }
    }
}

pub(super) fn told(reads: &[Observation]) -> Vec<Told> {
    let told = |read: &Observation| Told {
        at: read.captured_at,
        plate: read.plate.plate.expose().to_owned(),
    };
    reads.iter().map(told).collect()
}

/// Every read of the bench's history, each with the passage it tells of.
pub(super) async fn history(bench: &Bench) -> Result<Vec<(Observation, Passage)>, String> {
    let mut pairs = Vec::new();
    for sample in &bench.sim.history().await?.samples {
        let page = bench.decode(sample).map_err(say)?.page;
        for read in page.reads {
            let [key] = told(std::slice::from_ref(&read))
                .try_into()
                .map_err(|_| "no key")?;
            let passages = &bench.sim.history().await?.passages;
            let passage = passages.iter().find(|passage| Told::of(passage) == key);
            let passage = passage.ok_or_else(|| format!("nobody passed: {read:?}"))?;
            pairs.push((read, passage.clone()));
        }
    }
    require(pairs.len() > 3, || {
        format!("the history holds {} reads", pairs.len())
    })?;
    Ok(pairs)
}

pub(super) async fn every_payload_becomes_what_it_is(bench: &Bench) -> Outcome {
    require(bench.sim.samples().await?.len() > 10, || {
        "too few samples".to_owned()
    })?;
    let mut wrong = Vec::new();
    for sample in bench.sim.samples().await? {
        if let Err(what) = becomes(sample, bench.decode(sample)) {
            wrong.push(format!("{}: want {:?}, {what}", sample.what, sample.gives));
        }
    }
    require(wrong.is_empty(), || wrong.join("\n"))
}

fn becomes(sample: &Sample, decoded: Called<Delivered>) -> Outcome {
    let delivered = match decoded {
        Ok(delivered) => delivered,
        Err(error) => {
            let allowed = matches!(sample.gives, Gives::Refused | Gives::Anything);
            return require(allowed && error.kind() == ErrorKind::Malformed, || {
                format!("got {error:?}")
            });
        }
    };
    let (reads, rejected) = (&delivered.page.reads, &delivered.page.rejected);
    let taken = delivered.refused.is_none();
    let right = match sample.gives {
        Gives::Reads(count) => taken && reads.len() == count && rejected.is_empty(),
        Gives::OneBad(count, field) => {
            let named = rejected.iter().all(|bad| bad.field.contains(field));
            taken && reads.len() == count && rejected.len() == 1 && named
        }
        Gives::Nothing => {
            taken && reads.is_empty() && rejected.is_empty() && !delivered.page.skipped.is_empty()
        }
        Gives::Refused => !taken && reads.is_empty(),
        Gives::Anything => true,
    };
    require(right, || {
        let refused = &delivered.refused;
        format!("got {} reads, {rejected:?}, {refused:?}", reads.len())
    })
}

pub(super) async fn every_passage_delivered_is_read_as_it_was(bench: &Bench) -> Outcome {
    let mut got: Vec<_> = history(bench)
        .await?
        .iter()
        .flat_map(|(read, _)| told(std::slice::from_ref(read)))
        .collect();
    let passages = bench.sim.history().await?.passages.iter();
    let mut want: Vec<_> = passages.map(Told::of).collect();
    got.sort();
    want.sort();
    require(got == want, || format!("want {want:?}, got {got:?}"))
}

pub(super) async fn a_bad_record_costs_one_record(bench: &Bench) -> Outcome {
    let mut seen = 0;
    for sample in bench.sim.samples().await? {
        let Gives::OneBad(good, _) = sample.gives else {
            continue;
        };
        seen += 1;
        let page = bench.decode(sample).map_err(say)?.page;
        require((page.reads.len(), page.rejected.len()) == (good, 1), || {
            format!(
                "{}: {} reads, {:?}",
                sample.what,
                page.reads.len(),
                page.rejected
            )
        })?;
    }
    require(seen > 2, || {
        format!("only {seen} samples with a bad record")
    })
}

pub(super) async fn kinds_that_are_no_sightings_give_no_read(bench: &Bench) -> Outcome {
    for sample in bench.sim.samples().await? {
        if !matches!(sample.gives, Gives::Nothing | Gives::Refused) {
            continue;
        }
        let reads = bench
            .decode(sample)
            .map_or(0, |delivered| delivered.page.reads.len());
        require(reads == 0, || format!("{}: {reads} reads", sample.what))?;
    }
    Ok(())
}

pub(super) async fn vendors_are_answered_as_their_format_wants(bench: &Bench) -> Outcome {
    for sample in bench.sim.samples().await? {
        let Ok(delivered) = bench.decode(sample) else {
            continue;
        };
        answered(bench, sample, &delivered)
            .map_err(|what| format!("{}: want {:?}, {what}", sample.what, sample.answer))?;
    }
    Ok(())
}

fn answered(bench: &Bench, sample: &Sample, delivered: &Delivered) -> Outcome {
    let status = delivered.reply.as_ref().map(|reply| reply.status);
    let code = match &delivered.acknowledgement {
        Some(file) => Some(
            bench
                .sim
                .acknowledged(&file.name(bench.now()), &file.body(bench.now()))?,
        ),
        None => None,
    };
    let right = match sample.answer {
        Answer::None => status.is_none() && code.is_none(),
        Answer::Status(wanted) => status == Some(wanted) && code.is_none(),
        Answer::Code(wanted) => status.is_none() && code.as_deref() == Some(wanted),
        Answer::Unchecked => true,
    };
    require(right, || format!("got status {status:?}, code {code:?}"))
}

pub(super) async fn a_correction_is_newer_and_of_the_same_passage(bench: &Bench) -> Outcome {
    if bench.sim.versions()?.is_empty() {
        let pairs = history(bench).await?;
        let plain = |read: &Observation| read.aliases.is_empty() && !read.retracted;
        let all_plain = pairs
            .iter()
            .all(|(read, _)| plain(read) && read.revision == 0);
        return require(all_plain, || "revisions without corrections".to_owned());
    }
    for versions in bench.sim.versions()? {
        let (earlier, later) = (
            only(bench, &versions.earlier)?,
            only(bench, &versions.later)?,
        );
        let names = |read: &Observation| {
            let mut names = read.aliases.clone();
            names.push(read.record.clone());
            names
        };
        let shared = names(&earlier)
            .iter()
            .any(|name| names(&later).contains(name));
        require(shared && later.revision > earlier.revision, || {
            let (from, to) = (&versions.earlier.what, &versions.later.what);
            let (before, after) = (earlier.revision, later.revision);
            format!("{from} to {to}: shared {shared}, {before} to {after}")
        })?;
    }
    Ok(())
}

fn only(bench: &Bench, sample: &Sample) -> Result<Observation, String> {
    let mut reads = bench.decode(sample).map_err(say)?.page.reads;
    match (reads.pop(), reads.is_empty()) {
        (Some(read), true) => Ok(read),
        _ => Err(format!("{}: not one read", sample.what)),
    }
}
