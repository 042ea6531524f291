//! What holds for every payload.

use proptest::prelude::*;

use super::*;

const CANARY: &str = "CANARY";

const ALL: [&str; 6] = [
    EXAMPLE,
    NOTIFICATION,
    NORMALIZED,
    NORMALIZED_V2,
    DELETED,
    STAY,
];

/// Everything a page would let out.
fn exits(page: &Page) -> String {
    format!("{} {page:?}", serde_json::to_string(&page.reads).unwrap())
}

/// Decodes twice and gives what came out, if the payload was understood.
fn decode_twice(body: &[u8]) -> Option<Page> {
    let results = [decode_entities(body), decode_entities(body)];
    let [first, second] = results.map(|result| result.map_err(|error| error.to_string()));
    assert_eq!(first, second);
    first.ok()
}

/// Every object of a payload, counted from the outside.
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
fn no_fixture_lets_people_or_addresses_out() {
    for body in ALL {
        let text = exits(&decode_twice(body.as_bytes()).unwrap());
        for secret in [CANARY, "25399", "10.1.0.11", "images.example", "://"] {
            assert!(!text.contains(secret), "{secret}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(
        start in prop::sample::select(vec!["", "[", "{", "[{\"id\":", "{\"data\":["]),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        decode_twice(&[start.as_bytes(), &body].concat());
    }

    #[test]
    fn changed_payloads_are_decoded_without_panic_and_print_no_plate(
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
        if let Some(page) = decode_twice(&body) {
            let printed = format!("{page:?}");
            prop_assert!(!printed.contains("TPK0421"));
        }
    }

    #[test]
    fn a_key_the_adapter_does_not_know_never_gets_out(
        which in 0..ALL.len(),
        at in 0usize..12,
        key in "(creator|owner|dataProvider|x[a-z]{1,12}|CANARY)",
    ) {
        let mut payload: Value = serde_json::from_str(ALL[which]).unwrap();
        plant(&mut payload, &mut { at }, &key);
        let page = decode_twice(payload.to_string().as_bytes()).unwrap();
        prop_assert!(!exits(&page).contains(CANARY));
    }

    #[test]
    fn a_value_of_another_type_costs_its_entity_and_is_never_quoted(
        key in any::<prop::sample::Index>(),
        wrapped in any::<bool>(),
        value in prop::sample::select(vec![
            json!(true), json!(-1), json!(1e300), json!("TPK0421"), json!([]), json!({}), json!([["TPK0421"]]),
            json!({ "value": null }), json!([{ "imageContent": "TPK0421" }]),
        ]),
    ) {
        let entity = entity(&[]);
        let keys = entity.as_object().unwrap();
        let key = keys.keys().nth(key.index(keys.len())).unwrap();
        let value = if wrapped { json!({ "type": "Property", "value": value }) } else { value };
        let page = decode_twice(with(&[(key.as_str(), value)]).as_bytes()).unwrap();
        let rejected = format!("{:?}", page.rejected);
        prop_assert!(!rejected.contains("TPK0421"));
        prop_assert_eq!(page.reads.len() + page.rejected.len() + page.skipped.len(), 1);
    }
}
