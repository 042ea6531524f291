//! Going through the events of the last hours, page by page, and what is gone since the last time.
//!
//! The API has no cursor: pages are asked for by the time before which their events began. Which events had a plate the last
//! time is in the cursor by id, so that one that has lost it, or was deleted, is known for withdrawn.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    api::Span,
    read::{self, Said},
    settings::{Reconcile, Settings},
    wire::Event,
};
use crate::{
    adapter::{Batch, Cursor, Item, Page, Rejection},
    error::{Error, ErrorKind, Result},
};

/// Events asked for at once: what Frigate gives when nothing is said.
const PAGE: usize = 100;

/// Events with a plate that are remembered. Those beyond are not missed when they are deleted.
const MOST_KNOWN: usize = 10_000;

/// Events that may go at once without a doubt. More than this and more than half is rather a lost database.
const FEW: usize = 10;

/// Seconds after the end of an event in which Frigate may still be writing its plate down.
const SETTLE_S: f64 = 60.0;

/// Where a poll stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    /// Ids of events that had a plate when all of them were last gone through.
    known: BTreeSet<String>,
    sweep: Option<Sweep>,
}

/// Going through them once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sweep {
    after: f64,
    /// Events that began before this have not been seen.
    before: f64,
    /// Events that ended after this may still get their plate.
    settled: f64,
    /// Ids of events that have a plate, or may still get one.
    seen: BTreeSet<String>,
}

impl Position {
    pub(super) fn of(cursor: &Cursor) -> Self {
        let written = cursor.0.as_deref();
        written
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    fn cursor(&self) -> Result<Cursor> {
        let text = serde_json::to_string(self);
        let text = text.map_err(|_| malformed("the position cannot be written"))?;
        Ok(Cursor(Some(text)))
    }

    /// The page to ask for. A sweep that was never finished is begun anew once it is too old to be useful.
    pub(super) fn span(&mut self, now: Timestamp, settings: &Settings) -> Span {
        let now = now.as_millisecond();
        // INVARIANT: exact, milliseconds of this century need 41 bits.
        let now = std::time::Duration::from_millis(u64::try_from(now).unwrap_or(0)).as_secs_f64();
        let window = f64::from(settings.reconcile_hours) * 3_600.0;
        let fresh = self
            .sweep
            .take()
            .filter(|sweep| now - sweep.after < 2.0 * window && sweep.after < now);
        let sweep = fresh.unwrap_or_else(|| Sweep {
            after: now - window,
            before: now,
            settled: now - SETTLE_S,
            seen: BTreeSet::new(),
        });
        let span = Span {
            after: sweep.after,
            before: sweep.before,
            limit: PAGE,
        };
        self.sweep = Some(sweep);
        span
    }

    /// What an answer to [`Position::span`] brings.
    pub(super) fn take(mut self, body: &[u8], settings: &Settings) -> Result<Batch> {
        let Some(mut sweep) = self.sweep.take() else {
            return Err(malformed("no page was asked for"));
        };
        let events: Vec<&RawValue> = serde_json::from_slice(body)
            .map_err(|_| malformed("the answer is not a list of events"))?;
        let mut page = Page::default();
        let mut withdrawn = Vec::new();
        let mut earliest = sweep.before;
        for (number, raw) in (0_u64..).zip(&events) {
            let event = match Event::deserialize_at(raw, number) {
                Ok(event) => event,
                Err(rejection) => {
                    page.push(Item::Rejected(rejection));
                    continue;
                }
            };
            if let Some(start) = event.start_time {
                earliest = earliest.min(start);
            }
            let id = event.id.as_ref().map(|id| id.as_str().to_owned());
            let settles = event.end_time.is_some_and(|end| end > sweep.settled);
            let said = if settles {
                Said::UnderWay
            } else {
                read::event(&event, number, settings)
            };
            match said {
                Said::NoPlate(record) => withdrawn.push(record),
                Said::UnderWay => {
                    sweep.seen.extend(id);
                    page.push(Item::Skipped("under_way"));
                }
                Said::Item(item) => {
                    sweep.seen.extend(id);
                    if settings.reconcile == Reconcile::All {
                        page.push(item);
                    }
                }
            }
        }
        let is_last = events.len() < PAGE;
        // Of events that began at the same instant some may be on the next page.
        let next = earliest + 0.000_002;
        if !is_last && next < sweep.before {
            sweep.before = next;
            self.sweep = Some(sweep);
            return self.batch(page, withdrawn, true);
        }
        if is_last {
            self.finish(sweep, &mut page, &mut withdrawn);
        } else {
            // More events at one instant than a page holds: what lies before cannot be reached.
            page.truncated = true;
            self.known.extend(sweep.seen);
        }
        self.batch(page, withdrawn, false)
    }

    /// Everything in the window has been seen: what was known and is not there is gone.
    fn finish(&mut self, sweep: Sweep, page: &mut Page, withdrawn: &mut Vec<String>) {
        let known = std::mem::take(&mut self.known);
        let inside = |id: &&String| began(id).is_some_and(|began| began > sweep.after + 1.0);
        let known_inside: Vec<&String> = known.iter().filter(inside).collect();
        let gone: Vec<&String> = known_inside
            .iter()
            .copied()
            .filter(|id| !sweep.seen.contains(*id) && !withdrawn.contains(*id))
            .collect();
        if gone.len() > FEW && gone.len() * 2 > known_inside.len() {
            let rule = "most events are gone at once; none was withdrawn for it";
            page.push(Item::Rejected(Rejection::new(None, "(events)", rule)));
        } else {
            withdrawn.extend(gone.into_iter().cloned());
        }
        // The newest: ids begin with the time.
        self.known = sweep.seen.into_iter().rev().take(MOST_KNOWN).collect();
    }

    fn batch(self, page: Page, withdrawn: Vec<String>, more: bool) -> Result<Batch> {
        Ok(Batch {
            page,
            withdrawn,
            cursor: self.cursor()?,
            more,
        })
    }
}

impl<'a> Event<'a> {
    fn deserialize_at(raw: &'a RawValue, number: u64) -> Result<Self, Rejection> {
        // A list would be taken for the fields in their order.
        if !raw.get().starts_with('{') {
            return Err(Rejection::new(Some(number), "(event)", "not an object"));
        }
        super::parse(raw.get().as_bytes())
            .map_err(|(field, rule)| Rejection::new(Some(number), field, rule))
    }
}

/// When an event began, by its id.
fn began(id: &str) -> Option<f64> {
    id.split_once('-')?.0.parse().ok()
}

fn malformed(message: &'static str) -> Error {
    Error::new(ErrorKind::Malformed, "poll", message)
}
