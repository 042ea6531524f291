//! What holds for every message.

use proptest::prelude::*;

use super::*;

const CANARY: &str = "CANARY";

fn adapters() -> [Box<dyn Adapter>; 2] {
    let all = json!({
        "zone_policy": "force_zone", "zone": "America/New_York", "repeated_hour": "first", "fallback_encoding": "gbk",
        "trust_device_position": true, "countries": { "0": "US" },
    });
    [adapter(&json!({})), adapter(&all)]
}

fn bodies() -> [(&'static str, &'static [u8]); 7] {
    [
        (XML, ALERT.as_bytes()),
        (XML, RELAYED.as_bytes()),
        (XML, UNREAD.as_bytes()),
        (XML, HEARTBEAT.as_bytes()),
        (XML, OLD_GBK),
        (FORM_TYPE, FORM),
        (FORM_TYPE, FORM_CUT),
    ]
}

/// Everything a page would let out.
fn exits(page: &Page) -> String {
    format!("{} {page:?}", serde_json::to_string(&page.reads).unwrap())
}

fn decode_twice(adapter: &dyn Adapter, content_type: &str, body: &[u8]) -> Page {
    let message = Message::of(content_type, body.to_vec());
    let first = adapter.decode(&message).unwrap();
    assert_eq!(first, adapter.decode(&message).unwrap());
    first.page
}

#[test]
fn no_fixture_lets_anything_personal_out() {
    for adapter in adapters() {
        for (content_type, body) in bodies() {
            let text = exits(&decode_twice(&*adapter, content_type, body));
            for word in [CANARY, "192.0.2.21", "licensePlatePicture"] {
                assert!(!text.contains(word), "{word}: {text}");
            }
        }
    }
}

#[test]
fn every_element_about_people_ends_at_the_parse() {
    for element in [
        "pilotsafebelt",
        "vicepilotsafebelt",
        "uphone",
        "smoking",
        "pilotmask",
        "vicepilotmask",
        "frontChild",
        "pilotsunvisor",
        "vehicleListName",
        "listType",
        "ipAddress",
        "ipv6Address",
        "deviceID",
        "eventDescription",
        "remark",
        "owner",
    ] {
        let planted = format!("<{element}>{CANARY}<b a='{CANARY}'>{CANARY}</b></{element}>");
        let clean = ALERT
            .replace("<eventDescription>CANARY</eventDescription>", "")
            .replace("<ipAddress>192.0.2.21</ipAddress>", "");
        for place in ["</ANPR>", "<UUID>", "</vehicleInfo>", "</pictureInfo>"] {
            let text = clean.replace(place, &format!("{planted}{place}"));
            for adapter in adapters() {
                let page = decode_twice(&*adapter, XML, text.as_bytes());
                assert_eq!(page.reads.len(), 1, "{element} before {place}: {page:?}");
                assert!(!exits(&page).contains(CANARY), "{element} before {place}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(
        content_type in prop::sample::select(vec![XML, FORM_TYPE, "image/jpeg", "", "text/xml; charset=gbk"]),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        for adapter in adapters() {
            decode_twice(&*adapter, content_type, &body);
        }
    }

    #[test]
    fn changed_messages_are_decoded_without_panic_and_let_nothing_out(
        which in 0..7_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let (content_type, body) = bodies()[which];
        let mut body = body.to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        for adapter in adapters() {
            let page = decode_twice(&*adapter, content_type, &body);
            let outcomes = page.reads.len() + page.rejected.len() + page.skipped.len();
            prop_assert!((1..=3).contains(&outcomes));
            let printed = format!("{page:?}");
            prop_assert!(!printed.contains("TPK0421"));
        }
    }

    #[test]
    fn an_element_that_is_something_else_costs_at_most_its_record_and_is_never_quoted(
        element in prop::sample::select(vec![
            "macAddress", "channelID", "dateTime", "eventType", "eventState", "channelName", "country", "licensePlate", "line",
            "direction", "confidenceLevel", "plateColor", "plateCharBelieve", "vehicleType", "color", "absTime", "UUID",
        ]),
        text in prop::sample::select(vec!["", "SECRET77", "-1", "1e999", "<SECRET77/>", "&SECRET77;", "&#0;", "&", "]]&gt;"]),
    ) {
        let body = with(element, text);
        for adapter in adapters() {
            let page = decode_twice(&*adapter, XML, body.as_bytes());
            prop_assert_eq!(page.reads.len() + page.rejected.len() + page.skipped.len(), 1);
            let printed = format!("{:?}", page.rejected);
            prop_assert!(!printed.contains("SECRET77") && !printed.contains("TPK0421"));
        }
    }
}
