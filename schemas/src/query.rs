//! A question about one plate.
//!
//! A [`Query`] cannot be built without plate, window, purpose, case reference and `on_behalf_of`, so
//! nothing downstream checks for them. Deliberately absent: any question by place, time or list alone.

mod note;
mod purpose;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

pub use self::{
    note::{MAX_NOTE_CHARS, Note, NoteError},
    purpose::{CaseStanding, JUSTIFICATION_DUE, Offence, Purpose},
};
use crate::{
    plate::{Jurisdiction, JurisdictionMatch, Plate, PlatePattern},
    read::{IdError, is_identifier},
};

/// Longest window of a question with a partial plate, whatever an agreement allows.
pub const MAX_PARTIAL_WINDOW: SignedDuration = SignedDuration::from_hours(31 * 24);

/// The file the question belongs to: 3 to 64 characters of letters, digits and ` ./_-`, at least one a digit,
/// so that "investigation" or "n/a" is not a case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(
    value_type = String,
    min_length = 3,
    max_length = 64,
    pattern = "^([0-9]|[A-Za-z][A-Za-z ./_-]*[0-9])[A-Za-z0-9 ./_-]*$",
    example = "BRK-2026-000042"
)]
pub struct CaseRef(String);

/// Why a text is not a case reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "case reference must be 3 to 64 letters, digits or ` ./_-`, start with a letter or digit and hold a digit"
)]
pub struct CaseRefError;

/// For whom the question is asked. Always answered: there is no "unset".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum OnBehalfOf {
    /// The asking organisation itself; written `self`.
    Own,
    /// Another organisation, by its identifier.
    Organisation(String),
}

/// A half-open span of time: `from` is included, `to` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "WindowParts", deny_unknown_fields)]
pub struct TimeWindow {
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
}

/// Why two instants are not a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("window must end after it begins")]
pub struct WindowError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowParts {
    from: Timestamp,
    to: Timestamp,
}

/// How the asked plate is compared with reads.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MatchMode {
    /// Normalized texts are equal.
    Exact,
    /// Texts are equal once look-alike characters are folded together.
    LookAlike,
    /// The asked text has `?` for unknown characters, at least four known.
    Partial,
}

/// The plate of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedPlate {
    /// Compared exactly.
    Exact(Plate),
    /// Compared after folding look-alikes.
    LookAlike(Plate),
    /// Compared where characters are known.
    Partial(PlatePattern),
}

/// A question that may be put to sources whose agreement permits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    plate: AskedPlate,
    jurisdiction: Option<Jurisdiction>,
    window: TimeWindow,
    purpose: Purpose,
    case: CaseRef,
    on_behalf_of: OnBehalfOf,
    offence: Option<Offence>,
    urgent: bool,
    case_standing: CaseStanding,
    warrant: Option<CaseRef>,
}

/// Why a question cannot be built from its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// A partial plate over more than [`MAX_PARTIAL_WINDOW`].
    #[error("a partial plate needs a window of at most 31 days")]
    PartialWindowTooLong,
}

impl CaseRef {
    /// Parses a case reference.
    ///
    /// # Errors
    /// [`CaseRefError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, CaseRefError> {
        let text = text.trim();
        let allowed = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b" ./_-".contains(&b));
        let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let has_digit = text.bytes().any(|b| b.is_ascii_digit());
        if (3..=64).contains(&text.len()) && allowed && starts && has_digit {
            Ok(Self(text.to_owned()))
        } else {
            Err(CaseRefError)
        }
    }

    /// The reference.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CaseRef {
    type Error = CaseRefError;

    fn try_from(text: String) -> Result<Self, CaseRefError> {
        Self::parse(&text)
    }
}

impl From<CaseRef> for String {
    fn from(case: CaseRef) -> Self {
        case.0
    }
}

impl TryFrom<String> for OnBehalfOf {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        match text.as_str() {
            "self" => Ok(Self::Own),
            id if is_identifier(id) => Ok(Self::Organisation(text)),
            _ => Err(IdError),
        }
    }
}

impl From<OnBehalfOf> for String {
    fn from(on_behalf_of: OnBehalfOf) -> Self {
        match on_behalf_of {
            OnBehalfOf::Own => "self".to_owned(),
            OnBehalfOf::Organisation(id) => id,
        }
    }
}

impl PartialSchema for OnBehalfOf {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "`self`, or the identifier of the organisation asked for",
            ))
            .pattern(Some("^[a-z0-9][a-z0-9-]{0,63}$"))
            .examples(["self"])
            .into()
    }
}

impl ToSchema for OnBehalfOf {}

impl TimeWindow {
    /// A window from `from` (included) to `to` (excluded).
    ///
    /// # Errors
    /// [`WindowError`] unless `from < to`.
    pub fn new(from: Timestamp, to: Timestamp) -> Result<Self, WindowError> {
        if from < to {
            Ok(Self { from, to })
        } else {
            Err(WindowError)
        }
    }

    /// First instant inside.
    #[must_use]
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// First instant after.
    #[must_use]
    pub fn to(&self) -> Timestamp {
        self.to
    }

    /// Whether `at` is inside.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// How long it is.
    #[must_use]
    pub fn span(&self) -> SignedDuration {
        self.to.duration_since(self.from)
    }

    /// The same window, ending after at most `longest`.
    #[must_use]
    pub fn at_most(&self, longest: SignedDuration) -> Self {
        let end = self.from.checked_add(longest).unwrap_or(self.to);
        Self::new(self.from, self.to.min(end)).unwrap_or(*self)
    }

    /// The part of the window at or after `earliest`, if any is left.
    #[must_use]
    pub fn not_before(&self, earliest: Timestamp) -> Option<Self> {
        Self::new(self.from.max(earliest), self.to).ok()
    }
}

impl TryFrom<WindowParts> for TimeWindow {
    type Error = WindowError;

    fn try_from(parts: WindowParts) -> Result<Self, WindowError> {
        Self::new(parts.from, parts.to)
    }
}

impl AskedPlate {
    /// How it is compared.
    #[must_use]
    pub fn mode(&self) -> MatchMode {
        match self {
            Self::Exact(_) => MatchMode::Exact,
            Self::LookAlike(_) => MatchMode::LookAlike,
            Self::Partial(_) => MatchMode::Partial,
        }
    }

    /// The asked text as normalized; `?` for unknown characters.
    #[must_use]
    pub fn expose(&self) -> &str {
        match self {
            Self::Exact(plate) | Self::LookAlike(plate) => plate.expose(),
            Self::Partial(pattern) => pattern.expose(),
        }
    }

    /// Whether the text of `plate` answers what was asked.
    #[must_use]
    pub fn matches(&self, plate: &Plate) -> bool {
        match self {
            Self::Exact(asked) => asked == plate,
            Self::LookAlike(asked) => asked.folded() == plate.folded(),
            Self::Partial(pattern) => pattern.matches(plate),
        }
    }
}

impl Query {
    /// Builds a question.
    ///
    /// ```compile_fail
    /// // There is no way to leave a part out.
    /// let query = turnpike_schemas::query::Query { ..Default::default() };
    /// ```
    ///
    /// # Errors
    /// [`QueryError::PartialWindowTooLong`].
    pub fn new(
        plate: AskedPlate,
        window: TimeWindow,
        purpose: Purpose,
        case: CaseRef,
        on_behalf_of: OnBehalfOf,
    ) -> Result<Self, QueryError> {
        if plate.mode() == MatchMode::Partial && window.span() > MAX_PARTIAL_WINDOW {
            return Err(QueryError::PartialWindowTooLong);
        }
        Ok(Self {
            plate,
            jurisdiction: None,
            window,
            purpose,
            case,
            on_behalf_of,
            offence: purpose.implied_offence(),
            urgent: false,
            case_standing: CaseStanding::NotChecked,
            warrant: None,
        })
    }

    /// The same question about a plate of a known issuer. Reads of a different issuer no longer answer it.
    #[must_use]
    pub fn issued_by(mut self, jurisdiction: Jurisdiction) -> Self {
        self.jurisdiction = Some(jurisdiction);
        self
    }

    /// The same question about an offence of this type. An offence the purpose names already is not replaced.
    #[must_use]
    pub fn about(mut self, offence: Offence) -> Self {
        self.offence = self.purpose.implied_offence().or(Some(offence));
        self
    }

    /// The same question, declared urgent: its justification is owed within [`JUSTIFICATION_DUE`].
    #[must_use]
    pub fn urgently(mut self) -> Self {
        self.urgent = true;
        self
    }

    /// The same question, with what the case register said.
    #[must_use]
    pub fn with_case_standing(mut self, standing: CaseStanding) -> Self {
        self.case_standing = standing;
        self
    }

    /// The same question, resting on a warrant or court order of this name.
    #[must_use]
    pub fn under_warrant(mut self, warrant: CaseRef) -> Self {
        self.warrant = Some(warrant);
        self
    }

    /// The warrant or court order the asker names.
    #[must_use]
    pub fn warrant(&self) -> Option<&CaseRef> {
        self.warrant.as_ref()
    }

    /// The type of offence, where the question is about one.
    #[must_use]
    pub fn offence(&self) -> Option<Offence> {
        self.offence
    }

    /// Whether the asker declared the question urgent.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// What the case register said about the case.
    #[must_use]
    pub fn case_standing(&self) -> CaseStanding {
        self.case_standing
    }

    /// The plate asked for.
    #[must_use]
    pub fn plate(&self) -> &AskedPlate {
        &self.plate
    }

    /// Who issued the plate, where the asker knows.
    #[must_use]
    pub fn jurisdiction(&self) -> Option<&Jurisdiction> {
        self.jurisdiction.as_ref()
    }

    /// The window asked for; a permit can hold a smaller one.
    #[must_use]
    pub fn window(&self) -> TimeWindow {
        self.window
    }

    /// Why.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// For which file.
    #[must_use]
    pub fn case(&self) -> &CaseRef {
        &self.case
    }

    /// For whom.
    #[must_use]
    pub fn on_behalf_of(&self) -> &OnBehalfOf {
        &self.on_behalf_of
    }

    /// Whether an observed plate answers the question: the text matches and the issuer is not known to differ.
    #[must_use]
    pub fn is_answered_by(&self, observed: &crate::read::ObservedPlate) -> bool {
        self.plate.matches(&observed.plate)
            && Jurisdiction::compare(self.jurisdiction.as_ref(), observed.jurisdiction.as_ref())
                != JurisdictionMatch::Different
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_word_is_not_a_case_reference() {
        for bad in [
            "",
            "n/a",
            "investigation",
            "A1",
            "case #42",
            "-2026-1",
            &"9".repeat(65),
            "BRK\u{e9}1",
        ] {
            assert_eq!(CaseRef::parse(bad), Err(CaseRefError), "{bad}");
        }
        assert!(CaseRef::parse("BRK-2026-000042").is_ok());
    }

    #[test]
    fn a_window_is_half_open_and_never_empty() {
        let (from, to) = (at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:00Z"));
        assert_eq!(TimeWindow::new(from, from), Err(WindowError));
        let window = TimeWindow::new(from, to).unwrap();
        assert!(window.contains(from) && !window.contains(to));
        assert_eq!(window.not_before(to), None);
        assert!(
            serde_json::from_str::<TimeWindow>(
                r#"{"from":"2026-03-02T00:00:00Z","to":"2026-03-01T00:00:00Z"}"#
            )
            .is_err()
        );
    }

    #[test]
    fn a_partial_plate_needs_a_bounded_window() {
        let ask = |to| {
            Query::new(
                AskedPlate::Partial(PlatePattern::parse("TPK0?2?").unwrap()),
                TimeWindow::new(at("2026-01-01T00:00:00Z"), at(to)).unwrap(),
                Purpose::StolenVehicle,
                CaseRef::parse("BRK-1").unwrap(),
                OnBehalfOf::Own,
            )
        };
        assert!(ask("2026-02-01T00:00:00Z").is_ok());
        assert_eq!(
            ask("2026-02-01T00:00:01Z"),
            Err(QueryError::PartialWindowTooLong)
        );
    }

    #[test]
    fn purposes_are_spelled_as_they_are_serialized() {
        for purpose in Purpose::ALL {
            assert_eq!(serde_json::to_value(purpose).unwrap(), purpose.as_str());
        }
    }

    #[test]
    fn a_different_issuer_does_not_answer() {
        let query = Query::new(
            AskedPlate::Exact(Plate::parse("TPK0421").unwrap()),
            TimeWindow::new(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z")).unwrap(),
            Purpose::StolenVehicle,
            CaseRef::parse("BRK-1").unwrap(),
            OnBehalfOf::Own,
        )
        .unwrap()
        .issued_by(Jurisdiction::parse("US-OH").unwrap());
        let mut observed = crate::read::ObservedPlate::bare(Plate::parse("tpk 0421").unwrap());
        assert!(query.is_answered_by(&observed));
        observed.jurisdiction = Jurisdiction::parse("US-GA").ok();
        assert!(!query.is_answered_by(&observed));
    }
}
