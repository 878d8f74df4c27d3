//! Bringing spec, plan and tasks in line, on disk.

use std::path::Path;

use specie_engine::carry::{Step, finish};
use specie_engine::change::FileChange;
use specie_engine::make::{Which, pages};
use specie_engine::sync::{Sync, sync};
use specie_engine::{Base, Lock, Locked, Tree, put};
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
        Self::of(tree, REQUEST)
    }

    fn of(tree: Tree, request: &str) -> Self {
        let (place, power) = (tempfile::tempdir().unwrap(), billing());
        let spec = spec(&power, tree, request, &[]);
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

    /// The bytes of a task.
    fn block(&self, id: &str) -> String {
        let text = self.read("tasks.md");
        let (dialect, kind) = specie_spec::detect("/s/tasks.md", text.as_bytes());
        let document = specie_spec::read(text.as_bytes(), dialect, kind);
        let is_it = |it: &&specie_spec::Node| {
            it.kind == specie_spec::NodeKind::Task && it.id.as_deref() == Some(id)
        };
        text[document.nodes.iter().find(is_it).unwrap().span.clone()].trim_end().to_owned()
    }

    /// Ticks every box of a task.
    fn tick(&self, id: &str) {
        let block = self.block(id);
        self.change("tasks.md", &block, &block.replace("- [ ]", "- [x]"));
    }

    fn untick(&self, id: &str) {
        let block = self.block(id);
        self.change("tasks.md", &block, &block.replace("- [x]", "- [ ]"));
    }

    /// Changes the spec by a request, without answers but the defaults.
    fn amended(&self, request: &str) -> (Vec<FileChange>, Locked) {
        let mut locked = self.locked.clone();
        locked.requests.push(request.into());
        let tree = Tree::named(&locked.dialect).unwrap();
        let made = loop {
            let given = locked.answers.iter().map(|(id, it)| (id.clone(), it.into())).collect();
            let around = specie_spec::power::Around::default();
            let asked = specie_engine::make::asked(&self.power, &locked.requests, &given, &around);
            let Some(open) = asked.unwrap().1.open else { break locked.make(&self.power, "A", "") };
            let answer = specie_engine::Given {
                answer: open.default.unwrap(),
                by_default: true,
                ..specie_engine::Given::default()
            };
            locked.answers.insert(open.id, answer);
        };
        let made = made.unwrap();
        locked.settle(&made.draft);
        let mut all = Vec::new();
        for (path, page) in pages(&made.draft, tree, "s", Which::Spec) {
            if path.ends_with("tasks.md") {
                continue;
            }
            let last = locked.files.get(&path);
            let one = FileChange::of(self.place.path(), &path, last, page.text()).unwrap();
            assert!(one.conflicts.is_empty(), "{:?}", one.conflicts);
            locked.files.insert(path, Base::of(&one.written));
            all.push(one);
        }
        (all, locked)
    }

    fn amend(&mut self, request: &str) {
        let (changes, locked) = self.amended(request);
        Step::of("s", &changes, locked.clone()).carry_out(self.place.path()).unwrap();
        self.locked = locked;
    }

    /// What `check` finds.
    fn findings(&self) -> Vec<String> {
        let names = self.locked.files.keys().filter(|it| it.starts_with("s/"));
        let texts: Vec<(String, String)> =
            names.map(|it| (it.clone(), self.read(&it[2..]))).collect();
        crate::power::findings(&texts, &texts)
    }

    fn sync(&self) -> Sync {
        sync(self.place.path(), "s", &self.locked, &self.power).unwrap()
    }

    /// Applies what is proposed, and answers it.
    fn apply(&mut self) -> Sync {
        let found = self.sync();
        for change in &found.changes {
            assert!(change.conflicts.is_empty(), "{:?}", change.conflicts);
        }
        let step = Step::of("s", &found.changes, found.locked.clone());
        step.carry_out(self.place.path()).unwrap();
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
    let again = scene.sync();
    assert_eq!((again.status(), again.changes.len()), ("NEEDS_REVIEW", 0));
    std::fs::write(
        scene.path("tasks.md"),
        scene.read("tasks.md").replace("within 5 seconds", "within 4 seconds"),
    )
    .unwrap();
    scene.apply();
    assert_eq!(scene.sync().status(), "IN_SYNC", "{:?}", scene.sync().findings);
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

const PAYMENTS: &str = "Create a payment processing system with Stripe integration. Need to support:\n- One-time payments\n- Subscription billing\n- Payment history\n- Refund processing\n- Webhook handling\n- PCI compliance\n\nTechnology: Node.js, TypeScript, PostgreSQL, Stripe API";

/// The titles of tasks by their ids, and which of them are done.
fn titles(text: &str, path: &str) -> (std::collections::BTreeMap<String, String>, Vec<String>) {
    let (dialect, kind) = specie_spec::detect(path, text.as_bytes());
    let document = specie_spec::read(text.as_bytes(), dialect, kind);
    let tasks = document.nodes.iter().filter(|it| it.kind == specie_spec::NodeKind::Task);
    let named = tasks.map(|it| (it.id.clone().unwrap(), it.text.clone())).collect();
    (named, specie_spec::keep::completed(&document).into_iter().map(|(id, _)| id).collect())
}

#[test]
fn completed_tasks_stay_and_every_task_keeps_its_id_when_something_is_left_out() {
    for tree in [Tree::SmartSpec, Tree::Kiro] {
        let mut scene = Scene::of(tree, PAYMENTS);
        let path = "/s/tasks.md";
        let (before, _) = titles(&scene.read("tasks.md"), path);
        let refunds: Vec<&String> = before
            .iter()
            .filter(|(id, it)| it.to_lowercase().contains("refund") && id.len() > 2)
            .map(|(id, _)| id)
            .collect();
        let (done, open) = (refunds[0].clone(), refunds[1].clone());
        scene.tick(&done);
        let block = scene.block(&done);
        scene.amend("No refunds");
        let found = scene.apply();
        assert!(
            found.findings.iter().any(|it| it.what.contains(&format!("task {done} is done"))),
            "{:?}",
            found.findings
        );
        let (after, completed) = titles(&scene.read("tasks.md"), path);
        assert!(scene.block(&done) == block && completed.contains(&done), "{done} {after:?}");
        assert!(!after.contains_key(&open), "{open} {after:?}");
        let bare = |it: &String| it.split(" (").next().unwrap().to_owned();
        for (id, title) in after.iter().filter(|(id, _)| **id != done) {
            assert_eq!(before.get(id).map(bare), Some(bare(title)), "{id}");
        }
        let second = scene.apply();
        assert_eq!((second.status(), second.changes.len()), ("NEEDS_REVIEW", 0));
        let text = scene.read("tasks.md");
        let first = text[..text.find(&block).unwrap()].lines().count() + 1;
        let own = first..first + block.lines().count();
        let is_elsewhere = |it: &&String| {
            let line = it.strip_prefix("s/tasks.md:").and_then(|it| it.split(' ').next());
            !line.is_some_and(|it| own.contains(&it.parse().unwrap()))
        };
        let said = scene.findings();
        assert_eq!(said.iter().filter(is_elsewhere).collect::<Vec<_>>(), Vec::<&String>::new());

        scene.untick(&done);
        scene.apply();
        assert_eq!(scene.sync().status(), "IN_SYNC", "{:?}", scene.sync().findings);
        assert!(!titles(&scene.read("tasks.md"), path).0.contains_key(&done));
        assert_eq!(scene.findings(), Vec::<String>::new());
    }
}

#[test]
fn what_comes_back_has_its_number_again_and_what_is_new_a_new_one() {
    let mut scene = Scene::of(Tree::SmartSpec, PAYMENTS);
    let (before, _) = titles(&scene.read("tasks.md"), "/s/tasks.md");
    scene.amend("No refunds");
    scene.apply();
    let (fewer, _) = titles(&scene.read("tasks.md"), "/s/tasks.md");
    assert!(fewer.len() < before.len() && fewer.keys().all(|it| before.contains_key(it)));
    scene.amend("Add refunds");
    scene.apply();
    let (after, _) = titles(&scene.read("tasks.md"), "/s/tasks.md");
    for (id, title) in &before {
        assert_eq!(after.get(id).map(|it| it.split(" (").next()), Some(title.split(" (").next()));
    }
    assert_eq!(scene.sync().status(), "IN_SYNC", "{:?}", scene.sync().findings);
}

#[test]
fn what_is_left_out_of_a_spec_of_kiros_is_in_sync() {
    let mut scene = Scene::of(Tree::Kiro, REQUEST);
    scene.amend("No payment history");
    scene.apply();
    assert_eq!(kinds(&scene.sync()), Vec::<&str>::new(), "{:?}", scene.sync().findings);
}

#[test]
fn a_step_that_was_cut_off_after_any_of_its_files_is_finished_by_the_next_one() {
    let whole = {
        let mut scene = Scene::of(Tree::SmartSpec, PAYMENTS);
        scene.amend("No refunds");
        (scene.read("spec.md"), scene.locked.clone())
    };
    for written in 0..=2 {
        let scene = Scene::of(Tree::SmartSpec, PAYMENTS);
        let root = scene.place.path();
        let (changes, locked) = scene.amended("No refunds");
        let step = Step::of("s", &changes, locked);
        step.announce(root).unwrap();
        for change in changes.iter().take(written) {
            put(&root.join(&change.path), &change.after()).unwrap();
        }
        std::fs::write(scene.path(".specie-writes-Ab12Cd"), "half").unwrap();
        let finished = finish(root).unwrap().unwrap();
        assert_eq!((finished.request.as_str(), finished.left), ("No refunds", vec![]));
        assert_eq!(
            (scene.read("spec.md"), &Lock::read(root).unwrap().specs["s"]),
            (whole.0.clone(), &whole.1)
        );
        assert_eq!(finish(root).unwrap(), None);
        assert!(!scene.path(".specie-writes-Ab12Cd").exists());
    }
}

#[test]
fn a_file_that_somebody_changed_after_the_cut_is_left_and_nothing_is_forgotten() {
    let scene = Scene::of(Tree::SmartSpec, PAYMENTS);
    let root = scene.place.path();
    let (changes, locked) = scene.amended("No refunds");
    Step::of("s", &changes, locked).announce(root).unwrap();
    scene.change("spec.md", "## ", "## My ");
    let mine = scene.read("spec.md");
    let finished = finish(root).unwrap().unwrap();
    assert_eq!((finished.left, scene.read("spec.md")), (vec!["s/spec.md".to_owned()], mine));
}

#[test]
fn edits_that_are_made_already_are_none_though_the_lock_does_not_know_of_them() {
    let mut scene = Scene::of(Tree::SmartSpec, PAYMENTS);
    scene.amend("No refunds");
    let found = scene.sync();
    for change in found.changes.iter().take(2) {
        put(&scene.place.path().join(&change.path), &change.after()).unwrap();
    }
    let again = scene.sync();
    assert!(again.changes.iter().all(|it| it.conflicts.is_empty()), "{:?}", again.findings);
    assert_eq!(again.changes.len(), found.changes.len() - 2);
    scene.apply();
    assert_eq!(scene.sync().status(), "IN_SYNC", "{:?}", scene.sync().findings);
}
