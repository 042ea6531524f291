//! The simulated engine does what the vendor's types say.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};

use super::*;
use crate::sim::lock;
use crate::sim::server::Server;

fn frame(layout: Layout) -> Frame {
    let at = "2026-03-04T07:15:30.412Z".parse().unwrap();
    Frame {
        layout,
        ..Frame::read("brook-2", at, "TPK0421")
    }
}

#[test]
fn both_layouts_look_as_in_the_types() {
    let nested = frame(Layout::Nested).json();
    let at = |json: &Value, pointer: &str| json.pointer(pointer).cloned();
    assert_eq!(at(&nested, "/hook/event"), Some(json!("recognition")));
    assert_eq!(
        at(&nested, "/data/timestamp"),
        Some(json!("2026-03-04T07:15:30.412000Z"))
    );
    assert_eq!(
        at(&nested, "/data/timestamp_local"),
        Some(json!("2026-03-04 02:15:30.412000-05:00"))
    );
    assert_eq!(
        at(&nested, "/data/results/0/plate/props/plate/0/value"),
        Some(json!("tpk0421"))
    );
    assert_eq!(
        at(&nested, "/data/results/0/vehicle/props/color/0/value"),
        Some(json!("blue"))
    );
    let flat = frame(Layout::Flat).json();
    assert_eq!(at(&flat, "/data/results/0/plate"), Some(json!("tpk0421")));
    assert_eq!(
        at(&flat, "/data/results/0/region/code"),
        Some(json!("us-oh"))
    );
    assert_eq!(
        at(&flat, "/data/results/0/color/0/color"),
        Some(json!("blue"))
    );
    let unread = Frame {
        seen: vec![Seen::no_plate()],
        ..frame(Layout::Nested)
    }
    .json();
    assert_eq!(at(&unread, "/data/results/0/plate"), Some(Value::Null));
    assert_eq!(other_event("dwell")["hook"]["event"], json!("dwell"));
}

#[test]
fn each_wrong_message_differs_from_the_right_one() {
    for layout in [Layout::Flat, Layout::Nested] {
        for wrong in Wrong::ALL {
            assert_ne!(
                wrong.json(&frame(layout)),
                frame(layout).json(),
                "{wrong:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_frame_is_posted_until_it_gets_a_2xx() {
    let inbox: Arc<Mutex<Vec<(HeaderMap, Bytes)>>> = Arc::default();
    let kept = Arc::clone(&inbox);
    let answer = move |headers: HeaderMap, body: Bytes| async move {
        let mut inbox = lock(&kept);
        inbox.push((headers, body));
        if inbox.len() < 2 {
            StatusCode::BAD_GATEWAY
        } else {
            StatusCode::OK
        }
    };
    let server = Server::start(Router::new().route("/in", post(answer)))
        .await
        .unwrap();
    let mut engine = Engine::new(&format!("{}/in", server.origin()), "Token s3cret").unwrap();
    assert_eq!(engine.post(&frame(Layout::Nested), 9).await, [502, 200]);
    engine.pictures = false;
    assert_eq!(engine.post(&frame(Layout::Flat), 9).await, [200]);
    let inbox = lock(&inbox);
    let text = |at: usize| String::from_utf8_lossy(&inbox[at].1).into_owned();
    assert_eq!(text(0), text(1));
    assert!(
        text(0).contains("name=\"json\"")
            && text(0).contains("name=\"upload\"; filename=\"x.jpg\"")
    );
    assert_eq!(inbox[0].0["content-type"], &*form::content_type());
    assert_eq!(inbox[0].0["authorization"], "Token s3cret");
    assert_eq!(text(2), frame(Layout::Flat).json().to_string());
}
