//! What a step needs before it may be done: the one place where the modes differ.

use super::Ledger;
use super::entry::Mode;
use super::standing::{Standing, Texts};
use super::subject::Subject;

/// A step that changes a spec: a task ticked as done, or edits applied.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// The folder of the spec from the root of the repository.
    pub spec: String,
    /// The tasks that it is about.
    pub tasks: Vec<Touched>,
    /// What it leaves in files, each with the mode from which on it is asked for. Those of one scope
    /// are asked for together.
    pub files: Vec<(Mode, Subject)>,
}

/// A task that a step is about.
#[derive(Clone, Debug)]
pub struct Touched {
    /// Its name, as people read it.
    pub name: String,
    /// Whatever an approval of it covers the task: see [`super::Place::covering`].
    pub covering: Vec<Subject>,
}

/// What a step needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it may be done.
    Nothing,
    /// A person's approval of a task.
    Task {
        /// Its name.
        name: String,
        /// How it stands: of what was approved last around it.
        standing: Standing,
    },
    /// A person's approval of files.
    Files(Vec<Subject>),
}

/// What a step needs before it may be done. A spec that no entry is about needs nothing.
pub fn need(ledger: &Ledger, step: &Step, texts: Texts<'_>) -> Need {
    let mode = ledger.mode(&step.spec);
    if !ledger.governs(&step.spec) || mode == Mode::Auto {
        return Need::Nothing;
    }
    for task in &step.tasks {
        let standing = ledger.covered(&task.covering, texts);
        if !standing.is_by_person() {
            return Need::Task { name: task.name.clone(), standing };
        }
    }
    let files = together(step.files.iter().filter(|(least, _)| mode >= *least));
    let open = |it: &Subject| !it.files.is_empty() && !ledger.standing(it, texts).is_by_person();
    match files.into_iter().filter(open).collect::<Vec<_>>() {
        none if none.is_empty() => Need::Nothing,
        files => Need::Files(files),
    }
}

/// The subjects, those of one scope as one.
fn together<'a>(all: impl Iterator<Item = &'a (Mode, Subject)>) -> Vec<Subject> {
    let mut found: Vec<Subject> = Vec::new();
    for (_, one) in all {
        match found.iter_mut().find(|it| it.spec == one.spec && it.scope == one.scope) {
            Some(known) => known.files.extend(one.files.clone()),
            None => found.push(one.clone()),
        }
    }
    found.iter_mut().for_each(|it| it.files.sort());
    found
}

impl Ledger {
    /// The approval that covers a task, a person's before one by rule; else what has lapsed around it.
    pub(super) fn covered(&self, covering: &[Subject], texts: Texts<'_>) -> Standing {
        let all: Vec<Standing> = covering.iter().map(|it| self.standing(it, texts)).collect();
        let of = |is: fn(&Standing) -> bool| all.iter().find(|it| is(it)).cloned();
        let approved = of(Standing::is_by_person).or_else(|| of(Standing::is_approved));
        let lapsed = || of(|it| matches!(it, Standing::Lapsed { .. }));
        approved.or_else(lapsed).unwrap_or(Standing::Never)
    }
}
