//! The recorder as anybody may ask it.

use serde_json::{Value, json};

use super::*;
use crate::sim::server::client;
use crate::sim::servers::broker::Broker;
use crate::sim::servers::publisher::Publisher;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_600_000 + second).unwrap()
}

async fn get(url: String) -> (u16, Value) {
    let response = client().unwrap().get(url).send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or(Value::Null))
}

#[tokio::test]
async fn events_come_newest_first_and_page_by_their_beginning() {
    let frigate = FrigateSim::start().await.unwrap();
    for second in [3, 1, 2] {
        let number = u64::try_from(second).unwrap();
        frigate.keep(&Tracked::read(number, "gate", at(second), "TPX0001").ended());
    }
    let api = frigate.api_url();
    let ids = |list: &Value| -> Vec<f64> {
        let events = list.as_array().unwrap().iter();
        events
            .map(|event| event["start_time"].as_f64().unwrap() - 1_772_600_000.0)
            .collect()
    };
    let (_, all) = get(format!("{api}/events")).await;
    assert_eq!(ids(&all), [1.0, 0.0, -1.0]);
    let (_, page) = get(format!("{api}/events?limit=1&before=1772600001")).await;
    assert_eq!(ids(&page), [0.0]);
    let (_, late) = get(format!("{api}/events?after=1772600000")).await;
    assert_eq!(ids(&late), [1.0]);
}

#[tokio::test]
async fn a_plate_is_cleared_and_an_event_is_deleted() {
    let frigate = FrigateSim::start().await.unwrap();
    let tracked = Tracked::read(7, "gate", at(0), "TPX0001").ended();
    frigate.keep(&tracked);
    let api = frigate.api_url();
    frigate.correct(&tracked.id, None);
    let (_, list) = get(format!("{api}/events")).await;
    assert_eq!(list[0]["data"].get("recognized_license_plate"), None);
    frigate.delete(&tracked.id);
    let (_, list) = get(format!("{api}/events")).await;
    assert_eq!(list, json!([]));
    let (status, _) = get(format!("{api}/events/{}/snapshot.jpg", tracked.id)).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_guarded_recorder_wants_a_session() {
    let frigate = FrigateSim::start().await.unwrap();
    frigate.switch(|switches| switches.guarded = true);
    let api = frigate.api_url();
    assert_eq!(get(format!("{api}/events")).await.0, 401);
    let client = client().unwrap();
    let login = json!({ "user": API_LOGIN.0, "password": API_LOGIN.1 });
    let response = client
        .post(format!("{api}/login"))
        .json(&login)
        .send()
        .await
        .unwrap();
    let cookie = response.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned();
    let token = cookie.strip_prefix("frigate_token=").unwrap();
    let token = token.split(';').next().unwrap();
    let asked = client
        .get(format!("{api}/events"))
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status(), 200);
}

#[tokio::test]
async fn a_broker_takes_what_is_published_and_only_from_whom_it_knows() {
    let mut broker = Broker::start().unwrap();
    let mut publisher = Publisher::connect(broker.address(), None).await.unwrap();
    publisher
        .publish("frigate/available", b"online")
        .await
        .unwrap();
    publisher.ping().await.unwrap();
    broker.stop();
    assert!(publisher.ping().await.is_err());
    broker.restart().unwrap();
    assert!(Publisher::connect(broker.address(), None).await.is_ok());
    let guarded = Broker::guarded(&[("recorder", "an invented word")]).unwrap();
    let with = |word| Publisher::connect(guarded.address(), Some(("recorder", word)));
    assert!(with("an invented word").await.is_ok());
    assert!(with("another").await.is_err());
    assert!(Publisher::connect(guarded.address(), None).await.is_err());
}
