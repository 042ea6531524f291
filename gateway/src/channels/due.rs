//! What is sent next, and what came of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{
    Book, Channel, ChannelError, Delivery, Kind, State,
    book::{code, found, push_keys, secrets},
    push::Subscription,
    row::DELIVERY,
};
use crate::notify::signing::Secret;

/// First in the order of each channel, and what its receiver refused for what it is, which holds nothing back.
const HEADS: &str = "
SELECT d.* FROM channels c JOIN deliveries d ON d.place =
  (SELECT min(place) FROM deliveries w WHERE w.channel = c.id AND w.aside = 0 AND w.state = 'waiting')
WHERE c.disabled_at IS NULL
UNION ALL
SELECT d.* FROM channels c JOIN deliveries d ON d.channel = c.id AND d.aside = 1 AND d.state = 'waiting'
WHERE c.disabled_at IS NULL";

/// An attempt that has begun.
#[derive(Debug, Clone)]
pub struct Due {
    /// What is sent.
    pub delivery: Delivery,
    /// To whom.
    pub channel: Channel,
    /// What it is told with.
    pub means: Means,
}

/// What a channel is told with.
#[derive(Debug, Clone)]
pub enum Means {
    /// What signs, the newest first.
    Signed(Vec<Secret>),
    /// The code that shows whose the address is.
    Mail {
        /// The code.
        code: turnpike_adapters::context::Secret,
    },
    /// What only the browser can read.
    Push(Box<Subscription>),
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The receiver has it.
    Delivered,
    /// It is tried again then. `aside` says that it holds back nothing that comes after it.
    Again {
        /// When.
        at: Timestamp,
        /// Whether what comes after it goes first.
        aside: bool,
    },
    /// It is not tried any more.
    Dead,
}

impl Book {
    /// Begins at most `most` attempts that are due, one of each channel at a time, and says when the next one is due. `busy` are
    /// channels under way. That an attempt has begun is on disk before anything is sent.
    ///
    /// # Errors
    /// [`ChannelError::Unreadable`] and [`ChannelError::Database`].
    pub async fn begin(
        &self,
        busy: BTreeSet<Uuid>,
        most: usize,
        now: Timestamp,
    ) -> Result<(Vec<Due>, Option<Timestamp>), ChannelError> {
        self.write(move |connection| {
            let (chosen, next) = choose(connection, busy, most, now)?;
            let mut begun = Vec::new();
            for mut delivery in chosen {
                connection
                    .prepare_cached(
                        "UPDATE deliveries SET attempts = attempts + 1 WHERE place = ?1",
                    )?
                    .execute([delivery.place.cast_signed()])?;
                delivery.attempts += 1;
                let channel = found(connection, delivery.channel)?.ok_or(ChannelError::Missing)?;
                let means = match channel.kind {
                    Kind::Webhook => Means::Signed(secrets(connection, channel.id, now)?),
                    Kind::Email => Means::Mail {
                        code: code(connection, channel.id)?,
                    },
                    Kind::Push => Means::Push(Box::new(push_keys(connection, channel.id)?)),
                };
                begun.push(Due {
                    channel,
                    means,
                    delivery,
                });
            }
            Ok((begun, next))
        })
        .await
    }

    /// What came of an attempt is on disk. Nothing is changed where the channel is gone or the delivery is not waiting any more.
    ///
    /// # Errors
    /// [`ChannelError::Database`].
    pub async fn settle(
        &self,
        place: u64,
        settled: Settled,
        answer: String,
        now: Timestamp,
    ) -> Result<(), ChannelError> {
        let (state, next_at, aside) = match settled {
            Settled::Delivered => (State::Delivered, None, None),
            Settled::Again { at, aside } => (State::Waiting, Some(at), Some(aside)),
            Settled::Dead => (State::Dead, None, None),
        };
        self.write(move |connection| {
            let settled_at = (state != State::Waiting).then_some(now.as_microsecond());
            connection
                .prepare_cached(
                    "UPDATE deliveries SET state = ?2, next_at = ifnull(?3, next_at), aside = ifnull(?4, aside), settled_at = ?5,
                     answer = ?6, made_at = min(made_at, ?7) WHERE place = ?1 AND state = 'waiting'",
                )?
                .execute(params![
                    place.cast_signed(),
                    state.as_str(),
                    next_at.map(Timestamp::as_microsecond),
                    aside,
                    settled_at,
                    answer,
                    now.as_microsecond(),
                ])?;
            Ok(())
        })
        .await
    }
}

fn choose(
    connection: &Connection,
    mut busy: BTreeSet<Uuid>,
    most: usize,
    now: Timestamp,
) -> Result<(Vec<Delivery>, Option<Timestamp>), ChannelError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {DELIVERY} FROM ({HEADS}) ORDER BY next_at, place"
    ))?;
    let (mut chosen, mut next) = (Vec::new(), None::<Timestamp>);
    let mut wait = |until: Timestamp| next = Some(next.map_or(until, |next| next.min(until)));
    for delivery in statement.query_and_then([], Delivery::of)? {
        let delivery = delivery?;
        // What was made later than now was made before the clock was set back: it waits for nothing that is over already.
        if delivery.next_at > now && delivery.made_at <= now {
            wait(delivery.next_at);
        } else if let Some(over) = held(connection, &delivery, now)? {
            wait(over);
        } else if chosen.len() < most && busy.insert(delivery.channel) {
            chosen.push(delivery);
        }
    }
    Ok((chosen, next))
}

/// Until when it waits because its channel is left alone now, though it was tried before or was to be told at once.
fn held(
    connection: &Connection,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<Option<Timestamp>, ChannelError> {
    if delivery.what.is_asked_for() {
        return Ok(None);
    }
    let channel = found(connection, delivery.channel)?;
    Ok(channel.and_then(|channel| channel.settings.quiet_until(now)))
}
