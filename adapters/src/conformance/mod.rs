//! What every adapter must do that can be told without its vendor: checks over an adapter and payloads, and over one
//! answer of a source under a permit.
//!
//! Pure but for reading the monotonic clock: nobody is contacted, nothing is kept. `turnpike source check` runs them on
//! the payloads of a real vendor, and the contract kit on those of a simulated one, where more is known and more is
//! checked. What they say names payloads, fields and rules, and never a value. The second half, [`Shape`], tells two
//! forms of a payload apart without keeping any value of it.

mod capabilities;
mod decoding;
mod hostile;
mod live;
mod payload;
mod personal;
mod reads;
mod shape;

use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;
use serde_json::Value;
use turnpike_schemas::conformance::{CheckResult, Verdict};

pub use self::{
    live::{ANSWER_CHECKS, Answer, AnswerCheck, check_answer, unanswered},
    payload::{Decoder, Delivered, Payload, Via, whole},
    reads::Seen,
    shape::{Drift, FieldShape, Shape, ShapeError},
};
use crate::{adapter::Adapter, registry::Entry};

/// What is checked.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The adapter's line in the registry.
    pub entry: &'a Entry,
    /// The settings it was built with.
    pub settings: &'a Value,
    /// The adapter.
    pub adapter: &'a dyn Adapter,
    /// Payloads as its vendor sends them.
    pub payloads: &'a [Payload],
    /// The wall clock.
    pub now: Timestamp,
    /// What no error and no rejection may hold: plates, secrets.
    pub forbidden: Vec<String>,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Passed,
    /// What did not hold.
    Failed(Vec<String>),
    /// Why there was nothing to try.
    NotApplicable(String),
}

/// One thing every adapter must do. The name is a sentence.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The sentence, with `_` for blanks.
    pub name: &'static str,
    /// What to do when it fails.
    pub advice: &'static str,
    /// Runs it.
    pub run: fn(&Subject<'_>) -> Outcome,
}

macro_rules! checks {
    ($($module:ident { $($name:ident: $advice:literal),* $(,)? })*) => {
        &[$($(Check { name: stringify!($name), advice: $advice, run: $module::$name }),*),*]
    };
}

/// Every check that needs an adapter and payloads only.
pub const CHECKS: &[Check] = checks! {
    capabilities {
        info_is_constant: "identity and capabilities must not change while the adapter lives",
        info_declares_no_more_than_the_registry: "declare in ENTRY what the adapter declares of itself",
        a_subscription_is_named_if_declared_and_stays_with_the_source: "name what to listen to exactly when `subscribe` is declared, at one of the source's hosts",
        undeclared_messages_are_unsupported: "what is not declared must return `unsupported`",
        undeclared_files_are_unsupported: "what is not declared must return `unsupported`",
        settings_nobody_documents_are_refused_by_name: "refuse unknown settings and name the key",
    }
    decoding {
        payloads_are_understood: "look at the fields named: map them, correct their format, or ask the vendor what they mean; `turnpike source decode` shows every record",
        a_payload_holds_a_read: "check that the payloads are of this adapter and that plate and time are found; `turnpike source decode` shows what becomes of each",
        decoding_is_pure: "the same bytes must always give the same reads: use no clock, no random number and no memory",
        a_record_means_one_passage: "the identity of a record must be the vendor's own for one passage; put what tells passages apart into it, and what orders corrections into the revision",
    }
    reads {
        every_read_has_identity_plate_and_instant: "check the unit and the zone of the time, and the field taken for the identity",
        every_instant_has_a_known_zone: "say which zone the vendor's times are in",
        confidences_are_on_the_scale: "say on which scale the vendor's confidences are",
        no_read_is_at_nowhere: "check the order of latitude and longitude, and that 0,0 counts as no position",
        the_text_as_sent_is_kept: "keep the plate as the vendor sent it beside the normalized one",
        reads_survive_being_written_and_read_again: "this is a defect of the adapter: tell its author",
    }
    personal {
        reads_do_not_print_their_plate: "print no plate; this is a defect of the adapter: tell its author",
        rejections_name_field_and_rule_and_no_value: "a rejection names field and rule, and no value of a record",
    }
    hostile {
        an_empty_payload_holds_no_read: "an empty payload must be refused or rejected, not passed over",
        garbage_holds_no_read: "bytes that are no payload must be refused or rejected",
        a_cut_payload_adds_no_read: "a payload that breaks off must give no read that the whole one does not give",
        changed_bytes_are_survived: "wrong bytes must give a rejection or `Malformed`, never a panic or another error",
        bad_text_encoding_is_survived: "text in no known encoding must give a rejection or `Malformed`",
        every_payload_is_decided_soon: "look for loops over the whole payload for each of its parts",
        an_adapter_decodes_on_after_nonsense: "keep no state from one payload to the next",
    }
};

/// The check of a source's payloads against its recorded [`Shape`], which whoever keeps the shape runs.
pub const SHAPE_CHECK: &str = "payloads_have_the_recorded_shape";

/// Runs every check. `before` is told which one is about to run.
pub fn check(subject: &Subject<'_>, mut before: impl FnMut(&Check)) -> Vec<CheckResult> {
    let run = |check: &Check| {
        before(check);
        // A decoder that panics is what a check is there to find.
        let found = catch_unwind(AssertUnwindSafe(|| (check.run)(subject)));
        let found =
            found.unwrap_or_else(|_| Outcome::Failed(vec!["the adapter panicked".to_owned()]));
        let mut result = result(check.name, check.advice, found);
        // An adapter that puts a value into a rejection must not put it into a report as well.
        for detail in &mut result.details {
            if !subject.is_clean(detail) {
                "what it says holds a value and is not shown".clone_into(detail);
            }
        }
        result
    };
    CHECKS.iter().map(run).collect()
}

pub(super) fn result(name: &str, advice: &str, found: Outcome) -> CheckResult {
    let (verdict, details) = match found {
        Outcome::Passed => (Verdict::Passed, Vec::new()),
        Outcome::Failed(details) => (Verdict::Failed, details),
        Outcome::NotApplicable(why) => (Verdict::NotApplicable, vec![why]),
    };
    CheckResult {
        check: name.to_owned(),
        advice: (verdict == Verdict::Failed).then(|| advice.to_owned()),
        verdict,
        details,
    }
}

impl Outcome {
    /// Passed if nothing is wrong.
    #[must_use]
    pub fn of(problems: Vec<String>) -> Self {
        if problems.is_empty() {
            Self::Passed
        } else {
            Self::Failed(problems)
        }
    }

    /// Passed if `holds`.
    pub fn require(holds: bool, otherwise: impl FnOnce() -> String) -> Self {
        if holds {
            Self::Passed
        } else {
            Self::Failed(vec![otherwise()])
        }
    }
}

impl<'a> Subject<'a> {
    /// What decodes the payloads.
    #[must_use]
    pub fn decoder(&self) -> Decoder<'a> {
        Decoder {
            entry: self.entry,
            settings: self.settings,
            adapter: self.adapter,
        }
    }

    /// Whether a text for people or machines other than the asker holds nothing it should not, plates of `reads` included.
    fn is_clean(&self, text: &str) -> bool {
        !self
            .forbidden
            .iter()
            .any(|word| text.contains(word.as_str()))
    }

    /// The first payload that gives reads and nothing else: what hostile bytes are made from.
    fn good(&self) -> Option<&Payload> {
        let good = |payload: &&Payload| {
            payload.decode(self.decoder()).is_ok_and(|delivered| {
                !delivered.page.reads.is_empty() && delivered.page.rejected.is_empty()
            })
        };
        self.payloads.iter().find(good)
    }
}

#[cfg(test)]
mod tests;
