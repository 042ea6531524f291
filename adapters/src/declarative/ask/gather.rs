//! The pages of one answer, gathered into one.

use std::{cmp::Reverse, collections::HashMap};

use turnpike_schemas::{agreement::Permit, read::Observation};

use super::super::{
    capture::{Broken, Found},
    mapping::Mapping,
};
use crate::{
    adapter::{Item, Page, Rejection},
    error::{Error, ErrorKind, Result},
};

/// The items of one page of an answer, and the values that count from it.
pub(super) struct Rows {
    pub(super) items: Vec<Item>,
    pub(super) answer: super::super::capture::Answer,
}

/// The reads of an answer: one of each record, the newest version of it, up to a cap.
///
/// The source's own comparison is not relied on: a row of another plate, or from outside the window, is counted and left out.
pub(super) struct Gathered<'p> {
    permit: &'p Permit,
    page: Page,
    known: HashMap<String, usize>,
    rows: u64,
    /// The source sends the newest first, so that what does not fit can be left behind.
    newest_first: bool,
    cap: usize,
}

impl<'p> Gathered<'p> {
    pub(super) fn under(permit: &'p Permit, newest_first: bool) -> Self {
        Self {
            permit,
            page: Page::default(),
            known: HashMap::new(),
            rows: 0,
            newest_first,
            cap: usize::try_from(permit.max_reads()).unwrap_or(usize::MAX),
        }
    }

    pub(super) fn take(&mut self, items: Vec<Item>) {
        for item in items {
            self.rows += 1;
            match item {
                Item::Read(read) => self.read(*read),
                Item::Rejected(rejection) => {
                    let record = rejection.record.map(|_| self.rows - 1);
                    self.page.push(Item::Rejected(Rejection {
                        record,
                        ..rejection
                    }));
                }
                skipped => self.page.push(skipped),
            }
        }
    }

    fn read(&mut self, read: Observation) {
        if let Some(earlier) = self.known.get(&read.record) {
            if let Some(kept) = self.page.reads.get_mut(*earlier)
                && read.revision > kept.revision
                && is_asked_for(self.permit, &read)
            {
                *kept = read;
            }
            self.page.push(Item::Skipped("duplicate"));
        } else if !is_asked_for(self.permit, &read) {
            self.page.push(Item::Skipped("not_asked_for"));
        } else if self.newest_first && self.is_full() {
            self.page.truncated = true;
        } else {
            self.known
                .insert(read.record.clone(), self.page.reads.len());
            self.page.reads.push(read);
        }
    }

    /// Whether there is no room for another read.
    pub(super) fn is_full(&self) -> bool {
        self.newest_first && self.page.reads.len() >= self.cap
    }

    /// Whether it is known already that not everything fits.
    pub(super) fn overflows(&self) -> bool {
        self.page.truncated
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// What was gathered, newest first; `more` says that the source has more.
    pub(super) fn finish(mut self, more: bool) -> Page {
        self.page
            .reads
            .sort_by_key(|read| Reverse(read.captured_at));
        let cut = self.page.reads.len() > self.cap;
        self.page.reads.truncate(self.cap);
        self.page.truncated |= more || cut;
        self.page
    }
}

fn is_asked_for(permit: &Permit, read: &Observation) -> bool {
    permit.window().contains(read.captured_at) && permit.query().is_answered_by(&read.plate)
}

/// The rows of one page.
///
/// # Errors
/// `Malformed` for an answer that is not what the mapping describes.
pub(super) fn rows(mapping: &Mapping, body: &[u8]) -> Result<Rows> {
    let mut items = Vec::new();
    let mut index = 0;
    let answer = mapping.layout.answer(body, &mut |found| {
        items.push(item(mapping, index, &found));
        index += 1;
        Ok(())
    });
    match answer {
        Ok(answer) => Ok(Rows { items, answer }),
        Err(broken) => Err(malformed(broken)),
    }
}

fn item(mapping: &Mapping, index: u64, found: &Found<'_, '_>) -> Item {
    match found {
        Found::Record(record) => mapping.fields.item(index, record),
        Found::Bad(rule) => Item::Rejected(Rejection::new(Some(index), "(record)", *rule)),
    }
}

/// An answer without its list is an answer of another kind.
pub(super) fn list_is_there(mapping: &Mapping, rows: &Rows) -> Result<()> {
    if rows.answer.missing_list && !mapping.layout.missing_is_empty {
        let message = format!(
            "the answer has no list of records at `{}`",
            mapping.layout.records_name
        );
        return Err(Error::new(ErrorKind::Malformed, "search", message));
    }
    Ok(())
}

fn malformed(broken: Broken) -> Error {
    match broken {
        Broken::Error(error) => error,
        Broken::Rule(fault) => {
            let place = if fault.field.is_empty() {
                "the answer"
            } else {
                &fault.field
            };
            let message = format!("{place}: {}", fault.rule);
            Error::new(ErrorKind::Malformed, "search", message)
        }
    }
}

/// Decodes any saved payload: an answer, a message or a file.
///
/// # Errors
/// `Malformed` when nothing of it can be understood.
pub(in super::super) fn saved(mapping: &Mapping, body: &[u8]) -> Result<Page> {
    let mut page = Page::default();
    if let Some(pull) = &mapping.pull {
        let rows = rows(mapping, body)?;
        let broken = pull
            .rules
            .errors
            .iter()
            .any(|(condition, _)| condition.holds(&rows.answer.values));
        if broken {
            let message = "the source answered with an error of its own";
            return Err(Error::new(ErrorKind::Malformed, "search", message));
        }
        list_is_there(mapping, &rows)?;
        rows.items.into_iter().for_each(|item| page.push(item));
        return Ok(page);
    }
    let mut index = 0;
    mapping
        .layout
        .message(body, &mut |found| {
            page.push(item(mapping, index, &found));
            index += 1;
            Ok(())
        })
        .map_err(malformed)?;
    Ok(page)
}
