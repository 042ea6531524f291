//! What the source is asked and told, and what its refusals become.

use std::{io::Cursor as File, time::Duration};

use http::header;
use serde_json::{Value, json};
use turnpike_schemas::{
    agreement::UpstreamField,
    plate::{Jurisdiction, Plate, PlatePattern},
    query::AskedPlate,
};

use super::script::{BOTH, Bench, ask, exact, page, permit, response};
use crate::{
    adapter::{Capabilities, Message},
    error::{ErrorKind, Retry},
    flock::ENTRY,
    registry,
};

const ERRORS: [&str; 2] = [
    include_str!("../fixtures/error-text.json"),
    include_str!("../fixtures/error-object.json"),
];

#[tokio::test]
async fn the_lookup_says_what_the_manual_asks_for() {
    let bench = Bench::new();
    bench.source.answer(200, page(&[], None));
    let query = exact().issued_by(Jurisdiction::parse("US-OH").unwrap());
    bench.search_for(&permit(&query, &BOTH, 100)).await.unwrap();
    let sent = &bench.source.sent()[1];
    let documented: Value =
        serde_json::from_str(include_str!("../fixtures/lookup-request.json")).unwrap();
    assert_eq!(sent.json(), documented);
    assert_eq!(bench.source.asked(), ["POST /reads/lookup"]);
    assert_eq!(sent.authorization.as_deref(), Some("Bearer token-1"));
    assert_eq!(sent.content_type.as_deref(), Some("application/json"));
}

#[tokio::test]
async fn the_case_is_told_only_if_disclosed() {
    let bench = Bench::new();
    bench.source.answer(200, page(&[], None));
    let permit = permit(&exact(), &[UpstreamField::Purpose], 100);
    bench.search_for(&permit).await.unwrap();
    let body = bench.source.sent()[1].json();
    assert_eq!(body["reason"], "stolen_vehicle");
    assert_eq!(body.get("caseNumber"), None);
    assert_eq!(body.get("state"), None);
}

#[tokio::test]
async fn without_a_disclosed_purpose_nothing_is_sent() {
    for disclose in [&[][..], &[UpstreamField::CaseReference]] {
        let bench = Bench::new();
        let error = bench
            .search_for(&permit(&exact(), disclose, 100))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undisclosed);
        assert!(bench.source.sent().is_empty());
    }
}

#[tokio::test]
async fn who_asks_is_never_told() {
    let bench = Bench::new();
    bench.source.answer(200, page(&["a"], Some("p2")));
    bench.source.answer(200, page(&["b"], None));
    bench.search().await.unwrap();
    let sent = format!("{:?}", bench.source.sent());
    assert!(!sent.contains("canary"), "{sent}");
    assert!(
        bench
            .source
            .sent()
            .iter()
            .all(|sent| !sent.url.contains("TPK"))
    );
}

#[tokio::test]
async fn only_exact_plates_are_asked_for() {
    for plate in [
        AskedPlate::LookAlike(Plate::parse("TPK0421").unwrap()),
        AskedPlate::Partial(PlatePattern::parse("TPK0?21").unwrap()),
    ] {
        let bench = Bench::new();
        let error = bench
            .search_for(&permit(&ask(plate), &BOTH, 100))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(bench.source.sent().is_empty());
    }
}

#[tokio::test]
async fn the_issuer_is_never_named_so_that_rows_without_a_state_come_too() {
    for code in ["US-OH", "US-DC", "US", "CA-ON"] {
        let bench = Bench::new();
        bench.source.answer(200, page(&[], None));
        let query = exact().issued_by(Jurisdiction::parse(code).unwrap());
        bench.search_for(&permit(&query, &BOTH, 100)).await.unwrap();
        assert_eq!(bench.source.sent()[1].json().get("state"), None, "{code}");
    }
}

#[tokio::test]
async fn a_page_is_never_larger_than_what_may_be_given() {
    let bench = Bench::with(json!({"page_size": 20}));
    for (max_reads, limit) in [(7, 7), (20, 20), (1000, 20)] {
        bench.source.answer(200, page(&[], None));
        let permit = permit(&exact(), &BOTH, max_reads);
        bench.search_for(&permit).await.unwrap();
        let sent = bench.source.sent();
        assert_eq!(sent.last().unwrap().json()["limit"], limit);
    }
}

#[tokio::test]
async fn a_refusal_is_a_kind_in_either_error_shape() {
    for (status, kind, retry) in [
        (400, ErrorKind::Config, Retry::Never),
        (403, ErrorKind::Unauthorized, Retry::Never),
        (404, ErrorKind::Malformed, Retry::Never),
        (422, ErrorKind::Config, Retry::Never),
        (429, ErrorKind::RateLimited, Retry::Backoff),
        (500, ErrorKind::Unavailable, Retry::Backoff),
        (503, ErrorKind::Unavailable, Retry::Backoff),
    ] {
        for body in ERRORS {
            let bench = Bench::new();
            bench.source.answer(status, body);
            let error = bench.search().await.unwrap_err();
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{status}");
            assert!(!error.to_string().contains("must be"), "{error}");
        }
    }
}

#[tokio::test]
async fn retry_after_is_counted_from_the_clock() {
    for (text, wait) in [("9", 9), ("Thu, 05 Mar 2026 12:01:00 GMT", 60)] {
        let bench = Bench::new();
        let mut answer = response(429, "");
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, text.parse().unwrap());
        bench.source.answer_with(answer);
        let error = bench.search().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!(error.retry(), Retry::After(Duration::from_secs(wait)));
    }
}

#[tokio::test]
async fn what_is_not_the_documented_json_is_malformed() {
    for body in [
        "",
        "<html>TPK0421</html>",
        "[]",
        "{}",
        r#"{"results":null}"#,
        r#"{"results":["TPK0421""#,
    ] {
        let bench = Bench::new();
        bench.source.answer(200, body);
        let error = bench.search().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{body}");
        assert!(!format!("{error:?}").contains("TPK"));
    }
}

#[tokio::test]
async fn what_the_vendor_does_not_do_is_unsupported() {
    let bench = Bench::new();
    let adapter = &bench.adapter;
    let can = adapter.info().capabilities;
    let all = ENTRY.capabilities;
    assert_eq!(Capabilities { push: true, ..can }, all);
    assert!(can.search && !can.push);
    let decoded = adapter.decode(&Message::json("{}")).map(|_| ());
    let file = adapter
        .decode_file("reads.json", &mut File::new(b""), &mut |_| Ok(()))
        .map(|_| ());
    for outcome in [decoded, file] {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unsupported);
    }
    assert!(bench.source.sent().is_empty());
}

#[test]
fn the_registry_knows_the_adapter_and_its_two_hosts() {
    let entry = registry::find("flock").unwrap();
    let settings = json!({
        "base_url": "https://api.police.example/api/v3",
        "token_url": "https://login.police.example/oauth/token",
        "audience": "com.flocksafety.integrations",
    });
    let hosts = (entry.hosts)(&settings).unwrap();
    let hosts: Vec<_> = hosts.iter().filter_map(|url| url.host_str()).collect();
    assert_eq!(hosts, ["api.police.example", "login.police.example"]);
    let decode = entry.saved_answer.unwrap();
    let page = decode(&settings, include_bytes!("../fixtures/lookup-answer.json")).unwrap();
    assert_eq!(page.reads.len(), 1);
}
