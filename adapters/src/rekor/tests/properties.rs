//! What holds for every message.

use proptest::prelude::*;

use super::*;
use crate::adapter::Page;

const CANARY: &str = "CANARY";

fn adapters() -> [Box<dyn Adapter>; 2] {
    [
        adapter(&json!({})),
        adapter(&json!({ "frames": true, "default_country": "US" })),
    ]
}

/// Everything a page would let out.
fn exits(page: &Page) -> String {
    format!("{} {page:?}", serde_json::to_string(&page.reads).unwrap())
}

/// Decodes twice and gives what came out, if the message was understood.
fn decode_twice(adapter: &dyn Adapter, body: &[u8]) -> Option<Page> {
    let message = Message::json(body.to_vec());
    let first = adapter.decode(&message);
    let second = adapter.decode(&message);
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert_eq!(first, second);
            Some(first.page)
        }
        (Err(first), Err(second)) => {
            assert_eq!(first.to_string(), second.to_string());
            None
        }
        _ => panic!("the same bytes were understood only once"),
    }
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
fn no_fixture_lets_personal_or_recognising_values_out() {
    for adapter in adapters() {
        for body in ALL {
            let page = decode_twice(&*adapter, body.as_bytes()).unwrap();
            let text = exits(&page);
            for secret in [
                CANARY,
                "CROP",
                "OVERVIEW",
                "00000000-0000-4000-8000",
                "rtsp",
                "4.1.1",
            ] {
                assert!(!text.contains(secret), "{secret}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for adapter in adapters() {
            decode_twice(&*adapter, &body);
        }
    }

    #[test]
    fn changed_messages_are_decoded_without_panic_and_let_nothing_out(
        which in 0..ALL.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut body = ALL[which].as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        for adapter in adapters() {
            if let Some(page) = decode_twice(&*adapter, &body) {
                prop_assert!(!exits(&page).contains("CANARYSIGNATURE"));
                let printed = format!("{page:?}");
                prop_assert!(!printed.contains("TPK0421"));
            }
        }
    }

    #[test]
    fn a_key_the_adapter_does_not_know_never_gets_out(
        which in 0..ALL.len(),
        at in 0usize..12,
        key in "(vehicle_signature|driver_[a-z]{1,6}|x[a-z_]{1,12}|CANARY)",
    ) {
        let mut message = parsed(ALL[which]);
        plant(&mut message, &mut { at }, &key);
        for adapter in adapters() {
            let page = decode_twice(&*adapter, message.to_string().as_bytes()).unwrap();
            prop_assert!(!exits(&page).contains(CANARY));
        }
    }

    #[test]
    fn a_value_of_another_type_costs_at_most_its_record_and_is_never_quoted(
        which in 0..ALL.len(),
        key in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            json!(null), json!(true), json!(-1), json!(1e300), json!("TPK0421"), json!([]), json!({}), json!([["TPK0421"]]),
        ]),
    ) {
        let mut message = parsed(ALL[which]);
        let object = message.as_object_mut().unwrap();
        let key = object.keys().nth(key.index(object.len())).unwrap().clone();
        object[&key] = value;
        for adapter in adapters() {
            let page = decode_twice(&*adapter, message.to_string().as_bytes()).unwrap();
            let printed = format!("{:?}", page.rejected);
            prop_assert!(!printed.contains("TPK0421"));
            let outcomes = page.reads.len() + page.rejected.len() + page.skipped.len();
            prop_assert!((1..=2).contains(&outcomes));
        }
    }
}
