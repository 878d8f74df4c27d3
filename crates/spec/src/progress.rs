//! How far the tasks of a spec are: what their boxes say, and what speaks for or against it.

use crate::check::Input;
use crate::document::Document;
use crate::{NodeKind, RefKind, State};

/// What is known of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Progress {
    /// It is not ticked.
    Open,
    /// It is ticked, nothing speaks against it, and nothing proves it.
    Claimed,
    /// It is ticked, and something speaks against it.
    Contradicted,
    /// It is ticked, and names neither a file nor a command by which one could tell.
    Unverifiable,
}

impl Progress {
    /// Its name in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed => "claimed",
            Self::Contradicted => "contradicted",
            Self::Unverifiable => "unverifiable",
        }
    }
}

/// A task, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskProgress {
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
    /// What is known.
    pub progress: Progress,
    /// Why, one sentence each.
    pub because: Vec<String>,
    /// The phase under which it stands, if any.
    pub phase: Option<String>,
}

/// How far each task is. `was_made` answers whether a file is there, or was once; none when nobody
/// can tell.
pub fn progress(file: &Input<'_>, was_made: &dyn Fn(&str) -> Option<bool>) -> Vec<TaskProgress> {
    let document = file.document;
    let phases = document.nearest(|node| node.kind == NodeKind::Phase);
    let owners = document.nearest(|node| node.kind == NodeKind::Task);
    let tasks = document.nodes.iter().enumerate().filter(|(_, it)| it.kind == NodeKind::Task);
    tasks
        .map(|(n, node)| {
            let mark = mark_of(document, n);
            let evidence = Evidence::of(document, n, &owners);
            let (progress, because) = match mark {
                Some(State::Done) => judge(document, n, &evidence, was_made),
                _ => (Progress::Open, vec![said(mark).to_owned()]),
            };
            TaskProgress {
                id: node.id.clone().or_else(|| node.ordinal.clone()),
                title: node.text.clone(),
                path: file.path.into(),
                line: node.line,
                mark,
                progress,
                because,
                phase: phases[n].and_then(|phase| document.nodes[phase].id.clone()),
            }
        })
        .collect()
}

fn said(mark: Option<State>) -> &'static str {
    match mark {
        Some(State::Doing) => "it is marked as being done",
        Some(State::Queued) => "it is marked as queued",
        _ => "it is not ticked",
    }
}

/// What a task's box says, or its criteria together: all ticked is done, some is being done.
fn mark_of(document: &Document, task: usize) -> Option<State> {
    let node = &document.nodes[task];
    if node.state.is_some() {
        return node.state;
    }
    let inside = document.nodes[document.subtree(task)].iter();
    let states: Vec<State> =
        inside.filter(|it| it.kind == NodeKind::Criterion).filter_map(|it| it.state).collect();
    let done = states.iter().filter(|state| **state == State::Done).count();
    match (states.len(), done) {
        (0, _) => None,
        (_, 0) => Some(State::Open),
        (all, done) if all == done => Some(State::Done),
        _ => Some(State::Doing),
    }
}

/// What a task names, by which one can tell whether it is done.
struct Evidence {
    /// Files that it makes.
    creates: Vec<String>,
    /// Whether it names any file or command.
    any: bool,
}

impl Evidence {
    fn of(document: &Document, task: usize, owners: &[Option<usize>]) -> Self {
        let own = document.subtree(task).filter(|n| owners[*n] == Some(task));
        let mut found = Self { creates: Vec::new(), any: false };
        for node in own.map(|n| &document.nodes[n]) {
            let files = node.refs.iter().filter(|it| it.kind == RefKind::File);
            let creates = node.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case("create"));
            if node.kind == NodeKind::File && creates {
                found.creates.extend(files.clone().map(|it| it.text.clone()));
            }
            let command = matches!(node.kind, NodeKind::Validation | NodeKind::Code);
            found.any |= command || files.count() > 0;
            found.any |= !crate::refs::files(&node.text, 0).is_empty();
        }
        found
    }
}

fn judge(
    document: &Document,
    task: usize,
    evidence: &Evidence,
    was_made: &dyn Fn(&str) -> Option<bool>,
) -> (Progress, Vec<String>) {
    let mut against: Vec<String> = evidence
        .creates
        .iter()
        .filter(|path| was_made(path) == Some(false))
        .map(|path| {
            format!("it is ticked, and `{path}`, which it creates, is not there and never was")
        })
        .collect();
    let parts = document.nodes[document.subtree(task)].iter().skip(1);
    let open = parts.filter(|part| {
        part.kind == NodeKind::Task
            && !part.optional
            && !matches!(part.state, Some(State::Done) | None)
    });
    against.extend(open.map(|part| {
        let name = part.id.as_deref().or(part.ordinal.as_deref()).unwrap_or("?");
        format!("it is ticked, and its part {name} is not")
    }));
    match (against.is_empty(), evidence.any) {
        (false, _) => (Progress::Contradicted, against),
        (true, true) => {
            (Progress::Claimed, vec!["it is ticked; nothing is recorded that proves it".into()])
        }
        (true, false) => {
            let why = "it is ticked, and names neither a file nor a command";
            (Progress::Unverifiable, vec![why.into()])
        }
    }
}
