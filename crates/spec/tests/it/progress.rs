//! Each state of a task, and each way out of it.

use std::slice::from_ref;

use specie_spec::check::Input;
use specie_spec::progress::{
    CountsAs, Ended, Evidence, Outside, Progress, TaskProgress, advice, blockers, marks, phases,
    progress, report, tasks,
};
use specie_spec::{Document, apply, detect, read};

/// A spec and what lies around it.
#[derive(Clone)]
struct World {
    files: Vec<(&'static str, String)>,
    /// What lies in the repository.
    there: Vec<(&'static str, String)>,
    /// What lay there once.
    once: Vec<&'static str>,
}

const REQUIREMENTS: &str = "\
### Requirement 1: Copies
#### Acceptance Criteria
1. WHEN a file is saved, THE Editor SHALL keep a copy.
2. THE Editor SHALL keep ten copies.
";

impl World {
    fn of(tasks: &str) -> Self {
        let files =
            vec![("requirements.md", REQUIREMENTS.to_owned()), ("tasks.md", tasks.to_owned())];
        Self { files, there: Vec::new(), once: Vec::new() }
    }

    /// One task of Kiro's: its box, and the lines under it.
    fn kiro(mark: char, details: &[&str]) -> Self {
        let lines: String = details.iter().map(|it| format!("  - {it}\n")).collect();
        Self::of(&format!("# Implementation Plan\n\n- [{mark}] 1. Copies (~2h)\n{lines}"))
    }

    fn has(mut self, path: &'static str, text: &str) -> Self {
        self.there.retain(|(known, _)| *known != path);
        self.there.push((path, text.into()));
        self
    }

    fn had(mut self, path: &'static str) -> Self {
        self.once.push(path);
        self
    }

    fn edited(mut self, from: &str, to: &str) -> Self {
        let before = self.files.clone();
        self.files.iter_mut().for_each(|(_, text)| *text = text.replace(from, to));
        assert_ne!(before, self.files, "`{from}` does not stand there");
        self
    }

    fn look<T>(&self, work: impl FnOnce(&[Input<'_>], &Outside<'_>) -> T) -> T {
        let documents: Vec<Document> = self
            .files
            .iter()
            .map(|(path, text)| {
                let (dialect, kind) = detect(path, text.as_bytes());
                read(text.as_bytes(), dialect, kind)
            })
            .collect();
        let inputs: Vec<Input<'_>> = self
            .files
            .iter()
            .zip(&documents)
            .map(|((path, text), document)| Input { path, bytes: text.as_bytes(), document })
            .collect();
        let text_of = |path: &str| {
            self.there.iter().find(|(known, _)| *known == path).map(|(_, text)| text.clone())
        };
        let was_made = |path: &str| Some(text_of(path).is_some() || self.once.contains(&path));
        let sha256 = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        work(&inputs, &Outside { was_made: &was_made, digest_of: &text_of, sha256: &sha256 })
    }

    /// That a command was run for a task, in this world, at some minute.
    fn ran(&self, id: &str, command: &str, ended: Ended, minute: u32) -> Evidence {
        self.look(|inputs, outside| {
            let all = tasks(inputs);
            let task = all.iter().find(|it| it.id.as_deref() == Some(id)).expect("a task");
            let words: Vec<String> = command.split(' ').map(Into::into).collect();
            let (counts_as, command) = task.typed(&words);
            Evidence {
                spec: ".".into(),
                task: id.into(),
                of: task.fingerprint(outside),
                command,
                counts_as,
                ended,
                ran_tests: None,
                started: format!("2026-01-31T08:{minute:02}:00.000Z"),
                duration_ms: 1,
                output_sha256: String::new(),
                output_bytes: 0,
                commit: None,
                dirty: None,
            }
        })
    }

    fn good(&self, command: &str, minute: u32) -> Evidence {
        self.ran("1", command, Ended::Code(0), minute)
    }

    fn bad(&self, command: &str, minute: u32) -> Evidence {
        self.ran("1", command, Ended::Code(1), minute)
    }

    fn all(&self, evidence: &[Evidence]) -> Vec<TaskProgress> {
        self.look(|inputs, outside| progress(inputs, evidence, outside))
    }

    /// The first task's progress, and why.
    fn says(&self, evidence: &[Evidence]) -> String {
        let first = &self.all(evidence)[0];
        format!("{}: {}", first.progress.as_str(), first.because.join("; "))
    }

    #[track_caller]
    fn expect(&self, evidence: &[Evidence], said: &str) {
        assert_eq!(self.says(evidence), said);
    }

    fn report(&self, evidence: &[Evidence]) -> String {
        let all = self.all(evidence);
        let phases = self.look(|inputs, _| phases(inputs, &all));
        let blockers = blockers(&all, &phases, "specs/a");
        let advice = advice(&all, &phases, &blockers, "specs/a");
        report(("specs/a", "2026-01-31"), &all, &phases, &blockers, &advice)
    }
}

const TEST: &str = "Validation: `cargo test copies`";
const AT: &str = "`cargo test copies` succeeded at 2026-01-31T08:01:00.000Z";

#[test]
fn without_evidence_a_tick_is_a_claim_at_most() {
    World::kiro(' ', &[TEST]).expect(&[], "open: it is not ticked");
    World::kiro('-', &[TEST]).expect(&[], "open: it is marked as being done");
    World::kiro('~', &[]).expect(&[], "open: it is marked as queued");
    let claimed = "claimed: it is ticked; nothing is recorded that proves it";
    World::kiro('x', &[TEST]).expect(&[], claimed);
    World::kiro('x', &["CREATE: `a.rs`"]).has("a.rs", "").expect(&[], claimed);
    World::kiro('x', &["CREATE: `a.rs`"]).had("a.rs").expect(&[], claimed);
    World::kiro('x', &["CREATE: `a.rs`"]).expect(
        &[],
        "contradicted: it is ticked, and `a.rs`, which it creates, is not there and never was",
    );
    World::kiro('x', &["do it well"])
        .expect(&[], "unverifiable: it is ticked, and names neither a file nor a command");
}

#[test]
fn evidence_proves_a_task_until_something_changes() {
    let world =
        World::kiro('x', &["CREATE: `a.rs`", TEST, "_Requirements: 1.1_"]).has("a.rs", "one");
    let evidence = [world.good("cargo test copies", 1)];
    world.expect(&evidence, &format!("verified: {AT}"));
    world
        .clone()
        .edited("[x]", "[ ]")
        .expect(&evidence, &format!("verified: {AT}; it is not ticked"));
    // Neither hours nor another criterion are its own.
    let same = world.clone().edited("(~2h)", "(~9h)").edited("ten copies", "two copies");
    same.expect(&evidence, &format!("verified: {AT}"));
    let changed = [
        (world.clone().edited("Copies (", "Backups ("), "the task has changed"),
        (world.clone().edited("keep a copy", "keep two"), "criterion 1.1 has changed"),
        (
            world.clone().edited("_Requirements: 1.1_", "_Requirements: 1.2_"),
            "criterion 1.2 is named anew, criterion 1.1 is no longer named",
        ),
        (world.clone().has("a.rs", "two"), "`a.rs` has changed"),
    ];
    for (world, what) in changed {
        world.expect(&evidence, &format!("stale: {AT}, and since then {what}"));
        let again = [evidence[0].clone(), world.good("cargo test copies", 2)];
        world.expect(&again, &format!("verified: {}", AT.replace("08:01", "08:02")));
    }
    let other = world.clone().edited("cargo test copies", "cargo test backups");
    other.expect(&evidence, &format!("stale: {AT}, and since then the task has changed; `cargo test copies` was recorded, and is none of its validations"));
    let gone = World { there: Vec::new(), ..world.clone() }.had("a.rs");
    gone.expect(&evidence, &format!("stale: {AT}, and since then `a.rs` has changed"));
    let never = World { there: Vec::new(), ..world };
    assert!(never.says(&evidence).starts_with("contradicted: it is ticked, and `a.rs`"));
}

#[test]
fn a_task_that_names_its_own_file_is_not_stale_by_a_tick() {
    let world = World::kiro(' ', &["EDIT: `tasks.md`", TEST]).has("tasks.md", "[ ]");
    let evidence = [world.good("cargo test copies", 1)];
    let ticked = world.edited("[ ]", "[x]").has("tasks.md", "[x]");
    ticked.expect(&evidence, &format!("verified: {AT}"));
}

#[test]
fn a_failure_holds_until_the_same_command_succeeds_on_what_is_there() {
    let world = World::kiro('x', &["EDIT: `a.rs`", TEST]).has("a.rs", "one");
    let open = world.clone().edited("[x]", "[ ]");
    let command = "cargo test copies";
    let failed = "`cargo test copies` ended with code 1 at 2026-01-31T08:02:00.000Z";
    let bad = world.bad(command, 2);
    world.expect(from_ref(&bad), &format!("contradicted: it is ticked, and {failed}"));
    open.expect(from_ref(&bad), &format!("open: it is not ticked; {failed}"));
    // An earlier success does not count against it, in whichever order they lie there.
    let earlier = [bad.clone(), world.good(command, 1)];
    world.expect(&earlier, &format!("contradicted: it is ticked, and {failed}"));
    let same_time = [world.good(command, 2), bad.clone()];
    world.expect(&same_time, &format!("contradicted: it is ticked, and {failed}"));
    let mended = world.clone().has("a.rs", "two");
    let since = "and since then `a.rs` has changed";
    mended.expect(from_ref(&bad), &format!("contradicted: it is ticked, and {failed}, {since}"));
    let after = AT.replace("08:01", "08:03");
    mended.expect(&[mended.good(command, 3), bad.clone()], &format!("verified: {after}"));
    // A success on something else does not speak for what is there, where it failed.
    world.expect(
        &[bad.clone(), mended.good(command, 3)],
        &format!("contradicted: it is ticked, and {failed}"),
    );
    let again = world.clone().has("a.rs", "three");
    again.expect(&[bad, mended.good(command, 3)], &format!("stale: {after}, {since}"));
    let killed = world.ran("1", command, Ended::Signal(9), 1);
    assert!(world.says(&[killed]).contains("was killed by signal 9"));
}

#[test]
fn every_validation_must_have_succeeded() {
    let world = World::kiro('x', &["Validation: `a b`, `c \"d e\"`"]);
    let a = world.good("a b", 1);
    world.expect(from_ref(&a), "claimed: it is ticked; nothing is recorded of `c \"d e\"`");
    let open = world.clone().edited("[x]", "[ ]");
    open.expect(from_ref(&a), "open: it is not ticked; nothing is recorded of `c \"d e\"`");
    let mut c = world.good("c x", 1);
    assert_eq!(c.counts_as, CountsAs::Nothing);
    world.expect(
        &[a.clone(), c.clone()],
        "claimed: it is ticked; nothing is recorded of `c \"d e\"`; `c x` was recorded, and is none of its validations",
    );
    c.command = "c \"d e\"".into();
    assert!(world.says(&[a, c]).starts_with("verified"));
}

#[test]
fn a_command_that_ran_no_test_proves_nothing() {
    let world = World::kiro('x', &[TEST]);
    let good = world.good("cargo test copies", 1);
    let empty = Evidence { ran_tests: Some(false), ..world.good("cargo test copies", 2) };
    let said = "claimed: it is ticked; `cargo test copies` ran no test, and proves nothing";
    world.expect(from_ref(&empty), said);
    world.expect(&[good.clone(), empty.clone()], said);
    let earlier = Evidence { started: "2026-01-31T07:00:00.000Z".into(), ..empty };
    world.expect(&[good, earlier], &format!("verified: {AT}"));
}

#[test]
fn a_task_without_validations_takes_any_command() {
    let world = World::kiro('x', &["CREATE: `a.rs`"]).has("a.rs", "");
    let evidence = world.good("make check", 1);
    assert_eq!(evidence.counts_as, CountsAs::Task);
    let said = "`make check` succeeded at 2026-01-31T08:01:00.000Z";
    world.expect(from_ref(&evidence), &format!("verified: {said}"));
    let changed = world.clone().has("a.rs", "changed");
    changed
        .expect(from_ref(&evidence), &format!("stale: {said}, and since then `a.rs` has changed"));
    let other = changed.good("make test", 2);
    let both = [evidence.clone(), other.clone()];
    changed.expect(&both, "verified: `make test` succeeded at 2026-01-31T08:02:00.000Z");
    assert!(changed.says(&[other, changed.bad("make all", 1)]).starts_with("contradicted"));
    let now_has_one = world.edited("CREATE: `a.rs`\n", &format!("CREATE: `a.rs`\n  - {TEST}\n"));
    assert!(now_has_one.says(&[evidence]).starts_with("stale"));
}

#[test]
fn a_typed_command_is_a_validation_if_a_shell_would_part_it_alike() {
    let world = World::kiro(' ', &["Validation: `psql -c \"\\dt\"  # tables`, `a | b`"]);
    let typed = |words: &[&str]| {
        world.look(|inputs, _| {
            let words: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
            tasks(inputs)[0].typed(&words)
        })
    };
    let validation = |text: &str| (CountsAs::Validation, text.to_owned());
    assert_eq!(typed(&["psql", "-c", "\\dt"]), validation("psql -c \"\\dt\"  # tables"));
    assert_eq!(typed(&["psql", "-c", "\"\\dt\""]).0, CountsAs::Nothing);
    assert_eq!(typed(&["sh", "-c", "a | b "]), validation("a | b"));
    // The program `a` with the words `|` and `b` is something else.
    assert_eq!(typed(&["a", "|", "b"]).0, CountsAs::Nothing);
    assert_eq!(typed(&["b"]), (CountsAs::Nothing, "b".into()));
}

#[test]
fn a_task_with_parts_stands_for_them() {
    let with = |one: char, two: char| {
        World::of(&format!(
            "- [x] 1. All\n  - [{one}] 1.1 First\n    - {TEST}\n  - [{two}] 1.2 Second\n    - Validation: `b`\n  - [ ]* 1.3 Maybe\n"
        ))
    };
    let states = |world: &World, evidence: &[Evidence]| -> Vec<Progress> {
        world.all(evidence).iter().map(|it| it.progress).collect()
    };
    let world = with('x', 'x');
    let (claimed, verified, open) = (Progress::Claimed, Progress::Verified, Progress::Open);
    assert_eq!(states(&world, &[]), [claimed, claimed, claimed, open]);
    let first = world.ran("1.1", "cargo test copies", Ended::Code(0), 1);
    let second = world.ran("1.2", "b", Ended::Code(0), 1);
    assert_eq!(states(&world, from_ref(&first)), [claimed, verified, claimed, open]);
    assert_eq!(
        states(&world, &[first.clone(), second.clone()]),
        [verified, verified, verified, open]
    );
    let changed = world.clone().edited("Second", "Last");
    assert_eq!(states(&changed, &[first, second])[0], Progress::Stale);
    let half = with('x', ' ');
    half.expect(&[], "contradicted: it is ticked, and its part 1.2 is not ticked");
}

#[test]
fn evidence_of_an_id_that_stands_twice_is_told_apart_by_its_words() {
    let world = World::of(&format!("- [x] 1. One\n  - {TEST}\n- [x] 2. Two\n  - {TEST}\n"));
    let evidence = [world.good("cargo test copies", 1)];
    let twice = world.edited("2. Two", "1. Two");
    let states: Vec<_> = twice.all(&evidence).iter().map(|it| it.progress).collect();
    assert_eq!(states, [Progress::Verified, Progress::Claimed]);
}

const SMART: &str = "\
# Implementation Tasks - A

| Phase | Tasks | Status |
|-------|-------|--------|
| Phase 1 | T001-T002 | ⬜ |
| **Phase 2** | T003-T004 | ⬜ Not Started |
| Phase 3 | T005 | ❌ |
| Phase 4 | T006 | 🟦 nearly |

| Risk | Mark |
|------|------|
| Phase 1 | ⬜ |

## Phase 1: Database (T001-T002)

### Task T001: Tables (~3h)

**Acceptance Criteria:**
- [x] they are there

**Validation:**
```bash
true
```

### Task T002: Models (~1 hour)

**Dependencies:** T001

**Acceptance Criteria:**
- [x] one
- [x] two

**Validation:**
```bash
npm test
```

## ⚡ CHECKPOINT: Phase 1 Complete

**Validation Required:**
- [ ] All tasks completed

## Phase 2: Routes

### Task T003: Routes

**Dependencies:**
- T002 (models must exist)

**Acceptance Criteria:**
- [x] one
- [ ] two
- [ ] three

### Task T004: Pages

**Dependencies:** T003

**Acceptance Criteria:**
- [ ] one

## Phase 3: Keys

### Task T005: Keys

**Status:** BLOCKED - no account yet

**Acceptance Criteria:**
- [ ] one

## Phase 4: End

### Task T006: End

**Acceptance Criteria:**
- [ ] one
";

#[test]
fn a_report_is_in_smartspecs_form() {
    let world = World::of(SMART);
    let evidence = [
        world.ran("T001", "true", Ended::Code(0), 1),
        world.ran("T002", "npm test", Ended::Code(1), 1),
    ];
    let expected = "\
# Implementation Progress Report

**Spec:** specs/a
**Generated:** 2026-01-31

**Overall Progress:** 1/6 tasks complete (17%)
**Evidence:** 4 open, 0 claimed, 1 verified, 0 stale, 1 contradicted, 0 unverifiable

**Phase Progress:**

| Phase | Tasks | Complete | In Progress | Not Started | Status |
|-------|-------|----------|-------------|-------------|--------|
| Phase 1 | 2 | 1 | 1 | 0 | 🟦 In Progress |
| Phase 2 | 2 | 0 | 1 | 1 | 🟦 In Progress |
| Phase 3 | 1 | 0 | 0 | 1 | ⬜ Not Started |
| Phase 4 | 1 | 0 | 0 | 1 | ⬜ Not Started |

### Phase 1: Database

- ✅ 100 % T001: Tables (verified)
- 🟨 started T002: Models (contradicted: it is ticked, and `npm test` ended with code 1 at 2026-01-31T08:01:00.000Z)

### Phase 2: Routes

- 🟦 33 % T003: Routes (open)
- ⬜ T004: Pages (open)

### Phase 3: Keys

- ⬜ T005: Keys (open)

### Phase 4: End

- ⬜ T006: End (open)

---

## ⚠️ Blockers

1. **T002:** `npm test` ended with code 1
   - Impact: Blocks T003, T004
   - Action: Mend it, then run `specie spec record T002 specs/a`
2. **T005:** no account yet
   - Impact: no task waits for it
   - Action: Resolve it, and take the mark away
3. **Phase 3:** its row of the table marks it with ❌
   - Impact: Blocks T005
   - Action: Resolve it, and take the mark away

---

## 📋 Recommendations

### Immediate Actions

1. Fix T002 blocker
2. Fix T005 blocker
3. Fix Phase 3 blocker
4. Complete Phase 1: T002
5. Complete Phase 1 checkpoint
";
    assert_eq!(world.report(&evidence), expected);
}

#[test]
fn advice_goes_on_to_the_next_phase_and_names_the_command_that_helps() {
    let world = World::of(SMART).edited("- [x] two\n\n**Val", "- [ ] two\n\n**Val");
    let stale = [
        world.ran("T001", "true", Ended::Code(0), 1),
        world.ran("T002", "npm test", Ended::Code(0), 1),
    ];
    let world = world
        .edited("T001: Tables", "T001: All tables")
        .edited("- [x] one\n- [ ] two\n- [ ] three", "- [ ] one");
    let report = world.report(&stale);
    let (_, said) = report.split_once("Immediate Actions\n\n").unwrap();
    let expected = "\
1. Fix T005 blocker
2. Fix Phase 3 blocker
3. Run the validation of T001 again: `specie spec record T001 specs/a`
4. Complete Phase 1 checkpoint
5. Start Phase 2 after validation
6. Tick T002: it is verified: `specie spec tick specs/a/tasks.md T002 --state done`
";
    assert_eq!(said, expected);
    let claimed = World::kiro('x', &[TEST]).report(&[]);
    assert!(
        claimed.contains(
            "1. Run the validation of 1, which is only claimed: `specie spec record 1 specs/a`"
        ),
        "{claimed}"
    );
    assert!(claimed.contains("The tasks are not grouped into phases."), "{claimed}");
    let typed = World::kiro('x', &["EDIT: `a.rs`"]);
    let evidence = [typed.good("make check", 1)];
    let typed = typed.has("a.rs", "");
    assert!(typed.report(&evidence).contains("`specie spec record 1 specs/a -- make check`"));
}

#[test]
fn marks_of_phases_follow_and_blocked_ones_stay() {
    let world = World::of(SMART);
    let evidence = [
        world.ran("T001", "true", Ended::Code(0), 1),
        world.ran("T002", "npm test", Ended::Code(0), 1),
    ];
    let all = world.all(&evidence);
    let marked = world.look(|inputs, _| {
        let phases = phases(inputs, &all);
        let changes = marks(&inputs[1], &phases);
        String::from_utf8(apply(inputs[1].bytes, &changes)).unwrap()
    });
    let expected = SMART
        .replacen("T001-T002 | ⬜ |", "T001-T002 | ✅ |", 1)
        .replacen("T003-T004 | ⬜ Not Started |", "T003-T004 | 🟦 In Progress |", 1)
        .replacen("T006 | 🟦 nearly |", "T006 | ⬜ nearly |", 1);
    assert_eq!(marked, expected);
    let again = World::of(&marked);
    let all = again.all(&evidence);
    let changes = again.look(|inputs, _| marks(&inputs[1], &phases(inputs, &all)));
    assert_eq!(changes, []);
}

#[test]
fn kiros_outermost_tasks_are_phases_and_optional_ones_do_not_count() {
    let world = World::of(
        "- [-] 1. Ledger\n  - [x] 1.1 Types in `a.rs`\n  - [ ] 1.2 Entries\n    - _Blocked: the schema is not agreed_\n  - [ ]* 1.3 Maybe\n    - [ ] 1.3.1 Part of maybe\n- [ ] 2. Checkpoint - all tests pass\n- [ ] 3. Routes\n  - _Depends: 1_\n  - [ ] 3.1 One\n  - [ ] 3.2 Two\n",
    );
    let all = world.all(&[]);
    let phases = world.look(|inputs, _| phases(inputs, &all));
    let told: Vec<_> = phases
        .iter()
        .map(|it| (it.name(), it.tasks.len(), it.complete, it.not_started, it.checkpoint))
        .collect();
    assert_eq!(told, [("Phase 1".into(), 2, 1, 1, Some(false)), ("Phase 3".into(), 2, 0, 2, None)]);
    let found = blockers(&all, &phases, ".");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id.as_str(), found[0].why.as_str()), ("1.2", "the schema is not agreed"));
    assert_eq!(found[0].impact, ["3.1", "3.2"]);
}

#[test]
fn hostile_documents_are_judged_all_the_same() {
    let texts = [
        "- [x] 1. A\n  - _Depends: 1_\n  - _Blocked: it\n",
        "- [x] 1. A\n  - _Depends: 2_\n- [x] 2. B\n  - _Depends: 1_\n  - _Blocked: b_\n",
        "| Phase | x |\n| ✅ |\n|\n| Phase 1 |\n## Phase 1\n### Task T001: ``\n**Validation:**\n```\n",
        "- [x]\n- [x] \u{1b}[2J\n  - Validation: ````\n",
    ];
    for text in texts {
        let world = World::of(text);
        let report = world.report(&[]);
        assert!(report.starts_with("# Implementation Progress Report"), "{report}");
    }
}
