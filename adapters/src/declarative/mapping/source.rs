//! What every field has: a place or a constant, and the converters.

use std::{collections::BTreeMap, ops::Range};

use super::{
    Loading, deny,
    document::{Node, Table},
};
use crate::declarative::{
    field::{Case, Marker, Source},
    path::{Format, Path, Place},
};

/// What a field takes besides the common keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    /// Joined by a blank unless the mapping says otherwise, and a number may be text.
    Identity,
}

impl<'t> Loading<'_, 't, '_> {
    pub(super) fn scalars(&mut self, node: &Node<'_, 't>) -> Vec<String> {
        let list = node.list(self.problems).unwrap_or_default();
        list.iter()
            .filter_map(|node| node.scalar(self.problems))
            .collect()
    }

    pub(super) fn markers(&mut self, node: &Node<'_, 't>) -> Vec<Marker> {
        let texts = self.scalars(node);
        texts
            .into_iter()
            .map(|text| Marker {
                number: text.parse().ok(),
                text,
            })
            .collect()
    }

    pub(super) fn denied(&mut self, node: &Node<'_, 't>) {
        let names = self.scalars(node);
        self.deny = names.iter().map(|name| deny::plain(name)).collect();
    }

    pub(super) fn is_denied(&self, name: &str) -> bool {
        deny::is_denied(name) || self.deny.contains(&deny::plain(name))
    }

    /// A source with the keys every field has; the table is handed on for those a kind of field has besides.
    pub(super) fn opened<'a>(
        &mut self,
        node: &Node<'a, 't>,
        kind: Kind,
        allowed: &[&str],
    ) -> Option<(Source, Option<Table<'a, 't>>)> {
        let mut source = Source {
            unknown: self.unknown.clone(),
            loose: kind == Kind::Identity,
            join: if kind == Kind::Identity { "/" } else { "" }.to_owned(),
            ..Source::default()
        };
        if !node.value.is_table() {
            let slot = self.slot(node, allowed)?;
            source.name = called(node);
            source.slots = vec![slot];
            return Some((source, None));
        }
        let mut table = node.table(self.problems)?;
        let place = table.take("at");
        let constant = table.take("constant");
        self.converters(&mut table, kind, &mut source);
        match (place, constant) {
            (Some(place), None) => {
                source.name = called(&place);
                let places = if place.value.is_array() {
                    place.list(self.problems)?
                } else {
                    vec![place]
                };
                if places.is_empty() {
                    self.problems.add(&table.span, "`at` names no place");
                }
                let slots: Vec<_> = places
                    .iter()
                    .map(|place| self.slot(place, allowed))
                    .collect();
                source.slots = slots.into_iter().collect::<Option<_>>()?;
            }
            (None, Some(constant)) => {
                source.constant = Some(constant.scalar(self.problems)?);
                "(constant)".clone_into(&mut source.name);
            }
            _ => {
                self.problems
                    .add(&table.span, "a field has one of `at` and `constant`");
                return None;
            }
        }
        Some((source, Some(table)))
    }

    fn converters(&mut self, table: &mut Table<'_, 't>, kind: Kind, source: &mut Source) {
        if let Some(join) = table.text("join", self.problems) {
            join.clone_into(&mut source.join);
        }
        if let Some(node) = table.take("unknown") {
            let more = self.markers(&node);
            source.unknown.extend(more);
        }
        if let Some(strip) = table.text("strip", self.problems) {
            strip.clone_into(&mut source.strip);
        }
        let cases = [("upper", Case::Upper), ("lower", Case::Lower)];
        source.case = table.word("case", &cases, self.problems);
        source.table = table
            .table("table", self.problems)
            .map(|table| self.lookup(&table));
        if let Some(loose) = table.flag("number_or_text", self.problems) {
            source.loose = loose;
        }
        if kind == Kind::Number
            && let Some(node) = table.take("divide")
        {
            source.divide = node.number().filter(|by| *by != 0.0);
            if source.divide.is_none() {
                self.problems
                    .add(&node.span, "must be a number other than 0");
            }
        }
    }

    fn lookup(&mut self, table: &Table<'_, 't>) -> BTreeMap<String, String> {
        let rows = table.each().filter_map(|(name, _, node)| {
            let value = node.scalar(self.problems)?;
            Some((name.to_owned(), value))
        });
        rows.collect()
    }

    /// The slot for a place of the record.
    pub(super) fn slot(&mut self, node: &Node<'_, 't>, allowed: &[&str]) -> Option<usize> {
        if let Some(number) = node.whole() {
            let column = usize::try_from(number)
                .ok()
                .and_then(|number| number.checked_sub(1));
            return match column {
                Some(column) if self.layout.format == Format::Csv => {
                    let place = Place {
                        path: Path::Number(column),
                        from_message: false,
                    };
                    Some(self.layout.slot(&number.to_string(), place))
                }
                _ => {
                    self.problems.add(
                        &node.span,
                        "only `csv` has columns by number, and the first is 1",
                    );
                    None
                }
            };
        }
        let text = node.text(self.problems)?;
        let place = self.place_at(text, &node.span, allowed)?;
        if matches!(place.path, Path::Column(_)) && !self.layout.lines.header {
            self.problems.add(
                &node.span,
                "without a header line columns have numbers, from 1",
            );
            return None;
        }
        Some(self.layout.slot(text, place))
    }

    /// The slot for a place of the whole answer.
    pub(super) fn answer_slot(&mut self, node: &Node<'_, 't>) -> Option<usize> {
        let text = node.text(self.problems)?;
        let text = text.strip_prefix('^').unwrap_or(text);
        let mut place = self.place_at(text, &node.span, &[])?;
        if !matches!(place.path, Path::Steps(_)) {
            self.problems
                .add(&node.span, "must name one place of the answer");
            return None;
        }
        place.from_message = true;
        Some(self.layout.slot(&format!("^{text}"), place))
    }

    pub(super) fn place_at(
        &mut self,
        text: &str,
        span: &Range<usize>,
        allowed: &[&str],
    ) -> Option<Place> {
        let place = match Place::parse(self.layout.format, text) {
            Ok(place) => place,
            Err(message) => {
                self.problems.add(span, message);
                return None;
            }
        };
        let personal = place
            .names()
            .iter()
            .any(|name| self.is_denied(name) && !allowed.contains(&deny::plain(name).as_str()));
        if personal {
            self.problems.add(span, PERSONAL);
            return None;
        }
        Some(place)
    }
}

pub(super) const PERSONAL: &str =
    "a field about people, accounts or tags is never taken (see the deny list)";

/// As written, for rejections.
fn called(node: &Node<'_, '_>) -> String {
    match (node.value.as_str(), node.whole(), node.value.as_array()) {
        (Some(text), _, _) => text.to_owned(),
        (None, Some(number), _) => format!("column {number}"),
        (None, None, Some(list)) => {
            let names: Vec<&str> = list
                .iter()
                .filter_map(|item| item.get_ref().as_str())
                .collect();
            names.join(" + ")
        }
        _ => String::new(),
    }
}
