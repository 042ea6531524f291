//! Lists of wanted plates that authorities hand out, in lines of fixed width, by a layout that is configured.
//!
//! Layouts differ from state to state and none is officially published, so where a field stands is configuration. What is
//! always so: records about persons are dropped and counted, whatever else they hold; descriptions are never read; a plate is
//! never rewritten. The FBI's extract writes the letter O as the digit 0 throughout, which is undone for states by a table
//! ([`restored_state`]); whether O and 0 are one in a plate is the list's choice to compare look-alikes.

use std::{collections::BTreeMap, ops::Range};

use jiff::{SignedDuration, Timestamp};

use super::{Draft, Row};

/// Where fields stand in a line: characters from 0, end excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Lines at the beginning that are no records.
    pub skip: usize,
    /// The plate.
    pub plate: Range<usize>,
    /// The state that issued it.
    pub state: Option<Range<usize>>,
    /// The code that says what kind of record it is.
    pub kind: Range<usize>,
    /// The reason of each kind that is taken. Every other kind is dropped: what is not known to be about a vehicle is taken to be
    /// about a person.
    pub reasons: BTreeMap<String, String>,
    /// Lines that begin like this are no records (a trailer).
    pub ends_with: Option<String>,
}

/// How old a list is and how long its entries last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    /// When the authority made it.
    pub as_of: Timestamp,
    /// For how long after that it counts.
    pub lasts: SignedDuration,
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// Records about vehicles and plates, by line.
    pub rows: Vec<Row>,
    /// Records that were dropped, because they are about persons or of no known kind.
    pub dropped: u64,
}

impl Layout {
    /// The extract of the FBI's files as importers read it: one letter for the kind, plate and state at fixed places. Kinds that
    /// are about vehicles and plates are taken; those about persons are not.
    #[must_use]
    pub fn ncic() -> Self {
        let reasons = [
            ("F", "felony_vehicle"),
            ("P", "stolen_plate"),
            ("R", "stolen_vehicle"),
            ("V", "stolen_vehicle"),
        ];
        let text = |(kind, reason): (&str, &str)| (kind.to_owned(), reason.to_owned());
        Self {
            skip: 1,
            plate: 27..37,
            state: Some(37..39),
            kind: 0..1,
            reasons: reasons.into_iter().map(text).collect(),
            ends_with: None,
        }
    }

    /// The records of a file. Short lines are read as if they went on with blanks; empty ones are none.
    #[must_use]
    pub fn records(&self, file: &str, age: Age) -> Records {
        let expires_at = age.as_of.checked_add(age.lasts).unwrap_or(Timestamp::MAX);
        let mut records = Records::default();
        for (line, text) in (1..).zip(file.lines()).skip(self.skip) {
            let trailer = self.ends_with.as_ref();
            if text.trim().is_empty() || trailer.is_some_and(|end| text.starts_with(end)) {
                continue;
            }
            let Some(reason) = self.reasons.get(cut(text, &self.kind).as_str()) else {
                records.dropped += 1;
                continue;
            };
            let state = self.state.as_ref().map(|state| cut(text, state));
            let draft = Draft {
                plate: cut(text, &self.plate),
                jurisdiction: state.map_or_else(String::new, |code| jurisdiction(&code)),
                reason: reason.clone(),
                expires_at: expires_at.to_string(),
                ..Draft::default()
            };
            records.rows.push(Row { line, draft });
        }
        records
    }
}

fn cut(line: &str, place: &Range<usize>) -> String {
    let chars = line.chars().skip(place.start).take(place.len());
    chars.collect::<String>().trim().to_owned()
}

/// A code of the list as a jurisdiction; empty where the list gives none, and as it is where it is no state, so that the row is
/// told to be wrong.
fn jurisdiction(code: &str) -> String {
    if code.is_empty() {
        return String::new();
    }
    restored_state(code).map_or_else(|| code.to_owned(), |state| format!("US-{state}"))
}

/// The state whose code this is once letters O that were written as 0 are letters again.
#[must_use]
pub fn restored_state(code: &str) -> Option<&'static str> {
    let same = |state: &&&str| state.replace('O', "0") == code.replace('O', "0");
    STATES.iter().find(same).copied()
}

/// Codes of the states and the district.
const STATES: [&str; 51] = [
    "AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "DC", "FL", "GA", "HI", "ID", "IL", "IN", "IA",
    "KS", "KY", "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH", "NJ", "NM",
    "NY", "NC", "ND", "OH", "OK", "OR", "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VT", "VA", "WA",
    "WV", "WI", "WY",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Bounds, MAX_ENTRIES};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn age() -> Age {
        Age {
            as_of: at("2026-03-04T06:00:00Z"),
            lasts: SignedDuration::from_hours(24),
        }
    }

    const FILE: &str = "HEADER 20260304\r\n\
        V000000042ZZTURN00120260301TPK0421   0H2026PC2019F0RDF0C4DGRY    \r\n\
        W000000043ZZTURN00120260301TPK0422   0H2026PC2019F0RDF0C4DGRY    INVENTED NAME\r\n\
        N000000044ZZTURN00120260301TPK0423   0H\r\n\
        P000000045ZZTURN00120260301TPK0424\r\n\
        \r\n\
        R000000046ZZTURN00120260301TPK0425   ZZ\r\n";

    #[test]
    fn vehicles_are_taken_and_persons_are_not() {
        let records = Layout::ncic().records(FILE, age());
        let read: Vec<(u64, &str, &str, &str)> = records
            .rows
            .iter()
            .map(|Row { line, draft }| (*line, &*draft.plate, &*draft.jurisdiction, &*draft.reason))
            .collect();
        assert_eq!(
            read,
            [
                (2, "TPK0421", "US-OH", "stolen_vehicle"),
                (5, "TPK0424", "", "stolen_plate"),
                (7, "TPK0425", "ZZ", "stolen_vehicle"),
            ]
        );
        assert_eq!(
            records.dropped, 2,
            "a wanted person, and one for their status"
        );
        assert!(!format!("{records:?}").contains("INVENTED"));
    }

    #[test]
    fn the_age_of_the_list_is_that_of_its_entries() {
        let records = Layout::ncic().records(FILE, age());
        let bounds = Bounds {
            longest: SignedDuration::from_hours(48),
            patterns: false,
            most: MAX_ENTRIES,
        };
        let first = &records.rows[0].draft;
        let fresh = first.check(&bounds, at("2026-03-04T12:00:00Z")).unwrap();
        assert_eq!(fresh.expires_at, at("2026-03-05T06:00:00Z"));
        assert!(
            first.check(&bounds, at("2026-03-05T06:00:00Z")).is_err(),
            "a day later it is too old"
        );
    }

    #[test]
    fn an_o_that_was_written_as_a_zero_is_a_letter_again_in_states_only() {
        for (written, state) in [
            ("0H", "OH"),
            ("M0", "MO"),
            ("C0", "CO"),
            ("0K", "OK"),
            ("TX", "TX"),
        ] {
            assert_eq!(restored_state(written), Some(state));
        }
        assert_eq!(restored_state("ZZ"), None);
        let with_zero = FILE.replace("TPK0421", "TPKO421");
        let records = Layout::ncic().records(&with_zero, age());
        assert_eq!(
            records.rows[0].draft.plate, "TPKO421",
            "a plate is left as it is"
        );
    }

    #[test]
    fn other_layouts_are_other_places() {
        let layout = Layout {
            skip: 1,
            plate: 0..8,
            state: Some(8..10),
            kind: 10..12,
            reasons: [("SV".to_owned(), "stolen_vehicle".to_owned())].into(),
            ends_with: Some("TOTAL".to_owned()),
        };
        let file = "DATE03/04/2026 06:00\nTPK0421 CASV\nTPK0422 CAMP\nTOTAL RECORD 2\n";
        let records = layout.records(file, age());
        assert_eq!((records.rows.len(), records.dropped), (1, 1));
        assert_eq!(records.rows[0].draft.jurisdiction, "US-CA");
    }
}
