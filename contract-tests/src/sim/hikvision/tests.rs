//! The simulated camera does what its description says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use futures::StreamExt as _;

use super::*;
use crate::sim::lock;
use crate::sim::server::Server;

const LIMIT: Duration = Duration::from_secs(20);

fn event() -> Event {
    Event::read(2042, "2026-03-04T07:15:30.412Z".parse().unwrap(), "TPK0421")
}

#[test]
fn a_document_looks_as_described() {
    let xml = event().xml();
    for part in [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
        "<macAddress>02:00:00:00:07:fa</macAddress>",
        "<dateTime>2026-03-04T02:15:30.412-05:00</dateTime>",
        "<eventType>ANPR</eventType>",
        "<licensePlate>TPK0421</licensePlate>",
        "<absTime>20260304021530412</absTime>",
    ] {
        assert!(xml.contains(part), "{part} is not in {xml}");
    }
    let relayed = Event {
        namespace: Namespace::Prefixed,
        declared: None,
        ..event()
    }
    .xml();
    assert!(relayed.starts_with("<ns1:EventNotificationAlert version=\"2.0\" xmlns:ns1="));
    assert!(relayed.contains("<ns1:licensePlate>TPK0421</ns1:licensePlate>"));
    let seconds = Event {
        milliseconds: false,
        offset_hours: None,
        ..event()
    }
    .xml();
    assert!(seconds.contains("<dateTime>2026-03-04T02:15:30</dateTime>"));
    assert!(end_of_event("VMD").contains("<eventType>VMD</eventType>"));
}

#[test]
fn each_wrong_document_differs_from_the_right_one() {
    for wrong in Wrong::ALL {
        assert_ne!(wrong.xml(&event()), event().xml(), "{wrong:?}");
    }
}

#[tokio::test]
async fn an_event_is_posted_until_it_gets_a_2xx() {
    let inbox: Arc<Mutex<Vec<(HeaderMap, Bytes)>>> = Arc::default();
    let kept = Arc::clone(&inbox);
    let answer = move |headers: HeaderMap, body: Bytes| async move {
        let mut inbox = lock(&kept);
        inbox.push((headers, body));
        if inbox.len() < 3 {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        }
    };
    let server = Server::start(Router::new().route("/in", post(answer)))
        .await
        .unwrap();
    let mut camera = Camera::new(&format!("{}/in", server.origin()), "s3cret").unwrap();
    assert_eq!(camera.post(&event(), 9).await, [503, 503, 200]);
    camera.pictures = false;
    assert_eq!(camera.post(&event(), 9).await, [200]);
    let inbox = lock(&inbox);
    let text = |at: usize| String::from_utf8_lossy(&inbox[at].1).into_owned();
    assert!(text(2).contains("<activePostCount>3</activePostCount>"));
    assert!(text(2).contains("filename=\"anpr.xml\"") && text(2).contains("detectionPicture.jpg"));
    assert_eq!(inbox[2].0["content-type"], &*form::content_type());
    assert_eq!(inbox[2].0["authorization"], "Basic Y2FtZXJhOnMzY3JldA==");
    assert_eq!(text(3), event().xml());
}

#[tokio::test]
async fn the_stream_sends_parts_until_it_hangs_up() {
    let stream = AlertStream::start(Some(("viewer", "s3cret")))
        .await
        .unwrap();
    let client = server::client().unwrap();
    let refused = client.get(stream.url()).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.headers()["www-authenticate"],
        "Basic realm=\"DS-TCG\""
    );
    let answer = client
        .get(stream.url())
        .basic_auth("viewer", Some("s3cret"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "multipart/mixed; boundary=boundary"
    );
    let mut chunks = answer.bytes_stream();
    let first = tokio::time::timeout(LIMIT, chunks.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(first.starts_with(b"--boundary\r\n"));
    assert_eq!(stream.send(&Item::xml(&event().xml())), 1);
    stream.hang_up();
    let rest = async {
        let mut text = String::new();
        while let Some(Ok(chunk)) = chunks.next().await {
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
        text
    };
    let rest = tokio::time::timeout(LIMIT, rest).await.unwrap();
    assert!(rest.contains("<licensePlate>TPK0421</licensePlate>"));
    assert_eq!(stream.requests(), 2);
}
