//! How a group becomes a read.

use turnpike_schemas::read::{Attribute, Confidence, ImageKind, ReadKind, ZoneProvenance};

use super::*;

fn percent(value: f64) -> Option<Confidence> {
    Confidence::from_percent(value).ok()
}

fn uuid(ms: u64) -> String {
    format!("{AGENT}-2042-{ms}")
}

#[test]
fn a_group_says_what_its_fields_say() {
    let read = read(GROUP);
    assert_eq!(read.record, uuid(1_772_608_530_812));
    assert_eq!(read.kind, ReadKind::Read);
    assert_eq!(read.captured_at.to_string(), "2026-03-04T07:15:30.412Z");
    assert_eq!(
        (read.captured_zone, read.captured_offset_s),
        (ZoneProvenance::Format, None)
    );
    assert_eq!(read.plate.plate.expose(), "TPK0421");
    assert_eq!(read.plate.confidence, percent(92.4));
    assert_eq!(
        read.plate.jurisdiction.as_ref().map(|j| j.as_str()),
        Some("US-OH")
    );
    assert_eq!(read.plate.jurisdiction_confidence, percent(71.2));
    let candidates: Vec<_> = read
        .plate
        .candidates
        .iter()
        .map(|c| (c.plate.expose(), c.confidence))
        .collect();
    assert_eq!(
        candidates,
        [("TPKO421", percent(80.1)), ("TPK042I", percent(71.0))]
    );
    assert_eq!(
        (read.place.lat, read.place.lon),
        (Some(41.0001), Some(-81.0002))
    );
    assert_eq!(read.place.camera, Some(format!("{AGENT}/2042")));
    assert_eq!((&read.place.site, &read.place.lane), (&None, &None));
    assert_eq!(
        (read.place.bearing_deg, read.place.image_bearing_deg),
        (None, Some(271.5))
    );
    assert_eq!(read.images.len(), 1);
    assert_eq!(read.images[0].kind, ImageKind::Scene);
    assert_eq!(read.images[0].reference, format!("img/{}", read.record));
    assert!(read.extra.is_empty() && read.quality.is_empty() && !read.retracted);
}

#[test]
fn the_vehicle_is_the_first_guess_of_each_list_and_the_model_loses_its_make() {
    let attribute = |value: &str, confidence| {
        Some(Attribute {
            value: value.to_owned(),
            confidence: percent(confidence),
        })
    };
    let vehicle = read(GROUP).vehicle;
    assert_eq!(vehicle.make, attribute("brookmotor", 60.0));
    assert_eq!(vehicle.model, attribute("two", 44.0));
    assert_eq!(vehicle.colour, attribute("silver-gray", 88.1));
    assert_eq!(vehicle.class, attribute("sedan-standard", 90.0));
    for (make, make_model, model) in [
        (
            json!([{ "name": "brook" }]),
            json!([{ "name": "brookmotor_two" }]),
            Some("brookmotor_two"),
        ),
        (
            json!([]),
            json!([{ "name": "brookmotor_two" }]),
            Some("brookmotor_two"),
        ),
        (Value::Null, json!([{ "name": "two" }]), Some("two")),
        (
            json!([{ "name": "brookmotor" }]),
            json!([{ "name": "brookmotor_" }]),
            None,
        ),
        (
            json!([{ "name": "brookmotor" }]),
            json!([{ "name": null }]),
            None,
        ),
    ] {
        let body = with(
            GROUP,
            &[("/vehicle/make", make), ("/vehicle/make_model", make_model)],
        );
        assert_eq!(read(&body).vehicle.model.map(|m| m.value).as_deref(), model);
    }
}

#[test]
fn a_region_is_a_jurisdiction_only_when_sure_and_unambiguous() {
    let us = json!({ "default_country": "us" });
    let all = json!({ "region_min_confidence": 0 });
    let none = json!({});
    for (settings, region, confidence, want) in [
        (&none, json!("us-mo"), json!(50), Some("US-MO")),
        (&none, json!("us-mo"), json!(49.9), None),
        (&none, json!("us-mo"), Value::Null, None),
        (&none, json!("us-mo"), json!(170), None),
        (&all, json!("us-mo"), Value::Null, Some("US-MO")),
        (&all, json!("us-mo"), json!(0), Some("US-MO")),
        (&none, json!("mo"), json!(90), None),
        (&us, json!("mo"), json!(90), Some("US-MO")),
        (&us, json!("us"), json!(90), Some("US")),
        (&us, json!("us-mo"), json!(90), Some("US-MO")),
        (&us, json!("ca-on"), json!(90), Some("CA-ON")),
        (&us, json!(""), json!(90), None),
        (&us, json!("missouri"), json!(90), None),
        (&none, json!("eu-de"), json!(90), None),
        (&none, json!("zz-top"), json!(90), None),
        (&none, Value::Null, json!(90), None),
    ] {
        let body = with(
            GROUP,
            &[
                ("/best_region", region.clone()),
                ("/best_region_confidence", confidence.clone()),
            ],
        );
        let plate = read_of(settings, &body).plate;
        assert_eq!(
            plate.jurisdiction.as_ref().map(|j| j.as_str()),
            want,
            "{region} {confidence}"
        );
        assert!(plate.jurisdiction.is_some() || plate.jurisdiction_confidence.is_none());
    }
}

#[test]
fn a_value_off_its_scale_is_left_out_and_noted() {
    for (pointer, value, word) in [
        ("/best_confidence", json!(924), "confidence_off_scale"),
        ("/best_confidence", json!(-1), "confidence_off_scale"),
        (
            "/best_region_confidence",
            json!(101),
            "confidence_off_scale",
        ),
        (
            "/candidates/1/confidence",
            json!(1000),
            "confidence_off_scale",
        ),
        (
            "/vehicle/make/0/confidence",
            json!(100.5),
            "confidence_off_scale",
        ),
        ("/travel_direction", json!(361), "direction_off_scale"),
        ("/gps_latitude", json!(91), "position_off_scale"),
    ] {
        let read = read(&with(GROUP, &[(pointer, value)]));
        assert_eq!(read.quality, [word], "{pointer}");
    }
    let read = read(&with(GROUP, &[("/best_confidence", json!(924))]));
    assert_eq!(read.plate.confidence, None);
}

#[test]
fn absent_is_never_a_value() {
    let read_without = |key: &str| read(&without(GROUP, key));
    assert_eq!(read_without("best_confidence").plate.confidence, None);
    assert_eq!(
        read(&with(GROUP, &[("/best_confidence", json!(0))]))
            .plate
            .confidence,
        None
    );
    assert_eq!(
        read_without("travel_direction").place.image_bearing_deg,
        None
    );
    assert_eq!(read_without("camera_id").place.camera, None);
    assert_eq!(
        read_without("agent_uid").place.camera.as_deref(),
        Some("2042")
    );
    for (lat, lon) in [(0, 0), (-1, -1), (0, -81), (41, 0), (41, -1)] {
        let place = read(&with(
            GROUP,
            &[
                ("/gps_latitude", json!(lat)),
                ("/gps_longitude", json!(lon)),
            ],
        ))
        .place;
        assert_eq!((place.lat, place.lon), (None, None), "{lat} {lon}");
    }
    let place = read(&without(GROUP, "gps_longitude")).place;
    assert_eq!((place.lat, place.lon), (None, None));
}

#[test]
fn configured_cameras_have_a_place_and_a_compass() {
    let settings = json!({ "cameras": { "2042": {
        "site": "Brookdale", "lat": 41.5, "lon": -81.25, "image_to_compass_deg": 100.0
    } } });
    let place = read_of(&settings, GROUP).place;
    assert_eq!((place.lat, place.lon), (Some(41.5), Some(-81.25)));
    assert_eq!(place.site.as_deref(), Some("Brookdale"));
    assert_eq!(
        (place.bearing_deg, place.image_bearing_deg),
        (Some(11.5), Some(271.5))
    );
    let turned_back = json!({ "cameras": { "2042": { "image_to_compass_deg": -300 } } });
    assert_eq!(read_of(&turned_back, GROUP).place.bearing_deg, Some(331.5));
}

#[test]
fn a_label_names_the_camera_and_its_number_is_kept() {
    let label = json!({ "camera_label": " Brook St EB\n", "agent_label": "x" });
    let read = read(&with(GROUP, &[("/web_server_config", label)]));
    assert_eq!(read.place.camera.as_deref(), Some("Brook St EB"));
    assert_eq!(read.extra["camera_id"], format!("{AGENT}/2042"));
}

#[test]
fn an_alert_is_its_group_with_list_and_place_but_without_remarks() {
    let alert = read(ALERT);
    let group = read(GROUP);
    assert_eq!(alert.extra["alert_list"], "Brookdale stolen");
    assert_eq!(alert.place.site.as_deref(), Some("Brookdale"));
    assert_eq!(alert.place.camera.as_deref(), Some("Brook St EB"));
    assert_eq!(
        (&alert.record, &alert.aliases),
        (&group.record, &group.aliases)
    );
    assert!(alert.revision > group.revision);
}

#[test]
fn a_parked_vehicle_is_said_to_be_parked() {
    assert_eq!(
        read(&with(GROUP, &[("/is_parked", json!(true))])).extra["is_parked"],
        "true"
    );
}

#[test]
fn a_preview_is_replaced_by_its_group_whatever_order_they_come_in() {
    let (preview, group) = (read(PREVIEW), read(GROUP));
    assert_ne!(preview.record, group.record);
    assert!(
        preview
            .aliases
            .iter()
            .any(|alias| group.aliases.contains(alias))
    );
    assert!(preview.revision < group.revision);
    assert_eq!(preview.quality, ["preview"]);
    let long = read(&with(PREVIEW, &[("/epoch_end", json!(i64::MAX))]));
    assert!(preview.revision < long.revision && long.revision < group.revision);
    let reversed = read(&with(GROUP, &[("/epoch_end", json!(i64::MIN))]));
    assert!(long.revision < reversed.revision && reversed.revision < group.revision);
    assert!(read(&with(ALERT, &[("/group/epoch_end", json!(i64::MAX))])).revision < 1 << 53);
}

#[test]
fn two_plates_of_the_same_frames_are_two_passages() {
    let first = read(GROUP);
    let second = read(&with(
        GROUP,
        &[
            ("/plate_indexes", json!([1, 1, 1])),
            ("/best_plate_number", json!("BRK0077")),
        ],
    ));
    assert_ne!(first.record, second.record);
    assert!(
        first
            .aliases
            .iter()
            .all(|alias| !second.aliases.contains(alias))
    );
    assert_eq!(first.images, second.images);
    let unlisted = with(
        GROUP,
        &[
            ("/plate_indexes", json!([])),
            ("/best_plate/plate_index", json!(1)),
        ],
    );
    assert_eq!(read(&unlisted).record, second.record);
}

#[test]
fn names_and_candidates_are_bounded() {
    let uuids: Vec<_> = (0..5000).map(uuid).collect();
    let best = uuids[700].clone();
    let candidates: Vec<_> = (0..5000)
        .map(|n| json!({ "plate": format!("TPK{n}") }))
        .collect();
    let read = read(&with(
        GROUP,
        &[
            ("/uuids", json!(uuids)),
            ("/best_uuid", json!(best)),
            ("/candidates", json!(candidates)),
        ],
    ));
    assert_eq!(read.aliases.len(), 64);
    for wanted in [&uuids[0], &uuids[4999], &best] {
        assert!(read.aliases.contains(wanted));
    }
    assert_eq!(read.plate.candidates.len(), 10);
}

#[test]
fn a_name_that_does_not_fit_a_path_has_no_image() {
    for best in [
        "../secret",
        "a/b",
        "a b",
        "a?x=1",
        "http://elsewhere.example/x",
    ] {
        let read = read(&with(GROUP, &[("/best_uuid", json!(best))]));
        assert!(read.images.is_empty(), "{best}");
        assert_eq!(read.record, best);
    }
}

#[test]
fn escaped_text_is_read_like_plain_text() {
    let escaped = GROUP.replace(
        "\"best_plate_number\": \"TPK0421\"",
        r#""best_plate_number": "T\u0050K-0421""#,
    );
    let read = read(&escaped);
    assert_eq!(read.plate.plate.expose(), "TPK0421");
    assert_eq!(read.plate.plate.expose_raw(), "TPK-0421");
}
