//! The JSON forms that other programs rely on, one document a call.

use serde_json::{Value, json};
use specie_spec::{Node, NodeKind, Ref, State, Tick};

use crate::File;
use crate::file::sha256;

/// `specie spec read --json`: `specie.spec.read/1`.
pub fn read(file: &File) -> Value {
    let document = &file.document;
    let nodes: Vec<_> = document.nodes.iter().enumerate().map(|(n, it)| node(n, it)).collect();
    json!({
        "schema": "specie.spec.read/1",
        "path": file.path.display().to_string(),
        "bytes": file.bytes.len(),
        "sha256": sha256(&file.bytes),
        "dialect": document.dialect.as_str(),
        "kind": document.kind.as_str(),
        "nodes": nodes,
        "lines": document.owners,
        "unclassified": [],
    })
}

fn node(n: usize, node: &Node) -> Value {
    let mut form = json!({
        "n": n,
        "parent": node.parent,
        "kind": node.kind.as_str(),
        "id": node.id,
        "ordinal": node.ordinal,
        "line": node.line,
        "span": [node.span.start, node.span.end],
        "state": node.state.map(State::as_str),
        "optional": node.optional,
        "refs": node.refs.iter().map(reference).collect::<Vec<_>>(),
        "text": node.text,
    });
    if node.kind == NodeKind::Criterion {
        form["ears"] = json!(specie_spec::ears::lead(&node.text).as_str());
    }
    form
}

fn reference(reference: &Ref) -> Value {
    json!({
        "kind": reference.kind.as_str(),
        "text": reference.text,
        "span": [reference.span.start, reference.span.end],
        "to": reference.to,
        "by": reference.by.as_str(),
    })
}

/// `specie spec tick --json`: `specie.spec.tick/1`. `after` is what the file holds then.
pub fn tick(file: &File, ticked: &Tick, after: &[u8]) -> Value {
    let changes: Vec<_> = ticked
        .changes
        .iter()
        .map(|it| json!({ "span": [it.span.start, it.span.end], "was": it.was, "now": it.now }))
        .collect();
    json!({
        "schema": "specie.spec.tick/1",
        "path": file.path.display().to_string(),
        "id": ticked.id,
        "line": ticked.line,
        "from": ticked.from.map(State::as_str),
        "to": ticked.to.as_str(),
        "changes": changes,
        "sha256_before": sha256(&file.bytes),
        "sha256_after": sha256(after),
    })
}
