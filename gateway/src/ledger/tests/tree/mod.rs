//! The signed tree over the entries.

mod refused;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use futures::future::join_all;
use turnpike_schemas::ledger::{Ingest, IngestWay};
use turnpike_schemas::tlog::{
    Bundle, Frontier, LogProof, SignedCheckpoint, Tile, VerifierKey, leaf_hash, verify_consistency,
};

use super::super::tree::{EARLIER, FOLDER, VKEY};
use super::*;
use crate::tlog::AwsEd25519;

struct Site {
    dir: tempfile::TempDir,
    segment_bytes: u64,
    origin: Option<String>,
}

impl Site {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            segment_bytes: 1 << 20,
            origin: None,
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("ledger")
    }

    fn tree(&self) -> PathBuf {
        self.path().join(FOLDER)
    }

    fn try_open(&self) -> Result<Ledger, LedgerError> {
        let config = LedgerConfig {
            deadline: Duration::from_secs(20),
            segment_bytes: self.segment_bytes,
            tree: Some(TreeConfig {
                key_file: self.dir.path().join("ledger.key"),
                origin: self.origin.clone(),
                interval: Duration::from_millis(1),
            }),
            ..LedgerConfig::default()
        };
        Ledger::open(&self.path(), config, now()).map(|opened| opened.ledger)
    }

    fn open(&self) -> Ledger {
        self.try_open().unwrap()
    }

    /// Opens, writes `count` entries, closes.
    async fn grow(&self, count: u32) {
        let ledger = self.open();
        write(&ledger, count).await;
        ledger.close().await.unwrap();
    }

    fn checkpoint(&self) -> SignedCheckpoint {
        let note = fs::read_to_string(self.tree().join("checkpoint")).unwrap();
        SignedCheckpoint::open(&note, &self.key(), &AwsEd25519).unwrap()
    }

    fn key(&self) -> VerifierKey {
        let text = fs::read_to_string(self.tree().join(VKEY)).unwrap();
        text.trim_end().parse().unwrap()
    }

    /// Why it does not open; nothing on disk may change by trying.
    fn refused(&self) -> TreeError {
        let before = files(&self.path());
        let refused = match self.try_open() {
            Err(LedgerError::Tree(error)) => error,
            other => panic!("{other:?}"),
        };
        let after = files(&self.path());
        assert!(before == after, "a refusal changes nothing");
        refused
    }

    fn segments(&self) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = fs::read_dir(self.path())
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "log"))
            .collect();
        found.sort();
        found
    }
}

fn ingest(number: u32) -> Ingest {
    Ingest {
        source: "brookdale-police".into(),
        way: IngestWay::Push,
        accepted: u64::from(number),
        duplicates: 0,
        rejected: 0,
        rejected_by: BTreeMap::new(),
        payload_sha256: None,
        refused: None,
    }
}

async fn write(ledger: &Ledger, count: u32) {
    let written = (0..count).map(|number| ledger.ingest(ingest(number)));
    join_all(written)
        .await
        .into_iter()
        .for_each(|written| assert!(written.is_ok()));
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for (path, bytes) in files(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, bytes).unwrap();
    }
}

/// Root over the first `size` entries in the segments.
fn root(site: &Site, size: u64) -> turnpike_schemas::tlog::Hash {
    let mut tree = Frontier::default();
    let all = entries(&site.path());
    for entry in all.iter().take(usize::try_from(size).unwrap()) {
        tree.append(leaf_hash(&entry.canonical_bytes().unwrap()));
    }
    assert_eq!(tree.size(), size);
    tree.root()
}

#[tokio::test]
async fn a_closed_ledger_has_a_checkpoint_over_all_its_entries_and_exactly_its_tiles() {
    let site = Site::new();
    site.grow(600).await;
    let signed = site.checkpoint();
    assert_eq!(signed.size(), 600);
    assert_eq!(*signed.root(), root(&site, 600));
    let mut found: Vec<String> = files(&site.tree().join("tile"))
        .into_keys()
        .map(|path| {
            path.strip_prefix(site.tree())
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    found.sort();
    let mut wanted: Vec<String> = Tile::all(600).map(|tile| tile.path()).collect();
    wanted.sort();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn checkpoints_of_several_runs_continue_each_other_and_are_kept() {
    let site = Site::new();
    for count in [3, 300, 40] {
        site.grow(count).await;
    }
    let earlier = fs::read_to_string(site.tree().join(EARLIER)).unwrap();
    let notes: Vec<String> = earlier
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let open = |note: &String| SignedCheckpoint::open(note, &site.key(), &AwsEd25519).unwrap();
    let sizes: Vec<u64> = notes.iter().map(|note| open(note).size()).collect();
    assert!(sizes.is_sorted() && [3, 303, 343].iter().all(|size| sizes.contains(size)));
    for note in &notes {
        let signed = open(note);
        assert_eq!(*signed.root(), root(&site, signed.size()));
    }
}

#[tokio::test]
async fn entries_written_after_the_last_checkpoint_are_signed_at_the_next_start() {
    let site = Site::new();
    site.grow(300).await;
    let kept = tempfile::tempdir().unwrap();
    copy(&site.tree(), kept.path());
    site.grow(500).await;
    fs::remove_dir_all(site.tree()).unwrap();
    copy(kept.path(), &site.tree());
    assert_eq!(site.checkpoint().size(), 300);
    drop(site.open());
    let signed = site.checkpoint();
    assert_eq!((signed.size(), *signed.root()), (800, root(&site, 800)));
}

#[tokio::test]
async fn a_ledger_from_before_the_tree_is_signed_as_it_is_found() {
    let site = Site::new();
    let config = LedgerConfig {
        deadline: Duration::from_secs(20),
        ..LedgerConfig::default()
    };
    let plain = Ledger::open(&site.path(), config, now()).unwrap().ledger;
    write(&plain, 300).await;
    plain.close().await.unwrap();
    drop(site.open());
    assert_eq!(*site.checkpoint().root(), root(&site, 300));
}

#[tokio::test]
async fn a_spoilt_tile_over_sound_entries_is_written_again() {
    let site = Site::new();
    site.grow(600).await;
    let whole = files(&site.tree());
    for (tile, bytes) in [
        ("tile/0/001", b"x".as_slice()),
        ("tile/0/002.p/88", b""),
        ("tile/1/000.p/2", b"y"),
    ] {
        fs::write(site.tree().join(tile), bytes).unwrap();
    }
    fs::remove_file(site.tree().join("tile/0/000")).unwrap();
    drop(site.open());
    let mut again = files(&site.tree());
    again.remove(&site.tree().join(EARLIER));
    assert!(
        whole
            .iter()
            .all(|(path, bytes)| path.ends_with(EARLIER) || again[path] == *bytes)
    );
}

#[tokio::test]
async fn every_entry_is_proved_and_every_bundle_served_from_whatever_segment_it_is_in() {
    let site = Site {
        segment_bytes: 30_000,
        ..Site::new()
    };
    site.grow(200).await;
    site.grow(200).await;
    let ledger = site.open();
    write(&ledger, 230).await;
    let published = ledger.published().unwrap().clone();
    eventually(|| published.head().size == 630).await;
    let all = entries(&site.path());
    for index in (0..630).step_by(7) {
        let proof = published.prove(index).unwrap().unwrap().to_string();
        let entry = all[usize::try_from(index).unwrap()]
            .canonical_bytes()
            .unwrap();
        let proof = LogProof::parse(&proof).unwrap();
        proof
            .verify(&leaf_hash(&entry), &site.key(), &AwsEd25519)
            .unwrap();
    }
    assert!(published.prove(630).unwrap().is_none());
    let mut served = Vec::new();
    for tile in Tile::all_entries(630) {
        let bytes = published.tile(&tile).unwrap().unwrap();
        served.extend(Bundle::new(&bytes).map(|entry| entry.unwrap().to_vec()));
    }
    let written: Vec<Vec<u8>> = all
        .iter()
        .map(|entry| entry.canonical_bytes().unwrap())
        .collect();
    assert!(served == written);
    for (path, length) in [
        ("tile/0/000.p/9", Some(288)),
        ("tile/0/002.p/118", Some(118 * 32)),
        ("tile/0/002.p/119", None),
        ("tile/1/000.p/1", Some(32)),
        ("tile/2/000.p/1", None),
        ("tile/entries/003.p/1", None),
    ] {
        let tile = Tile::parse(path).unwrap();
        assert_eq!(
            published.tile(&tile).unwrap().map(|bytes| bytes.len()),
            length,
            "{path}"
        );
    }
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn every_checkpoint_seen_while_writing_continues_the_one_before() {
    let site = Site::new();
    let ledger = site.open();
    let mut heads = ledger.published().unwrap().heads();
    let mut seen = vec![heads.borrow_and_update().clone()];
    let writing = async {
        for count in [5, 260, 1, 80, 300] {
            write(&ledger, count).await;
        }
        ledger.close().await.unwrap();
    };
    let watching = async {
        while seen.last().unwrap().size < 646 {
            heads.changed().await.unwrap();
            seen.push(heads.borrow_and_update().clone());
        }
    };
    tokio::join!(writing, watching);
    let all = entries(&site.path());
    let leaves: Vec<_> = all
        .iter()
        .map(|entry| leaf_hash(&entry.canonical_bytes().unwrap()))
        .collect();
    for pair in seen.windows(2) {
        let path =
            turnpike_schemas::tlog::consistency(&Leaves(&leaves), pair[0].size, pair[1].size)
                .unwrap();
        verify_consistency(
            &path,
            (pair[0].size, &pair[0].root),
            (pair[1].size, &pair[1].root),
        )
        .unwrap();
    }
}

/// A tree recomputed from its leaves.
struct Leaves<'a>(&'a [turnpike_schemas::tlog::Hash]);

impl turnpike_schemas::tlog::Hashes for Leaves<'_> {
    type Error = turnpike_schemas::tlog::TlogError;

    fn node(&self, level: u32, index: u64) -> Result<turnpike_schemas::tlog::Hash, Self::Error> {
        let first = usize::try_from(index << level).unwrap();
        let mut tree = Frontier::default();
        self.0[first..first + (1 << level)]
            .iter()
            .for_each(|leaf| tree.append(*leaf));
        Ok(tree.root())
    }
}
