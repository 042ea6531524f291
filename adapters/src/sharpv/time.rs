//! Local time, and what makes an instant of it.

use jiff::{
    Timestamp,
    civil::DateTime,
    fmt::temporal::Pieces,
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use serde::Deserialize;
use turnpike_schemas::read::ZoneProvenance;

/// The zone a camera's clock keeps, and what to do with the hour that comes twice.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    pub(super) time_zone: TimeZone,
    pub(super) repeated_hour: RepeatedHour,
}

/// Which of two instants a local time means when clocks were put back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RepeatedHour {
    /// It cannot be known: the read is rejected.
    #[default]
    Refuse,
    /// The first, before clocks went back.
    Earlier,
    /// The second.
    Later,
}

/// An instant, and how it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant {
    pub(super) at: Timestamp,
    pub(super) offset_s: Option<i32>,
    pub(super) zone: ZoneProvenance,
}

const NOT_A_TIME: &str = "not a date and time";

/// Reads a time. One with an offset is taken at its word; one without is read in `zone`.
///
/// # Errors
/// The rule that the text breaks.
pub(super) fn instant(text: &str, zone: Option<&Zone>) -> Result<Instant, &'static str> {
    let text = text.trim();
    // Seconds are part of the format; the parser would take less.
    if !(19..=40).contains(&text.len()) {
        return Err(NOT_A_TIME);
    }
    let pieces = Pieces::parse(text).map_err(|_| NOT_A_TIME)?;
    let time = pieces
        .time()
        .filter(|_| pieces.time_zone_annotation().is_none());
    let local = DateTime::from_parts(pieces.date(), time.ok_or(NOT_A_TIME)?);
    match pieces.to_numeric_offset() {
        // The guide's sample has `+00:00`, which says UTC and nothing of the clocks on the wall.
        Some(offset) => at(local, offset, ZoneProvenance::InValue).map(|instant| Instant {
            offset_s: instant.offset_s.filter(|offset_s| *offset_s != 0),
            ..instant
        }),
        None => {
            let zone = zone.ok_or("no zone, and none is configured")?;
            at(local, zone.offset(local)?, ZoneProvenance::Configured)
        }
    }
}

fn at(local: DateTime, offset: Offset, zone: ZoneProvenance) -> Result<Instant, &'static str> {
    Ok(Instant {
        at: offset.to_timestamp(local).map_err(|_| NOT_A_TIME)?,
        offset_s: Some(offset.seconds()),
        zone,
    })
}

impl Zone {
    fn offset(&self, local: DateTime) -> Result<Offset, &'static str> {
        match (
            self.time_zone.to_ambiguous_timestamp(local).offset(),
            self.repeated_hour,
        ) {
            (AmbiguousOffset::Unambiguous { offset }, _) => Ok(offset),
            (AmbiguousOffset::Gap { .. }, _) => Err("in the hour that clocks leave out"),
            (AmbiguousOffset::Fold { before, .. }, RepeatedHour::Earlier) => Ok(before),
            (AmbiguousOffset::Fold { after, .. }, RepeatedHour::Later) => Ok(after),
            (AmbiguousOffset::Fold { .. }, RepeatedHour::Refuse) => {
                Err("in the hour that comes twice")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(repeated_hour: RepeatedHour) -> Zone {
        Zone {
            time_zone: TimeZone::get("America/New_York").unwrap(),
            repeated_hour,
        }
    }

    fn utc(text: &str, repeated_hour: RepeatedHour) -> Result<String, &'static str> {
        instant(text, Some(&zone(repeated_hour))).map(|instant| instant.at.to_string())
    }

    #[test]
    fn local_time_is_read_in_the_configured_zone() {
        let refuse = RepeatedHour::Refuse;
        for (local, want) in [
            ("2026-03-04T08:15:30.412", "2026-03-04T13:15:30.412Z"),
            ("2026-07-04T08:15:30", "2026-07-04T12:15:30Z"),
            ("2026-11-01T00:59:59", "2026-11-01T04:59:59Z"),
            ("2026-11-01T02:00:00", "2026-11-01T07:00:00Z"),
        ] {
            assert_eq!(utc(local, refuse).as_deref(), Ok(want), "{local}");
        }
    }

    #[test]
    fn the_repeated_hour_is_decided_by_the_setting_and_else_refused() {
        let local = "2026-11-01T01:30:00";
        assert_eq!(
            utc(local, RepeatedHour::Refuse),
            Err("in the hour that comes twice")
        );
        assert_eq!(
            utc(local, RepeatedHour::Earlier).as_deref(),
            Ok("2026-11-01T05:30:00Z")
        );
        assert_eq!(
            utc(local, RepeatedHour::Later).as_deref(),
            Ok("2026-11-01T06:30:00Z")
        );
    }

    #[test]
    fn the_hour_that_is_left_out_is_refused_whatever_is_set() {
        for repeated_hour in [
            RepeatedHour::Refuse,
            RepeatedHour::Earlier,
            RepeatedHour::Later,
        ] {
            assert_eq!(
                utc("2026-03-08T02:30:00", repeated_hour),
                Err("in the hour that clocks leave out")
            );
        }
    }

    #[test]
    fn an_offset_in_the_value_needs_no_zone() {
        let known = instant("2026-03-04T08:15:30.4120000-05:00", None).unwrap();
        assert_eq!(known.at.to_string(), "2026-03-04T13:15:30.412Z");
        assert_eq!(
            (known.offset_s, known.zone),
            (Some(-18_000), ZoneProvenance::InValue)
        );
        for text in [
            "2026-03-04T13:15:30.4120000+00:00",
            "2026-03-04T13:15:30.412Z",
        ] {
            let utc = instant(text, Some(&zone(RepeatedHour::Refuse))).unwrap();
            assert_eq!((utc.at, utc.offset_s), (known.at, None), "{text}");
        }
    }

    #[test]
    fn without_a_zone_local_time_is_no_instant() {
        assert_eq!(
            instant("2026-03-04T08:15:30", None),
            Err("no zone, and none is configured")
        );
    }

    #[test]
    fn nothing_else_is_a_time() {
        for text in [
            "",
            "-",
            "2026-03-04",
            "2026-03-04T08:15",
            "2026-02-30T08:15:30",
            "2026-03-04T25:15:30",
            "1772608530412000000",
            "04/03/2026 08:15:30",
            "2026-03-04T08:15:30[America/New_York]",
            "2026-03-04T08:15:30.4120000-05:00[America/New_York]",
            "/Date(1772608530412)/",
        ] {
            assert_eq!(utc(text, RepeatedHour::Earlier), Err(NOT_A_TIME), "{text}");
        }
    }
}
