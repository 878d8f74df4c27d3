//! A spec that a script wrote: it passes the same gates as one of a power.

use std::path::Path;

use crate::fail::Fail;

/// Writes what the script holds.
pub fn run(
    script: &Path,
    _prompt: &str,
    _arguments: &super::Arguments,
    _root: &Path,
    _as_json: bool,
) -> Result<(), Fail> {
    Err(Fail::Input(format!("`{}` is no script", script.display())))
}
