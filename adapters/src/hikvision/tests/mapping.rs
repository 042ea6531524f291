//! How a document becomes a read.

use turnpike_schemas::read::{Confidence, ReadKind, ZoneProvenance};

use super::*;

const KEY: &str = "02:00:00:00:00:21/1";

#[test]
fn a_document_says_what_its_elements_say() {
    let read = read(ALERT);
    assert_eq!(
        read.record,
        format!("{KEY}/7f1c2b9e-0000-4000-8000-0000000000a1")
    );
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
    assert_eq!(read.plate.confidence, Confidence::from_percent(91.0).ok());
    assert_eq!(
        (&read.plate.jurisdiction, read.plate.candidates.len()),
        (&None, 0)
    );
    assert_eq!(read.place.camera.as_deref(), Some("Brookdale Gate 2"));
    assert_eq!(read.place.lane.as_deref(), Some("2"));
    assert_eq!(
        (&read.place.site, read.place.lat, read.place.bearing_deg),
        (&None, None, None)
    );
    let value = |attribute: &Option<turnpike_schemas::read::Attribute>| {
        attribute.as_ref().map(|a| a.value.clone())
    };
    assert_eq!(value(&read.vehicle.class).as_deref(), Some("SUVMPV"));
    assert_eq!(value(&read.vehicle.colour).as_deref(), Some("blue"));
    assert_eq!((&read.vehicle.make, &read.vehicle.model), (&None, &None));
    assert!(read.images.is_empty() && read.aliases.is_empty() && read.quality.is_empty());
    let extra: Vec<_> = read
        .extra
        .iter()
        .map(|(key, value)| (&**key, &**value))
        .collect();
    assert_eq!(
        extra,
        [
            ("camera_id", KEY),
            ("country", "0"),
            ("direction", "forward"),
            ("plate_char_confidence", "99,99,98,97,61,99,99"),
            ("plate_colour", "white"),
            ("vehicle_sub_logo", "1031"),
        ]
    );
}

#[test]
fn old_firmware_in_gbk_without_an_id_is_read() {
    let old = only(page(XML, OLD_GBK));
    assert_eq!(old.plate.plate.expose(), "TPK0421");
    assert_eq!(old.captured_at.to_string(), "2026-03-04T07:15:30Z");
    assert_eq!(old.place.camera.as_deref(), Some("道口"));
    assert_eq!(old.extra["country"], "Poland");
    assert_eq!(old.plate.jurisdiction, None);
    assert!(
        old.record.starts_with("02:00:00:00:00:22/1/sha256-"),
        "{}",
        old.record
    );
    // Sent again it is the same; another time is another passage.
    let text = encoding_rs::GBK
        .decode(OLD_GBK)
        .0
        .replace("GB2312", "UTF-8");
    assert_eq!(
        read(&text.replace("PostCount>2<", "PostCount>3<")).record,
        old.record
    );
    assert_ne!(
        read(&text.replace("15:15:30", "15:15:31")).record,
        old.record
    );
    assert_ne!(read(&text.replace("0421", "0422")).record, old.record);
}

#[test]
fn the_colour_before_a_plate_is_cut_off_only_if_it_is_the_plates() {
    let read_with =
        |colour: &str, plate: &str| read(&with("plateColor", colour).replace("TPK0421", plate));
    assert_eq!(
        read_with("blue", "蓝TPK0421").plate.plate.expose(),
        "TPK0421"
    );
    assert_eq!(
        read_with("yellow", "蓝TPK0421").plate.plate.expose(),
        "蓝TPK0421"
    );
    assert_eq!(
        read_with("unknown", "蓝TPK0421").plate.plate.expose(),
        "蓝TPK0421"
    );
}

#[test]
fn gbk_that_calls_itself_utf_8_is_read_when_the_operator_says_so() {
    let gbk = encoding_rs::GBK
        .encode(&with("channelName", "道口"))
        .0
        .into_owned();
    let configured = json!({ "fallback_encoding": "gbk" });
    let read = only(page_of(&configured, XML, &gbk));
    assert_eq!(read.place.camera.as_deref(), Some("道口"));
    // Otherwise the name is no text and left out, and the read is kept.
    let read = only(page(XML, &gbk));
    assert_eq!(read.place.camera.as_deref(), Some(KEY));
    // A plate that is no text is no plate.
    let plate = encoding_rs::GBK
        .encode(&with("licensePlate", "蓝TPK0421"))
        .0
        .into_owned();
    assert_eq!(
        page(XML, &plate).rejected[0].rule,
        "not text in its encoding"
    );
}

#[test]
fn a_wrong_offset_is_overruled_by_the_zone_of_the_camera() {
    let settings = json!({ "cameras": { "02:00:00:00:00:21": { "zone_policy": "force_zone", "zone": "America/New_York" } } });
    let read = read_of(&settings, &with("dateTime", "2026-03-04T08:15:30+08:00"));
    assert_eq!(read.captured_at.to_string(), "2026-03-04T13:15:30.412Z");
    assert_eq!(
        (read.captured_zone, read.captured_offset_s),
        (ZoneProvenance::Configured, Some(-18_000))
    );
    assert_eq!(read.quality, ["offset_disagrees"]);
    let repeated = with("dateTime", "2026-11-01T01:30:00+08:00");
    let page = page_of(&settings, XML, repeated.as_bytes());
    assert_eq!(page.rejected[0].field, "dateTime");
}

#[test]
fn directions_are_relative_unless_the_camera_is_known() {
    let settings = json!({ "cameras": { KEY: { "forward_deg": 270 } } });
    for (word, bearing, kept) in [
        ("forward", Some(270.0), Some("forward")),
        ("reverse", Some(90.0), Some("reverse")),
        ("unknown", None, None),
        ("sideways", None, Some("sideways")),
        ("", None, None),
    ] {
        let text = with("direction", word);
        let known = read_of(&settings, &text);
        assert_eq!(known.place.bearing_deg, bearing, "{word}");
        assert_eq!(known.extra.get("direction").map(String::as_str), kept);
        assert_eq!(read(&text).place.bearing_deg, None);
    }
}

#[test]
fn a_position_is_the_operators_or_the_cameras_if_it_is_believed() {
    let gps = |lat: &str, lon: &str| {
        let gps = format!(
            "<DeviceGPSInfo><longitudeType>W</longitudeType><latitudeType>N</latitudeType>\
             <Longitude><degree>{lon}</degree><minute>15</minute><sec>0</sec></Longitude>\
             <Latitude><degree>{lat}</degree><minute>30</minute><sec>0</sec></Latitude></DeviceGPSInfo><UUID>"
        );
        ALERT.replace("<UUID>", &gps)
    };
    let place = |settings: &Value, text: &str| {
        let place = read_of(settings, text).place;
        (place.lat, place.lon)
    };
    let trusted = json!({ "trust_device_position": true });
    assert_eq!(
        place(&trusted, &gps("41", "81")),
        (Some(41.5), Some(-81.25))
    );
    assert_eq!(place(&json!({}), &gps("41", "81")), (None, None));
    assert_eq!(
        read_of(&trusted, &gps("91", "81")).quality,
        ["position_off_scale"]
    );
    let zero = gps("0", "0")
        .replace("15</minute>", "0</minute>")
        .replace("30</minute>", "0</minute>");
    assert_eq!(place(&trusted, &zero), (None, None));
    assert!(read_of(&trusted, &zero).quality.is_empty());
    let wrong = gps("41", "81").replace(">W<", ">X<");
    assert_eq!(
        page_of(&trusted, XML, wrong.as_bytes()).rejected[0].field,
        "DeviceGPSInfo/longitudeType"
    );
    let configured = json!({ "trust_device_position": true, "cameras": { KEY: { "lat": 41.25, "lon": -81.5, "site": "Brookdale" } } });
    assert_eq!(
        place(&configured, &gps("41", "81")),
        (Some(41.25), Some(-81.5))
    );
    assert_eq!(
        read_of(&configured, ALERT).place.site.as_deref(),
        Some("Brookdale")
    );
}

#[test]
fn a_country_is_an_issuer_only_by_the_operators_table() {
    let settings = json!({ "countries": { "3": "GB", "Poland": "pl" } });
    for (sent, want) in [
        ("3", Some("GB")),
        ("Poland", Some("PL")),
        ("7", None),
        ("GBR", None),
        ("0", None),
    ] {
        let read = read_of(&settings, &with("country", sent));
        assert_eq!(
            read.plate
                .jurisdiction
                .as_ref()
                .map(|issuer| issuer.as_str()),
            want
        );
    }
    let read = read(&ALERT.replace(
        "<UUID>",
        "<countryAbbreviation>NON</countryAbbreviation><UUID>",
    ));
    assert!(!read.extra.contains_key("country_abbreviation"));
}

#[test]
fn what_the_camera_changed_is_a_candidate() {
    let original = |text: &str| {
        read(&ALERT.replace(
            "<line>",
            &format!("<originalLicensePlate>{text}</originalLicensePlate><line>"),
        ))
    };
    let candidates = original("TPKO421").plate.candidates;
    assert_eq!(
        (candidates[0].plate.expose(), candidates[0].confidence),
        ("TPKO421", None)
    );
    for same in ["TPK-0421", "unknown", ""] {
        assert!(original(same).plate.candidates.is_empty());
    }
}

#[test]
fn a_value_off_its_scale_is_left_out_and_noted() {
    for off in ["101", "-1", "NaN", "inf", "1e300"] {
        let read = read(&with("confidenceLevel", off));
        assert_eq!(
            (read.plate.confidence, &*read.quality),
            (None, &["confidence_off_scale".to_owned()][..])
        );
    }
    assert_eq!(read(&without("confidenceLevel")).plate.confidence, None);
    assert_eq!(
        read(&with("isDataRetransmission", "true")).quality,
        ["resent"]
    );
}

#[test]
fn a_camera_without_a_name_is_its_address_and_channel() {
    let read = read(&without("channelName"));
    assert_eq!(read.place.camera.as_deref(), Some(KEY));
    assert!(!read.extra.contains_key("camera_id"));
    let spelled = with("macAddress", "02:00:00:00:00:AB");
    assert!(
        super::read(&spelled)
            .record
            .starts_with("02:00:00:00:00:ab/1/")
    );
    let bare = ALERT.replace("<macAddress>02:00:00:00:00:21</macAddress>", "");
    assert_eq!(
        super::read(&bare).record,
        "7f1c2b9e-0000-4000-8000-0000000000a1"
    );
}
