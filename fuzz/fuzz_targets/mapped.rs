//! Any bytes as a payload of a mapped source: the first byte chooses the mapping, between them every format.
#![no_main]

use std::{io::Cursor, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use turnpike_adapters::{
    adapter::{Adapter, Item, Page},
    registry,
};
use turnpike_fuzz::{adapter, check_page};

const FIELDS: &str = "[file]\n[fields]\nrecord = \"ID\"\nplate.text = \"PLATE\"\nplate.confidence = { at = \"SCORE\", scale = 100 }\ncaptured_at = { at = \"AT\", time = \"%Y%m%d%H%M%S%F\", zone = \"Europe/Madrid\" }\nextra.x = \"EXTRA\"\n";

/// A mapping of `FIELDS` in a format, with its own places.
fn written(format: &str, places: [&str; 5]) -> Value {
    let mut text = format!("mapping = 1\nfamily = \"toll\"\nformat = \"{format}\"\n{FIELDS}");
    for (name, place) in ["ID", "PLATE", "SCORE", "AT", "EXTRA"].iter().zip(places) {
        text = text.replace(&format!("\"{name}\""), &format!("\"{place}\""));
    }
    json!({ "mapping": { "file": "fuzz.toml", "text": text } })
}

static SOURCES: LazyLock<Vec<(Value, Box<dyn Adapter>)>> = LazyLock::new(|| {
    let zoned = |preset: &str| json!({ "mapping": { "preset": preset }, "zone": "Europe/Madrid", "full_scale": 1000 });
    let settings = [
        json!({ "mapping": { "preset": "repo-csv" } }),
        zoned("tattile-csv"),
        zoned("tattile-xml"),
        json!({ "mapping": { "preset": "parkmobile-rights" }, "base_url": "https://a.example" }),
        written(
            "json",
            ["/id", "/plate", "/score", "/at", "$..x[?@.y == 1]"],
        ),
        written("json_lines", ["/id", "/plate", "/score", "/at", "/x/0"]),
        written("fixed_width", ["1-4", "5-12", "13-15", "16-40", "41"]),
        written("form", ["id", "plate", "score", "at", "x"]),
        written("xml", ["*/@id", "*/plate", "*/score", "*/at", "*/x/y"]),
    ];
    let built = settings.map(|settings| {
        let source = adapter("declarative", &settings);
        (settings, source)
    });
    built.into()
});

fuzz_target!(|bytes: &[u8]| {
    let Some((first, payload)) = bytes.split_first() else {
        return;
    };
    let (settings, source) = &SOURCES[usize::from(*first) % SOURCES.len()];
    let saved = registry::find("declarative").and_then(|entry| entry.saved_answer);
    if let Ok(page) = saved.expect("it decodes answers")(settings, payload) {
        check_page(&page.reads, &page.rejected);
    }
    if source.info().capabilities.file {
        let decode = || {
            let mut page = Page::default();
            let verdict =
                source.decode_file("x.csv", &mut Cursor::new(payload), &mut |item: Item| {
                    page.push(item);
                    Ok(())
                });
            (verdict.expect("a file in memory can be read"), page)
        };
        let (verdict, page) = decode();
        check_page(&page.reads, &page.rejected);
        assert_eq!((verdict, page), decode(), "same bytes, another result");
    }
});
