//! A document as a tree of nodes that own its lines.

use std::ops::Range;

use crate::detect::{Dialect, Kind};

/// A file, read. Its nodes stand in the order of the file; the first one is the document itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Whose habits it follows.
    pub dialect: Dialect,
    /// What it is for.
    pub kind: Kind,
    /// The nodes, each after its parent.
    pub nodes: Vec<Node>,
    /// The lines of the file, each with its line end, in bytes `[start, end)`.
    pub lines: Vec<Range<usize>>,
    /// For each line the node that owns it. A blank line belongs to the node before it.
    pub owners: Vec<usize>,
}

/// A piece of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Another node, which comes before it; none for the document alone.
    pub parent: Option<usize>,
    /// What it is.
    pub kind: NodeKind,
    /// Its id as it is written, without marks: `1.2`, `T003`, `Status`. A criterion's carries its
    /// requirement's number.
    pub id: Option<String>,
    /// Its number by position, as a renderer would count.
    pub ordinal: Option<String>,
    /// Its first line, from 1.
    pub line: usize,
    /// From its first byte to the end of its last descendant, `[start, end)`.
    pub span: Range<usize>,
    /// What its box says, if it has one.
    pub state: Option<State>,
    /// Whether it is marked as optional.
    pub optional: bool,
    /// What it refers to.
    pub refs: Vec<Ref>,
    /// Its own words; marks, boxes and ids are taken off.
    pub text: String,
    /// Where the character of its box stands.
    pub mark: Option<usize>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the JSON form, and say it")]
pub enum NodeKind {
    Document,
    FrontMatter,
    Heading,
    Prose,
    Code,
    Table,
    Field,
    Glossary,
    Requirement,
    Story,
    Criterion,
    Scenario,
    Property,
    Phase,
    Task,
    Check,
    Detail,
    File,
    Depends,
    Validation,
    Checkpoint,
    Graph,
    Entry,
}

impl NodeKind {
    /// Its name in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::FrontMatter => "front-matter",
            Self::Heading => "heading",
            Self::Prose => "prose",
            Self::Code => "code",
            Self::Table => "table",
            Self::Field => "field",
            Self::Glossary => "glossary",
            Self::Requirement => "requirement",
            Self::Story => "story",
            Self::Criterion => "criterion",
            Self::Scenario => "scenario",
            Self::Property => "property",
            Self::Phase => "phase",
            Self::Task => "task",
            Self::Check => "check",
            Self::Detail => "detail",
            Self::File => "file",
            Self::Depends => "depends",
            Self::Validation => "validation",
            Self::Checkpoint => "checkpoint",
            Self::Graph => "graph",
            Self::Entry => "entry",
        }
    }
}

/// What a box says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// `[ ]`
    Open,
    /// `[x]`, `[X]`
    Done,
    /// `[-]`
    Doing,
    /// `[~]`
    Queued,
}

impl State {
    /// What the character between the brackets means; none for one that is no box.
    pub fn of(mark: u8) -> Option<Self> {
        match mark {
            b' ' => Some(Self::Open),
            b'x' | b'X' => Some(Self::Done),
            b'-' => Some(Self::Doing),
            b'~' => Some(Self::Queued),
            _ => None,
        }
    }

    /// The character that is written.
    pub fn mark(self) -> char {
        match self {
            Self::Open => ' ',
            Self::Done => 'x',
            Self::Doing => '-',
            Self::Queued => '~',
        }
    }

    /// Its name: `open`, `done`, `doing`, `queued`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Doing => "doing",
            Self::Queued => "queued",
        }
    }

    /// The state of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Open, Self::Done, Self::Doing, Self::Queued]
            .into_iter()
            .find(|it| it.as_str() == name)
    }
}

/// What a node refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ref {
    /// What kind of thing.
    pub kind: RefKind,
    /// As it is written; of a range the member.
    pub text: String,
    /// Where, in bytes of the file; of a member the whole range.
    pub span: Range<usize>,
    /// The id that it was resolved to; none, if it dangles or points into another file.
    pub to: Option<String>,
    /// How it was resolved.
    pub by: By,
}

/// What kind of thing is referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the JSON form, and say it")]
pub enum RefKind {
    Criterion,
    Requirement,
    Property,
    Task,
    Spec,
    File,
}

impl RefKind {
    /// Its name in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Criterion => "criterion",
            Self::Requirement => "requirement",
            Self::Property => "property",
            Self::Task => "task",
            Self::Spec => "spec",
            Self::File => "file",
        }
    }
}

/// How a reference was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// By the number that is written there.
    Literal,
    /// By the number that a renderer would show there.
    Ordinal,
    /// As a member of a range.
    Range,
    /// By `All requirements`.
    All,
    /// Not at all.
    Unresolved,
}

impl By {
    /// Its name in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Literal => "literal",
            Self::Ordinal => "ordinal",
            Self::Range => "range",
            Self::All => "all",
            Self::Unresolved => "unresolved",
        }
    }
}

impl Document {
    /// The file, put together from its nodes: the bytes of those that `keeps` says.
    pub fn print(&self, bytes: &[u8], keeps: impl Fn(usize) -> bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for (line, owner) in self.lines.iter().zip(&self.owners) {
            if keeps(*owner) {
                out.extend_from_slice(&bytes[line.clone()]);
            }
        }
        out
    }

    /// A node and all nodes under it: they follow each other.
    pub fn subtree(&self, root: usize) -> Range<usize> {
        let rest = self.nodes.iter().enumerate().skip(root + 1);
        let end = rest.into_iter().find(|(_, node)| node.parent.is_none_or(|parent| parent < root));
        root..end.map_or(self.nodes.len(), |(n, _)| n)
    }

    /// For each node the innermost of those that `is` says, itself or above it.
    pub fn nearest(&self, is: impl Fn(&Node) -> bool) -> Vec<Option<usize>> {
        let mut nearest: Vec<Option<usize>> = Vec::with_capacity(self.nodes.len());
        for (n, node) in self.nodes.iter().enumerate() {
            let above = node.parent.and_then(|parent| nearest[parent]);
            nearest.push(if is(node) { Some(n) } else { above });
        }
        nearest
    }

    /// The line, from 1, on which a byte stands.
    pub fn line_at(&self, at: usize) -> usize {
        let before = self.lines.partition_point(|line| line.end <= at);
        (before + 1).min(self.lines.len().max(1))
    }

    /// The lines that a node owns from its first one on, as bytes of the file. What it owns further
    /// down, after a part of it, is left out.
    pub fn own(&self, node: usize) -> Range<usize> {
        let first = self.nodes[node].line - 1;
        let owned = self.owners.iter().skip(first).take_while(|owner| **owner == node).count();
        match (self.lines.get(first), self.lines.get((first + owned).saturating_sub(1))) {
            (Some(from), Some(to)) if owned > 0 => from.start..to.end,
            _ => 0..0,
        }
    }

    /// The nodes that have a box.
    pub fn boxes(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate().filter(|(_, node)| node.mark.is_some())
    }
}
