//! Putting a document together, line by line.

use std::ops::Range;

use crate::document::{Document, Node, NodeKind};
use crate::{Dialect, Kind};

/// A document that grows.
pub(crate) struct Tree {
    nodes: Vec<Node>,
    owners: Vec<usize>,
    /// Headings that are open, with their levels.
    sections: Vec<(usize, usize)>,
    /// Items that are open, with the columns at which they begin.
    items: Vec<(usize, usize)>,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let document = blank(None, NodeKind::Document, 1, 0);
        Self { nodes: vec![document], owners: Vec::new(), sections: Vec::new(), items: Vec::new() }
    }

    /// A new node that owns the present line, under the innermost open item or heading.
    pub(crate) fn add(&mut self, kind: NodeKind, start: usize) -> usize {
        let parent = self.items.last().or(self.sections.last()).map_or(0, |(_, node)| *node);
        self.add_under(parent, kind, start)
    }

    fn add_under(&mut self, parent: usize, kind: NodeKind, start: usize) -> usize {
        let line = self.owners.len() + 1;
        let node = blank(Some(parent), kind, line, start);
        self.nodes.push(node);
        self.owners.push(self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// A heading: it closes all items, and the headings that are not above it.
    pub(crate) fn heading(&mut self, level: usize, kind: NodeKind, start: usize) -> usize {
        self.items.clear();
        self.sections.retain(|(open, _)| *open < level);
        let parent = self.sections.last().map_or(0, |(_, node)| *node);
        let node = self.add_under(parent, kind, start);
        self.sections.push((level, node));
        node
    }

    /// An item: it stands under the item that begins further left.
    pub(crate) fn item(&mut self, columns: usize, kind: NodeKind, start: usize) -> usize {
        self.close_items(columns);
        let node = self.add(kind, start);
        self.items.push((columns, node));
        node
    }

    /// Closes the items that begin at `columns` or further right.
    pub(crate) fn close_items(&mut self, columns: usize) {
        self.items.retain(|(open, _)| *open < columns);
    }

    /// The innermost open item.
    pub(crate) fn innermost(&self) -> Option<(usize, usize)> {
        self.items.last().copied()
    }

    /// The items that are open, outermost first.
    pub(crate) fn open_items(&self) -> &[(usize, usize)] {
        &self.items
    }

    /// The innermost open heading of a kind.
    pub(crate) fn section(&self, kind: NodeKind) -> Option<&Node> {
        let open = self.sections.iter().rev().map(|(_, node)| &self.nodes[*node]);
        open.into_iter().find(|node| node.kind == kind)
    }

    /// Gives the present line to the node that owns the line before it.
    pub(crate) fn go_on(&mut self) -> usize {
        let owner = self.owners.last().copied().unwrap_or(0);
        self.owners.push(owner);
        owner
    }

    /// Takes the present line back, to give it to another.
    pub(crate) fn take_back(&mut self) {
        self.owners.pop();
    }

    /// Gives the present line to a node.
    pub(crate) fn give(&mut self, node: usize) {
        self.owners.push(node);
    }

    pub(crate) fn node(&mut self, node: usize) -> &mut Node {
        &mut self.nodes[node]
    }

    pub(crate) fn kind_of(&self, node: usize) -> NodeKind {
        self.nodes[node].kind
    }

    /// The document, with every node's span reaching to the end of its last descendant.
    pub(crate) fn finish(
        mut self,
        dialect: Dialect,
        kind: Kind,
        lines: Vec<Range<usize>>,
    ) -> Document {
        for (line, owner) in lines.iter().zip(&self.owners) {
            self.nodes[*owner].span.end = line.end;
        }
        for n in (1..self.nodes.len()).rev() {
            let (end, parent) = (self.nodes[n].span.end, self.nodes[n].parent.unwrap_or(0));
            let above = &mut self.nodes[parent].span;
            above.end = above.end.max(end);
        }
        if let (Some(first), Some(last)) = (lines.first(), lines.last()) {
            self.nodes[0].span = first.start..last.end;
        }
        Document { dialect, kind, nodes: self.nodes, lines, owners: self.owners }
    }
}

/// A node that says nothing yet.
pub(crate) fn blank(parent: Option<usize>, kind: NodeKind, line: usize, start: usize) -> Node {
    Node {
        parent,
        kind,
        id: None,
        ordinal: None,
        line,
        span: start..start,
        state: None,
        optional: false,
        refs: Vec::new(),
        text: String::new(),
        mark: None,
    }
}
