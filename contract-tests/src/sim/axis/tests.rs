use super::*;
use crate::sim::post::receiver::answering;
use crate::sim::{lock, small_town};

fn event() -> Event {
    let town = small_town();
    town.passages(Family::Camera).find_map(Event::of).unwrap()
}

#[tokio::test]
async fn an_event_is_posted_as_the_page_says_and_never_again() {
    let (receiver, got) = answering(&[503, 200]).await;
    let camera = AxisCamera::new(&receiver.origin()).unwrap();
    assert_eq!(camera.push(&event()).await, Some(503));
    assert_eq!(camera.push_with_image(&event()).await, Some(200));
    let got = lock(&got);
    let [(json, event), (multipart, parts)] = got.as_slice() else {
        panic!("{} posts", got.len());
    };
    assert_eq!(json["content-type"], "application/json");
    let event: Value = serde_json::from_slice(event).unwrap();
    for key in ["carID", "capture_timestamp", "plateConfidence", "roiID"] {
        assert!(event[key].is_string(), "{key} is written as text");
    }
    let kind = multipart["content-type"].to_str().unwrap();
    assert!(kind.ends_with(BOUNDARY));
    let parts = String::from_utf8_lossy(parts);
    assert_eq!(parts.matches(BOUNDARY).count(), 3);
    assert!(parts.contains("name=\"event\"") && parts.contains("name=\"image\""));
}

#[test]
fn the_events_of_a_vehicle_share_its_number_and_the_first_knows_no_direction() {
    let last = event();
    let (first, next) = (last.first(), last.then("update", 500));
    assert_eq!((first.car, &*first.serial), (next.car, &*next.serial));
    assert_eq!((first.state, first.direction), ("new", "unk"));
    assert_eq!(next.at_ms - first.at_ms, 500);
}

#[test]
fn every_fault_is_another_message() {
    let event = event();
    let good = event.json();
    for wrong in Wrong::ALL {
        assert_ne!(wrong.json(&event), good, "{wrong:?}");
    }
    assert!(event.json_with_list().to_string().contains(CANARY));
}
