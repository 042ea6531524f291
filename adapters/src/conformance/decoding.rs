//! What becomes of the payloads, one by one and taken together.

use std::collections::BTreeMap;

use super::{Decoder, Outcome, Subject, reads::seen};
use crate::adapter::Rejection;

/// Problems spelled out for one payload; more are counted.
const SPELLED_OUT: usize = 5;

pub(super) fn payloads_are_understood(subject: &Subject<'_>) -> Outcome {
    if subject.payloads.is_empty() {
        return Outcome::NotApplicable("there is no payload".to_owned());
    }
    let mut problems = Vec::new();
    for payload in subject.payloads {
        match payload.decode(subject.decoder()) {
            Err(error) => problems.push(format!("{}: {error}", payload.what)),
            Ok(delivered) => {
                let whole = delivered.refused.iter();
                let whole = whole.map(|refused| format!("refused as a whole: {}", said(refused)));
                let records = delivered.page.rejected.iter().map(said);
                let all: Vec<String> = whole.chain(records).collect();
                let more = all.len().saturating_sub(SPELLED_OUT);
                let spelled = all.into_iter().take(SPELLED_OUT);
                problems.extend(spelled.map(|what| format!("{}: {what}", payload.what)));
                if more > 0 {
                    problems.push(format!("{}: {more} more rejected records", payload.what));
                }
            }
        }
    }
    Outcome::of(problems)
}

fn said(rejection: &Rejection) -> String {
    let Rejection {
        record,
        field,
        rule,
    } = rejection;
    match record {
        Some(record) => format!("record {record}: `{field}` {rule}"),
        None => format!("`{field}` {rule}"),
    }
}

pub(super) fn a_payload_holds_a_read(subject: &Subject<'_>) -> Outcome {
    if subject.payloads.is_empty() {
        return Outcome::NotApplicable("there is no payload".to_owned());
    }
    let reads = seen(subject).len();
    Outcome::require(reads > 0, || {
        format!("{} payloads hold no read", subject.payloads.len())
    })
}

pub(super) fn decoding_is_pure(subject: &Subject<'_>) -> Outcome {
    let Ok(again) = (subject.entry.build)(subject.settings) else {
        return Outcome::Failed(vec!["the adapter cannot be built a second time".to_owned()]);
    };
    let mut problems = Vec::new();
    for payload in subject.payloads {
        let decode = |adapter| {
            let decoded = payload.decode(Decoder {
                adapter,
                ..subject.decoder()
            });
            decoded.map_err(|error| (error.kind(), error.to_string()))
        };
        let first = decode(subject.adapter);
        if first != decode(subject.adapter) || first != decode(&*again) {
            problems.push(format!("{}: three decodings differ", payload.what));
        }
    }
    Outcome::of(problems)
}

pub(super) fn a_record_means_one_passage(subject: &Subject<'_>) -> Outcome {
    let seen = seen(subject);
    if seen.is_empty() {
        return Outcome::NotApplicable("there is no read".to_owned());
    }
    let mut passages = BTreeMap::new();
    let mut problems = Vec::new();
    for one in &seen {
        let key = (&one.read.record, one.read.revision);
        let passage = (one.read.captured_at, one.read.plate.plate.expose());
        let (first, known) = passages.entry(key).or_insert((&one.what, passage));
        if *known != passage && problems.len() < SPELLED_OUT {
            let what = &one.what;
            problems.push(format!(
                "{first} and {what} hold one record of one revision and another plate or time"
            ));
        }
    }
    Outcome::of(problems)
}
