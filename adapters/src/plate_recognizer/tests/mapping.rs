//! How a vehicle becomes a read.

use turnpike_schemas::read::{Attribute, Confidence, ReadKind, ZoneProvenance};

use super::*;

fn score(value: f64) -> Option<Confidence> {
    Confidence::new(value).ok()
}

#[test]
fn both_layouts_say_the_same() {
    for body in BOTH {
        let read = read(body);
        assert_eq!(
            (read.kind, read.revision, read.retracted),
            (ReadKind::Read, 0, false)
        );
        assert_eq!(read.captured_at.to_string(), "2026-03-04T07:15:30.412Z");
        assert_eq!(
            (read.captured_zone, read.captured_offset_s),
            (ZoneProvenance::InValue, Some(3600))
        );
        assert_eq!(read.plate.plate.expose(), "TPK0421");
        assert_eq!(read.plate.plate.expose_raw(), "tpk0421");
        assert_eq!(read.plate.confidence, score(0.91));
        assert_eq!(
            read.plate
                .jurisdiction
                .as_ref()
                .map(|issuer| issuer.as_str()),
            Some("US-OH")
        );
        assert_eq!(read.plate.jurisdiction_confidence, score(0.6));
        let candidates: Vec<_> = read
            .plate
            .candidates
            .iter()
            .map(|c| (c.plate.expose(), c.confidence))
            .collect();
        let all = [("TPKO421", score(0.72)), ("TPK042I", None)];
        assert_eq!(candidates, all[..candidates.len()]);
        let attribute = |value: &str, of| {
            Some(Attribute {
                value: value.to_owned(),
                confidence: score(of),
            })
        };
        assert_eq!(read.vehicle.make, attribute("Brook", 0.3));
        assert_eq!(read.vehicle.model, attribute("Two", 0.3));
        assert_eq!(read.vehicle.colour, attribute("blue", 0.7));
        assert_eq!(read.vehicle.class, attribute("SUV", 0.8));
        assert_eq!(read.place.camera.as_deref(), Some("brook-2"));
        assert_eq!(
            (&read.place.site, read.place.lat, &read.place.lane),
            (&None, None, &None)
        );
        assert!(read.images.is_empty() && read.aliases.is_empty() && read.quality.is_empty());
    }
    assert_eq!(read(NESTED).record, read(FLAT).record);
    assert_eq!(
        (
            read(NESTED).place.image_bearing_deg,
            read(FLAT).place.image_bearing_deg
        ),
        (Some(210.0), None)
    );
    assert_eq!(read(FLAT).extra["speed"], "42.5");
    assert!(read(NESTED).extra.is_empty());
}

#[test]
fn the_same_frame_sent_again_is_the_same_record_and_nothing_else_is() {
    let first = read(NESTED).record;
    assert_eq!(
        read(&without(NESTED, "/data/timestamp_local")).record,
        first
    );
    for (pointer, value) in [
        ("/data/camera_id", json!("brook-3")),
        ("/data/filename", json!("brook-2/y.jpg")),
        ("/data/timestamp", json!("2026-03-04T07:15:31Z")),
        (
            "/data/results/0/plate/props/plate/0/value",
            json!("tpk0422"),
        ),
    ] {
        assert_ne!(
            read(&with(NESTED, &[(pointer, value)])).record,
            first,
            "{pointer}"
        );
    }
    // The hook says the same when the data does not.
    assert_eq!(
        read(&without(
            &without(NESTED, "/data/camera_id"),
            "/data/filename"
        ))
        .record,
        first
    );
}

#[test]
fn the_time_is_utc_and_the_local_one_gives_the_offset_only() {
    let of = |utc: Value, local: Value| {
        let read = read(&with(
            NESTED,
            &[("/data/timestamp", utc), ("/data/timestamp_local", local)],
        ));
        (
            read.captured_at.to_string(),
            read.captured_offset_s,
            read.quality,
        )
    };
    let at = "2026-03-04T07:15:30.412Z".to_owned();
    let utc = || json!("2026-03-04T07:15:30.412000Z");
    assert_eq!(
        of(utc(), json!("2026-03-04 02:15:30.412000-05:00")),
        (at.clone(), Some(-18_000), vec![])
    );
    assert_eq!(of(utc(), Value::Null), (at.clone(), None, vec![]));
    assert_eq!(
        of(Value::Null, json!("2026-03-04 02:15:30.412000-05:00")),
        (at.clone(), Some(-18_000), vec![])
    );
    let disagrees = vec!["local_time_disagrees".to_owned()];
    assert_eq!(
        of(utc(), json!("2026-03-04 08:15:30.412000+00:00")),
        (at, None, disagrees)
    );
}

#[test]
fn a_region_is_an_issuer_when_the_engine_is_sure_of_it() {
    let all = json!({ "region_min_score": 0 });
    for (settings, region, sure, want) in [
        (&json!({}), json!("us-oh"), json!(0.5), Some("US-OH")),
        (&json!({}), json!("us-oh"), json!(0.49), None),
        (&json!({}), json!("us-oh"), Value::Null, None),
        (&json!({}), json!("us-oh"), json!(60), None),
        (&all, json!("us-oh"), json!(0.01), Some("US-OH")),
        (&all, json!("gb"), json!(0.9), Some("GB")),
        (&all, json!(""), json!(0.9), None),
        (&all, json!("eu"), json!(0.9), None),
        (&all, json!("unknown"), json!(0.9), None),
        (&all, Value::Null, json!(0.9), None),
    ] {
        for (body, value, score) in [
            (
                NESTED,
                "/data/results/0/plate/props/region/0/value",
                "/data/results/0/plate/props/region/0/score",
            ),
            (
                FLAT,
                "/data/results/0/region/code",
                "/data/results/0/region/score",
            ),
        ] {
            let body = with(body, &[(value, region.clone()), (score, sure.clone())]);
            let plate = only(page_of(settings, JSON, body.as_bytes())).plate;
            assert_eq!(
                plate.jurisdiction.as_ref().map(|issuer| issuer.as_str()),
                want,
                "{region} {sure}"
            );
            assert!(plate.jurisdiction.is_some() || plate.jurisdiction_confidence.is_none());
        }
    }
}

#[test]
fn a_value_off_its_scale_is_left_out_and_noted() {
    for (body, pointer, value, word) in [
        (
            NESTED,
            "/data/results/0/plate/props/plate/0/score",
            json!(91),
            "confidence_off_scale",
        ),
        (
            NESTED,
            "/data/results/0/plate/props/plate/1/score",
            json!(-0.1),
            "confidence_off_scale",
        ),
        (
            NESTED,
            "/data/results/0/vehicle/score",
            json!(1.01),
            "confidence_off_scale",
        ),
        (
            FLAT,
            "/data/results/0/score",
            json!(91),
            "confidence_off_scale",
        ),
        (
            NESTED,
            "/data/results/0/direction",
            json!(361),
            "direction_off_scale",
        ),
        (
            NESTED,
            "/data/results/0/direction",
            json!(-1),
            "direction_off_scale",
        ),
    ] {
        assert_eq!(
            read(&with(body, &[(pointer, value)])).quality,
            [word],
            "{pointer}"
        );
    }
    let off = read(&with(
        NESTED,
        &[("/data/results/0/plate/props/plate/0/score", json!(91))],
    ));
    assert_eq!(off.plate.confidence, None);
}

#[test]
fn absent_is_never_a_value() {
    let flat = parsed(FLAT);
    let keys: Vec<_> = flat
        .pointer("/data/results/0")
        .unwrap()
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    let bare = keys
        .iter()
        .filter(|key| *key != "plate")
        .fold(FLAT.to_owned(), |body, key| {
            without(&body, &format!("/data/results/0/{key}"))
        });
    let read = read(&bare);
    assert_eq!(
        (read.plate.confidence, &read.plate.jurisdiction),
        (None, &None)
    );
    assert_eq!(read.vehicle, turnpike_schemas::read::Vehicle::default());
    assert_eq!(read.place.image_bearing_deg, None);
    for unknown in ["Unknown", "", "-"] {
        let body = with(FLAT, &[("/data/results/0/vehicle/type", json!(unknown))]);
        assert_eq!(super::read(&body).vehicle.class, None);
    }
}

#[test]
fn configured_cameras_have_a_place_and_a_compass() {
    let settings = json!({ "cameras": { "brook-2": {
        "site": "Brookdale", "lat": 41.5, "lon": -81.25, "image_to_compass_deg": 160
    } } });
    let place = only(page_of(&settings, JSON, NESTED.as_bytes())).place;
    assert_eq!(
        (place.site.as_deref(), place.lat, place.lon),
        (Some("Brookdale"), Some(41.5), Some(-81.25))
    );
    assert_eq!(
        (place.image_bearing_deg, place.bearing_deg),
        (Some(210.0), Some(10.0))
    );
}

#[test]
fn escaped_text_is_read_like_plain_text() {
    let escaped = FLAT.replacen("\"plate\": \"tpk0421\"", r#""plate": "\u0442pk-0421""#, 1);
    assert_eq!(read(&escaped).plate.plate.expose(), "ТPK0421");
}
