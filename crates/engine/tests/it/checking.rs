//! Checking a project with what lies around its specs.

use std::path::Path;

use specie_engine::{Checked, check, full};
use tempfile::TempDir;

fn project(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file in the folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

/// `file:line rule`, the file from the folder.
fn shown(checked: &Checked, folder: &TempDir) -> Vec<String> {
    let place = format!("{}/", folder.path().display());
    let of = |it: &specie_spec::Diagnostic| {
        format!("{}:{} {}", it.path.replace(&place, ""), it.line, it.rule.name)
    };
    checked.found.iter().map(of).collect()
}

const STEERING: &str = "# Tech\n\n- **Database**: MongoDB\n- Never use Redis.\n";
const PACKAGE: &str = r#"{"dependencies": {"pg": "8"}}"#;
const SPEC: &str = "# SPEC-001: Users\n\n**Status:** ACTIVE\n\n## Architecture\n\nSessions are kept in Redis, users in MySQL.\n";
const INDEX: &str = r#"{
  "total_specs": 3,
  "specs": [
    { "id": "spec-001", "path": "specs/core/spec-001" },
    { "id": "spec-002", "path": "specs/web/spec-002", "dependencies": ["spec-009"] }
  ]
}
"#;

fn whole() -> TempDir {
    project(&[
        (".kiro/steering/tech.md", STEERING),
        ("package.json", PACKAGE),
        ("node_modules/mongodb/package.json", r#"{"dependencies": {"mongodb": "6"}}"#),
        ("SPEC_INDEX.json", INDEX),
        ("specs/core/spec-001/spec.md", SPEC),
        ("specs/core/spec-003/spec.md", "# SPEC-003: Others\n"),
        ("specs/web/README.md", ""),
    ])
}

#[test]
fn specs_are_checked_against_steering_manifests_and_the_index() {
    let folder = whole();
    let checked = check(folder.path()).expect("files that can be read");
    assert_eq!(
        shown(&checked, &folder),
        [
            "specs/core/spec-001/spec.md:7 forbidden-technology",
            "specs/core/spec-001/spec.md:7 forbidden-technology",
            ".kiro/steering/tech.md:3 stale-steering",
            "SPEC_INDEX.json:2 total-off",
            "SPEC_INDEX.json:3 spec-not-in-index",
            "SPEC_INDEX.json:5 index-path-missing",
            "SPEC_INDEX.json:5 dangling-reference",
        ]
    );
    let files: Vec<_> = checked.files().map(|it| it.path.file_name().expect("a name")).collect();
    assert_eq!(files, ["spec.md", "spec.md", "tech.md", "SPEC_INDEX.json"]);
}

#[test]
fn of_a_part_only_what_is_about_it() {
    let folder = whole();
    let of = |path: &str| {
        let checked = check(&folder.path().join(path)).expect("files that can be read");
        shown(&checked, &folder)
    };
    assert_eq!(
        of("specs/core/spec-003"),
        [".kiro/steering/tech.md:3 stale-steering", "SPEC_INDEX.json:3 spec-not-in-index"]
    );
    assert_eq!(
        of("specs/web")[1..],
        ["SPEC_INDEX.json:5 index-path-missing", "SPEC_INDEX.json:5 dangling-reference"]
    );
    assert_eq!(of("specs/core/spec-001/spec.md").len(), 2, "of a file what is in it");
    assert_eq!(of("SPEC_INDEX.json").len(), 3);
    assert!(check(&folder.path().join("nowhere")).is_err());
}

#[test]
fn steering_in_between_counts_and_steering_elsewhere_does_not() {
    let design = "# Design\n\nUsers are stored in MySQL.\n";
    let folder = project(&[
        (".git/HEAD", ""),
        ("api/AGENTS.md", "Use PostgreSQL.\n"),
        ("web/AGENTS.md", "Use MySQL.\n"),
        ("api/.kiro/specs/a/requirements.md", ""),
        ("api/.kiro/specs/a/design.md", design),
    ]);
    let checked = check(&folder.path().join("api/.kiro/specs/a")).expect("files");
    assert_eq!(shown(&checked, &folder), ["api/.kiro/specs/a/design.md:3 forbidden-technology"]);
}

#[test]
fn a_finding_is_shown_with_its_own_lines_alone() {
    let folder = project(&[("tasks.md", "# Implementation Plan\n\n- [ ] 1. A\n- [ ] 1. B\n")]);
    let checked = check(folder.path()).expect("files that can be read");
    let text = std::fs::read(folder.path().join("tasks.md")).expect("the file");
    let said = full(&checked.found[0], &text, false);
    assert!(said.contains("4 | - [ ] 1. B") && !said.contains("1. A"), "{said}");
    let broken = [b"\xff\n".as_slice(), &text].concat();
    let moved = specie_spec::Diagnostic { span: 36..47, line: 5, ..checked.found[0].clone() };
    assert!(
        full(&moved, &broken, false).contains("5 | "),
        "what is no text elsewhere does no harm"
    );
}

#[test]
fn many_specs_come_in_their_order() {
    let paths: Vec<String> = (0..40).map(|n| format!(".kiro/specs/s{n:02}/tasks.md")).collect();
    let text = "- [ ] 1. A\n- [ ] 1. B\n";
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), text)).collect();
    let folder = project(&files);
    let checked = check(folder.path()).expect("files that can be read");
    let found: Vec<_> = checked.found.iter().map(|it| Path::new(&it.path).to_owned()).collect();
    let expected: Vec<_> = paths.iter().map(|path| folder.path().join(path)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_catalog_that_says_another_amount_than_a_criterion_is_told_of() {
    let power = crate::power::billing();
    let text = "Add subscription billing so users can pay monthly";
    let spec = crate::power::spec(&power, specie_engine::Tree::Kiro, text, &[]);
    let folder = project(&[(".kiro/specs/s/none", "")]);
    let mut locked = spec.locked.clone();
    for path in spec.pages.keys() {
        let path_there = path.strip_prefix("s/").map(|it| format!(".kiro/specs/s/{it}"));
        let there = path_there.unwrap_or_else(|| path.clone());
        let text = spec.text(path);
        specie_engine::put(&folder.path().join(&there), text.as_bytes()).unwrap();
        locked.files.insert(there, specie_engine::Base::of(&text));
    }
    specie_engine::Lock::keep(folder.path(), ".kiro/specs/s", locked).unwrap();
    let found = || shown(&check(folder.path()).unwrap(), &folder);
    assert_eq!(found(), Vec::<String>::new());
    let catalog = folder.path().join("specie.toml");
    let text = std::fs::read_to_string(&catalog).unwrap();
    std::fs::write(&catalog, text.replace("29.00", "39.00")).unwrap();
    let said = found();
    assert!(said.len() == 1 && said[0].starts_with("specie.toml:"), "{said:?}");
    std::fs::write(&catalog, format!("{text}# mine, 77\n")).unwrap();
    assert_eq!(found(), Vec::<String>::new());
}

#[test]
fn two_specs_of_one_number_in_one_category_are_told_of() {
    let folder = project(&[
        ("specs/core/spec-001-a/spec.md", "# SPEC-001: A\n"),
        ("specs/core/spec-001-b/spec.md", "# SPEC-001: B\n"),
        ("specs/web/spec-001-c/spec.md", "# SPEC-001: C\n"),
    ]);
    let checked = check(folder.path()).unwrap();
    assert_eq!(shown(&checked, &folder), ["specs/core/spec-001-b/spec.md:1 duplicate-id"]);
}
