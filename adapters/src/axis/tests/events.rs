//! What an event becomes, field by field.

use turnpike_schemas::read::ZoneProvenance;

use super::*;
use crate::adapter::{Rejection, Tally};

#[test]
fn an_event_becomes_a_read_field_by_field() {
    assert_eq!(
        serde_json::to_value(read(LOST)).unwrap(),
        json!({
            "record": "ACCC8E000001/9001@1772608540412",
            "aliases": ["ACCC8E000001/9001~120.14771737", "ACCC8E000001/9001~120.14771738"],
            "revision": (2_u64 << 48) + 1_772_608_540_412, "kind": "read",
            "plate": {"text": "TPK0421", "raw": "TPK0421", "jurisdiction": "US", "jurisdiction_confidence": null,
                      "confidence": 0.874, "candidates": []},
            "captured_at": "2026-03-04T07:15:40.412Z", "captured_offset_s": null, "captured_zone": "format",
            "place": {"lat": 41.5, "lon": -81.25, "site": null, "camera": "ACCC8E000001", "lane": "1",
                      "bearing_deg": null, "image_bearing_deg": null},
            "vehicle": {"make": null, "model": null, "colour": null, "class": null},
            "images": [], "retracted": false,
            "extra": {"direction": "in", "sensor": "Brookdale North"},
        })
    );
}

#[test]
fn the_events_of_a_vehicle_are_versions_of_one_passage() {
    let [new, update, lost] = [NEW, UPDATE, LOST].map(read);
    for (earlier, later) in [(&new, &update), (&update, &lost), (&new, &lost)] {
        assert!(earlier.revision < later.revision);
        assert!(
            earlier
                .aliases
                .iter()
                .any(|name| later.aliases.contains(name))
        );
    }
    assert_eq!(new.plate.plate.expose(), "TPKO421");
    assert_eq!(lost.plate.plate.expose(), "TPK0421");
    assert!(!new.extra.contains_key("direction"));
    assert_eq!(read(IMAGE_ARRAY).revision >> 48, update.revision >> 48);
}

#[test]
fn the_same_number_after_a_restart_is_another_passage() {
    let first = read(LOST);
    let later = read(&with(
        LOST,
        &[("/capture_timestamp", json!("1772612140412"))],
    ));
    assert_ne!(first.record, later.record);
    assert!(
        !first
            .aliases
            .iter()
            .any(|name| later.aliases.contains(name))
    );
    let hours = json!({ "passage_span_s": 3600 });
    let [first, later] = [NEW, LOST].map(|body| read_of(&hours, body));
    assert!(
        first
            .aliases
            .iter()
            .any(|name| later.aliases.contains(name))
    );
}

#[test]
fn an_event_without_a_plate_takes_nothing_back() {
    for body in [
        LOST_UNREAD.to_owned(),
        with(
            NEW,
            &[("/plateUTF8", json!("")), ("/plateASCII", json!(""))],
        ),
        with(
            LOST,
            &[
                ("/plateUTF8", json!("----/----")),
                ("/plateASCII", json!("")),
            ],
        ),
        with(LOST_UNREAD, &[("/carState", json!("unheard of"))]),
    ] {
        let page = decode(&json!({}), &body);
        assert_eq!(page.skipped, Tally::from([("no_plate", 1)]));
        assert!(page.reads.is_empty() && page.rejected.is_empty());
    }
}

#[test]
fn the_plate_without_utf_8_stands_in_where_the_other_is_empty() {
    assert_eq!(
        read(&with(LOST, &[("/plateUTF8", json!(""))]))
            .plate
            .plate
            .expose(),
        "TPK0421"
    );
    assert_eq!(
        read(&without(LOST, "plateUTF8")).plate.plate.expose(),
        "TPK0421"
    );
    let cyrillic = read(&with(LOST, &[("/plateUTF8", json!("Б123ВГ"))]));
    assert_eq!(cyrillic.plate.plate.expose(), "Б123ВГ");
    let numbers = [("/plateUTF8", json!("")), ("/plateASCII", json!(421))];
    assert_eq!(
        decode(&json!({}), &with(LOST, &numbers)).rejected[0].field,
        "plateASCII"
    );
}

#[test]
fn a_country_is_a_country_and_nothing_else() {
    for (word, code, doubts) in [
        ("POL", Some("PL"), &[][..]),
        ("pol", Some("PL"), &[]),
        ("", None, &[]),
        ("PL", None, &["unknown_country"]),
        ("ZZZ", None, &["unknown_country"]),
    ] {
        let read = read(&with(LOST, &[("/plateCountry", json!(word))]));
        let found = read.plate.jurisdiction.as_ref().map(|code| code.as_str());
        assert_eq!(
            (found, &*read.quality),
            (
                code,
                &*doubts.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()
            )
        );
        assert!(!format!("{:?}", read.extra).contains("ZZZ"));
    }
}

#[test]
fn a_position_that_nobody_set_is_no_position() {
    for (lat, lon, position, doubts) in [
        (json!(41.5), json!(-81.25), Some((41.5, -81.25)), 0),
        (json!("41.5"), json!("-81.25"), Some((41.5, -81.25)), 0),
        (json!(50.418_114), json!(30.476_213), None, 0),
        (json!("50.418114"), json!("30.476213"), None, 0),
        (json!(0), json!(0), None, 0),
        (json!(191), json!(30), None, 1),
        (json!(null), json!(30), None, 0),
        (json!("x"), json!(30), None, 0),
    ] {
        let read = read(&with(
            LOST,
            &[("/geotag", json!({ "lat": lat, "lon": lon }))],
        ));
        assert_eq!(read.place.lat.zip(read.place.lon), position, "{lat} {lon}");
        assert_eq!(read.quality.len(), doubts, "{lat} {lon}");
    }
    let configured = json!({ "cameras": { "ACCC8E000001": { "site": "North Gate", "lat": 41.51, "lon": -81.26 } } });
    for body in [LOST, IMAGE_ARRAY] {
        let place = read_of(&configured, body).place;
        assert_eq!((place.lat, place.lon), (Some(41.51), Some(-81.26)));
        assert_eq!(place.site.as_deref(), Some("North Gate"));
    }
}

#[test]
fn the_surest_time_is_taken_and_none_is_guessed() {
    let offset = read(OFFSET);
    assert_eq!(offset.captured_at.to_string(), "2026-03-04T07:15:30.412Z");
    assert_eq!(offset.captured_offset_s, Some(-18_000));
    assert_eq!(offset.captured_zone, ZoneProvenance::Format);

    let alone = read(&without(OFFSET, "capture_ts"));
    assert_eq!(alone.captured_at, offset.captured_at);
    assert_eq!(alone.captured_zone, ZoneProvenance::InValue);

    let blank = with(
        LOCAL_TIME,
        &[("/datetime", json!("20260304 021530412 +0530"))],
    );
    assert_eq!(
        read(&blank).captured_at.to_string(),
        "2026-03-03T20:45:30.412Z"
    );

    let zone = json!({ "time_zone": "America/New_York" });
    let local = read_of(&zone, LOCAL_TIME);
    assert_eq!(local.captured_at, offset.captured_at);
    assert_eq!(local.captured_offset_s, Some(-18_000));
    assert_eq!(local.captured_zone, ZoneProvenance::Configured);

    let other = read(&with(
        OFFSET,
        &[("/datetime", json!("20260304 031530412-0500"))],
    ));
    assert_eq!(
        (other.captured_at, other.captured_offset_s),
        (offset.captured_at, None)
    );
    assert_eq!(other.quality, ["offset_disagrees"]);
}

#[test]
fn a_local_time_without_a_zone_or_in_a_turned_hour_is_refused() {
    let zone = json!({ "time_zone": "America/New_York" });
    let turned = "in an hour that was repeated or left out";
    let no_time = "not a time `YYYYMMDD HHMMSSFFF`";
    for (settings, text, rule) in [
        (json!({}), "20260304 021530412", "not a time with a zone"),
        (zone.clone(), "20261101 013000000", turned),
        (zone.clone(), "20260308 023000000", turned),
        (zone.clone(), "20260230 021530412", no_time),
        (zone.clone(), "20260304 021530", no_time),
        (zone.clone(), "2026-03-04T02:15:30", no_time),
        (zone.clone(), "20260304 021530412Z", no_time),
        (zone.clone(), "20260304 021530412+1900", no_time),
        (zone.clone(), "20260304 021530412+0560", no_time),
        (zone.clone(), "äöü60304 021530412", no_time),
    ] {
        let page = decode(&settings, &with(LOCAL_TIME, &[("/datetime", json!(text))]));
        assert_eq!(
            page.rejected,
            [Rejection::new(Some(0), "datetime", rule)],
            "{text}"
        );
    }
}

#[test]
fn a_confidence_is_read_on_the_configured_scale_and_refused_off_it() {
    let percent = json!({ "confidence": "percent" });
    let body = with(LOST, &[("/plateConfidence", json!("95.5"))]);
    let confidence = read_of(&percent, &body).plate.confidence;
    assert_eq!(confidence.map(|value| value.get()), Some(0.955));
    let number = with(LOST, &[("/plateConfidence", json!(0.5))]);
    assert_eq!(
        read(&number).plate.confidence.map(|value| value.get()),
        Some(0.5)
    );
    assert_eq!(
        read(&without(LOST, "plateConfidence")).plate.confidence,
        None
    );
    let page = decode(&json!({}), &body);
    assert_eq!(
        page.rejected,
        [Rejection::new(
            Some(0),
            "plateConfidence",
            "not a number from 0 to 1"
        )]
    );
}

#[test]
fn a_direction_is_a_word_of_the_engine_or_left_out() {
    for (word, kept, doubts) in [
        ("in", Some("in"), 0),
        ("out", Some("out"), 0),
        ("unk", None, 0),
        ("", None, 0),
        ("up", None, 1),
    ] {
        let read = read(&with(LOST, &[("/carMoveDirection", json!(word))]));
        assert_eq!(read.extra.get("direction").map(String::as_str), kept);
        assert_eq!(read.quality.len(), doubts);
        assert_eq!(read.place.bearing_deg, None);
    }
}

#[test]
fn a_bad_event_is_rejected_by_field_and_rule() {
    let ms = "not a time in milliseconds since 1970";
    for (body, field, rule) in [
        (
            without(&without(LOST, "plateUTF8"), "plateASCII"),
            "plateUTF8",
            "missing",
        ),
        (
            with(LOST, &[("/plateUTF8", json!(421))]),
            "plateUTF8",
            "wrong type",
        ),
        (
            with(LOST, &[("/plateUTF8", json!("A".repeat(21)))]),
            "plateUTF8",
            "longer than 20 characters",
        ),
        (without(LOST, "carState"), "carState", "missing"),
        (
            with(LOST, &[("/carState", json!("parked"))]),
            "carState",
            "unknown",
        ),
        (without(LOST, "carID"), "carID", "missing"),
        (
            with(LOST, &[("/carID", json!("-1"))]),
            "carID",
            "not a whole number",
        ),
        (
            with(LOST, &[("/carID", json!(1.5))]),
            "carID",
            "not a whole number",
        ),
        (with(LOST, &[("/carID", json!(null))]), "carID", "missing"),
        (
            without(LOST, "camera_info"),
            "camera_info.SerialNumber",
            "missing",
        ),
        (
            with(LOST, &[("/camera_info/SerialNumber", json!("a/b"))]),
            "camera_info.SerialNumber",
            "not 1 to 64 plain characters",
        ),
        (
            with(LOST, &[("/camera_info", json!(["ACCC8E000001"]))]),
            "camera_info",
            "wrong type",
        ),
        (
            with(LOST, &[("/capture_timestamp", json!("0"))]),
            "capture_timestamp",
            ms,
        ),
        (
            with(LOST, &[("/capture_timestamp", json!("soon"))]),
            "capture_timestamp",
            ms,
        ),
        (
            with(
                LOST,
                &[("/capture_timestamp", json!("9223372036854775807"))],
            ),
            "capture_timestamp",
            ms,
        ),
        (
            with(OFFSET, &[("/capture_ts", json!("-5"))]),
            "capture_ts",
            "not a time in nanoseconds since 1970",
        ),
        (
            without(&without(LOST, "capture_timestamp"), "datetime"),
            "capture_timestamp",
            "missing",
        ),
        (
            LOST.replacen('{', r#"{"carID":1,"#, 1),
            "carID",
            "given twice",
        ),
        (format!("{LOST}{LOST}"), "(message)", "not a JSON object"),
        ("[]".to_owned(), "(message)", "not a JSON object"),
        (
            "<html>busy</html>".to_owned(),
            "(message)",
            "not a JSON object",
        ),
        (
            "{\"other\":".repeat(100_000),
            "(message)",
            "not a JSON object",
        ),
        (String::new(), "(message)", "not a JSON object"),
    ] {
        let page = decode(&json!({}), &body);
        assert_eq!(page.rejected, [Rejection::new(Some(0), field, rule)]);
        assert!(page.reads.is_empty() && page.skipped.is_empty());
    }
}

#[test]
fn a_time_in_another_unit_is_taken_as_defined() {
    let seconds = read(&with(LOST, &[("/capture_timestamp", json!("1772608530"))]));
    assert_eq!(seconds.captured_at.to_string(), "1970-01-21T12:23:28.53Z");
}

#[test]
fn an_event_in_a_multipart_body_is_the_same_event() {
    let adapter = adapter(&json!({}));
    let message = Message::of(MULTIPART_TYPE, MULTIPART);
    let page = adapter.decode(&message).unwrap().page;
    assert_eq!(page.reads, [read(NEW)]);
    let cut = MULTIPART.strip_suffix(b"--\r\n").unwrap();
    let page = adapter
        .decode(&Message::of(MULTIPART_TYPE, cut))
        .unwrap()
        .page;
    assert_eq!(
        page.rejected,
        [Rejection::new(
            Some(0),
            "(message)",
            "multipart without its end"
        )]
    );
}

#[test]
fn a_large_image_inside_is_passed_over() {
    let image = json!([{ "ImageType": "frame", "BinaryImage": "A".repeat(50 << 20) }]);
    assert_eq!(
        read(&with(IMAGE_ARRAY, &[("/ImageArray", image)])),
        read(IMAGE_ARRAY)
    );
}
