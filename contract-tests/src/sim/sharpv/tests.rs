use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::*;
use crate::sim::lock;
use crate::sim::server::Server;
use crate::sim::{CANARY, small_town};
use crate::town::{Family, Passage};

fn read() -> Read {
    let town = small_town();
    let read = |passage: &&Passage| passage.text.is_some() && passage.state.is_some();
    Read::of(town.passages(Family::Parking).find(read).unwrap()).unwrap()
}

#[test]
fn json_has_the_wall_clock_and_no_zone() {
    let read = Read {
        at: "2026-03-04T13:15:30.412Z".parse().unwrap(),
        ..read()
    };
    let body = read.json();
    assert_eq!(body["Timestamp"], json!("2026-03-04T08:15:30.412"));
    assert_eq!(
        body["PlateAnalytics"][1],
        json!({"Key": "Context", "Value": "US", "Score": -1.0})
    );
    assert!(
        read.xml()
            .contains("<Timestamp>2026-03-04T13:15:30.4120000+00:00</Timestamp>")
    );
}

#[test]
fn what_is_not_known_has_the_vendors_markers() {
    let bare = read().bare();
    let body = bare.json();
    assert_eq!(
        (&body["Latitude"], &body["Longitude"]),
        (&json!(0.0), &json!(0.0))
    );
    assert_eq!(
        body["PlateAnalytics"][2],
        json!({"Key": "Confidence Score", "Value": "-", "Score": -1.0})
    );
    assert!(bare.xml().contains("<Latitude>0.0</Latitude>"));
    assert_eq!(read().unread().json()["PlateRead"], json!(""));
}

#[test]
fn each_wrong_message_differs_from_the_right_one_in_one_member() {
    let read = read();
    let right = read.json();
    for wrong in Wrong::ALL {
        let body = wrong.json(&read);
        let members = right.as_object().unwrap().iter();
        let differing = members.filter(|(key, value)| body.get(key.as_str()) != Some(value));
        assert_eq!(differing.count(), 1, "{wrong:?}");
    }
    for wrong in WrongXml::ALL {
        assert_ne!(wrong.xml(&read), read.xml(), "{wrong:?}");
    }
}

#[test]
fn canaries_are_planted_in_both_forms() {
    for form in [Form::Json, Form::Xml] {
        let read = read();
        let planted = String::from_utf8(read.personal(form)).unwrap();
        assert!(planted.matches(CANARY).count() >= 4, "{planted}");
        assert!(!String::from_utf8(read.body(form)).unwrap().contains(CANARY));
    }
}

#[test]
fn another_family_has_no_camera_of_this_kind() {
    let town = small_town();
    assert_eq!(Read::of(town.passages(Family::Toll).next().unwrap()), None);
}

#[tokio::test]
async fn every_passage_of_a_car_park_is_posted_once() {
    type Inbox = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;
    let inbox = Inbox::default();
    let shared = Arc::clone(&inbox);
    let take = move |headers: HeaderMap, body: Bytes| async move {
        lock(&shared).push((headers, body));
        StatusCode::ACCEPTED
    };
    let server = Server::start(Router::new().route("/in", post(take)))
        .await
        .unwrap();
    let town = small_town();
    let camera = SharpVCamera::new(&format!("{}/in", server.origin()), Form::Xml).unwrap();
    let statuses = camera
        .post_passages(town.all_passages(), Some("s3cret"))
        .await
        .unwrap();
    let wanted: Vec<_> = town
        .passages(Family::Parking)
        .filter_map(Read::of)
        .collect();
    assert!(statuses.iter().all(|status| *status == 202));
    let inbox = lock(&inbox);
    assert_eq!(inbox.len(), wanted.len());
    for ((headers, body), read) in inbox.iter().zip(&wanted) {
        assert_eq!(headers["content-type"], "text/xml");
        assert_eq!(headers["authorization"], "Bearer s3cret");
        assert_eq!(body, &read.body(Form::Xml));
    }
}
