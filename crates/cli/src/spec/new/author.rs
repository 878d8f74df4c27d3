//! A spec that an author wrote: it passes the same gates as one of a power.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use specie_engine::make::Writing;
use specie_engine::{Tree, sha256};
use specie_spec::check::{Input, check};
use specie_spec::{Document, Severity, detect, read};

use crate::fail::Fail;
use crate::out;
use crate::spec::{tell_writing, wrong};

/// What an author says, as a script: the spec's short name and its files, `requirements.md` and the
/// like, each with its text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    name: String,
    files: BTreeMap<String, String>,
}

/// The files that an author may write.
const NAMES: [&str; 6] =
    ["requirements.md", "bugfix.md", "design.md", "spec.md", "plan.md", "tasks.md"];

/// Checks what the script holds, and writes it when nothing is wrong with it.
pub fn run(
    script: &Path,
    arguments: &super::Arguments,
    root: &Path,
    as_json: bool,
) -> Result<(), Fail> {
    let said = open(script)?;
    let tree = super::tree(arguments, root);
    let slug = arguments.name.clone().unwrap_or_else(|| said.name.clone());
    super::as_folder(&slug)?;
    let within = |folder: &str| -> Vec<(String, String)> {
        let files = said.files.iter();
        files.map(|(name, text)| (format!("{folder}/{name}"), text.clone())).collect()
    };
    let files = within(&tree.place(root, &slug).0);
    gate(&files, tree)?;
    let files = match arguments.nogenerate {
        true => files,
        false => within(&tree.take(root, &slug).map_err(wrong)?.0),
    };
    let writings = files.iter().map(|(path, text)| {
        Writing::of(root, path, text.clone(), None, arguments.force).map_err(wrong)
    });
    let writings = writings.collect::<Result<Vec<_>, _>>()?;
    if !arguments.nogenerate {
        writings.iter().try_for_each(|it| it.write(root)).map_err(wrong)?;
    }
    if as_json {
        return out::json(&document(script, &files, &writings, arguments.nogenerate));
    }
    writings.iter().try_for_each(|it| tell_writing(it, arguments.nogenerate))?;
    out::say(format!("\nwritten by `{}`; the checks found nothing", script.display()))
}

fn open(script: &Path) -> Result<Script, Fail> {
    let shown = script.display();
    let text = std::fs::read_to_string(script)
        .map_err(|error| Fail::Input(format!("`{shown}` cannot be read: {error}")))?;
    let said: Script = toml_edit::de::from_str(&text).map_err(|error| {
        Fail::Input(format!(
            "`{shown}` is no script of an author:\n{error}\n\nhint: `name = \"…\"`, and under `[files]` each file with its text"
        ))
    })?;
    if let Some(stray) = said.files.keys().find(|it| !NAMES.contains(&it.as_str())) {
        return Err(Fail::Input(format!(
            "`{shown}` writes `{stray}`, expected one of {}",
            NAMES.join(", ")
        )));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if said.files.is_empty() || said.name.is_empty() || !said.name.chars().all(plain) {
        return Err(Fail::Input(format!(
            "`{shown}` has the name `{}` and {} files, expected a name of letters, digits and `-`, and at least one file",
            said.name,
            said.files.len()
        )));
    }
    Ok(said)
}

/// What `check` would find, found before anything is written.
fn gate(files: &[(String, String)], tree: Tree) -> Result<(), Fail> {
    let documents: Vec<Document> = files
        .iter()
        .map(|(path, text)| {
            let (dialect, kind) = detect(&format!("/{path}"), text.as_bytes());
            read(text.as_bytes(), dialect, kind)
        })
        .collect();
    let inputs: Vec<Input<'_>> = files
        .iter()
        .zip(&documents)
        .map(|((path, text), document)| Input { path, bytes: text.as_bytes(), document })
        .collect();
    let found = check(&inputs);
    let bad: Vec<_> = found.iter().filter(|it| it.rule.severity != Severity::Advice).collect();
    for it in &bad {
        out::say(format!(
            "{}:{}:{}: {}: {}",
            it.path, it.line, it.column, it.rule.name, it.message
        ))?;
    }
    if bad.is_empty() {
        return Ok(());
    }
    out::say(format!("nothing was written: a {} spec passes `specie spec check`", tree.as_str()))?;
    Err(Fail::Found)
}

/// `specie.spec.new/1`: the author alone is the cause of every line.
fn document(
    script: &Path,
    files: &[(String, String)],
    writings: &[Writing],
    dry: bool,
) -> serde_json::Value {
    let by = format!("author:{}", script.display());
    let causes: Vec<_> = files
        .iter()
        .flat_map(|(path, text)| (1..=text.lines().count()).map(move |line| (path, line)))
        .map(|(path, line)| json!({ "path": path, "line": line, "fragment": by, "facts": [] }))
        .collect();
    let file = |it: &Writing| {
        let action = if dry { "none" } else { it.action.as_str() };
        json!({ "path": it.path, "sha256": sha256(it.text.as_bytes()), "action": action })
    };
    json!({
        "schema": "specie.spec.new/1",
        "powers": [], "facts": [], "questions": [], "not_understood": [],
        "files": writings.iter().map(file).collect::<Vec<_>>(),
        "causes": causes,
    })
}
