//! Looking reads up by plate or by id, on read-only connections beside the writer.

use std::{
    collections::{BTreeSet, VecDeque},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};
use turnpike_schemas::{
    agreement::Permit,
    query::{AskedPlate, Query, TimeWindow},
    read::{PlateRead, ReadId, SourceId},
};

use super::{
    Found,
    codec::{self, Columns, Key, State, Unreadable, micros},
    error::{At, StoreError},
    month::{self, MonthKey},
};

/// Read connections, and which months there are.
#[derive(Debug)]
pub(super) struct Readers {
    pub(super) dir: PathBuf,
    months: RwLock<BTreeSet<MonthKey>>,
    /// Unused connections, the one used last at the back.
    idle: Mutex<VecDeque<(MonthKey, Connection)>>,
    max_idle: usize,
    time_limit: Duration,
}

/// A permitted question, taken out of its permit so that it can move to another thread.
#[derive(Debug)]
pub(super) struct Question {
    source: SourceId,
    query: Query,
    window: TimeWindow,
    max_reads: usize,
    now: i64,
}

/// A revision as found: its read, what orders it, and whether it is the current one.
struct Hit {
    read: PlateRead,
    state: State,
}

const COLUMNS: &str = "id_hi, id_lo, state, record, revision, plate, captured_at, payload, s.name, d.received_at, d.provenance";
const BY_PLATE: &str = "FROM reads INDEXED BY by_plate CROSS JOIN sources s ON s.n = source CROSS JOIN deposits d ON d.n = deposit";
const BY_ROW: &str =
    "FROM reads CROSS JOIN sources s ON s.n = source CROSS JOIN deposits d ON d.n = deposit";

/// Rows between two looks at the watch.
const ROWS_PER_LOOK: usize = 512;

impl Question {
    pub(super) fn of(permit: &Permit, now: jiff::Timestamp) -> Self {
        Self {
            source: permit.source().clone(),
            query: permit.query().clone(),
            window: permit.window(),
            max_reads: usize::try_from(permit.max_reads()).unwrap_or(usize::MAX),
            now: micros(now).0,
        }
    }

    fn is_answered_by(&self, read: &PlateRead) -> bool {
        self.window.contains(read.observation.captured_at)
            && self.query.is_answered_by(&read.observation.plate)
    }

    /// The window in whole microseconds, both ends included; the exact comparison follows on the read.
    fn micros(&self) -> (i64, i64) {
        (micros(self.window.from()).0, micros(self.window.to()).0)
    }
}

impl Readers {
    pub(super) fn new(dir: &Path, max_idle: usize, time_limit: Duration) -> Self {
        Self {
            dir: dir.to_owned(),
            months: RwLock::default(),
            idle: Mutex::default(),
            max_idle,
            time_limit,
        }
    }

    /// Says which months there are now.
    pub(super) fn announce(&self, months: impl Iterator<Item = MonthKey>) {
        let months = months.collect();
        *self.months.write().unwrap_or_else(PoisonError::into_inner) = months;
    }

    /// Closes a month that is about to be removed.
    pub(super) fn retire(&self, month: MonthKey) {
        self.months
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&month);
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(of, _)| *of != month);
    }

    /// The months of a window, newest first.
    fn months(&self, window: Option<TimeWindow>) -> Vec<MonthKey> {
        let months = self.months.read().unwrap_or_else(PoisonError::into_inner);
        let inside = |month: &&MonthKey| {
            window.is_none_or(|window| {
                (MonthKey::of(window.from())..=MonthKey::of(window.to())).contains(*month)
            })
        };
        months.iter().rev().filter(inside).copied().collect()
    }

    /// Runs `work` on a connection to `month`; `None` when the month was removed meanwhile.
    pub(super) fn on<T>(
        &self,
        month: MonthKey,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let db = match self.take(month) {
            Some(db) => db,
            None => match month::open_to_read(&self.dir, month) {
                Ok(db) => db,
                Err(_) if !self.has(month) => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        let done = work(&db);
        match done {
            Ok(done) => {
                self.give_back(month, db);
                Ok(Some(done))
            }
            Err(_) if !self.has(month) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn has(&self, month: MonthKey) -> bool {
        self.months
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&month)
    }

    fn take(&self, month: MonthKey) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle.iter().rposition(|(of, _)| *of == month)?;
        idle.remove(at).map(|(_, db)| db)
    }

    fn give_back(&self, month: MonthKey, db: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked up under the lock that `retire` takes after removing the month: none slips in behind it.
        if self.has(month) {
            idle.push_back((month, db));
        }
        if idle.len() > self.max_idle {
            idle.pop_front();
        }
    }

    /// Answers a question.
    pub(super) fn search(&self, question: &Question) -> Result<Found, StoreError> {
        let give_up = Instant::now() + self.time_limit;
        let mut found = Found::default();
        for month in self.months(Some(question.window)) {
            let room = question.max_reads.saturating_sub(found.reads.len());
            let more = self.on(month, |db| {
                let path = month.path(&self.dir);
                match question.query.plate() {
                    AskedPlate::Exact(plate) => {
                        let folded = plate.folded();
                        by_plate(db, &path, question, folded.expose(), room, give_up)
                    }
                    AskedPlate::LookAlike(plate) => {
                        let folded = plate.folded();
                        by_plate(db, &path, question, folded.expose(), room, give_up)
                    }
                    AskedPlate::Partial(pattern) => {
                        let folded = pattern.folded();
                        by_pattern(db, &path, question, folded.expose(), room, give_up)
                    }
                }
            })?;
            let more = more.unwrap_or_default();
            found.reads.extend(more.reads);
            found.truncated |= more.truncated;
            if found.truncated {
                break;
            }
        }
        keep_newest_revision(&mut found.reads);
        Ok(found)
    }

    /// The current revision of a read, unless it was withdrawn or is past retention.
    pub(super) fn get(&self, id: &ReadId, now: i64) -> Result<Option<PlateRead>, StoreError> {
        let hits = self.revisions(id, now)?;
        let current = hits.into_iter().rfind(|hit| hit.state != State::History);
        Ok(current
            .filter(|hit| hit.state == State::Current)
            .map(|hit| hit.read))
    }

    /// Every revision of a read that is not past retention, the current one last.
    pub(super) fn history(&self, id: &ReadId, now: i64) -> Result<Vec<PlateRead>, StoreError> {
        let hits = self.revisions(id, now)?;
        Ok(hits.into_iter().map(|hit| hit.read).collect())
    }

    fn revisions(&self, id: &ReadId, now: i64) -> Result<Vec<Hit>, StoreError> {
        let asked = Key::of(id);
        let mut hits = self.rows_of(asked, now)?;
        if hits.is_empty() {
            // The read was joined to an older one, which has its revisions now.
            if let Some(into) = self.joined_to(asked)? {
                hits = self.rows_of(into, now)?;
            }
        }
        // Stable, and months and rows come in order of arrival.
        hits.sort_by_key(|hit| (hit.read.observation.revision, hit.read.received_at));
        Ok(hits)
    }

    fn rows_of(&self, id: Key, now: i64) -> Result<Vec<Hit>, StoreError> {
        let mut hits = Vec::new();
        for month in self.months(None).into_iter().rev() {
            let path = month.path(&self.dir);
            let rows = self.on(month, |db| {
                let sql =
                    format!("SELECT {COLUMNS} {BY_ROW} WHERE id_hi = ?1 AND id_lo = ?2 AND keep_until > ?3 ORDER BY seq");
                let mut statement = db.prepare_cached(&sql).at(&path)?;
                let mut rows = statement.query([id.hi, id.lo, now]).at(&path)?;
                let mut hits = Vec::new();
                while let Some(row) = rows.next().at(&path)? {
                    hits.push(hit(row, &path)?);
                }
                Ok(hits)
            })?;
            hits.extend(rows.unwrap_or_default());
        }
        Ok(hits)
    }

    fn joined_to(&self, id: Key) -> Result<Option<Key>, StoreError> {
        for month in self.months(None) {
            let path = month.path(&self.dir);
            let into = self.on(month, |db| {
                let mut statement = db
                    .prepare_cached(
                        "SELECT id_hi, id_lo FROM aliases WHERE key_hi = ?1 AND key_lo = ?2",
                    )
                    .at(&path)?;
                let mut rows = statement.query([id.hi, id.lo]).at(&path)?;
                let Some(row) = rows.next().at(&path)? else {
                    return Ok(None);
                };
                let (hi, lo) = (row.get(0).at(&path)?, row.get(1).at(&path)?);
                Ok(Some(Key { hi, lo }))
            })?;
            if let Some(into) = into.flatten() {
                return Ok(Some(into));
            }
        }
        Ok(None)
    }
}

/// Reads whose folded plate is `folded`, newest first. Out of time, the newest so far are a truncated answer.
fn by_plate(
    db: &Connection,
    path: &Path,
    question: &Question,
    folded: &str,
    room: usize,
    give_up: Instant,
) -> Result<Found, StoreError> {
    let (from, to) = question.micros();
    let sql = format!(
        "SELECT {COLUMNS} {BY_PLATE} WHERE state = 0 AND folded = ?1 AND captured_at BETWEEN ?2 AND ?3
         AND keep_until > ?4 AND s.name = ?5 ORDER BY captured_at DESC"
    );
    let mut statement = db.prepare_cached(&sql).at(path)?;
    let values = params![folded, from, to, question.now, question.source.as_str()];
    let mut rows = statement.query(values).at(path)?;
    let mut found = Found::default();
    let mut seen = 0_usize;
    while let Some(row) = rows.next().at(path)? {
        seen += 1;
        let late = seen.is_multiple_of(ROWS_PER_LOOK) && Instant::now() >= give_up;
        let read = hit(row, path)?.read;
        if late || (question.is_answered_by(&read) && found.reads.len() == room) {
            found.truncated = true;
            break;
        }
        if question.is_answered_by(&read) {
            found.reads.push(read);
        }
    }
    Ok(found)
}

/// Reads that match a folded pattern. The index is walked over the known beginning, or as a whole when there is none.
fn by_pattern(
    db: &Connection,
    path: &Path,
    question: &Question,
    folded: &str,
    room: usize,
    give_up: Instant,
) -> Result<Found, StoreError> {
    let mut matching = walk(db, path, question, folded, give_up)?;
    matching.sort_unstable_by(|left, right| right.cmp(left));
    let sql =
        format!("SELECT {COLUMNS} {BY_ROW} WHERE seq = ?1 AND keep_until > ?2 AND s.name = ?3");
    let mut statement = db.prepare_cached(&sql).at(path)?;
    let mut found = Found::default();
    for (at, (_, seq)) in matching.into_iter().enumerate() {
        if at.is_multiple_of(ROWS_PER_LOOK) && Instant::now() >= give_up {
            return Err(StoreError::TooBroad);
        }
        let values = params![seq, question.now, question.source.as_str()];
        let mut rows = statement.query(values).at(path)?;
        let Some(row) = rows.next().at(path)? else {
            continue;
        };
        let read = hit(row, path)?.read;
        if question.is_answered_by(&read) {
            if found.reads.len() == room {
                found.truncated = true;
                break;
            }
            found.reads.push(read);
        }
    }
    Ok(found)
}

/// Capture and row of every index entry that matches.
fn walk(
    db: &Connection,
    path: &Path,
    question: &Question,
    folded: &str,
    give_up: Instant,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let (from, to) = question.micros();
    let prefix: String = folded.chars().take_while(|c| *c != '?').collect();
    let after = format!("{prefix}{}", char::MAX);
    let mut statement = db
        .prepare_cached(
            "SELECT folded, captured_at, seq FROM reads INDEXED BY by_plate
             WHERE state = 0 AND folded >= ?1 AND folded < ?2 AND captured_at BETWEEN ?3 AND ?4",
        )
        .at(path)?;
    let mut rows = statement.query(params![prefix, after, from, to]).at(path)?;
    let mut matching = Vec::new();
    let mut seen = 0_usize;
    while let Some(row) = rows.next().at(path)? {
        seen += 1;
        if seen.is_multiple_of(ROWS_PER_LOOK) && Instant::now() >= give_up {
            return Err(StoreError::TooBroad);
        }
        let text = row.get_ref(0).at(path)?;
        let text = text
            .as_str()
            .map_err(|_| StoreError::corrupt(path, "a row is not readable"))?;
        if matches(folded, text) {
            matching.push((row.get(1).at(path)?, row.get(2).at(path)?));
        }
    }
    Ok(matching)
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut text = text.chars();
    pattern.chars().all(|known| {
        text.next()
            .is_some_and(|seen| known == '?' || known == seen)
    }) && text.next().is_none()
}

/// Between the commits of a change over two files, both hold a current revision for an instant.
fn keep_newest_revision(reads: &mut Vec<PlateRead>) {
    let mut ids = BTreeSet::new();
    let unique = reads.iter().all(|read| ids.insert(read.id.clone()));
    if unique {
        return;
    }
    let order = |read: &PlateRead| (read.observation.revision, read.received_at);
    let all = std::mem::take(reads);
    for read in all {
        match reads.iter_mut().find(|kept| kept.id == read.id) {
            Some(kept) if order(kept) >= order(&read) => {}
            Some(kept) => *kept = read,
            None => reads.push(read),
        }
    }
    reads.sort_by_key(|read| std::cmp::Reverse(read.observation.captured_at));
}

fn hit(row: &rusqlite::Row<'_>, path: &Path) -> Result<Hit, StoreError> {
    let unreadable = |_: Unreadable| StoreError::corrupt(path, "a row is not readable");
    let id = Key {
        hi: row.get(0).at(path)?,
        lo: row.get(1).at(path)?,
    };
    let state = State::of(row.get(2).at(path)?).ok_or(Unreadable);
    let columns = Columns {
        record: row.get(3).at(path)?,
        revision: row.get::<_, i64>(4).at(path)?.cast_unsigned(),
        plate: row.get(5).at(path)?,
        captured_at: row.get(6).at(path)?,
        payload: row.get(7).at(path)?,
    };
    let source: String = row.get(8).at(path)?;
    let provenance: String = row.get(10).at(path)?;
    let read = PlateRead {
        id: id.read_id().map_err(unreadable)?,
        source: SourceId::parse(&source).map_err(|_| unreadable(Unreadable))?,
        received_at: codec::received(row.get(9).at(path)?).map_err(unreadable)?,
        observation: columns.decode().map_err(unreadable)?,
        provenance: codec::provenance(&provenance).map_err(unreadable)?.into(),
    };
    Ok(Hit {
        read,
        state: state.map_err(unreadable)?,
    })
}
