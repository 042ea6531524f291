//! Any bytes as a ledger entry: what is accepted is written back byte for byte, so nothing has two hashes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turnpike_schemas::ledger::{Entry, Header};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(entry) = Entry::parse(bytes) {
        assert_eq!(
            entry
                .canonical_bytes()
                .expect("what was read can be written"),
            bytes
        );
        let header = Header::parse(bytes).expect("an entry has a header");
        assert_eq!(header.index, entry.header().index);
    }
});
