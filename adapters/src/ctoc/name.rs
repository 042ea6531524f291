//! File names: the kind of a file, its parties and its time, before it is opened.

use jiff::civil::DateTime;

/// What a file holds, by the ending of its name and by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `pbp`: transactions by plate.
    PayByPlate,
    /// `cor`: corrections.
    Corrections,
    /// `tol`: transactions by tag; there is no plate in them.
    Toll,
    /// `tag`: tags of customers.
    Tags,
    /// `plt`: plates of customers.
    Plates,
    /// `trc`: what became of the money of a `tol`.
    Reconciliation,
    /// `prc`: what became of the money of a `pbp`.
    PlateReconciliation,
    /// `crc`: what became of the money of a `cor`.
    CorrectionReconciliation,
}

/// A file name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileName {
    /// As the file came.
    pub(super) whole: String,
    /// The time as it stands there: `20260304T051500`.
    pub(super) stamp: String,
    /// Agency that sends, 2 small letters.
    pub(super) from: String,
    /// Agency that the file is for, 2 small letters.
    pub(super) to: String,
    /// When the file was made, by the clock of the sender.
    pub(super) created: DateTime,
    pub(super) kind: Kind,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::PayByPlate,
        Self::Corrections,
        Self::Toll,
        Self::Tags,
        Self::Plates,
        Self::Reconciliation,
        Self::PlateReconciliation,
        Self::CorrectionReconciliation,
    ];

    fn extension(self) -> &'static str {
        match self {
            Self::PayByPlate => "pbp",
            Self::Corrections => "cor",
            Self::Toll => "tol",
            Self::Tags => "tag",
            Self::Plates => "plt",
            Self::Reconciliation => "trc",
            Self::PlateReconciliation => "prc",
            Self::CorrectionReconciliation => "crc",
        }
    }

    /// The word in headers and acknowledgements.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::PayByPlate => "PAYBYPLATE",
            Self::Corrections => "CORR",
            Self::Toll => "TOLL",
            Self::Tags => "TAGS",
            Self::Plates => "PLATES",
            Self::Reconciliation => "RECONCILE",
            Self::PlateReconciliation => "PLATERECON",
            Self::CorrectionReconciliation => "CORRECON",
        }
    }

    /// Why files of this kind are not read, where they are not.
    pub(super) fn refusal(self) -> Option<&'static str> {
        match self {
            Self::PayByPlate | Self::Corrections => None,
            Self::Toll => Some(super::TAG_TRANSACTIONS),
            Self::Tags | Self::Plates => Some(super::ACCOUNT_LIST),
            Self::Reconciliation | Self::PlateReconciliation | Self::CorrectionReconciliation => {
                Some(super::RECONCILIATION)
            }
        }
    }

    /// The kind whose headers have this word.
    pub(super) fn of_header(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl FileName {
    /// Takes a name apart: `qaqb_20260304T051500.pbp`. Endings compare without regard to case.
    ///
    /// # Errors
    /// The rule that the name breaks.
    pub(super) fn parse(name: &str) -> Result<Self, &'static str> {
        const BAD: &str = "not a CTOC file name";
        let (stem, extension) = name.rsplit_once('.').ok_or(BAD)?;
        if extension.eq_ignore_ascii_case("ack") {
            return Err(super::ACKNOWLEDGEMENT);
        }
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.extension().eq_ignore_ascii_case(extension))
            .ok_or(BAD)?;
        let (parties, stamp) = stem.split_once('_').ok_or(BAD)?;
        let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
        if parties.len() != 4 || !letters(parties) {
            return Err(BAD);
        }
        let (from, to) = parties.split_at_checked(2).ok_or(BAD)?;
        Ok(Self {
            whole: name.to_owned(),
            stamp: stamp.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            created: stamped(stamp).ok_or(BAD)?,
            kind,
        })
    }
}

/// `YYYYMMDDThhmmss`.
fn stamped(text: &str) -> Option<DateTime> {
    let digits = |(at, byte): (usize, u8)| match at {
        8 => byte == b'T',
        _ => byte.is_ascii_digit(),
    };
    let form = text.len() == 15 && text.bytes().enumerate().all(digits);
    form.then(|| text.parse().ok()).flatten()
}

/// Whether `text` is the code of an agency, 2 letters.
pub(super) fn is_agency(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart() {
        let name = FileName::parse("qaqb_20260304T051500.PBP").unwrap();
        assert_eq!(name.kind, Kind::PayByPlate);
        assert_eq!((&*name.from, &*name.to), ("qa", "qb"));
        assert_eq!(name.created.to_string(), "2026-03-04T05:15:00");
        for kind in Kind::ALL {
            let name = format!("qaqb_20260304T051500.{}", kind.extension());
            assert_eq!(FileName::parse(&name).unwrap().kind, kind);
            assert_eq!(Kind::of_header(kind.word()), Some(kind));
        }
    }

    #[test]
    fn other_names_are_not_taken() {
        for name in [
            "",
            "pbp",
            ".pbp",
            "qaqb_20260304T051500",
            "qaqb_20260304T051500.csv",
            "QAQB_20260304T051500.pbp",
            "qaq_20260304T051500.pbp",
            "qaqbq_20260304T051500.pbp",
            "qaqb_20260304 051500.pbp",
            "qaqb_20261304T051500.pbp",
            "qaqb_20260304T0515.pbp",
            "qaqb_20260304T051500_1.pbp",
            "../qaqb_20260304T051500.pbp",
            "éa_20260304T051500.pbp",
        ] {
            assert!(FileName::parse(name).is_err(), "{name}");
        }
        assert_eq!(
            FileName::parse("qbqa_20260304T060000_qaqb_20260304T051500.ACK"),
            Err(super::super::ACKNOWLEDGEMENT)
        );
    }
}
