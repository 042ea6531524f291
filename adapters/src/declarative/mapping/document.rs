//! A mapping file as written: every key with its place, every problem collected, nothing of a value repeated.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::error::{Error, ErrorKind};

/// Most problems told at once.
const MOST_TOLD: usize = 30;

/// What is wrong with one mapping file, with file, line and column.
#[derive(Debug)]
pub(in super::super) struct Problems<'t> {
    file: &'t str,
    text: &'t str,
    found: Vec<(usize, String)>,
}

/// A value and where it is.
#[derive(Clone)]
pub(in super::super) struct Node<'a, 't> {
    pub(in super::super) value: &'a DeValue<'t>,
    pub(in super::super) span: Range<usize>,
}

/// A table whose keys are taken one by one, so that those nobody took can be named.
pub(in super::super) struct Table<'a, 't> {
    table: &'a DeTable<'t>,
    pub(in super::super) span: Range<usize>,
    known: Vec<&'static str>,
}

impl<'t> Problems<'t> {
    pub(in super::super) fn new(file: &'t str, text: &'t str) -> Self {
        Self {
            file,
            text,
            found: Vec::new(),
        }
    }

    pub(in super::super) fn add(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.found.push((span.start, message.into()));
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// One error that holds them all, a line each, in the order of the file.
    pub(in super::super) fn into_error(mut self) -> Error {
        self.found.sort();
        self.found.dedup();
        let more = self.found.len().saturating_sub(MOST_TOLD);
        let mut lines: Vec<String> = self
            .found
            .iter()
            .take(MOST_TOLD)
            .map(|(offset, message)| {
                let (line, column) = place(self.text, *offset);
                format!("{}:{line}:{column}: {message}", self.file)
            })
            .collect();
        if more > 0 {
            lines.push(format!("{}: and {more} more", self.file));
        }
        Error::new(ErrorKind::Config, "mapping", lines.join("\n"))
    }

    /// The whole file as a table.
    ///
    /// The parser's own message shows the line, which may hold a secret somebody wrote there: only its words are used.
    pub(in super::super) fn parse(&mut self) -> Option<Spanned<DeTable<'t>>> {
        match DeTable::parse(self.text) {
            Ok(table) => Some(table),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                let words = error
                    .message()
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                self.add(&span, words);
                None
            }
        }
    }
}

/// Line and column, counted from 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(1, |last| last.chars().count() + 1);
    (line, column)
}

impl<'a, 't> Table<'a, 't> {
    pub(in super::super) fn new(table: &'a DeTable<'t>, span: Range<usize>) -> Self {
        Self {
            table,
            span,
            known: Vec::new(),
        }
    }

    /// The value of a key, if it is there.
    pub(in super::super) fn take(&mut self, key: &'static str) -> Option<Node<'a, 't>> {
        self.known.push(key);
        let found = self.table.iter().find(|(name, _)| name.get_ref() == key);
        found.map(|(_, value)| Node::of(value))
    }

    /// Every key with its place and value, for tables whose keys are the writer's.
    pub(in super::super) fn each(
        &self,
    ) -> impl Iterator<Item = (&'a str, Range<usize>, Node<'a, 't>)> + use<'a, 't> {
        let table: &'a DeTable<'t> = self.table;
        table
            .iter()
            .map(|(name, value)| (&**name.get_ref(), name.span(), Node::of(value)))
    }

    /// The value of a key, which must be there.
    pub(in super::super) fn require(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Node<'a, 't>> {
        let found = self.take(key);
        if found.is_none() {
            problems.add(&self.span, format!("`{key}` is missing"));
        }
        found
    }

    pub(in super::super) fn text(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<&'a str> {
        self.take(key)?.text(problems)
    }

    pub(in super::super) fn flag(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<bool> {
        let node = self.take(key)?;
        let flag = node.value.as_bool();
        if flag.is_none() {
            problems.add(&node.span, "must be `true` or `false`");
        }
        flag
    }

    pub(in super::super) fn count(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<u64>,
        problems: &mut Problems<'_>,
    ) -> Option<u64> {
        let node = self.take(key)?;
        let count = node.whole().and_then(|count| u64::try_from(count).ok());
        let count = count.filter(|count| range.contains(count));
        if count.is_none() {
            let message = format!(
                "must be a whole number from {} to {}",
                range.start(),
                range.end()
            );
            problems.add(&node.span, message);
        }
        count
    }

    pub(in super::super) fn table(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Table<'a, 't>> {
        self.take(key)?.table(problems)
    }

    /// One of several words; what they stand for.
    pub(in super::super) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
        problems: &mut Problems<'_>,
    ) -> Option<T> {
        self.take(key)?.word(words, problems)
    }

    /// Reports the keys nobody took.
    pub(in super::super) fn finish(self, problems: &mut Problems<'_>) {
        for (name, span, _) in self.each() {
            if !self.known.contains(&name) {
                let known = self.known.join("`, `");
                problems.add(
                    &span,
                    format!("unknown key `{name}`; known here: `{known}`"),
                );
            }
        }
    }
}

impl<'a, 't> Node<'a, 't> {
    fn of(value: &'a Spanned<DeValue<'t>>) -> Self {
        Self {
            value: value.get_ref(),
            span: value.span(),
        }
    }

    pub(in super::super) fn text(&self, problems: &mut Problems<'_>) -> Option<&'a str> {
        let text = self.value.as_str();
        if text.is_none() {
            problems.add(&self.span, "must be a text in quotes");
        }
        text
    }

    pub(in super::super) fn table(&self, problems: &mut Problems<'_>) -> Option<Table<'a, 't>> {
        let table = self.value.as_table();
        if table.is_none() {
            problems.add(&self.span, "must be a table");
        }
        Some(Table::new(table?, self.span.clone()))
    }

    pub(in super::super) fn list(&self, problems: &mut Problems<'_>) -> Option<Vec<Node<'a, 't>>> {
        let list = self.value.as_array();
        if list.is_none() {
            problems.add(&self.span, "must be a list");
        }
        Some(list?.iter().map(Node::of).collect())
    }

    pub(in super::super) fn word<T: Copy>(
        &self,
        words: &[(&str, T)],
        problems: &mut Problems<'_>,
    ) -> Option<T> {
        let text = self.text(problems)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            problems.add(
                &self.span,
                format!("must be one of `{}`", known.join("`, `")),
            );
        }
        found.map(|(_, meaning)| *meaning)
    }

    pub(in super::super) fn whole(&self) -> Option<i64> {
        let integer = self.value.as_integer()?;
        i64::from_str_radix(integer.as_str(), integer.radix()).ok()
    }

    pub(in super::super) fn number(&self) -> Option<f64> {
        match self.value {
            DeValue::Float(float) => float.as_str().replace('_', "").parse().ok(),
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok(),
            _ => None,
        }
        .filter(|number: &f64| number.is_finite())
    }

    /// A text, number or flag as text: what a value of a vendor is compared with.
    pub(in super::super) fn scalar(&self, problems: &mut Problems<'_>) -> Option<String> {
        let scalar = match self.value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Boolean(flag) => Some(flag.to_string()),
            DeValue::Integer(_) | DeValue::Float(_) => {
                self.number().map(|number| number.to_string())
            }
            _ => None,
        };
        if scalar.is_none() {
            problems.add(&self.span, "must be a text, a number, `true` or `false`");
        }
        scalar
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_line_and_column_in_characters() {
        let text = "a = 1\nö = \"é\" x\n";
        assert_eq!(place(text, 0), (1, 1));
        assert_eq!(place(text, 6), (2, 1));
        assert_eq!(place(text, text.find('x').unwrap()), (2, 9));
        assert_eq!(place(text, 999), (3, 1));
    }

    #[test]
    fn a_file_that_is_no_toml_is_named_with_its_place_and_nothing_of_its_line() {
        let mut problems = Problems::new("v.toml", "a = 1\npassword = hunter2\n");
        assert!(problems.parse().is_none());
        let said = problems.into_error().to_string();
        assert!(said.contains("v.toml:2:12"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
