//! What is wrong with a spec, as a value.

use std::ops::Range;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It cannot be right.
    Error,
    /// It is probably not meant so.
    Warning,
    /// It could be better.
    Advice,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Advice => "advice",
        }
    }
}

/// A finding in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which check found it.
    pub rule: &'static Rule,
    /// The file, as it was named.
    pub path: String,
    /// Where, from 1.
    pub line: usize,
    /// Where in the line, in characters, from 1.
    pub column: usize,
    /// Where, in bytes of the file, `[start, end)`.
    pub span: Range<usize>,
    /// What is wrong: what was found and what was expected. Stands alone.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// The id of the criterion or task that it is about.
    pub id: Option<String>,
}

/// A check, as it is explained.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name. Stable.
    pub name: &'static str,
    /// How bad its findings are.
    pub severity: Severity,
    /// What it looks for, in a sentence.
    pub what: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// How it is not to be written.
    pub bad: &'static str,
    /// How it is better.
    pub good: &'static str,
}
