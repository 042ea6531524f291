//! Every route without a token, addresses that do not exist, and requests that come too slowly or too large.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{QUESTION_ROUTES, problem, refusal, refused, tight};
use crate::installation::{Installation, PATIENCE, of_kind};

/// Routes that leave no entry when somebody without a token calls them, and why.
const SILENT: [(&str, &str); 4] = [
    (
        "/healthz",
        "tells whether the process lives and nothing else",
    ),
    (
        "/readyz",
        "tells whether questions can be recorded and nothing else",
    ),
    ("/metrics", "counters without a plate, a person or a case"),
    ("/v1/notice", "is read before signing in"),
];

/// Routes that need no token because they sign somebody in: without a body they are refused for that.
const SIGN_IN: [&str; 4] = [
    "post /v1/session",
    "post /v1/session/authorizations",
    "post /v1/session/authorizations:complete",
    "post /v1/enrolments",
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
            let address = path
                .replace("{id}", "state-tolls")
                .replace("{n}", "0")
                .replace("{subject}", "first.operator");
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
                if SIGN_IN.contains(&format!("{method} {path}").as_str()) {
                    problem(response, &refusal("sign-in", 415, "unsupported_media_type")).await;
                    continue;
                }
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

/// What review and reports refuse, with what is sent: each on record once and none with what was typed.
#[tokio::test]
async fn what_the_review_refuses_is_on_record_however_it_is_wrong() {
    let installation = tight().await;
    let most = u64::MAX;
    let finding = |entry: &str| format!("/v1/ledger/questions/{entry}/findings");
    let found = json!({ "result": "justified", "note": "seen" });
    let of = |what, method, path: String, body: Value, status, kind| {
        (refusal(what, status, kind), method, path, body)
    };
    let auditor = [
        of(
            "last entry",
            "POST",
            finding(&most.to_string()),
            found.clone(),
            404,
            "not_found",
        ),
        of(
            "no number",
            "POST",
            finding("TPK0421"),
            found.clone(),
            404,
            "not_found",
        ),
        of(
            "too large",
            "POST",
            finding("18446744073709551616"),
            found,
            404,
            "not_found",
        ),
        of(
            "no note",
            "POST",
            finding("0"),
            json!({ "result": "justified", "note": " " }),
            422,
            "invalid",
        ),
        of(
            "search",
            "POST",
            "/v1/ledger/questions:search".into(),
            json!({ "last": 0 }),
            422,
            "invalid",
        ),
        of(
            "sample",
            "POST",
            "/v1/ledger/questions:sample".into(),
            json!({ "from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z", "share": "TPK0421", "checkpoint": "", "witness": "" }),
            422,
            "invalid",
        ),
        of(
            "week",
            "POST",
            "/v1/reports/reviews".into(),
            json!({ "week": "1999-W01", "note": "seen" }),
            422,
            "invalid",
        ),
        of(
            "flags",
            "GET",
            "/v1/reports/flags?rule=TPK0421".into(),
            Value::Null,
            422,
            "invalid",
        ),
        of(
            "unused",
            "GET",
            "/v1/reports/unused?days=0".into(),
            Value::Null,
            422,
            "invalid",
        ),
        of(
            "months",
            "GET",
            "/v1/reports/transparency?first_month=TPK0421&last_month=x".into(),
            Value::Null,
            422,
            "invalid",
        ),
        of(
            "plate",
            "POST",
            "/v1/reports/declared-vehicles".into(),
            json!({ "plate": "-" }),
            422,
            "invalid",
        ),
    ];
    for (wanted, method, path, body) in auditor {
        let token = installation.token("auditor");
        let request = installation.request(method, &path, Some(token));
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        let entry = refused(&installation, request, &wanted).await;
        assert!(!entry.to_string().contains("TPK"), "{entry}");
    }
}

#[tokio::test]
async fn no_number_is_too_large_for_a_route() {
    let installation = tight().await;
    let document = serde_json::to_value(turnpike_gateway::api::document()).unwrap();
    let most = u64::MAX.to_string();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let mut address = path.clone();
            let parameters = operation["parameters"].as_array();
            for parameter in parameters.into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                if parameter["in"] == "path" {
                    address = address.replace(&format!("{{{name}}}"), &most);
                    address = address.replace(&format!("{{*{name}}}"), &most);
                } else {
                    let sign = if address.contains('?') { '&' } else { '?' };
                    address = format!("{address}{sign}{name}={most}");
                }
            }
            for role in ["auditor", "operator", "source_owner", "investigator"] {
                let token = installation.token(role);
                let body = json!({ "result": "justified", "note": "seen", "last": u64::MAX });
                let request = installation.request(&method.to_uppercase(), &address, Some(token));
                let response = request.json(&body).send().await.unwrap();
                let status = response.status();
                assert!(
                    !status.is_server_error(),
                    "{role} {method} {address}: {status}"
                );
            }
        }
    }
}
