//! Times in every form, and what is no time.

use super::*;

fn read(
    format: &str,
    text: &str,
    zone: &Zone,
    repeated: Repeated,
) -> Result<Instant, &'static str> {
    let format = TimeFormat::parse(format).unwrap();
    format.read(&Written::Text(text.into()), zone, None, repeated)
}

fn utc(format: &str, text: &str) -> Option<String> {
    let instant = read(format, text, &Zone::Utc, Repeated::Refuse).ok()?;
    Some(instant.at.to_string())
}

fn ohio() -> Zone {
    Zone::Named(LocalZone::new(TimeZone::get("America/New_York").unwrap()))
}

#[test]
fn each_form_names_the_same_instant() {
    for (format, text) in [
        ("rfc3339", "2026-03-04T12:15:30.412Z"),
        ("rfc3339", "2026-03-04T07:15:30.412-05:00"),
        ("rfc3339", "2026-03-04T17:45:30,412000+0530"),
        ("iso_local", "2026-03-04T12:15:30.412"),
        ("epoch_ms", "1772626530412"),
        ("epoch_us", "1772626530412000"),
        ("epoch_s", "1772626530.412"),
        ("%Y-%m-%d %H:%M:%S.%f", "2026-03-04 12:15:30.412"),
        ("%Y-%m-%d %H-%M-%S-%f", "2026-03-04 12-15-30-412"),
        ("%d.%m.%Y %H:%M:%S%F", "04.03.2026 12:15:30.4120000"),
        ("%d %b %Y %I:%M:%S%F %p", "04 Mar 2026 12:15:30.412 PM"),
        ("%Y%m%d%H%M%S%f", "20260304121530412"),
        ("%m/%d/%Y %H:%M:%S%F %z", "03/04/2026 08:15:30.412 -04"),
    ] {
        assert_eq!(
            utc(format, text).as_deref(),
            Some("2026-03-04T12:15:30.412Z"),
            "{format}"
        );
    }
}

#[test]
fn nothing_else_is_a_time() {
    for (format, text) in [
        ("rfc3339", "2026-03-04T12:15:30"),
        ("rfc3339", "2026-03-04 12:15:30Z"),
        ("rfc3339", "2026-03-04T12:15:30Z "),
        ("rfc3339", "2026-02-30T12:15:30Z"),
        ("rfc3339", "2026-03-04T24:00:00Z"),
        ("rfc3339", "2026-03-04T12:15:60Z"),
        ("rfc3339", "2026-03-04T12:15:30.Z"),
        ("rfc3339", "2026-03-04T12:15:30.0123456789Z"),
        ("rfc3339", "2026-03-04T12:15:30+19:00"),
        ("rfc3339", "+026-03-04T12:15:30Z"),
        ("epoch_s", "0"),
        ("epoch_s", "-5"),
        ("epoch_s", "NaN"),
        ("epoch_s", "1772626530412"),
        ("epoch_ms", "9e300"),
        ("%d %b %Y %I:%M %p", "04 Mrz 2026 12:15 PM"),
        ("%d %b %Y %I:%M %p", "04 Mar 2026 13:15 PM"),
    ] {
        assert_eq!(utc(format, text), None, "{format} {text}");
    }
}

#[test]
fn bad_forms_are_refused_when_loaded() {
    for format in [
        "",
        "%Y-%m-%d",
        "%q",
        "%",
        "epoch",
        "yyyy-MM-dd",
        "%Y-%m-%d %I:%M",
        "%Y%m%dö%H%M",
    ] {
        assert!(TimeFormat::parse(format).is_err(), "{format}");
    }
}

#[test]
fn the_hour_that_comes_twice_is_decided_by_a_setting_or_refused() {
    let text = "2026-11-01T01:30:00";
    assert_eq!(
        read("iso_local", text, &ohio(), Repeated::Refuse),
        Err("a local time that came twice")
    );
    for (repeated, at, offset) in [
        (Repeated::Earlier, "2026-11-01T05:30:00Z", -4),
        (Repeated::Later, "2026-11-01T06:30:00Z", -5),
    ] {
        let instant = read("iso_local", text, &ohio(), repeated).unwrap();
        assert_eq!(instant.at.to_string(), at);
        assert_eq!(instant.offset_s, Some(offset * 3600));
        assert_eq!(instant.zone, ZoneProvenance::Configured);
        assert!(instant.chosen);
    }
    assert_eq!(
        read(
            "iso_local",
            "2026-03-08T02:30:00",
            &ohio(),
            Repeated::Earlier
        ),
        Err("a local time that did not exist")
    );
    let plain = read(
        "iso_local",
        "2026-07-01T12:00:00",
        &ohio(),
        Repeated::Refuse,
    )
    .unwrap();
    assert_eq!(
        (plain.at.to_string().as_str(), plain.chosen),
        ("2026-07-01T16:00:00Z", false)
    );
}

#[test]
fn a_zone_can_be_named_beside_the_value() {
    let format = TimeFormat::parse("iso_local").unwrap();
    let zone = |windows| Zone::Field { slot: 0, windows };
    let text = Written::Text("2026-07-01T12:00:00".into());
    for (zone, name, at) in [
        (
            zone(true),
            Some("Eastern Standard Time"),
            Ok("2026-07-01T16:00:00Z"),
        ),
        (
            zone(false),
            Some("Europe/Madrid"),
            Ok("2026-07-01T10:00:00Z"),
        ),
        (
            zone(true),
            Some("Brookdale Time"),
            Err("a zone that is not known"),
        ),
        (zone(false), None, Err("not a time with a zone")),
    ] {
        let got = format.read(&text, &zone, name, Repeated::Refuse);
        let got = got.map(|instant| {
            assert_eq!(instant.zone, ZoneProvenance::InValue);
            instant.at.to_string()
        });
        assert_eq!(got.as_deref().map_err(|rule| *rule), at, "{name:?}");
    }
}

#[test]
fn windows_are_written_so_that_nothing_is_lost() {
    let at: Timestamp = "2026-03-04T12:15:30.412Z".parse().unwrap();
    for (format, down, up) in [
        (
            "rfc3339",
            "2026-03-04T12:15:30.412Z",
            "2026-03-04T12:15:30.412Z",
        ),
        ("epoch_s", "1772626530", "1772626531"),
        ("epoch_ms", "1772626530412", "1772626530412"),
        (
            "%Y-%m-%d %H:%M:%S",
            "2026-03-04 12:15:30",
            "2026-03-04 12:15:31",
        ),
        (
            "%d %b %Y %I:%M:%S %p",
            "04 Mar 2026 12:15:30 PM",
            "04 Mar 2026 12:15:31 PM",
        ),
    ] {
        let format = TimeFormat::parse(format).unwrap();
        assert_eq!(
            (
                format.write(at, false).as_str(),
                format.write(at, true).as_str()
            ),
            (down, up)
        );
    }
}

#[test]
fn what_was_asked_for_last_changes_no_answer() {
    let zone = ohio();
    let whole = || ohio();
    for text in [
        "2026-03-08T01:59:59",
        "2026-03-08T02:00:00",
        "2026-03-08T03:00:00",
        "2026-11-01T00:59:59",
        "2026-11-01T01:00:00",
        "2026-11-01T01:59:59",
        "2026-11-01T02:00:00",
        "2026-11-01T01:14:59",
        "2026-03-08T01:45:00",
        "2026-07-01T12:00:00",
    ] {
        for _ in 0..2 {
            let again = read("iso_local", text, &zone, Repeated::Refuse);
            assert_eq!(
                again,
                read("iso_local", text, &whole(), Repeated::Refuse),
                "{text}"
            );
        }
    }
}
