//! Whole documents in, reads and rejections out.

use std::io::Cursor;

use proptest::prelude::*;
use serde_json::{Value, json};
use turnpike_schemas::read::{Observation, ZoneProvenance};

use super::Niem;
use crate::{
    adapter::{Adapter, Disposition, Message, Page},
    error::ErrorKind,
};

const READ: &str = include_str!("fixtures/read.xml");
const OLDER: &[u8] = include_bytes!("fixtures/reads-niem-2.xml");
const CANARY: &str = "CANARY";

fn example() -> Value {
    json!({
        "record": "PlateReadMessage", "namespaces": ["urn:example:brookdale:lpr:1"], "country": "US",
        "paths": {"record": "SourceRecordID", "camera": "CameraText"},
        "extra": {"mode": "LPRModeOfOperationCode"},
    })
}

fn older() -> Value {
    json!({
        "record": "Read", "namespaces": ["urn:example:millroad:lpr"],
        "paths": {
            "plate": "ConveyanceRegistrationPlateIdentification/IdentificationID", "jurisdiction": "",
            "captured_at": "ActivityDate/DateTime", "camera": "Camera",
        },
        "places": {"Quai Sud n° 2": {"lat": 41.5, "lon": -81.25}},
    })
}

/// The example settings with the values of `changes` over them.
fn with(changes: Value) -> Value {
    let mut settings = example();
    for (key, value) in changes.as_object().unwrap() {
        settings[key] = value.clone();
    }
    settings
}

fn decode(settings: &Value, body: &[u8]) -> Result<Page, String> {
    let adapter = Niem::new(settings).unwrap();
    let message = Message::of("application/xml", body.to_vec());
    let pushed = adapter.decode(&message);
    let mut page = Page::default();
    let verdict = adapter.decode_file("reads.xml", &mut Cursor::new(body), &mut |item| {
        page.push(item);
        Ok(())
    });
    // A document means the same however it comes.
    match (pushed, verdict.unwrap().disposition) {
        (Ok(decoded), Disposition::Accepted) => {
            assert_eq!(decoded.page, page);
            Ok(page)
        }
        (Err(error), Disposition::Rejected(rejection)) => {
            assert_eq!(error.kind(), ErrorKind::Malformed);
            assert!(error.to_string().contains(&rejection.rule), "{error}");
            Err(rejection.rule)
        }
        both => panic!("{both:?}"),
    }
}

/// The one read of the sample with `from` replaced by `to`.
fn changed(settings: &Value, from: &str, to: &str) -> Result<Observation, (String, String)> {
    assert!(READ.contains(from), "{from}");
    let mut page = decode(settings, READ.replacen(from, to, 1).as_bytes()).unwrap();
    match (page.reads.pop(), page.rejected.pop()) {
        (Some(read), None) => Ok(read),
        (None, Some(rejection)) => Err((rejection.field, rejection.rule)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_sample_gives_one_read_and_no_person() {
    let page = decode(&example(), READ.as_bytes()).unwrap();
    let want = json!({
        "record": "brk1-000042", "revision": 0, "kind": "read",
        "plate": {"text": "TPK0421", "raw": "TPK0421", "jurisdiction": "US-OH", "jurisdiction_confidence": null,
                  "confidence": null, "candidates": []},
        "captured_at": "2026-03-04T07:15:30.412Z", "captured_offset_s": null, "captured_zone": "in_value",
        "place": {"lat": 41.5, "lon": -81.25, "site": "BRK1", "camera": "Brook St EB", "lane": null,
                  "bearing_deg": null, "image_bearing_deg": null},
        "vehicle": {"make": null, "model": null, "colour": null, "class": null},
        "images": [], "retracted": false,
        "extra": {"mode": "I"}
    });
    assert_eq!(serde_json::to_value(&page.reads).unwrap(), json!([want]));
    assert!(!format!("{page:?}").contains(CANARY));
}

#[test]
fn another_partner_has_an_envelope_an_encoding_and_an_older_namespace() {
    let page = decode(&older(), OLDER).unwrap();
    assert_eq!(page.skipped.get("no_plate"), Some(&1));
    let [read] = &page.reads[..] else {
        panic!("{page:?}")
    };
    assert_eq!(read.plate.plate.expose_raw(), "TP 0388-A");
    assert_eq!(read.captured_at.to_string(), "2026-11-01T05:30:00Z");
    assert_eq!(read.captured_offset_s, Some(-14_400));
    assert_eq!(read.place.camera.as_deref(), Some("Quai Sud n° 2"));
    assert_eq!(read.place.lat, Some(41.5));
    assert!(read.record.starts_with("seen-") && read.record.len() == 37);
}

#[test]
fn an_element_of_another_namespace_is_another_element() {
    let foreign = READ.replacen("urn:example:brookdale:lpr:1", "urn:example:else", 1);
    let none = "no element of a read in it".to_owned();
    assert_eq!(decode(&example(), foreign.as_bytes()), Err(none));
    let nc = "https://docs.oasis-open.org/niemopen/ns/model/niem-core/6.0/";
    let read = changed(&example(), nc, "urn:example:else");
    assert_eq!(read.unwrap_err().1, "missing");
    let five = "http://release.niem.gov/niem/niem-core/5.0/";
    assert!(changed(&example(), nc, five).is_ok());
    let moved = READ.replace("nc:", "x:").replace("xmlns:nc=", "xmlns:x=");
    assert_eq!(decode(&example(), moved.as_bytes()).unwrap().reads.len(), 1);
}

#[test]
fn minutes_take_the_sign_of_the_degrees() {
    let at = |degrees: &str, minutes: &str| {
        let from = "-81</nc:LongitudeDegreeValue><nc:LongitudeMinuteValue>15<";
        let to = format!("{degrees}</nc:LongitudeDegreeValue><nc:LongitudeMinuteValue>{minutes}<");
        changed(&example(), from, &to).map(|read| read.place.lon)
    };
    assert_eq!(at("-81", "15"), Ok(Some(-81.25)));
    assert_eq!(at("-0", "30"), Ok(Some(-0.5)));
    assert_eq!(at("0", "30"), Ok(Some(0.5)));
    assert_eq!(at("-81.25", "0"), Ok(Some(-81.25)));
    assert_eq!(at("-81.25", ""), Ok(Some(-81.25)));
    for (degrees, minutes, rule) in [
        ("-81.25", "15", "beside a fraction of a degree"),
        ("-81", "60", "not from 0 up to 60"),
        ("-81", "-15", "not from 0 up to 60"),
        ("-181", "0", "not on earth"),
        ("W 81", "0", "not a number"),
        ("1e1", "0", "not a number"),
        ("inf", "0", "not a number"),
        ("", "0", "missing"),
    ] {
        assert_eq!(
            at(degrees, minutes).unwrap_err().1,
            rule,
            "{degrees} {minutes}"
        );
    }
}

#[test]
fn a_time_has_a_zone_or_the_settings_have_one() {
    let zone = with(json!({"time_zone": "America/New_York"}));
    let hour = |which: &str| with(json!({"time_zone": "America/New_York", "repeated_hour": which}));
    let at = |settings: &Value, time: &str| {
        let read = changed(settings, "2026-03-04T07:15:30.412Z", time);
        read.map(|read| (read.captured_at.to_string(), read.captured_zone))
            .map_err(|(_, rule)| rule)
    };
    let configured = |time: &str| Ok((time.to_owned(), ZoneProvenance::Configured));
    let bad = |rule: &str| Err(rule.to_owned());
    assert_eq!(
        at(&example(), "2026-03-04T07:15:30"),
        bad("not a time with a zone")
    );
    assert_eq!(
        at(&zone, "2026-03-04T07:15:30"),
        configured("2026-03-04T12:15:30Z")
    );
    let twice = "2026-11-01T01:30:00";
    assert_eq!(at(&zone, twice), bad("in the hour that the clocks repeat"));
    assert_eq!(
        at(&hour("earlier"), twice),
        configured("2026-11-01T05:30:00Z")
    );
    assert_eq!(
        at(&hour("later"), twice),
        configured("2026-11-01T06:30:00Z")
    );
    let never = "2026-03-08T02:30:00";
    assert_eq!(
        at(&zone, never),
        bad("in the hour that the clocks leave out")
    );
    for time in [
        "1772608530",
        "2026-03-04",
        "2026-03-04 07:15:30Z",
        "2026-03-04T07:15:30.Z",
        "2026-03-04T07:15:30z",
        "2026-03-04T07:15:30+0500",
        "2026-03-04T07:15:30+15:00",
        "2026-02-30T07:15:30Z",
        "2026-03-04T24:00:00Z",
        "20é6-03-04T07:15:30Z",
    ] {
        assert_eq!(at(&zone, time), bad("not a time"), "{time}");
    }
}

#[test]
fn an_issuer_is_said_or_unknown() {
    let issuer = |settings: &Value, text: &str| {
        let read = changed(settings, ">OH<", &format!(">{text}<")).unwrap();
        let issuer = read.plate.jurisdiction;
        (
            issuer.map(|issuer| issuer.as_str().to_owned()),
            read.quality.len(),
        )
    };
    let named = |code: &str| (Some(code.to_owned()), 0);
    assert_eq!(issuer(&example(), "US-OH"), named("US-OH"));
    assert_eq!(issuer(&example(), "OH"), named("US-OH"));
    assert_eq!(issuer(&example(), "Ohio"), (None, 1));
    assert_eq!(issuer(&with(json!({"country": null})), "OH"), (None, 1));
}

#[test]
fn values_that_break_a_rule_cost_their_record() {
    let settings = with(json!({
        "confidence_scale": "unit",
        "paths": {"record": "SourceRecordID", "camera": "CameraText", "confidence": "LPRHitIndicatorCode"},
    }));
    let sure = |value: &str| changed(&settings, ">F<", &format!(">{value}<"));
    assert_eq!(
        sure("0.94").unwrap().plate.confidence.map(|c| c.get()),
        Some(0.94)
    );
    assert_eq!(sure("94").unwrap_err().1, "not on the scale it has");
    assert_eq!(sure("").unwrap().plate.confidence, None);
    for (from, to, rule) in [
        (
            "<nc:IdentificationID>TPK0421</nc:IdentificationID>",
            "",
            "missing",
        ),
        ("TPK0421", "-.-", "not a plate"),
        (
            "TPK0421",
            "\u{fffd}",
            "not text in the encoding of the document",
        ),
        ("brk1-000042", "", "missing"),
        (
            "<bk:CameraText>",
            "<bk:CameraText/><bk:CameraText>",
            "more than once",
        ),
        ("Brook St EB", &"x".repeat(5_000), "longer than allowed"),
    ] {
        assert_eq!(changed(&example(), from, to).unwrap_err().1, rule, "{from}");
    }
    for none in ["", " ", "-", "UNKNOWN"] {
        let page = decode(&example(), READ.replacen("TPK0421", none, 1).as_bytes()).unwrap();
        assert_eq!(page.skipped.get("no_plate"), Some(&1), "{none}");
    }
    let zero = READ.replacen(">41<", ">0<", 1).replacen(">30<", ">0<", 1);
    let zero = zero.replacen(">-81<", ">0<", 1).replacen(">15<", ">0<", 1);
    let page = decode(&example(), zero.as_bytes()).unwrap();
    assert_eq!(page.reads[0].place.lat, None);
}

#[test]
fn a_bad_document_costs_the_document() {
    let doctype = READ.replacen("?>", "?><!DOCTYPE x [<!ENTITY e \"x\">]>", 1);
    for (body, rule) in [
        (String::new(), "ends too early"),
        ("{}".to_owned(), "text outside of the document"),
        (doctype, "document type declaration"),
        (READ.replacen("TPK0421", "&e;", 1), "undeclared entity"),
        (
            READ.replacen("nc:IdentificationID>", "q:IdentificationID>", 2),
            "undeclared namespace prefix",
        ),
        (
            READ.replacen("</nc:JurisdictionText>", "</nc:Jurisdiction>", 1),
            "not well-formed XML",
        ),
        (
            format!("{READ}{}", READ.split_once("?>").unwrap().1),
            "more than one document",
        ),
        (
            READ.get(..READ.len() - 30).unwrap().to_owned(),
            "not well-formed XML",
        ),
        ("<a>".repeat(100), "elements are nested too deep"),
        (READ.replacen("UTF-8", "EBCDIC-US", 1), "unknown encoding"),
        (
            READ.replacen(
                "<bk:CameraText>",
                &format!("<bk:CameraText a='{}'>", "x".repeat(80_000)),
                1,
            ),
            "one tag or text is larger than allowed",
        ),
        ("<html/>".to_owned(), "no element of a read in it"),
    ] {
        assert_eq!(
            decode(&example(), body.as_bytes()).err().as_deref(),
            Some(rule)
        );
    }
    let small = with(json!({"max_bytes": 100}));
    assert_eq!(
        decode(&small, READ.as_bytes()),
        Err("larger than allowed".to_owned())
    );
}

#[test]
fn what_is_not_read_may_be_of_any_size() {
    let image = "QUJD".repeat(1 << 20);
    let body = READ.replacen("Q0FOQVJZLVBFUlNPTkFM", &image, 1);
    let page = decode(&example(), body.as_bytes()).unwrap();
    assert_eq!(page, decode(&example(), READ.as_bytes()).unwrap());
    let (head, tail) = READ.split_once("?>").unwrap();
    let many: String = (0..400)
        .map(|n| tail.replace("000042", &n.to_string()))
        .collect();
    let many = format!("{head}?><all>{many}</all>");
    assert_eq!(
        decode(&example(), many.as_bytes()).unwrap().reads.len(),
        400
    );
}

#[test]
fn settings_say_what_is_wrong_with_them() {
    for (changes, part) in [
        (json!({"record": "bk:Read"}), "local name"),
        (json!({"record": "PersonRead"}), "never read"),
        (
            json!({"paths": {"camera": "RegistrationHolder/EntityName"}}),
            "RegistrationHolder",
        ),
        (
            json!({"extra": {"vin": "Vehicle/VehicleIdentification/IdentificationID"}}),
            "VehicleIdentification",
        ),
        (
            json!({"extra": {"who": "OfficerPersonName"}}),
            "OfficerPersonName",
        ),
        (json!({"paths": {"camera": "a//b"}}), "local names"),
        (json!({"paths": {"camera": "SystemEventDateTime"}}), "twice"),
        (json!({"paths": {"plate": ""}}), "`plate`"),
        (json!({"paths": {"owner": "a"}}), "owner"),
        (json!({"paths": {"confidence": "a"}}), "confidence_scale"),
        (json!({"country": "USA"}), "country"),
        (json!({"time_zone": "Eastern Standard Time"}), "time_zone"),
        (json!({"repeated_hour": "later"}), "time_zone"),
        (json!({"places": {"a": {"lat": 0.0, "lon": 0.0}}}), "places"),
        (json!({"dtd": true}), "dtd"),
    ] {
        let error = Niem::new(&with(changes)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(part), "{error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(decode(&example(), &body));
    }

    #[test]
    fn changed_documents_let_no_person_and_no_plate_out(
        second in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let (settings, sample) = if second { (older(), OLDER) } else { (example(), READ.as_bytes()) };
        let mut body = sample.to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        if let Ok(page) = decode(&settings, &body) {
            let reads = serde_json::to_string(&page.reads).unwrap();
            let printed = format!("{page:?}");
            prop_assert!(!printed.contains("TPK0421"));
            // A change can rename an element that holds a person, but it cannot put it on a path.
            prop_assert!(!reads.contains(CANARY) && !printed.contains(CANARY));
        }
    }
}
