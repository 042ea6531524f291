use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn intent() -> Intent {
    Intent {
        action: Action::Query,
        subject: Personal::new("officer-17"),
        organisation: "Brookdale PD".into(),
        organisation_class: "municipal_police".into(),
        jurisdiction: "US-OH".into(),
        on_behalf_of: None,
        purpose: "stolen_vehicle".into(),
        case_reference: Personal::new("BD-2026-0042"),
        plate: Personal::new("TPK0421"),
        plate_jurisdiction: None,
        match_mode: "exact".into(),
        window: Window {
            from: Timestamp::UNIX_EPOCH,
            to: Timestamp::UNIX_EPOCH,
        },
        sources_wanted: Names::of(vec!["brookdale-police".into()]),
        image: None,
        asker: None,
        grounds: None,
    }
}

fn entry(body: Body) -> Entry {
    let intent = body.kind().follows().then_some(6);
    let (at, nonce) = (Timestamp::UNIX_EPOCH, Nonce::from_bytes([7; 16]));
    Entry {
        index: 7,
        at,
        nonce,
        question: Some(Uuid::from_u128(1)),
        intent,
        body,
    }
}

fn admin(facts: Value) -> Body {
    let facts: BTreeMap<String, Value> = serde_json::from_value(facts).unwrap();
    Body::Admin(Admin {
        action: AdminAction::Start,
        by: None,
        facts,
    })
}

fn bodies() -> Vec<Body> {
    let digest = Some(Digest::of(b"reads"));
    let part = SourceOutcome {
        source: "tolls".into(),
        outcome: "answered".into(),
        count: 2,
        digest,
        truncated: false,
        took_ms: Some(41),
        detail: None,
    };
    let decision = Decision {
        source: "tolls".into(),
        verdict: Verdict::Refuse,
        agreement: None,
        agreement_sha256: None,
        policy_sha256: None,
        rules: vec!["no_agreement".into()],
        obligations: vec![],
        decided_at: None,
        action: None,
    };
    let refused = json!({ "reason": "rate_limited" });
    vec![
        Body::Intent(intent()),
        Body::DryRun(intent()),
        Body::Decision(decision),
        Body::OutcomePart(part.clone()),
        Body::Outcome(Outcome {
            completeness: Completeness::Complete,
            reads: 2,
            sources: vec![part],
        }),
        Body::Refused(serde_json::from_value(refused).unwrap()),
        Body::Interrupted(Interrupted {
            reason: InterruptReason::Restart,
        }),
        Body::Ingest(Ingest {
            source: "tolls".into(),
            way: IngestWay::Push,
            accepted: 1,
            duplicates: 0,
            rejected: 1,
            rejected_by: BTreeMap::from([("plate".into(), 1)]),
            payload_sha256: None,
            refused: None,
        }),
        admin(json!({ "version": "0.1.0", "count": 3 })),
    ]
}

#[test]
fn every_kind_survives_its_canonical_form() {
    for body in bodies() {
        let entry = entry(body);
        let bytes = entry.canonical_bytes().unwrap();
        assert_eq!(Entry::parse(&bytes).unwrap(), entry);
        let header = Header::parse(&bytes).unwrap();
        assert_eq!(
            (header.index, header.kind, header.intent),
            (7, entry.body.kind(), entry.intent)
        );
    }
}

#[test]
fn the_canonical_form_is_fixed() {
    let bytes = entry(Body::Interrupted(Interrupted {
        reason: InterruptReason::Restart,
    }))
    .canonical_bytes()
    .unwrap();
    let expected = concat!(
        r#"{"at":"1970-01-01T00:00:00Z","body":{"reason":"restart"},"index":7,"intent":6,"kind":"interrupted","#,
        r#""nonce":"07070707070707070707070707070707","question":"00000000-0000-0000-0000-000000000001"}"#
    );
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn any_other_form_of_the_same_entry_is_refused() {
    let text = String::from_utf8(entry(admin(json!({}))).canonical_bytes().unwrap()).unwrap();
    let reordered = text.replace(r#""index":7,"intent":null"#, r#""intent":null,"index":7"#);
    let forms = [
        text.replace(":7", ": 7"),
        reordered,
        text.replace(r#""intent":null,"#, ""),
        format!("{text} "),
    ];
    for form in forms {
        assert_ne!(form, text);
        assert_eq!(
            Entry::parse(form.as_bytes()),
            Err(EntryError::NotCanonical),
            "{form}"
        );
    }
    let unknown = text.replace(r#""index""#, r#""extra":1,"index""#);
    assert_eq!(Entry::parse(unknown.as_bytes()), Err(EntryError::Malformed));
}

#[test]
fn a_float_has_no_place_in_the_ledger() {
    assert_eq!(
        entry(admin(json!({ "a": [{ "b": 0.5 }] }))).canonical_bytes(),
        Err(EntryError::Float)
    );
    assert_eq!(
        canonical_json(&json!({ "b": -1, "a": u64::MAX })).unwrap(),
        r#"{"a":18446744073709551615,"b":-1}"#
    );
}

#[test]
fn an_intent_without_a_required_field_cannot_be_sealed_or_read() {
    let whole = serde_json::to_value(intent()).unwrap();
    let optional = ["image"];
    for name in whole
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| !optional.contains(&name.as_str()))
    {
        let mut short = whole.clone();
        short.as_object_mut().unwrap().remove(name);
        assert_eq!(
            Body::from_parts(Kind::Intent, short),
            Err(EntryError::Malformed),
            "{name}"
        );
    }
    let texts = [
        "subject",
        "organisation",
        "organisation_class",
        "jurisdiction",
        "purpose",
        "case_reference",
        "plate",
        "match",
    ];
    for field in texts {
        let mut empty = whole.clone();
        empty[field] = json!(" ");
        let body = Body::from_parts(Kind::Intent, empty).unwrap();
        let refused = body.seal(Nonce::from_bytes([0; 16])).unwrap_err();
        assert_eq!(
            refused,
            EntryError::Missing {
                kind: "intent",
                field
            }
        );
    }
}

#[test]
fn reads_without_a_digest_are_refused() {
    let mut body = bodies().remove(3);
    if let Body::OutcomePart(part) = &mut body {
        part.digest = None;
    }
    let expected = Err(EntryError::Missing {
        kind: "outcome_part",
        field: "digest",
    });
    assert_eq!(entry(body).canonical_bytes(), expected);
}

#[test]
fn an_entry_that_follows_names_an_earlier_intent() {
    let mut outcome = entry(bodies().remove(4));
    outcome.intent = None;
    assert_eq!(
        outcome.canonical_bytes(),
        Err(EntryError::Missing {
            kind: "outcome",
            field: "intent"
        })
    );
    outcome.intent = Some(7);
    assert_eq!(
        outcome.canonical_bytes(),
        Err(EntryError::Contradiction {
            kind: "outcome",
            field: "intent"
        })
    );
}

#[test]
fn the_largest_body_makes_an_entry_that_fits_and_one_byte_more_is_refused() {
    let body = |length: usize| admin(json!({ "a": "x".repeat(length) }));
    let frame = canonical_json(&body(0).to_value().unwrap()).unwrap().len();
    let mut largest = entry(body(MAX_BODY_BYTES - frame));
    largest.index = u64::MAX;
    largest.at = "9999-12-30T22:00:00.999999999Z".parse().unwrap();
    assert!(largest.canonical_bytes().unwrap().len() <= MAX_ENTRY_BYTES);
    let more = entry(body(MAX_BODY_BYTES - frame + 1));
    assert_eq!(
        more.canonical_bytes(),
        Err(EntryError::TooLarge {
            bytes: MAX_BODY_BYTES + 1
        })
    );
}

#[test]
fn a_long_list_of_names_keeps_count_and_digest() {
    let names = Names::of((0..1_000).map(|n| format!("source-{n}")).collect());
    assert_eq!(
        (names.count, names.names.is_none(), names.sha256.is_some()),
        (1_000, true, true)
    );
}

#[test]
fn nothing_personal_is_shown_by_debug_or_by_an_error() {
    let sealed = Body::Intent(intent())
        .seal(Nonce::from_bytes([0xab; 16]))
        .unwrap();
    let facts = entry(admin(json!({ "about": "TPK0421" })));
    let broken = Body::from_parts(Kind::Intent, json!({ "plate": { "TPK0421": 1 } }));
    let shown = format!(
        "{:?} {sealed:?} {facts:?} {broken:?}",
        entry(Body::Intent(intent()))
    );
    for secret in ["TPK0421", "officer-17", "BD-2026-0042", "abab", "0707"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

proptest! {
    #[test]
    fn any_text_survives_the_canonical_form(key in ".*", text in ".*") {
        let entry = entry(admin(json!({ key: text })));
        let bytes = entry.canonical_bytes().unwrap();
        prop_assert!(!bytes.contains(&b'\n'));
        prop_assert_eq!(Entry::parse(&bytes).unwrap(), entry);
    }

    #[test]
    fn any_bytes_are_parsed_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Entry::parse(&bytes).is_err());
    }
}
