//! What steering files ask for, against the specs and the manifests of a project.
//!
//! It speaks only where the words are plain: `use PostgreSQL`, `Database: PostgreSQL`, `never use
//! MongoDB`. A technology that steering mentions in any other way is left alone.

mod manifest;
mod stance;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::check::{Input, finding, finish};
use crate::technology::{ALL, Group};
use crate::{Diagnostic, Document, Node, NodeKind, rules};
use stance::{Names, Stance, stances};

pub use manifest::Manifest;

/// Headings under which nothing is said about what is so now.
const ASIDE: [&str; 14] = [
    "non-goal",
    "non goal",
    "out of scope",
    "alternative",
    "future",
    "legacy",
    "migrat",
    "histor",
    "reject",
    "consider",
    "reference",
    "example",
    "glossary",
    "comparison",
];
/// Headings under which a list is one of what is forbidden.
const FORBIDDEN: [&str; 7] =
    ["forbidden", "prohibited", "banned", "do not use", "don't use", "never use", "avoid"];

/// A technology that steering names, and where.
#[derive(Clone, Debug)]
struct Named {
    technology: usize,
    path: String,
    line: usize,
    /// In which of the files, at which node.
    file: usize,
    node: usize,
    span: Option<Range<usize>>,
}

/// What the steering files of a project say about technologies.
#[derive(Clone, Debug, Default)]
pub struct Steering {
    uses: Vec<Named>,
    forbids: Vec<Named>,
    mentions: BTreeSet<usize>,
    names: Names,
}

impl Steering {
    /// What some steering files say. Only files that are always included ask for anything.
    pub fn of(files: &[Input<'_>]) -> Self {
        let names = Names::of(0..ALL.len());
        let mut steering = Self::default();
        for (f, file) in files.iter().enumerate() {
            steering.mentions.extend(in_code(file.document, &names));
            let is_always = is_always(file);
            for (n, told) in told(file.document) {
                for (technology, words, stance) in stances(&told.text, &names, true) {
                    steering.mentions.insert(technology);
                    let is_aside = told.is_aside || is_for_tests(technology, &told.text);
                    let stance = match (is_aside, told.is_forbidden, stance) {
                        (true, _, Stance::Uses | Stance::Unclear) => continue,
                        (_, true, Stance::Uses) => Stance::Forbids,
                        (_, _, stance) => stance,
                    };
                    let list = match stance {
                        Stance::Uses => &mut steering.uses,
                        Stance::Forbids => &mut steering.forbids,
                        Stance::Unclear => continue,
                    };
                    let span = place(file, n, &told.text[words]);
                    let line = span.as_ref().map(|it| file.document.line_at(it.start));
                    let line = line.unwrap_or(file.document.nodes[n].line);
                    if is_always {
                        let path = file.path.to_owned();
                        list.push(Named { technology, path, line, file: f, node: n, span });
                    }
                }
            }
        }
        steering.names = Names::of(steering.unwanted());
        steering
    }

    /// Whether it asks for any technology.
    pub fn names_any(&self) -> bool {
        !self.uses.is_empty()
    }

    /// The technologies that a spec is not to use: those that are forbidden, and those of a kind of which
    /// steering asks for another.
    fn unwanted(&self) -> impl Iterator<Item = usize> + '_ {
        (0..ALL.len()).filter(|technology| self.reason(*technology).is_some())
    }

    /// Who says that a technology is not to be used.
    fn reason(&self, technology: usize) -> Option<&Named> {
        let is_used = || self.uses.iter().any(|it| it.technology == technology);
        if let Some(forbids) = self.forbids.iter().find(|it| it.technology == technology) {
            return Some(forbids).filter(|_| !is_used());
        }
        let group = ALL[technology].group;
        let is_wanted = |it: &&Named| ALL[it.technology].group == group;
        let is_free = !group.is_exclusive() || self.mentions.contains(&technology);
        self.uses.iter().find(is_wanted).filter(|_| !is_free)
    }

    /// What the files of a spec use against it: the first place in each file.
    pub fn against(&self, files: &[Input<'_>]) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        if self.names.is_empty() {
            return found;
        }
        for file in files {
            let mut seen = BTreeSet::new();
            for (n, told) in told(file.document) {
                if told.is_aside || told.is_forbidden {
                    continue;
                }
                for (technology, words, stance) in stances(&told.text, &self.names, false) {
                    let uses = stance == Stance::Uses;
                    let Some(reason) = self.reason(technology).filter(|_| uses) else { continue };
                    if reason.technology != technology && is_for_tests(technology, &told.text) {
                        continue;
                    }
                    if seen.insert(technology) {
                        let span = place(file, n, &told.text[words]);
                        let node = &file.document.nodes[n];
                        found.push(finding(
                            file,
                            node,
                            &rules::FORBIDDEN,
                            span,
                            said(technology, reason),
                        ));
                    }
                }
            }
        }
        finish(files, &mut found);
        found
    }

    /// What steering names and the manifests of the project contradict. `files` are those that it was
    /// read from.
    pub fn stale(&self, files: &[Input<'_>], manifests: &[Manifest<'_>]) -> Vec<Diagnostic> {
        let has = manifest::Packages::of(manifests);
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for named in &self.uses {
            let Some(other) = has.instead(named.technology) else { continue };
            if self.mentions.contains(&other.technology) || !seen.insert(named.technology) {
                continue;
            }
            let (name, instead) = (ALL[named.technology].name, ALL[other.technology].name);
            let message = format!(
                "steering says {name}, and `{}` has `{}` ({instead}) and nothing of {name}",
                other.path, other.package
            );
            let file = &files[named.file];
            let node = &file.document.nodes[named.node];
            found.push(finding(file, node, &rules::STALE, named.span.clone(), message));
        }
        finish(files, &mut found);
        found
    }
}

fn said(technology: usize, reason: &Named) -> String {
    let (name, Named { path, line, .. }) = (ALL[technology].name, reason);
    match reason.technology == technology {
        true => format!("the spec uses {name}, which steering forbids (`{path}`, line {line})"),
        false => {
            let wanted = ALL[reason.technology].name;
            format!("the spec uses {name}, and steering says {wanted} (`{path}`, line {line})")
        }
    }
}

/// Many projects test with another database than the one they run on.
fn is_for_tests(technology: usize, text: &str) -> bool {
    let lower = text.to_lowercase();
    let asides = ["test", "local", "memory", "mock", "develop", "fallback", "embedded", "cache"];
    ALL[technology].group == Group::Database && asides.iter().any(|word| lower.contains(word))
}

/// The technologies that blocks of code name: steering knows of them.
fn in_code(document: &Document, names: &Names) -> Vec<usize> {
    let codes = document.nodes.iter().filter(|node| node.kind == NodeKind::Code);
    let named = codes.flat_map(|node| stances(&node.text, names, false));
    named.map(|(technology, ..)| technology).collect()
}

/// Whether a steering file holds always: without front matter, or with `inclusion: always`.
fn is_always(file: &Input<'_>) -> bool {
    let nodes = &file.document.nodes;
    let Some(front) = nodes.iter().position(|node| node.kind == NodeKind::FrontMatter) else {
        return true;
    };
    let text = String::from_utf8_lossy(&file.bytes[file.document.own(front)]).into_owned();
    let inclusion = text.lines().find_map(|line| line.trim().strip_prefix("inclusion:"));
    inclusion.is_none_or(|it| it.split('#').next().unwrap_or_default().trim() == "always")
}

/// What a node says, and under which kind of heading.
struct Told<'a> {
    text: Cow<'a, str>,
    is_aside: bool,
    is_forbidden: bool,
}

/// All that a document says in words, without blocks of code.
fn told(document: &Document) -> Vec<(usize, Told<'_>)> {
    let mut marks: BTreeMap<usize, (bool, bool)> = BTreeMap::new();
    let mut all = Vec::new();
    for (n, node) in document.nodes.iter().enumerate() {
        let above = node.parent.and_then(|parent| marks.get(&parent)).copied().unwrap_or_default();
        let own = own_marks(node);
        let (is_aside, is_forbidden) = (above.0 || own.0, above.1 || own.1);
        if is_aside || is_forbidden {
            marks.insert(n, (is_aside, is_forbidden));
        }
        let is_silent = matches!(
            node.kind,
            NodeKind::Code | NodeKind::Graph | NodeKind::Validation | NodeKind::FrontMatter
        );
        if !is_silent && !node.text.is_empty() {
            all.push((n, Told { text: words(node), is_aside, is_forbidden }));
        }
    }
    all
}

fn own_marks(node: &Node) -> (bool, bool) {
    let is_head = matches!(node.kind, NodeKind::Heading | NodeKind::Field | NodeKind::Phase);
    if !is_head {
        return (false, false);
    }
    let head = node.id.as_deref().filter(|_| node.kind == NodeKind::Field).unwrap_or(&node.text);
    let lower = head.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    (has(&ASIDE), node.kind == NodeKind::Heading && has(&FORBIDDEN))
}

/// The words of a node, with its label before them.
fn words(node: &Node) -> Cow<'_, str> {
    match (&node.id, node.kind) {
        (Some(label), NodeKind::Field | NodeKind::Glossary) => {
            format!("{label}: {}", node.text).into()
        }
        _ => node.text.as_str().into(),
    }
}

/// Where some words stand in a node's own bytes.
fn place(file: &Input<'_>, node: usize, words: &str) -> Option<Range<usize>> {
    let own = file.document.own(node);
    let text = std::str::from_utf8(file.bytes.get(own.clone())?).ok()?;
    let at = own.start + text.find(words)?;
    Some(at..at + words.len())
}
