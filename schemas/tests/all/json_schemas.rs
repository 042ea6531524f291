//! The published JSON Schemas: committed, valid, and true of what the types read and write.

use std::{collections::BTreeSet, fs};

use jsonschema::Validator;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use turnpike_schemas::{
    agreement::{Action, Rule},
    api::{
        Answer, Capability, Completeness, Delivery, DriftCount, ExplainedSource, Explanation,
        FailureKind, LedgerPosition, LimitedBy, Need, Policy, Problem, PushReceipt, QueryRequest,
        SourceHealth, SourceInfo, SourceList, SourceOutcome, SourceReport, StreamLine,
    },
    json_schema::{self, PUBLISHED},
    read::{Family, PlateRead},
};
use uuid::Uuid;

use crate::{committed, reference, release};

fn validator(name: &str) -> Validator {
    let schema = json_schema::document(name).unwrap();
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap()
}

/// What is written is valid, comes back the same, and is written the same again.
fn assert_valid<T: Serialize + DeserializeOwned>(name: &str, value: &T) {
    let written = serde_json::to_value(value).unwrap();
    let errors: Vec<String> = validator(name)
        .iter_errors(&written)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{written:#}");
    let read: T = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), written);
}

fn assert_invalid(name: &str, value: &Value, why: &str) {
    assert!(
        !validator(name).is_valid(value),
        "{name} with {why} is valid: {value:#}"
    );
}

#[test]
fn a_policy_is_valid_and_its_digest_is_over_its_lines() {
    use sha2::{Digest as _, Sha256};
    let agreement = reference::agreement(|_| {});
    let source = reference::source();
    let policy = Policy::of([(&source, &agreement)]);
    assert_valid("Policy", &policy);
    let line = format!(
        "{source} {} {}\n",
        agreement.reference(),
        agreement.sha256()
    );
    assert_eq!(
        policy.sha256,
        turnpike_schemas::hex::hex(&Sha256::digest(line))
    );
    let other = reference::agreement(|document| document.what.max_reads = 1);
    assert_ne!(Policy::of([(&source, &other)]).sha256, policy.sha256);
}

fn request() -> Value {
    json!({
        "plate": "TPK0421",
        "match": "look_alike",
        "jurisdiction": "US-OH",
        "window": { "from": "2026-03-01T00:00:00Z", "to": "2026-03-08T00:00:00Z" },
        "purpose": "stolen_vehicle",
        "case_reference": "BRK-2026-000042",
        "on_behalf_of": "self",
        "sources": ["brookdale-police"],
        "deadline_ms": 5000,
    })
}

fn outcomes() -> Vec<SourceOutcome> {
    let searched = Some(reference::window(-100, 0));
    vec![
        SourceOutcome::Answered {
            reads: 1,
            truncated: true,
            rejected: 0,
            searched,
        },
        SourceOutcome::Answered {
            reads: 1,
            truncated: false,
            rejected: 2,
            searched: None,
        },
        SourceOutcome::Empty {
            rejected: 0,
            searched,
        },
        SourceOutcome::Empty {
            rejected: 0,
            searched: None,
        },
        SourceOutcome::Refused {
            rule: Rule::PurposeProhibited,
            explanation: Rule::PurposeProhibited.explanation().to_owned(),
        },
        SourceOutcome::RateLimited {
            by: LimitedBy::Quota,
            retry_after_s: None,
        },
        SourceOutcome::RateLimited {
            by: LimitedBy::Source,
            retry_after_s: Some(30),
        },
        SourceOutcome::RateLimited {
            by: LimitedBy::Agreement,
            retry_after_s: Some(60),
        },
        SourceOutcome::TimedOut,
        SourceOutcome::Failed {
            error: FailureKind::Unavailable,
            retry_after_s: None,
        },
        SourceOutcome::Stale {
            since: Some(reference::now()),
            reads: 0,
            truncated: false,
            searched: None,
        },
        SourceOutcome::Stale {
            since: None,
            reads: 3,
            truncated: false,
            searched: None,
        },
        SourceOutcome::Unsupported {
            capability: Capability::PartialPlates,
        },
        SourceOutcome::NotAsked,
    ]
}

fn report(outcome: SourceOutcome) -> SourceReport {
    let asked = outcome != SourceOutcome::NotAsked;
    SourceReport {
        source: reference::source(),
        family: Family::Toll,
        agreement: asked.then(|| reference::agreement(|_| {}).reference().clone()),
        outcome,
        took_ms: 12,
        obligations: vec!["confirm_match=true".to_owned()],
        may_hold_back: asked,
    }
}

fn answer() -> Answer {
    Answer {
        query: Uuid::nil(),
        completeness: Completeness::Partial,
        window: reference::window(-100, 0),
        reads: vec![release::read(), bare_read()],
        sources: outcomes().into_iter().map(report).collect(),
        ledger: LedgerPosition {
            intent: 1,
            outcome: 2,
        },
        justify_until: None,
    }
}

/// A read of which only the plate and the time are known: everything else is null.
fn bare_read() -> PlateRead {
    let full = release::read();
    let mut bare = full.clone();
    std::sync::Arc::make_mut(&mut bare.provenance).agreement = None;
    bare.observation = turnpike_schemas::read::Observation::new(
        "r-2".to_owned(),
        full.observation.plate.plate,
        full.observation.captured_at,
        full.observation.captured_zone,
    );
    bare
}

fn problem() -> Problem {
    Problem {
        kind: "/problems/ledger_unavailable".to_owned(),
        title: "ledger unavailable".to_owned(),
        status: 503,
        detail: None,
        instance: Some("req-1".to_owned()),
        field: None,
    }
}

fn explanation() -> Explanation {
    let agreement = reference::agreement(|_| {});
    let now = reference::now();
    let explained = |query| {
        let decision = agreement.permit(&reference::requester(), &query, now);
        ExplainedSource {
            source: reference::source(),
            family: Family::Toll,
            would_ask: decision.is_ok(),
            unsupported: decision.is_ok().then_some(Capability::LookAlike),
            explanation: decision
                .as_ref()
                .err()
                .map(|no| no.rule.explanation().to_owned()),
            decision: agreement.decision_record(Action::Query, now, decision.as_ref()),
        }
    };
    let too_old = reference::query_over(reference::window(-200 * 86_400, -190 * 86_400));
    Explanation {
        query: Uuid::nil(),
        window: reference::window(-100, 0),
        sources: vec![explained(reference::query()), explained(too_old)],
        ledger: 3,
    }
}

fn source_list() -> SourceList {
    let known = SourceInfo {
        source: reference::source(),
        title: "Lakeshore tolls".to_owned(),
        family: Family::Toll,
        adapter: "niop".to_owned(),
        delivery: vec![
            Delivery::Pull,
            Delivery::Poll,
            Delivery::Push,
            Delivery::File,
            Delivery::Subscribe,
        ],
        agreement: reference::agreement(|_| {}).reference().clone(),
        breaker: Some("closed".to_owned()),
        last_seen_at: Some(reference::now()),
        reads_held: Some(4),
        rejected: 1,
        health: SourceHealth {
            needs: Vec::new(),
            last_read_at: Some(reference::now()),
            lag_ms: Some(1_500),
            clock_skew_ms: Some(-20),
            records: 9,
            rejected_share: Some(0.125),
            duplicates: 2,
            refused: 1,
            unproven: 1,
            drift: Some(DriftCount {
                new: 1,
                missing: 0,
                retyped: 2,
            }),
            policy_alarms: 0,
            calls: 3,
            errors: [("timed_out".to_owned(), 1)].into(),
            throttled: 0,
            quota_left: Some(5),
        },
    };
    let silent = SourceInfo {
        breaker: None,
        last_seen_at: None,
        reads_held: None,
        health: SourceHealth {
            needs: vec![
                Need::Agreement,
                Need::Configuration,
                Need::Credentials,
                Need::Unreachable,
                Need::Garbled,
                Need::Proof,
                Need::NeverSeen,
                Need::Silent,
                Need::Limited,
                Need::Rejects,
                Need::Clock,
                Need::AgreementEnds,
            ],
            last_read_at: None,
            lag_ms: None,
            clock_skew_ms: None,
            rejected_share: None,
            quota_left: None,
            errors: Default::default(),
            ..known.health.clone()
        },
        ..known.clone()
    };
    SourceList {
        sources: vec![known, silent],
    }
}

fn stream() -> Vec<StreamLine> {
    let window = reference::window(-100, 0);
    vec![
        StreamLine::Begun {
            query: Uuid::nil(),
            window,
            intent: 1,
            justify_until: None,
        },
        StreamLine::Source {
            report: report(SourceOutcome::TimedOut),
            reads: vec![bare_read()],
        },
        StreamLine::Done {
            completeness: Completeness::None,
            ledger: LedgerPosition {
                intent: 1,
                outcome: 2,
            },
        },
        StreamLine::Problem { problem: problem() },
    ]
}

#[test]
fn the_committed_schemas_are_what_the_types_say() {
    for published in PUBLISHED {
        let text = format!("{:#}\n", published.document());
        committed::assert_committed(&format!("json-schema/{}", published.file), &text);
    }
    let files: BTreeSet<String> = fs::read_dir(committed::path("json-schema"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let published = PUBLISHED.iter().map(|published| published.file.to_owned());
    assert_eq!(files, published.collect());
}

#[test]
fn every_schema_is_valid_and_needs_nothing_from_outside() {
    for published in PUBLISHED {
        let schema = published.document();
        jsonschema::draft202012::meta::validate(&schema).unwrap();
        let name = published.name;
        assert!(jsonschema::draft202012::new(&schema).is_ok(), "{name}");
        let text = schema.to_string();
        assert!(!text.contains("#/components"), "{name}");
        assert_eq!(schema["title"], name);
        assert_eq!(schema["$schema"], json_schema::DIALECT);
        assert_eq!(schema["$id"], published.file);
    }
    assert_eq!(json_schema::document("Plate"), None);
}

#[test]
fn what_the_types_write_is_valid() {
    assert_valid("PlateRead", &release::read());
    assert_valid("PlateRead", &bare_read());
    assert_valid("Answer", &answer());
    for line in stream() {
        assert_valid("StreamLine", &line);
    }
    assert_valid("Explanation", &explanation());
    assert_valid("SourceList", &source_list());
    let receipt = PushReceipt {
        stored: 1,
        duplicates: 2,
        skipped: 3,
        rejected: 4,
    };
    assert_valid("PushReceipt", &receipt);
    assert_valid("Problem", &problem());
    assert_valid("AgreementDocument", &reference::document());
    let request: QueryRequest = serde_json::from_value(request()).unwrap();
    assert_valid("QueryRequest", &request);
}

#[test]
fn a_request_may_leave_out_what_has_a_default_and_nothing_else() {
    let optional = ["match", "jurisdiction", "sources", "deadline_ms"];
    for key in request().as_object().unwrap().keys() {
        let mut without = request();
        without.as_object_mut().unwrap().remove(key);
        let valid = optional.contains(&key.as_str());
        assert_eq!(validator("QueryRequest").is_valid(&without), valid, "{key}");
        assert_eq!(
            serde_json::from_value::<QueryRequest>(without).is_ok(),
            valid,
            "{key}"
        );
    }
}

#[test]
fn a_broken_request_is_refused_by_the_schema_and_by_the_type() {
    let long = "9".repeat(65);
    for (pointer, bad) in [
        ("/plate", json!(421)),
        ("/plate", json!("")),
        ("/plate", json!(long)),
        ("/match", json!("fuzzy")),
        ("/jurisdiction", json!("Ohio")),
        ("/window", json!({ "from": "2026-03-01T00:00:00Z" })),
        ("/window/from", json!("2026-03-01T00:00:00")),
        ("/window/to", json!("soon")),
        ("/purpose", json!("curiosity")),
        ("/case_reference", json!("n/a")),
        ("/case_reference", json!("investigation")),
        ("/case_reference", json!("1")),
        ("/on_behalf_of", json!(null)),
        ("/on_behalf_of", json!("Brookdale PD")),
        ("/sources", json!([])),
        ("/sources", json!(vec!["a"; 257])),
        ("/sources/0", json!("Brookdale PD")),
        ("/deadline_ms", json!(99)),
        ("/deadline_ms", json!(30_001)),
    ] {
        let mut broken = request();
        *broken.pointer_mut(pointer).unwrap() = bad.clone();
        assert_invalid("QueryRequest", &broken, pointer);
        let parsed = serde_json::from_value::<QueryRequest>(broken);
        assert!(
            !parsed.is_ok_and(|request| request.to_query().is_ok()),
            "{pointer}: {bad}"
        );
    }
}

#[test]
fn an_unknown_key_in_what_people_write_is_refused() {
    for (name, whole, holders) in [
        ("QueryRequest", request(), vec!["", "/window"]),
        (
            "AgreementDocument",
            serde_json::to_value(reference::document()).unwrap(),
            vec![
                "",
                "/who",
                "/why",
                "/how_far",
                "/plates",
                "/plates/partial",
                "/what",
                "/upstream",
                "/retention",
            ],
        ),
    ] {
        assert!(validator(name).is_valid(&whole));
        for holder in holders {
            let mut changed = whole.clone();
            changed.pointer_mut(holder).unwrap()["surprise"] = json!(1);
            assert_invalid(name, &changed, holder);
        }
    }
}

#[test]
fn a_null_is_written_and_never_left_out() {
    let bare = serde_json::to_value(bare_read()).unwrap();
    let mut nulls = 0;
    for holder in ["", "/plate", "/place", "/vehicle", "/provenance"] {
        let at = bare.pointer(holder).unwrap().as_object().unwrap();
        for key in at
            .iter()
            .filter(|(_, value)| value.is_null())
            .map(|(key, _)| key)
        {
            let mut without = bare.clone();
            without
                .pointer_mut(holder)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(key);
            assert_invalid("PlateRead", &without, &format!("{holder} without {key}"));
            nulls += 1;
        }
    }
    assert_eq!(nulls, 16);
}

#[test]
fn a_broken_read_or_answer_is_refused() {
    for (pointer, bad) in [
        ("/reads/0/plate/text", json!(7)),
        ("/reads/0/plate/confidence", json!(1.01)),
        ("/reads/0/plate/jurisdiction", json!("Ohio")),
        ("/reads/0/id", json!("r-1")),
        ("/reads/0/captured_at", json!("2026-03-04 07:15")),
        ("/reads/0/images/0/kind", json!("driver")),
        ("/sources/0/outcome", json!("fine")),
        ("/sources/0/reads", json!(-1)),
        ("/sources/4/rule", json!("because")),
        ("/completeness", json!("mostly")),
        ("/query", json!("1")),
    ] {
        let mut broken = serde_json::to_value(answer()).unwrap();
        *broken.pointer_mut(pointer).unwrap() = bad;
        assert_invalid("Answer", &broken, pointer);
        assert!(
            serde_json::from_value::<Answer>(broken).is_err(),
            "{pointer}"
        );
    }
}
