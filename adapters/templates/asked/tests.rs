//! Each fixture gives exactly its reads, each broken field its rejection, and any bytes are survived.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const BASE: &str = "https://api.vendor.example/v1";

fn decode(body: &[u8]) -> Result<Page> {
    let decode = ENTRY.saved_answer.unwrap();
    decode(&json!({ "base_url": BASE }), body)
}

fn answer(reads: &[Value]) -> Vec<u8> {
    json!({ "reads": reads, "next": null }).to_string().into_bytes()
}

#[test]
fn the_sample_is_one_read() {
    let page = decode(include_bytes!("fixtures/answer.json")).unwrap();
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
        let page = decode(&answer(&[whole.clone(), bad])).unwrap();
        let wanted = [crate::adapter::Rejection::new(Some(1), field, rule)];
        assert_eq!(
            (page.reads.len(), page.rejected.as_slice()),
            (1, wanted.as_slice())
        );
    }
}

#[test]
fn nothing_about_people_comes_out() {
    let record = json!({
        "id": "7", "plate": "TPK0421", "at": "2026-03-04T07:15:30Z",
        "driver": "CANARY", "owner": { "name": "CANARY" }, "account": "CANARY",
    });
    let page = decode(&answer(&[record])).unwrap();
    assert_eq!(page.reads.len(), 1);
    let out = serde_json::to_string(&page.reads).unwrap();
    assert!(!out.contains("CANARY"), "{out}");
}

#[test]
fn an_address_that_is_not_secure_is_refused() {
    for base_url in ["http://api.vendor.example", "ftp://api.vendor.example", "vendor"] {
        let error = (ENTRY.build)(&json!({ "base_url": base_url })).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!error.to_string().contains("vendor"), "{error}");
    }
    let hosts = (ENTRY.hosts)(&json!({ "base_url": BASE })).unwrap();
    assert_eq!(hosts.len(), 1);
}

proptest! {
    #[test]
    fn any_bytes_decode_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(decode(&bytes));
    }
}
