//! A channel and a delivery as they are stored.

use jiff::Timestamp;
use rusqlite::Row;
use serde::{Deserialize, Serialize};
use turnpike_schemas::{
    api::channels::ChannelSettings,
    hit::{HitId, HitState, Standing},
};
use url::Url;
use uuid::Uuid;

use super::{ChannelError, Settings};
use crate::watch::{Event, EventKind};

/// Columns of [`Channel`].
pub(super) const CHANNEL: &str = "id, owner, organisation, kind, url, old_until, made_at, disabled_at, disabled_why, cursor, settings, unconfirmed";

/// Columns of [`Delivery`].
pub(super) const DELIVERY: &str =
    "place, channel, event, what, state, attempts, made_at, next_at, settled_at, answer";

/// One address of one owner that is told of hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name.
    pub id: Uuid,
    /// Whose hits it is told of.
    pub owner: String,
    /// The owner's organisation.
    pub organisation: String,
    /// How it is told.
    pub kind: Kind,
    /// Where it is told: `mailto:` for mail.
    pub url: Url,
    /// Until when the secret before this one signs as well.
    pub old_until: Option<Timestamp>,
    /// When it was made.
    pub made_at: Timestamp,
    /// Since when and why it is told nothing.
    pub disabled: Option<Disabled>,
    /// The last event of the outbox that it is told of or will be.
    pub cursor: u64,
    /// When it is told, and how much at once.
    pub settings: Settings,
    /// Whether a code that was sent there is still to be given back: until then it is told nothing else.
    pub unconfirmed: bool,
}

/// How a channel is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// CloudEvents over HTTP, signed.
    Webhook,
    /// Mail.
    Email,
    /// Web push.
    Push,
}

/// Since when and why a channel is told nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disabled {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub why: Why,
}

/// Why a channel is told nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its receiver said that it wants nothing more (410).
    Gone,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is tried, or tried again.
    Waiting,
    /// The receiver has it.
    Delivered,
    /// It was tried for a day, or the receiver wants nothing more.
    Dead,
}

/// One event for one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its place in the order of all.
    pub place: u64,
    /// The channel.
    pub channel: Uuid,
    /// Its name: the same at every attempt.
    pub event: String,
    /// What it tells.
    pub what: What,
    /// What became of it.
    pub state: State,
    /// Attempts that began.
    pub attempts: u32,
    /// When it was first to be told; after a replay, when that was.
    pub made_at: Timestamp,
    /// When it is tried next.
    pub next_at: Timestamp,
    /// When it was delivered or given up.
    pub settled_at: Option<Timestamp>,
    /// What came of the last attempt, in words. No part of an address or of an answer.
    pub answer: Option<String>,
}

/// What a delivery tells, apart from what may have to be erased: that is looked up when it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// One event.
    One(Box<Seen>),
    /// Several, counted.
    Digest {
        /// The first.
        first: Box<Seen>,
        /// The last.
        last: Box<Seen>,
        /// How many there are from the first to the last.
        count: u64,
    },
    /// None: whether the receiver is there at all.
    Test {
        /// When it was asked for.
        at: Timestamp,
    },
    /// None: the code that shows whose the address is.
    Confirm {
        /// When it was asked for.
        at: Timestamp,
    },
}

/// One event of the outbox without what is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Place in the outbox.
    pub seq: u64,
    /// What it tells.
    pub kind: EventKind,
    /// The hit.
    pub hit: HitId,
    /// What a person had found by then.
    pub state: HitState,
    /// Whether the source still said so by then.
    pub standing: Standing,
    /// When.
    pub at: Timestamp,
    /// From when on nothing of the read may be shown.
    pub keep_until: Timestamp,
}

impl From<&Event> for Seen {
    fn from(event: &Event) -> Self {
        Self {
            seq: event.seq,
            kind: event.kind,
            hit: event.hit.clone(),
            state: event.state,
            standing: event.standing,
            at: event.at,
            keep_until: event.keep_until,
        }
    }
}

impl State {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Dead];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

impl Kind {
    const ALL: [Self; 3] = [Self::Webhook, Self::Email, Self::Push];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Email => "email",
            Self::Push => "push",
        }
    }
}

impl Why {
    const ALL: [Self; 1] = [Self::Gone];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
        }
    }
}

impl What {
    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::One(seen) => seen.kind.as_str(),
            Self::Digest { .. } => "digest",
            Self::Test { .. } => "test",
            Self::Confirm { .. } => "confirm",
        }
    }

    /// Whether somebody waits for it at this moment, whatever the hour.
    pub(super) fn is_asked_for(&self) -> bool {
        matches!(self, Self::Test { .. } | Self::Confirm { .. })
    }

    pub(super) fn stored(&self) -> Result<String, ChannelError> {
        serde_json::to_string(self).map_err(|_| ChannelError::Unreadable("an event has no JSON"))
    }
}

impl Channel {
    pub(super) fn of(row: &Row<'_>) -> Result<Self, ChannelError> {
        let (url, kind, settings): (String, String, String) =
            (row.get("url")?, row.get("kind")?, row.get("settings")?);
        let kind = Kind::ALL.into_iter().find(|one| one.as_str() == kind);
        let settings = serde_json::from_str::<ChannelSettings>(&settings);
        let settings = settings.ok().and_then(|raw| Settings::of(&raw).ok());
        Ok(Self {
            kind: kind.ok_or(ChannelError::Unreadable("how a channel is told"))?,
            settings: settings.ok_or(ChannelError::Unreadable("when a channel is told"))?,
            unconfirmed: row.get("unconfirmed")?,
            id: id(row, "id")?,
            owner: row.get("owner")?,
            organisation: row.get("organisation")?,
            url: Url::parse(&url).map_err(|_| ChannelError::Unreadable("an address"))?,
            old_until: maybe_time(row, "old_until")?,
            made_at: time(row, "made_at")?,
            disabled: disabled(row)?,
            cursor: row.get::<_, i64>("cursor")?.cast_unsigned(),
        })
    }
}

impl Delivery {
    pub(super) fn of(row: &Row<'_>) -> Result<Self, ChannelError> {
        let (what, state): (String, String) = (row.get("what")?, row.get("state")?);
        let state = State::ALL.into_iter().find(|one| one.as_str() == state);
        Ok(Self {
            place: row.get::<_, i64>("place")?.cast_unsigned(),
            channel: id(row, "channel")?,
            event: row.get("event")?,
            what: what_of(&what)?,
            state: state.ok_or(ChannelError::Unreadable("the state of a delivery"))?,
            attempts: row.get("attempts")?,
            made_at: time(row, "made_at")?,
            next_at: time(row, "next_at")?,
            settled_at: maybe_time(row, "settled_at")?,
            answer: row.get("answer")?,
        })
    }
}

pub(super) fn what_of(json: &str) -> Result<What, ChannelError> {
    serde_json::from_str(json).map_err(|_| ChannelError::Unreadable("what a delivery tells"))
}

fn disabled(row: &Row<'_>) -> Result<Option<Disabled>, ChannelError> {
    let Some(at) = maybe_time(row, "disabled_at")? else {
        return Ok(None);
    };
    let why: String = row.get("disabled_why")?;
    let why = Why::ALL.into_iter().find(|one| one.as_str() == why);
    let why = why.ok_or(ChannelError::Unreadable("why a channel is disabled"))?;
    Ok(Some(Disabled { at, why }))
}

fn id(row: &Row<'_>, column: &str) -> Result<Uuid, ChannelError> {
    let text: String = row.get(column)?;
    Uuid::parse_str(&text).map_err(|_| ChannelError::Unreadable("the name of a channel"))
}

pub(super) fn time(row: &Row<'_>, column: &str) -> Result<Timestamp, ChannelError> {
    instant(row.get(column)?)
}

fn maybe_time(row: &Row<'_>, column: &str) -> Result<Option<Timestamp>, ChannelError> {
    let micros: Option<i64> = row.get(column)?;
    micros.map(instant).transpose()
}

fn instant(micros: i64) -> Result<Timestamp, ChannelError> {
    Timestamp::from_microsecond(micros).map_err(|_| ChannelError::Unreadable("a time"))
}
