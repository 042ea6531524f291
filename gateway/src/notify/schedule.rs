//! When a message that was not taken is sent again: at once, then ever less often, for a day.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

/// Pauses before each further attempt, in seconds. The last attempt is just under a day after the first.
const PAUSES: [u32; 12] = [
    5, 30, 120, 300, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 18_000, 21_600,
];

/// After this a message is a dead letter, whatever is left of the pauses.
pub const GIVE_UP: SignedDuration = SignedDuration::from_hours(24);

/// What becomes of a message that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is sent again then.
    At(Timestamp),
    /// It is a dead letter, and is sent again only when somebody says so.
    Dead,
}

/// What a receiver answered, as far as it decides what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It has the message.
    Taken,
    /// It may have it later: busy, broken, silent, or somewhere else than it said (a redirect is never followed).
    Later {
        /// The pause it asked for.
        after: Option<SignedDuration>,
    },
    /// It wants nothing more (410): no message is sent to it until somebody looks.
    Gone,
}

impl Answer {
    /// What a status means, with the pause of a `Retry-After`.
    #[must_use]
    pub fn of(status: u16, after: Option<SignedDuration>) -> Self {
        match status {
            200..=299 => Self::Taken,
            410 => Self::Gone,
            _ => Self::Later { after },
        }
    }
}

/// When the attempt after `attempts` of them is made. Messages that failed together do not come back together: each waits up to a
/// tenth longer, always the same for one identity. A receiver that asks for a pause is left alone for that long.
#[must_use]
pub fn next(
    id: &str,
    attempts: u32,
    first: Timestamp,
    now: Timestamp,
    asked: Option<SignedDuration>,
) -> Next {
    let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(pause) = PAUSES.get(place) else {
        return Next::Dead;
    };
    let millis = i64::from(*pause) * 1_000;
    let pause = SignedDuration::from_millis(millis + millis * spread(id, attempts) / 10_000);
    let pause = asked.map_or(pause, |asked| asked.max(pause));
    match now.checked_add(pause) {
        Ok(at) if at.duration_since(first) <= GIVE_UP => Next::At(at),
        _ => Next::Dead,
    }
}

/// 0 to 999, by identity and attempt.
fn spread(id: &str, attempts: u32) -> i64 {
    let mut hash = Sha256::new();
    hash.update(id.as_bytes());
    hash.update(attempts.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let first = digest.first_chunk::<2>().copied().unwrap_or_default();
    i64::from(u16::from_be_bytes(first)) * 1_000 / 65_536
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> Timestamp {
        Timestamp::from_second(1_772_600_000).unwrap()
    }

    /// Every attempt at a receiver that never takes anything, in seconds after the first.
    fn attempts(id: &str, asked: Option<SignedDuration>) -> Vec<i64> {
        let (mut now, mut made) = (start(), Vec::new());
        for attempt in 1.. {
            made.push(now.duration_since(start()).as_secs());
            match next(id, attempt, start(), now, asked) {
                Next::At(at) => now = at,
                Next::Dead => break,
            }
        }
        made
    }

    #[test]
    fn a_receiver_that_is_down_for_a_day_is_tried_ever_less_often_and_then_no_more() {
        let made = attempts("a", None);
        assert!((5..=6).contains(&made[1]), "{made:?}");
        assert!(made.len() >= 12, "{made:?}");
        let last = made.last().copied().unwrap();
        assert!((18 * 3_600..=24 * 3_600).contains(&last), "{made:?}");
        let pauses: Vec<i64> = made.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(pauses.is_sorted(), "{pauses:?}");
    }

    #[test]
    fn a_receiver_that_asks_for_a_pause_gets_it_within_the_day() {
        let hour = SignedDuration::from_hours(1);
        let made = attempts("a", Some(hour));
        assert!(
            made.windows(2).all(|two| two[1] - two[0] >= 3_600),
            "{made:?}"
        );
        let for_ever = SignedDuration::from_hours(25);
        assert_eq!(next("a", 1, start(), start(), Some(for_ever)), Next::Dead);
        assert_eq!(
            next("a", 1, start(), start(), Some(SignedDuration::MAX)),
            Next::Dead
        );
    }

    #[test]
    fn a_status_says_what_comes_next() {
        let later = Answer::Later { after: None };
        for (status, answer) in [
            (200, Answer::Taken),
            (204, Answer::Taken),
            (301, later),
            (308, later),
            (400, later),
            (404, later),
            (410, Answer::Gone),
            (429, later),
            (500, later),
            (503, later),
        ] {
            assert_eq!(Answer::of(status, None), answer, "{status}");
        }
    }

    proptest! {
        #[test]
        fn no_attempt_is_early_or_after_a_day_and_all_end(
            id in "[a-z0-9]{1,32}", asked in proptest::option::of(0_i64..100_000), back in 0_i64..7_200,
        ) {
            let asked = asked.map(SignedDuration::from_secs);
            let made = attempts(&id, asked);
            prop_assert!(made.len() <= PAUSES.len() + 1);
            prop_assert!(made.last().copied().unwrap_or(0) <= 24 * 3_600);
            prop_assert_eq!(&made, &attempts(&id, asked));
            // A clock that is set back in between makes nobody wait for longer than the pause.
            let earlier = start() - SignedDuration::from_secs(back);
            if let Next::At(at) = next(&id, 1, start(), earlier, None) {
                prop_assert!(at.duration_since(earlier).as_secs() <= 6);
            }
        }
    }
}
