//! XML without namespaces and attributes, as the hubs write it.

use std::io::{self, Write};

/// An element with either text or children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    name: String,
    text: String,
    children: Vec<Self>,
}

impl Element {
    /// `<name>text</name>`.
    #[must_use]
    pub fn text(name: &str, text: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            text: text.into(),
            children: Vec::new(),
        }
    }

    /// An element with children.
    #[must_use]
    pub fn group(name: &str, children: Vec<Self>) -> Self {
        Self {
            name: name.to_owned(),
            text: String::new(),
            children,
        }
    }

    /// Removes every element called `name` below this one.
    pub fn remove(&mut self, name: &str) {
        self.children.retain(|child| child.name != name);
        self.children
            .iter_mut()
            .for_each(|child| child.remove(name));
    }

    /// Sets the text of every element called `name` below this one.
    pub fn set(&mut self, name: &str, text: &str) {
        for child in &mut self.children {
            if child.name == name {
                text.clone_into(&mut child.text);
            }
            child.set(name, text);
        }
    }

    /// Adds a last child.
    pub fn push(&mut self, child: Self) {
        self.children.push(child);
    }

    /// Writes the element, indented by `depth` levels, and a line feed.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write(&self, out: &mut impl Write, depth: usize) -> io::Result<()> {
        let Self {
            name,
            text,
            children,
        } = self;
        let indent = depth * 2;
        if children.is_empty() {
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            return writeln!(out, "{:indent$}<{name}>{text}</{name}>", "");
        }
        writeln!(out, "{:indent$}<{name}>", "")?;
        for child in children {
            child.write(out, depth + 1)?;
        }
        writeln!(out, "{:indent$}</{name}>", "")
    }
}
