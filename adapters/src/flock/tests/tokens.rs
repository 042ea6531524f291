//! One token for many searches, replaced when it must be.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;

use super::script::{BOTH, Bench, exact, grant, ids, page, permit};
use crate::error::ErrorKind;

#[tokio::test]
async fn the_token_request_is_a_form_with_the_audience() {
    let bench = Bench::with(json!({"scope": "plate-reads:lookup"}));
    bench.source.answer(200, page(&[], None));
    bench.search().await.unwrap();
    let sent = &bench.source.sent()[0];
    assert!(sent.is_token());
    assert_eq!(
        sent.content_type.as_deref(),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(
        sent.body,
        "grant_type=client_credentials&client_id=brookdale-gateway&client_secret=s%26cret%3D\
         &audience=com.flocksafety.integrations&scope=plate-reads%3Alookup"
    );
    assert_eq!(sent.authorization, None);
}

#[tokio::test]
async fn a_token_is_reused_until_shortly_before_it_expires() {
    let bench = Bench::new();
    let life = serde_json::to_string(&json!({"access_token": "short", "expires_in": 600})).unwrap();
    bench.source.answer_token(200, life);
    for (pass_s, token_requests) in [(0, 1), (539, 1), (1, 2), (86_000, 2)] {
        bench.pass(pass_s);
        bench.source.answer(200, page(&[], None));
        bench.search().await.unwrap();
        assert_eq!(bench.source.token_requests(), token_requests, "{pass_s}");
    }
}

#[tokio::test]
async fn searches_in_parallel_fetch_one_token() {
    let bench = Bench::new();
    for _ in 0..8 {
        bench.source.answer(200, page(&["a"], None));
    }
    let pages = join_all((0..8).map(|_| bench.search())).await;
    assert!(pages.iter().all(Result::is_ok));
    assert_eq!(bench.source.token_requests(), 1);
}

#[tokio::test]
async fn searches_refused_in_parallel_replace_the_token_once() {
    let bench = Bench::new();
    bench.source.answer(200, page(&[], None));
    bench.search().await.unwrap();
    for _ in 0..4 {
        bench.source.answer(401, "");
    }
    for _ in 0..4 {
        bench.source.answer(200, page(&["a"], None));
    }
    let pages = join_all((0..4).map(|_| bench.search())).await;
    assert!(pages.iter().all(Result::is_ok));
    assert_eq!(bench.source.token_requests(), 2);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_the_request_repeated() {
    let bench = Bench::new();
    bench.source.answer(401, r#"{"error":"expired"}"#);
    bench.source.answer(200, page(&["a"], None));
    let page = bench.search().await.unwrap();
    assert_eq!(ids(&page), ["a"]);
    assert_eq!(
        bench.source.asked(),
        ["POST /reads/lookup", "POST /reads/lookup"]
    );
    let sent = bench.source.sent();
    assert_eq!(sent[1].body, sent[3].body);
    assert_eq!(sent[3].authorization.as_deref(), Some("Bearer token-2"));
}

#[tokio::test]
async fn a_second_refusal_is_final() {
    let bench = Bench::new();
    bench.source.answer(401, "");
    bench.source.answer(200, page(&["a"], Some("p2")));
    bench.source.answer(401, "");
    let error = bench.search().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert_eq!(bench.source.token_requests(), 2);
}

#[tokio::test]
async fn a_token_refused_in_mid_page_is_replaced_and_the_same_page_read() {
    let bench = Bench::new();
    bench.source.answer(200, page(&["c"], Some("p2")));
    bench.source.answer(401, "");
    bench.source.answer(200, page(&["b"], Some("p3")));
    bench.source.answer(200, page(&["a"], None));
    let page = bench.search().await.unwrap();
    assert_eq!(page.reads.len(), 3);
    assert!(!page.truncated);
    assert_eq!(
        bench.source.asked(),
        [
            "POST /reads/lookup",
            "GET /reads/lookup/page/p2",
            "GET /reads/lookup/page/p2",
            "GET /reads/lookup/page/p3"
        ]
    );
}

#[tokio::test]
async fn a_token_that_is_not_given_is_an_error_and_nothing_is_asked() {
    for (status, body, kind) in [
        (
            403,
            r#"{"error":"wrong audience"}"#,
            ErrorKind::Unauthorized,
        ),
        (401, r#"{"error":"access_denied"}"#, ErrorKind::Unauthorized),
        (
            400,
            r#"{"error":"invalid_client"}"#,
            ErrorKind::Unauthorized,
        ),
        (400, r#"{"error":"invalid_scope"}"#, ErrorKind::Config),
        (429, "", ErrorKind::RateLimited),
        (503, "", ErrorKind::Unavailable),
        (200, "no json", ErrorKind::Malformed),
        (200, r#"{"access_token":""}"#, ErrorKind::Malformed),
        (
            200,
            r#"{"access_token":"line\nbreak"}"#,
            ErrorKind::Malformed,
        ),
    ] {
        let bench = Bench::new();
        bench.source.answer_token(status, body);
        let error = bench.search().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {body}");
        assert!(bench.source.asked().is_empty());
    }
}

#[tokio::test]
async fn a_failed_fetch_does_not_stand_in_the_way_of_the_next() {
    let bench = Bench::new();
    bench.source.answer_token(503, "");
    bench.source.answer(200, page(&["a"], None));
    let (first, second) = futures::join!(bench.search(), bench.search());
    assert_eq!(first.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(ids(&second.unwrap()), ["a"]);
}

#[tokio::test]
async fn waiting_for_anothers_token_ends_at_the_deadline() {
    let bench = Bench::new();
    bench.source.answer(200, page(&["a"], None));
    let permit = permit(&exact(), &BOTH, 100);
    let late = bench.ctx_until(Instant::now() - Duration::from_secs(1));
    let (first, second) = futures::join!(bench.search(), bench.adapter.search(&late, &permit));
    assert!(first.is_ok());
    assert_eq!(second.unwrap_err().kind(), ErrorKind::TimedOut);
}

#[tokio::test]
async fn without_secrets_nothing_is_sent() {
    let bench = Bench::new().without_secrets();
    assert_eq!(bench.search().await.unwrap_err().kind(), ErrorKind::Config);
    assert!(bench.source.sent().is_empty());
}

#[tokio::test]
async fn neither_token_nor_secret_prints() {
    let bench = Bench::new();
    bench
        .source
        .answer_token(200, grant("token-canary", 600).into_body());
    bench.source.answer(200, page(&[], None));
    bench.search().await.unwrap();
    let printed = format!("{:?}", bench.adapter);
    assert!(printed.contains("usable until"), "{printed}");
    assert!(!printed.contains("canary") && !printed.contains("s&cret"));
}
