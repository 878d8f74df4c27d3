//! Rules of the house that no lint can say, as functions over text and over `cargo metadata`.
//!
//! Each rule answers with [`Fault`]s, and each fault tells how to mend it. Each rule has a test
//! beside it that shows it a bad sample. `tests/tidy.rs` runs all of them over the repository.

pub mod bans;
pub mod dependencies;
pub mod guards;
pub mod leaks;
pub mod links;
pub mod source;
pub mod tested;

use std::fmt;

/// What is wrong, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file or package.
    pub place: String,
    /// The line, counted from 1; 0 means all of it.
    pub line: usize,
    /// What was found, and the mend.
    pub message: String,
}

impl Fault {
    /// A fault in a line of a file.
    pub fn at(place: &str, line: usize, message: impl Into<String>) -> Self {
        Self { place: place.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.place, self.message),
            line => write!(f, "{}:{line}: {}", self.place, self.message),
        }
    }
}
