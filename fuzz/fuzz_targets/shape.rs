//! The shape of a payload; the first byte chooses its name: nothing drifts from itself, and what is written is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turnpike_adapters::conformance::{Payload, Shape, Via};

const NAMES: [&str; 5] = ["a.json", "a.xml", "a.csv", "a.multipart", "a"];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, body)) = bytes.split_first() else {
        return;
    };
    let name = NAMES[usize::from(*choice) % NAMES.len()];
    let payload = Payload::from_file(Via::Message, name, body.to_vec());
    let Ok(shape) = Shape::of(&payload) else {
        return;
    };
    assert_eq!(shape.drift(&shape), []);
    let mut twice = shape.clone();
    twice.merge(&shape);
    assert_eq!(twice, shape);
    let written = serde_json::to_vec(&shape).unwrap();
    assert_eq!(serde_json::from_slice::<Shape>(&written).unwrap(), shape);
});
