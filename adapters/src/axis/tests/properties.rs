//! What holds for every message.

use proptest::prelude::*;

use super::*;

const CANARY: &str = "CANARY";

fn adapters() -> [Box<dyn Adapter>; 2] {
    [
        adapter(&json!({})),
        adapter(&json!({ "confidence": "percent", "time_zone": "Europe/Stockholm" })),
    ]
}

/// Everything a page would let out.
fn exits(page: &Page) -> String {
    format!("{} {page:?}", serde_json::to_string(&page.reads).unwrap())
}

/// Decodes twice and gives what came out.
fn decode_twice(adapter: &dyn Adapter, content_type: &str, body: &[u8]) -> Page {
    let message = Message::of(content_type, body.to_vec());
    let [first, second] = [(), ()].map(|()| adapter.decode(&message).unwrap().page);
    assert_eq!(first, second);
    let outcomes = first.reads.len() + first.rejected.len() + first.skipped.len();
    assert_eq!(outcomes, 1, "one event, one outcome");
    first
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
fn no_fixture_lets_personal_values_addresses_or_images_out() {
    let bodies = ALL.iter().map(|body| ("application/json", body.as_bytes()));
    for (content_type, body) in bodies.chain([(MULTIPART_TYPE, MULTIPART)]) {
        for adapter in adapters() {
            let text = exits(&decode_twice(&*adapter, content_type, body));
            for secret in [CANARY, "192.0.2.7", "AC:CC:8E", "/9j/"] {
                assert!(!text.contains(secret), "{secret}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(body in prop::collection::vec(any::<u8>(), 0..200), kind in "[ -~]{0,60}") {
        for adapter in adapters() {
            decode_twice(&*adapter, &kind, &body);
            decode_twice(&*adapter, MULTIPART_TYPE, &body);
            decode_twice(&*adapter, "application/json", &body);
        }
    }

    #[test]
    fn changed_messages_are_decoded_without_panic_and_print_no_plate(
        which in 0..=ALL.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (kind, body) = ALL.get(which).map_or((MULTIPART_TYPE, MULTIPART), |body| ("application/json", body.as_bytes()));
        let mut body = body.to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        for adapter in adapters() {
            let page = decode_twice(&*adapter, kind, &body);
            let printed = format!("{page:?}");
            prop_assert!(!printed.contains("TPK0421"));
        }
    }

    #[test]
    fn a_key_the_adapter_does_not_know_never_gets_out(
        which in 0..ALL.len(),
        at in 0usize..4,
        key in "(owner|holder|driver_[a-z]{1,6}|list[A-Z][a-z]{1,6}|x[a-z_]{1,12}|CANARY)",
    ) {
        let mut message: Value = serde_json::from_str(ALL[which]).unwrap();
        plant(&mut message, &mut { at }, &key);
        for adapter in adapters() {
            let page = decode_twice(&*adapter, "application/json", message.to_string().as_bytes());
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
        let mut message: Value = serde_json::from_str(ALL[which]).unwrap();
        let object = message.as_object_mut().unwrap();
        let key = object.keys().nth(key.index(object.len())).unwrap().clone();
        object[&key] = value;
        for adapter in adapters() {
            let page = decode_twice(&*adapter, "application/json", message.to_string().as_bytes());
            let printed = format!("{:?}", page.rejected);
            prop_assert!(!printed.contains("TPK0421"));
        }
    }
}
