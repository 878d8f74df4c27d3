//! Bringing spec, plan and tasks in line, on disk.

use std::path::Path;

use specie_engine::sync::{Sync, sync};
use specie_engine::{Base, Locked, Tree, put};
use specie_spec::power::Power;

use crate::power::{billing, spec};

const REQUEST: &str = "Add subscription billing so users can pay monthly";

/// A spec on disk, as it was made.
struct Scene {
    place: tempfile::TempDir,
    power: Power,
    locked: Locked,
}

impl Scene {
    fn new(tree: Tree) -> Self {
        let (place, power) = (tempfile::tempdir().unwrap(), billing());
        let spec = spec(&power, tree, REQUEST, &[]);
        let mut locked = spec.locked.clone();
        for path in spec.pages.keys() {
            let text = spec.text(path);
            put(&place.path().join(path), text.as_bytes()).unwrap();
            locked.files.insert(path.clone(), Base::of(&text));
        }
        Self { place, power, locked }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.place.path().join("s").join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn change(&self, name: &str, was: &str, now: &str) {
        let text = self.read(name);
        assert!(text.contains(was), "{was}");
        std::fs::write(self.path(name), text.replacen(was, now, 1)).unwrap();
    }

    fn sync(&self) -> Sync {
        sync(self.place.path(), "s", &self.locked, &self.power).unwrap()
    }

    /// Applies what is proposed, and answers it.
    fn apply(&mut self) -> Sync {
        let found = self.sync();
        for change in &found.changes {
            assert!(change.conflicts.is_empty(), "{:?}", change.conflicts);
            change.write(self.place.path()).unwrap();
        }
        self.locked = found.locked.clone();
        found
    }
}

fn kinds(found: &Sync) -> Vec<&'static str> {
    found.findings.iter().map(|it| it.kind).collect()
}

fn all_files(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = std::fs::read_dir(root.join("s"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .map(|it| (it.display().to_string(), std::fs::read(&it).unwrap()))
        .collect();
    all.sort();
    all
}

#[test]
fn what_was_just_made_is_in_sync() {
    for tree in [Tree::Kiro, Tree::SmartSpec] {
        let found = Scene::new(tree).sync();
        assert_eq!((found.status(), kinds(&found)), ("IN_SYNC", Vec::new()));
    }
}

#[test]
fn a_second_run_changes_nothing() {
    for (tree, name) in [(Tree::Kiro, "requirements.md"), (Tree::SmartSpec, "spec.md")] {
        let mut scene = Scene::new(tree);
        scene.change(name, "within 5 seconds", "within 4 seconds");
        let text = scene.read(name);
        let last = text.lines().rfind(|it| it.starts_with("5. ")).unwrap().to_owned();
        let moved = format!("5. THE Billing Service SHALL wait.\n6. {}", &last[3..]);
        scene.change(name, &last, &moved);
        let first = scene.apply();
        assert_eq!(first.status(), "OUT_OF_SYNC");
        let before = all_files(scene.place.path());
        let second = scene.apply();
        assert_eq!(
            (second.status(), second.changes.len()),
            ("IN_SYNC", 0),
            "{:?}",
            second.findings
        );
        assert_eq!(all_files(scene.place.path()), before);
    }
}

#[test]
fn a_criterion_that_was_added_by_hand_gets_a_task_and_nothing_is_renumbered() {
    let mut scene = Scene::new(Tree::Kiro);
    let before = scene.read("tasks.md");
    let text = scene.read("requirements.md");
    let last = text.lines().rfind(|it| it.starts_with("5. ")).unwrap().to_owned();
    let number = scene.locked.criteria.len();
    scene.change(
        "requirements.md",
        &last,
        &format!("{last}\n6. THE Billing Service SHALL keep a copy of each receipt."),
    );
    let found = scene.apply();
    assert!(
        kinds(&found).contains(&"NEW_REQUIREMENT") && kinds(&found).contains(&"MISSING_FEATURE"),
        "{:?}",
        found.findings
    );
    let after = scene.read("tasks.md");
    assert!(after.contains("Meet criterion "), "{after}");
    let kept = before.lines().filter(|it| it.starts_with("  - [ ] ") && !it.contains("Checkpoint"));
    for line in kept {
        assert!(after.contains(line), "{line}");
    }
    assert_eq!(scene.locked.criteria.len(), number + 1);
}

#[test]
fn other_hours_change_exactly_what_depends_on_them() {
    let mut scene = Scene::new(Tree::Kiro);
    let (tasks, plan) = (scene.read("tasks.md"), scene.read("plan.md"));
    let line = tasks.lines().find(|it| it.contains(" 1.1 ")).unwrap().to_owned();
    let hours: i64 = line.rsplit_once("(~").unwrap().1.trim_end_matches("h)").parse().unwrap();
    scene.change(
        "tasks.md",
        &line,
        &line.replace(&format!("(~{hours}h)"), &format!("(~{}h)", hours + 7)),
    );
    scene.apply();
    let after = scene.read("tasks.md");
    let differ: Vec<(&str, &str)> =
        tasks.lines().zip(after.lines()).filter(|(a, b)| a != b).collect();
    assert_eq!(differ.len(), 3, "the task, its phase and the total: {differ:?}");
    assert!(
        differ[0].0.starts_with("**Total:**") && differ[1].1.starts_with("- [ ] 1."),
        "{differ:?}"
    );
    let all = scene.read("plan.md");
    assert!(plan != all && all.contains(&format!("(1.1, {}h)", hours + 7)));
}

#[test]
fn a_completed_task_is_not_rewritten() {
    let mut scene = Scene::new(Tree::SmartSpec);
    let tasks = scene.read("tasks.md");
    let start = tasks[..tasks.find("within 5 seconds").unwrap()].rfind("### Task ").unwrap();
    let rest = &tasks[start + 5..];
    let next = ["\n### Task ", "\n## "].iter().filter_map(|it| rest.find(it)).min().unwrap();
    let end = start + 5 + next;
    let done = tasks[start..end].replace("- [ ]", "- [x]");
    std::fs::write(scene.path("tasks.md"), tasks.replace(&tasks[start..end], &done)).unwrap();
    assert!(done.contains("within 5 seconds"), "{done}");
    scene.change("spec.md", "within 5 seconds", "within 4 seconds");
    let found = scene.apply();
    assert!(kinds(&found).contains(&"NEEDS_REVIEW"), "{:?}", found.findings);
    assert!(scene.read("tasks.md").contains(&done));
    assert_eq!(scene.sync().status(), "IN_SYNC");
}

#[test]
fn two_changes_of_one_line_are_a_conflict_and_nothing_is_lost() {
    let mut scene = Scene::new(Tree::SmartSpec);
    scene.change("plan.md", "**Timeline:**", "**Timeline (mine):**");
    scene.change("tasks.md", "(~5h)", "(~90h)");
    let found = scene.sync();
    let conflicts: usize = found.changes.iter().map(|it| it.conflicts.len()).sum();
    assert!(conflicts > 0, "{:?}", found.changes);
    assert!(kinds(&found).contains(&"NEEDS_REVIEW"));
    scene.locked = found.locked.clone();
}
