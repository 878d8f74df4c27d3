//! Reading a document of JSON: an index of specs, or Kiro's settings of one spec.
//!
//! Each member is a field, each object of a list an entry. A node has the bytes of its own value; a
//! line belongs to the first node that begins on it, else to the innermost one around it.

use std::collections::HashSet;
use std::ops::Range;

use crate::document::{By, Document, Node, NodeKind, Ref, RefKind};
use crate::json::{self, Data, Value};
use crate::lines;
use crate::tree::blank;
use crate::{Dialect, Kind};

/// Reads a file; none when it is not JSON.
pub(crate) fn read(bytes: &[u8], dialect: Dialect, kind: Kind) -> Option<Document> {
    let value = json::parse(bytes, 0..bytes.len()).ok()?;
    let lines = lines::split(bytes);
    let mut reader = Reader { nodes: Vec::new(), lines: &lines };
    reader.add(None, NodeKind::Document, 0..bytes.len());
    reader.members(0, &value);
    let nodes = resolved(reader.nodes);
    let owners = owners(&nodes, &lines);
    Some(Document { dialect, kind, nodes, lines, owners })
}

struct Reader<'a> {
    nodes: Vec<Node>,
    lines: &'a [Range<usize>],
}

impl Reader<'_> {
    fn add(&mut self, parent: Option<usize>, kind: NodeKind, span: Range<usize>) -> usize {
        let line = self.lines.partition_point(|line| line.end <= span.start) + 1;
        self.nodes.push(Node { span: span.clone(), ..blank(parent, kind, line, span.start) });
        self.nodes.len() - 1
    }

    fn members(&mut self, parent: usize, value: &Value) {
        for (name, value) in value.map() {
            let name_of = name.words().unwrap_or_default();
            let is_entry = name_of != "metadata"
                && self.nodes[parent].id.as_deref() == Some("specs")
                && matches!(value.data, Data::Map(_));
            let kind = if is_entry { NodeKind::Entry } else { NodeKind::Field };
            let node = self.add(Some(parent), kind, name.span.start..value.span.end);
            self.nodes[node].id = Some(name_of.into());
            self.inside(node, name_of, value);
        }
        for (n, entry) in value.list().iter().enumerate() {
            if matches!(entry.data, Data::Map(_)) {
                let node = self.add(Some(parent), NodeKind::Entry, entry.span.clone());
                let named = ["id", "spec_id", "name"].into_iter().find_map(|key| entry.get(key));
                self.nodes[node].id = named.and_then(Value::words).map(Into::into);
                self.nodes[node].ordinal = Some((n + 1).to_string());
                self.inside(node, "", entry);
            }
        }
    }

    /// The words and references of a node, and what stands under it.
    fn inside(&mut self, node: usize, name: &str, value: &Value) {
        let plain: Vec<&str> = value.list().iter().filter_map(Value::words).collect();
        let title = value.get("title").and_then(Value::words);
        let words = value.words().or(title).map_or_else(|| plain.join(", "), Into::into);
        self.nodes[node].text = words;
        let refs = match (name, &value.data) {
            ("dependencies", Data::List(list)) => list.iter().filter_map(of_spec).collect(),
            ("path" | "spec_path", Data::Text(_)) => {
                reference(RefKind::File, value).into_iter().collect()
            }
            _ => Vec::new(),
        };
        self.nodes[node].refs = refs;
        self.members(node, value);
    }
}

fn of_spec(value: &Value) -> Option<Ref> {
    reference(RefKind::Spec, value.get("id").unwrap_or(value))
}

/// A reference without its quotes.
fn reference(kind: RefKind, value: &Value) -> Option<Ref> {
    let Data::Text(text) = &value.data else { return None };
    let span = value.span.start + 1..value.span.end - 1;
    Some(Ref { kind, text: text.clone(), span, to: None, by: By::Unresolved })
}

/// References to specs that the same file has.
fn resolved(mut nodes: Vec<Node>) -> Vec<Node> {
    let entries = nodes.iter().filter(|node| node.kind == NodeKind::Entry);
    let known: HashSet<String> = entries.filter_map(|node| node.id.clone()).collect();
    for reference in nodes.iter_mut().flat_map(|node| &mut node.refs) {
        if reference.kind == RefKind::Spec && known.contains(&reference.text) {
            reference.to = Some(reference.text.clone());
            reference.by = By::Literal;
        }
    }
    nodes
}

fn owners(nodes: &[Node], lines: &[Range<usize>]) -> Vec<usize> {
    let mut owners = Vec::with_capacity(lines.len());
    let mut open = vec![0];
    let mut next = 1;
    for (n, line) in lines.iter().enumerate() {
        while open.len() > 1 && open.last().is_some_and(|node| nodes[*node].span.end <= line.start)
        {
            open.pop();
        }
        let around = open.last().copied().unwrap_or(0);
        let first = nodes.get(next).filter(|node| node.line == n + 1).map(|_| next);
        while nodes.get(next).is_some_and(|node| node.line == n + 1) {
            open.retain(|node| nodes[*node].span.end >= nodes[next].span.end);
            open.push(next);
            next += 1;
        }
        owners.push(first.unwrap_or(around));
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = r#"{
  "version": "1.0.0",
  "total_specs": 2,
  "specs": [
    {
      "id": "spec-001",
      "title": "Users",
      "dependencies": ["spec-002", "spec-009"],
      "path": "specs/core/spec-001"
    },
    { "id": "spec-002", "path": "specs/core/spec-002" }
  ]
}
"#;

    fn shown(document: &Document, n: usize) -> String {
        let node = &document.nodes[n];
        format!("{} {}", node.kind.as_str(), node.id.as_deref().unwrap_or("-"))
    }

    #[test]
    fn an_index_has_an_entry_for_each_spec_and_a_field_for_each_member() {
        let document = read(INDEX.as_bytes(), Dialect::SmartSpec, Kind::Index).unwrap();
        let owners: Vec<_> = document.owners.iter().map(|n| shown(&document, *n)).collect();
        assert_eq!(
            owners,
            [
                "document -",
                "field version",
                "field total_specs",
                "field specs",
                "entry spec-001",
                "field id",
                "field title",
                "field dependencies",
                "field path",
                "entry spec-001",
                "entry spec-002",
                "field specs",
                "document -",
            ]
        );
        let entry = document.nodes.iter().find(|node| node.id.as_deref() == Some("spec-001"));
        assert_eq!(entry.map(|node| (node.line, node.text.as_str())), Some((5, "Users")));
        let refs: Vec<_> = document.nodes.iter().flat_map(|node| &node.refs).collect();
        assert_eq!(refs[0].to.as_deref(), Some("spec-002"));
        assert_eq!((refs[1].to.as_deref(), &INDEX[refs[1].span.clone()]), (None, "spec-009"));
        assert_eq!(document.print(INDEX.as_bytes(), |_| true), INDEX.as_bytes());
    }

    #[test]
    fn a_line_may_hold_a_whole_index_and_what_is_no_json_is_left_to_others() {
        let text = r#"{"specs":[{"id":"a"},{"id":"b"}]}"#;
        let document = read(text.as_bytes(), Dialect::SmartSpec, Kind::Index).unwrap();
        assert_eq!(document.owners, [1]);
        let entries = document.nodes.iter().filter(|node| node.kind == NodeKind::Entry);
        let spans: Vec<_> = entries.map(|node| &text[node.span.clone()]).collect();
        assert_eq!(spans, [r#"{"id":"a"}"#, r#"{"id":"b"}"#]);
        assert_eq!(read(b"{", Dialect::SmartSpec, Kind::Index), None);
        assert!(read(b"[]", Dialect::Kiro, Kind::Config).is_some());
    }

    #[test]
    fn an_old_index_names_its_specs_by_their_keys() {
        let text = "{\n \"specs\": {\n  \"spec-004\": { \"title\": \"Money\" }\n }\n}";
        let document = read(text.as_bytes(), Dialect::SmartSpec, Kind::Index).unwrap();
        assert_eq!(shown(&document, document.owners[2]), "entry spec-004");
    }
}
