//! The pages of one answer, gathered into one.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet, hash_map::Entry},
    hash::{DefaultHasher, Hash, Hasher},
};

use serde_json::value::RawValue;
use turnpike_schemas::{agreement::Permit, read::Observation};

use super::read;
use crate::adapter::{Item, Page};

/// The reads of an answer that comes in pages, one of each entity.
///
/// NGSI puts entities in no order, so the newest are known only when all have come. The broker's own comparison is not
/// relied on: an entity of another plate or from outside the window is counted and left out.
#[derive(Debug)]
pub(super) struct Gathered<'p> {
    permit: &'p Permit,
    visual: bool,
    page: Page,
    /// Where the read of an entity is in the page.
    seen: HashMap<String, usize>,
    bodies: HashSet<u64>,
    rows: u64,
}

impl<'p> Gathered<'p> {
    pub(super) fn under(permit: &'p Permit, visual: bool) -> Self {
        Self {
            permit,
            visual,
            page: Page::default(),
            seen: HashMap::new(),
            bodies: HashSet::new(),
            rows: 0,
        }
    }

    /// Whether `body` is another page than those before. A page that comes again leads nowhere.
    pub(super) fn is_new(&mut self, body: &[u8]) -> bool {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        self.bodies.insert(hasher.finish())
    }

    /// Takes the entities of a page in.
    pub(super) fn take(&mut self, entities: &[&RawValue]) {
        for entity in entities {
            let record = self.rows;
            self.rows += 1;
            match read::item(entity, record, self.visual) {
                Item::Read(read) => self.place(*read),
                other => self.page.push(other),
            }
        }
    }

    /// Of two versions of an entity the newer stays. An entity comes twice when the list moved under the pages, so
    /// another may not have come at all.
    fn place(&mut self, read: Observation) {
        if !self.is_asked_for(&read) {
            self.page.push(Item::Skipped("not_asked_for"));
            return;
        }
        match self.seen.entry(read.record.clone()) {
            Entry::Vacant(place) => {
                place.insert(self.page.reads.len());
                self.page.reads.push(read);
            }
            Entry::Occupied(place) => {
                self.page.push(Item::Skipped("duplicate"));
                self.page.truncated = true;
                let known = self.page.reads.get_mut(*place.get());
                if let Some(known) = known.filter(|known| known.revision < read.revision) {
                    *known = read;
                }
            }
        }
    }

    fn is_asked_for(&self, read: &Observation) -> bool {
        !read.retracted
            && self.permit.window().contains(read.captured_at)
            && self.permit.query().is_answered_by(&read.plate)
    }

    /// Entities taken in so far, whatever became of them.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// What was gathered, newest first, up to the permit's cap; `more` says that the broker has more.
    pub(super) fn finish(mut self, more: bool) -> Page {
        let cap = usize::try_from(self.permit.max_reads()).unwrap_or(usize::MAX);
        let reads = &mut self.page.reads;
        reads.sort_by_key(|read| Reverse(read.captured_at));
        self.page.truncated |= more || reads.len() > cap;
        reads.truncate(cap);
        self.page
    }
}
