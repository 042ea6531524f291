//! What holds for every message.

use proptest::prelude::*;

use super::*;

const CANARY: &str = "CANARY";

const ALL: [&str; 3] = [JSON, XML, UNKNOWN];

fn adapters() -> [Box<dyn Adapter>; 2] {
    [adapter(&json!({})), adapter(&zoned())]
}

/// Everything a page would let out.
fn exits(page: &Page) -> String {
    format!("{} {page:?}", serde_json::to_string(&page.reads).unwrap())
}

/// Decodes twice and gives what came out, if the message was understood.
fn decode_twice(adapter: &dyn Adapter, body: &[u8]) -> Option<Page> {
    let message = Message::json(body.to_vec());
    let results = [adapter.decode(&message), adapter.decode(&message)];
    let [first, second] = results.map(|result| {
        result
            .map(|decoded| decoded.page)
            .map_err(|error| error.to_string())
    });
    assert_eq!(first, second);
    first.ok()
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(
        start in prop::sample::select(vec!["", "{", "<", "<Plate>", "{\"PlateAnalytics\":["]),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        for adapter in adapters() {
            decode_twice(&*adapter, &[start.as_bytes(), &body].concat());
        }
    }

    #[test]
    fn changed_messages_are_decoded_without_panic_and_print_no_plate(
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
                let printed = format!("{page:?}");
                prop_assert!(!printed.contains("TPK0421"));
                prop_assert_eq!(page.reads.len() + page.rejected.len() + page.skipped.len(), 1);
            }
        }
    }

    #[test]
    fn what_the_adapter_does_not_know_never_gets_out(
        key in "(Driver|Owner|UserName|x[a-zA-Z]{1,12}|CANARY)",
        at in 0usize..10,
    ) {
        let mut json: Value = serde_json::from_str(JSON).unwrap();
        let planted = json!([CANARY, { "name": CANARY }]);
        if at == 0 {
            json[&key] = planted;
        } else {
            json["PlateAnalytics"][at - 1][&key] = planted;
        }
        json["PlateAnalytics"].as_array_mut().unwrap().push(json!({ "Key": key, "Value": CANARY }));
        json["SourceUrl"] = json!(CANARY);
        json["PlateImage"] = json!(CANARY);
        let open = ["<Plate>", "<PlateAnalytics>\n"][at % 2];
        let element = format!("{open}<{key}>{CANARY}<b>{CANARY}</b></{key}>");
        let xml = XML
            .replacen("<Plate xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">", "<Plate>", 1)
            .replacen(open, &element, 1)
            .replace("/9j/4AAQ", CANARY)
            .replace("http://10.0.0.9/", CANARY);
        for body in [json.to_string(), xml] {
            let page = decode_twice(&*adapter(&zoned()), body.as_bytes()).unwrap();
            prop_assert_eq!(page.reads.len(), 1);
            prop_assert!(!exits(&page).contains(CANARY));
        }
    }

    #[test]
    fn a_value_of_another_type_costs_its_record_and_is_never_quoted(
        key in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            json!(null), json!(true), json!(-1), json!(1e300), json!("TPK0421"), json!([]), json!({}), json!([["TPK0421"]]),
        ]),
    ) {
        let mut message: Value = serde_json::from_str(JSON).unwrap();
        let object = message.as_object_mut().unwrap();
        let key = object.keys().nth(key.index(object.len())).unwrap().clone();
        object[&key] = value;
        let page = decode_twice(&*adapter(&zoned()), message.to_string().as_bytes()).unwrap();
        let rejected = format!("{:?}", page.rejected);
        prop_assert!(!rejected.contains("TPK0421"));
        prop_assert_eq!(page.reads.len() + page.rejected.len() + page.skipped.len(), 1);
    }
}
