//! Approvals, from outside: what is asked, what is refused, what is written.

use std::process::Command;

use crate::place::{Ended, Place};

const WORD: &str = "four plain old words";
const SPEC: &str = ".kiro/specs/notes";
const TASKS: &str = "# Implementation Plan\n\n- [ ] 1. One, in `a.rs`\n- [ ] 2. Two\n";
const REQUIREMENTS: &str = "# Requirements Document\n\nNotes are kept.\n";
const SIGNED: [(&str, &str); 2] = [("[y/N]", "y"), ("Passphrase", WORD)];

fn git(place: &Place, arguments: &[&str]) {
    let name = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    let mut git = Command::new("git");
    let done = git.current_dir(place.path(".")).args(name).args(arguments).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

/// A repository with one spec and nobody who approves.
fn project() -> Place {
    let place = Place::new();
    std::fs::create_dir_all(place.path(SPEC)).unwrap();
    place.write(&format!("{SPEC}/requirements.md"), REQUIREMENTS);
    place.write(&format!("{SPEC}/tasks.md"), TASKS);
    place.write("a.rs", "fn a() {}\n");
    git(&place, &["init", "-q"]);
    git(&place, &["add", "."]);
    git(&place, &["commit", "-q", "-m", "first"]);
    let folder = place.path("own").display().to_string();
    place.with("XDG_CONFIG_HOME", &folder)
}

/// The same, where ada has a key and is the first approver. None where there is no terminal to be had.
fn begun() -> Option<Place> {
    let place = project();
    let made = [("characters or more", WORD), ("The same again", WORD)];
    let key = place.on_terminal(&["spec", "approvers", "key"], &made)?.fine();
    assert!(key.out.contains("\ned25519:"), "{}", key.out);
    let add = ["spec", "approvers", "add", "ada", "--levels", "spec,plan,task"];
    let added = place.on_terminal(&add, &SIGNED)?.fine();
    assert!(added.out.contains("You become the first approver"), "{}", added.out);
    Some(place)
}

fn approve(place: &Place, more: &[&str]) -> Option<Ended> {
    let all: Vec<&str> = ["spec", "approve", SPEC].iter().chain(more).copied().collect();
    place.on_terminal(&all, &SIGNED)
}

fn tick(place: &Place, id: &str) -> Ended {
    place.run(&["spec", "tick", &format!("{SPEC}/tasks.md"), id, "--state", "done"])
}

fn ledger(place: &Place) -> Vec<String> {
    let all = std::fs::read_dir(place.path(".specie/ledger"));
    let names = all.into_iter().flatten().map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.len() == 64).collect();
    names.sort();
    names
}

#[test]
fn without_a_terminal_nobody_approves() {
    let place = project().with("SPECIE_PASSPHRASE", WORD).with("PASSPHRASE", WORD);
    let none = "is asked for on a terminal, and this is none";
    place.run(&["spec", "approve", SPEC, "--level", "spec"]).refused(2, &["an approval", none]);
    place.run(&["spec", "approve", SPEC, "--mode", "auto"]).refused(2, &["a mode", none]);
    place.run(&["spec", "approvers", "key"]).refused(2, &["the passphrase of a new key", none]);
    let add = ["spec", "approvers", "add", "ada", "--levels", "task"];
    place.run(&add).refused(2, &["you have no key to sign with"]);
    let rule = ["spec", "approve", SPEC, "--level", "spec", "--by-rule"];
    place.run(&rule).refused(2, &["the mode of `.kiro/specs/notes` is per-task, expected auto"]);
    place.run(&["spec", "approve", SPEC]).refused(2, &[none]);
    place.run(&["spec", "approve", SPEC, "--level", "plan"]).refused(2, &["no file of level plan"]);
    let task = ["spec", "approve", SPEC, "--task", "9"];
    place.run(&task).refused(2, &["there is no task `9`", "it has 1, 2"]);
    place.run(&["spec", "approve", SPEC, "--passphrase", "x"]).refused(2, &["unexpected argument"]);
    assert!(!place.names().iter().any(|name| name == ".specie" || name == "own"));
    assert_eq!(place.run(&["spec", "ledger", "verify"]).fine().out.lines().count(), 1);
    tick(&place, "1").fine();
    assert!(place.read(&format!("{SPEC}/tasks.md")).contains("- [x] 1."), "as ever without one");
}

#[test]
fn an_approval_is_shown_asked_for_signed_and_lapses() {
    let Some(place) = begun() else { return };
    let key = place.path("own/specie/approver.key");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&key).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    let requirements = format!("{SPEC}/requirements.md");
    // No, then three wrong passphrases: nothing is written.
    let before = ledger(&place);
    let piped = format!("printf 'y\\n{WORD}\\n' | specie spec approve {requirements}");
    let said = place.line_on_terminal(&piped, &[]).unwrap();
    said.refused(2, &["is asked for on a terminal, and this is none"]);
    let no = ["spec", "approve", &requirements];
    let said = place.on_terminal(&no, &[("Approve? [y/N]", "")]).unwrap();
    said.refused(1, &["you said no; nothing was written", "never approved", "+Notes are kept."]);
    let wrong = [SIGNED[0], ("Passphrase", "a"), ("Passphrase", WORD.trim_end_matches('s'))];
    let wrong = [wrong.as_slice(), &[("Passphrase", "")]].concat();
    let said = place.on_terminal(&no, &wrong).unwrap();
    said.refused(2, &["this passphrase does not open it", "was not opened by 3 passphrases"]);
    assert_eq!(ledger(&place), before);
    assert!(!place.path(".specie/ledger/texts").exists());
    // Yes: signed, and shown with what differs when it has lapsed.
    approve(&place, &["--level", "spec"]).unwrap().fine();
    let again = place.run(&["spec", "approve", SPEC, "--level", "spec"]).fine();
    assert!(again.out.contains("is approved by ada on "), "{}", again.out);
    place.write(&requirements, &REQUIREMENTS.replace("kept", "kept\u{1b}[2K for ever"));
    let json = place.run(&["spec", "approve", SPEC, "--show", "--json"]).fine().json();
    assert_eq!(
        (&json["schema"], &json["mode"]),
        (&"specie.spec.approvals/1".into(), &"per-task".into())
    );
    let level = &json["levels"][0];
    assert_eq!((&level["state"], &level["by"]["name"]), (&"lapsed".into(), &"ada".into()));
    assert_eq!(level["since"][0], "requirements.md has changed (1 line added, 1 removed)");
    let shown = approve(&place, &["--level", "spec"]).unwrap().fine();
    assert!(shown.out.contains("-Notes are kept.\n+Notes are kept\\u{1b}[2K for ever."));
    let told = place.run(&["spec", "ledger", "--json"]).fine().json();
    assert_eq!(told["entries"].as_array().unwrap().len(), 3);
    let head = told["heads"][0].as_str().unwrap();
    place.run(&["spec", "ledger", "verify", "--head", head]).fine();
    // What somebody has tampered with is named.
    let file = format!(".specie/ledger/{head}");
    place.write(&file, &place.read(&file).replace("notes", "votes"));
    let found = place.run(&["spec", "ledger", "verify"]);
    assert_eq!(found.code, Some(3), "{found:?}");
    assert!(found.out.contains(&format!("{file}: changed: ")), "{}", found.out);
    std::fs::remove_file(place.path(&file)).unwrap();
    place.run(&["spec", "ledger", "verify"]).fine();
    let expected = place.run(&["spec", "ledger", "verify", "--head", head]);
    assert!(expected.code == Some(3) && expected.out.contains(": missing: "), "{expected:?}");
}

#[test]
fn a_tick_waits_for_the_approval_of_its_task() {
    let Some(place) = begun() else { return };
    tick(&place, "2").fine();
    approve(&place, &["--level", "spec"]).unwrap().fine();
    let never =
        ["task 1 is not ticked: the mode of `.kiro/specs/notes` is per-task", "never approved"];
    tick(&place, "1").refused(2, &never);
    let tasks = format!("{SPEC}/tasks.md");
    place.run(&["spec", "tick", &tasks, "1", "--state", "doing"]).fine();
    approve(&place, &["--task", "1"]).unwrap().fine();
    place.write(&tasks, &place.read(&tasks).replace("One", "1"));
    let lapsed = "no longer: tasks.md has changed (1 line added, 1 removed)";
    tick(&place, "1").refused(2, &[lapsed, "--task 1` approves it"]);
    assert!(!place.read(&tasks).contains("[x] 1."), "{}", place.read(&tasks));
    approve(&place, &["--level", "task"]).unwrap().fine();
    tick(&place, "1").fine();
    place.run(&["spec", "tick", &tasks, "2", "--state", "open"]).fine();
    tick(&place, "2").fine();
    std::os::unix::fs::symlink(place.path(&tasks), place.path("todo.md")).unwrap();
    place.run(&["spec", "tick", "todo.md", "1", "--state", "open"]).fine();
    place.write(&tasks, &place.read(&tasks).replace("Two", "2"));
    place.run(&["spec", "tick", "todo.md", "1", "--state", "done"]).refused(2, &["not ticked"]);
}

#[test]
fn per_file_the_files_of_a_task_are_shown_and_asked_for() {
    let Some(place) = begun() else { return };
    approve(&place, &["--level", "task"]).unwrap().fine();
    approve(&place, &["--mode", "per-file"]).unwrap().fine();
    tick(&place, "2").fine();
    place.write("a.rs", "fn b() {}\n");
    let none = "an approval of these files is asked for on a terminal";
    tick(&place, "1").refused(2, &[none]);
    let words = ["spec", "tick", &format!("{SPEC}/tasks.md"), "1", "--state", "done"];
    let said = place.on_terminal(&words, &[("Approve these files? [y/N]", "n")]).unwrap();
    said.refused(1, &["a.rs  sha256 ", "-fn a() {}\n+fn b() {}"]);
    assert!(place.read(&format!("{SPEC}/tasks.md")).contains("[ ] 1."));
    place.on_terminal(&words, &SIGNED).unwrap().fine();
    assert!(place.read(&format!("{SPEC}/tasks.md")).contains("[x] 1."));
    place.run(&["spec", "tick", &format!("{SPEC}/tasks.md"), "1", "--state", "open"]).fine();
    tick(&place, "1").fine();
}

#[test]
fn the_edits_of_a_sync_wait_for_their_approval() {
    let Some(place) = begun() else { return };
    let made = ".kiro/specs/subscription-billing";
    let new = ["spec", "new", "Add subscription billing so users can pay monthly", "--defaults"];
    place.run(&new).fine();
    place.run(&["spec", "tasks", made, "--draft"]).fine();
    place.on_terminal(&["spec", "approve", made], &SIGNED).unwrap().fine();
    place.run(&["spec", "amend", made, "Add refunds", "--defaults"]).fine();
    let before = place.read(&format!("{made}/tasks.md"));
    let apply = ["spec", "sync", made, "--apply"];
    place.run(&apply).refused(2, &["an approval of these files is asked for on a terminal"]);
    let no = place.on_terminal(&apply, &[("[y/N]", "n")]).unwrap();
    no.refused(1, &[&format!("{made}/tasks.md  sha256 "), "you said no; nothing was written"]);
    assert_eq!(place.read(&format!("{made}/tasks.md")), before);
    place.on_terminal(&apply, &SIGNED).unwrap().fine();
    assert_ne!(place.read(&format!("{made}/tasks.md")), before);
    place.run(&apply).fine();
    place.run(&["spec", "ledger", "verify"]).fine();
}

#[test]
fn in_mode_auto_a_rule_records_that_nobody_looked() {
    let Some(place) = begun() else { return };
    approve(&place, &["--mode", "auto"]).unwrap().fine();
    tick(&place, "1").fine();
    let rule = ["spec", "approve", SPEC, "--level", "spec", "--by-rule", "--json"];
    let told = place.run(&rule).fine().json();
    assert_eq!(told["schema"], "specie.spec.approve/1");
    assert!(told["entry"]["by"]["rule"].is_string(), "{told}");
    let json = place.run(&["spec", "approve", SPEC, "--show", "--json"]).fine().json();
    assert_eq!(
        (&json["levels"][0]["state"], &json["levels"][0]["by"]["rule"]),
        (&"approved".into(), &true.into())
    );
    let all = place.run(&["spec", "ledger", "verify", "--json"]).fine().json();
    assert_eq!(all["entries"], serde_json::json!({ "by_people": 2, "by_rule": 1 }));
    approve(&place, &["--mode", "per-task"]).unwrap().fine();
    let shown = place.run(&["spec", "approve", SPEC, "--show"]).fine();
    assert!(shown.out.contains("it was by rule, and the mode is per-task now"), "{}", shown.out);
    place.run(&rule).refused(2, &["the mode of `.kiro/specs/notes` is per-task, expected auto"]);
}

#[test]
fn approvers_are_let_in_and_out_by_approvers() {
    let Some(place) = begun() else { return };
    let ada = place.path("own").display().to_string();
    let bob = place.path("bobs").display().to_string();
    let place = place.with("XDG_CONFIG_HOME", &bob);
    let made = [("characters or more", WORD), ("The same again", WORD)];
    let key = place.on_terminal(&["spec", "approvers", "key"], &made).unwrap().fine().out;
    let key = key.lines().find(|line| line.starts_with("ed25519:")).unwrap().to_owned();
    let add = ["spec", "approvers", "add", "bob", "--levels", "task", "--key", &key];
    let refused = place.on_terminal(&add, &[]).unwrap();
    refused.refused(2, &["your key is none of an approver's", &format!("--key {key}")]);
    let place = place.with("XDG_CONFIG_HOME", &ada);
    place.on_terminal(&add, &SIGNED).unwrap().fine();
    assert!(place.read(".specie/approvers").contains(&format!("\nbob task {key}\n")));
    let place = place.with("XDG_CONFIG_HOME", &bob);
    let spec = ["spec", "approve", SPEC, "--level", "spec"];
    place.on_terminal(&spec, &[]).unwrap().refused(2, &["you (bob) are no approver at level spec"]);
    let refused = place.on_terminal(&["spec", "approvers", "remove", "ada"], &[]).unwrap();
    refused.refused(2, &["you (bob) are no approver at level spec,plan,task"]);
    approve(&place, &["--task", "1"]).unwrap().fine();
    // A list that was changed by hand decides nothing, is found, and can be had back.
    let list = place.read(".specie/approvers");
    place.write(".specie/approvers", &list.replace("bob task", "bob spec,plan,task"));
    let found = place.run(&["spec", "ledger", "verify"]);
    assert!(found.code == Some(3) && found.out.contains("what it says of bob is not"), "{found:?}");
    place.on_terminal(&spec, &[]).unwrap().refused(2, &["you (bob) are no approver at level spec"]);
    place.run(&["spec", "approvers", "restore"]).fine();
    assert_eq!(place.read(".specie/approvers"), list);
    let place = place.with("XDG_CONFIG_HOME", &ada);
    let removed =
        place.on_terminal(&["spec", "approvers", "remove", "bob"], &SIGNED).unwrap().fine();
    assert!(removed.out.contains("- bob"), "{}", removed.out);
    let all = place.run(&["spec", "approvers", "--json"]).fine().json();
    assert_eq!(all["approvers"].as_array().unwrap().len(), 1);
    let unknown = ["spec", "approvers", "remove", "bob"];
    place.run(&unknown).refused(2, &["there is no approver `bob`, expected one of: ada"]);
    // A key that others may read is none; approvers without a ledger are nobody's word.
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(place.path("own/specie/approver.key"), mode(0o644)).unwrap();
    let refused = place.on_terminal(&spec, &[]).unwrap();
    refused.refused(2, &["may be read by others (mode 0644)", "chmod 600"]);
    std::fs::set_permissions(place.path("own/specie/approver.key"), mode(0o600)).unwrap();
    std::fs::remove_dir_all(place.path(".specie/ledger")).unwrap();
    let anew = ["spec", "approvers", "add", "ada", "--levels", "task"];
    place.run(&anew).refused(2, &["`.specie/approvers` is there, and the ledger"]);
}
