//! What does not open, and when no question is taken.

use super::super::super::segment;
use super::*;

#[tokio::test]
async fn the_key_is_for_its_owner_alone_and_gives_the_name_unless_one_is_configured() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new();
    site.grow(1).await;
    let file = site.dir.path().join("ledger.key");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(site.key().name().starts_with("turnpike/"));
    let named = Site {
        origin: Some("gateway.example/ledger".into()),
        ..Site::new()
    };
    named.grow(1).await;
    assert_eq!(
        named.checkpoint().checkpoint().origin,
        "gateway.example/ledger"
    );
    let renamed = Site {
        origin: Some("gateway.example/other".into()),
        ..named
    };
    assert!(matches!(renamed.refused(), TreeError::OtherLog { .. }));
}

#[tokio::test]
async fn a_ledger_that_lost_its_end_does_not_open() {
    let site = Site {
        segment_bytes: 5_000,
        ..Site::new()
    };
    for _ in 0..6 {
        site.grow(30).await;
    }
    let segments = site.segments();
    assert!(segments.len() > 2);
    let last = segments.last().unwrap();
    let bytes = fs::read(last).unwrap();
    fs::remove_file(last).unwrap();
    match site.refused() {
        TreeError::RolledBack { signed: 180, found } => assert!(found < 180),
        other => panic!("{other:?}"),
    }
    let cut = bytes.len()
        - bytes
            .split_inclusive(|byte| *byte == b'\n')
            .next_back()
            .unwrap()
            .len();
    fs::write(last, &bytes[..cut]).unwrap();
    assert!(matches!(
        site.refused(),
        TreeError::RolledBack {
            signed: 180,
            found: 179
        }
    ));
    fs::write(last, &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(
        site.refused(),
        TreeError::RolledBack {
            signed: 180,
            found: 179
        }
    ));
    fs::write(last, &bytes).unwrap();
    drop(site.open());
}

#[tokio::test]
async fn a_ledger_with_an_entry_replaced_under_a_new_checksum_does_not_open() {
    let site = Site::new();
    site.grow(40).await;
    let path = site.segments().remove(0);
    let before = fs::read(&path).unwrap();
    let mut after = Vec::new();
    for (number, line) in before.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let entry = String::from_utf8(line[segment::PREFIX..line.len() - 1].to_vec()).unwrap();
        let entry = match number {
            17 => entry.replace("brookdale-police", "brookdale-tolls"),
            _ => entry,
        };
        segment::put_line(entry.as_bytes(), &mut after);
    }
    fs::write(&path, after).unwrap();
    assert_eq!(
        verify(&site.path()).unwrap().entries,
        40,
        "checksums alone do not tell"
    );
    assert!(matches!(site.refused(), TreeError::Forked { size: 40 }));
}

#[tokio::test]
async fn a_ledger_without_its_key_or_its_checkpoint_does_not_open() {
    let site = Site::new();
    site.grow(5).await;
    let key = site.dir.path().join("ledger.key");
    let away = site.dir.path().join("away");
    fs::rename(&key, &away).unwrap();
    assert!(matches!(site.refused(), TreeError::KeyMissing { .. }));
    let other = Site::new();
    other.grow(5).await;
    fs::copy(other.dir.path().join("ledger.key"), &key).unwrap();
    assert!(matches!(site.refused(), TreeError::Checkpoint(_)));
    fs::write(&key, "PRIVATE+KEY+x+00000000+AAAA\n").unwrap();
    assert!(matches!(site.refused(), TreeError::Key(_)));
    fs::rename(&away, &key).unwrap();
    let checkpoint = site.tree().join("checkpoint");
    let note = fs::read(&checkpoint).unwrap();
    fs::remove_file(&checkpoint).unwrap();
    assert!(matches!(
        site.refused(),
        TreeError::CheckpointMissing { entries: 5 }
    ));
    fs::write(&checkpoint, &note[..note.len() - 9]).unwrap();
    assert!(matches!(site.refused(), TreeError::Checkpoint(_)));
    fs::write(&checkpoint, &note).unwrap();
    drop(site.open());
}

#[tokio::test]
async fn while_no_checkpoint_can_be_written_no_question_is_taken_and_then_again() {
    let site = Site::new();
    let ledger = site.open();
    write(&ledger, 3).await;
    let away = site.dir.path().join("away");
    fs::rename(site.tree(), &away).unwrap();
    fs::write(site.tree(), "in the way").unwrap();
    write(&ledger, 1).await;
    eventually(|| !ledger.healthy()).await;
    let refused = begin(&ledger).await.unwrap_err();
    assert!(matches!(
        refused,
        LedgerError::Unavailable(Unavailable::Unsigned)
    ));
    write(&ledger, 1).await;
    fs::remove_file(site.tree()).unwrap();
    fs::rename(&away, site.tree()).unwrap();
    eventually(|| ledger.healthy()).await;
    let ticket = begin(&ledger).await.unwrap();
    ledger.finish(ticket, outcome()).await.unwrap();
    ledger.close().await.unwrap();
    assert_eq!(
        *site.checkpoint().root(),
        root(&site, site.checkpoint().size())
    );
    assert_eq!(site.checkpoint().size(), 8);
}
