//! Every way to ask wrongly: the answer is a problem that names the field and repeats no plate, and it is on record once.

mod questions;
mod routes;

use serde_json::Value;

use super::installation::{Installation, configure, of_kind};

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
    let entry = refused.last().unwrap()["body"].clone();
    assert!(entry["reason"].is_string(), "{}: {body}", wanted.what);
    entry
}

async fn problem(response: reqwest::Response, wanted: &Refusal) -> Value {
    let what = wanted.what;
    assert_eq!(response.status(), wanted.status, "{what}");
    let content_type = response.headers()["content-type"].clone();
    assert_eq!(content_type, "application/problem+json", "{what}");
    let id = response.headers()["x-request-id"].to_str().unwrap();
    let instance = format!("urn:uuid:{id}");
    let text = response.text().await.unwrap();
    assert!(!text.contains("TPK"), "{what}: {text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["type"], format!("/problems/{}", wanted.kind), "{what}");
    assert_eq!(body["status"], wanted.status);
    assert_eq!(body["instance"], instance, "{what}");
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
