//! What owners are shown of the turns of their entries.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use turnpike_schemas::{api::alerts::AlertTurn, read::SourceId};

use super::{Queue, Scheduler, locked, pace};
use crate::federation::Source;

/// The turns at every source that entries ask.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    sources: BTreeMap<SourceId, (Arc<Source>, Arc<Mutex<Queue>>)>,
}

impl Turns {
    /// The turns that the schedulers give.
    pub(crate) fn of(schedulers: &[Scheduler]) -> Self {
        let sources = schedulers.iter().map(|one| {
            let kept = (Arc::clone(&one.source), Arc::clone(&one.queue));
            (one.source.id.clone(), kept)
        });
        Self {
            sources: sources.collect(),
        }
    }

    /// About when it is an entry's turn at each source.
    pub(crate) fn of_entry(&self, entry: u64, now: Timestamp) -> Vec<AlertTurn> {
        let turns = self.sources.iter().filter_map(|(id, (source, queue))| {
            let queue = locked(queue);
            Some(AlertTurn {
                source: id.clone(),
                asked_until: queue.turn(entry).and_then(|turn| turn.asked_until),
                next_at: queue.next_at(entry, pace(source)?, now)?,
            })
        });
        turns.collect()
    }

    /// About how often each entry of an owner asks a source once there are `more`, in seconds; nothing where none does.
    pub(crate) fn every_s(&self, source: &SourceId, owner: &str, more: u64) -> Option<u64> {
        let (source, queue) = self.sources.get(source)?;
        let every = locked(queue).every(owner, more, pace(source)?);
        u64::try_from(every.as_secs()).ok()
    }
}
