//! Bytes no vendor should send. Whatever they are, the adapter says so soon and goes on.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Delivered, Outcome, Payload, Subject, Via, whole};
use crate::error::{ErrorKind, Result};

/// Time for any one payload, on a machine that is busy and a build that is not optimised.
const SOON: Duration = Duration::from_secs(15);

/// Payloads changed byte by byte, and how often each.
const CHANGED: (usize, u32) = (200, 60);

/// Payloads longer than this are not changed byte by byte.
const LONG: usize = 20_000;

macro_rules! good {
    ($subject:ident) => {
        match $subject.good() {
            Some(good) => good,
            None => return Outcome::NotApplicable("no payload is wholly understood".to_owned()),
        }
    };
}

/// What is wrong unless nothing was read, and the refusal is clean.
fn read_nothing(subject: &Subject<'_>, what: &str, decoded: Result<Delivered>) -> Option<String> {
    match decoded {
        Ok(delivered) => {
            let reads = delivered.page.reads.len();
            let said = delivered.refused.is_some() || !delivered.page.rejected.is_empty();
            match (reads, said) {
                (0, true) => None,
                (0, false) => Some(format!("{what}: passed over in silence")),
                _ => Some(format!("{what}: gives {reads} reads")),
            }
        }
        Err(error) => malformed(subject, what, &error),
    }
}

fn malformed(subject: &Subject<'_>, what: &str, error: &crate::error::Error) -> Option<String> {
    if error.kind() != ErrorKind::Malformed {
        return Some(format!("{what}: an error of {:?}", error.kind()));
    }
    let clean = subject.is_clean(&whole(error));
    (!clean).then(|| format!("{what}: the error holds a value"))
}

fn decode(subject: &Subject<'_>, payload: &Payload) -> Result<Delivered> {
    payload.decode(subject.decoder())
}

pub(super) fn an_empty_payload_holds_no_read(subject: &Subject<'_>) -> Outcome {
    let good = good!(subject);
    let empty: [&'static [u8]; 6] = [b"", b" ", b"\n\n", b"\0", b"null", b"\xef\xbb\xbf"];
    let problems = empty.into_iter().filter_map(|bytes| {
        let what = format!("{} bytes of nothing", bytes.len());
        let empty = good.holding(what.clone(), bytes);
        read_nothing(subject, &what, decode(subject, &empty))
    });
    Outcome::of(problems.collect())
}

pub(super) fn garbage_holds_no_read(subject: &Subject<'_>) -> Outcome {
    let (good, mut rng) = (good!(subject), fastrand::Rng::with_seed(7));
    for length in 1..400_usize {
        let bytes: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(length).collect();
        let what = format!("{length} bytes of garbage");
        let garbage = good.holding(what.clone(), bytes);
        if let Some(problem) = read_nothing(subject, &what, decode(subject, &garbage)) {
            return Outcome::Failed(vec![problem]);
        }
    }
    Outcome::Passed
}

pub(super) fn a_cut_payload_adds_no_read(subject: &Subject<'_>) -> Outcome {
    let good = good!(subject);
    let Ok(uncut) = decode(subject, good) else {
        return Outcome::Passed;
    };
    let step = good.bytes.len() / 150 + 1;
    for length in (0..good.bytes.len()).step_by(step) {
        let rest = good.bytes.get(length..).unwrap_or_default();
        if rest.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let what = format!("{} cut after {length} bytes", good.what);
        let cut = good.holding(what.clone(), good.bytes.slice(..length));
        let decoded = decode(subject, &cut);
        let whole_parts = decoded
            .as_ref()
            .is_ok_and(|cut| is_whole(good, &uncut, cut));
        let problem = if whole_parts {
            None
        } else {
            read_nothing(subject, &what, decoded)
        };
        if let Some(problem) = problem {
            return Outcome::Failed(vec![problem]);
        }
    }
    Outcome::Passed
}

/// Of a file of lines, those that are whole count, and of a message in parts a part that came whole. Everything else is
/// whole or nothing.
fn is_whole(good: &Payload, uncut: &Delivered, cut: &Delivered) -> bool {
    let (all, kept) = (&uncut.page.reads, &cut.page.reads);
    let content_type = good.content_type.as_deref().unwrap_or_default();
    match good.via {
        Via::File => cut.refused.is_none() && all.starts_with(kept),
        _ => content_type.starts_with("multipart/") && all == kept,
    }
}

pub(super) fn changed_bytes_are_survived(subject: &Subject<'_>) -> Outcome {
    let mut rng = fastrand::Rng::with_seed(11);
    let (most, times) = CHANGED;
    let short = subject
        .payloads
        .iter()
        .filter(|payload| payload.bytes.len() < LONG);
    for payload in short.take(most) {
        for _ in 0..times {
            let mut bytes = payload.bytes.to_vec();
            for _ in 0..rng.usize(1..4) {
                let place = rng.usize(..bytes.len().max(1));
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = rng.u8(..);
                }
            }
            let what = format!("{} with other bytes", payload.what);
            let changed = payload.holding(what.clone(), bytes);
            if let Err(error) = decode(subject, &changed)
                && let Some(problem) = malformed(subject, &what, &error)
            {
                return Outcome::Failed(vec![problem]);
            }
        }
    }
    Outcome::Passed
}

pub(super) fn bad_text_encoding_is_survived(subject: &Subject<'_>) -> Outcome {
    let mut problems = Vec::new();
    for payload in subject.payloads {
        let mut bytes = payload.bytes.to_vec();
        let letter = bytes.iter().position(|byte| *byte == b'a');
        if let Some(byte) = letter.and_then(|place| bytes.get_mut(place)) {
            *byte = 0xff;
        }
        let what = format!("{} in no encoding", payload.what);
        let bad = payload.holding(what.clone(), bytes);
        if let Err(error) = decode(subject, &bad) {
            problems.extend(malformed(subject, &what, &error));
        }
    }
    Outcome::of(problems)
}

pub(super) fn every_payload_is_decided_soon(subject: &Subject<'_>) -> Outcome {
    const LARGE: usize = 8 << 20;
    let fill = |what: &str, byte: u8, good: &Payload| good.holding(what, vec![byte; LARGE]);
    let large: Vec<Payload> = subject.payloads.first().map_or_else(Vec::new, |good| {
        vec![
            fill("8 MiB of blanks", b' ', good),
            fill("8 MiB of brackets", b'[', good),
            fill("8 MiB of zeros", 0, good),
        ]
    });
    let mut problems = Vec::new();
    for payload in subject.payloads.iter().chain(&large) {
        let started = Instant::now();
        drop(decode(subject, payload));
        let took = started.elapsed();
        if took >= SOON {
            problems.push(format!("{}: {} s", payload.what, took.as_secs()));
        }
    }
    Outcome::of(problems)
}

pub(super) fn an_adapter_decodes_on_after_nonsense(subject: &Subject<'_>) -> Outcome {
    let good = good!(subject);
    let kept = |decoded: Result<Delivered>| decoded.map_err(|error| error.to_string());
    let before = kept(decode(subject, good));
    let nonsense = good.holding("nonsense", Bytes::from_static(b"\xff{<[\0"));
    for payload in subject.payloads.iter().chain([&nonsense]) {
        drop(decode(subject, payload));
    }
    Outcome::require(before == kept(decode(subject, good)), || {
        "the same bytes mean something else now".to_owned()
    })
}
