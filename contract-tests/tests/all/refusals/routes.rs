//! Every route without a token, addresses that do not exist, and requests that come too slowly or too large.

use std::time::Duration;

use http::StatusCode;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{QUESTION_ROUTES, problem, refusal, tight};
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
