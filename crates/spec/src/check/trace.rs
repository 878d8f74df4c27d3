//! What must hold between files: references, criteria and tasks.

use std::collections::HashSet;

use super::{Input, finding};
use crate::diagnostic::Diagnostic;
use crate::{By, NodeKind, Ref, RefKind, Targets, rules};

pub(super) fn check(files: &[Input<'_>], found: &mut Vec<Diagnostic>) {
    let targets = Targets::of(files.iter().map(|file| file.document.nodes.as_slice()));
    let named = references(files, &targets, found);
    let has_tasks = files.iter().any(|file| {
        let nodes = &file.document.nodes;
        let any = |is: fn(&crate::Node) -> bool| nodes.iter().any(is);
        any(|node| node.kind == NodeKind::Task) && any(|node| !node.refs.is_empty())
    });
    if has_tasks && !named.all {
        untraced(files, &named.ids, found);
    }
    if has_tasks && targets.has_criteria() {
        files.iter().for_each(|file| aimless(file, found));
    }
}

#[derive(Default)]
struct Named<'a> {
    ids: HashSet<&'a str>,
    all: bool,
}

/// Resolves every reference, notes those that dangle, and answers what the tasks name.
fn references<'a>(
    files: &[Input<'a>],
    targets: &Targets,
    found: &mut Vec<Diagnostic>,
) -> Named<'a> {
    let mut named = Named::default();
    let has_requirements = targets.has_criteria();
    for file in files {
        for node in &file.document.nodes {
            for reference in &node.refs {
                let (to, by) = targets.find(reference);
                named.all |= by == By::All;
                if let Some(to) = to {
                    named.ids.insert(to);
                    continue;
                }
                let wanted = match reference.kind {
                    RefKind::Task => true,
                    RefKind::Criterion | RefKind::Requirement => has_requirements,
                    RefKind::Property | RefKind::Spec | RefKind::File => false,
                };
                if wanted && by != By::All {
                    let (what, text) = (reference.kind.as_str(), &reference.text);
                    let message = format!("there is no {what} {text}");
                    let span = Some(reference.span.clone());
                    found.push(finding(file, node, &rules::DANGLING, span, message));
                }
            }
        }
    }
    named
}

/// Criteria that no task names, by themselves or by their requirement.
fn untraced(files: &[Input<'_>], named: &HashSet<&str>, found: &mut Vec<Diagnostic>) {
    for file in files {
        for node in file.document.nodes.iter().filter(|node| node.kind == NodeKind::Criterion) {
            let Some(shown) = &node.ordinal else { continue };
            let ids = [node.id.as_ref(), Some(shown)];
            let requirement = shown.rsplit_once('.').map(|(requirement, _)| requirement);
            let by_itself = ids.into_iter().flatten().any(|id| named.contains(id.as_str()));
            if !by_itself
                && !requirement.is_some_and(|id| named.contains(id))
                && requirement.is_some()
            {
                let message = format!("no task names criterion {shown}");
                found.push(finding(file, node, &rules::NO_TASK, None, message));
            }
        }
    }
}

/// Tasks without parts that name no criterion, nor stand under one that does.
fn aimless(file: &Input<'_>, found: &mut Vec<Diagnostic>) {
    let nodes = &file.document.nodes;
    let tasks = file.document.nearest(|node| node.kind == NodeKind::Task);
    let about = |it: &Ref| matches!(it.kind, RefKind::Criterion | RefKind::Requirement);
    let mut has_aim = vec![false; nodes.len()];
    let mut has_parts = vec![false; nodes.len()];
    for (node, task) in nodes.iter().zip(&tasks) {
        let Some(task) = task else { continue };
        has_aim[*task] |= node.refs.iter().any(about);
        if let Some(above) = nodes[*task].parent.and_then(|parent| tasks[parent]) {
            has_parts[above] = true;
        }
    }
    for (n, node) in nodes.iter().enumerate() {
        let boxed = node.kind == NodeKind::Task && node.mark.is_some() && !node.optional;
        let above = node.parent.and_then(|parent| tasks[parent]);
        has_aim[n] |= node.kind == NodeKind::Task && above.is_some_and(|above| has_aim[above]);
        if boxed && !has_parts[n] && !has_aim[n] {
            let id = node.id.as_deref().or(node.ordinal.as_deref()).unwrap_or("?");
            let message = format!("task {id} names no criterion");
            found.push(finding(file, node, &rules::NO_CRITERION, None, message));
        }
    }
}
