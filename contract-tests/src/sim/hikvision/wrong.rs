//! Documents no receiver can use, or that try to hurt it.

use super::Event;

/// What is wrong with a document; each has exactly one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// No `licensePlate`.
    NoPlate,
    /// `licensePlate` is longer than any plate.
    LongPlate,
    /// `licensePlate` holds an element.
    PlateInParts,
    /// No `dateTime`.
    NoTime,
    /// `dateTime` without an offset.
    LocalTime,
    /// `dateTime` is a number of seconds.
    EpochTime,
    /// `dateTime` is a number of milliseconds.
    EpochMsTime,
    /// `dateTime` is of a day that is none.
    ImpossibleTime,
    /// `confidenceLevel` is a word.
    TextConfidence,
    /// `confidenceLevel` is 910.
    LargeConfidence,
    /// `line` is a word.
    TextLane,
    /// `country` stands there twice.
    TwoCountries,
    /// No `eventType`.
    NoType,
    /// No `ANPR`.
    NoAnpr,
    /// Neither `UUID` nor `macAddress`.
    NoIdentity,
}

impl Wrong {
    /// Every fault.
    pub const ALL: [Self; 15] = [
        Self::NoPlate,
        Self::LongPlate,
        Self::PlateInParts,
        Self::NoTime,
        Self::LocalTime,
        Self::EpochTime,
        Self::EpochMsTime,
        Self::ImpossibleTime,
        Self::TextConfidence,
        Self::LargeConfidence,
        Self::TextLane,
        Self::TwoCountries,
        Self::NoType,
        Self::NoAnpr,
        Self::NoIdentity,
    ];

    /// The document of `event` with this fault.
    #[must_use]
    pub fn xml(self, event: &Event) -> String {
        let xml = event.xml();
        match self {
            Self::NoPlate => cut(&xml, "licensePlate"),
            Self::LongPlate => put(&xml, "licensePlate", &"A".repeat(80)),
            Self::PlateInParts => put(&xml, "licensePlate", "T<b>PX</b>9999"),
            Self::NoTime => cut(&xml, "dateTime"),
            Self::LocalTime => Event {
                offset_hours: None,
                ..event.clone()
            }
            .xml(),
            Self::EpochTime => put(&xml, "dateTime", "1772608530"),
            Self::EpochMsTime => put(&xml, "dateTime", "1772608530412"),
            Self::ImpossibleTime => put(&xml, "dateTime", "2026-02-30T08:15:30+01:00"),
            Self::TextConfidence => put(&xml, "confidenceLevel", "high"),
            Self::LargeConfidence => put(&xml, "confidenceLevel", "910"),
            Self::TextLane => put(&xml, "line", "two"),
            Self::TwoCountries => xml.replace("<country>", "<country>3</country><country>"),
            Self::NoType => cut(&xml, "eventType"),
            Self::NoAnpr => cut(&xml, "ANPR"),
            Self::NoIdentity => cut(&cut(&xml, "UUID"), "macAddress"),
        }
    }
}

/// `xml` with the text of its first element of a name replaced.
pub(super) fn put(xml: &str, element: &str, text: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    split(xml, &open, &close).map_or_else(
        || xml.to_owned(),
        |(before, after)| format!("{before}{open}{text}{close}{after}"),
    )
}

/// `xml` without its first element of a name.
pub(super) fn cut(xml: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    split(xml, &open, &close).map_or_else(
        || xml.to_owned(),
        |(before, after)| format!("{before}{after}"),
    )
}

fn split<'x>(xml: &'x str, open: &str, close: &str) -> Option<(&'x str, &'x str)> {
    let (before, rest) = xml.split_once(open)?;
    let (_, after) = rest.split_once(close)?;
    Some((before, after))
}
