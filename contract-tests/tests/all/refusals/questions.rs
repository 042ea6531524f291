//! Questions that are none, and people who may not ask.

use serde_json::{Value, json};

use super::{QUESTION_ROUTES, invalid, refusal, refused, tight};
use crate::installation::{PLATE, question, question_about, with};

fn without(mut question: Value, field: &str) -> Value {
    question.as_object_mut().unwrap().remove(field);
    question
}

fn partial(plate: &str, days: i64) -> Value {
    with(question_about(plate, days), "match", "partial")
}

/// JSON that is not a question, and the field at fault.
fn not_questions() -> Vec<(Value, &'static str)> {
    let reversed = json!({ "from": "2026-03-08T00:00:00Z", "to": "2026-03-01T00:00:00Z" });
    let zoneless = json!({ "from": "2026-03-01T00:00:00", "to": "2026-03-08T00:00:00Z" });
    let mut cases = vec![
        (question_about(" - ", 3), "plate"),
        (question_about(&format!("{:80}", " "), 3), "plate"),
        (question_about(&format!("{:>90}", "TPK0421"), 3), "plate"),
        (question_about("TPK0421TPK0421TPK0421", 3), "plate"),
        (question_about(&"TPK".repeat(500), 3), "plate"),
        (with(question(3), "plate", json!(421)), "plate"),
        (with(question(3), "plate", Value::Null), "plate"),
        (partial("TPK?", 3), "plate"),
        (partial(PLATE, 3), "plate"),
        (partial("TPK04?1", 40), "window"),
        (with(question(3), "match", "fuzzy"), "match"),
        (with(question(3), "window", reversed), "window"),
        (with(question(3), "window", zoneless), "window.from"),
        (with(question(3), "window", "last week"), "window"),
        (
            with(
                question(3),
                "window",
                json!({ "from": "2026-03-01T00:00:00Z" }),
            ),
            "window.to",
        ),
        (with(question(3), "purpose", "curiosity"), "purpose"),
        (
            with(question(3), "purpose", json!(["stolen_vehicle"])),
            "purpose",
        ),
        (with(question(3), "case_reference", "no"), "case_reference"),
        (
            with(question(3), "case_reference", PLATE.repeat(10)),
            "case_reference",
        ),
        (with(question(3), "on_behalf_of", ""), "on_behalf_of"),
        (
            with(question(3), "on_behalf_of", "nobody-known"),
            "on_behalf_of",
        ),
        (with(question(3), "jurisdiction", "Ohio"), "jurisdiction"),
        (with(question(3), "deadline_ms", 99), "deadline_ms"),
        (with(question(3), "deadline_ms", 30_001), "deadline_ms"),
        (with(question(3), "deadline_ms", -1), "deadline_ms"),
        (with(question(3), "sources", json!([])), "sources"),
        (with(question(3), "sources", json!(["nowhere"])), "sources"),
        (
            with(question(3), "sources", json!(["NO SOURCE"])),
            "sources[0]",
        ),
        (with(question(3), PLATE, "?"), "(body)"),
        (json!([]), "(body)"),
        (json!("TPK0421"), "(body)"),
    ];
    for field in [
        "plate",
        "window",
        "purpose",
        "case_reference",
        "on_behalf_of",
    ] {
        cases.push((without(question(3), field), field));
    }
    cases
}

#[tokio::test]
async fn whatever_is_wrong_with_a_question_is_told_by_field_and_recorded_once() {
    let installation = tight().await;
    let token = installation.token("investigator");
    for route in QUESTION_ROUTES {
        for (body, field) in not_questions() {
            let request = installation.request("POST", route, Some(token)).json(&body);
            let entry = refused(&installation, request, &invalid(field)).await;
            assert_eq!(entry["reason"], "malformed");
            assert_eq!(entry["subject"], "ines.moreau");
        }
        let full = question(3).to_string();
        let deep = full.replace(&format!("\"{PLATE}\""), &"[".repeat(2_000));
        let twice = format!("{full}{full}");
        let large = full.replace(PLATE, &PLATE.repeat(1_000));
        let malformed: [(&'static str, Vec<u8>, u16, &'static str); 7] = [
            ("empty", Vec::new(), 400, "malformed"),
            ("not JSON", b"plate=TPK0421".to_vec(), 400, "malformed"),
            (
                "half",
                full.as_bytes()[..full.len() / 2].to_vec(),
                400,
                "malformed",
            ),
            ("two", twice.into_bytes(), 400, "malformed"),
            (
                "bad UTF-8",
                b"{\"plate\":\"TPK\xff\"}".to_vec(),
                400,
                "malformed",
            ),
            ("too large", large.into_bytes(), 413, "too_large"),
            ("deep", deep.into_bytes(), 422, "invalid"),
        ];
        for (what, body, status, kind) in malformed {
            let request = installation.request("POST", route, Some(token));
            let request = request
                .header("content-type", "application/json")
                .body(body);
            refused(&installation, request, &refusal(what, status, kind)).await;
        }
        for content_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
            let request = installation.request("POST", route, Some(token));
            let request = request
                .header("content-type", content_type)
                .body(full.clone());
            let wanted = refusal("content type", 415, "unsupported_media_type");
            refused(&installation, request, &wanted).await;
        }
        let charset = installation.request("POST", route, Some(token));
        let charset = charset.header("content-type", "Application/JSON; charset=utf-8");
        assert_eq!(charset.body(full).send().await.unwrap().status(), 200);
    }
    assert_eq!(
        installation.world.police.requests().len(),
        2,
        "a token and one lookup"
    );
}

#[tokio::test]
async fn whoever_may_not_ask_is_told_so_and_recorded() {
    let installation = tight().await;
    let contacted = installation.world.police.requests();
    for route in QUESTION_ROUTES {
        for role in ["integrator", "source_owner", "auditor", "operator"] {
            let request = installation.request("POST", route, Some(installation.token(role)));
            let request = request.json(&question(3));
            let entry = refused(&installation, request, &refusal(role, 403, "forbidden")).await;
            assert_eq!(entry["reason"], "forbidden");
            assert!(entry["subject"].is_string());
        }
        for token in [None, Some(""), Some("wrong"), Some("TPK0421")] {
            let request = installation
                .request("POST", route, token)
                .json(&question(3));
            let wanted = refusal("token", 401, "unauthenticated");
            let entry = refused(&installation, request, &wanted).await;
            assert_eq!(entry["reason"], "unauthenticated");
            assert!(entry["subject"].is_null());
        }
        let basic = installation.request("POST", route, None);
        let basic = basic.basic_auth("ines.moreau", Some(installation.token("investigator")));
        let wanted = refusal("basic", 401, "unauthenticated");
        refused(&installation, basic.json(&question(3)), &wanted).await;
    }
    assert_eq!(installation.world.police.requests(), contacted);
}
