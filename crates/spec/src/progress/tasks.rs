//! The tasks of a spec, as its files say them: which belong together, and which criteria they are for.

use std::collections::{BTreeMap, HashMap};

use super::details::{Details, without_hours};
use super::evidence::{CountsAs, Fingerprint};
use super::{Outside, command};
use crate::check::Input;
use crate::document::Document;
use crate::{Node, NodeKind, State, trace};

/// A task, as its file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// As it is written; else its number by position.
    pub id: Option<String>,
    /// Its words.
    pub title: String,
    /// In which file.
    pub path: String,
    /// On which line.
    pub line: usize,
    /// What its box says; of a task without one what its criteria say together.
    pub mark: Option<State>,
    /// How many criteria with boxes stand in it, and how many of those are ticked.
    pub criteria_ticked: (usize, usize),
    /// The phase under which it stands, if any.
    pub phase: Option<String>,
    /// Whether it is marked as one that may be left out.
    pub optional: bool,
    /// The task that it is a part of, by its place in the list.
    pub part_of: Option<usize>,
    /// Whether it counts: it must be done, and is no mere sum of parts that must.
    pub counts: bool,
    /// The files that it creates.
    pub creates: Vec<String>,
    /// The files that it names.
    pub files: Vec<String>,
    /// The commands that show that it is done.
    pub validations: Vec<String>,
    /// The ids of tasks that it waits for.
    pub depends: Vec<String>,
    /// Why it is blocked, if its file says so. May be empty.
    pub blocked: Option<String>,
    /// The criteria that it is for: their numbers, as they are shown, and their words.
    pub criteria: BTreeMap<String, String>,
    /// Whether it names any file or command.
    pub names_any: bool,
    /// What its digest is of.
    pub(super) canonical: String,
}

impl Task {
    /// Its id, or a question mark.
    pub fn name(&self) -> &str {
        self.id.as_deref().unwrap_or("?")
    }

    /// Its title without hours.
    pub fn short_title(&self) -> &str {
        without_hours(&self.title)
    }

    /// What it is now.
    pub fn fingerprint(&self, outside: &Outside<'_>) -> Fingerprint {
        let digest = |text: &str| (outside.sha256)(text.as_bytes());
        Fingerprint {
            task: digest(&self.canonical),
            criteria: self.criteria.iter().map(|(id, text)| (id.clone(), digest(text))).collect(),
            files: self.files.iter().map(|it| (it.clone(), (outside.digest_of)(it))).collect(),
        }
    }

    /// What a command that somebody typed counts for, and the text that is recorded of it: that of a
    /// validation, if it is one.
    pub fn typed(&self, words: &[String]) -> (CountsAs, String) {
        let line = command::line(words);
        let by_shell = match words {
            [sh, option, text] if sh == "sh" && option == "-c" => Some(text.trim()),
            _ => None,
        };
        let is_it = |own: &&String| {
            command::words(own).as_deref() == Some(words) || by_shell == Some(own.trim())
        };
        match self.validations.iter().find(is_it) {
            Some(own) => (CountsAs::Validation, own.clone()),
            None if self.validations.is_empty() => (CountsAs::Task, line),
            None => (CountsAs::Nothing, line),
        }
    }
}

/// The tasks of one spec, in the order of its files.
pub fn tasks(files: &[Input<'_>]) -> Vec<Task> {
    let criteria = criteria(files);
    let mut all = Vec::new();
    for file in files {
        in_file(file, files, &criteria, &mut all);
    }
    all
}

/// For each task, by file and line, the criteria that it names.
fn criteria(files: &[Input<'_>]) -> HashMap<(String, usize), BTreeMap<String, String>> {
    let traced = trace::trace(files);
    let texts: HashMap<(&str, usize), &str> = files
        .iter()
        .flat_map(|file| file.document.nodes.iter().map(move |node| (file.path, node)))
        .filter(|(_, node)| node.kind == NodeKind::Criterion)
        .map(|(path, node)| ((path, node.line), node.text.as_str()))
        .collect();
    let mut words: HashMap<&str, &str> = HashMap::new();
    for it in &traced.criteria {
        let text = texts.get(&(it.path.as_str(), it.line));
        if let (Some(shown), Some(text)) = (&it.ordinal, text) {
            words.entry(shown).or_insert(text);
        }
    }
    let of = |ids: &[String]| -> BTreeMap<String, String> {
        let known =
            ids.iter().filter_map(|id| Some((id.clone(), (*words.get(id.as_str())?).into())));
        known.collect()
    };
    traced.tasks.iter().map(|it| ((it.path.clone(), it.line), of(&it.criteria))).collect()
}

fn in_file(
    file: &Input<'_>,
    files: &[Input<'_>],
    criteria: &HashMap<(String, usize), BTreeMap<String, String>>,
    all: &mut Vec<Task>,
) {
    let document = file.document;
    let tasks = document.nearest(|node| node.kind == NodeKind::Task);
    let owners =
        document.nearest(|node| matches!(node.kind, NodeKind::Task | NodeKind::Checkpoint));
    let phases = phases_of(document, &tasks);
    let first = all.len();
    let mut places: HashMap<usize, usize> = HashMap::new();
    for (n, node) in document.nodes.iter().enumerate().filter(|(_, it)| it.kind == NodeKind::Task) {
        let own: Vec<usize> = document.subtree(n).filter(|it| owners[*it] == Some(n)).collect();
        let mut details = Details::of(document, &own);
        // Ticking writes the files of a spec.
        details.files.retain(|path| !files.iter().any(|file| same_file(file.path, path)));
        let names_any =
            details.code || !details.files.is_empty() || !details.validations.is_empty();
        let above = node.parent.and_then(|parent| tasks[parent]);
        places.insert(n, all.len());
        all.push(Task {
            id: node.id.clone().or_else(|| node.ordinal.clone()),
            title: node.text.clone(),
            path: file.path.into(),
            line: node.line,
            mark: mark_of(document, n),
            criteria_ticked: criteria_ticked(document, &own),
            phase: phases[n].clone(),
            optional: node.optional,
            part_of: above.and_then(|above| places.get(&above).copied()),
            counts: true,
            canonical: details.canonical(),
            creates: details
                .verbs
                .into_iter()
                .filter(|(verb, _)| verb == "create")
                .map(|it| it.1)
                .collect(),
            files: details.files,
            validations: details.validations,
            depends: details.depends,
            blocked: details.blocked,
            criteria: criteria.get(&(file.path.to_owned(), node.line)).cloned().unwrap_or_default(),
            names_any,
        });
    }
    count(&mut all[first..], first);
}

/// Whether `path`, from the root of the repository or from the spec, is the file at `spec`.
fn same_file(spec: &str, path: &str) -> bool {
    let before = spec.strip_suffix(path.trim_start_matches("./"));
    before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// What counts: a part of a task that may be left out may be, too, and a task with parts that must
/// be done is their sum.
fn count(tasks: &mut [Task], first: usize) {
    let mut required: Vec<bool> = Vec::with_capacity(tasks.len());
    for n in 0..tasks.len() {
        let above = tasks[n].part_of.map(|above| above - first);
        required.push(!tasks[n].optional && above.is_none_or(|above| required[above]));
        tasks[n].counts = required[n];
        if let Some(above) = above.filter(|_| required[n]) {
            tasks[above].counts = false;
        }
    }
}

/// The phase of each node: the heading that it stands under; in a file without such headings, but
/// with parts of tasks, the outermost task.
fn phases_of(document: &Document, tasks: &[Option<usize>]) -> Vec<Option<String>> {
    let nodes = &document.nodes;
    let name = |node: &Node| node.id.clone().or_else(|| node.ordinal.clone());
    let above = |n: usize| nodes[n].parent.and_then(|parent| tasks[parent]);
    let is_task = |n: &usize| nodes[*n].kind == NodeKind::Task;
    let has_parts = (0..nodes.len()).filter(is_task).any(|n| above(n).is_some());
    if nodes.iter().any(|node| node.kind == NodeKind::Phase) {
        let nearest = document.nearest(|node| node.kind == NodeKind::Phase);
        return nearest.iter().map(|it| it.and_then(|n| name(&nodes[n]))).collect();
    }
    let mut phases: Vec<Option<String>> = Vec::with_capacity(nodes.len());
    for (n, node) in nodes.iter().enumerate() {
        let inherited = node.parent.and_then(|parent| phases[parent].clone());
        let outermost = has_parts && is_task(&n) && above(n).is_none();
        phases.push(if outermost { name(node) } else { inherited });
    }
    phases
}

/// What a task's box says, or its criteria together: all ticked is done, some is being done.
fn mark_of(document: &Document, task: usize) -> Option<State> {
    let node = &document.nodes[task];
    if node.state.is_some() {
        return node.state;
    }
    let inside: Vec<usize> = document.subtree(task).collect();
    match criteria_ticked(document, &inside) {
        (0, _) => None,
        (_, 0) => Some(State::Open),
        (all, ticked) if all == ticked => Some(State::Done),
        _ => Some(State::Doing),
    }
}

/// How many criteria with boxes are among these nodes, and how many of them are ticked.
fn criteria_ticked(document: &Document, nodes: &[usize]) -> (usize, usize) {
    let criteria = nodes.iter().map(|n| &document.nodes[*n]);
    let criteria = criteria.filter(|node| node.kind == NodeKind::Criterion);
    let states: Vec<State> = criteria.filter_map(|node| node.state).collect();
    (states.len(), states.iter().filter(|state| **state == State::Done).count())
}
