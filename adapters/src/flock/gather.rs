//! The pages of one answer, gathered into one.

use std::{cmp::Reverse, collections::HashSet};

use super::wire::{self, Answer, Next};
use crate::{
    adapter::{Item, Page, Rejection},
    error::Result,
};

/// The reads of an answer that comes in pages: one of each record, up to a cap.
#[derive(Debug)]
pub(super) struct Gathered {
    page: Page,
    seen: HashSet<String>,
    rows: u64,
    cap: usize,
}

impl Gathered {
    /// Nothing yet, and room for `cap` reads.
    pub(super) fn up_to(cap: usize) -> Self {
        Self {
            page: Page::default(),
            seen: HashSet::new(),
            rows: 0,
            cap,
        }
    }

    /// Takes the rows of a page in. A row that does not fit any more sets `truncated`.
    pub(super) fn take(&mut self, answer: &Answer<'_>) {
        for row in &answer.results {
            let record = self.rows;
            self.rows += 1;
            let item = match wire::read(row) {
                Ok(sighting) if self.seen.contains(&sighting.record) => Item::Skipped("duplicate"),
                Ok(_) if self.is_full() => {
                    self.page.truncated = true;
                    return;
                }
                Ok(sighting) => {
                    self.seen.insert(sighting.record.clone());
                    Item::Read(Box::new(sighting))
                }
                Err(fault) => Item::Rejected(Rejection::new(Some(record), fault.field, fault.rule)),
            };
            self.page.push(item);
        }
    }

    /// Whether there is no room for another read.
    pub(super) fn is_full(&self) -> bool {
        self.page.reads.len() >= self.cap
    }

    /// Rows taken in so far, whatever became of them.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// What was gathered, newest first; `more` says that the source has more.
    pub(super) fn finish(mut self, more: bool) -> Page {
        self.page.truncated |= more;
        self.page
            .reads
            .sort_by_key(|read| Reverse(read.captured_at));
        self.page
    }
}

/// Decodes a saved answer to a lookup: one page as the vendor sent it. Pure: same bytes, same page.
///
/// `truncated` says that the answer goes on elsewhere.
///
/// # Errors
/// `Malformed` when the body is not the JSON object the manual describes.
pub fn decode_page(body: &[u8]) -> Result<Page> {
    let answer = Answer::parse(body)?;
    let mut gathered = Gathered::up_to(usize::MAX);
    gathered.take(&answer);
    Ok(gathered.finish(answer.next() != Next::End))
}
