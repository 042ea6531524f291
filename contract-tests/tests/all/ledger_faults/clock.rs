//! A clock that jumps by an hour, forwards and back, while every kind of request comes in.

use jiff::SignedDuration;
use serde_json::{Value, json};
use turnpike_contract_tests::sim::rekor::Group;

use crate::installation::{
    Embedded, PATIENCE, PLATE, client, entries, now, of_kind, question, reads_of, row, with,
};

const CAMERAS: &str = "main-street-cameras";

fn count(ledger: &[Value], kind: &str) -> usize {
    of_kind(ledger, kind).len()
}

#[tokio::test]
async fn whatever_the_clock_does_everything_is_on_record_in_its_order() {
    let embedded = Embedded::start(|_| {}).await;
    let client = client();
    for (n, hours) in (2_100_u32..).zip([0, 1, -1, -1, 1]) {
        embedded.clock.advance(SignedDuration::from_hours(hours));
        let group = Group::read(n, now(), PLATE);
        embedded.world.cameras.send(&group.json());
        assert!(
            embedded.world.cameras.drained(PATIENCE).await,
            "{hours} h: a read is taken in"
        );
        let before = entries(&embedded.world);
        let answer = embedded.ask(&client, &question(1)).await;
        assert_eq!(
            row(&answer, CAMERAS)["outcome"],
            "answered",
            "{hours} h: {answer}"
        );
        let seen = reads_of(&answer, CAMERAS);
        assert!(!seen.is_empty(), "{hours} h");
        let image = seen[0]["images"][0]["ref"].as_str().unwrap();
        let image = embedded
            .request(&client, "GET", image)
            .send()
            .await
            .unwrap();
        assert_eq!(image.status(), 200, "{hours} h: its image");
        let lines = embedded
            .request(&client, "POST", "/v1/queries")
            .header("accept", "application/x-ndjson")
            .json(&question(1));
        let lines = lines.send().await.unwrap().text().await.unwrap();
        assert!(
            lines.lines().last().unwrap().contains("\"done\""),
            "{hours} h: {lines}"
        );
        for (path, body, status) in [
            ("/v1/queries:explain", question(1), 200),
            ("/v1/queries", with(question(1), "plate", json!(421)), 422),
        ] {
            let request = embedded.request(&client, "POST", path).json(&body);
            assert_eq!(
                request.send().await.unwrap().status(),
                status,
                "{hours} h: {path}"
            );
        }
        let after = entries(&embedded.world);
        for (kind, more) in [
            ("intent", 3),
            ("outcome", 3),
            ("dry_run", 1),
            ("refused", 1),
        ] {
            assert_eq!(
                count(&after, kind),
                count(&before, kind) + more,
                "{hours} h: {kind}"
            );
        }
    }
    embedded.running.stop().await;
    let ledger = embedded.world.folder().join("data/ledger");
    turnpike_gateway::ledger::verify(&ledger).unwrap();
    let all = entries(&embedded.world);
    let places = all.iter().map(|entry| entry["index"].as_u64().unwrap());
    assert!(
        places.eq(0..all.len() as u64),
        "the order is that of the places"
    );
    let times = all
        .iter()
        .map(|entry| entry["at"].as_str().unwrap().to_owned());
    assert!(!times.is_sorted(), "though the times went back");
    assert_eq!(count(&all, "interrupted"), 0);
}
