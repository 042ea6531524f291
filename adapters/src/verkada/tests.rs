//! What the adapter makes of whole messages.

use proptest::prelude::*;
use serde_json::{Value, json};
use turnpike_schemas::read::Observation;

use super::ENTRY;
use crate::adapter::{Adapter, Message, Page, Rejection, Tally};

const LPR: &str = include_str!("fixtures/lpr.json");
const LPR_2020: &str = include_str!("fixtures/lpr_2020.json");
const OTHER: &str = include_str!("fixtures/other.json");
const ALL: [&str; 3] = [LPR, LPR_2020, OTHER];
const CANARY: &str = "CANARY";

fn adapter() -> Box<dyn Adapter> {
    (ENTRY.build)(&json!({})).unwrap()
}

fn decode(body: &str) -> Page {
    let message = Message::json(body.to_owned());
    adapter().decode(&message).unwrap().page
}

/// `fixture` with the value at each pointer replaced.
fn with(fixture: &str, changes: &[(&str, Value)]) -> String {
    let mut message: Value = serde_json::from_str(fixture).unwrap();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        message.pointer_mut(parent).unwrap()[key] = value.clone();
    }
    message.to_string()
}

/// `fixture` without a key of its `data`.
fn without(fixture: &str, key: &str) -> String {
    let mut message: Value = serde_json::from_str(fixture).unwrap();
    message["data"]
        .as_object_mut()
        .unwrap()
        .remove(key)
        .unwrap();
    message.to_string()
}

fn read(body: &str) -> Observation {
    let mut page = decode(body);
    assert!(
        page.rejected.is_empty() && page.skipped.is_empty(),
        "{page:?}"
    );
    assert_eq!(page.reads.len(), 1);
    page.reads.remove(0)
}

#[test]
fn a_detection_becomes_a_read_field_by_field() {
    let read = serde_json::to_value(read(LPR)).unwrap();
    let record = read["record"].clone();
    assert_eq!(record.as_str().unwrap().len(), 32);
    assert_eq!(
        read,
        json!({
            "record": record, "revision": 0, "kind": "read",
            "plate": {"text": "TPK0421", "raw": "TPK0421", "jurisdiction": "US-OH", "jurisdiction_confidence": null,
                      "confidence": 0.93, "candidates": []},
            "captured_at": "2026-03-04T07:15:30.412Z", "captured_offset_s": null, "captured_zone": "format",
            "place": {"lat": null, "lon": null, "site": null, "camera": "00000000-0000-4000-8000-00000000000c", "lane": null,
                      "bearing_deg": null, "image_bearing_deg": null},
            "vehicle": {"make": null, "model": null, "colour": null, "class": null},
            "images": [], "retracted": false, "extra": {},
        })
    );
}

#[test]
fn the_unit_of_a_time_is_its_fields_and_never_its_size() {
    let old = read(LPR_2020);
    assert_eq!(old.captured_at.to_string(), "2026-03-04T07:15:29Z");
    // Milliseconds where seconds belong are no date a calendar holds; seconds where milliseconds belong are in 1970.
    let page = decode(&with(
        LPR,
        &[("/data/created", json!(1_772_608_530_412_i64))],
    ));
    let rule = "not a time in seconds since 1970";
    assert_eq!(
        page.rejected,
        [Rejection::new(Some(0), "data.created", rule)]
    );
    let early = read(&with(LPR, &[("/data/detected", json!(1_772_608_530))]));
    assert_eq!(early.captured_at.to_string(), "1970-01-21T12:23:28.53Z");
    assert_eq!(early.quality, ["times_disagree"]);
    let near = read(&with(LPR, &[("/data/created", json!(1_772_608_531))]));
    assert!(near.quality.is_empty());
}

#[test]
fn a_detection_is_the_same_however_often_and_under_whatever_id_it_comes() {
    let first = read(LPR);
    let again = with(
        LPR,
        &[("/webhook_id", json!("another")), ("/created_at", json!(1))],
    );
    assert_eq!(read(&again).record, first.record);
    let finer = without(LPR, "detected");
    assert_eq!(read(&finer).record, first.record);
    for other in [
        with(LPR, &[("/data/camera_id", json!("c2"))]),
        with(LPR, &[("/data/created", json!(1_772_608_530))]),
        with(LPR, &[("/data/license_plate_number", json!("TPK0422"))]),
        without(LPR, "created"),
    ] {
        assert_ne!(read(&other).record, first.record);
    }
}

#[test]
fn a_region_is_a_country_with_a_part_or_a_word() {
    for (word, code, kept) in [
        ("us-oh", Some("US-OH"), None),
        ("CA-ON", Some("CA-ON"), None),
        ("ca", None, Some("ca")),
        ("xx-oh", None, Some("xx-oh")),
        ("", None, None),
        ("a region of more than sixteen", None, None),
    ] {
        let read = read(&with(LPR, &[("/data/license_plate_state", json!(word))]));
        let found = read.plate.jurisdiction.as_ref().map(|code| code.as_str());
        assert_eq!(found, code, "{word}");
        let extra = read.extra.get("license_plate_state");
        assert_eq!(extra.map(String::as_str), kept, "{word}");
        assert_eq!(read.quality.is_empty(), code.is_some() || word.is_empty());
    }
}

#[test]
fn a_confidence_off_the_scale_is_left_out_and_said() {
    let read = read(&with(LPR, &[("/data/confidence", json!(93.0))]));
    assert_eq!(read.plate.confidence, None);
    assert_eq!(read.quality, ["confidence_off_scale"]);
}

#[test]
fn a_camera_is_where_the_operator_says() {
    let settings = json!({ "cameras": { "00000000-0000-4000-8000-00000000000c": { "site": "North Gate", "lat": 41.5, "lon": -81.25 } } });
    let adapter = (ENTRY.build)(&settings).unwrap();
    let page = adapter.decode(&Message::json(LPR)).unwrap().page;
    let place = &page.reads[0].place;
    assert_eq!((place.lat, place.lon), (Some(41.5), Some(-81.25)));
    assert_eq!(place.site.as_deref(), Some("North Gate"));
}

#[test]
fn other_webhooks_and_unread_plates_are_counted() {
    for (body, reason) in [
        (OTHER.to_owned(), "other_webhook"),
        (with(OTHER, &[("/data", json!("text"))]), "other_webhook"),
        (
            with(LPR, &[("/data/license_plate_number", json!(""))]),
            "no_plate",
        ),
        (
            with(LPR, &[("/data/license_plate_number", json!(" - "))]),
            "no_plate",
        ),
    ] {
        let page = decode(&body);
        assert_eq!(page.skipped, Tally::from([(reason, 1)]));
        assert!(page.reads.is_empty() && page.rejected.is_empty());
    }
}

#[test]
fn a_bad_webhook_is_rejected_by_field_and_rule() {
    let seconds = "not a time in seconds since 1970";
    for (body, field, rule) in [
        (
            with(LPR, &[("/webhook_type", json!(null))]),
            "webhook_type",
            "missing",
        ),
        (
            with(LPR, &[("/webhook_type", json!(7))]),
            "webhook_type",
            "wrong type",
        ),
        (with(LPR, &[("/data", json!(null))]), "data", "missing"),
        (with(LPR, &[("/data", json!("text"))]), "data", "wrong type"),
        (
            with(LPR, &[("/data", json!(["c", 1]))]),
            "data",
            "wrong type",
        ),
        (
            without(LPR, "license_plate_number"),
            "data.license_plate_number",
            "missing",
        ),
        (
            with(LPR, &[("/data/license_plate_number", json!(421))]),
            "data.license_plate_number",
            "wrong type",
        ),
        (
            with(
                LPR,
                &[("/data/license_plate_number", json!("A".repeat(21)))],
            ),
            "data.license_plate_number",
            "longer than 20 characters",
        ),
        (without(LPR, "camera_id"), "data.camera_id", "missing"),
        (
            with(LPR, &[("/data/camera_id", json!("c".repeat(129)))]),
            "data.camera_id",
            "longer than 128 bytes",
        ),
        (without(LPR_2020, "created"), "data.created", "missing"),
        (
            with(LPR, &[("/data/created", json!("1772608529"))]),
            "data.created",
            "wrong type",
        ),
        (
            with(LPR, &[("/data/created", json!(-1))]),
            "data.created",
            seconds,
        ),
        (
            with(LPR, &[("/data/created", json!(0))]),
            "data.created",
            seconds,
        ),
        (
            with(LPR, &[("/data/detected", json!(i64::MAX))]),
            "data.detected",
            "not a time in milliseconds since 1970",
        ),
        (
            with(LPR, &[("/data/confidence", json!("high"))]),
            "data.confidence",
            "wrong type",
        ),
        (
            LPR.replacen("\"created\"", "\"created\":1,\"created\"", 1),
            "data.created",
            "given twice",
        ),
        (format!("{LPR}{LPR}"), "(message)", "not a JSON object"),
        (
            "{\"data\":".repeat(100_000),
            "(message)",
            "not a JSON object",
        ),
        ("[]".to_owned(), "(message)", "not a JSON object"),
        (
            "<html>sign in</html>".to_owned(),
            "(message)",
            "not a JSON object",
        ),
        (String::new(), "(message)", "not a JSON object"),
    ] {
        let page = decode(&body);
        assert_eq!(page.rejected, [Rejection::new(Some(0), field, rule)]);
        assert!(page.reads.is_empty() && page.skipped.is_empty());
    }
}

/// Everything a page would let out.
fn exits(page: &Page) -> String {
    format!("{} {page:?}", serde_json::to_string(&page.reads).unwrap())
}

/// Decodes twice and gives what came out.
fn decode_twice(body: &[u8]) -> Page {
    let adapter = adapter();
    let message = Message::json(body.to_vec());
    let [first, second] = [(), ()].map(|()| adapter.decode(&message).unwrap().page);
    assert_eq!(first, second);
    let outcomes = first.reads.len() + first.rejected.len() + first.skipped.len();
    assert_eq!(outcomes, 1, "one webhook, one outcome");
    first
}

#[test]
fn no_fixture_lets_personal_values_or_addresses_out() {
    for body in ALL {
        let text = exits(&decode_twice(body.as_bytes()));
        for secret in [CANARY, "img.example", "00000000000a", "00000000000b"] {
            assert!(!text.contains(secret), "{secret}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_twice(&body);
    }

    #[test]
    fn changed_messages_are_decoded_without_panic_and_print_no_plate(
        which in 0..ALL.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut body = ALL[which].as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        let printed = format!("{:?}", decode_twice(&body));
        prop_assert!(!printed.contains("TPK0421"));
    }

    #[test]
    fn a_key_the_adapter_does_not_know_never_gets_out(
        which in 0..ALL.len(),
        inside in any::<bool>(),
        key in "(driver_[a-z]{1,6}|person_[a-z]{1,6}|x[a-z_]{1,12}|CANARY)",
    ) {
        let mut message: Value = serde_json::from_str(ALL[which]).unwrap();
        let object = if inside { &mut message["data"] } else { &mut message };
        object[&key] = json!([CANARY, { "name": CANARY }]);
        prop_assert!(!exits(&decode_twice(message.to_string().as_bytes())).contains(CANARY));
    }

    #[test]
    fn a_value_of_another_type_costs_at_most_its_record_and_is_never_quoted(
        which in 0..ALL.len(),
        key in any::<prop::sample::Index>(),
        inside in any::<bool>(),
        value in prop::sample::select(vec![
            json!(null), json!(true), json!(-1), json!(1e300), json!("TPK0421"), json!([]), json!({}), json!([["TPK0421"]]),
        ]),
    ) {
        let mut message: Value = serde_json::from_str(ALL[which]).unwrap();
        let object = if inside { &mut message["data"] } else { &mut message };
        let object = object.as_object_mut().unwrap();
        let key = object.keys().nth(key.index(object.len())).unwrap().clone();
        object[&key] = value;
        let page = decode_twice(message.to_string().as_bytes());
        let printed = format!("{:?}", page.rejected);
            prop_assert!(!printed.contains("TPK0421"));
    }
}
