//! `specie spec`, from outside.

use crate::place::Place;

const TASKS: &str =
    "# Implementation Plan\r\n\r\n- [ ] 1. One\r\n  - [x] 1.1 Two\r\n- [ ] 2. Three";

fn with_tasks() -> Place {
    let place = Place::new();
    place.write("tasks.md", TASKS);
    place
}

#[test]
fn a_tick_changes_one_byte_and_says_which() {
    let place = with_tasks();
    let told = place.run(&["spec", "tick", "tasks.md", "1", "--state", "done", "--json"]).json();
    assert_eq!(told["schema"], "specie.spec.tick/1");
    assert_eq!(told["changes"][0]["was"], " ");
    assert_eq!(place.read("tasks.md"), TASKS.replacen("[ ]", "[x]", 1));
    let again = place.run(&["spec", "tick", "tasks.md", "1", "--state", "done", "--json"]).json();
    assert_eq!(again["changes"].as_array().unwrap().len(), 0);
    assert_eq!(again["sha256_before"], told["sha256_after"]);
    place.run(&["spec", "tick", "tasks.md", "--line", "5", "--state", "doing"]).fine();
    assert!(place.read("tasks.md").ends_with("- [-] 2. Three"));
    assert_eq!(place.names(), ["tasks.md"]);
}

#[test]
fn a_file_is_read_and_printed_as_it_is() {
    let place = with_tasks();
    let printed = std::process::Command::new(env!("CARGO_BIN_EXE_specie"))
        .args(["spec", "print"])
        .arg(place.path("tasks.md"))
        .output()
        .unwrap();
    assert_eq!(printed.stdout, TASKS.as_bytes());
    let read = place.run(&["spec", "read", "tasks.md", "--json"]).json();
    assert_eq!((&read["dialect"], &read["kind"]), (&"kiro".into(), &"tasks".into()));
    assert_eq!(read["lines"].as_array().unwrap().len(), 5);
    assert_eq!(read["nodes"][2]["id"], "1");
    assert_eq!(read["nodes"][3]["state"], "done");
    let shown = place.run(&["spec", "read", "tasks.md"]);
    assert!(shown.out.contains("task 1.1 [x] Two"), "{}", shown.out);
}

#[test]
fn what_cannot_be_ticked_is_refused_and_nothing_is_written() {
    let place = with_tasks();
    let refused = |arguments: &[&str], said: &str| {
        let mut all = vec!["spec", "tick"];
        all.extend(arguments);
        place.run(&all).refused(2, &[said]);
        assert_eq!(place.read("tasks.md"), TASKS);
    };
    refused(&["tasks.md", "7", "--state", "done"], "it has 1 (line 3), 1.1 (line 4), 2 (line 5)");
    refused(&["tasks.md", "--line", "1", "--state", "done"], "no task with line 1");
    refused(&["none.md", "1", "--state", "done"], "there is no file `none.md`");
    refused(&[".", "1", "--state", "done"], "is a folder, expected a file");
    refused(&["tasks.md", "1", "--state", "maybe"], "possible values");
    place.write("twice.md", "- [ ] 1. a\n- [ ] 1. b\n");
    refused(&["twice.md", "1", "--state", "done"], "name one by `--line`: 1, 2");
}

const REQUIREMENTS: &str = "\
# Requirements Document

### Requirement 1: Refunds

#### Acceptance Criteria

1. WHEN a refund is asked, THE Ledger SHALL create one entry.
2. THE Ledger SHALL respond quickly.
";

const TRACED: &str = "\
# Implementation Plan

- [ ] 1. Ledger
  - _Requirements: 1.1, 4.4_
";

#[test]
fn a_check_finds_what_is_wrong_in_all_specs_below_a_folder() {
    let place = Place::new();
    std::fs::create_dir_all(place.path(".kiro/specs/refunds")).unwrap();
    place.write(".kiro/specs/refunds/requirements.md", REQUIREMENTS);
    place.write(".kiro/specs/refunds/tasks.md", TRACED);
    let ended = place.run(&["spec", "check", "--format", "concise"]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    let expected = "\
./.kiro/specs/refunds/requirements.md:8:1: warning[criterion-without-task]: no task names criterion 1.2
./.kiro/specs/refunds/requirements.md:8:29: warning[vague-word]: `quickly` in criterion 1.2 cannot be measured
./.kiro/specs/refunds/tasks.md:4:25: error[dangling-reference]: there is no criterion 4.4
";
    assert_eq!(ended.out, expected);
    let full = place.run(&["spec", "check", ".kiro"]);
    assert_eq!(full.code, Some(3));
    assert!(
        full.out.contains("2. THE Ledger SHALL respond quickly.") && full.out.contains("help: ")
    );
    assert!(full.out.contains("2 files: 1 error, 2 warnings, 0 pieces of advice"), "{}", full.out);
    let json = place.run(&["spec", "check", "--json"]);
    let told = json.json();
    assert_eq!((json.code, &told["schema"]), (Some(3), &"specie.spec.check/1".into()));
    assert_eq!(told["diagnostics"].as_array().unwrap().len(), 3);
    let one = place.run(&["spec", "check", ".kiro/specs/refunds/tasks.md", "--format", "concise"]);
    assert_eq!(one.out.lines().count(), 1, "{}", one.out);
    place.run(&["spec", "check", "nowhere"]).refused(2, &["there is no file `nowhere`"]);
    place.write("notes.txt", "");
    let empty = Place::new();
    empty.run(&["spec", "check"]).refused(2, &["there is no spec in `.`", "`tasks.md`"]);
}

#[test]
fn a_check_tells_what_lies_around_the_specs_too() {
    let place = Place::new();
    for folder in [".kiro/steering", ".kiro/specs/users"] {
        std::fs::create_dir_all(place.path(folder)).unwrap();
    }
    place.write(".kiro/steering/tech.md", "- Never use MongoDB.\n");
    place.write(".kiro/specs/users/design.md", "Users are stored in MongoDB.\n");
    let tasks =
        "- [ ] 1. Page\n  - Needs: table `users`\n- [ ] 2. Tables\n  - Provides: table `users`\n";
    place.write(".kiro/specs/users/tasks.md", tasks);
    place.write(
        "SPEC_INDEX.json",
        "{\n  \"specs\": [{ \"id\": \"spec-1\", \"path\": \"gone\" }]\n}\n",
    );
    let ended = place.run(&["spec", "check", "--format", "concise"]);
    let expected = "\
./.kiro/specs/users/design.md:1:21: error[forbidden-technology]: the spec uses MongoDB, which steering forbids (`./.kiro/steering/tech.md`, line 1)
./.kiro/specs/users/tasks.md:2:19: error[need-not-made]: task 1 needs table `users`, which task 2 makes, and that one comes later
./SPEC_INDEX.json:2:40: error[index-path-missing]: `gone`, the path of spec-1, is not there
";
    assert_eq!((ended.code, ended.out.as_str()), (Some(3), expected));
    let full = place.run(&["spec", "check"]);
    assert!(full.out.contains("4 files: 3 errors, 0 warnings"), "{}", full.out);
    let json = place.run(&["spec", "check", "--json"]).json();
    assert_eq!(json["files"].as_array().unwrap().len(), 4);
    let read = place.run(&["spec", "read", "SPEC_INDEX.json", "--json"]).json();
    assert_eq!((&read["kind"], &read["nodes"][2]["kind"]), (&"index".into(), &"entry".into()));
    assert_eq!((&read["nodes"][2]["id"], &read["nodes"][2]["line"]), (&"spec-1".into(), &2.into()));
}

#[test]
fn a_trace_shows_which_tasks_are_for_which_criteria() {
    let place = Place::new();
    place.write("requirements.md", REQUIREMENTS);
    place.write("tasks.md", TRACED);
    let told = place.run(&["spec", "trace", "--json"]);
    let json = told.json();
    assert_eq!((told.code, &json["schema"]), (Some(3), &"specie.spec.trace/1".into()));
    let totals = serde_json::json!({
        "criteria": 2, "covered": 1, "tasks": 1, "traced": 1, "dangling": 1,
    });
    assert_eq!(json["totals"], totals);
    assert_eq!(json["specs"][0]["criteria"][0]["tasks"], serde_json::json!(["1"]));
    let shown = place.run(&["spec", "trace"]);
    assert!(shown.out.contains("1 of 2 criteria named by tasks"), "{}", shown.out);
    place.write("tasks.md", "- [ ] 1. Ledger\n  - _Requirements: 1_\n");
    place.run(&["spec", "trace"]).fine();
}

#[test]
fn each_rule_can_be_read_about() {
    let place = Place::new();
    let all = place.run(&["spec", "rule"]).fine();
    assert!(all.out.contains("vague-word"));
    let one = place.run(&["spec", "rule", "vague-word"]).fine();
    assert!(one.out.contains("not: THE API SHALL respond quickly."), "{}", one.out);
    place.run(&["spec", "rule", "nonsense"]).refused(2, &["there is no rule `nonsense`"]);
}

#[test]
fn a_status_believes_no_tick_that_something_speaks_against() {
    let place = Place::new();
    let git = |arguments: &[&str]| {
        let name = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let mut git = std::process::Command::new("git");
        let done = git.current_dir(place.path(".")).args(name).args(arguments).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(&["init", "-q"]);
    place.write("there.rs", "");
    place.write("gone.rs", "");
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    std::fs::remove_file(place.path("gone.rs")).unwrap();
    let task = |id: &str, file: &str, mark: &str| {
        let file =
            if file.is_empty() { String::new() } else { format!("**CREATE: `{file}`**\n\n") };
        format!(
            "### Task {id}: Words (~1h)\n\n{file}**Acceptance Criteria:**\n- [{mark}] it holds\n\n"
        )
    };
    let tasks = [
        task("T001", "there.rs", "x"),
        task("T002", "gone.rs", "x"),
        task("T003", "never.rs", "x"),
        task("T004", "never.rs", " "),
        task("T005", "", "x"),
    ];
    place.write(
        "tasks.md",
        &format!("# Implementation Tasks - A\n\n## Phase 1: A\n\n{}", tasks.concat()),
    );
    let told = place.run(&["spec", "status", "--json"]);
    let json = told.json();
    assert_eq!((told.code, &json["schema"]), (Some(3), &"specie.spec.status/1".into()));
    let of = |n: usize| json["tasks"][n]["progress"].as_str().unwrap().to_owned();
    let all: Vec<_> = (0..5).map(of).collect();
    assert_eq!(all, ["claimed", "claimed", "contradicted", "open", "unverifiable"]);
    let why = json["tasks"][2]["because"][0].as_str().unwrap();
    assert!(why.contains("`never.rs`, which it creates, is not there and never was"), "{why}");
    assert_eq!(json["commit"].as_str().unwrap().len(), 40);
    // A tick that is contradicted completes nothing.
    assert_eq!(json["phases"][0]["complete"], 3);
    assert_eq!(json["phases"][0]["in_progress"], 1);
    let shown = place.run(&["spec", "status", "."]);
    assert!(
        shown.out.contains("T003     contradicted") && shown.out.contains("4 of 5 tasks ticked")
    );
    place.run(&["spec", "status", "nowhere"]).refused(2, &["there is no file"]);
}
