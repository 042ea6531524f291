//! The pages of one answer, gathered into one.

use std::{cmp::Reverse, collections::HashSet};

use turnpike_schemas::{agreement::Permit, read::Observation};

use super::wire::{Answer, Next};
use crate::{
    adapter::{Item, Page, Rejection},
    error::Result,
};

/// The reads of an answer that comes in pages: one of each record, up to a cap.
///
/// The vendor's own comparison is not relied on: under a permit a row of another plate, or from outside the window
/// (whose last instant the vendor includes), is counted and left out.
#[derive(Debug)]
pub(super) struct Gathered<'p> {
    permit: Option<&'p Permit>,
    page: Page,
    seen: HashSet<String>,
    rows: u64,
    cap: usize,
}

impl<'p> Gathered<'p> {
    /// Nothing yet, and room for what `permit` covers.
    pub(super) fn under(permit: &'p Permit) -> Self {
        Self {
            cap: usize::try_from(permit.max_reads()).unwrap_or(usize::MAX),
            permit: Some(permit),
            ..Self::everything()
        }
    }

    /// Nothing yet, and room for whatever comes.
    fn everything() -> Self {
        Self {
            permit: None,
            page: Page::default(),
            seen: HashSet::new(),
            rows: 0,
            cap: usize::MAX,
        }
    }

    /// Takes the rows of a page in. A row that does not fit any more sets `truncated`.
    pub(super) fn take(&mut self, answer: &mut Answer<'_>) {
        for row in answer.rows() {
            let record = self.rows;
            self.rows += 1;
            let item = match row {
                Ok(sighting) if self.seen.contains(&sighting.record) => Item::Skipped("duplicate"),
                Ok(sighting) if !self.is_asked_for(&sighting) => Item::Skipped("not_asked_for"),
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

    fn is_asked_for(&self, read: &Observation) -> bool {
        self.permit.is_none_or(|permit| {
            permit.window().contains(read.captured_at) && permit.query().is_answered_by(&read.plate)
        })
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
    let mut answer = Answer::parse(body)?;
    let mut gathered = Gathered::everything();
    gathered.take(&mut answer);
    Ok(gathered.finish(answer.next() != Next::End))
}
