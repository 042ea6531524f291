//! Erasing what may no longer be known.

use jiff::{SignedDuration, Timestamp};

use super::{Book, WatchError};

/// How long an event without anything to show stays, for streams that are taken up late.
pub const OUTBOX_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a purge erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Hits of which only what is counted is left.
    pub hits: usize,
    /// The same for second persons.
    pub seconds: usize,
    /// What reads were to entries.
    pub parts: usize,
    /// Events that show nothing any more.
    pub bodies: usize,
    /// Events that are gone.
    pub events: usize,
}

impl Book {
    /// Erases what may not be known at `now`: what owners were shown, and which reads matched where. Of a hit stays who was told
    /// and when, of which list and source, and what was found. Nothing of it is left in the file.
    ///
    /// # Errors
    /// [`WatchError::InUse`] and [`WatchError::Database`]: some or all of it may still be there; ask again.
    pub async fn purge(&self, now: Timestamp) -> Result<Purged, WatchError> {
        let (now, old) = (
            now.as_microsecond(),
            now.checked_sub(OUTBOX_KEPT)
                .unwrap_or(Timestamp::MIN)
                .as_microsecond(),
        );
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let purged = Purged {
                hits: transaction.execute(
                    "UPDATE hits SET told = NULL WHERE told IS NOT NULL AND keep_until <= ?1",
                    [now],
                )?,
                seconds: transaction.execute(
                    "UPDATE seconds SET told = NULL WHERE told IS NOT NULL AND keep_until <= ?1",
                    [now],
                )?,
                parts: transaction.execute("DELETE FROM parts WHERE keep_until <= ?1", [now])?,
                bodies: transaction.execute(
                    "UPDATE outbox SET body = NULL WHERE body IS NOT NULL AND keep_until <= ?1",
                    [now],
                )?,
                events: transaction.execute("DELETE FROM outbox WHERE keep_until <= ?1", [old])?,
            };
            transaction.commit()?;
            // The log holds pages as they were before.
            let is_blocked: bool =
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            if is_blocked {
                return Err(WatchError::InUse);
            }
            Ok(purged)
        })
        .await
    }
}
