//! Any bytes as a message of a Rekor agent.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use turnpike_adapters::adapter::{Adapter, Message};
use turnpike_fuzz::{adapter, check_page};

static REKOR: LazyLock<Box<dyn Adapter>> =
    LazyLock::new(|| adapter("rekor", &json!({ "frames": true })));

fuzz_target!(|bytes: &[u8]| {
    let message = Message::json(bytes.to_vec());
    let first = REKOR.decode(&message);
    let second = REKOR.decode(&message);
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert_eq!(first, second, "same bytes, another result");
            check_page(&first.page.reads, &first.page.rejected);
        }
        (Err(first), Err(second)) => {
            assert_eq!(
                first.to_string(),
                second.to_string(),
                "same bytes, another error"
            );
        }
        _ => panic!("same bytes, another verdict"),
    }
});
