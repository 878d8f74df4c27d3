//! An index of specs, against itself and against the files that are there.

use std::collections::{HashMap, HashSet};

use crate::check::{Input, finding, finish};
use crate::circle::circles;
use crate::{Diagnostic, Node, NodeKind, Ref, RefKind, json, rules};

/// What `repo` says of a spec whose files lie in this repository.
const HERE: [&str; 7] = ["", "public", "private", "this", "local", "main", "."];

/// An entry of the index, with what it says.
struct Entry<'a> {
    node: &'a Node,
    id: &'a str,
    fields: HashMap<&'a str, &'a Node>,
}

/// All that is found in an index. `folders` are those of the specs that are there and that it should
/// list, and `is_there` answers whether a file or folder is; all paths are from the repository's root,
/// with `/`.
pub fn check(
    file: &Input<'_>,
    folders: &[String],
    is_there: &dyn Fn(&str) -> bool,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    found.extend(broken(file));
    let entries = entries(file);
    for entry in &entries {
        entry.path(file, is_there, &mut found);
        entry.count(file, &mut found);
    }
    ids(file, &entries, &mut found);
    dependencies(file, &entries, &mut found);
    counts(file, &entries, &mut found);
    if found.iter().all(|it| *it.rule != rules::BROKEN_JSON) {
        unlisted(file, &entries, folders, &mut found);
    }
    finish(std::slice::from_ref(file), &mut found);
    found
}

/// The ids of the entries whose paths lead into a folder, given from the repository's root.
pub fn about(file: &Input<'_>, folder: &str) -> HashSet<Option<String>> {
    let is_within = |entry: &&Entry<'_>| {
        let path = entry.path_ref().map(|(_, it)| plain(&it.text));
        path.and_then(|path| path.strip_prefix(folder))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let entries = entries(file);
    entries.iter().filter(is_within).map(|entry| Some(entry.id.to_owned())).collect()
}

/// Where a file of JSON is none.
pub(crate) fn broken(file: &Input<'_>) -> Option<Diagnostic> {
    let broken = json::parse(file.bytes, 0..file.bytes.len()).err()?;
    let at = broken.at.min(file.bytes.len().saturating_sub(1));
    let line = file.document.line_at(at);
    let message = format!("this is no JSON: {} was expected on line {line}", broken.expected);
    let span = at..(at + 1).min(file.bytes.len());
    Some(finding(file, file.document.nodes.first()?, &rules::BROKEN_JSON, Some(span), message))
}

fn entries<'a>(file: &Input<'a>) -> Vec<Entry<'a>> {
    let nodes = &file.document.nodes;
    let mut entries: Vec<Entry<'a>> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    for (n, node) in nodes.iter().enumerate() {
        let above = node.parent.and_then(|parent| nodes[parent].id.as_deref());
        let entry = node.parent.and_then(|parent| places.get(&parent)).copied();
        match (node.kind, entry) {
            (NodeKind::Entry, _) if above.is_none_or(|above| above == "specs") => {
                places.insert(n, entries.len());
                let id = node.id.as_deref().unwrap_or("?");
                entries.push(Entry { node, id, fields: HashMap::new() });
            }
            (NodeKind::Field, Some(entry)) => {
                entries[entry].fields.insert(node.id.as_deref().unwrap_or_default(), node);
            }
            _ => {}
        }
    }
    entries
}

impl<'a> Entry<'a> {
    fn field(&self, name: &str) -> Option<&'a Node> {
        self.fields.get(name).copied()
    }

    fn repository(&self) -> String {
        self.field("repo").map(|node| node.text.to_lowercase()).unwrap_or_default()
    }

    /// Its path, where it has one.
    fn path_ref(&self) -> Option<(&'a Node, &'a Ref)> {
        let node = self.field("path").or(self.field("spec_path"))?;
        Some((node, node.refs.first()?))
    }

    fn dependencies(&self) -> &'a [Ref] {
        self.field("dependencies").map(|node| node.refs.as_slice()).unwrap_or_default()
    }

    /// A path that leads nowhere. What lies in another repository cannot be seen.
    fn path(&self, file: &Input<'_>, is_there: &dyn Fn(&str) -> bool, found: &mut Vec<Diagnostic>) {
        let Some((node, path)) = self.path_ref() else { return };
        let is_told = !["", "TBD", "N/A"].contains(&path.text.trim());
        let is_here = HERE.contains(&self.repository().as_str());
        if is_told && is_here && !is_there(&path.text) {
            let message = format!("`{}`, the path of {}, is not there", path.text, self.id);
            self.say(file, node, &rules::NO_PATH, path.span.clone(), message, found);
        }
    }

    fn count(&self, file: &Input<'_>, found: &mut Vec<Diagnostic>) {
        let Some(node) = self.field("dependencies_count") else { return };
        let real = self.dependencies().len();
        if node.text.parse() != Ok(real) {
            let message =
                format!("{} says {} dependencies, and counting gives {real}", self.id, node.text);
            self.say(file, node, &rules::TOTAL, node.span.clone(), message, found);
        }
    }

    fn say(
        &self,
        file: &Input<'_>,
        node: &Node,
        rule: &'static crate::Rule,
        span: std::ops::Range<usize>,
        message: String,
        found: &mut Vec<Diagnostic>,
    ) {
        let said = finding(file, node, rule, Some(span), message);
        found.push(Diagnostic { id: Some(self.id.to_owned()), ..said });
    }
}

fn ids(file: &Input<'_>, entries: &[Entry<'_>], found: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<&str, &Entry<'_>> = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.node.id.is_some()) {
        let first = *seen.entry(entry.id).or_insert(entry);
        if first.node.span != entry.node.span {
            let message = format!("spec {} stands on line {} already", entry.id, first.node.line);
            let node = entry.field("id").unwrap_or(entry.node);
            entry.say(file, node, &rules::DUPLICATE, node.span.clone(), message, found);
        }
    }
}

/// Specs that are not in the index, and specs that depend on themselves.
fn dependencies(file: &Input<'_>, entries: &[Entry<'_>], found: &mut Vec<Diagnostic>) {
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (n, entry) in entries.iter().enumerate() {
        places.entry(entry.id).or_insert(n);
    }
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); entries.len()];
    for (n, entry) in entries.iter().enumerate() {
        let specs = entry.dependencies().iter().filter(|it| it.kind == RefKind::Spec);
        for it in specs {
            after[n].extend(places.get(it.text.as_str()));
            if it.to.is_none() {
                let message = format!("there is no spec {}", it.text);
                entry.say(file, entry.node, &rules::DANGLING, it.span.clone(), message, found);
            }
        }
    }
    let is_in = circles(&after);
    for (_, entry) in entries.iter().enumerate().filter(|(n, _)| is_in[*n]) {
        let is_within = |it: &&Ref| places.get(it.text.as_str()).is_some_and(|n| is_in[*n]);
        let within = entry.dependencies().iter().find(is_within);
        let Some(by) = within else { continue };
        let message = format!("spec {} depends on itself, by way of {}", entry.id, by.text);
        entry.say(file, entry.node, &rules::CYCLE, by.span.clone(), message, found);
    }
}

/// `total_specs`, and how many of them are public or private.
fn counts(file: &Input<'_>, entries: &[Entry<'_>], found: &mut Vec<Diagnostic>) {
    let of = |repository: &str| {
        let known =
            entries.iter().all(|it| ["public", "private"].contains(&it.repository().as_str()));
        known.then(|| entries.iter().filter(|it| it.repository() == repository).count())
    };
    let nodes = &file.document.nodes;
    let is_head = |node: &&Node| {
        let above = node.parent.map(|parent| &nodes[parent]);
        above.is_some_and(|it| it.parent.is_none() || it.id.as_deref() == Some("metadata"))
    };
    for node in nodes.iter().filter(is_head) {
        let (real, what) = match node.id.as_deref() {
            Some("total_specs") => (Some(entries.len()), "specs"),
            Some("public_specs_count") => (of("public"), "public specs"),
            Some("private_specs_count") => (of("private"), "private specs"),
            _ => continue,
        };
        if let Some(real) = real.filter(|real| node.text.parse() != Ok(*real)) {
            let message = format!("the index says {} {what}, and counting gives {real}", node.text);
            let said = finding(file, node, &rules::TOTAL, Some(node.span.clone()), message);
            found.push(Diagnostic { help: Some(format!("write {real}")), ..said });
        }
    }
}

/// Specs that are there and that no entry leads to.
fn unlisted(
    file: &Input<'_>,
    entries: &[Entry<'_>],
    folders: &[String],
    found: &mut Vec<Diagnostic>,
) {
    let paths = entries.iter().filter_map(Entry::path_ref).map(|(_, it)| plain(&it.text));
    let known: HashSet<&str> = paths.collect();
    let nodes = &file.document.nodes;
    let place = nodes.iter().find(|node| node.id.as_deref() == Some("specs"));
    let Some(place) = place.or(nodes.first()) else { return };
    for folder in folders.iter().filter(|folder| !known.contains(plain(folder))) {
        let line = &file.document.lines[place.line - 1];
        let end = line.end.min(place.span.end).max(place.span.start);
        let words = file.bytes[place.span.start..end].trim_ascii_end().len();
        let span = place.span.start..place.span.start + words;
        let message = format!("the spec in `{folder}` has no entry in the index");
        found.push(finding(file, place, &rules::NOT_LISTED, Some(span), message));
    }
}

/// The folder that a path leads to.
fn plain(path: &str) -> &str {
    let path = path.strip_prefix("./").unwrap_or(path).trim_end_matches('/');
    path.strip_suffix("/spec.md").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, Kind, read};

    const INDEX: &str = r#"{
  "total_specs": 2,
  "public_specs_count": 1,
  "private_specs_count": 1,
  "specs": [
    {
      "id": "spec-001",
      "repo": "public",
      "dependencies": ["spec-002"],
      "dependencies_count": 1,
      "path": "specs/core/spec-001"
    },
    { "id": "spec-002", "repo": "private", "dependencies": [], "path": "specs/core/spec-002/spec.md" }
  ]
}
"#;

    fn found(text: &str) -> Vec<String> {
        let document = read(text.as_bytes(), Dialect::SmartSpec, Kind::Index);
        let file = Input { path: "SPEC_INDEX.json", bytes: text.as_bytes(), document: &document };
        let folders = ["specs/core/spec-001".to_owned(), "specs/core/spec-002".to_owned()];
        let is_there = |path: &str| path.starts_with("specs/core/");
        let said = check(&file, &folders, &is_there);
        said.iter()
            .map(|it| {
                let what = &text[it.span.clone()];
                format!("{} {} [{what}] {}", it.line, it.rule.name, it.message)
            })
            .collect()
    }

    #[test]
    fn an_index_agrees_with_itself_and_with_the_files() {
        let none: [&str; 0] = [];
        assert_eq!(found(INDEX), none);
        let cases = [
            (
                "specs/core/spec-001",
                "specs/gone",
                "11 index-path-missing [specs/gone] `specs/gone`, the path of spec-001, is not there",
            ),
            (
                "[\"spec-002\"]",
                "[\"spec-009\"]",
                "9 dangling-reference [spec-009] there is no spec spec-009",
            ),
            (
                "[\"spec-002\"]",
                "[\"spec-001\"]",
                "9 dependency-cycle [spec-001] spec spec-001 depends on itself, by way of spec-001",
            ),
            (
                "\"dependencies_count\": 1",
                "\"dependencies_count\": 3",
                "10 total-off [\"dependencies_count\": 3] spec-001 says 3 dependencies, and counting gives 1",
            ),
            (
                "\"total_specs\": 2",
                "\"total_specs\": 5",
                "2 total-off [\"total_specs\": 5] the index says 5 specs, and counting gives 2",
            ),
            (
                "\"public_specs_count\": 1",
                "\"public_specs_count\": 2",
                "3 total-off [\"public_specs_count\": 2] the index says 2 public specs, and counting gives 1",
            ),
            (
                "spec-002/spec.md",
                "spec-003",
                "5 spec-not-in-index [\"specs\": [] the spec in `specs/core/spec-002` has no entry in the index",
            ),
            (
                "\"id\": \"spec-002\"",
                "\"id\": \"spec-001\"",
                "13 duplicate-id [\"id\": \"spec-001\"] spec spec-001 stands on line 6 already",
            ),
            (
                "\"total_specs\": 2,",
                "\"total_specs\": 2",
                "3 broken-json [\"] this is no JSON: `,` or `}` was expected on line 3",
            ),
        ];
        for (from, to, expected) in cases {
            let said = found(&INDEX.replacen(from, to, 1));
            assert!(said.iter().any(|it| it == expected), "{expected}: {said:#?}");
        }
    }

    #[test]
    fn a_whole_index_may_stand_on_one_line() {
        let text = r#"{"specs":[{"id":"a"},{"id":"a"}]}"#;
        let twice = "1 duplicate-id [\"id\":\"a\"] spec a stands on line 1 already";
        assert!(found(text).iter().any(|it| it == twice));
    }

    #[test]
    fn what_lies_elsewhere_is_not_missed_here() {
        let elsewhere = INDEX.replace("spec-001\"\n", "gone\"\n").replace("core/gone", "gone");
        assert!(found(&elsewhere).iter().any(|it| it.contains("index-path-missing")));
        let elsewhere = elsewhere.replace("\"public\"", "\"github.com/someone/else\"");
        assert!(!found(&elsewhere).iter().any(|it| it.contains("index-path-missing")));
    }
}
