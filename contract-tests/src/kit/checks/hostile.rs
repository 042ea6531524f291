//! Bytes no vendor should send. Whatever they are, the adapter says so soon and goes on.

use std::time::{Duration, Instant};

use turnpike_adapters::error::{ErrorKind, Result as Called};

use crate::kit::bench::whole;
use crate::kit::{Bench, Delivered, Gives, Outcome, Sample, require};

/// Time for any one payload, on a machine that is busy and a build that is not optimised.
const SOON: Duration = Duration::from_secs(15);

/// The first good sample with reads: what hostile bytes are made from.
async fn good(bench: &Bench) -> Result<&Sample, String> {
    let samples = bench.sim.samples().await?;
    let good = samples
        .iter()
        .find(|sample| matches!(sample.gives, Gives::Reads(1..)));
    good.ok_or_else(|| "no good sample".to_owned())
}

/// That nothing was read, and that the refusal is clean.
fn no_read(bench: &Bench, what: &str, decoded: Called<Delivered>) -> Outcome {
    match decoded {
        Ok(delivered) => {
            let reads = delivered.page.reads.len();
            let said = delivered.refused.is_some() || !delivered.page.rejected.is_empty();
            require(reads == 0 && said, || format!("{what}: got {delivered:?}"))
        }
        Err(error) => {
            bench.is_clean(&whole(&error))?;
            require(error.kind() == ErrorKind::Malformed, || {
                format!("{what}: got {error:?}")
            })
        }
    }
}

pub(super) async fn an_empty_payload_holds_no_read(bench: &Bench) -> Outcome {
    let good = good(bench).await?;
    for bytes in [
        b"".as_slice(),
        b" ",
        b"\n\n",
        b"\0",
        b"null",
        b"\xef\xbb\xbf",
    ] {
        let empty = good.holding("nothing", bytes.to_vec());
        no_read(bench, "nothing", bench.decode(&empty))?;
    }
    Ok(())
}

pub(super) async fn garbage_holds_no_read(bench: &Bench) -> Outcome {
    let (good, mut rng) = (good(bench).await?, fastrand::Rng::with_seed(7));
    for length in 1..400_usize {
        let bytes = std::iter::repeat_with(|| rng.u8(..)).take(length).collect();
        let garbage = good.holding("garbage", bytes);
        no_read(bench, "garbage", bench.decode(&garbage))?;
    }
    Ok(())
}

pub(super) async fn a_cut_payload_adds_no_read(bench: &Bench) -> Outcome {
    let good = good(bench).await?;
    let whole = bench.decode(good).map_err(|error| error.to_string())?;
    // A part that came whole is taken, even when another one was cut.
    let has_parts = good.content_type.starts_with("multipart/");
    let step = good.bytes.len() / 150 + 1;
    for length in (0..good.bytes.len()).step_by(step) {
        let kept = good.bytes.get(..length).unwrap_or_default().to_vec();
        let decoded = bench.decode(&good.holding("cut", kept));
        let same = |cut: &Delivered| cut.page.reads == whole.page.reads;
        if !(has_parts && decoded.as_ref().is_ok_and(same)) {
            no_read(bench, &format!("cut after {length} bytes"), decoded)?;
        }
    }
    Ok(())
}

pub(super) async fn changed_bytes_are_survived(bench: &Bench) -> Outcome {
    let mut rng = fastrand::Rng::with_seed(11);
    let samples = bench
        .sim
        .samples()
        .await?
        .iter()
        .filter(|sample| sample.bytes.len() < 20_000);
    for sample in samples {
        for _ in 0..60 {
            let mut bytes = sample.bytes.clone();
            for _ in 0..rng.usize(1..4) {
                let place = rng.usize(..bytes.len().max(1));
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = rng.u8(..);
                }
            }
            let changed = sample.holding("changed", bytes);
            if let Err(error) = bench.decode(&changed) {
                bench.is_clean(&whole(&error))?;
                require(error.kind() == ErrorKind::Malformed, || {
                    format!("got {error:?}")
                })?;
            }
        }
    }
    Ok(())
}

pub(super) async fn bad_text_encoding_is_survived(bench: &Bench) -> Outcome {
    for sample in bench.sim.samples().await? {
        let mut bytes = sample.bytes.clone();
        let letters = bytes.iter().position(|byte| *byte == b'a');
        if let Some(byte) = letters.and_then(|place| bytes.get_mut(place)) {
            *byte = 0xff;
        }
        let bad = sample.holding("not UTF-8", bytes);
        if let Err(error) = bench.decode(&bad) {
            require(error.kind() == ErrorKind::Malformed, || {
                format!("got {error:?}")
            })?;
        }
    }
    Ok(())
}

pub(super) async fn every_payload_is_decided_soon(bench: &Bench) -> Outcome {
    let good = good(bench).await?;
    let blanks = good.holding("8 MiB of blanks", vec![b' '; 8 << 20]);
    let opens = good.holding("8 MiB of brackets", vec![b'['; 8 << 20]);
    let zeros = good.holding("8 MiB of zeros", vec![0; 8 << 20]);
    for sample in bench
        .sim
        .samples()
        .await?
        .iter()
        .chain([&blanks, &opens, &zeros])
    {
        let started = Instant::now();
        drop(bench.decode(sample));
        let took = started.elapsed();
        require(took < SOON, || format!("{}: {took:?}", sample.what))?;
    }
    Ok(())
}

pub(super) async fn an_adapter_decodes_on_after_nonsense(bench: &Bench) -> Outcome {
    let good = good(bench).await?;
    let before = bench.decode(good).map_err(|error| error.to_string())?;
    for sample in bench.sim.samples().await? {
        drop(bench.decode(sample));
    }
    let after = bench.decode(good).map_err(|error| error.to_string())?;
    require(before == after, || {
        "the same bytes mean something else now".to_owned()
    })
}
