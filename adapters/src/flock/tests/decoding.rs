//! What a row becomes.

use proptest::prelude::*;
use serde_json::json;
use turnpike_schemas::read::{Observation, ZoneProvenance};

use crate::{adapter::Page, error::ErrorKind, flock::decode_page};

const ANSWER: &[u8] = include_bytes!("../fixtures/lookup-answer.json");
const FIRST_PAGE: &[u8] = include_bytes!("../fixtures/lookup-first-page.json");
const ODD_ROWS: &[u8] = include_bytes!("../fixtures/lookup-odd-rows.json");

fn decode(row: &serde_json::Value) -> Page {
    decode_page(json!({"results": [row]}).to_string().as_bytes()).unwrap()
}

fn captured(text: &str) -> Option<Observation> {
    let row = json!({"id": "a", "capturedAt": text, "plate": {"plate": "TPK0421"}});
    decode(&row).reads.pop()
}

#[test]
fn a_row_becomes_a_read_field_by_field() {
    let page = decode_page(ANSWER).unwrap();
    assert!(!page.truncated && page.rejected.is_empty());
    assert_eq!(
        serde_json::to_value(&page.reads).unwrap(),
        json!([{
            "record": "00000000-0000-4000-8000-000000000042", "revision": 0, "kind": "read",
            "plate": {"text": "TPK0421", "raw": "TPK0421", "jurisdiction": "US-OH", "jurisdiction_confidence": 0.81,
                      "confidence": 0.94, "candidates": []},
            "captured_at": "2026-03-04T07:15:30.412Z", "captured_offset_s": null, "captured_zone": "in_value",
            "place": {"lat": 41.5, "lon": -81.25, "site": "Brookdale", "camera": "Brook St EB", "lane": null,
                      "bearing_deg": null, "image_bearing_deg": null},
            "vehicle": {"make": null, "model": null, "colour": null, "class": null},
            "images": [], "retracted": false,
            "extra": {"device_id": "00000000-0000-4000-8000-00000000000d", "device_type": "camera",
                      "network": "Brookdale PD"},
        }])
    );
}

#[test]
fn what_a_row_does_not_say_stays_absent() {
    let page = decode_page(FIRST_PAGE).unwrap();
    let bare = &page.reads[0];
    assert_eq!((bare.place.lat, bare.place.lon), (None, None));
    assert_eq!(bare.quality, ["position_implausible"]);
    assert_eq!(bare.place.site.as_deref(), Some("Harbor Rd at Mill Ln"));
    assert_eq!(
        bare.place.camera.as_deref(),
        Some("00000000-0000-4000-8000-00000000000a")
    );
    assert_eq!(bare.plate.confidence, None);
    assert_eq!(bare.plate.jurisdiction, None);
    assert_eq!(bare.plate.plate.expose_raw(), "tpk-0421");
}

#[test]
fn the_state_of_the_road_is_not_the_state_of_the_plate() {
    let page = decode_page(FIRST_PAGE).unwrap();
    let issuer = page.reads[1].plate.jurisdiction.as_ref().unwrap();
    assert_eq!(issuer.as_str(), "US-DC");
    assert_eq!(page.reads[1].place.site.as_deref(), Some("9 Mill Ln"));
}

#[test]
fn a_saved_page_that_goes_on_is_truncated_and_its_duplicates_collapse() {
    let page = decode_page(FIRST_PAGE).unwrap();
    assert_eq!(page.reads.len(), 2);
    assert_eq!(page.skipped.get("duplicate"), Some(&1));
    assert!(page.truncated);
}

#[test]
fn nothing_personal_survives_the_parse() {
    assert!(String::from_utf8_lossy(FIRST_PAGE).contains("CANARY"));
    let page = decode_page(FIRST_PAGE).unwrap();
    let kept = serde_json::to_string(&page.reads).unwrap();
    assert!(!kept.contains("CANARY"), "{kept}");
    assert!(!format!("{page:?}").contains("CANARY"));
    let linked = serde_json::to_string(&decode_page(ANSWER).unwrap().reads).unwrap();
    assert!(!linked.contains("ui.example"));
}

#[test]
fn a_bad_row_costs_one_row_and_names_field_and_rule() {
    let page = decode_page(ODD_ROWS).unwrap();
    let rejected: Vec<_> = page
        .rejected
        .iter()
        .map(|r| (r.record.unwrap(), r.field.as_str(), r.rule.as_str()))
        .collect();
    let wrong_type = "not of the documented type";
    assert_eq!(
        rejected,
        [
            (0, "results[].id", "missing"),
            (1, "results[].capturedAt", "missing"),
            (2, "results[].capturedAt", "not a time with a zone"),
            (3, "results[].capturedAt", wrong_type),
            (4, "results[].plate", "missing"),
            (5, "results[].plate.plate", "missing"),
            (
                6,
                "results[].plate.plate",
                "plate is empty once separators are removed"
            ),
            (7, "results[].plate.confidence", "not a number from 0 to 1"),
            (8, "results[].plate.confidence", wrong_type),
            (9, "results[].state.confidence", "not a number from 0 to 1"),
            (10, "results[].device.location.latitude", wrong_type),
            (11, "results[]", wrong_type),
        ]
    );
    assert_eq!(page.reads.len(), 1);
    assert_eq!(page.reads[0].record, "r12");
}

#[test]
fn a_time_keeps_the_offset_it_states() {
    for (text, utc, offset_s) in [
        (
            "2026-03-04T07:15:30.412000Z",
            "2026-03-04T07:15:30.412Z",
            None,
        ),
        (
            "2026-03-04T02:15:30.000001-05:00",
            "2026-03-04T07:15:30.000001Z",
            Some(-18_000),
        ),
        (
            "2026-03-04T12:45:30+05:30",
            "2026-03-04T07:15:30Z",
            Some(19_800),
        ),
        ("2026-03-04T07:15:30+00:00", "2026-03-04T07:15:30Z", Some(0)),
        ("2026-03-04T07:15:30-00:00", "2026-03-04T07:15:30Z", None),
    ] {
        let read = captured(text).unwrap();
        assert_eq!(read.captured_at.to_string(), utc);
        assert_eq!(read.captured_offset_s, offset_s, "{text}");
        assert_eq!(read.captured_zone, ZoneProvenance::InValue);
    }
    for text in [
        "2026-03-04T07:15:30",
        "2026-03-04",
        "2026-02-30T00:00:00Z",
        "yesterday",
        "",
    ] {
        assert!(captured(text).is_none(), "{text}");
    }
}

#[test]
fn a_state_off_the_list_is_kept_as_a_word_and_never_guessed() {
    let mut row = json!({"id": "a", "capturedAt": "2026-03-04T07:15:30Z", "plate": {"plate": "TPK0421"},
                         "state": {"state": "ontario", "confidence": 0.9}});
    let read = decode(&row).reads.pop().unwrap();
    assert_eq!(read.plate.jurisdiction, None);
    assert_eq!(read.plate.jurisdiction_confidence, None);
    assert_eq!(read.quality, ["unknown_state"]);
    assert_eq!(read.extra.get("state").map(String::as_str), Some("ontario"));
    row["state"] = json!({"state": "", "confidence": 0.9});
    let read = decode(&row).reads.pop().unwrap();
    assert!(read.quality.is_empty() && read.extra.is_empty());
}

#[test]
fn half_a_position_is_no_position() {
    for location in [
        json!({"latitude": 41.5}),
        json!({"longitude": -81.25}),
        json!({"latitude": 141.5, "longitude": -81.25}),
    ] {
        let row = json!({"id": "a", "capturedAt": "2026-03-04T07:15:30Z", "plate": {"plate": "TPK0421"},
                         "device": {"location": location}});
        let read = decode(&row).reads.pop().unwrap();
        assert_eq!((read.place.lat, read.place.lon), (None, None));
        assert_eq!(read.quality, ["position_implausible"]);
    }
}

#[test]
fn a_list_is_not_read_by_position() {
    assert!(decode_page(br#"[[], 0, null]"#).is_err());
    for (row, field) in [
        (
            json!(["a", "2026-03-04T07:15:30Z", null, {"plate": "TPK0421"}]),
            "results[]",
        ),
        (
            json!({"id": "a", "capturedAt": "2026-03-04T07:15:30Z", "plate": ["TPK0421", 0.9]}),
            "results[].plate",
        ),
    ] {
        let page = decode(&row);
        assert!(page.reads.is_empty());
        assert_eq!(page.rejected[0].field, field);
    }
}

/// A saved answer with some bytes replaced, inserted or cut off.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let sample = prop::sample::select(vec![ANSWER, FIRST_PAGE, ODD_ROWS]);
    let edits = prop::collection::vec(
        (any::<prop::sample::Index>(), any::<u8>(), any::<bool>()),
        0..6,
    );
    (
        sample,
        edits,
        prop::option::of(any::<prop::sample::Index>()),
    )
        .prop_map(|(sample, edits, cut)| {
            let mut bytes = sample.to_vec();
            for (at, byte, insert) in edits {
                let at = at.index(bytes.len());
                if insert {
                    bytes.insert(at, byte);
                } else {
                    bytes[at] = byte;
                }
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            bytes
        })
}

/// Anything decodes to the same page twice, or is malformed; what is rejected shows no value.
fn decodes_or_is_malformed(bytes: &[u8]) -> Result<(), TestCaseError> {
    match decode_page(bytes) {
        Ok(page) => {
            for rejection in &page.rejected {
                prop_assert!(rejection.field.starts_with("results[]"));
                prop_assert!(!rejection.field.contains("TPK") && !rejection.rule.contains("TPK"));
            }
            prop_assert_eq!(decode_page(bytes).unwrap(), page);
        }
        Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Malformed),
    }
    Ok(())
}

proptest! {
    #[test]
    fn arbitrary_bytes_decode_or_are_malformed(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        decodes_or_is_malformed(&bytes)?;
    }

    #[test]
    fn damaged_answers_decode_or_are_malformed(bytes in damaged()) {
        decodes_or_is_malformed(&bytes)?;
    }

    #[test]
    fn every_row_is_a_read_a_rejection_or_a_duplicate(ids in prop::collection::vec(prop::option::of(0_u8..4), 0..20)) {
        let rows: Vec<_> = ids
            .iter()
            .map(|id| json!({"id": id.map(|id| id.to_string()), "capturedAt": "2026-03-04T07:15:30Z", "plate": {"plate": "TPK0421"}}))
            .collect();
        let page = decode_page(json!({"results": rows}).to_string().as_bytes()).unwrap();
        let duplicates = page.skipped.get("duplicate").copied().unwrap_or_default();
        prop_assert_eq!(
            page.reads.len() + page.rejected.len() + usize::try_from(duplicates).unwrap(),
            ids.len()
        );
    }
}
