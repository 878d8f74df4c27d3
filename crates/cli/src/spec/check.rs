//! `specie spec check` and `rule`.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::Path;

use clap::ValueEnum;
use serde_json::json;
use specie_engine::{Checked, File, form, full};
use specie_spec::{Diagnostic, Rule, Severity, rules};

use super::{none_at, wrong};
use crate::fail::Fail;
use crate::out;

#[derive(Clone, Copy, ValueEnum)]
/// How findings are shown.
pub enum Format {
    /// With the lines they are about, and how to mend them.
    Full,
    /// One line each.
    Concise,
    /// One JSON document.
    Json,
}

/// Checks what lies at `path`.
pub fn check_specs(path: &Path, format: Format) -> Result<(), Fail> {
    let checked = specie_engine::check(path).map_err(wrong)?;
    let found = &checked.found;
    if found.is_empty() && checked.specs.iter().all(|spec| spec.files.is_empty()) {
        return Err(none_at(path));
    }
    match format {
        Format::Json => out::json(&form::check(checked.files(), found))?,
        Format::Concise => found.iter().try_for_each(|it| out::say(concise(it)))?,
        Format::Full => full_of(&checked)?,
    }
    let is_bad = found.iter().any(|it| it.rule.severity != Severity::Advice);
    if is_bad { Err(Fail::Found) } else { Ok(()) }
}

/// Every finding with its lines, and how many there are.
fn full_of(checked: &Checked) -> Result<(), Fail> {
    let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let files: HashMap<String, &File> =
        checked.files().map(|file| (file.path.display().to_string(), file)).collect();
    for it in &checked.found {
        let bytes = files.get(&it.path).map(|file| file.bytes.as_slice()).unwrap_or_default();
        out::say(format!("{}\n", full(it, bytes, coloured)))?;
    }
    let count = |severity| checked.found.iter().filter(|it| it.rule.severity == severity).count();
    out::say(format!(
        "{}: {}, {}, {} of advice",
        out::count(files.len(), "file"),
        out::count(count(Severity::Error), "error"),
        out::count(count(Severity::Warning), "warning"),
        out::count(count(Severity::Advice), "piece"),
    ))
}

/// `tasks.md:3:5: error[dangling-reference]: …`
fn concise(it: &Diagnostic) -> String {
    let Diagnostic { path, line, column, rule, message, .. } = it;
    format!("{path}:{line}:{column}: {}[{}]: {message}", rule.severity.as_str(), rule.name)
}

/// Explains one rule, or lists all.
pub fn explain(name: Option<&str>, json: bool) -> Result<(), Fail> {
    let form = |rule: &Rule| {
        json!({
            "rule": rule.name, "severity": rule.severity.as_str(), "what": rule.what,
            "why": rule.why, "bad": rule.bad, "good": rule.good,
        })
    };
    let Some(name) = name else {
        if json {
            return out::json(&rules::ALL.iter().map(|rule| form(rule)).collect::<Vec<_>>());
        }
        return rules::ALL.iter().try_for_each(|rule| {
            out::say(format!("{:28} {:8} {}", rule.name, rule.severity.as_str(), rule.what))
        });
    };
    let rule = rules::named(name).ok_or_else(|| {
        Fail::Input(format!("there is no rule `{name}`\n\nhint: `specie spec rule` lists them"))
    })?;
    if json {
        return out::json(&form(rule));
    }
    let (what, why, bad, good) = (rule.what, rule.why, rule.bad, rule.good);
    out::say(format!(
        "{} ({})\n\n{what} {why}\n\n  not: {bad}\n  but: {good}",
        rule.name,
        rule.severity.as_str()
    ))
}
