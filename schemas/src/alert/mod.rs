//! Alert lists: what an entry must be, and what an import would change.
//!
//! In scope: entries as they are written and as they are meant, their bounds, comparing rows of a file with what is there. An
//! entry always ends, and names no driver and no owner. **An import never overwrites: what contradicts is reported and
//! left alone.** Deliberately absent: who may have a list, which an agreement decides; files, and time.

mod import;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use import::{Existing, Mode, Plan, Row, RowResult, plan};

use crate::{
    plate::{Jurisdiction, Plate, PlateError, PlatePattern},
    query::Note,
};

/// Entries of one list, unless configured otherwise.
pub const MAX_ENTRIES: usize = 2_500;

/// Longest reason code.
const MAX_REASON: usize = 32;

/// What is looked for. A partial plate has `?` for unknown characters, at least four known.
#[derive(Clone, PartialEq, Eq)]
pub enum Wanted {
    /// One plate.
    Plate(Plate),
    /// Every plate with these known characters.
    Pattern(PlatePattern),
}

/// Why a plate is wanted, as a code of the installation: lower case letters, digits and `_`, 2 to 32 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[a-z][a-z0-9_]{1,31}$", example = "stolen_vehicle")]
pub struct Reason(String);

/// Why a text is no reason code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reason is a code of 2 to 32 lower case letters, digits and `_`")]
pub struct ReasonError;

/// An entry as it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is looked for.
    pub wanted: Wanted,
    /// Who issued the plate, where that is known.
    pub jurisdiction: Option<Jurisdiction>,
    /// Why.
    pub reason: Reason,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What else its owner wants to remember; kept out of the ledger.
    pub note: Option<Note>,
}

/// An entry as it is written, in a row of a file or in a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// The plate, `?` for each unknown character.
    pub plate: String,
    /// Code of the issuer; empty for not known.
    pub jurisdiction: String,
    /// Reason code.
    pub reason: String,
    /// When it ends, with a zone: RFC 3339.
    pub expires_at: String,
    /// Free text; empty for none.
    pub note: String,
    /// The row has another number of cells than the head of its file, so that no cell is sure to be what it stands under.
    pub broken: bool,
}

/// What holds for the entries of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How long an entry may last: the shortest that the agreements of its sources allow.
    pub longest: SignedDuration,
    /// Whether partial plates are allowed.
    pub patterns: bool,
    /// How many entries there may be.
    pub most: usize,
}

/// What is wrong with an entry as it is written. Carries no part of it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    thiserror::Error,
)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// Cells are missing, or there are too many.
    #[error("the row has another number of cells than the head of the file")]
    Cells,
    /// No plate, or a text that is none.
    #[error("`plate` is not a plate")]
    Plate,
    /// What cameras and clerks write where there is no plate.
    #[error("`plate` stands for no plate")]
    Placeholder,
    /// What a spreadsheet made of a plate, or a wildcard.
    #[error("`plate` has a character no plate has, or was turned into a number by a spreadsheet")]
    Mangled,
    /// A pattern that would match nearly everything.
    #[error("`plate` needs at least 4 known characters")]
    TooFewKnown,
    /// A pattern where none is allowed.
    #[error("`plate` must be whole: this list takes no partial plates")]
    Pattern,
    /// Not a code of an issuer.
    #[error("`jurisdiction` is not an ISO 3166 code such as `US-OH`")]
    Jurisdiction,
    /// Not a reason code.
    #[error("`reason` must be a code of lower case letters, digits and `_`")]
    Reason,
    /// No end: there are no endless entries.
    #[error("`expires_at` is required: there are no endless entries")]
    NoEnd,
    /// Not a time with a zone.
    #[error("`expires_at` must be a time with a zone, as 2026-12-01T00:00:00Z")]
    End,
    /// It has ended already.
    #[error("`expires_at` is past")]
    Past,
    /// It would last longer than agreed.
    #[error("`expires_at` is later than the agreements allow")]
    TooLong,
    /// A note that is too long or looks like personal data.
    #[error("`note` is too long, or looks like personal data")]
    Note,
}

impl Wanted {
    /// A plate, or a pattern where the text has a `?`.
    ///
    /// # Errors
    /// [`Wrong::Plate`], [`Wrong::Placeholder`], [`Wrong::Mangled`] and [`Wrong::TooFewKnown`].
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        if is_mangled(text) {
            return Err(Wrong::Mangled);
        }
        let wrong = |error| match error {
            PlateError::TooFewKnown => Wrong::TooFewKnown,
            _ => Wrong::Plate,
        };
        if text.contains('?') {
            PlatePattern::parse(text).map(Self::Pattern).map_err(wrong)
        } else {
            let plate = Plate::parse(text).map_err(wrong)?;
            if stands_for_none(plate.expose()) {
                return Err(Wrong::Placeholder);
            }
            Ok(Self::Plate(plate))
        }
    }

    /// The text, as normalized. As sensitive as any plate.
    #[must_use]
    pub fn expose(&self) -> &str {
        match self {
            Self::Plate(plate) => plate.expose(),
            Self::Pattern(pattern) => pattern.expose(),
        }
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plate(plate) => plate.fmt(f),
            Self::Pattern(pattern) => pattern.fmt(f),
        }
    }
}

impl Reason {
    /// Parses a code.
    ///
    /// # Errors
    /// [`ReasonError`].
    pub fn parse(text: &str) -> Result<Self, ReasonError> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
        if (2..=MAX_REASON).contains(&text.len()) && starts && text.bytes().all(known) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ReasonError)
        }
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reason {
    type Error = ReasonError;

    fn try_from(text: String) -> Result<Self, ReasonError> {
        Self::parse(&text)
    }
}

impl Draft {
    /// The entry that is meant, at `now`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(&self, bounds: &Bounds, now: Timestamp) -> Result<Entry, Vec<Wrong>> {
        if self.broken {
            return Err(vec![Wrong::Cells]);
        }
        let mut wrong = Vec::new();
        let mut keep = |problem: Wrong| {
            wrong.push(problem);
        };
        let wanted = match Wanted::parse(self.plate.trim()) {
            Ok(Wanted::Pattern(_)) if !bounds.patterns => {
                keep(Wrong::Pattern);
                None
            }
            Ok(wanted) => Some(wanted),
            Err(problem) => {
                keep(problem);
                None
            }
        };
        let jurisdiction = match self.jurisdiction.trim() {
            "" => None,
            code => {
                let parsed = Jurisdiction::parse(code).ok();
                if parsed.is_none() {
                    keep(Wrong::Jurisdiction);
                }
                parsed
            }
        };
        let reason = Reason::parse(self.reason.trim()).ok();
        if reason.is_none() {
            keep(Wrong::Reason);
        }
        let expires_at = match ends(self.expires_at.trim(), bounds, now) {
            Ok(at) => Some(at),
            Err(problem) => {
                keep(problem);
                None
            }
        };
        let note = match self.note.trim() {
            "" => None,
            text => {
                let note = Note::parse(text).ok();
                if note.is_none() {
                    keep(Wrong::Note);
                }
                note
            }
        };
        match (wanted, reason, expires_at) {
            (Some(wanted), Some(reason), Some(expires_at)) if wrong.is_empty() => Ok(Entry {
                wanted,
                jurisdiction,
                reason,
                expires_at,
                note,
            }),
            _ => Err(wrong),
        }
    }
}

fn ends(text: &str, bounds: &Bounds, now: Timestamp) -> Result<Timestamp, Wrong> {
    if text.is_empty() {
        return Err(Wrong::NoEnd);
    }
    let at: Timestamp = text.parse().map_err(|_| Wrong::End)?;
    // Kept to the microsecond: finer, the same file again would contradict itself.
    let at = Timestamp::from_microsecond(at.as_microsecond()).map_err(|_| Wrong::End)?;
    if at <= now {
        return Err(Wrong::Past);
    }
    if at.duration_since(now) > bounds.longest {
        return Err(Wrong::TooLong);
    }
    Ok(at)
}

/// Characters that a list has for something else than a plate, and numbers as spreadsheets write them (`1E123` becomes
/// `1.00E+123`).
fn is_mangled(text: &str) -> bool {
    let foreign = text.contains(['*', '%', '=', '"', '\'', '+', '@', '<', '>', '\t']);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text
        .split_once(['E', 'e'])
        .and_then(|(mantissa, exponent)| Some((mantissa.split_once(['.', ','])?, exponent)))
        .is_some_and(|((whole, part), exponent)| digits(whole) && digits(part) && digits(exponent));
    foreign || number
}

/// Words and fillings that many cameras and clerks write where there is no plate: an entry of one would match them all.
fn stands_for_none(text: &str) -> bool {
    const WORDS: [&str; 8] = [
        "UNKNOWN", "UNK", "NOPLATE", "NOPLATES", "NONE", "NOTAG", "NULL", "NA",
    ];
    let mut chars = text.chars();
    let first = chars.next();
    let filling = chars.all(|c| Some(c) == first);
    WORDS.contains(&text) || filling || text == "190"
}

/// A cell for a program that would take it for a formula: what begins like one gets a quote before it.
#[must_use]
pub fn neutralized(cell: &str) -> String {
    let like_a_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if like_a_formula {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-26T12:00:00Z".parse().unwrap()
    }

    const BOUNDS: Bounds = Bounds {
        longest: SignedDuration::from_hours(24 * 30),
        patterns: true,
        most: MAX_ENTRIES,
    };

    fn draft() -> Draft {
        Draft {
            plate: "TPK-0421".to_owned(),
            jurisdiction: "us-oh".to_owned(),
            reason: "stolen_vehicle".to_owned(),
            expires_at: "2026-12-01T00:00:00Z".to_owned(),
            ..Draft::default()
        }
    }

    #[test]
    fn an_entry_is_what_is_meant_by_what_is_written() {
        let entry = draft().check(&BOUNDS, now()).unwrap();
        assert_eq!(entry.wanted.expose(), "TPK0421");
        assert_eq!(entry.jurisdiction, Jurisdiction::parse("US-OH").ok());
        assert!(
            !format!("{entry:?}").contains("TPK"),
            "nothing prints a plate"
        );
        let finer = Draft {
            expires_at: "2026-12-01T00:00:00.123456789Z".to_owned(),
            ..draft()
        };
        let ends = finer.check(&BOUNDS, now()).unwrap().expires_at;
        assert_eq!(ends.to_string(), "2026-12-01T00:00:00.123456Z");
        let pattern = Draft {
            plate: "TPK0?2?".to_owned(),
            jurisdiction: " ".to_owned(),
            ..draft()
        };
        let entry = pattern.check(&BOUNDS, now()).unwrap();
        assert!(matches!(entry.wanted, Wanted::Pattern(_)) && entry.jurisdiction.is_none());
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let with = |change: fn(&mut Draft)| {
            let mut draft = draft();
            change(&mut draft);
            draft.check(&BOUNDS, now()).unwrap_err()
        };
        assert_eq!(with(|draft| draft.plate = " - ".to_owned()), [Wrong::Plate]);
        assert_eq!(
            with(|draft| draft.plate = "TP??".to_owned()),
            [Wrong::TooFewKnown]
        );
        assert_eq!(
            with(|draft| draft.plate = "???????".to_owned()),
            [Wrong::TooFewKnown]
        );
        assert_eq!(
            with(|draft| draft.jurisdiction = "Ohio".to_owned()),
            [Wrong::Jurisdiction]
        );
        assert_eq!(
            with(|draft| draft.reason = "Stolen!".to_owned()),
            [Wrong::Reason]
        );
        assert_eq!(with(|draft| draft.expires_at.clear()), [Wrong::NoEnd]);
        assert_eq!(
            with(|draft| draft.expires_at = "2026-12-01".to_owned()),
            [Wrong::End]
        );
        assert_eq!(
            with(|draft| draft.expires_at = "2026-11-26T12:00:00Z".to_owned()),
            [Wrong::Past]
        );
        assert_eq!(
            with(|draft| draft.expires_at = "2026-12-26T12:00:01Z".to_owned()),
            [Wrong::TooLong]
        );
        assert_eq!(with(|draft| draft.note = "x".repeat(500)), [Wrong::Note]);
        assert_eq!(
            Draft::default().check(&BOUNDS, now()),
            Err(vec![Wrong::Plate, Wrong::Reason, Wrong::NoEnd])
        );
        assert_eq!(with(|draft| draft.broken = true), [Wrong::Cells]);
        let whole = Bounds {
            patterns: false,
            ..BOUNDS
        };
        let pattern = Draft {
            plate: "TPK0?21".to_owned(),
            ..draft()
        };
        assert_eq!(pattern.check(&whole, now()), Err(vec![Wrong::Pattern]));
        for wrong in [Wrong::Plate, Wrong::Pattern, Wrong::Note, Wrong::TooLong] {
            assert!(!wrong.to_string().contains("TPK"));
        }
    }

    #[test]
    fn what_stands_for_no_plate_or_was_one_once_is_none() {
        for none in ["0", "000", "XXXXXXX", "unknown", "No Plate", "190"] {
            assert_eq!(Wanted::parse(none), Err(Wrong::Placeholder), "{none}");
        }
        for mangled in ["TPK*", "TPK%", "=\"0123\"", "1.00E+123", "1.00E123", "@TPK"] {
            assert_eq!(Wanted::parse(mangled), Err(Wrong::Mangled), "{mangled}");
        }
        for plate in ["TPK-0421", "AB.123.C", "E123", "12E", "1E123", "123E45"] {
            assert!(Wanted::parse(plate).is_ok(), "{plate}");
        }
    }

    #[test]
    fn a_cell_is_never_a_formula() {
        for cell in ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"] {
            assert_eq!(neutralized(cell), format!("'{cell}"));
        }
        assert_eq!(neutralized("TPK0421"), "TPK0421");
    }
}
