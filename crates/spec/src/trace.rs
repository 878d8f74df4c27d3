//! Which tasks are for which criteria.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::Input;
use crate::{By, Node, NodeKind, Ref, RefKind, Targets};

/// The criteria and the tasks of one spec, and what each names of the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// In the order of the files.
    pub criteria: Vec<Criterion>,
    /// In the order of the files.
    pub tasks: Vec<Task>,
    /// References that point to nothing.
    pub dangling: Vec<Dangling>,
}

/// A criterion, and what names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criterion {
    /// As it is written.
    pub id: Option<String>,
    /// As a renderer shows it.
    pub ordinal: Option<String>,
    /// In which file.
    pub path: String,
    /// On which line.
    pub line: usize,
    /// The tasks that name it, or its requirement.
    pub tasks: Vec<String>,
    /// The properties that name it.
    pub properties: Vec<String>,
}

/// A task, and the criteria that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// As it is written; else its number by position.
    pub id: Option<String>,
    /// In which file.
    pub path: String,
    /// On which line.
    pub line: usize,
    /// By the number that a renderer shows.
    pub criteria: Vec<String>,
}

/// A reference that points to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dangling {
    /// In which file.
    pub path: String,
    /// On which line.
    pub line: usize,
    /// What it was to be.
    pub kind: RefKind,
    /// As it is written.
    pub text: String,
}

impl Trace {
    /// How many criteria some task names.
    pub fn covered(&self) -> usize {
        self.criteria.iter().filter(|it| !it.tasks.is_empty()).count()
    }

    /// How many tasks name some criterion.
    pub fn traced(&self) -> usize {
        self.tasks.iter().filter(|it| !it.criteria.is_empty()).count()
    }
}

/// Follows every reference between the files of one spec.
pub fn trace(files: &[Input<'_>]) -> Trace {
    let targets = Targets::of(files.iter().map(|file| file.document.nodes.as_slice()));
    let mut trace = Trace { criteria: criteria(files), ..Trace::default() };
    let shown = shown(&trace.criteria);
    let mut listed = BTreeSet::new();
    for file in files {
        let nearest = file.document.nearest(|node| {
            matches!(node.kind, NodeKind::Task | NodeKind::Checkpoint | NodeKind::Property)
        });
        for (n, node) in file.document.nodes.iter().enumerate() {
            let is_task = matches!(node.kind, NodeKind::Task | NodeKind::Checkpoint);
            let places = match (is_task, node.kind) {
                (true, _) | (_, NodeKind::Property) => {
                    named_by(file, (n, &nearest), &targets, &shown, &mut trace)
                }
                _ => continue,
            };
            let name = node.id.clone().or_else(|| node.ordinal.clone()).unwrap_or_default();
            for place in &places {
                let criterion = &mut trace.criteria[*place];
                let list = if is_task { &mut criterion.tasks } else { &mut criterion.properties };
                if listed.insert((*place, is_task, name.clone())) {
                    list.push(name.clone());
                }
            }
            if is_task {
                let of = |place: &usize| trace.criteria[*place].ordinal.clone();
                trace.tasks.push(Task {
                    id: node.id.clone(),
                    path: file.path.into(),
                    line: node.line,
                    criteria: places.iter().filter_map(of).collect(),
                });
            }
        }
    }
    trace
}

fn criteria(files: &[Input<'_>]) -> Vec<Criterion> {
    let of = |file: &Input<'_>, node: &Node| Criterion {
        id: node.id.clone(),
        ordinal: node.ordinal.clone(),
        path: file.path.into(),
        line: node.line,
        tasks: Vec::new(),
        properties: Vec::new(),
    };
    let mut all = Vec::new();
    for file in files {
        let in_task = file.document.nearest(|node| node.kind == NodeKind::Task);
        let nodes = file.document.nodes.iter().zip(&in_task);
        let own = nodes.filter(|(node, task)| node.kind == NodeKind::Criterion && task.is_none());
        all.extend(own.map(|(node, _)| of(file, node)));
    }
    all
}

/// Where each criterion stands, by the number that is shown, then by the one that is written.
fn shown(criteria: &[Criterion]) -> BTreeMap<String, usize> {
    let mut shown = BTreeMap::new();
    let names = |it: &Criterion| [it.id.clone(), it.ordinal.clone()];
    for which in [0, 1] {
        for (n, it) in criteria.iter().enumerate() {
            if let Some(name) = names(it)[which].clone() {
                shown.entry(name).or_insert(n);
            }
        }
    }
    shown
}

/// The criteria that a node names, by itself or in what stands under it and under no other task.
fn named_by(
    file: &Input<'_>,
    (node, nearest): (usize, &[Option<usize>]),
    targets: &Targets,
    shown: &BTreeMap<String, usize>,
    trace: &mut Trace,
) -> Vec<usize> {
    let nodes = &file.document.nodes;
    let mut places = Vec::new();
    for part in file.document.subtree(node).filter(|part| nearest[*part] == Some(node)) {
        for reference in &nodes[part].refs {
            let mut reference: Ref = reference.clone();
            targets.resolve(&mut reference);
            let about = matches!(reference.kind, RefKind::Criterion | RefKind::Requirement);
            match (&reference.to, reference.by) {
                (Some(_), By::All) => places.extend(0..trace.criteria.len()),
                (Some(to), _) if about => places.extend(within(to, shown)),
                (None, by) if about && by != By::All && !shown.is_empty() => {
                    trace.dangling.push(Dangling {
                        path: file.path.into(),
                        line: nodes[part].line,
                        kind: reference.kind,
                        text: reference.text.clone(),
                    });
                }
                _ => {}
            }
        }
    }
    places.sort_unstable();
    places.dedup();
    places
}

/// A criterion, or all those of a requirement.
fn within(id: &str, shown: &BTreeMap<String, usize>) -> Vec<usize> {
    match shown.get(id) {
        Some(place) => vec![*place],
        None => {
            let start = format!("{id}.");
            let own = shown.range(start.clone()..).take_while(|(name, _)| name.starts_with(&start));
            own.map(|(_, n)| *n).collect()
        }
    }
}
