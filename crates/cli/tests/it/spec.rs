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
