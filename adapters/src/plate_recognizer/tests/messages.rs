//! Which messages hold reads, and what becomes of the others.

use std::io::Cursor as Bytes;

use super::*;
use crate::{
    adapter::{Rejection, Tally},
    error::ErrorKind,
    registry,
};

#[test]
fn the_registry_knows_the_adapter() {
    let entry = registry::find("plate-recognizer").unwrap();
    assert_eq!((entry.hosts)(&json!({})).unwrap(), []);
    assert!((entry.build)(&json!({})).unwrap().info().capabilities.push);
}

#[test]
fn a_message_is_the_same_alone_and_in_a_form() {
    let alone = read(NESTED);
    assert_eq!(only(page_of(&json!({}), FORM_TYPE, FORM)), alone);
    for header in [
        "Content-Disposition: form-data; name=json",
        "content-disposition: form-data; name=\"json\"; filename=\"a.json\"\nContent-Type: text/plain",
    ] {
        let body = format!("--frontier\n{header}\n\n{NESTED}\n--frontier--");
        assert_eq!(only(page_of(&json!({}), FORM_TYPE, body.as_bytes())), alone);
    }
}

#[test]
fn a_form_that_was_cut_keeps_what_came_whole() {
    for length in 0..FORM.len() {
        let page = page_of(&json!({}), FORM_TYPE, &FORM[..length]);
        assert_eq!(page.reads.len() + page.rejected.len(), 1, "{length}");
        assert!(page.reads.iter().all(|kept| *kept == read(NESTED)));
    }
}

#[test]
fn every_vehicle_of_a_message_is_a_record() {
    let several = page(SEVERAL);
    let plates: Vec<_> = several
        .reads
        .iter()
        .map(|read| read.plate.plate.expose())
        .collect();
    assert_eq!(plates, ["TPK0421", "BRK0077"]);
    assert_ne!(several.reads[0].record, several.reads[1].record);
    assert_eq!(several.skipped, Tally::from([("no_plate", 1)]));
    assert!(several.rejected.is_empty());
    for (bad, field, rule) in [
        (json!("x"), "data.results", "wrong type"),
        (json!([]), "data.results", "wrong type"),
        (json!({}), "data.results.plate", "missing"),
        (json!({ "plate": 421 }), "data.results.plate", "wrong type"),
        (
            json!({ "plate": { "props": 1 } }),
            "data.results.plate.props",
            "wrong type",
        ),
    ] {
        let mut message = parsed(SEVERAL);
        *message.pointer_mut("/data/results/1").unwrap() = bad;
        let page = page(&message.to_string());
        assert_eq!(page.reads.len(), 2, "{page:?}");
        assert_eq!(page.rejected, [Rejection::new(Some(1), field, rule)]);
    }
}

#[test]
fn messages_without_a_read_are_counted_by_reason() {
    for (body, reason) in [
        (HEARTBEAT.to_owned(), "other_event"),
        (
            with(
                NESTED,
                &[("/hook/event", json!("dwell")), ("/data", Value::Null)],
            ),
            "other_event",
        ),
        (with(NESTED, &[("/data/results", json!([]))]), "no_vehicle"),
        (
            with(NESTED, &[("/data/results/0/plate", Value::Null)]),
            "no_plate",
        ),
        (
            with(NESTED, &[("/data/results/0/plate/props", Value::Null)]),
            "no_plate",
        ),
        (
            with(NESTED, &[("/data/results/0/plate/props/plate", json!([]))]),
            "no_plate",
        ),
        (
            with(FLAT, &[("/data/results/0/plate", Value::Null)]),
            "no_plate",
        ),
        (
            with(FLAT, &[("/data/results/0/plate", json!(""))]),
            "no_plate",
        ),
        (
            with(FLAT, &[("/data/results/0/plate", json!("unknown"))]),
            "no_plate",
        ),
        (
            with(FLAT, &[("/data/results/0/plate", json!("-"))]),
            "no_plate",
        ),
    ] {
        let page = page(&body);
        assert_eq!(page.skipped, Tally::from([(reason, 1)]), "{reason}");
        assert!(page.reads.is_empty() && page.rejected.is_empty());
    }
}

#[test]
fn a_bad_record_is_rejected_by_field_and_rule() {
    let zone = "not a time with a zone";
    for (body, field, rule) in [
        (without(NESTED, "/hook"), "hook", "missing"),
        (without(NESTED, "/hook/event"), "hook.event", "missing"),
        (without(NESTED, "/data"), "data", "missing"),
        (with(NESTED, &[("/data", json!([]))]), "data", "wrong type"),
        (without(NESTED, "/data/results"), "data.results", "missing"),
        (
            with(NESTED, &[("/data/results", json!({}))]),
            "data.results",
            "wrong type",
        ),
        (
            with(NESTED, &[("/data/timestamp", json!(1_772_608_530))]),
            "data.timestamp",
            "wrong type",
        ),
        (
            with(NESTED, &[("/data/timestamp", json!("1772608530412"))]),
            "data.timestamp",
            zone,
        ),
        (
            with(
                NESTED,
                &[("/data/timestamp", json!("2026-03-04T07:15:30.412000"))],
            ),
            "data.timestamp",
            zone,
        ),
        (
            with(
                NESTED,
                &[(
                    "/data/timestamp",
                    json!("2026-03-04T07:15:30[Europe/Warsaw]"),
                )],
            ),
            "data.timestamp",
            zone,
        ),
        (
            with(
                NESTED,
                &[("/data/timestamp_local", json!("2026-03-04 08:15:30.412"))],
            ),
            "data.timestamp_local",
            zone,
        ),
        (
            without(&without(NESTED, "/data/timestamp"), "/data/timestamp_local"),
            "data.timestamp",
            "missing",
        ),
        (
            with(NESTED, &[("/data/camera_id", json!("x".repeat(257)))]),
            "data.camera_id",
            "longer than 256 bytes",
        ),
        (
            with(NESTED, &[("/data/filename", json!("x".repeat(257)))]),
            "data.filename",
            "longer than 256 bytes",
        ),
        (
            with(
                NESTED,
                &[(
                    "/data/results/0/plate/props/plate/0/value",
                    json!("a".repeat(21)),
                )],
            ),
            "data.results.plate",
            "longer than 20 characters",
        ),
        (
            with(
                NESTED,
                &[("/data/results/0/plate/props/plate/0/score", json!("0.91"))],
            ),
            "data.results.plate.props.plate[0].score",
            "wrong type",
        ),
        (
            with(NESTED, &[("/data/results/0/direction", json!("210"))]),
            "data.results.direction",
            "wrong type",
        ),
        (
            with(NESTED, &[("/data/results/0/speed", json!("TPK0421"))]),
            "data.results.speed",
            "wrong type",
        ),
        (
            with(FLAT, &[("/data/results/0/plate", json!(421))]),
            "data.results.plate",
            "wrong type",
        ),
        (
            with(FLAT, &[("/data/results/0/region/score", json!([]))]),
            "data.results.region.score",
            "wrong type",
        ),
        (
            without(FLAT, "/data/results/0/plate"),
            "data.results.plate",
            "missing",
        ),
        (
            NESTED.replacen("\"hook\":", "\"hook\": null, \"hook\":", 1),
            "hook",
            "given twice",
        ),
        (NESTED.to_owned() + NESTED, "(message)", "not a JSON object"),
        ("[".repeat(100_000), "(message)", "not a JSON object"),
        (
            "{\"data\":".repeat(100_000),
            "(message)",
            "not a JSON object",
        ),
        (
            "<html><body>Sign in</body></html>".to_owned(),
            "(message)",
            "not a JSON object",
        ),
        (format!("[{NESTED}]"), "(message)", "not a JSON object"),
        (String::new(), "(message)", "not a JSON object"),
    ] {
        let page = page(&body);
        assert_eq!(
            page.rejected,
            [Rejection::new(Some(0), field, rule)],
            "{:.300}",
            body
        );
        assert!(page.reads.is_empty() && page.skipped.is_empty());
        assert!(!format!("{page:?}").contains("TPK0421"));
    }
}

#[test]
fn a_message_without_identity_is_no_record() {
    let mut body = NESTED.to_owned();
    for pointer in [
        "/hook/id",
        "/hook/filename",
        "/data/camera_id",
        "/data/filename",
    ] {
        body = without(&body, pointer);
    }
    assert_eq!(page(&body).rejected[0].field, "data.camera_id");
}

#[test]
fn a_form_that_is_none_is_rejected_as_a_whole() {
    for (content_type, body, field, rule) in [
        (
            "multipart/form-data",
            FORM,
            "(message)",
            "multipart without a boundary",
        ),
        (
            "multipart/form-data; boundary=other",
            FORM,
            "(message)",
            "multipart without a part",
        ),
        (
            FORM_TYPE,
            NESTED.as_bytes(),
            "(message)",
            "multipart without a part",
        ),
        (FORM_TYPE, b"--frontier--".as_slice(), "json", "missing"),
        (
            FORM_TYPE,
            b"--frontier\r\n\r\n{}\r\n--frontier--",
            "json",
            "missing",
        ),
    ] {
        let page = page_of(&json!({}), content_type, body);
        assert_eq!(page.rejected, [Rejection::new(Some(0), field, rule)]);
    }
}

#[test]
fn two_documents_in_a_form_are_numbered_on() {
    let part = |body: &str| {
        format!("--frontier\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{body}\r\n")
    };
    let bad = with(NESTED, &[("/data/timestamp", json!(7))]);
    let body = part(SEVERAL) + &part(&bad) + &part("{") + "--frontier--";
    let page = page_of(&json!({}), FORM_TYPE, body.as_bytes());
    let records: Vec<_> = page
        .rejected
        .iter()
        .map(|rejection| rejection.record)
        .collect();
    assert_eq!((page.reads.len(), records), (2, vec![Some(3), Some(4)]));
}

#[test]
fn more_vehicles_than_a_street_holds_are_not_looked_at() {
    let vehicle = parsed(NESTED).pointer("/data/results/0").unwrap().clone();
    let many = with(NESTED, &[("/data/results", json!(vec![vehicle; 300]))]);
    let page = page(&many);
    assert_eq!(page.reads.len(), 256);
    assert_eq!(
        page.rejected,
        [Rejection::new(
            Some(256),
            "data.results",
            "longer than 256 vehicles"
        )]
    );
}

#[test]
fn fifty_megabytes_of_a_picture_in_the_message_are_passed_over() {
    let picture = "QUJD".repeat(50 << 18);
    let body = with(NESTED, &[("/data/upload", json!(picture))]);
    assert_eq!(read(&body), read(NESTED));
}

#[test]
fn dropped_files_are_not_supported() {
    let error = adapter(&json!({}))
        .decode_file("x", &mut Bytes::new(Vec::new()), &mut |_| Ok(()))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
