//! Each fixture gives exactly its reads, each broken field its rejection, and any bytes are survived.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn decode(body: &[u8]) -> Result<Page> {
    let adapter = (ENTRY.build)(&json!({}))?;
    let message = Message::json(body.to_vec());
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
        ("plate", json!("-"), "missing"),
        ("at", json!("2026-03-04T07:15:30"), "not a time with a zone"),
        ("score", json!("90"), "not a number"),
        ("score", json!(101), "not 0 to 100"),
    ] {
        let mut message = whole.clone();
        message[field] = value;
        let page = decode(message.to_string().as_bytes()).unwrap();
        let wanted = [crate::adapter::Rejection::new(Some(0), field, rule)];
        assert_eq!(
            (page.reads.len(), page.rejected.as_slice()),
            (0, wanted.as_slice())
        );
    }
}

#[test]
fn nothing_about_people_comes_out() {
    let message = json!({
        "id": "7", "plate": "TPK0421", "at": "2026-03-04T07:15:30Z",
        "driver": "CANARY", "owner": { "name": "CANARY" }, "account": "CANARY",
    });
    let page = decode(message.to_string().as_bytes()).unwrap();
    let out = serde_json::to_string(&page.reads).unwrap();
    assert!(!out.contains("CANARY"), "{out}");
}

proptest! {
    #[test]
    fn any_bytes_decode_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(decode(&bytes));
    }
}
