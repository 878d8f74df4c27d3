//! Settings: the environment, else a file named by `NAME_FILE`, else `.env` in this folder.

use std::collections::BTreeMap;
use std::path::Path;

use specie_billing::{Catalog, SAASKIT, catalog};
use specie_vocab::Secret;

use crate::fail::Fail;

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
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Fail::Input(format!("`.env` cannot be read: {error}"))),
        };
        Ok(Self { file: parse(&text)? })
    }

    /// A setting; empty ones count as absent.
    pub fn get(&self, name: &str) -> Result<Option<String>, Fail> {
        if let Ok(value) = std::env::var(name)
            && !value.is_empty()
        {
            return Ok(Some(value));
        }
        let by_file = format!("{name}_FILE");
        let path = std::env::var(&by_file).ok().or_else(|| self.file.get(&by_file).cloned());
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

    /// A setting that must be there, or a sentence that says where it comes from.
    pub fn needed(&self, name: &str, whence: &str) -> Result<String, Fail> {
        self.get(name)?.ok_or_else(|| {
            Fail::Input(format!(
                "`{name}` is not set: {whence}\n\nhint: put it into the environment or into `.env`"
            ))
        })
    }
}

fn parse(text: &str) -> Result<BTreeMap<String, String>, Fail> {
    let mut settings = BTreeMap::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(Fail::Input(format!("`.env` line {}: expected `NAME=value`", n + 1)));
        };
        let value = value.trim();
        let value = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .or_else(|| value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')))
            .unwrap_or(value);
        settings.insert(name.trim().trim_start_matches("export ").trim().into(), value.into());
    }
    Ok(settings)
}

/// The catalog in `path`; SaaSKit's, if the default file is not there.
pub fn catalog(path: &Path) -> Result<Catalog, Fail> {
    let (text, name) = match std::fs::read_to_string(path) {
        Ok(text) => (text, path.display().to_string()),
        Err(error)
            if error.kind() == std::io::ErrorKind::NotFound && path == Path::new(CATALOG) =>
        {
            (SAASKIT.to_owned(), "the SaaSKit catalog".into())
        }
        Err(error) => {
            return Err(Fail::Input(format!("`{}` cannot be read: {error}", path.display())));
        }
    };
    catalog::parse(&text, &name).map_err(|faults| {
        for fault in &faults {
            eprintln!("{}", fault.full(&text));
        }
        let count = faults.len();
        let s = if count == 1 { "" } else { "s" };
        Fail::Input(format!("`{name}` has {count} fault{s}; nothing was started"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settings_file_is_names_and_values() {
        let found = parse("# a\nA=1\nexport B = \"two words\"\n\nC='x=y'\n").unwrap();
        let expected = [("A", "1"), ("B", "two words"), ("C", "x=y")];
        assert_eq!(found, expected.map(|(name, value)| (name.into(), value.into())).into());
        assert!(matches!(parse("A"), Err(Fail::Input(_))));
    }
}
