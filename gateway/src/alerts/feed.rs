//! The matcher follows what is durable: what is looked for is never more than what is written, and never less for longer
//! than a step takes.

use jiff::Timestamp;
use rusqlite::Transaction;
use turnpike_matcher::{Entry as Looked, Matcher, Wanted as Looking};
use turnpike_schemas::alert::{Entry, Wanted};

use super::AlertError;

/// What one step changes in the matcher.
#[derive(Debug, Default)]
pub(super) struct Feed {
    put: Vec<Looked>,
    renew: Vec<(Looked, Timestamp)>,
    drop: Vec<(u32, Looking)>,
}

/// An entry as the matcher takes it.
pub(super) fn looked(slot: u32, entry: &Entry, look_alike: bool, until: Timestamp) -> Looked {
    Looked {
        id: slot,
        wanted: looking(entry, look_alike),
        jurisdiction: entry.jurisdiction.clone(),
        expires_at: until,
    }
}

fn looking(entry: &Entry, look_alike: bool) -> Looking {
    match &entry.wanted {
        Wanted::Plate(plate) => Looking::Plate {
            plate: plate.without_raw(),
            look_alike,
        },
        Wanted::Pattern(pattern) => Looking::Pattern(pattern.clone()),
    }
}

impl Feed {
    pub(super) fn put(&mut self, entry: Looked) {
        self.put.push(entry);
    }

    /// Another end; the entry is put where it was not looked for.
    pub(super) fn renew(&mut self, entry: Looked) {
        let until = entry.expires_at;
        self.renew.push((entry, until));
    }

    /// Whether anything is erased from the file.
    pub(super) fn erases(&self) -> bool {
        !self.drop.is_empty()
    }

    pub(super) fn drop(&mut self, slot: u32, entry: &Entry, look_alike: bool) {
        self.drop.push((slot, looking(entry, look_alike)));
    }

    /// Commits, and lets the matcher follow. New entries are looked for from just before they are durable, because only then can
    /// a matcher that does not take one undo the whole step; what is found by one that is not durable in the end resolves to
    /// nothing.
    pub(super) fn commit(
        self,
        matcher: &Matcher,
        transaction: Transaction<'_>,
    ) -> Result<(), AlertError> {
        let undo = |put: &[Looked]| {
            for entry in put {
                matcher.remove(entry.id, &entry.wanted);
            }
        };
        for (before, entry) in self.put.iter().enumerate() {
            if let Err(refused) = matcher.insert(entry) {
                undo(self.put.get(..before).unwrap_or_default());
                return Err(AlertError::Unwatched(refused));
            }
        }
        if let Err(error) = transaction.commit() {
            undo(&self.put);
            return Err(error.into());
        }
        for (entry, until) in &self.renew {
            if !matcher.renew(entry.id, *until) {
                matcher.insert(entry)?;
            }
        }
        // No step gives a place away that it got back itself, so nobody else has one of these yet.
        for (slot, wanted) in &self.drop {
            matcher.remove(*slot, wanted);
        }
        Ok(())
    }
}
