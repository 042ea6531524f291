//! What good messages become.

use turnpike_schemas::read::ZoneProvenance;

use super::*;

#[test]
fn a_json_read_gives_everything_the_guide_lists() {
    let read = read(JSON);
    assert_eq!(read.record, "6f9d3c0e-0000-4000-8000-000000000042");
    assert_eq!(read.plate.plate.expose(), "TPK0421");
    assert_eq!(read.captured_at.to_string(), "2026-03-04T13:15:30.412Z");
    assert_eq!(
        (read.captured_offset_s, read.captured_zone),
        (Some(-18_000), ZoneProvenance::Configured)
    );
    assert_eq!(read.plate.confidence.map(|c| c.get()), Some(0.93));
    let issuer = read.plate.jurisdiction.as_ref();
    assert_eq!(issuer.map(|issuer| issuer.as_str()), Some("US-OH"));
    assert_eq!(read.plate.jurisdiction_confidence, None);
    assert_eq!(
        (read.place.lat, read.place.lon),
        (Some(41.5012), Some(-81.2498))
    );
    assert_eq!(read.place.camera.as_deref(), Some("BN-LPR-1"));
    assert_eq!(read.place.lane.as_deref(), Some("2"));
    assert_eq!(
        read.vehicle.make.map(|make| make.value).as_deref(),
        Some("Brookmotor")
    );
    assert_eq!(
        read.vehicle.class.map(|class| class.value).as_deref(),
        Some("Car")
    );
    assert!(read.images.is_empty() && read.quality.is_empty() && !read.retracted);
    let extra: Vec<_> = read
        .extra
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(extra, [("relative_motion", "Closer"), ("speed", "31")]);
}

#[test]
fn the_xml_form_gives_the_same_read_with_the_offset_it_carries() {
    let json = read(JSON);
    let mut xml = read_of(&json!({}), XML);
    assert_eq!(
        (xml.captured_offset_s, xml.captured_zone),
        (None, ZoneProvenance::InValue)
    );
    xml.captured_offset_s = json.captured_offset_s;
    xml.captured_zone = json.captured_zone;
    assert_eq!(xml, json);
}

#[test]
fn what_the_camera_does_not_know_is_absent() {
    let read = read(UNKNOWN);
    assert_eq!(read.record, "6f9d3c0e-0000-4000-8000-000000000043");
    assert_eq!(read.plate.confidence, None);
    assert_eq!(read.plate.jurisdiction, None);
    assert_eq!(
        (read.place.lat, read.place.lon, read.place.lane),
        (None, None, None)
    );
    assert_eq!((read.vehicle.make, read.vehicle.class), (None, None));
    assert!(read.extra.is_empty() && read.quality.is_empty());
}

#[test]
fn a_score_is_used_where_the_value_is_unknown() {
    for (value, score, want) in [
        (json!("93"), json!(-1.0), Some(0.93)),
        (json!("-"), json!(88.5), Some(0.885)),
        (json!(null), json!(0), Some(0.0)),
        (json!(""), json!(-1), None),
        (json!("-"), json!(null), None),
    ] {
        let read = read(&with_analytic("Confidence Score", &value, &score));
        assert_eq!(
            read.plate.confidence.map(|c| c.get()),
            want,
            "{value} {score}"
        );
        assert!(read.quality.is_empty());
    }
    for (value, score) in [
        (json!("140"), json!(1)),
        (json!("-"), json!(-2)),
        (json!("NaN"), json!(1)),
    ] {
        let read = read(&with_analytic("Confidence Score", &value, &score));
        assert_eq!(read.plate.confidence, None);
        assert_eq!(read.quality, ["confidence_off_scale"]);
    }
}

#[test]
fn a_state_needs_a_country() {
    let bare = with_analytic("Context", &json!("-"), &json!(-1.0));
    let unknown = read(&bare);
    assert_eq!(unknown.plate.jurisdiction, None);
    assert_eq!(unknown.quality, ["unknown_state"]);
    assert_eq!(unknown.extra["plate_state"], "OH");
    let configured = json!({ "time_zone": "UTC", "default_country": "US" });
    let known = read_of(&configured, &bare);
    assert_eq!(
        known.plate.jurisdiction.map(String::from).as_deref(),
        Some("US-OH")
    );
    // The setting says where a state is, not where a plate is from.
    assert_eq!(read_of(&configured, UNKNOWN).plate.jurisdiction, None);
}

#[test]
fn an_odd_context_is_kept_in_the_cameras_words() {
    let read = read(&with_analytic("Context", &json!("US_East"), &json!(-1.0)));
    assert_eq!(read.plate.jurisdiction, None);
    assert_eq!(read.extra["plate_context"], "US_East");
}

#[test]
fn a_camera_without_gps_is_where_the_operator_says() {
    let settings = json!({
        "time_zone": "UTC",
        "cameras": { "BN-LPR-1": { "site": "Mill Car Park", "lat": 41.46, "lon": -81.25 } },
    });
    let read = read_of(&settings, UNKNOWN);
    assert_eq!(
        (read.place.lat, read.place.lon),
        (Some(41.46), Some(-81.25))
    );
    assert_eq!(read.place.site.as_deref(), Some("Mill Car Park"));
    assert_eq!(read_of(&settings, JSON).place.lat, Some(41.5012));
}

#[test]
fn a_position_off_the_globe_is_left_out_and_noted() {
    let read = read(&with(&[("/Latitude", json!(191.0))]));
    assert_eq!((read.place.lat, read.place.lon), (None, None));
    assert_eq!(read.quality, ["position_off_scale"]);
    let half = super::read(&with(&[("/Longitude", json!(null))]));
    assert_eq!((half.place.lat, half.place.lon), (None, None));
}

#[test]
fn a_message_without_a_plate_is_counted() {
    for plate in ["", "-", " - "] {
        let page = page_of(&zoned(), with(&[("/PlateRead", json!(plate))]));
        assert_eq!(page.skipped.get("no_plate"), Some(&1), "`{plate}`");
        assert!(page.reads.is_empty() && page.rejected.is_empty());
    }
}

#[test]
fn encodings_that_xml_declares_are_read() {
    let named = XML.replace("BN-LPR-1", "Br\u{fc}cke");
    let latin = named.replace("utf-8", "ISO-8859-1");
    let latin: Vec<u8> = latin
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let utf16 = named.replace("utf-8", "utf-16");
    let utf16: Vec<u8> = std::iter::once(0xFEFF)
        .chain(utf16.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let marked = [b"\xEF\xBB\xBF", named.as_bytes()].concat();
    for body in [latin, utf16, marked] {
        let page = page_of(&json!({}), body);
        assert_eq!(page.reads[0].place.camera.as_deref(), Some("Br\u{fc}cke"));
    }
}

#[test]
fn elements_come_in_any_order_with_any_prefix_and_may_be_missing() {
    let xml = "<p:Plate xmlns:p='x'><p:Timestamp>2026-03-04T13:15:30+00:00</p:Timestamp><p:PlateAnalytics/>\
        <p:PlateRead>TPK&#48;421</p:PlateRead><p:Latitude/><p:Id><![CDATA[one]]></p:Id></p:Plate>";
    let read = read_of(&json!({}), xml);
    assert_eq!(
        (read.record.as_str(), read.plate.plate.expose()),
        ("one", "TPK0421")
    );
}
