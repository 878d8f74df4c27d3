//! `specie spec check` and `rule`.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::json;
use specie_engine::{Lock, Spec, form, full, root_of};
use specie_spec::{Diagnostic, Rule, Severity, rules};

use super::{found_at, with_inputs};
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
    let specs = found_at(path)?;
    let files = || specs.iter().flat_map(|spec| &spec.files);
    let mut found: Vec<Diagnostic> =
        specs.iter().flat_map(|spec| with_inputs(spec, specie_spec::check::check)).collect();
    found.extend(drifted(&specs)?);
    if path.is_file() {
        found.retain(|it| Path::new(&it.path).file_name() == path.file_name());
    }
    let is_bad = found.iter().any(|it| it.rule.severity != Severity::Advice);
    match format {
        Format::Json => out::json(&form::check(files(), &found))?,
        Format::Concise => found.iter().try_for_each(|it| out::say(concise(it)))?,
        Format::Full => {
            let coloured =
                std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            for it in &found {
                let file = files().find(|file| file.path.display().to_string() == it.path);
                let bytes = file.map(|file| file.bytes.as_slice()).unwrap_or_default();
                out::say(format!("{}\n", full(it, bytes, coloured)))?;
            }
            let count = |severity| found.iter().filter(|it| it.rule.severity == severity).count();
            out::say(format!(
                "{}: {}, {}, {} of advice",
                out::count(files().count(), "file"),
                out::count(count(Severity::Error), "error"),
                out::count(count(Severity::Warning), "warning"),
                out::count(count(Severity::Advice), "piece"),
            ))?;
        }
    }
    if is_bad { Err(Fail::Found) } else { Ok(()) }
}

/// What the documents that were made here have lost since.
fn drifted(specs: &[Spec]) -> Result<Vec<Diagnostic>, Fail> {
    let mut locks: BTreeMap<PathBuf, Lock> = BTreeMap::new();
    let mut found = Vec::new();
    for spec in specs {
        let folder = std::path::absolute(&spec.folder).unwrap_or_else(|_| spec.folder.clone());
        let root = root_of(&folder);
        if !locks.contains_key(&root) {
            locks.insert(root.clone(), Lock::read(&root).map_err(super::wrong)?);
        }
        let named =
            folder.strip_prefix(&root).unwrap_or(&folder).to_string_lossy().replace('\\', "/");
        let Some(locked) = locks.get(&root).and_then(|it| it.specs.get(&named)) else { continue };
        with_inputs(spec, |inputs| {
            for input in inputs {
                let name = Path::new(input.path).file_name().unwrap_or_default().to_string_lossy();
                let made = ["requirements.md", "design.md", "spec.md"].contains(&name.as_ref());
                if let Some(last) = locked.files.get(&format!("{named}/{name}")).filter(|_| made) {
                    found.extend(specie_spec::check::drift(input, &last.text()));
                }
            }
        });
    }
    Ok(found)
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
