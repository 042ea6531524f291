//! What an alert becomes.

use proptest::prelude::*;
use serde_json::{Value, json};
use turnpike_schemas::read::Observation;

use crate::{
    adapter::{Adapter, Message, Page, Rejection, Tally},
    error::ErrorKind,
    flock::ENTRY,
};

const ALERT: &str = include_str!("../fixtures/alert.json");
const OWN_LIST: &str = include_str!("../fixtures/alert-own-list.json");
const RESTRICTED: &str = include_str!("../fixtures/alert-restricted.json");
const UNREAD: &str = include_str!("../fixtures/alert-unread.json");
const ALL: [&str; 4] = [ALERT, OWN_LIST, RESTRICTED, UNREAD];

fn adapter() -> Box<dyn Adapter> {
    (ENTRY.build)(&json!({ "mode": "alerts" })).unwrap()
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

fn read(body: &str) -> Observation {
    let mut page = decode(body);
    assert!(
        page.rejected.is_empty() && page.skipped.is_empty(),
        "{page:?}"
    );
    assert_eq!(page.reads.len(), 1);
    page.reads.remove(0)
}

fn listed(audience: &Value) -> Value {
    json!([{ "name": "a list", "reason": "a reason", "customHotlistAudience": audience }])
}

#[test]
fn a_source_of_alerts_is_pushed_to_and_contacted_by_nobody() {
    let settings = json!({ "mode": "alerts" });
    let can = (ENTRY.build)(&settings).unwrap().info().capabilities;
    assert!(can.push && !can.search && !can.images);
    assert_eq!((ENTRY.hosts)(&settings).unwrap(), []);
    let all = ENTRY.capabilities;
    assert_eq!((all.push, all.search), (true, true));
    let asked = (ENTRY.build)(&json!({
        "base_url": "https://api.police.example/api/v3",
        "token_url": "https://api.police.example/oauth/token",
        "audience": "com.flocksafety.integrations",
    }))
    .unwrap();
    assert!(asked.info().capabilities.search && !asked.info().capabilities.push);
    let error = asked.decode(&Message::json(ALERT)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn an_alert_becomes_its_read_field_by_field() {
    assert_eq!(
        serde_json::to_value(read(ALERT)).unwrap(),
        json!({
            "record": "00000000-0000-4000-8000-000000000042", "revision": 0, "kind": "read",
            "plate": {"text": "TPK0421", "raw": "TPK0421", "jurisdiction": "US-OH", "jurisdiction_confidence": 0.81,
                      "confidence": 0.94, "candidates": []},
            "captured_at": "2026-03-04T07:15:30.412Z", "captured_offset_s": null, "captured_zone": "in_value",
            "place": {"lat": 41.5, "lon": -81.25, "site": null, "camera": "Brook St EB", "lane": null,
                      "bearing_deg": null, "image_bearing_deg": null},
            "vehicle": {"make": null, "model": null, "colour": null, "class": null},
            "images": [], "retracted": false,
            "extra": {"device_id": "00000000-0000-4000-8000-00000000000d", "network": "Brookdale PD",
                      "alert_list": "NCIC", "alert_reason": "Stolen Vehicle"},
        })
    );
}

#[test]
fn an_alert_names_only_lists_the_organisation_may_know_of_and_reasons_of_authorities() {
    let read = read(OWN_LIST);
    assert_eq!(read.extra["alert_list"], "Brookdale wanted; NCIC");
    assert_eq!(read.extra["alert_reason"], "Stolen Plate");
    assert_eq!(read.plate.jurisdiction, None);
}

#[test]
fn an_alert_for_named_people_only_is_not_taken() {
    for body in [
        RESTRICTED.to_owned(),
        with(ALERT, &[("/sources", listed(&json!("restricted")))]),
        with(ALERT, &[("/sources", listed(&json!("a word of tomorrow")))]),
        with(ALERT, &[("/sources", listed(&json!("")))]),
        with(RESTRICTED, &[("/ocr", json!(null))]),
    ] {
        let page = decode(&body);
        assert_eq!(page.skipped, Tally::from([("restricted", 1)]));
        assert!(page.reads.is_empty() && page.rejected.is_empty());
    }
    let open = read(&with(ALERT, &[("/sources", listed(&json!(null)))]));
    assert_eq!(open.extra["alert_list"], "a list");
}

#[test]
fn an_alert_about_no_plate_is_counted() {
    for body in [
        UNREAD.to_owned(),
        with(ALERT, &[("/ocr/label", json!(""))]),
        with(ALERT, &[("/ocr/label", json!(" - "))]),
    ] {
        let page = decode(&body);
        assert_eq!(page.skipped, Tally::from([("no_plate", 1)]));
    }
}

#[test]
fn what_an_alert_does_not_say_stays_absent() {
    let bare = read(
        r#"{"objectId":"a","eventTime":"2026-03-04T02:15:30-05:00","ocr":{"label":"tpk 0421"},"sources":[{"name":"NCIC"}]}"#,
    );
    assert_eq!(bare.captured_offset_s, Some(-18_000));
    assert_eq!(bare.plate.confidence, None);
    assert_eq!((bare.place.lat, &bare.place.camera), (None, &None));
    assert_eq!(bare.extra.len(), 1);
    let unnamed = read(&with(ALERT, &[("/deviceName", json!(" "))]));
    assert_eq!(
        unnamed.place.camera.as_deref(),
        Some("00000000-0000-4000-8000-00000000000d")
    );
    for changes in [
        [("/deviceLat", json!(0)), ("/deviceLong", json!(0))],
        [("/deviceLat", json!(null)), ("/deviceLong", json!(-81.25))],
        [("/deviceLat", json!(141.5)), ("/deviceLong", json!(-81.25))],
    ] {
        let read = read(&with(ALERT, &changes));
        assert_eq!(read.place.lat, None);
        assert_eq!(read.quality, ["position_implausible"]);
    }
    let elsewhere = read(&with(ALERT, &[("/ocr/state", json!("ontario"))]));
    assert_eq!(elsewhere.plate.jurisdiction, None);
    assert_eq!(elsewhere.quality, ["unknown_state"]);
    assert_eq!(elsewhere.extra["state"], "ontario");
}

#[test]
fn a_bad_alert_is_rejected_by_field_and_rule() {
    let scale = "not a number from 0 to 1";
    let zone = "not a time with a zone";
    for (body, field, rule) in [
        (
            with(ALERT, &[("/objectId", json!(null))]),
            "objectId",
            "missing",
        ),
        (
            with(ALERT, &[("/objectId", json!(" "))]),
            "objectId",
            "missing",
        ),
        (
            with(ALERT, &[("/objectId", json!(42))]),
            "objectId",
            "wrong type",
        ),
        (
            with(ALERT, &[("/objectId", json!("a".repeat(65)))]),
            "objectId",
            "longer than 64 bytes",
        ),
        (
            with(ALERT, &[("/eventTime", json!(null))]),
            "eventTime",
            "missing",
        ),
        (
            with(ALERT, &[("/eventTime", json!("2026-03-04T07:15:30"))]),
            "eventTime",
            zone,
        ),
        (
            with(ALERT, &[("/eventTime", json!(1_772_608_530_412_i64))]),
            "eventTime",
            "wrong type",
        ),
        (
            with(ALERT, &[("/ocr/label", json!(null))]),
            "ocr.label",
            "missing",
        ),
        (
            with(ALERT, &[("/ocr/label", json!(421))]),
            "ocr.label",
            "wrong type",
        ),
        (
            with(ALERT, &[("/ocr/label", json!("A".repeat(21)))]),
            "ocr.label",
            "longer than 20 characters",
        ),
        (
            with(ALERT, &[("/ocr", json!(["TPK0421", 0.9, null, null]))]),
            "ocr",
            "wrong type",
        ),
        (
            with(ALERT, &[("/ocr/labelConfidence", json!(94))]),
            "ocr.labelConfidence",
            scale,
        ),
        (
            with(ALERT, &[("/ocr/labelConfidence", json!("0.94"))]),
            "ocr.labelConfidence",
            "wrong type",
        ),
        (
            with(ALERT, &[("/ocr/stateConfidence", json!(-1))]),
            "ocr.stateConfidence",
            scale,
        ),
        (
            with(ALERT, &[("/sources", json!(null))]),
            "sources",
            "missing",
        ),
        (
            with(ALERT, &[("/sources", json!(vec![json!({}); 33]))]),
            "sources",
            "names more than 32 lists",
        ),
        (
            with(ALERT, &[("/sources", json!([]))]),
            "sources",
            "names no list",
        ),
        (
            with(ALERT, &[("/sources", json!({}))]),
            "sources",
            "wrong type",
        ),
        (
            with(ALERT, &[("/sources", json!(["NCIC"]))]),
            "sources[0]",
            "wrong type",
        ),
        (
            with(ALERT, &[("/sources", listed(&json!(7)))]),
            "sources[0].customHotlistAudience",
            "wrong type",
        ),
        (format!("{ALERT}{ALERT}"), "(message)", "not a JSON object"),
        ("<alert/>".to_owned(), "(message)", "not a JSON object"),
        ("[]".to_owned(), "(message)", "not a JSON object"),
        (
            "{\"other\":".repeat(100_000),
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
    assert_eq!(outcomes, 1, "one alert, one outcome");
    first
}

#[test]
fn no_alert_lets_personal_values_or_addresses_out() {
    for body in ALL {
        let text = exits(&decode_twice(body.as_bytes()));
        for secret in ["CANARY", "img.example", "ui.example"] {
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
    fn changed_alerts_are_decoded_without_panic_and_print_no_plate(
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
        key in "(officer[A-Z][a-z]{1,6}|owner[A-Z][a-z]{1,6}|x[a-z]{1,12}|CANARY)",
    ) {
        let mut message: Value = serde_json::from_str(ALL[which]).unwrap();
        let object = if inside { &mut message["sources"][0] } else { &mut message };
        object[&key] = json!(["CANARY", { "name": "CANARY" }]);
        let text = exits(&decode_twice(message.to_string().as_bytes()));
        prop_assert!(!text.contains("CANARY"));
    }
}
