//! Any bytes as a stream in parts, in pieces of a size the first byte chooses: the same parts come out however they are cut, and none is larger than
//! allowed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turnpike_adapters::transport::parts::{Part, Splitter};

const MOST: usize = 4_096;

fuzz_target!(|input: &[u8]| {
    let Some((step, bytes)) = input.split_first() else {
        return;
    };
    let whole = split(bytes, bytes.len().max(1));
    let pieces = split(bytes, usize::from(*step) + 1);
    // A stream that breaks a rule is broken at the same place, or a little earlier where a limit was met first.
    let (shorter, longer) = if whole.len() < pieces.len() {
        (&whole, &pieces)
    } else {
        (&pieces, &whole)
    };
    assert!(longer.starts_with(shorter));
    assert!(longer.iter().all(|part| part.body.len() <= MOST));
});

fn split(bytes: &[u8], step: usize) -> Vec<Part> {
    let mut splitter = Splitter::new("multipart/mixed; boundary=edge", MOST).expect("a boundary");
    let mut parts = Vec::new();
    for chunk in bytes.chunks(step) {
        splitter.feed(chunk);
        loop {
            match splitter.next_part() {
                Ok(Some(part)) => parts.push(part),
                Ok(None) => break,
                Err(_) => return parts,
            }
        }
    }
    parts
}
