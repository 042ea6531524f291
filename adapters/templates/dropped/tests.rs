//! Each fixture gives exactly its reads, each broken field its rejection, and any bytes are survived.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn decode(bytes: &[u8]) -> Result<Page> {
    let adapter = (ENTRY.build)(&json!({}))?;
    let mut page = Page::default();
    let verdict = adapter.decode_file("reads.jsonl", &mut std::io::Cursor::new(bytes), &mut |item| {
        page.push(item);
        Ok(())
    })?;
    match verdict.disposition {
        Disposition::Accepted => Ok(page),
        Disposition::Rejected(why) => Err(Error::new(ErrorKind::Malformed, "file", why.rule)),
    }
}

fn file(records: &[Value]) -> Vec<u8> {
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    lines.into_bytes()
}

#[test]
fn the_sample_is_one_read() {
    let page = decode(include_bytes!("fixtures/reads.jsonl")).unwrap();
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
        let page = decode(&file(&[whole.clone(), bad])).unwrap();
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
    let page = decode(&file(&[record])).unwrap();
    assert_eq!(page.reads.len(), 1);
    let out = serde_json::to_string(&page.reads).unwrap();
    assert!(!out.contains("CANARY"), "{out}");
}

#[test]
fn a_file_that_may_be_cut_short_counts_as_a_whole_or_not_at_all() {
    let whole = file(&[json!({ "id": "7", "plate": "TPK0421", "at": "2026-03-04T07:15:30Z" })]);
    let cut = &whole[..whole.len() - 1];
    let long = vec![b' '; (64 << 10) + 1];
    for (bytes, rule) in [
        (&b""[..], "the file is empty"),
        (cut, "without its end"),
        (&long, "too long"),
        (b"<html>\n", "not a JSON object"),
    ] {
        let error = decode(bytes).unwrap_err();
        assert!(error.to_string().contains(rule), "{error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_decode_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(decode(&bytes));
    }
}
