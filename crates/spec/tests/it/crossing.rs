//! What `check` finds between the files of a spec, and between its tasks.

use specie_spec::check::{Input, check};
use specie_spec::{Document, detect, read};

/// `file:line rule: message`, without the rules about criteria and tasks that these tests are not about.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let documents: Vec<Document> = files
        .iter()
        .map(|(path, text)| {
            let (dialect, kind) = detect(path, text.as_bytes());
            read(text.as_bytes(), dialect, kind)
        })
        .collect();
    let inputs: Vec<Input<'_>> = files
        .iter()
        .zip(&documents)
        .map(|((path, text), document)| Input { path, bytes: text.as_bytes(), document })
        .collect();
    let shown = |it: &specie_spec::Diagnostic| {
        let text =
            files.iter().find(|(path, _)| *path == it.path).expect("a file that was given").1;
        let line = text[..it.span.start].matches('\n').count() + 1;
        assert_eq!(line, it.line, "{it:?}");
        let start = text[..it.span.start].rfind('\n').map_or(0, |at| at + 1);
        assert_eq!(text[start..it.span.start].chars().count() + 1, it.column, "{it:?}");
        let what = &text[it.span.clone()];
        assert!(!what.contains('\n') && !what.is_empty(), "{it:?}");
        format!("{}:{} {}: {}", it.path, it.line, it.rule.name, it.message)
    };
    let others = ["task-without-criterion", "criterion-without-task", "ticked-before-its-parts"];
    check(&inputs).iter().filter(|it| !others.contains(&it.rule.name)).map(shown).collect()
}

fn in_tasks(text: &str) -> Vec<String> {
    let said = found(&[("tasks.md", text)]);
    said.iter().map(|it| it.trim_start_matches("tasks.md:").to_owned()).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn what_a_task_needs_is_made_by_one_that_it_depends_on() {
    let text = "\
- [ ] 1. Database
  - [ ] 1.1 Tables
    - CREATE: `src/list.rs`
    - Provides: table `users`, event `user.seen`
  - [ ] 1.2 Ends
    - Needs: table `users`, table `old` (given), column `users.name`
    - Provides: endpoint `GET /api/users/:id`
    - _Depends: 1.1_
- [ ] 2. Pages
  - [ ] 2.1 List
    - Needs: table `users`, endpoint `GET /api/users/{id}`, file `src/list.rs`
    - _Depends: 1.2_
  - [ ] 2.2 Alone
    - Needs: table `users`, thing `door`
    - EDIT: `src/list.rs`
  - [ ] 2.3 After a whole group
    - Needs: endpoint `GET /api/users/:id`, event `user.seen`
    - _Depends: 1_
- [ ] 3. Needs of its own part
  - Needs: variable `KEY`
  - Provides: event `done`
  - [ ] 3.1 Part
    - Provides: variable `KEY`
    - Needs: variable `KEY`, event `done`
- [ ] 4. Waits for all its parts
  - _Depends: 1.1_
  - [ ] 4.1 Part
    - Needs: table `users`
";
    assert_eq!(
        in_tasks(text),
        [
            "14 need-not-made: task 2.2 needs table `users`, which task 1.1 makes, and does not depend on it",
            "14 need-not-made: task 2.2 needs thing `door`, and no task makes it",
            "15 need-not-made: task 2.2 edits file `src/list.rs`, which task 1.1 creates, and does not depend on it",
        ]
    );
    let prose = "- [ ] 1. A\n  - Needs: some table `users` of ours\n  - Needs: a clear head\n";
    assert_eq!(in_tasks(prose), NONE, "prose needs nothing");
}

#[test]
fn without_dependencies_an_earlier_task_or_wave_will_do() {
    let task = |id: &str, line: &str| format!("- [ ] {id}. Words\n  - {line}\n");
    let later = [task("1", "Needs: table `users`"), task("2", "Provides: table `users`")].concat();
    assert_eq!(
        in_tasks(&later),
        [
            "2 need-not-made: task 1 needs table `users`, which task 2 makes, and that one comes later"
        ]
    );
    let earlier =
        [task("1", "Provides: table `users`"), task("2", "Needs: table `users`")].concat();
    assert_eq!(in_tasks(&earlier), NONE);
    let graph =
        |waves: &str| format!("## Task Dependency Graph\n```json\n{{\"waves\":{waves}}}\n```\n");
    let turned = later.clone() + &graph(r#"[["2"],["1"]]"#);
    assert_eq!(in_tasks(&turned), NONE, "waves say more than places");
    let same = later.clone() + &graph(r#"[["1","2"]]"#);
    assert_eq!(in_tasks(&same).len(), 1);
}

#[test]
fn smartspec_tasks_need_and_make_too() {
    let task = |id: &str, lines: &str| {
        format!(
            "### Task {id}: Words (~1h)\n\n{lines}\n\n**Acceptance Criteria:**\n- [ ] it holds\n\n"
        )
    };
    let text = [
        "# Implementation Tasks - A\n\n".to_owned(),
        task("T001", "**Provides:** table `users`\n**Dependencies:** None"),
        task("T002", "**CREATE: `src/a.rs`** (~20 lines - SMALL)\n**Needs:** table `users`\n**Dependencies:** T001"),
        task("T003", "**Needs:** table `users`\n**Dependencies:** None"),
        task("T004", "**CREATE: `src/a.rs`**\n**Dependencies:** T002"),
    ]
    .concat();
    assert_eq!(
        in_tasks(&text),
        [
            "22 need-not-made: task T003 needs table `users`, which task T001 makes, and does not depend on it",
            "30 made-twice: task T004 makes file `src/a.rs`, which task T002 makes already",
        ]
    );
}

const SQL: &str = "\
# Requirements Document

## Data Model

```sql
CREATE TABLE users (
  id UUID PRIMARY KEY,
  name TEXT NOT NULL,
  seats INT,
  created_at TIMESTAMPTZ
);
```
";

#[test]
fn a_column_that_is_named_has_a_place_in_its_table() {
    let design = "\
# Design
The name is `users.name`, made at `users.createdAt` and `users.created_at`; its rank is `users.rank`.
The code is `users.rs`, `users.find`, the event `users.created`, `db.users.rank`, `users.rank()`.
```ts
users.rank
```
";
    let said = found(&[("requirements.md", SQL), ("design.md", design)]);
    assert_eq!(said, ["design.md:2 unknown-column: table `users` has no column `rank`"]);
    assert_eq!(found(&[("design.md", design)]), NONE, "without SQL nobody knows");

    let model = "\
### UserAccount
**Table:** `users`

| Field | Type | Required |
| --- | --- | --- |
| name | text | yes |
| `rank` | int | no |

### Other
| Field | Type |
| --- | --- |
| rank | int |
";
    let said = found(&[("requirements.md", SQL), ("data-model.md", model)]);
    assert_eq!(said, ["data-model.md:7 unknown-column: table `users` has no column `rank`"]);
}

#[test]
fn a_column_that_a_task_needs_is_made_with_its_table_or_by_itself() {
    let tasks = "\
- [ ] 1. Tables
  - Provides: table `users`
- [ ] 2. Page
  - Needs: column `users.name`, column `users.rank`
- [ ] 3. More
  - Provides: column `users.size`
- [ ] 4. Page
  - Needs: column `users.size`
";
    let said = found(&[("requirements.md", SQL), ("tasks.md", tasks)]);
    assert_eq!(
        said,
        [
            "requirements.md:9 column-without-task: no task names the column `seats` of table `users`",
            "tasks.md:4 need-not-made: task 2 needs column `users.rank`, and no task makes it: table `users`, which task 1 makes, has no such column",
            "tasks.md:6 unknown-column: table `users` has no column `size`",
            "tasks.md:8 unknown-column: table `users` has no column `size`",
        ]
    );
    let few = tasks.replace("column `users.name`, ", "");
    let wide = SQL.replace("  seats INT,", "  seats INT,\n  rank INT,\n  size INT,\n  mail TEXT,");
    for (sql, tasks) in [(SQL, few.as_str()), (&wide, &tasks.replace(", column `users.rank`", ""))]
    {
        let said = found(&[("requirements.md", sql), ("tasks.md", tasks)]);
        assert!(said.iter().all(|it| !it.contains("column-without-task")), "{said:?}");
    }
}

#[test]
fn an_endpoint_that_is_named_is_one_that_a_task_makes() {
    let requirements = "\
### Requirement 1: R
#### Acceptance Criteria
1. WHEN `GET /api/users/7` is called, THE API SHALL answer.
2. WHEN `GET /api/users/{id}` is called, THE API SHALL answer.
3. WHEN `POST /hooks` is called, THE API SHALL answer.
";
    let tasks = "\
- [ ] 1. Ends
  - Provides: endpoint `GET /api/users/:id`
  - Needs: endpoint `POST /hooks` (given)
";
    let said = found(&[("requirements.md", requirements), ("tasks.md", tasks)]);
    assert_eq!(
        said,
        ["requirements.md:3 unknown-endpoint: no task makes the endpoint `GET /api/users/7`"]
    );
    assert_eq!(found(&[("requirements.md", requirements)]), NONE, "no task makes any");
    let api = "\
openapi: 3.1.0
paths:
  /api/users/{id}:
    get: # one
      responses: {}
  '/api/user':
    post:
      responses: {}
components:
  /api/none:
    get: {}
";
    let tasks = format!("{tasks}- [ ] 2. More\n  - Provides: endpoint `POST /api/users`\n");
    assert_eq!(
        found(&[("tasks.md", &tasks), ("openapi.yaml", api)]),
        [
            "tasks.md:5 unknown-endpoint: task 2 makes endpoint `POST /api/users`, which openapi.yaml lacks",
            "openapi.yaml:6 unknown-endpoint: no task makes the endpoint `post /api/user`",
        ]
    );
}

#[test]
fn a_critical_path_is_a_chain_and_no_other_takes_longer() {
    let tasks = "\
- [ ] T001 First (~2 hours)
- [ ] T002 Second (~3 hours)
  - _Depends: T001_
- [ ] T003 Third (~4 hours)
  - _Depends: T001_
- [ ] T004 Last (~1 hour)
  - _Depends: T002, T003_
";
    let plan = |path: &str| {
        let plan = format!("# Plan\n\n**Critical Path:** {path}\n");
        found(&[("plan.md", &plan), ("tasks.md", tasks)])
    };
    assert_eq!(plan("T001 First → T003 Third → T004 Last"), NONE);
    let longer =
        "plan.md:3 total-off: the critical path takes 6 hours, and the tasks up to T004 take 7";
    assert_eq!(plan("T001 First → T002 Second → T004 Last"), [longer]);
    let gap = "plan.md:3 total-off: on the critical path, task T003 does not depend on T002, which stands before it";
    assert_eq!(plan("T001 → T002 → T003 → T004"), [gap]);
}

#[test]
fn waves_follow_dependencies_and_touch_nothing_twice() {
    let text = "\
- [ ] 1. First
  - [ ] 1.1 A
    - CREATE: `src/a.rs`
    - Provides: thing `door`
  - [ ] 1.2 B
    - EDIT: `src/a.rs`
    - _Depends: 1.1_
  - [ ] 1.3 C
    - Needs: thing `door`
    - _Depends: 1.1_
  - [ ]* 1.4 Optional
- [ ] 2. Second
  - [ ] 2.1 D
  - [ ] 2.2 E
- [ ] 3. Checkpoint
- [ ] 4. Review
  - Ensure all tests pass, ask the user if questions arise.
- [ ] 5. Last

## Task Dependency Graph

```json
{
  \"waves\": [
    { \"id\": 0, \"tasks\": [\"1.1\", \"1.2\"] },
    { \"id\": 1, \"tasks\": [\"1.3\", \"2.1\", \"9.9\"] },
    { \"id\": 2, \"tasks\": [\"2.1\"] }
  ]
}
```
";
    assert_eq!(
        in_tasks(text),
        [
            "14 task-without-wave: task 2.2 stands in no wave",
            "25 wave-collision: tasks 1.1 and 1.2 are in one wave, and both touch file `src/a.rs`",
            "25 wave-too-early: task 1.2 depends on task 1.1, which is in the same wave",
            "26 dangling-reference: there is no task 9.9",
            "27 task-without-wave: task 2.1 stands in two waves",
        ]
    );
    let groups = text
        .replace("\"1.1\", \"1.2\"", "\"1\"")
        .replace("\"1.3\", \"2.1\", \"9.9\"", "\"2\", \"5\"");
    let groups = groups.replace(",\n    { \"id\": 2, \"tasks\": [\"2.1\"] }", "");
    assert_eq!(in_tasks(&groups), NONE, "a parent stands for its whole group, which has an order");
}

#[test]
fn graphs_of_other_forms_say_what_they_can() {
    let of = |graph: &str| {
        let tasks = "- [ ] 1. A\n- [ ] 2. B\n- [ ] 2.3a Letters\n";
        in_tasks(&format!("{tasks}## Task Dependency Graph\n{graph}\n"))
    };
    assert_eq!(of("```json\n[[\"1\"], [\"2\"]]\n```"), NONE);
    assert_eq!(of("```json\n[[\"1\"], [\"7\"]]\n```").len(), 2);
    assert_eq!(
        of(
            "```json\n{\"waves\":[{\"wave\":1,\"note\":\"x\",\"tasks\":[\"1\",\"2.3a\",\"2\"]}]}\n```"
        ),
        NONE
    );
    for other in [
        "```json\n{\"tasks\":[{\"id\":\"7\",\"depends_on\":[\"8\"]}]}\n```",
        "```\nT1 --> T7\n```",
        "```mermaid\ngraph TD; 1-->7;\n```",
        "```json\n{\"waves\": [broken\n```",
        "T1 --> T7",
        "```json\n{\"waves\":[]}\n```",
    ] {
        assert_eq!(of(other), NONE, "{other}");
    }
}

#[test]
fn totals_are_what_counting_gives() {
    let kiro = "\
# Implementation Plan: A

**Total:** 2 phases, 3 tasks, 6 hours

- [ ] 1. Database (~4h)
  - [ ] 1.1 A (~3h)
  - [ ] 1.2 B (~1h)
  - [ ] 1.3 Checkpoint - Database
- [ ] 2. Pages (~2h)
  - [ ] 2.1 C (~1.5h)
  - [ ]* 2.2 D (~30 min)
";
    let with = |from: &str, to: &str| in_tasks(&kiro.replace(from, to));
    assert_eq!(in_tasks(kiro), NONE, "optional tasks may be left out");
    assert_eq!(with("3 tasks", "4 tasks"), NONE);
    assert_eq!(with("3 tasks", "5 tasks"), NONE, "with the checkpoint");
    assert_eq!(
        with("3 tasks", "7 tasks"),
        ["3 total-off: the total says 7 tasks, and counting gives 4"]
    );
    assert_eq!(
        with("6 hours", "8 hours"),
        ["3 total-off: the total says 8 hours, and counting gives 6"]
    );
    assert_eq!(
        with("2 phases", "1 phase"),
        ["3 total-off: the total says 1 phase, and counting gives 2"]
    );
    assert_eq!(with("(~4h)", "(~5h)"), ["5 total-off: phase 1 says 5 hours, and counting gives 4"]);
    assert_eq!(with("A (~3h)", "A"), NONE, "what has no hours cannot be summed");
    assert_eq!(with("2 phases, 3 tasks, 6 hours", "$5 or 9 lives"), NONE);
}

#[test]
fn totals_of_smartspec_are_what_counting_gives() {
    let task = |id: &str, hours: &str| {
        format!("### Task {id}: Words (~{hours})\n\n**Dependencies:** None\n\n")
    };
    let smart = [
        "# Implementation Tasks - A\n\n**Total Phases:** 2\n**Total Tasks:** 3\n",
        "**Estimated Effort:** 6 hours (~1 week for 2 people)\n\n",
        "| Phase | Tasks | Focus | Hours | Risk |\n|---|---|---|---|---|\n",
        "| Phase 1 | T001-T002 | Database | 4 | LOW |\n| Phase 2 | 1 | Pages | 2h | LOW |\n",
        "| **Total** | **3** | | **6** | |\n\n## Phase 1: Database (T001-T002)\n\n",
        &task("T001", "3h"),
        &task("T002", "1 hour"),
        "## Phase 2: Pages (T003-T003)\n\n",
        &task("T003", "2 hours"),
    ]
    .concat();
    let with = |from: &str, to: &str| in_tasks(&smart.replacen(from, to, 1));
    assert_eq!(in_tasks(&smart), NONE);
    assert_eq!(
        with("Phases:** 2", "Phases:** 3"),
        ["3 total-off: the total says 3 phases, and counting gives 2"]
    );
    assert_eq!(
        with("Tasks:** 3", "Tasks:** 4"),
        ["4 total-off: the total says 4 tasks, and counting gives 3"]
    );
    assert_eq!(
        with("6 hours", "7.5 hours"),
        ["5 total-off: the total says 7.5 hours, and counting gives 6"]
    );
    assert_eq!(
        with("| T001-T002 |", "| T001-T003 |"),
        ["9 total-off: the row of phase 1 says T001-T003, and counting gives T001-T002"]
    );
    assert_eq!(
        with("| 4 |", "| 5 |"),
        ["9 total-off: the row of phase 1 says 5 hours, and counting gives 4"]
    );
    assert_eq!(
        with("| 1 |", "| 2 |"),
        ["10 total-off: the row of phase 2 says 2 tasks, and counting gives 1"]
    );
    assert_eq!(
        with("**3**", "**9**"),
        ["11 total-off: the row of the total says 9 tasks, and counting gives 3"]
    );
    assert_eq!(
        with("(T001-T002)", "(T001-T009)"),
        ["13 total-off: phase 1 says T001-T009, and counting gives T001-T002"]
    );
}

#[test]
fn a_plan_ends_with_its_last_milestone() {
    let plan = "# Plan\n**Duration:** 4 weeks\n### Milestone 1 (Weeks 1-2)\n### Milestone 2\n**Weeks:** 3-5\n";
    assert_eq!(
        found(&[("plan.md", plan)]),
        ["plan.md:2 total-off: the duration says 4 weeks, and the last milestone ends in week 5"]
    );
    assert_eq!(found(&[("plan.md", &plan.replace("3-5", "3-4"))]), NONE);
    assert_eq!(found(&[("plan.md", &plan.replace("4 weeks", "a month"))]), NONE);
}

fn criteria(criteria: &[&str]) -> Vec<String> {
    let list: Vec<_> =
        criteria.iter().enumerate().map(|(n, it)| format!("{}. {it}\n", n + 1)).collect();
    let text = format!("### Requirement 1: R\n#### Acceptance Criteria\n{}", list.concat());
    found(&[("requirements.md", &text)])
}

#[test]
fn a_limit_has_a_unit() {
    let of = |text: &str| criteria(&[text]).len();
    assert_eq!(
        criteria(&["WHEN asked, THE API SHALL answer within 5."]),
        ["requirements.md:3 number-without-unit: `within 5` in criterion 1.1 has no unit"]
    );
    assert_eq!(of("THE API SHALL list at most 200."), 1);
    for text in [
        "WHEN asked, THE API SHALL answer within 5 seconds.",
        "THE API SHALL list at most 200 users.",
        "IF the count exceeds 200, THEN THE API SHALL answer 400.",
        "THE API SHALL answer with status 429.",
        "THE API SHALL send `within 5`.",
        "THE API SHALL keep scores of at least 0.8.",
        "THE API SHALL follow version 1.2.",
        "THE API SHALL refuse less than 0.",
    ] {
        assert_eq!(of(text), 0, "{text}");
    }
}

#[test]
fn criteria_that_differ_in_a_number_alone_contradict_each_other() {
    let said = criteria(&[
        "WHEN a user is idle, THE API SHALL end the session after 30 minutes.",
        "WHEN a user is idle, THE API SHALL end the session after 60 minutes.",
    ]);
    assert_eq!(
        said,
        [
            "requirements.md:4 contradictory-numbers: criterion 1.2 says 60 minutes, and criterion 1.1 says 30 minutes in the same words"
        ]
    );
    let pair = |one: &str, other: &str| criteria(&[one, other]).len();
    assert_eq!(pair("THE API SHALL charge $29.00.", "THE API SHALL charge $30."), 1);
    assert_eq!(pair("THE API SHALL charge $29.00.", "THE API SHALL charge $29."), 0);
    assert_eq!(pair("THE API SHALL wait 1 hour.", "THE API SHALL wait 1 day."), 0, "other units");
    assert_eq!(
        pair("THE API SHALL wait 1 hour.", "THE UI SHALL wait 2 hours."),
        0,
        "other systems"
    );
    assert_eq!(pair("THE API SHALL answer 400.", "THE API SHALL answer 404."), 0, "codes");
    let when =
        |n: u8, hours: u8| format!("WHEN it fails {n} times, THE API SHALL wait {hours} hours.");
    assert_eq!(pair(&when(1, 1), &when(2, 2)), 0, "other conditions");
}
