//! What is wrong with a file, as a value, and two ways to print it.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::catalog::masked;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, and is probably not meant so.
    Warning,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A fault in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Names the check, such as `unknown-key`. Stable.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: what was found and what was expected. Stands alone.
    pub message: String,
    /// What was found, where it can be said in a few words.
    pub found: Option<String>,
    /// What was expected instead.
    pub expected: Option<String>,
    /// The file, as it was named.
    pub file: String,
    /// Where, in bytes of the file, `[start, end)`.
    pub span: Range<usize>,
    /// Where, counted from 1.
    pub line: usize,
    /// Where in the line, in characters, counted from 1.
    pub column: usize,
    /// How to mend it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// The fault with the lines it is about, as compilers print them, without colours.
    pub fn full(&self, text: &str) -> String {
        self.render(text, &Renderer::plain())
    }

    /// As [`Diagnostic::full`], with colours for a terminal.
    pub fn full_styled(&self, text: &str) -> String {
        self.render(text, &Renderer::styled())
    }

    fn render(&self, text: &str, renderer: &Renderer) -> String {
        let text = masked(text);
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let label = self.expected.as_ref().map(|expected| format!("expected {expected}"));
        let mark = AnnotationKind::Primary.span(self.span.clone()).label(label);
        let mut group = level
            .primary_title(&self.message)
            .id(self.rule)
            .element(Snippet::source(&text).path(&self.file).annotation(mark));
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group])
    }
}

/// On one line: `specie.toml:3:5: error[unknown-key]: …`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, rule, message, .. } = self;
        write!(f, "{file}:{line}:{column}: {}[{rule}]: {message}", self.severity.as_str())?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

/// Line and column, counted from 1, of a byte of `text`.
pub(crate) fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..byte.min(text.len())];
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}
