//! What an approval is about: levels, tasks apart from what their boxes say, the files a task names.

use crate::document::{Document, Node, NodeKind, RefKind};
use crate::refs;

/// What is approved in one go, from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// `requirements.md`, `bugfix.md`, `design.md`, `spec.md`.
    Spec,
    /// `plan.md`.
    Plan,
    /// `tasks.md`.
    Task,
}

impl Level {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Spec, Self::Plan, Self::Task];

    /// Its name: `spec`, `plan`, `task`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Plan => "plan",
            Self::Task => "task",
        }
    }

    /// The level of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// The level at which a file of this name is approved; none for a file that is no part of a spec.
    pub fn of_file(name: &str) -> Option<Self> {
        match name {
            "requirements.md" | "bugfix.md" | "design.md" | "spec.md" => Some(Self::Spec),
            "plan.md" => Some(Self::Plan),
            "tasks.md" => Some(Self::Task),
            _ => None,
        }
    }
}

/// The file with every box open, so that ticking changes nothing in it.
pub fn unticked(document: &Document, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for at in document.boxes().filter_map(|(_, node)| node.mark) {
        if let Some(byte) = out.get_mut(at) {
            *byte = b' ';
        }
    }
    out
}

/// A task and all of its parts with every box open, without the blank lines behind it.
pub fn task_text(document: &Document, bytes: &[u8], task: usize) -> Vec<u8> {
    let span = document.nodes.get(task).map_or(0..0, |node| node.span.clone());
    let open = unticked(document, bytes);
    open.get(span).unwrap_or_default().trim_ascii_end().to_vec()
}

/// How an approval names a task: by its id, else by its number by position.
pub fn task_name(node: &Node) -> Option<&str> {
    node.id.as_deref().or(node.ordinal.as_deref())
}

/// The nodes that can be approved by themselves.
pub fn tasks(document: &Document) -> impl Iterator<Item = (usize, &Node)> {
    document.nodes.iter().enumerate().filter(|(_, node)| is_task(node))
}

fn is_task(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Task | NodeKind::Checkpoint)
}

/// The tasks that hold a node, itself included, from the innermost outwards.
pub fn around(document: &Document, node: usize) -> Vec<usize> {
    let up = std::iter::successors(Some(node), |n| document.nodes.get(*n)?.parent);
    up.filter(|n| document.nodes.get(*n).is_some_and(is_task)).collect()
}

/// The files that a task and its parts name, each once, in their order, as they are written.
pub fn files_named(document: &Document, task: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for node in document.subtree(task).filter_map(|n| document.nodes.get(n)) {
        let inside = refs::files(&node.text, 0);
        for it in node.refs.iter().chain(&inside).filter(|it| it.kind == RefKind::File) {
            if !found.contains(&it.text) {
                found.push(it.text.clone());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{State, Which, apply, detect, edit, read};

    const TASKS: &str = "# Implementation Plan\n\n- [ ] 1. One\n  - [x] 1.1 Two, in `src/a.rs`\n    - and `src/b.rs`, `src/a.rs`\n\n- [~] 2. Three\n";

    fn document(text: &str) -> Document {
        let (dialect, kind) = detect("tasks.md", text.as_bytes());
        read(text.as_bytes(), dialect, kind)
    }

    fn text_of(text: &str, id: &str) -> String {
        let document = document(text);
        let task = edit::find(&document, &Which::Id(id.into())).unwrap();
        String::from_utf8(task_text(&document, text.as_bytes(), task)).unwrap()
    }

    #[test]
    fn a_tick_changes_nothing_in_the_unticked_text_and_every_other_byte_does() {
        let before = document(TASKS);
        let open = unticked(&before, TASKS.as_bytes());
        for state in [State::Done, State::Doing, State::Queued, State::Open] {
            let which = Which::Id("1.1".into());
            let ticked = edit::tick(&before, TASKS.as_bytes(), &which, state).unwrap();
            let after = apply(TASKS.as_bytes(), &ticked.changes);
            let read = document(std::str::from_utf8(&after).unwrap());
            assert_eq!(unticked(&read, &after), open);
        }
        let other = TASKS.replace("Two", "Two!");
        assert_ne!(unticked(&document(&other), other.as_bytes()), open);
    }

    #[test]
    fn a_tasks_text_is_its_own_and_that_of_its_parts() {
        assert_eq!(text_of(TASKS, "2"), "- [ ] 2. Three");
        assert!(text_of(TASKS, "1").ends_with("`src/b.rs`, `src/a.rs`"));
        assert!(!text_of(TASKS, "1.1").contains("One"));
        let longer = format!("{TASKS}- [ ] 3. Four\n");
        assert_eq!(text_of(&longer, "2"), text_of(TASKS, "2"), "another task is not part of it");
        assert_ne!(text_of(&TASKS.replace("b.rs", "c.rs"), "1"), text_of(TASKS, "1"));
    }

    #[test]
    fn a_task_lies_in_the_tasks_around_it_and_names_its_files() {
        let document = document(TASKS);
        let find = |id: &str| edit::find(&document, &Which::Id(id.into())).unwrap();
        assert_eq!(around(&document, find("1.1")), [find("1.1"), find("1")]);
        assert_eq!(around(&document, 0), [] as [usize; 0]);
        assert_eq!(files_named(&document, find("1")), ["src/a.rs", "src/b.rs"]);
        assert_eq!(files_named(&document, find("2")), [] as [&str; 0]);
        let names: Vec<_> = tasks(&document).filter_map(|(_, node)| task_name(node)).collect();
        assert_eq!(names, ["1", "1.1", "2"]);
    }
}
