//! The values of one read, as text, by path.

use super::paths::{Slot, Target, Tree};

/// Longest value, in bytes.
const LONGEST: usize = 4 << 10;

/// Why a record is not understood: which path, which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) path: String,
    pub(super) rule: &'static str,
}

/// One text for each path of the tree.
#[derive(Debug)]
pub(super) struct Values<'a> {
    tree: &'a Tree,
    texts: Vec<Text>,
}

#[derive(Debug, Default)]
struct Text {
    text: String,
    /// How often the element was there.
    times: u32,
    too_long: bool,
}

impl<'a> Values<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        let texts = tree.slots().iter().map(|_| Text::default()).collect();
        Self { tree, texts }
    }

    pub(super) fn clear(&mut self) {
        for text in &mut self.texts {
            text.text.clear();
            text.times = 0;
            text.too_long = false;
        }
    }

    /// The element of a slot begins.
    pub(super) fn begin(&mut self, slot: usize) {
        if let Some(text) = self.texts.get_mut(slot) {
            text.times += 1;
        }
    }

    /// More text of a slot's element.
    pub(super) fn push(&mut self, slot: usize, more: &str) {
        if let Some(text) = self.texts.get_mut(slot) {
            if text.text.len() + more.len() > LONGEST {
                text.too_long = true;
            } else {
                text.text.push_str(more);
            }
        }
    }

    /// The first path whose element was there twice or holds too much. Every element of the message type may be repeated, and which
    /// of several values is meant is not said.
    pub(super) fn check(&self) -> Result<(), Fault> {
        for (text, slot) in self.texts.iter().zip(self.tree.slots()) {
            let rule = if text.times > 1 {
                "more than once"
            } else if text.too_long {
                "longer than allowed"
            } else if text.text.contains('\u{fffd}') {
                "not text in the encoding of the document"
            } else {
                continue;
            };
            return Err(Fault {
                path: slot.path.clone(),
                rule,
            });
        }
        Ok(())
    }

    /// The value of `target` without the space around it; `None` where it is absent or empty.
    pub(super) fn get(&self, target: Target) -> Option<&str> {
        let at = self.at(target)?;
        let text = self.texts.get(at)?.text.trim();
        Some(text).filter(|text| !text.is_empty())
    }

    /// Whether the element of `target` was there, be it empty.
    pub(super) fn was_there(&self, target: Target) -> bool {
        let text = self.at(target).and_then(|at| self.texts.get(at));
        text.is_some_and(|text| text.times > 0)
    }

    /// The values that have no field of their own, by name.
    pub(super) fn extra(&self) -> impl Iterator<Item = (&str, &str)> {
        let named = self.texts.iter().zip(self.tree.slots());
        named.filter_map(|(text, slot)| match &slot.target {
            Err(name) if !text.text.trim().is_empty() => Some((name.as_str(), text.text.trim())),
            _ => None,
        })
    }

    /// Whether a path leads to `target`.
    pub(super) fn has(&self, target: Target) -> bool {
        self.at(target).is_some()
    }

    /// That the value of `target` breaks `rule`.
    pub(super) fn fault(&self, target: Target, rule: &'static str) -> Fault {
        let slot = self.at(target).and_then(|at| self.tree.slots().get(at));
        Fault {
            path: slot.map_or_else(String::new, |slot: &Slot| slot.path.clone()),
            rule,
        }
    }

    fn at(&self, target: Target) -> Option<usize> {
        let mut slots = self.tree.slots().iter();
        slots.position(|slot| slot.target == Ok(target))
    }
}
