//! Which events speak of the same passage, and which of them is newer.
//!
//! The engine numbers vehicles (`carID`) and starts again with the application, so a number alone comes back. What makes
//! it unique is when the vehicle was first seen, and no event but the first says that. So each event is named by its own
//! instant and by two spans of time, the one its instant is in and the next: events of one number share a span if they
//! are less than a span apart, and never if they are two spans apart or more.

use std::time::Duration;

use jiff::Timestamp;

/// Most bytes of a serial number.
const MAX_SERIAL: usize = 64;

/// How final an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// First seen.
    New,
    /// Plate, direction or zone changed.
    Update,
    /// Gone.
    Lost,
}

impl State {
    /// The state of a word; `None` for a word that is not the engine's.
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "new" => Some(Self::New),
            "update" | "updated" => Some(Self::Update),
            "lost" => Some(Self::Lost),
            _ => None,
        }
    }
}

/// The names of a passage.
pub(super) struct Names {
    /// By the instant of this event.
    pub(super) record: String,
    /// By the spans it is in.
    pub(super) aliases: Vec<String>,
}

impl Names {
    /// Names for an event of vehicle `car` of camera `serial` at `at`.
    pub(super) fn of(serial: &str, car: u64, at: Timestamp, span: Duration) -> Self {
        let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX).max(1);
        let here = at.as_second().div_euclid(seconds);
        let named = |span: i64| format!("{serial}/{car}~{seconds}.{span}");
        Self {
            record: format!("{serial}/{car}@{}", at.as_millisecond()),
            aliases: vec![named(here), named(here.saturating_add(1))],
        }
    }
}

/// Whether a serial number can be part of a name.
pub(super) fn is_serial(text: &str) -> bool {
    (1..=MAX_SERIAL).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.'))
}

/// The order of the events of a passage: how final, then when. Exact in JSON.
///
/// The engine's message counter is not used: it starts again with every connection.
pub(super) fn revision(state: State, at: Timestamp) -> u64 {
    const LATEST_MS: u64 = (1 << 48) - 1;
    let ms = u64::try_from(at.as_millisecond()).unwrap_or(0);
    (state as u64) << 48 | ms.min(LATEST_MS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPAN: Duration = Duration::from_secs(120);

    fn names(at_ms: i64) -> Names {
        Names::of(
            "ACCC8E000001",
            9001,
            Timestamp::from_millisecond(at_ms).unwrap(),
            SPAN,
        )
    }

    fn are_one(one: &Names, other: &Names) -> bool {
        one.aliases.iter().any(|name| other.aliases.contains(name))
    }

    proptest! {
        #[test]
        fn events_within_a_span_are_one_passage_and_events_two_spans_apart_are_not(
            at in 1_000_000_000_000_i64..2_000_000_000_000,
            apart in 0_i64..1_000_000,
        ) {
            let (first, second) = (names(at), names(at + apart));
            if apart <= 120_000 {
                prop_assert!(are_one(&first, &second) && are_one(&second, &first));
            }
            if apart >= 240_000 {
                prop_assert!(!are_one(&first, &second));
            }
        }

        #[test]
        fn a_later_state_is_newer_whenever_it_was(one in 0_i64..4_000_000_000_000, other in 0_i64..4_000_000_000_000) {
            let at = |ms| Timestamp::from_millisecond(ms).unwrap();
            prop_assert!(revision(State::New, at(one)) < revision(State::Update, at(other)));
            prop_assert!(revision(State::Update, at(one)) < revision(State::Lost, at(other)));
            prop_assert!(revision(State::Lost, at(one)) < 1 << 53);
            prop_assert_eq!(one < other, revision(State::Update, at(one)) < revision(State::Update, at(other)));
        }
    }

    #[test]
    fn another_camera_and_another_number_are_another_passage() {
        let at = Timestamp::from_millisecond(1_772_608_530_412).unwrap();
        let first = Names::of("A", 1, at, SPAN);
        for other in [Names::of("B", 1, at, SPAN), Names::of("A", 2, at, SPAN)] {
            assert!(!are_one(&first, &other));
            assert_ne!(first.record, other.record);
        }
    }

    #[test]
    fn a_serial_number_is_short_and_plain() {
        for (text, good) in [
            ("ACCC8E000001", true),
            ("AC:CC:8E:00:00:01", true),
            ("", false),
            ("a/b", false),
            ("a b", false),
            ("ä", false),
            (&"A".repeat(65), false),
        ] {
            assert_eq!(is_serial(text), good, "{text}");
        }
    }
}
