//! Copies that follow, witnesses that vouch: over real files and loopback sockets.

mod follow;
mod witness;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use jiff::Timestamp;
use turnpike_schemas::tlog::{
    Checkpoint, Frontier, KeyKind, Note, SignedCheckpoint, TileHashes, leaf_hash,
};

use super::*;
use crate::ledger::Now;

/// A log made of numbered entries, signed here.
struct Log {
    signer: SigningKey,
}

impl Log {
    fn new(dir: &Path) -> Self {
        let signer = SigningKey::create(&dir.join("log.key"), Some("log.example/1"), KeyKind::Log);
        Self {
            signer: signer.unwrap(),
        }
    }

    /// A checkpoint over `entries`.
    fn sign(&self, entries: &[String]) -> SignedCheckpoint {
        let mut tree = Frontier::default();
        entries
            .iter()
            .for_each(|entry| tree.append(leaf_hash(entry.as_bytes())));
        let head = Checkpoint {
            origin: "log.example/1".into(),
            size: tree.size(),
            root: tree.root(),
        };
        let signature = self.signer.sign(&head.body()).unwrap();
        let note = Note::new(head.body(), vec![signature]).unwrap().to_string();
        SignedCheckpoint::open(&note, self.signer.verifier(), &AwsEd25519).unwrap()
    }

    /// Static files over `entries`.
    fn publish(&self, entries: &[String], dir: &Path) -> SignedCheckpoint {
        let folder = Folder::new(dir);
        let mut export = Export::new(&folder);
        entries
            .iter()
            .for_each(|entry| export.add(entry.as_bytes()).unwrap());
        let signed = self.sign(entries);
        export.finish(&signed).unwrap();
        signed
    }

    fn check(&self, dir: &Path) -> Result<Checked, Fault> {
        let (folder, expected) = (Folder::new(dir), Expected::default());
        let key = self.signer.verifier();
        check_folder(&folder, key, &expected, &|_, _| true, &mut |_| ())
    }
}

fn numbered(size: usize) -> Vec<String> {
    (0..size).map(|number| format!("entry {number}")).collect()
}

/// A clock that stands still until it is moved.
#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_800_000_000)))
    }

    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, SeqCst);
    }

    fn now(&self) -> Now {
        let hands = Arc::clone(&self.0);
        Arc::new(move || Timestamp::from_second(hands.load(SeqCst)).unwrap())
    }
}

#[test]
fn a_key_file_reads_back_and_is_never_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let made = SigningKey::create(&path, Some("log.example/1"), KeyKind::Log).unwrap();
    let read = SigningKey::load(&path, KeyKind::Log).unwrap();
    assert_eq!(made.verifier(), read.verifier());
    assert!(SigningKey::create(&path, None, KeyKind::Log).is_err());
    assert!(
        SigningKey::load(&path, KeyKind::Witness).is_err(),
        "a log's key does not vouch"
    );
    let other = dir.path().join("other");
    assert!(SigningKey::create(&other, Some("two words"), KeyKind::Log).is_err());
    assert!(!format!("{read:?}").contains("PRIVATE"));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("log.example/1", "log.example/2")).unwrap();
    assert!(SigningKey::load(&path, KeyKind::Log).is_err());
}

#[test]
fn a_partial_tile_is_read_from_whatever_wider_one_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new(dir.path());
    let (small, large) = (dir.path().join("small"), dir.path().join("large"));
    let signed = log.publish(&numbered(300), &small);
    log.publish(&numbered(500), &large);
    let folder = Folder::new(&large);
    let root = turnpike_schemas::tlog::root_at(&TileHashes::new(&folder, 300), 300);
    assert_eq!(root.unwrap(), *signed.root());
}
