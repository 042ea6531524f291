//! Messages, events, sweeps and refusals.

mod messages;
mod polling;
mod properties;

use serde_json::{Value, json};

use super::*;
use crate::error::ErrorKind;

const UPDATE: &str = include_str!("fixtures/update.json");
const EVENT_END: &str = include_str!("fixtures/event_end.json");
const EVENTS: &str = include_str!("fixtures/events_page.json");

fn adapter(settings: &Value) -> Box<dyn Adapter> {
    build(settings).unwrap()
}

fn both() -> Value {
    json!({
        "broker": "mqtt://broker.example:1883",
        "api_url": "http://recorder.example:5000/api",
        "cameras": { "brook_drive": { "site": "Brook Drive", "lat": 41.5, "lon": -81.25 } },
    })
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn said(adapter: &dyn Adapter, topic: &str, body: impl ToString) -> Page {
    let message = Message::json(body.to_string().into_bytes()).under(topic);
    adapter.decode(&message).unwrap().page
}

#[test]
fn settings_name_what_is_wrong() {
    for (settings, key) in [
        (json!({}), "broker"),
        (json!({ "broker": "http://x" }), "broker"),
        (json!({ "broker": "mqtt://user:pass@x:1" }), "broker"),
        (json!({ "broker": "mqtt://x:1/topic" }), "broker"),
        (json!({ "api_url": "ftp://x" }), "api_url"),
        (json!({ "api_url": "http://x/?key=1" }), "api_url"),
        (
            json!({ "broker": "mqtt://x", "topic_prefix": "a/#" }),
            "topic_prefix",
        ),
        (
            json!({ "broker": "mqtt://x", "topic_prefix": "" }),
            "topic_prefix",
        ),
        (
            json!({ "broker": "mqtt://x", "reconcile_hours": 0 }),
            "reconcile_hours",
        ),
        (
            json!({ "broker": "mqtt://x", "messages": "all" }),
            "messages",
        ),
        (
            json!({ "broker": "mqtt://x", "cameras": { "a": { "lat": 0, "lon": 0 } } }),
            "cameras.a",
        ),
        (
            json!({ "broker": "mqtt://x", "cameras": { "a": { "site": "" } } }),
            "cameras.a",
        ),
        (json!({ "broker": "mqtt://x", "password": "x" }), "password"),
    ] {
        let error = build(&settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{settings}");
        assert!(error.to_string().contains(key), "{key}: {error}");
    }
}

#[test]
fn what_is_configured_is_what_is_declared() {
    let broker =
        adapter(&json!({ "broker": "mqtts://x", "messages": "both", "topic_prefix": "site/nvr" }));
    let can = broker.info().capabilities;
    assert!(can.subscribe && !can.poll && !can.images);
    let Some(Subscription::Mqtt { topics, .. }) = broker.subscription() else {
        panic!("no subscription")
    };
    let wanted = [
        "site/nvr/tracked_object_update",
        "site/nvr/events",
        "site/nvr/available",
    ];
    assert_eq!(topics, wanted);
    let api = adapter(&json!({ "api_url": "http://x/api" }));
    let can = api.info().capabilities;
    assert!(!can.subscribe && can.poll && can.images);
    assert_eq!(api.subscription(), None);
}
