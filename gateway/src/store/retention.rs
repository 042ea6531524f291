//! Removing what its agreement no longer lets us keep.
//!
//! A read is unreadable from the instant of its `keep_until`, because every look-up compares. Removal follows at the
//! next sweep: whole months by removing their files, single reads by deleting them with their bytes overwritten, and
//! then the logs are emptied, so that nothing of them is left in any file.

use super::{Swept, error::StoreError, month::MonthKey, shelf::Shelf, writer::Writer};

/// Reads deleted in one transaction: small enough that deposits are not kept waiting.
const BATCH: u32 = 2_000;

/// One step of a sweep. Answers what it removed and whether there is more to do.
pub(super) fn sweep_step(writer: &mut Writer) -> Result<(Swept, bool), StoreError> {
    let now = writer.now();
    let step = step(writer, now);
    writer.finish(step.as_ref().err());
    step
}

fn step(writer: &mut Writer, now: i64) -> Result<(Swept, bool), StoreError> {
    writer.shelf.prepare()?;
    let months: Vec<MonthKey> = writer.shelf.months.keys().copied().collect();
    let mut swept = Swept::default();
    for month in months {
        if let Some(reads) = writer.shelf.wholly_expired(month, now)? {
            writer.readers.retire(month);
            writer.shelf.remove(month)?;
            swept.count(reads);
            swept.months += 1;
            continue;
        }
        let deleted = writer.shelf.delete_expired(month, now, BATCH)?;
        if !deleted.is_empty() {
            swept.count(deleted);
            writer.shelf.commit()?;
            return Ok((swept, true));
        }
    }
    Ok((swept, false))
}

/// Empties the logs of files from which something was deleted. A file whose log a reader holds keeps its mark, and
/// its turn comes with the next sweep.
pub(super) fn scrub(shelf: &mut Shelf) -> Result<(), StoreError> {
    let marked = shelf.months.values_mut().filter(|month| month.has_deleted);
    for month in marked {
        month.checkpoint()?;
    }
    Ok(())
}
