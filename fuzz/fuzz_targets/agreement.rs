//! Any text as an agreement: what is valid survives TOML and JSON with the same hash, and permits nothing it prohibits.
#![no_main]

use jiff::SignedDuration;
use libfuzzer_sys::fuzz_target;
use turnpike_fuzz::{now, requester};
use turnpike_schemas::{
    agreement::AgreementDocument,
    plate::Plate,
    query::{AskedPlate, CaseRef, OnBehalfOf, Purpose, Query, TimeWindow},
};

fuzz_target!(|text: &str| {
    let Ok(document) = toml::from_str::<AgreementDocument>(text) else {
        return;
    };
    let agreement = match document.clone().validate() {
        Ok(agreement) => agreement,
        Err(problems) => return assert!(!problems.is_empty()),
    };
    let toml = toml::to_string(&document).expect("an agreement can be written");
    let back: AgreementDocument = toml::from_str(&toml).expect("what was written can be read");
    assert_eq!(
        back.validate().expect("still valid").sha256(),
        agreement.sha256()
    );
    let json = serde_json::to_string(&document).expect("an agreement can be written");
    let back: AgreementDocument =
        serde_json::from_str(&json).expect("what was written can be read");
    assert_eq!(
        back.validate().expect("still valid").sha256(),
        agreement.sha256()
    );
    for purpose in Purpose::ALL {
        let query = question(purpose);
        let Ok(permit) = agreement.permit(&requester(), &query, now()) else {
            continue;
        };
        assert!(document.why.purposes.contains(&purpose));
        assert!(!document.why.prohibited.contains(&purpose));
        let widest = 24 * i64::from(document.how_far.max_window_days);
        assert!(permit.window().span() <= SignedDuration::from_hours(widest));
        assert_eq!(permit.max_reads(), document.what.max_reads);
    }
    if let Ok(permit) = agreement.ingest_permit(now()) {
        assert!(permit.keep_until(now()) > now());
    }
});

fn question(purpose: Purpose) -> Query {
    let year = SignedDuration::from_hours(24 * 365);
    Query::new(
        AskedPlate::Exact(Plate::parse("TPK0421").expect("a plate")),
        TimeWindow::new(now() - year, now() + year).expect("a window"),
        purpose,
        CaseRef::parse("BRK-2026-000042").expect("a case"),
        OnBehalfOf::Own,
    )
    .expect("a question")
}
