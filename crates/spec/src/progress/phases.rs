//! Phases: how many of their tasks are complete, and whether their checkpoints are.

use super::marks::Row;
use super::{Progress, TaskProgress};
use crate::check::Input;
use crate::document::Document;
use crate::{NodeKind, State, ids};

/// A phase, and how far it is. Only tasks that count are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Its id, as tasks name it.
    pub id: String,
    /// Its words.
    pub title: String,
    /// In which file.
    pub path: String,
    /// On which line.
    pub line: usize,
    /// Its tasks, by their place in the list.
    pub tasks: Vec<usize>,
    /// How many may be counted as done.
    pub complete: usize,
    /// How many of those are verified.
    pub verified: usize,
    /// How many somebody has begun with.
    pub in_progress: usize,
    /// How many are left.
    pub not_started: usize,
    /// Whether its checkpoints are passed, by their boxes; none if it has none.
    pub checkpoint: Option<bool>,
    /// The line on which the table of phases marks it as blocked, if it does.
    pub blocked: Option<usize>,
}

/// How far a phase is, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the report, and say it")]
pub enum PhaseState {
    Done,
    InProgress,
    Started,
    NotStarted,
}

impl PhaseState {
    /// Its name in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::InProgress => "in_progress",
            Self::Started => "started",
            Self::NotStarted => "not_started",
        }
    }

    /// As reports show it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Done => "✅ Done",
            Self::InProgress => "🟦 In Progress",
            Self::Started => "🟨 Started",
            Self::NotStarted => "⬜ Not Started",
        }
    }
}

impl Phase {
    /// How far it is: started, when some tasks are complete and nobody is at another.
    pub fn state(&self) -> PhaseState {
        match (self.complete, self.in_progress, self.not_started) {
            (complete, 0, 0) if complete > 0 => PhaseState::Done,
            (_, in_progress, _) if in_progress > 0 => PhaseState::InProgress,
            (0, ..) => PhaseState::NotStarted,
            _ => PhaseState::Started,
        }
    }

    /// `Phase 1`
    pub fn name(&self) -> String {
        format!("Phase {}", self.id)
    }
}

/// The phases of a spec, in the order of its files. A file that has neither headings of phases nor
/// parts of tasks has none.
pub fn phases(files: &[Input<'_>], tasks: &[TaskProgress]) -> Vec<Phase> {
    let mut phases: Vec<Phase> = Vec::new();
    for (n, it) in tasks.iter().enumerate() {
        let Some(id) = &it.task.phase else { continue };
        let known = |phase: &Phase| phase.id == *id && phase.path == it.task.path;
        let at = phases.iter().position(known).unwrap_or_else(|| {
            let heading = files.iter().find(|file| file.path == it.task.path);
            let heading = heading.and_then(|file| heading_of(file.document, id));
            let (title, line) =
                heading.unwrap_or_else(|| (it.task.short_title().into(), it.task.line));
            phases.push(Phase::new(id, title, &it.task.path, line));
            phases.len() - 1
        });
        if it.task.counts {
            phases[at].add(n, it);
        }
    }
    phases.retain(|phase| !phase.tasks.is_empty());
    for file in files {
        checkpoints(file, &mut phases);
        for row in Row::all(file).iter().filter(|row| row.mark == '❌') {
            let of = phases.iter_mut().find(|it| it.id == row.phase && it.path == file.path);
            of.into_iter().for_each(|phase| phase.blocked = Some(row.line));
        }
    }
    phases
}

fn heading_of(document: &Document, id: &str) -> Option<(String, usize)> {
    let is_it =
        |node: &&crate::Node| node.kind == NodeKind::Phase && node.id.as_deref() == Some(id);
    document.nodes.iter().find(is_it).map(|node| (without_range(&node.text).to_owned(), node.line))
}

/// `Database (T001-T010)` without the range.
fn without_range(title: &str) -> &str {
    let parts = title.strip_suffix(')').and_then(|it| it.rsplit_once('('));
    let is_id = |it: &str| ids::is_id(it.trim());
    match parts {
        Some((before, range)) if range.split(['-', '–', ',']).all(is_id) => before.trim_end(),
        _ => title,
    }
}

impl Phase {
    fn new(id: &str, title: String, path: &str, line: usize) -> Self {
        Self {
            id: id.into(),
            title,
            path: path.into(),
            line,
            tasks: Vec::new(),
            complete: 0,
            verified: 0,
            in_progress: 0,
            not_started: 0,
            checkpoint: None,
            blocked: None,
        }
    }

    fn add(&mut self, n: usize, it: &TaskProgress) {
        self.tasks.push(n);
        self.verified += usize::from(it.progress == Progress::Verified);
        match (it.is_complete(), it.is_begun()) {
            (true, _) => self.complete += 1,
            (_, true) => self.in_progress += 1,
            _ => self.not_started += 1,
        }
    }
}

/// A checkpoint belongs to the phase that it names, else to the one before it.
fn checkpoints(file: &Input<'_>, phases: &mut [Phase]) {
    let nodes = &file.document.nodes;
    let all = nodes.iter().enumerate().filter(|(_, node)| node.kind == NodeKind::Checkpoint);
    for (n, node) in all {
        let own = |it: &&mut Phase| it.path == file.path;
        let named = named_in(&node.text);
        let phase = match &named {
            Some(id) => phases.iter_mut().filter(own).find(|it| it.id == *id),
            None => phases.iter_mut().filter(own).rfind(|it| it.line <= node.line),
        };
        let passed = match node.state {
            Some(state) => Some(state == State::Done),
            None => boxes(file.document, n),
        };
        if let (Some(phase), Some(passed)) = (phase, passed.filter(|_| !node.optional)) {
            phase.checkpoint = Some(passed && phase.checkpoint.unwrap_or(true));
        }
    }
}

/// `⚡ CHECKPOINT: Phase 1 Complete` names phase 1.
fn named_in(text: &str) -> Option<String> {
    let at = text.to_ascii_lowercase().find("phase ")?;
    ids::after_name(&text[at..], &["Phase"]).map(|(id, _)| id)
}

/// Whether all boxes under a node are ticked; none if there are none.
fn boxes(document: &Document, n: usize) -> Option<bool> {
    let inside = document.nodes[document.subtree(n)].iter().filter(|it| !it.optional);
    let states: Vec<State> = inside.filter_map(|it| it.state).collect();
    (!states.is_empty()).then(|| states.iter().all(|state| *state == State::Done))
}
