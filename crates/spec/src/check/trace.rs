//! What must hold between files: references, criteria and tasks, the order of tasks.

use std::collections::{BTreeMap, BTreeSet};

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
    if has_tasks && !targets.criteria().is_empty() {
        files.iter().for_each(|file| aimless(file, found));
    }
    for file in files {
        order(file, found);
    }
}

#[derive(Default)]
struct Named {
    ids: BTreeSet<String>,
    all: bool,
}

/// Resolves every reference, notes those that dangle, and answers what the tasks name.
fn references(files: &[Input<'_>], targets: &Targets, found: &mut Vec<Diagnostic>) -> Named {
    let mut named = Named::default();
    let has_requirements = !targets.criteria().is_empty();
    for file in files {
        for node in &file.document.nodes {
            for reference in &node.refs {
                let mut reference: Ref = reference.clone();
                targets.resolve(&mut reference);
                named.all |= reference.by == By::All;
                if let Some(to) = &reference.to {
                    named.ids.insert(to.clone());
                    continue;
                }
                let wanted = match reference.kind {
                    RefKind::Task => true,
                    RefKind::Criterion | RefKind::Requirement => has_requirements,
                    RefKind::Property | RefKind::Spec | RefKind::File => false,
                };
                if wanted && reference.by != By::All {
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
fn untraced(files: &[Input<'_>], named: &BTreeSet<String>, found: &mut Vec<Diagnostic>) {
    for file in files {
        for node in file.document.nodes.iter().filter(|node| node.kind == NodeKind::Criterion) {
            let Some(shown) = &node.ordinal else { continue };
            let ids = [node.id.as_ref(), Some(shown)];
            let requirement = shown.rsplit_once('.').map(|(requirement, _)| requirement);
            let by_itself = ids.into_iter().flatten().any(|id| named.contains(id));
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

/// Tasks that depend on themselves, directly or in a circle.
fn order(file: &Input<'_>, found: &mut Vec<Diagnostic>) {
    let nodes = &file.document.nodes;
    let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut lines = BTreeMap::new();
    let nearest = file.document.nearest(|node| node.kind == NodeKind::Task);
    for (n, node) in nodes.iter().enumerate() {
        let Some(task) = nearest[n] else { continue };
        let Some(id) = nodes[task].id.as_deref() else { continue };
        lines.entry(id).or_insert(task);
        let tasks = node.refs.iter().filter(|it| it.kind == RefKind::Task);
        needs.entry(id).or_default().extend(tasks.map(|it| it.text.as_str()));
    }
    for id in circles(&needs) {
        let through: Vec<&str> = needs[id].iter().copied().collect();
        let message = format!("task {id} depends on itself, by way of {}", through.join(", "));
        found.push(finding(file, &nodes[lines[id]], &rules::CYCLE, None, message));
    }
}

/// The tasks in a circle, or between two: what is left when those that need nobody and those that
/// nobody needs are taken away, again and again.
fn circles<'a>(needs: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<&'a str> {
    let mut needed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (id, of) in needs {
        for other in of.iter().filter(|other| needs.contains_key(*other)) {
            needed.entry(other).or_default().insert(id);
        }
    }
    let mut left: BTreeSet<&str> = needs.keys().copied().collect();
    take_away(&mut left, needs, &needed);
    take_away(&mut left, &needed, needs);
    left.into_iter().collect()
}

/// Takes those away whose `ahead` are all gone, and what that frees `behind` them.
fn take_away<'a>(
    left: &mut BTreeSet<&'a str>,
    ahead: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    behind: &BTreeMap<&'a str, BTreeSet<&'a str>>,
) {
    let waits_for = |id: &str, left: &BTreeSet<&str>| {
        ahead.get(id).map_or(0, |of| of.iter().filter(|other| left.contains(*other)).count())
    };
    let mut open: BTreeMap<&str, usize> =
        left.iter().map(|id| (*id, waits_for(id, left))).collect();
    let mut free: Vec<&str> = open.iter().filter(|(_, n)| **n == 0).map(|(id, _)| *id).collect();
    while let Some(id) = free.pop() {
        left.remove(id);
        for other in behind.get(id).into_iter().flatten() {
            if let Some(n) = open.get_mut(other).filter(|n| **n > 0) {
                *n -= 1;
                if *n == 0 {
                    free.push(other);
                }
            }
        }
    }
}
