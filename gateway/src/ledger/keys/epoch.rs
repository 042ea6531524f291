//! Calendar periods, in UTC.

use jiff::{Span, Timestamp, civil::Date, tz::Offset};
use serde::{Deserialize, Serialize};

/// How long one key is used: a calendar period of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day.
    Day,
    /// A month.
    #[default]
    Month,
    /// A year.
    Year,
}

/// One period. Its name says its bounds: `2026`, `2026-03` or `2026-03-04`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Epoch {
    name: String,
    from: Timestamp,
    until: Timestamp,
}

impl Period {
    /// The period `at` lies in.
    pub(super) fn epoch(self, at: Timestamp) -> Option<Epoch> {
        let date = Offset::UTC.to_datetime(at).date();
        let (year, month, day) = (date.year(), date.month(), date.day());
        Epoch::parse(&match self {
            Self::Year => format!("{year:04}"),
            Self::Month => format!("{year:04}-{month:02}"),
            Self::Day => format!("{year:04}-{month:02}-{day:02}"),
        })
    }
}

impl Epoch {
    /// The period of this name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('-');
        let year = parts.next()?.parse().ok()?;
        let mut number = || parts.next().map(str::parse::<i8>).transpose();
        let (month, day) = (number().ok()?, number().ok()?);
        let first = Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).ok()?;
        let length = match (month, day) {
            (_, Some(_)) => Span::new().days(1),
            (Some(_), None) => Span::new().months(1),
            (None, None) => Span::new().years(1),
        };
        let at = |date: Date| Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok();
        Some(Self {
            name: name.to_owned(),
            from: at(first)?,
            until: at(first.checked_add(length).ok()?)?,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// First instant after it.
    pub(super) fn until(&self) -> Timestamp {
        self.until
    }
}
