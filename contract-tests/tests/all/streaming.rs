//! Answers as a stream: each source when it is on record, and what happens when the reader or the ledger goes away.

use std::time::Duration;

use serde_json::Value;

use super::installation::{
    Embedded, Installation, PATIENCE, client, entries, eventually, of_kind, question,
};

const NDJSON: &str = "application/x-ndjson";

/// Lines of a response as they arrive.
struct Lines {
    response: reqwest::Response,
    buffer: Vec<u8>,
}

impl Lines {
    async fn of(request: reqwest::RequestBuilder, question: &Value) -> Self {
        let request = request.header("accept", NDJSON).json(question);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], NDJSON);
        Self {
            response,
            buffer: Vec::new(),
        }
    }

    /// The next line; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            match chunk.unwrap().unwrap() {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => {
                    assert!(self.buffer.is_empty(), "half a line");
                    return None;
                }
            }
        }
    }
}

fn slow(installation: &Installation, latency: Duration) {
    let police = &installation.world.police;
    police.switch(|switches| switches.latency = latency);
}

fn ask(installation: &Installation) -> reqwest::RequestBuilder {
    let token = installation.token("investigator");
    installation.request("POST", "/v1/queries", Some(token))
}

#[tokio::test]
async fn each_source_leaves_once_it_is_on_record_and_the_stream_ends_with_done() {
    let installation = Installation::with_history(|_| {}).await;
    let whole = installation.ask(&question(3)).await;
    slow(&installation, Duration::from_millis(300));
    let mut lines = Lines::of(ask(&installation), &question(3)).await;
    let begun = lines.next().await.unwrap();
    assert_eq!(begun["event"], "begun");
    let (mut order, mut reads, mut last) = (Vec::new(), Vec::new(), None);
    while let Some(line) = lines.next().await {
        assert!(last.is_none(), "there is a line after done: {line}");
        if line["event"] == "done" {
            last = Some(line);
            continue;
        }
        let source = line["report"]["source"].clone();
        let ledger = installation.ledger();
        let parts = of_kind(&ledger, "outcome_part");
        let part = parts
            .iter()
            .find(|part| part["question"] == begun["query"] && part["body"]["source"] == source);
        let part = part.unwrap_or_else(|| panic!("{source} left before it was on record"));
        let count = line["reads"].as_array().unwrap().len();
        assert_eq!(part["body"]["count"], count);
        assert_eq!(part["body"]["outcome"], line["report"]["outcome"]);
        reads.extend(
            line["reads"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["id"].clone()),
        );
        order.push(source);
    }
    let last = last.expect("the stream ends with done");
    assert_eq!(order.len(), 7);
    let of = |source: &str| order.iter().position(|seen| seen == source).unwrap();
    assert!(of("state-tolls") < of("brookdale-police"), "{order:?}");
    assert_eq!(last["completeness"], "partial");
    let ids = |answer: &Value| -> std::collections::BTreeSet<String> {
        let reads = answer.as_array().unwrap().iter();
        reads
            .map(|read| read["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let streamed = reads.iter().map(|id| id.as_str().unwrap().to_owned());
    assert_eq!(
        streamed.collect::<std::collections::BTreeSet<_>>(),
        ids(&whole["reads"])
    );
    let ledger = installation.ledger();
    let outcome = &ledger[usize::try_from(last["ledger"]["outcome"].as_u64().unwrap()).unwrap()];
    assert_eq!(outcome["kind"], "outcome");
    assert_eq!(outcome["question"], begun["query"]);
    assert_eq!(outcome["body"]["reads"], reads.len());
    assert_eq!(last["ledger"]["intent"], begun["intent"]);
}

#[tokio::test]
async fn a_reader_that_goes_away_leaves_an_abandoned_question() {
    let installation = Installation::start(|_| {}).await;
    slow(&installation, Duration::from_secs(3));
    let mut lines = Lines::of(ask(&installation), &question(3)).await;
    let begun = lines.next().await.unwrap();
    drop(lines);
    let interrupted = installation
        .recorded("the interruption", |ledger| {
            let interrupted = of_kind(ledger, "interrupted");
            let own = interrupted
                .into_iter()
                .find(|entry| entry["question"] == begun["query"]);
            own.cloned()
        })
        .await;
    assert_eq!(interrupted["body"]["reason"], "abandoned");
    let ledger = installation.ledger();
    let outcomes = of_kind(&ledger, "outcome");
    assert!(
        outcomes
            .iter()
            .all(|entry| entry["question"] != begun["query"])
    );
}

#[tokio::test]
async fn a_caller_that_hangs_up_on_a_plain_question_leaves_an_abandoned_question_too() {
    let installation = Installation::start(|_| {}).await;
    slow(&installation, Duration::from_secs(3));
    let request = ask(&installation).json(&question(3));
    let impatient = request.timeout(Duration::from_millis(300)).send().await;
    assert!(impatient.is_err());
    let reason = installation
        .recorded("the interruption", |ledger| {
            let interrupted = of_kind(ledger, "interrupted");
            interrupted
                .first()
                .map(|entry| entry["body"]["reason"].clone())
        })
        .await;
    assert_eq!(reason, "abandoned");
}

#[tokio::test]
async fn without_a_ledger_nothing_is_asked_and_a_stream_under_way_ends_with_a_problem() {
    let embedded = Embedded::start(|_| {}).await;
    let client = client();
    let police = &embedded.world.police;
    police.switch(|switches| switches.latency = Duration::from_millis(1_500));
    let request = embedded.request(&client, "POST", "/v1/queries");
    let mut lines = Lines::of(request, &question(3)).await;
    assert_eq!(lines.next().await.unwrap()["event"], "begun");
    embedded.running.app().ledger().close().await.unwrap();
    let mut events = Vec::new();
    while let Some(line) = lines.next().await {
        events.push(line);
    }
    let last = events.last().unwrap();
    assert_eq!(last["event"], "problem", "{events:?}");
    assert_eq!(last["problem"]["type"], "/problems/ledger_unavailable");
    let contacted = police.requests().len();
    let connected = embedded.world.lakeside_road.connections();
    let refused = embedded.ask(&client, &question(3)).await;
    assert_eq!(refused["type"], "/problems/ledger_unavailable");
    let ready = embedded.request(&client, "GET", "/readyz");
    eventually("not ready", async || {
        let answer = ready.try_clone().unwrap().send().await.unwrap();
        (answer.status() == 503).then_some(())
    })
    .await;
    assert_eq!(police.requests().len(), contacted, "asked without a record");
    assert_eq!(embedded.world.lakeside_road.connections(), connected);
    let ledger = entries(&embedded.world);
    assert_eq!(of_kind(&ledger, "intent").len(), 1);
}
