//! `specie spec read`, as text.

use specie_spec::{Document, NodeKind};

use crate::fail::Fail;
use crate::out;

/// Shows the tree.
pub fn show(document: &Document) -> Result<(), Fail> {
    let kinds = (document.dialect.as_str(), document.kind.as_str());
    out::say(format!("{} {}, {}", kinds.0, kinds.1, out::count(document.lines.len(), "line")))?;
    let mut depths = vec![0; document.nodes.len()];
    for (n, node) in document.nodes.iter().enumerate().skip(1) {
        depths[n] = node.parent.map_or(0, |parent| depths[parent]) + 1;
        if matches!(node.kind, NodeKind::Prose | NodeKind::Code) {
            continue;
        }
        let parts = [
            Some(node.kind.as_str().to_owned()),
            node.id.clone(),
            node.state.map(|state| format!("[{}]", state.mark())),
            node.text.lines().next().map(|text| text.chars().take(80).collect()),
        ];
        let words: Vec<String> = parts.into_iter().flatten().filter(|it| !it.is_empty()).collect();
        let indent = "  ".repeat(depths[n]);
        out::say(format!("{:5} {indent}{}", node.line, words.join(" ")))?;
    }
    Ok(())
}
