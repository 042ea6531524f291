//! Free text beside a question. Optional, short, and refused when it looks like data about a person.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest note, in characters.
pub const MAX_NOTE_CHARS: usize = 200;

/// Digits in a row, separators aside, from which a number is taken for that of a person, a telephone or a document.
const LONG_NUMBER: usize = 7;

/// Words that announce what does not belong into a note.
const ANNOUNCING: [&str; 12] = [
    "dob", "born", "ssn", "passport", "mr", "mrs", "ms", "mx", "dr", "suspect", "aka", "alias",
];

/// A remark for whoever reviews the question. It is kept outside of the ledger, which holds its digest only.
///
/// Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, min_length = 1, max_length = 200, example = "seen leaving the car park at closing time")]
pub struct Note(String);

/// Why a text is not a note. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Nothing in it.
    #[error("a note is 1 to 200 characters; leave it out when there is nothing to say")]
    Empty,
    /// Too much in it.
    #[error("a note is at most 200 characters")]
    TooLong,
    /// A line break or another control character.
    #[error("a note is one line without control characters")]
    Control,
    /// An e-mail address.
    #[error("a note may not hold an e-mail address")]
    Address,
    /// A telephone number, a number of a document, a date of birth.
    #[error("a note may not hold a long number; the case has its own field")]
    Number,
    /// A licence plate.
    #[error("a note may not hold a licence plate; the plate has its own field")]
    Plate,
    /// A name or the announcement of one.
    #[error(
        "a note may not name a person, nor say who is suspected; write names of places in lower case"
    )]
    Name,
}

impl Note {
    /// Parses a note.
    ///
    /// # Errors
    /// [`NoteError`], for whatever looks like data about a person. Better too often than too seldom: a note is optional.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NoteError::Empty);
        }
        if text.chars().nth(MAX_NOTE_CHARS).is_some() {
            return Err(NoteError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(NoteError::Control);
        }
        if text.contains('@') {
            return Err(NoteError::Address);
        }
        if longest_number(text) >= LONG_NUMBER {
            return Err(NoteError::Number);
        }
        let words: Vec<&str> = text.split_whitespace().map(bare).collect();
        if words.iter().any(|word| is_plate_like(word)) {
            return Err(NoteError::Plate);
        }
        let announced = words
            .iter()
            .any(|word| ANNOUNCING.contains(&word.to_lowercase().as_str()));
        if announced || names_somebody(&words) {
            return Err(NoteError::Name);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text. Every exit names this method.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Note {
    type Error = NoteError;

    fn try_from(text: String) -> Result<Self, NoteError> {
        Self::parse(&text)
    }
}

impl From<Note> for String {
    fn from(note: Note) -> Self {
        note.0
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Note")
    }
}

fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

/// Digits that follow each other with nothing but separators of numbers between them.
fn longest_number(text: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        if c.is_numeric() {
            run += 1;
            longest = longest.max(run);
        } else if !" -./()+".contains(c) {
            run = 0;
        }
    }
    longest
}

/// Letters and digits together, five to eight of them, at least two digits: what most plates look like. An ordinal or a
/// time such as `15th` or `9pm` has fewer characters.
fn is_plate_like(word: &str) -> bool {
    let joined: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
    let digits = joined.chars().filter(char::is_ascii_digit).count();
    let letters = joined.chars().filter(|c| c.is_alphabetic()).count();
    (5..=8).contains(&(digits + letters)) && digits >= 2 && letters >= 1
}

/// Two capitalised words in a row.
fn names_somebody(words: &[&str]) -> bool {
    let capitalised = |word: &str| {
        let mut chars = word.chars();
        chars.next().is_some_and(char::is_uppercase) && chars.next().is_some_and(char::is_lowercase)
    };
    words
        .windows(2)
        .any(|pair| pair.iter().all(|word| capitalised(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_person_is_refused() {
        for (text, why) in [
            ("", NoteError::Empty),
            (" \t", NoteError::Empty),
            ("two\nlines", NoteError::Control),
            ("ask jo@example.org", NoteError::Address),
            ("call 555 0100 199", NoteError::Number),
            ("born 1981-02-03", NoteError::Number),
            ("file BRK-2026-000042", NoteError::Number),
            ("ssn is on file", NoteError::Name),
            ("followed TPK0421 home", NoteError::Plate),
            ("followed tpk-0421 home", NoteError::Plate),
            ("Jordan Miller was driving", NoteError::Name),
            ("seen by Jordan Miller", NoteError::Name),
            ("suspect lives nearby", NoteError::Name),
            ("Mr. Miller", NoteError::Name),
        ] {
            assert_eq!(Note::parse(text), Err(why), "{text}");
        }
        let long = "a".repeat(MAX_NOTE_CHARS + 1);
        assert_eq!(Note::parse(&long), Err(NoteError::TooLong));
        assert!(Note::parse(&"ä".repeat(MAX_NOTE_CHARS)).is_ok());
    }

    #[test]
    fn what_a_reviewer_needs_is_taken() {
        for text in [
            "seen leaving the car park at closing time",
            "Second look after the first one found nothing",
            "asked by the night shift, 2 cameras on brook st were down",
            "follow-up to the search of 4 March",
        ] {
            assert_eq!(Note::parse(text).unwrap().expose(), text);
        }
        assert_eq!(format!("{:?}", Note::parse("quiet").unwrap()), "Note");
    }
}
