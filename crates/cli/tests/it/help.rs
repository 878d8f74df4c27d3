//! What the program says of itself.

use crate::place::Place;

const COMMANDS: &[&str] = &[
    "",
    "dev",
    "demo",
    "serve",
    "doctor",
    "sandbox",
    "init",
    "migrate",
    "migrate up",
    "migrate down",
    "migrate status",
    "catalog",
    "catalog check",
    "catalog plan",
    "catalog apply",
    "keys",
    "keys create",
    "keys list",
    "keys revoke",
    "events",
    "events list",
    "events show",
    "events replay",
    "intents",
    "intents list",
    "intents retry",
    "intents close",
    "explain",
    "audit",
    "audit verify",
    "completions",
    "spec",
    "spec new",
    "spec amend",
    "spec plan",
    "spec tasks",
    "spec prompt",
    "spec check",
    "spec rule",
    "spec trace",
    "spec status",
    "spec read",
    "spec print",
    "spec tick",
    "spec record",
    "spec sync",
    "spec approve",
    "spec approvers",
    "spec approvers add",
    "spec approvers key",
    "spec approvers remove",
    "spec approvers restore",
    "spec ledger",
    "spec ledger verify",
    "spec powers",
    "spec powers list",
    "spec powers lint",
];

#[test]
fn every_command_has_help_with_examples_that_fits_a_terminal() {
    let place = Place::new();
    for command in COMMANDS {
        let mut arguments: Vec<_> = command.split_whitespace().collect();
        arguments.push("--help");
        let ended = place.run(&arguments).fine();
        assert!(ended.out.contains("Examples:\n  "), "{command} has no examples:\n{}", ended.out);
        assert!(ended.out.lines().all(|line| line.chars().count() <= 100), "{}", ended.out);
        let without_json = ["", "serve", "completions"].contains(command);
        assert_eq!(ended.out.contains("--json"), !without_json, "{command}");
    }
    assert_eq!(place.names(), [] as [String; 0], "help leaves nothing behind");
}

/// The commands of `specie spec`, as its one screen groups them.
const GROUPS: [&str; 5] = ["Make ", "Look ", "Do ", "Approve ", "Powers "];

#[test]
fn spec_explains_itself_on_one_screen() {
    let place = Place::new();
    let asked = place.run(&["spec", "--help"]).fine().out;
    let bare = place.run(&["spec"]);
    assert_eq!((bare.code, bare.err.as_str()), (Some(2), asked.as_str()));
    assert!(asked.lines().count() <= 24, "{asked}");
    assert!(asked.lines().all(|line| line.chars().count() <= 90), "{asked}");
    let lines: Vec<&str> = asked.lines().collect();
    assert!(GROUPS.iter().all(|group| lines.iter().any(|it| it.starts_with(group))), "{asked}");
    let words: Vec<&str> = asked.split(|it: char| !it.is_alphanumeric()).collect();
    for command in COMMANDS.iter().filter_map(|it| it.strip_prefix("spec ")) {
        assert!(words.contains(&command.split(' ').next().unwrap()), "{command} is not told");
    }
}

#[test]
fn each_shell_gets_a_script_that_knows_the_commands() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.run(&["completions", shell]).fine().out;
        let known = ["sandbox", "amend", "nogenerate", "json"];
        assert!(known.iter().all(|word| script.contains(word)), "{shell}: {script}");
    }
    place.run(&["completions", "tcsh"]).refused(2, &["bash, elvish, fish, powershell, zsh"]);
    assert_eq!(place.names(), [] as [String; 0]);
}

#[test]
fn bash_is_satisfied_with_its_script() {
    let place = Place::new();
    let complete = "COMP_WORDS=(specie spec am) COMP_CWORD=2; _specie specie am spec";
    place.write("specie.bash", &place.run(&["completions", "bash"]).fine().out);
    let said = std::process::Command::new("bash")
        .args(["-c", &format!(". ./specie.bash; {complete}; echo ${{COMPREPLY[@]}}")])
        .current_dir(place.path(""))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "amend", "{said:?}");
}

#[test]
fn the_version_is_told() {
    let out = Place::new().run(&["--version"]).fine().out;
    assert_eq!(out.trim(), concat!("specie ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn what_is_no_command_is_wrong_input() {
    let place = Place::new();
    for arguments in [&[][..], &["begin"], &["dev", "--prot", "1"], &["dev", "--port", "99999"]] {
        let ended = place.run(arguments);
        ended.refused(2, &["--help"]);
        assert_eq!(ended.out, "");
    }
    assert_eq!(place.names(), [] as [String; 0]);
}
