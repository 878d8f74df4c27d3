//! What a project is built with, as its manifests say.

use std::collections::{BTreeMap, HashSet};

use crate::json;
use crate::technology::{ALL, Group};

/// A manifest: `package.json`, `Cargo.toml`, `go.mod` and their like.
#[derive(Clone, Copy, Debug)]
pub struct Manifest<'a> {
    /// As messages name it.
    pub path: &'a str,
    /// What it holds.
    pub text: &'a str,
}

/// Packages that come with more than one technology: they speak for none against another.
const VAGUE: [&str; 8] = [
    "aws-sdk",
    "boto3",
    "aws-cdk-lib",
    "@aws-amplify/backend",
    "firebase",
    "firebase-admin",
    "nano",
    "postgresql",
];
/// Packages that name their database in files that nobody reads here.
const HIDING: [&str; 3] = ["prisma", "@prisma/client", "prisma-client-py"];

/// The packages of a project.
pub(super) struct Packages<'a> {
    /// Those that it depends on, and the manifest that says so.
    on: BTreeMap<String, &'a str>,
    /// All words of all manifests.
    words: HashSet<String>,
}

/// A technology that is there in place of another.
pub(super) struct Other<'a> {
    pub(super) technology: usize,
    pub(super) package: &'static str,
    pub(super) path: &'a str,
}

impl<'a> Packages<'a> {
    pub(super) fn of(manifests: &[Manifest<'a>]) -> Self {
        let mut packages = Self { on: BTreeMap::new(), words: HashSet::new() };
        for manifest in manifests {
            for name in dependencies(manifest) {
                packages.on.entry(name.to_lowercase()).or_insert(manifest.path);
            }
            let apart = |c: char| !c.is_alphanumeric() && !"-_/@.".contains(c);
            let words = manifest.text.split(apart).filter(|word| !word.is_empty());
            packages.words.extend(words.map(|word| word.trim_end_matches('.').to_lowercase()));
        }
        packages
    }

    /// What the project has of the same kind, if it has nothing of this technology. SQLite is none: it
    /// is what projects test with.
    pub(super) fn instead(&self, technology: usize) -> Option<Other<'a>> {
        let it = &ALL[technology];
        let is_hidden =
            it.group == Group::Database && HIDING.iter().any(|name| self.words.contains(*name));
        let is_known = it.group.is_exclusive() && !it.packages.is_empty() && !is_hidden;
        if !is_known || it.packages.iter().any(|package| self.mentions(package)) {
            return None;
        }
        let others = ALL.iter().enumerate().filter(|(_, other)| other.group == it.group);
        let others = others.filter(|(n, other)| *n != technology && other.name != "SQLite");
        others.into_iter().find_map(|(technology, other)| {
            let sure = other.packages.iter().filter(|package| !VAGUE.contains(package));
            let found = sure.into_iter().find_map(|package| Some((*package, self.has(package)?)));
            found.map(|(package, path)| Other { technology, package, path })
        })
    }

    fn mentions(&self, package: &str) -> bool {
        let is_path = package.contains('/') && !package.starts_with('@') || package.contains('.');
        let within = |word: &String| word.starts_with(package);
        self.words.contains(package) || is_path && self.words.iter().any(within)
    }

    fn has(&self, package: &str) -> Option<&'a str> {
        let below = |name: &String| {
            name.strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let from =
            self.on.range(package.to_owned()..).take_while(|(name, _)| name.starts_with(package));
        from.into_iter().find(|(name, _)| below(name)).map(|(_, path)| *path)
    }
}

/// The packages that a manifest depends on; none of one whose form is not known.
fn dependencies(manifest: &Manifest<'_>) -> Vec<String> {
    let name = manifest.path.rsplit('/').next().unwrap_or(manifest.path);
    match name {
        "package.json" | "composer.json" => of_json(manifest.text),
        "go.mod" => of_lines(manifest.text, |line| {
            let line = line.strip_prefix("require ").unwrap_or(line);
            line.split(' ').next().filter(|word| word.contains('/')).map(Into::into)
        }),
        "Gemfile" => of_lines(manifest.text, |line| quoted(line.strip_prefix("gem ")?)),
        "Cargo.toml" | "pyproject.toml" | "Pipfile" => of_toml(manifest.text),
        _ if name.starts_with("requirements") => of_lines(manifest.text, |line| {
            let end = line.find(|c: char| !c.is_alphanumeric() && !"-_.".contains(c));
            Some(line[..end.unwrap_or(line.len())].to_owned())
        }),
        _ => Vec::new(),
    }
}

fn of_lines(text: &str, of: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', '/']));
    lines.filter_map(of).filter(|name| !name.is_empty()).collect()
}

fn of_json(text: &str) -> Vec<String> {
    let Ok(value) = json::parse(text.as_bytes(), 0..text.len()) else { return Vec::new() };
    let parts = ["dependencies", "devDependencies", "peerDependencies", "require", "require-dev"];
    let names = parts.iter().filter_map(|part| value.get(part)).flat_map(|it| it.map());
    names.filter_map(|(name, _)| name.words().map(Into::into)).collect()
}

/// Keys of sections of dependencies, what stands in quotes after them (features), and the names that
/// begin texts in lists.
fn of_toml(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_inside = false;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let section = section.trim_matches(['[', ']']);
            is_inside = section.contains("dependencies") || section.ends_with("packages");
            found.extend(section.split_once("dependencies.").map(|(_, name)| name.to_owned()));
        } else if line.starts_with(['"', '\'']) {
            found.extend(quoted(line));
        } else if let Some((key, value)) = line.split_once('=') {
            let key = key.trim().trim_matches('"');
            let is_list = key.ends_with("dependencies") || key == "features";
            if is_inside {
                found.push(key.split('.').next().unwrap_or(key).to_owned());
            }
            if is_inside || is_list {
                found.extend(value.split('"').skip(1).step_by(2).filter_map(start));
            }
        }
    }
    found
}

fn quoted(text: &str) -> Option<String> {
    let inside = text.trim().trim_start_matches(['"', '\'']);
    start(inside.split(['"', '\'']).next()?)
}

/// `fastapi` of `fastapi[all]>=0.1`; none of words.
fn start(text: &str) -> Option<String> {
    let end =
        text.find(|c: char| !c.is_alphanumeric() && !"-_./@".contains(c)).unwrap_or(text.len());
    let is_name = !text[end..].trim_start().starts_with(char::is_alphabetic);
    (end > 0 && is_name).then(|| text[..end].to_owned())
}
