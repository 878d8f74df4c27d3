//! `specie spec record`, and what `status` makes of it.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::place::{Ended, Place};

const REQUIREMENTS: &str = "\
### Requirement 1: Copies
#### Acceptance Criteria
1. WHEN a file is saved, THE Editor SHALL keep a copy.
2. THE Editor SHALL keep ten copies.
";

const TASKS: &str = "\
# Implementation Plan

- [-] 1. Copies
  - [x] 1.1 Keep one in `copies.txt` (~2h)
    - Validation: `grep -q one copies.txt`, `test -f copies.txt && echo there`
    - _Requirements: 1.1_
  - [ ] 1.2 Keep ten
    - _Depends: 1.1_
";

/// A repository with one spec, and the file that its first task names.
fn with_spec() -> Place {
    let place = Place::new();
    std::fs::create_dir_all(place.path(".kiro/specs/copies")).unwrap();
    place.write(".kiro/specs/copies/requirements.md", REQUIREMENTS);
    place.write(".kiro/specs/copies/tasks.md", TASKS);
    place.write("copies.txt", "one\n");
    git(&place, &["init", "-q"]);
    place
}

fn git(place: &Place, arguments: &[&str]) -> String {
    let name = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    let mut git = std::process::Command::new("git");
    let done = git.current_dir(place.path(".")).args(name).args(arguments).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {done:?}");
    String::from_utf8(done.stdout).unwrap()
}

fn commit(place: &Place, message: &str) {
    git(place, &["add", "-A"]);
    git(place, &["commit", "-q", "-m", message]);
}

fn record(place: &Place, arguments: &[&str]) -> Ended {
    place.run(&[&["spec", "record"], arguments].concat())
}

fn edit(place: &Place, name: &str, from: &str, to: &str) {
    let text = place.read(name);
    assert!(text.contains(from), "{from} is not in {text}");
    place.write(name, &text.replace(from, to));
}

fn entries(place: &Place) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(place.path(".specie/evidence")) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The task's progress, and the reasons for it.
#[track_caller]
fn status(place: &Place, id: &str) -> (String, String) {
    let ended = place.run(&["spec", "status", "--json"]);
    let told = ended.json();
    let all = told["tasks"].as_array().unwrap();
    let task = all.iter().find(|it| it["id"] == id).unwrap();
    let progress = task["progress"].as_str().unwrap().to_owned();
    let contradicted = all.iter().any(|it| it["progress"] == "contradicted");
    assert_eq!(ended.code, Some(if contradicted { 3 } else { 0 }), "{ended:?}");
    (progress, task["because"].to_string())
}

#[track_caller]
fn is(place: &Place, id: &str, progress: &str, why: &str) {
    let found = status(place, id);
    assert!(found.0 == progress && found.1.contains(why), "{found:?}");
}

#[test]
fn a_validation_that_is_run_becomes_evidence() {
    let place = with_spec();
    commit(&place, "first");
    let ended = record(&place, &["1.1", "--run-validation", "--json"]).fine();
    assert!(ended.err.contains("test -f copies.txt && echo there"), "{}", ended.err);
    assert!(ended.err.ends_with("\nthere\n"), "what it prints goes on: {}", ended.err);
    let told = ended.json();
    assert_eq!(
        (&told["schema"], &told["progress"]),
        (&json!("specie.spec.record/1"), &json!("verified"))
    );
    assert_eq!(told["entries"].as_array().unwrap().len(), 2);
    let path = told["entries"][1]["path"].as_str().unwrap();
    let text = place.read(path);
    assert_eq!(path, format!(".specie/evidence/{}.json", specie_engine::sha256(text.as_bytes())));
    let entry: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(entry, told["entries"][1]["evidence"]);
    assert_eq!(entry["schema"], "specie.spec.evidence/1");
    assert_eq!((&entry["spec"], &entry["task"]), (&json!(".kiro/specs/copies"), &json!("1.1")));
    assert_eq!(entry["criteria"][0]["id"], "1.1");
    assert_eq!(
        entry["files"],
        json!([{ "path": "copies.txt", "sha256": specie_engine::sha256(b"one\n") }])
    );
    assert_eq!((&entry["exit_code"], &entry["signal"]), (&json!(0), &Value::Null));
    assert_eq!(entry["output"], json!({ "bytes": 6, "sha256": specie_engine::sha256(b"there\n") }));
    // The first entry lies there by then, and is no change of anybody's.
    assert_eq!(
        entry["tree"],
        json!({ "commit": git(&place, &["rev-parse", "HEAD"]).trim(), "dirty": false })
    );
    is(&place, "1.1", "verified", "`grep -q one copies.txt` succeeded at");
    place.write("new.txt", "");
    let dirty = record(&place, &["1.2", "--json", "--", "true"]).fine().json();
    assert_eq!(dirty["entries"][0]["evidence"]["tree"]["dirty"], true);
    assert_eq!(dirty["entries"][0]["evidence"]["counts_as"], "task");
    is(&place, "1.2", "verified", "it is not ticked");
}

#[test]
fn a_typed_command_counts_as_the_validation_that_it_is() {
    let place = with_spec();
    record(&place, &["1.1", "--", "grep", "-q", "one", "copies.txt"]).fine();
    is(&place, "1.1", "claimed", "nothing is recorded of `test -f copies.txt && echo there`");
    let other = record(&place, &["1.1", "--json", "--", "true"]).fine().json();
    assert_eq!(other["entries"][0]["evidence"]["counts_as"], "nothing");
    is(&place, "1.1", "claimed", "`true` was recorded, and is none of its validations");
    // Without a shell: the words are those that were typed.
    let words = record(&place, &["1.2", "--", "printf", "%s.", "a b", "$HOME", ";"]).fine();
    assert_eq!(words.err, "a b.$HOME.;.\n");
    std::fs::create_dir(place.path("sub")).unwrap();
    place.write("sub/run.sh", "#!/bin/sh\npwd; exec test -f copies.txt\n");
    std::fs::set_permissions(place.path("sub/run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    record(&place, &["1.2", ".kiro/specs/copies", "--", "sub/run.sh"]).fine();
}

#[test]
fn a_command_that_fails_is_kept_too_and_holds_until_it_succeeds() {
    let place = with_spec();
    place.write("copies.txt", "two\n");
    let ended = record(&place, &["1.1", "--run-validation"]);
    ended.refused(1, &["`grep -q one copies.txt` ended with code 1; 1 command after it not run"]);
    assert_eq!(entries(&place).len(), 1);
    is(&place, "1.1", "contradicted", "`grep -q one copies.txt` ended with code 1");
    let told = place.run(&["spec", "status", "--json"]).json();
    assert_eq!(told["blockers"][0]["id"], "1.1");
    assert_eq!(told["blockers"][0]["impact"], json!(["1.2"]));
    let again = "Mend it, then run `specie spec record 1.1 .kiro/specs/copies`";
    assert_eq!(told["blockers"][0]["action"], again);
    assert_eq!(told["recommendations"][0]["text"], "Fix 1.1 blocker");
    place.write("copies.txt", "one\n");
    is(&place, "1.1", "contradicted", "and since then `copies.txt` has changed");
    // A clock that is behind does not put the success before the failure.
    record(&place, &["1.1", "--run-validation", "--now", "2001-01-01T00:00:00Z"]).fine();
    is(&place, "1.1", "verified", "");
    let killed = record(&place, &["1.2", "--json", "--", "sh", "-c", "kill -9 $$"]);
    killed.refused(1, &["was killed by signal 9"]);
    let entry = &killed.json()["entries"][0]["evidence"];
    assert_eq!((&entry["exit_code"], &entry["signal"]), (&Value::Null, &json!(9)));
}

#[test]
fn a_command_that_runs_no_test_proves_nothing() {
    let place = with_spec();
    let ended = record(&place, &["1.2", "--", "echo", "running 0 tests"]);
    ended.refused(1, &["ran no test, and proves nothing"]);
    is(&place, "1.2", "open", "`echo 'running 0 tests'` ran no test, and proves nothing");
    record(&place, &["1.2", "--", "echo", "running 1 test"]).fine();
    is(&place, "1.2", "verified", "");
}

#[test]
fn evidence_is_stale_when_the_task_a_criterion_or_a_named_file_changes() {
    let place = with_spec();
    record(&place, &["1.1", "--run-validation"]).fine();
    let (tasks, requirements) =
        (".kiro/specs/copies/tasks.md", ".kiro/specs/copies/requirements.md");
    let changes = [
        (tasks, "Keep one in", "Keep two in", "the task has changed"),
        (requirements, "keep a copy", "keep a backup", "criterion 1.1 has changed"),
        // Nobody has added it to git.
        ("copies.txt", "one", "one two", "`copies.txt` has changed"),
    ];
    for (name, from, to, why) in changes {
        is(&place, "1.1", "verified", "");
        edit(&place, name, from, to);
        is(&place, "1.1", "stale", why);
        let told = place.run(&["spec", "status", "--json"]).json();
        let again = "specie spec record 1.1 .kiro/specs/copies";
        assert_eq!(told["recommendations"][0]["command"], again, "{told}");
        edit(&place, name, to, from);
    }
    edit(&place, requirements, "ten copies", "two copies");
    edit(&place, tasks, "(~2h)", "(~20h)");
    place.run(&["spec", "tick", tasks, "1.1", "--state", "open"]).fine();
    is(&place, "1.1", "verified", "it is not ticked");
}

#[test]
fn evidence_that_was_tampered_with_is_not_believed() {
    let place = with_spec();
    place.write("copies.txt", "two\n");
    assert_eq!(record(&place, &["1.1", "--run-validation"]).code, Some(1));
    let name = format!(".specie/evidence/{}", entries(&place)[0]);
    edit(&place, &name, "\"exit_code\": 1", "\"exit_code\": 0");
    let ended = place.run(&["spec", "status", "--json"]).fine();
    assert!(
        ended.err.starts_with(&format!("warning: `{name}`: its name is not the digest")),
        "{}",
        ended.err
    );
    let told = ended.json();
    assert_eq!(told["rejected"][0]["path"], name);
    assert_eq!(told["tasks"][1]["progress"], "claimed");
    std::fs::remove_file(place.path(&name)).unwrap();
    place.write(".specie/evidence/notes.txt", "words");
    let told = place.run(&["spec", "status", "--json"]).fine().json();
    assert_eq!(told["rejected"][0]["path"], ".specie/evidence/notes.txt");
}

#[test]
fn evidence_of_two_branches_merges() {
    let place = with_spec();
    commit(&place, "first");
    git(&place, &["switch", "-q", "-c", "one"]);
    record(&place, &["1.1", "--", "grep", "-q", "one", "copies.txt"]).fine();
    commit(&place, "one");
    is(&place, "1.1", "claimed", "");
    git(&place, &["switch", "-q", "-"]);
    git(&place, &["switch", "-q", "-c", "two"]);
    assert_eq!(entries(&place), [] as [String; 0]);
    let second = ["1.1", "--", "sh", "-c", "test -f copies.txt && echo there"];
    record(&place, &second).fine();
    commit(&place, "two");
    git(&place, &["merge", "-q", "--no-edit", "one"]);
    assert_eq!(entries(&place).len(), 2);
    is(&place, "1.1", "verified", "");
}

/// A program that leaves a trace, and fails.
fn trap(place: &Place) -> String {
    let trace = place.path("trace");
    place.write("trap", &format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\nexit 1\n", trace.display()));
    std::fs::set_permissions(place.path("trap"), PermissionsExt::from_mode(0o755)).unwrap();
    place.path("trap").display().to_string()
}

#[test]
fn no_process_but_git_is_started_by_reading_a_repository() {
    let place = with_spec();
    place.write("signer", "#!/bin/sh\ncat > /dev/null\necho '[GNUPG:] SIG_CREATED ' >&2\nprintf -- '-----BEGIN PGP SIGNATURE-----\\n\\nx\\n-----END PGP SIGNATURE-----\\n'\n");
    std::fs::set_permissions(place.path("signer"), PermissionsExt::from_mode(0o755)).unwrap();
    let signer = format!("gpg.program={}", place.path("signer").display());
    place.write("gone.txt", "");
    git(&place, &["add", "-A"]);
    git(&place, &["-c", &signer, "commit", "-q", "-S", "-m", "first"]);
    std::fs::remove_file(place.path("gone.txt")).unwrap();
    edit(
        &place,
        ".kiro/specs/copies/tasks.md",
        "Validation",
        "CREATE: `gone.txt`\n    - Validation",
    );
    let trap = trap(&place);
    for name in [
        "core.fsmonitor",
        "filter.a.clean",
        "filter.a.process",
        "filter.b=c.clean",
        "gpg.program",
        "core.pager",
        "pager.log",
        "core.sshCommand",
        "diff.external",
        "core.editor",
        "diff.a.textconv",
    ] {
        git(&place, &["config", name, &trap]);
    }
    for (name, value) in [
        ("log.showSignature", "true"),
        ("filter.a.required", "true"),
        ("filter.b=c.required", "true"),
    ] {
        git(&place, &["config", name, value]);
    }
    std::fs::create_dir(place.path("hooks")).unwrap();
    for hook in ["post-index-change", "reference-transaction", "post-checkout"] {
        for folder in ["hooks", ".git/hooks"] {
            std::fs::copy(&trap, place.path(folder).join(hook)).unwrap();
        }
    }
    git(&place, &["config", "core.hooksPath", &place.path("hooks").display().to_string()]);
    place.write(".gitattributes", "*.txt filter=a diff=a\n*.md filter=b=c\n");
    // Of the same size, so that git must compare them.
    place.write("copies.txt", "two\n");
    place.write(".kiro/specs/copies/requirements.md", REQUIREMENTS);
    let traced = || std::fs::read_to_string(place.path("trace")).unwrap_or_default();
    place.run(&["spec", "status"]).fine();
    place.run(&["spec", "status", "--write", "--json"]).fine();
    place.run(&["spec", "check"]);
    assert_eq!(traced(), "");
    let told = record(&place, &["1.2", "--json", "--", "true"]).fine().json();
    assert_eq!(told["entries"][0]["evidence"]["tree"]["dirty"], true);
    assert_eq!(traced(), "");
    // The traps are armed.
    let quiet = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"];
    let plain = |arguments: &[&str]| {
        let _ = std::fs::remove_file(place.path("trace"));
        let mut git = std::process::Command::new("git");
        git.current_dir(place.path(".")).args(arguments).output().unwrap();
        traced()
    };
    for path in ["copies.txt", ".kiro/specs/copies/requirements.md"] {
        assert_ne!(plain(&[&quiet[..], &["status", "--", path]].concat()), "", "{path}");
    }
    assert_ne!(plain(&[&quiet[..], &["log", "-1"]].concat()), "", "signatures");
    assert!(plain(&["status"]).contains("trap 2 "), "the file monitor");
}

#[test]
fn nothing_is_fetched_by_reading_a_repository() {
    let whole = with_spec();
    edit(
        &whole,
        ".kiro/specs/copies/tasks.md",
        "Validation",
        "CREATE: `gone.txt`\n    - Validation",
    );
    commit(&whole, "first");
    git(&whole, &["config", "uploadpack.allowFilter", "true"]);
    let place = Place::new();
    let from = format!("file://{}", whole.path(".").display());
    git(&place, &["clone", "-q", "--filter=tree:0", "--no-checkout", &from, "part"]);
    std::fs::create_dir_all(place.path("part/specs/a")).unwrap();
    place.write("part/specs/a/tasks.md", "- [x] 1. One\n  - CREATE: `gone.txt`\n");
    let trap = trap(&place);
    git(&place, &["-C", "part", "config", "remote.origin.uploadpack", &trap]);
    place.run(&["spec", "status", "part/specs/a"]);
    assert!(!place.path("trace").exists());
    let mut plain = std::process::Command::new("git");
    plain.current_dir(place.path("part")).args(["log", "-1", "--", "gone.txt"]).output().unwrap();
    assert!(place.path("trace").exists(), "the trap is armed");
}

#[test]
fn what_cannot_be_recorded_is_refused_and_nothing_is_written() {
    let place = with_spec();
    let refused = |arguments: &[&str], said: &[&str]| {
        record(&place, arguments).refused(2, said);
        assert_eq!(entries(&place), [] as [String; 0]);
    };
    refused(
        &["9", "--", "true"],
        &["`.` has no task with the id `9`", "it has 1 (line 3), 1.1 (line 4), 1.2"],
    );
    refused(
        &["1.1"],
        &["grep -q one copies.txt", "there is no terminal to ask", "--run-validation"],
    );
    refused(&["1.2"], &["task 1.2 has no validation", "specie spec record 1.2 -- COMMAND"]);
    refused(&["1.2", "--", ""], &["the command is empty"]);
    refused(&["1.2", "--", "no-such-program", "a"], &["there is no program `no-such-program`"]);
    refused(&["1.2", "--", "./copies.txt"], &["`./copies.txt` cannot be run"]);
    refused(&["1.2", "nowhere", "--", "true"], &["there is no file `nowhere`"]);
    refused(&["1.1", "--run-validation", "--", "true"], &["cannot be used with"]);
    edit(&place, ".kiro/specs/copies/tasks.md", "one copies.txt", "one \u{1b}[8mcopies.txt");
    refused(&["1.1"], &["grep -q one \\u{1b}[8mcopies.txt"]);
    edit(&place, ".kiro/specs/copies/tasks.md", "1.2 Keep", "1.1 Keep");
    let twice = "the id `1.1` stands 2 times in `.`\n\nhint: give each an id of its own: ./.kiro/specs/copies/tasks.md:4";
    refused(&["1.1", "--", "true"], &[twice]);
    std::fs::create_dir_all(place.path(".kiro/specs/other")).unwrap();
    place.write(".kiro/specs/other/tasks.md", "- [ ] 1. Other\n");
    refused(&["1.1", "--", "true"], &["`.` holds 2 specs, expected one"]);
    record(&place, &["1", "--task-file", ".kiro/specs/other/tasks.md", "--", "true"]).fine();
    let entry: Value =
        serde_json::from_str(&place.read(&format!(".specie/evidence/{}", entries(&place)[0])))
            .unwrap();
    assert_eq!(entry["spec"], ".kiro/specs/other");
}

#[test]
fn what_a_command_leaves_in_the_background_is_not_waited_for() {
    let place = with_spec();
    let began = std::time::Instant::now();
    let ended = record(&place, &["1.2", "--json", "--", "sh", "-c", "sleep 60 & echo here"]).fine();
    assert!(began.elapsed() < std::time::Duration::from_secs(30));
    assert_eq!(ended.json()["entries"][0]["evidence"]["output"]["bytes"], 5);
}

const SMART: &str = "\
# Implementation Tasks - A

| Phase | Tasks | Status |
|-------|-------|--------|
| Phase 1 | T001 | ⬜ |

## Phase 1: All (T001)

### Task T001: Do it

**Acceptance Criteria:**
- [x] it is done

**Validation:**
```bash
true
```
";

#[test]
fn a_report_is_written_beside_the_tasks_and_never_over_another() {
    let place = Place::new().with("SOURCE_DATE_EPOCH", "1769846400");
    std::fs::create_dir_all(place.path("specs/core/spec-001-a")).unwrap();
    let tasks = "specs/core/spec-001-a/tasks.md";
    place.write(tasks, SMART);
    let write = |more: &[&str]| {
        let arguments =
            [&["spec", "verify_tasks_progress", tasks, "--write", "--json"], more].concat();
        place.run(&arguments).fine().json()["written"].clone()
    };
    let at = |name: &str, what: &str| json!({ "path": format!("specs/core/spec-001-a/{name}"), "what": what });
    let first = write(&[]);
    assert_eq!(
        first,
        json!([
            at("progress-report-20260131.md", "written"),
            at("tasks.md", "marks of its phases updated")
        ])
    );
    assert_eq!(place.read(tasks), SMART.replace('⬜', "✅"));
    let report = place.read("specs/core/spec-001-a/progress-report-20260131.md");
    assert!(report.contains("| Phase 1 | 1 | 1 | 0 | 0 | ✅ Done |"), "{report}");
    assert!(report.contains("record T001 specs/core/spec-001-a`"), "{report}");
    assert_eq!(write(&[]), json!([at("progress-report-20260131.md", "unchanged")]));
    record(&place, &["T001", "--run-validation"]).fine();
    assert_eq!(write(&[]), json!([at("progress-report-20260131-0800.md", "written")]));
    assert_eq!(write(&[]), json!([at("progress-report-20260131-0800.md", "unchanged")]));
    assert_eq!(place.read("specs/core/spec-001-a/progress-report-20260131.md"), report);
    edit(&place, tasks, "Do it", "Do it all");
    let taken = ["spec", "status", tasks, "--write"];
    place
        .run(&taken)
        .refused(1, &["progress-report-20260131-0800.md` is there already", "nothing was written"]);
    assert_eq!(
        write(&["--now", "2026-02-01T08:00:00Z"]),
        json!([at("progress-report-20260201.md", "written")])
    );
    let wrong = place.with("SOURCE_DATE_EPOCH", "yesterday");
    wrong
        .run(&taken)
        .refused(2, &["`SOURCE_DATE_EPOCH` is `yesterday`, expected seconds since 1970"]);
}
