//! Which messages hold a read, and what becomes of the others.

use std::io::Cursor as Bytes;

use super::*;
use crate::{
    adapter::{Rejection, Subscription, Tally},
    error::ErrorKind,
    registry,
};

#[test]
fn the_registry_knows_the_adapter() {
    let entry = registry::find("hikvision").unwrap();
    let push_only = json!({ "zone_policy": "trust_offset" });
    let adapter = (entry.build)(&push_only).unwrap();
    assert!(adapter.info().capabilities.push && !adapter.info().capabilities.subscribe);
    assert_eq!(adapter.subscription(), None);
    assert_eq!((entry.hosts)(&push_only).unwrap(), []);
    let url = "http://camera.example/ISAPI/Event/notification/alertStream";
    let listening = json!({ "zone_policy": "trust_offset", "stream_url": url });
    let adapter = (entry.build)(&listening).unwrap();
    assert!(adapter.info().capabilities.subscribe);
    let Some(Subscription::HttpStream { url: named }) = adapter.subscription() else {
        panic!("no stream");
    };
    assert_eq!(named.as_str(), url);
    assert_eq!((entry.hosts)(&listening).unwrap(), [named]);
}

#[test]
fn a_document_is_the_same_alone_in_a_form_and_relayed() {
    let alone = read(ALERT);
    assert_eq!(only(page(FORM_TYPE, FORM)), alone);
    assert_eq!(only(page(FORM_TYPE, FORM_CUT)), alone);
    assert_eq!(read(RELAYED), alone);
    for content_type in ["text/xml", "application/json", ""] {
        assert_eq!(only(page(content_type, ALERT.as_bytes())), alone);
    }
}

#[test]
fn a_form_is_taken_in_every_spelling() {
    let alone = read(ALERT);
    for header in [
        "Content-Type: text/xml",
        "Content-Disposition: form-data; name=\"x\"; filename=\"ANPR.XML\"\nContent-Type: application/octet-stream",
        "Content-Disposition: form-data; name=\"anpr\"",
        "content-type: Application/XML",
        "Content-Type: text/plain",
    ] {
        let body = format!(
            "--frontier\n{header}\n\n{ALERT}\n--frontier\nContent-Type: image/jpeg\nContent-Length: 0\n\n\n--frontier--"
        );
        assert_eq!(only(page(FORM_TYPE, body.as_bytes())), alone, "{header}");
    }
}

#[test]
fn messages_without_a_read_are_counted_by_reason() {
    for (content_type, body, reason) in [
        (XML, HEARTBEAT.to_owned(), "heartbeat"),
        (XML, UNREAD.to_owned(), "no_plate"),
        (XML, with("licensePlate", ""), "no_plate"),
        (XML, with("licensePlate", " Unknown "), "no_plate"),
        (XML, with("licensePlate", " - "), "no_plate"),
        (XML, with("eventType", "VMD"), "other_event"),
        (XML, with("eventType", "videoloss"), "other_event"),
        (
            XML,
            "<EventNotificationAlert><eventType>ANPR</eventType><eventState>inactive</eventState></EventNotificationAlert>".to_owned(),
            "end_of_event",
        ),
        ("image/jpeg", "picture".to_owned(), "picture"),
        ("application/octet-stream", String::new(), "picture"),
    ] {
        let page = page(content_type, body.as_bytes());
        assert_eq!(page.skipped, Tally::from([(reason, 1)]), "{reason}");
        assert!(page.reads.is_empty() && page.rejected.is_empty());
    }
    assert_eq!(
        page("", b"\xFF\xD8\xFF\xE0").skipped,
        Tally::from([("picture", 1)])
    );
}

#[test]
fn a_bad_record_is_rejected_by_field_and_rule() {
    let long = "x".repeat(129);
    let not_a_time = "not a time such as 2026-03-04T08:15:30+01:00";
    for (body, field, rule) in [
        (without("eventType"), "eventType", "missing"),
        (without("ANPR"), "ANPR", "missing"),
        (without("licensePlate"), "ANPR/licensePlate", "missing"),
        (
            with("licensePlate", &"A".repeat(21)),
            "ANPR/licensePlate",
            "longer than 20 characters",
        ),
        (
            with("licensePlate", "TPK&bogus;0421"),
            "ANPR/licensePlate",
            "not text in its encoding",
        ),
        (
            with("licensePlate", "T<i>PK</i>0421"),
            "ANPR/licensePlate",
            "element inside text",
        ),
        (without("dateTime"), "dateTime", "missing"),
        (with("dateTime", "1772608530"), "dateTime", not_a_time),
        (with("dateTime", "1772608530412"), "dateTime", not_a_time),
        (
            with("dateTime", "20260304T08153000+0100"),
            "dateTime",
            not_a_time,
        ),
        (
            with("dateTime", "2026-03-04T08:15:30"),
            "dateTime",
            "a time without an offset, and no `zone` is configured",
        ),
        (
            with("confidenceLevel", "high"),
            "ANPR/confidenceLevel",
            "not a number",
        ),
        (with("line", "two"), "ANPR/line", "not a whole number"),
        (with("UUID", &long), "UUID", "longer than 128 bytes"),
        (
            with("macAddress", &long),
            "macAddress",
            "longer than 48 bytes",
        ),
        (
            with("plateColor", &long),
            "ANPR/plateColor",
            "longer than 128 bytes",
        ),
        (
            without("UUID").replace("<macAddress>02:00:00:00:00:21</macAddress>", ""),
            "macAddress",
            "missing, and there is no UUID",
        ),
        (
            ALERT.replace("<country>", "<country>1</country><country>"),
            "ANPR/country",
            "given twice",
        ),
        (
            ALERT.to_owned() + ALERT.split_once("?>").unwrap().1,
            "(document)",
            "more than one document",
        ),
        (
            ALERT.replacen("EventNotificationAlert", "ResponseStatus", 1),
            "(document)",
            "not an EventNotificationAlert",
        ),
        (
            "<!DOCTYPE html><html><body>Sign in</body></html>".to_owned(),
            "(document)",
            "document type declaration",
        ),
        (
            "<html><body>Sign in</body></html>".to_owned(),
            "(document)",
            "not an EventNotificationAlert",
        ),
        (
            ALERT.replacen("UTF-8", "UTF-7", 1),
            "(document)",
            "unknown encoding",
        ),
        ("{\"a\":1}".to_owned(), "(document)", "not well-formed XML"),
        (String::new(), "(document)", "ends too early"),
        (
            "<a>".repeat(100_000),
            "(document)",
            "not an EventNotificationAlert",
        ),
    ] {
        let page = page(XML, body.as_bytes());
        assert_eq!(
            page.rejected,
            [Rejection::new(Some(0), field, rule)],
            "{:?}",
            page
        );
        assert!(page.reads.is_empty() && page.skipped.is_empty());
    }
}

#[test]
fn a_form_that_is_none_is_rejected_as_a_whole() {
    for (content_type, body, rule) in [
        ("multipart/form-data", FORM, "multipart without a boundary"),
        (
            "multipart/form-data; boundary=other",
            FORM,
            "multipart without a part",
        ),
        (FORM_TYPE, b"".as_slice(), "multipart without a part"),
        (FORM_TYPE, ALERT.as_bytes(), "multipart without a part"),
        (
            FORM_TYPE,
            b"--frontier\r\nContent-Type: image/jpeg\r\n\r\n\xFF\xD8\r\n--frontier--",
            "no XML part",
        ),
        (FORM_TYPE, b"--frontier--", "no XML part"),
    ] {
        assert_eq!(
            page(content_type, body).rejected,
            [Rejection::new(Some(0), "(message)", rule)]
        );
    }
    let many = b"--frontier\r\n\r\n\r\n".repeat(100);
    assert_eq!(page(FORM_TYPE, &many).rejected[0].rule, "too many parts");
}

#[test]
fn one_bad_document_of_a_form_costs_no_other() {
    let part = |body: &str| format!("--frontier\r\nContent-Type: text/xml\r\n\r\n{body}\r\n");
    let body = part("<a/>") + &part(ALERT) + &part(HEARTBEAT) + &part("<EventNoti");
    let page = page(FORM_TYPE, body.as_bytes());
    assert_eq!(page.reads, [read(ALERT)]);
    let records: Vec<_> = page
        .rejected
        .iter()
        .map(|rejection| rejection.record)
        .collect();
    assert_eq!(records, [Some(0), Some(3)]);
    assert_eq!(page.skipped, Tally::from([("heartbeat", 1)]));
}

#[test]
fn a_form_that_was_cut_keeps_what_came_whole() {
    for length in 0..FORM.len() {
        let page = page(FORM_TYPE, &FORM[..length]);
        assert_eq!(page.reads.len() + page.rejected.len(), 1, "{length}");
        assert!(page.reads.iter().all(|kept| *kept == read(ALERT)));
    }
}

#[test]
fn fifty_megabytes_of_a_picture_in_the_document_are_passed_over() {
    let picture = format!("<picture>{}</picture><ANPR>", "QUJD".repeat(50 << 18));
    assert_eq!(read(&ALERT.replace("<ANPR>", &picture)), read(ALERT));
    let name = with("channelName", &"QUJD".repeat(50 << 18));
    assert_eq!(
        page(XML, name.as_bytes()).rejected,
        [Rejection::new(
            Some(0),
            "channelName",
            "longer than 1024 bytes"
        )]
    );
}

#[test]
fn dropped_files_are_not_supported() {
    let error = adapter(&json!({}))
        .decode_file("x", &mut Bytes::new(Vec::new()), &mut |_| Ok(()))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
