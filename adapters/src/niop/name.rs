//! File names: the only place where the kind of a file, its parties and its time are stated before it is opened.

use jiff::Timestamp;

use crate::toll::time;

/// What a data file holds, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `STRAN`.
    Transactions,
    /// `SCORR`.
    Corrections,
    /// `SRECON`: money.
    Reconciliation,
    /// `BTVL`: accounts, all of them.
    BulkList,
    /// `DTVL`: accounts, what changed.
    DeltaList,
}

/// A file name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileName {
    /// The name without its extension and, for an archive, without the type: `9999_0901_0902_20260304131500`.
    pub(super) stem: String,
    /// Hub of the sender, 4 digits.
    pub(super) hub: String,
    /// Sending agency, 4 digits.
    pub(super) from: String,
    /// Receiving agency, 4 digits. Lists have none.
    pub(super) to: Option<String>,
    /// Time of submission.
    pub(super) submitted_at: Timestamp,
    /// What the file holds.
    pub(super) kind: Kind,
    /// Whether the file is an archive around the data file.
    pub(super) zipped: bool,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Transactions,
        Self::Corrections,
        Self::Reconciliation,
        Self::BulkList,
        Self::DeltaList,
    ];

    /// The type as it stands in names.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Transactions => "STRAN",
            Self::Corrections => "SCORR",
            Self::Reconciliation => "SRECON",
            Self::BulkList => "BTVL",
            Self::DeltaList => "DTVL",
        }
    }

    /// The type as it stands in headers and acknowledgements.
    pub(super) fn submission_type(self) -> &'static str {
        match self {
            Self::BulkList | Self::DeltaList => "STVL",
            other => other.extension(),
        }
    }

    /// Why files of this kind are not read, where they are not.
    pub(super) fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Transactions | Self::Corrections => None,
            Self::Reconciliation => Some(super::RECONCILIATION),
            Self::BulkList | Self::DeltaList => Some(super::ACCOUNT_LIST),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.extension().eq_ignore_ascii_case(text))
    }
}

impl FileName {
    /// Takes a name apart. Extensions compare without regard to case.
    ///
    /// # Errors
    /// The rule that the name breaks.
    pub(super) fn parse(name: &str) -> Result<Self, &'static str> {
        const BAD: &str = "not a NIOP file name";
        let (stem, extension) = name.rsplit_once('.').ok_or(BAD)?;
        if extension.eq_ignore_ascii_case("ack") {
            return Err(super::ACKNOWLEDGEMENT);
        }
        let zipped = extension.eq_ignore_ascii_case("zip");
        let (stem, kind) = if zipped {
            stem.rsplit_once('_').ok_or(BAD)?
        } else {
            (stem, extension)
        };
        let kind = Kind::parse(kind).ok_or(BAD)?;
        Self::from_stem(stem, kind, zipped).ok_or(BAD)
    }

    /// Whether `entry` is the name of the data file that belongs into this archive.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(super) fn holds(&self, entry: &str) -> Result<(), &'static str> {
        let inner = Self::parse(entry).map_err(|_| "entry name is not a NIOP file name")?;
        if !inner.zipped && inner.stem == self.stem && inner.kind == self.kind {
            Ok(())
        } else {
            Err("entry name is not that of the archive")
        }
    }

    fn from_stem(stem: &str, kind: Kind, zipped: bool) -> Option<Self> {
        let list = matches!(kind, Kind::BulkList | Kind::DeltaList);
        let mut parts = stem.split('_');
        let hub = parts.next().filter(|part| is_id(part))?;
        let from = parts.next().filter(|part| is_id(part))?;
        let to = if list {
            None
        } else {
            Some(parts.next().filter(|part| is_id(part))?.to_owned())
        };
        let submitted_at = time::parse_compact(parts.next()?)?;
        parts.next().is_none().then(|| Self {
            stem: stem.to_owned(),
            hub: hub.to_owned(),
            from: from.to_owned(),
            to,
            submitted_at,
            kind,
            zipped,
        })
    }
}

/// Whether `text` is the id of a hub or agency: 4 digits.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_whatever_the_case_of_their_extension() {
        for (name, kind, zipped) in [
            (
                "9999_0901_0902_20260304131500.STRAN",
                Kind::Transactions,
                false,
            ),
            (
                "9999_0901_0902_20260304131500.scorr",
                Kind::Corrections,
                false,
            ),
            (
                "9999_0901_0902_20260304131500_stran.ZIP",
                Kind::Transactions,
                true,
            ),
            (
                "9999_0901_0902_20260304131500_SRECON.zip",
                Kind::Reconciliation,
                true,
            ),
            ("9999_0901_20260304131500.BTVL", Kind::BulkList, false),
            ("9999_0901_20260304131500_DTVL.zip", Kind::DeltaList, true),
        ] {
            let parsed = FileName::parse(name).unwrap();
            assert_eq!((parsed.kind, parsed.zipped), (kind, zipped), "{name}");
            assert_eq!(parsed.from, "0901");
            assert_eq!(
                parsed.submitted_at.to_string(),
                "2026-03-04T13:15:00Z",
                "{name}"
            );
        }
    }

    #[test]
    fn other_names_are_not_taken() {
        for name in [
            "",
            ".STRAN",
            "STRAN",
            "9999_0901_0902_20260304131500",
            "9999_0901_0902_20260304131500.zip",
            "9999_0901_0902_20260304131500.xml",
            "9999_0901_20260304131500.STRAN",
            "9999_0901_0902_20260304131500.BTVL",
            "999_0901_0902_20260304131500.STRAN",
            "9999_0901_0902_2026030413150.STRAN",
            "9999_0901_0902_20261304131500.STRAN",
            "9999_0901_0902_20260304131500_1.STRAN",
            "9999_09o1_0902_20260304131500.STRAN",
            "../9999_0901_0902_20260304131500.STRAN",
            "in/9999_0901_0902_20260304131500.STRAN",
        ] {
            assert!(FileName::parse(name).is_err(), "{name}");
        }
        assert_eq!(
            FileName::parse("9999_0902_9999_0901_0902_20260304131500_00_STRAN.ack"),
            Err(super::super::ACKNOWLEDGEMENT)
        );
    }
}
