//! What does not fit a key: long plates and other scripts. Few, so that a map and a list of texts do.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use turnpike_schemas::plate::{FoldedPlate, Plate, PlatePattern};

use super::{How, Look, Match};

#[derive(Debug, Default)]
struct Held {
    plates: HashMap<FoldedPlate, Vec<(Plate, u32)>>,
    patterns: Vec<(PlatePattern, u32)>,
}

/// The texts.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    held: RwLock<Held>,
    there: AtomicUsize,
}

impl Texts {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.there.load(Ordering::Acquire) == 0
    }

    pub(crate) fn insert(&self, plate: &Plate, id: u32) {
        self.change(|held| {
            let same = held.plates.entry(plate.folded()).or_default();
            same.push((plate.without_raw(), id));
            1
        });
    }

    pub(crate) fn insert_pattern(&self, pattern: &PlatePattern, id: u32) {
        self.change(|held| {
            held.patterns.push((pattern.clone(), id));
            1
        });
    }

    pub(crate) fn remove(&self, plate: &Plate, id: u32) -> bool {
        self.change(|held| {
            let folded = plate.folded();
            let Some(same) = held.plates.get_mut(&folded) else {
                return 0;
            };
            let before = same.len();
            same.retain(|(here, of)| (here, *of) != (plate, id));
            let gone = before - same.len();
            if same.is_empty() {
                held.plates.remove(&folded);
            }
            -isize::try_from(gone).unwrap_or(0)
        })
    }

    pub(crate) fn remove_pattern(&self, pattern: &PlatePattern, id: u32) -> bool {
        self.change(|held| {
            let before = held.patterns.len();
            held.patterns
                .retain(|(here, of)| (here, *of) != (pattern, id));
            -isize::try_from(before - held.patterns.len()).unwrap_or(0)
        })
    }

    pub(crate) fn find(&self, look: &Look<'_>, plate: &Plate, found: &mut Vec<Match>) {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = held.plates.get(&plate.folded()) {
            for (here, id) in same {
                let how = if here == plate {
                    How::Exact
                } else {
                    How::LookAlike
                };
                found.extend(look.judge(*id, how));
            }
        }
        for (pattern, id) in &held.patterns {
            if pattern.matches(plate) {
                found.extend(look.judge(*id, How::Pattern));
            }
        }
    }

    /// Whether anything changed.
    fn change(&self, change: impl FnOnce(&mut Held) -> isize) -> bool {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let by = change(&mut held);
        let there = self.there.load(Ordering::Relaxed);
        self.there
            .store(there.saturating_add_signed(by), Ordering::Release);
        by != 0
    }
}
