//! What holds for every message.

use proptest::prelude::*;

use super::*;

const CANARY: &str = "CANARY";

/// Everything a page would let out.
fn exits(page: &Page) -> String {
    format!("{} {page:?}", serde_json::to_string(&page.reads).unwrap())
}

fn decode_twice(content_type: &str, body: &[u8]) -> Page {
    let adapter = adapter(&json!({}));
    let message = Message::of(content_type, body.to_vec());
    let first = adapter.decode(&message).unwrap();
    assert_eq!(first, adapter.decode(&message).unwrap());
    first.page
}

/// Puts `key` into object number `at` of the message, counted from the outside.
fn plant(value: &mut Value, at: &mut usize, key: &str) {
    if let Value::Object(object) = value {
        if *at == 0 {
            object.insert(key.to_owned(), json!([CANARY, { "name": CANARY }]));
        }
        *at = at.wrapping_sub(1);
    }
    match value {
        Value::Object(object) => object.values_mut().for_each(|value| plant(value, at, key)),
        Value::Array(list) => list.iter_mut().for_each(|value| plant(value, at, key)),
        _ => {}
    }
}

#[test]
fn no_fixture_lets_anything_private_out() {
    let bodies = ALL.iter().map(|body| (JSON, body.as_bytes()));
    for (content_type, body) in bodies.chain([(FORM_TYPE, FORM)]) {
        let text = exits(&decode_twice(content_type, body));
        for word in [CANARY, "rtsp", "gw.example", "x.jpg"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(
        content_type in prop::sample::select(vec![JSON, FORM_TYPE, "", "multipart/mixed"]),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        decode_twice(content_type, &body);
    }

    #[test]
    fn changed_messages_are_decoded_without_panic(
        which in 0..=ALL.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let (content_type, body) = ALL.get(which).map_or((FORM_TYPE, FORM), |body| (JSON, body.as_bytes()));
        let mut body = body.to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        let page = decode_twice(content_type, &body);
        let outcomes = page.reads.len() + page.rejected.len() + page.skipped.len();
        prop_assert!(outcomes >= 1);
        let printed = format!("{page:?}");
        prop_assert!(!printed.contains("TPK0421"));
    }

    #[test]
    fn a_key_the_adapter_does_not_know_never_gets_out(
        which in 0..ALL.len(),
        at in 0usize..12,
        key in "(owner|driver_[a-z]{1,6}|x[a-z_]{1,12}|CANARY|source_url|user_data|box)",
    ) {
        let mut message = parsed(ALL[which]);
        plant(&mut message, &mut { at }, &key);
        let page = decode_twice(JSON, message.to_string().as_bytes());
        prop_assert!(!exits(&page).contains(CANARY));
    }

    #[test]
    fn a_value_of_another_type_costs_at_most_its_record_and_is_never_quoted(
        which in 0..2_usize,
        pointer in prop::sample::select(vec![
            "/hook", "/hook/id", "/hook/event", "/data", "/data/camera_id", "/data/filename", "/data/timestamp",
            "/data/timestamp_local", "/data/results", "/data/results/0/plate", "/data/results/0/vehicle",
            "/data/results/0/vehicle/type", "/data/results/0/vehicle/score", "/data/results/0/direction",
            "/data/results/0/speed",
        ]),
        value in prop::sample::select(vec![
            json!(null), json!(true), json!(-1), json!(1e300), json!(u64::MAX), json!("SECRET77"), json!([]), json!({}), json!([["SECRET77"]]),
        ]),
    ) {
        let page = decode_twice(JSON, with(BOTH[which], &[(pointer, value)]).as_bytes());
        let printed = format!("{:?}", page.rejected);
        prop_assert!(!printed.contains("SECRET77") && !printed.to_uppercase().contains("TPK0421"));
        prop_assert_eq!(page.reads.len() + page.rejected.len() + page.skipped.len(), 1);
    }
}
