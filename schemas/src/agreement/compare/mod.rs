//! What a new version of an agreement changes, in words: what was refused or held back and no longer is, and the other way round.
//!
//! Compared facet by facet, over every value that either document can tell apart. A question that the new version permits and
//! the old one refuses is refused by a rule of the old one; the facts of that rule are one facet, so the facet is listed.

mod asking;
mod deciding;
mod leaving;

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use super::Agreement;

/// Whether a change lets more through or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Something that was refused, held back or bound is so no longer.
    Wider,
    /// Something that was permitted is so no longer.
    Narrower,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Difference {
    /// Wider or narrower.
    pub direction: Direction,
    /// Key of the document.
    pub key: String,
    /// What, in a sentence.
    pub text: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.key, self.text)
    }
}

/// Every difference between two versions, wider ones first.
#[must_use]
pub fn compare(old: &Agreement, new: &Agreement) -> Vec<Difference> {
    let (old, new) = (old.document(), new.document());
    let mut found = Differences::default();
    found.time(old, new);
    found.who(old, new);
    found.why(old, new);
    found.case(old, new);
    found.conditions(old, new);
    found.how_far(old, new);
    found.places(old, new);
    found.plates(old, new);
    found.what(old, new);
    found.in_return(old, new);
    found.0.sort();
    found.0
}

/// Collects differences.
#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn push(&mut self, direction: Direction, key: &str, text: impl Into<String>) {
        self.0.push(Difference {
            direction,
            key: key.to_owned(),
            text: text.into(),
        });
    }

    /// What is on one list only: each thing `may now` or `may no longer` do something.
    fn listed(
        &mut self,
        key: &str,
        what: &str,
        verb: &str,
        old: &BTreeSet<String>,
        new: &BTreeSet<String>,
    ) {
        let names = |names: Vec<&String>| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        };
        let added: Vec<_> = new.difference(old).collect();
        if !added.is_empty() {
            let text = format!("{what} {} may now {verb}", names(added));
            self.push(Direction::Wider, key, text);
        }
        let removed: Vec<_> = old.difference(new).collect();
        if !removed.is_empty() {
            let text = format!("{what} {} may no longer {verb}", names(removed));
            self.push(Direction::Narrower, key, text);
        }
    }

    /// A number of which more lets more through.
    fn more(&mut self, key: &str, what: &str, old: u32, new: u32) {
        let direction = match new.cmp(&old) {
            std::cmp::Ordering::Equal => return,
            std::cmp::Ordering::Greater => Direction::Wider,
            std::cmp::Ordering::Less => Direction::Narrower,
        };
        self.push(direction, key, format!("{what}: {new} instead of {old}"));
    }

    /// A number of which less lets more through.
    fn less(&mut self, key: &str, what: &str, old: u32, new: u32) {
        let before = self.0.len();
        self.more(key, what, old, new);
        for difference in self.0.iter_mut().skip(before) {
            difference.direction = difference.direction.opposite();
        }
    }

    /// Something that was not so and now is, or the other way round; being so lets more through.
    fn so(&mut self, key: &str, what: &str, old: bool, new: bool) {
        match (old, new) {
            (false, true) => self.push(Direction::Wider, key, format!("{what} now")),
            (true, false) => self.push(Direction::Narrower, key, format!("{what} no longer")),
            _ => {}
        }
    }

    /// Lists on which `*` stands for everything.
    fn listed_or_all(
        &mut self,
        key: &str,
        what: &str,
        verb: &str,
        old: &BTreeSet<String>,
        new: &BTreeSet<String>,
    ) {
        let all = "*";
        match (old.contains(all), new.contains(all)) {
            (true, true) => {}
            (false, true) => {
                let text = format!("{what} not listed by name may now {verb}");
                self.push(Direction::Wider, key, text);
            }
            (true, false) => {
                let text = format!("{what} not listed by name may no longer {verb}");
                self.push(Direction::Narrower, key, text);
            }
            (false, false) => self.listed(key, what, verb, old, new),
        }
    }
}

impl Direction {
    fn opposite(self) -> Self {
        match self {
            Self::Wider => Self::Narrower,
            Self::Narrower => Self::Wider,
        }
    }
}

fn words<T: Serialize>(values: &BTreeSet<T>) -> BTreeSet<String> {
    values.iter().map(word).collect()
}

/// The word a value is written as.
fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
