//! A question as the second engine sees it: facts, and no judgement.

use jiff::{Timestamp, civil::Date, tz::Offset};
use turnpike_schemas::{
    agreement::{Action, Requester},
    query::{AskedPlate, CaseStanding, MatchMode, Offence, OnBehalfOf, Purpose, Query, TimeWindow},
};

/// As far as instants and spans go either way, in nanoseconds: then no difference of two leaves 64 bits.
pub(super) const FURTHEST: i64 = (1 << 62) - 1;

/// One question, and what would be granted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) action: Action,
    pub(super) query: &'a Query,
    /// The window granted; the window asked for, where nothing would be granted.
    pub(super) granted: TimeWindow,
    pub(super) now: Timestamp,
}

/// What decides whether the facts of a question fit the schema: the words it is put in, and which facts there are.
/// Everything else about a fact is its type, and that is fixed where the facts are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    action: Action,
    purpose: Purpose,
    offence: Option<Offence>,
    mode: MatchMode,
    standing: CaseStanding,
    asked_for: bool,
    resolved: bool,
}

impl Question<'_> {
    pub(super) fn shape(&self, requester: &Requester) -> Shape {
        Shape {
            action: self.action,
            purpose: self.query.purpose(),
            offence: self.query.offence(),
            mode: self.query.plate().mode(),
            standing: self.query.case_standing(),
            asked_for: matches!(self.query.on_behalf_of(), OnBehalfOf::Organisation(_)),
            resolved: requester.on_behalf_of.is_some(),
        }
    }

    /// How many characters of the plate are known.
    pub(super) fn known(&self) -> i64 {
        let asked = self.query.plate();
        let known = match asked {
            AskedPlate::Exact(plate) | AskedPlate::LookAlike(plate) => {
                plate.expose().chars().count()
            }
            AskedPlate::Partial(pattern) => {
                pattern.expose().chars().filter(|sign| *sign != '?').count()
            }
        };
        i64::try_from(known).unwrap_or(FURTHEST)
    }

    /// Which of these forms the case reference has.
    pub(super) fn forms<'f>(&self, forms: &'f [String]) -> impl Iterator<Item = &'f str> {
        let case = self.query.case().as_str();
        let has = move |form: &&String| has_form(form, case);
        let having: Vec<&str> = forms.iter().filter(has).map(String::as_str).collect();
        having.into_iter()
    }
}

/// Whether `text` has the form: `#` a digit, `@` a letter, `*` any run, anything else itself in either case. Written
/// anew and otherwise than in `schemas`: every place in the form that can be reached is kept, and no step is taken back.
pub(super) fn has_form(form: &str, text: &str) -> bool {
    let form = form.as_bytes();
    // What is reached together with a place: past every `*` that follows, which may stand for nothing.
    let reach = |places: &mut Vec<bool>| {
        for (place, sign) in form.iter().enumerate() {
            if *sign == b'*' && places.get(place) == Some(&true) {
                set(places, place + 1);
            }
        }
    };
    let mut places = vec![false; form.len() + 1];
    set(&mut places, 0);
    reach(&mut places);
    for byte in text.bytes() {
        let mut next = vec![false; form.len() + 1];
        for (place, sign) in form.iter().enumerate() {
            let goes_on = match sign {
                _ if places.get(place) != Some(&true) => continue,
                b'*' => {
                    set(&mut next, place);
                    continue;
                }
                b'#' => byte.is_ascii_digit(),
                b'@' => byte.is_ascii_alphabetic(),
                sign => byte.eq_ignore_ascii_case(sign),
            };
            if goes_on {
                set(&mut next, place + 1);
            }
        }
        reach(&mut next);
        places = next;
    }
    places.last() == Some(&true)
}

fn set(places: &mut [bool], place: usize) {
    if let Some(place) = places.get_mut(place) {
        *place = true;
    }
}

/// The day of an instant in UTC, counted from 1970-01-01.
pub(super) fn day(at: Timestamp) -> i64 {
    day_of(Offset::UTC.to_datetime(at).date())
}

/// A day, counted from 1970-01-01.
pub(super) fn day_of(date: Date) -> i64 {
    let days = date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24;
    days.clamp(-FURTHEST, FURTHEST)
}

/// An instant in nanoseconds since 1970.
pub(super) fn instant(at: Timestamp) -> i64 {
    near(at.as_nanosecond())
}

/// From one instant to a later one, in nanoseconds.
pub(super) fn span(from: Timestamp, to: Timestamp) -> i64 {
    near(to.as_nanosecond() - from.as_nanosecond())
}

/// So many days in nanoseconds.
pub(super) fn days(days: u32) -> i64 {
    near(i128::from(days) * 86_400_000_000_000)
}

fn near(nanoseconds: i128) -> i64 {
    let furthest = i128::from(FURTHEST);
    i64::try_from(nanoseconds.clamp(-furthest, furthest)).unwrap_or(FURTHEST)
}
