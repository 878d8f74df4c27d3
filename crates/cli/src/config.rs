//! Settings: the environment, else a file named by `NAME_FILE`, else `.env` in this folder.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use specie_billing::catalog::{self, Unsellable};
use specie_billing::{Catalog, SAASKIT};
use specie_vocab::Secret;

use crate::fail::Fail;
use crate::out;

/// The catalog's file.
pub const CATALOG: &str = "specie.toml";

/// The settings of this process.
pub struct Environment {
    file: BTreeMap<String, String>,
}

impl Environment {
    /// Reads `.env`, if it is there.
    pub fn read() -> Result<Self, Fail> {
        let text = match std::fs::read_to_string(".env") {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Fail::Input(format!("`.env` cannot be read: {error}"))),
        };
        Ok(Self { file: settings(&text)? })
    }

    /// A setting; empty ones count as absent.
    pub fn get(&self, name: &str) -> Result<Option<String>, Fail> {
        if let Some(value) = of_process(name) {
            return Ok(Some(value));
        }
        let by_file = format!("{name}_FILE");
        let path = of_process(&by_file).or_else(|| self.file.get(&by_file).cloned());
        if let Some(path) = path.filter(|path| !path.is_empty()) {
            let text = std::fs::read_to_string(&path).map_err(|error| {
                Fail::Input(format!("`{by_file}` names `{path}`, which cannot be read: {error}"))
            })?;
            return Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()));
        }
        Ok(self.file.get(name).cloned().filter(|value| !value.is_empty()))
    }

    /// A secret.
    pub fn secret(&self, name: &str) -> Result<Option<Secret>, Fail> {
        Ok(self.get(name)?.map(Secret::new))
    }

    /// A setting that must be there, or a sentence that says what it is.
    pub fn needed(&self, name: &str, what: &str) -> Result<String, Fail> {
        self.get(name)?.ok_or_else(|| Fail::Input(format!("`{name}` is not set: {what}")))
    }
}

/// A setting of this process alone, whatever `.env` says.
pub fn of_process(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn settings(text: &str) -> Result<BTreeMap<String, String>, Fail> {
    let mut found = BTreeMap::new();
    // Some editors begin a file with a mark of its order of bytes.
    for (n, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(Fail::Input(format!("`.env` line {}: expected `NAME=value`", n + 1)));
        };
        let name = name.trim().trim_start_matches("export ").trim();
        found.insert(name.into(), value_of(value.trim()).into());
    }
    Ok(found)
}

/// What stands in quotes, or what stands before a remark.
fn value_of(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some((inside, _)) = text.strip_prefix(quote).and_then(|rest| rest.rsplit_once(quote))
        {
            return inside;
        }
    }
    if text.starts_with('#') {
        return "";
    }
    text.find(" #").map_or(text, |remark| text[..remark].trim_end())
}

/// The catalog in `path`, with its text.
pub fn catalog(path: &Path) -> Result<(Catalog, String), Fail> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let catalog = parsed(&text, &path.display().to_string())?;
    Ok((catalog, text))
}

/// The catalog in `path`; SaaSKit's, if the default file is not there.
pub fn catalog_or_saaskit(path: &Path) -> Result<Catalog, Fail> {
    if path == Path::new(CATALOG) && !path.exists() {
        return parsed(SAASKIT, "the SaaSKit catalog");
    }
    Ok(catalog(path)?.0)
}

fn parsed(text: &str, name: &str) -> Result<Catalog, Fail> {
    catalog::parse(text, name).map_err(|faults| {
        for fault in &faults {
            eprintln!("{}\n", fault.full(text));
        }
        let faults = out::count(faults.len(), "fault");
        Fail::Input(format!("`{name}` has {faults}; nothing was started"))
    })
}

/// A catalog's file that cannot be read.
pub fn unreadable(path: &Path, error: &std::io::Error) -> Fail {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound => Fail::Input(format!(
            "there is no `{path}`\n\nhint: `specie init` writes a {CATALOG} to begin with"
        )),
        ErrorKind::InvalidData => Fail::Input(format!("`{path}` is no UTF-8 text")),
        _ => Fail::Input(format!("`{path}` cannot be read: {error}")),
    }
}

/// What the catalog holds and nobody can buy yet, a sentence each.
pub fn not_sold_yet(catalog: &Catalog) -> Vec<String> {
    let sentence = |it: Unsellable| {
        format!(
            "{} is not sold yet: {}; take it out of the catalog, or leave it for a later version",
            it.what, it.why
        )
    };
    catalog.unsellable().into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settings_file_is_names_and_values() {
        let text =
            "\u{feff}Z=0\n# a\nA=1\nexport B = \"two # words\" # b\n\nC='x=y'\nD=e#f # g\nE= # h\n";
        let found = settings(text).unwrap();
        let expected =
            [("Z", "0"), ("A", "1"), ("B", "two # words"), ("C", "x=y"), ("D", "e#f"), ("E", "")];
        assert_eq!(found, expected.map(|(name, value)| (name.into(), value.into())).into());
        assert!(matches!(settings("A"), Err(Fail::Input(_))));
    }
}
