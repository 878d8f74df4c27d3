//! Bringing what follows from a change into files that people may have changed too.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use specie_spec::keep::{completed, keep, merge_around};
use specie_spec::merge::{Conflict, merge};
use specie_spec::{Change, Dialect, Kind, NodeKind, apply, detect, read};

use crate::lock::Base;
use crate::{FileError, Locked};

/// What is to be changed in a file.
#[derive(Clone, Debug)]
pub struct FileChange {
    /// Its path from the root.
    pub path: String,
    /// What it holds; none when it is not there.
    pub before: Option<Vec<u8>>,
    /// The splices.
    pub changes: Vec<Change>,
    /// Lines that somebody else has changed as well.
    pub conflicts: Vec<Conflict>,
    /// Completed tasks that would say something else, by their ids; they are left as they are.
    pub completed: Vec<String>,
    /// What we would write if nobody else had changed anything.
    pub written: String,
}

impl FileChange {
    /// What has to change in a file, so that it says what changed from what was written last to `new`.
    pub fn of(
        root: &Path,
        path: &str,
        last: Option<&Base>,
        new: String,
    ) -> Result<Self, FileError> {
        let full = root.join(path);
        let before = match std::fs::read(&full) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(FileError::Io { path: full, done: "read", error }),
        };
        let mut change = Self {
            path: path.into(),
            changes: Vec::new(),
            conflicts: Vec::new(),
            completed: Vec::new(),
            written: new,
            before,
        };
        let Some(current) = &change.before else {
            let now = change.written.clone();
            change.changes = vec![Change { span: 0..0, was: String::new(), now }];
            return Ok(change);
        };
        if *current == change.written.as_bytes() {
            return Ok(change);
        }
        let base = last.map(Base::text).unwrap_or_default();
        let (changes, conflicts) = match path.ends_with("/tasks.md") {
            true => change.around_completed(&base, current.clone()),
            false => merge(&base, &change.written, current),
        };
        (change.changes, change.conflicts) = (changes, conflicts);
        Ok(change)
    }

    /// What has to change in a list of tasks, of which those that are done stay as they are.
    fn around_completed(&mut self, base: &str, current: Vec<u8>) -> (Vec<Change>, Vec<Conflict>) {
        let form = detect(&format!("/{}", self.path), &current);
        let done = completed(&read(&current, form.0, form.1));
        let ids = done.iter().map(|(id, _)| id.clone()).collect();
        let (written, differ) = keep(base, &self.written, &current, &ids, form);
        (self.written, self.completed) = (written, differ);
        let (mut changes, conflicts) = merge_around(base, &self.written, &current, &ids, form);
        changes.retain(|change| {
            let touched = done
                .iter()
                .find(|(_, own)| span_touches(&change.span, own) && change.now != change.was);
            self.completed.extend(touched.map(|(id, _)| id.clone()));
            touched.is_none()
        });
        self.completed.sort();
        self.completed.dedup();
        (changes, conflicts)
    }

    /// What the file will hold.
    pub fn after(&self) -> Vec<u8> {
        apply(self.before.as_deref().unwrap_or_default(), &self.changes)
    }
}

/// Whether a change takes something out of a task, or puts something into it.
fn span_touches(change: &Range<usize>, task: &Range<usize>) -> bool {
    change.start < task.end && change.end > task.start && change.start != task.end
}

/// The criteria of a document, by number.
pub fn criteria(text: &[u8], dialect: Dialect, kind: Kind) -> BTreeMap<(usize, usize), String> {
    let document = read(text, dialect, kind);
    let all = document.nodes.iter().filter(|it| it.kind == NodeKind::Criterion);
    let numbered = all.filter_map(|it| {
        let shown = it.ordinal.as_deref().or(it.id.as_deref())?;
        let (requirement, n) = shown.split_once('.')?;
        Some(((requirement.parse().ok()?, n.parse().ok()?), it.text.clone()))
    });
    numbered.collect()
}

/// Takes over what people have changed in the criteria and in the hours of tasks since the files were
/// written. Answers what was new, one entry a change.
pub fn take_over(root: &Path, folder: &str, locked: &mut Locked) -> Result<Vec<Taken>, FileError> {
    let mut taken = Vec::new();
    for name in ["requirements.md", "spec.md"] {
        let path = format!("{folder}/{name}");
        let Some(last) = locked.files.get(&path).map(Base::text) else { continue };
        let current = match std::fs::read(root.join(&path)) {
            Ok(current) => current,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(FileError::Io { path: root.join(&path), done: "read", error });
            }
        };
        let (dialect, kind) = detect(&format!("/{path}"), &current);
        let was = criteria(last.as_bytes(), dialect, kind);
        let now = criteria(&current, dialect, kind);
        if was != now {
            renumber(locked, &was, &now, &mut taken);
        }
    }
    let before = locked.hours_by_hand.clone();
    hours(root, folder, locked);
    let changed = locked.hours_by_hand.iter().filter(|(id, hours)| before.get(*id) != Some(hours));
    taken.extend(changed.map(|(id, hours)| Taken::Hours(id.clone(), *hours)));
    Ok(taken)
}

/// What somebody has changed by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A criterion was added, with this number.
    Added(String),
    /// The text of the criterion with this number is another one.
    Changed(String),
    /// A criterion was taken out, which had this number.
    Removed(String),
    /// A task takes so many hours.
    Hours(String, i64),
}

type Criteria = BTreeMap<(usize, usize), String>;

/// Finds each criterion again: by number and text, else by its text, else by its number. What is left
/// was added, or taken out.
fn renumber(locked: &mut Locked, was: &Criteria, now: &Criteria, taken: &mut Vec<Taken>) {
    let mut old: BTreeMap<String, (usize, usize)> = locked.criteria.clone();
    old.retain(|_, number| was.contains_key(number));
    let mut new = now.clone();
    let mut found: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let same = |number: &(usize, usize), at: &(usize, usize), text: &String| {
        (number == at, was.get(number) == Some(text), number.0 == at.0)
    };
    type Matches = fn((bool, bool, bool)) -> bool;
    let steps: [Matches; 3] = [|it| it.0 && it.1, |it| it.1 && it.2, |it| it.0];
    for matches in steps {
        for (id, number) in &old {
            let place = new.iter().find(|(at, text)| matches(same(number, at, text)));
            if let Some((at, _)) = place.filter(|_| !found.contains_key(id)) {
                let at = *at;
                let text = new.remove(&at).unwrap_or_default();
                if was.get(number) != Some(&text) {
                    taken.push(Taken::Changed(shown(at)));
                    locked.criteria_by_hand.insert(id.clone(), Some(text));
                }
                found.insert(id.clone(), at);
            }
        }
    }
    for (id, number) in old.iter().filter(|(id, _)| !found.contains_key(*id)) {
        taken.push(Taken::Removed(shown(*number)));
        locked.criteria.remove(id);
        locked.criteria_by_hand.insert(id.clone(), None);
    }
    for (at, text) in new {
        let name = (1..)
            .map(|n| format!("by-hand-{n}"))
            .find(|it| !locked.criteria_by_hand.contains_key(it));
        let id = name.unwrap_or_default();
        taken.push(Taken::Added(shown(at)));
        locked.criteria_by_hand.insert(id.clone(), Some(text));
        found.insert(id, at);
    }
    locked.criteria.extend(found);
}

fn shown((requirement, n): (usize, usize)) -> String {
    format!("{requirement}.{n}")
}

/// Hours that stand in the tasks' titles now, where they are not those that were written.
fn hours(root: &Path, folder: &str, locked: &mut Locked) {
    let path = format!("{folder}/tasks.md");
    let Some(last) = locked.files.get(&path) else { return };
    let Ok(current) = std::fs::read(root.join(&path)) else { return };
    let (dialect, kind) = detect(&format!("/{path}"), &current);
    let of = |text: &[u8]| -> BTreeMap<String, i64> {
        let document = read(text, dialect, kind);
        let tasks = document.nodes.iter().filter(|it| it.kind == NodeKind::Task);
        tasks.filter_map(|it| Some((it.id.clone()?, told(&it.text)?))).collect()
    };
    let (was, now) = (of(last.text().as_bytes()), of(&current));
    for (id, name) in locked.task_names() {
        if let Some(hours) = now.get(&name).filter(|it| was.get(&name) != Some(it)) {
            locked.hours_by_hand.insert(id, *hours);
        }
    }
}

/// The hours behind a title: `… (~3h)`.
fn told(title: &str) -> Option<i64> {
    let (_, rest) = title.rsplit_once("(~")?;
    rest.split_once('h')?.0.trim().parse().ok()
}
