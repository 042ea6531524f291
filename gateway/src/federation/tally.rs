//! What is counted of one source since start. Counts only: no read is kept here.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
};

use jiff::{SignedDuration, Timestamp};

/// Records after which half of what is known of the latest is forgotten.
const LATEST: u64 = 2_000;

/// Stands for a time or span that is not known.
const UNKNOWN: i64 = i64::MIN;

/// Counters of one source since start.
#[derive(Debug)]
pub struct SourceTally {
    understood: AtomicU64,
    rejected: AtomicU64,
    duplicates: AtomicU64,
    refused: AtomicU64,
    unproven: AtomicU64,
    alarms: AtomicU64,
    unproven_micros: AtomicI64,
    last_seen_micros: AtomicI64,
    newest_read_micros: AtomicI64,
    lag_ms: AtomicI64,
    /// By what the source says the time is.
    stated_ahead_ms: AtomicI64,
    /// By captures in the future.
    captured_ahead_ms: AtomicI64,
    /// Whether nothing of the newest delivery could be understood.
    is_garbled: AtomicBool,
    /// Understood and rejected, of the latest records.
    latest: Mutex<(u64, u64)>,
}

impl Default for SourceTally {
    fn default() -> Self {
        let unknown = || AtomicI64::new(UNKNOWN);
        Self {
            understood: AtomicU64::default(),
            rejected: AtomicU64::default(),
            duplicates: AtomicU64::default(),
            refused: AtomicU64::default(),
            unproven: AtomicU64::default(),
            alarms: AtomicU64::default(),
            unproven_micros: unknown(),
            last_seen_micros: unknown(),
            newest_read_micros: unknown(),
            lag_ms: unknown(),
            stated_ahead_ms: unknown(),
            captured_ahead_ms: unknown(),
            is_garbled: AtomicBool::default(),
            latest: Mutex::default(),
        }
    }
}

impl SourceTally {
    /// Something came from the source and is dealt with: `understood` records and `rejected` ones.
    ///
    /// A delivery of which nothing could be understood does not count as seen: what it held is missing.
    pub fn took_in(&self, at: Timestamp, understood: u64, rejected: u64) {
        self.understood.fetch_add(understood, Relaxed);
        self.rejected.fetch_add(rejected, Relaxed);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.0 = latest.0.saturating_add(understood);
        latest.1 = latest.1.saturating_add(rejected);
        while latest.0.saturating_add(latest.1) > LATEST {
            *latest = (latest.0 / 2, latest.1 / 2);
        }
        drop(latest);
        let is_garbled = understood == 0 && rejected > 0;
        self.is_garbled.store(is_garbled, Relaxed);
        if !is_garbled {
            self.last_seen_micros
                .fetch_max(at.as_microsecond(), Relaxed);
        }
    }

    /// Reads came, the newest of them captured then.
    pub fn delivered(&self, newest: Option<Timestamp>, received_at: Timestamp) {
        let Some(newest) = newest else { return };
        self.newest_read_micros
            .fetch_max(newest.as_microsecond(), Relaxed);
        let lag = millis(received_at.duration_since(newest));
        self.lag_ms.store(lag.max(0), Relaxed);
        let ahead = if lag < 0 {
            lag.saturating_neg()
        } else {
            UNKNOWN
        };
        self.captured_ahead_ms.store(ahead, Relaxed);
    }

    /// The source says that it is later than here, or earlier when negative.
    pub fn clock_is_ahead(&self, ahead: SignedDuration) {
        self.stated_ahead_ms.store(millis(ahead), Relaxed);
    }

    /// So many records were held already.
    pub fn duplicates(&self, records: u64) {
        self.duplicates.fetch_add(records, Relaxed);
    }

    /// A message, file or poll was refused as a whole.
    pub fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// A message in the name of the source was refused, because nothing shows that it is the source's.
    pub fn unproven(&self, at: Timestamp) {
        self.unproven.fetch_add(1, Relaxed);
        self.unproven_micros.fetch_max(at.as_microsecond(), Relaxed);
    }

    /// The engines did not come to one answer about the source.
    pub fn alarmed(&self) {
        self.alarms.fetch_add(1, Relaxed);
    }

    /// How often that happened since start.
    #[must_use]
    pub fn alarms(&self) -> u64 {
        self.alarms.load(Relaxed)
    }

    /// Records since start, rejected ones included.
    #[must_use]
    pub fn records(&self) -> u64 {
        let understood = self.understood.load(Relaxed);
        understood.saturating_add(self.rejected())
    }

    /// Records that could not be understood since start.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Relaxed)
    }

    /// Of the latest records, those understood and those rejected.
    #[must_use]
    pub fn latest(&self) -> (u64, u64) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that were held already.
    #[must_use]
    pub fn duplicated(&self) -> u64 {
        self.duplicates.load(Relaxed)
    }

    /// Messages, files and polls refused as a whole.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Messages in the name of the source that nothing showed to be the source's.
    #[must_use]
    pub fn impostors(&self) -> u64 {
        self.unproven.load(Relaxed)
    }

    /// Whether the newest message in the name of the source was refused for want of a proof.
    #[must_use]
    pub fn is_unproven(&self) -> bool {
        let refused = self.unproven_micros.load(Relaxed);
        refused != UNKNOWN && refused >= self.last_seen_micros.load(Relaxed)
    }

    /// Whether nothing of the newest delivery could be understood.
    #[must_use]
    pub fn is_garbled(&self) -> bool {
        self.is_garbled.load(Relaxed)
    }

    /// When the source last sent or answered anything.
    #[must_use]
    pub fn last_seen(&self) -> Option<Timestamp> {
        time(&self.last_seen_micros)
    }

    /// When the newest read that came since start was captured.
    #[must_use]
    pub fn newest_read(&self) -> Option<Timestamp> {
        time(&self.newest_read_micros)
    }

    /// From capture to arrival of the newest read of the latest delivery, in milliseconds.
    #[must_use]
    pub fn lag_ms(&self) -> Option<u64> {
        known(&self.lag_ms).and_then(|lag| u64::try_from(lag).ok())
    }

    /// How far the source's clock is ahead of ours, in milliseconds, where anything shows it.
    #[must_use]
    pub fn clock_skew_ms(&self) -> Option<i64> {
        known(&self.stated_ahead_ms).or_else(|| known(&self.captured_ahead_ms))
    }
}

fn known(value: &AtomicI64) -> Option<i64> {
    Some(value.load(Relaxed)).filter(|value| *value != UNKNOWN)
}

fn time(micros: &AtomicI64) -> Option<Timestamp> {
    Timestamp::from_microsecond(known(micros)?).ok()
}

fn millis(span: SignedDuration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_share_of_rejected_records_is_that_of_the_latest() {
        let tally = SourceTally::default();
        tally.took_in(at(1), 0, 1_000);
        assert_eq!(tally.latest(), (0, 1_000));
        for second in 2..40 {
            tally.took_in(at(second), 500, 0);
        }
        let (understood, rejected) = tally.latest();
        assert!(
            understood >= 1_000 && rejected < 10,
            "{understood}, {rejected}"
        );
        assert_eq!((tally.records(), tally.rejected()), (20_000, 1_000));
    }

    #[test]
    fn lag_and_clock_are_known_by_what_comes() {
        let tally = SourceTally::default();
        assert_eq!((tally.lag_ms(), tally.clock_skew_ms()), (None, None));
        tally.delivered(Some(at(90)), at(100));
        assert_eq!(
            (tally.lag_ms(), tally.clock_skew_ms()),
            (Some(10_000), None)
        );
        tally.delivered(Some(at(105)), at(100));
        assert_eq!(
            (tally.lag_ms(), tally.clock_skew_ms()),
            (Some(0), Some(5_000))
        );
        tally.clock_is_ahead(SignedDuration::from_secs(-7));
        assert_eq!(
            tally.clock_skew_ms(),
            Some(-7_000),
            "its own word counts for more"
        );
        tally.delivered(Some(at(80)), at(100));
        assert_eq!(
            tally.newest_read(),
            Some(at(105)),
            "late deliveries are not news"
        );
    }

    #[test]
    fn an_impostor_is_news_until_the_source_itself_is_heard() {
        let tally = SourceTally::default();
        assert!(!tally.is_unproven());
        tally.unproven(at(1));
        assert!(tally.is_unproven());
        tally.took_in(at(2), 1, 0);
        assert!(!tally.is_unproven());
        assert_eq!(tally.impostors(), 1);
    }
}
