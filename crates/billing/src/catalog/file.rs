//! Reads `specie.toml`: every fault at once.

use super::Catalog;
use crate::Diagnostic;

/// What came of reading a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The catalog, if there is no error.
    pub catalog: Option<Catalog>,
    /// Errors and warnings, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads and checks all of `text`; `file` is how messages name it.
pub fn check(text: &str, file: &str) -> Checked {
    super::read::read(text, file)
}

/// The catalog in `text`, or all that is wrong with it. Warnings are for [`check`].
pub fn parse(text: &str, file: &str) -> Result<Catalog, Vec<Diagnostic>> {
    let Checked { catalog, diagnostics } = check(text, file);
    catalog.ok_or(diagnostics)
}
