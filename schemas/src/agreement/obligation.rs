//! What a permit binds its holder to.

use std::{collections::BTreeSet, fmt};

use crate::query::{CaseStanding, JUSTIFICATION_DUE};

use super::Declaration;

/// One obligation of a permit, written `name=value` in the ledger and in answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obligation {
    /// The match is confirmed against the image before anyone acts on it.
    ConfirmMatch,
    /// What was released is deleted after so many days.
    DeleteAfterDays(u32),
    /// What was released goes to nobody but these organisations.
    OnwardTransfer(BTreeSet<String>),
    /// The provider is told of the use within so many hours.
    FeedHours(u32),
    /// The question was urgent: it is justified within [`JUSTIFICATION_DUE`].
    Justification,
    /// The case is not confirmed, and someone looks into it.
    CaseFlagged(CaseStanding),
    /// The declaration the permit rests on.
    Declaration(Declaration),
    /// The permit rests on the warrant or court order the question names.
    Warrant,
    /// Reads taken at some places are not released.
    PlacesLimited,
    /// Reads less sure than this many percent are not released.
    ConfidenceFloor(u32),
    /// Positions are rounded to this many decimals of a degree.
    PositionDecimals(u32),
}

impl Obligation {
    /// Whether reads that answer the question may be held back, so that "nothing found" is not "not seen".
    #[must_use]
    pub fn withholds_reads(&self) -> bool {
        matches!(self, Self::PlacesLimited | Self::ConfidenceFloor(_))
    }
}

impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConfirmMatch => f.write_str("confirm_match=true"),
            Self::DeleteAfterDays(days) => write!(f, "delete_after_days={days}"),
            Self::OnwardTransfer(to) if to.is_empty() => f.write_str("onward_transfer=none"),
            Self::OnwardTransfer(to) => {
                let names: Vec<&str> = to.iter().map(String::as_str).collect();
                write!(f, "onward_transfer={}", names.join(","))
            }
            Self::FeedHours(hours) => write!(f, "feed_hours={hours}"),
            Self::Justification => {
                write!(f, "justification_due_h={}", JUSTIFICATION_DUE.as_hours())
            }
            Self::CaseFlagged(standing) => write!(f, "case_flagged={}", standing.as_str()),
            Self::Declaration(on_file) => {
                write!(f, "declaration={} sha256:{}", on_file.id, on_file.sha256)
            }
            Self::Warrant => f.write_str("warrant=named"),
            Self::PlacesLimited => f.write_str("places=limited"),
            Self::ConfidenceFloor(percent) => write!(f, "confidence_floor_percent={percent}"),
            Self::PositionDecimals(decimals) => write!(f, "position_decimals={decimals}"),
        }
    }
}
