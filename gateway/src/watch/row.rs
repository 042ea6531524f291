//! A hit and an event as they are stored.

use jiff::Timestamp;
use rusqlite::Row;
use serde::{Deserialize, Serialize};
use turnpike_schemas::{
    hit::{HitId, HitState, Standing},
    read::SourceId,
};

use super::{Told, WatchError};

/// Columns of [`HitRow`].
pub(super) const HIT: &str = "seq, id, entry, list, owner, organisation, source, told_at, state, standing, keep_until, told, \
     intent, outcome, reviewed_at, reviewed_by, review_entry, seen_at, escalated_at";

/// Columns of [`Event`].
pub(super) const EVENT: &str =
    "seq, event, hit, owner, organisation, kind, state, standing, at, keep_until, body";

/// A hit as it is stored. `Debug` shows no plate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HitRow {
    /// Place in the order in which owners were told first.
    pub seq: u64,
    /// The hit.
    pub id: HitId,
    /// The entry.
    pub entry: u64,
    /// The list the entry is of.
    pub list: String,
    /// Who was told.
    pub owner: String,
    /// The owner's organisation.
    pub organisation: String,
    /// Whose read it is.
    pub source: SourceId,
    /// When the owner was told first.
    pub told_at: Timestamp,
    /// What a person found.
    pub state: HitState,
    /// Whether the source still says so.
    pub standing: Standing,
    /// From when on it may not be shown.
    pub keep_until: Timestamp,
    /// What the owner is shown; nothing once that is erased.
    pub told: Option<Told>,
    /// Ledger entry of the intent to tell.
    pub intent: Option<u64>,
    /// Ledger entry of the outcome.
    pub outcome: Option<u64>,
    /// When a person looked.
    pub reviewed_at: Option<Timestamp>,
    /// Who looked.
    pub reviewed_by: Option<String>,
    /// Ledger entry of the review.
    pub review_entry: Option<u64>,
    /// When the owner first showed it by itself.
    pub seen_at: Option<Timestamp>,
    /// When a second person was to be told, because the owner had not seen it.
    pub escalated_at: Option<Timestamp>,
}

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A hit nobody was told of.
    Hit,
    /// A hit fell, or stands again.
    Amended,
    /// A person has looked.
    Reviewed,
    /// A hit that its owner has not seen, for a second person.
    Escalated,
}

/// One event for one owner. `Debug` shows no plate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Place in the stream. Never used twice.
    pub seq: u64,
    /// Its name: the same however often it is sent.
    pub event: String,
    /// The hit.
    pub hit: HitId,
    /// Who is told.
    pub owner: String,
    /// The owner's organisation.
    pub organisation: String,
    /// What it tells.
    pub kind: EventKind,
    /// What a person had found by then.
    pub state: HitState,
    /// Whether the source still said so by then.
    pub standing: Standing,
    /// When.
    pub at: Timestamp,
    /// From when on the body may not be shown.
    pub keep_until: Timestamp,
    /// What the owner is shown, where there is something to show and it is not erased.
    pub body: Option<Told>,
}

impl EventKind {
    const ALL: [Self; 4] = [Self::Hit, Self::Amended, Self::Reviewed, Self::Escalated];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Amended => "amended",
            Self::Reviewed => "reviewed",
            Self::Escalated => "escalated",
        }
    }
}

impl HitRow {
    pub(super) fn of(row: &Row<'_>) -> Result<Self, WatchError> {
        Ok(Self {
            seq: number(row, "seq")?,
            id: hit(row, "id")?,
            entry: number(row, "entry")?,
            list: row.get("list")?,
            owner: row.get("owner")?,
            organisation: row.get("organisation")?,
            source: source(row)?,
            told_at: time(row, "told_at")?,
            state: state(row)?,
            standing: standing(row)?,
            keep_until: time(row, "keep_until")?,
            told: told(row, "told")?,
            intent: maybe(row, "intent")?,
            outcome: maybe(row, "outcome")?,
            reviewed_at: maybe_time(row, "reviewed_at")?,
            seen_at: maybe_time(row, "seen_at")?,
            escalated_at: maybe_time(row, "escalated_at")?,
            reviewed_by: row.get("reviewed_by")?,
            review_entry: maybe(row, "review_entry")?,
        })
    }
}

impl Event {
    pub(super) fn of(row: &Row<'_>) -> Result<Self, WatchError> {
        let kind: String = row.get("kind")?;
        let kind = EventKind::ALL
            .into_iter()
            .find(|one| one.as_str() == kind)
            .ok_or(WatchError::Unreadable("the kind of an event"))?;
        Ok(Self {
            seq: number(row, "seq")?,
            event: row.get("event")?,
            hit: hit(row, "hit")?,
            owner: row.get("owner")?,
            organisation: row.get("organisation")?,
            kind,
            state: state(row)?,
            standing: standing(row)?,
            at: time(row, "at")?,
            keep_until: time(row, "keep_until")?,
            body: told(row, "body")?,
        })
    }
}

fn maybe(row: &Row<'_>, column: &str) -> Result<Option<u64>, WatchError> {
    let number: Option<i64> = row.get(column)?;
    Ok(number.map(i64::cast_unsigned))
}

fn told(row: &Row<'_>, column: &str) -> Result<Option<Told>, WatchError> {
    let json: Option<Vec<u8>> = row.get(column)?;
    Ok(json.map(Told::stored))
}

pub(super) fn hit(row: &Row<'_>, column: &str) -> Result<HitId, WatchError> {
    let text: String = row.get(column)?;
    HitId::try_from(text).map_err(|_| WatchError::Unreadable("the name of a hit"))
}

pub(super) fn source(row: &Row<'_>) -> Result<SourceId, WatchError> {
    let text: String = row.get("source")?;
    SourceId::parse(&text).map_err(|_| WatchError::Unreadable("a source"))
}

pub(super) fn state(row: &Row<'_>) -> Result<HitState, WatchError> {
    let word: String = row.get("state")?;
    let mut states = HitState::ALL.into_iter();
    let state = states.find(|state| state.as_str() == word);
    state.ok_or(WatchError::Unreadable("the state of a hit"))
}

pub(super) fn standing(row: &Row<'_>) -> Result<Standing, WatchError> {
    let word: String = row.get("standing")?;
    let mut all = Standing::ALL.into_iter();
    let standing = all.find(|standing| standing.as_str() == word);
    standing.ok_or(WatchError::Unreadable("the standing of a hit"))
}

pub(super) fn number(row: &Row<'_>, column: &str) -> Result<u64, WatchError> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

pub(super) fn time(row: &Row<'_>, column: &str) -> Result<Timestamp, WatchError> {
    instant(row.get(column)?)
}

fn maybe_time(row: &Row<'_>, column: &str) -> Result<Option<Timestamp>, WatchError> {
    let micros: Option<i64> = row.get(column)?;
    micros.map(instant).transpose()
}

fn instant(micros: i64) -> Result<Timestamp, WatchError> {
    Timestamp::from_microsecond(micros).map_err(|_| WatchError::Unreadable("a time"))
}
