//! The mapped places of a document as a tree of names: a parser that walks it looks at nothing else.

/// One place, and the places below it.
#[derive(Debug, Default)]
pub(in super::super) struct Node {
    children: Vec<(Box<str>, Node)>,
    /// The value here is wanted.
    pub(in super::super) slot: Option<usize>,
    /// The records are here.
    pub(in super::super) records: bool,
    /// What is wanted of each item of the list here: slot 0 the text, slot 1 its confidence.
    pub(in super::super) each: Option<Box<Node>>,
}

impl Node {
    /// The node at the end of `steps`, made where it is missing.
    #[expect(clippy::indexing_slicing, reason = "the position was found or made")]
    pub(in super::super) fn at(&mut self, steps: &[String]) -> &mut Self {
        steps.iter().fold(self, |node, step| {
            let known = node.children.iter().position(|(name, _)| **name == **step);
            let index = known.unwrap_or_else(|| {
                node.children.push((step.as_str().into(), Self::default()));
                node.children.len() - 1
            });
            &mut node.children[index].1
        })
    }

    #[inline]
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        let found = self.children.iter().find(|(known, _)| **known == *name);
        found.map(|(_, child)| child)
    }

    /// The child of an XML element, by its name or by `*`.
    #[inline]
    pub(super) fn element(&self, name: &str) -> Option<&Self> {
        self.child(name).or_else(|| self.child("*"))
    }

    /// The child for an item of a list.
    pub(super) fn item(&self, index: usize) -> Option<&Self> {
        let is_index =
            |name: &str| name.parse() == Ok(index) && (name.len() == 1 || !name.starts_with('0'));
        let found = self.children.iter().find(|(known, _)| is_index(known));
        found.map(|(_, child)| child)
    }

    /// Whether nothing below is wanted.
    pub(super) fn is_leaf(&self) -> bool {
        self.children.is_empty() && self.each.is_none()
    }

    /// Names of attributes that are wanted.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&str, usize)> {
        self.children.iter().filter_map(|(name, child)| {
            let name = name.strip_prefix('@')?;
            Some((name, child.slot?))
        })
    }
}
