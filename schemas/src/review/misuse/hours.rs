//! Working hours of organisations.

use jiff::{Timestamp, civil::Weekday, tz::TimeZone};

/// When an organisation works.
#[derive(Debug, Clone)]
pub struct Roster {
    organisation: String,
    zone: TimeZone,
    days: [bool; 7],
    from: u16,
    to: u16,
}

/// What is wrong with a roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// A time.
    #[error("a time is written `06:30`, from `00:00` to `24:00`")]
    Time,
    /// A day.
    #[error("days are `mon`, `tue`, `wed`, `thu`, `fri`, `sat` and `sun`, at least one of them")]
    Day,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Roster {
    /// Hours from `from` (included) to `to` (excluded) on `days`, in the organisation's own zone. Where `to` is not after `from`
    /// the shift goes over midnight and belongs to the day it began on.
    ///
    /// # Errors
    /// [`RosterError`].
    pub fn new(
        organisation: &str,
        zone: TimeZone,
        days: &[String],
        from: &str,
        to: &str,
    ) -> Result<Self, RosterError> {
        let mut worked = [false; 7];
        for day in days {
            let place = DAYS.iter().position(|known| known == day);
            let slot = place.and_then(|place| worked.get_mut(place));
            *slot.ok_or(RosterError::Day)? = true;
        }
        if days.is_empty() {
            return Err(RosterError::Day);
        }
        Ok(Self {
            organisation: organisation.to_owned(),
            zone,
            days: worked,
            from: minutes(from)?,
            to: minutes(to)?,
        })
    }

    /// The organisation.
    #[must_use]
    pub fn organisation(&self) -> &str {
        &self.organisation
    }

    /// The local day of `at`, counted from 1970, and whether the organisation works then.
    pub(super) fn at(&self, at: Timestamp) -> (i64, bool) {
        let local = self.zone.to_datetime(at);
        let time = local.time();
        let minute =
            u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs());
        let offset = i64::from(self.zone.to_offset(at).seconds());
        let day = (at.as_second() + offset).div_euclid(86_400);
        let today = local.date().weekday();
        let works = if self.from < self.to {
            self.is_day(today) && (self.from..self.to).contains(&minute)
        } else {
            (self.is_day(today) && minute >= self.from)
                || (self.is_day(today.previous()) && minute < self.to)
        };
        (day, works)
    }

    fn is_day(&self, day: Weekday) -> bool {
        let place = usize::from(day.to_monday_zero_offset().unsigned_abs());
        self.days.get(place).copied().unwrap_or_default()
    }
}

fn minutes(text: &str) -> Result<u16, RosterError> {
    let (hours, minutes) = text.split_once(':').ok_or(RosterError::Time)?;
    let digits = |text: &str| {
        let two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        two.then(|| text.parse::<u16>().ok()).flatten()
    };
    match (digits(hours), digits(minutes)) {
        (Some(hours), Some(minutes)) if minutes < 60 && hours * 60 + minutes <= 1_440 => {
            Ok(hours * 60 + minutes)
        }
        _ => Err(RosterError::Time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster(days: &[&str], from: &str, to: &str) -> Result<Roster, RosterError> {
        let days: Vec<String> = days.iter().map(|day| (*day).to_owned()).collect();
        let zone = TimeZone::get("America/New_York").unwrap();
        Roster::new("brookdale-pd", zone, &days, from, to)
    }

    fn works(roster: &Roster, at: &str) -> bool {
        roster.at(at.parse().unwrap()).1
    }

    #[test]
    fn hours_are_local_and_a_night_belongs_to_the_day_it_began_on() {
        let office = roster(&["mon", "tue"], "06:00", "22:00").unwrap();
        // 2026-03-02 is a Monday; New York is five hours behind.
        assert!(works(&office, "2026-03-02T11:00:00Z"));
        assert!(!works(&office, "2026-03-02T10:59:59Z"));
        assert!(works(&office, "2026-03-03T02:59:00Z"), "Monday, 21:59");
        assert!(!works(&office, "2026-03-03T03:00:00Z"), "Monday, 22:00");
        assert!(!works(&office, "2026-03-04T15:00:00Z"), "a Wednesday");
        let night = roster(&["fri"], "22:00", "06:00").unwrap();
        assert!(works(&night, "2026-03-07T10:59:00Z"), "Saturday, 05:59");
        assert!(!works(&night, "2026-03-07T11:00:00Z"), "Saturday, 06:00");
        assert!(!works(&night, "2026-03-06T10:00:00Z"), "Friday, 05:00");
    }

    #[test]
    fn what_is_no_time_and_no_day_is_refused() {
        for (from, to) in [("6:00", "22:00"), ("06:60", "22:00"), ("06:00", "24:01")] {
            assert_eq!(
                roster(&["mon"], from, to).unwrap_err(),
                RosterError::Time,
                "{from} {to}"
            );
        }
        assert_eq!(
            roster(&["monday"], "06:00", "22:00").unwrap_err(),
            RosterError::Day
        );
        assert_eq!(roster(&[], "06:00", "22:00").unwrap_err(), RosterError::Day);
    }
}
