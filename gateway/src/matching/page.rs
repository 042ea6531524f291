//! Rows that are looked at together: which reads concern whom, and what is done about each.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::PoisonError,
};

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use turnpike_matcher::Match;
use turnpike_schemas::{
    hit::{
        HitId, Standing,
        memory::{Memory, Step},
        passage::Sighting,
    },
    plate::{Jurisdiction, Plate},
    read::{PlateRead, ReadId},
};

use super::{
    Matching, Stuck,
    telling::{Case, Pictures, Record, Told},
};
use crate::{
    alerts::Found,
    store::{Arrival, Current},
    watch::{Change, Opening},
};

/// Records written at once; the ledger makes them durable together.
const RECORDED_AT_ONCE: usize = 64;

/// A read that may concern somebody.
struct Touched {
    read: ReadId,
    current: Option<Current>,
    matches: Vec<Match>,
}

/// What is done in one step: records first, changes then.
#[derive(Default)]
struct Done {
    records: Vec<(HitId, Record)>,
    changes: Vec<(Change, Option<usize>)>,
    pictures: Vec<Pictures>,
}

impl Matching {
    /// Deals with rows that arrived. When this returns `Ok`, what came of them is on disk and everybody was told.
    pub(super) async fn look_at(&self, rows: &[Arrival], memory: &mut Memory) -> Result<(), Stuck> {
        let now = self.clock.now();
        let reads = self.touched(rows, memory, now);
        if reads.is_empty() {
            return Ok(());
        }
        let touched = self.as_they_are(reads, memory, now).await?;
        self.settle_all(&touched, None, memory, now).await
    }

    /// Deals with reads that a source gave when an entry asked it. They concern that entry and nobody else: it was asked for its
    /// owner and their case. When this returns `Ok`, what came of them is on disk and the owner was told.
    pub(super) async fn look_at_answer(
        &self,
        entry: u64,
        reads: Vec<Current>,
        memory: &mut Memory,
    ) -> Result<(), Stuck> {
        let now = self.clock.now();
        let touched = reads.into_iter().map(|current| {
            let mut matches = Vec::new();
            let (plate, issuer) = (plate(&current.read), issuer(&current.read));
            self.lists.matcher().find(plate, issuer, now, &mut matches);
            Touched {
                read: current.read.id.clone(),
                current: Some(current),
                matches,
            }
        });
        let touched: Vec<Touched> = touched.collect();
        self.settle_all(&touched, Some(entry), memory, now).await
    }

    /// Reads that are kept here as they are now. They concern the entry that they were released to, and it is decided anew whether its
    /// owner is told of each.
    pub(crate) async fn kept(&self, reads: Vec<ReadId>) -> Result<Vec<Current>, Stuck> {
        let found = self.store.current(reads).await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// What has to be done about reads, for every entry or for one.
    async fn settle_all(
        &self,
        touched: &[Touched],
        only: Option<u64>,
        memory: &mut Memory,
        now: Timestamp,
    ) -> Result<(), Stuck> {
        let pairs = touched.iter().flat_map(|one| {
            let plate = one.current.as_ref().map(|current| plate(&current.read));
            let slots = one.matches.iter().map(|found| found.id);
            plate
                .into_iter()
                .flat_map(move |plate| slots.clone().map(move |slot| (slot, plate.clone())))
        });
        let mut found = self.lists.found(pairs.collect(), now).await?.into_iter();
        let mut done = Done::default();
        for one in touched {
            let wanted: Vec<Case> = one
                .matches
                .iter()
                .filter_map(|matched| {
                    let found: Found = found.next().flatten()?;
                    Some(Case {
                        found,
                        matched: *matched,
                    })
                })
                .filter(|case| only.is_none_or(|entry| entry == case.found.entry))
                .collect();
            self.settle(one, &wanted, memory, &mut done, now).await?;
        }
        self.write(done, now).await
    }

    /// Reads with a plate that is wanted, and those that made a hit before; in the order in which they arrived.
    fn touched(&self, rows: &[Arrival], memory: &Memory, now: Timestamp) -> Vec<ReadId> {
        let mut matches = Vec::new();
        // Without an issuer: a revision may have another, and the read as it is now decides.
        let plates = rows.iter().map(|row| (&row.plate, None));
        self.lists.matcher().find_each(plates, now, &mut matches);
        let wanted: BTreeSet<usize> = matches.into_iter().map(|(at, _)| at).collect();
        let mut seen = BTreeSet::new();
        let touched = rows.iter().enumerate().filter(|(at, row)| {
            (wanted.contains(at) || memory.knows(&row.read)) && seen.insert(&row.read)
        });
        touched.map(|(_, row)| row.read.clone()).collect()
    }

    /// The reads as they are now. One that was joined to another comes after it, as nothing: the other has its revisions.
    async fn as_they_are(
        &self,
        reads: Vec<ReadId>,
        memory: &Memory,
        now: Timestamp,
    ) -> Result<Vec<Touched>, Stuck> {
        let currents = self.store.current(reads.clone()).await?;
        let mut touched: Vec<Touched> = Vec::with_capacity(reads.len());
        for (read, current) in reads.into_iter().zip(currents) {
            let joined = current
                .as_ref()
                .filter(|current| current.read.id != read)
                .map(|current| current.read.id.clone());
            let matches = current.as_ref().map(|current| {
                let mut matches = Vec::new();
                let (plate, issuer) = (plate(&current.read), issuer(&current.read));
                self.lists.matcher().find(plate, issuer, now, &mut matches);
                matches
            });
            let of = joined.clone().unwrap_or_else(|| read.clone());
            if !touched.iter().any(|one| one.read == of) {
                touched.push(Touched {
                    read: of,
                    current,
                    matches: matches.unwrap_or_default(),
                });
            }
            if joined.is_some() && memory.knows(&read) {
                touched.push(Touched {
                    read,
                    current: None,
                    matches: Vec::new(),
                });
            }
        }
        Ok(touched)
    }

    /// What has to be done about one read.
    async fn settle(
        &self,
        one: &Touched,
        wanted: &[Case],
        memory: &mut Memory,
        done: &mut Done,
        now: Timestamp,
    ) -> Result<(), Stuck> {
        let cases: BTreeMap<u64, &Case> =
            wanted.iter().map(|case| (case.found.entry, case)).collect();
        let mut matching: BTreeSet<u64> = cases.keys().copied().collect();
        if let Some(current) = &one.current {
            matching.extend(self.unchanged(&one.read, &current.read, memory).await?);
        }
        let seen = one
            .current
            .as_ref()
            .map(|current| Sighting::of(&current.read));
        let steps = memory.settle(&one.read, &matching, seen.as_ref(), &self.windows);
        for step in steps {
            match (step, &one.current) {
                (Step::Stop { entry, fell }, current) => {
                    memory.stop(&one.read, entry);
                    let standing = match current {
                        Some(_) => Standing::Corrected,
                        None => Standing::Withdrawn,
                    };
                    done.change(Change::Stop {
                        entry,
                        read: one.read.clone(),
                        fell: fell.map(|hit| (hit, standing)),
                        at: now,
                    });
                }
                (Step::Join { entry, hit }, Some(current)) => {
                    let seen = Sighting::of(&current.read);
                    let until = current.keep_until;
                    memory.join(&one.read, entry, &hit, seen.clone(), until);
                    done.change(Change::Join {
                        hit,
                        entry,
                        read: one.read.clone(),
                        seen,
                        keep_until: until,
                    });
                }
                (Step::Open { entry, hit }, Some(current)) => {
                    if let Some(case) = cases.get(&entry) {
                        self.open(case, current, hit, memory, done, now).await?;
                    }
                }
                // Nothing is made of a read that is not there.
                (Step::Join { .. } | Step::Open { .. }, None) => {}
            }
        }
        Ok(())
    }

    /// Entries the read matched before and that nobody looks for any more, as far as it would still match them: that an entry
    /// ends is no correction of the read.
    async fn unchanged(
        &self,
        id: &ReadId,
        read: &PlateRead,
        memory: &Memory,
    ) -> Result<BTreeSet<u64>, Stuck> {
        let parts = memory.parts(id);
        let standing = parts.into_iter().filter(|(_, part)| part.matches);
        let entries: Vec<u64> = standing.map(|(entry, _)| entry).collect();
        if entries.is_empty() {
            return Ok(BTreeSet::new());
        }
        let (plate, issuer) = (plate(read).clone(), issuer(read).cloned());
        Ok(self.lists.still(entries, plate, issuer).await?)
    }

    async fn open(
        &self,
        case: &Case,
        current: &Current,
        hit: HitId,
        memory: &mut Memory,
        done: &mut Done,
        now: Timestamp,
    ) -> Result<(), Stuck> {
        let (entry, read) = (case.found.entry, &current.read);
        let (told, record) = self.tell(case, read, &hit, now).await?;
        let at = done.record(hit.clone(), record);
        let Told::Shown(told, pictures) = told else {
            memory.deny(&read.id, entry, current.keep_until);
            done.change(Change::Deny {
                entry,
                read: read.id.clone(),
                keep_until: current.keep_until,
            });
            return Ok(());
        };
        done.pictures.push(*pictures);
        let seen = Sighting::of(read);
        memory.join(&read.id, entry, &hit, seen.clone(), current.keep_until);
        let list = &case.found.list;
        let opening = Opening {
            hit,
            entry,
            list: list.id.to_string(),
            owner: list.list.owner.clone(),
            organisation: list.list.organisation.clone(),
            source: read.source.clone(),
            told_at: now,
            keep_until: current.keep_until,
            told,
            read: read.id.clone(),
            seen,
            intent: None,
            outcome: None,
        };
        done.changes.push((Change::Open(Box::new(opening)), at));
        Ok(())
    }

    /// The ledger, the hits, then whoever listens.
    async fn write(&self, done: Done, now: Timestamp) -> Result<(), Stuck> {
        let records = futures::stream::iter(done.records)
            .map(|(hit, record)| self.record(hit, record))
            .buffered(RECORDED_AT_ONCE);
        let receipts: Vec<_> = records.try_collect().await?;
        let changes = done.changes.into_iter().map(|(mut change, record)| {
            let receipt = record.and_then(|at| receipts.get(at).copied().flatten());
            if let (Change::Open(opening), Some(receipt)) = (&mut change, receipt) {
                opening.intent = Some(receipt.intent);
                opening.outcome = Some(receipt.outcome);
            }
            change
        });
        let events = self.hits.apply(changes.collect()).await?;
        self.recorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        for event in &events {
            metrics::counter!("turnpike_hit_events_total", "kind" => event.kind.as_str())
                .increment(1);
        }
        for pictures in done.pictures {
            self.show_pictures(pictures, now);
        }
        self.hub.publish(&events);
        Ok(())
    }
}

impl Done {
    fn change(&mut self, change: Change) {
        self.changes.push((change, None));
    }

    fn record(&mut self, hit: HitId, record: Record) -> Option<usize> {
        self.records.push((hit, record));
        self.records.len().checked_sub(1)
    }
}

fn plate(read: &PlateRead) -> &Plate {
    &read.observation.plate.plate
}

fn issuer(read: &PlateRead) -> Option<&Jurisdiction> {
    read.observation.plate.jurisdiction.as_ref()
}
