//! What must hold after every crash.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use sha2::{Digest as _, Sha256};
use turnpike_contract_tests::world::{Gateway, World};
use turnpike_gateway::ledger;
use turnpike_schemas::{
    api::{Answer, SourceReport, StreamLine},
    ledger::{AdminAction, Body, Entry, InterruptReason, Outcome, SourceOutcome},
};

use super::load::{Answers, Deliveries, Reads, question};

/// Reads the ledger after each restart and counts what the kills met.
pub(super) struct Audit {
    ledger: PathBuf,
    met: BTreeMap<&'static str, u64>,
}

/// The reads of an answer or a line, as the bytes that were digested.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    reads: Vec<&'a RawValue>,
}

struct Entries(Vec<Entry>);

impl Audit {
    pub(super) fn new(ledger: PathBuf) -> Self {
        Self {
            ledger,
            met: BTreeMap::new(),
        }
    }

    /// Checks the ledger against what had left the gateway when it was killed.
    pub(super) fn after_restart(&mut self, answers: &Answers) {
        let entries = self.read();
        entries.every_intent_is_closed();
        answers.json.iter().for_each(|whole| entries.record(whole));
        for lines in &answers.streams {
            let done = entries.record_stream(lines);
            self.meet(
                if done {
                    "whole streams"
                } else {
                    "broken streams"
                },
                1,
            );
        }
        self.meet("whole answers", answers.json.len() as u64);
        let interrupted = entries.interrupted_since_the_last_start();
        self.meet("interrupted questions", interrupted);
    }

    /// Checks a ledger that was closed in order: everything was answered, nothing was interrupted, the end is on record.
    pub(super) fn after_stop(&mut self, answers: &Answers) {
        self.after_restart(answers);
        assert_eq!(self.met.get("broken streams"), None);
        let entries = self.read().0;
        let interrupted = |entry: &Entry| matches!(entry.body, Body::Interrupted(_));
        assert!(!entries.iter().any(interrupted));
        let is_stop = |entry: &Entry| matches!(&entry.body, Body::Admin(admin) if admin.action == AdminAction::Stop);
        assert!(entries.last().is_some_and(is_stop));
    }

    /// Asks about every plate with acknowledged reads: all are there, none twice.
    pub(super) async fn acknowledged_reads_are_found(
        &mut self,
        world: &World,
        gateway: &Gateway,
        acknowledged: &Reads,
    ) {
        for ((source, plate), expected) in acknowledged {
            let mut question = question(plate, world.town.end());
            question["sources"] = json!([source]);
            let (status, answer) = gateway
                .ask(&world.tokens.investigator, &question)
                .await
                .unwrap();
            assert_eq!(status, 200, "{answer}");
            let reads = answer["reads"].as_array().unwrap();
            let found: BTreeSet<Timestamp> = reads.iter().map(captured_at).collect();
            let lost: Vec<_> = expected.difference(&found).collect();
            assert!(lost.is_empty(), "{source} {plate}: lost {lost:?}");
            assert_eq!(reads.len(), found.len(), "{source} {plate}: a read twice");
            self.meet(source, expected.len() as u64);
        }
    }

    /// The store holds exactly what was handed over.
    pub(super) async fn nothing_is_held_twice(
        &self,
        world: &World,
        gateway: &Gateway,
        deliveries: &Deliveries,
    ) {
        let held = gateway.held(&world.tokens.investigator).await.unwrap();
        for (source, handed_over) in deliveries.handed_over() {
            assert_eq!(held[source], handed_over, "{source}");
        }
    }

    /// The kills met everything they were meant to meet; otherwise this test shows nothing.
    pub(super) fn covers_every_moment(&self) {
        for what in [
            "whole answers",
            "whole streams",
            "broken streams",
            "interrupted questions",
            "main-street-cameras",
            "state-tolls",
        ] {
            let met = self.met.get(what).copied().unwrap_or(0);
            assert!(met >= 10, "only {met} {what}: {:?}", self.met);
        }
    }

    fn read(&self) -> Entries {
        let entries = ledger::read(&self.ledger).unwrap();
        Entries(entries.collect::<Result<_, _>>().unwrap())
    }

    fn meet(&mut self, what: &'static str, times: u64) {
        *self.met.entry(what).or_default() += times;
    }
}

impl Entries {
    fn at(&self, index: u64) -> &Entry {
        &self.0[usize::try_from(index).unwrap()]
    }

    fn of(&self, intent: u64) -> impl Iterator<Item = &Entry> {
        self.0
            .iter()
            .skip(usize::try_from(intent).unwrap())
            .filter(move |entry| entry.intent == Some(intent))
    }

    fn every_intent_is_closed(&self) {
        let mut open = BTreeSet::new();
        for entry in &self.0 {
            match (&entry.body, entry.intent) {
                (Body::Intent(_), _) => drop(open.insert(entry.index)),
                (Body::Outcome(_) | Body::Interrupted(_), Some(intent)) => {
                    open.remove(&intent);
                }
                _ => {}
            }
        }
        assert!(open.is_empty(), "open after a restart: {open:?}");
    }

    /// Questions that the last restart had to close.
    fn interrupted_since_the_last_start(&self) -> u64 {
        let last = self.0.iter().rev();
        let is_start = |entry: &&Entry| matches!(&entry.body, Body::Admin(admin) if admin.action == AdminAction::Start);
        let by_restart = |entry: &&Entry| matches!(&entry.body, Body::Interrupted(closed) if closed.reason == InterruptReason::Restart);
        // What decides and who may ask is recorded after a start, what was interrupted before it.
        last.skip_while(|entry| !is_start(entry))
            .skip_while(is_start)
            .take_while(by_restart)
            .count() as u64
    }

    /// The question was answered, and nothing says that the answer was withheld.
    fn answered(&self, intent: u64, outcome: u64) -> &Outcome {
        let entry = self.at(outcome);
        assert_eq!(entry.intent, Some(intent));
        let withheld = |entry: &Entry| matches!(entry.body, Body::Interrupted(_));
        assert!(!self.of(intent).any(withheld));
        match &entry.body {
            Body::Outcome(outcome) => outcome,
            other => panic!("no outcome on record: {other:?}"),
        }
    }

    /// A whole answer is on record as it left.
    fn record(&self, whole: &str) {
        let answer: Answer = serde_json::from_str(whole).unwrap();
        let raw: Raw<'_> = serde_json::from_str(whole).unwrap();
        let intent = self.at(answer.ledger.intent);
        assert!(matches!(intent.body, Body::Intent(_)));
        assert_eq!(intent.question, Some(answer.query));
        let outcome = self.answered(answer.ledger.intent, answer.ledger.outcome);
        assert_eq!(outcome.reads, answer.reads.len() as u64);
        assert_eq!(outcome.sources.len(), answer.sources.len());
        for (report, recorded) in answer.sources.iter().zip(&outcome.sources) {
            let reads = answer.reads.iter().zip(&raw.reads);
            let own = reads.filter(|(read, _)| read.source == report.source);
            same(report, own.map(|(_, raw)| raw.get()), recorded);
        }
    }

    /// Every line of a stream that arrived is on record as it left. Returns whether the stream was whole.
    fn record_stream(&self, lines: &[String]) -> bool {
        let Some((first, rest)) = lines.split_first() else {
            return false;
        };
        let StreamLine::Begun { query, intent, .. } = serde_json::from_str(first).unwrap() else {
            panic!("a stream begins with {first}");
        };
        assert!(matches!(self.at(intent).body, Body::Intent(_)));
        assert_eq!(self.at(intent).question, Some(query));
        let mut done = false;
        for line in rest {
            assert!(!done, "more after `done`");
            match serde_json::from_str(line).unwrap() {
                StreamLine::Source { report, .. } => self.record_part(intent, &report, line),
                StreamLine::Done { ledger, .. } => {
                    assert_eq!(ledger.intent, intent);
                    self.answered(intent, ledger.outcome);
                    done = true;
                }
                other => panic!("not a line of an answer: {other:?}"),
            }
        }
        done
    }

    fn record_part(&self, intent: u64, report: &SourceReport, line: &str) {
        let raw: Raw<'_> = serde_json::from_str(line).unwrap();
        let mut parts = self.of(intent).filter_map(|entry| match &entry.body {
            Body::OutcomePart(part) if part.source == report.source.as_str() => Some(part),
            _ => None,
        });
        let part = parts.next().expect("a source's rows left without a record");
        same(report, raw.reads.iter().map(|raw| raw.get()), part);
    }
}

/// What left is what is on record: word, count, and digest over the very bytes.
fn same<'a>(report: &SourceReport, reads: impl Iterator<Item = &'a str>, recorded: &SourceOutcome) {
    assert_eq!(recorded.source, report.source.as_str());
    assert_eq!(recorded.outcome, report.outcome.word());
    assert_eq!(recorded.count, u64::from(report.outcome.reads()));
    let (mut hash, mut count) = (Sha256::new(), 0);
    for read in reads {
        hash.update(read);
        hash.update("\n");
        count += 1;
    }
    assert_eq!(recorded.count, count);
    let digest: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let expected = (count > 0).then_some(digest);
    let recorded = recorded.digest.as_ref().map(|digest| digest.as_str());
    assert_eq!(recorded, expected.as_deref());
}

fn captured_at(read: &Value) -> Timestamp {
    read["captured_at"].as_str().unwrap().parse().unwrap()
}
