//! What differs between a spec, what follows from it, and what was made of it last.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use specie_spec::draft::{Done, Draft};
use specie_spec::power::{FragmentKind, Power, understand};
use specie_spec::{NodeKind, detect, read};

use crate::change::{FileChange, Taken, take_over};
use crate::done::done;
use crate::lock::Base;
use crate::make::{MakeError, Which, pages};
use crate::{FileError, Locked, Tree};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Work is missing.
    High,
    /// Something says what no longer holds.
    Medium,
    /// Somebody should look.
    Low,
}

impl Weight {
    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }
}

/// Something that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `MISSING_FEATURE`, `NEW_REQUIREMENT`, `OUTDATED_DESCRIPTION`, `COVERS_NON_GOAL`,
    /// `NEEDS_REVIEW`.
    pub kind: &'static str,
    /// How much it matters.
    pub weight: Weight,
    /// What differs.
    pub what: String,
    /// What is proposed.
    pub action: String,
}

/// What differs, and the edits that are proposed.
#[derive(Debug)]
pub struct Sync {
    /// The findings, the weightiest first.
    pub findings: Vec<Finding>,
    /// The edits, file by file; files without one are left out.
    pub changes: Vec<FileChange>,
    /// What the spec is made from once they are applied.
    pub locked: Locked,
    /// Whether the lock itself would change.
    pub takes_over: bool,
}

/// Why it cannot be found out.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The power.
    #[error(transparent)]
    Make(#[from] MakeError),
}

impl Sync {
    /// `IN_SYNC`, `OUT_OF_SYNC`, or `NEEDS_REVIEW` when there is nothing to apply and something to look
    /// at.
    pub fn status(&self) -> &'static str {
        match (self.changes.is_empty() && !self.takes_over, self.findings.is_empty()) {
            (true, true) => "IN_SYNC",
            (true, false) => "NEEDS_REVIEW",
            (false, _) => "OUT_OF_SYNC",
        }
    }
}

/// Compares.
pub fn sync(root: &Path, folder: &str, locked: &Locked, power: &Power) -> Result<Sync, SyncError> {
    let mut locked = locked.clone();
    let before = locked.clone();
    let taken = take_over(root, folder, &mut locked)?;
    let mut takes_over = !taken.is_empty();
    let tree = Tree::named(&locked.dialect).unwrap_or(Tree::Kiro);
    let mut findings: Vec<Finding> = taken.iter().map(by_hand).collect();
    let done = done(root, folder, &locked)?;
    let (mut changes, mut settled) = (Vec::new(), None);
    for which in [Which::Spec, Which::Plan, Which::Tasks] {
        let mut made = locked.make_keeping(power, "", "", done.clone())?;
        for (path, _) in pages(&made.draft, tree, folder, which) {
            let Some(last) = locked.files.get(&path).cloned() else { continue };
            if which == Which::Spec && path.ends_with("/tasks.md") {
                continue;
            }
            head(&mut made.draft, &last);
            let all = pages(&made.draft, tree, folder, which);
            let Some((_, page)) = all.into_iter().find(|(it, _)| *it == path) else { continue };
            let change = FileChange::of(root, &path, Some(&last), page.text())?;
            if path.ends_with("/tasks.md") {
                findings.extend(missing(&before, &made.draft));
            }
            findings.extend(review(&change, &unwanted(&made.draft, &done, &locked)));
            takes_over |= change.written != last.text();
            locked.files.insert(path, Base::of(&change.written));
            changes.push(change);
        }
        settled = Some(made.draft);
    }
    if let Some(draft) = settled {
        locked.settle(&draft);
        findings.extend(non_goals(root, folder, (&draft, &locked), power));
    }
    changes.retain(|it| !it.changes.is_empty() || !it.conflicts.is_empty());
    findings.sort_by_key(|it| it.weight);
    Ok(Sync { findings, changes, locked, takes_over })
}

/// A page is compared as it was headed when it was written: by whom, when, and whether as a draft.
fn head(draft: &mut Draft<'_>, last: &Base) {
    let field = |name: &str| {
        let line = last.lines.iter().find_map(|it| it.strip_prefix(&format!("**{name}:** ")));
        line.unwrap_or_default().to_owned()
    };
    draft.names.author = field("Author");
    draft.names.generated = field("Generated");
    draft.is_draft = last.lines.iter().take(12).any(|it| it == "**Status:** DRAFT");
}

fn finding(kind: &'static str, weight: Weight, what: String, action: &str) -> Finding {
    Finding { kind, weight, what, action: action.into() }
}

/// What somebody has changed by hand.
fn by_hand(taken: &Taken) -> Finding {
    match taken {
        Taken::Added(number) => finding(
            "NEW_REQUIREMENT",
            Weight::High,
            format!("criterion {number} was added by hand, and no task is for it"),
            "Add a task for it",
        ),
        Taken::Changed(number) => finding(
            "OUTDATED_DESCRIPTION",
            Weight::Medium,
            format!("criterion {number} was changed by hand"),
            "Take the wording over, and look at the tasks that name it",
        ),
        Taken::Removed(number) => finding(
            "OUTDATED_DESCRIPTION",
            Weight::Medium,
            format!("criterion {number} was taken out by hand"),
            "Take it out of the tasks that name it",
        ),
        Taken::Hours(task, hours) => finding(
            "OUTDATED_DESCRIPTION",
            Weight::Low,
            format!("the task `{task}` takes {hours} hours now"),
            "Bring phase, totals and plan in line",
        ),
    }
}

/// Tasks that follow from the spec and are not in the list.
fn missing(before: &Locked, draft: &Draft<'_>) -> Vec<Finding> {
    let known = |id: &String| before.phases.iter().any(|(_, ids)| ids.contains(id));
    let new: Vec<&str> = draft
        .work
        .tasks
        .iter()
        .filter(|it| !known(&it.id))
        .map(|it| draft.pieces[it.piece].text("title"))
        .collect();
    if new.is_empty() {
        return Vec::new();
    }
    vec![finding(
        "MISSING_FEATURE",
        Weight::High,
        format!("the spec asks for work that no task is for: {}", new.join("; ")),
        "Add a phase with these tasks at the end, and its hours to the plan",
    )]
}

/// The names of completed tasks that the spec no longer asks for.
fn unwanted(
    draft: &Draft<'_>,
    done: &BTreeMap<String, Done>,
    locked: &Locked,
) -> Vec<(String, String)> {
    let named = locked.task_names().into_iter();
    let gone = named.filter(|(id, _)| draft.unwanted.contains(id) && done.contains_key(id));
    gone.map(|(id, name)| (name, done[&id].title.clone())).collect()
}

/// What cannot be changed without somebody.
fn review(change: &FileChange, unwanted: &[(String, String)]) -> Vec<Finding> {
    let is_list = change.path.ends_with("/tasks.md");
    let gone = unwanted.iter().filter(|_| is_list).map(|(name, title)| {
        finding(
            "NEEDS_REVIEW",
            Weight::Medium,
            format!("task {name} is done, and no longer wanted: {title}"),
            "Undo what it made, then untick it: a completed task is not taken out",
        )
    });
    let is_unwanted = |id: &String| unwanted.iter().any(|(name, _)| name == id);
    let done = change.completed.iter().filter(|it| !is_unwanted(it)).map(|id| {
        finding(
            "NEEDS_REVIEW",
            Weight::Medium,
            format!("task {id} is done, and what it was done for has changed"),
            "Look whether it still holds; then untick it, or write what holds: a completed task is not rewritten",
        )
    });
    let taken = change.conflicts.iter().map(|it| {
        finding(
            "NEEDS_REVIEW",
            Weight::Medium,
            format!("{}:{} was changed by hand, and would be changed", change.path, it.line),
            "Make the line say one of both",
        )
    });
    gone.chain(done).chain(taken).collect()
}

/// The names of tasks, phases and checkpoints that the draft has: what they are for, it says.
fn ours(draft: &Draft<'_>, locked: &Locked) -> BTreeSet<String> {
    let ids: BTreeSet<&str> = draft.work.tasks.iter().map(|it| it.id.as_str()).collect();
    let tasks = locked.task_names().into_iter().filter(|(id, _)| ids.contains(id.as_str()));
    let phases = draft.work.phases.iter();
    let around =
        phases.flat_map(|it| [it.number.to_string(), format!("{}.{}", it.number, it.places + 1)]);
    tasks.map(|(_, name)| name).chain(around).collect()
}

/// Tasks for what the spec leaves out on purpose.
fn non_goals(
    root: &Path,
    folder: &str,
    (draft, locked): (&Draft<'_>, &Locked),
    power: &Power,
) -> Vec<Finding> {
    let path = format!("{folder}/tasks.md");
    let Ok(text) = std::fs::read(root.join(&path)) else { return Vec::new() };
    let (dialect, kind) = detect(&format!("/{path}"), &text);
    let ours = ours(draft, locked);
    let document = read(&text, dialect, kind);
    let tasks = document.nodes.iter().filter(|it| it.kind == NodeKind::Task);
    let own = tasks.filter(|it| it.id.as_ref().is_none_or(|id| !ours.contains(id)));
    let mut all = Vec::new();
    for task in own {
        let said = understand(power, &task.text);
        let goals = draft.of_kind(FragmentKind::Nongoal);
        for goal in goals.filter(|it| said.wants(it.text("concept"))) {
            let id = task.id.as_deref().unwrap_or("?");
            all.push(finding(
                "COVERS_NON_GOAL",
                Weight::Medium,
                format!("task {id} is for what the spec leaves out: {}", goal.text("text")),
                "Take the task out, or amend the spec",
            ));
        }
    }
    all
}
