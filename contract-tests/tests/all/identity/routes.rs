//! No route answers somebody who is not known, but for those on this list.

use serde_json::json;

use super::Desk;
use crate::installation::{configure, question};

/// What answers without a caller, and why.
const OPEN: [(&str, &str, &str); 4] = [
    (
        "get",
        "/healthz",
        "tells whether the process lives and nothing else",
    ),
    (
        "get",
        "/readyz",
        "tells whether questions can be recorded and nothing else",
    ),
    (
        "get",
        "/metrics",
        "counters without a plate, a person or a case",
    ),
    ("get", "/v1/notice", "is read before signing in"),
];

/// What signs somebody in: without a caller, and never good without proof.
const SIGN_IN: [(&str, &str); 4] = [
    ("post", "/v1/session"),
    ("post", "/v1/session/authorizations"),
    ("post", "/v1/session/authorizations:complete"),
    ("post", "/v1/enrolments"),
];

#[tokio::test]
async fn no_route_but_these_answers_somebody_who_is_not_known() {
    let many = "[limits]\nstrangers_per_minute = 100000";
    let desk = Desk::start(|world| configure(world, many)).await;
    let document = serde_json::to_value(turnpike_gateway::api::document()).unwrap();
    let mut open = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let address = path
                .replace("{id}", "state-tolls")
                .replace("{n}", "0")
                .replace("{subject}", "first.operator");
            let is_open = OPEN.iter().any(|(m, p, _)| m == method && p == path);
            let signs_in = SIGN_IN.contains(&(method.as_str(), path.as_str()));
            let says_so = operation["security"].is_null();
            assert_eq!(
                says_so,
                is_open || signs_in,
                "{method} {path}: the document says otherwise"
            );
            for token in [
                None,
                Some(""),
                Some("guess"),
                Some("a.b.c"),
                Some("tps_guess"),
                Some("tpk_guess"),
            ] {
                for body in [None, Some(json!({})), Some(question(1))] {
                    let method = method.to_uppercase();
                    let reply = desk.call(&method, &address, token, body.as_ref()).await;
                    let good = (200..300).contains(&reply.status);
                    assert_eq!(good, is_open, "{method} {path} {token:?}: {}", reply.status);
                    if !is_open && !signs_in {
                        assert_eq!(reply.status, 401, "{method} {path} {token:?}");
                    }
                }
            }
            open += usize::from(is_open || signs_in);
        }
    }
    assert_eq!(open, OPEN.len() + SIGN_IN.len(), "the list is stale");
    for page in ["/openapi.json", "/docs/"] {
        assert_eq!(
            desk.call("GET", page, None, None).await.status,
            200,
            "{page}"
        );
    }
}
