//! The three forms of time in the formats. Each has one width and no variants, so each is read by position.

use jiff::{Timestamp, civil::DateTime, tz::Offset};

/// A time as sent with an offset: the instant, and the offset from UTC in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) at: Timestamp,
    pub(crate) offset_s: i32,
}

/// `YYYY-MM-DDThh:mm:ssZ`.
pub(crate) fn parse_utc(text: &str) -> Option<Timestamp> {
    let (head, tail) = text.as_bytes().split_first_chunk::<19>()?;
    (tail == b"Z").then_some(())?;
    Offset::UTC.to_timestamp(civil(head)?).ok()
}

/// `YYYY-MM-DDThh:mm:ss±hh:mm`.
pub(crate) fn parse_local(text: &str) -> Option<Local> {
    let (head, tail) = text.as_bytes().split_first_chunk::<19>()?;
    let [sign, h1, h2, b':', m1, m2] = *tail else {
        return None;
    };
    let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
    let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
    let offset_s = match sign {
        b'+' => seconds,
        b'-' => -seconds,
        _ => return None,
    };
    if hours > 18 || minutes > 59 {
        return None;
    }
    let at = Offset::from_seconds(offset_s)
        .ok()?
        .to_timestamp(civil(head)?)
        .ok()?;
    Some(Local { at, offset_s })
}

/// `YYYYMMDDhhmmss`, UTC, as in file names.
pub(crate) fn parse_compact(text: &str) -> Option<Timestamp> {
    let [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, i1, i2, s1, s2] =
        *<&[u8; 14]>::try_from(text.as_bytes()).ok()?;
    let time = build(
        [y1, y2, y3, y4],
        [m1, m2],
        [d1, d2],
        [h1, h2],
        [i1, i2],
        [s1, s2],
    )?;
    Offset::UTC.to_timestamp(time).ok()
}

fn civil(text: &[u8; 19]) -> Option<DateTime> {
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        i1,
        i2,
        b':',
        s1,
        s2,
    ] = *text
    else {
        return None;
    };
    build(
        [y1, y2, y3, y4],
        [m1, m2],
        [d1, d2],
        [h1, h2],
        [i1, i2],
        [s1, s2],
    )
}

fn build(
    [y1, y2, y3, y4]: [u8; 4],
    month: [u8; 2],
    day: [u8; 2],
    hour: [u8; 2],
    minute: [u8; 2],
    second: [u8; 2],
) -> Option<DateTime> {
    let pair = |[tens, ones]: [u8; 2]| two(tens, ones);
    let year = i16::from(two(y1, y2)?) * 100 + i16::from(two(y3, y4)?);
    DateTime::new(
        year,
        pair(month)?,
        pair(day)?,
        pair(hour)?,
        pair(minute)?,
        pair(second)?,
        0,
    )
    .ok()
}

fn two(tens: u8, ones: u8) -> Option<i8> {
    if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
        return None;
    }
    i8::try_from((tens - b'0') * 10 + (ones - b'0')).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_name_the_same_instant() {
        let want: Timestamp = "2026-03-04T12:58:07Z".parse().unwrap();
        assert_eq!(parse_utc("2026-03-04T12:58:07Z"), Some(want));
        assert_eq!(parse_compact("20260304125807"), Some(want));
        let local = parse_local("2026-03-04T07:58:07-05:00").unwrap();
        assert_eq!((local.at, local.offset_s), (want, -18_000));
        let local = parse_local("2026-03-04T18:28:07+05:30").unwrap();
        assert_eq!((local.at, local.offset_s), (want, 19_800));
    }

    #[test]
    fn nothing_else_is_a_time() {
        for text in [
            "",
            "2026-03-04",
            "2026-03-04T12:58:07",
            "2026-03-04 12:58:07Z",
            "2026-03-04T12:58:07z",
            "2026-03-04T12:58:07.0Z",
            "2026-02-30T12:58:07Z",
            "2026-03-04T24:00:00Z",
            "2026-03-04T23:59:60Z",
            "2O26-03-04T12:58:07Z",
            "+026-03-04T12:58:07Z",
        ] {
            assert_eq!(parse_utc(text), None, "{text}");
            assert_eq!(parse_compact(text), None, "{text}");
        }
        for text in [
            "2026-03-04T07:58:07Z",
            "2026-03-04T07:58:07-0500",
            "2026-03-04T07:58:07-05:60",
            "2026-03-04T07:58:07-19:00",
            "2026-03-04T07:58:07 05:00",
            "2026-03-04T07:58:07-05:00 ",
        ] {
            assert_eq!(parse_local(text), None, "{text}");
        }
    }
}
