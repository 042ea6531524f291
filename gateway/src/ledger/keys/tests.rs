use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;
use turnpike_schemas::ledger::{Kind, Nonce, Seals as _};

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn place<'a>(nonce: &'a Nonce, field: &'a str) -> Place<'a> {
    Place {
        nonce,
        kind: Kind::Intent,
        field,
        domain: field,
    }
}

fn nonce(byte: u8) -> Nonce {
    Nonce::from_bytes([byte; 16])
}

#[test]
fn a_period_is_named_after_the_calendar_and_ends_where_the_next_begins() {
    let cases = [
        (Period::Day, "2028-02-29", "2028-03-01T00:00:00Z"),
        (Period::Month, "2028-02", "2028-03-01T00:00:00Z"),
        (Period::Year, "2028", "2029-01-01T00:00:00Z"),
    ];
    for (period, name, until) in cases {
        let epoch = period.epoch(at("2028-02-29T23:59:59.999Z")).unwrap();
        assert_eq!((epoch.name(), epoch.until()), (name, at(until)));
        assert_eq!(Epoch::parse(name), Some(epoch.clone()));
        assert!(!epoch.covers(at(until)) && !epoch.covers(at("2027-12-31T23:59:59Z")));
    }
    for name in ["", "20x8", "2028-13", "2028-02-30"] {
        assert_eq!(Epoch::parse(name), None, "{name}");
    }
}

#[test]
fn a_value_of_any_type_opens_where_it_was_sealed_and_nowhere_else() {
    let ring = Keyring::in_memory(Period::Month);
    let key = ring.make(at("2026-03-04T00:00:00Z")).unwrap();
    let (here, there) = (nonce(1), nonce(2));
    for value in [
        json!("TPK0421"),
        json!(17),
        json!(["a", 1]),
        json!("x".repeat(200)),
    ] {
        let sealed = key.seal(&place(&here, "plate"), &value).unwrap();
        let written = serde_json::to_string(&sealed).unwrap();
        assert!(!written.contains("TPK0421") && sealed.key == *key.id());
        assert_eq!(
            ring.open(&place(&here, "plate"), &sealed),
            Some(value.clone())
        );
        assert_eq!(ring.open(&place(&there, "plate"), &sealed), None);
        assert_eq!(ring.open(&place(&here, "subject"), &sealed), None);
        let tags = ring.tags("plate", &value);
        assert_eq!(tags, std::slice::from_ref(&sealed.tag));
        let again = key.seal(&place(&there, "plate"), &value).unwrap();
        assert_eq!(again.tag, sealed.tag, "found by equality");
        assert_ne!(again.sealed, sealed.sealed);
    }
    assert_ne!(
        ring.tags("plate", &json!("1")),
        ring.tags("plate", &json!(1))
    );
    assert_ne!(
        ring.tags("plate", &json!("1")),
        ring.tags("case", &json!("1"))
    );
}

#[test]
fn short_values_are_of_one_length_when_sealed() {
    let ring = Keyring::in_memory(Period::Month);
    let key = ring.make(at("2026-03-04T00:00:00Z")).unwrap();
    let nonce = nonce(1);
    let lengths = ["A", "TPK0421", "TPK0421-AND-MORE-OF-IT"].map(|text| {
        key.seal(&place(&nonce, "plate"), &json!(text))
            .unwrap()
            .sealed
            .len()
    });
    assert_eq!(BTreeSet::from(lengths).len(), 1);
}

#[test]
fn a_key_is_private_found_again_and_gone_for_good_once_destroyed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("keys");
    let ring = Keyring::open(&folder, Period::Month).unwrap();
    let march = ring.make(at("2026-03-04T00:00:00Z")).unwrap();
    let april = ring.make(at("2026-04-04T00:00:00Z")).unwrap();
    assert_eq!(
        ring.make(at("2026-03-31T00:00:00Z")).unwrap().id(),
        march.id()
    );
    assert_eq!(
        fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
        0o700
    );
    for file in fs::read_dir(&folder).unwrap() {
        assert_eq!(
            file.unwrap().metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let nonce = nonce(1);
    let sealed = march
        .seal(&place(&nonce, "plate"), &json!("TPK0421"))
        .unwrap();
    let again = Keyring::read(&folder).unwrap();
    assert_eq!(
        again.open(&place(&nonce, "plate"), &sealed),
        Some(json!("TPK0421"))
    );
    assert_eq!(ring.ended(at("2026-03-31T23:59:59Z")), []);
    assert_eq!(ring.ended(at("2026-04-01T00:00:00Z")), [march.id().clone()]);
    let gone = [march.id().clone()];
    ring.destroy(&gone).unwrap();
    ring.destroy(&gone).unwrap();
    for ring in [&ring, &Keyring::read(&folder).unwrap()] {
        assert_eq!(ring.open(&place(&nonce, "plate"), &sealed), None);
        assert_eq!(ring.ids(), [april.id().clone()]);
    }
    let new = ring.make(at("2026-03-04T00:00:00Z")).unwrap();
    assert_ne!(
        new.id(),
        march.id(),
        "a clock that goes back makes no old key"
    );
}

#[test]
fn what_is_cut_short_is_settled_and_what_is_altered_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Keyring::open(dir.path(), Period::Day).unwrap();
    let key = ring.make(at("2026-03-04T00:00:00Z")).unwrap();
    let file = dir.path().join(format!("{}.key", key.id()));
    let whole = fs::read(&file).unwrap();
    fs::write(dir.path().join("2026-03-05.00000000.new"), &whole).unwrap();
    assert_eq!(Keyring::read(dir.path()).unwrap().ids(), [key.id().clone()]);
    fs::write(&file, vec![0; whole.len()]).unwrap();
    assert_eq!(
        Keyring::read(dir.path()).unwrap().ids(),
        [],
        "overwritten, not yet removed"
    );
    for place in 0..whole.len() {
        let mut altered = whole.clone();
        altered[place] ^= 1;
        fs::write(&file, &altered).unwrap();
        let error = Keyring::read(dir.path()).unwrap_err();
        assert!(matches!(error, KeyError::Damaged(_)), "{place}: {error}");
    }
}

#[test]
fn nothing_of_a_key_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Keyring::open(dir.path(), Period::Day).unwrap();
    let key = ring.make(at("2026-03-04T00:00:00Z")).unwrap();
    let file = fs::read_to_string(dir.path().join(format!("{}.key", key.id()))).unwrap();
    let secret = file.lines().nth(2).unwrap();
    let shown = format!("{ring:?} {key:?}");
    assert!(shown.contains(key.id().as_str()) && !shown.contains(secret));
}
