//! Any text as a mapping file: it loads, or every problem of it is told; never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use turnpike_adapters::{error::ErrorKind, registry};

fuzz_target!(|text: &str| {
    let entry = registry::find("declarative").expect("the registry has it");
    let settings = json!({ "mapping": { "file": "fuzz.toml", "text": text } });
    if let Err(error) = (entry.build)(&settings) {
        assert_eq!(error.kind(), ErrorKind::Config);
    }
});
