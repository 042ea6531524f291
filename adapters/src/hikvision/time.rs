//! When it was: the camera's clock, and how far its offset is to be believed.
//!
//! The offset in `dateTime` is the camera's own setting. Cameras are often left at the factory's `+08:00` while the clock
//! shows local time, so the configuration says which of the two is right.

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use serde::Deserialize;
use turnpike_schemas::read::ZoneProvenance;

/// Which part of a time is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Policy {
    /// The offset as sent.
    TrustOffset,
    /// The clock only, in the configured zone.
    ForceZone,
}

/// Which of the two hours with the same name a time in the repeated hour is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RepeatedHour {
    /// Not known: such a time is refused.
    Reject,
    /// The first, in summer time.
    First,
    /// The second.
    Second,
}

/// How one camera's times are read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clock {
    pub(super) policy: Policy,
    /// Always there with [`Policy::ForceZone`]; otherwise for times without an offset.
    pub(super) zone: Option<TimeZone>,
    pub(super) repeated_hour: RepeatedHour,
}

/// `dateTime` as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    civil: DateTime,
    has_fraction: bool,
    offset: Option<Offset>,
}

/// An instant and how it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant {
    pub(super) at: Timestamp,
    pub(super) offset_s: Option<i32>,
    pub(super) zone: ZoneProvenance,
    /// Whether the offset as sent is another than the zone's.
    pub(super) disagrees: bool,
}

impl Sent {
    /// `YYYY-MM-DDThh:mm:ss`, then perhaps a fraction, then perhaps `Z` or an offset.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (head, tail) = text.split_at_checked(19)?;
        let digits = |from: usize, to: usize| -> Option<i16> {
            let part = head.get(from..to)?;
            let all = part.bytes().all(|byte| byte.is_ascii_digit());
            all.then(|| part.parse().ok()).flatten()
        };
        let small = |from: usize| digits(from, from + 2).and_then(|value| i8::try_from(value).ok());
        let marks = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")];
        if !marks
            .iter()
            .all(|(at, mark)| head.get(*at..=*at) == Some(*mark))
        {
            return None;
        }
        let (nanosecond, tail) = match tail.strip_prefix('.') {
            Some(tail) => fraction(tail)?,
            None => (0, tail),
        };
        let civil = DateTime::new(
            digits(0, 4)?,
            small(5)?,
            small(8)?,
            small(11)?,
            small(14)?,
            small(17)?,
            nanosecond,
        );
        Some(Self {
            civil: civil.ok()?,
            has_fraction: nanosecond != 0,
            offset: offset(tail)?,
        })
    }

    /// Takes the milliseconds of a picture's time, `yyyyMMddHHmmssSSS`, if it is of the same second of the same clock.
    pub(super) fn with_picture(self, abs_time: Option<&str>) -> Self {
        let civil = self.civil;
        let second = format!(
            "{:04}{:02}{:02}{:02}{:02}{:02}",
            civil.year(),
            civil.month(),
            civil.day(),
            civil.hour(),
            civil.minute(),
            civil.second()
        );
        let ms = abs_time.and_then(|text| text.strip_prefix(&*second));
        let ms = ms.filter(|ms| ms.len() == 3 && ms.bytes().all(|byte| byte.is_ascii_digit()));
        let ms: Option<i32> = ms.and_then(|ms| ms.parse().ok());
        match ms.filter(|_| !self.has_fraction) {
            Some(ms) => Self {
                civil: civil
                    .with()
                    .subsec_nanosecond(ms * 1_000_000)
                    .build()
                    .unwrap_or(civil),
                ..self
            },
            None => self,
        }
    }

    /// The instant under a camera's policy.
    ///
    /// # Errors
    /// The rule that the time breaks.
    pub(super) fn instant(self, clock: &Clock) -> Result<Instant, &'static str> {
        match (clock.policy, self.offset, &clock.zone) {
            (Policy::TrustOffset, Some(offset), _) => Ok(Instant {
                at: on_calendar(offset, self.civil)?,
                offset_s: Some(offset.seconds()),
                zone: ZoneProvenance::InValue,
                disagrees: false,
            }),
            (_, sent, Some(zone)) => {
                let offset = offset_in(zone, self.civil, clock.repeated_hour)?;
                Ok(Instant {
                    at: on_calendar(offset, self.civil)?,
                    offset_s: Some(offset.seconds()),
                    zone: ZoneProvenance::Configured,
                    disagrees: sent.is_some_and(|sent| sent != offset),
                })
            }
            (_, _, None) => Err("a time without an offset, and no `zone` is configured"),
        }
    }
}

fn on_calendar(offset: Offset, civil: DateTime) -> Result<Timestamp, &'static str> {
    offset
        .to_timestamp(civil)
        .map_err(|_| "not a time of this calendar")
}

fn offset_in(
    zone: &TimeZone,
    civil: DateTime,
    repeated_hour: RepeatedHour,
) -> Result<Offset, &'static str> {
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => Ok(offset),
        AmbiguousOffset::Gap { .. } => Err("a time that the clocks of the zone skip"),
        AmbiguousOffset::Fold { before, after } => match repeated_hour {
            RepeatedHour::Reject => {
                Err("a time in the repeated hour, and `repeated_hour` rejects it")
            }
            RepeatedHour::First => Ok(before),
            RepeatedHour::Second => Ok(after),
        },
    }
}

/// One to nine digits of a second, as nanoseconds, and what is behind them.
fn fraction(text: &str) -> Option<(i32, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(length)?;
    if !(1..=9).contains(&length) {
        return None;
    }
    format!("{digits:0<9}")
        .parse()
        .ok()
        .map(|value| (value, rest))
}

/// Nothing, `Z`, or `±hh:mm`.
fn offset(text: &str) -> Option<Option<Offset>> {
    match text.as_bytes() {
        [] => Some(None),
        [b'Z'] => Some(Some(Offset::UTC)),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two(*h1, *h2)?, two(*m1, *m2)?);
            let seconds = (hours * 60 + minutes) * 60;
            let seconds = if *sign == b'-' { -seconds } else { seconds };
            let within = hours <= 18 && minutes <= 59;
            within.then(|| Offset::from_seconds(seconds).ok().map(Some))?
        }
        _ => None,
    }
}

fn two(tens: u8, ones: u8) -> Option<i32> {
    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    digits.then(|| i32::from(tens - b'0') * 10 + i32::from(ones - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(policy: Policy, zone: Option<&str>, repeated_hour: RepeatedHour) -> Clock {
        let zone = zone.map(|zone| TimeZone::get(zone).unwrap());
        Clock {
            policy,
            zone,
            repeated_hour,
        }
    }

    fn at(text: &str, clock: &Clock) -> Result<String, &'static str> {
        let instant = Sent::parse(text).ok_or("unreadable")?.instant(clock)?;
        Ok(instant.at.to_string())
    }

    #[test]
    fn the_offset_is_believed_or_the_zone_is() {
        let trust = clock(Policy::TrustOffset, None, RepeatedHour::Reject);
        let force = clock(
            Policy::ForceZone,
            Some("America/New_York"),
            RepeatedHour::Reject,
        );
        for (text, trusted, forced) in [
            (
                "2026-03-04T08:15:30+01:00",
                "2026-03-04T07:15:30Z",
                "2026-03-04T13:15:30Z",
            ),
            (
                "2026-03-04T08:15:30+08:00",
                "2026-03-04T00:15:30Z",
                "2026-03-04T13:15:30Z",
            ),
            (
                "2026-03-04T08:15:30Z",
                "2026-03-04T08:15:30Z",
                "2026-03-04T13:15:30Z",
            ),
            (
                "2026-07-04T08:15:30.5-04:00",
                "2026-07-04T12:15:30.5Z",
                "2026-07-04T12:15:30.5Z",
            ),
        ] {
            assert_eq!(at(text, &trust).as_deref(), Ok(trusted), "{text}");
            assert_eq!(at(text, &force).as_deref(), Ok(forced), "{text}");
        }
        let sent = |text: &str| Sent::parse(text).unwrap();
        assert!(
            sent("2026-03-04T08:15:30+08:00")
                .instant(&force)
                .unwrap()
                .disagrees
        );
        assert!(
            !sent("2026-03-04T08:15:30-05:00")
                .instant(&force)
                .unwrap()
                .disagrees
        );
        assert!(
            !sent("2026-03-04T08:15:30")
                .instant(&force)
                .unwrap()
                .disagrees
        );
    }

    #[test]
    fn a_local_time_needs_a_zone() {
        let trust = clock(Policy::TrustOffset, None, RepeatedHour::Reject);
        assert!(at("2026-03-04T08:15:30", &trust).is_err());
        let with_zone = clock(
            Policy::TrustOffset,
            Some("America/New_York"),
            RepeatedHour::Reject,
        );
        assert_eq!(
            at("2026-03-04T08:15:30", &with_zone).as_deref(),
            Ok("2026-03-04T13:15:30Z")
        );
        assert_eq!(
            at("2026-03-04T08:15:30Z", &with_zone).as_deref(),
            Ok("2026-03-04T08:15:30Z")
        );
    }

    #[test]
    fn the_repeated_hour_is_decided_or_refused_and_the_skipped_one_refused() {
        let zone = Some("America/New_York");
        let of = |hour| clock(Policy::ForceZone, zone, hour);
        let repeated = "2026-11-01T01:30:00+08:00";
        assert!(at(repeated, &of(RepeatedHour::Reject)).is_err());
        assert_eq!(
            at(repeated, &of(RepeatedHour::First)).as_deref(),
            Ok("2026-11-01T05:30:00Z")
        );
        assert_eq!(
            at(repeated, &of(RepeatedHour::Second)).as_deref(),
            Ok("2026-11-01T06:30:00Z")
        );
        assert!(at("2026-03-08T02:30:00", &of(RepeatedHour::First)).is_err());
    }

    #[test]
    fn milliseconds_come_from_a_picture_of_the_same_second() {
        let trust = clock(Policy::TrustOffset, None, RepeatedHour::Reject);
        for (text, picture, want) in [
            (
                "2026-03-04T08:15:30+01:00",
                Some("20260304081530412"),
                "2026-03-04T07:15:30.412Z",
            ),
            (
                "2026-03-04T08:15:30+01:00",
                Some("20260304081531412"),
                "2026-03-04T07:15:30Z",
            ),
            (
                "2026-03-04T08:15:30+01:00",
                Some("2026030408153041x"),
                "2026-03-04T07:15:30Z",
            ),
            (
                "2026-03-04T08:15:30+01:00",
                Some("20260304081530"),
                "2026-03-04T07:15:30Z",
            ),
            ("2026-03-04T08:15:30+01:00", None, "2026-03-04T07:15:30Z"),
            (
                "2026-03-04T08:15:30.250+01:00",
                Some("20260304081530412"),
                "2026-03-04T07:15:30.25Z",
            ),
        ] {
            let sent = Sent::parse(text).unwrap().with_picture(picture);
            assert_eq!(
                sent.instant(&trust).unwrap().at.to_string(),
                want,
                "{picture:?}"
            );
        }
    }

    #[test]
    fn nothing_else_is_a_time() {
        for text in [
            "",
            "2026-03-04",
            "2026-03-04 08:15:30+01:00",
            "2026-03-04T08:15:30+0100",
            "2026-03-04T08:15:30+19:00",
            "2026-03-04T08:15:30+01:60",
            "2026-03-04T08:15:30.",
            "2026-03-04T08:15:30.1234567890Z",
            "2026-03-04T08:15:30z",
            "2026-02-30T08:15:30Z",
            "2026-03-04T24:00:00Z",
            "2026-03-04T23:59:60Z",
            "20260304T08153000+0100",
            "2O26-03-04T08:15:30Z",
            "1772608530",
            "1772608530412",
            "2026-03-04T08:15:3é",
            "+026-03-04T08:15:30Z",
        ] {
            assert_eq!(Sent::parse(text), None, "{text}");
        }
    }
}
