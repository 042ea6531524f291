//! One mapped value: where it is and what is done to it, in a fixed order.
//!
//! trim, then the markers that mean "not known", then `strip`, `case`, `table`. Nothing loops and nothing is computed.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    capture::{Captured, Scalar},
    time::{Instant, Repeated, TimeFormat, Written, Zone},
};

/// Longest name that is passed on, characters.
const MAX_NAME_CHARS: usize = 128;

pub(super) const WRONG_TYPE: &str = "wrong type";

/// What a place holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Held<T> {
    /// The place is not in the record.
    Missing,
    /// It is, and says that nothing is known: null, empty, or one of the markers.
    Unknown,
    Is(T),
}

/// A text that means "not known".
#[derive(Debug, Clone)]
pub(super) struct Marker {
    pub(super) text: String,
    pub(super) number: Option<f64>,
}

/// Upper or lower case.
#[derive(Debug, Clone, Copy)]
pub(super) enum Case {
    Upper,
    Lower,
}

/// Where a value comes from.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    /// As written in the mapping, for rejections.
    pub(super) name: String,
    pub(super) slots: Vec<usize>,
    pub(super) join: String,
    pub(super) constant: Option<String>,
    pub(super) unknown: Vec<Marker>,
    pub(super) strip: String,
    pub(super) case: Option<Case>,
    pub(super) table: Option<BTreeMap<String, String>>,
    /// A number may be written as text and a text as number.
    pub(super) loose: bool,
    /// What a number is divided by.
    pub(super) divide: Option<f64>,
}

/// A value that is a time.
#[derive(Debug)]
pub(super) struct TimeField {
    pub(super) source: Source,
    pub(super) format: TimeFormat,
    pub(super) zone: Zone,
    pub(super) repeated: Repeated,
}

/// A question about a value that is answered yes or no.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) slot: usize,
    pub(super) test: Test,
}

/// What a [`Condition`] asks.
#[derive(Debug)]
pub(super) enum Test {
    Equals(Vec<String>),
    NotEquals(Vec<String>),
    /// There is a value, and it is not false, null or empty.
    IsSet,
}

impl Source {
    /// The value as text.
    ///
    /// # Errors
    /// The rule it breaks.
    #[inline]
    pub(super) fn text<'c>(
        &'c self,
        record: &'c Captured<'_>,
    ) -> Result<Held<Cow<'c, str>>, &'static str> {
        if let Some(text) = self.as_it_is(record) {
            return Ok(Held::Is(Cow::Borrowed(text)));
        }
        self.any_text(record)
    }

    /// The text of one place that nothing is done to, which is nearly every value: `None` where there is more to it.
    #[inline]
    fn as_it_is<'c>(&self, record: &'c Captured<'_>) -> Option<&'c str> {
        let ([slot], true) = (self.slots.as_slice(), self.is_bare()) else {
            return None;
        };
        let Scalar::Text(text) = record.slot(*slot) else {
            return None;
        };
        let text = trimmed(text);
        let is_known = !text.is_empty() && !self.is_marker(text);
        is_known.then_some(text)
    }

    /// Whether nothing is done to the value.
    #[inline]
    fn is_bare(&self) -> bool {
        self.strip.is_empty()
            && self.case.is_none()
            && self.table.is_none()
            && self.constant.is_none()
    }

    #[inline]
    fn is_marker(&self, text: &str) -> bool {
        self.unknown.iter().any(|marker| marker.text == text)
    }

    fn any_text<'c>(
        &'c self,
        record: &'c Captured<'_>,
    ) -> Result<Held<Cow<'c, str>>, &'static str> {
        if let Some(constant) = &self.constant {
            return Ok(Held::Is(Cow::Borrowed(constant)));
        }
        let raw = match self.slots.as_slice() {
            [slot] => self.plain(record.slot(*slot))?,
            slots => self.joined(slots, record)?,
        };
        match raw {
            Held::Is(text) => self.converted(text),
            other => Ok(other),
        }
    }

    #[inline]
    fn plain<'c>(&self, scalar: &'c Scalar<'_>) -> Result<Held<Cow<'c, str>>, &'static str> {
        Ok(match scalar {
            Scalar::Absent => Held::Missing,
            Scalar::Null => Held::Unknown,
            Scalar::Text(text) => {
                let text = trimmed(text);
                if text.is_empty() || self.is_marker(text) {
                    Held::Unknown
                } else {
                    Held::Is(Cow::Borrowed(text))
                }
            }
            Scalar::Whole(whole) if self.loose => {
                self.number_as_text(exact(*whole), || whole.to_string())
            }
            Scalar::Real(real) if self.loose => self.number_as_text(*real, || real.to_string()),
            Scalar::Flag(flag) if self.loose => {
                Held::Is(Cow::Borrowed(if *flag { "true" } else { "false" }))
            }
            Scalar::Twice => return Err("more than once"),
            Scalar::BadText => return Err("not UTF-8"),
            _ => return Err(WRONG_TYPE),
        })
    }

    fn number_as_text(
        &self,
        number: f64,
        text: impl FnOnce() -> String,
    ) -> Held<Cow<'static, str>> {
        if self.is_unknown(number) {
            Held::Unknown
        } else {
            Held::Is(Cow::Owned(text()))
        }
    }

    fn joined<'c>(
        &self,
        slots: &[usize],
        record: &'c Captured<'_>,
    ) -> Result<Held<Cow<'c, str>>, &'static str> {
        let length = |slot: &usize| match record.slot(*slot) {
            Scalar::Text(text) => text.len() + self.join.len(),
            _ => 24,
        };
        let mut whole = String::with_capacity(slots.iter().map(length).sum());
        for (at, slot) in slots.iter().enumerate() {
            match self.plain(record.slot(*slot))? {
                Held::Is(part) => {
                    if at > 0 {
                        whole.push_str(&self.join);
                    }
                    whole.push_str(&part);
                }
                other => return Ok(other),
            }
        }
        Ok(Held::Is(Cow::Owned(whole)))
    }

    #[inline]
    fn converted<'c>(&'c self, text: Cow<'c, str>) -> Result<Held<Cow<'c, str>>, &'static str> {
        let mut text = text;
        if !self.strip.is_empty() && text.contains(|c| self.strip.contains(c)) {
            let kept: String = text.chars().filter(|c| !self.strip.contains(*c)).collect();
            text = Cow::Owned(kept);
        }
        text = match self.case {
            Some(Case::Upper) if !is_plain(&text, u8::is_ascii_uppercase) => {
                Cow::Owned(text.to_uppercase())
            }
            Some(Case::Lower) if !is_plain(&text, u8::is_ascii_lowercase) => {
                Cow::Owned(text.to_lowercase())
            }
            _ => text,
        };
        if let Some(table) = &self.table {
            let found = table.get(&*text).ok_or("not in the table")?;
            return Ok(Held::Is(Cow::Borrowed(found)));
        }
        if text.is_empty() {
            return Ok(Held::Unknown);
        }
        Ok(Held::Is(text))
    }

    /// The value as a number.
    ///
    /// # Errors
    /// The rule it breaks.
    #[inline]
    pub(super) fn number(
        &self,
        record: &Captured<'_>,
        typed: bool,
    ) -> Result<Held<f64>, &'static str> {
        if !typed && let Some(text) = self.as_it_is(record) {
            let number = finite(text)?;
            return Ok(if self.is_unknown(number) {
                Held::Unknown
            } else {
                Held::Is(self.divide.map_or(number, |by| number / by))
            });
        }
        let number = match (self.slots.as_slice(), &self.table, &self.constant) {
            ([slot], None, None) => match record.slot(*slot) {
                Scalar::Whole(whole) => Held::Is(exact(*whole)),
                Scalar::Real(real) => Held::Is(*real),
                Scalar::Text(_) if typed && !self.loose => return Err(WRONG_TYPE),
                scalar => parsed(self.plain(scalar)?)?,
            },
            _ => parsed(self.text(record)?)?,
        };
        Ok(match number {
            Held::Is(number) if self.is_unknown(number) => Held::Unknown,
            Held::Is(number) => Held::Is(self.divide.map_or(number, |by| number / by)),
            other => other,
        })
    }

    /// The value as a name: no control characters, at most 128 characters.
    #[inline]
    pub(super) fn name(&self, record: &Captured<'_>) -> Result<Option<String>, &'static str> {
        if let Some(text) = self.as_it_is(record) {
            return Ok(clean(text));
        }
        Ok(match self.any_text(record)? {
            Held::Is(text) => clean(&text),
            _ => None,
        })
    }

    fn is_unknown(&self, number: f64) -> bool {
        self.unknown
            .iter()
            .any(|marker| marker.number == Some(number))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers that large are identifiers, and those are kept as text"
)]
fn exact(whole: i64) -> f64 {
    whole as f64
}

#[inline]
fn parsed(text: Held<Cow<'_, str>>) -> Result<Held<f64>, &'static str> {
    Ok(match text {
        Held::Is(text) => Held::Is(finite(&text)?),
        Held::Missing => Held::Missing,
        Held::Unknown => Held::Unknown,
    })
}

#[inline]
fn finite(text: &str) -> Result<f64, &'static str> {
    if let Some(number) = decimal(text.as_bytes()) {
        return Ok(number);
    }
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or("not a number")
}

/// At most 15 digits with at most one point in them, which is what positions and scores are: a whole number and a power of ten
/// that a number holds exactly, so that their quotient is the nearest there is. `None` is any other text.
#[inline]
fn decimal(text: &[u8]) -> Option<f64> {
    const TENS: [f64; 16] = [
        1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ];
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if !(1..=16).contains(&digits.len()) {
        return None;
    }
    let (mut whole, mut point) = (0_u64, digits.len());
    for (at, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            // At most 16 digits, so nothing wraps.
            whole = whole.wrapping_mul(10).wrapping_add(u64::from(digit));
        } else if *byte == b'.' && point == digits.len() {
            point = at;
        } else {
            return None;
        }
    }
    let places = digits.len().saturating_sub(point + 1);
    if !(1..=15).contains(&(point + places)) {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "15 digits need 50 bits")]
    let number = whole as f64 / TENS.get(places)?;
    Some(if negative { -number } else { number })
}

/// Without white space around it. Nearly every value has none, and that is told by its first and last byte.
#[inline]
fn trimmed(text: &str) -> &str {
    let solid = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let bytes = text.as_bytes();
    if solid(bytes.first()) && solid(bytes.last()) {
        text
    } else {
        text.trim()
    }
}

/// Whether a text is ASCII without a letter of the other case.
fn is_plain(text: &str, letter: fn(&u8) -> bool) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii() && (letter(&byte) || !byte.is_ascii_alphabetic()))
}

#[inline]
fn clean(text: &str) -> Option<String> {
    // Every byte is looked at, so that many are at once.
    let printable = |good, byte: &u8| good & (b' '..=b'~').contains(byte);
    if text.len() <= MAX_NAME_CHARS && text.as_bytes().iter().fold(true, printable) {
        return (!trimmed(text).is_empty()).then(|| text.to_owned());
    }
    let signs = text.chars().filter(|c| !c.is_control());
    let name: String = signs.take(MAX_NAME_CHARS).collect();
    (!name.trim().is_empty()).then_some(name)
}

impl TimeField {
    /// The instant.
    ///
    /// # Errors
    /// The rule the value breaks.
    #[inline]
    pub(super) fn read(&self, record: &Captured<'_>) -> Result<Held<Instant>, &'static str> {
        let written = match (self.source.slots.as_slice(), &self.format) {
            ([slot], TimeFormat::Epoch { .. }) => match record.slot(*slot) {
                Scalar::Whole(whole) if !self.source.is_unknown(exact(*whole)) => {
                    Written::Whole(*whole)
                }
                Scalar::Real(real) if !self.source.is_unknown(*real) => Written::Fraction(*real),
                Scalar::Whole(_) | Scalar::Real(_) => return Ok(Held::Unknown),
                _ => match self.source.text(record)? {
                    Held::Is(text) => Written::Text(text),
                    Held::Missing => return Ok(Held::Missing),
                    Held::Unknown => return Ok(Held::Unknown),
                },
            },
            _ => match self.source.text(record)? {
                Held::Is(text) => Written::Text(text),
                Held::Missing => return Ok(Held::Missing),
                Held::Unknown => return Ok(Held::Unknown),
            },
        };
        let named = match self.zone {
            Zone::Field { slot, .. } => match record.slot(slot) {
                Scalar::Text(text) => Some(text.trim()),
                _ => None,
            },
            _ => None,
        };
        let instant = self
            .format
            .read(&written, &self.zone, named, self.repeated)?;
        Ok(Held::Is(instant))
    }
}

impl Condition {
    /// Whether it holds.
    pub(super) fn holds(&self, values: &[Scalar<'_>]) -> bool {
        let scalar = values.get(self.slot).unwrap_or(&Scalar::Absent);
        match &self.test {
            Test::Equals(texts) => {
                said(scalar).is_some_and(|said| texts.iter().any(|text| *text == said))
            }
            Test::NotEquals(texts) => {
                said(scalar).is_none_or(|said| texts.iter().all(|text| *text != said))
            }
            Test::IsSet => match scalar {
                Scalar::Absent | Scalar::Null | Scalar::Flag(false) => false,
                Scalar::Text(text) => !text.trim().is_empty(),
                _ => true,
            },
        }
    }
}

fn said<'s>(scalar: &'s Scalar<'_>) -> Option<Cow<'s, str>> {
    Some(match scalar {
        Scalar::Text(text) => Cow::Borrowed(text.trim()),
        Scalar::Whole(whole) => Cow::Owned(whole.to_string()),
        Scalar::Real(real) => Cow::Owned(real.to_string()),
        Scalar::Flag(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(source: &Source, scalar: Scalar<'static>) -> Result<Held<String>, &'static str> {
        let record = Captured {
            slots: vec![scalar],
            candidates: Vec::new(),
        };
        Ok(match source.text(&record)? {
            Held::Is(text) => Held::Is(text.into_owned()),
            Held::Missing => Held::Missing,
            Held::Unknown => Held::Unknown,
        })
    }

    fn source() -> Source {
        Source {
            slots: vec![0],
            unknown: vec![
                Marker {
                    text: "-".to_owned(),
                    number: None,
                },
                Marker {
                    text: "-1".to_owned(),
                    number: Some(-1.0),
                },
            ],
            ..Source::default()
        }
    }

    fn text(text: &str) -> Scalar<'static> {
        Scalar::Text(Cow::Owned(text.to_owned()))
    }

    proptest::proptest! {
        #[test]
        fn numbers_are_what_the_standard_library_makes_of_them(text in "-?[0-9]{0,17}(\\.[0-9]{0,9})?[ex.]?") {
            if let Some(ours) = decimal(text.as_bytes()) {
                let theirs: f64 = text.parse().unwrap();
                proptest::prop_assert_eq!(ours.to_bits(), theirs.to_bits());
            }
        }
    }

    #[test]
    fn numbers_that_are_plain_are_told_at_once() {
        for text in [
            "41.50000",
            "-81.25000",
            "0",
            "-0",
            "7.",
            ".5",
            "000930",
            "999999999999999",
        ] {
            let theirs: f64 = text.parse().unwrap();
            let ours = decimal(text.as_bytes()).unwrap();
            assert_eq!(ours.to_bits(), theirs.to_bits(), "{text}");
        }
        for text in [
            "",
            "-",
            ".",
            "1e3",
            "+1",
            "1.2.3",
            "nan",
            "9999999999999999",
            "1 ",
        ] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_a_value() {
        for (scalar, want) in [
            (Scalar::Absent, Ok(Held::Missing)),
            (Scalar::Null, Ok(Held::Unknown)),
            (text(" "), Ok(Held::Unknown)),
            (text("-"), Ok(Held::Unknown)),
            (text(" a "), Ok(Held::Is("a".to_owned()))),
            (Scalar::Whole(7), Err(WRONG_TYPE)),
            (Scalar::Flag(true), Err(WRONG_TYPE)),
            (Scalar::Compound, Err(WRONG_TYPE)),
            (Scalar::Twice, Err("more than once")),
            (Scalar::BadText, Err("not UTF-8")),
        ] {
            assert_eq!(held(&source(), scalar), want);
        }
        let loose = Source {
            loose: true,
            ..source()
        };
        assert_eq!(held(&loose, Scalar::Whole(7)), Ok(Held::Is("7".to_owned())));
        assert_eq!(held(&loose, Scalar::Whole(-1)), Ok(Held::Unknown));
        assert_eq!(
            held(&loose, Scalar::Flag(true)),
            Ok(Held::Is("true".to_owned()))
        );
    }

    #[test]
    fn converters_come_in_their_order() {
        let table = BTreeMap::from([("AB".to_owned(), "one".to_owned())]);
        let full = Source {
            strip: "- ".to_owned(),
            case: Some(Case::Upper),
            table: Some(table),
            ..source()
        };
        assert_eq!(held(&full, text("a - b")), Ok(Held::Is("one".to_owned())));
        assert_eq!(held(&full, text("a - c")), Err("not in the table"));
        assert_eq!(held(&full, text("-")), Ok(Held::Unknown));
        let constant = Source {
            constant: Some("gate".to_owned()),
            ..Source::default()
        };
        assert_eq!(
            held(&constant, Scalar::Absent),
            Ok(Held::Is("gate".to_owned()))
        );
    }

    #[test]
    fn a_number_is_taken_in_its_own_type_unless_the_mapping_says_otherwise() {
        let number = |source: &Source, scalar, typed| {
            let record = Captured {
                slots: vec![scalar],
                candidates: Vec::new(),
            };
            source.number(&record, typed)
        };
        let plain = source();
        assert_eq!(number(&plain, Scalar::Whole(7), true), Ok(Held::Is(7.0)));
        assert_eq!(number(&plain, Scalar::Whole(-1), true), Ok(Held::Unknown));
        assert_eq!(number(&plain, text("7"), true), Err(WRONG_TYPE));
        assert_eq!(number(&plain, text("7.5"), false), Ok(Held::Is(7.5)));
        assert_eq!(number(&plain, text("-1"), false), Ok(Held::Unknown));
        for bad in ["NaN", "inf", "7,5", "seven"] {
            assert_eq!(
                number(&plain, text(bad), false),
                Err("not a number"),
                "{bad}"
            );
        }
        let tenth = Source {
            divide: Some(10.0),
            loose: true,
            ..source()
        };
        assert_eq!(number(&tenth, text("75"), true), Ok(Held::Is(7.5)));
    }

    #[test]
    fn parts_are_joined_if_all_are_there() {
        let both = Source {
            slots: vec![0, 1],
            join: " ".to_owned(),
            ..source()
        };
        let join = |a, b| {
            let record = Captured {
                slots: vec![a, b],
                candidates: Vec::new(),
            };
            match both.text(&record).unwrap() {
                Held::Is(text) => Some(text.into_owned()),
                _ => None,
            }
        };
        assert_eq!(
            join(text("2026-03-04"), text("07:15")).as_deref(),
            Some("2026-03-04 07:15")
        );
        assert_eq!(join(text("2026-03-04"), Scalar::Absent), None);
        assert_eq!(join(text("-"), text("07:15")), None);
    }

    #[test]
    fn conditions_compare_what_is_said() {
        let holds = |test: Test, scalar| Condition { slot: 0, test }.holds(&[scalar]);
        let equals = || Test::Equals(vec!["true".to_owned(), "1".to_owned()]);
        for (scalar, want) in [
            (Scalar::Flag(true), true),
            (Scalar::Flag(false), false),
            (Scalar::Whole(1), true),
            (text("1"), true),
            (text("yes"), false),
            (Scalar::Null, false),
            (Scalar::Absent, false),
        ] {
            assert_eq!(holds(equals(), scalar), want);
        }
        let not = || Test::NotEquals(vec!["1".to_owned()]);
        assert!(holds(not(), Scalar::Whole(0)));
        assert!(!holds(not(), text("1")));
        assert!(holds(Test::IsSet, text("2026-03-04")));
        assert!(!holds(Test::IsSet, Scalar::Null));
        assert!(!holds(Test::IsSet, text("")));
    }

    #[test]
    fn names_are_cut_and_hold_no_control_characters() {
        assert_eq!(clean("Brook\u{7} St"), Some("Brook St".to_owned()));
        assert_eq!(
            clean(&"é".repeat(500)).unwrap().chars().count(),
            MAX_NAME_CHARS
        );
        assert_eq!(clean("\u{1}\u{2}"), None);
    }
}
