//! The catalog that a spec brings along, checked before anything is written.

use specie_billing::{Severity, catalog};
use specie_spec::draft::Page;

use crate::config::CATALOG;
use crate::fail::Fail;

/// Refuses pages whose catalog `specie catalog check` would refuse.
pub fn accepted(pages: &[(String, Page)]) -> Result<(), Fail> {
    let Some((path, page)) = pages.iter().find(|(path, _)| path == CATALOG) else { return Ok(()) };
    let text = page.text();
    let checked = catalog::check(&text, path);
    if checked.catalog.is_some() {
        return Ok(());
    }
    let errors = checked.diagnostics.iter().filter(|it| it.severity == Severity::Error);
    let errors: Vec<String> = errors.map(|it| it.full(&text).trim_end().to_owned()).collect();
    Err(Fail::Input(format!(
        "the request asks for a catalog that cannot be sold; nothing was written\n\n{}\n\nhint: say it otherwise in the request, or in the answers",
        errors.join("\n\n")
    )))
}

/// Refuses a change after which nothing is left of a catalog that was written.
pub fn left(
    before: &[(String, Page)],
    after: &[(String, Page)],
    request: &str,
) -> Result<(), Fail> {
    let has = |pages: &[(String, Page)]| pages.iter().any(|(path, _)| path == CATALOG);
    if !has(before) || has(after) {
        return Ok(());
    }
    Err(Fail::Input(format!(
        "after `{request}` nothing is sold any more, but `{CATALOG}` goes on selling; nothing was written\n\nhint: say what is sold instead, or make another spec: `specie spec new \"…\" --name NAME`"
    )))
}
