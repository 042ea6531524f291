//! What the federation writes into the ledger.

use jiff::{Timestamp, tz::TimeZone};
use turnpike_schemas::{
    agreement::{DecisionRecord, Requester},
    api::{self, SourceOutcome, SourceReport},
    ledger::{
        self, Action, Asker, Decision, Digest, Grounds, Intent, Names, Outcome, Personal, Verdict,
        Window,
    },
    query::Query,
    read::SourceId,
};

/// Who asks what.
pub(crate) fn intent(
    action: Action,
    requester: &Requester,
    query: &Query,
    sources: Vec<String>,
    image: Option<String>,
    now: Timestamp,
) -> Intent {
    let organisation = &requester.organisation;
    Intent {
        action,
        subject: Personal::new(&requester.subject),
        organisation: organisation.id.clone(),
        organisation_class: word(&organisation.class),
        jurisdiction: organisation.jurisdiction.to_string(),
        on_behalf_of: requester
            .on_behalf_of
            .as_ref()
            .map(|other| other.id.clone()),
        purpose: query.purpose().as_str().to_owned(),
        case_reference: Personal::new(query.case().as_str()),
        plate: Personal::new(query.plate().expose()),
        plate_jurisdiction: query.jurisdiction().map(ToString::to_string),
        match_mode: word(&query.plate().mode()),
        window: Window {
            from: query.window().from(),
            to: query.window().to(),
        },
        sources_wanted: Names::of(sources),
        image: image.map(Personal::new),
        asker: Some(asker(requester, now)),
        grounds: Some(grounds(query)),
    }
}

fn asker(requester: &Requester, now: Timestamp) -> Asker {
    let training_until = requester.attributes.training_until;
    let today = TimeZone::UTC.to_datetime(now).date();
    let other = requester.on_behalf_of.as_ref();
    Asker {
        roles: requester.roles.iter().map(word).collect(),
        sworn: requester.attributes.sworn,
        training_until: training_until.map(|until| Personal::new(until.to_string())),
        trained: Some(training_until.is_some_and(|until| today <= until)),
        assurance: word(&requester.attributes.assurance),
        on_behalf_of_class: other.map(|other| word(&other.class)),
        on_behalf_of_jurisdiction: other.map(|other| other.jurisdiction.to_string()),
    }
}

fn grounds(query: &Query) -> Grounds {
    Grounds {
        offence: query.offence().map(|offence| offence.to_string()),
        urgent: query.is_urgent(),
        case_standing: query.case_standing().as_str().to_owned(),
        warrant: query
            .warrant()
            .map(|warrant| Personal::new(warrant.as_str())),
        note_sha256: None,
    }
}

/// What one agreement decided.
pub(crate) fn decision(
    source: &SourceId,
    record: &DecisionRecord,
    policy_sha256: &str,
) -> Decision {
    Decision {
        source: source.to_string(),
        verdict: if record.permitted() {
            Verdict::Permit
        } else {
            Verdict::Refuse
        },
        agreement: Some(record.agreement.to_string()),
        agreement_sha256: Digest::try_from(record.agreement_sha256.clone()).ok(),
        policy_sha256: Digest::try_from(policy_sha256.to_owned()).ok(),
        rules: rules(record),
        obligations: obligations(record),
        decided_at: Some(record.decided_at),
        action: None,
    }
}

/// The rules that refused, then the policies of the other engines that did, as `engine:policy`.
fn rules(record: &DecisionRecord) -> Vec<String> {
    let rules = record.verdicts.iter().filter_map(|verdict| verdict.rule);
    let refusing = record.verdicts.iter().filter(|verdict| !verdict.permit);
    let policies = refusing.flat_map(|verdict| {
        let engine = word(&verdict.engine);
        let policies = verdict.policies.iter();
        policies.map(move |policy| format!("{engine}:{policy}"))
    });
    let rules = rules.map(|rule| rule.to_string());
    rules.chain(policies).collect()
}

/// A permit's limits, as `name=value`.
fn obligations(record: &DecisionRecord) -> Vec<String> {
    let window = record.window.iter().flat_map(|window| {
        [
            format!("from={}", window.from()),
            format!("to={}", window.to()),
        ]
    });
    let most = record
        .max_reads
        .iter()
        .map(|most| format!("max_reads={most}"));
    let duties = record.obligations.iter().cloned();
    window.chain(most).chain(duties).collect()
}

/// What came of one source; `digest` is of the reads released.
pub(super) fn source_outcome(
    report: &SourceReport,
    digest: Option<Digest>,
) -> ledger::SourceOutcome {
    ledger::SourceOutcome {
        source: report.source.to_string(),
        outcome: report.outcome.word().to_owned(),
        count: u64::from(report.outcome.reads()),
        digest,
        truncated: matches!(
            report.outcome,
            SourceOutcome::Answered {
                truncated: true,
                ..
            } | SourceOutcome::Stale {
                truncated: true,
                ..
            }
        ),
        took_ms: Some(u64::from(report.took_ms)),
        detail: detail(&report.outcome),
    }
}

/// What came of the question.
pub(super) fn outcome(
    completeness: api::Completeness,
    reads: usize,
    sources: Vec<ledger::SourceOutcome>,
) -> Outcome {
    Outcome {
        completeness: match completeness {
            api::Completeness::Complete => ledger::Completeness::Complete,
            api::Completeness::Partial => ledger::Completeness::Partial,
            api::Completeness::None => ledger::Completeness::None,
        },
        reads: reads as u64,
        sources,
    }
}

fn detail(outcome: &SourceOutcome) -> Option<String> {
    match outcome {
        SourceOutcome::Refused { rule, .. } => Some(rule.to_string()),
        SourceOutcome::Failed { error, .. } => Some(word(error)),
        SourceOutcome::RateLimited { by, .. } => Some(word(by)),
        SourceOutcome::Unsupported { capability } => Some(word(capability)),
        _ => None,
    }
}

/// The serialized word of a unit variant.
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
