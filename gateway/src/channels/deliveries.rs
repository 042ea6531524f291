//! What channels are told, in their order: taken from the outbox in one step, and kept until it is settled.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{
    Book, Channel, ChannelError, Delivery, Seen, State, What,
    book::{found, owned},
    row::{DELIVERY, time, what_of},
};
use crate::{
    notify::quiet::{Pace, Storm, Told},
    watch::Event,
};

/// How long what was delivered stays on file.
pub const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long the code of an address is good for.
const CONFIRMED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// A receiver to which so many events wait one by one is told of further ones together.
const MOST_WAITING: u32 = 100;

/// How many events are told one by one.
const STORM: Storm = Storm {
    most: 60,
    within: SignedDuration::from_mins(1),
};

/// Which deliveries of a channel are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// What became of them.
    pub state: Option<State>,
    /// Older than this place: the last of the page before.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

impl Book {
    /// The channel is to be told of `events` of its owner, which follow its place in the outbox; those it has already are left
    /// out. Of many the first are told one by one, the rest together. Does nothing to a channel that is gone or disabled.
    ///
    /// # Errors
    /// [`ChannelError::Unreadable`] and [`ChannelError::Database`]; then the channel is to be told of none of them.
    pub async fn take(
        &self,
        channel: Uuid,
        events: Vec<Event>,
        mut pace: Pace,
        now: Timestamp,
    ) -> Result<Pace, ChannelError> {
        self.write(move |connection| {
            let Some(found) = found(connection, channel)?.filter(|one| one.disabled.is_none())
            else {
                return Ok(pace);
            };
            let fresh = events.iter().filter(|event| event.seq > found.cursor);
            if found.unconfirmed {
                return Ok(pace);
            }
            let (mut waiting, mut last) = (waiting(connection, channel)?, found.cursor);
            for event in fresh {
                last = event.seq;
                let told = match found.settings.digest_every() {
                    Some(every) => Told::Together {
                        from: now.checked_add(every).unwrap_or(now),
                    },
                    None if waiting >= MOST_WAITING => Told::Together { from: now },
                    None => pace.tell(now, found.settings.quiet(), STORM),
                };
                match told {
                    Told::Now => {
                        one(connection, channel, event, now)?;
                        waiting += 1;
                    }
                    Told::Together { from } => {
                        together(connection, &found, event, from, now)?;
                    }
                }
            }
            connection
                .prepare_cached("UPDATE channels SET cursor = ?2 WHERE id = ?1")?
                .execute(params![channel.to_string(), last.cast_signed()])?;
            Ok(pace)
        })
        .await
    }

    /// An event that tells nothing, in its turn.
    ///
    /// # Errors
    /// [`ChannelError::Missing`].
    pub async fn test(
        &self,
        id: Uuid,
        owner: &str,
        now: Timestamp,
    ) -> Result<Delivery, ChannelError> {
        let owner = owner.to_owned();
        self.write(move |connection| {
            owned(connection, id, &owner)?;
            let event = format!("test:{}", Uuid::now_v7());
            put(connection, id, &event, &What::Test { at: now }, now, now)?;
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {DELIVERY} FROM deliveries WHERE channel = ?1 AND event = ?2"
            ))?;
            let mut rows = statement.query_and_then([id.to_string(), event], Delivery::of)?;
            rows.next().ok_or(ChannelError::Missing)?
        })
        .await
    }

    /// Deliveries of a channel, the latest first.
    ///
    /// # Errors
    /// [`ChannelError::Missing`].
    pub async fn deliveries(
        &self,
        id: Uuid,
        owner: &str,
        page: Page,
    ) -> Result<Vec<Delivery>, ChannelError> {
        let owner = owner.to_owned();
        self.run(move |connection| {
            owned(connection, id, &owner)?;
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {DELIVERY} FROM deliveries WHERE channel = ?1 AND (?2 IS NULL OR state = ?2) AND place < ?3
                 ORDER BY place DESC LIMIT ?4"
            ))?;
            let asked = params![
                id.to_string(),
                page.state.map(State::as_str),
                i64::try_from(page.before.unwrap_or(u64::MAX)).unwrap_or(i64::MAX),
                page.limit,
            ];
            statement.query_and_then(asked, Delivery::of)?.collect()
        })
        .await
    }

    /// Forgets what was delivered long ago, secrets that sign no more, and addresses that nobody showed to be theirs in a day.
    ///
    /// # Errors
    /// [`ChannelError::Database`].
    pub async fn sweep(&self, now: Timestamp) -> Result<(), ChannelError> {
        let old = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
        self.write(move |connection| {
            connection.execute(
                "DELETE FROM deliveries WHERE state = 'delivered' AND settled_at < ?1",
                [old.as_microsecond()],
            )?;
            connection.execute(
                "UPDATE channels SET old_secret = NULL, old_until = NULL WHERE old_until <= ?1",
                [now.as_microsecond()],
            )?;
            let unshown = now.checked_sub(CONFIRMED_WITHIN).unwrap_or(Timestamp::MIN);
            for statement in [
                "DELETE FROM deliveries WHERE channel IN (SELECT id FROM channels WHERE unconfirmed = 1 AND made_at < ?1)",
                "DELETE FROM channels WHERE unconfirmed = 1 AND made_at < ?1",
            ] {
                connection.execute(statement, [unshown.as_microsecond()])?;
            }
            Ok(())
        })
        .await
    }
}

fn waiting(connection: &Connection, channel: Uuid) -> Result<u32, ChannelError> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM deliveries WHERE channel = ?1 AND state = 'waiting'",
    )?;
    Ok(statement.query_row([channel.to_string()], |row| row.get(0))?)
}

fn one(
    connection: &Connection,
    channel: Uuid,
    event: &Event,
    now: Timestamp,
) -> Result<(), ChannelError> {
    let what = What::One(Box::new(Seen::from(event)));
    put(connection, channel, &event.event, &what, now, now)
}

/// Joins the events that are told together and of which nothing was sent yet. Once it was tried a digest stays as it is, for
/// its receiver may have it; the day in which it is tried begins with its last event. A digest that was to be told in hours that
/// have become quiet waits for their end.
fn together(
    connection: &Connection,
    channel: &Channel,
    event: &Event,
    from: Timestamp,
    now: Timestamp,
) -> Result<(), ChannelError> {
    let mut statement = connection.prepare_cached(
        "SELECT place, what, next_at FROM deliveries WHERE channel = ?1 AND state = 'waiting' AND aside = 0 AND digest = 1 AND attempts = 0
         ORDER BY place DESC LIMIT 1",
    )?;
    let open = statement
        .query_and_then([channel.id.to_string()], |row| {
            let (place, json): (i64, String) = (row.get(0)?, row.get(1)?);
            Ok::<_, ChannelError>((place, what_of(&json)?, time(row, "next_at")?))
        })?
        .next()
        .transpose()?;
    let seen = Box::new(Seen::from(event));
    let held = |at: Timestamp| channel.settings.quiet_until(at.max(now)).unwrap_or(at);
    if let Some((place, What::Digest { first, count, .. }, next_at)) = open {
        let what = What::Digest {
            first,
            last: seen,
            count: count + 1,
        };
        connection
            .prepare_cached(
                "UPDATE deliveries SET what = ?2, made_at = ?3, next_at = ?4 WHERE place = ?1",
            )?
            .execute(params![
                place,
                what.stored()?,
                now.as_microsecond(),
                held(next_at).as_microsecond()
            ])?;
        return Ok(());
    }
    let name = format!("digest:{}", event.event);
    let what = What::Digest {
        first: seen.clone(),
        last: seen,
        count: 1,
    };
    put(connection, channel.id, &name, &what, held(from), now)
}

pub(super) fn put(
    connection: &Connection,
    channel: Uuid,
    event: &str,
    what: &What,
    next_at: Timestamp,
    now: Timestamp,
) -> Result<(), ChannelError> {
    connection
        .prepare_cached(
            "INSERT INTO deliveries (channel, event, what, digest, state, made_at, next_at) VALUES (?1, ?2, ?3, ?4, 'waiting', ?5, ?6)
             ON CONFLICT (channel, event) DO NOTHING",
        )?
        .execute(params![
            channel.to_string(),
            event,
            what.stored()?,
            matches!(what, What::Digest { .. }),
            now.as_microsecond(),
            next_at.as_microsecond(),
        ])?;
    Ok(())
}
