//! Each fixture gives exactly its reads, each broken field its rejection, and any bytes are survived.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn decode(body: &[u8]) -> Result<Page> {
    let adapter = (ENTRY.build)(&json!({ "broker": "mqtts://broker.vendor.example", "topic": "reads" }))?;
    let message = Message::json(body.to_vec()).under("reads");
    adapter.decode(&message).map(|decoded| decoded.page)
}

#[test]
fn the_sample_is_one_read() {
    let page = decode(include_bytes!("fixtures/message.json")).unwrap();
    let [read] = page.reads.as_slice() else {
        panic!("{page:?}");
    };
    assert_eq!(read.plate.plate.expose(), "TPK0421");
    assert_eq!(read.captured_at, "2026-03-04T06:15:30Z".parse().unwrap());
    assert_eq!(read.place.site.as_deref(), Some("Harbor garage"));
}

#[test]
fn a_broken_field_is_named_with_its_rule_and_costs_one_record() {
    let whole = json!({ "id": "7", "plate": "TPK0421", "at": "2026-03-04T07:15:30+01:00" });
    for (field, value, rule) in [
        ("id", json!(null), "missing"),
        ("plate", json!(421), "not a text"),
        ("at", json!("2026-03-04T07:15:30"), "not a time with a zone"),
        ("score", json!(101), "not 0 to 100"),
    ] {
        let mut bad = whole.clone();
        bad[field] = value;
        let page = decode(bad.to_string().as_bytes()).unwrap();
        let wanted = [crate::adapter::Rejection::new(Some(0), field, rule)];
        assert_eq!(
            (page.reads.len(), page.rejected.as_slice()),
            (0, wanted.as_slice())
        );
    }
}

#[test]
fn nothing_about_people_comes_out() {
    let record = json!({
        "id": "7", "plate": "TPK0421", "at": "2026-03-04T07:15:30Z",
        "driver": "CANARY", "owner": { "name": "CANARY" }, "account": "CANARY",
    });
    let page = decode(&record.to_string().into_bytes()).unwrap();
    assert_eq!(page.reads.len(), 1);
    let out = serde_json::to_string(&page.reads).unwrap();
    assert!(!out.contains("CANARY"), "{out}");
}

#[test]
fn one_thing_is_listened_to_and_it_is_the_only_host() {
    let stream = json!({ "stream_url": "https://camera.vendor.example/events" });
    let broker = json!({ "broker": "mqtt://broker.vendor.example", "topic": "lanes/+/reads" });
    for settings in [&stream, &broker] {
        let heard = (ENTRY.build)(settings).unwrap().subscription().unwrap();
        let (Subscription::Mqtt { broker: host, .. } | Subscription::HttpStream { url: host }) = heard;
        assert_eq!((ENTRY.hosts)(settings).unwrap(), [host]);
    }
    for bad in [
        json!({}),
        json!({ "broker": "mqtt://broker.vendor.example" }),
        json!({ "broker": "mqtt://name:word@broker.vendor.example", "topic": "reads" }),
        json!({ "stream_url": "ftp://camera.vendor.example" }),
    ] {
        assert_eq!((ENTRY.build)(&bad).unwrap_err().kind(), ErrorKind::Config);
    }
}

proptest! {
    #[test]
    fn any_bytes_decode_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(decode(&bytes));
    }
}
