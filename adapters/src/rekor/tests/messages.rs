//! Which messages hold a read, and what becomes of the others.

use std::io::Cursor as Bytes;

use super::*;
use crate::{adapter::Tally, error::ErrorKind, registry};

#[test]
fn the_registry_knows_the_adapter() {
    let entry = registry::find("rekor").unwrap();
    let push_only = (entry.build)(&json!({})).unwrap();
    assert!(push_only.info().capabilities.push && !push_only.info().capabilities.images);
    assert_eq!((entry.hosts)(&json!({})).unwrap(), []);
    let settings = json!({ "image_base_url": "http://agent.example:8355" });
    assert!((entry.build)(&settings).unwrap().info().capabilities.images);
    assert_eq!(
        (entry.hosts)(&settings).unwrap()[0].host_str(),
        Some("agent.example")
    );
}

#[test]
fn messages_without_a_read_are_counted_by_reason() {
    for (body, reason) in [
        (FRAME.to_owned(), "frame"),
        (VEHICLE.to_owned(), "vehicle_without_plate"),
        (HEARTBEAT.to_owned(), "heartbeat"),
        (TEST.to_owned(), "test_message"),
        (
            with(GROUP, &[("/best_plate_number", json!(""))]),
            "no_plate",
        ),
        (
            with(GROUP, &[("/best_plate_number", json!(" - "))]),
            "no_plate",
        ),
        (
            with(ALERT, &[("/group/best_plate_number", json!(""))]),
            "no_plate",
        ),
        (
            with(HEARTBEAT, &[("/epoch_start", json!("text"))]),
            "heartbeat",
        ),
        (
            with(VEHICLE, &[("/camera_id", json!("text"))]),
            "vehicle_without_plate",
        ),
    ] {
        let page = decode(&json!({}), &body).page;
        assert_eq!(page.skipped, Tally::from([(reason, 1)]), "{reason}");
        assert!(page.reads.is_empty() && page.rejected.is_empty());
    }
}

#[test]
fn only_the_test_message_prescribes_an_answer() {
    for body in ALL {
        let reply = decode(&json!({}), body).reply;
        assert_eq!(
            reply.map(|reply| reply.status),
            (body == TEST).then_some(200)
        );
    }
}

#[test]
fn a_bad_record_is_rejected_by_field_and_rule() {
    for (body, field, rule) in [
        (
            with(GROUP, &[("/data_type", json!("alpr_novelty"))]),
            "data_type",
            "unknown",
        ),
        (
            with(GROUP, &[("/data_type", json!(7))]),
            "data_type",
            "wrong type",
        ),
        ("{}".to_owned(), "data_type", "missing"),
        (
            r#"{"openalpr_webhook":"other"}"#.to_owned(),
            "data_type",
            "missing",
        ),
        (without(ALERT, "group"), "group", "missing"),
        (
            without(GROUP, "best_plate_number"),
            "best_plate_number",
            "missing",
        ),
        (
            with(GROUP, &[("/best_plate_number", json!("A".repeat(21)))]),
            "best_plate_number",
            "longer than 20 characters",
        ),
        (without(GROUP, "epoch_start"), "epoch_start", "missing"),
        (
            with(GROUP, &[("/epoch_start", json!(0))]),
            "epoch_start",
            "not a time in milliseconds since 1970",
        ),
        (
            with(GROUP, &[("/epoch_start", json!(i64::MAX))]),
            "epoch_start",
            "not a time in milliseconds since 1970",
        ),
        (
            without(GROUP, "best_uuid"),
            "best_uuid",
            "missing, empty or longer than 128 bytes",
        ),
        (
            with(GROUP, &[("/best_uuid", json!("a".repeat(129)))]),
            "best_uuid",
            "missing, empty or longer than 128 bytes",
        ),
        (
            with(GROUP, &[("/best_confidence", json!("92.4"))]),
            "best_confidence",
            "wrong type",
        ),
        (
            with(GROUP, &[("/vehicle/color/0/confidence", json!("TPK0421"))]),
            "vehicle.color[0].confidence",
            "wrong type",
        ),
        (
            with(ALERT, &[("/group/camera_id", json!([]))]),
            "group.camera_id",
            "wrong type",
        ),
        (
            GROUP.replacen('{', r#"{"camera_id":1,"#, 1),
            "camera_id",
            "given twice",
        ),
    ] {
        let page = decode(&json!({}), &body).page;
        assert!(
            page.reads.is_empty() && page.skipped.is_empty(),
            "{field} {rule}"
        );
        let [rejection] = &page.rejected[..] else {
            panic!("one rejection for {field} {rule}, got {:?}", page.rejected)
        };
        assert_eq!((&*rejection.field, &*rejection.rule), (field, rule));
        assert!(!format!("{page:?}").contains("TPK0421"));
    }
}

#[test]
fn a_body_that_is_not_a_json_object_is_an_error() {
    for body in [
        "",
        " ",
        "[]",
        "null",
        "\"text\"",
        "{",
        "{]",
        "{\"a\":1}x",
        "not json",
        "{\"best_confidence\":\"x\"",
        "\u{feff}{}",
    ] {
        assert_eq!(decode(&json!({}), body).page.rejected, not_json(), "{body}");
    }
    let truncated = GROUP.split_once("candidates").unwrap().0;
    assert_eq!(decode(&json!({}), truncated).page.rejected, not_json());
}

fn not_json() -> [crate::adapter::Rejection; 1] {
    [crate::adapter::Rejection::new(
        Some(0),
        "(message)",
        "not a JSON object",
    )]
}

#[test]
fn deep_nesting_is_an_answer_and_not_a_crash() {
    for opening in [r#"{"group":"#, r#"{"vehicle":{"color":["#, r#"{"other":"#] {
        let endless = decode(&json!({}), &opening.repeat(100_000));
        assert_eq!(endless.page.rejected, not_json(), "{opening}");
    }
    let groups = format!(
        "{}{}{}",
        r#"{"group":"#.repeat(10_000),
        GROUP,
        "}".repeat(10_000)
    );
    let page = decode(&json!({}), &groups).page;
    assert_eq!(
        page.rejected,
        [crate::adapter::Rejection::new(
            Some(0),
            "best_plate_number",
            "missing"
        )]
    );
}

#[test]
fn a_group_is_found_under_every_wrapping() {
    let direct = read(GROUP);
    assert_eq!(read(UNTYPED), direct);
    assert_eq!(read(&with(GROUP, &[("/data_type", Value::Null)])), direct);
    assert_eq!(read(&without(GROUP, "data_type")), direct);
    assert_eq!(read(ALERT).record, direct.record);
    assert_eq!(read(OLD_AGENT).record, direct.record);
}

#[test]
fn frames_are_reads_only_on_request_and_each_plate_is_one() {
    let frames = json!({ "frames": true });
    let page = decode(&frames, FRAME).page;
    let records: Vec<_> = page.reads.iter().map(|read| &*read.record).collect();
    let first = format!("{AGENT}-2042-1772608530412");
    assert_eq!(records, [first.clone(), format!("{first}#1")]);
    assert_eq!(page.reads[1].plate.plate.expose(), "BRK0077");
    assert_eq!(page.reads[1].images[0].reference, format!("img/{first}"));
    assert!(
        page.reads
            .iter()
            .all(|frame| frame.revision < read(PREVIEW).revision)
    );
    assert!(read(GROUP).aliases.contains(&first));
}

#[test]
fn one_bad_plate_of_a_frame_costs_no_other() {
    let frames = json!({ "frames": true });
    for (value, field, rule) in [
        (json!({ "plate": 7 }), "results.plate", "wrong type"),
        (json!({}), "results.plate", "missing"),
        (json!("x"), "results", "wrong type"),
    ] {
        let page = decode(
            &frames,
            &with(
                FRAME,
                &[("/results", json!([value, { "plate": "BRK0077" }]))],
            ),
        )
        .page;
        assert_eq!(page.reads.len(), 1);
        assert_eq!(
            page.rejected,
            [crate::adapter::Rejection::new(Some(0), field, rule)]
        );
    }
    let empty = decode(&frames, &with(FRAME, &[("/results", json!([]))])).page;
    assert_eq!(empty.skipped, Tally::from([("no_plate", 1)]));
    let many: Vec<_> = (0..300).map(|_| json!({ "plate": "" })).collect();
    let page = decode(&frames, &with(FRAME, &[("/results", json!(many))])).page;
    assert_eq!(page.skipped, Tally::from([("no_plate", 256)]));
    assert_eq!(page.rejected[0].rule, "longer than 256 plates");
}

#[test]
fn dropped_files_are_not_supported() {
    let error = adapter(&json!({}))
        .decode_file("x", &mut Bytes::new(Vec::new()), &mut |_| Ok(()))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
