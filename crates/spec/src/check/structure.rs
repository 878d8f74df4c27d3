//! What must hold within one file: ids, criteria, ticks.

use std::collections::HashMap;

use super::{Input, finding};
use crate::diagnostic::Diagnostic;
use crate::{NodeKind, State, rules};

pub(super) fn check(file: &Input<'_>, found: &mut Vec<Diagnostic>) {
    ids(file, found);
    requirements(file, found);
    ticks(file, found);
}

/// How often an id is said to stand there already. A file that repeats it more often is not written by
/// hand.
const MOST: usize = 1_000;

/// An id that stands twice: of a task or a requirement an error; of a criterion a number that a
/// renderer shows otherwise.
fn ids(file: &Input<'_>, found: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<(NodeKind, &str), (usize, usize)> = HashMap::new();
    for node in &file.document.nodes {
        let kind = match node.kind {
            NodeKind::Checkpoint => NodeKind::Task,
            kind => kind,
        };
        let counted = matches!(kind, NodeKind::Task | NodeKind::Requirement | NodeKind::Criterion);
        let (true, Some(id)) = (counted, node.id.as_deref()) else { continue };
        let (first, times) = seen.entry((kind, id)).or_insert((node.line, 0));
        *times += 1;
        if *times == 1 || *times > MOST {
            continue;
        }
        let (rule, message) = match (kind, &node.ordinal) {
            (NodeKind::Criterion, Some(shown)) if shown != id => (
                &rules::REPEATED,
                format!(
                    "the number {id} stands on line {first} already; a renderer shows {shown} here"
                ),
            ),
            _ => {
                let what = kind.as_str();
                (&rules::DUPLICATE, format!("{what} {id} stands on line {first} already"))
            }
        };
        found.push(finding(file, node, rule, None, message));
    }
}

fn requirements(file: &Input<'_>, found: &mut Vec<Diagnostic>) {
    let nodes = &file.document.nodes;
    let all = nodes.iter().enumerate().filter(|(_, node)| node.kind == NodeKind::Requirement);
    for (n, node) in all {
        let inside = file.document.subtree(n);
        if !nodes[inside].iter().any(|node| node.kind == NodeKind::Criterion) {
            let id = node.id.as_deref().unwrap_or("?");
            let message = format!("requirement {id} has no acceptance criteria");
            found.push(finding(file, node, &rules::NO_CRITERIA, None, message));
        }
    }
}

fn ticks(file: &Input<'_>, found: &mut Vec<Diagnostic>) {
    let nodes = &file.document.nodes;
    for (n, node) in nodes.iter().enumerate() {
        if node.kind != NodeKind::Task || node.state != Some(State::Done) {
            continue;
        }
        let open = file.document.subtree(n).skip(1).find(|part| {
            let part = &nodes[*part];
            let has_box = part.mark.is_some() && !part.optional;
            has_box && part.state != Some(State::Done)
        });
        if let Some(open) = open {
            let name = |node: &crate::Node| {
                node.id.clone().unwrap_or_else(|| format!("on line {}", node.line))
            };
            let message = format!(
                "task {} is ticked, and its part {} is not",
                name(node),
                name(&nodes[open])
            );
            found.push(finding(file, node, &rules::EARLY, None, message));
        }
    }
}
