//! `SPEC_INDEX.json`: which specs there are, in a tree of SmartSpec's.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

use crate::FileError;
use crate::lock::Other;
use crate::make::{Action, Writing};

/// Where it may stand.
const PLACES: [&str; 2] = ["SPEC_INDEX.json", ".smartspec/SPEC_INDEX.json"];

/// An index, with the text of its file.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    text: String,
    form: Form,
}

#[derive(Debug, Default, Deserialize)]
struct Form {
    #[serde(default)]
    specs: Vec<Entry>,
}

/// A spec in the index.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// Its id: the name of its folder.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Whose it is: `private`, `public`, or a repository.
    pub repo: String,
    /// `core`, `feature`, …
    pub category: String,
    /// Where its file is, from the root.
    pub path: String,
    /// What it is, in a sentence.
    pub summary: String,
    /// Words for it.
    pub tags: Vec<String>,
    /// Other specs that it needs.
    pub dependencies: Vec<String>,
}

impl Index {
    /// Reads it; `named` is where the user says it is. Empty when there is none.
    pub fn read(root: &Path, named: Option<&Path>) -> Result<Self, FileError> {
        let found = PLACES.iter().map(|it| root.join(it)).find(|it| it.is_file());
        let path = named.map(Path::to_owned).or(found).unwrap_or_else(|| root.join(PLACES[0]));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
                return Ok(Self { path, text: String::new(), form: Form::default() });
            }
            Err(error) => return Err(FileError::Io { path, done: "read", error }),
        };
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) {
            let what = format!("it is no JSON: {error}");
            return Err(FileError::Form { path, what });
        }
        if list(&text).is_none() {
            let what = "it has no list `specs`".into();
            return Err(FileError::Form { path, what });
        }
        let form = serde_json::from_str(&text)
            .map_err(|error| FileError::Form { path: path.clone(), what: error.to_string() })?;
        Ok(Self { path, text, form })
    }

    /// The specs that one of these texts speaks of: by a word of their titles or tags, or by their ids.
    /// One whose file is not at hand is named all the same.
    pub fn related(&self, root: &Path, own: &str, texts: &[&str]) -> Vec<Other> {
        let words = |text: &str| -> Vec<String> {
            let parts = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
            parts.map(|it| it.trim_end_matches('s').to_owned()).filter(|it| it.len() > 3).collect()
        };
        let said: Vec<String> = texts.iter().flat_map(|it| words(it)).collect();
        let others = self.form.specs.iter().filter(|it| it.id != own && !it.path.contains(own));
        let near = others.filter(|it| {
            let named = it.tags.iter().map(String::as_str).chain([it.title.as_str()]);
            named
                .flat_map(words)
                .any(|word| said.contains(&word) && !GENERAL.contains(&word.as_str()))
        });
        near.map(|it| Other {
            id: it.id.clone(),
            title: it.title.clone(),
            path: it.path.clone(),
            repo: it.repo.clone(),
            is_here: root.join(&it.path).is_file(),
        })
        .collect()
    }

    /// What a spec makes of the index, or its new words in place of the old. Other bytes stay. `root` is
    /// what the path is told from.
    pub fn writing(&self, root: &Path, entry: &Entry, day: &str) -> Result<Writing, FileError> {
        let text = self.with(entry, day).ok_or_else(|| FileError::Form {
            path: self.path.clone(),
            what: "it has no list `specs` to which one could be added".into(),
        })?;
        let action = match (text == self.text, self.text.is_empty()) {
            (true, _) => Action::Unchanged,
            (false, true) => Action::Created,
            (false, false) => Action::Replaced,
        };
        let path = self.path.strip_prefix(root).unwrap_or(&self.path);
        let before = (action == Action::Replaced).then(|| self.text.clone());
        Ok(Writing { path: path.to_string_lossy().replace('\\', "/"), text, action, before })
    }

    fn with(&self, entry: &Entry, day: &str) -> Option<String> {
        let known = self.form.specs.iter().find(|it| it.path == entry.path || it.id == entry.id);
        if known.is_some_and(|it| it.title == entry.title) {
            return Some(self.text.clone());
        }
        if self.text.is_empty() {
            return Some(fresh(entry, day));
        }
        let (open, close) = list(&self.text)?;
        let inside = self.text[open + 1..close].trim_end();
        let comma = if inside.trim().is_empty() { "" } else { "," };
        let added = indented(&form(entry), 4);
        let mut text =
            format!("{}{inside}{comma}\n{added}\n  {}", &self.text[..=open], &self.text[close..]);
        let count = self.form.specs.len() + 1;
        let private = entry.repo != "public";
        let of = |private: bool| {
            self.form.specs.iter().filter(|it| (it.repo != "public") == private).count()
        };
        set(&mut text, "total_specs", &count.to_string());
        let name = if private { "private_specs_count" } else { "public_specs_count" };
        set(&mut text, name, &(of(private) + 1).to_string());
        set(&mut text, "last_updated", &format!("\"{day}\""));
        Some(text)
    }
}

/// Words that nearly every title has.
const GENERAL: [&str; 8] =
    ["system", "management", "service", "feature", "with", "data", "from", "spec"];

fn form(entry: &Entry) -> String {
    let form = json!({
        "id": entry.id, "title": entry.title, "repo": entry.repo, "category": entry.category,
        "status": "active", "priority": "medium", "dependencies": entry.dependencies,
        "dependencies_count": entry.dependencies.len(), "summary": entry.summary,
        "tags": entry.tags, "path": entry.path,
    });
    serde_json::to_string_pretty(&form).unwrap_or_default()
}

fn fresh(entry: &Entry, day: &str) -> String {
    let (public, private) = if entry.repo == "public" { (1, 0) } else { (0, 1) };
    format!(
        "{{\n  \"version\": \"1.0.0\",\n  \"last_updated\": \"{day}\",\n  \"total_specs\": 1,\n  \
         \"public_specs_count\": {public},\n  \"private_specs_count\": {private},\n  \"specs\": [\n{}\n  ]\n}}\n",
        indented(&form(entry), 4)
    )
}

fn indented(text: &str, by: usize) -> String {
    let lines: Vec<String> = text.lines().map(|it| format!("{}{it}", " ".repeat(by))).collect();
    lines.join("\n")
}

/// Where the list `specs` of the outermost object opens and closes.
fn list(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let (mut depth, mut open, mut key, mut at) = (0_usize, None, String::new(), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let end = string_end(bytes, at)?;
                if depth == 1 && open.is_none() {
                    key = text.get(at + 1..end)?.to_owned();
                }
                at = end;
            }
            b'{' => depth += 1,
            b'[' => {
                if depth == 1 && key == "specs" {
                    open = Some(at);
                }
                depth += 1;
            }
            b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 1 && bytes[at] == b']' && key == "specs" {
                    return Some((open?, at));
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn string_end(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'"' => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Puts a value behind a name, where the name stands.
fn set(text: &mut String, name: &str, value: &str) {
    let named = format!("\"{name}\"");
    let Some(at) = text.find(&named) else { return };
    let Some(colon) = text[at..].find(':').map(|it| at + it + 1) else { return };
    let rest = &text[colon..];
    let start = colon + (rest.len() - rest.trim_start().len());
    let end = text[start..].find([',', '\n', '}']).map_or(text.len(), |it| start + it);
    text.replace_range(start..end, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(text: &str) -> Index {
        let form =
            if text.is_empty() { Form::default() } else { serde_json::from_str(text).unwrap() };
        Index { path: PathBuf::from("SPEC_INDEX.json"), text: text.into(), form }
    }

    fn entry() -> Entry {
        Entry {
            id: "spec-002-b".into(),
            title: "B".into(),
            repo: "private".into(),
            path: "specs/feature/spec-002-b/spec.md".into(),
            ..Entry::default()
        }
    }

    #[test]
    fn an_entry_is_added_and_other_bytes_stay() {
        let before = "{\n  \"version\": \"1.0.0\",\n  \"last_updated\": \"2025-01-01\",\n  \"total_specs\": 1,\n  \"private_specs_count\": 1,\n  \"specs\": [\n    {\"id\": \"spec-001-a\", \"repo\": \"private\", \"title\": \"A [x]\"}\n  ],\n  \"extra\": true\n}\n";
        let after = index(before).with(&entry(), "2026-01-31").unwrap();
        let form: Form = serde_json::from_str(&after).unwrap();
        assert_eq!(form.specs.len(), 2);
        assert!(after.contains("\"total_specs\": 2,\n  \"private_specs_count\": 2,"), "{after}");
        assert!(
            after.contains("\"last_updated\": \"2026-01-31\"")
                && after.ends_with("  ],\n  \"extra\": true\n}\n")
        );
        assert!(after.contains(
            "    {\"id\": \"spec-001-a\", \"repo\": \"private\", \"title\": \"A [x]\"},\n"
        ));
        assert_eq!(index(&after).with(&entry(), "2027-01-31").unwrap(), after);
        let first = index("").with(&entry(), "2026-01-31").unwrap();
        assert_eq!(serde_json::from_str::<Form>(&first).unwrap().specs.len(), 1);
    }
}
