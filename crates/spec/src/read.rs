//! Reading a Markdown document line by line.
//!
//! A general Markdown library re-renders real files, and loses what people and tools have put into
//! them. This reads what spec files consist of, headings, items, boxes, labels, tables and blocks of
//! code, and gives every line to a node; the rest is prose.

use crate::document::{Document, NodeKind};
use crate::ids;
use crate::lines::{self, Fence, Item, Line, Token};
use crate::refs;
use crate::tree::Tree;
use crate::{Dialect, Kind};

/// How many members of ranges are written out in one file.
const MEMBERS: u32 = 100_000;

/// What may be done to a file.
const VERBS: [&str; 4] = ["create", "edit", "modify", "delete"];

/// Reads a file. It never fails: what it does not know is prose.
pub fn read(bytes: &[u8], dialect: Dialect, kind: Kind) -> Document {
    let is_data = matches!(kind, Kind::Config | Kind::Index);
    if let Some(document) = is_data.then(|| crate::data::read(bytes, dialect, kind)).flatten() {
        return document;
    }
    let lines = lines::split(bytes);
    let mut reader = Reader {
        tree: Tree::new(),
        kind,
        part: Part::Other,
        code: None,
        after_blank: true,
        untitled: None,
        counts: Counts::default(),
        members: MEMBERS,
    };
    let front = front_matter(bytes, &lines, kind);
    for (n, range) in lines.iter().enumerate() {
        let line = Line::of(bytes, range);
        match n < front {
            true if n == 0 => drop(reader.tree.add(NodeKind::FrontMatter, range.start)),
            true => drop(reader.tree.go_on()),
            false => reader.line(&line, range.start),
        }
    }
    resolve_here(reader.tree.finish(dialect, kind, lines))
}

/// How many lines of front matter there are: from `---` on the first line to the next one.
fn front_matter(bytes: &[u8], lines: &[std::ops::Range<usize>], kind: Kind) -> usize {
    let is_rule = |n: usize| lines.get(n).is_some_and(|it| Line::of(bytes, it).bytes == b"---");
    let may = !matches!(kind, Kind::Config | Kind::Index) && is_rule(0);
    let end = (1..lines.len().min(200)).find(|n| is_rule(*n));
    end.filter(|_| may).map_or(0, |end| end + 1)
}

/// Under which heading or label the reader is, as far as it matters to items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Criteria,
    Glossary,
    Stories,
    Graph,
    Depends,
    Validation,
    Checkpoint,
    Other,
}

/// What has been counted so far, for ids by position.
#[derive(Default)]
struct Counts {
    requirements: usize,
    /// The number of the list's first item, and how many came after it.
    criteria: Option<(u64, u64)>,
    /// Boxes and items at each depth of tasks.
    tasks: Vec<usize>,
}

struct Reader {
    tree: Tree,
    kind: Kind,
    part: Part,
    /// The block of code that is open, and its node.
    code: Option<(Fence, usize)>,
    after_blank: bool,
    /// A box that has no words yet: they stand on the next line.
    untitled: Option<usize>,
    counts: Counts,
    /// How many members of ranges may still be written out.
    members: u32,
}

impl Reader {
    fn line(&mut self, line: &Line<'_>, start: usize) {
        let token = line.token();
        if let Some((open, node)) = self.code {
            self.tree.give(node);
            match token {
                Token::Fence(fence) if open.is_closed_by(fence) => self.code = None,
                _ => append(&mut self.tree.node(node).text, &line.from(0), "\n"),
            }
            self.after_blank = false;
            return;
        }
        let untitled = self.untitled.take();
        match token {
            Token::Blank => drop(self.tree.go_on()),
            Token::Fence(fence) => self.fence(fence, start),
            Token::Heading { level, text } => self.heading(level, &line.from(text), start),
            Token::Table => self.row(line, start),
            Token::Rule => {
                self.tree.close_items(0);
                self.counts.criteria = None;
                self.tree.add(NodeKind::Prose, start);
            }
            Token::Item(Item { mark: None, .. }) | Token::Text { .. } if untitled.is_some() => {
                self.title(line, untitled.unwrap_or_default());
            }
            Token::Item(item) => self.item(line, &item, start),
            Token::Text { columns, text } => self.text(line, (columns, text), start),
        }
        self.after_blank = line.bytes.is_empty();
    }

    fn fence(&mut self, fence: Fence, start: usize) {
        let kind = match self.part {
            Part::Graph => NodeKind::Graph,
            Part::Validation => NodeKind::Validation,
            _ => NodeKind::Code,
        };
        let node = self.tree.add(kind, start);
        self.code = Some((fence, node));
    }

    fn row(&mut self, line: &Line<'_>, start: usize) {
        let before = self.tree.go_on();
        let node = match self.tree.kind_of(before) {
            NodeKind::Table if !self.after_blank => before,
            _ => {
                self.tree.take_back();
                self.tree.close_items(0);
                self.tree.add(NodeKind::Table, start)
            }
        };
        append(&mut self.tree.node(node).text, &line.from(0), "\n");
    }

    fn heading(&mut self, level: usize, text: &str, start: usize) {
        let words = ids::unmarked(text.trim_end_matches('#').trim());
        let plain = words.trim_start_matches(|c: char| !c.is_alphanumeric()).to_owned();
        let lower = plain.to_lowercase();
        self.counts.criteria = None;
        let tasks = self.kind.has_tasks();
        let named = |names: &[&str]| ids::after_name(&plain, names);
        let (kind, id, text) = if let Some((id, text)) = named(&["Requirement", "需求", "要件"])
        {
            self.counts.requirements += 1;
            (NodeKind::Requirement, Some(id), text)
        } else if let Some((id, text)) = named(&["Task"]).filter(|_| tasks) {
            (NodeKind::Task, Some(id), text)
        } else if let Some((id, text)) = named(&["Property"]) {
            (NodeKind::Property, Some(id), text)
        } else if lower.contains("checkpoint") {
            (NodeKind::Checkpoint, None, words)
        } else if let Some((id, text)) = named(&["Phase"]).filter(|_| tasks) {
            (NodeKind::Phase, Some(id), text)
        } else if let Some(text) = plain.strip_prefix("Scenario:") {
            (NodeKind::Scenario, None, text.trim().to_owned())
        } else {
            (NodeKind::Heading, None, words)
        };
        self.part = part_of(&lower).unwrap_or(match kind {
            NodeKind::Checkpoint => Part::Checkpoint,
            _ => Part::Other,
        });
        let ordinal = (kind == NodeKind::Requirement).then(|| self.counts.requirements.to_string());
        let node = self.tree.heading(level, kind, start);
        let node = self.tree.node(node);
        (node.id, node.ordinal, node.text) = (id, ordinal, text);
    }

    fn item(&mut self, line: &Line<'_>, item: &Item, start: usize) {
        let words = line.from(item.text);
        let top = self.tree.open_items().iter().all(|(open, _)| *open >= item.columns);
        let kind = self.kind_of(item, &words, top);
        if kind != NodeKind::Criterion && top {
            self.counts.criteria = None;
        }
        let node = self.tree.item(item.columns, kind, start);
        let depth = self.tree.open_items().len();
        let (id, ordinal, optional, text) = match kind {
            NodeKind::Task | NodeKind::Checkpoint => {
                let named = ids::of_task(&self.numbered(item, &words));
                let ordinal = item.mark.map(|_| self.count_task(depth));
                (named.id, ordinal, item.optional || named.optional, named.text)
            }
            NodeKind::Criterion => self.criterion(item, &words),
            NodeKind::Glossary => {
                let (term, meaning) = words.split_once(':').unwrap_or((&words, ""));
                (
                    Some(ids::unmarked(term)),
                    None,
                    false,
                    ids::unmarked(meaning.trim_start_matches("**")),
                )
            }
            NodeKind::File => {
                let (verb, rest) = file_label(&words).unwrap_or_default();
                (Some(verb.to_owned()), None, false, ids::unmarked(rest))
            }
            _ => (None, None, item.optional, ids::unmarked(&words)),
        };
        let mut found = match kind {
            NodeKind::File => refs::files(&words, line.start + item.text),
            _ => self.refs_of(&words, line.start + item.text),
        };
        if self.part == Part::Depends && found.is_empty() {
            found =
                refs::all(&words, line.start + item.text, crate::RefKind::Task, &mut self.members);
        }
        let node_ref = self.tree.node(node);
        (node_ref.id, node_ref.ordinal, node_ref.optional, node_ref.text) =
            (id, ordinal, optional, text);
        node_ref.refs = found;
        if let Some((at, state)) = item.mark {
            node_ref.mark = Some(line.start + at);
            node_ref.state = Some(state);
            if words.trim().is_empty() {
                self.untitled = Some(node);
            }
        }
    }

    fn kind_of(&self, item: &Item, words: &str, top: bool) -> NodeKind {
        let boxed = item.mark.is_some();
        let tasks = matches!(self.kind, Kind::Tasks | Kind::Unknown);
        let starts_as_checkpoint = || {
            let named = ids::of_task(words).text.to_lowercase();
            named.starts_with("checkpoint") || named.starts_with("final checkpoint")
        };
        match self.part {
            Part::Criteria if top => NodeKind::Criterion,
            Part::Checkpoint if boxed => NodeKind::Check,
            _ if boxed && self.in_smart_task() => NodeKind::Check,
            _ if boxed && tasks && starts_as_checkpoint() => NodeKind::Checkpoint,
            _ if boxed && tasks => NodeKind::Task,
            _ if boxed => NodeKind::Check,
            _ if self.kind.has_tasks() && file_label(words).is_some() => NodeKind::File,
            Part::Glossary if top => NodeKind::Glossary,
            Part::Stories if top => NodeKind::Story,
            Part::Depends => NodeKind::Depends,
            _ if refs::label(words).is_some() => NodeKind::Detail,
            _ if self.kind.has_tasks() && !self.tree.open_items().is_empty() => NodeKind::Detail,
            _ => NodeKind::Entry,
        }
    }

    /// Whether a task that is a heading is open: the boxes under it are its own.
    fn in_smart_task(&self) -> bool {
        self.tree.section(NodeKind::Task).is_some()
    }

    /// `1. [ ] Words` has its id before the box.
    fn numbered(&self, item: &Item, words: &str) -> String {
        match &item.number {
            Some(number) if ids::of_task(words).id.is_none() => format!("{number}. {words}"),
            _ => words.to_owned(),
        }
    }

    fn count_task(&mut self, depth: usize) -> String {
        self.counts.tasks.resize(depth, 0);
        if let Some(last) = self.counts.tasks.last_mut() {
            *last += 1;
        }
        let numbers: Vec<_> = self.counts.tasks.iter().map(ToString::to_string).collect();
        numbers.join(".")
    }

    /// A criterion has two numbers: the one that is written, and the one that a renderer shows, which
    /// counts on from the first of its list.
    fn criterion(
        &mut self,
        item: &Item,
        words: &str,
    ) -> (Option<String>, Option<String>, bool, String) {
        let requirement = self.tree.section(NodeKind::Requirement).and_then(|node| node.id.clone());
        let own = ids::of_task(words);
        let written = item.number.as_ref().and_then(|number| number.parse::<u64>().ok());
        let (first, count) = self.counts.criteria.unwrap_or((written.unwrap_or(1), 0));
        self.counts.criteria = Some((first, count + 1));
        let shown = first.saturating_add(count);
        let within = |n: &dyn std::fmt::Display| match &requirement {
            Some(requirement) => format!("{requirement}.{n}"),
            None => n.to_string(),
        };
        let id = own.id.clone().or_else(|| written.map(|number| within(&number)));
        let text = if own.id.is_some() { own.text } else { ids::unmarked(words) };
        (id, Some(within(&shown)), item.optional, text)
    }

    /// The words of a box that stand on the line after it.
    fn title(&mut self, line: &Line<'_>, node: usize) {
        self.tree.give(node);
        let named = ids::of_task(&line.from(0));
        let node = self.tree.node(node);
        (node.id, node.text) = (named.id, named.text);
        node.optional |= named.optional;
    }

    fn text(&mut self, line: &Line<'_>, (columns, at): (usize, usize), start: usize) {
        let words = line.from(at);
        if columns == 0 && self.after_blank {
            self.tree.close_items(0);
        } else if self.after_blank {
            self.tree.close_items(columns);
        }
        if let Some((kind, at_refs)) = refs::label(&words) {
            self.references(line, &words, (kind, at, at_refs), start);
        } else if let Some((name, value)) = label(&words) {
            self.label(line, (&name, &value, at), start);
        } else {
            self.prose(&words, line.start + at, start);
        }
    }

    fn references(
        &mut self,
        line: &Line<'_>,
        words: &str,
        (kind, at, at_refs): (crate::RefKind, usize, usize),
        start: usize,
    ) {
        let depends = kind == crate::RefKind::Task;
        let kind_of_node = if depends { NodeKind::Depends } else { NodeKind::Detail };
        let node = self.tree.add(kind_of_node, start);
        let found =
            refs::all(&words[at_refs..], line.start + at + at_refs, kind, &mut self.members);
        self.part = match depends && found.is_empty() {
            true => Part::Depends,
            false if self.part == Part::Criteria => Part::Criteria,
            false => Part::Other,
        };
        let node = self.tree.node(node);
        node.refs = found;
        node.text = ids::unmarked(words);
    }

    /// `**Name:** value`
    fn label(&mut self, line: &Line<'_>, (name, value, at): (&str, &str, usize), start: usize) {
        let lower = name.to_lowercase();
        let verb = VERBS.contains(&lower.as_str());
        let kind = match lower.as_str() {
            "user story" | "用户故事" => NodeKind::Story,
            _ if verb => NodeKind::File,
            _ => NodeKind::Field,
        };
        if kind == NodeKind::Field {
            self.part = part_of(&lower).unwrap_or(Part::Other);
            self.counts.criteria = None;
        }
        let node = self.tree.add(kind, start);
        let files = refs::files(&line.from(at), line.start + at);
        let node = self.tree.node(node);
        node.id = Some(name.into());
        node.text = value.into();
        if verb {
            node.refs = files;
        }
    }

    fn prose(&mut self, words: &str, at: usize, start: usize) {
        let before = self.tree.go_on();
        let goes_on = !self.after_blank && (self.is_box(before) || self.takes_more(before));
        let node = match (goes_on, self.tree.innermost()) {
            (true, _) => before,
            (false, Some((_, item))) if self.after_blank => {
                self.tree.take_back();
                self.tree.give(item);
                item
            }
            _ => {
                self.tree.take_back();
                self.tree.add(NodeKind::Prose, start)
            }
        };
        let found = self.refs_of(words, at);
        let node = self.tree.node(node);
        append(&mut node.text, words, " ");
        node.refs.extend(found);
    }

    /// The references of a line, if it is one of references.
    fn refs_of(&mut self, words: &str, at: usize) -> Vec<crate::Ref> {
        match refs::label(words) {
            Some((kind, start)) => refs::all(&words[start..], at + start, kind, &mut self.members),
            None => Vec::new(),
        }
    }

    /// Whether the words of a node may go on in the next line.
    fn takes_more(&self, node: usize) -> bool {
        matches!(
            self.tree.kind_of(node),
            NodeKind::Prose
                | NodeKind::Field
                | NodeKind::Glossary
                | NodeKind::Story
                | NodeKind::Criterion
                | NodeKind::Check
                | NodeKind::Detail
                | NodeKind::File
                | NodeKind::Depends
                | NodeKind::Entry
        )
    }

    fn is_box(&mut self, node: usize) -> bool {
        self.tree.node(node).mark.is_some()
    }
}

fn append(text: &mut String, more: &str, between: &str) {
    if !text.is_empty() {
        text.push_str(between);
    }
    text.push_str(more);
}

/// What a heading or a label begins, as far as it matters.
fn part_of(lower: &str) -> Option<Part> {
    let starts = |names: &[&str]| names.iter().any(|name| lower.starts_with(name));
    Some(match lower {
        _ if starts(&["acceptance criteria", "acceptance:", "验收标准", "受け入れ基準"]) => {
            Part::Criteria
        }
        "acceptance" => Part::Criteria,
        _ if starts(&["current behavior", "expected behavior", "unchanged behavior"]) => {
            Part::Criteria
        }
        _ if starts(&["glossary", "术语表", "用語集"]) => Part::Glossary,
        _ if starts(&["user stories"]) => Part::Stories,
        _ if starts(&["task dependency graph"]) => Part::Graph,
        _ if starts(&["validation required"]) => Part::Checkpoint,
        _ if starts(&["validation"]) => Part::Validation,
        _ => return None,
    })
}

/// `CREATE: `path``, in bold or not: the word, and what follows it.
fn file_label(words: &str) -> Option<(&str, &str)> {
    let (name, rest) = words.split_once(':')?;
    let name = name.trim_matches(['*', '_', ' ']);
    let is_verb = VERBS.iter().any(|verb| verb.eq_ignore_ascii_case(name));
    (is_verb && !refs::files(rest, 0).is_empty()).then_some((name, rest))
}

/// `**Name:** value`, `**Name**: value` or `**Name: value**`.
fn label(text: &str) -> Option<(String, String)> {
    let rest = text.strip_prefix("**")?;
    let (bold, after) = rest.split_once("**")?;
    let (name, inside) = match bold.split_once(':') {
        Some((name, inside)) => (name, inside),
        None => (bold, after.strip_prefix(':').map(|_| "")?),
    };
    let after = after.strip_prefix(':').unwrap_or(after);
    let value = format!("{} {}", inside.trim(), after.trim());
    let fits = !name.trim().is_empty() && name.len() <= 60;
    fits.then(|| (name.trim().to_owned(), value.trim().to_owned()))
}

/// References to what stands in the same file are resolved here.
fn resolve_here(mut document: Document) -> Document {
    if document.nodes.iter().all(|node| node.refs.is_empty()) {
        return document;
    }
    let known = crate::resolve::Targets::of([document.nodes.as_slice()]);
    for node in &mut document.nodes {
        for reference in &mut node.refs {
            known.resolve(reference);
        }
    }
    document
}
