//! Every way to ask wrongly: the answer is a problem that names the field and repeats no plate, and it is on record once.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::installation::{
    Installation, PATIENCE, PLATE, configure, of_kind, question, question_about, with,
};

const QUESTION_ROUTES: [&str; 2] = ["/v1/queries", "/v1/queries:explain"];

/// What a request should come to.
struct Refusal {
    what: &'static str,
    status: u16,
    kind: &'static str,
    field: Option<&'static str>,
}

fn refusal(what: &'static str, status: u16, kind: &'static str) -> Refusal {
    Refusal {
        what,
        status,
        kind,
        field: None,
    }
}

fn invalid(field: &'static str) -> Refusal {
    Refusal {
        field: Some(field),
        ..refusal(field, 422, "invalid")
    }
}

/// Checks one refused request: a problem document without a plate, and exactly one more entry.
async fn refused(
    installation: &Installation,
    request: reqwest::RequestBuilder,
    wanted: &Refusal,
) -> Value {
    let before = of_kind(&installation.ledger(), "refused").len();
    let response = request.send().await.unwrap();
    let body = problem(response, wanted).await;
    let entries = installation.ledger();
    let refused = of_kind(&entries, "refused");
    assert_eq!(refused.len(), before + 1, "{}", wanted.what);
    refused.last().unwrap()["body"].clone().tap(|entry| {
        assert!(entry["reason"].is_string(), "{}: {body}", wanted.what);
    })
}

trait Tap: Sized {
    fn tap(self, look: impl FnOnce(&Self)) -> Self {
        look(&self);
        self
    }
}
impl Tap for Value {}

async fn problem(response: reqwest::Response, wanted: &Refusal) -> Value {
    let what = wanted.what;
    assert_eq!(response.status(), wanted.status, "{what}");
    let content_type = response.headers()["content-type"].clone();
    assert_eq!(content_type, "application/problem+json", "{what}");
    assert!(response.headers().contains_key("x-request-id"), "{what}");
    let text = response.text().await.unwrap();
    assert!(!text.contains("TPK"), "{what}: {text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["type"], format!("/problems/{}", wanted.kind), "{what}");
    assert_eq!(body["status"], wanted.status);
    assert!(
        body["title"]
            .as_str()
            .is_some_and(|title| !title.is_empty())
    );
    if let Some(field) = wanted.field {
        assert_eq!(body["field"], field, "{body}");
    }
    body
}

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

async fn tight() -> Installation {
    Installation::start(|world| {
        configure(
            world,
            "[limits]\nuser_per_minute = 5000\norganisation_per_minute = 5000\n\
             [http]\nbody_timeout_ms = 300\nheader_timeout_ms = 300\nmax_header_kb = 8\nmax_query_kb = 4\nmax_push_mb = 1",
        );
    })
    .await
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

/// Routes that leave no entry when somebody without a token calls them, and why.
const SILENT: [(&str, &str); 3] = [
    (
        "/healthz",
        "tells whether the process lives and nothing else",
    ),
    (
        "/readyz",
        "tells whether questions can be recorded and nothing else",
    ),
    ("/metrics", "counters without a plate, a person or a case"),
];

#[tokio::test]
async fn every_route_called_without_a_token_leaves_an_entry() {
    let installation = tight().await;
    let document = serde_json::to_value(turnpike_gateway::api::document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    for (path, reason) in SILENT {
        assert!(
            paths.contains_key(path) && !reason.is_empty(),
            "{path} is stale"
        );
    }
    for (path, operations) in paths {
        for method in operations.as_object().unwrap().keys() {
            let address = path.replace("{id}", "state-tolls").replace("{n}", "0");
            let before = of_kind(&installation.ledger(), "refused").len();
            let request = installation.request(&method.to_uppercase(), &address, None);
            let response = request.send().await.unwrap();
            let after = of_kind(&installation.ledger(), "refused").len();
            if SILENT.iter().any(|(silent, _)| silent == path) {
                assert_eq!(
                    (response.status(), after),
                    (StatusCode::OK, before),
                    "{path}"
                );
            } else {
                assert_eq!(after, before + 1, "{method} {path}");
                assert_eq!(
                    response.headers()["www-authenticate"],
                    "Bearer realm=\"turnpike\""
                );
                problem(response, &refusal("route", 401, "unauthenticated")).await;
            }
        }
    }
    for (method, path, status, kind) in [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1/TPK0421", 404, "not_found"),
        ("GET", "/v1/queries", 405, "method_not_allowed"),
        ("DELETE", "/v1/sources", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("POST", "/v1/sources/%FF/reads", 401, "unauthenticated"),
        ("POST", "/v1/sources/nowhere/reads", 401, "unauthenticated"),
    ] {
        let response = installation
            .request(method, path, None)
            .send()
            .await
            .unwrap();
        problem(response, &refusal("address", status, kind)).await;
    }
}

/// Sends bytes, keeps the connection open, and gives everything that comes back until the gateway closes it.
async fn raw(installation: &Installation, request: &str) -> String {
    let address = installation.gateway.address().replace("http://", "");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset after the answer is a closed connection as well.
    drop(read.expect("the gateway closes the connection"));
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn slow_and_oversized_requests_are_cut_off() {
    let installation = tight().await;
    let token = installation.token("investigator");
    let head = |route: &str| {
        format!(
            "POST {route} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n"
        )
    };
    for route in QUESTION_ROUTES {
        let slow = format!("{}content-length: 100\r\n\r\n{{\"plate\":", head(route));
        let answer = raw(&installation, &slow).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("/problems/too_slow"), "{answer}");
        let ledger = installation.ledger();
        let last = of_kind(&ledger, "refused").pop().unwrap();
        assert_eq!(last["body"]["detail"], "too_slow");
    }
    let unfinished = raw(&installation, "POST /v1/queries HTTP/1.1\r\nhost: x\r\n").await;
    assert!(!unfinished.contains("200 OK"), "{unfinished}");
    let headers = format!(
        "{}x-much: {}\r\n\r\n",
        head("/v1/queries"),
        "a".repeat(40_000)
    );
    let answer = raw(&installation, &headers).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    let many: String = (0..200).map(|n| format!("x-{n}: a\r\n")).collect();
    let answer = raw(&installation, &format!("{}{many}\r\n", head("/v1/queries"))).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    let garbage = raw(&installation, "\u{16}\u{3}TPK0421\r\n\r\n").await;
    assert!(
        garbage.is_empty() || garbage.starts_with("HTTP/1.1 400"),
        "{garbage}"
    );
    let push = format!(
        "POST /v1/sources/main-street-cameras/reads HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-length: 100\r\n\r\n{{",
        installation.world.tokens.cameras
    );
    assert!(raw(&installation, &push).await.starts_with("HTTP/1.1 408"));
    let alive = installation.request("GET", "/readyz", None);
    let alive = alive.timeout(Duration::from_secs(5)).send().await;
    assert_eq!(alive.unwrap().status(), 200, "it still serves");
}
