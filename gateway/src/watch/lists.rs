//! Hits as they are asked for.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use turnpike_schemas::{
    hit::{HitId, HitState, Standing},
    read::SourceId,
};

use super::{
    Book, HitRow, WatchError,
    escalate::as_second,
    row::{self, HIT},
};

/// Which hits of an owner are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter {
    /// What a person found.
    pub state: Option<HitState>,
    /// Whether the source still says so.
    pub standing: Option<Standing>,
    /// Older than this one: the last of the page before.
    pub before_seq: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

/// What persons found of the hits that one source made of one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precision {
    /// The source.
    pub source: SourceId,
    /// The list.
    pub list: String,
    /// Number of hits in each state there are any in.
    pub states: BTreeMap<HitState, u64>,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            state: None,
            standing: None,
            before_seq: None,
            limit: 100,
        }
    }
}

pub(super) fn find(connection: &Connection, hit: &HitId) -> Result<Option<HitRow>, WatchError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {HIT} FROM hits WHERE id = ?1"))?;
    let mut rows = statement.query_and_then([hit.as_str()], HitRow::of)?;
    rows.next().transpose()
}

impl Book {
    /// The hits that somebody was told of as their owner or in the owner's place, the latest first.
    ///
    /// # Errors
    /// [`WatchError::Unreadable`] and [`WatchError::Database`].
    pub async fn list(&self, owner: &str, filter: Filter) -> Result<Vec<HitRow>, WatchError> {
        let owner = owner.to_owned();
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT * FROM (SELECT {HIT} FROM hits WHERE owner = ?1 AND seq < ?2 AND (?3 IS NULL OR state = ?3)
                   AND (?4 IS NULL OR standing = ?4) ORDER BY seq DESC LIMIT ?5)
                 UNION ALL
                 SELECT * FROM (SELECT {HIT} FROM hits WHERE id IN (SELECT hit FROM seconds WHERE person = ?1) AND owner <> ?1
                   AND seq < ?2 AND (?3 IS NULL OR state = ?3) AND (?4 IS NULL OR standing = ?4) ORDER BY seq DESC LIMIT ?5)
                 ORDER BY seq DESC LIMIT ?5"
            ))?;
            let before = filter.before_seq.unwrap_or(u64::MAX);
            let asked = params![
                &owner,
                i64::try_from(before).unwrap_or(i64::MAX),
                filter.state.map(HitState::as_str),
                filter.standing.map(Standing::as_str),
                filter.limit,
            ];
            let rows = statement.query_and_then(asked, HitRow::of)?;
            let rows: Vec<HitRow> = rows.collect::<Result<_, _>>()?;
            let mut hits = Vec::with_capacity(rows.len());
            for row in rows {
                match row.owner == owner {
                    true => hits.push(row),
                    false => hits.extend(as_second(connection, row, &owner)?),
                }
            }
            Ok(hits)
        })
        .await
    }

    /// One hit, whosever it is.
    ///
    /// # Errors
    /// [`WatchError::Unreadable`] and [`WatchError::Database`].
    pub async fn get(&self, hit: &HitId) -> Result<Option<HitRow>, WatchError> {
        let hit = hit.clone();
        self.run(move |connection| find(connection, &hit)).await
    }

    /// Hits whose intent or outcome is not on record, the oldest first.
    ///
    /// # Errors
    /// [`WatchError::Unreadable`] and [`WatchError::Database`].
    pub async fn unrecorded(&self) -> Result<Vec<HitRow>, WatchError> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {HIT} FROM hits WHERE intent IS NULL OR outcome IS NULL ORDER BY seq"
            ))?;
            statement.query_and_then([], HitRow::of)?.collect()
        })
        .await
    }

    /// How many hits of each source and list are in which state, also of those that are erased.
    ///
    /// # Errors
    /// [`WatchError::Unreadable`] and [`WatchError::Database`].
    pub async fn precision(&self) -> Result<Vec<Precision>, WatchError> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT source, list, state, count(*) AS hits FROM hits GROUP BY source, list, state",
            )?;
            let mut rows = statement.query([])?;
            let mut found: BTreeMap<(SourceId, String), BTreeMap<HitState, u64>> = BTreeMap::new();
            while let Some(counted) = rows.next()? {
                let key = (row::source(counted)?, counted.get("list")?);
                let states = found.entry(key).or_default();
                states.insert(row::state(counted)?, row::number(counted, "hits")?);
            }
            let found = found.into_iter();
            let found = found.map(|((source, list), states)| Precision {
                source,
                list,
                states,
            });
            Ok(found.collect())
        })
        .await
    }
}
