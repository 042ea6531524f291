//! Bringing a ledger back after the process ended, however it ended.

use std::collections::BTreeSet;
use std::path::Path;

use turnpike_schemas::ledger::{AdminAction, Body, Entry, InterruptReason, KeyId, Kind};

use super::error::cannot;
use super::places::{Place, Places};
use super::reader::{OpenIntents, Walk};
use super::shared::Owed;
use super::storage::{FileStorage, Held};
use super::tree::{Grower, Start};
use super::{LedgerError, TreeConfig};

/// What was found and repaired when the ledger was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Entries that were there.
    pub entries: u64,
    /// Bytes of an unfinished write that were cut off. They were never acknowledged.
    pub torn_bytes: u64,
    /// Intents without outcome, which now have an `interrupted` entry.
    pub interrupted: Vec<u64>,
    /// Keys whose destruction was begun and is not on record as done. They are gone now.
    pub half_sealed: Vec<KeyId>,
}

/// A ledger ready to be continued.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) storage: FileStorage,
    pub(super) segment_length: u64,
    pub(super) owed: Vec<Owed>,
    pub(super) recovery: Recovery,
    pub(super) segment: u32,
    pub(super) places: Places,
    pub(super) tree: Option<Grower>,
    /// Keys that were there at the last start and were not destroyed since.
    pub(super) keys: BTreeSet<KeyId>,
}

/// What the ledger says about its keys.
#[derive(Debug, Default)]
struct KeysOnRecord {
    there: BTreeSet<KeyId>,
    half_sealed: BTreeSet<KeyId>,
}

/// Locks, checks and repairs the ledger in `dir`, and compares it with what was signed.
pub(super) fn recover(dir: &Path, tree: Option<&TreeConfig>) -> Result<Found, LedgerError> {
    let held = Held::take(dir)?;
    let mut walk = Walk::new(dir)?;
    let mut open = OpenIntents::default();
    let mut keys = KeysOnRecord::default();
    let mut tree = tree.map(|config| Start::prepare(dir, config)).transpose()?;
    let places = Places::default();
    while let Some(header) = walk.next_header() {
        let header = header?;
        open.follow(&header);
        places.note(
            header.index,
            Place {
                segment: walk.segment,
                offset: walk.begins(),
            },
        );
        if header.kind == Kind::Admin {
            keys.follow(walk.entry());
        }
        if let Some(tree) = &mut tree {
            tree.take(walk.entry())?;
        }
    }
    let owed: Vec<Owed> = open
        .into_inner()
        .into_iter()
        .map(|(intent, question)| Owed {
            intent,
            question,
            reason: InterruptReason::Restart,
        })
        .collect();
    let recovery = Recovery {
        entries: walk.next_index,
        torn_bytes: walk.torn_bytes,
        interrupted: owed.iter().map(|owed| owed.intent).collect(),
        half_sealed: keys.half_sealed.into_iter().collect(),
    };
    tree.as_ref().map(Start::check).transpose()?;
    let storage = held
        .into_storage(walk.segment, walk.good_length)
        .map_err(cannot("continue"))?;
    // INVARIANT: only now is everything that was walked known to be durable, so only now may it be signed.
    let tree = tree.map(Start::finish).transpose()?;
    Ok(Found {
        storage,
        segment_length: walk.good_length,
        owed,
        recovery,
        keys: keys.there,
        segment: walk.segment,
        places,
        tree,
    })
}

impl KeysOnRecord {
    /// Starts name the keys there are; seals those that are about to be destroyed, and those that were.
    fn follow(&mut self, entry: &[u8]) {
        let Ok(Body::Admin(admin)) = Entry::parse(entry).map(|entry| entry.body) else {
            return;
        };
        let named = |fact: &str| -> BTreeSet<KeyId> {
            let named = admin.facts.get(fact).cloned();
            let named = named.and_then(|named| serde_json::from_value(named).ok());
            named.unwrap_or_default()
        };
        match admin.action {
            AdminAction::Start => {
                self.there.extend(named("keys"));
                let lost = named("lost_keys");
                self.there.retain(|key| !lost.contains(key));
            }
            AdminAction::Seal => {
                let (begun, done) = (named("destroying"), named("keys"));
                self.there
                    .retain(|key| !begun.contains(key) && !done.contains(key));
                self.half_sealed.extend(begun);
                self.half_sealed.retain(|key| !done.contains(key));
            }
            _ => {}
        }
    }
}
