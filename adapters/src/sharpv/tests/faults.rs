//! What bad messages become.

use super::*;
use crate::error::ErrorKind;

/// Field and rule of the only rejection of a message that gives nothing else.
fn rejected(settings: &Value, body: &str) -> (String, String) {
    let mut page = page_of(settings, body);
    assert!(page.reads.is_empty() && page.skipped.is_empty(), "{body}");
    let rejection = page.rejected.pop().unwrap();
    assert!(page.rejected.is_empty());
    assert_eq!(rejection.record, Some(0));
    (rejection.field, rejection.rule)
}

fn refused(body: impl Into<Vec<u8>>) -> String {
    let error = adapter(&zoned())
        .decode(&Message::json(body.into()))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    error.to_string()
}

#[test]
fn a_local_time_is_refused_where_it_could_be_two_or_none() {
    let at = |time: &str| with(&[("/Timestamp", json!(time))]);
    for (settings, time, rule) in [
        (
            json!({}),
            "2026-03-04T08:15:30.412",
            "no zone, and none is configured",
        ),
        (
            zoned(),
            "2026-11-01T01:30:00.000",
            "in the hour that comes twice",
        ),
        (
            zoned(),
            "2026-03-08T02:30:00.000",
            "in the hour that clocks leave out",
        ),
        (zoned(), "yesterday", "not a date and time"),
    ] {
        assert_eq!(
            rejected(&settings, &at(time)),
            ("Timestamp".to_owned(), rule.to_owned())
        );
    }
    let later = json!({ "time_zone": "America/New_York", "repeated_hour": "later" });
    let read = read_of(&later, &at("2026-11-01T01:30:00.000"));
    assert_eq!(read.captured_at.to_string(), "2026-11-01T06:30:00Z");
}

#[test]
fn each_member_of_another_type_rejects_the_read_by_its_name() {
    for (pointer, value, field) in [
        ("/Id", json!(42), "Id"),
        ("/Id", json!(""), "Id"),
        ("/Id", json!(null), "Id"),
        ("/Id", json!("x".repeat(129)), "Id"),
        ("/PlateRead", json!(421), "PlateRead"),
        ("/PlateRead", json!(null), "PlateRead"),
        ("/PlateRead", json!("A".repeat(21)), "PlateRead"),
        ("/Timestamp", json!(1_772_608_530_412_i64), "Timestamp"),
        ("/Timestamp", json!(null), "Timestamp"),
        ("/Latitude", json!("41.5"), "Latitude"),
        ("/Longitude", json!({}), "Longitude"),
        ("/LprCameraName", json!(["BN"]), "LprCameraName"),
        ("/PlateAnalytics", json!({}), "PlateAnalytics"),
        (
            "/PlateAnalytics/0",
            json!(["Lane", "2", 1]),
            "PlateAnalytics[0]",
        ),
        (
            "/PlateAnalytics/2/Score",
            json!("93"),
            "PlateAnalytics[2].Score",
        ),
        (
            "/PlateAnalytics/2/Value",
            json!(93),
            "PlateAnalytics[2].Value",
        ),
        (
            "/PlateAnalytics/2/Value",
            json!("high"),
            "PlateAnalytics/Confidence Score",
        ),
    ] {
        let (named, _) = rejected(&zoned(), &with(&[(pointer, value.clone())]));
        assert_eq!(named, field, "{pointer} {value}");
    }
}

#[test]
fn a_member_given_twice_is_not_chosen_between() {
    let twice = JSON.replacen(
        "\"PlateRead\"",
        "\"PlateRead\":\"TPX9999\",\"PlateRead\"",
        1,
    );
    assert_eq!(
        rejected(&zoned(), &twice),
        ("PlateRead".to_owned(), "given twice".to_owned())
    );
    let twice = XML.replacen(
        "<PlateRead>",
        "<PlateRead>TPX9999</PlateRead><PlateRead>",
        1,
    );
    assert_eq!(
        rejected(&zoned(), &twice),
        ("PlateRead".to_owned(), "given twice".to_owned())
    );
}

#[test]
fn elements_that_are_not_what_the_format_says_reject_the_read_by_their_name() {
    let long = format!("<PlateRead>{}", "A".repeat(513));
    for (from, to, field) in [
        ("<Id>6f9d3c0e-0000-4000-8000-000000000042</Id>", "", "Id"),
        ("<Latitude>41.5012<", "<Latitude>north<", "Latitude"),
        ("<Latitude>41.5012<", "<Latitude>inf<", "Latitude"),
        (
            "<Score>93<",
            "<Score>high<",
            "PlateAnalytics/PlateAnalytics/Score",
        ),
        ("<PlateRead>TPK0421", long.as_str(), "PlateRead"),
        ("T13:15:30.4120000+00:00<", "<", "Timestamp"),
    ] {
        let (named, _) = rejected(&zoned(), &XML.replacen(from, to, 1));
        assert_eq!(named, field, "{from}");
    }
}

#[test]
fn what_is_not_one_message_is_an_error() {
    let deep = format!("<Plate>{}", "<a>".repeat(70_000));
    let entity =
        "<!DOCTYPE Plate [<!ENTITY x \"TPK0421\">]><Plate><PlateRead>&x;</PlateRead></Plate>";
    for body in [
        "",
        "null",
        "[]",
        "\"Plate\"",
        "{\"Id\":",
        "<Plate>",
        "<html><body>sign in</body></html>",
        "<AutoVu><Plate/></AutoVu>",
        "<Plate>TPK0421</Plate>",
        "<Plate></Plate><Plate></Plate>",
        "<Plate><Id>1</Plate></Id>",
        "<Plate><Id>&nbsp;</Id></Plate>",
        "<?xml version=\"1.0\" encoding=\"EBCDIC-US\"?><Plate/>",
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?><Plate/>",
        "<Plate>\u{0}</Plate>",
        entity,
        &deep,
        &format!("{JSON}{JSON}"),
        &format!("{XML}{XML}"),
    ] {
        assert!(!refused(body).contains("0421"), "{body}");
    }
    refused(b"<Plate><Id>\xFF</Id></Plate>".to_vec());
    refused(b"{\"Id\":\"\xFF\"}".to_vec());
}

#[test]
fn pictures_of_any_size_are_passed_over() {
    let picture = "A".repeat(4 << 20);
    let json = with(&[("/PlateImage", json!(picture))]);
    assert_eq!(read(&json), read(JSON));
    let xml = XML.replacen("/9j/4AAQ", &picture, 1);
    assert_eq!(read_of(&json!({}), &xml), read_of(&json!({}), XML));
}

#[test]
fn a_deep_member_that_is_not_taken_does_no_harm() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let json = JSON.replacen("\"/9j/4AAQ\"", &deep, 1);
    // The parser may refuse it or pass over it; it must not break.
    if let Ok(decoded) = adapter(&zoned()).decode(&Message::json(json)) {
        assert_eq!(decoded.page.reads.len(), 1);
    }
}
