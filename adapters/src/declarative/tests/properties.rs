//! What holds for any bytes, any mapping text and any field about people.

use proptest::prelude::*;

use super::*;

const CANARY: &str = "CANARY";

const FIXTURES: [(&str, &[u8]); 7] = [
    ("elsag-csv", include_bytes!("../fixtures/elsag-csv.csv")),
    ("nedap-xml", include_bytes!("../fixtures/nedap-xml.xml")),
    (
        "parkmobile-rights",
        include_bytes!("../fixtures/parkmobile-rights.json"),
    ),
    ("repo-csv", include_bytes!("../fixtures/repo-csv.csv")),
    ("repo-rest", include_bytes!("../fixtures/repo-rest.json")),
    ("tattile-csv", include_bytes!("../fixtures/tattile-csv.csv")),
    ("tattile-xml", include_bytes!("../fixtures/tattile-xml.xml")),
];

/// The settings every preset needs, less those without effect on this one.
fn settings(preset: &str) -> Value {
    let mut settings = json!({
        "mapping": { "preset": preset }, "base_url": "https://a.example", "token_url": "https://a.example/token",
        "zone": "Europe/Madrid", "full_scale": 1000,
    });
    while let Err(error) = build(&settings) {
        let said = error.to_string();
        let key = said.split('`').nth(1).unwrap();
        assert!(said.contains("has no effect"), "{said}");
        settings.as_object_mut().unwrap().remove(key);
    }
    settings
}

/// What a payload becomes, decoded twice.
fn decoded_twice(preset: &str, bytes: &[u8]) -> Result<Page, String> {
    let settings = settings(preset);
    let decode =
        || ENTRY.saved_answer.unwrap()(&settings, bytes).map_err(|error| error.to_string());
    let (first, second) = (decode(), decode());
    assert_eq!(first, second, "the same bytes were understood differently");
    let adapter = build(&settings).unwrap();
    if adapter.info().capabilities.file {
        let (page, _) = dropped(&*adapter, "x.csv", bytes);
        assert!(!format!("{:?}", page.rejected).contains("TPK0421"));
    }
    first
}

/// Everything a page would let out.
fn exits(page: &Page) -> String {
    format!("{} {page:?}", serde_json::to_string(&page.reads).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_bytes_are_decoded_without_panic(
        which in 0..FIXTURES.len(),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let _page = decoded_twice(FIXTURES[which].0, &bytes);
    }

    #[test]
    fn changed_payloads_are_decoded_without_panic_and_print_no_plate(
        which in 0..FIXTURES.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let (preset, bytes) = FIXTURES[which];
        let mut bytes = bytes.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match decoded_twice(preset, &bytes) {
            Ok(page) => {
                let printed = format!("{page:?}");
                prop_assert!(!printed.contains("TPK0421"));
            }
            Err(error) => prop_assert!(!error.contains("TPK0421")),
        }
    }

    #[test]
    fn any_text_is_a_mapping_or_is_refused_without_panic(text in "[ -~\n]{0,200}") {
        let _loaded = source(&text, json!({}));
    }

    #[test]
    fn changed_mappings_are_refused_or_load_without_panic(
        which in 0..super::super::presets::PRESETS.len(),
        line in any::<prop::sample::Index>(),
        with in prop::sample::select(vec!["", "x = 1", "plate = 7", "[fields]", "at = []", "\u{0}", "time = \"%\"", "skip = 1", "record = {}"]),
    ) {
        let (_, text) = super::super::presets::PRESETS[which];
        let mut lines: Vec<&str> = text.lines().collect();
        let at = line.index(lines.len());
        lines[at] = with;
        let _loaded = source(&lines.join("\n"), json!({ "base_url": "https://a.example", "token_url": "https://a.example" }));
    }

    #[test]
    fn a_key_the_mapping_does_not_name_never_gets_out(
        key in "(owner|driver_name|registeredOwner|vin|x[a-z_]{1,12})",
        deep in any::<bool>(),
    ) {
        let fixture = FIXTURES.iter().find(|(name, _)| *name == "repo-rest").unwrap().1;
        let mut body: Value = serde_json::from_slice(fixture).unwrap();
        let planted = json!([CANARY, { "name": CANARY, "plate": CANARY }]);
        if deep {
            body["results"][0][&key] = planted;
        } else {
            body[&key] = planted;
        }
        let page = decoded_twice("repo-rest", body.to_string().as_bytes()).unwrap();
        prop_assert_eq!(page.reads.len(), 2);
        prop_assert!(!exits(&page).contains(CANARY));
        let csv = format!("{key},id,plate,at\n{CANARY},7,TPK0421,2026-03-04T07:15:30Z\n");
        let mapping = webhook("").replace("\"json\"", "\"csv\"").replace("[webhook]", "[file]").replace("\"/", "\"");
        let (page, refused) = dropped(&*source(&mapping, json!({})).unwrap(), "x.csv", csv.as_bytes());
        prop_assert_eq!((page.reads.len(), refused), (1, None));
        prop_assert!(!exits(&page).contains(CANARY));
    }
}
