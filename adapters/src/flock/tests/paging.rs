//! From page to page, and where it ends.

use serde_json::json;

use super::script::{BOTH, Bench, exact, ids, page, permit, row};
use crate::error::ErrorKind;

#[tokio::test]
async fn pages_are_followed_to_the_last_and_sorted_newest_first() {
    let bench = Bench::new();
    bench
        .source
        .answer(200, page(&["b", "a"], Some("cGFnZSAy/2+3=")));
    bench.source.answer(200, page(&["d", "c"], None));
    let found = bench.search().await.unwrap();
    assert_eq!(ids(&found), ["a", "b", "c", "d"]);
    assert!(!found.truncated);
    assert_eq!(
        bench.source.asked()[1],
        "GET /reads/lookup/page/cGFnZSAy%2F2+3="
    );
}

#[tokio::test]
async fn a_record_on_two_pages_is_one_read() {
    let bench = Bench::new();
    bench.source.answer(200, page(&["a", "a", "b"], Some("p2")));
    bench.source.answer(200, page(&["b", "c"], None));
    let found = bench.search().await.unwrap();
    assert_eq!(ids(&found), ["a", "b", "c"]);
    assert_eq!(found.skipped.get("duplicate"), Some(&2));
}

#[tokio::test]
async fn rows_that_were_not_asked_for_are_counted_and_left_out() {
    let bench = Bench::new();
    let foreign = |id: &str, at: &str, plate: &str| {
        let mut foreign = row(id);
        foreign["capturedAt"] = json!(at);
        foreign["plate"]["plate"] = json!(plate);
        foreign
    };
    let rows = [
        foreign("other", "2026-03-04T00:00:00Z", "TPX9999"),
        foreign("before", "2026-02-28T23:59:59.999Z", "TPK0421"),
        foreign("end", "2026-03-05T00:00:00Z", "TPK0421"),
        foreign("start", "2026-03-01T00:00:00Z", "tpk-0421"),
    ];
    let body = json!({"results": rows, "totalItems": 4}).to_string();
    bench.source.answer(200, body);
    let found = bench.search().await.unwrap();
    assert_eq!(ids(&found), ["start"]);
    assert_eq!(found.skipped.get("not_asked_for"), Some(&3));
    assert!(!found.truncated);
}

#[tokio::test]
async fn no_more_than_the_permitted_reads_are_taken_or_asked_for() {
    for (max_reads, pages_asked, truncated) in
        [(1, 1, true), (2, 1, true), (3, 2, true), (4, 2, false)]
    {
        let bench = Bench::new();
        bench.source.answer(200, page(&["a", "b"], Some("p2")));
        bench.source.answer(200, page(&["c", "d"], None));
        let found = bench
            .search_for(&permit(&exact(), &BOTH, max_reads))
            .await
            .unwrap();
        assert_eq!(found.reads.len(), usize::try_from(max_reads).unwrap());
        assert_eq!(found.truncated, truncated, "{max_reads}");
        assert_eq!(bench.source.asked().len(), pages_asked, "{max_reads}");
    }
}

#[tokio::test]
async fn the_page_limit_truncates() {
    let bench = Bench::with(json!({"max_pages": 2}));
    bench.source.answer(200, page(&["a"], Some("p2")));
    bench.source.answer(200, page(&["b"], Some("p3")));
    let found = bench.search().await.unwrap();
    assert_eq!(ids(&found), ["a", "b"]);
    assert!(found.truncated);
    assert_eq!(bench.source.asked().len(), 2);
}

#[tokio::test]
async fn a_cycle_of_pages_ends() {
    let bench = Bench::new();
    bench.source.answer(200, page(&["a"], Some("p2")));
    bench.source.answer(200, page(&["b"], Some("p3")));
    bench.source.answer(200, page(&["c"], Some("p2")));
    let found = bench.search().await.unwrap();
    assert_eq!(ids(&found), ["a", "b", "c"]);
    assert!(found.truncated);
    assert_eq!(bench.source.asked().len(), 3);
}

#[tokio::test]
async fn an_expired_page_leaves_the_reads_so_far() {
    for status in [404, 410, 422] {
        let bench = Bench::new();
        bench.source.answer(200, page(&["a"], Some("p2")));
        bench.source.answer(status, r#"{"error":"page not found"}"#);
        let found = bench.search().await.unwrap();
        assert_eq!(ids(&found), ["a"], "{status}");
        assert!(found.truncated);
    }
}

#[tokio::test]
async fn any_other_refusal_in_mid_page_fails_the_search() {
    for (status, kind) in [
        (400, ErrorKind::Config),
        (403, ErrorKind::Unauthorized),
        (429, ErrorKind::RateLimited),
        (503, ErrorKind::Unavailable),
    ] {
        let bench = Bench::new();
        bench.source.answer(200, page(&["a"], Some("p2")));
        bench.source.answer(status, "");
        assert_eq!(bench.search().await.unwrap_err().kind(), kind, "{status}");
    }
}

#[tokio::test]
async fn a_page_id_that_cannot_be_sent_back_truncates() {
    for next in [
        json!(7),
        json!(["p2"]),
        json!("."),
        json!(".."),
        json!("x".repeat(4096)),
    ] {
        let bench = Bench::new();
        let body = json!({"results": [row("a")], "totalItems": 2, "nextPageId": next});
        bench.source.answer(200, body.to_string());
        let found = bench.search().await.unwrap();
        assert_eq!(ids(&found), ["a"]);
        assert!(found.truncated, "{next}");
        assert_eq!(bench.source.asked().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_ends_before_its_own_total_is_not_complete() {
    for (total, truncated) in [
        (json!(2), true),
        (json!(1), false),
        (json!(0), false),
        (json!(null), false),
        (json!("2"), false),
    ] {
        let bench = Bench::new();
        let body = json!({"results": [row("a")], "totalItems": total, "nextPageId": ""});
        bench.source.answer(200, body.to_string());
        assert_eq!(
            bench.search().await.unwrap().truncated,
            truncated,
            "{total}"
        );
    }
}

#[tokio::test]
async fn rejected_rows_are_numbered_over_all_pages() {
    let bench = Bench::new();
    let bad = json!({"results": [row("b"), 7], "nextPageId": null});
    bench.source.answer(200, page(&["a"], Some("p2")));
    bench.source.answer(200, bad.to_string());
    let found = bench.search().await.unwrap();
    assert_eq!(ids(&found), ["a", "b"]);
    assert_eq!(found.rejected[0].record, Some(2));
    assert!(!found.truncated);
}
