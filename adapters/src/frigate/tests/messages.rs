//! What is published.

use turnpike_schemas::read::ZoneProvenance;

use super::*;

const UPDATES: &str = "frigate/tracked_object_update";

#[test]
fn a_reading_is_a_read() {
    let page = said(&*adapter(&both()), UPDATES, UPDATE);
    let [read] = page.reads.as_slice() else {
        panic!("{page:?}")
    };
    assert_eq!(read.record, "1772608530.412345-ab12cd");
    assert_eq!(read.plate.plate.expose(), "TPK0421");
    assert_eq!(read.plate.confidence.unwrap().get(), 0.95);
    assert_eq!(read.plate.jurisdiction, None);
    assert_eq!(read.captured_at.to_string(), "2026-03-04T07:15:30.412345Z");
    assert_eq!(read.captured_zone, ZoneProvenance::InValue);
    assert_eq!((read.place.lat, read.place.lon), (Some(41.5), Some(-81.25)));
    assert_eq!(read.place.site.as_deref(), Some("Brook Drive"));
    assert_eq!(read.place.camera.as_deref(), Some("brook_drive"));
    assert_eq!(read.images[0].reference, "events/1772608530.412345-ab12cd");
    assert!(read.revision < 1 << 44);
}

#[test]
fn the_end_of_an_event_is_a_read_that_no_reading_gives_way_to() {
    let adapter = adapter(&both());
    let page = said(&*adapter, "frigate/events", EVENT_END);
    let [read] = page.reads.as_slice() else {
        panic!("{page:?}")
    };
    assert_eq!(read.place.lane.as_deref(), Some("gate"));
    assert_eq!(read.place.image_bearing_deg, Some(182.5));
    assert_eq!(read.place.bearing_deg, None);
    assert_eq!(read.vehicle.class.as_ref().unwrap().value, "car");
    assert_eq!(read.plate.confidence.unwrap().get(), 0.97);
    assert_eq!(read.extra["average_estimated_speed"], "11.5");
    assert_eq!(read.quality, ["captured_at_event_start"]);
    let reading = said(&*adapter, UPDATES, UPDATE).reads.remove(0);
    assert_eq!(reading.record, read.record);
    assert!(reading.revision > read.revision);
}

#[test]
fn a_later_reading_replaces_an_earlier_one_whenever_it_comes() {
    let adapter = adapter(&both());
    let mut later = parsed(UPDATE);
    later["timestamp"] = json!(1772608531.1);
    later["plate"] = json!("TPK0427");
    let first = said(&*adapter, UPDATES, UPDATE).reads.remove(0);
    let second = said(&*adapter, UPDATES, later).reads.remove(0);
    assert_eq!(first.record, second.record);
    assert!(second.revision > first.revision);
}

#[test]
fn what_holds_no_plate_is_counted() {
    let adapter = adapter(&both());
    let changed = |key: &str, value: Value| {
        let mut update = parsed(UPDATE);
        update[key] = value;
        update
    };
    let event = |change: &dyn Fn(&mut Value)| {
        let mut event = parsed(EVENT_END);
        change(&mut event);
        event
    };
    for (topic, body, reason) in [
        (UPDATES, changed("type", json!("face")), "other_update"),
        (UPDATES, changed("plate", json!("")), "no_plate"),
        (UPDATES, changed("plate", json!(null)), "no_plate"),
        (UPDATES, changed("plate", json!("-")), "no_plate"),
        (
            "frigate/events",
            event(&|e| e["after"]["recognized_license_plate"] = json!(null)),
            "no_plate",
        ),
        (
            "frigate/events",
            event(&|e| e["after"]["recognized_license_plate"] = json!([null, null])),
            "no_plate",
        ),
        (
            "frigate/events",
            event(&|e| e["type"] = json!("update")),
            "unchanged",
        ),
        (
            "frigate/events",
            event(&|e| e["after"]["false_positive"] = json!(true)),
            "false_positive",
        ),
        ("frigate/available", json!("online"), "availability"),
        ("frigate/brook_drive/person", json!(1), "other_topic"),
        ("frigates/events", json!({}), "other_topic"),
    ] {
        let page = said(&*adapter, topic, &body);
        assert_eq!(page.skipped.get(reason), Some(&1), "{body}: {page:?}");
        assert!(page.reads.is_empty() && page.rejected.is_empty());
    }
}

#[test]
fn a_fault_is_named_by_field_and_rule() {
    let adapter = adapter(&both());
    for (key, value, rule) in [
        ("plate", json!(421), "wrong type"),
        ("plate", json!("TPK0421,TPK0427"), "more than one plate"),
        (
            "plate",
            json!("TPK0421TPK0421TPK0421"),
            "longer than 20 characters",
        ),
        ("id", json!(null), "missing"),
        ("id", json!(""), "missing"),
        ("id", json!(7), "wrong type"),
        ("type", json!(null), "missing"),
        ("timestamp", json!(null), "missing"),
        ("timestamp", json!("1772608530.4"), "wrong type"),
        // Milliseconds: the field is in seconds, and the year 58141 is none.
        (
            "timestamp",
            json!(1772608530412.0),
            "not a time in seconds since 1970",
        ),
        ("timestamp", json!(-1), "not a time in seconds since 1970"),
        ("timestamp", json!(0), "not a time in seconds since 1970"),
        (
            "timestamp",
            json!(1e300),
            "not a time in seconds since 1970",
        ),
        ("score", json!("0.95"), "wrong type"),
        ("camera", json!(["a"]), "wrong type"),
    ] {
        let mut update = parsed(UPDATE);
        update[key] = value;
        let page = said(&*adapter, UPDATES, &update);
        let [bad] = page.rejected.as_slice() else {
            panic!("{update}: {page:?}")
        };
        assert_eq!(
            (bad.field.as_str(), bad.rule.as_str(), bad.record),
            (key, rule, Some(0))
        );
    }
    for body in [
        "",
        "[]",
        "null",
        "\"lpr\"",
        "{",
        "\u{0}",
        "<html></html>",
        "{} {}",
    ] {
        let page = said(&*adapter, UPDATES, body);
        assert_eq!(page.rejected.len(), 1, "{body}");
        assert!(page.reads.is_empty());
    }
}

#[test]
fn a_score_off_the_scale_is_left_out_and_the_read_kept() {
    let mut update = parsed(UPDATE);
    update["score"] = json!(95);
    let page = said(&*adapter(&both()), UPDATES, &update);
    assert_eq!(page.reads[0].plate.confidence, None);
    assert_eq!(page.reads[0].quality, ["confidence_off_scale"]);
}

#[test]
fn several_zones_are_no_lane_and_a_person_is_no_vehicle() {
    let mut event = parsed(EVENT_END);
    event["after"]["current_zones"] = json!(["gate", "road"]);
    event["after"]["label"] = json!("person");
    let page = said(&*adapter(&both()), "frigate/events", &event);
    let read = &page.reads[0];
    assert_eq!(read.place.lane, None);
    assert_eq!(read.extra["zones"], "gate,road");
    assert_eq!(read.vehicle.class, None);
}

#[test]
fn without_a_topic_the_message_itself_tells() {
    let adapter = adapter(&both());
    for body in [UPDATE, EVENT_END] {
        let page = adapter.decode(&Message::json(body)).unwrap().page;
        assert_eq!(page.reads.len(), 1, "{page:?}");
    }
}
