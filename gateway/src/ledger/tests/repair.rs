//! Files: what is repaired at open, what is refused.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;

use proptest::prelude::*;

use super::super::reader::Walk;
use super::super::segment;
use super::*;

/// The bytes of a ledger of six entries.
fn sample() -> &'static [u8] {
    static SAMPLE: OnceLock<Vec<u8>> = OnceLock::new();
    // A thread of its own, because some callers are in a runtime already.
    SAMPLE.get_or_init(|| std::thread::spawn(make_sample).join().unwrap())
}

fn make_sample() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let ledger = open(dir.path()).ledger;
        for _ in 0..2 {
            let ticket = begin(&ledger).await.unwrap();
            ledger.finish(ticket, outcome()).await.unwrap();
        }
    });
    fs::read(dir.path().join(segment::name(0))).unwrap()
}

fn lines() -> Vec<Vec<u8>> {
    sample()
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

fn dir_with(segments: &[&[u8]]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (number, bytes) in (0..).zip(segments) {
        fs::write(dir.path().join(segment::name(number)), bytes).unwrap();
    }
    dir
}

fn damage(error: LedgerError) -> Damage {
    match error {
        LedgerError::Damaged(damage) => damage,
        other => panic!("{other:?}"),
    }
}

/// Opening and verifying must agree that this is no ledger.
fn refused(segments: &[&[u8]]) -> Damage {
    let dir = dir_with(segments);
    let opened = damage(Ledger::open(dir.path(), LedgerConfig::default(), now()).unwrap_err());
    assert_eq!(damage(verify(dir.path()).unwrap_err()), opened);
    for (number, bytes) in (0..).zip(segments) {
        assert_eq!(
            &fs::read(dir.path().join(segment::name(number))).unwrap(),
            bytes,
            "a refusal changes nothing"
        );
    }
    opened
}

#[tokio::test]
async fn an_intent_without_outcome_is_closed_at_the_next_open() {
    let bytes = lines()[..5].concat();
    let dir = dir_with(&[&bytes]);
    let Opened { ledger, recovered } = open(dir.path());
    assert_eq!(
        recovered,
        Recovery {
            entries: 5,
            torn_bytes: 0,
            interrupted: vec![3],
            half_sealed: vec![],
        }
    );
    assert_eq!(
        interruptions(&entries(dir.path())),
        [(3, InterruptReason::Restart)]
    );
    assert_eq!(begin(&ledger).await.unwrap().intent(), 6);
    ledger.close().await.unwrap();
    assert_eq!(open(dir.path()).recovered.interrupted, Vec::<u64>::new());
}

#[test]
fn an_unfinished_last_write_is_cut_off_and_reported() {
    let whole = lines()[..5].concat();
    let torn = [whole.as_slice(), &lines()[5][..40]].concat();
    let dir = dir_with(&[&torn]);
    assert_eq!(verify(dir.path()).unwrap().torn_bytes, 40);
    let recovered = open(dir.path()).recovered;
    assert_eq!((recovered.entries, recovered.torn_bytes), (5, 40));
    assert_eq!(verify(dir.path()).unwrap().torn_bytes, 0);
}

#[test]
fn every_way_to_rearrange_the_ledger_is_refused_and_the_place_is_named() {
    let lines = lines();
    let (first, second) = (lines[..3].concat(), lines[3..].concat());
    let name = segment::name;
    let order = |found| DamageKind::Order { found };
    let cases = [
        (
            vec![[&lines[0][..], &lines[2], &lines[1]].concat()],
            (name(0), 1, order(2)),
        ),
        (
            vec![[&lines[0][..], &lines[0]].concat()],
            (name(0), 1, order(0)),
        ),
        (vec![lines[1].clone()], (name(0), 0, order(1))),
        (
            vec![first.clone(), lines[4].clone()],
            (name(1), 3, order(4)),
        ),
        (vec![second.clone(), first.clone()], (name(0), 0, order(3))),
        (
            vec![first.clone(), vec![], second.clone()],
            (name(1), 3, DamageKind::EmptySegment),
        ),
        (
            vec![first[..first.len() - 5].to_vec(), second.clone()],
            (name(0), 2, DamageKind::Unterminated),
        ),
        (
            vec![[&first[..], b"\n"].concat()],
            (name(0), 3, DamageKind::Form),
        ),
        (vec![vec![b'a'; 80_000]], (name(0), 0, DamageKind::TooLong)),
    ];
    for (segments, (segment, index, kind)) in cases {
        let segments: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
        assert_eq!(
            refused(&segments),
            Damage {
                segment,
                index,
                kind
            }
        );
    }
}

#[test]
fn a_missing_segment_is_refused() {
    let lines = lines();
    let dir = dir_with(&[&lines[0], &lines[1], &lines[2]]);
    fs::remove_file(dir.path().join(segment::name(1))).unwrap();
    let expected = Damage {
        segment: segment::name(1),
        index: 1,
        kind: DamageKind::MissingSegment,
    };
    assert_eq!(
        damage(Ledger::open(dir.path(), LedgerConfig::default(), now()).unwrap_err()),
        expected
    );
}

#[test]
fn a_segment_begun_but_not_yet_written_is_no_damage() {
    let dir = dir_with(&[sample(), b""]);
    assert_eq!(open(dir.path()).recovered.entries, 6);
}

/// Walks as opening does, without its syncs.
fn walk(dir: &Path) -> Result<u64, Damage> {
    let mut walk = Walk::new(dir).unwrap();
    while let Some(header) = walk.next_header() {
        header?;
    }
    Ok(walk.next_index)
}

/// The segment of a ledger that holds the sample, open for tampering.
fn tampered() -> (tempfile::TempDir, fs::File) {
    let dir = dir_with(&[sample()]);
    let file = fs::File::options()
        .write(true)
        .open(dir.path().join(segment::name(0)))
        .unwrap();
    (dir, file)
}

#[test]
fn every_flipped_bit_is_detected() {
    let (dir, file) = tampered();
    for (place, byte) in (0..).zip(sample()) {
        for bit in 0..8 {
            file.write_at(&[byte ^ (1 << bit)], place).unwrap();
            assert!(walk(dir.path()).is_err(), "bit {bit} of byte {place}");
        }
        file.write_at(&[*byte], place).unwrap();
    }
    assert_eq!(walk(dir.path()), Ok(6));
}

#[test]
fn a_file_cut_anywhere_still_gives_every_entry_before_the_cut() {
    let ends: Vec<usize> = (0..sample().len())
        .filter(|place| sample()[*place] == b'\n')
        .collect();
    let (dir, file) = tampered();
    for length in (0..=sample().len()).rev() {
        file.set_len(length as u64).unwrap();
        let whole = ends.iter().filter(|end| **end < length).count() as u64;
        assert_eq!(walk(dir.path()), Ok(whole), "cut to {length}");
    }
}

#[test]
fn a_device_that_is_really_full_is_reported_as_full() {
    let dir = tempfile::tempdir().unwrap();
    let config = LedgerConfig {
        segment_bytes: 1,
        deadline: Duration::from_secs(20),
        ..LedgerConfig::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let Opened { ledger, .. } = Ledger::open(dir.path(), config, now()).unwrap();
        let ticket = begin(&ledger).await.unwrap();
        std::os::unix::fs::symlink("/dev/full", dir.path().join(segment::name(1))).unwrap();
        let error = ledger.finish(ticket, outcome()).await.unwrap_err();
        assert!(
            matches!(error, LedgerError::Unavailable(Unavailable::NoSpace)),
            "{error:?}"
        );
        assert!(!ledger.healthy());
        ledger.close().await.unwrap();
        fs::remove_file(dir.path().join(segment::name(1))).unwrap();
        assert_eq!(open(dir.path()).recovered.interrupted, [0]);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_ledger_opened_after_any_cut_goes_on_where_the_whole_entries_end(length in 0..sample().len()) {
        let dir = dir_with(&[&sample()[..length]]);
        let recovered = open(dir.path()).recovered;
        let kept = entries(dir.path());
        prop_assert_eq!(kept.len() as u64, recovered.entries + recovered.interrupted.len() as u64);
        let original: Vec<u8> = lines().concat();
        let file = fs::read(dir.path().join(segment::name(0))).unwrap();
        let whole = length - usize::try_from(recovered.torn_bytes).unwrap();
        prop_assert_eq!(&file[..whole], &original[..whole]);
        prop_assert!(verify(dir.path()).unwrap().open.is_empty());
    }

    #[test]
    fn any_altered_stretch_before_the_last_entry_is_refused(
        start in 0..sample().len() - 700, stretch in proptest::collection::vec(any::<u8>(), 1..64)
    ) {
        let mut bytes = sample().to_vec();
        bytes.splice(start..start + stretch.len(), stretch);
        prop_assume!(bytes != sample());
        prop_assert!(walk(dir_with(&[&bytes]).path()).is_err());
    }
}
