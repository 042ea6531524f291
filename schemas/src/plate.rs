//! Plates and who issued them.
//!
//! In scope: normalization, look-alike folding (for matching only), partial plates, jurisdictions and
//! their three-valued comparison. Deliberately absent: any `Display` of a plate. The text leaves
//! through [`Plate::expose`] and serialization only, so every exit is one search away.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

/// Longest normalized plate, in characters. The longest published format (NIOP) allows 15.
pub const MAX_PLATE_CHARS: usize = 20;

/// Fewest known characters of a partial plate.
pub const MIN_KNOWN_CHARS: usize = 4;

/// A plate as normalized: NFKC, upper case, separators removed; any script. The raw text is kept.
///
/// Two plates are equal when their normalized texts are equal, whatever their raw texts were.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "PlateParts")]
pub struct Plate {
    /// Normalized text: letters, digits and combining marks only, upper case.
    text: String,
    /// The text exactly as the source sent it.
    raw: String,
}

/// A plate of which some characters are unknown: `?` stands for exactly one character.
#[derive(Clone, PartialEq, Eq)]
pub struct PlatePattern {
    text: String,
    known: usize,
}

/// A plate folded so that characters that cameras confuse are equal. For matching only, never for storage of a read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FoldedPlate(String);

/// Why a text is not a plate. Carries no part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlateError {
    /// Nothing is left once separators are removed.
    #[error("plate is empty once separators are removed")]
    Empty,
    /// More than [`MAX_PLATE_CHARS`] characters.
    #[error("plate is longer than {MAX_PLATE_CHARS} characters")]
    TooLong,
    /// A partial plate with fewer than [`MIN_KNOWN_CHARS`] known characters.
    #[error("partial plate needs at least {MIN_KNOWN_CHARS} known characters")]
    TooFewKnown,
    /// A pattern without any unknown character.
    #[error("partial plate has no unknown character `?`")]
    NothingUnknown,
    /// The stored text is not the normal form of the stored raw text.
    #[error("plate text is not the normal form of its raw text")]
    NotNormal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlateParts {
    text: String,
    raw: String,
}

impl Plate {
    /// Normalizes `raw`.
    ///
    /// # Errors
    /// [`PlateError::Empty`] and [`PlateError::TooLong`].
    pub fn parse(raw: &str) -> Result<Self, PlateError> {
        let text = normalize(raw, |_| false)?;
        Ok(Self {
            text,
            raw: raw.to_owned(),
        })
    }

    /// The normalized text. Every place where a plate leaves the type names this method.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The text as the source sent it.
    #[must_use]
    pub fn expose_raw(&self) -> &str {
        &self.raw
    }

    /// The same plate with the vendor's spelling forgotten: `raw` becomes the normalized text.
    #[must_use]
    pub fn without_raw(&self) -> Self {
        Self {
            text: self.text.clone(),
            raw: self.text.clone(),
        }
    }

    /// The look-alike fold of this plate.
    #[must_use]
    pub fn folded(&self) -> FoldedPlate {
        FoldedPlate(self.text.chars().map(fold).collect())
    }

    /// Number of characters of the normalized text.
    #[must_use]
    pub fn chars(&self) -> usize {
        self.text.chars().count()
    }
}

impl PlatePattern {
    /// Parses a partial plate in which `?` is one unknown character.
    ///
    /// # Errors
    /// [`PlateError::TooFewKnown`] below [`MIN_KNOWN_CHARS`] known characters,
    /// [`PlateError::NothingUnknown`] without a `?`, and those of [`Plate::parse`].
    pub fn parse(raw: &str) -> Result<Self, PlateError> {
        let text = normalize(raw, |c| c == '?')?;
        let known = text.chars().filter(|c| *c != '?').count();
        if known == text.chars().count() {
            return Err(PlateError::NothingUnknown);
        }
        if known < MIN_KNOWN_CHARS {
            return Err(PlateError::TooFewKnown);
        }
        Ok(Self { text, known })
    }

    /// The pattern's text, `?` for each unknown character.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The look-alike fold of the known characters, `?` kept: it matches the fold of every plate the pattern matches.
    #[must_use]
    pub fn folded(&self) -> FoldedPlate {
        FoldedPlate(self.text.chars().map(fold).collect())
    }

    /// Number of known characters, at least [`MIN_KNOWN_CHARS`].
    #[must_use]
    pub fn known(&self) -> usize {
        self.known
    }

    /// Whether `plate` has the same length and every known character.
    #[must_use]
    pub fn matches(&self, plate: &Plate) -> bool {
        let mut pattern = self.text.chars();
        let mut text = plate.expose().chars();
        loop {
            match (pattern.next(), text.next()) {
                (None, None) => return true,
                (Some('?'), Some(_)) => {}
                (Some(known), Some(seen)) if known == seen => {}
                _ => return false,
            }
        }
    }
}

impl FoldedPlate {
    /// The folded text; as sensitive as the plate itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Plate {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Plate {}

impl std::hash::Hash for Plate {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for Plate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plate({} chars)", self.chars())
    }
}

impl fmt::Debug for PlatePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlatePattern({} known)", self.known)
    }
}

impl fmt::Debug for FoldedPlate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FoldedPlate({} chars)", self.0.chars().count())
    }
}

impl TryFrom<PlateParts> for Plate {
    type Error = PlateError;

    fn try_from(parts: PlateParts) -> Result<Self, PlateError> {
        let plate = Self::parse(&parts.raw)?;
        if plate.text == parts.text {
            Ok(plate)
        } else {
            Err(PlateError::NotNormal)
        }
    }
}

/// Keeps letters, digits, marks and `keep` of the upper-cased NFKC form.
fn normalize(raw: &str, keep: fn(char) -> bool) -> Result<String, PlateError> {
    // Most plates come in their normal form.
    let normal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    if (1..=MAX_PLATE_CHARS).contains(&raw.len()) && raw.bytes().all(normal) {
        return Ok(raw.to_owned());
    }
    let kept = |c: &char| is_plate_char(*c) || keep(*c);
    let text = if raw.is_ascii() {
        let mut text = String::with_capacity(raw.len());
        text.extend(raw.chars().map(|c| c.to_ascii_uppercase()).filter(kept));
        text
    } else {
        normalize_unicode(raw, kept)
    };
    match text.chars().take(MAX_PLATE_CHARS + 1).count() {
        0 => Err(PlateError::Empty),
        chars if chars > MAX_PLATE_CHARS => Err(PlateError::TooLong),
        _ => Ok(text),
    }
}

/// Upper-casing can decompose and removing a separator can bring marks together, so the passes run to a fixed point.
fn normalize_unicode(raw: &str, kept: impl Fn(&char) -> bool) -> String {
    let mut text = raw.to_owned();
    for _ in 0..4 {
        let next: String = text
            .nfkc()
            .flat_map(char::to_uppercase)
            .nfkc()
            .filter(&kept)
            .collect();
        if next == text {
            break;
        }
        text = next;
    }
    text
}

fn is_plate_char(c: char) -> bool {
    c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c)
}

/// Look-alikes: what fixed-font plates and optical readers confuse, within Latin and across Greek and Cyrillic,
/// and decimal digits of the scripts used on plates. Applied to both sides of a comparison.
fn fold(c: char) -> char {
    match c {
        'O' | 'Q' | 'D' | 'О' | 'Ο' => '0',
        'I' | 'L' | 'І' | 'Ι' => '1',
        'Z' | 'Ζ' => '2',
        'S' | 'Ѕ' => '5',
        'G' => '6',
        'B' | 'В' | 'Β' => '8',
        'А' | 'Α' => 'A',
        'Е' | 'Ε' => 'E',
        'К' | 'Κ' => 'K',
        'М' | 'Μ' => 'M',
        'Н' | 'Η' => 'H',
        'Ν' => 'N',
        'Р' | 'Ρ' => 'P',
        'С' => 'C',
        'Т' | 'Τ' => 'T',
        'У' | 'Υ' => 'Y',
        'Х' | 'Χ' => 'X',
        other => ascii_digit(other).unwrap_or(other),
    }
}

/// ASCII form of an Arabic-Indic, Persian, Devanagari, Bengali or Thai digit.
fn ascii_digit(c: char) -> Option<char> {
    const ZEROS: [u32; 5] = [0x0660, 0x06F0, 0x0966, 0x09E6, 0x0E50];
    let code = u32::from(c);
    ZEROS
        .iter()
        .find(|zero| (**zero..**zero + 10).contains(&code))
        .and_then(|zero| char::from_digit(code - zero, 10))
}

/// Who issued a plate: ISO 3166-1 alpha-2 (`US`) or ISO 3166-2 (`US-OH`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "US-OH", pattern = "^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
pub struct Jurisdiction(String);

/// Why a text is not a jurisdiction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("jurisdiction is not an ISO 3166-1 or ISO 3166-2 code such as `US` or `US-OH`")]
pub struct JurisdictionError;

/// Three-valued comparison of jurisdictions.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum JurisdictionMatch {
    /// Both known and equal.
    Same,
    /// One side is absent, or one names only the country of the other.
    Unknown,
    /// Both known and not reconcilable.
    Different,
}

impl Jurisdiction {
    /// Parses a code; case-insensitive. The country must be an assigned ISO 3166-1 code;
    /// the subdivision is checked for shape only, because the lists change every year.
    ///
    /// # Errors
    /// [`JurisdictionError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, JurisdictionError> {
        let code = text.trim().to_ascii_uppercase();
        let (country, subdivision) = match code.split_once('-') {
            Some((country, subdivision)) => (country, Some(subdivision)),
            None => (code.as_str(), None),
        };
        if !is_country(country) || !subdivision.is_none_or(is_subdivision) {
            return Err(JurisdictionError);
        }
        Ok(Self(code))
    }

    /// The code, upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The ISO 3166-1 alpha-2 part.
    #[must_use]
    pub fn country(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }

    /// Whether the code names a subdivision.
    #[must_use]
    pub fn has_subdivision(&self) -> bool {
        self.0.contains('-')
    }

    /// Whether `self` is `area` or lies in it: `US-OH` lies in `US`.
    #[must_use]
    pub fn within(&self, area: &Self) -> bool {
        self == area || (!area.has_subdivision() && area.country() == self.country())
    }

    /// Compares two optional jurisdictions. Absence is [`JurisdictionMatch::Unknown`], never a match.
    #[must_use]
    pub fn compare(left: Option<&Self>, right: Option<&Self>) -> JurisdictionMatch {
        let (Some(left), Some(right)) = (left, right) else {
            return JurisdictionMatch::Unknown;
        };
        if left.country() != right.country() {
            JurisdictionMatch::Different
        } else if left.has_subdivision() != right.has_subdivision() {
            JurisdictionMatch::Unknown
        } else if left == right {
            JurisdictionMatch::Same
        } else {
            JurisdictionMatch::Different
        }
    }
}

impl TryFrom<String> for Jurisdiction {
    type Error = JurisdictionError;

    fn try_from(text: String) -> Result<Self, JurisdictionError> {
        Self::parse(&text)
    }
}

impl From<Jurisdiction> for String {
    fn from(jurisdiction: Jurisdiction) -> Self {
        jurisdiction.0
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_subdivision(text: &str) -> bool {
    (1..=3).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn is_country(text: &str) -> bool {
    let &[first, second] = text.as_bytes() else {
        return false;
    };
    let row = first.checked_sub(b'A').map(usize::from);
    let seconds = row.and_then(|row| COUNTRY_ROWS.get(row)).copied();
    let column = second.checked_sub(b'A').filter(|column| *column < 26);
    seconds
        .zip(column)
        .is_some_and(|(seconds, column)| seconds >> column & 1 == 1)
}

/// For each first letter, a bit for each second letter: bulk decoders ask once a record.
const COUNTRY_ROWS: [u32; 26] = country_rows();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when compiled: out of bounds does not build"
)]
const fn country_rows() -> [u32; 26] {
    let codes = COUNTRIES.as_bytes();
    let mut rows = [0; 26];
    let mut at = 0;
    while at < codes.len() {
        rows[(codes[at] - b'A') as usize] |= 1 << (codes[at + 1] - b'A');
        at += 3;
    }
    rows
}

/// Assigned ISO 3166-1 alpha-2 codes, and `XK` as used on plates.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL \
GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR \
LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK \
PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR \
TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn normalization_is_a_table() {
        for (raw, text) in [
            ("tpk 0421", "TPK0421"),
            ("TPK-04·21", "TPK0421"),
            ("ＴＰＫ０４２１", "TPK0421"),
            ("б 123 вг", "Б123ВГ"),
            ("straße1", "STRASSE1"),
            ("กก 1234", "กก1234"),
            ("\u{feff}TPK\u{200b}0421\n", "TPK0421"),
        ] {
            assert_eq!(
                Plate::parse(raw).map(|p| p.expose().to_owned()),
                Ok(text.to_owned())
            );
        }
        assert_eq!(Plate::parse(" -- "), Err(PlateError::Empty));
        assert_eq!(Plate::parse(&"A".repeat(21)), Err(PlateError::TooLong));
    }

    #[test]
    fn look_alikes_fold_together_and_others_do_not() {
        let folded = |raw: &str| Plate::parse(raw).unwrap().folded();
        assert_eq!(folded("TPKO42I"), folded("TPK0421"));
        assert_eq!(folded("ТРК0421"), folded("TPK0421"));
        assert_eq!(folded("٤٢١"), folded("421"));
        assert_ne!(folded("TPK0422"), folded("TPK0421"));
    }

    #[test]
    fn debug_shows_only_a_length() {
        let plate = Plate::parse("TPK0421").unwrap();
        assert_eq!(
            format!("{plate:?} {:?}", plate.folded()),
            "Plate(7 chars) FoldedPlate(7 chars)"
        );
    }

    #[test]
    fn partial_plates_need_four_known_characters() {
        assert_eq!(PlatePattern::parse("TPK?"), Err(PlateError::TooFewKnown));
        assert_eq!(
            PlatePattern::parse("TPK0421"),
            Err(PlateError::NothingUnknown)
        );
        let pattern = PlatePattern::parse("tpk-0?21").unwrap();
        assert!(pattern.matches(&Plate::parse("TPK0421").unwrap()));
        assert!(!pattern.matches(&Plate::parse("TPK04210").unwrap()));
        assert!(!pattern.matches(&Plate::parse("TPX0421").unwrap()));
    }

    #[test]
    fn jurisdictions_compare_three_valued() {
        let j = |text: &str| Jurisdiction::parse(text).ok();
        for (left, right, want) in [
            (j("US-OH"), j("us-oh"), JurisdictionMatch::Same),
            (j("US"), j("US"), JurisdictionMatch::Same),
            (j("US-OH"), j("US"), JurisdictionMatch::Unknown),
            (j("US-OH"), None, JurisdictionMatch::Unknown),
            (None, None, JurisdictionMatch::Unknown),
            (j("US-OH"), j("US-GA"), JurisdictionMatch::Different),
            (j("US-OH"), j("CA"), JurisdictionMatch::Different),
        ] {
            assert_eq!(Jurisdiction::compare(left.as_ref(), right.as_ref()), want);
        }
        for bad in ["", "ZZ", "USA", "US-", "US-OHIO", "US_OH"] {
            assert_eq!(Jurisdiction::parse(bad), Err(JurisdictionError));
        }
    }

    proptest! {
        #[test]
        fn normalization_is_idempotent_and_never_panics(raw in "\\PC{0,40}") {
            if let Ok(plate) = Plate::parse(&raw) {
                let again = Plate::parse(plate.expose()).unwrap();
                prop_assert_eq!(again.expose(), plate.expose());
                prop_assert!(plate.chars() <= MAX_PLATE_CHARS);
                prop_assert_eq!(plate.folded().expose().chars().count(), plate.chars());
            }
        }

        #[test]
        fn stored_plates_come_back(raw in "[A-Za-z0-9 -]{1,12}") {
            if let Ok(plate) = Plate::parse(&raw) {
                let json = serde_json::to_string(&plate).unwrap();
                let back: Plate = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(back.expose_raw(), plate.expose_raw());
            }
        }

        #[test]
        fn comparison_is_symmetric(a in "[A-Z]{2}(-[A-Z]{2})?", b in "[A-Z]{2}(-[A-Z]{2})?") {
            let (a, b) = (Jurisdiction::parse(&a).ok(), Jurisdiction::parse(&b).ok());
            prop_assert_eq!(Jurisdiction::compare(a.as_ref(), b.as_ref()), Jurisdiction::compare(b.as_ref(), a.as_ref()));
        }
    }
}
