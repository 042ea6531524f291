//! All month files as the writer sees them, and what one observation changes in them.
//!
//! INVARIANT: of the revisions stored under one id, exactly the one with the largest (revision, time of receipt) is
//! current. A change that touches several files is noted in each of them, so [`Shelf::mend`] can restore the invariant
//! whichever of the commits a crash let through.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    codec::{self, Key, Row, State},
    error::StoreError,
    file::{Content, MonthFile, Version},
    month::{self, MonthKey},
};

/// The months.
#[derive(Debug)]
pub(super) struct Shelf {
    dir: PathBuf,
    pub(super) months: BTreeMap<MonthKey, MonthFile>,
    max_open: usize,
    uses: u64,
    /// Months with notes of changes over several files.
    noted: BTreeSet<MonthKey>,
    /// A commit failed, perhaps after others of the same change.
    is_torn: bool,
}

/// What became of one observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Stored,
    Revised,
    Duplicate,
    Expired,
}

/// What an observation says that the revisions stored of its read do not.
enum News {
    None,
    /// The stored revision `seq` holds under a larger number as well.
    Number {
        month: MonthKey,
        seq: i64,
    },
    Content,
}

/// The deposit an observation came with.
#[derive(Debug)]
pub(super) struct Origin<'a> {
    pub(super) source: &'a str,
    pub(super) received_at: i64,
    pub(super) provenance: &'a str,
    /// Numbers of the deposit in the months it touches.
    pub(super) numbers: BTreeMap<MonthKey, i64>,
}

impl Shelf {
    /// Opens every month in `dir` and mends what a crash left.
    pub(super) fn open(dir: &Path, max_open: usize) -> Result<Self, StoreError> {
        let mut shelf = Self {
            dir: dir.to_owned(),
            months: BTreeMap::new(),
            max_open: max_open.max(1),
            uses: 0,
            noted: BTreeSet::new(),
            is_torn: false,
        };
        for month in month::list(dir)? {
            shelf.month(month)?;
            shelf.close_unused();
        }
        shelf.mend()?;
        Ok(shelf)
    }

    fn month(&mut self, month: MonthKey) -> Result<&mut MonthFile, StoreError> {
        if let std::collections::btree_map::Entry::Vacant(slot) = self.months.entry(month) {
            slot.insert(MonthFile::open(&self.dir, month)?);
        }
        self.uses += 1;
        let file = self.months.get_mut(&month).ok_or(StoreError::Closed)?;
        file.used = self.uses;
        Ok(file)
    }

    /// The month with a transaction open.
    fn changing(&mut self, month: MonthKey) -> Result<&mut MonthFile, StoreError> {
        let file = self.month(month)?;
        file.begin()?;
        Ok(file)
    }

    /// Brings one observation in. Durable only after [`Shelf::commit`].
    pub(super) fn apply(
        &mut self,
        row: &Row,
        origin: &mut Origin<'_>,
        now: i64,
    ) -> Result<Outcome, StoreError> {
        let ids = self.ids_of(&row.keys)?;
        let known = self.live_versions(&ids, origin.source, now)?;
        if row.keep_until <= now {
            return self.apply_expired(row, &known, origin.source);
        }
        if known.is_empty() {
            return self.insert_new(row, origin);
        }
        let content = Content::of(row);
        match news(&known, row.revision, &content) {
            News::None => return Ok(Outcome::Duplicate),
            News::Number { month, seq } => {
                self.changing(month)?.renumber(seq, row.revision)?;
                return Ok(Outcome::Duplicate);
            }
            News::Content => self.insert_revision(row, content, known, origin)?,
        }
        Ok(Outcome::Revised)
    }

    /// The ids of stored reads that share one of `keys`.
    fn ids_of(&mut self, keys: &[Key]) -> Result<BTreeSet<Key>, StoreError> {
        let mut ids = BTreeSet::new();
        for key in keys {
            for month in self.months_that_may_hold(*key) {
                ids.insert(*key);
                ids.extend(self.month(month)?.alias(*key)?);
            }
        }
        Ok(ids)
    }

    fn months_that_may_hold(&self, key: Key) -> Vec<MonthKey> {
        let holds =
            |(month, file): (&MonthKey, &MonthFile)| file.filter.contains(key).then_some(*month);
        self.months.iter().filter_map(holds).collect()
    }

    /// The revisions stored under `ids`. Those past retention are deleted on the way: nothing may depend on them.
    fn live_versions(
        &mut self,
        ids: &BTreeSet<Key>,
        source: &str,
        now: i64,
    ) -> Result<Vec<Version>, StoreError> {
        let (live, expired): (Vec<_>, Vec<_>) = self
            .versions(ids)?
            .into_iter()
            .partition(|version| version.keep_until > now);
        for version in &expired {
            self.delete(version, source)?;
        }
        Ok(live)
    }

    fn versions(&mut self, ids: &BTreeSet<Key>) -> Result<Vec<Version>, StoreError> {
        let mut versions = Vec::new();
        for id in ids {
            for month in self.months_that_may_hold(*id) {
                versions.extend(self.month(month)?.versions(*id)?);
            }
        }
        Ok(versions)
    }

    fn delete(&mut self, version: &Version, source: &str) -> Result<(), StoreError> {
        let file = self.changing(version.month)?;
        file.delete(version.seq)?;
        file.delete_orphaned_aliases(version.id)?;
        if version.state == State::Current {
            file.count(source, -1, i64::MIN);
        }
        Ok(())
    }

    /// A correction that moves a read past its retention takes the whole read away.
    fn apply_expired(
        &mut self,
        row: &Row,
        known: &[Version],
        source: &str,
    ) -> Result<Outcome, StoreError> {
        if known.iter().all(|version| version.revision <= row.revision) {
            for version in known {
                self.delete(version, source)?;
            }
        }
        Ok(Outcome::Expired)
    }

    fn insert_new(&mut self, row: &Row, origin: &mut Origin<'_>) -> Result<Outcome, StoreError> {
        let Some((id, aliases)) = row.keys.split_first() else {
            return Err(StoreError::Closed);
        };
        let state = if row.retracted {
            State::Retracted
        } else {
            State::Current
        };
        self.insert(*id, row, state, origin)?;
        let file = self.changing(row.month)?;
        file.count(
            origin.source,
            i64::from(state == State::Current),
            origin.received_at,
        );
        for alias in aliases {
            file.set_alias(*alias, *id)?;
        }
        Ok(Outcome::Stored)
    }

    fn insert(
        &mut self,
        id: Key,
        row: &Row,
        state: State,
        origin: &mut Origin<'_>,
    ) -> Result<i64, StoreError> {
        let known = origin.numbers.get(&row.month).copied();
        let (received_at, provenance, source) =
            (origin.received_at, origin.provenance, origin.source);
        let file = self.changing(row.month)?;
        let deposit = match known {
            Some(deposit) => deposit,
            None => file.deposit(received_at, provenance)?,
        };
        origin.numbers.insert(row.month, deposit);
        let source = file.source(source)?;
        file.insert(id, row, state, source, deposit)
    }

    fn insert_revision(
        &mut self,
        row: &Row,
        content: Content,
        mut versions: Vec<Version>,
        origin: &mut Origin<'_>,
    ) -> Result<(), StoreError> {
        let Some(id) = oldest(&versions) else {
            return Err(StoreError::Closed);
        };
        let seq = self.insert(id, row, State::History, origin)?;
        self.changing(row.month)?
            .count(origin.source, 0, origin.received_at);
        versions.push(Version {
            month: row.month,
            seq,
            is_new: true,
            id,
            state: State::History,
            keep_until: row.keep_until,
            revision: row.revision,
            retracted: row.retracted,
            received_at: origin.received_at,
            content,
        });
        let keys = row.keys.iter().copied().collect();
        self.settle(id, versions, keys, origin.source)
    }

    /// Restores the invariant for the read `id`, of which `versions` are all revisions and `keys` other names.
    fn settle(
        &mut self,
        id: Key,
        versions: Vec<Version>,
        mut keys: BTreeSet<Key>,
        source: &str,
    ) -> Result<(), StoreError> {
        let newest = versions
            .iter()
            .enumerate()
            .max_by_key(|(_, version)| version.rank());
        let Some((newest, current)) = newest.map(|(at, version)| (at, version.clone())) else {
            return Ok(());
        };
        let months: BTreeSet<MonthKey> = versions.iter().map(|version| version.month).collect();
        let former: BTreeSet<Key> = versions.iter().map(|version| version.id).collect();
        for (at, version) in versions.into_iter().enumerate() {
            self.settle_version(id, at == newest, &current, version, source)?;
        }
        for month in &months {
            for former in &former {
                keys.extend(self.month(*month)?.aliases_of(*former)?);
            }
        }
        keys.extend(&former);
        keys.remove(&id);
        self.lead_aliases(id, &keys, &months, current.month)?;
        if months.len() > 1 {
            for month in &months {
                for from in &former {
                    self.changing(*month)?.note_pending(id, *from)?;
                }
                self.noted.insert(*month);
            }
        }
        Ok(())
    }

    fn settle_version(
        &mut self,
        id: Key,
        is_newest: bool,
        current: &Version,
        version: Version,
        source: &str,
    ) -> Result<(), StoreError> {
        let state = match (is_newest, version.retracted) {
            (false, _) => State::History,
            (true, false) => State::Current,
            (true, true) => State::Retracted,
        };
        // History must not outlive the revision that replaced it.
        let keep_until = version.keep_until.min(current.keep_until);
        if (version.id, version.state, version.keep_until) == (id, state, keep_until) {
            return Ok(());
        }
        let file = self.changing(version.month)?;
        let change =
            i64::from(state == State::Current) - i64::from(version.state == State::Current);
        file.count(source, change, i64::MIN);
        let relabelled = version.id != id;
        file.update(
            &Version {
                id,
                state,
                keep_until,
                ..version
            },
            relabelled,
        )
    }

    /// The month of the current revision outlives the others, so it knows every alias; no month knows a wrong one.
    fn lead_aliases(
        &mut self,
        id: Key,
        keys: &BTreeSet<Key>,
        months: &BTreeSet<MonthKey>,
        home: MonthKey,
    ) -> Result<(), StoreError> {
        for key in keys {
            for month in months {
                let led = self.month(*month)?.alias(*key)?;
                if led != Some(id) && (led.is_some() || *month == home) {
                    self.changing(*month)?.set_alias(*key, id)?;
                }
            }
        }
        Ok(())
    }

    /// Finishes changes over several files of which a crash or a failed commit left a part.
    fn mend(&mut self) -> Result<(), StoreError> {
        let months: Vec<MonthKey> = self.months.keys().copied().collect();
        let mut pending = BTreeSet::new();
        for month in months {
            let here = self.month(month)?.pending()?;
            if !here.is_empty() {
                self.noted.insert(month);
            }
            pending.extend(here);
        }
        for (into, from) in pending {
            let versions = self.versions(&BTreeSet::from([into, from]))?;
            let source = self.source_of(&versions)?;
            self.settle(into, versions, BTreeSet::from([from]), &source)?;
        }
        self.commit()
    }

    /// To be called before changes: mends what the last ones left, should they have failed.
    pub(super) fn prepare(&mut self) -> Result<(), StoreError> {
        if self.is_torn {
            self.mend()?;
            self.is_torn = false;
        }
        Ok(())
    }

    fn source_of(&mut self, versions: &[Version]) -> Result<String, StoreError> {
        match versions.first() {
            Some(version) => self.month(version.month)?.source_of(version.seq),
            None => Ok(String::new()),
        }
    }

    /// Makes every change durable.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.months.values_mut().try_for_each(MonthFile::commit)?;
        self.forget_notes()?;
        self.close_unused();
        Ok(())
    }

    /// Every file has its part of the changes: the notes must not outlive that, because ids can be taken anew after retention.
    fn forget_notes(&mut self) -> Result<(), StoreError> {
        for month in self.noted.clone() {
            let file = self.changing(month)?;
            file.clear_pending()?;
            file.commit()?;
            self.noted.remove(&month);
        }
        Ok(())
    }

    /// Undoes every change since the last commit.
    pub(super) fn roll_back(&mut self) {
        self.months.values_mut().for_each(MonthFile::roll_back);
        self.is_torn = true;
    }

    /// Closes the files used longest ago beyond the limit.
    fn close_unused(&mut self) {
        let mut open: Vec<&mut MonthFile> = self
            .months
            .values_mut()
            .filter(|file| file.is_open() && !file.in_transaction())
            .collect();
        open.sort_unstable_by_key(|file| std::cmp::Reverse(file.used));
        open.into_iter()
            .skip(self.max_open)
            .for_each(MonthFile::release);
    }

    /// Saves what is kept in memory and closes every file.
    pub(super) fn close(&mut self) -> Result<(), StoreError> {
        self.months.values_mut().try_for_each(MonthFile::close)
    }

    /// How many revisions of each source a month holds, if all are past `now`.
    pub(super) fn wholly_expired(
        &mut self,
        month: MonthKey,
        now: i64,
    ) -> Result<Option<BTreeMap<String, u64>>, StoreError> {
        self.month(month)?.wholly_expired(now)
    }

    /// Deletes at most `limit` revisions of a month that are past `now`. Returns how many, by source.
    pub(super) fn delete_expired(
        &mut self,
        month: MonthKey,
        now: i64,
        limit: u32,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        self.month(month)?.delete_expired(now, limit)
    }

    /// Takes a month off the shelf and removes its files.
    pub(super) fn remove(&mut self, month: MonthKey) -> Result<(), StoreError> {
        if let Some(file) = self.months.get_mut(&month) {
            file.release();
        }
        month::remove(&self.dir, month)?;
        self.months.remove(&month);
        Ok(())
    }
}

impl Version {
    /// The largest is current. Within one deposit the vendor's order decides: the newcomer, then what was current.
    fn rank(&self) -> (u64, i64, bool, bool) {
        let was_current = self.state != State::History;
        (self.revision, self.received_at, self.is_new, was_current)
    }
}

/// Compares an observation with its neighbours among the revisions: one that says the same makes it needless.
fn news(known: &[Version], revision: u64, content: &Content) -> News {
    let is_known = |version: &Version| version.revision == revision && version.content == *content;
    if known.iter().any(is_known) {
        return News::None;
    }
    // One that joins reads changes which read they are, whatever else it says.
    if known
        .windows(2)
        .any(|pair| matches!(pair, [one, other] if one.id != other.id))
    {
        return News::Content;
    }
    let after = known.iter().filter(|version| version.revision > revision);
    let after = after.min_by_key(|version| version.rank());
    if after.is_some_and(|version| version.content.says_the_same(content)) {
        return News::None;
    }
    let before = known.iter().filter(|version| version.revision <= revision);
    match before.max_by_key(|version| version.rank()) {
        Some(version) if version.content.says_the_same(content) => News::Number {
            month: version.month,
            seq: version.seq,
        },
        _ => News::Content,
    }
}

/// The id of the revision received first.
fn oldest(versions: &[Version]) -> Option<Key> {
    versions
        .iter()
        .map(|version| (version.received_at, version.id))
        .min()
        .map(|(_, id)| id)
}

impl Content {
    fn of(row: &Row) -> Self {
        Self {
            record: row.record.clone(),
            plate: row.plate.clone(),
            captured_at: row.captured_at,
            payload: row.payload.clone(),
        }
    }

    /// Whether both say the same of the passage, whatever the reasons they were sent for.
    fn says_the_same(&self, other: &Self) -> bool {
        self.captured_at == other.captured_at
            && self.record == other.record
            && self.plate == other.plate
            && codec::same_but_for_notes(&self.payload, &other.payload)
    }
}
