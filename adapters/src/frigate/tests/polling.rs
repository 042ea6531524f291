//! Sweeps through the events, and what they withdraw.

use super::*;
use crate::frigate::sweep::Position;

const NOW: &str = "2026-03-04T12:00:00Z";

fn event(number: u32, plate: Option<&str>) -> Value {
    let start = 1_772_600_000.0 + f64::from(number);
    json!({
        "id": format!("{start:.1}-e{number:05}"), "label": "car", "camera": "brook_drive",
        "start_time": start, "end_time": start + 3.0, "zones": [], "has_snapshot": true,
        "data": { "recognized_license_plate": plate },
    })
}

fn id(number: u32) -> String {
    event(number, None)["id"].as_str().unwrap().to_owned()
}

/// One poll of a recorder that answers `events`.
fn poll(since: &Cursor, events: &[Value]) -> Batch {
    let settings = Settings::parse(&both()).unwrap();
    let mut position = Position::of(since);
    position.span(NOW.parse().unwrap(), &settings);
    let body = Value::from(events.to_vec()).to_string();
    position.take(body.as_bytes(), &settings).unwrap()
}

fn plates(batch: &Batch) -> Vec<&str> {
    let reads = batch.page.reads.iter();
    reads.map(|read| read.plate.plate.expose()).collect()
}

#[test]
fn an_event_as_kept_replaces_what_was_published() {
    let settings = Settings::parse(&both()).unwrap();
    let mut position = Position::default();
    position.span(NOW.parse().unwrap(), &settings);
    let batch = position.take(EVENTS.as_bytes(), &settings).unwrap();
    let [read] = batch.page.reads.as_slice() else {
        panic!("{batch:?}")
    };
    let published = said(&*adapter(&both()), "frigate/tracked_object_update", UPDATE);
    assert_eq!(read.record, published.reads[0].record);
    assert!(read.revision > published.reads[0].revision);
    assert_eq!(batch.withdrawn, ["1772608630.5-ef34gh"]);
    assert!(!batch.more);
}

#[test]
fn the_same_events_give_the_same_reads() {
    let events = [event(1, Some("TPK0001"))];
    let first = poll(&Cursor::default(), &events);
    let second = poll(&first.cursor, &events);
    assert_eq!(first.page, second.page);
    assert_eq!(first.cursor, second.cursor);
}

#[test]
fn a_plate_that_was_cleared_and_an_event_that_was_deleted_are_withdrawn() {
    let first = poll(
        &Cursor::default(),
        &[
            event(3, Some("TPK0003")),
            event(2, Some("TPK0002")),
            event(1, Some("TPK0001")),
        ],
    );
    assert!(first.withdrawn.is_empty());
    let cleared = poll(
        &first.cursor,
        &[
            event(3, Some("TPK0003")),
            event(2, None),
            event(1, Some("TPK0001")),
        ],
    );
    assert_eq!(cleared.withdrawn, [id(2)]);
    let deleted = poll(&cleared.cursor, &[event(3, Some("TPK0003"))]);
    assert_eq!(deleted.withdrawn, [id(1)]);
    let quiet = poll(&deleted.cursor, &[event(3, Some("TPK0003"))]);
    assert!(quiet.withdrawn.is_empty());
}

#[test]
fn an_event_under_way_is_left_alone() {
    let first = poll(&Cursor::default(), &[event(1, Some("TPK0001"))]);
    let mut again = event(1, None);
    again["end_time"] = json!(null);
    let second = poll(&first.cursor, &[again]);
    assert!(second.withdrawn.is_empty() && second.page.reads.is_empty());
    assert_eq!(second.page.skipped["under_way"], 1);
    let now: jiff::Timestamp = NOW.parse().unwrap();
    let mut just_ended = event(1, None);
    just_ended["end_time"] = json!(now.as_second() - 30);
    let third = poll(&second.cursor, &[just_ended]);
    assert!(third.withdrawn.is_empty(), "its plate may still come");
}

#[test]
fn a_recorder_that_lost_its_events_withdraws_none() {
    let all: Vec<Value> = (0..40).rev().map(|n| event(n, Some("TPK0001"))).collect();
    let first = poll(&Cursor::default(), &all);
    let empty = poll(&first.cursor, &[]);
    assert!(empty.withdrawn.is_empty());
    assert_eq!(empty.page.rejected.len(), 1);
    assert!(
        poll(&empty.cursor, &[]).page.rejected.is_empty(),
        "said once"
    );
}

#[test]
fn full_pages_are_followed_and_nothing_is_gone_before_the_last() {
    let all: Vec<Value> = (0..230).rev().map(|n| event(n, Some("TPK0001"))).collect();
    let first = poll(&Cursor::default(), &all[..100]);
    assert!(first.more && first.withdrawn.is_empty());
    let second = poll(&first.cursor, &all[99..199]);
    assert!(second.more && second.withdrawn.is_empty());
    let third = poll(&second.cursor, &all[198..]);
    assert!(!third.more && third.withdrawn.is_empty());
    assert_eq!(third.page.reads.len(), 32);
    let without_one = all[..60].to_vec();
    let again = poll(&third.cursor, &without_one);
    assert!(again.withdrawn.is_empty(), "more than half at once");
}

#[test]
fn a_page_that_repeats_for_ever_ends() {
    let all: Vec<Value> = (0..100).map(|_| event(7, Some("TPK0001"))).collect();
    let mut cursor = Cursor::default();
    let mut more = 0;
    loop {
        let batch = poll(&cursor, &all);
        cursor = batch.cursor;
        if !batch.more {
            assert!(batch.page.truncated);
            break;
        }
        more += 1;
        assert!(more < 5);
    }
}

#[test]
fn a_bad_event_costs_one_event() {
    let mut wrong = event(2, Some("TPK0002"));
    wrong["start_time"] = json!("yesterday");
    let batch = poll(
        &Cursor::default(),
        &[
            event(3, Some("TPK0003")),
            wrong,
            json!([]),
            event(1, Some("TPK0001")),
        ],
    );
    assert_eq!(plates(&batch), ["TPK0003", "TPK0001"]);
    let fields: Vec<_> = batch
        .page
        .rejected
        .iter()
        .map(|bad| (bad.record, bad.field.as_str()))
        .collect();
    assert_eq!(fields, [(Some(1), "start_time"), (Some(2), "(event)")]);
}

#[test]
fn an_answer_that_is_no_list_is_malformed() {
    let settings = Settings::parse(&both()).unwrap();
    for body in [
        "",
        "{}",
        r#"{"success":false,"message":"TPK0421"}"#,
        "<html>",
        "[1",
        "null",
    ] {
        let mut position = Position::default();
        position.span(NOW.parse().unwrap(), &settings);
        let error = position.take(body.as_bytes(), &settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{body}");
        assert!(!error.to_string().contains("TPK"));
    }
}

#[test]
fn no_cursor_holds_a_plate_and_a_foreign_one_is_the_beginning() {
    let batch = poll(&Cursor::default(), &[event(1, Some("TPK0421"))]);
    assert!(!batch.cursor.0.as_ref().unwrap().contains("TPK"));
    for text in ["", "7", "{\"known\":7}", "{}"] {
        assert_eq!(
            Position::of(&Cursor(Some(text.to_owned()))),
            Position::default()
        );
    }
}

#[test]
fn only_withdrawals_come_where_that_is_asked_for() {
    let mut table = both();
    table["reconcile"] = json!("retractions");
    let settings = Settings::parse(&table).unwrap();
    let mut position = Position::default();
    position.span(NOW.parse().unwrap(), &settings);
    let batch = position.take(EVENTS.as_bytes(), &settings).unwrap();
    assert!(batch.page.reads.is_empty());
    assert_eq!(batch.withdrawn.len(), 1);
}
