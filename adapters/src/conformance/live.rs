//! Checks over one answer of a source, asked under a permit of its agreement. The asking is the gateway's.

use jiff::Timestamp;
use turnpike_schemas::{agreement::Permit, conformance::CheckResult};

use super::{
    Outcome, Seen,
    reads::{identity, position, raw, scale, written, zone},
    result,
};
use crate::{
    adapter::{Page, Rejection},
    error::{Error, ErrorKind},
};

/// One answer, as the adapter gave it: nothing of it is released.
#[derive(Debug)]
pub struct Answer<'a> {
    /// What came.
    pub page: &'a Page,
    /// Under what.
    pub permit: &'a Permit,
    /// The wall clock.
    pub now: Timestamp,
}

/// One thing every answer must be. The name is a sentence.
#[derive(Debug, Clone, Copy)]
pub struct AnswerCheck {
    /// The sentence, with `_` for blanks.
    pub name: &'static str,
    /// What to do when it fails.
    pub advice: &'static str,
    run: fn(&Answer<'_>, &[Seen]) -> Outcome,
}

/// That the source answers at all.
const ANSWERS: &str = "the_source_answers";

macro_rules! answer_checks {
    ($($name:ident: $advice:literal => $run:expr;)*) => {
        &[$(AnswerCheck { name: stringify!($name), advice: $advice, run: $run }),*]
    };
}

/// Every check over one answer.
pub const ANSWER_CHECKS: &[AnswerCheck] = answer_checks! {
    records_are_understood: "look at the fields named: map them, correct their format, or ask the vendor what they mean"
        => |answer, _| Outcome::of(answer.page.rejected.iter().take(20).map(said).collect());
    reads_come_newest_first: "sort the reads by time of capture, the newest first"
        => |answer, _| newest_first(answer.page);
    no_more_reads_come_than_the_agreement_grants: "stop at the permit's number of reads and say that there are more"
        => |answer, _| granted(answer);
    only_the_plate_and_window_of_the_permit_are_answered: "ask for the permit's plate and window only, and leave out what the source adds"
        => |answer, _| asked_for(answer);
    every_read_has_identity_plate_and_instant: "check the unit and the zone of the time, and the field taken for the identity"
        => |answer, seen| identity(seen, answer.now);
    every_instant_has_a_known_zone: "say which zone the vendor's times are in" => |_, seen| zone(seen);
    confidences_are_on_the_scale: "say on which scale the vendor's confidences are" => |_, seen| scale(seen);
    no_read_is_at_nowhere: "check the order of latitude and longitude, and that 0,0 counts as no position"
        => |_, seen| position(seen);
    the_text_as_sent_is_kept: "keep the plate as the vendor sent it beside the normalized one" => |_, seen| raw(seen);
    reads_survive_being_written_and_read_again: "this is a defect of the adapter: tell its author" => |_, seen| written(seen);
    a_question_finds_something: "ask about a plate and a window the source is known to hold, so that there is something to check"
        => |_, seen| found(seen);
};

/// Runs every check on one answer.
#[must_use]
pub fn check_answer(answer: &Answer<'_>) -> Vec<CheckResult> {
    let seen: Vec<Seen> = answer
        .page
        .reads
        .iter()
        .enumerate()
        .map(|(number, read)| Seen {
            what: format!("read {number}"),
            read: read.clone(),
        })
        .collect();
    let mut results = vec![result(ANSWERS, "", Outcome::Passed)];
    results.extend(
        ANSWER_CHECKS
            .iter()
            .map(|check| result(check.name, check.advice, (check.run)(answer, &seen))),
    );
    results
}

/// The result of a source that did not answer: why, and what to do.
#[must_use]
pub fn unanswered(error: &Error) -> CheckResult {
    let advice = match error.kind() {
        ErrorKind::Unauthorized => {
            "check the source's credentials: `turnpike config check` names their references"
        }
        ErrorKind::RateLimited => {
            "wait, and compare the quota configured with the one the source grants"
        }
        ErrorKind::QuotaExhausted => "wait: the quota configured for the source is used up",
        ErrorKind::Unavailable => {
            "check address, network and the source's own state; the breaker may be open"
        }
        ErrorKind::TimedOut => "ask again with a longer deadline, or raise `attempt_timeout_ms`",
        ErrorKind::Malformed => {
            "the answer is not what the adapter knows: save one and look at it with `turnpike source decode`"
        }
        ErrorKind::Undisclosed => {
            "the source insists on what its agreement keeps back: change `upstream.disclose`, if its owner agrees"
        }
        _ => "check the source's settings",
    };
    // An error of an adapter holds no plate and no secret; the kit sees to it.
    result(ANSWERS, advice, Outcome::Failed(vec![error.to_string()]))
}

fn said(rejection: &Rejection) -> String {
    let record = rejection
        .record
        .map_or_else(String::new, |record| format!("record {record}: "));
    format!("{record}`{}` {}", rejection.field, rejection.rule)
}

fn newest_first(page: &Page) -> Outcome {
    let times: Vec<Timestamp> = page.reads.iter().map(|read| read.captured_at).collect();
    Outcome::require(times.is_sorted_by(|newer, older| newer >= older), || {
        "a read comes before a newer one".to_owned()
    })
}

fn granted(answer: &Answer<'_>) -> Outcome {
    let (count, most) = (answer.page.reads.len(), answer.permit.max_reads());
    let kept = u32::try_from(count).is_ok_and(|count| count <= most);
    Outcome::require(kept, || {
        format!("{count} reads came and {most} are granted")
    })
}

fn asked_for(answer: &Answer<'_>) -> Outcome {
    let (query, window) = (answer.permit.query(), answer.permit.window());
    let foreign = |read: &&turnpike_schemas::read::Observation| {
        !window.contains(read.captured_at) || !query.plate().matches(&read.plate.plate)
    };
    let foreign = answer.page.reads.iter().filter(foreign).count();
    Outcome::require(foreign == 0, || {
        format!("{foreign} reads are of another plate or outside of the window")
    })
}

fn found(seen: &[Seen]) -> Outcome {
    if seen.is_empty() {
        return Outcome::NotApplicable(
            "nothing was found: ask about a plate and a window the source is known to hold"
                .to_owned(),
        );
    }
    Outcome::Passed
}
