//! What payloads become.

use turnpike_schemas::read::ZoneProvenance;

use super::*;
use crate::error::ErrorKind;

fn extra(read: &Observation) -> Vec<(&str, &str)> {
    let pairs = read.extra.iter();
    pairs
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

#[test]
fn the_official_example_is_a_read() {
    let read = read(EXAMPLE);
    assert_eq!(
        read.record,
        "uri:ngsi-ld:APDSObservation:Arvoo:ArvooSGIDxxxx"
    );
    assert_eq!(read.plate.plate.expose(), "1ENC003");
    assert_eq!(read.plate.confidence.map(|c| c.get()), Some(0.851));
    assert_eq!(
        read.plate.jurisdiction.as_ref().map(|code| code.as_str()),
        Some("BE")
    );
    assert_eq!(read.captured_at.to_string(), "2020-09-11T10:45:00Z");
    assert_eq!(read.captured_zone, ZoneProvenance::InValue);
    assert_eq!(
        (read.place.lat, read.place.lon),
        (Some(51.002_166_32), Some(4.004_120_77))
    );
    assert_eq!(read.place.camera.as_deref(), Some("Arvoo/LF"));
    assert_eq!(read.place.bearing_deg, Some(175.0));
    assert_eq!((read.revision, read.retracted), (0, false));
    assert!(read.images.is_empty() && read.quality.is_empty());
    assert_eq!(
        extra(&read),
        [
            ("images_show", "ANPR, Overview, Plate, Panorama"),
            ("scan_car", "Scangenius Auto-26")
        ]
    );
}

#[test]
fn all_shapes_of_an_entity_give_the_same_read() {
    let plain = read(NOTIFICATION);
    assert_eq!(plain.revision, 1_772_612_131_000 * 2);
    assert_eq!(plain.place.bearing_deg, Some(92.5));
    let vehicle = [
        &plain.vehicle.make,
        &plain.vehicle.colour,
        &plain.vehicle.class,
    ];
    let vehicle = vehicle.map(|one| one.as_ref().map(|one| one.value.as_str()));
    assert_eq!(vehicle, [Some("Brookmotor"), Some("grey"), Some("car")]);
    assert_eq!(
        extra(&plain),
        [("images_show", "Plate"), ("scan_car", "Scan car 2")]
    );
    assert_eq!(read(NORMALIZED), plain);
    assert_eq!(read(NORMALIZED_V2), plain);
}

#[test]
fn a_stay_is_read_at_its_start() {
    let read = read(STAY);
    assert_eq!(read.captured_at.to_string(), "2026-03-04T07:01:00Z");
    assert_eq!(read.captured_offset_s, Some(3_600));
    assert_eq!(
        (read.plate.plate.expose(), read.plate.plate.expose_raw()),
        ("BTP421", "B:TP421")
    );
    assert_eq!(
        (read.plate.jurisdiction, read.plate.confidence),
        (None, None)
    );
    assert_eq!((read.place.lat, read.place.lon), (Some(51.21), Some(4.40)));
    assert_eq!(read.place.bearing_deg, None);
    assert_eq!(read.quality, ["position_of_observer"]);
    let extra: Vec<_> = read
        .extra
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        extra,
        [
            ("ended_at", "2026-03-04T09:33:00+01:00"),
            ("motion_to_observer", "towards"),
            ("speed_kmh", "12.5")
        ]
    );
}

#[test]
fn a_deletion_withdraws_the_read_if_it_says_which() {
    let mut page = page_of(DELETED);
    let gone = page.reads.pop().unwrap();
    let there = read(NOTIFICATION);
    assert_eq!((&gone.record, gone.retracted), (&there.record, true));
    assert!(gone.revision > there.revision);
    let rejection = page.rejected.pop().unwrap();
    assert_eq!(
        (rejection.record, rejection.field.as_str()),
        (Some(1), "observedCredentialId")
    );
    let v2 = read(&with(&[(
        "alterationType",
        json!({ "type": "Text", "value": "entityDelete" }),
    )]));
    assert_eq!((v2.retracted, v2.revision), (true, there.revision + 1));
    assert!(!read(&with(&[("alterationType", json!("entityUpdate"))])).retracted);
}

#[test]
fn a_newer_version_is_of_the_same_record() {
    let earlier = read(NOTIFICATION);
    let later = read(&with(&[
        ("dateModified", json!("2026-03-04T08:15:31.001Z")),
        ("observedCredentialId", json!("TPK0427")),
    ]));
    assert_eq!(later.record, earlier.record);
    assert!(later.revision > earlier.revision);
}

#[test]
fn what_is_no_plate_read_by_a_camera_is_counted() {
    for (changes, reason) in [
        ([("observedMethod", json!("chalk"))], "other_method"),
        ([("observedMethod", json!("visual"))], "other_method"),
        ([("observedMethod", json!("rfTranspoder"))], "other_method"),
        (
            [("observedCredentialType", json!("hangtag"))],
            "other_credential",
        ),
        ([("observedCredentialId", json!(""))], "no_plate"),
        ([("observedCredentialId", json!(" : "))], "no_plate"),
    ] {
        let page = page_of(with(&changes));
        assert_eq!(
            page.skipped.get(reason),
            Some(&1),
            "{changes:?} {:?}",
            page.skipped
        );
        assert!(page.reads.is_empty() && page.rejected.is_empty());
    }
    let visual = adapter(&json!({ "mode": "notifications", "visual": true }));
    let message = Message::json(with(&[("observedMethod", json!("visual"))]));
    assert_eq!(visual.decode(&message).unwrap().page.reads.len(), 1);
}

#[test]
fn a_camera_reads_plates_even_where_the_kind_of_credential_is_not_said() {
    read(&with(&[("observedCredentialType", json!(null))]));
    let page = page_of(with(&[
        ("observedCredentialType", json!(null)),
        ("observedMethod", json!(null)),
    ]));
    assert_eq!(page.rejected[0].field, "observedCredentialType");
}

#[test]
fn each_broken_member_rejects_its_entity_by_name() {
    for (key, value, field) in [
        ("id", json!(null), "id"),
        ("id", json!(""), "id"),
        ("id", json!("x".repeat(257)), "id"),
        ("id", json!(42), "id"),
        ("type", json!(null), "type"),
        ("type", json!("AnprFlowObserved"), "type"),
        ("type", json!(["APDSObservation"]), "type"),
        ("observedCredentialId", json!(null), "observedCredentialId"),
        ("observedCredentialId", json!(421), "observedCredentialId"),
        (
            "observedCredentialId",
            json!("A".repeat(21)),
            "observedCredentialId",
        ),
        (
            "observedCredentialId",
            json!(["TPK0421"]),
            "observedCredentialId",
        ),
        (
            "observedCredentialId",
            json!({ "type": "Property" }),
            "observedCredentialId",
        ),
        (
            "observedCredentialId",
            json!({ "value": 421 }),
            "observedCredentialId.value",
        ),
        (
            "observedCredentialConfidence",
            json!("0.91"),
            "observedCredentialConfidence",
        ),
        ("observationDateTime", json!(null), "observationDateTime"),
        (
            "observationDateTime",
            json!("2026-03-04T08:15:30"),
            "observationDateTime",
        ),
        (
            "observationDateTime",
            json!("2026-03-04T08Z"),
            "observationDateTime",
        ),
        (
            "observationDateTime",
            json!("2026-02-30T08:15:30Z"),
            "observationDateTime",
        ),
        (
            "observationDateTime",
            json!(1_772_612_130),
            "observationDateTime",
        ),
        ("dateModified", json!("today"), "dateModified"),
        ("observedLocation", json!([4.4, 51.2]), "observedLocation"),
        (
            "observedLocation",
            json!({ "type": "Point", "coordinates": ["4.4", "51.2"] }),
            "observedLocation.coordinates[0]",
        ),
        (
            "observedLocation",
            json!({ "type": "Polygon", "coordinates": [[[4.4, 51.2]]] }),
            "observedLocation.coordinates[0]",
        ),
        ("observerCameras", json!("LF"), "observerCameras"),
        ("images", json!("none"), "images"),
        ("observedHeading", json!("east"), "observedHeading"),
    ] {
        let page = page_of(with(&[(key, value.clone())]));
        assert!(page.reads.is_empty(), "{key} {value}");
        assert_eq!(page.rejected.len(), 1);
        assert_eq!(
            (page.rejected[0].record, page.rejected[0].field.as_str()),
            (Some(0), field),
            "{value}"
        );
    }
}

#[test]
fn one_bad_entity_costs_one_entity() {
    let twice = NOTIFICATION.replacen("\"observer\":", "\"observer\":\"x\",\"observer\":", 1);
    let twice: &serde_json::value::RawValue = serde_json::from_str(&twice).unwrap();
    let entity = entity(&[]).to_string();
    let data = format!("{{\"data\":[7,[],null,{entity},\"{{}}\"]}}");
    let page = page_of(data);
    assert_eq!((page.reads.len(), page.rejected.len()), (1, 4));
    assert!(page.rejected.iter().all(|one| one.field == "(entity)"));
    let page = page_of(twice.get());
    assert_eq!(
        (
            page.rejected[0].field.as_str(),
            page.rejected[0].rule.as_str()
        ),
        ("observer", "given twice")
    );
}

#[test]
fn doubtful_values_are_left_out_and_noted() {
    for (key, value, doubt) in [
        (
            "observedCredentialConfidence",
            json!(1.5),
            "confidence_off_scale",
        ),
        (
            "observedCredentialConfidence",
            json!(-1),
            "confidence_off_scale",
        ),
        ("observedHeading", json!(360), "direction_off_scale"),
        ("observedCredentialCountry", json!("D"), "unknown_country"),
        ("observedCredentialCountry", json!("ZZ"), "unknown_country"),
    ] {
        let read = read(&with(&[(key, value)]));
        assert_eq!(read.quality, [doubt], "{key}");
    }
    let swapped = read(&with(&[(
        "observedLocation",
        json!({ "type": "Point", "coordinates": [51.21, 168.37] }),
    )]));
    assert_eq!(
        swapped.quality,
        ["position_off_scale", "position_of_observer"]
    );
    assert_eq!(swapped.place.lat, Some(51.21));
}

#[test]
fn a_payload_that_is_no_list_of_entities_is_an_error() {
    let many = format!("[{}0]", "0,".repeat(10_000));
    let deep = format!("{{\"data\":[{}", "[".repeat(200_000));
    for body in [
        "",
        "null",
        "\"APDSObservation\"",
        "<html>sign in</html>",
        "[",
        "{\"data\":",
        "{\"data\":{}}",
        "{\"data\":\"none\"}",
        "{}{}",
        &many,
        &deep,
    ] {
        let error = pushed()
            .decode(&Message::json(body.to_owned()))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }
    let error = pushed().decode(&Message::json(b"{\"data\":[\"\xFF\"]}".to_vec()));
    assert!(error.is_err() || error.unwrap().page.reads.is_empty());
    assert_eq!(
        page_of("{\"data\":[]}").skipped.get("empty_notification"),
        Some(&1)
    );
    assert_eq!(page_of("[]"), Page::default());
}

#[test]
fn a_source_does_one_of_the_two_only() {
    let asked =
        adapter(&json!({ "mode": "entities", "base_url": "https://broker.example/ngsi-ld/v1" }));
    let error = asked.decode(&Message::json(NOTIFICATION)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let (asked, pushed) = (asked.info().capabilities, pushed().info().capabilities);
    assert_eq!((asked.search, asked.push), (true, false));
    assert_eq!((pushed.search, pushed.push), (false, true));
    assert!(
        (ENTRY.hosts)(&json!({ "mode": "notifications" }))
            .unwrap()
            .is_empty()
    );
}
