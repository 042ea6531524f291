use super::*;
use crate::sim::post::receiver::answering;
use crate::sim::{lock, small_town};

fn detection() -> Detection {
    let town = small_town();
    let mut found = town.passages(Family::Camera).filter_map(Detection::of);
    found.find(|detection| detection.region.is_some()).unwrap()
}

#[tokio::test]
async fn a_failed_delivery_is_tried_once_more_and_then_given_up() {
    for (statuses, taken, answers) in [
        (&[200][..], true, vec![Some(200)]),
        (&[503, 200], true, vec![Some(503), Some(200)]),
        (&[503, 500, 200], false, vec![Some(503), Some(500)]),
    ] {
        let (receiver, got) = answering(statuses).await;
        let cloud = VerkadaCloud::new(&receiver.origin()).unwrap();
        assert_eq!(cloud.deliver(&detection().json()).await, taken);
        assert_eq!(cloud.answers(), answers);
        assert_eq!(lock(&got).len(), answers.len());
    }
}

#[test]
fn seconds_and_milliseconds_stand_in_one_object() {
    let detection = detection();
    let json = detection.json();
    let data = &json["data"];
    assert_eq!(data["detected"].as_i64(), Some(detection.at_ms));
    assert_eq!(data["created"].as_i64(), Some(detection.at_ms / 1_000));
    assert!(
        data["license_plate_state"]
            .as_str()
            .unwrap()
            .starts_with("us-")
    );
    let old = detection.json_of_2020();
    assert!(old["data"].get("detected").is_none());
}

#[test]
fn every_fault_is_another_message() {
    let detection = detection();
    for wrong in Wrong::ALL {
        assert_ne!(wrong.json(&detection), detection.json(), "{wrong:?}");
    }
    assert!(detection.json_with_people().to_string().contains(CANARY));
}
