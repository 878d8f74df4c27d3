//! What the program says of itself.

use crate::place::Place;

const COMMANDS: &[&str] = &[
    "",
    "dev",
    "demo",
    "serve",
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
    "spec approve",
    "spec approvers",
    "spec approvers add",
    "spec approvers key",
    "spec approvers remove",
    "spec approvers restore",
    "spec ledger",
    "spec ledger verify",
    "spec status",
    "spec record",
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
        let without_json = ["", "serve"].contains(command);
        assert_eq!(ended.out.contains("--json"), !without_json, "{command}");
    }
    assert_eq!(place.names(), [] as [String; 0], "help leaves nothing behind");
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
