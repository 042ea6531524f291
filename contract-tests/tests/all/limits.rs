//! Limits on callers, told in headers and recorded; limits of sources, told in their row.

use serde_json::{Value, json};
use turnpike_contract_tests::world::World;

use super::installation::{Installation, configure, edit, of_kind, question, row, with};

async fn ask(installation: &Installation, role: &str) -> reqwest::Response {
    let token = installation.token(role);
    let request = installation.request("POST", "/v1/queries:explain", Some(token));
    request.json(&question(3)).send().await.unwrap()
}

fn header<'a>(response: &'a reqwest::Response, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn questions_left_count_down_and_one_too_many_is_refused_and_recorded() {
    let installation = Installation::start(|world| {
        configure(
            world,
            "[limits]\nuser_per_minute = 3\norganisation_per_minute = 4",
        );
    })
    .await;
    for left in [2, 1, 0] {
        let response = ask(&installation, "investigator").await;
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "ratelimit-policy"), "\"user\";q=3;w=60");
        let limit = header(&response, "ratelimit");
        assert!(
            limit.starts_with(&format!("\"user\";r={left};t=")),
            "{limit}"
        );
    }
    let over = ask(&installation, "investigator").await;
    limited(&installation, over, "user").await;
    let colleague = ask(&installation, "supervisor").await;
    assert_eq!(colleague.status(), 200);
    assert!(header(&colleague, "ratelimit").starts_with("\"organisation\";r=0;t="));
    let over = ask(&installation, "supervisor").await;
    limited(&installation, over, "organisation").await;
    let ledger = installation.ledger();
    assert_eq!(of_kind(&ledger, "dry_run").len(), 4);
    assert_eq!(of_kind(&ledger, "refused").len(), 2);
}

async fn limited(installation: &Installation, response: reqwest::Response, whose: &str) {
    assert_eq!(response.status(), 429);
    let wait: u64 = header(&response, "retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(header(&response, "ratelimit").starts_with(&format!("\"{whose}\";r=0;t=")));
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/rate_limited");
    let ledger = installation.ledger();
    let entry = of_kind(&ledger, "refused").pop().unwrap();
    assert_eq!(entry["body"]["reason"], "rate_limited");
    assert_eq!(entry["body"]["detail"], whose);
}

fn quota(world: &World, quota: &str) {
    let written = "quota = { requests = 100, per_s = 1, concurrency = 16 }";
    edit(world, "turnpike.toml", written, quota);
}

#[tokio::test]
async fn an_exhausted_quota_costs_the_source_nothing_and_says_when_to_ask_again() {
    // A quota over a long span starts spent: a restart must not give it twice.
    let installation = Installation::start(|world| {
        quota(world, "quota = { requests = 4, per_s = 3600, burst = 2 }");
    })
    .await;
    let police = &installation.world.police;
    let only = with(question(3), "sources", json!(["brookdale-police"]));
    for _ in 0..2 {
        let answer = installation.ask(&only).await;
        let limited = row(&answer, "brookdale-police");
        assert_eq!(limited["outcome"], "rate_limited");
        assert_eq!(limited["by"], "quota");
        let wait = limited["retry_after_s"].as_u64().unwrap();
        assert!((1..=3_600).contains(&wait), "{wait}");
        assert_eq!(answer["completeness"], "none");
    }
    assert!(police.requests().is_empty());
}

#[tokio::test]
async fn a_source_that_limits_us_or_is_slow_or_broken_says_so_in_its_row() {
    let installation = Installation::start(|_| {}).await;
    let police = &installation.world.police;
    let only = with(question(3), "sources", json!(["brookdale-police"]));
    installation.ask(&only).await;
    police.switch(|switches| {
        switches.too_many = 1;
        switches.retry_after_s = Some(30);
    });
    let answer = installation.ask(&only).await;
    let limited = row(&answer, "brookdale-police");
    assert_eq!(
        (&limited["outcome"], &limited["by"]),
        (&json!("rate_limited"), &json!("source"))
    );
    assert_eq!(limited["retry_after_s"], 30);
    let ledger = installation.ledger();
    let outcome = of_kind(&ledger, "outcome").pop().unwrap();
    let recorded = outcome["body"]["sources"].as_array().unwrap();
    let police_row = recorded
        .iter()
        .find(|row| row["source"] == "brookdale-police");
    assert_eq!(police_row.unwrap()["detail"], "source");
}

#[tokio::test]
async fn a_slow_source_costs_its_own_row_and_no_more_than_the_deadline() {
    let installation = Installation::start(|world| {
        let slow = std::time::Duration::from_secs(10);
        world.police.switch(|switches| switches.latency = slow);
    })
    .await;
    let hasty = with(question(3), "deadline_ms", 400);
    let started = tokio::time::Instant::now();
    let answer = installation.ask(&hasty).await;
    let took = started.elapsed();
    assert!(took < std::time::Duration::from_secs(5), "{took:?}");
    assert_eq!(row(&answer, "brookdale-police")["outcome"], "timed_out");
    assert_eq!(row(&answer, "state-tolls")["outcome"], "stale");
    assert_eq!(answer["completeness"], "partial");
}
