//! An invented log whose misuse is known: what the rules are measured on, by the tests, by `turnpike audit rules --measure`
//! and by whoever changes a threshold.
//!
//! Ordinary work is drawn from a seed: users with a few cases at a time, plates asked about again, busy days, large
//! cases, plates that several people meet by chance. Into it go scripts of misuse, each with the entry at which its rule must
//! speak; two of them are patterns that were published. Nobody and no plate in it exists.

mod scripts;
mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{Flag, Misuse, RULES, Roster, RuleId, Thresholds, Watching};
use crate::ledger::{
    Action, Admin, AdminAction, Body, Completeness, Decision, Digest, Entry, Grounds, Intent,
    Names, Nonce, Outcome, Personal, SourceOutcome, Verdict, Window,
};

/// The sources of the log.
pub const SOURCES: [&str; 3] = ["north-tolls", "south-police", "west-parking"];

/// The vehicle a member of staff of the log has declared.
pub const DECLARED: &str = "TPKSTAFF";

/// The organisation of the log whose working hours are known: every day from 06:00 to 22:00 UTC.
pub const ROSTERED: &str = "org-0";

/// Entries of one question: intent, a decision per source, outcome.
const ENTRIES: u64 = 2 + SOURCES.len() as u64;

/// What to write.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// First day, at midnight UTC.
    pub start: Timestamp,
    /// Days.
    pub days: u32,
    /// Organisations of 25 users who work.
    pub organisations: u32,
}

/// What a rule must find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Name of the script.
    pub script: &'static str,
    /// The rule.
    pub rule: RuleId,
    /// Who, which plate, case or source it is about: what the flag must name.
    pub about: String,
    /// The entry the flag must name.
    pub entry: u64,
}

/// The log, entry by entry.
#[derive(Debug)]
pub struct Log {
    plan: Plan,
    day: u32,
    index: u64,
    work: work::Work,
    scripts: Vec<scripts::Script>,
    buffer: VecDeque<Entry>,
    owed: VecDeque<(Timestamp, u64)>,
    labels: Vec<Label>,
}

/// One thing somebody does.
#[derive(Debug, Clone)]
struct Act {
    second: u32,
    action: Action,
    subject: String,
    organisation: String,
    plate: String,
    case: String,
    purpose: &'static str,
    urgent: Option<bool>,
    /// Whether each source has reads.
    hits: [bool; SOURCES.len()],
    /// Script and label that this act completes.
    completes: Option<(&'static str, RuleId, String)>,
}

/// What a run of the rules over a labelled log showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Entries read.
    pub entries: u64,
    /// Questions among them.
    pub questions: u64,
    /// Rows and counts held at most.
    pub held: usize,
    /// By rule.
    pub rules: BTreeMap<RuleId, Score>,
    /// What was not found at its entry.
    pub missed: Vec<Label>,
}

/// How one rule did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score {
    /// Scripts it must find.
    pub labels: u64,
    /// Those found, at exactly the entry they must be found at.
    pub found: u64,
    /// Subjects, plates, cases or sources flagged that belong to no script.
    pub false_flags: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            seed: 421,
            // 2026-01-05, a Monday.
            start: Timestamp::from_second(1_767_571_200).unwrap_or_default(),
            days: 125,
            organisations: 4,
        }
    }
}

impl Log {
    /// The log of this plan.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            work: work::Work::new(plan.seed, plan.organisations),
            scripts: scripts::all(plan.seed),
            plan,
            day: 0,
            index: 0,
            buffer: VecDeque::new(),
            owed: VecDeque::new(),
            labels: Vec::new(),
        }
    }

    /// What the rules must have found in the entries given out so far.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    fn next_day(&mut self) {
        let mut acts = self.work.day();
        acts.extend(self.scripts.iter().flat_map(|script| script.day(self.day)));
        acts.sort_by_key(|act| act.second);
        let midnight = self.plan.start + SignedDuration::from_hours(24 * i64::from(self.day));
        for act in acts {
            let at = midnight + SignedDuration::from_secs(i64::from(act.second));
            self.justify(at);
            self.write(at, act);
        }
        self.day += 1;
    }

    /// Justifications that have come by `at`.
    fn justify(&mut self, at: Timestamp) {
        while let Some((when, intent)) = self.owed.front().copied().filter(|(when, _)| *when <= at)
        {
            self.owed.pop_front();
            let admin = Admin {
                action: AdminAction::Justification,
                by: Some(Personal::new("supervisor")),
                facts: [(super::urgency::INTENT.to_owned(), intent.into())].into(),
            };
            self.push(when, None, Body::Admin(admin));
        }
    }

    fn write(&mut self, at: Timestamp, act: Act) {
        let intent = self.index;
        if let Some((script, rule, about)) = act.completes.clone() {
            // Fishing shows when the source has answered.
            let entry = match rule {
                RuleId::Fishing => intent + ENTRIES - 1,
                _ => intent,
            };
            self.labels.push(Label {
                script,
                rule,
                about,
                entry,
            });
        }
        if act.urgent == Some(true) {
            self.owed
                .push_back((at + SignedDuration::from_hours(3), intent));
        }
        if act.action == Action::Alert {
            self.push(at, None, Body::Admin(added(act)));
            return;
        }
        let hits = act.hits;
        self.push(at, None, Body::Intent(intent_of(at, act)));
        for source in SOURCES {
            self.push(at, Some(intent), Body::Decision(permit(source, at)));
        }
        self.push(at, Some(intent), Body::Outcome(outcome(hits)));
    }

    fn push(&mut self, at: Timestamp, intent: Option<u64>, body: Body) {
        let nonce = u128::from(self.index).to_be_bytes();
        let asks = matches!(body, Body::Intent(_)) || intent.is_some();
        let question = u128::from(intent.unwrap_or(self.index));
        self.buffer.push_back(Entry {
            index: self.index,
            at,
            nonce: Nonce::from_bytes(nonce),
            question: asks.then(|| uuid::Uuid::from_u128(question)),
            intent,
            body,
        });
        self.index += 1;
    }
}

impl Iterator for Log {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        while self.buffer.is_empty() && self.day < self.plan.days {
            self.next_day();
        }
        if self.buffer.is_empty() {
            self.justify(Timestamp::MAX);
        }
        self.buffer.pop_front()
    }
}

/// A plate is put on an alert list.
fn added(act: Act) -> Admin {
    let facts = [
        ("change", "imported".into()),
        ("organisation", act.organisation.into()),
        ("purpose", act.purpose.into()),
        ("case_reference", act.case.into()),
        ("plates", vec![act.plate].into()),
    ];
    let facts = facts.into_iter();
    Admin {
        action: AdminAction::AlertChange,
        by: Some(Personal::new(act.subject)),
        facts: facts.map(|(name, fact)| (name.to_owned(), fact)).collect(),
    }
}

/// Runs the rules over a labelled log.
#[must_use]
pub fn measure(plan: Plan, thresholds: Thresholds) -> Measured {
    let mut log = Log::new(plan);
    let mut misuse = Misuse::new(watching(thresholds));
    let (mut flags, mut entries, mut questions, mut held) = (Vec::new(), 0, 0, 0);
    for entry in log.by_ref() {
        entries += 1;
        questions += u64::from(matches!(entry.body, Body::Intent(_)));
        misuse.follow(&entry, &mut flags);
        held = held.max(misuse.held());
    }
    let end = plan.start + SignedDuration::from_hours(24 * i64::from(plan.days) + 25);
    misuse.tick(end, &mut flags);
    let (rules, missed) = score(log.labels(), &flags);
    Measured {
        entries,
        questions,
        held,
        rules,
        missed,
    }
}

/// What the rules are given for this log.
#[must_use]
pub fn watching(thresholds: Thresholds) -> Watching {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].map(str::to_owned);
    let roster = Roster::new(ROSTERED, TimeZone::UTC, &days, "06:00", "22:00");
    Watching {
        thresholds,
        rosters: roster.into_iter().collect(),
        declared: Some(Box::new(|plate| plate == DECLARED)),
    }
}

fn score(labels: &[Label], flags: &[Flag]) -> (BTreeMap<RuleId, Score>, Vec<Label>) {
    let mut rules: BTreeMap<RuleId, Score> = RULES
        .iter()
        .map(|rule| (rule.id, Score::default()))
        .collect();
    let raised: BTreeSet<(RuleId, String, u64)> = flags
        .iter()
        .map(|flag| (flag.rule, about(flag), flag.entry))
        .collect();
    let mut missed = Vec::new();
    for label in labels {
        let score = rules.entry(label.rule).or_default();
        score.labels += 1;
        if raised.contains(&(label.rule, label.about.clone(), label.entry)) {
            score.found += 1;
        } else {
            missed.push(label.clone());
        }
    }
    let meant: BTreeSet<(RuleId, &str)> = labels
        .iter()
        .map(|label| (label.rule, label.about.as_str()))
        .collect();
    let innocent: BTreeSet<(RuleId, &str)> = raised
        .iter()
        .map(|(rule, about, _)| (*rule, about.as_str()))
        .filter(|flagged| !meant.contains(flagged))
        .collect();
    for (rule, _) in innocent {
        rules.entry(rule).or_default().false_flags += 1;
    }
    (rules, missed)
}

/// What a flag is about, as labels say it.
fn about(flag: &Flag) -> String {
    let personal = |text: &Option<Personal>| text.as_ref().map(|text| text.expose().to_owned());
    let parts = [
        personal(&flag.subject),
        personal(&flag.plate),
        personal(&flag.case_reference),
        flag.source.clone(),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn intent_of(at: Timestamp, act: Act) -> Intent {
    Intent {
        action: act.action,
        subject: Personal::new(act.subject),
        organisation: act.organisation,
        organisation_class: "state_local".to_owned(),
        jurisdiction: "US-OH".to_owned(),
        on_behalf_of: None,
        purpose: act.purpose.to_owned(),
        case_reference: Personal::new(act.case),
        plate: Personal::new(act.plate),
        plate_jurisdiction: None,
        match_mode: "exact".to_owned(),
        window: Window {
            from: at - SignedDuration::from_hours(24 * 7),
            to: at,
        },
        sources_wanted: Names::of(SOURCES.map(str::to_owned).to_vec()),
        image: None,
        asker: None,
        grounds: Some(Grounds {
            offence: None,
            urgent: act.urgent.is_some(),
            case_standing: "not_checked".to_owned(),
            warrant: None,
            note_sha256: None,
        }),
    }
}

fn permit(source: &str, at: Timestamp) -> Decision {
    Decision {
        source: source.to_owned(),
        verdict: Verdict::Permit,
        agreement: Some(format!("{source}@1")),
        agreement_sha256: None,
        policy_sha256: None,
        rules: Vec::new(),
        obligations: Vec::new(),
        decided_at: Some(at),
        action: None,
    }
}

fn outcome(hits: [bool; SOURCES.len()]) -> Outcome {
    let sources: Vec<SourceOutcome> = SOURCES
        .iter()
        .zip(hits)
        .map(|(source, hit)| SourceOutcome {
            source: (*source).to_owned(),
            outcome: if hit { "answered" } else { "empty" }.to_owned(),
            count: u64::from(hit),
            digest: hit.then(|| Digest::of(source.as_bytes())),
            truncated: false,
            took_ms: Some(40),
            detail: None,
        })
        .collect();
    Outcome {
        completeness: Completeness::Complete,
        reads: sources.iter().map(|source| source.count).sum(),
        sources,
    }
}
