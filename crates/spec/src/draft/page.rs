//! A document as lines, each with its cause.

use std::collections::BTreeSet;

use crate::power::Piece;

/// A document that is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Its name, or its path from the root when it has a `/` in front.
    pub path: String,
    /// Its lines.
    pub lines: Vec<Line>,
    /// What stands behind lines that belong to the layout.
    base: BTreeSet<String>,
}

/// A line, and why it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it says, without its end.
    pub text: String,
    /// The piece that it comes from; `layout` for headings, blank lines and the like.
    pub fragment: String,
    /// The facts that called for it.
    pub facts: BTreeSet<String>,
}

impl Page {
    /// An empty page.
    pub(crate) fn new(path: &str, base: BTreeSet<String>) -> Self {
        Self { path: path.into(), lines: Vec::new(), base }
    }

    /// A line of the layout.
    pub(crate) fn lay(&mut self, text: impl Into<String>) {
        let facts = self.base.clone();
        self.lines.push(Line { text: text.into(), fragment: "layout".into(), facts });
    }

    /// A heading, parted from what stands before it.
    pub(crate) fn head(&mut self, text: impl Into<String>) {
        self.gap();
        self.lay(text);
        self.lay("");
    }

    /// A blank line, unless there is one.
    pub(crate) fn gap(&mut self) {
        if self.lines.last().is_some_and(|it| !it.text.is_empty()) {
            self.lay("");
        }
    }

    /// A line of a piece, which speaks of these of its fields.
    pub(crate) fn say(&mut self, text: impl Into<String>, piece: &Piece, fields: &[&str]) {
        let mut facts = piece.facts(fields);
        if facts.is_empty() {
            facts = self.base.clone();
        }
        self.put(text, &piece.id, facts);
    }

    /// A line with its cause.
    pub(crate) fn put(&mut self, text: impl Into<String>, fragment: &str, facts: BTreeSet<String>) {
        let facts = if facts.is_empty() { self.base.clone() } else { facts };
        self.lines.push(Line { text: text.into(), fragment: fragment.into(), facts });
    }

    /// What it holds as a file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(&line.text);
            text.push('\n');
        }
        while text.ends_with("\n\n") {
            text.pop();
        }
        text
    }
}
