//! Both vocabularies, over generated entries of every kind, in the clear and sealed.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{
    ledger::{Body, Nonce, Place, SealedValue, Seals},
    standard::{cadf, ocsf},
};

/// Stands for a cipher: what matters here is the shape.
struct Covering;

impl Seals for Covering {
    fn seal(&self, place: &Place<'_>, _: &Value) -> Result<SealedValue, EntryError> {
        Ok(SealedValue {
            key: crate::ledger::KeyId::new("2026-03", [1; 4])?,
            sealed: "AAAA".to_owned(),
            tag: place.domain.to_owned(),
        })
    }
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9\"\\\\ .é-]{0,12}[a-z]"
}

fn maybe(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), value]
}

fn words(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    proptest::sample::select(words).prop_map(Value::from)
}

fn text() -> impl Strategy<Value = Value> {
    name().prop_map(Value::from)
}

fn without_nulls(mut value: Value, optional: &[&str]) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, field| !(field.is_null() && optional.contains(&&**name)));
    }
    value
}

fn asking() -> impl Strategy<Value = (Kind, Value)> {
    let kind = prop_oneof![Just(Kind::Intent), Just(Kind::DryRun)];
    let texts = (text(), text(), text(), text(), text(), text());
    (kind, texts, maybe(text()), maybe(text()), any::<bool>()).prop_map(
        |(kind, (subject, organisation, purpose, case, plate, class), other, state, is_image)| {
            let body = json!({
                "action": if is_image { "image" } else { "query" }, "subject": subject, "organisation": organisation,
                "organisation_class": class, "jurisdiction": "US-OH", "on_behalf_of": other, "purpose": purpose,
                "case_reference": case, "plate": plate, "plate_jurisdiction": state, "match": "exact",
                "window": { "from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00.5Z" },
                "sources_wanted": { "count": 1, "names": ["tolls"] }, "image": is_image.then_some("a/0"),
            });
            (kind, without_nulls(body, &["image"]))
        },
    )
}

fn deciding() -> impl Strategy<Value = (Kind, Value)> {
    (text(), maybe(text()), any::<bool>()).prop_map(|(source, agreement, permits)| {
        let (verdict, agreement) = if permits { ("permit", json!("a@1")) } else { ("refuse", agreement) };
        let body = json!({ "source": source, "verdict": verdict, "agreement": agreement, "rules": ["purpose"], "obligations": [] });
        (Kind::Decision, body)
    })
}

fn coming() -> impl Strategy<Value = (Kind, Value)> {
    let part = (
        text(),
        words(&["answered", "empty", "timed_out"]),
        any::<u32>(),
        any::<bool>(),
        maybe(text()),
    );
    let part = part.prop_map(|(source, outcome, count, truncated, detail)| {
        let digest = "ab".repeat(32);
        let body = json!({ "source": source, "outcome": outcome, "count": count, "digest": digest, "truncated": truncated, "detail": detail });
        without_nulls(body, &["detail"])
    });
    let whole = (
        words(&["complete", "partial", "none"]),
        any::<u32>(),
        proptest::collection::vec(part_of(), 0..3),
    )
        .prop_map(|(completeness, reads, sources)| {
            (
                Kind::Outcome,
                json!({ "completeness": completeness, "reads": reads, "sources": sources }),
            )
        });
    prop_oneof![part.prop_map(|part| (Kind::OutcomePart, part)), whole]
}

fn part_of() -> impl Strategy<Value = Value> {
    text().prop_map(|source| json!({ "source": source, "outcome": "empty", "count": 0, "digest": null, "truncated": false }))
}

fn refusing() -> impl Strategy<Value = (Kind, Value)> {
    let reason = words(&[
        "unauthenticated",
        "malformed",
        "denied_by_all",
        "rate_limited",
        "forbidden",
    ]);
    let optional = (
        maybe(text()),
        maybe(text()),
        maybe(text()),
        maybe(text()),
        maybe(text()),
    );
    (reason, optional).prop_map(|(reason, (detail, subject, plate, case, source))| {
        let body = json!({ "reason": reason, "detail": detail, "subject": subject, "plate": plate, "case_reference": case, "source": source });
        (Kind::Refused, without_nulls(body, &["detail", "subject", "plate", "case_reference", "source"]))
    })
}

fn the_rest() -> impl Strategy<Value = (Kind, Value)> {
    let interrupted = words(&[
        "restart",
        "abandoned",
        "ledger_deadline",
        "ledger_unavailable",
    ])
    .prop_map(|reason| (Kind::Interrupted, json!({ "reason": reason })));
    let delivery = (words(&["completed", "aborted"]), any::<u64>())
        .prop_map(|(end, bytes)| (Kind::Delivery, json!({ "end": end, "bytes": bytes })));
    let ingest = (text(), words(&["file", "push", "poll", "subscribe"]), any::<u64>(), maybe(text())).prop_map(
        |(source, way, accepted, refused)| {
            let body = json!({ "source": source, "way": way, "accepted": accepted, "duplicates": 0, "rejected": 1, "refused": refused });
            (Kind::Ingest, without_nulls(body, &["refused"]))
        },
    );
    let actions = words(&[
        "start",
        "stop",
        "ledger_read",
        "config_change",
        "source_check",
        "sign_in",
        "sign_in_refused",
        "sign_out",
        "account_change",
        "key_change",
        "agreement_change",
        "notice",
        "alarm",
        "justification",
        "finding",
        "review",
        "report",
        "export",
        "seal",
        "owner_checkpoint",
        "erasure",
    ]);
    let admin =
        (actions, maybe(text()), name(), any::<i64>()).prop_map(|(action, by, fact, value)| {
            let body =
                json!({ "action": action, "by": by, "facts": { fact: value, "source": "tolls" } });
            (Kind::Admin, without_nulls(body, &["by"]))
        });
    prop_oneof![interrupted, delivery, ingest, admin]
}

fn entries() -> impl Strategy<Value = Entry> {
    let bodies = prop_oneof![asking(), deciding(), coming(), refusing(), the_rest()];
    let header = (
        1_u64..1 << 60,
        any::<[u8; 16]>(),
        0_i64..4_000_000_000_000,
        any::<u128>(),
    );
    (bodies, header).prop_map(|((kind, body), (index, nonce, millis, question))| {
        let at = Timestamp::from_millisecond(millis).unwrap();
        let intent = kind.follows().then_some(index - 1);
        let nonce = Nonce::from_bytes(nonce);
        let entry = json!({
            "at": at, "body": body, "index": index, "intent": intent, "kind": kind, "nonce": nonce,
            "question": Uuid::from_u128(question),
        });
        from_value(&entry).unwrap()
    })
}

/// The same with its personal fields sealed.
fn sealed(entry: &Entry) -> Entry {
    let mut bytes = Vec::new();
    let sealed = entry
        .body
        .seal_under(entry.nonce.clone(), &Covering)
        .unwrap();
    let stamp = crate::ledger::Stamp {
        index: entry.index,
        at: entry.at,
        question: entry.question,
        intent: entry.intent,
    };
    sealed.write(&stamp, &mut bytes);
    Entry::parse(&bytes).unwrap()
}

fn is_text(event: &Value, place: &[&str]) -> bool {
    super::text(event, place).is_some_and(|text| !text.is_empty())
}

fn is_ocsf(event: &Value) {
    let number = |name: &str| event[name].as_u64().unwrap();
    assert_eq!(number("class_uid") / 1_000, number("category_uid"));
    assert_eq!(
        number("type_uid"),
        number("class_uid") * 100 + number("activity_id")
    );
    assert!(number("severity_id") > 0 && number("status_id") < 3 && event["time"].is_i64());
    let texts: [&[&str]; 4] = [
        &["metadata", "version"],
        &["metadata", "product", "vendor_name"],
        &["metadata", "original_time"],
        &["src_endpoint", "name"],
    ];
    assert!(texts.iter().all(|place| is_text(event, place)), "{event}");
    assert!(event["actor"].is_object());
    assert_eq!(event["class_uid"] == 6005, event["database"].is_object());
}

fn is_cadf(event: &Value) {
    let actions = [
        "read",
        "evaluate",
        "allow",
        "deny",
        "receive",
        "send",
        "start",
        "stop",
        "authenticate/login",
        "revoke",
        "notify",
        "delete",
        "update",
    ];
    assert!(actions.contains(&event["action"].as_str().unwrap()));
    assert!(["success", "failure", "pending"].contains(&event["outcome"].as_str().unwrap()));
    assert!(["activity", "control"].contains(&event["eventType"].as_str().unwrap()));
    assert!(event["typeURI"] == "http://schemas.dmtf.org/cloud/audit/1.0/event");
    assert!(is_text(event, &["id"]) && is_text(event, &["eventTime"]));
    for resource in ["initiator", "target", "observer"] {
        assert!(
            is_text(event, &[resource, "id"]) && is_text(event, &[resource, "typeURI"]),
            "{event}"
        );
    }
}

proptest! {
    #[test]
    fn every_entry_comes_back_from_either_vocabulary_as_it_was(clear in entries()) {
        for entry in [sealed(&clear), clear] {
            let event = ocsf::event(&entry).unwrap();
            is_ocsf(&event);
            prop_assert_eq!(ocsf::entry(event).unwrap(), entry.clone());
            let event = cadf::event(&entry).unwrap();
            is_cadf(&event);
            prop_assert_eq!(cadf::entry(event).unwrap(), entry);
        }
    }

    #[test]
    fn any_json_is_an_entry_or_an_error(text in ".*", number in any::<i64>()) {
        for value in [json!(text), json!(number), json!({ "metadata": { "event_code": text } }), json!({ "attachments": [{ "typeURI": cadf::ATTACHMENT, "content": text }] })] {
            prop_assert!(ocsf::entry(value.clone()).is_err() && cadf::entry(value).is_err());
        }
    }
}

#[test]
fn a_question_is_a_query_by_its_subject_and_a_sealed_one_names_nobody() {
    let body = json!({
        "action": "query", "subject": "officer-17", "organisation": "brookdale-pd", "organisation_class": "state_local",
        "jurisdiction": "US-OH", "on_behalf_of": null, "purpose": "stolen_vehicle", "case_reference": "BD-2026-0042",
        "plate": "TPK0421", "plate_jurisdiction": null, "match": "exact",
        "window": { "from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z" },
        "sources_wanted": { "count": 1, "names": ["tolls"] },
    });
    let clear = Entry {
        index: 7,
        at: "2026-03-04T07:15:30.5Z".parse().unwrap(),
        nonce: Nonce::from_bytes([7; 16]),
        question: Some(Uuid::from_u128(1)),
        intent: None,
        body: Body::Intent(serde_json::from_value(body).unwrap()),
    };
    let event = ocsf::event(&clear).unwrap();
    assert_eq!(
        (&event["class_uid"], &event["activity_id"]),
        (&json!(6005), &json!(4))
    );
    assert_eq!(event["actor"]["user"]["name"], "officer-17");
    assert_eq!(event["query_info"]["query_string"], "TPK0421");
    assert_eq!(event["metadata"]["sequence"], 7);
    let event = cadf::event(&clear).unwrap();
    assert_eq!(
        (&event["action"], &event["initiator"]["name"]),
        (&json!("read"), &json!("officer-17"))
    );
    let sealed = sealed(&clear);
    let (ocsf, cadf) = (ocsf::event(&sealed).unwrap(), cadf::event(&sealed).unwrap());
    assert_eq!(
        ocsf["actor"]["user"],
        json!({ "uid": "person", "org": { "uid": "brookdale-pd" } })
    );
    assert_eq!(cadf["initiator"]["id"], "person");
    for event in [ocsf, cadf] {
        let text = event.to_string();
        assert!(
            !text.contains("officer-17") && !text.contains("TPK0421"),
            "{text}"
        );
    }
}
