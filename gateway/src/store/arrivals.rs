//! What arrived, in the order in which it became durable: for alert lists, which look at every read once.
//!
//! A row's number is never used again within one run, so how far somebody has looked is one number for each month ([`Marks`]).
//! This is the only way to reads without a permit, and it shows no read: an id and a plate, to be looked for among wanted ones.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::params;
use turnpike_schemas::{
    plate::Plate,
    read::{PlateRead, ReadId},
};

use super::{
    Store, StoreError,
    codec::{Key, State, micros},
    error::At,
    month::MonthKey,
    search::Readers,
    shelf::Shelf,
};

/// How far each month has been looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(BTreeMap<MonthKey, i64>);

/// A row that arrived: a read, a revision of one, or its withdrawal. `Debug` shows no plate.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// The read it belongs to.
    pub(crate) read: ReadId,
    /// The plate as it was read.
    pub(crate) plate: Plate,
}

/// A read as it is now, and from when on nothing of it may be known.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    pub(crate) read: PlateRead,
    pub(crate) keep_until: Timestamp,
}

impl Marks {
    /// Where every month of the shelf ends.
    pub(super) fn of(shelf: &Shelf) -> Self {
        let months = shelf.months.iter();
        Self(months.map(|(month, file)| (*month, file.last())).collect())
    }

    /// As they are kept: each month `YYYY-MM` and its number.
    pub(crate) fn rows(&self) -> Vec<(String, i64)> {
        let months = self.0.iter();
        months
            .map(|(month, mark)| (month.to_string(), *mark))
            .collect()
    }

    /// The opposite of [`Marks::rows`]; nothing where one of them is no mark.
    pub(crate) fn from_rows(rows: impl IntoIterator<Item = (String, i64)>) -> Option<Self> {
        let marks = rows
            .into_iter()
            .map(|(month, mark)| Some((MonthKey::named(&month)?, mark)));
        marks.collect::<Option<_>>().map(Self)
    }

    /// The same, as far as these go: months that are gone are forgotten, and nobody has looked further than there is. A run that
    /// ended in a crash after its newest rows were past retention gives their numbers away again.
    pub(crate) fn within(&self, end: &Self) -> Self {
        let months = self.0.iter().filter_map(|(month, mark)| {
            let last = end.0.get(month)?;
            Some((*month, *mark.min(last)))
        });
        Self(months.collect())
    }

    /// How many rows there are between the others and these.
    pub(crate) fn beyond(&self, others: &Self) -> u64 {
        let rows = self.0.iter();
        let rows = rows.map(|(month, mark)| mark.saturating_sub(others.mark(*month)).max(0));
        rows.sum::<i64>().cast_unsigned()
    }

    fn mark(&self, month: MonthKey) -> i64 {
        self.0.get(&month).copied().unwrap_or(0)
    }
}

impl Store {
    /// Where the rows end that are durable now; changes with every deposit.
    pub(crate) fn marks(&self) -> tokio::sync::watch::Receiver<Marks> {
        self.marks.subscribe()
    }

    /// At most `limit` rows that arrived after these marks, and the marks after them.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] and [`StoreError::Unavailable`].
    pub(crate) async fn arrivals(
        &self,
        after: Marks,
        limit: usize,
    ) -> Result<(Vec<Arrival>, Marks), StoreError> {
        let end = self.marks.borrow().clone();
        self.read(move |readers| readers.arrivals(after, &end, limit))
            .await
    }

    /// Reads as they are now; nothing for one that is unknown, withdrawn or past retention.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] and [`StoreError::Unavailable`].
    pub(crate) async fn current(
        &self,
        reads: Vec<ReadId>,
    ) -> Result<Vec<Option<Current>>, StoreError> {
        let now = micros(self.clock.now()).0;
        self.read(move |readers| {
            let reads = reads.iter();
            reads.map(|id| readers.current(id, now)).collect()
        })
        .await
    }
}

impl Readers {
    fn arrivals(
        &self,
        mut after: Marks,
        end: &Marks,
        limit: usize,
    ) -> Result<(Vec<Arrival>, Marks), StoreError> {
        let mut arrived = Vec::new();
        for (month, last) in &end.0 {
            // A month that was removed and came back counts from the beginning.
            let from = Some(after.mark(*month)).filter(|mark| mark <= last);
            let (from, room) = (from.unwrap_or(0), limit.saturating_sub(arrived.len()));
            if from >= *last || room == 0 {
                continue;
            }
            let found = self.on(*month, |db| {
                let path = month.path(&self.dir);
                let mut statement = db
                    .prepare_cached(
                        "SELECT seq, id_hi, id_lo, plate FROM reads WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
                    )
                    .at(&path)?;
                let room = i64::try_from(room).unwrap_or(i64::MAX);
                let mut rows = statement.query(params![from, last, room]).at(&path)?;
                let (mut seen, mut found) = (0, Vec::new());
                while let Some(row) = rows.next().at(&path)? {
                    seen += 1;
                    let seq: i64 = row.get(0).at(&path)?;
                    let key = Key {
                        hi: row.get(1).at(&path)?,
                        lo: row.get(2).at(&path)?,
                    };
                    let plate: String = row.get(3).at(&path)?;
                    found.push((seq, key.read_id().ok().zip(Plate::parse(&plate).ok())));
                }
                Ok((seen == room, found))
            })?;
            let (full, found) = found.unwrap_or_default();
            let mark = found.last().map(|(seq, _)| *seq).filter(|_| full);
            after.0.insert(*month, mark.unwrap_or(*last));
            for (seq, row) in found {
                match row {
                    Some((read, plate)) => arrived.push(Arrival { read, plate }),
                    None => {
                        tracing::error!(seq, "a stored read cannot be matched: it is not readable")
                    }
                }
            }
        }
        Ok((arrived, after))
    }

    fn current(&self, id: &ReadId, now: i64) -> Result<Option<Current>, StoreError> {
        let Some(read) = self.get(id, now)? else {
            return Ok(None);
        };
        let key = Key::of(&read.id);
        let month = MonthKey::of(read.observation.captured_at);
        let keep_until = self.on(month, |db| {
            let path = month.path(&self.dir);
            let mut statement = db
                .prepare_cached(
                    "SELECT max(keep_until) FROM reads WHERE id_hi = ?1 AND id_lo = ?2 AND state = ?3",
                )
                .at(&path)?;
            let values = params![key.hi, key.lo, State::Current.code()];
            let found = statement.query_row(values, |row| row.get::<_, Option<i64>>(0));
            found.at(&path)
        })?;
        let keep_until = keep_until.flatten().map(Timestamp::from_microsecond);
        Ok(keep_until
            .and_then(Result::ok)
            .map(|keep_until| Current { read, keep_until }))
    }
}
