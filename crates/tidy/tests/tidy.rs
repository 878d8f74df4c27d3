//! The rules of the house, over the repository as it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use specie_tidy::{Fault, bans, dependencies, guards, links, tested};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What a program prints, run in the root of the repository.
fn printed(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).current_dir(root()).output();
    let done = done.unwrap_or_else(|e| panic!("`{program}` does not start: {e}"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "`{program} {}` failed: {said}", arguments.join(" "));
    String::from_utf8(done.stdout).expect("paths and metadata are UTF-8")
}

/// The paths of all files that are committed or could be, each ended by a zero byte.
fn listed() -> String {
    printed("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
}

/// Every text file that is committed or could be: path and content.
fn files() -> Vec<(String, String)> {
    let listed = listed();
    let read = |path: &str| std::fs::read_to_string(root().join(path)).ok();
    listed.split('\0').filter_map(|path| Some((path.to_owned(), read(path)?))).collect()
}

fn cargo(arguments: &[&str]) -> String {
    printed(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()), arguments)
}

/// What cargo knows of all packages, those of other systems included.
fn metadata() -> Value {
    let text = cargo(&["metadata", "--format-version", "1", "--locked"]);
    serde_json::from_str(&text).expect("cargo prints JSON")
}

#[track_caller]
fn none(faults: &[Fault]) {
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert!(faults.is_empty(), "\n{}\n", lines.join("\n"));
}

#[test]
fn every_rust_file_keeps_the_rules() {
    let files = files();
    let rust: Vec<_> = files.iter().filter(|(path, _)| path.ends_with(".rs")).collect();
    assert!(rust.len() > 10, "only {} files found", rust.len());
    none(&rust.iter().flat_map(|(path, text)| bans::rust(path, text)).collect::<Vec<_>>());
}

#[test]
fn no_file_holds_what_must_not_be_published() {
    let found =
        files().iter().flat_map(|(path, text)| bans::any_text(path, text)).collect::<Vec<_>>();
    none(&found);
}

#[test]
fn every_link_leads_somewhere() {
    let files = files();
    let listed = listed();
    let all = listed.split('\0').collect();
    let pages: Vec<_> = files.iter().filter(|(path, _)| path.ends_with(".md")).collect();
    assert!(pages.len() > 5, "only {} documents found", pages.len());
    none(&pages.iter().flat_map(|(path, text)| links::dead(path, text, &all)).collect::<Vec<_>>());
}

#[test]
fn every_guard_is_described_and_can_be_taken_out() {
    let files = files();
    none(&guards::unlike(&files));
    none(&guards::untested(&files));
    none(&guards::silent_about_postgres(&files));
    let patches: Vec<_> = files.iter().filter(|(path, _)| path.starts_with("guards/")).collect();
    assert!(patches.len() > 10, "only {} patches found", patches.len());
    for (path, _) in patches {
        printed("git", &["apply", "--check", path]);
    }
}

#[test]
fn whatever_the_simulation_found_has_its_test() {
    none(&tested::untested(&files()));
}

#[test]
fn dependencies_point_inwards() {
    none(&dependencies::arrows(&metadata()));
}

#[test]
fn nothing_banned_is_built_in() {
    let tree = cargo(&["tree", "--workspace", "--target", "all", "--prefix", "depth", "--locked"]);
    assert!(tree.lines().count() > 100, "cargo printed no tree:\n{tree}");
    none(&dependencies::banned(&tree));
}

#[test]
fn every_dependency_may_be_shipped() {
    none(&dependencies::licences(&metadata()));
}
