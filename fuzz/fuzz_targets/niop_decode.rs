//! Any bytes as a NIOP file. The first byte chooses the name, the rest is the content.
#![no_main]

use std::{io::Cursor, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use turnpike_adapters::adapter::{Adapter, Item, Page, Verdict};
use turnpike_fuzz::{adapter, check_page};

static NIOP: LazyLock<Box<dyn Adapter>> =
    LazyLock::new(|| adapter("niop", &json!({ "max_bytes": 1_000_000 })));

const NAMES: [&str; 7] = [
    "9999_0901_0902_20260304131500.STRAN",
    "9999_0901_0902_20260305091500.SCORR",
    "9999_0901_0902_20260305091500.SRECON",
    "9999_0901_20260305091500.BTVL",
    "9999_0901_20260305091500.DTVL",
    "9999_0901_0902_20260304131500_STRAN.ZIP",
    "9999_0901_0902_20260305091500_SCORR.ZIP",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((name, content)) = bytes.split_first() else {
        return;
    };
    let name = NAMES[usize::from(*name) % NAMES.len()];
    let first = decode(name, content);
    assert_eq!(first, decode(name, content), "same bytes, another result");
    if let Ok((_, page)) = first {
        check_page(&page.reads, &page.rejected);
    }
});

fn decode(name: &str, content: &[u8]) -> Result<(Verdict, Page), String> {
    let mut page = Page::default();
    let mut sink = |item: Item| {
        page.push(item);
        Ok(())
    };
    match NIOP.decode_file(name, &mut Cursor::new(content), &mut sink) {
        Ok(verdict) => Ok((verdict, page)),
        Err(error) => Err(error.to_string()),
    }
}
