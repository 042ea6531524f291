//! Any bytes as a request: what is understood is a question, stays the same question when written again, and is
//! decided the same way twice, never with a wider window than asked for or agreed.
#![no_main]

use std::sync::LazyLock;

use jiff::SignedDuration;
use libfuzzer_sys::fuzz_target;
use turnpike_fuzz::{now, reference_document, requester};
use turnpike_schemas::{agreement::Agreement, api::QueryRequest};

static AGREEMENT: LazyLock<Agreement> = LazyLock::new(|| {
    reference_document()
        .validate()
        .expect("the reference agreement is valid")
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(request) = serde_json::from_slice::<QueryRequest>(bytes) else {
        return;
    };
    let Ok(query) = request.to_query() else {
        return;
    };
    assert!(request.deadline_ms().is_ok());
    let json = serde_json::to_vec(&request).expect("a request can be written");
    let back: QueryRequest = serde_json::from_slice(&json).expect("what was written can be read");
    assert!(back.to_query().as_ref() == Ok(&query));
    let decide = || {
        AGREEMENT
            .permit(&requester(), &query, now())
            .map(|permit| permit.window())
    };
    let decision = decide();
    assert_eq!(decision, decide());
    if let Ok(granted) = decision {
        let terms = AGREEMENT.document();
        assert!(!terms.why.prohibited.contains(&query.purpose()));
        assert!(granted.from() >= query.window().from() && granted.to() <= query.window().to());
        let widest = SignedDuration::from_hours(24 * i64::from(terms.how_far.max_window_days));
        assert!(granted.span() <= widest);
    }
});
