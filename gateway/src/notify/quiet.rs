//! Hours in which somebody is left alone, and storms.
//!
//! What waits is not lost: it is told together when the hours are over, and stays in the list and the stream all along.

use jiff::{SignedDuration, Timestamp, civil::Time, tz::TimeZone};

/// Hours in which nobody is called, in the zone of whoever asked for them. They may go over midnight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    /// Their beginning, included.
    pub from: Time,
    /// Their end, excluded. Where both are the same there are none.
    pub to: Time,
    /// The zone.
    pub zone: TimeZone,
}

/// How many are told one by one before the rest is told together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storm {
    /// So many.
    pub most: u32,
    /// In so long.
    pub within: SignedDuration,
}

/// What is told to one channel lately.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    told: std::collections::VecDeque<Timestamp>,
}

/// How one event is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// At once.
    Now,
    /// Together with others, not before that instant.
    Together {
        /// The instant.
        from: Timestamp,
    },
}

impl QuietHours {
    /// When the hours that `now` lies in are over; nothing outside them. A time that the zone skips or has twice is taken as the
    /// zone's own rule says.
    #[must_use]
    pub fn over(&self, now: Timestamp) -> Option<Timestamp> {
        if self.from == self.to {
            return None;
        }
        let local = self.zone.to_datetime(now);
        let time = local.time();
        let over_midnight = self.from > self.to;
        let within = if over_midnight {
            time >= self.from || time < self.to
        } else {
            time >= self.from && time < self.to
        };
        if !within {
            return None;
        }
        let tomorrow = over_midnight && time >= self.from;
        let day = match tomorrow {
            true => local.date().tomorrow().ok()?,
            false => local.date(),
        };
        let end = self
            .zone
            .to_ambiguous_zoned_datetime(day.to_datetime(self.to));
        let end = end.compatible().ok()?.timestamp();
        (end > now).then_some(end)
    }
}

impl Pace {
    /// How an event of `now` is told: at once while there are few, together with others once there are many.
    pub fn tell(&mut self, now: Timestamp, quiet: Option<&QuietHours>, storm: Storm) -> Told {
        if let Some(from) = quiet.and_then(|quiet| quiet.over(now)) {
            return Told::Together { from };
        }
        let recent = |told: &Timestamp| now.duration_since(*told).abs() < storm.within;
        self.told.retain(recent);
        let many = u32::try_from(self.told.len()).unwrap_or(u32::MAX) >= storm.most;
        match self.told.front() {
            // The oldest of them leaves the span then.
            Some(oldest) if many => Told::Together {
                from: oldest.checked_add(storm.within).unwrap_or(now).max(now),
            },
            None if many => Told::Together { from: now },
            _ => {
                self.told.push_back(now);
                Told::Now
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;
    use proptest::prelude::*;

    use super::*;

    const STORM: Storm = Storm {
        most: 20,
        within: SignedDuration::from_mins(1),
    };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn night() -> QuietHours {
        QuietHours {
            from: time(22, 0, 0, 0),
            to: time(6, 0, 0, 0),
            zone: TimeZone::get("America/New_York").unwrap(),
        }
    }

    #[test]
    fn a_night_goes_over_midnight_in_its_own_zone() {
        let over = |text| night().over(at(text));
        assert_eq!(
            over("2026-03-04T02:59:59Z"),
            None,
            "21:59 of the day before"
        );
        let morning = Some(at("2026-03-04T11:00:00Z"));
        assert_eq!(over("2026-03-04T03:00:00Z"), morning);
        assert_eq!(over("2026-03-04T10:59:59Z"), morning);
        assert_eq!(over("2026-03-04T11:00:00Z"), None);
        let lunch = QuietHours {
            from: time(12, 0, 0, 0),
            to: time(13, 0, 0, 0),
            zone: TimeZone::UTC,
        };
        assert_eq!(
            lunch.over(at("2026-03-04T12:30:00Z")),
            Some(at("2026-03-04T13:00:00Z"))
        );
        assert_eq!(lunch.over(at("2026-03-04T13:00:00Z")), None);
        let none = QuietHours {
            to: time(12, 0, 0, 0),
            ..lunch
        };
        assert_eq!(none.over(at("2026-03-04T12:00:00Z")), None);
    }

    #[test]
    fn the_night_of_a_change_of_clocks_ends_by_the_clock_on_the_wall() {
        // Clocks go forward at 02:00 on 2026-03-08: that night is seven hours long.
        assert_eq!(
            night().over(at("2026-03-08T03:00:00Z")),
            Some(at("2026-03-08T10:00:00Z"))
        );
        // And back on 2026-11-01: nine hours.
        assert_eq!(
            night().over(at("2026-11-01T02:00:00Z")),
            Some(at("2026-11-01T11:00:00Z"))
        );
        let skipped = QuietHours {
            to: time(2, 30, 0, 0),
            ..night()
        };
        assert_eq!(
            skipped.over(at("2026-03-08T06:59:00Z")),
            Some(at("2026-03-08T07:30:00Z"))
        );
    }

    #[test]
    fn of_a_storm_the_first_are_told_at_once_and_the_rest_together() {
        let (mut pace, now) = (Pace::default(), at("2026-03-04T12:00:00Z"));
        let told: Vec<Told> = (0..100_000).map(|_| pace.tell(now, None, STORM)).collect();
        assert!(told[..20].iter().all(|told| *told == Told::Now));
        let from = at("2026-03-04T12:01:00Z");
        assert!(
            told[20..]
                .iter()
                .all(|told| *told == Told::Together { from })
        );
        assert_eq!(pace.tell(from, None, STORM), Told::Now);
        assert_eq!(pace.told.len(), 1, "nothing is kept of the storm");
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_for_it() {
        let (mut pace, now) = (Pace::default(), at("2026-03-04T12:00:00Z"));
        for _ in 0..25 {
            pace.tell(now, None, STORM);
        }
        let earlier = now - SignedDuration::from_hours(1);
        assert_eq!(pace.tell(earlier, None, STORM), Told::Now);
        let slightly = earlier - SignedDuration::from_secs(5);
        for _ in 0..25 {
            match pace.tell(slightly, None, STORM) {
                Told::Now => {}
                Told::Together { from } => {
                    assert!(from.duration_since(slightly) <= SignedDuration::from_secs(65));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn nobody_is_told_at_once_in_the_quiet_hours_or_more_often_than_agreed(
            steps in proptest::collection::vec((0_u8..4, 0_i64..7_200), 1..200),
        ) {
            let (mut pace, mut now, quiet) = (Pace::default(), at("2026-03-04T12:00:00Z"), night());
            let mut told: Vec<Timestamp> = Vec::new();
            for (kind, step) in steps {
                now += SignedDuration::from_secs(if kind == 0 { step } else { step / 1_000 });
                match pace.tell(now, Some(&quiet), STORM) {
                    Told::Now => {
                        prop_assert_eq!(quiet.over(now), None);
                        told.push(now);
                        let lately = told.iter().filter(|told| now.duration_since(**told) < STORM.within);
                        prop_assert!(lately.count() <= 20, "more than agreed");
                    }
                    Told::Together { from } => prop_assert!(from > now),
                }
            }
        }
    }
}
