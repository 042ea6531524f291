//! Any two texts as jurisdictions: comparison is symmetric and agrees with `within`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turnpike_schemas::plate::{Jurisdiction, JurisdictionMatch};

fuzz_target!(|text: &str| {
    let (left, right) = text.split_once('\n').unwrap_or((text, "US-OH"));
    let left = Jurisdiction::parse(left).ok();
    let right = Jurisdiction::parse(right).ok();
    let compared = Jurisdiction::compare(left.as_ref(), right.as_ref());
    assert_eq!(
        compared,
        Jurisdiction::compare(right.as_ref(), left.as_ref())
    );
    if let Some(code) = &left {
        assert!(code.within(code));
        assert_eq!(Jurisdiction::parse(code.as_str()).as_ref(), Ok(code));
        assert!(code.as_str().len() <= 6 && code.country().len() == 2);
        assert_eq!(
            Jurisdiction::compare(Some(code), Some(code)),
            JurisdictionMatch::Same
        );
        assert_eq!(
            Jurisdiction::compare(Some(code), None),
            JurisdictionMatch::Unknown
        );
    }
    if let (Some(left), Some(right)) = (&left, &right) {
        assert_eq!(left == right, compared == JurisdictionMatch::Same);
        assert!(!left.within(right) || compared != JurisdictionMatch::Different);
    }
});
