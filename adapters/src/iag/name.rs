//! File names: the kind of a file, its parties and its time, before it is opened.

use jiff::Timestamp;

use crate::toll::time;

/// What a file holds, by its name and its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `ICTX`: transactions.
    Transactions,
    /// `ITXC`: corrections of transactions.
    Corrections,
    /// `ICRX`: what became of the money.
    Reconciliation,
    /// `IRXC`: what became of the money of corrections.
    CorrectionReconciliation,
    /// `ITAG`: tags of customers, all of them.
    Tags,
    /// `ITGU`: tags of customers, what changed.
    TagUpdates,
    /// `ICLP`: plates of customers.
    Plates,
}

/// A file name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileName {
    /// As the file came.
    pub(super) whole: String,
    /// The name without its extension and, for an archive, without the type: `0901_0902_20260304131500`.
    pub(super) stem: String,
    /// Agency that sends.
    pub(super) from: String,
    /// Agency that the file is for; lists name none.
    pub(super) to: Option<String>,
    pub(super) submitted_at: Timestamp,
    pub(super) kind: Kind,
    /// Whether the file is an archive around the data file.
    pub(super) zipped: bool,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Transactions,
        Self::Corrections,
        Self::Reconciliation,
        Self::CorrectionReconciliation,
        Self::Tags,
        Self::TagUpdates,
        Self::Plates,
    ];

    /// The four letters in names and headers.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Transactions => "ICTX",
            Self::Corrections => "ITXC",
            Self::Reconciliation => "ICRX",
            Self::CorrectionReconciliation => "IRXC",
            Self::Tags => "ITAG",
            Self::TagUpdates => "ITGU",
            Self::Plates => "ICLP",
        }
    }

    /// Why files of this kind are not read, where they are not.
    pub(super) fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Transactions | Self::Corrections => None,
            Self::Reconciliation | Self::CorrectionReconciliation => Some(super::RECONCILIATION),
            Self::Tags | Self::TagUpdates | Self::Plates => Some(super::ACCOUNT_LIST),
        }
    }

    /// The kind with this code, whatever its case.
    pub(super) fn parse(code: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.code().as_bytes().eq_ignore_ascii_case(code))
    }

    fn is_list(self) -> bool {
        self.refusal() == Some(super::ACCOUNT_LIST)
    }
}

impl FileName {
    /// Takes a name apart. Types and extensions compare without regard to case.
    ///
    /// # Errors
    /// The rule that the name breaks.
    pub(super) fn parse(name: &str) -> Result<Self, &'static str> {
        const BAD: &str = "not an IAG file name";
        let (stem, extension) = name.rsplit_once('.').ok_or(BAD)?;
        if extension.eq_ignore_ascii_case("ack") {
            return Err(super::ACKNOWLEDGEMENT);
        }
        let zipped = extension.eq_ignore_ascii_case("zip");
        let (stem, code) = if zipped {
            stem.rsplit_once('_').ok_or(BAD)?
        } else {
            (stem, extension)
        };
        let kind = Kind::parse(code.as_bytes()).ok_or(BAD)?;
        let mut parts = stem.split('_');
        let mut agency = || parts.next().filter(|part| is_id(part));
        let from = agency().ok_or(BAD)?.to_owned();
        let to = if kind.is_list() {
            None
        } else {
            Some(agency().ok_or(BAD)?.to_owned())
        };
        let submitted_at = parts.next().and_then(time::parse_compact).ok_or(BAD)?;
        if parts.next().is_some() {
            return Err(BAD);
        }
        Ok(Self {
            whole: name.to_owned(),
            stem: stem.to_owned(),
            from,
            to,
            submitted_at,
            kind,
            zipped,
        })
    }

    /// Whether `entry` is the name of the data file that belongs into this archive.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(super) fn holds(&self, entry: &str) -> Result<(), &'static str> {
        let inner = Self::parse(entry).map_err(|_| "entry name is not an IAG file name")?;
        if !inner.zipped && inner.stem == self.stem && inner.kind == self.kind {
            Ok(())
        } else {
            Err("entry name is not that of the archive")
        }
    }
}

/// Whether `text` is the id of an agency: 4 digits.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_whatever_the_case_of_their_extension() {
        for (name, kind, zipped) in [
            ("0901_0902_20260304131500.ICTX", Kind::Transactions, false),
            ("0901_0902_20260304131500_itxc.ZIP", Kind::Corrections, true),
            (
                "0901_0902_20260304131500_ICRX.zip",
                Kind::Reconciliation,
                true,
            ),
            ("0901_20260304131500_ITAG.ZIP", Kind::Tags, true),
            ("0901_20260304131500.ICLP", Kind::Plates, false),
        ] {
            let parsed = FileName::parse(name).unwrap();
            assert_eq!((parsed.kind, parsed.zipped), (kind, zipped), "{name}");
            assert_eq!(parsed.from, "0901");
            assert_eq!(parsed.to.is_none(), kind.is_list(), "{name}");
            assert_eq!(parsed.submitted_at.to_string(), "2026-03-04T13:15:00Z");
        }
    }

    #[test]
    fn other_names_are_not_taken() {
        for name in [
            "",
            "ICTX",
            "0901_0902_20260304131500",
            "0901_0902_20260304131500.zip",
            "0901_0902_20260304131500.ITLP",
            "0901_20260304131500.ICTX",
            "0901_0902_20260304131500.ITAG",
            "901_0902_20260304131500.ICTX",
            "0901_0902_20261304131500.ICTX",
            "0901_0902_20260304131500_1.ICTX",
            "../0901_0902_20260304131500.ICTX",
        ] {
            assert!(FileName::parse(name).is_err(), "{name}");
        }
        assert_eq!(
            FileName::parse("0902_0901_0902_20260304131500_ICTX.ACK"),
            Err(super::super::ACKNOWLEDGEMENT)
        );
    }
}
