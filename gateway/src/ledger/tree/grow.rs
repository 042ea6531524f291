//! The tree while entries are written: tiles first, then the checkpoint over them.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use turnpike_schemas::tlog::{
    Checkpoint, Growth, Hash, Note, SignedCheckpoint, Tile, TileHashes, TlogError, consistency,
    verify_consistency,
};

use super::{EARLIER, Head, Heads, TreeError};
use crate::ledger::shared::Shared;
use crate::tlog::{CHECKPOINT, Folder, SigningKey};

/// Of all checkpoints signed within this time one is kept in the file of earlier ones.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// The tree, its files and its key.
#[derive(Debug)]
pub(in crate::ledger) struct Grower {
    signer: SigningKey,
    folder: Folder,
    growth: Growth,
    /// Full tiles not written yet.
    full: Vec<(Tile, Vec<u8>)>,
    head: watch::Sender<Head>,
    /// When a checkpoint was last added to the earlier ones, and over how many entries.
    kept: Option<(Instant, u64)>,
}

/// The thread in which the tree grows. Ends when the writer lets it go.
#[derive(Debug)]
pub(in crate::ledger) struct Growing {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Growing {
    pub(in crate::ledger) fn start(
        grower: Grower,
        shared: Arc<Shared>,
        interval: Duration,
    ) -> io::Result<Self> {
        let seen = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("tree".into())
            .spawn(move || grower.run(&seen, interval))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }
}

impl Drop for Growing {
    /// Waits until everything durable is signed, or cannot be.
    fn drop(&mut self) {
        self.shared.pending.close();
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("the tree ended early");
        }
    }
}

impl Grower {
    /// Signs what is there when it is more than was signed.
    pub(super) fn start(
        signer: SigningKey,
        folder: Folder,
        growth: Growth,
        signed: Option<SignedCheckpoint>,
    ) -> Result<Self, TreeError> {
        let head = signed.as_ref().map_or_else(empty, |signed| Head {
            size: signed.size(),
            root: *signed.root(),
            note: signed.note().to_string().into(),
        });
        let fresh = signed.is_some() && head.size == growth.size();
        let mut grower = Self {
            signer,
            folder,
            growth,
            full: Vec::new(),
            head: watch::Sender::new(head),
            kept: None,
        };
        if fresh {
            grower.write_tiles()?;
        } else {
            grower.publish()?;
        }
        Ok(grower)
    }

    /// What follows the newest checkpoint.
    pub(in crate::ledger) fn heads(&self) -> Heads {
        self.head.subscribe()
    }

    /// Works until closed: a checkpoint soon after entries came, at most one an `interval`, and one at the end.
    fn run(mut self, shared: &Shared, interval: Duration) {
        let pending = &shared.pending;
        let mut closed = false;
        while !closed {
            if !shared.is_unsigned() {
                pending.wait();
            }
            self.take(&pending.take());
            shared.set_unsigned(!self.try_publish());
            closed = pending.closed_within(interval);
        }
        self.take(&pending.take());
        shared.set_unsigned(!self.try_publish());
        self.keep();
    }

    fn take(&mut self, leaves: &[Hash]) {
        for leaf in leaves {
            self.full
                .extend(self.growth.append(*leaf).into_iter().flatten());
        }
    }

    fn try_publish(&mut self) -> bool {
        if self.growth.size() == self.head.borrow().size {
            return true;
        }
        let published = self.publish();
        if let Err(error) = &published {
            tracing::error!(%error, "no checkpoint can be signed; no question is taken");
        }
        published.is_ok()
    }

    fn publish(&mut self) -> Result<(), TreeError> {
        self.write_tiles()?;
        let before = self.head.borrow().clone();
        let (size, root) = (self.growth.size(), self.growth.root());
        self.check_growth(&before, size, &root)?;
        let head = self.sign(size, root)?;
        self.folder.put(CHECKPOINT, head.note.as_bytes())?;
        self.head.send_replace(head);
        if self.kept.is_none_or(|(at, _)| at.elapsed() >= KEEP_EVERY) {
            self.keep();
        }
        self.drop_partial(before.size);
        Ok(())
    }

    /// Tiles are not synced one by one, which would hold the tree to some ten thousand entries a second: they can be made
    /// from the entries again, and every start compares all of them.
    fn write_tiles(&mut self) -> Result<(), TreeError> {
        while let Some((tile, bytes)) = self.full.last() {
            self.folder.put_unsynced(&tile.path(), bytes)?;
            self.full.pop();
        }
        for (tile, bytes) in self.growth.partial() {
            if self.folder.bytes(&tile.path()).ok().as_ref() != Some(&bytes) {
                self.folder.put_unsynced(&tile.path(), &bytes)?;
            }
        }
        Ok(())
    }

    /// INVARIANT: nothing is signed unless the tiles on disk prove that it continues what was signed before.
    fn check_growth(&self, before: &Head, size: u64, root: &Hash) -> Result<(), TreeError> {
        let path = consistency(&TileHashes::new(&self.folder, size), before.size, size)?;
        verify_consistency(&path, (before.size, &before.root), (size, root))
            .map_err(TreeError::Checkpoint)
    }

    fn sign(&self, size: u64, root: Hash) -> Result<Head, TlogError> {
        let origin = self.signer.verifier().name().to_owned();
        let body = Checkpoint { origin, size, root }.body();
        let signature = self.signer.sign(&body)?;
        let note = Note::new(body, vec![signature])?.to_string().into();
        Ok(Head { size, root, note })
    }

    /// Adds the newest checkpoint to the earlier ones. They are for people: no proof needs them.
    fn keep(&mut self) {
        let head = self.head.borrow().clone();
        if self.kept.is_some_and(|(_, size)| size == head.size) {
            return;
        }
        let line = serde_json::Value::from(&*head.note).to_string();
        if let Err(error) = self.folder.add_line(EARLIER, &line) {
            tracing::warn!(%error, "a checkpoint was not added to the earlier ones");
        }
        self.kept = Some((Instant::now(), head.size));
    }

    /// The full tile is there now, or a wider one: an older partial tile is its beginning.
    fn drop_partial(&self, size: u64) {
        let current: Vec<Tile> = Tile::right_edge(self.growth.size()).collect();
        for tile in Tile::right_edge(size).filter(|tile| !current.contains(tile)) {
            if let Err(error) = self.folder.remove(&tile.path()) {
                tracing::warn!(%error, "an old partial tile was not removed");
            }
        }
    }
}

/// Before the first checkpoint.
fn empty() -> Head {
    Head {
        size: 0,
        root: Hash::of_nothing(),
        note: "".into(),
    }
}

#[cfg(test)]
mod tests {
    use turnpike_schemas::tlog::{KeyKind, leaf_hash};

    use super::*;
    use crate::tlog::AwsEd25519;

    fn tree(leaves: &[&str]) -> Growth {
        let mut tree = Growth::default();
        for leaf in leaves {
            assert_eq!(tree.append(leaf_hash(leaf.as_bytes())), None);
        }
        tree
    }

    #[test]
    fn a_tree_that_does_not_continue_the_last_checkpoint_is_not_signed() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("key");
        let folder = Folder::new(dir.path().join("tree"));
        let signer = SigningKey::create(&key, Some("log.example/1"), KeyKind::Log).unwrap();
        Grower::start(signer, folder.clone(), tree(&["a", "b", "c"]), None).unwrap();
        let note = folder.text(CHECKPOINT).unwrap().unwrap();
        let again = |leaves: &[&str]| {
            let signer = SigningKey::load(&key, KeyKind::Log).unwrap();
            let signed = SignedCheckpoint::open(&note, signer.verifier(), &AwsEd25519).unwrap();
            Grower::start(signer, folder.clone(), tree(leaves), Some(signed))
        };
        for forged in [
            &["a", "x", "c", "d"][..],
            &["a", "b"],
            &["a", "b", "x", "d", "e"],
        ] {
            assert!(again(forged).is_err(), "{forged:?}");
            assert_eq!(folder.text(CHECKPOINT).unwrap().unwrap(), note);
        }
        let grown = again(&["a", "b", "c", "d", "e"]).unwrap();
        assert_eq!(grown.heads().borrow().size, 5);
    }
}
